"""The verdict of a comparison, in the words of a committee: what to do, what it saves, how sure, what else would do."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from backtests.comparison.recommendation import CONFIDENCE, Recommendation
from backtests.engine.result import Backtest
from backtests.evaluation.estimates import EstimateWithTest
from backtests.evaluation.evidence import LOSS, Evidence
from backtests.evaluation.scores import Score
from backtests.evaluation.sharpe_inference import detectable_difference
from backtests.wording import listed, number, percent
from research.portfolio import Portfolio
from research.risk.measures import BPS, DAYS_PER_YEAR
from research.rules import Rule
from research.rules.protocol import long_name

SMALL = 0.005  # bp a year: less is no saving


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
    does = rule_words(long_name(rule, portfolio.strategic))
    if made.target:  # J against another target than the reference's says nothing of the two
        return Verdict(f"Use {name}: it {does}.", made.target, "", _others(made))
    if name == reference:
        return Verdict(f"Keep {name}: it {does}.", _no_better(made, scores), "", _others(made), holds)
    difference = evidence.differences(LOSS)[name]
    years = (backtests[name].dates[-1] - backtests[name].dates[0]).days / DAYS_PER_YEAR
    return Verdict(
        f"Use {name}: it {does}.",
        f"{_saving(portfolio, name, reference, scores)} {_given_up(name, evidence, scores)}",
        _sure(difference, reference, years),
        _others(made),
        holds,
    )


def rule_words(long: str) -> str:
    """What a rule does, from its long name, as the rest of a sentence.

    >>> rule_words("past 2 points, to target"), rule_words("each quarter, to target"), rule_words("never trades")
    ('trades when a weight is 2 points off its target, to target', 'trades each quarter, to target', 'never trades')
    """
    if long.startswith("never"):
        return long
    return "trades " + re.sub(r"^past ([\d.]+ points?)", r"when a weight is \1 off its target", long).replace(
        "past the", "when a weight is past the", 1
    )


def _saving(portfolio: Portfolio, name: str, reference: str, scores: Mapping[str, Score]) -> str:
    """How much less J is than the reference's, in bp and currency, and its two parts."""
    one, other = scores[name], scores[reference]
    saved = other[LOSS] - one[LOSS]
    if abs(saved) < SMALL:
        return f"Its loss is that of {reference}."
    cost = one["cost"] - other["cost"]
    tracking = -saved - cost
    amount = f"{abs(saved) / BPS * portfolio.nav:,.0f} {portfolio.basis}"
    return (
        f"Against {reference} it {'saves' if saved > 0.0 else 'loses'} {number(abs(saved))} bp of net asset value a "
        f"year, {amount}: trading costs {number(cost, signed=True)} bp, penalty for tracking error "
        f"{number(tracking, signed=True)} bp."
    )


def _given_up(name: str, evidence: Evidence, scores: Mapping[str, Score]) -> str:
    """How growth differed in this test, and whether that is more than chance."""
    growth = evidence.differences("growth")[name]
    apart = f"{percent(abs(growth.value), 2)} a year"
    if growth.value == 0.0:
        return f"It grew as {evidence.reference} did."
    found = "more" if growth.value > 0.0 else "less"
    chance = "more than chance explains" if growth.p <= 1.0 - evidence.level else "no more than chance explains"
    level = percent(evidence.level, 0)
    ends = f"{percent(growth.lower, 2, signed=True)} to {percent(growth.upper, 2, signed=True)}"
    return f"In this test it grew {apart} {found} than {evidence.reference}: {chance} ({level} interval {ends})."


def _sure(difference: EstimateWithTest, reference: str, years: float) -> str:
    """How sure the difference in J is, and how long a test would settle it."""
    less, more, level = -difference.upper, -difference.lower, percent(difference.level, 0)
    if math.isinf(less) and math.isinf(more):
        return (
            "The test holds too few episodes to tell how sure that is: nothing ends the drift of either policy between "
            "its days, and the worst months to come decide the difference."
        )
    if math.isinf(more):
        said = (
            f"With {level} confidence it saves at least {number(less)} bp"
            if less > 0.0
            else f"With {level} confidence it loses no more than {number(-less)} bp against {reference}"
        )
        said += f"; how much more, the test cannot tell: nothing ends the drift of {reference} between its days."
    elif math.isinf(less):
        said = f"With {level} confidence it saves at most {number(more)} bp; the least is not known."
    else:
        said = f"The {level} interval of what it saves is {number(less)} to {number(more)} bp (p {difference.p:.2f})."
    if difference.p <= 1.0 - difference.level or not difference.error > 0.0 or abs(difference.value) < SMALL:
        return said
    needed = years * (detectable_difference(difference.error) / difference.value) ** 2
    return (
        f"{said} To find a difference of this size takes a test of about {needed:,.0f} years; this one has {years:.0f}."
    )


def _no_better(made: Recommendation, scores: Mapping[str, Score]) -> str:
    if len(scores) == 1:
        return "It is the only policy: there is nothing to compare it with."
    if made.best in (None, made.policy):
        return "No other policy within the limits has a lower loss."
    gap = scores[made.policy or ""][LOSS] - scores[made.best or ""][LOSS]
    return f"The lowest loss, of {made.best}, is {number(gap)} bp a year lower: not a material difference."


def _others(made: Recommendation) -> str:
    """Which policies are as good, and of which that is not known."""
    confident = f"{number(made.margin, 1)} bp a year, with {percent(CONFIDENCE, 0)} confidence"
    as_good = made.as_good
    if len(made.excess) < 2:
        return ""
    said = f"As good, within {confident}: {listed(as_good)}." if as_good else f"No other policy is within {confident}."
    unknown = [n for n, most in made.excess.items() if math.isinf(most) and n in made.members]
    return f"{said} Not known, for too few episodes: {listed(unknown)}." if unknown else said
