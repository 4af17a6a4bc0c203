"""Orders of a ticket: in what sequence they go, in which parts, and the cash that they move, day by day."""

from decimal import Decimal
from typing import Any

import pytest
from paper_desk import exchange, order

from desk.exchange.ticket_orders import (
    TicketOrder,
    calendar_of,
    cash_ladder,
    flows_of,
    in_slices,
    part_of,
    ticket_orders,
)
from desk.exchange.venue import Capabilities
from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.ticket import Order, RatedOrder
from foundation.dataclasses import replace

WITH_IDS, WITHOUT = (Capabilities(frozenset({"market"}), length, "abcdefghijklmnop") for length in (36, 0))
BUY, SELL = order("buy", "A"), order("sell", "B", 20.0)
EURO = replace(exchange("buy", "EUR", 100.0, "EURUSD", 1.06), basis_amount=106.0)
RATED = RatedOrder(**vars(BUY), rate=1.25, notional_basis=1_250.0)


def ticket(*orders: Order, **more: Any) -> dict[str, Any]:
    return {"orders": [vars(each) for each in orders], **more}


def of(each: Order | ExchangeOrder) -> TicketOrder:
    return TicketOrder(each, "id")


def test_sells_go_first_then_money_then_buys_each_under_an_id_of_its_own() -> None:
    document = ticket(BUY, SELL, fx=[vars(EURO)])
    made = ticket_orders(document, WITH_IDS)
    assert [each.order for each in made] == [SELL, EURO, BUY]
    assert len({each.venue_id for each in made} | {""}) == 4
    assert {each.venue_id for each in ticket_orders(document, WITHOUT)} == {""}


@pytest.mark.parametrize(
    ("made", "moved"),
    [
        pytest.param(BUY, {"USD": "-1001.5"}, id="a buy costs its value and its costs"),
        pytest.param(SELL, {"USD": "1998.5"}, id="a sale brings less its costs"),
        pytest.param(EURO, {"EUR": "100", "USD": "-106"}, id="money is bought with money"),
        pytest.param(replace(EURO, side="sell"), {"EUR": "-100", "USD": "106"}, id="and sold for it"),
    ],
)
def test_the_cash_that_an_order_moves(made: Order | ExchangeOrder, moved: dict[str, str]) -> None:
    assert dict(of(made).cash("USD")) == {currency: Decimal(amount) for currency, amount in moved.items()}


def test_value_is_in_the_currency_of_the_portfolio_and_money_has_no_price() -> None:
    assert [of(each).value for each in (BUY, RATED, EURO)] == [1_000.0, 1_250.0, 106.0]
    assert [of(each).notional for each in (BUY, RATED, EURO)] == [1_000.0, 1_000.0, 100.0]
    assert of(EURO).price is None
    assert of(EURO).limit_price is None
    assert of(EURO).order_type == "market"
    assert of(order(quantity=None, notional=12.5)).text == "order buy-A-None to buy 12.50 A"
    assert replace(of(BUY), slice=0).text == "order buy-A-10.0, slice 1, to buy 10 A"


def test_a_part_has_its_share_of_value_and_costs_in_cents() -> None:
    part = part_of(RATED, 3.0)
    assert isinstance(part, RatedOrder)
    assert (part.quantity, part.notional, part.notional_basis) == (3.0, 300.0, 375.0)
    assert (part.commission, part.half_spread, part.cost) == (0.3, 0.15, 0.45)
    assert part_of(order(quantity=3.0, commission=0.1), 1.0).commission == 0.03


def test_slices_go_by_their_minute_and_of_one_minute_in_the_sequence_of_the_orders() -> None:
    document = ticket(BUY, SELL, slices={SELL.client_order_id: {"slices": [[0.0, 15.0], [30.0, 5.0]]}})
    made = in_slices(document, ticket_orders(document, WITH_IDS), WITH_IDS)
    assert [(each.item, each.quantity, each.slice, each.minutes) for each in made] == [
        ("B", 15.0, 0, 0.0), ("A", 10.0, None, 0.0), ("B", 5.0, 1, 30.0),
    ]  # fmt: skip
    assert len({each.venue_id for each in made}) == 3


def test_cash_is_reckoned_by_account_currency_and_day_of_settlement() -> None:
    early, late = "2023-01-03", "2023-01-04"
    orders = [of(SELL), of(replace(BUY, settlement_date=late)), of(replace(BUY, account="U2")), of(EURO)]
    found = [tuple(each) for each in cash_ladder(orders, {"U1": {"USD": Decimal(50)}}, "USD")]
    assert found == [
        ("U1", "EUR", "", 0), ("U1", "EUR", early, 100), ("U1", "EUR", late, 100),
        ("U1", "USD", "", 50), ("U1", "USD", early, Decimal("1942.5")), ("U1", "USD", late, Decimal("941.0")),
        ("U2", "USD", "", 0), ("U2", "USD", early, Decimal("-1001.5")), ("U2", "USD", late, Decimal("-1001.5")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "found"),
    [
        pytest.param({"totals": {"flow": -5.0}}, [("U1", "USD", -5.0)], id="one account"),
        pytest.param({"totals": {"flow": 0.0}}, [], id="none"),
        pytest.param(
            {"accounts": [{"account": "own", "number": "U7", "flow": 3.0}]}, [("U7", "USD", 3.0)], id="of an account"
        ),
        pytest.param({"cash": [{"currency": "EUR", "flow": 2.0}]}, [("U1", "EUR", 2.0)], id="of a currency"),
    ],
)
def test_the_money_that_comes_or_goes(more: dict[str, Any], found: list[tuple[str, str, float]]) -> None:
    assert list(flows_of({"account": "U1", "currency": "USD", "accounts": [], "totals": {}} | more)) == found
    assert calendar_of(more) == "XNYS"  # of version 1, which does not say it
    assert calendar_of({"sending": {"calendar": "XLON"}}) == "XLON"
