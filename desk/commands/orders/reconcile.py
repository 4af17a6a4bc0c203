"""A book beside a broker's positions and its portfolio file, as a table on the terminal."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from desk.commands.orders.book import holding_book, named_symbols
from desk.journal.journal import utc_now
from foundation.errors import ConfigError, DataError
from foundation.paper.text_tables import text_table
from research.orders.booking import open_book, portfolio_of
from research.orders.bookkeeping.reconciliation import ReconciledLine
from research.orders.bookkeeping.reconciliation import reconcile_positions as compare
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.book import Book, Reconciled
from research.portfolio.holdings.book_file import read_book, write_book
from research.portfolio.holdings.brokers.positions import read_positions


def reconciliation_text(name: str, path: Path, symbols: Mapping[str, str] | None = None) -> tuple[str, bool]:
    """The comparison as text, and true if book and broker agree.

    path    : a broker's file of positions.
    symbols : by the broker's symbol, the line that it is, "cash" or "ignore".
    Raises  : as `read_book`, `load_portfolio` and `read_positions` do.
    """
    book = read_book(name)
    symbols = {**named_symbols(Path(book.file)), **book.reading.symbols, **(symbols or {})}
    portfolio, stated = portfolio_of(book), _stated(book)
    assets = portfolio.market.assets
    currencies = dict(zip(assets, portfolio.quoted_in, strict=True))
    positions = read_positions(path, assets, portfolio.basis, currencies=currencies, symbols=symbols)
    lines = compare(book, portfolio, positions, stated)
    _keep(book, portfolio, path, lines)
    notes = [*positions.notes, *([] if stated else [f"{book.file} states no holdings of its own."])]
    cash = {code for holder in book.holders for code in holder.cash} | {row.currency for row in positions.cash}
    differing = [line for line in lines if line.differs(line.of in cash)]
    causes = "\n".join(f"  {f'{line.account}  {line.of}'.strip()}: {'; '.join(line.causes)}." for line in differing)
    head = f"{len(differing):,} of {len(lines):,} differ between book {name} and {path.name}."
    return "\n\n".join(filter(None, [_table(lines, cash), head, causes, "\n".join(notes)])), not differing


def _keep(book: Book, portfolio: Portfolio, path: Path, lines: Sequence[ReconciledLine]) -> None:
    """Write into a book the last close, the file with which it was compared, and how many amounts differ."""
    cash = {code for holder in book.holders for code in holder.cash}
    differing = sum(line.differs(line.of in cash) for line in lines)
    made = Reconciled(portfolio.date.date(), path.name, differing)
    with holding_book(book.name):
        now = read_book(book.name)
        if now.reconciled != made:
            write_book(replace(now, reconciled=made), utc_now())


def _stated(book: Book) -> Book | None:
    """A book of what the portfolio file states by itself, None where it reads the book or another file."""
    try:
        return open_book(load_portfolio(book.file, {"positions": None}), book.name)
    except (ConfigError, DataError):
        return None


def _table(lines: Sequence[ReconciledLine], cash: Collection[str]) -> str:
    rows = []
    for line in lines:
        difference = line.difference if line.differs(line.of in cash) else None
        amounts = (line.book, line.broker, line.file, difference)
        rows.append([f"{line.account}  {line.of}".strip(), *(_number(amount, line.of in cash) for amount in amounts)])
    return text_table([["", "book", "broker", "file", "difference"], *rows], left=1)


def _number(amount: Decimal | None, is_cash: bool) -> str:
    if amount is None:
        return ""
    return f"{amount:,.2f}" if is_cash else f"{amount.normalize():,f}"
