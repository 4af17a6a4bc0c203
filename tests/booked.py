"""A portfolio made by hand as its book has it."""

from dataclasses import replace

import numpy as np
import pandas as pd

from research.accounting.lots.ledger import LotLedger
from research.portfolio import Portfolio
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.book_ledger import book_ledger
from research.portfolio.holdings.tax_file import tax_lots_of


def of_book(portfolio: Portfolio, book: Book) -> Portfolio:
    """The portfolio of one account in one currency with what a book holds."""
    (holder,), tax = book.holders, portfolio.tax_lots
    shares = np.array([float(holder.units[asset]) for asset in portfolio.market.assets])
    if tax is not None and book.opening.lots is not None:
        ledger = ledger_of(portfolio, book)
        tax = tax_lots_of(book, ledger, tax.rules, portfolio.market.assets, set(), f"{portfolio.trade_day:%Y}")
    return replace(
        portfolio, shares=shares, holdings=shares * portfolio.prices.per_unit, cash=float(holder.cash["USD"]),
        blotter=book.blotter, tax_lots=tax, last_trade=min(pd.Timestamp(book.last_trade), portfolio.date),
    )  # fmt: skip


def ledger_of(portfolio: Portfolio, book: Book) -> LotLedger:
    """The lots and sales of a book with the tax rules and the accounts of a portfolio."""
    assert portfolio.tax_lots is not None
    sheltered = {account.name for account in portfolio.accounts if not account.taxable}
    return book_ledger(book, portfolio.tax_lots.rules, sheltered, lambda *_: None)


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
