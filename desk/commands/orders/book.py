"""Books on disk: opened from what is held, shown, and written after fills, splits and dividends."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from desk.commands.orders.trades import replaced_files
from desk.journal import Journal
from desk.journal.fills import fill_event
from desk.journal.records import ListMade
from desk.tickets.formats.ticket_json import read_document
from desk.tickets.ticket import LIST_DIGITS
from foundation.errors import ConfigError, DataError
from foundation.files import from_workbench, locked
from foundation.paper.text_tables import text_table
from research.orders.after_fills import after_fills
from research.orders.booking import CorporateAction, book_after, events_since, open_book, with_event
from research.orders.fills import Fill, read_fills
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.document import read_document as read_file
from research.portfolio.holdings.blotter import BUY_OR_SELL, SentOrder
from research.portfolio.holdings.book import Book, book_path, read_book, write_book
from research.portfolio.holdings.rates import decimal


def open_from(file: Path, name: str = "", positions: Path | None = None, not_held: str = "") -> Book:
    """Open a book from what a portfolio file, or a broker's file of positions, states.

    name   : name of the book; "" takes that which the file names, or else the portfolio's.
    Raises : ConfigError for a book that is there already, and for what is wrong in the files.
    """
    document = read_file(from_workbench(file))
    asked = document.value("positions", "book") if document.has("positions", "book") else ""
    instead = {"positions": None} if asked and not positions else {}
    portfolio = load_portfolio(file, instead | replaced_files(positions=positions, not_held=not_held))
    name = name or asked or portfolio.name
    with _writing(name):
        if book_path(name).exists():
            raise ConfigError(f"book {name!r} is open already ({book_path(name)}): choose another name, --as.")
        book = replace(open_book(portfolio, name), file=str(Path(portfolio.file).absolute()))
        write_book(book)
    return book


def portfolio_of(book: Book) -> Portfolio:
    """The portfolio of a book, with what the book holds. Raises ConfigError for what is wrong in its file."""
    keys = dict.fromkeys(("file", "columns", "symbols", "decimal", "not_held"))
    return load_portfolio(book.file, {"positions": keys | {"book": book.name}})


def send(name: str, ticket: Mapping[str, Any]) -> Book:
    """Write into a book that the orders of a ticket were sent; what was open of earlier ones is replaced.

    ticket : as `read_document` reads it.
    Raises : DataError for a ticket that is older than the orders of the book, or of which fills are booked.
    """
    with _writing(name):
        book = read_book(name)
        if book.blotter.ticket == ticket["hash"]:
            return book
        _check_new(book, ticket)
        numbers = {account.number: account.name for account in portfolio_of(book).accounts}
        orders = tuple(_sent(ticket, numbers))
        asked = date.fromisoformat(ticket["last_close"])
        blotter = replace(book.blotter, asked=asked, ticket=ticket["hash"], orders=orders)
        write_book(book := replace(book, blotter=blotter))
    return book


def _check_new(book: Book, ticket: Mapping[str, Any]) -> None:
    """Raise DataError for a ticket of an earlier close than the orders of a book, and for one of which it has fills."""
    name, asked = f"list {ticket['hash'][:LIST_DIGITS]}", book.blotter.asked
    fix = f"Leave the ticket out where fills are of the open orders; to trade again: rebalance trades {book.file}"
    if asked is not None and date.fromisoformat(ticket["last_close"]) < asked:
        what = f"{name} is of the close of {ticket['last_close']}, and one of {asked} was sent since"
        raise DataError(f"book {book.name!r} cannot take orders of {what}. {fix}")
    ids = {order["client_order_id"] for order in (*ticket["orders"], *ticket.get("fx", ()))}
    if booked := sorted(ids & {fill.order_id for fill in book.blotter.fills}):
        what = f"{name}: fills of {', '.join(booked)} are booked, and another list was sent since"
        raise DataError(f"book {book.name!r} cannot take orders of {what}. {fix}")


def _sent(ticket: Mapping[str, Any], numbers: Mapping[str, str]) -> Iterator[SentOrder]:
    """The orders of a ticket, and the money that it exchanges, with the accounts as the portfolio names them."""
    for order in ticket["orders"]:
        in_money = order["quantity"] is None
        amount, way = order["notional"] if in_money else order["quantity"], BUY_OR_SELL[order["side"] == "sell"]
        about = (order["client_order_id"], numbers.get(order["account"], ""), order["asset"], way, decimal(amount))
        yield SentOrder(*about, in_money, float(order["weight_after"]), None if in_money else float(order["price"]))
    for each in ticket.get("fx", ()):
        account, way = numbers.get(each["account"], ""), BUY_OR_SELL[each["side"] == "sell"]
        yield SentOrder(each["client_order_id"], account, each["currency"], way, decimal(each["amount"]))


def fill_from(name: str, path: Path, ticket: Path | None = None) -> Book:
    """Book and journal the fills of a table (`read_fills`) that are not booked yet, and give the book.

    ticket : the ticket whose orders they fill, if it was sent since; None for the orders that are open.
    Raises : DataError as `read_fills`, `read_document` and `after_fills` do; then no fill is booked.
    """
    fills = read_fills(path)
    if ticket is not None:
        document = read_document(ticket)
        if document["file"] != (of := Path(read_book(name).file).name):
            raise ConfigError(f"{ticket} is a list of {document['file']}, and book {name!r} is of {of}: name its own.")
        send(name, document)
    book = book_fills(name, fills)
    with Journal() as journal:  # which takes a fill once: a call that was killed here is made again
        lists = journal.entries(ticket=book.blotter.ticket, kind=ListMade.kind) if book.blotter.ticket else ()
        portfolio = next((entry.portfolio for entry in lists), "")
        journal.append([fill_event(fill, book.blotter.ticket, portfolio) for fill in fills])
    return book


def book_fills(name: str, fills: Iterable[Fill]) -> Book:
    """Book those of the fills that are not booked yet, and give the book. Raises DataError as `after_fills` does."""
    with _writing(name):
        book = read_book(name)
        new = [fill for fill in fills if fill.key not in book.blotter.fill_ids]
        if new:
            write_book(book := book_after(book, after_fills(portfolio_of(book), new)))
    return book


def resolve(name: str, items: Sequence[str]) -> Book:
    """Book splits and dividends, and drop orders that are open, by the names that `show` gives them."""
    with _writing(name):
        book = read_book(name)
        portfolio = portfolio_of(book)
        for item in items:
            if item in {order.order_id for order in book.blotter.open}:
                orders = tuple(order for order in book.blotter.orders if order.order_id != item)
                book = replace(book, blotter=replace(book.blotter, orders=orders))
            else:
                book = with_event(book, portfolio, item)
        write_book(book)
    return book


@contextmanager
def _writing(name: str) -> Iterator[None]:
    """Hold a book, so that two processes that book fills do so one after the other."""
    path = book_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(f".{path.name}.lock"), wait=True):
        yield


# -- what is shown -----------------------------------------------------------------------------------------------------


def show(name: str) -> str:
    """A book as text: holdings, cash now and on settlement, open orders, and splits and dividends to be booked."""
    book = read_book(name)
    try:
        events: tuple[CorporateAction, ...] = events_since(book, portfolio_of(book))
        told = ""
    except (ConfigError, DataError) as error:
        events, told = (), f"Splits and dividends since are not known: {error}"
    return "\n\n".join(filter(None, [_head(book), _holdings(book), _cash(book), _open(book), _since(events), told]))


def _head(book: Book) -> str:
    traded = f", last traded {book.last_trade}" if book.blotter.fills else ""
    ticket = f"\nTicket: {book.blotter.ticket}" if book.blotter.ticket else ""
    fills = f"{len(book.blotter.fills):,} fills booked"
    return f"Book {book.name} of {book.file}, opened at the close of {book.opened}{traded}, {fills}.{ticket}"


def _holdings(book: Book) -> str:
    rows = [
        [f"{of.account}  {asset}".strip(), f"{units.normalize():,f}"]
        for of in book.holders
        for asset, units in of.units.items()
    ]
    return text_table([["line", "units"], *rows], left=1)


def _cash(book: Book) -> str:
    """Cash by account and currency: what has settled by the last trade, and what there is when all has settled."""
    later = book.blotter.unsettled(book.last_trade)
    rows = [
        [f"{of.account}  {code}".strip(), f"{cash - later.get((of.account, code), Decimal()):,.2f}", f"{cash:,.2f}"]
        for of in book.holders
        for code, cash in of.cash.items()
    ]
    return text_table([["cash", f"settled on {book.last_trade}", "when all has settled"], *rows], left=1)


def _open(book: Book) -> str:
    orders = book.blotter.open
    if not orders:
        return "No order is open."
    rows = [
        [
            each.order_id or "-",
            each.account,
            each.side,
            each.asset,
            f"{each.quantity.normalize():,f}",
            f"{each.left.normalize():,f}",
        ]
        for each in orders
    ]
    return text_table([["open order", "account", "side", "asset", "ordered", "left"], *rows], left=4)


def _since(events: Sequence[CorporateAction]) -> str:
    if not events:
        return ""
    told = "\n".join(f"  {event.words}" for event in events)
    return f"Since it was opened, by the market's data, and not booked (rebalance book resolve NAME ITEM):\n{told}"
