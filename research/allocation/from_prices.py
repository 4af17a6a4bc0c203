"""Weights of an allocation from a table of prices, in one call."""

import pandas as pd

from research.allocation.allocation import Allocation, answer_of
from research.market import market_from_frame
from research.market.reading.sources import Missing


def weights_from_prices(allocation: Allocation, prices: pd.DataFrame, missing: Missing = "error") -> pd.Series:
    """The target of an allocation at the close of the last row of prices, by name; fraction of NAV, cash is the rest.

    allocation : allocation; a window of T returns needs T + 1 prices.
    prices     : (T, n) total-return (dividend-adjusted) prices, dates down, empty before an asset is listed.
    missing    : "error", or "halt" for an asset without a price on some days since, as of `market_from_frame`.
    Raises     : as `market_from_frame`; what the allocation raises.

    >>> prices = pd.DataFrame({"A": [1.0, 1.1, 1.0], "B": [1.0, 1.2, 1.0]}, pd.bdate_range("2024-01-02", periods=3))
    >>> from research.allocation import InverseVolatility
    >>> weights_from_prices(InverseVolatility(window=2), prices).round(2).to_dict()
    {'A': 0.66, 'B': 0.34}
    """
    market = market_from_frame(prices, missing=missing)
    weights = answer_of(allocation, market.past(len(market.dates) - 1)).weights
    return pd.Series(weights, index=list(market.assets), name=type(allocation).__name__)
