"""The keys `last_trade`, `test_start` and `periods_per_year` of a portfolio file, on the days of its market."""

import pandas as pd

from research.market import Market
from research.portfolio.document import Document

FREQUENCY = 0.15  # by how much periods_per_year may differ from the rows of the market; daily markets have 242 to 261
YEAR = 365.25  # days
EDGES = 3  # rows by which a weekend or a holiday at its ends moves the count of a short market


def read_last_trade(document: Document, market: Market) -> pd.Timestamp:
    """The day of the last trade, not after the last close."""
    day, last = document.day("last_trade"), market.dates[-1]
    if day > last:
        fix = f"Give a day that is not after {last:%Y-%m-%d}, or a market with later data."
        document.refuse(("last_trade",), "lies after the last close of the market", f"{day:%Y-%m-%d}", fix)
    return day


def read_test_start(document: Document, market: Market) -> pd.Timestamp:
    """The first day of the test, within the data."""
    day, first, last = document.day("test_start"), market.dates[0], market.dates[-1]
    if not first < day <= last:
        fix = f"Choose a day after {first:%Y-%m-%d} and not after {last:%Y-%m-%d}."
        document.refuse(("test_start",), "the test starts outside the data", f"{day:%Y-%m-%d}", fix)
    return day


def read_periods_per_year(document: Document, market: Market) -> int:
    """Periods a year. Raises ConfigError where the market has another number of rows a year."""
    stated = document.whole("periods_per_year", at_least=1, default=252)
    rows, days = len(market.days) - 1, int((market.days[-1] - market.days[0]).astype("int64"))
    expected = stated * days / YEAR
    if abs(rows - expected) > max(FREQUENCY * expected, EDGES):
        a_year = rows * YEAR / days
        what = (
            f"not the frequency of market {market.name!r}, which has {a_year:.1f} rows a year from "
            f"{market.dates[0]:%Y-%m-%d} to {market.dates[-1]:%Y-%m-%d}"
        )
        fix = f"Write `periods_per_year: {max(round(a_year), 1)}`, or give a market with {stated} rows a year."
        document.refuse(("periods_per_year",), what, stated, fix)
    return stated
