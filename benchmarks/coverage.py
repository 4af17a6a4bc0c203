"""How often 95 % intervals hold the true figure: tests simulated in eight laws of the market, of 2, 4, 8 and 15 years.

The laws stand in `benchmarks.laws`. J, and differences of J, are stated at the volatility of the test: their truth is
what other tests as long and as volatile give on average. Of other figures the truth is the mean over the worlds. The
last table has policies whose truth is equal by symmetry: five assets of one law, and five targets that are one target
turned round.

`python -m benchmarks.coverage` writes the tables at the end of docs/evidence.md.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

from backtests.comparison.paired import evidence_between, has_shown_its_limit
from backtests.comparison.simulated_tests import elasticities, simulated_tests
from backtests.engine import backtest
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark, squared_market
from backtests.evaluation.metrics import Measured
from backtests.inference.block_draws import Resampling
from backtests.inference.estimates import Estimate, NotAvailable
from backtests.inference.intervals import intervals
from backtests.inference.long_run import Elasticity
from backtests.inference.slow_waves import SlowMeans, confidence_set
from backtests.laboratory.simulate import Laboratory
from benchmarks.laws import ALPHA, BETA, PENALTY, YEAR, Tests, laws, rules, stock_blocks
from benchmarks.timing import keep, machine, show, write_section
from foundation.arrays import Array, Mask
from foundation.progress import bar
from research.accounting import Costs
from research.allocation import FixedWeights
from research.portfolio import Portfolio, load_portfolio
from research.risk import GBM, Garch, Model
from research.rules import Rule, Threshold

FUNDS, STOCKS = "data/portfolios/global_multi_asset.yaml", "data/portfolios/stocks_20.yaml"
HEADING = "## How often the intervals hold the truth\n"
YEARS, USUAL = (2, 4, 8, 15), 8
WORLDS, EQUAL_WORLDS, DRAWS = 1_000, 2_000, 200
THEORIES = 6  # tests of a law from which elasticities are taken
NEAR = 0.3  # how near another test counts, in spreads of the logarithm of the variance
REFERENCES = ("quarterly", "band of 2 points")
LEVEL, SIZE = 0.95, 0.05
LEAST = {"yearly": 0.85, "quarterly": 0.85, "2 points, to the edge": 0.85}  # asked of J; of all others, 0.90
OTHERS = 0.90
LONG_RUN = "long run"
FIGURES = ("loss", "cost", "turnover", "tracking_error_own", "volatility", "growth", "sharpe")
EQUALS: Mapping[str, Callable[[FixedWeights], Rule]] = {
    "band of 5 points": lambda held: Threshold(held, band=0.05),
    "band of 1 point": lambda held: Threshold(held, band=0.01),
    "band of 2 points, to its edge": lambda held: Threshold(held, band=0.02, to="edge"),
    "band of 5 points, to its edge": lambda held: Threshold(held, band=0.05, to="edge"),
}


@dataclass(frozen=True, eq=False)
class Found:
    """What W simulated tests of P policies found.

    theory   : (T, 1 + P) logarithm of the market's variance and elasticities of J to it, as a sheet of such a test has
               them, by variance.
    errors   : (P,) standard errors of these elasticities.
    variance : (W,) of the market in each test.
    values   : (W,) by figure and policy.
    ends     : (W, 2) by figure and policy, lower and upper end.
    pairs    : (W, 2) by two policies, of the difference in J.
    """

    theory: Array
    errors: Array
    variance: list[float] = field(default_factory=list)
    values: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    ends: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)
    pairs: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)

    def elasticity(self, variance: float) -> Elasticity:
        """Of a test of this variance."""
        logs, own = self.theory[:, 0], self.theory[:, 1:].T
        return Elasticity(np.array([np.interp(np.log(variance), logs, each) for each in own]), self.errors)

    def loss(self, policy: str) -> Array:
        """(W,) the true J of a policy in tests as volatile as each."""
        return as_volatile(self.variance, self.values["loss", policy])


def as_volatile(variance: ArrayLike, losses: ArrayLike) -> Array:
    """(W,) the true J in tests as volatile as each of W: the mean of the other tests, those near it first.

    Nadaraya (1964) and Watson (1964) on the logarithm of the variance, each J moved to the variance of the test along
    the quadratic that fits log J best.
    variance : (W,) of the market in each test.
    losses   : (W,) J of a policy.
    """
    moves, each = np.log(variance), np.asarray(losses, dtype=float)
    fit = np.polynomial.Polynomial.fit(moves, np.log(each), 2).deriv()
    apart = np.subtract.outer(moves, moves)
    near = np.exp(-0.5 * (apart / (NEAR * moves.std())) ** 2)
    np.fill_diagonal(near, 0.0)
    found: Array = (near * each * np.exp(fit(moves)[:, None] * apart)).sum(axis=1) / near.sum(axis=1)
    return found


def measure(model: Model, portfolio: Portfolio, policies: Mapping[str, Rule], days: int, worlds: int) -> Found:
    """Play the policies in worlds of a law, and find their figures with intervals.

    model     : the law.
    portfolio : whose assets, costs and calendar the worlds have.
    policies  : by name; the first holds the strategic target.
    days      : of a test.
    worlds    : number of worlds.
    """
    rows, errors = [], []
    for played in Tests(portfolio, model, policies, days, THEORIES):
        benchmark = Benchmark.of(next(iter(played.values())), PENALTY)
        variance = squared_market(benchmark, next(iter(played.values()))).mean()
        own = elasticities(list(played), simulated_tests(played, benchmark), PENALTY)
        rows.append((np.log(variance), *own.value))
        errors.append(own.error)
    found = Found(np.array(sorted(rows)), np.mean(errors, axis=0))
    for played in Tests(portfolio, model, policies, days, worlds):
        _record(found, played)
    return found


def _record(found: Found, played: Mapping[str, Backtest]) -> None:
    """Add the figures of one world."""
    first = next(iter(played))
    benchmark = Benchmark.of(played[first], PENALTY)
    measured = [Measured(one, benchmark).losses for one in played.values()]
    found.variance.append(float(squared_market(benchmark, played[first]).mean()))
    evidence = evidence_between(
        played, measured, first, Resampling(reps=DRAWS),
        benchmark=benchmark, elasticity=found.elasticity(found.variance[-1]),
    )  # fmt: skip
    shown = intervals(played, benchmark, evidence, NotAvailable("not asked"))
    for name in played:
        for figure in FIGURES:
            own = shown[figure][name]
            if isinstance(own, Estimate):
                found.values.setdefault((figure, name), []).append(own.value)
                found.ends.setdefault((figure, name), []).append((own.lower, own.upper))
            elif figure == "loss":  # of which no interval is shown
                found.values.setdefault((figure, name), []).append(float(measured[list(played).index(name)].mean()))
                found.ends.setdefault((figure, name), []).append((np.nan, np.nan))
    later = evidence.long_run
    for name, late in later.figures.items() if later else ():
        found.values.setdefault((LONG_RUN, name), []).append(found.values["loss", name][-1])
        found.ends.setdefault((LONG_RUN, name), []).append((late.lower, late.upper))
    for two in REFERENCES:
        for one in played:
            if one != two and two in played:
                numbers = [evidence.names.index(name) for name in (one, two)]
                pair = evidence.losses.difference(numbers[0], numbers[1], LEVEL)
                found.pairs.setdefault((one, two), []).append((pair.lower, pair.upper))


Cell = tuple[float, bool, float]  # the share that holds the truth, whether most have one end, the median factor
Cells = dict[str, dict[str, Cell]]  # by figure or reference, and by policy


def covered(ends: Sequence[tuple[float, float]], truth: Array | float, values: Sequence[float] = ()) -> Cell:
    """The share of intervals that hold the truth, whether most of them have one end only, and how wide they are.

    Intervals that are not shown, of NaN, do not count.
    """
    shown: Mask = ~np.isnan(np.array(ends)).any(axis=1)
    low, high = np.array(ends)[shown].T
    true = np.broadcast_to(truth, shown.shape)[shown]
    one = bool(np.mean(np.isinf(low) | np.isinf(high)) > 0.5)
    factor = float(np.median(high / np.array(values)[shown])) if len(values) and not one else np.nan
    return float(np.mean((low <= true) & (true <= high))), one, factor


def truth(figure: str, values: Sequence[float]) -> float:
    """The expected figure: its mean over worlds; of growth rates the one of the mean logarithm."""
    numbers = np.array(values)
    return float(np.expm1(np.log1p(numbers).mean()) if figure == "growth" else numbers.mean())


def coverages(found: Found) -> tuple[Cells, Cells]:
    """Of each figure and policy, and of each difference in J: reference, then policy."""
    figures: Cells = {}
    for (figure, name), values in found.values.items():
        if np.isnan(found.ends[figure, name]).any(axis=1).mean() > 0.5:
            continue  # the sheet shows none
        if figure == "loss":
            cell = covered(found.ends[figure, name], found.loss(name), values)
        else:
            cell = covered(found.ends[figure, name], truth(figure, values))
        figures.setdefault(figure, {})[name] = cell
    pairs: Cells = {}
    for (one, two), ends in found.pairs.items():
        if np.isfinite(ends).any(axis=1).mean() > 0.5:  # of the others nothing is said
            pairs.setdefault(two, {})[one] = covered(ends, found.loss(one) - found.loss(two))
    return figures, pairs


def equals(worlds: int, make: Callable[[FixedWeights], Rule], model: Model, first: int = 0) -> tuple[float, float]:
    """How often two equal policies are called different at 5 %, and how often the 90 % set keeps five equal ones.

    The assets are exchangeable, and the five targets are one target turned round: by symmetry all have one J.
    worlds : number of worlds.
    make   : the rule, on a target.
    model  : the law of the five assets.
    first  : number of the first world.
    """
    target, costs = np.array([0.4, 0.3, 0.1, 0.1, 0.1]), Costs(np.full(5, 2e-4), np.full(5, 3e-4))
    targets = [FixedWeights(tuple(np.roll(target, k).tolist())) for k in range(5)]
    laboratory = Laboratory(model, tuple(target.tolist()), costs, PENALTY, first + worlds, 252 * USUAL, seed=2)
    rejected = kept = 0
    for world in range(first, first + worlds):
        market = laboratory.market(world)
        played = [backtest(market, make(held), costs, lag=1) for held in targets]
        daily = np.column_stack([Measured(one, Benchmark.of(one, PENALTY)).losses for one in played])
        moves = squared_market(Benchmark.of(played[0], PENALTY), played[0])
        losses = SlowMeans.of(daily, [has_shown_its_limit(one) for one in played], market=moves, elasticity=1.0)
        rejected += losses.difference(0, 2, LEVEL).p <= 1.0 - LEVEL
        kept += bool(confidence_set(losses).included.all())
    return rejected / worlds, kept / worlds


def exchangeable() -> dict[str, Model]:
    """Two laws of five assets that cannot be told apart: volatility 20 %, correlation 0.3."""
    covariance = 0.04 * (0.3 * np.ones((5, 5)) + 0.7 * np.eye(5))
    mean = np.full(5, 0.06)
    return {
        "independent": GBM(mean, covariance, YEAR),
        "GARCH": Garch(mean, covariance, np.full(5, ALPHA), np.full(5, BETA), YEAR),
    }


# -- the page --------------------------------------------------------------------------------------------------------

WORDS = {
    "loss": "Loss J",
    LONG_RUN: "Loss J in the long run",
    "cost": "Cost",
    "turnover": "Turnover",
    "tracking_error_own": "Tracking error",
    "volatility": "Volatility",
    "growth": "CAGR",
    "sharpe": "Sharpe ratio",
}
ByLaw = Mapping[str, tuple[Cells, Cells]]


def too_low(by_years: Mapping[int, ByLaw], worlds: int) -> list[str]:
    """The cells of J below what is asked of them, beyond chance: at 5 % over all cells."""
    cells = [
        (figure, years, law, name, cell)
        for years, by_law in by_years.items()
        for law, (figures, _) in by_law.items()
        for figure in ("loss", LONG_RUN)
        for name, cell in figures[figure].items()
        if not cell[1]
    ]
    found = []
    for figure, years, law, name, (share, _, _) in cells:
        asked = min(0.85 if law == "stock blocks" else LEAST.get(name, OTHERS), 0.88 if figure == LONG_RUN else 1.0)
        if binom.cdf(round(share * worlds), worlds, asked) < SIZE / len(cells):
            found.append(f"{WORDS[figure]}, {name}, {law}, {years} years: {share:.3f}")
    return found


def page(by_years: Mapping[int, ByLaw], same: Mapping[tuple[str, str], tuple[float, float]], note: str) -> str:
    """The tables as Markdown."""
    lines = [note, ""]
    for figure in ("loss", LONG_RUN):
        for years, by_law in by_years.items():
            lines += [f"### {WORDS[figure]}, tests of {years} years", "", *_table(by_law, 0, figure), ""]
    usual = by_years[USUAL]
    for figure in FIGURES[1:]:
        lines += [f"### {WORDS[figure]} in tests of {USUAL} years", "", *_table(usual, 0, figure), ""]
    for two in REFERENCES:
        for years, by_law in by_years.items():
            lines += [f"### J less that of {two}, {years} years", "", *_table(by_law, 1, two), ""]
    lines += [
        "### Equal policies",
        "",
        "| rule | law | called different at 5 % | all five kept in the 90 % set |",
        "|---|---|---:|---:|",
        *(
            f"| {rule} | {law} | {100 * size:.1f} % | {100 * kept:.1f} % |"
            for (rule, law), (size, kept) in same.items()
        ),
        "",
    ]
    return "\n".join(lines)


def _table(by_law: ByLaw, which: int, key: str) -> list[str]:
    """A row a policy, a column a law."""
    names = dict.fromkeys(name for found in by_law.values() for name in found[which].get(key, {}))
    rows = [
        f"| {name} | {' | '.join(_cell(found[which].get(key, {}).get(name)) for found in by_law.values())} |"
        for name in names
    ]
    return [f"| policy | {' | '.join(by_law)} |", f"|---|{'---:|' * len(by_law)}", *rows]


def _cell(found: Cell | None) -> str:
    if found is None:
        return "–"
    share, one_sided, factor = found
    wide = "" if factor != factor else f" ×{factor:.2f}"
    return f"{share:.3f}{' ≥' if one_sided else wide}"


def cell_of(years: int, law: str, worlds: int) -> tuple[Cells, Cells]:
    """The coverages of one law and length of test."""
    funds = load_portfolio(FUNDS)
    if law in (of_funds := laws(funds)):
        return coverages(measure(of_funds[law], funds, rules(funds), 252 * years - 3, worlds))
    stocks = load_portfolio(STOCKS)
    policies = {name: rule for name, rule in rules(stocks).items() if not name.startswith("HRP")}
    return coverages(measure(stock_blocks(stocks)[law], stocks, policies, 252 * years - 3, worlds))


def twins_of(rule: str, law: str, worlds: int) -> tuple[float, float]:
    """`equals` of one rule and law."""
    return equals(worlds, EQUALS[rule], exchangeable()[law])


def main() -> None:
    """Simulate, write the page, print and keep; `python -m benchmarks.coverage 100` takes that many worlds."""
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else WORLDS
    names = [*laws(load_portfolio(FUNDS)), *stock_blocks(load_portfolio(STOCKS))]
    cells = [(years, law) for years in sorted(YEARS, reverse=True) for law in names]  # the longest first
    twins = [(rule, law) for rule in EQUALS for law in exchangeable()]
    with ProcessPoolExecutor() as pool, bar(len(cells) + len(twins), "simulating") as progress:
        of_cells = {cell: pool.submit(cell_of, *cell, worlds) for cell in cells}
        of_twins = {one: pool.submit(twins_of, *one, min(EQUAL_WORLDS, 2 * worlds)) for one in twins}
        jobs: list[Future[Any]] = [*of_cells.values(), *of_twins.values()]
        for job in as_completed(jobs):
            if job.exception() is not None:
                pool.shutdown(cancel_futures=True)
            job.result()
            progress.update()
    by_years = {years: {law: of_cells[years, law].result() for law in names} for years in YEARS}
    same = {one: found.result() for one, found in of_twins.items()}
    low = too_low(by_years, worlds)
    note = (
        f"Made by `python -m benchmarks.coverage`: the share of 95 % intervals that hold the truth, in {worlds:,} "
        "simulated tests a cell; × how far the upper end is above the figure, in the median. ≥: the figure is known "
        "from below only, and the share is that of lower ends below the truth. –: the sheet shows no interval. Of J, "
        f"{'no cell is' if not low else f'these cells are ({chr(59).join(low)})'} below 0.90 beyond chance (0.85 of "
        "quarterly, yearly, edges and stock blocks; 0.88 in the long run), at 5 % over all cells. Before each test are "
        "15 years of history."
    )
    write_section(HEADING, page(by_years, same, note))
    print(machine())
    shares = np.array(
        [cell[0] for by_law in by_years.values() for found in by_law.values() for t in found for r in t.values()
         for cell in r.values()]
    )  # fmt: skip
    facts = {"cells": len(shares), "lowest": float(shares.min()), "median": float(np.median(shares)), "low": len(low)}
    show("Coverage of 95 % intervals", tuple(facts), [tuple(f"{v:.3g}" for v in facts.values())], low)
    keep("coverage", {"worlds": worlds, **facts})


if __name__ == "__main__":
    main()
