"""A portfolio made by hand as its book has it."""

from dataclasses import replace

import numpy as np
import pandas as pd

from research.portfolio import Portfolio
from research.portfolio.holdings.book import Book, BookLots
from research.portfolio.holdings.tax_file import tax_lots_of


def of_book(portfolio: Portfolio, book: Book) -> Portfolio:
    """The portfolio of one account in one currency with what a book holds."""
    (holder,), tax = book.holders, portfolio.tax_lots
    shares = np.array([float(holder.units[asset]) for asset in portfolio.market.assets])
    if tax is not None and book.lots is not None:
        rules = replace(tax.rules, realised=book.realised.get(f"{portfolio.trade_day:%Y}", 0.0))
        tax = tax_lots_of(BookLots(book.lots, book.sold_at_loss), rules, portfolio.market.assets, ())
    return replace(
        portfolio,
        shares=shares,
        holdings=shares * portfolio.prices.per_unit,
        cash=float(holder.cash["USD"]),
        blotter=book.blotter,
        tax_lots=tax,
        last_trade=min(pd.Timestamp(book.last_trade), portfolio.date),
    )


def later(portfolio: Portfolio, split: int = 1, paid: int = 2) -> Portfolio:
    """Two sessions later: A was split two for one on the first, and pays 0.505 a unit on the second.

    split, paid : rows of the split and the dividend; -1 for none.
    """
    market = portfolio.market
    splits, dividends = np.ones((3, 2)), np.zeros((3, 2))
    if split >= 0:
        splits[split, 0] = 2.0
    if paid >= 0:
        dividends[paid, 0] = 0.505
    dates = pd.DatetimeIndex(["2022-12-29", "2022-12-30", "2023-01-03"])
    prices = np.array([[100.0, 50.0], [50.0, 50.0], [50.0, 50.0]])
    return replace(portfolio, market=replace(market, dates=dates, prices=prices, splits=splits, dividends=dividends))
