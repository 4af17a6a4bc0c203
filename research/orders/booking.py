"""Books from portfolios: opened from what is held, and moved by fills, and by the splits and dividends since."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import chain

import numpy as np

from foundation.arguments import did_you_mean
from foundation.canonical import decimal
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError
from foundation.paper.wording import grouped
from foundation.tolerances import LOT
from research.accounting.lots.lot import TaxLots
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.blotter import NO_AMOUNT, Blotter, BookedFill
from research.portfolio.holdings.book import Book, BookLots, HeldLot, Holder, Opening
from research.portfolio.holdings.book_ledger import book_ledger
from research.portfolio.holdings.cash_entries import CashEntry
from research.portfolio.holdings.market_events import splits_since
from research.portfolio.holdings.tax_file import rate_of_day

GAINS = "gains"  # name by which those of a book of version 2 are taken


def portfolio_of(book: Book) -> Portfolio:
    """The portfolio of a book, with what the book holds. Raises ConfigError for what is wrong in its file."""
    keys = dict.fromkeys(("file", "columns", "symbols", "decimal", "not_held"))
    return load_portfolio(book.file, {"positions": keys | {"book": book.name}})


def open_book(portfolio: Portfolio, name: str) -> Book:
    """A book of what a portfolio holds now, by its file or the positions of a broker.

    An asset that the file states in currency, and that has a quote, is held in units from here on.
    """
    tax, last, assets = portfolio.tax_lots, portfolio.last_trade.date(), portfolio.market.assets
    lots = None
    if tax is not None:
        at_loss = {asset: day.date() for asset, day in tax.sold_at_loss.items()}
        realised = {f"{portfolio.trade_day:%Y}": tax.rules.realised} if tax.rules.realised else {}
        lots = BookLots(tuple(_held_lots(tax, assets)), at_loss, realised)
    opening = Opening(last, tuple(_holders(portfolio)), lots)
    unquoted = tuple(asset for asset, price in zip(assets, portfolio.prices.per_unit, strict=True) if np.isnan(price))
    sent = portfolio.blotter or Blotter()
    about = (name, portfolio.file, portfolio.basis, portfolio.date.date(), opening, unquoted)
    orders = tuple(replace(each, order_id=each.order_id or f"order-{k}") for k, each in enumerate(sent.orders, 1))
    return Book(*about, sent.asked, sent.ticket, orders)


def with_rows(book: Book, rows: Iterable[BookedFill]) -> Book:
    """The book after rows of fills, whose ids an opening may have had. Raises DataError for more sold than is held."""
    rows = tuple(rows)
    undone = {row.fill_id for row in rows if row.undone}
    if book.opening.lots is not None and (known := undone.intersection(book.opening.has)):
        raise DataError(
            f"{min(known)} was booked by an earlier version, and the tax lots at the opening of the book have it in "
            "them. Open another from what is held now."
        )
    out = book.taken_out(undone)
    return replace(out, fills=(*out.fills, *rows))


def check_units(book: Book, portfolio: Portfolio, before: Book) -> None:
    """Raise DataError where an account holds less than nothing of an asset, and less than before."""
    lots = dict(zip(portfolio.market.assets, portfolio.limits.lots.tolist(), strict=True))
    for old, new in zip(*(each.with_splits_of(portfolio.quoted).holders for each in (before, book)), strict=True):
        for asset, units in new.units.items():
            held = old.units.get(asset, NO_AMOUNT)
            if units < -decimal(LOT * lots.get(asset, 1.0)) and units < held:
                what = f"fills sell {held - units:,f} units of {asset}, and {held:,.10g} are held"
                raise DataError(f"{what}. Correct them, or the holdings.")


def check_costs(book: Book, portfolio: Portfolio) -> None:
    """Raise DataError for costs in a currency without a rate of their day, by which tax lots of a book would count."""
    if book.opening.lots is None or portfolio.tax_lots is None or portfolio.currencies is None:
        return
    on_day = partial(rate_of_day, portfolio.currencies.rates, portfolio.market)
    sheltered = {account.name for account in portfolio.accounts if not account.taxable}
    book_ledger(book, portfolio.tax_lots.rules, sheltered, on_day)


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
            yield HeldLot(asset, **{**vars(lot), "date": lot.date.date()})


# -- splits and dividends since it was opened --------------------------------------------------------------------------


@dataclass(frozen=True)
class CorporateAction:
    """A split or a dividend by the market's data.

    name     : name by which it is booked.
    asset    : asset.
    day      : its ex-date.
    split    : units after for one unit before; 1 for a dividend.
    cash     : by account, what a dividend pays, in whole cents; {} for a split.
    currency : currency of the cash, "" of a split.
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
    which an entry of the broker booked it. Both are in the order of their days.
    """
    market, known = portfolio.quoted, {*(each.name for each in book.splits), *book.opening.has}
    splits = [each for each in splits_since(market, book.opened) if each.name not in known]
    before, found = book.with_splits_of(market).holders_before(each.day for each in splits), list[CorporateAction]()
    for each, held in zip(splits, before, strict=True):
        units = {holder.account: holder.units.get(each.asset, NO_AMOUNT) for holder in held}
        more = {account: each.after(count) - count for account, count in units.items()}
        if any(more.values()):
            found.append(CorporateAction(each.name, each.asset, each.day, each.by, {}, "", more))
    for name, owed in grouped((each.event, each) for each in book.unpaid_of(market)).items():
        cash = {each.account: each.amount for each in owed}
        found.append(CorporateAction(name, owed[0].asset, owed[0].day, Decimal(1), cash, owed[0].currency))
    return tuple(sorted(found, key=lambda each: each.day))


def with_gains(book: Book, portfolio: Portfolio) -> Book:
    """The book of version 2 with gains by the day of each sale in place of those that it kept."""
    lots, tax = book.opening.lots, portfolio.tax_lots
    if lots is None or tax is None or book.kept_gains is None:
        raise DataError(f"book {book.name} has no gains to be taken: it has them by the day of each sale.")
    opening = replace(book.opening, lots=replace(lots, realised=tax.gains_before))
    return replace(book, opening=opening, kept_gains=None, kept_fills=0)


def with_event(book: Book, portfolio: Portfolio, name: str) -> Book:
    """The book after one of its `events_since`. Raises DataError for another name."""
    found = {event.name: event for event in events_since(book, portfolio)}
    if name not in found:
        if name in {*(each.name for each in book.splits), *(each.event for each in book.entries), *book.opening.has}:
            raise DataError(f"book {book.name} has {name} already.")
        fix = did_you_mean(name, found) if found else "Nothing else is, either."
        raise DataError(f"book {book.name} has no split or dividend {name!r} to be booked. {fix}")
    splits = [replace(each, assumed=False) for each in splits_since(portfolio.quoted, book.opened) if each.name == name]
    return replace(book, splits=(*book.splits, *splits), entries=(*book.entries, *_unpaid(book, portfolio, name)))


def without_event(book: Book, portfolio: Portfolio, name: str) -> Book | None:
    """The book without what a name is: an exchange, a transfer, or a dividend that never comes; None for no such name.

    A dividend that is dismissed is booked with nothing paid, in whose place the broker's amount still comes.
    """
    if name in {each.name for each in book.exchanges}:
        return replace(book, exchanges=tuple(each for each in book.exchanges if each.name != name))
    if name in {each.transfer_id for each in book.transfers}:
        return replace(book, transfers=tuple(each for each in book.transfers if each.transfer_id != name))
    none = [replace(each, amount=NO_AMOUNT, words="never paid") for each in _unpaid(book, portfolio, name)]
    return replace(book, entries=(*book.entries, *none)) if none else None


def _unpaid(book: Book, portfolio: Portfolio, name: str) -> list[CashEntry]:
    """The entries of a dividend by the market's data that are not booked, one an account; [] of another name."""
    return [each for each in book.unpaid_of(portfolio.quoted) if each.event == name]
