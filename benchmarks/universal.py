"""How far the universal rebalancer is from the known optimum, in a hundred markets that it never met; and how fast.

One line or two beside cash, weekly decisions at the close that is seen. All rules of a market are played on the same
paths, of which three years go before the ten that count; no two markets have the same. Bands are tuned on paths of
their own.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from backtests.laboratory import Laboratory, play, ratio
from backtests.optimality import WARM_UP, WEEKS, Problem
from benchmarks.timing import keep, machine, show, take_turns, versions
from research.accounting import Costs, View
from research.allocation import FixedWeights
from research.learning import Universal
from research.learning.differentiable import Holdings
from research.learning.learners.threads import one_thread
from research.learning.state import Standard
from research.learning.torch_worlds import Days, TorchWorlds, boxes_of
from research.learning.universal.equivariant import Equivariant, Lines, answers, lines_of
from research.learning.universal.rule import trained
from research.market import Market, instruments_table
from research.market.market import Array
from research.rules import BestPoint, NoTradeRegion, OptimalRegion, Threshold
from research.rules.estimates import covariance_of
from research.rules.no_trade_region import half_widths

MARKETS, PATHS, SEED = 100, 200, 77
AIM = 0.05  # above the optimum
BANDS = np.geomspace(0.1, 4.0, 14)  # half-widths that are tried, over the mean closed-form one
HORIZONS = np.geomspace(0.02, 4.0, 14)  # years


def problems(count: int = MARKETS, seed: int = SEED) -> list[Problem]:
    """Markets of one line and of two in turn: volatility 8 to 60 %, correlation -0.5 to 0.9, 1 to 50 bp, g 1 to 20."""
    rng, found = np.random.default_rng(seed), []
    for k in range(count):
        n = 1 + k % 2
        target = rng.uniform(0.1, 0.9) * (rng.dirichlet(np.full(n, 3.0)) if n > 1 else np.ones(1))
        volatility = np.exp(rng.uniform(np.log(0.08), np.log(0.6), n))
        cost, g = (float(np.exp(rng.uniform(np.log(a), np.log(b)))) for a, b in ((1e-4, 5e-3), (1.0, 20.0)))
        correlation = float(rng.uniform(-0.5, 0.9)) if n > 1 else 0.0
        shape = (tuple(map(float, x)) for x in (target, 0.25 * volatility, volatility))
        found.append(Problem(*shape, correlation, cost, g))
    return found


def lines_in(problem: Problem) -> Lines:
    """What the network sees of a market."""
    target, cost = np.array(problem.target), np.full(len(problem.target), problem.cost)
    widths = half_widths(target, problem.covariance, cost, problem.g)
    return lines_of(target, widths, problem.covariance, cost, 1.0 / WEEKS)


def losses(laboratory: Laboratory, lines: Lines, net: Equivariant, standard: Standard) -> Array:
    """(W,) J of the network on each path, bp of NAV a year, after the weeks that do not count."""
    paths, target = laboratory.paths, np.tile(lines.target, (laboratory.paths, 1))
    returns = np.ascontiguousarray(laboratory.model.returns(paths, laboratory.days, laboratory.seed).transpose(1, 0, 2))
    days = Days(*map(torch.from_numpy, (returns, np.zeros(returns.shape[:2]), returns @ lines.target)))
    held = Holdings(torch.from_numpy(target.copy()), torch.from_numpy(1.0 - target.sum(axis=1)))
    worlds = TorchWorlds(held, target, days, laboratory.costs.tariff(), laboratory.g, sessions=1, lag=0)
    aim, half = torch.from_numpy(target), torch.from_numpy(np.tile(lines.half_width, (paths, 1)))
    actions, terms = np.empty(target.shape), []
    for _ in range(laboratory.days):
        answers(net, standard, lines, np.ascontiguousarray(worlds.weights.numpy()), actions)
        terms.append(worlds.act(boxes_of(torch.from_numpy(actions), aim, half)).numpy())
    return np.array(terms)[WARM_UP * WEEKS :].mean(axis=0) * WEEKS * 1e4


def tuned(problem: Problem, paths: int, seed: int, make: Callable[[float], object], settings: Array) -> object:
    """The rule of a family that loses least on paths of their own."""
    laboratory = problem.laboratory(paths, seed)
    found = [float(play(laboratory, make(float(x))).J.mean()) for x in settings]  # type: ignore[arg-type]
    return make(float(settings[int(np.argmin(found))]))


def rivals(problem: Problem, paths: int, seed: int) -> dict[str, object]:
    """The rules beside it, tuned on paths of this seed."""
    known = {"covariance": problem.covariance.tolist(), "periods_per_year": float(WEEKS), "g": problem.g}
    width, hold = float(lines_in(problem).half_width.mean()), problem.holding
    bands = np.minimum(BANDS * width, 0.99)
    return {
        "closed form": NoTradeRegion(hold, **known, narrowed=False),  # type: ignore[arg-type]
        "closed form, narrowed": NoTradeRegion(hold, **known),  # type: ignore[arg-type]
        "quadratic destination, tuned": tuned(
            problem, paths, seed, lambda years: BestPoint(hold, check="day", horizon=years, **known), HORIZONS
        ),
        "threshold to edge, tuned": tuned(problem, paths, seed, lambda band: Threshold(hold, band, "edge"), bands),
        "threshold to target, tuned": tuned(problem, paths, seed, lambda band: Threshold(hold, band), bands),
    }


def gaps(
    problem: Problem, paths: int, seed: int, net: Equivariant, standard: Standard, beside: bool = True
) -> dict[str, float]:
    """How far each rule is above the optimum in one market, as a fraction of it, and what chance leaves open.

    seed : an even number, of the paths; the next one is that of the paths for tuning.
    """
    laboratory = problem.laboratory(paths, seed)
    best = play(laboratory, OptimalRegion(problem.holding, problem.region())).J
    mine = losses(laboratory, lines_in(problem), net, standard)
    over = ratio(mine, best)
    found = {"universal": over.mean, "error": over.error}
    for name, rule in (rivals(problem, paths // 2, seed + 1) if beside else {}).items():
        found[name] = ratio(play(laboratory, rule).J, best).mean  # type: ignore[arg-type]
    return found


def fifty() -> tuple[View, Universal, tuple[Array, ...]]:
    """A close of fifty lines with ten years behind it, the rule, and what its network is given."""
    rng, n, days = np.random.default_rng(1), 50, 2520
    names = tuple(f"L{i:02}" for i in range(n))
    dates = np.arange(np.datetime64("2010-01-01"), np.datetime64("2024-01-01"))
    dates, shape = dates[np.is_busday(dates)][:days], (days, n)
    returns = rng.normal(0.0, 0.008, (days, 1)) + rng.normal(0.0, 0.012, shape)
    market = Market(
        pd.DatetimeIndex(dates), names, returns, np.ones(shape, dtype=bool), np.zeros(days),
        instruments_table(names), np.full(shape, np.nan), calendar="24/5", name="fifty",
    )  # fmt: skip
    last = int(np.flatnonzero(market.dates.weekday == 4)[-1])
    target, costs = np.full(n, 0.019), Costs.bps(n, commission=5)
    weights = target * rng.uniform(0.8, 1.2, n)
    view = View(market.past(last), target, weights, float(1.0 - weights.sum()), 1.0, np.ones(9), 5, costs)
    covariance = covariance_of(view.past, 252, 252.0)
    return view, Universal(FixedWeights(tuple(target))), (target, weights, covariance, costs.total)


def summed(found: list[dict[str, float]], name: str) -> tuple[str, ...]:
    """Median, its 95 % interval over markets by bootstrap, the worst, and how many are past the aim."""
    values = np.array([one[name] for one in found])
    drawn = np.random.default_rng(1).choice(values, (10_000, len(values)))
    low, high = np.percentile(np.median(drawn, axis=1), (2.5, 97.5))
    past = int((values > AIM).sum())
    return (
        name,
        f"{np.median(values):+.1%} [{low:+.1%}, {high:+.1%}]",
        f"{values.max():+.1%}",
        f"{past} of {len(values)}",
    )


def main() -> None:
    """Judged, timed, shown."""
    print(f"{machine()}; {versions('numpy', 'numba', 'torch')}")
    policy = trained()
    with one_thread():
        found = [gaps(problem, PATHS, 2 * k, policy.net, policy.standard) for k, problem in enumerate(problems())]
    error = float(np.median([one["error"] for one in found]))
    show(
        f"Above the optimum of {MARKETS} unseen markets of one line and of two",
        ("", "median", "worst", f"more than {AIM:.0%} above"),
        [summed(found, name) for name in found[0] if name != "error"],
        [
            f"{PATHS} paths of ten years a market; brackets: 95 % over markets; standard error of one market's gap "
            f"{error:.1%}",
            "the optimum knows the growth of each line as well, the others only risk and cost",
        ],
    )
    view, rule, given = fifty()
    spent = take_turns(
        {"network": lambda: policy.widths(*given, 5.0, 1 / 52), "decision": lambda: rule.decide(view)}, rounds=5
    )
    rows = [(name, f"{1e3 * spent.median(name):.2f}", "1.00" if name == "network" else "") for name in spent.seconds]
    show("Fifty lines, milliseconds", ("", "measured", "aim"), rows, ["a decision estimates the covariance besides"])
    facts = {name: [one[name] for one in found] for name in found[0]}
    seconds = {name: spent.median(name) for name in spent.seconds}
    keep("universal", {"versions": versions("numpy", "numba", "torch"), "gaps": facts, "seconds": seconds})


if __name__ == "__main__":
    main()
