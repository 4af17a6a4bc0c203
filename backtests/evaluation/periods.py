"""The best and the worst day, calendar month, quarter and year of a return series."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundation.arrays import Array
from research.risk.series import compounding

PERIODS = {"day": "D", "month": "M", "quarter": "Q", "year": "Y"}


@dataclass(frozen=True)
class Extreme:
    """One period. period : "2020-03-16", "2020-03", "2020-Q1" or "2020".  value : its return, fraction."""

    period: str
    value: float
    incomplete: bool = False


@dataclass(frozen=True)
class Extremes:
    """The best and the worst of the periods of one length; the first of equal ones.

    count  : number of periods.
    gains  : share of them with a return above zero.
    best   : the highest return.
    worst  : the lowest return.
    """

    count: int
    gains: float
    best: Extreme
    worst: Extreme


def extremes(days: NDArray[np.datetime64], returns: Array) -> dict[str, Extremes]:
    """By length, "day", "month", "quarter" and "year": the best and the worst period, compounded.

    days    : (D + 1,) closes, increasing, the one before the first return first.
    returns : (D,) fraction.
    Raises  : DataError for a return of -1 or below.

    The first period is `incomplete` where the opening close is in it, the last where a weekday of it follows the last
    close; that is a period of the test all the same, and may be the best or the worst.
    """
    dates, grown = days.astype("datetime64[D]"), 1.0 + compounding(returns)
    found = {}
    for name, unit in PERIODS.items():
        numbers = _numbers(dates, unit)
        periods, first = np.unique(numbers[1:], return_index=True)
        values = returns if unit == "D" else np.multiply.reduceat(grown, first) - 1.0
        partial = np.zeros(len(periods), dtype=bool)
        if unit != "D":
            partial[0] = numbers[0] == periods[0]
            partial[-1] |= bool(np.busday_count(dates[-1] + 1, _end(int(periods[-1]), unit)) > 0)
        made = [
            Extreme(_words(int(periods[row]), unit), float(values[row]), bool(partial[row]))
            for row in (int(values.argmax()), int(values.argmin()))
        ]
        found[name] = Extremes(len(values), float((values > 0.0).mean()), *made)
    return found


def _numbers(dates: NDArray[np.datetime64], unit: str) -> NDArray[np.int64]:
    """(T,) number of the period of each date since 1970."""
    if unit == "Q":
        quarters: NDArray[np.int64] = dates.astype("datetime64[M]").astype(np.int64) // 3
        return quarters
    return dates.astype(f"datetime64[{unit}]").astype(np.int64)


def _end(period: int, unit: str) -> np.datetime64:
    """The first day after a period."""
    month = (period + 1) * {"M": 1, "Q": 3, "Y": 12}[unit]
    return np.datetime64(month, "M").astype("datetime64[D]")


def _words(period: int, unit: str) -> str:
    return (
        f"{1970 + period // 4}-Q{period % 4 + 1}" if unit == "Q" else str(np.array(period, dtype=f"datetime64[{unit}]"))
    )
