"""The orders as a generic CSV for an order management system: a row an allocation, that of an order to its account."""

import re
from collections.abc import Iterable
from typing import BinaryIO

from research.trading.formats.carried import account_fault, check_carried, symbol_fault
from research.trading.formats.cells import cell_text, no_formula, number_text
from research.trading.formats.order_csv import csv_bytes
from research.trading.ticket import ID, Order, Ticket

COLUMNS = ("OrderID", "ListID", "Sequence", "PriceDate", "Portfolio", "Side", "Symbol", "Currency", "OrderQuantity",
           "OrderType", "TimeInForce", "LimitPrice", "SettlementDate", "AllocationAccount",
           "AllocationQuantity")  # fmt: skip
TYPES = {"market": "MARKET", "market_on_close": "MARKET_ON_CLOSE", "limit": "LIMIT"}
HEADER = csv_bytes(COLUMNS, ())
FIRST = re.compile(rf"{ID},[0-9a-f]{{16}},.*\n")


def write(ticket: Ticket) -> bytes:
    """A row an order. Raises ConfigError for an order that an allocation cannot carry."""
    check_carried(ticket, "an OMS allocation", _faults)
    return csv_bytes(COLUMNS, (_row(order, ticket) for order in ticket.orders))


def is_ours(file: BinaryIO) -> bool:
    """Does a file hold such allocations?"""
    if file.readline() != HEADER:
        return False
    first = file.readline().decode(errors="replace")
    return not first or FIRST.fullmatch(first) is not None


def _row(order: Order, ticket: Ticket) -> tuple[str, ...]:
    quantity = number_text(order.quantity or 0.0)
    return (
        order.client_order_id,
        ticket.list_id,
        str(order.priority),
        ticket.as_of,
        cell_text(ticket.portfolio),
        order.side.upper(),
        order.symbol,
        order.currency,
        quantity,
        TYPES[order.order_type],
        order.time_in_force,
        "" if order.limit_price is None else f"{order.limit_price:.2f}",
        order.settlement_date,
        order.account,
        quantity,
    )


def _faults(order: Order) -> Iterable[str]:
    form = "no sign at its beginning that makes a spreadsheet run it"
    yield from symbol_fault(order, form, no_formula(order.symbol) == order.symbol)
    yield from account_fault(order, form, no_formula(order.account) == order.account)
    if not order.account:
        yield "it has no account to be allocated to. Add `account:` under `ticket`."
