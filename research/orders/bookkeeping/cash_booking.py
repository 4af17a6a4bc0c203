"""Cash entries in a book: each is booked once, by the broker or by what knew of it before, and never by both.

A dividend is known by the market's data, a deposit or a withdrawal by the list that counts on it.
"""

from dataclasses import replace

from foundation.errors import DataError
from research.portfolio import Portfolio
from research.portfolio.holdings.book import Book, BookItem
from research.portfolio.holdings.cash_entries import CashEntry, market_entry

FLOW_DAYS = 10  # at most, between the closes of a list and the money that it counts on
TAKEN_BACK = " taken back"  # ends the id of an entry that takes the fee of a fill back


def with_entry(book: Book, portfolio: Portfolio, entry: CashEntry) -> Book:
    """The book after one amount of cash.

    A dividend of the broker takes the place of that of the market's data, whether this one is booked or proposed: the
    latest of its asset whose ex-date is at most `PAY_DAYS` earlier. A deposit or a withdrawal of the broker takes the
    place of the same one of a list, at most `FLOW_DAYS` from its closes, whether this one is booked or waits.
    Raises : DataError for an entry that is booked already, of another account or currency, of units of an asset that
             are not held or have tax lots, and for a dividend that a book of version 1 has booked by the market's data.
    """
    _check(book, entry)
    if not entry.event and (flow := _flow_of(book, entry)):
        items = tuple(replace(item, resolved="booked") if item.entry == flow else item for item in book.items)
        return _booked(replace(_without(book, flow), items=items), replace(entry, event=flow.event))
    dividend = _dividend_of(book, portfolio, entry) if entry.kind == "dividend" else None
    if dividend is None:
        return _booked(book, entry)
    paid = [each for each in book.entries if (each.event, each.account) == (dividend.event, entry.account)]
    if dividend.event in book.opening.has and not paid:
        what = f"{dividend.event} of {dividend.amount:,f} is booked by market data"
        raise DataError(f"{entry.text}: {what}. Dismiss this one.")
    for other in paid:
        if _is_preliminary(other):
            book = _without(book, other)
    return _booked(book, replace(entry, event=dividend.event))


def book_with_flow(book: Book, flow: CashEntry) -> Book:
    """The book with money that a list counts on among its items, until it is booked; as it is where it has it already.

    flow : its `event` names the list. The broker's entry of its account, currency and amount is the same one, if it is
           of the day of the closes or later, and of no other list.
    """
    same = [each for each in book.entries if not each.event and _is_same(each, flow) and each.day >= flow.day]
    if same:
        entries = tuple(replace(each, event=flow.event) if each == same[0] else each for each in book.entries)
        return replace(book, entries=entries)
    if flow.entry_id in {each.entry.entry_id for each in book.items if each.entry}:
        return book
    why = f"{flow.text}, pending: lists count it, and it is booked once its cash is there; --dismiss ends it"
    return replace(book, items=(*book.items, BookItem(flow.entry_id.replace(" ", "-"), why, {}, flow)))


def _flow_of(book: Book, entry: CashEntry) -> CashEntry | None:
    """The money of a list that an entry of the broker is: the nearest one, booked by the list, or an item."""
    known = (*book.entries, *(item.entry for item in book.open_items if item.entry and item.entry.event))
    same = [each for each in known if _is_preliminary(each) and _is_same(each, entry)]
    near = [each for each in same if abs((each.day - entry.day).days) <= FLOW_DAYS]
    return min(near, key=lambda each: abs((each.day - entry.day).days), default=None)


def _is_preliminary(entry: CashEntry) -> bool:
    """True for an entry in whose place the broker's own comes: by the market's data, or by a list."""
    return bool(entry.event) and entry.entry_id == market_entry(entry.event, entry.account)


def _is_same(one: CashEntry, other: CashEntry) -> bool:
    return len({(each.kind, each.account, each.currency, each.amount) for each in (one, other)}) == 1


def _without(book: Book, entry: CashEntry) -> Book:
    """The book without an entry and its cash, as it is where it has not booked it."""
    book = book.taken_out([entry.entry_id])
    return replace(book, entries=tuple(each for each in book.entries if each != entry))


def without_fees_of_undone(book: Book) -> Book:
    """The book without the fees in other currencies of fills that were taken back."""
    for key in dict.fromkeys(row.fill_id for row in book.fills if row.undone):
        of_fill = [entry for entry in book.entries if entry.fill == key]
        if not any(entry.entry_id.endswith(TAKEN_BACK) for entry in of_fill):
            for entry in of_fill:
                book = _booked(book, replace(entry, entry_id=f"{entry.entry_id}{TAKEN_BACK}", amount=-entry.amount))
    return book


def _check(book: Book, entry: CashEntry) -> None:
    accounts = {holder.account: holder for holder in book.holders}
    if entry.entry_id in {each.entry_id for each in book.entries}:
        raise DataError(f"{entry.text}: it is booked already.")
    if entry.account not in accounts:
        named = ", ".join(filter(None, accounts)) or "no accounts"
        raise DataError(f"{entry.text}: the book has {named}, found {entry.account!r}. Give one of them.")
    holder = accounts[entry.account]
    if entry.currency in holder.units:
        if holder.units[entry.currency] + entry.amount < 0:
            raise DataError(f"{entry.text}: {holder.units[entry.currency].normalize():,f} units are held.")
        if book.opening.lots is not None:
            raise DataError(f"{entry.text}: the book has tax lots, and a fee in units of an asset is a sale of them.")
    elif entry.currency not in (known := dict.fromkeys(code for each in book.holders for code in each.cash)):
        what = f"the book has cash in {', '.join(known)}. State {entry.currency} in the portfolio file."
        raise DataError(f"{entry.text}: {what}")


def _dividend_of(book: Book, portfolio: Portfolio, entry: CashEntry) -> CashEntry | None:
    """The dividend of the market's data that an entry of the broker is: of those not paid the nearest amount."""
    of = entry.asset, entry.account
    own = (each for each in book.dividends_of(portfolio.quoted) if (each.asset, each.account) == of)
    known = [each for each in own if each.is_paid_by(entry.day)]
    paid = {each.event for each in book.entries if each.account == entry.account and not _is_preliminary(each)}
    unpaid = [each for each in known if each.event not in paid]
    nearest = min(reversed(unpaid), key=lambda each: abs(entry.amount / each.amount - 1), default=None)
    return nearest or (known[-1] if known else None)


def _booked(book: Book, entry: CashEntry) -> Book:
    return replace(book, entries=(*book.entries, entry))
