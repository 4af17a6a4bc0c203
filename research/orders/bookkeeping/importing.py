"""The transactions of a broker's file in a book: what has an order or an id is booked, the rest is listed by name."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal

from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.paper.wording import counted
from research.orders.after_fills import accounts_of, match_fills, unsent_rows
from research.orders.booking import check_units, with_rows
from research.orders.bookkeeping.activity import Activity
from research.orders.bookkeeping.cash_booking import with_entry, without_fees_of_undone
from research.orders.bookkeeping.corrections import Correction, correction_rows
from research.orders.bookkeeping.doubles import doubts_of
from research.orders.fills import Fill, cells_of, fill_of
from research.portfolio import Portfolio
from research.portfolio.holdings.blotter import NO_AMOUNT, SIGN_OF_SIDE, Blotter, BookedFill
from research.portfolio.holdings.book import Book, BookItem, Holder, Resolved
from research.portfolio.holdings.cash_entries import CashEntry
from research.portfolio.holdings.held_rows import ROW_ROUNDING
from research.portfolio.keys.ticket import ORDER_ID

ASKED = "a person has to say what it is: "  # begins the reason of a row that is not booked by itself at any later time
RESTATED = "-restated"  # ends the id of a fill that a file states otherwise than it is booked
NO_ID_STATED, UNKNOWN_KIND = "the broker states no id of it, or a person has to confirm it", "its kind is not known"


@dataclass(frozen=True)
class Imported:
    """A book after a file.

    notes : notes on rows of the file, in sentences.
    left  : number of its fills, corrections and amounts of cash that are not booked, but items of the book.
    """

    book: Book
    notes: tuple[str, ...]
    left: int


def with_activity(book: Book, portfolio: Portfolio, activity: Activity, orders: Mapping[str, str]) -> Imported:
    """The book after the transactions of a broker's file, in whatever order and however often they are stated.

    A fill of an order that was sent is booked, an amount of cash with an id, a bust or a correction of a fill that is
    booked. Each other one is an item of the book until it is resolved; one that is listed already is tried again.
    portfolio : of the book, as it stands.
    orders    : by the venue's ids of orders, their ids in the ticket.
    Raises    : DataError for fills that sell more than is held, and for cash below zero.
    """
    notes = list(activity.notes)
    made, items = _with_fills(book, portfolio, activity, orders, notes)
    made, seen, names = without_fees_of_undone(made), seen_by_book(made, portfolio), names_by_number(portfolio)
    paid = [replace(of, account=names.get(of.account, of.account)) for of in (*activity.entries, *activity.proposals)]
    for k, entry in enumerate(paid):
        why = activity.doubts.get(entry.entry_id) or (UNKNOWN_KIND if entry.kind == "other" else NO_ID_STATED)
        made, item = _with_cash(made, seen, entry, "" if k < len(activity.entries) else why)
        items += [item] if item else []
    if early := sum(entry.day <= book.opened for entry in paid):
        notes.append(f"Left aside: {counted(early, 'amount')} of cash of {book.opened} or before.")
    made = with_waiting_flows(replace(made, items=_merged(made, items)), seen)
    check_units(made, portfolio, book)
    rounding = ROW_ROUNDING * (len(activity.fills) + len(paid))
    notes += _check_cash(portfolio, book, made, "Give the deposits or the sales that pay for it, too.", rounding)
    keys = (*(fill.key for fill in activity.fills), *(each.key for each in activity.corrections))
    stated = {item_name(key) for key in (*keys, *(entry.entry_id for entry in paid))}
    left = sum(item.name.removesuffix(RESTATED) in stated for item in made.open_items)
    return Imported(made, tuple(notes), left)


def seen_by_book(book: Book, portfolio: Portfolio) -> Portfolio:
    """The portfolio with the orders and fills of its book, in units after the splits that its market knows of."""
    return replace(portfolio, blotter=book.with_splits_of(portfolio.quoted).blotter)


def names_by_number(portfolio: Portfolio) -> dict[str, str]:
    """By number, the names of the accounts that have one."""
    return {each.number: each.name for each in portfolio.accounts if each.number}


def keys_of(book: Book) -> frozenset[str]:
    """The keys of all fills, corrections and amounts of cash that are booked."""
    return book.blotter.fill_ids | book.blotter.corrections | {entry.entry_id for entry in book.entries}


def item_name(key: str) -> str:
    """The name of an item, by which it is resolved: the venue and the id of its row."""
    return key.removeprefix(":").replace(" ", "-")


# -- fills and corrections ---------------------------------------------------------------------------------------------


def _with_fills(
    book: Book, portfolio: Portfolio, activity: Activity, orders: Mapping[str, str], notes: list[str]
) -> tuple[Book, list[BookItem]]:
    """The book after the fills and corrections that can be booked, and items of the others.

    Those that wait in the book are tried again. A correction may leave room in an order for a fill.
    """
    dismissed = {item.name for item in book.items if item.resolved == "dismissed"}
    waiting = [item for item in book.open_items if not item.undoes.endswith(RESTATED)]
    own, stated = {order.order_id for order in (portfolio.blotter or Blotter()).orders}, dict[str, Fill]()
    for fill in activity.fills:
        is_known = fill.order_id in own or re.fullmatch(ORDER_ID, fill.order_id)  # else it is one of an unknown order
        stated[fill.key] = replace(fill, order_id=orders.get(fill.order_id, fill.order_id if is_known else ""))
    listed = {of.key: (of, item.why) for item in waiting if (of := fill_of_item(item))}
    fills = {key: fill for key, (fill, _) in listed.items()} | stated
    reports = {each.key: each for each in (*filter(None, map(correction_of, waiting)), *activity.corrections)}
    reports = {key: each for key, each in reports.items() if item_name(key) not in dismissed}
    known = book.blotter.fill_ids
    new = [fill for key, fill in fills.items() if item_name(key) not in dismissed and key not in known]
    left = [f for f in new if (f.day(portfolio.market.calendar), bool(f.order_id)) > (book.opened, False)]
    if early := len(new) - len(left):
        told = f"{counted(early, 'fill')} of {book.opened} or before"
        notes.append(f"Left aside: {told}, which the holdings of the book have in them.")
    doubles = doubts_of(seen_by_book(book, portfolio), fills.values())
    asked = {key: f"{ASKED}{why}" for key, why in activity.doubts.items()}
    asked |= {key: why for key, (_, why) in listed.items() if key not in stated and why.startswith(ASKED)}
    whys = {f.key: _split_since(book, portfolio, f) or doubles.get(f.key, asked.get(f.key, "")) for f in left}
    doubtful = {fill.key: (fill, whys[fill.key]) for fill in left if whys[fill.key]}
    after, left = book, [fill for fill in left if fill.key not in doubtful]
    while True:
        count = len(after.fills)
        _, rows, unmatched = match_fills(seen_by_book(after, portfolio), left)
        after, refused = _corrected(with_rows(after, rows), portfolio, reports.values())
        left = [fill for fill, _ in unmatched]
        if not left or len(after.fills) == count:
            break
    items = [_fill_item(fill, why) for fill, why in (*unmatched, *doubtful.values())]
    items += [_correction_item(reports[key], why) for key, why in refused.items()]
    return after, [*items, *_restated(book, portfolio, activity.fills)]


def with_doubts(book: Book, portfolio: Portfolio, fills: Iterable[Fill]) -> tuple[Book, list[Fill]]:
    """The book with those of the fills among its items that may be booked under another venue's name, and the others.

    Fills that are booked, or items whether they are resolved or not, are neither.
    """
    fills = list(fills)
    known = book.blotter.fill_ids, {item.name for item in book.items}
    new = [fill for fill in fills if fill.key not in known[0] and item_name(fill.key) not in known[1]]
    doubles = doubts_of(seen_by_book(book, portfolio), fills)
    doubtful = {fill.key: _fill_item(fill, doubles[fill.key]) for fill in new if fill.key in doubles}
    items = (*book.items, *doubtful.values())
    return replace(book, items=items), [fill for fill in new if fill.key not in doubtful]


def _fill_item(fill: Fill, why: str) -> BookItem:
    return BookItem(item_name(fill.key), why, cells_of(fill))


def _split_since(book: Book, portfolio: Portfolio, fill: Fill) -> str:
    """The reason why the units of a fill are not those of a book of version 2, which keeps units after its splits."""
    of_asset, day = f"split-{fill.asset}-", fill.day(portfolio.market.calendar)
    splits = [name for name in book.opening.has if name.startswith(of_asset)]
    later = [name for name in splits if date.fromisoformat(name.removeprefix(of_asset)) > day]
    if not later:
        return ""
    return f"{later[0]} is booked, and its units are of {day}. Dismiss it, and write a fill in units of now."


def _restated(book: Book, portfolio: Portfolio, fills: Iterable[Fill]) -> Iterator[BookItem]:
    """The items of fills that are booked with another amount, other fees or another day."""
    booked = {row.fill_id: row for row in reversed(book.blotter.fills) if not row.undone}
    resolved = {item.name for item in book.items if item.resolved}
    for fill in fills:
        row, amount = booked.get(fill.key), SIGN_OF_SIDE[fill.side] * fill.quantity * fill.price
        if row is None or not row.amount:
            continue
        day = fill.day(portfolio.market.calendar)
        if (row.amount, _paid(row), row.day) == (amount, _paid(fill), day):
            continue
        right = replace(fill, fill_id=f"{fill.fill_id}{RESTATED}")
        if item_name(right.key) not in resolved:
            money = f"{abs(amount):,f} {fill.currency} with fees of {_paid(fill):,f} on {day}"
            booked_as = f"{abs(row.amount):,f} with fees of {_paid(row):,f} on {row.day}"
            why = f"fill {fill.fill_id} of {fill.asset} is booked as {booked_as}"
            yield _correction_item(Correction(right.key, fill.key, right), f"{why}, and the file states {money}")


def _paid(row: BookedFill | Fill) -> Decimal:
    return sum(row.fees.values(), NO_AMOUNT)


def _corrected(book: Book, portfolio: Portfolio, corrections: Iterable[Correction]) -> tuple[Book, dict[str, str]]:
    """The book after the corrections that can be booked, whichever comes first, and why the others cannot."""
    left, refused = [c for c in corrections if c.key not in book.blotter.corrections], dict[str, str]()
    while left:
        refused = {}
        for each in left:
            try:
                if each.fill and (why := _split_since(book, portfolio, each.fill)):
                    each.refuse(why)
                book = with_rows(book, correction_rows(seen_by_book(book, portfolio), each))
            except DataError as error:
                refused[each.key] = str(error)
        if len(refused) == len(left):
            break
        left = [each for each in left if each.key in refused]
    return book, refused


def _correction_item(of: Correction, why: str) -> BookItem:
    content = of.fill or of.like
    return BookItem(item_name(of.key), why, cells_of(content) if content else {}, None, of.key, of.corrects)


def fill_of_item(item: BookItem) -> Fill | None:
    """The fill that an item is, None where it is none."""
    return fill_of(item.fill) if item.fill and not item.undoes else None


def correction_of(item: BookItem) -> Correction | None:
    """The correction that an item is, None where it is none."""
    content = fill_of(item.fill) if item.undoes and item.fill else None
    right, like = (content, None) if item.corrects else (None, content)
    return Correction(item.undoes, item.corrects, right, like) if item.undoes else None


# -- cash --------------------------------------------------------------------------------------------------------------


def _with_cash(book: Book, portfolio: Portfolio, entry: CashEntry, why: str) -> tuple[Book, BookItem | None]:
    """The book after an amount of cash, or the item that it is. why : the reason why it is not booked, or ""."""
    resolved = {item.entry.entry_id for item in book.items if item.resolved and item.entry}
    if entry.entry_id in {*resolved, *(each.entry_id for each in book.entries)} or entry.day <= book.opened:
        return book, None
    try:
        if not why and entry.fill and not book.blotter.rows_of(entry.fill):
            raise DataError(f"{entry.text}: its fill, {entry.fill}, is not booked.")
        if not why:
            return with_entry(book, portfolio, entry), None
    except DataError as error:
        why = str(error)
    return book, BookItem(item_name(entry.entry_id), why, {}, entry)


def _check_cash(portfolio: Portfolio, before: Book, after: Book, fix: str, rounding: float = 0.0) -> list[str]:
    """Raise DataError where cash of all currencies of an account comes below zero, which a portfolio does not hold.

    fix      : advice.
    rounding : amount below zero that is noted instead.
    """
    notes = []
    for old, new in zip(before.holders, after.holders, strict=True):
        left = _cash(portfolio, new)
        if left < 0.0 and left < _cash(portfolio, old):
            where = f"account {new.account} of book {before.name}" if new.account else f"book {before.name}"
            if left >= -rounding:
                notes.append(f"{where} has cash of {left:,.2f} {portfolio.basis}, less than a cent a row: by rounding.")
                continue
            told = f"{where} would be left with {left:,.2f} {portfolio.basis} of cash, and holds no debt"
            raise DataError(f"{told}: nothing is booked. {fix}")
    return notes


def _cash(portfolio: Portfolio, holder: Holder) -> float:
    """The cash of an account in the basis."""
    if portfolio.currencies is None:
        return float(holder.cash.get(portfolio.basis, NO_AMOUNT))
    return float(portfolio.currencies.rates.value({code: float(amount) for code, amount in holder.cash.items()}))


# -- items -------------------------------------------------------------------------------------------------------------


def _merged(book: Book, items: Iterable[BookItem]) -> tuple[BookItem, ...]:
    """The items of the book, with these in place of open ones of their names; those that are booked now say so."""
    new = {item.name: item for item in items}
    keys = set(map(item_name, keys_of(book)))
    merged = [
        replace(item, resolved="booked") if not item.resolved and item.name in keys else item
        for item in book.items
        if item.resolved or item.name in keys or item.name not in new
    ]
    names = {item.name for item in merged}
    return (*merged, *(item for item in new.values() if item.name not in names))


def with_item(book: Book, portfolio: Portfolio, name: str, order: str = "") -> Book:
    """The book after one of its items, whatever kept it from being booked by itself.

    A fill is booked as one of an order, or of none, such as a trade that somebody made at the broker.
    order  : id of the order whose fill it is, or "".
    Raises : DataError for a name that is no open item, and for what cannot be booked.
    """
    item, seen = open_item(book, name), seen_by_book(book, portfolio)
    fill = fill_of(item.fill) if item.fill else None
    if fill is not None and (why := _split_since(book, portfolio, fill)):
        raise DataError(f"{name}: {why}")
    if correction := correction_of(item):
        made = without_fees_of_undone(with_rows(book, correction_rows(seen, correction)))
    elif fill is None:
        assert item.entry is not None
        made = with_entry(book, portfolio, item.entry)
    elif order:
        _, rows, unmatched = match_fills(seen, [replace(fill, order_id=order)])
        if unmatched:
            raise DataError(unmatched[0][1])
        made = with_rows(book, rows)
    else:
        made = with_rows(book, unsent_rows(seen, fill))
    check_units(made, portfolio, book)
    _check_cash(portfolio, book, made, "Book the deposits or the sales that pay for it first; --dismiss leaves it out.")
    return _marked(made, item, "booked")


def with_clear_items(book: Book, portfolio: Portfolio) -> tuple[Book, tuple[BookItem, ...], dict[str, str]]:
    """The book after those of its items that one thing alone explains, these, and why the others are left.

    A trade by hand: its account and asset are known, no order of these that is open may be its own, and no booked fill
    may be the same. A dividend: the market's data know it, to the cent.
    """
    booked, left = list[BookItem](), {item.name: "a person says what it is" for item in book.open_items}
    fills = [(item, fill) for item in book.open_items if (fill := fill_of_item(item))]
    for item, fill in sorted(fills, key=lambda each: (each[1].moment, each[1].key)):
        if why := item.why if item.why.startswith(ASKED) else _not_by_hand(seen_by_book(book, portfolio), fill):
            left[item.name] = why
            continue
        try:
            book = with_item(book, portfolio, item.name)
            booked.append(item)
            del left[item.name]
        except DataError as error:
            left[item.name] = str(error)
    for item in [each for each in book.open_items if each.entry and not each.fill]:
        if item.entry and any(_agrees(item.entry, each) for each in book.unpaid_of(portfolio.quoted)):
            with suppress(DataError):
                book = with_item(book, portfolio, item.name)
                booked.append(item)
                del left[item.name]
    return book, tuple(booked), left


def _agrees(entry: CashEntry, known: CashEntry) -> bool:
    """True of an amount of the broker that is a dividend of the market's data, to the cent."""
    same = [(of.kind, of.asset, of.account, of.currency, of.amount) for of in (entry, known)]
    return same[0] == same[1] and known.is_paid_by(entry.day)


def _not_by_hand(seen: Portfolio, fill: Fill) -> str:
    """The reason why a fill may be something else than a trade by hand; "" where it is one."""
    accounts = accounts_of(seen, fill)
    orders = (seen.blotter or Blotter()).open
    alike: dict[tuple[str, str, str], str] = {(one.account, one.asset, one.side): one.order_id for one in orders}
    if len(accounts) != 1:
        return f"it may be of {' or '.join(accounts)}"
    if fill.order_id:
        return f"it names an order, {fill.order_id}"
    if order := alike.get((accounts[0], fill.asset, fill.side)):
        return f"it may be of {order}, which is open"
    return doubts_of(seen, [fill]).get(fill.key, "")


def with_waiting_flows(book: Book, portfolio: Portfolio) -> Book:
    """The book after the deposits of lists, and after those of their withdrawals whose cash is there by now."""
    for item in book.open_items:
        if item.entry and item.entry.event:
            with suppress(DataError):
                book = with_item(book, portfolio, item.name)
    return book


def without_item(book: Book, name: str) -> Book:
    """The book with one of its items dismissed: it is not booked, and not listed again."""
    return _marked(book, open_item(book, name), "dismissed")


def _marked(book: Book, item: BookItem, resolved: Resolved) -> Book:
    marked = replace(item, resolved=resolved)
    return replace(book, items=tuple(marked if each == item else each for each in book.items))


def open_item(book: Book, name: str) -> BookItem:
    """The open item of a name. Raises DataError for another name."""
    for item in book.open_items:
        if item.name == name:
            return item
    named = ", ".join(item.name for item in book.open_items) or "none"
    raise DataError(f"book {book.name} has no open item {name!r}: its open items are {named}.")
