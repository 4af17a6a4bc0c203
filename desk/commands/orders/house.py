"""The accounts of a house after its ticket was sent: crosses and allocations, journalled, and the file of accounts."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from desk.journal import Event, Journal
from desk.journal.records import Allocated
from desk.journal.tickets import ticket_event
from desk.tickets.accounts_file import ACCOUNT, CASH_COLUMN, LAST_TRADE, AccountsFile
from desk.tickets.formats.order_csv import csv_bytes
from foundation.errors import DataError
from foundation.files import write_whole
from foundation.paper.wording import counted, listed
from research.orders.accounts.crossing import pro_rata, shared_amount
from research.orders.fills import Fill
from research.portfolio.holdings.blotter import NO_AMOUNT, SIGN_OF_SIDE
from research.portfolio.holdings.rates import decimal, rounded, smallest

Own = tuple[str, Allocated]  # with the id of the account's own order
CROSS = "cross"  # in place of a fill
SHOWN = 5  # accounts without cash that are named


def journal_crosses(journal: Journal, document: Mapping[str, Any]) -> None:
    """Journal the crosses of a ticket, for both accounts of each, in one commit; those that are there are kept."""
    currency, events = document["currency"], list[Event]()
    for cross in document.get("crosses", ()):
        for side, own, other in (("sell", "seller", "buyer"), ("buy", "buyer", "seller")):
            about = (cross[own], side, cross["asset"], cross["quantity"], cross["price"], currency, 0.0)
            events.append(ticket_event(document, Allocated(*about, CROSS, cross[other]), cross[f"{side}_order"]))
    journal.append(events)


def journal_allocations(journal: Journal, document: Mapping[str, Any], fills: Iterable[Fill]) -> None:
    """Journal the fills of blocks that are not allocated yet, by account. Raises DataError as `allocated` does."""
    journal.append(list(allocated(document, fills, _allocations(journal, document))))


def allocated(document: Mapping[str, Any], fills: Iterable[Fill], before: Iterable[Own]) -> Iterator[Event]:
    """Each fill by account, at its own price: pro rata of what an account still lacks, in whole lots, its fees alike.

    document : of the ticket, with its hash.
    fills    : fills of its blocks; `order_id` is that of the block.
    before   : earlier allocations of the ticket, each with the id of its order.
    Raises   : DataError for fills of more than a block.
    """
    filled, known = defaultdict[str, Decimal](Decimal), set[str]()
    for order, record in before:
        if record.fill != CROSS:
            filled[order] += decimal(record.quantity)
            known.add(record.fill)
    lots = {row["client_order_id"]: decimal(row["lot"]) for row in document["orders"]}
    for fill in (fill for fill in fills if fill.key not in known):
        parts = document["allocations"][fill.order_id]
        lacking = [decimal(part["quantity"]) - filled[part["order"]] for part in parts]
        if fill.quantity > (left := sum(lacking, NO_AMOUNT)):
            raise DataError(
                f"{fill.venue} reports {fill.quantity:,} {fill.asset} in fill {fill.fill_id} of block {fill.order_id}, "
                f"of which {left.normalize():,f} are left: ask the venue. Nothing of it is allocated."
            )
        units = pro_rata(fill.quantity, lacking, lots[fill.order_id])
        fees = shared_amount(sum(fill.fees.values(), NO_AMOUNT), units, smallest(fill.currency))
        for part, own, fee in zip(parts, units, fees, strict=True):
            filled[part["order"]] += own
            about = (part["account"], fill.side, fill.asset, float(own), float(fill.price), fill.currency, float(fee))
            if own:
                yield ticket_event(document, Allocated(*about, fill.key), part["order"])


def _allocations(journal: Journal, document: Mapping[str, Any]) -> list[Own]:
    entries = journal.entries(ticket=document["hash"], kind=Allocated.kind)
    return [(entry.order, entry.record) for entry in entries]


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
    """The accounts of a file after the crosses and allocations of a ticket."""
    moved = defaultdict[str, dict[str, Decimal]](lambda: defaultdict(Decimal))
    for _, record in booked:
        units = decimal(record.quantity) * SIGN_OF_SIDE[record.side]
        moved[record.account][record.symbol] += units
        moved[record.account][CASH_COLUMN] -= units * decimal(record.price) + decimal(record.fee)
    rows, overdrawn = [file.columns], list[str]()
    for _, cells in file.rows():
        row = dict(zip(file.columns, cells, strict=False))
        for column, by in moved.get(row[ACCOUNT], {}).items():
            amount = Decimal(row[column] or 0) + by
            row[column] = f"{rounded(document['currency'], amount) if column == CASH_COLUMN else amount.normalize():f}"
        if row[ACCOUNT] in moved:
            row |= {LAST_TRADE: document["last_close"]} if LAST_TRADE in row else {}
            overdrawn += [row[ACCOUNT]] if Decimal(row[CASH_COLUMN]) < 0 else []
        rows.append(tuple(row.values()))
    return AccountsAfter(rows, tuple(moved), tuple(overdrawn))


def write_accounts_after(journal: Journal, document: Mapping[str, Any], file: Path, ticket: Path) -> str:
    """Write the file of accounts as it is after a ticket, beside the ticket. Gives sentences.

    file   : file of the accounts from which the ticket was made.
    ticket : path of the ticket.
    """
    after = accounts_after(AccountsFile.read(file), document, _allocations(journal, document))
    path = write_whole(ticket.with_suffix(".after.csv"), csv_bytes(after.rows))
    more = f" and {len(after.overdrawn) - SHOWN:,} more" if len(after.overdrawn) > SHOWN else ""
    lacking = f" Cash is below zero in {listed(after.overdrawn[:SHOWN])}{more}." if after.overdrawn else ""
    return f"Allocated to {counted(len(after.traded), 'account')}, as they are now: {path}.{lacking}"
