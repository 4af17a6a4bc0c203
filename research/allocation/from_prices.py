"""Weights of an allocation from a table of prices, in one call."""

import numpy as np
import pandas as pd

from research.allocation.allocation import Allocation, answer_of
from research.market import market_from_frame
from research.market.calendars import Days, sessions
from research.market.reading.sources import Missing
from research.market.reading.tables import table_of


def weights_from_prices(
    allocation: Allocation, prices: pd.DataFrame, missing: Missing = "error", calendar: str | None = None
) -> pd.Series:
    """The target of an allocation at the close of the last row of prices, by name; fraction of NAV, cash is the rest.

    allocation : allocation; a window of T returns needs T + 1 prices.
    prices     : (T, n) total-return (dividend-adjusted) prices, dates down, empty before an asset is listed.
    missing    : "error", or "halt" for an asset without a price on some days since, as of `market_from_frame`.
    calendar   : exchange calendar of the rows, as of `market_from_frame`; by default XNYS where all are its sessions,
                 else "24/5", such as weekdays or ends of months, or "24/7" where a row is on a weekend.
    Raises     : as `market_from_frame`; what the allocation raises.

    >>> prices = pd.DataFrame({"A": [1.0, 1.1, 1.0], "B": [1.0, 1.2, 1.0]}, pd.bdate_range("2024-01-02", periods=3))
    >>> from research.allocation import InverseVolatility
    >>> weights_from_prices(InverseVolatility(window=2), prices).round(2).to_dict()
    {'A': 0.66, 'B': 0.34}
    """
    calendar = calendar or _calendar_of(table_of(prices).days)
    market = market_from_frame(prices, missing=missing, calendar=calendar)
    weights = answer_of(allocation, market.past(len(market.dates) - 1)).weights
    return pd.Series(weights, index=list(market.assets), name=type(allocation).__name__)


def _calendar_of(days: Days) -> str:
    """The narrowest calendar of which all days (T,) are sessions."""
    if np.isin(days.astype("int64"), sessions(days[0], days[-1], "XNYS").astype("int64")).all():
        return "XNYS"
    return "24/5" if np.is_busday(days).all() else "24/7"
