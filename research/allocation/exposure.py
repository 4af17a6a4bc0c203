"""How much of a portfolio to hold, the rest in cash: always the same share, or less when it is volatile.

They wrap any allocation. Whoever claims to have reduced a drawdown by going to cash is held against them: most of such
a reduction is only less exposure (`backtests.audits.matched_exposure`).
"""

from dataclasses import dataclass
from typing import ClassVar

from research.allocation.allocation import Allocation
from research.allocation.estimated import STILL, Every, check_estimate
from research.arguments import check_positive, refuse
from research.arrays import Array
from research.errors import DataError
from research.market import Past


@dataclass(frozen=True)
class ConstantExposure:
    """Always the same share of another allocation's target; the rest is cash.

    exposure : 0.6 holds six tenths of each weight; from 0 to 1.
    """

    allocation: Allocation
    exposure: float

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the share."""
        if isinstance(self.exposure, bool) or not 0.0 <= self.exposure <= 1.0:
            refuse("exposure of ConstantExposure is", self.exposure, "give a share from 0 to 1, such as 0.6.")

    @property
    def refit(self) -> str:
        """When the other one is asked."""
        return self.allocation.refit

    @property
    def window(self) -> int:
        """Returns that the other one needs."""
        return self.allocation.window

    def target(self, past: Past) -> Array:
        """(n,) its share of the other's weights."""
        return self.exposure * self.allocation.target(past)


@dataclass(frozen=True)
class VolatilityTarget:
    """As much of another allocation's target as has this volatility, by its own last returns; the rest is cash.

    volatility : a year, such as 0.10.  most : share of the target, at the most; 1 borrows nothing.
    lookback : returns of which the volatility is taken, each with the weights of today; a line without so many counts
               as if it moved with the others.
    refit : "day", "week", "month", "quarter" or "year".
    Raises : ConfigError for settings outside these; when asked, DataError where the target did not move, or no line
             of it has its whole window.
    Source : Moreira and Muir (2017), Volatility-Managed Portfolios, Journal of Finance 72(4); with volatility, as desks
             do, in place of variance, and a limit on exposure.
    """

    allocation: Allocation
    volatility: float
    lookback: int = 63
    refit: Every = "month"
    most: float = 1.0
    periods_per_year: float = 252.0

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("VolatilityTarget", self.lookback, self.refit)
        numbers = {name: getattr(self, name) for name in ("volatility", "most", "periods_per_year")}
        check_positive(**{f"{name} of VolatilityTarget": value for name, value in numbers.items()})

    @property
    def window(self) -> int:
        """Returns that it or the other one needs, whichever are more."""
        return max(self.lookback, self.allocation.window)

    def target(self, past: Past) -> Array:
        """(n,) the other's weights, all by one factor."""
        weights = self.allocation.target(past)
        known = (weights != 0.0) & past.complete(self.lookback)
        if not known.any():
            raise DataError(
                f"no line of the target of {self.allocation!r} has {self.lookback} returns on {past.date:%Y-%m-%d}. "
                "Give VolatilityTarget a shorter lookback, or start later."
            )
        returns = past.returns[past.t - self.lookback + 1 :][:, known] @ weights[known]
        deviation = float(returns.std(ddof=1) * weights.sum() / weights[known].sum())
        if deviation <= STILL:
            raise DataError(
                f"the target of {self.allocation!r} did not move in the {self.lookback} sessions to "
                f"{past.date:%Y-%m-%d}: it has no volatility to aim at. Leave it as it is."
            )
        return weights * min(self.most, self.volatility / (deviation * self.periods_per_year**0.5))
