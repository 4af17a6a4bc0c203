"""Allocations without a cone solver: accuracy on 3,000 random programmes, time against peers, and a long path.

The first table has the largest differences of the compiled active-set method from Clarabel under bounds and groups.
The second has milliseconds of one fit of long-only weights on a Ledoit-Wolf covariance that is given, by each library's
own programme; "fit" is a whole answer, with the estimate, the limits and their prices.
"""

import warnings
from collections.abc import Callable
from time import process_time

import numpy as np
import pandas as pd

from benchmarks.timing import keep, machine, show, versions
from foundation.arrays import Array
from research.allocation import MeanVariance, MinimumVariance, target_path
from research.allocation.constraints import Constraints
from research.allocation.constraints.active_set import by_active_sets
from research.allocation.constraints.builder import build
from research.allocation.constraints.conic import ConeProgramme
from research.allocation.constraints.limits import WEIGHTS
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.records import Bounds, Group
from research.allocation.constraints.roots import Root
from research.allocation.risk_based.coordinate_descent import of_budgets
from research.allocation.risk_based.risk_parity import RiskParity
from research.market import Market, instruments_table
from research.risk.simulation.shrinkage import ledoit_wolf

SIZES, CASES, WINDOW, YEARS = (20, 100, 500), 3000, 252, 33
FITS = {20: 20, 100: 5, 500: 2}


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


def largest_differences() -> dict[str, tuple[int, float, float]]:
    """Aim -> programmes, those that the method left to a cone programme, and the largest difference of the value."""
    found: dict[str, tuple[int, float, float]] = {}
    for seed in range(CASES):
        known, asked, mean = drawn(seed)
        limits, root = build(asked, known), Root(known.covariance, known.assets)
        name, objective, numerator = (
            ("minimum volatility", Objective(norm=root), None),
            ("utility", Objective({WEIGHTS: -mean}, 3.0 * known.covariance), None),
            ("maximum Sharpe", Objective(norm=root), {WEIGHTS: mean}),
        )[seed % 3]
        count, left, worst = found.get(name, (0, 0, 0.0))
        ours, cone = by_active_sets(limits, objective, numerator), ConeProgramme(limits, objective, None, numerator)
        theirs = cone.solve()
        if ours is not None and theirs is not None:
            worst = max(worst, abs(ours.value - theirs.value))
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
    covariance, mean = WINDOW * ledoit_wolf(returns), WINDOW * returns.mean(axis=0)
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


def main() -> None:
    """Print the three tables, and keep the figures."""
    warnings.simplefilter("ignore")
    print(f"{machine()}; {versions('numba', 'clarabel', 'PyPortfolioOpt', 'Riskfolio-Lib')}")
    differences = largest_differences()
    show(f"{CASES:,} random programmes", ("", "programmes", "left to Clarabel", "largest difference"),
         [(name, str(one[0]), str(one[1]), f"{one[2]:.1e}") for name, one in differences.items()])  # fmt: skip
    rows = [row for n in SIZES for row in timed(n)]
    show("One fit, ms of the processor", ("", "programme", "fit", "best peer", "times the programme"), rows)
    days = market(500, YEARS * WINDOW)
    before = process_time()
    refits = len(target_path(MinimumVariance(), days, WINDOW).rows)
    seconds = process_time() - before
    print(f"{YEARS} years of 500 assets, {refits} monthly fits of minimum variance: {seconds:.1f} s of the processor")
    keep("compiled_allocations", {"differences": differences, "fits": rows, "path": {"refits": refits, "s": seconds}})


if __name__ == "__main__":
    main()
