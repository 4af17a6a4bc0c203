"""Books on disk: opened from what is held, and written after fills, splits and dividends."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from desk.commands.orders.fill_entries import journal_fills
from desk.commands.orders.replaced_files import naming_options, replaced_files
from desk.exchange.ticket_orders import flows_of
from desk.journal import Journal
from desk.journal.journal import utc_now
from desk.tickets.order_ids import list_id
from foundation.canonical import decimal
from foundation.errors import ConfigError, DataError, all_mistakes
from foundation.files import from_workbench, locked
from research.orders import booking
from research.orders.after_fills import match_fills
from research.orders.bookkeeping import importing
from research.orders.bookkeeping.cash_booking import book_with_flow
from research.orders.fills import Fill
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.document import read_document as read_file
from research.portfolio.holdings.blotter import BUY_OR_SELL, Blotter, SentOrder, SoldLot
from research.portfolio.holdings.book import Book, BookItem, FileReading
from research.portfolio.holdings.book_file import book_path, has_book, read_book, write_book
from research.portfolio.holdings.cash_entries import CashEntry, EntryKind, market_entry

OTHER_DAY = timedelta(days=1)  # by which a moment may be of another day
FLOW_KINDS: tuple[EntryKind, EntryKind] = ("deposit", "withdrawal")


def open_from(
    file: Path,
    name: str = "",
    positions: Path | None = None,
    not_held: str = "",
    as_of: str | None = None,
    cash: float | None = None,
    trust_code: bool | None = None,
) -> tuple[Book, tuple[str, ...]]:
    """Open a book from what a portfolio file, or a broker's file of positions, states; with notes on that.

    name       : name of the book; "" takes that which the file names, or else the portfolio's.
    as_of      : close at which it is opened, YYYY-MM-DD; None takes the last one.
    cash       : cash in the portfolio's currency, where the broker's file has no row of it.
    trust_code : true if the portfolio file may name rules by import path, as for `load_portfolio`.
    Raises     : ConfigError for a book that is there already, and for what is wrong in the files.
    """
    asked = named_in(file)
    instead = {"positions": None} if asked and not positions else {}
    instead |= replaced_files(positions=positions, not_held=not_held, cash=cash)
    with naming_options():
        portfolio = load_portfolio(file, instead, trust_code=trust_code, as_of=as_of)
    name = name or asked or portfolio.name
    with holding_book(name):
        if has_book(name):
            raise ConfigError(f"book {name!r} is open already ({book_path(name)}): choose another name, --as.")
        kept = FileReading(symbols=named_symbols(file))
        book = replace(booking.open_book(portfolio, name), file=str(Path(portfolio.file).absolute()), reading=kept)
        write_book(book, utc_now())
    return book, portfolio.notes


def named_in(file: Path) -> str:
    """The name of the book that a portfolio file reads, or ""."""
    document = read_file(from_workbench(file))
    return str(document.value("positions", "book")) if document.has("positions", "book") else ""


def named_symbols(file: Path) -> dict[str, str]:
    """The symbols of brokers that a portfolio file names, with their assets."""
    return dict(read_file(from_workbench(file)).value("positions", "symbols", default={}))


def book_sent(name: str, ticket: Mapping[str, Any]) -> Book:
    """Write into a book that the orders of a ticket were sent; what was open of earlier ones is replaced.

    A deposit that the ticket states is booked with them, a withdrawal as soon as its cash is there.
    ticket : as `read_document` reads it.
    Raises : DataError for a ticket that is older than the orders of the book, or of which fills are booked.
    """
    with holding_book(name):
        book = read_book(name, since=date.max)
        if book.blotter.ticket == ticket["hash"]:
            return book
        portfolio = booking.portfolio_of(book)
        flows = _flows(ticket, _names(portfolio))
        book = read_book(name, since=first_day(portfolio, (), flows, book.open_items))
        write_book(book := with_sent(book, portfolio, ticket), utc_now())
    return book


def with_sent(book: Book, portfolio: Portfolio, ticket: Mapping[str, Any]) -> Book:
    """The book after the orders of a ticket were sent, with its money. Raises DataError as `book_sent` does."""
    if book.blotter.ticket == ticket["hash"]:
        return book
    made = with_orders(book, portfolio, ticket)
    for flow in _flows(ticket, _names(portfolio)):
        made = book_with_flow(made, flow)
    return importing.with_waiting_flows(made, portfolio)


def with_orders(book: Book, portfolio: Portfolio, ticket: Mapping[str, Any]) -> Book:
    """The book with the orders of a ticket in place of those of earlier ones. Raises DataError as `book_sent` does."""
    if book.blotter.ticket == ticket["hash"]:
        return book
    _check_new(book, ticket)
    asked, orders = date.fromisoformat(ticket["last_close"]), tuple(_sent(ticket, _names(portfolio)))
    return replace(book, asked=asked, ticket=ticket["hash"], sent=orders)


def _names(portfolio: Portfolio) -> dict[str, str]:
    """The names of the accounts by their numbers."""
    return {account.number: account.name for account in portfolio.accounts}


def _flows(ticket: Mapping[str, Any], numbers: Mapping[str, str]) -> Iterator[CashEntry]:
    """The money that a ticket says comes or goes, as entries of its list."""
    event, day = f"list-{list_id(ticket['hash'])}", date.fromisoformat(ticket["last_close"])
    for number, currency, amount in flows_of(ticket):
        account, kind = numbers.get(number, ""), FLOW_KINDS[amount < 0.0]
        yield CashEntry(market_entry(event, account), kind, day, account, currency, decimal(amount), event=event)


def _check_new(book: Book, ticket: Mapping[str, Any]) -> None:
    """Raise DataError for a ticket of an earlier close than the orders of a book, and for one of which it has fills."""
    what, asked = f"book {book.name!r} cannot take the orders of list {list_id(ticket['hash'])}", book.blotter.asked
    fix = f"Leave the ticket out where fills are of the open orders; to trade again: rebalance trades {book.file}"
    if asked is not None and date.fromisoformat(ticket["last_close"]) < asked:
        raise DataError(
            f"{what}: it is of the close of {ticket['last_close']}, and one of {asked} was sent since. {fix}"
        )
    ids = {order["client_order_id"] for order in (*ticket["orders"], *ticket.get("fx", ()))}
    if booked := sorted(ids & {fill.order_id for fill in book.blotter.fills}):
        raise DataError(f"{what}: fills of {', '.join(booked)} are booked, and another list was sent since. {fix}")


def _sent(ticket: Mapping[str, Any], numbers: Mapping[str, str]) -> Iterator[SentOrder]:
    """The orders of a ticket, and the money that it exchanges, with the accounts as the portfolio names them."""
    for order in ticket["orders"]:
        in_money, account = order["quantity"] is None, numbers.get(order["account"], "")
        amount, way = order["notional"] if in_money else order["quantity"], BUY_OR_SELL[order["side"] == "sell"]
        about = (order["client_order_id"], account, order["asset"], way, decimal(amount))
        price, lots = None if in_money else float(order["price"]), tuple(_named_lots(ticket, order["asset"], account))
        yield SentOrder(*about, in_money, float(order["weight_after"]), price, lots=() if way == "buy" else lots)
    for each in ticket.get("fx", ()):
        account, way = numbers.get(each["account"], ""), BUY_OR_SELL[each["side"] == "sell"]
        yield SentOrder(each["client_order_id"], account, each["currency"], way, decimal(each["amount"]))


def _named_lots(ticket: Mapping[str, Any], asset: str, account: str) -> Iterator[SoldLot]:
    """The tax lots of an asset in an account that a ticket sells."""
    for row in ticket.get("tax_lots", ()):
        if (row["asset"], row.get("account", account)) == (asset, account):
            yield SoldLot(date.fromisoformat(row["bought"]), float(row["cost_price"]), decimal(row["units"]))


def book_fills(name: str, fills: Iterable[Fill]) -> Book:
    """Book those of the fills that are not booked yet, and give the book; doubtful ones are its items.

    Raises : DataError as `after_fills` does.
    """
    with holding_book(name):
        fills, recent = list(fills), read_book(name, since=date.max)
        if {fill.key for fill in fills} <= recent.blotter.fill_ids:
            return recent
        portfolio = booking.portfolio_of(recent)
        before = read_book(name, since=first_day(portfolio, fills, (), recent.open_items))
        book, new = importing.with_doubts(before, portfolio, fills)
        if new:
            _, rows, unmatched = match_fills(importing.seen_by_book(book, portfolio), new)
            if unmatched:
                raise DataError(all_mistakes("the list of fills", [why for _, why in unmatched]))
            book = booking.with_rows(book, rows)
            booking.check_units(book, portfolio, before)
            book = importing.with_waiting_flows(book, importing.seen_by_book(book, portfolio))
        if book != before:
            write_book(book, utc_now())
    return book


def first_day(
    portfolio: Portfolio, fills: Iterable[Fill], cash: Iterable[CashEntry] = (), items: Iterable[BookItem] = ()
) -> date:
    """The first day, on whichever exchange, to which a book goes back for what is to be booked.

    It is that of fills, of amounts of cash, of items of the book, and of splits that are not booked.
    """
    items = list(items)
    days = [split.day for split in (portfolio.blotter or Blotter()).splits if split.assumed]
    days += [fill.moment.date() for fill in (*fills, *filter(None, map(importing.fill_of_item, items)))]
    days += [entry.day for entry in (*cash, *(each.entry for each in items)) if entry]
    return min(days, default=date.max) - OTHER_DAY


def _since(book: Book, portfolio: Portfolio, names: Collection[str]) -> date | None:
    """Likewise for what has these names in a book; None where some are no fills, cash or orders that wait."""
    items = [each for each in book.open_items if each.name in names and not each.undoes]
    others = {*names} - {each.name for each in items} - {each.order_id for each in book.blotter.open}
    return None if others else first_day(portfolio, (), (), items)


def resolve(name: str, items: Sequence[str], order: str = "", *, dismiss: bool = False) -> Book:
    """Book what `show` lists by these names: splits, dividends, rows of a broker's file; and drop orders that are open.

    One is booked after the other: those before one that is refused stay booked.
    order   : id of the order whose fill an item is; "" books it as a fill of none.
    dismiss : true to leave rows of a broker's file out for good, and dividends that never come, and to take back
              exchanges and transfers.
    Raises  : DataError for a name that is not listed, and for what cannot be booked.
    """
    with Journal() as journal, holding_book(name):
        recent = read_book(name, since=date.max)
        portfolio = booking.portfolio_of(recent)
        book = read_book(name, since=_since(recent, portfolio, items))
        fills = [fill for each in book.open_items if each.name in items and (fill := importing.fill_of_item(each))]
        for item in items:
            if dismiss and item in {each.name for each in book.with_splits_of(portfolio.quoted).splits}:
                raise DataError(
                    f"{item} is of the market's data, and is not dismissed: correct these, `rebalance data`."
                )
            if dismiss:
                book = booking.without_event(book, portfolio, item) or importing.without_item(book, item)
            elif item in {each.name for each in book.open_items}:
                book = importing.with_item(book, booking.portfolio_of(book), item, order)
            elif item in {each.order_id for each in book.blotter.open}:
                book = replace(book, sent=tuple(each for each in book.sent if each.order_id != item))
            else:
                book = (
                    booking.with_gains(book, portfolio)
                    if item == booking.GAINS
                    else booking.with_event(book, portfolio, item)
                )
            write_book(book, utc_now())
        journal_fills(journal, book, fills)
    return book


def settle_items(name: str, *, dry_run: bool = False) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Book what `show` lists and one thing alone explains; a sentence on each, and on each row that is left.

    dry_run : true to write nothing.
    Raises  : DataError as `resolve` does.
    """
    with Journal() as journal, holding_book(name):
        recent = read_book(name, since=date.max)
        portfolio = booking.portfolio_of(recent)
        before = read_book(name, since=_since(recent, portfolio, [each.name for each in recent.open_items]))
        book, booked, left = importing.with_clear_items(before, portfolio)
        fills = [fill for each in booked if (fill := importing.fill_of_item(each))]
        if booked and not dry_run:
            write_book(book, utc_now())
            journal_fills(journal, book, fills)
    told = tuple(f"{item.name}: {_settled_words(item)}" for item in booked)
    return told, tuple(f"{item}: {why}" for item, why in left.items())


def _settled_words(item: BookItem) -> str:
    """An item that is settled, in words."""
    if fill := importing.fill_of_item(item):
        what = f"{fill.side} {fill.quantity.normalize():f} {fill.asset} at {fill.price.normalize():f} {fill.currency}"
        return f"{what} on {fill.moment:%Y-%m-%d}, of no order"
    return f"{item.entry.text if item.entry else ''}, as the market's data have it"


@contextmanager
def holding_book(name: str) -> Iterator[None]:
    """Hold a book, so that two processes that book fills do so one after the other."""
    path = book_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(f".{path.name}.lock"), wait=True):
        yield
