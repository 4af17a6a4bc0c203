"""The tax lots and sales of a book, as the fold of its events, from the newest state that its file keeps of them.

A state is of the rules that choose lots, and of the exchange rates up to its day: others have states of their own.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import date
from itertools import groupby
from typing import Any

import pandas as pd

from foundation.canonical import content_hash
from foundation.errors import DataError
from research.accounting.lots.ledger import (
    DatedSale,
    LotEvent,
    LotExchange,
    LotLedger,
    LotSplit,
    LotTrade,
    LotTransfer,
    OpenLoss,
    opened_ledger,
)
from research.accounting.lots.lot import LotSale, TaxLot, TaxRules
from research.accounting.lots.selection import NamedLot
from research.portfolio.holdings.blotter import NO_AMOUNT, Blotter, BookedFill
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.book_file import keep_states, lot_state, whole_book

FOLD = 1  # counts changes of how lots follow from events: states of another fold do not count
EVENTS_A_STATE = 50  # events between two states
OnDay = Callable[[str, date], float | None]


def book_ledger(book: Book, rules: TaxRules, sheltered: Collection[str], on_day: OnDay) -> LotLedger:
    """The lots and the sales of a book.

    rules     : which lots are sold, and the days of a wash sale.
    sheltered : accounts whose gains are not taxed.
    on_day    : value in the basis of one unit of a currency on a day, or None for that at which a fill was booked.
    Raises    : ValueError for a book without lots.
    """
    return _opened(book).after(_events(book, on_day), rules, sheltered)


def kept_ledger(
    book: Book, rules: TaxRules, sheltered: Collection[str], on_day: OnDay, until: Callable[[date], str]
) -> LotLedger:
    """The ledger that `book_ledger` gives, from the newest state in the file of a book, which keeps further ones.

    until : a hash of the exchange rates up to a day.
    """
    chosen = {name: getattr(rules, name) for name in ("lots", "rate", "short_rate", "long_after", "wash_sale_days")}
    kind = content_hash(chosen | {"sheltered": sorted(sheltered), "fold": FOLD})
    assumed = min((split.day for split in book.splits if split.assumed), default=date.max)
    found = lot_state(book, kind, assumed)
    stated = json.loads(found[1]) if found else {}
    if found and stated.pop("rates") == until(found[0]):
        day, ledger = found[0], _ledger_of(stated)
    elif book.opening.day:
        return kept_ledger(whole_book(book), rules, sheltered, on_day, until)
    else:
        day, ledger = date.min, _opened(book)
    states: dict[str, tuple[date, LotLedger]] = {}
    for last, events, is_newest in _pieces(event for event in _events(book, on_day) if event.day > day):
        ledger = ledger.after(events, rules, sheltered)
        if not (is_newest or ledger.uncovered or last >= assumed):
            states[f"{last:%Y-%m}"] = last, (ledger := ledger.closed(last, rules))
    if states and book.rows:
        kept = ((last, json.dumps(_state_of(of) | {"rates": until(last)})) for last, of in states.values())
        keep_states(book, kind, kept)
    return ledger


def _pieces(events: Iterable[LotEvent]) -> Iterator[tuple[date, list[LotEvent], bool]]:
    """Events by day, so many days together that a state is worth it: the last day, the events, true for the newest."""
    days = [
        (day, list(same)) for day, same in groupby(sorted(events, key=lambda each: each.day), lambda each: each.day)
    ]
    piece: list[LotEvent] = []
    for place, (day, same) in enumerate(days, 1):
        piece += same
        if len(piece) >= EVENTS_A_STATE or place == len(days):
            yield day, piece, place == len(days)
            piece = []


def _opened(book: Book) -> LotLedger:
    """The ledger at the opening of a book."""
    if book.opening.lots is None:
        raise ValueError(f"book {book.name} has no tax lots")
    of_file = ((vars(lot) | {"date": pd.Timestamp(lot.date)}) for lot in book.opening.lots.lots)
    opening = [(parts.pop("asset"), TaxLot(**parts)) for parts in of_file]
    held = {(asset, of.account): float(units) for of in book.opening.holders for asset, units in of.units.items()}
    return opened_ledger(opening, held)


def _events(book: Book, on_day: OnDay) -> Iterator[LotEvent]:
    """The events of a book. Arguments as of `book_ledger`."""
    bare = set(book.unquoted)  # held in units of one currency unit
    yield from _corporate_actions(book, on_day)
    for row in Blotter(fills=book.new_fills).standing:
        if row.asset in book.money:
            continue
        worth = float(row.worth)
        if row.currency != book.basis and row.amount:
            rate = float(row.rate) if row.rate is not None else on_day(row.currency, row.day)
            worth = worth if rate is None else float(row.amount) * rate
        units = float(row.amount if row.asset in bare else row.units)
        yield LotTrade(row.day, (row.moment, row.fill_id), row.asset, row.account, units, worth, lots_named_by(row))


def lots_named_by(row: BookedFill) -> tuple[NamedLot, ...]:
    """The lots that a fill names."""
    return tuple(NamedLot(lot.bought, lot.price, float(lot.units)) for lot in row.lots)


def _corporate_actions(book: Book, on_day: OnDay) -> Iterator[LotEvent]:
    """Splits, with the fractions that they sell, exchanges and transfers of a book. Arguments as of `book_ledger`."""

    def rate_of(currency: str, day: date) -> float:
        rate = 1.0 if currency == book.basis else on_day(currency, day)
        if rate is None:
            of = f"no rate of {currency} on {day}, by which costs of book {book.name} count"
            raise DataError(f"{of}. Give its history (`fx: rates.csv`).")
        return rate

    begun = book.opening.day or date.min
    splits = sorted((split for split in book.splits if split.day > begun), key=lambda split: split.day)
    for split, holders in zip(splits, book.holders_before(split.day for split in splits), strict=True):
        yield LotSplit(split.day, split.asset, float(split.by))
        for holder in holders:
            units = holder.units.get(split.asset, NO_AMOUNT)
            if part := split.fraction(units):
                paid = float(split.paid(units)) * rate_of(split.currency, split.day)
                yield LotTrade(split.day, ("", ""), split.asset, holder.account, -float(part), -paid)
    for each in book.exchanges:
        cash, price = (float(amount) * rate_of(each.currency, each.day) for amount in (each.cash, each.price))
        yield LotExchange(each.day, each.asset, each.into, float(each.by), cash, price, float(each.share))
    for moved in book.transfers:
        cost = float(moved.price) * rate_of(moved.currency, moved.acquired)
        yield LotTransfer(moved.day, moved.asset, moved.account, float(moved.units), moved.acquired, cost)


# -- states as JSON ----------------------------------------------------------------------------------------------------


def _state_of(ledger: LotLedger) -> dict[str, Any]:
    """A ledger that is closed and covered as JSON values."""
    sales = [(f"{day}", asset, asdict(sale) | {"lot": _lot(sale.lot)}) for day, asset, sale in ledger.sales]
    return {
        "lots": {asset: [_lot(lot) for lot in lots] for asset, lots in ledger.lots.items()},
        "held": [(*of, units) for of, units in ledger.held.items()],
        "sales": sales,
        "losses": [asdict(loss) | {"day": f"{loss.day}"} for loss in ledger.losses],
        "earlier": ledger.earlier,
        "lost": {asset: f"{day}" for asset, day in ledger.lost.items()},
    }


def _ledger_of(state: Mapping[str, Any]) -> LotLedger:
    """The ledger of a state."""
    return LotLedger(
        {asset: tuple(map(_read_lot, lots)) for asset, lots in state["lots"].items()},
        {(asset, account): units for asset, account, units in state["held"]},
        tuple(
            DatedSale(date.fromisoformat(day), asset, LotSale(**sale | {"lot": _read_lot(sale["lot"])}))
            for day, asset, sale in state["sales"]
        ),
        tuple(OpenLoss(**loss | {"day": date.fromisoformat(loss["day"])}) for loss in state["losses"]),
        (),
        {year: tuple(amounts) for year, amounts in state["earlier"].items()},
        {asset: date.fromisoformat(day) for asset, day in state["lost"].items()},
    )


def _lot(lot: TaxLot) -> dict[str, Any]:
    return vars(lot) | {"date": f"{lot.date:%Y-%m-%d}"}


def _read_lot(lot: Mapping[str, Any]) -> TaxLot:
    return TaxLot(**lot | {"date": pd.Timestamp(lot["date"])})  # type: ignore[operator]
