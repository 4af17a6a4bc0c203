"""The accounts of a house after its ticket was sent: allocations, journalled, and the file of accounts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from desk.exchange.allocations import Own, allocations, units_filled
from desk.journal import Journal
from desk.tickets.accounts_file import ACCOUNT, CASH_COLUMN, LAST_TRADE, AccountsFile
from desk.tickets.formats.order_csv import csv_bytes
from foundation.canonical import decimal
from foundation.dataclasses import dataclass
from foundation.files import write_whole
from foundation.paper.wording import counted, listed
from research.portfolio.holdings.blotter import SIGN_OF_SIDE
from research.portfolio.holdings.rates import rounded

ACCOUNTS_TOLD = 5  # accounts without cash that are named


@dataclass(frozen=True)
class AccountsAfter:
    """The accounts of a file after a ticket.

    rows      : rows of the file with units, cash in cents and last trade after what was crossed and allocated.
    traded    : accounts that traded.
    overdrawn : those of them with cash below zero.
    """

    rows: list[tuple[str, ...]]
    traded: tuple[str, ...]
    overdrawn: tuple[str, ...]


def accounts_after(file: AccountsFile, document: Mapping[str, Any], booked: Iterable[Own]) -> AccountsAfter:
    """The accounts of a file after the crosses and allocations of a ticket; a last trade once all of its is done."""
    moved = defaultdict[str, dict[str, Decimal]](lambda: defaultdict(Decimal))
    booked = list(booked)
    filled = units_filled(booked)
    for _, record in booked:
        sign = SIGN_OF_SIDE[record.side]
        moved[record.account][record.symbol] += sign * decimal(record.quantity)
        moved[record.account][CASH_COLUMN] -= sign * decimal(record.amount) + decimal(record.fee)
    parts = [part for of_block in document.get("allocations", {}).values() for part in of_block]
    waiting = {part["account"] for part in parts if filled[part["order"]] < decimal(part["quantity"])}
    rows, overdrawn = [file.columns], list[str]()
    for _, cells in file.rows():
        row = dict(zip(file.columns, cells, strict=False))
        for column, by in moved.get(row[ACCOUNT], {}).items():
            amount = Decimal(row[column] or 0) + by
            row[column] = f"{rounded(document['currency'], amount) if column == CASH_COLUMN else amount.normalize():f}"
        if row[ACCOUNT] in moved:
            done = LAST_TRADE in row and row[ACCOUNT] not in waiting
            row |= {LAST_TRADE: document["last_close"]} if done else {}
            overdrawn += [row[ACCOUNT]] if Decimal(row[CASH_COLUMN]) < 0 else []
        rows.append(tuple(row.values()))
    return AccountsAfter(rows, tuple(moved), tuple(overdrawn))


def accounts_after_path(ticket: Path) -> Path:
    """The path of the file of accounts after a ticket: beside it."""
    return ticket.with_suffix(".after.csv")


def write_accounts_after(journal: Journal, document: Mapping[str, Any], file: Path, ticket: Path) -> tuple[str, bool]:
    """Write the file of accounts as it is after a ticket, beside the ticket. Sentences, and true if all have cash.

    file   : file of the accounts from which the ticket was made.
    ticket : path of the ticket.
    """
    after = accounts_after(AccountsFile.read(file), document, allocations(journal, document))
    path = write_whole(accounts_after_path(ticket), csv_bytes(after.rows))
    text = f"Allocated to {counted(len(after.traded), 'account')}, as they are now: {path}."
    if not after.overdrawn:
        return text, True
    short = listed(after.overdrawn, most=ACCOUNTS_TOLD)
    what = f"Cash is below zero in {short}: buys were filled above the price allowed for."
    return f"{text} {what} Pay money in: a list of such an account is refused.", False
