"""The orders as a basket of Interactive Brokers' Trader Workstation: BasketTrader, Import.

The tag of each order is its client order id, which the trade report shows as its order reference.
Source: Traders' Guide of Interactive Brokers, "Basket Fields" and "Manually Create a Basket File".
"""

import re
from collections.abc import Iterable
from typing import BinaryIO

from research.trading.formats.carried import account_fault, check_carried, symbol_fault
from research.trading.formats.cells import number_text
from research.trading.formats.order_csv import csv_bytes
from research.trading.ticket import ID, Order, Ticket

COLUMNS = ("Action", "Quantity", "Symbol", "SecType", "Exchange", "Currency", "TimeInForce", "OrderType", "LmtPrice",
           "BasketTag", "Account")  # fmt: skip
TYPES = {"market": "MKT", "market_on_close": "MOC", "limit": "LMT"}
HEADER = csv_bytes(COLUMNS, ())
TAGGED = re.compile(rf".*,{ID},[^,]*\n")
PLAIN = re.compile(r"[A-Za-z0-9]+(?:[ ./_\-][A-Za-z0-9]+)*")


def write(ticket: Ticket) -> bytes:
    """A row an order. Raises ConfigError for an order that a basket cannot carry."""
    check_carried(ticket, "an Interactive Brokers basket", _faults)
    return csv_bytes(COLUMNS, (_row(order, ticket) for order in ticket.orders))


def is_ours(file: BinaryIO) -> bool:
    """Does a file hold such a basket? Baskets of others have other tags."""
    if file.readline() != HEADER:
        return False
    first = file.readline().decode(errors="replace")
    return not first or TAGGED.fullmatch(first) is not None


def _row(order: Order, ticket: Ticket) -> tuple[str, ...]:
    return (
        order.side.upper(),
        number_text(order.quantity or 0.0),
        order.symbol,
        ticket.sec_type,
        ticket.exchange,
        order.currency,
        order.time_in_force,
        TYPES[order.order_type],
        "" if order.limit_price is None else f"{order.limit_price:.2f}",
        order.client_order_id,
        order.account,
    )


def _faults(order: Order) -> Iterable[str]:
    form = "letters and digits only, with . / _ - and single blanks between them"
    yield from symbol_fault(order, form, PLAIN.fullmatch(order.symbol) is not None)
    yield from account_fault(order, form, PLAIN.fullmatch(order.account or "0") is not None)
