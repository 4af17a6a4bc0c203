"""The verdict of a comparison, in the words of a committee: what to do, what it saves, how sure, what else would do."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backtests.comparison.recommendation import CONFIDENCE, Recommendation
from backtests.engine.result import Backtest
from backtests.evaluation.bands_in_force import bands_in_force
from backtests.evaluation.evidence import LOSS, Evidence
from backtests.evaluation.scores import Score
from backtests.evaluation.slow_waves import detectable
from backtests.wording import listed, number, percent
from research.portfolio import Portfolio
from research.risk.measures import BPS, DAYS_PER_YEAR
from research.rules import Rule
from research.rules.protocol import RuleTraits, long_name

SAME_WIDTH = 0.005  # points: bands that differ by less are shown as one
SMALL = 0.005  # bp a year: less is no saving
TOLD = ("better", "worse")  # words of a significant difference


@dataclass(frozen=True)
class Verdict:
    """What a comparison says, in this order; a sentence or two each.

    do     : which policy to use, and what it does.
    saves  : against the reference, in bp and currency a year; what it gave up in this test, and whether that is chance.
    sure   : how sure that is, and what sample would settle it; why it is not known stands with the differences.
    others : which other policies would do as well.
    holds  : whether the answer survives on other days, prices, costs, lags and assets.
    """

    do: str
    saves: str = ""
    sure: str = ""
    others: str = ""
    holds: str = ""

    def sentences(self) -> tuple[str, ...]:
        """Those that there are, in order."""
        return tuple(filter(None, (self.do, self.saves, self.sure, self.others, self.holds)))

    def __str__(self) -> str:
        """All of it."""
        return " ".join(self.sentences())


def verdict_of(
    portfolio: Portfolio,
    made: Recommendation,
    rule: Rule | None,
    scores: Mapping[str, Score],
    backtests: Mapping[str, Backtest],
    evidence: Evidence,
    holds: str,
) -> Verdict:
    """The verdict on a recommendation.

    portfolio : for which it is.
    made      : the recommendation.
    rule      : the recommended policy itself, or None.
    scores    : of each policy.
    backtests : of each policy.
    evidence  : of their differences to the reference.
    holds     : whether the recommendation survives (`backtests.comparison.stability`).
    """
    name, reference = made.policy, evidence.reference
    if name is None or rule is None:
        reasons = "; ".join(f"{each}: {listed(limits)}" for each, limits in made.broken.items())
        return Verdict(f"No policy is recommended: none is within the limits ({reasons}).")
    does = f"{rule_words(rule, portfolio)}{_widths(backtests[name])}"
    if made.target:  # J against another target than the reference's says nothing of the two
        return Verdict(f"Use {name}: {does}.", made.target, "", _others(made))
    if not any(len(each.booked) for each in backtests.values()):
        return Verdict(f"This test says nothing about the policies: none of them traded. By default {name}: {does}.")
    if name == reference:
        return Verdict(f"Keep {name}: {does}.", _no_better(made, scores), "", _others(made), holds)
    return Verdict(
        f"Use {name}: {does}.",
        f"{_saving(portfolio, made, scores, reference)} {_given_up(portfolio, name, scores, evidence)}",
        _sure(evidence, name, backtests),
        _others(made),
        holds,
    )


def rule_words(rule: Rule, portfolio: Portfolio) -> str:
    """What a rule does, as the rest of a sentence."""
    if not isinstance(rule, RuleTraits):
        return f"a rule of your own ({type(rule).__name__})"
    held, _, long = long_name(rule, portfolio.strategic).rpartition("; ")
    does = long if long.startswith("never") else f"trades {_when(long)}"
    return f"it holds {held} and {does}" if held else f"it {does}"


def _when(long: str) -> str:
    """When a rule trades, and where to.

    >>> _when("past 2 points, to target"), _when("each quarter, to target")
    ('when a weight is 2 points off its target, to target', 'each quarter, to target')
    """
    said = re.sub(r"^past ([\d.]+ points?)", r"when a weight is \1 off its target", long)
    return re.sub(r"^past the", "when a weight is past the", said)


def _widths(played: Backtest) -> str:
    """How wide a rule's bands are on the last day, where each line has its own; else nothing.

    It opens with a space.
    """
    last = len(played.market.dates) - 1
    _, upper = bands_in_force(played, np.array([last]))
    widths = 100.0 * (upper[0] - played.targets.rows[played.targets.row[last]])
    held = np.flatnonzero(np.isfinite(widths) & (played.targets.rows[played.targets.row[last]] > 0.0))
    if len(held) == 0 or np.ptp(widths[held]) < SAME_WIDTH:
        return ""
    narrow, wide = (int(held[k]) for k in (widths[held].argmin(), widths[held].argmax()))
    names = played.market.assets
    return (
        f" (on the last day {number(widths[narrow])} points off target for {names[narrow]} to {number(widths[wide])} "
        f"for {names[wide]})"
    )


def _money(portfolio: Portfolio, fraction: float) -> str:
    """A fraction of today's NAV in currency."""
    return f"{abs(fraction) * portfolio.nav:,.0f} {portfolio.basis}"


def _saving(portfolio: Portfolio, made: Recommendation, scores: Mapping[str, Score], reference: str) -> str:
    """How J differs from the reference's: trading costs, which are money, and tracking, which the penalty prices."""
    one, other = scores[made.policy or ""], scores[reference]
    breached = ", which breached a limit," if reference in made.broken else ""
    saved, cost = other[LOSS] - one[LOSS], one["cost"] - other["cost"]
    if abs(saved) < SMALL and abs(cost) < SMALL:
        return f"Against {reference}{breached} neither costs nor tracking differ."
    tracking = -saved - cost
    return (
        f"Against {reference}{breached} it {'saves' if saved > 0.0 else 'loses'} {number(abs(saved))} bp a year: "
        f"{_bp(cost)} in trading costs ({_money(portfolio, cost / BPS)} a year at today's value), and "
        f"{_bp(tracking)} in tracking, as the file prices it."
    )


def _bp(more: float) -> str:
    """A cost less another, bp a year.

    >>> _bp(-0.36)
    '0.36 bp less'
    """
    return f"{number(abs(more))} bp {'less' if more < 0.0 else 'more'}"


def _given_up(portfolio: Portfolio, name: str, scores: Mapping[str, Score], evidence: Evidence) -> str:
    """How growth differed in this test, a year if it is as long, and whether that is told apart from chance."""
    one, other = scores[name], scores[evidence.reference]
    short = "growth" in one.undefined
    metric, a_year = ("total_return", "") if short else ("growth", " a year")
    gap = one[metric] - other[metric]
    if abs(gap) < 0.5e-4:
        return f"In this test it grew as {evidence.reference} did."
    told = evidence.differences("growth")[name].verdict in TOLD
    return (
        f"In this test it grew {percent(abs(gap), 2)}{a_year} {'more' if gap > 0.0 else 'less'} "
        f"({_money(portfolio, gap)}{a_year}), {'more than chance explains' if told else 'which may be chance'}."
    )


def _sure(evidence: Evidence, name: str, backtests: Mapping[str, Backtest]) -> str:
    """How sure the difference in J is, and how long a test would settle it."""
    difference = evidence.differences(LOSS)[name]
    less, more = -difference.upper, -difference.lower
    if math.isinf(less) and math.isinf(more):
        return "The test cannot tell how sure that is: it holds too few episodes."
    sure, told = f"With {percent(difference.level, 0)} confidence it", difference.verdict in TOLD
    judged = (
        f"The difference is {'' if told else 'not '}significant (p {difference.p_holm:.3f}, adjusted for all policies)"
    )
    if math.isinf(more):
        said = f"saves at least {number(less)} bp a year" if less > 0.0 else f"loses {number(-less)} bp a year at most"
        return f"{sure} {said}; how much it may save is not known. {judged}."
    if math.isinf(less):
        said = f"saves {number(more)} bp a year at most" if more > 0.0 else f"loses at least {number(-more)} bp a year"
        return f"{sure} {said}; how much it may lose is not known. {judged}."
    said = f"{sure} saves {number(less)} to {number(more)} bp a year. {judged}"
    if told or not difference.error > 0.0 or abs(difference.value) < SMALL:
        return f"{said}."
    dates = backtests[name].dates
    years = (dates[-1] - dates[0]).days / DAYS_PER_YEAR
    needed = years * (detectable(difference.error) / difference.value) ** 2
    return f"{said}; to find it takes a test of about {needed:,.0f} years, and this one has {years:.1f}."


def _no_better(made: Recommendation, scores: Mapping[str, Score]) -> str:
    if len(scores) == 1:
        return "It is the only policy: there is nothing to compare it with."
    if made.best in (None, made.policy):
        return "No other policy within the limits is known to have a lower loss."
    gap = scores[made.policy or ""][LOSS] - scores[made.best or ""][LOSS]
    return f"The lowest loss, of {made.best}, is {number(gap)} bp a year lower: not a material difference."


def _others(made: Recommendation) -> str:
    """Which policies are not materially worse, and of which that is not known."""
    if len(made.excess) < 2:
        return ""
    said, as_good = [], made.as_good
    if as_good:
        within = f"within {number(made.margin, 1)} bp a year of the best ({percent(CONFIDENCE, 0)} confidence)"
        said.append(f"{listed(as_good)} {'is' if len(as_good) == 1 else 'are'} {within} too.")
    if unknown := [name for name, most in made.excess.items() if math.isinf(most) and name != made.policy]:
        said.append(f"How much worse {listed(unknown)} may be is not known.")
    return " ".join(said)
