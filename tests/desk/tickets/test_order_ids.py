"""Ids of orders: the same content has one id, and whatever is sent that differs has another."""

import json
import math
from typing import Any

import pytest

from desk.tickets.order_ids import ID_DIGITS, client_order_id_of, list_id, plain_value, rounded_number, sent_of
from research.portfolio import TicketTerms

TERMS = TicketTerms("limit", collar_bps=100.0, account="U1", symbols={"A": "AAA"})
ORDER = {
    "side": "buy",
    "asset": "A",
    "units": 10.0,
    "price": 50.0,
    "notional": 500.0,
    "currency": "USD",
    "account": "U1",
}


def id_of(terms: TicketTerms = TERMS, held: float = 5.0, portfolio: str = "Growth", as_of: str = "2022-12-29",
          **others: Any) -> str:  # fmt: skip
    return client_order_id_of(sent_of(terms, **ORDER | others), held, portfolio, as_of, terms)


@pytest.mark.parametrize(
    ("others", "same"),
    [
        pytest.param({"units": 10.0 + 1e-15}, True, id="units to the digits of a ticket"),
        pytest.param({"notional": 499.0}, True, id="a value, which follows from units and close"),
        pytest.param({"units": 11.0}, False, id="units"),
        pytest.param({"side": "sell"}, False, id="side"),
        pytest.param({"asset": "B"}, False, id="asset"),
        pytest.param({"price": 51.0}, False, id="limit"),
        pytest.param({"account": "U2"}, False, id="account"),
        pytest.param({"currency": "EUR"}, False, id="currency"),
        pytest.param({"held": 15.0}, False, id="holding, after a second deposit"),
        pytest.param({"portfolio": "Income"}, False, id="portfolio"),
        pytest.param({"as_of": "2022-12-30"}, False, id="day"),
        pytest.param({"terms": TicketTerms(account="U1", symbols={"A": "AAA"})}, False, id="type"),
    ],
)
def test_an_id_is_of_the_content(others: dict[str, Any], same: bool) -> None:
    assert (id_of(**others) == id_of()) is same
    day, _, digits = id_of().partition("-")
    assert (day, len(digits)) == ("20221229", ID_DIGITS)


def test_an_amount_has_no_limit_and_its_value_is_sent() -> None:
    amount = {"units": math.nan, "price": math.nan}
    sent = sent_of(TERMS, **ORDER | amount)
    assert sent["order_type"] == "market"
    assert sent["limit_price"] is None
    assert sent["quantity"] is None
    assert sent["symbol"] == "AAA"
    assert id_of(**amount) != id_of(**amount, notional=499.0)
    of_close = sent_of(TicketTerms("market_on_close"), **ORDER | amount)
    assert of_close["order_type"] == "market_on_close"
    bought, sold = (sent_of(TERMS, **ORDER | {"side": side})["limit_price"] for side in ("buy", "sell"))
    assert (bought, sold) == (50.5, 49.5)


def test_numbers_are_those_of_a_file() -> None:
    written = json.dumps(plain_value({"a": [1.0, (2.5, True)], "b": "x", "c": 3.0}))
    assert written == '{"a": [1, [2.5, true]], "b": "x", "c": 3}'
    assert rounded_number(math.nan) is None
    assert rounded_number(0.1 + 0.2) == 0.3
    assert list_id("ab" * 32) == "ab" * 8
