"""Books from portfolios: opened from what is held, written after fills, and moved by the splits and dividends since."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from itertools import chain
from math import prod

import numpy as np
import pandas as pd

from foundation.arguments import did_you_mean
from foundation.canonical import decimal
from foundation.errors import DataError
from research.orders.after_fills import lots_since
from research.portfolio import Portfolio, TaxLots, load_portfolio
from research.portfolio.holdings.blotter import NO_AMOUNT, Blotter, BookedFill, SentOrder
from research.portfolio.holdings.book import Book, BookLots, HeldLot, Holder, Opening
from research.portfolio.holdings.cash_entries import CashEntry
from research.portfolio.holdings.rates import rounded
from research.portfolio.holdings.tax_file import tax_lots_of


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
        lots=None if tax is None else tuple(_held_lots(tax, portfolio.market.assets)),
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


def _held_lots(tax: TaxLots, assets: Sequence[str]) -> Iterator[HeldLot]:
    for asset, taxed, sheltered in zip(assets, tax.lots, tax.sheltered, strict=True):
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
    units    : by account, what a split adds to the units; {} for a dividend.
    """

    name: str
    asset: str
    day: date
    split: Decimal
    cash: Mapping[str, Decimal]
    currency: str
    units: Mapping[str, Decimal] = field(default_factory=dict)

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
    """The splits since a book was opened that are not booked, and the dividends, booked or not, by the market."""
    market, none = portfolio.market, np.zeros(portfolio.market.shape)
    splits = none + 1.0 if market.splits is None else market.splits
    dividends = none if market.dividends is None else market.dividends
    since = (market.dates > pd.Timestamp(book.opened))[:, None]
    for t, i in np.argwhere(since & ((splits != 1.0) | (dividends != 0.0))).tolist():
        asset, day, currency = market.assets[i], market.dates[t].date(), portfolio.quoted_in[i]
        days = {market.dates[s].date(): s for s in np.flatnonzero(since[:, 0] & (splits[:, i] != 1.0)).tolist()}
        factors = {of: decimal(splits[s, i]) for of, s in days.items()}
        left = {of: by for of, by in factors.items() if f"split-{asset}-{of}" not in book.events}
        held = {holder.account: _held_before(book, holder, asset, day, left) for holder in book.holders}
        if day in left and any(held.values()):
            more = {account: units * (left[day] - 1) for account, units in held.items()}
            yield CorporateAction(f"split-{asset}-{day}", asset, day, left[day], {}, currency, more)
        paid = decimal(dividends[t, i]) * left.get(day, Decimal(1))
        later = prod((by for of, by in factors.items() if of > day and of not in left), start=Decimal(1))
        cash = {account: rounded(currency, units / later * paid) for account, units in held.items()}
        if any(cash.values()):
            yield CorporateAction(f"dividend-{asset}-{day}", asset, day, Decimal(1), cash, currency)


def _held_before(book: Book, holder: Holder, asset: str, day: date, left: Mapping[date, Decimal]) -> Decimal:
    """Units at the close before a day, as they count after the splits that are booked and those before the day.

    left : by day, units after for one unit before of the splits of the asset that are not booked.
    """
    own = [fill for fill in book.blotter.fills if (fill.account, fill.asset) == (holder.account, asset)]
    at_opening = holder.units.get(asset, NO_AMOUNT) - sum((fill.units for fill in own), NO_AMOUNT)
    parts = ((book.opened, at_opening), *((fill.day, fill.units) for fill in own if fill.day < day))
    return sum((units * prod(by for of, by in left.items() if since < of < day) for since, units in parts), NO_AMOUNT)


def with_event(book: Book, portfolio: Portfolio, name: str) -> Book:
    """The book after one of its `events_since`. Raises DataError for another name, and before an earlier split."""
    found = {event.name: event for event in events_since(book, portfolio)}
    if name not in found:
        raise DataError(f"book {book.name} has no split or dividend {name!r} to be booked. {did_you_mean(name, found)}")
    event, blotter, opening = found[name], book.blotter, book.opening
    for other in found.values():
        if other.asset == event.asset and other.split != 1 and other.day < event.day:
            raise DataError(f"{name} follows {other.name}, which is not booked: book that first.")
    fills = tuple(
        replace(each, units=each.units * event.split) if each.asset == event.asset and each.day < event.day else each
        for each in blotter.fills
    )
    after = replace(
        book,
        holders=tuple(_moved(holder, event) for holder in book.holders),
        opening=opening and replace(opening, lots=opening.lots and _split_opening(opening.lots, event)),
        entries=(*book.entries, *_dividends(event)),
        blotter=replace(blotter, orders=tuple(_split_orders(blotter, event)), fills=fills),
        events=(*book.events, name),
    )
    if book.lots is None or event.split == 1:
        return after
    sold = [fill for fill in _since(blotter, event) if fill.units < 0]
    return _sold_anew(book, after, portfolio, sold) if sold else replace(after, lots=_split_lots(book.lots, event))


def _since(blotter: Blotter, event: CorporateAction) -> Iterator[BookedFill]:
    """The fills of its asset that stand and were filled on the day of an event or later, in the units after it."""
    return (fill for fill in blotter.standing if fill.asset == event.asset and fill.day >= event.day)


def _split_orders(blotter: Blotter, event: CorporateAction) -> Iterator[SentOrder]:
    """The orders after a split: what was filled before it and what is left of those that were sized before it moves."""
    by, sized_since = event.split, blotter.asked is not None and blotter.asked >= event.day
    for each in blotter.orders:
        if each.asset != event.asset or each.in_money or sized_since:
            yield each
            continue
        own = (of for of in _since(blotter, event) if (of.order_id, of.account) == (each.order_id, each.account))
        since = sum((abs(of.units) for of in own), NO_AMOUNT)
        filled = since + (each.filled - since) * by
        price = each.price and each.price / float(by)
        yield replace(each, quantity=filled + (each.quantity - each.filled) * by, filled=filled, price=price)


def _split_lots(lots: Sequence[HeldLot], event: CorporateAction) -> tuple[HeldLot, ...]:
    """The lots after a split, which moves those that were bought before its day."""
    by = float(event.split)
    return tuple(
        replace(lot, units=lot.units * by, price=lot.price / by)
        if lot.asset == event.asset and lot.date < event.day
        else lot
        for lot in lots
    )


def _split_opening(of: BookLots, event: CorporateAction) -> BookLots:
    return replace(of, lots=_split_lots(of.lots, event))


def _sold_anew(before: Book, after: Book, portfolio: Portfolio, sold: Sequence[BookedFill]) -> Book:
    """The book after a split, with lots and gains anew: sales since its day were booked as of units before it.

    before, after : book before and after the split.
    sold          : sales since its day.
    Raises        : DataError where the lots at the opening are not known.
    """
    old, new = (_lots_since_opening(book, portfolio) for book in (before, after))
    if old is None or new is None:
        raise DataError(
            f"{after.events[-1]} is before fills that sold {sold[0].asset}, and the book does not know the tax lots at "
            "its opening. Open another from what is held now."
        )
    lots = tuple(_held_lots(new, portfolio.market.assets))
    year, more = f"{sold[-1].day:%Y}", new.rules.realised - old.rules.realised
    at_loss = {asset: day.date() for asset, day in new.sold_at_loss.items()}
    realised = {**after.realised, year: after.realised.get(year, 0.0) + more}
    return replace(after, lots=lots, realised=realised, sold_at_loss=at_loss)


def _lots_since_opening(book: Book, portfolio: Portfolio) -> TaxLots | None:
    """The tax lots of a book after its fills, from those at its opening; None where it keeps none."""
    opening = opening_lots(book, portfolio)
    units = {of.account: np.array([float(of.units.get(a, 0)) for a in portfolio.market.assets]) for of in book.holders}
    whole = np.where(np.isnan(portfolio.shares), np.nan, sum(units.values()))
    accounts = tuple(replace(each, units=units[each.name]) for each in portfolio.accounts)
    holding = replace(portfolio, shares=whole, accounts=accounts, blotter=book.blotter)
    return opening and lots_since(holding, opening)


def opening_lots(book: Book, portfolio: Portfolio) -> TaxLots | None:
    """The tax lots when a book was opened, None where it keeps none."""
    if book.opening is None or book.opening.lots is None or portfolio.tax_lots is None:
        return None
    return tax_lots_of(book.opening.lots, portfolio.tax_lots.rules, portfolio.market.assets, portfolio.accounts)


def _dividends(event: CorporateAction) -> Iterator[CashEntry]:
    """The entries of a dividend by the market's data, one an account."""
    for account, cash in ((account, cash) for account, cash in event.cash.items() if cash):
        named = market_entry(event.name, account)
        yield CashEntry(named, "dividend", event.day, account, event.currency, cash, event.asset, "", event.name)


def market_entry(event: str, account: str) -> str:
    """The id of the entry of a dividend by the market's data."""
    return f"{event} {account}".strip()


def _moved(holder: Holder, event: CorporateAction) -> Holder:
    more, paid = (of.get(holder.account, NO_AMOUNT) for of in (event.units, event.cash))
    units = {asset: held + more if asset == event.asset else held for asset, held in holder.units.items()}
    cash = {**holder.cash, event.currency: holder.cash.get(event.currency, NO_AMOUNT) + paid} if paid else holder.cash
    return replace(holder, units=units, cash=cash)
