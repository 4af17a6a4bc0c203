"""Targets estimated from a window of returns without further settings, and the settings that all estimates share."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from research.arguments import shown
from research.arrays import Array
from research.errors import ConfigError
from research.forecast.returns import check_window, complete_returns
from research.market import Past
from research.market.calendars import EVERY

EstimationSchedule = Literal["day", "week", "month", "quarter", "year"]


@dataclass(frozen=True)
class InverseVolatility:
    """Weights in inverse proportion to volatility: equal risk contributions where all correlations are equal.

    window : number of returns, at least 2.
    schedule : "day", "week", "month", "quarter" or "year".
    Raises : ConfigError for settings outside these; on its schedule, DataError for a line whose returns do not vary.
    Source : Maillard, Roncalli, Teiletche (2010), The Properties of Equally Weighted Risk Contribution Portfolios.
    """

    window: int = 252
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("InverseVolatility", self.window, self.schedule)

    def target(self, past: Past) -> Array:
        """(n,) weights that sum to one over the lines with a complete window; zero for the others."""
        returns, lines = complete_returns(past, self.window)
        inverse = 1.0 / returns.std(axis=0, ddof=1)
        return placed(inverse / inverse.sum(), lines, past)


def placed(weights: Array, lines: NDArray[np.int64], past: Past) -> Array:
    """(n,) weights (k,), fraction of NAV, of the columns `lines` (k,) among all lines of the market.

    Zero for the others.
    """
    target = np.zeros(len(past.assets))
    target[lines] = weights
    return target


def check_estimate(owner: str, window: int, schedule: str) -> None:
    """Raise ConfigError unless the window holds two returns at least and the schedule is a calendar period."""
    check_window(owner, window)
    check_schedule(owner, schedule)


def check_schedule(owner: str, schedule: str) -> None:
    """Raise ConfigError unless the schedule is a calendar period."""
    if schedule not in EVERY:
        raise ConfigError(f"schedule of {owner} is {shown(schedule)}. Use one of {', '.join(EVERY)}.")
