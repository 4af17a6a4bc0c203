"""Exposure by the probability of a calm regime: the rest of the portfolio is cash."""

from dataclasses import dataclass
from typing import ClassVar

from research.allocation.allocation import Allocation
from research.allocation.answer import Answer
from research.allocation.estimated import EstimationSchedule
from research.allocation.in_turn import part_answer
from research.allocation.wrapper import Wrapper
from research.arguments import one_of
from research.errors import PolicyError
from research.forecast import Regimes, history
from research.market import Past
from research.market.calendars import EVERY


@dataclass(frozen=True)
class RegimeExposure(Wrapper):
    """Another allocation's target times today's filtered probability of calm; the rest is cash.

    allocation : the portfolio to hold when calm.
    regimes : fitted before, to one line of the market.
    schedule : "day", "week", "month", "quarter" or "year".
    Raises  : ConfigError for another schedule; on its schedule, PolicyError on a date before the end of the regimes'
              fit.
    Source  : Ang and Bekaert (2004), How Regimes Affect Asset Allocation, Financial Analysts Journal 60(2): their
              switch between stocks and cash, by degrees.
    """

    allocation: Allocation
    regimes: Regimes
    schedule: EstimationSchedule = "week"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the schedule."""
        one_of("schedule of RegimeExposure is", self.schedule, EVERY)

    def answer(self, past: Past) -> Answer:
        """(n,) weights of the portfolio, fraction of NAV, times the probability of calm; with the portfolio's reasons.

        Raises : PolicyError on a date before the end of the regimes' fit.
        """
        if past.date < self.regimes.seen:
            raise PolicyError(
                f"regimes of {self.regimes.line} were fitted on days up to {self.regimes.seen:%Y-%m-%d}, but used on "
                f"{past.date:%Y-%m-%d}: they contain later data. Start later, or fit them on fewer days."
            )
        turbulent = float(self.regimes.filtered(history(past, self.regimes.line))[-1])
        return part_answer(self.allocation, past).times(1.0 - turbulent)
