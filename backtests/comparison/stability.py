"""Does the recommendation survive? It is made again on other days, prices, costs, lags, first days and lines."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd

from backtests.comparison.candidates import Fitted, backtest_candidate, benchmark_of
from backtests.comparison.hindsight import best_line
from backtests.comparison.paired import slow_losses
from backtests.comparison.recommendation import JUDGED, Recommendation, recommend, simplest
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import daily_costs
from backtests.evaluation.evidence import LOSS_ROUNDING
from backtests.evaluation.scores import Score, score
from backtests.evaluation.slow_waves import STEEPEST, SlowMeans
from backtests.wording import listed
from research.allocation import Allocation, TargetPath
from research.arrays import Array, Mask
from research.errors import ConfigError, DataError, PolicyError
from research.portfolio import Portfolio
from research.rules import Rule
from research.rules.protocol import compiled_rule, complexity

TESTS = 1_000  # drawn
LEAST_LEFT = 500  # days of a test that begins later
LATER = (21, 42, 63, 126, 252)  # sessions by which the test begins later
LAGS = (0, 1, 2, 3, 4, 5)
DAYS_ONLY = 3  # changes that need no new backtest
NONE = "none"  # is within the limits


@dataclass(frozen=True)
class Change:
    """One thing that was changed, and what was then recommended.

    what     : was changed, in words.
    short    : the same in one or two words.
    answers  : the recommended policy in each case, or `NONE`.
    before   : what is recommended without the change, of the policies that could be judged with it.
    """

    what: str
    short: str
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
        if len(self.answers) > 50:
            return ", ".join(f"{name} {count:,}" for name, count in counts)
        return ", ".join(
            f"{name} {count}" + ("" if name == self.before else f" ({listed(self._cases(name), most=4)})")
            for name, count in counts
        )

    def _cases(self, name: str) -> list[str]:
        return [case for case, answer in self.answers.items() if answer == name]


@dataclass(frozen=True)
class Stability:
    """What would be recommended if the test had been another.

    recommended : the policy.
    drawn       : among tests as long as this one, drawn from what is not known of the losses.
    changes     : one thing at a time.
    not_played  : eligible policies that decide day by day in Python, and are left out where all are played again.
    """

    recommended: str
    drawn: Change
    changes: tuple[Change, ...]
    not_played: tuple[str, ...]

    @property
    def asked(self) -> tuple[Change, ...]:
        """The changes that could have given the recommended policy: those that it was played in."""
        return tuple(one for one in self.changes if one.before == self.recommended)

    def table(self) -> pd.DataFrame:
        """A row a change: how many cases, in how many the answer stays, and what is recommended."""
        rows = [
            {
                "change": one.what,
                "cases": len(one.answers),
                "same": len(one.answers) - len(one.flips),
                "recommended": one.words,
            }
            for one in (self.drawn, *self.changes)
        ]
        return pd.DataFrame(rows).set_index("change")

    @property
    def sentence(self) -> str:
        """Whether the answer survives, and the first changes that flip it; the table has the others."""
        drawn, asked = len(self.drawn.answers), self.asked
        same = f"{drawn - len(self.drawn.flips):,} of {drawn:,} draws of the estimation error"
        if asked:
            cases, flips = sum(len(one.answers) for one in asked), self.flips
            held = f"all {cases}" if not flips else f"{cases - len(flips)} of {cases}"
            but = [f"but {listed(flips, most=2)}"] if flips else []
            if self.not_played and len(asked) > DAYS_ONLY:
                but.append(f"some without {listed(self.not_played)}")
            said = f" ({'; '.join(but)})" if but else ""
            same = f"{held} variations of the test{said}, and in {same}"
        left = [one.short for one in self.changes if one not in asked]
        if left:
            why = "it decides day by day" if self.recommended in self.not_played else "not all could be played again"
            return f"It stays recommended in {same}. Not tried: {listed(left)}, since {why}."
        return f"It stays recommended in {same}."

    @property
    def flips(self) -> list[str]:
        """The cases in which another policy is recommended, with it."""
        return [f"{case}: {answer}" for one in self.asked for case, answer in one.flips.items()]


def stability(
    portfolio: Portfolio,
    made: Recommendation,
    fitted: Mapping[str, Fitted],
    backtests: Mapping[str, Backtest],
    scores: Mapping[str, Score],
) -> Stability | None:
    """Make the recommendation again: on drawn tests, parts of the days, other penalties, costs, lags and first days,
    and without the asset that grew most.

    None where fewer than two policies are eligible, and where another target than the strategic one was chosen. Days
    and penalties need no new backtest; what was eligible on all days is so on some. For the rest, the eligible policies
    are played again as they were fitted, and judged by the limits anew; those that decide day by day in Python are left
    out.
    """
    eligible = [name for name in scores if name not in made.broken]
    if made.policy is None or made.target or len(eligible) < 2:
        return None
    quick = {name: fitted[name].policy for name in eligible if compiled_rule(fitted[name].policy) is not None}
    losses = np.column_stack([scores[name].losses for name in eligible])
    costs = np.column_stack([daily_costs(backtests[name]) for name in eligible])
    dates = backtests[eligible[0]].dates[1:]
    means = slow_losses({name: scores[name] for name in eligible}, backtests)
    classes = [complexity(portfolio.policies[name]) for name in eligible]

    def among(daily: Array) -> str:
        return eligible[simplest(SlowMeans.of(daily, means.known, LOSS_ROUNDING), classes, made.margin)[0]]

    halves = np.arange(len(dates)) < len(dates) // 2
    parts = {"first half only": halves, "second half only": ~halves}
    years = {f"without {year}": dates.year != year for year in dates.year.unique()}
    penalties = {f"{factor:g} × the penalty": among(costs + factor * (losses - costs)) for factor in (0.5, 2.0, 4.0)}
    changes = (
        Change("half of the days", "halves", _on_parts(losses, parts, among), made.policy),
        Change("each year left out", "years", _on_parts(losses, years, among), made.policy),
        Change("penalty for tracking error", "penalty", penalties, made.policy),
        *_played_again(portfolio, quick),
    )
    return Stability(
        made.policy,
        Change(
            "loss J redrawn within its estimation error",
            "draws",
            _drawn(means, classes, made, eligible),
            made.policy,
        ),
        tuple(one for one in changes if one.answers),
        tuple(name for name in eligible if name not in quick),
    )


def _on_parts(losses: Array, parts: Mapping[str, Mask], among: Callable[[Array], str]) -> dict[str, str]:
    """The recommendation on some of the days, where they are enough."""
    return {case: among(losses[which]) for case, which in parts.items() if which.sum() > 250}


def _drawn(means: SlowMeans, classes: Sequence[int], made: Recommendation, names: Sequence[str]) -> dict[str, str]:
    """The recommendation with drawn losses: their logarithms err as their waves say, all together."""
    waves = len(means.relative)
    rng = np.random.default_rng(0)
    wide = np.sqrt(waves / rng.chisquare(waves, (TESTS, 1)))  # Student's, as the intervals are
    errors = np.clip(
        wide * (rng.standard_normal((TESTS, waves)) @ means.relative) / np.sqrt(waves), -STEEPEST, STEEPEST
    )
    return {
        str(test + 1): names[simplest(replace(means, means=means.means * np.exp(error)), classes, made.margin)[0]]
        for test, error in enumerate(errors)
    }


# -- played again ----------------------------------------------------------------------------------------------------


def _played_again(portfolio: Portfolio, quick: Mapping[str, Rule]) -> list[Change]:
    """The recommendation among the quick policies: at other costs, lags and first days, and without one asset."""
    before = _recommended(portfolio, quick) if quick else None
    if before is None:
        return []
    days, first = portfolio.market.dates, portfolio.market.row(portfolio.test_start)
    later = [first + k for k in LATER if first + k < len(days) - LEAST_LEFT]
    cases: list[tuple[str, str, dict[str, Portfolio]]] = [
        (
            "costs",
            "costs",
            {f"{k:g} × the costs": replace(portfolio, costs=portfolio.costs.scaled(k)) for k in (0.5, 2.0)},
        ),
        ("lag", "lag", {f"lag {lag}": replace(portfolio, lag=lag) for lag in LAGS if lag != portfolio.lag}),
        (
            "first day of the test",
            "first day",
            {f"from {days[row]:%Y-%m-%d}": replace(portfolio, test_start=days[row]) for row in later},
        ),
    ]
    best = best_line(portfolio)
    if best is not None:
        name = f"without {portfolio.market.assets[best]}"
        cases.append(("the asset that grew most", "assets", {name: _without(portfolio, quick, best)}))
    found = []
    for what, short, portfolios in cases:
        answers = {case: _recommended(other, _moved(quick, portfolio, other)) for case, other in portfolios.items()}
        found.append(Change(what, short, {case: a for case, a in answers.items() if a is not None}, before))
    return found


def _recommended(portfolio: Portfolio, policies: Mapping[str, Rule]) -> str | None:
    """What is recommended for a portfolio among fitted policies, or `NONE`; None where it cannot be played."""
    benchmark = benchmark_of(portfolio, portfolio.market)
    paths: dict[Allocation, TargetPath] = {portfolio.strategic: benchmark.strategic}
    try:
        played = {name: backtest_candidate(portfolio, policy, name, paths) for name, policy in policies.items()}
        scores = {name: score(one, benchmark, JUDGED) for name, one in played.items()}
    except (ConfigError, DataError, PolicyError):
        return None
    return recommend(portfolio, scores, slow_losses(scores, played)).policy or NONE


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
