"""`rebalance desk book open | fill | show | settle`: what a portfolio holds after fills."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from desk.cli.options import Cash, File, PastDay, Positions, argument, forms_of, option, starting, trusted
from desk.commands.terminal import print_text, tell
from foundation.errors import ConfigError

Symbols = Annotated[
    list[str] | None,
    typer.Option(metavar="SYMBOL=ASSET", help="Asset of a broker's symbol, or ignore; may be repeated."),
]
BOOK_NAME = Annotated[str, typer.Argument(help="Name of the book.")]


def symbols_of(given: Iterable[str]) -> dict[str, str]:
    """Symbols with their assets, as SYMBOL=ASSET states them. Raises ConfigError for another form."""
    pairs = [text.partition("=") for text in given]
    for symbol, sign, line in pairs:
        if not (symbol and sign and line):
            raise ConfigError(f"--symbol is {symbol + sign + line!r}: write SYMBOL=ASSET, such as BRK/B=BRK.B.")
    return {symbol: line for symbol, _, line in pairs}


def open_(
    file: File,
    name: str = option("Name of the book. [default: that of the portfolio]", "--as"),
    positions: Positions = None,
    not_held: str = option("Assets such as GLD that are not held.", metavar="ASSETS"),
    cash: Cash = None,
    as_of: PastDay = None,
) -> None:
    """Open a book with what FILE, or a broker's file, says is held.

    `positions: {book: NAME}` in FILE then reads it.
    """
    with starting(file):
        from desk.commands.orders.book import named_in, open_from
        from desk.commands.orders.book_text import book_text

    book, notes = open_from(file, name, positions, not_held, as_of, cash, trusted())
    is_read = named_in(file) == book.name
    advice = f"Write `positions: {{book: {book.name}}}` into {file}, so that its lists read it."
    print_text("\n\n".join(filter(None, [book_text(book.name), "\n".join(notes), "" if is_read else advice])))


def add_fills(
    name: BOOK_NAME,
    file: Path = argument("A table of fills, or a broker's CSV or JSON of transactions."),
    ticket: Path | None = option("JSON of the list whose orders they fill, if it was sent since."),
    symbol: Symbols = None,
    form: list[str] | None = option(
        "How FILE is written: a field's column, such as units=Filled; zone=America/New_York of times that state none; "
        "dates=dmy or mdy; decimal=. or ,; may be repeated.",
        metavar="NAME=VALUE",
    ),
    account: list[str] | None = option(
        "Account of the file that is the portfolio's, where it has others; may be repeated."
    ),
    dry_run: bool = option("Say how each row would be booked; write nothing."),
) -> None:
    """Book fills, corrections and amounts of cash.

    What is booked is left out, and what cannot be booked is listed, with exit status 1. Columns, symbols and accounts
    are kept with the book.
    """
    with starting():
        from desk.commands.orders import fills
        from desk.commands.orders.book_text import book_text, preview_text
        from foundation.arguments import one_of
        from research.orders.bookkeeping.columns import RANKED
        from research.orders.bookkeeping.transaction import FileStatements

    named = forms_of(form or (), (*RANKED, "zone", "dates", "decimal"))
    zone, dates, decimal = (named.pop(name, "") for name in ("zone", "dates", "decimal"))
    if dates:
        one_of("dates of --form is", dates, ("dmy", "mdy"))
    day_first = dates == "dmy" if dates else None
    reading = FileStatements(symbols_of(symbol or ()), zone, day_first, decimal, named, tuple(account or ()))
    if dry_run:
        imported, rows = fills.preview_of(name, file, ticket, reading)
        print_text("\n\n".join([preview_text(imported.book, rows), "\n".join(imported.notes), "Nothing is written."]))
        raise typer.Exit(int(imported.left > 0))
    imported = fills.fill_from(name, file, ticket, reading)
    print_text("\n\n".join(filter(None, [book_text(name), "\n".join(imported.notes)])))
    raise typer.Exit(int(imported.left > 0))


def show(
    name: BOOK_NAME,
    positions: Path | None = option("A broker's CSV of positions: compare the book and its portfolio file with it."),
    symbol: Symbols = None,
) -> None:
    """Print holdings, cash, open orders, and what is to be booked.

    With --positions, print instead what differs; exit status 1 where book and broker differ.
    """
    if positions is None:
        if symbol:
            raise ConfigError("--symbol is of the rows of --positions: give that file, too.")
        with starting():
            from desk.commands.orders.book_text import book_text

        return print_text(book_text(name, whole=True))
    with starting():
        from desk.commands.orders.reconcile import reconciliation_text

    text, same = reconciliation_text(name, positions, symbols_of(symbol or ()))
    tell(text, not same)


def settle_book(
    name: BOOK_NAME,
    items: list[str] | None = argument("Names that `show` gives what is to be booked. [default: all]", default=None),
    order: str = option("Id of the order whose fill an item is. [default: a fill of no order]"),
    dismiss: bool = option("Leave rows of brokers' files out for good."),
    dry_run: bool = option("Say what would be booked, and write nothing."),
) -> None:
    """Book or dismiss what `show` lists.

    Named items: rows of brokers' files, splits, dividends, and open orders, which are dropped. Without a name: all
    that can be but one thing, such as trades by hand; exit status 1 where rows are left, each with its reason.
    """
    if (items and dry_run) or (not items and (order or dismiss)):
        raise ConfigError("--order and --dismiss are of ITEMS, and --dry-run of all: name items, or none.")
    with starting():
        from desk.commands.orders.book import resolve, settle_items
        from desk.commands.orders.book_text import book_text

    if items:
        resolve(name, items, order, dismiss=dismiss)
        return print_text(book_text(name))
    booked, left = settle_items(name, dry_run=dry_run)
    parts = {"Would be booked" if dry_run else "Booked": booked, "Left": left}
    told = ["\n".join([f"{head}:", *(f"  {each}" for each in rows)]) for head, rows in parts.items() if rows]
    told = told or ["Nothing is to be settled."]
    tell("\n\n".join(told if dry_run else [*told, book_text(name)]), left)
