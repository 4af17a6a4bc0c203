"""`rebalance desk execute`: the orders of a ticket, sent to a venue."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from desk.cli.options import argument, kept, option, starting
from desk.commands.terminal import print_text, tell
from foundation.paper.wording import counted

if TYPE_CHECKING:
    from desk.commands.orders.execute import Ready
    from desk.exchange.execute import SentResult


def execute(
    ticket: Path = argument("A ticket, such as trades.json."),
    exchange: list[str] = option(
        "Venue: paper, kraken_live, or alpaca, binance or interactive_brokers to practise, each with _live "
        "for real; may be repeated: each order goes where it is expected to cost least.",
        default=...,
    ),
    dry_run: bool = option("Show what would be done, and send nothing."),
    confirm: str | None = option("Do not ask: the first 8 or more digits of its hash.", metavar="HASH"),
    as_of: str = option("Session that paper plays, YYYY-MM-DD. [default: that of the ticket]", metavar="DAY"),
    portfolio: Path | None = option("Portfolio file with whose market paper fills. [default: the ticket's own prices]"),
    quotes: Path | None = option("A CSV of quotes with which paper fills: docs/execution.md has its columns."),
) -> None:
    """Send the orders of TICKET to a venue, and book their fills.

    It checks and asks before, and journals. The same command goes on where a killed one stood; nothing is sent
    twice. Exit status 1 if a check failed, or an order was not taken.
    """
    with starting():
        from desk.commands.orders.execute import Asked, ready
        from desk.commands.orders.execute_text import after_text, before_text, choices_text, has_failed, silence_text
        from foundation.paper.text_tables import wrapped

    with ready(Asked(ticket, exchange, as_of, portfolio, quotes)) as (prepared, choices, silent):
        if confirm is not None:
            prepared[0].check_confirmed(confirm)
        refused = any(each.faults if dry_run else each.is_refused for each in prepared)
        unheard = [silence_text(*of) for of in silent]
        shown = filter(None, [choices_text(choices), *map(before_text, prepared), *unheard])
        tell("\n\n".join(shown), refused)
        left = sum(len(each.moment.left) for each in prepared)
        is_left = bool(left or prepared[0].moment.crossed)
        if dry_run or not (is_left or any(each.moment.orders or each.moment.state.crossed for each in prepared)):
            raise typer.Exit(int(bool(silent)))
        if is_left and confirm is None and not any(each.faults for each in prepared):
            if not typer.confirm(f"Send {counted(left, 'order')} to {' and '.join(exchange)}?"):
                tell("Nothing is sent.", failed=True)
            prepared = [each.again() for each in prepared]
            if faults := [fault for each in prepared for fault in each.faults]:
                refused = any(each.is_refused for each in prepared)
                tell("\n".join(["Nothing is sent: since it was shown,", *faults]), refused)
        try:
            sent = [_sent(each) for each in prepared]  # each, also where one failed
        finally:
            prepared[0].allocate()
        for text in (*map(after_text, prepared, sent), *unheard):
            print_text(f"\n{text}")
        accounts, have_cash = prepared[0].accounts_text()
        if accounts:
            print_text(f"\n{wrapped(accounts)}")
        if silent or not have_cash or any(map(has_failed, prepared, sent)):
            raise typer.Exit(1)


def _sent(prepared: "Ready") -> list["SentResult"]:
    """Send the orders of a venue, and say what became of each."""
    from desk.commands.orders.execute_text import progress_text

    sent = []
    with kept("orders"):
        for each in prepared.send():
            sent.append(each)
            if prepared.moment.left:
                print_text(progress_text(each))
    return sent
