"""Time-series momentum: hold what has earned more than cash, and cash in place of what has not."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from foundation.arguments import is_whole, one_of, refuse
from foundation.arrays import Array
from research.allocation.estimated import EstimationSchedule, check_estimate, placed
from research.forecast.returns import complete_returns
from research.market import Past

WEIGHTS = ("equal", "inverse_volatility")


@dataclass(frozen=True)
class Momentum:
    """A share for each line whose return over a window exceeds that of cash; the shares of the others stay in cash.

    window   : number of returns that the share goes by, at least 2; 252 is a year.
    skip     : returns at its end that are left out of the comparison with cash, 0 or more: 21 skips the last month, in
               which prices tend to reverse.
    weights  : shares of all lines with a complete window, which sum to one: "equal", or in proportion to
               "inverse_volatility", of the whole window.
    schedule : "day", "week", "month", "quarter" or "year".
    Raises   : ConfigError for settings outside these; on its schedule, DataError for a line whose returns do not vary.
    Source   : Moskowitz, Ooi, Pedersen (2012), Time Series Momentum, Journal of Financial Economics 104(2): the sign of
               the excess return over twelve months, positions scaled by volatility; here without short positions, and
               without borrowing.
    """

    window: int = 252
    skip: int = 0
    weights: Literal["equal", "inverse_volatility"] = "equal"
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("Momentum", self.window, self.schedule)
        one_of("weights of Momentum is", self.weights, WEIGHTS)
        if not (is_whole(self.skip) and 0 <= self.skip < self.window):
            refuse("skip of Momentum is", self.skip, f"give a whole number of returns, 0 to {self.window - 1}.")

    def target(self, past: Past) -> Array:
        """(n,) the shares of the lines that earned more than cash, fraction of NAV; zero for the others."""
        returns, lines = complete_returns(past, self.window)
        seen = self.window - self.skip
        cash = past.cash[past.t - self.window + 1 :][:seen]
        ahead = np.log1p(returns[:seen]).sum(axis=0) > np.log1p(cash).sum()
        size = np.ones(len(lines)) if self.weights == "equal" else 1.0 / returns.std(axis=0, ddof=1)
        return placed(np.where(ahead, size / size.sum(), 0.0), lines, past)
