"""The booking of each row of a broker's file, and the cash after it: for whoever looks before anything is written."""

from collections.abc import Iterator
from decimal import Decimal

from foundation.dataclasses import dataclass
from research.orders.bookkeeping.activity import Activity
from research.orders.bookkeeping.importing import RESTATED, item_name, keys_of
from research.portfolio.holdings.blotter import NO_AMOUNT
from research.portfolio.holdings.book import Book

BOOKED_BEFORE = "booked before, or left aside"


@dataclass(frozen=True)
class PreviewedRow:
    """One row of a file.

    row      : its number in the file, 0 where it has none.
    what     : the trade or the amount of cash, in words.
    booking  : "booked"; else why it is not.
    currency : currency of its cash.
    cash     : signed change of that cash, fees in it; 0 where it is not booked.
    """

    row: int
    what: str
    booking: str
    currency: str
    cash: Decimal


def previewed(activity: Activity, before: Book, after: Book) -> tuple[PreviewedRow, ...]:
    """Each row of a file as a book takes it, in the order of the file. before, after : the book without and with it."""
    return tuple(sorted(_rows(activity, before, after), key=lambda each: each.row))


def _rows(activity: Activity, before: Book, after: Book) -> Iterator[PreviewedRow]:
    whys = {item.name.removesuffix(RESTATED): item.why for item in after.open_items}
    old = keys_of(before)
    new = keys_of(after) - old

    def booking(key: str) -> str:
        return "booked" if key in new else whys.get(item_name(key), BOOKED_BEFORE)

    for fill in activity.fills:
        rows = [row for row in after.fills if row.fill_id == fill.key and fill.key not in old]
        what = f"{fill.side} {fill.quantity.normalize():f} {fill.asset} at {fill.price:.10g} {fill.currency}"
        fees = "".join(f", {name} {fee.normalize():f}" for name, fee in fill.fees.items())
        cash = sum((row.cash for row in rows if row.currency == fill.currency), NO_AMOUNT)
        yield PreviewedRow(activity.rows.get(fill.key, 0), what + fees, booking(fill.key), fill.currency, cash)
    for each in activity.corrections:
        cash = sum((row.cash for row in after.fills if row.undone == each.key), NO_AMOUNT)
        what = f"{'a correction' if each.fill else 'a bust'} of {each.corrects or 'a fill'}"
        yield PreviewedRow(activity.rows.get(each.key, 0), what, booking(each.key), after.basis, cash)
    for entry in (*activity.entries, *activity.proposals):
        state = booking(entry.entry_id)
        cash = entry.amount if state == "booked" else NO_AMOUNT
        row = activity.rows.get(entry.fill or entry.entry_id, 0)
        yield PreviewedRow(row, entry.text, state, entry.currency, cash)
