"""Does the recommendation survive? It is made again on other days, prices, costs, lags, first days and lines."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd

from backtests.comparison.candidates import Fitted, backtest_candidate, benchmark_of
from backtests.comparison.paired import has_shown_its_limit
from backtests.comparison.recommendation import Recommendation, recommend, simplest
from backtests.engine.result import Backtest
from backtests.evaluation.evidence import LOSS_ROUNDING
from backtests.evaluation.scores import Score, score
from backtests.evaluation.slow_waves import SlowMeans
from backtests.wording import listed
from research.allocation import Allocation, TargetPath
from research.arrays import Array, Mask
from research.errors import ConfigError, DataError, PolicyError
from research.portfolio import Portfolio
from research.rules import Rule
from research.rules.protocol import compiled_rule, complexity

TESTS = 1_000  # drawn
LATER = (21, 42, 63, 126, 252)  # sessions by which the test begins later
LAGS = (0, 1, 2, 3, 4, 5)
NONE = "none"  # is recommended


@dataclass(frozen=True)
class Change:
    """One thing that was changed, and what was then recommended.

    what     : was changed, in words.
    answers  : the recommended policy in each case, or `NONE`.
    before   : what is recommended without the change, of the policies that could be judged with it.
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

    recommended : the policy, or `NONE`.
    drawn       : among tests as long as this one, drawn from what is not known of the losses.
    changes     : one thing at a time.
    not_played  : policies that decide day by day in Python, and are left out where everything is played again.
    """

    recommended: str
    drawn: Change
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
            for one in (self.drawn, *self.changes)
        ]
        return pd.DataFrame(rows).set_index("change")

    @property
    def sentence(self) -> str:
        """Whether the answer survives, and which changes flip it."""
        if self.recommended == NONE:
            return ""
        drawn = len(self.drawn.answers)
        cases = sum(len(one.answers) for one in self.changes)
        flips = [f"{case} ({answer})" for one in self.changes for case, answer in one.flips.items()]
        same = f"{drawn - len(self.drawn.flips):,} of {drawn:,} other tests like this one would recommend it too"
        if not flips:
            return f"{same}, and so do all {cases} changes of days, penalty, costs, lag, first day and assets."
        return (
            f"{same}, and so do {cases - len(flips)} of {cases} changes of days, penalty, costs, lag, first day and "
            f"assets. Exceptions: {listed(flips, most=4)}."
        )


def stability(
    portfolio: Portfolio,
    made: Recommendation,
    fitted: Mapping[str, Fitted],
    backtests: Mapping[str, Backtest],
    scores: Mapping[str, Score],
) -> Stability:
    """Make the recommendation again: on drawn tests, parts of the days, other penalties, costs, lags and first days,
    and without the asset that grew most. Nothing is asked where another target than the strategic one was chosen.

    Days and penalties need no new backtest. For the rest, fitted policies are played again as they are, and those that
    decide day by day in Python are left out.
    """
    eligible = [name for name in scores if name not in made.broken]
    if made.policy is None or made.target or len(eligible) < 2:
        return Stability(made.policy or NONE, Change("drawn tests", {"1": made.policy or NONE}, NONE), (), ())
    quick = {name: fitted[name].policy for name in eligible if compiled_rule(fitted[name].policy) is not None}
    losses = np.column_stack([scores[name].losses for name in eligible])
    costs = np.column_stack([_costs(backtests[name]) for name in eligible])
    dates = backtests[eligible[0]].dates[1:]
    known = [has_shown_its_limit(backtests[name]) for name in eligible]
    classes = [complexity(portfolio.policies[name]) for name in eligible]

    def among(daily: Array) -> str:
        means = SlowMeans.of(daily, known, LOSS_ROUNDING)
        return eligible[simplest(means, classes, made.margin)[0]]

    halves = np.arange(len(dates)) < len(dates) // 2
    parts = {"first half only": halves, "second half only": ~halves}
    years = {f"without {year}": dates.year != year for year in dates.year.unique()}
    penalties = {f"{factor:g} × the penalty": costs + factor * (losses - costs) for factor in (0.5, 2.0, 4.0)}
    return Stability(
        made.policy,
        Change("other tests like this one, drawn", _drawn(losses, known, classes, made, eligible), made.policy),
        (
            Change("half of the days", _on_parts(losses, parts, among), made.policy),
            Change("each year left out", _on_parts(losses, years, among), made.policy),
            Change("penalty for tracking error", {k: among(v) for k, v in penalties.items()}, made.policy),
            *_played_again(portfolio, quick),
        ),
        tuple(name for name in eligible if name not in quick),
    )


def _costs(played: Backtest) -> Array:
    """(D,) the part of J's daily terms that is cost, bp a year."""
    daily: Array = played.cost_rate * played.periods_per_year * 1e4
    return daily


def _on_parts(losses: Array, parts: Mapping[str, Mask], among: Callable[[Array], str]) -> dict[str, str]:
    """The recommendation on some of the days, where they are enough."""
    return {case: among(losses[which]) for case, which in parts.items() if which.sum() > 250}


def _drawn(
    losses: Array, known: Sequence[bool], classes: Sequence[int], made: Recommendation, names: Sequence[str]
) -> dict[str, str]:
    """The recommendation on drawn tests: logarithms of the losses err as their waves say, all together."""
    means = SlowMeans.of(losses, known, LOSS_ROUNDING)
    waves = len(means.relative)
    errors = np.random.default_rng(0).standard_normal((TESTS, waves)) @ means.relative / np.sqrt(waves)
    return {
        str(test + 1): names[simplest(replace(means, means=means.means * np.exp(error)), classes, made.margin)[0]]
        for test, error in enumerate(errors)
    }


# -- played again ----------------------------------------------------------------------------------------------------


def _played_again(portfolio: Portfolio, quick: Mapping[str, Rule]) -> list[Change]:
    """The recommendation among the quick policies: at other costs, lags and first days, and without one asset."""
    if not quick:
        return []
    before = _recommended(portfolio, quick)
    days, first = portfolio.market.dates, portfolio.market.row(portfolio.test_start)
    enough = [k for k in LATER if first + k < len(days) - 500]
    cases: dict[str, dict[str, Portfolio]] = {
        "costs": {f"{k:g} × the costs": replace(portfolio, costs=portfolio.costs.scaled(k)) for k in (0.5, 2.0)},
        "lag": {f"lag {lag}": replace(portfolio, lag=lag) for lag in LAGS if lag != portfolio.lag},
        "first day of the test": {
            f"from {days[first + k]:%Y-%m-%d}": replace(portfolio, test_start=days[first + k]) for k in enough
        },
    }
    found = [
        Change(what, {case: _recommended(other, quick) for case, other in each.items()}, before)
        for what, each in cases.items()
        if each
    ]
    without = _best_asset(portfolio)
    if without is not None:
        found.append(_without(portfolio, quick, without, before))
    return found


def _recommended(portfolio: Portfolio, policies: Mapping[str, Rule]) -> str:
    """What is recommended for a portfolio among fitted policies, or `NONE`; also where it cannot be played."""
    benchmark = benchmark_of(portfolio, portfolio.market)
    paths: dict[Allocation, TargetPath] = {portfolio.strategic: benchmark.strategic}
    try:
        played = {name: backtest_candidate(portfolio, policy, name, paths) for name, policy in policies.items()}
    except (ConfigError, DataError, PolicyError):
        return NONE
    scores = {name: score(one, benchmark) for name, one in played.items()}
    losses = np.column_stack([s.losses for s in scores.values()])
    known = [has_shown_its_limit(one) for one in played.values()]
    return recommend(portfolio, scores, SlowMeans.of(losses, known, LOSS_ROUNDING)).policy or NONE


def _best_asset(portfolio: Portfolio) -> int | None:
    """The number of the asset that grew most in the test, which only hindsight can choose; None where one is left."""
    held = np.flatnonzero(portfolio.target > 0.0)
    if len(held) < 3:
        return None
    first = portfolio.market.row(portfolio.test_start)
    grown = np.log1p(portfolio.market.returns[first:, held]).sum(axis=0)
    return int(held[np.argmax(grown)])


def _without(portfolio: Portfolio, policies: Mapping[str, Rule], asset: int, before: str) -> Change:
    """The recommendation where the asset has a target of zero and the others share its weight as they share theirs."""
    target = portfolio.target.copy()
    invested, target[asset] = target.sum(), 0.0
    strategic = replace(portfolio.strategic, weights=tuple((target * invested / target.sum()).tolist()))
    lower = portfolio.lower.copy()
    lower[asset] = min(lower[asset], 0.0)
    specs = {name: replace(portfolio.policies[name], allocation=strategic) for name in policies}
    other = replace(portfolio, strategic=strategic, lower=lower, policies=specs, reference=next(iter(specs)))
    moved: dict[str, Rule] = {
        name: replace(cast(Any, policy), allocation=strategic)
        for name, policy in policies.items()
        if is_dataclass(policy)
    }
    name = portfolio.market.assets[asset]
    return Change("the asset that grew most", {f"without {name}": _recommended(other, moved)}, before)
