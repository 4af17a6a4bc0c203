"""The entries of the journal on the fills of a book: fills, busts and corrections, each once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from desk.journal import Event, Journal
from desk.journal.fills import fill_event
from desk.journal.records import Acknowledged, Corrected, Filled, OrderSent
from research.orders.fills import Fill
from research.portfolio.holdings.book import Book


def order_ids(journal: Journal, book: Book) -> dict[str, str]:
    """By the ids under which venues have the orders of the ticket of a book, their ids in it."""
    known: dict[str, str] = {}
    for entry in journal.entries(ticket=book.blotter.ticket) if book.blotter.ticket else ():
        if isinstance(entry.record, OrderSent):
            known[entry.record.venue_id] = entry.order
        elif isinstance(entry.record, Acknowledged):
            known[entry.record.reference] = known[entry.record.venue_id] = entry.order
    return {of: order for of, order in known.items() if of}


def journal_fills(journal: Journal, book: Book, fills: Sequence[Fill]) -> None:
    """Journal those of the fills that a book has, and its busts and corrections, but what is journalled already.

    A call that was killed before this is made again with the same file.
    """
    rows = {fill.fill_id: fill for fill in reversed(book.blotter.fills) if not fill.undone}
    orders = dict.fromkeys(row.order_id for row in rows.values())
    entries = [entry for order in orders for entry in journal.entries(kind=Filled.kind, order=order)]
    known = {f"{entry.record.venue}:{entry.record.fill}": entry.sequence for entry in entries}
    ticket = book.blotter.ticket
    made = [
        fill_event(replace(fill, order_id=row.order_id, account=row.account), ticket)
        for fill in fills
        if fill.key not in known and (row := rows.get(fill.key))
    ]
    for kept in journal.append(made):
        known[f"{kept.entry.record.venue}:{kept.entry.record.fill}"] = kept.entry.sequence
    journal.append([Event(each, ticket=ticket, order=order) for each, order in _corrections(book, known)])


def _corrections(book: Book, known: Mapping[str, int]) -> Iterator[tuple[Corrected, str]]:
    """The busts and corrections of a book, and the ids of their orders. known : by venue and id, entries of fills."""
    right = {row.corrects: row for row in book.blotter.fills if row.corrects and row.amount and not row.undone}
    for row in book.blotter.fills:
        if row.undone and row.amount and (sequence := known.get(_first(book, row.fill_id))):
            values: dict[str, float | str | None] = {"quantity": 0.0}
            if other := right.get(row.fill_id):
                fee = float(sum(other.fees.values(), Decimal()))
                values = {"quantity": float(abs(other.units)), "price": float(other.amount / other.units), "fee": fee}
            yield Corrected(sequence, values, f"{'correction' if other else 'bust'} {row.undone}"), row.order_id


def _first(book: Book, key: str) -> str:
    """The fill that was corrected first, of a chain of corrections."""
    corrects = {row.fill_id: row.corrects for row in book.blotter.fills if row.corrects}
    while key in corrects:
        key = corrects[key]
    return key
