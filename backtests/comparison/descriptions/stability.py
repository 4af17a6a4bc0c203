"""Changes that would alter the recommendation: it is made again at other prices, in other markets, on other days."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd

from backtests.comparison.belief import DailyTerms
from backtests.comparison.descriptions.hindsight import best_line
from backtests.comparison.fitting.candidates import backtest_candidate, benchmark_of
from backtests.comparison.recommendation import JUDGED, Question, Recommendation, question
from backtests.comparison.simulated_tests import SimulatedTests, simulated_tests
from backtests.evaluation.scores import score
from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass, replace
from foundation.errors import InputError
from foundation.paper.wording import grouped, listed, number, percent
from research.accounting import Policy
from research.allocation import Allocation, TargetPath
from research.portfolio import Portfolio
from research.portfolio.assumed import is_assumed
from research.portfolio.unstated import COST_MARKS
from research.rules import Rule
from research.rules.protocol import compiled_rule

LEAST_LEFT = 2.0  # years of a test that begins later
LATER_MONTHS = (1, 2, 3, 6, 12)  # months by which the test begins later
LAGS = (0, 1, 2, 3, 4, 5)
NO_POLICY = "none"  # is within the limits
PRICE_MULTIPLES = 2.0 ** np.arange(0.5, 3.5, 0.5)  # of a price: up to eight times it, and down to an eighth
VOLATILITY_STEPS = 2.0 ** np.arange(0.25, 1.25, 0.25)  # of the volatility: up to twice, and down to half
HALVES, YEARS, LAG = "half of the days", "each year left out", "lag"
FIRST_DAY, GREW_MOST = "first day of the test", "the asset that grew most"
KINDS = {HALVES: "halves", YEARS: "years", LAG: "lags", FIRST_DAY: "first days", GREW_MOST: "assets"}  # in a sentence
HALVINGS = 6  # halvings between two multiples
CASES_NAMED = 4  # cases in which the answer is another, up to which they are named


@dataclass(frozen=True)
class Change:
    """One thing that was changed, and what was then recommended.

    what    : the change, in words.
    answers : the recommended policy in each case, or `NO_POLICY`.
    before  : the recommendation without the change.
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
        """The recommended policies and their counts; the cases of each other policy, where they are few."""
        by_answer = grouped((answer, case) for case, answer in self.answers.items())
        return ", ".join(
            f"{name} {len(cases)}" + ("" if name == self.before else f" ({listed(cases, most=4)})")
            for name, cases in sorted(by_answer.items(), key=lambda item: -len(item[1]))
        )


@dataclass(frozen=True)
class Turn:
    """A value of one number of the question at which the answer changes.

    what  : the number, in words, such as "a tracking penalty".
    below : True if the answer changes below `at`, False if above it.
    at    : the value at which it changes, as text.
    now   : the desk's present value, as text, or "" where `at` implies it.
    to    : the policy that is then recommended.
    back  : the value at which the answer is the first one again, as text; "" where that was not found.
    apart : size of the logarithm of the change, from the desk's present value.
    """

    what: str
    below: bool
    at: str
    now: str
    to: str
    back: str = ""
    apart: float = 0.0

    @property
    def words(self) -> str:
        """The value at which the answer changes, and the new answer."""
        to = f"{self.now and f'now {self.now}; '}then {self.to}"
        if self.back:
            first, last = (self.back, self.at) if self.below else (self.at, self.back)
            return f"{self.what} from {first} to {last} ({to})"
        return f"{self.what} {'below' if self.below else 'above'} {self.at} ({to})"


@dataclass(frozen=True)
class Stability:
    """The changes that would alter the recommendation.

    recommended : the policy.
    turns       : the numbers at which the answer changes.
    changes     : results of changing one thing at a time.
    not_played  : candidates that decide day by day in Python, and are left out where all are backtested again.
    whose       : the costs in words: yours, or those that the file assumes.
    """

    recommended: str
    turns: tuple[Turn, ...]
    changes: tuple[Change, ...]
    not_played: tuple[str, ...]
    whose: str = "yours"

    def table(self) -> pd.DataFrame:
        """A row for each change: number of cases, number in which the answer stays, and the recommendations."""
        rows = [(one.what, len(one.answers), len(one.answers) - len(one.flips), one.words) for one in self.changes]
        return pd.DataFrame(rows, columns=["change", "cases", "same", "recommended"]).set_index("change")

    @property
    def sentence(self) -> str:
        """The changes that alter the answer, or the statement that nothing tried does."""
        if not self.turns:
            most = number(float(PRICE_MULTIPLES[-1]), 0)
            said = (
                f"No tracking penalty and no cost up to {most} times {self.whose} and down to an {most}th of it, and "
                "no volatility up to twice this and down to half of it, changes the answer."
            )
            return f"{said} {self._tried()}".strip()
        said = f"Changes the answer, with the trades as they were: {listed([one.words for one in self.turns], 'or')}."
        return f"{said} {self._tried()}".strip()

    @property
    def brief(self) -> str:
        """The change that matters most to the answer, in a few words: an asset left out, else the nearest number."""
        asset = next((one for one in self.changes if one.what == GREW_MOST and one.flips), None)
        if asset is not None:
            return " ".join(f"{case[0].upper()}{case[1:]}: {answer}." for case, answer in asset.flips.items())
        if not self.turns:
            return ""
        words = min(self.turns, key=lambda turn: turn.apart).words
        return f"Changes the answer: {words}."

    def _tried(self) -> str:
        """The number of cases in which the answer stays, and the other answers, with their cases where they are few."""
        cases = sum(len(one.answers) for one in self.changes)
        if not cases:
            return ""
        flips = {case: answer for one in self.changes for case, answer in one.flips.items()}
        kinds = listed([KINDS[one.what] for one in self.changes])
        said = f"Of {cases} other {kinds} it stays in {cases - len(flips)}."
        if not flips:
            return said
        if len(flips) > CASES_NAMED:
            turned = [
                f"{KINDS[one.what]} {len(one.flips)} of {len(one.answers)} ({listed(sorted({*one.flips.values()}))})"
                for one in self.changes
                if one.flips
            ]
            return f"{said} It turns in: {', '.join(turned)}."
        by_answer = grouped((answer, case) for case, answer in flips.items())
        return f"{said} Else it is {'; '.join(f'{to} ({listed(cases)})' for to, cases in by_answer.items())}."


def stability(
    portfolio: Portfolio, made: Recommendation, asked: Question | None, policies: Mapping[str, Policy]
) -> Stability | None:
    """The changes that would alter a recommendation; None without a choice, or where another target was chosen.

    portfolio : the portfolio for which it was made.
    made      : the recommendation.
    asked     : the question that it follows from.
    policies  : as they were fitted, by name.

    Prices, markets and days need no new backtest; a candidate on all days is also one on some. For lags, first days
    and assets the candidates are backtested again as they were fitted, and judged by the limits anew; those that decide
    day by day in Python are left out there.
    """
    if made.policy is None or made.target or asked is None or sum(asked.eligible) < 2:
        return None
    names, dates = asked.terms.names, portfolio.market.dates[-len(asked.terms.market) :]
    halves = np.arange(len(dates)) < len(dates) // 2
    parts = {"first half only": halves, "second half only": ~halves}
    years = {f"without {year}": np.asarray(dates.year != year) for year in dates.year.unique()}
    quick = {name: cast(Rule, policies[name]) for name in names if compiled_rule(policies[name]) is not None}

    def on(days: Mapping[str, Mask]) -> dict[str, str]:
        enough = {case: which for case, which in days.items() if which.sum() >= 0.99 * portfolio.periods_per_year}
        return {case: names[asked.answer(asked.losses(terms=asked.terms.on(which)))] for case, which in enough.items()}

    changes = (
        Change(HALVES, on(parts), made.policy),
        Change(YEARS, on(years), made.policy),
        *(_played_again(portfolio, quick, asked.tests) if {made.policy, made.now or made.policy} <= {*quick} else ()),
    )
    whose = "those assumed" if is_assumed(portfolio, *COST_MARKS) else "yours"
    return Stability(
        made.policy,
        turns(asked, made.policy, whose),
        tuple(one for one in changes if one.answers),
        tuple(name for name in names if name not in quick),
        whose,
    )


@dataclass(frozen=True)
class _Scale:
    """A number of the question, as multiples of a unit.

    what   : the number, in words.
    answer : the policy that is recommended at a multiple.
    words  : the number at a multiple, with so many digits more.
    now    : the multiple that the desk has; None where `words` say it.
    tried  : by whether they are below it, the multiples from what the desk has on.
    """

    what: str
    answer: Callable[[float], str]
    words: Callable[[float, int], str]
    now: float | None
    tried: Mapping[bool, list[float]]


def turns(asked: Question, policy: str, whose: str = "yours") -> tuple[Turn, ...]:
    """The nearest tracking penalties, costs and volatilities at which another policy is recommended.

    Each policy trades as it did: one that follows costs or the tracking penalty would trade otherwise there. The price
    of a trading day has `backtests.comparison.recommendation.menu`.

    asked  : the question.
    policy : the recommended policy.
    whose  : the costs in words, as of `Stability`.
    """
    found = []
    for one in _scales(asked, whose):
        for below, multiples in one.tried.items():
            if (turn := _turn(one.answer, policy, multiples)) is not None:
                at, to, back = turn
                more = int(one.now is not None and one.words(at, 0) == one.words(one.now, 0))
                now = "" if one.now is None else one.words(one.now, more)
                again = one.words(back, more) if back else ""
                found.append(Turn(one.what, below, one.words(at, more), now, to, again, abs(math.log(at))))
    return tuple(found)


def _scales(asked: Question, whose: str) -> Iterator[_Scale]:
    """The tracking penalty, costs and volatility."""
    penalty, volatility = asked.tracking_penalty, math.sqrt(asked.terms.variance)

    def at(**changed: float) -> str:
        return asked.terms.names[asked.answer(asked.losses(**changed))]  # type: ignore[arg-type]

    def words(k: float, more: int) -> str:
        return f"{k * penalty:.{2 + more}g}"

    yield _Scale("a tracking penalty", lambda k: at(penalty=k), words, 1.0, _both(PRICE_MULTIPLES))
    yield _Scale("costs", lambda k: at(costs=k), lambda k, _: f"{k:.3g} times {whose}", None, _both(PRICE_MULTIPLES))
    if volatility > 0.0:
        moved = (lambda k: at(volatility=k * volatility), lambda k, more: percent(k * volatility, 1 + more))
        yield _Scale("a volatility", *moved, 1.0, _both(VOLATILITY_STEPS))


def _both(multiples: Array) -> dict[bool, list[float]]:
    return {True: [1.0, *(1.0 / multiples)], False: [1.0, *multiples]}


def _turn(answer: Callable[[float], str], policy: str, multiples: list[float]) -> tuple[float, str, float] | None:
    """The value at which the answer changes, the new answer, and the value where it is the first again, or 0.0.

    multiples : multiples of the desk's value, tried in turn; the result is None where all give the same answer.
    An answer that holds between two multiples only is passed over for the one that holds there.
    """
    answers = [answer(k) for k in multiples]
    away = next((k for k, one in enumerate(answers) if one != policy), None)
    if away is None or away == 0:
        return None
    back = next((k for k in range(away, len(answers)) if answers[k] == policy), None)
    left = _between(answer, policy, multiples[away - 1], multiples[away])
    return left, answers[away], _between(answer, policy, multiples[back], multiples[back - 1]) if back else 0.0


def _between(answer: Callable[[float], str], policy: str, inside: float, outside: float) -> float:
    """The number nearest to `inside` at which the answer is not `policy`."""
    for _ in range(HALVINGS):
        middle = 0.5 * (inside + outside)
        inside, outside = (middle, outside) if answer(middle) == policy else (inside, middle)
    return outside


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
    later = [
        first + round(k * year / 12) for k in LATER_MONTHS if first + k * year / 12 < len(days) - LEAST_LEFT * year
    ]
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
    """The policy recommended among fitted ones, or `NO_POLICY`; None where the portfolio cannot be backtested.

    Tests are simulated where none are given.
    """
    benchmark = benchmark_of(portfolio, portfolio.market)
    paths: dict[Allocation, TargetPath] = {portfolio.strategic: benchmark.strategic}
    try:
        played = {name: backtest_candidate(portfolio, policy, name, paths) for name, policy in policies.items()}
        scores = {name: score(one, benchmark, JUDGED) for name, one in played.items()}
    except InputError:
        return None
    tests = tests or simulated_tests(played, benchmark)
    asked, _, _ = question(portfolio, scores, DailyTerms.of(played, benchmark), tests)
    return NO_POLICY if asked is None else asked.terms.names[asked.answer(asked.losses())]


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
