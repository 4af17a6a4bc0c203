"""`rebalance trades`: the trade list of one portfolio file, or the lists of all accounts of a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from desk.cli.options import BROKERS_CSV, Cluster, KnownOn, Reports, TrustCode, kept, starting
from desk.commands.terminal import print_text, tell
from foundation.errors import ConfigError
from foundation.progress import bar

PRICES, ACCOUNTS = "Prices and positions", "Many accounts"  # headings of help


def trades(
    file: Annotated[Path | None, typer.Argument(hidden=True)] = None,
    out: Annotated[list[str] | None, typer.Option(help="Path, such as .csv .html .fix; may be repeated.")] = None,
    as_of: Annotated[str, typer.Option(metavar="DAY", help="Today, YYYY-MM-DD. [default: the exchange's]")] = "",
    deploy: Annotated[float, typer.Option(help="Money that comes in, besides FILE's cash.", show_default=False)] = 0.0,
    withdraw: Annotated[float, typer.Option(help="Money that goes out.", show_default=False)] = 0.0,
    account: Annotated[
        str, typer.Option(help="Account of FILE that --deploy or --withdraw is for.", show_default=False)
    ] = "",
    buy_only: Annotated[bool, typer.Option("--buy-only", help="Send only the buys of the trade.")] = False,
    sell_only: Annotated[bool, typer.Option("--sell-only", help="Send only the sells of the trade.")] = False,
    to_target: Annotated[
        bool, typer.Option("--to-target", help="Trade to target, whatever the policy's rule decides.")
    ] = False,
    review: Annotated[
        bool, typer.Option("--review", help="Make no orders: show drift, and what would trade next.")
    ] = False,
    positions: Annotated[Path | None, typer.Option(help=BROKERS_CSV, rich_help_panel=PRICES)] = None,
    not_held: Annotated[
        str,
        typer.Option(
            metavar="ASSETS",
            help="Assets such as GLD that it lacks because none is held.",
            show_default=False,
            rich_help_panel=PRICES,
        ),
    ] = "",
    cash: Annotated[
        float | None,
        typer.Option(
            help="Cash in FILE's currency, where it has no row of it.", show_default=False, rich_help_panel=PRICES
        ),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="A CSV of asset, price and date, not the last closes.", rich_help_panel=PRICES)
    ] = None,
    quotes: Annotated[
        str,
        typer.Option(
            metavar="SOURCE",
            help="Source of live quotes, such as yahoo, in their place.",
            show_default=False,
            rich_help_panel=PRICES,
        ),
    ] = "",
    prices_ok: Annotated[
        str,
        typer.Option(
            metavar="ASSETS",
            help="Assets whose prices are right though they look wrong.",
            show_default=False,
            rich_help_panel=PRICES,
        ),
    ] = "",
    fx: Annotated[
        str,
        typer.Option(
            metavar="FILE|PAIRS",
            help="Rates of today: a CSV, or EURUSD=1.0664,GBPUSD=1.2103.",
            show_default=False,
            rich_help_panel=PRICES,
        ),
    ] = "",
    stale_ok: Annotated[
        bool,
        typer.Option("--stale-ok", help="Make the list, marked, although prices are too old.", rich_help_panel=PRICES),
    ] = False,
    accounts: Annotated[
        Path | None,
        typer.Option(
            help="A CSV with a row an account, in place of FILE.", show_default=False, rich_help_panel=ACCOUNTS
        ),
    ] = None,
    lots: Annotated[
        Path | None,
        typer.Option(help="A CSV with a row a tax lot of an account.", show_default=False, rich_help_panel=ACCOUNTS),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Prove the lots of each, not by a greedy search.", rich_help_panel=ACCOUNTS)
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that list accounts. [default: 1]", show_default=False, rich_help_panel=ACCOUNTS),
    ] = None,
    cluster: Cluster = None,
    as_known_on: KnownOn = None,
    trust_code: TrustCode = None,
    reports: Reports = None,
) -> None:
    """Print today's trade list of FILE.

    Its `policy` decides, else its newest run: docs/trade_lists.md.
    """
    of_one = {"FILE": file, "--positions": positions, "--prices": prices, "--quotes": quotes, "--prices-ok": prices_ok,
              "--not-held": not_held, "--cash": cash is not None, "--deploy": deploy, "--withdraw": withdraw,
              "--account": account,
              "--buy-only": buy_only, "--sell-only": sell_only, "--to-target": to_target,
              "--review": review}  # fmt: skip
    if accounts is not None:
        if asked := [name for name, value in of_one.items() if value]:
            raise ConfigError(f"--accounts excludes {', '.join(asked)}: a row names its portfolio file.")
        _trades_of_accounts(
            accounts,
            out or (),
            exact=exact,
            workers=1 if workers is None else workers,
            cluster=cluster or "",
            lots=lots,
            reports=reports,
            as_of=as_of,
            stale_ok=stale_ok,
            fx=fx,
            trust_code=trust_code,
        )
        return
    if file is None or exact or workers is not None or cluster or lots:
        raise ConfigError(
            "--lots, --exact, --workers and --cluster need --accounts: name a file of accounts, or leave them out."
            if file
            else "no portfolio is named: give its file, or a file of accounts as --accounts."
        )
    with starting(file):
        from backtests.runs.folder import reports_folder
        from desk.commands.orders.replaced_files import replaced_files
        from desk.commands.orders.trades import check_out, save_trades, trades_now
        from desk.tickets.request import request_of
        from desk.tickets.review import Review
        from research.portfolio import load_portfolio

    if review and out:
        raise ConfigError("--review makes no orders, and --out writes them: leave one of the two out.")
    if quotes and prices:
        raise ConfigError("--quotes and --prices both give prices: leave one of the two out.")
    if buy_only and sell_only:
        raise ConfigError("--buy-only and --sell-only exclude each other: leave one of the two out.")
    request = request_of(deploy, withdraw, "buy" if buy_only else "sell" if sell_only else "", to_target, account)
    check_out(out or (), reports or reports_folder(file))
    if quotes:
        from desk.commands.data import fetch_quotes

        prices = fetch_quotes(file, quotes)
    with bar(None, "reading prices") as progress:
        portfolio = load_portfolio(
            file,
            replaced_files(positions, prices, fx, prices_ok, not_held, cash),
            trust_code=trust_code,
            as_of=as_of or None,
        )
        progress.stage("making the trade list")
        listed = trades_now(portfolio, reports=reports, request=request, as_of=as_of, stale_ok=stale_ok)
    saved = f"\n{save_trades(listed, out, reports)}" if out else ""  # before anybody stops reading
    print_text(repr(Review(listed)) if review else f"{listed!r}{saved}")


def _trades_of_accounts(accounts: Path, out: Sequence[str], **how: Any) -> None:
    """List all accounts of a file, as `list_accounts` does. Exit status 1 if one failed."""
    with starting():
        from desk.commands.orders.accounts import list_accounts
        from desk.tickets.formats import is_plain_csv

    lists = [path for path in out if is_plain_csv(path)]
    if len(lists) > 1:
        raise ConfigError(f"--out is given {len(lists)} times with a CSV: with --accounts, one takes all orders.")
    tickets = [path for path in out if path not in lists]
    with kept("accounts"):
        made = list_accounts(accounts, Path(lists[0]) if lists else None, tickets=tickets, **how)
    tell(made.text, made.failed)
