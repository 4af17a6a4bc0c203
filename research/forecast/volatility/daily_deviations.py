"""Measures of the size of each line's move on a day: its absolute return, or the range of its prices."""

from typing import Literal

import numpy as np

from foundation.arrays import Array
from research.market import Past

Measure = Literal["return", "range"]
MEASURES: tuple[Measure, ...] = ("return", "range")


def daily_deviations(past: Past, measure: Measure) -> Array:
    """(T, n) of each day, about the standard deviation of the day's return; 0 where a line is not listed.

    measure : return   the absolute return, times √(π / 2), the mean of which is the deviation of normal returns;
              range    the root of the squared return overnight and Parkinson's variance of the day, where there are
                       bars; else the absolute return.
    Source  : Parkinson (1980), The extreme value method for estimating the variance of the rate of return, Journal of
              Business 53; Forsberg and Ghysels (2007), Why do absolute returns predict volatility so well?, Journal of
              Financial Econometrics 5.
    """
    moved = np.abs(past.returns) * np.sqrt(np.pi / 2.0)
    if measure == "return" or past.bars is None:
        return moved
    low, high, opened = (past.bars[name] for name in ("low", "high", "open"))
    known = np.isfinite(low) & np.isfinite(high) & np.isfinite(opened) & np.isfinite(past.prices) & (low > 0.0)
    low, high, opened, close = (np.where(known, x, 1.0) for x in (low, high, opened, past.prices))
    overnight = np.log1p(np.where(known, past.returns, 0.0)) - np.log(close / opened)
    found = np.sqrt(overnight**2 + np.log(high / low) ** 2 / (4.0 * np.log(2.0)))
    return np.where(known & past.tradable, found, moved)
