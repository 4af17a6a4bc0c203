"""`rebalance trades`: the trade list of one portfolio file, or the lists of all accounts of a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from desk.cli.options import BROKERS_CSV, argument, kept, option, starting, trusted, workers_of
from desk.commands.terminal import print_text, tell
from foundation.errors import ConfigError
from foundation.progress import bar

PRICES, ACCOUNTS = "Prices and positions", "Many accounts"  # headings of help
TOO_OLD = "stale"  # of --accept: prices that are too old


def trades(
    file: Path = argument("A portfolio file, or a file of accounts, .csv, with a row an account."),
    out: list[str] | None = option("Path, such as .csv .html .fix; may be repeated."),
    as_of: str = option("Today, YYYY-MM-DD. [default: the exchange's]", metavar="DAY"),
    deposit: float = option("Money that comes in, besides FILE's cash.", default=0.0, show_default=False),
    withdraw: float = option("Money that goes out.", default=0.0, show_default=False),
    account: str = option("Account of FILE that --deposit or --withdraw is for."),
    only: Literal["buys", "sells"] | None = option("Send these orders alone."),
    to_target: bool = option("Trade to target, whatever the policy's rule decides."),
    review: bool = option("Make no orders: show drift, and what would trade next."),
    positions: Path | None = option(BROKERS_CSV, under=PRICES),
    not_held: str = option("Assets such as GLD that it lacks because none is held.", metavar="ASSETS", under=PRICES),
    cash: float | None = option("Cash in FILE's currency, where it has no row of it.", under=PRICES),
    prices: str = option("A CSV, or a source of live quotes such as yahoo.", metavar="FILE|SOURCE", under=PRICES),
    accept: str = option("Prices that look wrong, or are too old: SPY,stale.", metavar="ASSETS|stale", under=PRICES),
    fx: str = option("Rates of today: a CSV, or EURUSD=1.0664.", metavar="FILE|PAIRS", under=PRICES),
    lots: Path | None = option("A CSV with a row a tax lot of an account.", under=ACCOUNTS),
    exact: bool = option("Prove the lots of each, not by a greedy search.", under=ACCOUNTS),
    workers: str | None = option("Workers here, or address of a Dask scheduler.", metavar="N|ADDRESS", under=ACCOUNTS),
) -> None:
    """Print today's trade list of FILE, or of each of its accounts.

    Its `policy` decides, else its newest run: docs/trade_lists.md.
    """
    words = [word.strip() for word in accept.split(",") if word.strip()]
    stale_ok, prices_ok = TOO_OLD in words, ",".join(word for word in words if word != TOO_OLD)
    if file.suffix == ".csv":
        of_one = {"--positions": positions, "--prices": prices, "--accept ASSETS": prices_ok, "--not-held": not_held,
                  "--cash": cash is not None, "--deposit": deposit, "--withdraw": withdraw, "--account": account,
                  "--only": only, "--to-target": to_target, "--review": review}  # fmt: skip
        if asked := [name for name, value in of_one.items() if value]:
            raise ConfigError(f"a file of accounts excludes {', '.join(asked)}: a row names its portfolio file.")
        count, cluster = workers_of(workers)
        _trades_of_accounts(
            file, out or (), exact=exact, workers=count, cluster=cluster, lots=lots, as_of=as_of, stale_ok=stale_ok,
            fx=fx, trust_code=trusted(),
        )  # fmt: skip
        return
    if exact or workers is not None or lots:
        raise ConfigError("--lots, --exact and --workers need a file of accounts: give one, or leave them out.")
    with starting(file):
        from backtests.runs.folder import reports_folder
        from desk.commands.orders.replaced_files import naming_options, replaced_files
        from desk.commands.orders.trades import check_out, save_trades, trades_now
        from desk.tickets.request import request_of
        from desk.tickets.review import Review
        from research.portfolio import load_portfolio

    if review and out:
        raise ConfigError("--review makes no orders, and --out writes them: leave one of the two out.")
    request = request_of(deposit, withdraw, only.removesuffix("s") if only else "", to_target, account)
    check_out(out or (), reports_folder(file))
    table = Path(prices) if prices else None
    if table and not (table.suffix or table.exists()):
        from desk.commands.data import fetch_quotes

        table = fetch_quotes(file, prices)
    with bar(None, "reading prices") as progress, naming_options():
        instead = replaced_files(positions, table, fx, prices_ok, not_held, cash)
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
        raise ConfigError(f"--out is given {len(lists)} times with a CSV: of accounts, one takes all orders.")
    tickets = [path for path in out if path not in lists]
    with kept("accounts"):
        made = list_accounts(accounts, Path(lists[0]) if lists else None, tickets=tickets, **how)
    tell(made.text, made.failed)
