"""What would change the recommendation: it is made again at other prices, in other markets, and on other days."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd

from backtests.comparison.belief import DailyTerms
from backtests.comparison.candidates import Fitted, backtest_candidate, benchmark_of
from backtests.comparison.hindsight import best_line
from backtests.comparison.recommendation import JUDGED, Question, Recommendation, question
from backtests.comparison.simulated_tests import SimulatedTests, simulated_tests
from backtests.evaluation.scores import score
from backtests.wording import listed, number, percent
from research.allocation import Allocation, TargetPath
from research.arrays import Array, Mask
from research.errors import ConfigError, DataError, PolicyError
from research.portfolio import Portfolio
from research.rules import Rule
from research.rules.protocol import compiled_rule

LEAST_LEFT = 2.0  # years of a test that begins later
LATER = (1, 2, 3, 6, 12)  # months by which the test begins later
LAGS = (0, 1, 2, 3, 4, 5)
NONE = "none"  # is within the limits
MULTIPLES = 2.0 ** np.arange(0.5, 3.5, 0.5)  # of a price: up to eight times it, and down to an eighth
MARKETS = 2.0 ** np.arange(0.25, 1.25, 0.25)  # of the volatility: up to twice, and down to half
HALVES, YEARS, LAG = "half of the days", "each year left out", "lag"
FIRST_DAY, GREW_MOST = "first day of the test", "the asset that grew most"
KINDS = {HALVES: "halves", YEARS: "years", LAG: "lags", FIRST_DAY: "first days", GREW_MOST: "assets"}  # in a sentence
FINE = 6  # halvings between two multiples


@dataclass(frozen=True)
class Change:
    """One thing that was changed, and what was then recommended.

    what    : was changed, in words.
    answers : the recommended policy in each case, or `NONE`.
    before  : what is recommended without the change.
    """

    what: str
    answers: Mapping[str, str]
    before: str

    @property
    def flips(self) -> dict[str, str]:
        """The cases in which another policy is recommended."""
        return {case: answer for case, answer in self.answers.items() if answer != self.before}

    @property
    def words(self) -> str:
        """What was recommended, how often; the cases of what is another policy, where they are few."""
        counts = Counter(self.answers.values()).most_common()
        return ", ".join(
            f"{name} {count}" + ("" if name == self.before else f" ({listed(self._cases(name), most=4)})")
            for name, count in counts
        )

    def _cases(self, name: str) -> list[str]:
        return [case for case, answer in self.answers.items() if answer == name]


@dataclass(frozen=True)
class Turn:
    """Where one number of the question changes the answer.

    what  : the number, in words, such as "a tracking penalty".
    below : does the answer change below `at`, or above it?
    at    : in the words of a reader.
    now   : the number that the desk has, in the same words, or "" where they say it.
    to    : the policy that is then recommended.
    """

    what: str
    below: bool
    at: str
    now: str
    to: str


@dataclass(frozen=True)
class Stability:
    """What would change the recommendation.

    recommended : the policy.
    turns       : the numbers at which the answer changes.
    changes     : one thing at a time.
    not_played  : candidates that decide day by day in Python, and are left out where all are played again.
    """

    recommended: str
    turns: tuple[Turn, ...]
    changes: tuple[Change, ...]
    not_played: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """A row a change: how many cases, in how many the answer stays, and what is recommended."""
        rows = [
            {
                "change": one.what,
                "cases": len(one.answers),
                "same": len(one.answers) - len(one.flips),
                "recommended": one.words,
            }
            for one in self.changes
        ]
        return pd.DataFrame(rows, columns=["change", "cases", "same", "recommended"]).set_index("change")

    @property
    def sentence(self) -> str:
        """What changes the answer, or that nothing tried does."""
        tried = self._tried()
        if not self.turns:
            most = number(float(MULTIPLES[-1]), 0)
            said = f"Nothing up to {most} times your prices, or twice the volatility, changes the answer."
            return f"{said} {tried}".strip()
        told = [
            f"{one.what} {'below' if one.below else 'above'} {one.at} ({one.now and f'now {one.now}; '}then {one.to})"
            for one in self.turns
        ]
        return f"Changes the answer: {listed(told, 'or')}. {tried}".strip()

    def _tried(self) -> str:
        """In how many cases the answer stays, and of which kinds are those in which it does not."""
        cases = sum(len(one.answers) for one in self.changes)
        if not cases:
            return ""
        stays = cases - sum(len(one.flips) for one in self.changes)
        said = f"On other days, lags and assets it stays in {stays} of {cases} cases."
        turned = [f"{KINDS[one.what]} {len(one.flips)} of {len(one.answers)}" for one in self.changes if one.flips]
        return f"{said} It turns in: {', '.join(turned)}." if turned else said


def stability(
    portfolio: Portfolio, made: Recommendation, asked: Question | None, fitted: Mapping[str, Fitted]
) -> Stability | None:
    """What would change a recommendation; None without a choice, or where another target was chosen.

    portfolio : for which it was made.
    made      : the recommendation.
    asked     : what it follows from.
    fitted    : the policies by name.

    Prices, markets and days need no new backtest; what is a candidate on all days is one on some. For lags, first days
    and assets the candidates are played again as they were fitted, and judged by the limits anew; those that decide
    day by day in Python are left out there.
    """
    if made.policy is None or made.target or asked is None or sum(asked.eligible) < 2:
        return None
    names, dates = asked.terms.names, portfolio.market.dates[-len(asked.terms.market) :]
    halves = np.arange(len(dates)) < len(dates) // 2
    parts = {"first half only": halves, "second half only": ~halves}
    years = {f"without {year}": np.asarray(dates.year != year) for year in dates.year.unique()}
    quick = {name: fitted[name].policy for name in names if compiled_rule(fitted[name].policy) is not None}

    def on(days: Mapping[str, Mask]) -> dict[str, str]:
        enough = {case: which for case, which in days.items() if which.sum() >= 0.99 * portfolio.periods_per_year}
        return {case: names[asked.answer(asked.losses(terms=asked.terms.on(which)))] for case, which in enough.items()}

    changes = (
        Change(HALVES, on(parts), made.policy),
        Change(YEARS, on(years), made.policy),
        *_played_again(portfolio, quick, asked.tests),
    )
    return Stability(
        made.policy,
        turns(asked, made.policy),
        tuple(one for one in changes if one.answers),
        tuple(name for name in names if name not in quick),
    )


def turns(asked: Question, policy: str) -> tuple[Turn, ...]:
    """The nearest prices, costs and volatilities at which another policy is recommended."""
    names, volatility = asked.terms.names, float(np.sqrt(asked.terms.variance))

    def at(**changed: float) -> str:
        return names[asked.answer(asked.losses(**changed))]  # type: ignore[arg-type]

    kinds: list[tuple[str, Callable[[float], str], Callable[[float], str], Array]] = [
        ("a tracking penalty", lambda k: at(penalty=k), lambda k: f"{k * asked.tracking_penalty:.2g}", MULTIPLES),
        ("costs", lambda k: at(costs=k), lambda k: f"{k:.2g} times yours", MULTIPLES),
    ]
    if volatility > 0.0:
        kinds.append(
            ("a volatility", lambda k: at(volatility=k * volatility), lambda k: percent(k * volatility), MARKETS)
        )
    losses, work = asked.losses(), asked.work
    for what, price, counts in (
        ("a trading day", asked.day_cost, [one.days for one in work]),
        ("an order", asked.order_cost, [one.orders for one in work]),
    ):
        if price > 0.0:
            per_year = price * np.array(counts)
            kinds.append(
                (
                    what,
                    lambda k, more=per_year: names[asked.answer(losses + (k - 1.0) * more)],  # type: ignore[misc]
                    lambda k, price=price: f"{k * price:,.3g}",  # type: ignore[misc]
                    MULTIPLES,
                )
            )
    found = []
    for what, answer, words, multiples in kinds:
        for below in (True, False):
            turn = _turn(answer, policy, [1.0 / k if below else k for k in multiples])
            if turn is not None:
                now = "" if what == "costs" else words(1.0)
                found.append(Turn(what, below, words(turn[0]), now, turn[1]))
    return tuple(found)


def _turn(answer: Callable[[float], str], policy: str, multiples: list[float]) -> tuple[float, str] | None:
    """The multiple nearest to 1 at which the answer is another one, and that one; None where all give the same."""
    inside = 1.0
    for outside in multiples:
        to = answer(outside)
        if to == policy:
            inside = outside
            continue
        for _ in range(FINE):
            middle = float(np.sqrt(inside * outside))
            between = answer(middle)
            inside, outside, to = (middle, outside, to) if between == policy else (inside, middle, between)
        return outside, to
    return None


# -- played again ----------------------------------------------------------------------------------------------------


def _played_again(portfolio: Portfolio, quick: Mapping[str, Rule], tests: SimulatedTests | None) -> list[Change]:
    """The recommendation among the quick policies: at other lags and first days, and without one asset.

    Simulated tests stay as they are where the target does.
    """
    before = _recommended(portfolio, quick, tests) if quick else None
    if before is None:
        return []
    days, first = portfolio.market.dates, portfolio.market.row(portfolio.test_start)
    year = portfolio.periods_per_year
    later = [first + round(k * year / 12) for k in LATER if first + k * year / 12 < len(days) - LEAST_LEFT * year]
    cases: list[tuple[str, dict[str, Portfolio]]] = [
        (LAG, {f"lag {lag}": replace(portfolio, lag=lag) for lag in LAGS if lag != portfolio.lag}),
        (FIRST_DAY, {f"from {days[r]:%Y-%m-%d}": replace(portfolio, test_start=days[r]) for r in later}),
    ]
    best = best_line(portfolio)
    if best is not None:
        cases.append((GREW_MOST, {f"without {portfolio.market.assets[best]}": _without(portfolio, quick, best)}))
    found = []
    for what, portfolios in cases:
        answers = {}
        for case, other in portfolios.items():
            moved, same = _moved(quick, portfolio, other), other.strategic == portfolio.strategic
            answers[case] = _recommended(other, moved, tests if same else None)
        found.append(Change(what, {case: a for case, a in answers.items() if a is not None}, before))
    return found


def _recommended(portfolio: Portfolio, policies: Mapping[str, Rule], tests: SimulatedTests | None) -> str | None:
    """What is recommended for a portfolio among fitted policies, or `NONE`; None where it cannot be played.

    Tests are simulated where none are given.
    """
    benchmark = benchmark_of(portfolio, portfolio.market)
    paths: dict[Allocation, TargetPath] = {portfolio.strategic: benchmark.strategic}
    try:
        played = {name: backtest_candidate(portfolio, policy, name, paths) for name, policy in policies.items()}
        scores = {name: score(one, benchmark, JUDGED) for name, one in played.items()}
    except (ConfigError, DataError, PolicyError):
        return None
    tests = tests or simulated_tests(played, benchmark)
    asked, _ = question(portfolio, scores, DailyTerms.of(played, benchmark), tests, played)
    return NONE if asked is None else asked.terms.names[asked.answer(asked.losses())]


def _moved(policies: Mapping[str, Rule], portfolio: Portfolio, other: Portfolio) -> Mapping[str, Rule]:
    """The policies on the strategic target of another portfolio, where that is another."""
    if other.strategic == portfolio.strategic:
        return policies
    return {name: replace(cast(Any, policy), allocation=other.strategic) for name, policy in policies.items()}


def _without(portfolio: Portfolio, policies: Mapping[str, Rule], asset: int) -> Portfolio:
    """The same where the asset has a target of zero; the others share its weight as they share theirs, ranges too."""
    before, target = portfolio.target, portfolio.target.copy()
    target[asset] = 0.0
    target *= before.sum() / target.sum()
    strategic = replace(portfolio.strategic, weights=tuple(target.tolist()))
    specs = {name: replace(portfolio.policies[name], allocation=strategic) for name in policies}
    lower, upper = (ends + (target - before) for ends in (portfolio.lower, portfolio.upper))
    return replace(
        portfolio, strategic=strategic, lower=lower, upper=upper, policies=specs, reference=next(iter(specs))
    )
