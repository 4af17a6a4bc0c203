"""Prices of fills beside those of their orders: what is far is refused until the file says that it is right."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from filled import FRIDAY, exchanged

from foundation.errors import DataError
from research.orders import trade_list
from research.orders.after_fills import after_fills
from research.orders.bookkeeping.fill_prices import check_price, price_gap
from research.orders.fills import Fill
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.blotter import Blotter, SentOrder


def fill(price: str, **more: Any) -> Fill:
    about: dict[str, Any] = {"order_id": "one"} | more
    return Fill("A", "sell", Decimal(10), Decimal(price), "USD", FRIDAY, "1", **about)


@pytest.fixture
def sent(desk: Any) -> Portfolio:
    """Orders to sell 100 of A at 100, and 50 at 200."""
    orders = (
        SentOrder("one", "", "A", "sell", Decimal(100), price=100.0),
        SentOrder("two", "", "A", "sell", Decimal(50), price=200.0),
    )
    portfolio = desk([100, 50], [600, 700], 5_000.0, [0.5, 0.5])
    return replace(portfolio, blotter=Blotter(date(2022, 12, 29), "", orders), settings={})


def test_the_gap_is_to_the_price_of_its_own_order_or_the_nearest(sent: Portfolio) -> None:
    assert price_gap(sent, fill("150")) == (100.0, 0.5)
    assert price_gap(sent, fill("150", order_id="")) == (200.0, -0.25)
    assert price_gap(sent, fill("150", order_id="of-a-broker")) == (200.0, -0.25)
    assert price_gap(sent, replace(fill("150"), currency="GBP")) is None
    assert price_gap(sent, replace(fill("150"), side="buy")) is None
    assert price_gap(replace(sent, blotter=None), fill("150")) is None


def test_a_price_more_than_40_percent_from_that_of_its_order_is_refused(sent: Portfolio) -> None:
    for near in ("60", "140"):
        check_price(sent, fill(near))
    for far, by in (("59.99", "−40"), ("140.01", r"\+40"), ("1,000", r"\+900")):
        told = (
            rf"fill '1' of 'A': price is {far}, {by} % from 100, that of its order\. Correct it, .* `prices_ok: \[A\]`"
        )
        with pytest.raises(DataError, match=told):
            check_price(sent, fill(far.replace(",", "")))


def test_what_is_said_to_be_right_was_booked_or_is_of_an_earlier_day_is_not_refused(sent: Portfolio) -> None:
    check_price(replace(sent, settings={"prices_ok": ["A"]}), fill("1000"))
    check_price(sent, replace(fill("1000"), moment=datetime(2022, 12, 28, 15, 0, tzinfo=UTC)))
    check_price(after_fills(sent, [fill("1000")]), fill("1000"))


def test_the_price_of_an_exchange_is_held_against_the_rate_of_the_portfolio() -> None:
    made = trade_list(two := load_portfolio("data/examples/orders_in_two_currencies.yaml"), two.policies["quarterly"])
    right = exchanged(made)[0]
    sent = replace(two, blotter=made.sent().blotter)
    check_price(sent, right)
    slipped = replace(right, price=right.price * 10)
    assert price_gap(sent, slipped) == pytest.approx((1 / 1.0664, 9.0), rel=1e-3)
    with pytest.raises(DataError, match=r"`prices_ok: \[USDEUR\]`"):
        check_price(sent, slipped)
    for pair in ("USDEUR", "EURUSD"):
        check_price(replace(sent, settings={**sent.settings, "prices_ok": [pair]}), slipped)
