"""`rebalance trades`: the trade list of one portfolio file, or the lists of all accounts of a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from desk.cli import trade_options as options
from desk.cli.options import Reports, TrustCode, starting
from desk.commands.terminal import print_text
from foundation.errors import ConfigError
from foundation.progress import bar


def trades(
    file: options.File = None,
    out: options.Out = None,
    review: options.AsReview = False,
    positions: options.Positions = None,
    prices: options.Prices = None,
    prices_ok: options.PricesOk = "",
    not_held: options.NotHeld = "",
    fx: options.Rates = "",
    as_of: options.AsOf = "",
    stale_ok: options.StaleOk = False,
    deploy: options.Deploy = 0.0,
    withdraw: options.Withdraw = 0.0,
    account: options.Account = "",
    buy_only: options.BuyOnly = False,
    sell_only: options.SellOnly = False,
    to_target: options.ToTarget = False,
    accounts: options.Accounts = None,
    exact: options.Exact = False,
    workers: options.Workers = None,
    trust_code: TrustCode = None,
    reports: Reports = None,
) -> None:
    """Print today's trade list of FILE, by its `policy` or else by the recommendation of its newest completed run.

    It is refused where a price is more than two sessions old, or as many as FILE allows.

    With --accounts, write the orders of all accounts of a file, and a row an account beside them. Exit status 1 if an
    account failed.
    """
    one_list = {"--deploy": deploy, "--withdraw": withdraw, "--account": account, "--buy-only": buy_only,
                "--sell-only": sell_only, "--to-target": to_target, "--review": review}  # fmt: skip
    files = {"FILE": file, "--positions": positions, "--prices": prices, "--prices-ok": prices_ok,
             "--not-held": not_held}  # fmt: skip
    of_one = files | one_list
    if accounts is not None:
        if asked := [name for name, value in of_one.items() if value]:
            raise ConfigError(f"--accounts excludes {', '.join(asked)}: a row names its portfolio file.")
        _trades_of_accounts(
            accounts,
            out or (),
            exact=exact,
            workers=1 if workers is None else workers,
            reports=reports,
            as_of=as_of,
            stale_ok=stale_ok,
            fx=fx,
            trust_code=trust_code,
        )
        return
    if file is None or exact or workers is not None:
        raise ConfigError(
            "--exact and --workers need --accounts: name a file of accounts, or leave them out."
            if file
            else "no portfolio is named: give its file, or a file of accounts as --accounts."
        )
    with starting():
        from desk.commands.trades import check_out, replaced_files, request_of, save_trades, trades_now
        from desk.tickets.review import Review
        from research.portfolio import load_portfolio

    if review and out:
        raise ConfigError("--review makes no orders, and --out writes them: leave one of the two out.")
    if buy_only and sell_only:
        raise ConfigError("--buy-only and --sell-only exclude each other: leave one of the two out.")
    request = request_of(deploy, withdraw, "buy" if buy_only else "sell" if sell_only else "", to_target, account)
    check_out(out or (), reports)
    with bar(None, "reading prices") as progress:
        portfolio = load_portfolio(
            file, replaced_files(positions, prices, fx, prices_ok, not_held), trust_code=trust_code
        )
        progress.stage("making the trade list")
        listed = trades_now(portfolio, reports=reports, request=request, as_of=as_of, stale_ok=stale_ok)
    saved = f"\n{save_trades(listed, out, reports)}" if out else ""  # before anybody stops reading
    print_text(repr(Review(listed)) if review else f"{listed!r}{saved}")


def _trades_of_accounts(accounts: Path, out: Sequence[str], **how: Any) -> None:
    """List all accounts of a file, as `list_accounts` does. Exit status 1 if one failed."""
    if len(out) > 1:
        raise ConfigError(f"--out is given {len(out)} times: with --accounts, one CSV file takes all orders.")
    with starting():
        from desk.commands.accounts import list_accounts

    made = list_accounts(accounts, Path(out[0]) if out else None, **how)
    print_text(made.text)
    if made.failed:
        raise typer.Exit(1)
