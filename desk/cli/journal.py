"""`rebalance desk journal`, `approve`, `why` and `tca`: what was listed, approved and filled, why, and at what cost."""

from pathlib import Path
from typing import Literal

from desk.cli.options import argument, option, starting
from desk.commands.terminal import print_text, tell
from foundation.progress import bar


def show_entries(
    ticket: str = option("Only entries of this ticket: the beginning of its hash."),
    order: str = option("Only entries of the order with this client id."),
    last: int | None = option("Only so many entries, the newest. [default: 20, or all of one]", min=1),
) -> None:
    """Print entries, the newest last."""
    with starting():
        from desk.commands.orders.journal import entries_text

    print_text(entries_text(ticket, order, last))


def verify_entries(
    files: list[Path] | None = argument(
        "JSON of tickets or manifests that state a head which the journal must have had.", default=None
    ),
) -> None:
    """Check the chain of all entries, and its end.

    Its end must be the one that FILES state. Exit status 1 if there is a fault.
    """
    with starting():
        from desk.commands.orders.journal import verified_text

    tell(*verified_text(files or ()))


def export(out: Path = option("File to write: .jsonl, a line an entry, or .csv.", default=...)) -> None:
    """Write all entries to a file."""
    with starting():
        from desk.commands.orders.journal import export_journal as write

    print_text(write(out))


def approve_ticket(
    ticket: Path = argument("A ticket, such as trades.json."),
    refuse: str = option("Refuse it, for this reason.", metavar="REASON"),
) -> None:
    """Approve a ticket, or refuse it, in the journal.

    Says who has and who must. Your last word on it counts.
    """
    with starting():
        from desk.commands.orders.journal import judge_ticket

    print_text(judge_ticket(ticket, refuse))


def explain_order(order: str = argument("Client id of an order.")) -> None:
    """Say why an order was made.

    Its fills, its list, the decision, the policy, the run and the data.
    """
    with starting():
        from desk.commands.orders.journal import why_text

    print_text(why_text(order))


def tca(
    ticket: str = option("Only the orders of this list: the beginning of its hash.", metavar="HASH"),
    since: str = option("Only orders that traded on this day, YYYY-MM-DD, or later.", metavar="DAY"),
    portfolio: Path | None = option(
        "Only orders of this portfolio file, or of this file of accounts, against its costs, or those of its "
        "models; its closes value what was not filled.",
        metavar="FILE",
    ),
    delay: Literal["wanted", "filled"] = option(
        "Units on which delay is counted: wanted (Wagner), or filled (Perold). The total is the same.", default="wanted"
    ),
    out: list[str] | None = option(
        "Also write it to this file: .html, a page; .csv, a row an order; .png; may be repeated."
    ),
) -> None:
    """Print what orders cost against their decision prices.

    By part, asset, side, venue, hour and size, from the journal. With --portfolio, also the costs that they suggest
    for FILE, and what these do to its policy; nothing is changed.
    """
    with starting():
        from desk.commands.orders.tca import check_outputs, cost_report, portfolios_of, save_report
        from desk.tca.text import report_text

    paths = check_outputs(out or ())
    with bar(None, "reading the journal") as progress:
        loaded = () if portfolio is None else portfolios_of(portfolio)
        report = cost_report(ticket, since, loaded, delay)
        progress.stage("writing")
        saved = f"\n\n{save_report(report, paths)}" if paths else ""
    print_text(f"{report_text(report)}{saved}")
