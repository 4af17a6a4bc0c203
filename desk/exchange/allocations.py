"""The blocks of a house by account: what its cash pays of the buys, and what it gets of the fills."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import accumulate
from typing import Any

from desk.journal.chain import Event
from desk.journal.journal import Journal
from desk.journal.records import Allocated, Cancelled, Filled, OrderSent, Quote, Refused
from desk.journal.tickets import ticket_event
from foundation.canonical import decimal
from foundation.errors import DataError
from research.orders.accounts.crossing import pro_rata, shared_amount
from research.portfolio.holdings.blotter import NO_AMOUNT, SIGN_OF_SIDE
from research.portfolio.holdings.rates import smallest

Own = tuple[str, Allocated]  # with the id of the account's own order
Units = dict[str, Decimal]  # by the id of the account's own order
THERE_BEFORE = ""  # settlement day of what is there before the orders


def allocations(journal: Journal, document: Mapping[str, Any]) -> list[Own]:
    """The journalled crosses and allocations of a ticket."""
    entries = journal.entries(ticket=document["hash"], kind=Allocated.kind)
    return [(entry.order, entry.record) for entry in entries]


def units_filled(booked: Iterable[Own]) -> Units:
    """The units that orders of accounts got from blocks, zero for any other."""
    found = defaultdict[str, Decimal](Decimal)
    for order, record in booked:
        if record.block:
            found[order] += decimal(record.quantity)
    return found


def _units_sent(journal: Journal, document: Mapping[str, Any]) -> dict[str, Units]:
    """By block, the units that were sent for each account and not refused, where the journal states them: of buys."""
    found = defaultdict[str, Units](lambda: defaultdict(Decimal))
    entries = journal.entries(ticket=document["hash"], kind=Refused.kind)
    refused = {(entry.order, entry.record.venue, entry.record.venue_id) for entry in entries if entry.order}
    for entry in journal.entries(ticket=document["hash"], kind=OrderSent.kind):
        if (entry.order, entry.record.venue, entry.record.venue_id) not in refused:
            for order, units in entry.record.allocations.items():
                found[entry.order][order] += decimal(units)
    return found


def _units_open(
    journal: Journal, document: Mapping[str, Any], sent: Mapping[str, Units], filled: Units
) -> dict[str, Units]:
    """By block, the units that may still be filled for each account: what was cancelled is taken off, pro rata."""
    cancelled = defaultdict[str, Decimal](Decimal)
    for entry in journal.entries(ticket=document["hash"], kind=Cancelled.kind):
        cancelled[entry.order] += decimal(entry.record.quantity or 0.0)
    lots = {row["client_order_id"]: decimal(row["lot"]) for row in document["orders"]}
    found = dict[str, Units]()
    for block, units in sent.items():
        rest = {order: max(own - filled[order], NO_AMOUNT) for order, own in units.items()}
        left = max(sum(rest.values(), NO_AMOUNT) - cancelled[block], NO_AMOUNT)
        found[block] = dict(zip(rest, pro_rata(left, list(rest.values()), lots[block]), strict=True)) if left else {}
    return found


# -- buys --------------------------------------------------------------------------------------------------------------


def payable(
    journal: Journal, document: Mapping[str, Any], block: str, largest: Decimal, quotes: Mapping[str, Quote]
) -> tuple[Units, list[str]]:
    """The units of a buy that its accounts can pay, of those not sent yet, and the accounts that lack cash.

    The cash of an account is what it had, and what its crosses and sales have brought, on the day on which the buy
    settles and on each later one, less what its other buys may still take. A unit costs its limit, else what its list
    allows for: the price after `adverse_move`, or the quote of the moment where that is higher.

    block   : id of the block.
    largest : the most units of all accounts together.
    quotes  : by symbol.
    """
    rows = {row["client_order_id"]: row for row in document["orders"]}
    move = 1 + decimal(document.get("funding", {}).get("adverse_move", 0.0))
    costs = {name: _unit_cost(row, quotes.get(row["symbol"], Quote()), move) for name, row in rows.items()}
    sent, lot, day = _units_sent(journal, document), decimal(rows[block]["lot"]), rows[block]["settlement_date"]
    kept = 2 * smallest(document["currency"])  # what rounding may add to amount and fee
    booked = allocations(journal, document)
    cash = _cash(document, rows, costs, booked, _units_open(journal, document, sent, units_filled(booked)))
    found, short = Units(), list[str]()
    for part in document["allocations"][block]:
        wanted = decimal(part["quantity"]) - sent[block][part["order"]]
        there = max(_least(cash[part["account"]], day) - kept, NO_AMOUNT)
        is_paid = wanted * costs[block] <= there
        found[part["order"]] = wanted if is_paid else there // (costs[block] * lot) * lot
        short += [] if is_paid else [part["account"]]
    if sum(found.values()) > largest:
        found = dict(zip(found, pro_rata(largest, list(found.values()), lot), strict=True))
    return {order: units for order, units in found.items() if units}, short


def _unit_cost(row: Mapping[str, Any], quote: Quote, move: Decimal) -> Decimal:
    """The most that a unit of a block is expected to cost, currency."""
    price = decimal(row["limit_price"] or 0.0) or max(
        move * decimal(row["price"]), decimal(quote.ask or quote.last or 0.0)
    )
    return price + move * decimal(row["cost"]) / decimal(row["quantity"])


def _cash(
    document: Mapping[str, Any],
    rows: Mapping[str, Mapping[str, Any]],
    costs: Mapping[str, Decimal],
    booked: Iterable[Own],
    are_open: Mapping[str, Units],
) -> Mapping[str, dict[str, Decimal]]:
    """By account and day on which it settles, the cash that comes, or below zero goes, also for buys that are open."""
    unlimited = Decimal(0) if "funding" in document else Decimal("Infinity")  # a list of before states no cash
    cash = defaultdict[str, dict[str, Decimal]](lambda: defaultdict(Decimal, {THERE_BEFORE: unlimited}))
    for account, amount in document.get("funding", {}).get("cash", {}).items():
        cash[account][THERE_BEFORE] = decimal(amount)
    for _, record in booked:
        day = rows[record.block]["settlement_date"] if record.block else THERE_BEFORE
        cash[record.account][day] -= SIGN_OF_SIDE[record.side] * decimal(record.amount) + decimal(record.fee)
    for block, units in are_open.items():
        for part in document["allocations"][block]:
            may_fill = units.get(part["order"], NO_AMOUNT)
            cash[part["account"]][rows[block]["settlement_date"]] -= may_fill * costs[block]
    return cash


def _least(by_day: Mapping[str, Decimal], day: str) -> Decimal:
    """The least cash on a day and on each later one."""
    days = sorted({*by_day, day})
    balances = accumulate(by_day.get(each, NO_AMOUNT) for each in days)
    return min(balance for each, balance in zip(days, balances, strict=True) if each >= day)


# -- fills -------------------------------------------------------------------------------------------------------------


def journal_allocations(journal: Journal, document: Mapping[str, Any], sides: Collection[str] = SIGN_OF_SIDE) -> None:
    """Journal by account the fills of blocks that are not allocated yet. Raises DataError as `allocated` does.

    Those of a call are allocated together, so that accounts pay one price: sales once a buy needs their cash.
    """
    entries = journal.entries(ticket=document["hash"], kind=Filled.kind)
    fills = [(entry.order, entry.record) for entry in entries if entry.record.side in sides]
    sent = _units_sent(journal, document)
    journal.append(list(allocated(document, fills, allocations(journal, document), sent)))


def allocated(
    document: Mapping[str, Any],
    fills: Iterable[tuple[str, Filled]],
    before: Iterable[Own],
    sent: Mapping[str, Mapping[str, Decimal]],
) -> Iterator[Event]:
    """The fills of each block by account, pro rata of what each still lacks, in whole lots, at their mean price.

    Amounts and fees are in cents, and add up to those of the fills to the cent.

    document : of the ticket, with its hash.
    fills    : fills, each with the id of its block, in the order of the journal.
    before   : earlier allocations of the ticket, each with the id of its order.
    sent     : by block, the units that were sent for each account; of a block that it has not, those of the ticket.
    Raises   : DataError for fills of more than a block.
    """
    before, known = list(before), defaultdict[str, int](int)
    filled = units_filled(before)
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
        units_of = sent.get(block) or {part["order"]: decimal(part["quantity"]) for part in parts}
        lacking = [units_of.get(part["order"], NO_AMOUNT) - filled[part["order"]] for part in parts]
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
