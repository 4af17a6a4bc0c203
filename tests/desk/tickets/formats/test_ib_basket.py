"""The Interactive Brokers basket: the columns of its guide, read back; what it cannot carry is refused."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from desk.tickets.formats import ib_basket
from desk.tickets.ticket import Ticket, make_ticket
from foundation.errors import ConfigError
from research.orders import Request, trade_list
from research.portfolio import TicketTerms
from research.rules import Never, Threshold


def check(ticket: Ticket) -> None:
    content = ib_basket.write(ticket).decode("ascii")
    assert '"' not in content
    rows = list(csv.DictReader(io.StringIO(content)))
    for row, order in zip(rows, ticket.orders, strict=True):
        assert list(row) == ["Action", "Quantity", "Symbol", "SecType", "Exchange", "Currency", "TimeInForce",
                             "OrderType", "LmtPrice", "BasketTag", "Account"]  # fmt: skip
        assert (row["Action"], row["Symbol"]) == (order.side.upper(), order.symbol)
        assert float(row["Quantity"]) == order.quantity
        assert (row["SecType"], row["Exchange"], row["Currency"]) == ("STK", "SMART", order.currency)
        assert (row["TimeInForce"], row["OrderType"]) == (
            "DAY", {"market": "MKT", "market_on_close": "MOC", "limit": "LMT"}[order.order_type],
        )  # fmt: skip
        assert (float(row["LmtPrice"]) if row["LmtPrice"] else None) == order.limit_price
        assert (row["BasketTag"], row["Account"]) == (order.client_order_id, order.account)


def test_a_list_of_quoted_lines_is_read_back(quoted_lists: Sequence[Ticket]) -> None:
    for ticket in quoted_lists:
        check(ticket)


@pytest.mark.parametrize("symbol", ["=X", "A,B", 'A"B', " A", "A ", "A  B", "é", "-A"])
def test_a_symbol_that_a_basket_cannot_hold_is_refused(desk: Any, symbol: str) -> None:
    ticket = one_sale(desk, symbol)
    with pytest.raises(ConfigError, match=r"to sell A: its symbol is .* Give the broker's symbol under `ticket`"):
        ib_basket.write(ticket)


@pytest.mark.parametrize("symbol", ["BRK B", "BRK.B", "EUR", "RDS/A"])
def test_a_symbol_of_the_broker_is_carried(desk: Any, symbol: str) -> None:
    check(one_sale(desk, symbol))


def one_sale(desk: Any, symbol: str) -> Ticket:
    two = replace(desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5]), ticket=TicketTerms(symbols={"A": symbol}))
    return make_ticket(trade_list(two, Threshold(two.strategic, 0.02)))


LIMIT: dict[str, Any] = {"order_type": "limit", "collar_bps": 25.0}
COIN: dict[str, Any] = {"sec_types": {"BTC": "CRYPTO"}, "exchanges": {"BTC": "PAXOS"}}


def test_a_line_of_another_kind_has_its_own_security_type_and_exchange(desk: Any) -> None:
    two = desk([16_000.0, 50.0], [1.0, 700], 5_000.0, [0.5, 0.5], lots=[0.01, 1.0], assets=["BTC", "AGG"])

    def ticket(**terms: Any) -> Ticket:
        own = replace(two, ticket=TicketTerms(symbols={"BTC": "BTC.C"}, **(LIMIT | terms)))
        return make_ticket(trade_list(own, Never(two.strategic), request=Request(to_target=True)))

    coin = ticket(**COIN)
    rows = csv.DictReader(io.StringIO(ib_basket.write(coin).decode("ascii")))
    kinds = {row["Symbol"]: (row["SecType"], row["Exchange"]) for row in rows}
    assert kinds == {"BTC.C": ("CRYPTO", "PAXOS"), "AGG": ("STK", "SMART")}
    changed = {
        order.asset
        for order, plain in zip(coin.orders, ticket().orders, strict=True)
        if order.client_order_id != plain.client_order_id
    }
    assert changed == {"BTC"}
    rows = csv.DictReader(io.StringIO(ib_basket.write(coin).decode("ascii")))
    assert {row["Symbol"]: (row["OrderType"], row["TimeInForce"]) for row in rows} == {
        "BTC.C": ("LMT", "IOC"), "AGG": ("LMT", "DAY"),
    }  # fmt: skip
    for order_type, said in (
        ("market", "a market buy of coins is of an amount of cash"),
        ("market_on_close", "no close"),
    ):
        unlimited = ticket(**COIN, order_type=order_type, collar_bps=None)
        with pytest.raises(ConfigError, match=f"cannot carry the order to buy BTC: .*{said}"):
            ib_basket.write(unlimited)
