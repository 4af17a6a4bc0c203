"""A book as text: what it holds, what is open, and what is to be booked.

Users ask for it many times a day: it imports none of what books fills.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from foundation.errors import ConfigError, DataError
from foundation.paper.text_tables import text_table
from foundation.paper.wording import counted
from research.accounting.lots.lot import HALF_A_CENT
from research.orders.booking import GAINS, CorporateAction, events_since, portfolio_of
from research.portfolio import Portfolio
from research.portfolio.holdings.book import Book, BookItem
from research.portfolio.holdings.book_file import read_book

if TYPE_CHECKING:
    from research.orders.bookkeeping.preview import PreviewedRow


def preview_text(book: Book, rows: "Sequence[PreviewedRow]") -> str:
    """The booking of each row of a file, and what the book would hold then, as text."""
    cells = [
        [f"{each.row or ''}", each.what, f"{each.cash:,.2f}" if each.cash else "", each.currency, each.booking]
        for each in rows
    ]
    table = text_table([["row", "what", "cash", "", "booking"], *cells], left=2, width=None) if cells else ""
    return "\n\n".join(filter(None, [table, _holdings(book), _cash(book)]))


def book_text(name: str, *, whole: bool = False) -> str:
    """A book as text: holdings, cash now and on settlement, open orders, and what is to be booked by name.

    whole : true for all dividends that are not booked, of however long ago.
    """
    book, gains = read_book(name, since=None if whole else date.max), ""
    try:
        portfolio = portfolio_of(book)
        if portfolio.blotter and any(split.assumed for split in portfolio.blotter.splits):
            book = read_book(name)
        events: tuple[CorporateAction, ...] = events_since(book, portfolio)
        gains, told = _gains(book, portfolio), ""
        book = book.with_splits_of(portfolio.quoted)
        if book.opening.day:
            since = book.opening.earlier[0][0]
            told = f"Dividends up to {since} that are not booked are in: rebalance desk book show {name}"
    except (ConfigError, DataError) as error:
        events, told = (), f"Splits and dividends since are not known: {error}"
    parts = [_head(book), _holdings(book), _cash(book), gains, _open(book), _items(book), _since(events), told]
    return "\n\n".join(filter(None, parts))


def _head(book: Book) -> str:
    count, by_rule, undone = book.fills_until(date.max)
    traded = f", last traded {book.last_trade}" if count or undone else ""
    ticket = f"\nTicket: {book.blotter.ticket}" if book.blotter.ticket else ""
    fills = f"{counted(count, 'fill')} booked"
    fills += f" ({by_rule:,} by account, asset and side, without the id of an order)" if by_rule else ""
    fills += f", {undone:,} taken back" if undone else ""
    fills += f", {counted(len(book.entries), 'amount')} of cash" if book.entries else ""
    return f"Book {book.name} of {book.file}, opened at the close of {book.opened}{traded}, {fills}.{ticket}"


def _holdings(book: Book) -> str:
    rows = [
        [f"{of.account}  {asset}".strip(), f"{units.normalize():,f}"]
        for of in book.holders
        for asset, units in of.units.items()
    ]
    return text_table([["asset", "units"], *rows], left=1)


def _cash(book: Book) -> str:
    """Cash by account and currency: what has settled by the last trade or the opening, and what there is in the end."""
    day = max(book.opened, book.last_trade)
    later = book.blotter.unsettled(day)
    rows = [
        [f"{of.account}  {code}".strip(), f"{cash - later.get((of.account, code), Decimal()):,.2f}", f"{cash:,.2f}"]
        for of in book.holders
        for code, cash in of.cash.items()
    ]
    return text_table([["cash", f"settled on {day}", "when all has settled"], *rows], left=1)


def _gains(book: Book, portfolio: Portfolio) -> str:
    """Net gains by year, and those that a book of version 2 kept where they differ."""
    if portfolio.tax_lots is None:
        return ""
    gains = portfolio.tax_lots.gains

    def told(of: Mapping[str, float]) -> str:
        return ", ".join(f"{year} {gain:,.2f}" for year, gain in sorted(of.items())) or "none"

    kept = book.kept_gains
    if kept is None or all(abs(kept.get(y, 0.0) - gains.get(y, 0.0)) < HALF_A_CENT for y in {*kept, *gains}):
        return f"Net gains by year: {told(gains)} {book.basis}" if gains else ""
    return (
        f"Net gains by year, by the day of each sale: {told(gains)} {book.basis}\nAs an earlier version kept them: "
        f"{told(kept)}. Lists count the first; to take them for good: rebalance desk book settle {book.name} {GAINS}"
    )


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


def _items(book: Book) -> str:
    if not book.open_items:
        return ""
    told = "\n".join(f"  {item.name}: {_why(item)}" for item in book.open_items)
    fix = f"rebalance desk book settle {book.name} NAME, with --order ID or --dismiss where that is right"
    return f"Of brokers' files and lists, and not booked ({fix}):\n{told}"


def _why(item: BookItem) -> str:
    return item.why if item.entry is None or item.entry.text in item.why else f"{item.entry.text} ({item.why})"


def _since(events: Sequence[CorporateAction]) -> str:
    if not events:
        return ""
    told = "\n".join(f"  {event.words}" for event in events)
    return f"Since it was opened, by the market's data, and not booked (rebalance desk book settle NAME ITEM):\n{told}"
