"""Targets that follow their own target of the refit before: smoothed, or with a limit on their turnover.

Such a target is a function of the past alone: the first is the other allocation's, at its first complete window, and
each refit since goes on from the one before it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from foundation.arguments import check_positive, is_number, refuse
from foundation.arrays import Array
from research.allocation.allocation import Allocation
from research.allocation.answer import Answer
from research.allocation.estimated import EstimationSchedule, check_schedule
from research.allocation.in_turn import in_turn, part_answer
from research.allocation.wrapper import Wrapper
from research.market import Past


@dataclass(frozen=True)
class Smoothed(Wrapper):
    """Another allocation's target, smoothed exponentially over its refits.

    allocation : the portfolio.
    half_life  : refits after which a target counts half as much as the last one, above 0. Each refit goes
                 1 - 0.5^(1 / half_life) of the way from the smoothed target before to the portfolio's.
    schedule   : "day", "week", "month", "quarter" or "year"; and the days on which a line leaves the market.
    Raises     : ConfigError for settings outside these.
    Source     : Brown (1956), Exponential Smoothing for Predicting Demand; for targets: Garleanu, Pedersen (2013),
                 Dynamic Trading with Predictable Returns and Transaction Costs, Journal of Finance 68(6), where trading
                 part of the way is optimal.
    """

    allocation: Allocation
    half_life: float = 3.0
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_schedule("Smoothed", self.schedule)
        check_positive(**{"half_life of Smoothed": self.half_life})

    def answer(self, past: Past) -> Answer:
        """(n,) the smoothed target, fraction of NAV; with the reasons of the portfolio's today.

        Raises : NotSolvedError where the portfolio has no solution today, and had none before.
        """
        share = 1.0 - 0.5 ** (1.0 / self.half_life)
        return _followed(self, past, lambda before, aim: before + share * (aim - before))


@dataclass(frozen=True)
class CappedTurnover(Wrapper):
    """Another allocation's target, approached by at most so much turnover a refit.

    It caps the turnover of the target itself, not of trading: a rule has `turnover_cap` for that.
    allocation : the portfolio.
    most       : one-way turnover between two refits of the schedule, above 0 and at most 1, fraction of NAV. Past it
                 the target goes that far towards the portfolio's, on a straight line. What leaves the market is spread
                 over its class first, and is not counted.
    schedule   : "day", "week", "month", "quarter" or "year"; and the days on which a line leaves the market.
    Raises     : ConfigError for settings outside these.
    """

    allocation: Allocation
    most: float = 0.1
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_schedule("CappedTurnover", self.schedule)
        if not (is_number(self.most) and 0.0 < self.most <= 1.0):
            refuse("most of CappedTurnover is", self.most, "give a one-way turnover above 0, at most 1, such as 0.1.")

    def answer(self, past: Past) -> Answer:
        """(n,) the target, fraction of NAV; with the reasons of the portfolio's today.

        Raises : NotSolvedError where the portfolio has no solution today, and had none before.
        """

        def step(before: Array, aim: Array) -> Array:
            change = aim - before
            moved = float(max(change[change > 0.0].sum(), -change[change < 0.0].sum()))
            return aim if moved <= self.most else before + self.most / moved * change

        return _followed(self, past, step)


def _followed(owner: "Smoothed | CappedTurnover", past: Past, step: Callable[[Array, Array], Array]) -> Answer:
    """The answer today of a target that follows its own.

    owner  : allocation whose target is followed, and its schedule.
    past   : market up to today.
    step   : target before (n,), with exited lines spread over their class, and the portfolio's (n,) -> the new target.
    Raises : NotSolvedError where the portfolio has no solution today, and had none before.
    """

    def refit(then: Past, before: Array | None) -> Answer:
        answer = part_answer(owner.allocation, then)
        if before is None:
            return answer
        return answer.within(step(before, answer.weights))

    return in_turn(owner, past, refit)
