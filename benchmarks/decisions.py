"""How good recommendations are, in simulated tests: regret, intervals of gains, and who is a candidate.

Each test is of one of the laws of `benchmarks.laws`, its losses are known only from it, and the decision is asked of
every policy as what the desk does now. The true loss of a policy is what other tests as long and as volatile cost on
average: costs and taxes, tracking at the desk's price, and its days of trading at theirs. Regret is the true loss of
what is recommended less that of the best policy, in margins (1 bp of NAV a year). Beside it stand other ways to decide
from the same tests: the rule of before, which took the least work within the margin of the best of those that gain
with a probability of 0.8, at the test's own count of days; the least expected loss, whatever it gains; to stay; and
the recommendation were the true losses known.

An interval of a gain covers if the true gain lies in it. A policy is rightly a candidate if it keeps the limits of the
file in at least `limits.kept` of the other tests.

`python -m benchmarks.decisions` writes the tables of docs/evidence.md.
"""

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace

import numpy as np

from backtests.comparison.belief import DailyTerms
from backtests.comparison.recommendation import SURELY_NOTHING, Losses, Question, keeping, least_loss
from backtests.comparison.simulated_tests import SimulatedTests, simulated_tests
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.metrics import Measured, days_outside
from backtests.inference.estimates import INTERVAL_LEVEL
from benchmarks.coverage import FUNDS, STOCKS, as_volatile
from benchmarks.laws import PENALTY, YEAR, Tests, clusters, laws, rules, stock_blocks, usual_rules, weekly
from benchmarks.timing import keep, machine, write_section
from foundation.arrays import Array
from foundation.progress import bar
from research.accounting import Costs
from research.allocation import HRP
from research.portfolio import Portfolio, load_portfolio
from research.risk.measures import BPS
from research.rules import Rule
from research.rules.protocol import complexity

HEADING = "## How good the recommendation is\n"
DECIDED, TRUTHS = 40, 400  # tests in which is decided, and from which the truth is taken
BEFORE = 5  # years of history before a test
YEARS = (2,)  # tests as short leave most to theory
DAY_COSTS = (0.0, 50.0, 500.0)  # USD
TICKET = 20.0  # USD an order
SPECIAL = "GARCH"  # the law of the markets with tickets, and on other targets
SURE = 0.8  # probability of a gain that the rule of before asked for a change
WAYS = ("the recommendation", "the rule of before", "least expected loss", "always stay", "losses known")


def candidates(portfolio: Portfolio, year: float) -> dict[str, Rule]:
    """The policies of the strategic target that trade; a year has so many rows."""
    found = rules(portfolio, year)
    return {name: rule for name, rule in found.items() if name != "never" and not name.startswith("HRP")}


@dataclass(frozen=True, eq=False)
class Decisions:
    """What was decided in W tests with each of P policies as what the desk does now, and what was right.

    regret  : by way of deciding, (W, P) margins.
    covered : (W, P, P) whether the interval of the gain of each policy over each other has the true gain; NaN of none.
    width   : (W, P, P) of the interval, margins; NaN of none.
    nothing : (W, P) whether nothing was said to be worth a change, and that was wrong; NaN where it was not said.
    barred  : (W, P) whether a policy was wrongly a candidate, or wrongly none.
    """

    regret: Mapping[str, Array]
    covered: Array
    width: Array
    nothing: Array
    barred: Array


@dataclass(frozen=True, eq=False)
class Played:
    """The tests of one market: of each the question, and figures of the P policies, (W, P).

    asked    : of the first tests, in which is decided.
    variance : (W,) of the market in each test.
    j        : bp a year.
    days     : with a trade, a year.
    kept     : whether the limits were kept.
    """

    asked: Sequence[Question]
    variance: Array
    j: Array
    days: Array
    kept: Array

    def true(self, figures: Array) -> Array:
        """(W, P) what other tests as volatile have on average, of positive figures."""
        return np.column_stack([as_volatile(self.variance, each) for each in figures.T])


def played(tests: Tests, portfolio: Portfolio, decided: int) -> Played:
    """Play all tests, and ask in the first of them.

    tests     : of which all tell the truth.
    portfolio : of the limits and the ranges.
    decided   : tests in which is decided.
    """
    asked, variance, j, days, kept, year = [], [], [], [], [], tests.year
    for number, of_test in enumerate(tests):
        one = next(iter(of_test.values()))
        benchmark = Benchmark.of(one, PENALTY)
        if np.array_equal(one.targets.rows[-1], portfolio.target):
            benchmark = replace(benchmark, lower=portfolio.lower, upper=portfolio.upper)
        terms = DailyTerms.of(of_test, benchmark)
        variance.append(terms.variance)
        j.append(terms.losses(PENALTY).mean(axis=0))
        days.append(terms.days.sum(axis=0) * year / len(terms.market))
        kept.append(
            [_keeps(each, benchmark, portfolio, terms.squares[:, p]) for p, each in enumerate(of_test.values())]
        )
        if number < decided:
            asked.append(_question(terms, simulated_tests(of_test, benchmark), tests, portfolio.nav))
    return Played(asked, *(np.array(each) for each in (variance, j, days, kept)))


def _keeps(of_test: Backtest, benchmark: Benchmark, portfolio: Portfolio, squares: Array) -> bool:
    limits = portfolio.limits
    near = limits.tracking_error is None or np.sqrt(squares.mean()) <= limits.tracking_error
    return bool(near and days_outside(Measured(of_test, benchmark)) <= limits.max_days_outside)


def _question(terms: DailyTerms, theory: SimulatedTests | None, tests: Tests, nav: float) -> Question:
    simple = [complexity(tests.policies[name]) for name in terms.names]
    return Question(terms, theory, simple, [True] * len(simple), 0, nav, nav / BPS, PENALTY, 0.0, 0.0)


def decisions(found: Played, portfolio: Portfolio, tests: Tests) -> dict[float, Decisions]:
    """By price of a trading day: what was decided.

    found     : of the tests.
    portfolio : of the limits.
    tests     : which were played.
    """
    years = tests.days / tests.year
    margin, count = portfolio.nav / BPS, found.j.shape[1]
    days = found.true(found.days + 0.5 / years) - 0.5 / years
    often, asked = found.kept.mean(axis=0) >= portfolio.limits.kept, portfolio.limits.kept
    made = {}
    for price in DAY_COSTS:
        true = found.true(found.j) * margin + price * days
        regret = {way: np.empty((len(found.asked), count)) for way in WAYS}
        covered, width = np.full((2, len(found.asked), count, count), np.nan)
        nothing, barred = np.full((2, len(found.asked), count), np.nan)
        for w, question in enumerate(found.asked):
            theory = question.tests
            if theory is not None:
                keeps = theory.keeping(portfolio.limits.tracking_error, portfolio.limits.max_days_outside)
                own = dict(zip(question.terms.names, found.kept[w], strict=True))
                barred[w] = [
                    (keeping(keeps.get(name, own[name]), own[name]) >= asked) != often[p] for p, name in enumerate(own)
                ]
            plain = replace(question, day_cost=0.0).losses().drawn
            counted = plain + price * found.days[w]
            for now in range(count):
                priced = replace(question, now=now, day_cost=price)
                losses = priced.losses()
                known = Losses(true[[w]], losses.work)
                places = (
                    priced.answer(losses), _before(counted, found.days[w], now, margin),
                    least_loss(losses, priced.eligible), now, priced.answer(known),
                )  # fmt: skip
                for way, place in zip(WAYS, places, strict=True):
                    regret[way][w, now] = (true[w, place] - true[w].min()) / margin
                gains = losses.drawn[:, [now]] - losses.drawn
                tails = 100.0 * np.array([0.5 - 0.5 * INTERVAL_LEVEL, 0.5 + 0.5 * INTERVAL_LEVEL])
                lower, upper = np.percentile(gains, tails, axis=0)
                gain, others = true[w, now] - true[w], np.arange(count) != now
                covered[w, now, others] = ((lower <= gain) & (gain <= upper))[others]
                width[w, now, others] = (upper - lower)[others] / margin
                within = losses.drawn[:, now] - losses.drawn.min(axis=1) <= margin
                if places[0] == now and within.mean() >= SURELY_NOTHING:
                    nothing[w, now] = true[w, now] - true[w].min() > margin
        made[price] = Decisions(regret, covered, width, nothing, barred)
    return made


def _before(losses: Array, days: Array, now: int, margin: float) -> int:
    """The rule of before, given (K, P) drawn losses and the days of the test."""
    expected = losses.mean(axis=0)
    sure = np.flatnonzero((losses[:, [now]] - losses > 0.0).mean(axis=0) >= SURE)
    if not (expected[now] - expected[sure] > margin).any():
        return now
    near = sure[expected[sure] - expected[sure].min() <= margin]
    return int(near[days[near].argmin()])


def cells() -> list[tuple[int, str]]:
    """Lengths of tests in years, and markets: the laws, two clusters, weekly rows, tickets and an HRP target."""
    names = [*laws(load_portfolio(FUNDS)), "stock blocks", "clusters", "weekly rows", "tickets", "HRP target"]
    return [(years, name) for years in sorted(YEARS, reverse=True) for name in names]


def cell(years: int, market: str, decided: int, truths: int) -> dict[float, Decisions]:
    """The decisions of one cell, by price of a trading day."""
    portfolio = load_portfolio(STOCKS if market == "stock blocks" else FUNDS)
    models = laws(portfolio) | stock_blocks(portfolio) | clusters(portfolio) | weekly(portfolio)
    model = models.get(market, models[SPECIAL])
    year = getattr(model, "periods_per_year", YEAR)  # a bootstrap of daily rows has none
    policies = usual_rules(HRP(window=252)) if market == "HRP target" else candidates(portfolio, year)
    costs: Costs | None = None
    if market == "tickets":
        costs = replace(portfolio.costs, ticket=np.full(len(portfolio.target), TICKET))
    days, before = round(year * years) - 3, round(year * BEFORE)
    tests = Tests(portfolio, model, policies, days, truths, before, costs, year)
    return decisions(played(tests, portfolio, decided), portfolio, tests)


def main() -> None:
    """Decide, write the page and print; `python -m benchmarks.decisions 20` decides in so many tests a cell."""
    decided = int(sys.argv[1]) if len(sys.argv) > 1 else DECIDED
    with bar(len(cells()), "deciding") as progress, ProcessPoolExecutor() as pool:
        jobs = {one: pool.submit(cell, *one, decided, TRUTHS) for one in cells()}
        for job in as_completed(jobs.values()):
            job.result()
            progress.update()
    found = {one: job.result() for one, job in jobs.items()}
    lines = [
        f"Made by `python -m benchmarks.decisions {decided}` in {decided} simulated tests of {YEARS[0]} years a row, "
        "each with every policy once as what the desk does now: the true loss of what is recommended less that of the "
        "best policy, mean in margins of 1 bp of NAV a year; how often the 95 % interval of a gain has the true one, "
        "and its median width in margins; and how often a policy is wrongly a candidate or none. The true loss is the "
        "mean of other tests as long and as volatile. "
        f"Tickets are of {TICKET:g} USD; they and the HRP target are in the law {SPECIAL}.",
        "",
        f"| market | a trading day, USD | {' | '.join(WAYS)} | covered | width | wrongly (no) candidate |",
        f"|---|---:|{'---:|' * (len(WAYS) + 3)}",
    ]
    facts = {}
    for (years, market), by_price in found.items():
        for price, made in by_price.items():
            each = [f"{made.regret[way].mean():.2f}" for way in WAYS]
            each += [
                f"{np.nanmean(made.covered):.3f}",
                f"{np.nanmedian(made.width):.2f}",
                f"{np.nanmean(made.barred):.2f}",
            ]
            lines.append(f"| {market} | {price:g} | {' | '.join(each)} |")
            facts[f"{years} {market} {price:g}"] = {
                "regret": {way: float(made.regret[way].mean()) for way in WAYS},
                "covered": float(np.nanmean(made.covered)),
            }
    for price in DAY_COSTS:
        made_at = [by_price[price] for by_price in found.values()]
        lines.append(f"| all | {price:g} | {' | '.join(_summary(made_at))} |")
    said = np.concatenate([made.nothing.ravel() for by_price in found.values() for made in by_price.values()])
    said = said[np.isfinite(said)]
    lines += [
        "",
        f"Of {len(said):,} times that nothing was said to be worth a change, {100 * said.mean():.1f} % were wrong.",
        "",
    ]
    write_section(HEADING, "\n".join(lines))
    print(machine(), *lines, sep="\n")
    keep("decisions", facts)


def _summary(made: Sequence[Decisions]) -> list[str]:
    """The row of all markets; behind the mean the standard error, clustered by test."""
    cells_of = []
    for way in WAYS:
        by_test = np.concatenate([one.regret[way].mean(axis=1) for one in made])
        apart = by_test - np.concatenate([one.regret[WAYS[1]].mean(axis=1) for one in made])
        gap = "" if way == WAYS[1] else f" ({apart.mean():+.2f} ± {apart.std() / np.sqrt(len(apart)):.2f})"
        cells_of.append(f"{by_test.mean():.2f}{gap}")
    covered = np.concatenate([np.nanmean(one.covered, axis=(1, 2)) for one in made])
    width = np.nanmedian(np.concatenate([one.width.ravel() for one in made]))
    barred = np.nanmean(np.concatenate([one.barred.ravel() for one in made]))
    spread = covered.std() / np.sqrt(len(covered))
    return [*cells_of, f"{covered.mean():.3f} ± {spread:.3f}", f"{width:.2f}", f"{barred:.2f}"]


if __name__ == "__main__":
    main()
