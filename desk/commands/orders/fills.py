"""Fills and cash from files into a book and the journal: a table of one's own, or a broker's file of transactions."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from desk.commands.orders.book import OTHER_DAY, book_sent, first_day, holding_book, named_symbols, with_sent
from desk.commands.orders.fill_entries import journal_fills, order_ids
from desk.journal import Journal
from desk.journal.journal import utc_now
from desk.tickets.formats.ticket_json import read_ticket_file
from foundation.errors import ConfigError, DataError, all_mistakes
from foundation.paper.wording import counted, listed
from foundation.table_files import header_of, read_text
from research.orders.booking import check_costs, portfolio_of
from research.orders.bookkeeping.activity import Activity, read_activity
from research.orders.bookkeeping.exchanges import is_table_of_exchanges, with_exchanges
from research.orders.bookkeeping.fill_prices import price_gap
from research.orders.bookkeeping.importing import Imported, with_activity
from research.orders.bookkeeping.preview import PreviewedRow, previewed
from research.orders.bookkeeping.transaction import NOTHING_STATED, FileStatements
from research.orders.fills import Fill
from research.portfolio import Portfolio
from research.portfolio.holdings.book import Book, FileReading
from research.portfolio.holdings.book_file import read_book, write_book
from research.portfolio.holdings.prices import APART


def fill_from(name: str, path: Path, ticket: Path | None = None, reading: FileStatements = NOTHING_STATED) -> Imported:
    """Book and journal the fills, corrections and amounts of cash of a file that are not booked yet.

    path    : a table of one's own or a broker's file of transactions (`read_activity`), or a table of exchanges or
              transfers of units (`with_exchanges`).
    ticket  : the ticket whose orders they fill, if it was sent since; None for the orders that are open.
    reading : the user's statements on a broker's file; columns, symbols and accounts are kept with the book.
    Returns : the book, with what could not be booked in its items, what was booked, and notes on rows.
    Raises  : DataError as the readers and `with_activity` do, and for fills whose prices are far from those of their
              orders (`check_price`); then nothing is booked.
    """
    if is_table_of_exchanges(header_of(path)):
        return _exchanged(name, path)
    book = read_book(name, since=date.max)
    portfolio, document = _asked(book, ticket)
    reading, kept = _with_kept(book, path, reading)
    activity = _read(path, portfolio, reading)
    if document is not None:
        book_sent(name, document)
    with Journal() as journal, holding_book(name):
        read, book = book, read_book(name, since=_first_day(book, portfolio, activity))
        portfolio = portfolio if book.rows == read.rows > 0 else portfolio_of(book)
        imported = with_activity(replace(book, reading=kept), portfolio, activity, order_ids(journal, book))
        if imported.book != book:
            write_book(imported.book, utc_now())
        journal_fills(journal, imported.book, activity.fills)
    return _with_notes(path, portfolio, book, imported, activity)


def preview_of(
    name: str, path: Path, ticket: Path | None = None, reading: FileStatements = NOTHING_STATED
) -> tuple[Imported, tuple[PreviewedRow, ...]]:
    """The book after a file, and how each of its rows would be booked; nothing is written.

    Arguments, and errors, are those of `fill_from`; a table of exchanges has no rows here.
    """
    if is_table_of_exchanges(header_of(path)):
        book = read_book(name)
        made, words = with_exchanges(book, portfolio_of(book), path)
        return Imported(made, words, 0), ()
    book = read_book(name)
    portfolio, document = _asked(book, ticket)
    reading, _ = _with_kept(book, path, reading)
    activity = _read(path, portfolio, reading)
    book = book if document is None else with_sent(book, portfolio, document)
    known = dict[str, str]()
    with suppress(ConfigError), Journal(read_only=True) as journal:
        known = order_ids(journal, book)
    imported = with_activity(book, portfolio, activity, known)
    return _with_notes(path, portfolio, book, imported, activity), previewed(activity, book, imported.book)


def _asked(book: Book, ticket: Path | None) -> tuple[Portfolio, Mapping[str, Any] | None]:
    """The portfolio of a book with the orders of a ticket, and its document. Raises ConfigError for another's."""
    portfolio, document = portfolio_of(book), None if ticket is None else read_ticket_file(ticket)
    if document is None:
        return portfolio, None
    if document["file"] != (of := Path(book.file).name):
        raise ConfigError(
            f"{ticket} is a list of {document['file']}, and book {book.name!r} belongs to {of}: give a list of that."
        )
    return replace(portfolio, blotter=with_sent(book, portfolio, document).blotter), document


def _with_kept(book: Book, path: Path, reading: FileStatements) -> tuple[FileStatements, FileReading]:
    """The statements on a file with those on earlier ones, and those that are kept.

    A kept name of a column counts where the file has it.
    """
    kept, text = book.reading, read_text(path, guess=True).text
    columns = {field: name for field, name in kept.columns.items() if name in text}
    symbols = {**named_symbols(Path(book.file)), **kept.symbols, **reading.symbols}
    accounts = tuple(dict.fromkeys((*kept.accounts, *reading.accounts)))
    more = FileReading({**kept.columns, **reading.columns}, {**kept.symbols, **reading.symbols}, accounts)
    return replace(reading, columns={**columns, **reading.columns}, symbols=symbols, accounts=accounts), more


def _read(path: Path, portfolio: Portfolio, reading: FileStatements) -> Activity:
    """The transactions of a file. Raises DataError as its reader does, and for those that are yet to come."""
    activity = read_activity(path, portfolio, reading)
    _check_fills(path, activity)
    return activity


def _with_notes(path: Path, portfolio: Portfolio, book: Book, imported: Imported, activity: Activity) -> Imported:
    """The import with a note on what was booked, and notes on fills whose prices are apart."""
    new = imported.book.blotter.fill_ids - book.blotter.fill_ids
    far = (f"{path.name}: {words}" for fill in activity.fills if fill.key in new and (words := _far(portfolio, fill)))
    return replace(imported, notes=(_booked(path, book, imported), *far, *imported.notes))


def _check_fills(path: Path, activity: Activity) -> None:
    """Raise DataError for fills of one id that differ, and for fills and amounts of cash that are yet to come."""
    latest, seen, faults = utc_now() + OTHER_DAY, dict[str, Fill](), list[str]()
    for fill in activity.fills:
        if seen.setdefault(fill.key, fill) != fill:
            faults.append(f"id {fill.key} is there twice, with other contents: give each fill an id of its own")
        if fill.moment > latest:
            faults.append(f"fill {fill.fill_id} of {fill.asset} is of {fill.moment:%Y-%m-%d}, which is to come")
    for entry in (*activity.entries, *activity.proposals):
        if entry.day > latest.date():
            faults.append(f"{entry.text}, which is to come")
    if faults:
        raise DataError(all_mistakes(path.name, faults))


def _first_day(book: Book, portfolio: Portfolio, activity: Activity) -> date | None:
    """The first day of a file's transactions and of what waits in a book; None where some take back others."""
    if activity.corrections or any(item.undoes for item in book.open_items):
        return None
    return first_day(portfolio, activity.fills, (*activity.entries, *activity.proposals), book.open_items)


def _exchanged(name: str, path: Path) -> Imported:
    """Book a table of mergers, renamings, spin-offs, delistings or transfers."""
    with holding_book(name):
        before = read_book(name)
        portfolio = portfolio_of(before)
        book, words = with_exchanges(before, portfolio, path)
        if book != before:
            check_costs(book, portfolio)
            write_book(book, utc_now())
    return Imported(book, tuple(f"booked {each}." for each in words) or (f"{path.name}: nothing new to book.",), 0)


def _far(portfolio: Portfolio, fill: Fill) -> str:
    """The note on the price of a fill that is more than `APART` from that of its order; else ""."""
    gap = price_gap(portfolio, fill)
    return f"{gap.words(fill)}." if gap and abs(gap.by) > APART else ""


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
