"""`rebalance desk tca`: what journalled orders cost."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from desk.cli.options import Reports, TrustCode, starting
from desk.commands.terminal import print_text
from foundation.progress import bar


def tca(
    ticket: Annotated[
        str,
        typer.Option(
            metavar="HASH", help="Only the orders of this list: the beginning of its hash.", show_default=False
        ),
    ] = "",
    since: Annotated[
        str,
        typer.Option(
            metavar="DAY", help="Only orders that traded on this day, YYYY-MM-DD, or later.", show_default=False
        ),
    ] = "",
    portfolio: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Only orders of this portfolio file, or of this file of accounts, against its costs, or those of its "
            "models; its closes value what was not filled.",
            show_default=False,
        ),
    ] = None,
    delay: Annotated[
        Literal["wanted", "filled"],
        typer.Option(
            help="Units on which delay is counted: wanted (Wagner), or filled (Perold). The total is the same."
        ),
    ] = "wanted",
    out: Annotated[
        list[str] | None,
        typer.Option(help="Also write it to this file: .html, a page; .csv, a row an order; .png; may be repeated."),
    ] = None,
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
