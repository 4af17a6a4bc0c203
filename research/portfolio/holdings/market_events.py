"""The splits and dividends that the data of a market know, as events of a book."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd

from foundation.canonical import decimal
from research.market import Market
from research.portfolio.holdings.blotter import BookSplit, split_ratio


def splits_since(market: Market, close: date) -> Iterator[BookSplit]:
    """The splits after a close as the data of a market as it is quoted know them, in the order of their days.

    Fractions that they leave of whole units are paid at the close of their day, as in a backtest.
    """
    if market.splits is not None:
        since = (market.dates > pd.Timestamp(close))[:, None]
        for t, i in np.argwhere(since & (market.splits != 1.0)).tolist():
            by, close_of_day = split_ratio(float(market.splits[t, i])), float(market.prices[t, i])
            paid = None if np.isnan(close_of_day) else decimal(close_of_day)
            yield BookSplit(market.assets[i], market.dates[t].date(), by, True, paid, market.currency[i])


class Dividend(NamedTuple):
    """A dividend of the market's data.  paid : amount of `currency` for each unit held before the open of its day."""

    asset: str
    day: date
    paid: Decimal
    currency: str

    @property
    def name(self) -> str:
        """The name by which it is booked."""
        return f"dividend-{self.asset}-{self.day}"


def dividends_since(market: Market, close: date) -> Iterator[Dividend]:
    """The dividends after a close as the data of a market as it is quoted know them, in the order of their days."""
    if market.dividends is not None:
        since = (market.dates > pd.Timestamp(close))[:, None]
        for t, i in np.argwhere(since & (market.dividends != 0.0)).tolist():
            by = Decimal(1) if market.splits is None else split_ratio(float(market.splits[t, i]))
            paid = decimal(market.dividends[t, i]) * by
            yield Dividend(market.assets[i], market.dates[t].date(), paid, market.currency[i])
