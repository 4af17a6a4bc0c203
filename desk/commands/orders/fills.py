"""Fills and cash from files into a book and the journal: a table of fills, or a broker's file of transactions."""

from dataclasses import replace
from pathlib import Path

from desk.commands.orders.book import send, writing
from desk.commands.orders.fill_entries import journal_fills, order_ids
from desk.journal import Journal
from desk.tickets.formats.ticket_json import read_document
from foundation.errors import ConfigError
from foundation.paper.wording import counted, listed
from research.orders.booking import portfolio_of
from research.orders.bookkeeping.activity import Activity, read_activity
from research.orders.bookkeeping.importing import Imported, with_activity
from research.orders.bookkeeping.transaction import NOTHING_STATED, Reading
from research.orders.fills import is_table_of_fills, read_fills
from research.portfolio.holdings.book import Book, read_book, write_book


def fill_from(name: str, path: Path, ticket: Path | None = None, reading: Reading = NOTHING_STATED) -> Imported:
    """Book and journal the fills, corrections and amounts of cash of a file that are not booked yet.

    path    : a table of fills (`read_fills`), or a broker's file of transactions (`read_activity`).
    ticket  : the ticket whose orders they fill, if it was sent since; None for the orders that are open.
    reading : the user's statements on a broker's file.
    Returns : the book, with what could not be booked in its items, what was booked, and notes on rows.
    Raises  : DataError as the readers and `with_activity` do; then nothing is booked.
    """
    portfolio = portfolio_of(read_book(name))
    own = is_table_of_fills(path)
    activity = Activity(tuple(read_fills(path))) if own else read_activity(path, portfolio, reading)
    if ticket is not None:
        document = read_document(ticket)
        if document["file"] != (of := Path(read_book(name).file).name):
            raise ConfigError(
                f"{ticket} is a list of {document['file']}, and book {name!r} belongs to {of}: give a list of that."
            )
        send(name, document)
    with Journal() as journal, writing(name):
        book = read_book(name)
        imported = with_activity(book, portfolio_of(book), activity, order_ids(journal, book))
        if imported.book != book:
            write_book(imported.book)
        journal_fills(journal, imported.book, activity.fills)
    return replace(imported, notes=(_booked(path, book, imported), *imported.notes))


def _booked(path: Path, before: Book, imported: Imported) -> str:
    """The sentence on what was booked of a file, and how much of it was not."""
    after, left = imported.book, imported.left
    fills = len(after.blotter.fill_ids) - len(before.blotter.fill_ids)
    corrections = len(after.blotter.corrections) - len(before.blotter.corrections)
    entries = len(after.entries) - len(before.entries)
    words = (counted(fills, "fill"), counted(corrections, "correction"), counted(entries, "amount") + " of cash")
    booked = [word for word, count in zip(words, (fills, corrections, entries), strict=True) if count]
    done = [f"booked {listed(booked)}"] if booked else []
    rest = [f"not booked: {counted(left, 'row')}, with the reason above"] if left else []
    return f"{path.name}: {'; '.join([*done, *rest]) or 'nothing new to book'}."
