"""`rebalance desk tca`: what journalled orders cost."""

from pathlib import Path
from typing import Literal

from desk.cli.options import Reports, TrustCode, option, starting
from desk.commands.terminal import print_text
from foundation.progress import bar


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
    trust_code: TrustCode = None,
    reports: Reports = None,
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
        loaded = () if portfolio is None else portfolios_of(portfolio, trust_code)
        report = cost_report(ticket, since, loaded, delay, reports)
        progress.stage("writing")
        saved = f"\n\n{save_report(report, paths)}" if paths else ""
    print_text(f"{report_text(report)}{saved}")
