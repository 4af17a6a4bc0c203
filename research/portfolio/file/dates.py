"""The keys `last_trade`, `test_start` and `periods_per_year` of a portfolio file, on the days of its market."""

import pandas as pd

from research.market import Market
from research.market.calendars import has_rows_a_year, rows_a_year
from research.portfolio.file.document import Document


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
    """Periods a year, by default those of the market. Raises ConfigError where it has another number of rows a year."""
    found = int(rows_a_year(market.days))
    stated = document.whole("periods_per_year", at_least=1, default=found)
    if not has_rows_a_year(market.days, stated):
        what = (
            f"not the frequency of market {market.name!r}, which has {found} rows a year from "
            f"{market.dates[0]:%Y-%m-%d} to {market.dates[-1]:%Y-%m-%d}"
        )
        fix = f"Write `periods_per_year: {found}`, or give a market with {stated} rows a year."
        document.refuse(("periods_per_year",), what, stated, fix)
    return stated
