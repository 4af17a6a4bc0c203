"""The accounts of a house after its ticket was sent: allocations, journalled, and the file of accounts."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from desk.journal import Event, Journal
from desk.journal.records import Allocated, Filled
from desk.journal.tickets import ticket_event
from desk.tickets.accounts_file import ACCOUNT, CASH_COLUMN, LAST_TRADE, AccountsFile
from desk.tickets.formats.order_csv import csv_bytes
from foundation.errors import DataError
from foundation.files import write_whole
from foundation.paper.wording import counted, listed
from research.orders.accounts.crossing import pro_rata, shared_amount
from research.portfolio.holdings.blotter import NO_AMOUNT, SIGN_OF_SIDE
from research.portfolio.holdings.rates import decimal, rounded, smallest

SHOWN = 5  # accounts without cash that are named
Own = tuple[str, Allocated]  # with the id of the account's own order


def journal_allocations(journal: Journal, document: Mapping[str, Any]) -> None:
    """Journal by account the fills of blocks that are not allocated yet. Raises DataError as `allocated` does."""
    entries = journal.entries(ticket=document["hash"], kind=Filled.kind)
    fills = [(entry.order, entry.record) for entry in entries]
    journal.append(list(allocated(document, fills, _allocations(journal, document))))


def allocated(
    document: Mapping[str, Any], fills: Iterable[tuple[str, Filled]], before: Iterable[Own]
) -> Iterator[Event]:
    """The fills of each block by account, pro rata of what each still lacks, in whole lots, at their mean price.

    Amounts and fees are in cents, and add up to those of the fills to the cent.

    document : of the ticket, with its hash.
    fills    : fills, each with the id of its block, in the order of the journal.
    before   : earlier allocations of the ticket, each with the id of its order.
    Raises   : DataError for fills of more than a block.
    """
    before, known = list(before), defaultdict[str, int](int)
    filled = _filled(before)
    for _, record in before:
        known[record.block] = max(known[record.block], record.fills)
    by_block = defaultdict[str, list[Filled]](list)
    for block, fill in fills:
        by_block[block].append(fill)
    lots = {row["client_order_id"]: decimal(row["lot"]) for row in document["orders"]}
    step = smallest(document["currency"])
    for block, own in by_block.items():
        new, parts = own[known[block] :], document["allocations"][block]
        if not new:
            continue
        quantity = sum((decimal(fill.quantity) for fill in new), NO_AMOUNT)
        lacking = [decimal(part["quantity"]) - filled[part["order"]] for part in parts]
        if quantity > (left := sum(lacking, NO_AMOUNT)):
            raise DataError(
                f"{new[-1].venue} reports fills of {quantity.normalize():,f} {new[-1].symbol} of block {block}, of "
                f"which {left.normalize():,f} are left: ask the venue. Nothing of it is allocated."
            )
        got = [each for each in zip(parts, pro_rata(quantity, lacking, lots[block]), strict=True) if each[1]]
        units = [each[1] for each in got]
        value = sum((decimal(fill.quantity) * decimal(fill.price) for fill in new), NO_AMOUNT)
        amounts = shared_amount(value, units, step)
        fees = shared_amount(sum((decimal(fill.fee) for fill in new), NO_AMOUNT), units, step)
        for (part, own_units), amount, fee in zip(got, amounts, fees, strict=True):
            money = (float(value / quantity), float(amount), document["currency"], float(fee))
            about = (part["account"], new[0].side, new[0].symbol, float(own_units), *money)
            yield ticket_event(document, Allocated(*about, block, len(own)), part["order"])


def _filled(allocated: Iterable[Own]) -> Mapping[str, Decimal]:
    """The units that orders of accounts got from blocks, zero for any other."""
    found = defaultdict[str, Decimal](Decimal)
    for order, record in allocated:
        if record.block:
            found[order] += decimal(record.quantity)
    return found


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
    """The accounts of a file after the crosses and allocations of a ticket; a last trade once all of its is done."""
    moved = defaultdict[str, dict[str, Decimal]](lambda: defaultdict(Decimal))
    booked = list(booked)
    filled = _filled(booked)
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


def write_accounts_after(journal: Journal, document: Mapping[str, Any], file: Path, ticket: Path) -> str:
    """Write the file of accounts as it is after a ticket, beside the ticket. Gives sentences.

    file   : file of the accounts from which the ticket was made.
    ticket : path of the ticket.
    """
    after = accounts_after(AccountsFile.read(file), document, _allocations(journal, document))
    path = write_whole(accounts_after_path(ticket), csv_bytes(after.rows))
    more = f" and {len(after.overdrawn) - SHOWN:,} more" if len(after.overdrawn) > SHOWN else ""
    lacking = f" Cash is below zero in {listed(after.overdrawn[:SHOWN])}{more}." if after.overdrawn else ""
    return f"Allocated to {counted(len(after.traded), 'account')}, as they are now: {path}.{lacking}"
