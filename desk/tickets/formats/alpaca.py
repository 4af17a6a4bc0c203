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

from desk.tickets.formats.carried import COIN, check_carried, check_no_exchange, sec_type, symbol_fault
from desk.tickets.ticket import Order, Ticket
from foundation.errors import ConfigError
from foundation.paper.cells import number_text
from research.portfolio.keys.ticket import ORDER_ID

SYMBOL = re.compile(r"[A-Za-z0-9.\-]+|[A-Z0-9]+/(?:USD|USDC|USDT|BTC)")
PAIR_MARK = "/"  # in the symbol of a coin, BTC/USD, whose orders do not end with the day: Alpaca takes gtc or ioc
ALPACA_CURRENCY, ALPACA_DECIMALS = "USD", 9  # of an order; of a quantity
FIRST_BYTES = re.compile(rf'\[\]\n|\[\n  \{{\n    "client_order_id": "{ORDER_ID}",\n')


def write(ticket: Ticket) -> bytes:
    """A list of objects. Raises ConfigError for an order that Alpaca does not take."""
    if len(accounts := {order.account for order in ticket.orders}) > 1:
        raise ConfigError(
            f"Alpaca cannot carry orders of {len(accounts)} accounts, {', '.join(sorted(accounts))}: the account is "
            "that of the key. Use another format."
        )
    check_no_exchange(ticket, "Alpaca")
    check_carried(ticket.orders, "Alpaca", partial(_faults, ticket))
    return f"{json.dumps([order_body(order) for order in ticket.orders], indent=2)}\n".encode()


def is_ours(file: BinaryIO) -> bool:
    """True if a file holds such orders."""
    return FIRST_BYTES.match(file.read(100).decode(errors="replace")) is not None


def order_body(order: Order) -> dict[str, Any]:
    """The body of the request that places an order: JSON of texts."""
    at_close = order.order_type == "market_on_close"
    body = {
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        **({"notional": f"{order.notional:.2f}"} if order.quantity is None else {"qty": number_text(order.quantity)}),
        "side": order.side,
        "type": "limit" if order.order_type == "limit" else "market",
        "time_in_force": "gtc" if PAIR_MARK in order.symbol else "cls" if at_close else "day",
    }
    return body if order.limit_price is None else body | {"limit_price": number_text(order.limit_price)}


def _faults(ticket: Ticket, order: Order) -> Iterable[str]:
    if fault := coin_fault(order.asset, order.symbol, sec_type(order, ticket)):
        yield fault
    yield from order_faults(order)


def coin_fault(asset: str, symbol: str, kind: str) -> str:
    """The fault of a coin that is named as a share would be, or "". kind : security type of the ticket."""
    if kind != COIN or PAIR_MARK in symbol:
        return ""
    return (
        f"it is a coin, and {symbol} would be the share with this ticker. Give the pair under `ticket`: "
        f"`symbols: {{{asset}: {asset}/USD}}`."
    )


def order_faults(order: Order) -> Iterable[str]:
    """The reasons for which Alpaca does not take an order, each in a sentence."""
    form = "letters, digits, points and hyphens only, or is a pair such as BTC/USD"
    yield from symbol_fault(order, form, SYMBOL.fullmatch(order.symbol) is not None)
    if order.currency != ALPACA_CURRENCY:
        yield f"it is in {order.currency}, and Alpaca trades in {ALPACA_CURRENCY}. Send it to another broker."
    if PAIR_MARK in order.symbol and order.order_type == "market_on_close":
        yield "coins have no close. Use `order_type: market` or `limit`."
    if order.quantity is None or order.quantity % 1 == 0:
        return
    if order.order_type == "market_on_close":
        yield (
            f"a quantity of {number_text(order.quantity)} is fractional, and fractions trade during the day, not at "
            "the close. Use `order_type: market`, or `lot: 1` for the asset."
        )
    if len(number_text(order.quantity).partition(".")[2]) > ALPACA_DECIMALS:
        units = number_text(order.quantity)
        yield f"a quantity of {units} has more than {ALPACA_DECIMALS} decimals. Use a larger `lot`."
