"""Returns in one, three and five years: up to the last close, and up to every close; this year, and the whole test."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtests.evaluation.metrics import LEAST_YEAR, Column
from foundation.arrays import Array
from research.risk import growth

SPANS = {"one_year": 1, "three_years": 3, "five_years": 5}  # whole years up to the last close
TRAILING = (
    Column("year_to_date", "year to date", "%", 100.0),
    Column("one_year", "1 year", "%", 100.0),
    Column("three_years", "3 years", "% a year", 100.0),
    Column("five_years", "5 years", "% a year", 100.0),
)
WHOLE_TEST = Column("whole_test", "whole test", "% a year", 100.0)
WHOLE_SHORT = Column("whole_test", "whole test, shorter than a year", "%", 100.0)


def trailing_returns(days: NDArray[np.datetime64], grown: Array) -> dict[str, float]:
    """Return of each span that ends with the last close and lies within the closes, fraction, in the order of a table.

    days   : (D + 1,) closes, increasing.
    grown  : (D + 1,) what a wealth grew to at each of them, positive.
    Raises : DataError for a path that is not positive.

    Year to date begins with the last close of the year before. A span of n years begins with the last close on or
    before the same day n years earlier (28 February for the 29th); what it grew is taken to the power 1 / n. The whole
    test is a year in 365.25 days, as the CAGR, and is not annualised where it is shorter than a year.
    """
    dates = days.astype("datetime64[D]")
    begins = {"year_to_date": dates[-1].astype("datetime64[Y]").astype("datetime64[D]") - 1}
    begins |= {name: _earlier(dates[-1], years) for name, years in SPANS.items()}
    found = {}
    for name, begin in begins.items():
        if dates[0] <= begin:
            first = int(np.searchsorted(dates, begin, side="right")) - 1
            found[name] = float((grown[-1] / grown[first]) ** (1.0 / SPANS.get(name, 1)) - 1.0)
    span = _span(days)
    found["whole_test"] = growth(grown, span) if span >= LEAST_YEAR else float(grown[-1] / grown[0] - 1.0)
    return found


def rolling_returns(days: NDArray[np.datetime64], grown: Array, years: int) -> Array:
    """Return of each span of so many years that lies within the closes, by the close that ends it: the last (k,) ones.

    days  : (D + 1,) closes, increasing.
    grown : (D + 1,) what a wealth grew to at each of them, positive.
    years : whole years of a span, which begins as one of `trailing_returns` does.
    Returns : fraction a year; none where the closes are of less than that.
    """
    dates = days.astype("datetime64[D]")
    begins = _earlier(dates, years)
    ends = np.flatnonzero(begins >= dates[0])
    firsts = np.searchsorted(dates, begins[ends], side="right") - 1
    found: Array = (grown[ends] / grown[firsts]) ** (1.0 / years) - 1.0
    return found


def trailing_columns(days: NDArray[np.datetime64]) -> tuple[Column, ...]:
    """The columns of a table of these returns, but those that the closes (D + 1,) are too few for."""
    there = trailing_returns(days, np.ones(len(days)))
    whole = WHOLE_TEST if _span(days) >= LEAST_YEAR else WHOLE_SHORT
    return (*(column for column in TRAILING if column.key in there), whole)


def _span(days: NDArray[np.datetime64]) -> float:
    """Calendar days from the first close to the last."""
    return float((days[-1] - days[0]) // np.timedelta64(1, "D"))


def _earlier(days: Any, years: int) -> Any:
    """The same day of the month so many years before, or the last of that month: of one day, or of each of them."""
    months = days.astype("datetime64[M]")
    then = months - 12 * years
    last = (then + 1).astype("datetime64[D]") - 1
    return np.minimum(then.astype("datetime64[D]") + (days - months.astype("datetime64[D]")), last)
