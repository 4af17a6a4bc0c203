"""Weights in proportion to market capitalisation: what all investors together hold."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from foundation.arrays import Array
from research.allocation.estimated import EstimationSchedule, check_schedule, placed
from research.forecast.views.market_caps import MARKET_CAP, market_caps
from research.market import Past


@dataclass(frozen=True)
class MarketCapWeights:
    """Weights of the listed lines in proportion to their market capitalisation, as known on the day.

    fact     : name of the fact that holds it, in one currency for all lines.
    schedule : "day", "week", "month", "quarter" or "year".
    Raises   : ConfigError for another schedule; when asked, DataError for listed lines without a capitalisation above
               0, which it names.
    Source   : Sharpe (1964), Capital Asset Prices, Journal of Finance 19(3): the market portfolio.
    """

    fact: str = MARKET_CAP
    schedule: EstimationSchedule = "quarter"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    window: ClassVar[int] = 0

    def __post_init__(self) -> None:
        """Check the schedule."""
        check_schedule("MarketCapWeights", self.schedule)

    def target(self, past: Past) -> Array:
        """(n,) weights that sum to one over the listed lines; zero for the others."""
        lines = np.flatnonzero(past.listed[-1])
        caps = market_caps([past.assets[line] for line in lines], past, self.fact)
        return placed(caps / caps.sum(), lines, past)
