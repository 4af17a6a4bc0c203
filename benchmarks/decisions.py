"""How good recommendations are: what the recommended policy loses beyond the best one, in simulated tests.

Each test is of one of the laws of `benchmarks.laws`, its losses are known only from it, and the decision is asked of
every policy as what the desk does now. The true loss of a policy is what other tests as long and as volatile cost on
average: costs and taxes, tracking at the desk's price, and its days of trading at theirs. Regret is the true loss of
what is recommended less that of the best policy, in margins (1 bp of NAV a year). Beside it stands what the same rule
would recommend were the true losses known: it keeps what the desk does and takes the least work, each within a margin,
so that regret is its choice and the rest is what the test leaves unknown. So do those who always take the closed form,
always stay, or take the lowest J of the test.

`python -m benchmarks.decisions` writes the tables of docs/evidence.md.
"""

import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace

import numpy as np

from backtests.comparison.belief import DailyTerms
from backtests.comparison.recommendation import JUDGED, Question, Work, chosen
from backtests.comparison.simulated_tests import simulated_tests
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.scores import score
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

HEADING = "## How good the recommendation is\n"
DECIDED, TRUTHS = 100, 400  # tests in which is decided, and from which the truth is taken
BEFORE = 5  # years of history before a test
YEARS = (2,)  # tests as short leave most to theory
DAY_COSTS = (0.0, 50.0, 500.0)  # USD
TICKET = 20.0  # USD an order
SPECIAL = "GARCH"  # the law of the markets with tickets, and on other targets
CLOSED_FORM = "closed form"
WAYS = ("the recommendation", "losses known", "always closed form", "always what you do now", "lowest J")


def candidates(portfolio: Portfolio, year: float) -> dict[str, Rule]:
    """The policies of the strategic target that trade; a year has so many rows."""
    found = rules(portfolio, year)
    return {name: rule for name, rule in found.items() if name != "never" and not name.startswith("HRP")}


@dataclass(frozen=True, eq=False)
class Regrets:
    """(K,) regrets of K decisions, in margins, by way of deciding, and how often each policy was recommended."""

    of: Mapping[str, Array]
    taken: Mapping[str, float]


def regrets(tests: Tests, nav: float, decided: int) -> dict[float, Regrets]:
    """By price of a trading day: the regrets of the first tests, with each policy once as what the desk does now.

    tests   : of which all tell the truth.
    nav     : of the portfolio, currency.
    decided : tests in which is decided.
    """
    margin = nav / BPS
    variances, losses, days, asked = [], [], [], []
    for number, played in enumerate(tests):
        names = list(played)
        benchmark = Benchmark.of(next(iter(played.values())), PENALTY)
        terms = DailyTerms.of(played, benchmark)
        variances.append(terms.variance)
        losses.append(terms.losses(PENALTY).mean(axis=0))
        work = [Work.of(score(played[name], benchmark, JUDGED), tests.policies[name]) for name in names]
        days.append([one.days for one in work])
        if number < decided:
            theory = simulated_tests(played, benchmark)
            asked.append(Question(terms, theory, work, [True] * len(names), 0, nav, margin, PENALTY, 0.0, 0.0))
    table = np.array(losses)
    true = np.column_stack([as_volatile(variances, each) for each in table.T])[:decided]
    drawn = [one.losses() for one in asked]
    found = {}
    for price in DAY_COSTS:
        usual = np.mean(days, axis=0)
        whole = true * margin + price * usual
        works = [replace(work, days=mean) for work, mean in zip(asked[0].work, usual.tolist(), strict=True)]
        regret: dict[str, list[float]] = {way: [] for way in WAYS}
        taken = np.zeros(len(names))
        for k, one in enumerate(asked):
            best, priced = whole[k].min(), drawn[k] + price * np.array([work.days for work in one.work])
            for now in range(len(names)):
                choice = replace(one, now=now, day_cost=price).answer(priced)
                taken[choice] += 1.0 / (len(names) * len(asked))
                informed = chosen(whole[[k]], works, [True] * len(names), now, margin)
                places = (choice, informed, names.index(CLOSED_FORM), now, int(table[k].argmin()))
                for way, place in zip(WAYS, places, strict=True):
                    regret[way].append((whole[k][place] - best) / margin)
        found[price] = Regrets(
            {way: np.array(each) for way, each in regret.items()}, dict(zip(names, taken.tolist(), strict=True))
        )
    return found


def cells() -> list[tuple[int, str]]:
    """Lengths of tests in years, and markets: the laws, two clusters, weekly rows, tickets and an HRP target."""
    names = [*laws(load_portfolio(FUNDS)), "stock blocks", "clusters", "weekly rows", "tickets", "HRP target"]
    return [(years, name) for years in sorted(YEARS, reverse=True) for name in names]


def cell(years: int, market: str, decided: int, truths: int) -> dict[float, Regrets]:
    """The regrets of one cell, by price of a trading day."""
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
    return regrets(tests, portfolio.nav, decided)


def main() -> None:
    """Decide, write the page and print; `python -m benchmarks.decisions 20` decides in so many tests a cell."""
    decided = int(sys.argv[1]) if len(sys.argv) > 1 else DECIDED
    with bar(len(cells()), "deciding") as progress, ProcessPoolExecutor() as pool:
        jobs = {one: pool.submit(cell, *one, decided, TRUTHS) for one in cells()}
        for job in as_completed(jobs.values()):
            job.result()
            progress.update()
    lines = [
        f"Made by `python -m benchmarks.decisions {decided}` in {decided} simulated tests a row, each with every "
        "policy once as what the desk does now: the true loss of what is recommended less that of the best policy, in "
        "margins of 1 bp of NAV a year; the mean, and the share of decisions that lose no more than the margin. The "
        f"true loss is the mean of other tests as long and as volatile. “Losses known” is the same rule with the true "
        "losses: what it gives up for less work. "
        f"Tickets are of {TICKET:g} USD; they and the HRP target are in the law {SPECIAL}.",
        "",
    ]
    facts = {}
    for years in YEARS:
        lines += [
            f"### Tests of {years} years",
            "",
            f"| market | a trading day, USD | {' | '.join(WAYS)} |",
            f"|---|---:|{'---:|' * len(WAYS)}",
        ]
        for (length, market), job in jobs.items():
            for price, found in job.result().items() if length == years else ():
                each = [f"{v.mean():.2f}, {100 * (v <= 1.0).mean():.0f} %" for v in found.of.values()]
                lines.append(f"| {market} | {price:g} | {' | '.join(each)} |")
                own = found.of[WAYS[0]]
                facts[f"{years} {market} {price:g}"] = [float(own.mean()), float((own <= 1.0).mean())]
        lines.append("")
    write_section(HEADING, "\n".join(lines))
    print(machine(), *lines, sep="\n")
    keep("decisions", facts)


if __name__ == "__main__":
    main()
