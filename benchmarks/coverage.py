"""How often the intervals of a comparison hold the truth: simulated tests of eight years, in four laws of the market.

The laws have the means and covariances of the test days of the shipped main portfolio: independent normal days, GARCH
with variances that calm down in two months, two regimes, and days of the market itself in blocks. Its target and its
costs are the file's. The truth of a figure is its mean over the worlds. The last table has policies whose truth
is equal by symmetry: five lines of one law, and five targets that are one target turned round.

`python -m benchmarks.coverage` writes the tables at the end of docs/evidence.md.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backtests.comparison.candidates import fit
from backtests.comparison.paired import evidence_between, has_shown_its_limit
from backtests.engine import backtest
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.block_draws import Resampling
from backtests.evaluation.estimates import Estimate, NotAvailable
from backtests.evaluation.intervals import intervals
from backtests.evaluation.metrics import Measured
from backtests.evaluation.slow_waves import SlowMeans, confidence_set
from backtests.laboratory.simulate import Laboratory
from benchmarks.timing import keep, machine, show
from research.accounting import Costs
from research.allocation import HRP, FixedWeights
from research.arrays import Array
from research.portfolio import Portfolio, load_portfolio
from research.progress import bar
from research.risk import GBM, Garch, Model, RegimeSwitching, StationaryBootstrap
from research.rules import Calendar, Never, Rule, Threshold

PORTFOLIO = "data/portfolios/global_multi_asset.yaml"
PAGE = Path(__file__).parent.parent / "docs" / "evidence.md"
HEADING = "## How often the intervals hold the truth\n"  # of the page: what follows is written anew
DAYS, BEFORE = 2_013, 260  # of a test, as the shipped one has, and before it, which HRP estimates from
WORLDS, SLOW_WORLDS, EQUAL_WORLDS, DRAWS = 1_000, 200, 1_000, 500
REFERENCES = ("quarterly", "band of 2 points")
YEAR, PENALTY, LEVEL = 252.0, 5.0, 0.95
ALPHA, BETA = 0.08, 0.90  # of each line: variances calm down in two months
FIGURES = ("loss", "cost", "turnover", "tracking_error_own", "volatility", "growth", "sharpe")
AIM = (0.92, 0.97)
EQUALS: Mapping[str, Callable[[FixedWeights], Rule]] = {
    "band of 5 points": lambda held: Threshold(held, band=0.05),
    "band of 1 point": lambda held: Threshold(held, band=0.01),
    "band of 2 points, to its edge": lambda held: Threshold(held, band=0.02, to="edge"),
    "band of 5 points, to its edge": lambda held: Threshold(held, band=0.05, to="edge"),
}


def laws(portfolio: Portfolio) -> dict[str, Model]:
    """The four laws by name."""
    market = portfolio.market
    returns = market.returns[market.row(portfolio.test_start) :]
    covariance = np.cov(returns.T) * YEAR
    mean = np.log1p(returns).mean(axis=0) * YEAR + 0.5 * np.diag(covariance)
    regimes = np.array([0.5 * covariance, 2.5 * covariance])
    moving = np.array([[0.99, 0.01], [0.03, 0.97]])
    return {
        "independent": GBM(mean, covariance, YEAR),
        "GARCH": Garch(mean, covariance, *_persistent(len(mean)), YEAR),
        "regimes": RegimeSwitching(np.array([mean + 0.05, mean - 0.15]), regimes, moving, YEAR),
        "its own days": StationaryBootstrap(market, 20.0),
    }


def _persistent(lines: int) -> tuple[Array, Array]:
    """What GARCH variances keep of a shock and of themselves, for each line."""
    return np.full(lines, ALPHA), np.full(lines, BETA)


def rules(portfolio: Portfolio, *, learned: bool = True) -> dict[str, Rule]:
    """The policies by name; the learned one as trained for the portfolio, where asked for."""
    held = FixedWeights(tuple(portfolio.target.tolist()))
    found: dict[str, Rule] = {
        "never": Never(held),
        "yearly": Calendar(held, "year"),
        "quarterly": Calendar(held, "quarter"),
        "monthly": Calendar(held, "month"),
        "band of 5 points": Threshold(held, band=0.05),
        "band of 2 points": Threshold(held, band=0.02),
        "band of 1 point": Threshold(held, band=0.01),
        "2 points, to the edge": Threshold(held, band=0.02, to="edge"),
        "HRP, band of 2 points": Threshold(HRP(window=252), band=0.02),
    }
    return found | ({"learned": fit("rl", portfolio).policy} if learned else {})


@dataclass(frozen=True, eq=False)
class Found:
    """What W simulated tests of P policies found; all by policy where a number is one policy's.

    values : (W,) by figure.
    ends   : (W, 2) lower and upper end by figure.
    pairs  : (W, 2) by two policies, of the difference in J.
    """

    values: dict[str, dict[str, list[float]]]
    ends: dict[str, dict[str, list[tuple[float, float]]]]
    pairs: dict[tuple[str, str], list[tuple[float, float]]]


def measure(model: Model, portfolio: Portfolio, policies: Mapping[str, Rule], worlds: int, first: int) -> Found:
    """Play the policies in worlds of a law, and find their figures with intervals.

    model     : the law.
    portfolio : whose lines, costs and calendar the worlds have.
    policies  : by name.
    worlds    : number of worlds.
    first     : number of the first world.
    """
    laboratory = Laboratory(
        model,
        tuple(portfolio.target.tolist()),
        portfolio.costs,
        PENALTY,
        first + worlds,
        BEFORE + DAYS,
        seed=1,
        instruments=portfolio.market.instruments,
        calendar=portfolio.market.calendar,
        start="2014-01-02",
    )
    found = Found(
        {f: {name: [] for name in policies} for f in FIGURES},
        {f: {name: [] for name in policies} for f in FIGURES},
        {(one, two): [] for two in REFERENCES for one in policies if one != two},
    )
    for world in range(first, first + worlds):
        market = laboratory.market(world)
        played = {
            name: backtest(market, rule, portfolio.costs, start=market.dates[BEFORE + 1], lag=1, name=name)
            for name, rule in policies.items()
        }
        _record(found, played)
    return found


def _record(found: Found, played: Mapping[str, Backtest]) -> None:
    """Add the figures of one world."""
    measured = {name: Measured(one, Benchmark.of(one, PENALTY)) for name, one in played.items()}
    reference = next(iter(played))
    evidence = evidence_between(played, [m.losses for m in measured.values()], reference, Resampling(reps=DRAWS))
    shown = intervals(played, Benchmark.of(played[reference], PENALTY), evidence, NotAvailable("not asked"))
    for name in played:
        for figure in FIGURES:
            own = shown[figure][name]
            if isinstance(own, Estimate):
                found.values[figure][name].append(own.value)
                found.ends[figure][name].append((own.lower, own.upper))
    for one_name, two_name in found.pairs:
        numbers = [evidence.names.index(name) for name in (one_name, two_name)]
        pair = evidence.losses.difference(numbers[0], numbers[1], LEVEL)
        found.pairs[one_name, two_name].append((pair.lower, pair.upper))


def covered(ends: Sequence[tuple[float, float]], truth: float) -> tuple[float, bool]:
    """The share of intervals that hold the truth, and whether most of them have one end only."""
    low, high = np.array(ends).T
    return float(np.mean((low <= truth) & (truth <= high))), bool(np.mean(np.isinf(low) | np.isinf(high)) > 0.5)


def truth(figure: str, values: Sequence[float]) -> float:
    """The expected figure: its mean over worlds; of growth rates the one of the mean logarithm."""
    numbers = np.array(values)
    return float(np.expm1(np.log1p(numbers).mean()) if figure == "growth" else numbers.mean())


Cells = dict[str, dict[str, tuple[float, bool]]]  # by figure or reference, and by policy


def coverages(found: Found) -> tuple[Cells, Cells]:
    """Of each figure and policy, and of each difference in J: reference, then policy."""
    figures = {
        figure: {
            name: covered(found.ends[figure][name], truth(figure, values))
            for name, values in by_policy.items()
            if values
        }
        for figure, by_policy in found.values.items()
    }
    losses = {name: truth("loss", values) for name, values in found.values["loss"].items()}
    pairs: Cells = {}
    for (one, two), ends in found.pairs.items():
        if np.isfinite(ends).any(axis=1).mean() > 0.5:  # of the others nothing is said
            pairs.setdefault(two, {})[one] = covered(ends, losses[one] - losses[two])
    return figures, pairs


def equals(worlds: int, make: Callable[[FixedWeights], Rule], model: Model, first: int = 0) -> tuple[float, float]:
    """How often two equal policies are called different at 5 %, and how often the 90 % set keeps five equal ones.

    The lines are exchangeable, and the five targets are one target turned round: by symmetry all have one J.
    worlds : number of worlds.
    make   : the rule, on a target.
    model  : the law of the five lines.
    first  : number of the first world.
    """
    target, costs = np.array([0.4, 0.3, 0.1, 0.1, 0.1]), Costs(np.full(5, 2e-4), np.full(5, 3e-4))
    targets = [FixedWeights(tuple(np.roll(target, k).tolist())) for k in range(5)]
    laboratory = Laboratory(model, tuple(target.tolist()), costs, PENALTY, first + worlds, DAYS, seed=2)
    rejected = kept = 0
    for world in range(first, first + worlds):
        market = laboratory.market(world)
        played = [backtest(market, make(held), costs, lag=1) for held in targets]
        daily = np.column_stack([Measured(one, Benchmark.of(one, PENALTY)).losses for one in played])
        losses = SlowMeans.of(daily, [has_shown_its_limit(one) for one in played])
        rejected += losses.difference(0, 2, LEVEL).p <= 1.0 - LEVEL
        kept += bool(confidence_set(losses).included.all())
    return rejected / worlds, kept / worlds


def exchangeable() -> dict[str, Model]:
    """Two laws of five lines that cannot be told apart: volatility 20 %, correlation 0.3."""
    covariance = 0.04 * (0.3 * np.ones((5, 5)) + 0.7 * np.eye(5))
    mean = np.full(5, 0.06)
    return {
        "independent": GBM(mean, covariance, YEAR),
        "GARCH": Garch(mean, covariance, *_persistent(len(mean)), YEAR),
    }


# -- the page --------------------------------------------------------------------------------------------------------

WORDS = {
    "loss": "Loss J",
    "cost": "Cost",
    "turnover": "Turnover",
    "tracking_error_own": "Tracking error",
    "volatility": "Volatility",
    "growth": "CAGR",
    "sharpe": "Sharpe ratio",
}


def page(
    by_law: Mapping[str, tuple[Cells, Cells]], same: Mapping[tuple[str, str], tuple[float, float]], note: str
) -> str:
    """The tables as Markdown."""
    names = list(by_law)
    head = [f"| policy | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    lines = [note, ""]
    for figure, words in WORDS.items():
        lines += [f"### {words}", "", *head]
        policies = list(next(iter(by_law.values()))[0]["loss"])
        lines += [
            f"| {name} | {' | '.join(_cell(by_law[law][0][figure].get(name)) for law in names)} |" for name in policies
        ]
        lines.append("")
    lines += ["### Differences in J", "", head[0].replace("policy", "less"), head[1]]
    references = list(dict.fromkeys(two for _, pairs in by_law.values() for two in pairs))
    for two in references:
        others = list(dict.fromkeys(one for _, pairs in by_law.values() for one in pairs.get(two, {})))
        for one in others:
            cells = [_cell(by_law[law][1].get(two, {}).get(one)) for law in names]
            lines.append(f"| {one} less {two} | {' | '.join(cells)} |")
    lines += [
        "",
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


def _cell(found: tuple[float, bool] | None) -> str:
    if found is None:
        return "–"
    share, one_sided = found
    return f"{share:.3f}{' ≥' if one_sided else ''}"


def main() -> None:
    """Simulate, write the page, print and keep; `python -m benchmarks.coverage 100` takes that many worlds."""
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else WORLDS
    slow = min(worlds, SLOW_WORLDS)
    portfolio = load_portfolio(PORTFOLIO)
    policies = rules(portfolio)
    quick = {name: rule for name, rule in policies.items() if name != "learned"}
    few = {name: policies[name] for name in ("learned", "quarterly", "band of 2 points")}
    by_law: dict[str, tuple[Cells, Cells]] = {}
    models = laws(portfolio)
    with bar(len(models) + len(EQUALS), "simulating") as progress:
        for law, model in models.items():
            figures, pairs = coverages(measure(model, portfolio, quick, worlds, 0))
            own, others = coverages(measure(model, portfolio, few, slow, 0))
            for figure, by_policy in own.items():
                figures[figure]["learned"] = by_policy["learned"]
            for two in REFERENCES:
                pairs.setdefault(two, {})["learned"] = others.get(two, {}).get("learned", (np.nan, False))
            by_law[law] = figures, pairs
            progress.update()
        same = {}
        for rule, make in EQUALS.items():
            for law, model in exchangeable().items():
                same[rule, law] = equals(worlds, make, model)
            progress.update()
    note = (
        f"Made by `python -m benchmarks.coverage`: the share of 95 % intervals that hold the truth, in {worlds:,} "
        f"simulated tests of {DAYS:,} days ({slow} of the learned policy). ≥: the figure is known from below only, and "
        "the share is that of lower ends below the truth. –: the sheet shows no interval."
    )
    before, heading, _ = PAGE.read_text(encoding="utf-8").partition(HEADING)
    PAGE.write_text(f"{before}{heading}\n{page(by_law, same, note)}", encoding="utf-8")
    print(machine())
    tables = [table for found in by_law.values() for table in found]
    shares = np.array([share for table in tables for row in table.values() for share, _ in row.values()])
    shares = shares[np.isfinite(shares)]
    facts = {"cells": len(shares), "lowest": float(shares.min()), "median": float(np.median(shares))}
    show(
        "Coverage of 95 % intervals",
        tuple(facts),
        [tuple(f"{value:.3g}" for value in facts.values())],
        [f"aim {AIM[0]} to {AIM[1]}, which {np.mean(shares >= AIM[0]):.0%} reach; written: {PAGE.name}"],
    )
    keep("coverage", {"worlds": worlds, "days": DAYS, **facts})


if __name__ == "__main__":
    main()
