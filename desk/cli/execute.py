"""`rebalance execute`: the orders of a ticket, sent to a venue."""

from pathlib import Path
from typing import Annotated

import typer

from desk.cli.options import kept, starting
from desk.commands.terminal import print_text, tell
from foundation.errors import ConfigError
from foundation.paper.wording import counted


def execute(
    ticket: Annotated[Path, typer.Argument(help="A ticket, such as trades.json.", show_default=False)],
    exchange: Annotated[
        str,
        typer.Option(
            help="Venue to which its orders go: paper, alpaca (paper trading there) or alpaca_live.", show_default=False
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; needs --confirm.")] = False,
    confirm: Annotated[
        str,
        typer.Option(metavar="HASH", help="With --yes: the first 8 or more digits of its hash.", show_default=False),
    ] = "",
    as_of: Annotated[
        str,
        typer.Option(help="Session that paper plays, YYYY-MM-DD. [default: that of the ticket]", show_default=False),
    ] = "",
    portfolio: Annotated[
        Path | None,
        typer.Option(help="Portfolio file with whose market paper fills. [default: the ticket's own prices]"),
    ] = None,
    quotes: Annotated[
        Path | None, typer.Option(help="A CSV of quotes with which paper fills: docs/exchanges.md has its columns.")
    ] = None,
) -> None:
    """Send the orders of TICKET to a venue, after its checks and a question; journal and book their fills.

    The same command goes on where a killed one stood; nothing is sent twice. Exit status 1 if a check failed, or an
    order was not taken.
    """
    if yes != bool(confirm):
        raise ConfigError("--yes and --confirm HASH belong together: give both, or answer the question.")
    with starting():
        from desk.commands.orders.execute import Asked, ready
        from desk.commands.orders.execute_text import after_text, before_text, progress_text

    with ready(Asked(ticket, exchange, as_of, portfolio, quotes)) as prepared:
        if yes:
            prepared.check_confirmed(confirm)
        tell(before_text(prepared), prepared.faults if dry_run else prepared.is_refused)
        if dry_run or not prepared.moment.orders:
            return
        question = f"Send {counted(len(prepared.moment.left), 'order')} to {exchange}?"
        if prepared.moment.left and not prepared.faults and not yes:
            if not typer.confirm(question):
                tell("Nothing is sent.", failed=True)
            prepared = prepared.again()
            if prepared.is_refused:
                tell("\n".join(["Nothing is sent: since it was shown,", *prepared.faults]), failed=True)
        sent = []
        with kept("orders"):
            for each in prepared.send():
                sent.append(each)
                if prepared.moment.left:
                    print_text(progress_text(each))
        failed = any(each.state is None or each.state.status == "refused" for each in sent)
        tell(f"\n{after_text(prepared, sent)}", failed and prepared.moment.left)
