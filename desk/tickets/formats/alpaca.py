"""The orders as a list of bodies of Alpaca's POST /v2/orders, to be sent one after the other.

Alpaca refuses a client order id that it has seen, so that sending a list again sends nothing. The account is that of
the key with which it is sent.
Source: Alpaca's reference, "Create an Order", and "Orders at Alpaca".
"""

import json
import re
from collections.abc import Iterable
from functools import partial
from typing import Any, BinaryIO

from desk.tickets.formats.carried import check_carried, check_no_exchange, is_coin, symbol_fault
from desk.tickets.order_ids import ID
from desk.tickets.ticket import Order, Ticket
from foundation.errors import ConfigError
from foundation.paper.cells import number_text

SYMBOL = re.compile(r"[A-Za-z0-9.\-]+|[A-Z0-9]+/(?:USD|USDC|USDT|BTC)")
PAIR = "/"  # in the symbol of a coin, BTC/USD, whose orders do not end with the day: Alpaca takes gtc or ioc
CURRENCY, DECIMALS = "USD", 9  # of an order; of a quantity
FIRST = re.compile(rf'\[\]\n|\[\n  \{{\n    "client_order_id": "{ID}",\n')


def write(ticket: Ticket) -> bytes:
    """A list of objects. Raises ConfigError for an order that Alpaca does not take."""
    if len(accounts := {order.account for order in ticket.orders}) > 1:
        raise ConfigError(
            f"Alpaca cannot carry orders of {len(accounts)} accounts, {', '.join(sorted(accounts))}: the account is "
            "that of the key. Use another format."
        )
    check_no_exchange(ticket, "Alpaca")
    check_carried(ticket, "Alpaca", partial(_faults, ticket))
    return f"{json.dumps([_body(order) for order in ticket.orders], indent=2)}\n".encode()


def is_ours(file: BinaryIO) -> bool:
    """True if a file holds such orders."""
    return FIRST.match(file.read(100).decode(errors="replace")) is not None


def _body(order: Order) -> dict[str, Any]:
    at_close = order.order_type == "market_on_close"
    body = {
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "qty": number_text(order.quantity or 0.0),
        "side": order.side,
        "type": "limit" if order.order_type == "limit" else "market",
        "time_in_force": "gtc" if PAIR in order.symbol else "cls" if at_close else "day",
    }
    return body if order.limit_price is None else body | {"limit_price": number_text(order.limit_price)}


def _faults(ticket: Ticket, order: Order) -> Iterable[str]:
    form = "letters, digits, points and hyphens only, or is a pair such as BTC/USD"
    yield from symbol_fault(order, form, SYMBOL.fullmatch(order.symbol) is not None)
    if order.currency != CURRENCY:
        yield f"it is in {order.currency}, and Alpaca trades in {CURRENCY}. Send it to another broker."
    if is_coin(order, ticket) and PAIR not in order.symbol:
        yield (
            f"it is a coin, and {order.symbol} would be the share with this ticker. Give the pair under `ticket`: "
            f"`symbols: {{{order.asset}: {order.asset}/USD}}`."
        )
    if PAIR in order.symbol and order.order_type == "market_on_close":
        yield "coins have no close. Use `order_type: market` or `limit`."
    if order.quantity is None or order.quantity.is_integer():
        return
    if order.order_type == "market_on_close":
        yield (
            f"a quantity of {number_text(order.quantity)} is fractional, and fractions trade during the day, not at "
            "the close. Use `order_type: market`, or `lot: 1` for the line."
        )
    if len(number_text(order.quantity).partition(".")[2]) > DECIMALS:
        yield f"a quantity of {number_text(order.quantity)} has more than {DECIMALS} decimals. Use a larger `lot`."
