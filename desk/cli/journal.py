"""`rebalance desk journal`, `approve` and `tca`: what was listed, approved and filled, and at what cost."""

from pathlib import Path
from typing import Literal

from desk.cli.options import argument, option, starting, trusted
from desk.commands.terminal import print_text, tell
from foundation.errors import ConfigError
from foundation.progress import bar


def show_entries(
    files: list[Path] | None = argument(
        "JSON of tickets or manifests: verify that the journal had the head that each states.", default=None
    ),
    ticket: str = option("Only entries of this ticket: the beginning of its hash."),
    order: str = option("Only entries of the order with this client id."),
    last: int | None = option("Only so many entries, the newest. [default: 20, or all of one]", min=1),
    verify: bool = option("Check the chain of all entries, and its end, in place of entries."),
    out: Path | None = option("Write all entries to this file: .jsonl, a line an entry, or .csv."),
) -> None:
    """Print the journal, verify it, or write it to a file.

    With FILES or --verify the exit status is 1 if there is a fault.
    """
    if sum(map(bool, (ticket or order or last, verify or files, out))) > 1:
        raise ConfigError("entries are printed, verified (FILES, --verify) or written (--out): ask for one of them.")
    with starting():
        from desk.commands.orders.journal import entries_text, export_journal, verified_text

    if verify or files:
        tell(*verified_text(files or ()))
    else:
        print_text(entries_text(ticket, order, last) if out is None else export_journal(out))


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
        loaded = () if portfolio is None else portfolios_of(portfolio, trusted())
        report = cost_report(ticket, since, loaded, delay)
        progress.stage("writing")
        saved = f"\n\n{save_report(report, paths)}" if paths else ""
    print_text(f"{report_text(report)}{saved}")
