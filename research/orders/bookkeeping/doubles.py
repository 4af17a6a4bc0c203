"""One trade is one fill: fills of a file that may be booked already, under another id or as other parts.

Exports of one trade differ in its id: one venue's name or another's, an id of the broker or one that is made of the
content of the row, an order or its executions. Two ids that brokers gave in one venue are two trades.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from foundation.errors import DataError
from foundation.paper.wording import grouped
from research.orders.after_fills import accounts_of
from research.orders.bookkeeping.equation import HALF_CENT, half_digit
from research.orders.bookkeeping.moments import has_clock
from research.orders.fills import Fill
from research.portfolio import Portfolio
from research.portfolio.holdings.blotter import NO_AMOUNT, Blotter, BookedFill

OF_CONTENT = re.compile(r"[0-9]{8}T[0-9]{6}-")  # how an id begins that is made of the content of a row
Same = Callable[[Portfolio, Sequence[Fill], Sequence[BookedFill]], bool]
MINUTE = timedelta(minutes=1)  # by which the times of one trade may differ in two exports of a venue


def doubts_of(portfolio: Portfolio, fills: Iterable[Fill]) -> dict[str, str]:
    """By the key of a fill, why it may be booked already: each booked fill stands for one fill at most.

    portfolio : with the blotter of its book.
    fills     : fills of a file, booked or not. One that is booked by its own id stands for itself.
    """
    fills = list(fills)
    blotter, stated = portfolio.blotter or Blotter(), {fill.key for fill in fills}
    rows = (row for row in blotter.standing if row.amount and row.fill_id not in stated)
    booked = grouped(((row.day, row.asset, row.units < 0), row) for row in rows)
    new = [fill for fill in fills if fill.key not in blotter.fill_ids]
    found: dict[str, str] = {}
    for at, own in grouped(((f.day(portfolio.market.calendar), f.asset, f.side == "sell"), f) for f in new).items():
        found |= _pairs(portfolio, at[0], own, booked.get(at, []))
    return found


def _pairs(portfolio: Portfolio, day: date, fills: Sequence[Fill], rows: Sequence[BookedFill]) -> dict[str, str]:
    """The fills of one day, asset and side that booked ones may be.

    One by one; then parts of an order for one, and one for parts of an order; then what may be a part of the other.
    """
    found, fills = dict[str, str](), sorted(fills, key=lambda fill: (fill.moment, fill.key))
    free = sorted(rows, key=lambda row: (row.moment, row.fill_id))
    ways: tuple[tuple[bool, bool, Same], ...] = (
        (False, False, _is_same), (False, True, _is_same), (True, False, _is_same), (False, False, _is_part)
    )  # fmt: skip
    for of_fills, of_rows, is_same in ways:
        for some in list(_parts([fill for fill in fills if fill.key not in found], of_fills)):
            if own := next((own for own in _parts(free, of_rows) if is_same(portfolio, some, own)), None):
                free = [row for row in free if row not in own]
                found |= {fill.key: _words(fill, own, day) for fill in some if fill.key not in found}
    return found


def _parts(items: Sequence[Any], are_together: bool) -> Iterator[Sequence[Any]]:
    """Each item by itself; or two or more of one order, one after the other, all of them first."""
    if not are_together:
        yield from ([item] for item in items)
        return
    for of_order in grouped((item.order_id, item) for item in items).values():
        count = len(of_order)
        yield from (of_order[k : k + size] for size in range(count, 1, -1) for k in range(count - size + 1))


def _is_same(portfolio: Portfolio, fills: Sequence[Fill], rows: Sequence[BookedFill]) -> bool:
    """True if fills may be booked ones: the same units and amount, to the digits of the coarser price."""
    units = sum((fill.quantity for fill in fills), NO_AMOUNT)
    if units != abs(sum((row.units for row in rows), NO_AMOUNT)):
        return False
    of_fills = sum((fill.quantity * fill.price for fill in fills), NO_AMOUNT)
    of_rows = abs(sum((row.amount for row in rows), NO_AMOUNT))
    near = max(map(half_digit, (of_fills / units, of_rows / units)))
    return abs(of_fills - of_rows) <= near * units + HALF_CENT and _may_be(portfolio, fills, rows)


def _is_part(portfolio: Portfolio, fills: Sequence[Fill], rows: Sequence[BookedFill]) -> bool:
    """True if a fill and a booked one of a named venue have one time, and one id is made of content."""
    if not (fills[0].venue and rows[0].moment and _venue(rows[0]) == fills[0].venue):
        return False
    is_timed = has_clock(fills[0].moment) and has_clock(datetime.fromisoformat(rows[0].moment))
    return is_timed and _may_be(portfolio, fills, rows)


def _venue(row: BookedFill) -> str:
    return row.fill_id.partition(":")[0]


def _may_be(portfolio: Portfolio, fills: Sequence[Fill], rows: Sequence[BookedFill]) -> bool:
    """True if the ids, orders, accounts and times of fills may be those of booked ones."""
    if not all(_may_have_id(row, fill) and _is_of_order(portfolio, row, fill) for row in rows for fill in fills):
        return False
    if any(_venue(row) != fill.venue for row in rows for fill in fills):
        return True
    moments = [fill.moment for fill in fills], [datetime.fromisoformat(row.moment) for row in rows if row.moment]
    if len(moments[1]) < len(rows) or not all(has_clock(moment) for of in moments for moment in of):
        return True
    return max(map(min, moments)) - min(map(max, moments)) <= MINUTE


def _may_have_id(row: BookedFill, fill: Fill) -> bool:
    """True if two ids may be those of one trade: of two venues, or one that is made of content."""
    venue, _, id = row.fill_id.partition(":")
    return venue != fill.venue or bool(OF_CONTENT.match(id) or OF_CONTENT.match(fill.fill_id))


def _is_of_order(portfolio: Portfolio, row: BookedFill, fill: Fill) -> bool:
    """True if a fill states the order of a booked one, or none and an account that may be its own."""
    if fill.order_id:
        return row.order_id == fill.order_id
    try:
        return row.account in accounts_of(portfolio, fill)
    except DataError:  # an account that nobody knows
        return False


def _words(fill: Fill, rows: Sequence[BookedFill], day: date) -> str:
    names = " and ".join(row.fill_id for row in rows)
    is_same = sum(abs(row.units) for row in rows) >= fill.quantity
    what = "with the same order, units and price" if is_same else "at the same time, and may be a part of it"
    return (
        f"fill {fill.fill_id} of {fill.asset}: {names} of {day} is booked {what}. Dismiss this one if it is the same, "
        "or else book it by its name."
    )
