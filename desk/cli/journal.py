"""`rebalance desk journal`, `approve` and `why`: what was listed, approved, sent and filled, and why."""

from pathlib import Path
from typing import Annotated

import typer

from desk.cli.options import Reports, starting
from desk.commands.terminal import print_text, tell


def show(
    ticket: Annotated[str, typer.Option(help="Only entries of this ticket: the beginning of its hash.")] = "",
    order: Annotated[str, typer.Option(help="Only entries of the order with this client id.")] = "",
    last: Annotated[
        int | None,
        typer.Option(min=1, help="Only so many entries, the newest. [default: 20, or all of one]", show_default=False),
    ] = None,
) -> None:
    """Print entries, the newest last."""
    with starting():
        from desk.commands.orders.journal import show_text

    print_text(show_text(ticket, order, last))


def verify(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="JSON of tickets or manifests that state a head which the journal must have had."),
    ] = None,
) -> None:
    """Check the chain of all entries, and its end.

    Its end must be the one that FILES state. Exit status 1 if there is a fault.
    """
    with starting():
        from desk.commands.orders.journal import verify_journal

    tell(*verify_journal(files or ()))


def export(out: Annotated[Path, typer.Option(help="File to write: .jsonl, a line an entry, or .csv.")]) -> None:
    """Write all entries to a file."""
    with starting():
        from desk.commands.orders.journal import export as write

    print_text(write(out))


def approve(
    ticket: Annotated[Path, typer.Argument(help="A ticket, such as trades.json.")],
    refuse: Annotated[str, typer.Option(metavar="REASON", help="Refuse it, for this reason.", show_default=False)] = "",
) -> None:
    """Approve a ticket, or refuse it, in the journal.

    Says who has and who must. Your last word on it counts.
    """
    with starting():
        from desk.commands.orders.journal import judge_ticket

    print_text(judge_ticket(ticket, refuse))


def why(order: Annotated[str, typer.Argument(help="Client id of an order.")], reports: Reports = None) -> None:
    """Say why an order was made.

    Its fills, its list, the decision, the policy, the run and the data.
    """
    with starting():
        from desk.commands.orders.journal import why_text

    print_text(why_text(order, reports))
