"""Allocations without a cone solver: accuracy on 3,000 random programmes, time against peers, and long paths.

    python -m benchmarks.compiled_allocations [accuracy [CASES] | fits | paths]

The first table has the largest differences of the compiled active-set method from Clarabel through cvxpy, which states
each programme anew, under bounds and groups.
The second has milliseconds of one fit of long-only weights on a Ledoit-Wolf covariance that is given, by each library's
own programme; "fit" is a whole answer, with the estimate, the limits and their prices. The ratios of minimum variance
are of the way from a table of prices to weights.
"""

import sys
import tempfile
import warnings
from collections.abc import Callable
from itertools import count
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd

from backtests.engine.run import backtest
from benchmarks.start import process
from benchmarks.timing import Ratio, keep, machine, show, show_ratios, take_turns, versions
from foundation.arrays import Array
from foundation.threads import one_blas_thread
from research.accounting import Costs
from research.allocation import MeanVariance, MinimumVariance, target_path
from research.allocation.constraints import Constraints
from research.allocation.constraints.active_set import by_active_sets
from research.allocation.constraints.builder import build
from research.allocation.constraints.limits import WEIGHTS
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.records import Bounds, Group
from research.allocation.constraints.roots import Root
from research.allocation.risk_based.coordinate_descent import of_budgets
from research.allocation.risk_based.risk_parity import RiskParity
from research.market import Market, instruments_table, market_from_frame
from research.risk.simulation.shrinkage import ledoit_wolf_covariance
from research.rules import MultiPeriod

SIZES, CASES, WINDOW, YEARS = (20, 100, 500), 3000, 252, 33
FITS = {20: 20, 100: 5, 500: 2}
UTILITY, RATIO = "utility", "maximum Sharpe"
MINIMUM_AIMS, FRESH_ROUNDS = {20: 10.0, 100: 10.0, 500: 5.0}, 5
READ = """
import os, numpy as np, pandas as pd
close = pd.DataFrame(np.load(os.environ["PRICES"])).add_prefix("A")
close.index = pd.bdate_range("2020-01-02", periods=len(close))
"""
OURS = """
from research.allocation import MinimumVariance
from research.market import market_from_frame
MinimumVariance().target(market_from_frame(close, calendar="24/5").past(len(close) - 1))
"""
THEIRS = """
from pypfopt import EfficientFrontier
from pypfopt.risk_models import CovarianceShrinkage
EfficientFrontier(None, CovarianceShrinkage(close).ledoit_wolf()).min_volatility()
"""
TOLERANCES = ("tol_gap_abs", "tol_gap_rel", "tol_feas")


def drawn(seed: int) -> tuple[Known, Constraints, Array]:
    """What is known of random assets, constraints that some weights keep, and a mean a year."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 40))
    weights, loadings = rng.dirichlet(np.ones(n)), rng.normal(size=(n, 3))
    names = tuple(f"A{i}" for i in range(n))
    groups = {}
    for k in range(int(rng.integers(0, 4))):
        members = rng.random(n) < 0.4
        if members.any():
            held, wide = float(weights[members].sum()), rng.uniform(0.0, 0.1, 2)
            lines = tuple(np.array(names)[members].tolist())
            groups[f"g{k}"] = Group(lines=lines, least=max(held - wide[0], 0.0), most=held + wide[1])
    asked = Constraints(every_line=Bounds(least=0.0, most=float(weights.max()) + rng.uniform(0.0, 0.2)), groups=groups)
    covariance = 0.02 * loadings @ loadings.T + np.diag(rng.uniform(0.005, 0.09, n))
    return Known(names, covariance=covariance), asked, rng.normal(0.2, 0.1, n)


def by_cvxpy(name: str, known: Known, asked: Constraints, mean: Array) -> float | None:
    """The value of a programme that cvxpy states anew and Clarabel solves; None where it finds none."""
    import cvxpy as cp

    n, every = len(known.assets), asked.every_line
    v, k = cp.Variable(n), cp.Variable() if name == RATIO else 1.0  # of a ratio: v = k x weights, of mean 1
    rows = [cp.sum(v) == k, v >= every.least * k, v <= every.most * k]
    for group in asked.groups.values():
        held = cp.sum(v[[known.assets.index(line) for line in group.lines]])
        rows += [held >= group.least * k, held <= group.most * k]
    volatility = cp.norm(np.linalg.cholesky(known.covariance).T @ v)
    aim = volatility
    if name == UTILITY:
        aim = 1.5 * cp.quad_form(v, cp.psd_wrap(known.covariance)) - mean @ v
    if name == RATIO:
        rows += [mean @ v == 1.0, k >= 0.0]
    return cp.Problem(cp.Minimize(aim), rows).solve(solver="CLARABEL", **dict.fromkeys(TOLERANCES, 1e-11))


def largest_differences(cases: int) -> dict[str, tuple[int, float, float]]:
    """Aim -> programmes, those that the method left to a cone programme, and the largest difference of the value."""
    found: dict[str, tuple[int, float, float]] = {}
    for seed in range(cases):
        known, asked, mean = drawn(seed)
        limits, root = build(asked, known), Root(known.covariance, known.assets)
        name, objective, numerator = (
            ("minimum volatility", Objective(norm=root), None),
            (UTILITY, Objective({WEIGHTS: -mean}, 3.0 * known.covariance), None),
            (RATIO, Objective(norm=root), {WEIGHTS: mean}),
        )[seed % 3]
        count, left, worst = found.get(name, (0, 0, 0.0))
        ours, theirs = by_active_sets(limits, objective, numerator), by_cvxpy(name, known, asked, mean)
        if ours is not None and theirs is not None and np.isfinite(theirs):
            worst = max(worst, abs(ours.value - theirs))
        found[name] = count + 1, left + (ours is None), worst
    return found


def market(n: int, sessions: int) -> Market:
    """Returns of a few factors, by seed."""
    rng = np.random.default_rng(n)
    returns = rng.normal(0.0003, 0.01, (sessions, 1)) * rng.uniform(0.3, 1.5, n) + rng.normal(0.0, 0.015, (sessions, n))
    returns += rng.normal(0.0, 0.008, (sessions, 8)) @ rng.normal(0.0, 0.4, (8, n))
    names, dates = tuple(f"A{i:03}" for i in range(n)), pd.bdate_range("1990-01-02", periods=sessions)
    table, none = instruments_table(names, asset_class=["equity"] * n), np.full((sessions, n), np.nan)
    return Market(dates, names, returns, np.ones((sessions, n), bool), np.zeros(sessions), table, none, name="made",
                  calendar="XNYS")  # fmt: skip


def milliseconds(once: Callable[[], object], times: int) -> float:
    """Processor time of a call, after one that is not counted."""
    once()
    before = process_time()
    for _ in range(times):
        once()
    return 1e3 * (process_time() - before) / times


def peers(mean: Array, covariance: Array) -> dict[str, dict[str, Callable[[], object]]]:
    """Aim -> library -> its fit."""
    import riskfolio
    from pypfopt import EfficientFrontier

    def riskfolio_by(kind: str, aim: str = "MinRisk") -> object:
        portfolio = riskfolio.Portfolio(returns=pd.DataFrame(np.zeros((2, len(mean)))))
        portfolio.mu, portfolio.cov = pd.DataFrame(mean[None]), pd.DataFrame(covariance)
        if kind == "parity":
            return portfolio.rp_optimization(model="Classic", rm="MV", rf=0, hist=True)
        return portfolio.optimization(model="Classic", rm="MV", obj=aim, rf=0, l=0, hist=True)

    return {
        "minimum variance": {
            "PyPortfolioOpt": lambda: EfficientFrontier(None, covariance).min_volatility(),
            "Riskfolio-Lib": lambda: riskfolio_by("mean"),
        },
        "maximum Sharpe": {
            "PyPortfolioOpt": lambda: EfficientFrontier(mean, covariance).max_sharpe(0.0),
            "Riskfolio-Lib": lambda: riskfolio_by("mean", "Sharpe"),
        },
        "risk parity": {"Riskfolio-Lib": lambda: riskfolio_by("parity")},
    }


def timed(n: int) -> list[tuple[str, ...]]:
    """Rows of the second table for n assets."""
    days = market(n, 3 * WINDOW)
    past, returns = days.past(len(days.dates) - 1), days.returns[-WINDOW:]
    covariance, mean = WINDOW * ledoit_wolf_covariance(returns), WINDOW * returns.mean(axis=0)
    names = tuple(map(str, range(n)))
    limits, root = build(Constraints(), Known(names, covariance=covariance)), Root(covariance, names)
    ours: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "minimum variance": (lambda: by_active_sets(limits, Objective(norm=root)),
                             lambda: MinimumVariance().answer(past)),
        "maximum Sharpe": (lambda: by_active_sets(limits, Objective(norm=root), {WEIGHTS: mean}),
                           lambda: MeanVariance("maximum_sharpe").answer(past)),
        "risk parity": (lambda: of_budgets(covariance, np.full(n, 1.0 / n)), lambda: RiskParity().answer(past)),
    }  # fmt: skip
    rows = []
    for aim, libraries in peers(mean, covariance).items():
        programme, fit = (milliseconds(once, 10 * FITS[n]) for once in ours[aim])
        others = {name: milliseconds(once, FITS[n]) for name, once in libraries.items()}
        best = min(others, key=lambda name: others[name])
        rows.append((f"{n} {aim}", f"{programme:.3f}", f"{fit:.2f}", f"{others[best]:.1f} ({best})",
                     f"{others[best] / programme:.0f}"))  # fmt: skip
    return rows


def daily_prices(n: int) -> pd.DataFrame:
    """Prices of the second year of returns of the drawn market, by day and asset."""
    days = market(n, 2 * WINDOW)
    return pd.DataFrame(np.cumprod(1.0 + days.returns, axis=0), days.dates, list(days.assets))


def fresh(code: str, prices: Path) -> float:
    """Processor seconds of a new process, its imports included, from prices to the weights of least variance."""
    return float(process(sys.executable, "-c", READ + code, PRICES=str(prices))[1])


def minimum_variance() -> list[Ratio]:
    """Least variance from a table of prices, by PyPortfolioOpt and ours: in a new process, and in one that has fitted.

    Both estimate a Ledoit-Wolf covariance; in a process that has fitted, each fit has a day and covariance of its own.
    """
    with tempfile.TemporaryDirectory() as folder:
        prices = Path(folder) / "prices.npy"
        np.save(prices, daily_prices(SIZES[-1]).to_numpy()[-WINDOW - 1 :])
        rounds = [[fresh(code, prices) for code in (OURS, THEIRS)] for _ in range(FRESH_ROUNDS + 1)][1:]
    ours, theirs = np.array(rounds).T
    floor = f"ours, {np.median(ours):.2f} s"
    rows = [Ratio(f"minimum variance of {SIZES[-1]} assets in a new process, PyPortfolioOpt over ours",
                  float(np.median(theirs / ours)), 2.5, floor, more=True)]  # fmt: skip
    for n, aim in MINIMUM_AIMS.items():
        with one_blas_thread():  # for both: of two, the second would wait busily
            times = take_turns(warm_fits(daily_prices(n)), FRESH_ROUNDS)
        words = f"minimum variance of {n} assets, a further fit, PyPortfolioOpt over ours"
        floor = f"ours, {1e3 * times.median('ours'):.3g} ms"
        rows.append(Ratio(words, times.ratio("PyPortfolioOpt", "ours"), aim, floor, more=True))
    return rows


def warm_fits(prices: pd.DataFrame) -> dict[str, Callable[[], object]]:
    """A fit of the next day at each call, by library."""
    from pypfopt import EfficientFrontier
    from pypfopt.risk_models import CovarianceShrinkage

    days, own, other = market_from_frame(prices, calendar="24/5"), count(), count()

    def theirs() -> object:
        last = WINDOW + next(other) % WINDOW
        covariance = CovarianceShrinkage(prices.iloc[last - WINDOW : last + 1]).ledoit_wolf()
        return EfficientFrontier(None, covariance).min_volatility()

    return {"ours": lambda: MinimumVariance().target(days.past(WINDOW + next(own) % WINDOW)), "PyPortfolioOpt": theirs}


def accuracy(cases: int = CASES) -> dict[str, object]:
    """Print the first table."""
    found = largest_differences(cases)
    show(f"{cases:,} random programmes", ("", "programmes", "left to Clarabel", "largest difference"),
         [(name, str(one[0]), str(one[1]), f"{one[2]:.1e}") for name, one in found.items()])  # fmt: skip
    return {"cases": cases, "differences": found}


def long_paths() -> dict[str, object]:
    """Print the processor time of a long path of targets and of plans of several periods."""
    days = market(500, YEARS * WINDOW)
    before = process_time()
    refits = len(target_path(MinimumVariance(), days, WINDOW).rows)
    path = process_time() - before
    days = market(30, 6 * WINDOW)
    plans = MultiPeriod(MeanVariance("utility", constraints=Constraints(every_line=Bounds(least=0.0, most=0.1))))
    before = process_time()
    backtest(days, plans, Costs.bps(30, commission=1, half_spread=2), start=days.dates[WINDOW + 1], nav=1e8)
    plan = process_time() - before
    show("Long paths, seconds of the processor", ("", "took", "aim"), [
        (f"{YEARS} years of 500 assets, {refits} monthly fits of minimum variance", f"{path:.1f}", "15"),
        ("5 years of 30 assets, `multi_period` each week", f"{plan:.1f}", "60"),
    ])  # fmt: skip
    return {"refits": refits, "path_s": path, "plans_s": plan}


def fits() -> dict[str, object]:
    """Print the second table, and the ratios of minimum variance."""
    rows = [row for n in SIZES for row in timed(n)]
    show("One fit, ms of the processor", ("", "programme", "fit", "best peer", "times the programme"), rows)
    show_ratios(minimum_variance())
    return {"fits": rows}


def main(what: str = "", *cases: str) -> None:
    """Print the tables asked for, by default all, and keep them."""
    warnings.simplefilter("ignore")
    used = versions("numba", "clarabel", "cvxpy", "PyPortfolioOpt", "Riskfolio-Lib")
    print(f"{machine()}; {used}")
    parts = {"fits": fits, "paths": long_paths, "accuracy": lambda: accuracy(*map(int, cases))}
    found = {name: part() for name, part in parts.items() if what in ("", name)}
    keep("compiled_allocations", {"versions": used, **found})


if __name__ == "__main__":
    main(*sys.argv[1:])
