"""An estimate with its interval: one record for all that is estimated, and one way to print it."""

from collections.abc import Callable
from math import isinf
from typing import Self, TypeVar

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError
from foundation.paper.wording import number

Found = TypeVar("Found")
INTERVAL_LEVEL = 0.95  # confidence of the intervals of policies and rules
POWER = 0.80  # probability with which a detectable difference is found
WEAK_YEARS = 3  # of a test, below which most differences are not significant


@dataclass(frozen=True)
class Estimate:
    """A number that was estimated, and the interval that holds the true one with a confidence.

    value        : the estimate.
    lower, upper : ends of the interval, in the unit of the estimate.
    level        : confidence of the interval, such as 0.95.
    error        : standard error in the same unit; NaN where the interval does not come from one.
    """

    value: float
    lower: float
    upper: float
    level: float
    error: float = field(default=float("nan"), compare=False)

    @staticmethod
    def of_draws(value: float, draws: Array, level: float) -> "Estimate":
        """An estimate with the percentile interval of its draws (reps,)."""
        lower, upper = np.quantile(draws, [(1.0 - level) / 2.0, (1.0 + level) / 2.0]).tolist()
        return Estimate(value, lower, upper, level)

    def times(self, factor: float) -> "Estimate":
        """The same in another unit: `factor` > 0 times each number."""
        scaled = {name: factor * getattr(self, name) for name in ("value", "lower", "upper", "error")}
        return replace(self, **scaled)

    def plus(self, constant: float) -> Self:
        """The same of a number that is larger by a constant."""
        return replace(self, **{name: constant + getattr(self, name) for name in ("value", "lower", "upper")})

    def __str__(self) -> str:
        """The estimate with its interval, in four significant digits."""
        return f"{self.value:.4g} [{self.lower:.4g}, {self.upper:.4g}]"

    def interval(self, digits: int = 2) -> str:
        """The interval in words; an end that is not known is infinite, and a dash says that there is none.

        >>> Estimate(1.0, 0.5, float("inf"), 0.95).interval()
        'at least 0.50'
        """
        if self.lower != self.lower:
            return number(None)
        if isinf(self.lower) or isinf(self.upper):
            if isinf(self.lower) and isinf(self.upper):
                return "not known"
            end, which = (self.lower, "at least") if isinf(self.upper) else (self.upper, "at most")
            return f"{which} {number(end, digits)}"
        return f"[{number(self.lower, digits)}, {number(self.upper, digits)}]"

    def text(self, digits: int = 2, *, signed: bool = False) -> str:
        """The estimate with its interval.

        >>> Estimate(-1.234, -2.0, 0.5, 0.95).text()
        '−1.23 [−2.00, 0.50]'
        """
        return f"{number(self.value, digits, signed=signed)} {self.interval(digits)}"


@dataclass(frozen=True, kw_only=True)
class EstimateWithTest(Estimate):
    """An estimate with a test of zero.  p : two-sided, of no difference from zero."""

    p: float

    @property
    def row(self) -> tuple[float, float, float, float]:
        """A row of a table: value, lower, upper, p."""
        return self.value, self.lower, self.upper, self.p


@dataclass(frozen=True)
class NotAvailable:
    """A result that could not be estimated.  reason : the cause, and what would be needed."""

    reason: str


def is_short(rows: int, year: float) -> bool:
    """True if a test has less than `WEAK_YEARS` years. Three calendar years may have two sessions below 3 × 252."""
    return rows < 0.99 * WEAK_YEARS * year


def why_not(found: object) -> str:
    """The reason why a result is not available; "" for one that is there."""
    return found.reason if isinstance(found, NotAvailable) else ""


def or_why_not(estimated: Callable[[], Found]) -> Found | NotAvailable:
    """The result of `estimated`; or, where the data do not allow it (DataError), the reason.

    >>> or_why_not(lambda: 1.0)
    1.0
    """
    try:
        return estimated()
    except DataError as error:
        return NotAvailable(str(error))
