"""`rebalance trades`: the trade list of one portfolio file, or the lists of all accounts of a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from desk.cli.options import BROKERS_CSV, Cluster, argument, kept, option, starting, trusted
from desk.commands.terminal import print_text, tell
from foundation.errors import ConfigError
from foundation.progress import bar

PRICES, ACCOUNTS = "Prices and positions", "Many accounts"  # headings of help


def trades(
    file: Path | None = argument(hidden=True, default=None),
    out: list[str] | None = option("Path, such as .csv .html .fix; may be repeated."),
    as_of: str = option("Today, YYYY-MM-DD. [default: the exchange's]", metavar="DAY"),
    deploy: float = option("Money that comes in, besides FILE's cash.", default=0.0, show_default=False),
    withdraw: float = option("Money that goes out.", default=0.0, show_default=False),
    account: str = option("Account of FILE that --deploy or --withdraw is for."),
    buy_only: bool = option("Send only the buys of the trade."),
    sell_only: bool = option("Send only the sells of the trade."),
    to_target: bool = option("Trade to target, whatever the policy's rule decides."),
    review: bool = option("Make no orders: show drift, and what would trade next."),
    positions: Path | None = option(BROKERS_CSV, under=PRICES),
    not_held: str = option("Assets such as GLD that it lacks because none is held.", metavar="ASSETS", under=PRICES),
    cash: float | None = option("Cash in FILE's currency, where it has no row of it.", under=PRICES),
    prices: Path | None = option("A CSV of asset, price and date, not the last closes.", under=PRICES),
    quotes: str = option("Source of live quotes, such as yahoo, in their place.", metavar="SOURCE", under=PRICES),
    prices_ok: str = option("Assets whose prices are right though they look wrong.", metavar="ASSETS", under=PRICES),
    fx: str = option("Rates of today: a CSV, or EURUSD=1.0664,GBPUSD=1.2103.", metavar="FILE|PAIRS", under=PRICES),
    stale_ok: bool = option("Make the list, marked, although prices are too old.", under=PRICES),
    accounts: Path | None = option("A CSV with a row an account, in place of FILE.", under=ACCOUNTS),
    lots: Path | None = option("A CSV with a row a tax lot of an account.", under=ACCOUNTS),
    exact: bool = option("Prove the lots of each, not by a greedy search.", under=ACCOUNTS),
    workers: int | None = option("Processes that list accounts. [default: 1]", under=ACCOUNTS),
    cluster: Cluster = None,
) -> None:
    """Print today's trade list of FILE.

    Its `policy` decides, else its newest run: docs/trade_lists.md.
    """
    of_one = {"FILE": file, "--positions": positions, "--prices": prices, "--quotes": quotes, "--prices-ok": prices_ok,
              "--not-held": not_held, "--cash": cash is not None, "--deploy": deploy, "--withdraw": withdraw,
              "--account": account, "--buy-only": buy_only, "--sell-only": sell_only, "--to-target": to_target,
              "--review": review}  # fmt: skip
    if accounts is not None:
        if asked := [name for name, value in of_one.items() if value]:
            raise ConfigError(f"--accounts excludes {', '.join(asked)}: a row names its portfolio file.")
        _trades_of_accounts(
            accounts, out or (), exact=exact, workers=1 if workers is None else workers, cluster=cluster or "",
            lots=lots, as_of=as_of, stale_ok=stale_ok, fx=fx, trust_code=trusted(),
        )  # fmt: skip
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
    check_out(out or (), reports_folder(file))
    if quotes:
        from desk.commands.data import fetch_quotes

        prices = fetch_quotes(file, quotes)
    with bar(None, "reading prices") as progress:
        instead = replaced_files(positions, prices, fx, prices_ok, not_held, cash)
        portfolio = load_portfolio(file, instead, trust_code=trusted(), as_of=as_of or None)
        progress.stage("making the trade list")
        listed = trades_now(portfolio, request=request, as_of=as_of, stale_ok=stale_ok)
    saved = f"\n{save_trades(listed, out)}" if out else ""  # before anybody stops reading
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
