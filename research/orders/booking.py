"""Books from portfolios: opened from what is held, written after fills, and moved by the splits and dividends since."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import chain

import numpy as np
import pandas as pd

from foundation.arguments import did_you_mean
from foundation.canonical import decimal
from foundation.errors import DataError
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.blotter import NO_AMOUNT, Blotter
from research.portfolio.holdings.book import Book, BookLots, HeldLot, Holder, Opening
from research.portfolio.holdings.cash_entries import CashEntry
from research.portfolio.holdings.rates import rounded


def portfolio_of(book: Book) -> Portfolio:
    """The portfolio of a book, with what the book holds. Raises ConfigError for what is wrong in its file."""
    keys = dict.fromkeys(("file", "columns", "symbols", "decimal", "not_held"))
    return load_portfolio(book.file, {"positions": keys | {"book": book.name}})


def open_book(portfolio: Portfolio, name: str) -> Book:
    """A book of what a portfolio holds now, by its file or the positions of a broker.

    An asset that the file states in currency, and that has a quote, is held in units from here on.
    """
    blank = Book(name, portfolio.file, portfolio.basis, portfolio.date.date(), portfolio.last_trade.date(), ())
    book = book_after(blank, portfolio)
    lots = None if book.lots is None else BookLots(book.lots, book.sold_at_loss)
    return replace(book, opening=Opening(book.last_trade, lots))


def book_after(book: Book, portfolio: Portfolio) -> Book:
    """The book with what a portfolio holds after fills, and with its blotter."""
    tax, days = portfolio.tax_lots, [fill.day for fill in (portfolio.blotter or Blotter()).standing]
    quoted = ~np.isnan(portfolio.prices.per_unit)
    realised = {} if tax is None else {f"{portfolio.trade_day:%Y}": tax.rules.realised}
    return replace(
        book,
        last_trade=max([book.opening.last_trade if book.opening else book.last_trade, *days]),
        holders=tuple(_holders(portfolio)),
        unquoted=tuple(asset for asset, known in zip(portfolio.market.assets, quoted, strict=True) if not known),
        lots=None if tax is None else tuple(_lots(portfolio)),
        realised={**book.realised, **realised},
        sold_at_loss={} if tax is None else {asset: day.date() for asset, day in tax.sold_at_loss.items()},
        blotter=portfolio.blotter or Blotter(),
    )


def _holders(portfolio: Portfolio) -> Iterator[Holder]:
    assets, basis, currencies = portfolio.market.assets, portfolio.basis, portfolio.currencies
    for each in portfolio.accounts:
        units = {asset: decimal(held) for asset, held in zip(assets, each.units, strict=True)}
        yield Holder(each.name, units, _exact(each.cash_by_currency(basis)))
    if not portfolio.accounts:
        rates = np.ones(len(assets)) if currencies is None else currencies.of_lines
        prices = portfolio.prices.per_unit
        values = np.where(np.isnan(prices), portfolio.holdings / rates, portfolio.holdings / prices)
        held = np.where(np.isnan(portfolio.shares), values, portfolio.shares)
        yield Holder(
            "", {asset: decimal(x) for asset, x in zip(assets, held, strict=True)}, _exact(portfolio.cash_by_currency)
        )


def _exact(cash: Mapping[str, float]) -> dict[str, Decimal]:
    return {currency: decimal(amount) for currency, amount in cash.items()}


def _lots(portfolio: Portfolio) -> Iterator[HeldLot]:
    assert portfolio.tax_lots is not None
    of_lines = zip(portfolio.market.assets, portfolio.tax_lots.lots, portfolio.tax_lots.sheltered, strict=True)
    for asset, taxed, sheltered in of_lines:
        for lot in chain(taxed, sheltered):
            yield HeldLot(asset, lot.account, lot.date.date(), lot.units, lot.price)


# -- splits and dividends since it was opened --------------------------------------------------------------------------


@dataclass(frozen=True)
class CorporateAction:
    """A split or a dividend by the market's data.

    name     : name by which it is booked.
    asset    : asset.
    day      : its ex-date.
    split    : units after for one unit before; 1 for a dividend.
    cash     : by account, what a dividend pays, in whole cents; {} for a split.
    currency : currency of the cash.
    """

    name: str
    asset: str
    day: date
    split: Decimal
    cash: Mapping[str, Decimal]
    currency: str

    @property
    def words(self) -> str:
        """The event in words."""
        paid = sum(self.cash.values(), NO_AMOUNT)
        split = f"{self.split.normalize():f} units of {self.asset} for each one held before {self.day}"
        return f"{self.name}: {f'{self.asset} paid {paid:,} {self.currency} (ex {self.day})' if paid else split}"


def events_since(book: Book, portfolio: Portfolio) -> tuple[CorporateAction, ...]:
    """The splits and dividends since a book was opened that are not booked, by the market of the portfolio.

    A dividend is of the units that were held at the close before its ex-date, and is not proposed in an account in
    which an entry of the broker booked it. Both are in the order of their days, and a split is booked before what
    follows it in its asset.
    """
    paid = {(entry.event, entry.account) for entry in book.entries}
    rest = (
        replace(
            event, cash={account: cash for account, cash in event.cash.items() if (event.name, account) not in paid}
        )
        for event in all_events(book, portfolio)
        if event.name not in book.events
    )
    return tuple(event for event in rest if event.cash or event.split != 1)


def all_events(book: Book, portfolio: Portfolio) -> Iterator[CorporateAction]:
    """The splits and dividends since a book was opened, booked or not, by the market of the portfolio."""
    market, none = portfolio.market, np.zeros(portfolio.market.shape)
    splits = none + 1.0 if market.splits is None else market.splits
    dividends = none if market.dividends is None else market.dividends
    since = (market.dates > pd.Timestamp(book.opened))[:, None]
    for t, i in np.argwhere(since & ((splits != 1.0) | (dividends != 0.0))).tolist():
        asset, day, currency = market.assets[i], market.dates[t].date(), portfolio.quoted_in[i]
        held = {holder.account: _held_before(book, holder, asset, day) for holder in book.holders}
        if splits[t, i] != 1.0 and any(held.values()):
            yield CorporateAction(f"split-{asset}-{day}", asset, day, decimal(splits[t, i]), {}, currency)
        paid, of_day = decimal(dividends[t, i]), Decimal(1)  # of_day: units of that day for one unit of the book
        for s in np.flatnonzero(since[:, 0] & (splits[:, i] != 1.0)).tolist():
            done = f"split-{asset}-{market.dates[s].date()}" in book.events
            split = decimal(splits[s, i])
            of_day = of_day / split if done and s > t else of_day * split if not done and s <= t else of_day
        cash = {account: rounded(currency, units * of_day * paid) for account, units in held.items()}
        if any(cash.values()):
            yield CorporateAction(f"dividend-{asset}-{day}", asset, day, Decimal(1), cash, currency)


def _held_before(book: Book, holder: Holder, asset: str, day: date) -> Decimal:
    """Units at the close before a day, as they count now."""
    own = (fill for fill in book.blotter.fills if (fill.account, fill.asset) == (holder.account, asset))
    return holder.units.get(asset, NO_AMOUNT) - sum((fill.units for fill in own if fill.day >= day), NO_AMOUNT)


def with_event(book: Book, portfolio: Portfolio, name: str) -> Book:
    """The book after one of its `events_since`. Raises DataError for another name, and before an earlier split."""
    found = {event.name: event for event in events_since(book, portfolio)}
    if name not in found:
        raise DataError(f"book {book.name} has no split or dividend {name!r} to be booked. {did_you_mean(name, found)}")
    event, blotter = found[name], book.blotter
    for other in found.values():
        if other.asset == event.asset and other.split != 1 and other.day < event.day:
            raise DataError(f"{name} follows {other.name}, which is not booked: book that first.")
    by, asset, opening = event.split, event.asset, book.opening
    orders = tuple(
        replace(each, quantity=each.quantity * by, filled=each.filled * by, price=each.price and each.price / float(by))
        if each.asset == asset and not each.in_money
        else each
        for each in blotter.orders
    )
    fills = tuple(
        replace(each, units=each.units * by) if each.asset == asset and each.day < event.day else each
        for each in blotter.fills
    )
    return replace(
        book,
        holders=tuple(_moved(holder, event) for holder in book.holders),
        lots=book.lots and _split_lots(book.lots, event),
        opening=opening and replace(opening, lots=opening.lots and _split_opening(opening.lots, event)),
        entries=(*book.entries, *_dividends(event)),
        blotter=replace(blotter, orders=orders, fills=fills),
        events=(*book.events, name),
    )


def _split_lots(lots: Sequence[HeldLot], event: CorporateAction) -> tuple[HeldLot, ...]:
    by = float(event.split)
    return tuple(
        replace(lot, units=lot.units * by, price=lot.price / by) if lot.asset == event.asset else lot for lot in lots
    )


def _split_opening(of: BookLots, event: CorporateAction) -> BookLots:
    return replace(of, lots=_split_lots(of.lots, event))


def _dividends(event: CorporateAction) -> Iterator[CashEntry]:
    """The entries of a dividend by the market's data, one an account."""
    for account, cash in ((account, cash) for account, cash in event.cash.items() if cash):
        named = market_entry(event.name, account)
        yield CashEntry(named, "dividend", event.day, account, event.currency, cash, event.asset, "", event.name)


def market_entry(event: str, account: str) -> str:
    """The id of the entry of a dividend by the market's data."""
    return f"{event} {account}".strip()


def _moved(holder: Holder, event: CorporateAction) -> Holder:
    units = {asset: held * event.split if asset == event.asset else held for asset, held in holder.units.items()}
    paid = event.cash.get(holder.account, NO_AMOUNT)
    cash = {**holder.cash, event.currency: holder.cash.get(event.currency, NO_AMOUNT) + paid} if paid else holder.cash
    return replace(holder, units=units, cash=cash)
