"""The orders as a basket of Interactive Brokers' Trader Workstation: BasketTrader, Import.

The tag of each order is its client order id, which the trade report shows as its order reference. An order in a
coin is immediate or cancel: Interactive Brokers takes no day orders of coins, and no market buys of a number of them.
Source: Traders' Guide of Interactive Brokers, "Basket Fields" and "Manually Create a Basket File"; its API's answers
201 and 10289 to orders of security type CRYPTO.
"""

import re
from collections.abc import Iterable
from functools import partial
from typing import BinaryIO

from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.formats.carried import account_fault, check_carried, is_coin, sec_type, symbol_fault
from desk.tickets.formats.order_csv import begins_with, csv_bytes
from desk.tickets.ticket import Order, Ticket
from foundation.paper.cells import cell_text, number_text
from research.portfolio.keys.ticket import ORDER_ID

BASKET = ("Action", "Quantity", "Symbol", "SecType", "Exchange", "Currency", "TimeInForce", "OrderType", "LmtPrice",
           "BasketTag", "Account")  # fmt: skip
IMMEDIATE_OR_CANCEL = "IOC"
IB_TYPES = {"market": "MKT", "market_on_close": "MOC", "limit": "LMT"}
BASKET_HEADER = csv_bytes([BASKET])
TAGGED = re.compile(rf".*,{ORDER_ID},[^,]*\n")
PLAIN_SYMBOL = re.compile(r"[A-Za-z0-9]+(?:[ ./_\-][A-Za-z0-9]+)*")


def write(ticket: Ticket) -> bytes:
    """A row an order, of a block one an account, then one an exchange of currencies.

    Raises : ConfigError for orders that a basket cannot carry.
    """
    check_carried(ticket.by_account, "an Interactive Brokers basket", partial(_faults, ticket))
    orders = (_row(order, ticket) for order in ticket.by_account)
    return csv_bytes([BASKET, *orders, *(_exchange(each) for each in ticket.fx)])


def is_ours(file: BinaryIO) -> bool:
    """True if a file holds such a basket. Baskets of others have other tags."""
    return begins_with(file, BASKET_HEADER, TAGGED)


def _row(order: Order, ticket: Ticket) -> tuple[str, ...]:
    return (
        order.side.upper(),
        number_text(order.quantity or 0.0),
        order.symbol,
        sec_type(order, ticket),
        ticket.exchanges.get(order.asset, ticket.exchange),
        order.currency,
        IMMEDIATE_OR_CANCEL if is_coin(order, ticket) else order.time_in_force,
        IB_TYPES[order.order_type],
        cell_text(order.limit_price),
        order.client_order_id,
        order.account,
    )


def _exchange(each: ExchangeOrder) -> tuple[str, ...]:
    """A spot order on IdealPro, whose symbol is the first currency of the pair: EUR for EUR.USD, either way."""
    first, second = each.pair[:3], each.pair[3:]
    of_first = each.currency == first
    side = each.side if of_first else {"buy": "sell", "sell": "buy"}[each.side]
    return (
        side.upper(),
        number_text(each.amount if of_first else each.basis_amount),
        first,
        "CASH",
        "IDEALPRO",
        second,
        "DAY",
        "MKT",
        "",
        each.client_order_id,
        each.account,
    )


def _faults(ticket: Ticket, order: Order) -> Iterable[str]:
    form = "letters and digits only, with . / _ - and single blanks between them"
    yield from symbol_fault(order, form, PLAIN_SYMBOL.fullmatch(order.symbol) is not None)
    yield from account_fault(order, form, PLAIN_SYMBOL.fullmatch(order.account or "0") is not None)
    if not is_coin(order, ticket):
        return
    if order.order_type == "market_on_close":
        yield "coins have no close. Use `order_type: limit`."
    elif order.order_type == "market" and order.side == "buy":
        yield "a market buy of coins is of an amount of cash, and this is of units. Use `order_type: limit`."
