"""`rebalance book open | fill | show | resolve`: what a portfolio holds after fills."""

from pathlib import Path
from typing import Annotated

import typer

from desk.cli.options import File, Positions, starting
from desk.commands.terminal import print_text

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Keep what a portfolio holds after its fills.")
NAME = Annotated[str, typer.Argument(help="Name of the book.", show_default=False)]


@app.command("open")
def open_(
    file: File,
    name: Annotated[
        str, typer.Option("--as", help="Name of the book. [default: that of the portfolio]", show_default=False)
    ] = "",
    positions: Positions = None,
    not_held: Annotated[
        str, typer.Option(metavar="LINES", help="Lines such as GLD that are not held.", show_default=False)
    ] = "",
) -> None:
    """Open a book with what FILE, or a broker's file, says is held; `positions: {book: NAME}` in FILE then reads it."""
    with starting():
        from desk.commands.orders.book import open_from, show

    book = open_from(file, name, positions, not_held)
    print_text(f"{show(book.name)}\n\nWrite `positions: {{book: {book.name}}}` into {file}, so that its lists read it.")


@app.command()
def fill(
    name: NAME,
    fills: Annotated[Path, typer.Argument(help="A CSV of fills: docs/book.md has its columns.", show_default=False)],
    ticket: Annotated[
        Path | None,
        typer.Option(help="JSON of the list whose orders they fill, if it was sent since.", show_default=False),
    ] = None,
) -> None:
    """Book the fills of a table, all or none; those that are booked already are left out."""
    with starting():
        from desk.commands.orders import book

    book.fill_from(name, fills, ticket)
    print_text(book.show(name))


@app.command()
def show(name: NAME) -> None:
    """Print a book: holdings, cash, open orders, and splits and dividends that the market's data has since."""
    with starting():
        from desk.commands.orders import book

    print_text(book.show(name))


@app.command()
def resolve(
    name: NAME,
    items: Annotated[list[str], typer.Argument(help="Names that `show` gives splits, dividends and open orders.")],
) -> None:
    """Book splits and dividends, and drop open orders, by name."""
    with starting():
        from desk.commands.orders import book

    book.resolve(name, items)
    print_text(book.show(name))
