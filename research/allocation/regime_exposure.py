"""Exposure by the probabilities of regimes: the rest of the portfolio is cash."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from foundation.arguments import is_number, one_of, refuse
from foundation.arrays import Array
from foundation.errors import ConfigError
from research.allocation.allocation import Allocation
from research.allocation.answer import Answer
from research.allocation.estimated import EstimationSchedule
from research.allocation.in_turn import part_answer
from research.allocation.wrapper import Wrapper
from research.forecast import Regimes
from research.market import Past
from research.market.calendars import EVERY


@dataclass(frozen=True)
class RegimeExposure(Wrapper):
    """A share of another allocation's target by today's probabilities of the regimes; the rest is cash.

    allocation : the portfolio to hold.
    regimes   : of one line of the market, fitted before or refitted on a schedule of their own.
    schedule  : "day", "week", "month", "quarter" or "year".
    exposures : share of the portfolio to hold in each regime, 0 to 1, the calmest first; by default all of it but in
                the most turbulent, where it holds none. What it holds is their mean by the probabilities.
    Raises    : ConfigError for another schedule, and for a share outside 0 to 1; on its schedule, ConfigError for
                another number of shares than of regimes, PolicyError on a date before the end of the regimes' fit,
                DataError where no regimes were found yet.
    Source    : Ang and Bekaert (2004), How Regimes Affect Asset Allocation, Financial Analysts Journal 60(2): their
                switch between stocks and cash, by degrees.
    """

    allocation: Allocation
    regimes: Regimes
    schedule: EstimationSchedule = "week"
    exposures: tuple[float, ...] | None = None

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the schedule and the shares."""
        one_of("schedule of RegimeExposure is", self.schedule, EVERY)
        if self.exposures is not None and not all(is_number(one) and 0.0 <= one <= 1.0 for one in self.exposures):
            refuse("exposures of RegimeExposure are", self.exposures, "give a share from 0 to 1 for each regime.")

    @property
    def window(self) -> int:
        """Number of returns that the portfolio's allocation or the regimes need, whichever is more."""
        return max(self.allocation.window, self.regimes.window)

    def answer(self, past: Past) -> Answer:
        """(n,) weights of the portfolio, fraction of NAV, times the share of today; with the portfolio's reasons.

        Raises : as the class says.
        """
        fitted, notes = self.regimes.in_force(past)
        share = float(fitted.probabilities(past)[-1] @ self.shares(fitted.names))
        answer = part_answer(self.allocation, past).times(share)
        return replace(answer, notes=(*answer.notes, *notes)) if notes else answer

    def shares(self, names: tuple[str, ...]) -> Array:
        """(k,) share of the portfolio to hold in each of k regimes. Raises ConfigError for another number of them."""
        if self.exposures is None:
            return np.append(np.ones(len(names) - 1), 0.0)
        if len(self.exposures) != len(names):
            raise ConfigError(
                f"exposures of RegimeExposure are {len(self.exposures)}, and {self.regimes.line} has {len(names)} "
                f"regimes ({', '.join(names)}). Give one for each, the calmest first."
            )
        return np.array(self.exposures, dtype=float)
