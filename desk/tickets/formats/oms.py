"""The orders as a generic CSV for an order management system: a row an allocation, that of an order to its account.

What several accounts trade of an asset on one side is one order, in as many rows as there are accounts.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, BinaryIO

from desk.tickets.formats.carried import account_fault, check_carried, cusip_of, symbol_fault
from desk.tickets.formats.order_csv import begins_with, csv_bytes
from desk.tickets.order_ids import ID_DIGITS
from desk.tickets.ticket import Order, Ticket
from foundation.errors import ConfigError
from foundation.paper.cells import cell_text, no_formula, number_text
from research.portfolio.holdings.household import decimal_sum
from research.portfolio.keys.ticket import ORDER_ID

OMS_COLUMNS = ("OrderID", "ListID", "Sequence", "PriceDate", "Portfolio", "Side", "Symbol", "ISIN", "CUSIP", "Currency",
           "OrderQuantity", "OrderType", "TimeInForce", "LimitPrice", "SettlementDate", "AllocationAccount",
           "AllocationQuantity")  # fmt: skip
OMS_TYPES = {"market": "MARKET", "market_on_close": "MARKET_ON_CLOSE", "limit": "LIMIT"}
OMS_HEADER = csv_bytes([OMS_COLUMNS])
Row = dict[str, Any]  # of `Ticket.rows`
FIRST_ROW = re.compile(rf"{ORDER_ID},[0-9a-f]{{16}},.*\n")


def write(ticket: Ticket) -> bytes:
    """A row an allocation, and then one an exchange of currencies, whose symbol is its pair.

    Raises : ConfigError for an order that an allocation cannot carry.
    """
    check_carried(ticket.by_account, "an OMS allocation", _faults)
    if any(not each.account for each in ticket.fx):
        raise ConfigError("An OMS allocation needs an account for exchanges too: add `account:` under `ticket`.")
    blocks = defaultdict[tuple[str, str | int], list[Row]](list)
    for number, row in enumerate(ticket.rows):  # each exchange is a block of its own
        own = ticket.allocations.get(row["client_order_id"], ({},))
        blocks[row["side"], row["symbol"] if number < len(ticket.orders) else number] += [
            row | {name: part[name] for name in ("account", "quantity") if name in part} for part in own
        ]
    return csv_bytes([OMS_COLUMNS, *(_cells(row, block, ticket) for block in blocks.values() for row in block)])


def is_ours(file: BinaryIO) -> bool:
    """True if a file holds such allocations."""
    return begins_with(file, OMS_HEADER, FIRST_ROW)


def _cells(row: Row, block: list[Row], ticket: Ticket) -> tuple[str, ...]:
    """The allocation of a block to the account of one of its orders. block : all orders of the asset on one side.

    Side and quantity of an exchange are of its currency.
    """
    isin = ticket.sending.isins.get(row["asset"], "")
    return (
        _block_id(block),
        ticket.list_id,
        str(block[0]["priority"]),
        row["price_date"] or ticket.as_of,
        cell_text(ticket.portfolio),
        row["side"].upper(),
        row["symbol"],
        isin,
        cusip_of(isin),
        row["currency"],
        number_text(decimal_sum(each["quantity"] or 0.0 for each in block)),
        OMS_TYPES[row["order_type"]],
        row["time_in_force"],
        cell_text(row["limit_price"]),
        row["settlement_date"],
        row["account"],
        number_text(row["quantity"] or 0.0),
    )


def _block_id(block: list[Row]) -> str:
    """The id of an order, or from those of several its date and the beginning of the sha256 over all of them."""
    ids = sorted({row["client_order_id"] for row in block})
    first: str = ids[0]
    if len(ids) == 1:
        return first
    digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()
    return f"{first.partition('-')[0]}-{digest[:ID_DIGITS]}"


def _faults(order: Order) -> Iterable[str]:
    form = "no sign at its beginning that makes a spreadsheet run it"
    yield from symbol_fault(order, form, no_formula(order.symbol) == order.symbol)
    yield from account_fault(order, form, no_formula(order.account) == order.account)
    if not order.account:
        yield "it has no account to be allocated to. Add `account:` under `ticket`."
