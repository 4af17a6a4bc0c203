"""The verdict of a comparison, in the words of a committee: what to do, what it saves, how sure, what else would do."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backtests.comparison.paired import why_not_limited
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
    sure   : how sure that is, and what sample would settle it.
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
        return Verdict(f"Use {name}: {does}.", made.target, "", _others(made, scores))
    if not any(len(each.booked) for each in backtests.values()):
        return Verdict(f"This test says nothing about the policies: none of them traded. By default {name}: {does}.")
    if name == reference:
        return Verdict(f"Keep {name}: {does}.", _no_better(made, scores), "", _others(made, scores), holds)
    return Verdict(
        f"Use {name}: {does}.",
        f"{_saving(portfolio, made, scores, reference)} {_given_up(portfolio, name, evidence)}",
        _sure(evidence, name, backtests),
        _others(made, scores),
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
        f" (on the last day {number(widths[narrow])} points off target for {names[narrow]}, the narrowest, to "
        f"{number(widths[wide])} for {names[wide]})"
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
    spent = f"{number(abs(cost))} bp a year {'less' if cost < 0.0 else 'more'} in trading costs"
    tracking = -saved - cost
    worth = f"which the file prices {number(abs(tracking))} bp {'lower' if tracking < 0.0 else 'higher'}"
    return (
        f"Against {reference}{breached} it pays {spent} ({_money(portfolio, cost / BPS)} at today's value); its "
        f"tracking error is {percent(one['tracking_error'], 2)} instead of {percent(other['tracking_error'], 2)}, "
        f"{worth}. Together it {'saves' if saved > 0.0 else 'loses'} {number(abs(saved))} bp of net asset value a year."
    )


def _given_up(portfolio: Portfolio, name: str, evidence: Evidence) -> str:
    """How growth differed in this test, and whether that is told apart from chance."""
    growth = evidence.differences("growth")[name]
    if abs(growth.value) < 0.5e-4:
        return f"In this test it grew as {evidence.reference} did."
    found, level = "more" if growth.value > 0.0 else "less", percent(evidence.level, 0)
    ends = f"{level} interval {percent(growth.lower, 2, signed=True)} to {percent(growth.upper, 2, signed=True)}"
    told = "which is more than chance explains" if growth.verdict in TOLD else "which the test cannot tell from chance"
    return (
        f"In this test it grew {percent(abs(growth.value), 2)} a year {found} than {evidence.reference} "
        f"({_money(portfolio, growth.value)}), {told} ({ends}; p {growth.p_holm:.2f} after adjusting for all policies)."
    )


def _sure(evidence: Evidence, name: str, backtests: Mapping[str, Backtest]) -> str:
    """How sure the difference in J is, and how long a test would settle it."""
    difference, reference = evidence.differences(LOSS)[name], evidence.reference
    less, more, level = -difference.upper, -difference.lower, percent(difference.level, 0)
    why = " and ".join(
        f"of {each}, {reason}" for each in (reference, name) if (reason := why_not_limited(backtests[each]))
    )
    if math.isinf(less) and math.isinf(more):
        return f"How sure that is, the test cannot tell: it holds too few episodes ({why})."
    told = "significant" if difference.verdict in TOLD else "not significant"
    adjusted = f"{told} after adjusting for all policies, p {difference.p_holm:.3f}"
    if math.isinf(more):
        said = f"It saves at least {number(less)} bp" if less > 0.0 else f"It may lose up to {number(-less)} bp"
        return f"{said} ({level}, one-sided; {adjusted}); how much it may save is not known ({why})."
    if math.isinf(less):
        said = f"It saves {number(more)} bp at most" if more > 0.0 else f"It loses at least {number(-more)} bp"
        return f"{said} ({level}, one-sided; {adjusted}); the other end is not known ({why})."
    said = f"The {level} interval of what it saves is {number(less)} to {number(more)} bp ({adjusted})."
    if difference.verdict in TOLD or not difference.error > 0.0 or abs(difference.value) < SMALL:
        return said
    dates = backtests[name].dates
    years = (dates[-1] - dates[0]).days / DAYS_PER_YEAR
    needed = years * (detectable(difference.error) / difference.value) ** 2
    return f"{said} To find such a difference takes about {needed:,.0f} years of test; this one has {years:.1f}."


def _no_better(made: Recommendation, scores: Mapping[str, Score]) -> str:
    if len(scores) == 1:
        return "It is the only policy: there is nothing to compare it with."
    if made.best in (None, made.policy):
        return "No other policy within the limits has a lower loss that is known from both sides."
    gap = scores[made.policy or ""][LOSS] - scores[made.best or ""][LOSS]
    return f"The lowest loss, of {made.best}, is {number(gap)} bp a year lower: not a material difference."


def _others(made: Recommendation, scores: Mapping[str, Score]) -> str:
    """Which policies are not materially worse, and of which that is not known."""
    if len(made.excess) < 2:
        return ""
    by = f"by {number(made.margin, 1)} bp a year at most, {percent(CONFIDENCE, 0)} confidence"
    as_good = made.as_good
    said = f"Not materially worse than the best ({by}): {listed(as_good)}." if as_good else ""
    unknown = [name for name, most in made.excess.items() if math.isinf(most) and name != made.policy]
    if unknown:
        losses = listed([f"{number(scores[name][LOSS])} for {name}" for name in unknown])
        own = number(scores[made.policy or ""][LOSS])
        said += (
            f" How much worse {listed(unknown)} may be is not known: in this test costs and tracking came to {losses}, "
            f"{own} for {made.policy}, bp a year."
        )
    return said.strip()
