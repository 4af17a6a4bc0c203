"""`rebalance desk journal`, `approve` and `why`: what was listed, approved, sent and filled, and why."""

from pathlib import Path

from desk.cli.options import Reports, argument, option, starting
from desk.commands.terminal import print_text, tell


def show(
    ticket: str = option("Only entries of this ticket: the beginning of its hash."),
    order: str = option("Only entries of the order with this client id."),
    last: int | None = option("Only so many entries, the newest. [default: 20, or all of one]", min=1),
) -> None:
    """Print entries, the newest last."""
    with starting():
        from desk.commands.orders.journal import show_text

    print_text(show_text(ticket, order, last))


def verify(
    files: list[Path] | None = argument(
        "JSON of tickets or manifests that state a head which the journal must have had.", default=None
    ),
) -> None:
    """Check the chain of all entries, and its end.

    Its end must be the one that FILES state. Exit status 1 if there is a fault.
    """
    with starting():
        from desk.commands.orders.journal import verify_journal

    tell(*verify_journal(files or ()))


def export(out: Path = option("File to write: .jsonl, a line an entry, or .csv.", default=...)) -> None:
    """Write all entries to a file."""
    with starting():
        from desk.commands.orders.journal import export as write

    print_text(write(out))


def approve(
    ticket: Path = argument("A ticket, such as trades.json."),
    refuse: str = option("Refuse it, for this reason.", metavar="REASON"),
) -> None:
    """Approve a ticket, or refuse it, in the journal.

    Says who has and who must. Your last word on it counts.
    """
    with starting():
        from desk.commands.orders.journal import judge_ticket

    print_text(judge_ticket(ticket, refuse))


def why(order: str = argument("Client id of an order."), reports: Reports = None) -> None:
    """Say why an order was made.

    Its fills, its list, the decision, the policy, the run and the data.
    """
    with starting():
        from desk.commands.orders.journal import why_text

    print_text(why_text(order, reports))
