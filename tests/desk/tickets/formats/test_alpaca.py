"""The orders for Alpaca: bodies of POST /v2/orders, read back; what it does not take is refused."""

import json
from dataclasses import replace
from typing import Any

import pytest
from drawn_lists import drawn_tickets
from jsonschema import Draft202012Validator

from desk.tickets.formats import alpaca
from desk.tickets.ticket import Ticket, make_ticket
from foundation.errors import ConfigError
from research.orders import Request, trade_list
from research.portfolio import TicketTerms
from research.rules import Never

BODY = {  # as the reference of the broker describes a simple order
    "type": "object",
    "properties": {
        "symbol": {"type": "string", "minLength": 1},
        "qty": {"type": "string", "pattern": r"^\d+(\.\d{1,9})?$"},
        "side": {"enum": ["buy", "sell"]},
        "type": {"enum": ["market", "limit", "stop", "stop_limit", "trailing_stop"]},
        "time_in_force": {"enum": ["day", "gtc", "opg", "cls", "ioc", "fok"]},
        "limit_price": {"type": "string", "pattern": r"^(0\.\d{1,4}|\d+(\.\d{1,2})?)$"},
        "client_order_id": {"type": "string", "maxLength": 48},
    },
    "required": ["symbol", "qty", "side", "type", "time_in_force"],
    "additionalProperties": False,
}


def check(ticket: Ticket) -> None:
    found = json.loads(alpaca.write(ticket))
    Draft202012Validator({"type": "array", "items": BODY}).validate(found)
    for body, order in zip(found, ticket.orders, strict=True):
        assert (body["symbol"], body["side"], body["client_order_id"]) == (
            order.symbol, order.side, order.client_order_id,
        )  # fmt: skip
        assert float(body["qty"]) == order.quantity
        assert (body["type"], body["time_in_force"]) == {
            "market": ("market", "day"), "market_on_close": ("market", "cls"), "limit": ("limit", "day"),
        }[order.order_type]  # fmt: skip
        assert (float(body["limit_price"]) if "limit_price" in body else None) == order.limit_price


def test_a_real_list_is_read_back(real: Ticket) -> None:
    check(real)


def test_any_list_is_read_back_or_a_fraction_at_the_close_is_refused(desk: Any) -> None:
    for ticket in drawn_tickets(desk, plain=True):
        fractional = any(order.quantity is not None and not order.quantity.is_integer() for order in ticket.orders)
        if fractional and ticket.orders[0].order_type == "market_on_close":
            with pytest.raises(ConfigError, match=r"is fractional, .* not at the close\. Use `order_type: market`"):
                alpaca.write(ticket)
        else:
            check(ticket)


def test_another_currency_too_many_decimals_and_a_symbol_of_another_kind_are_refused(limited: Ticket) -> None:
    first, *_ = limited.orders
    for order, said in (
        (replace(first, currency="EUR"), "it is in EUR, and Alpaca trades in USD"),
        (replace(first, quantity=0.0123456789), "a quantity of 0.0123456789 has more than 9 decimals"),
        (replace(first, symbol="BRK/B"), "its symbol is 'BRK/B', and a symbol has letters"),
    ):
        with pytest.raises(ConfigError, match=f"Alpaca cannot carry the order to sell {order.asset}: {said}"):
            alpaca.write(replace(limited, orders=(order,)))


def test_a_coin_is_a_pair_that_is_good_till_cancelled_and_has_no_close(desk: Any) -> None:
    two = desk([16_000.0, 50.0], [1.0, 700], 5_000.0, [0.5, 0.5], lots=[0.01, 1.0], assets=["BTC", "AGG"])
    pair = replace(two, ticket=TicketTerms(symbols={"BTC": "BTC/USD"}))
    trades = trade_list(pair, Never(two.strategic), request=Request(to_target=True))
    found = json.loads(alpaca.write(make_ticket(trades)))
    assert {body["symbol"]: body["time_in_force"] for body in found} == {"BTC/USD": "gtc", "AGG": "day"}
    at_close = replace(two, ticket=replace(pair.ticket, order_type="market_on_close"))
    with pytest.raises(ConfigError, match="coins have no close"):
        alpaca.write(make_ticket(trade_list(at_close, Never(two.strategic), request=Request(to_target=True))))
    share = replace(two, ticket=TicketTerms(sec_types={"BTC": "CRYPTO"}))
    with pytest.raises(ConfigError, match=r"BTC would be the share with this ticker.*symbols: \{BTC: BTC/USD\}"):
        alpaca.write(make_ticket(trade_list(share, Never(two.strategic), request=Request(to_target=True))))
