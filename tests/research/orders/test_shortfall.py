"""Implementation shortfall: published orders, and what holds of every order."""

from dataclasses import replace
from typing import Any

import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import ConfigError, DataError
from research.orders.shortfall import SHORTFALL_PARTS, ObservedFill, ObservedOrder, shortfall

KISSELL = ObservedOrder("kissell", "buy", 5_000, (ObservedFill(4_000, 10.50),), 10.00, 10.25, end=11.00, fees=80.0)
CFA = ObservedOrder(
    "cfa", "buy", 1_000, (ObservedFill(800, 10.50), ObservedFill(100, 11.00)), 10.00, 10.20, end=12.00, fees=50.0
)
SALE = ObservedOrder("sale", "sell", 50_000, (ObservedFill(50_000, 40.25),), 43.00, 41.00, fees=2_500.0)

PRICE = st.floats(0.5, 500.0)
MAYBE = st.none() | PRICE
FILLS = st.lists(
    st.builds(ObservedFill, st.floats(0.1, 100.0), PRICE, MAYBE, st.none() | st.floats(0.0, 2.0)), max_size=4
)


@st.composite
def orders(draw: st.DrawFn) -> ObservedOrder:
    fills = tuple(draw(FILLS))
    wanted = sum(fill.quantity for fill in fills) + draw(st.sampled_from([0.0, 50.0]))
    fees = draw(st.none() | st.floats(-10.0, 100.0))
    side = draw(st.sampled_from(["buy", "sell"]))
    return ObservedOrder("o", side, wanted or 1.0, fills, draw(MAYBE), draw(MAYBE), draw(MAYBE), fees)


def test_kissells_order_costs_3080_in_both_conventions() -> None:
    wagner, perold = shortfall(KISSELL), shortfall(KISSELL, "filled")
    assert (wagner.delay, wagner.trading, wagner.opportunity, wagner.fees) == (1_250.0, 1_000.0, 750.0, 80.0)
    assert perold.delay is not None
    assert perold.trading is not None
    assert (perold.delay + perold.trading, perold.opportunity, perold.fees) == (2_000.0, 1_000.0, 80.0)
    assert wagner.total == perold.total == 3_080.0


def test_kissells_order_filled_in_full_costs_2580() -> None:
    found = shortfall(replace(KISSELL, fills=(ObservedFill(5_000, 10.50),), end=None))
    assert (found.delay, found.trading, found.opportunity, found.total) == (1_250.0, 1_250.0, 0.0, 2_580.0)


def test_the_order_of_the_cfa_costs_750() -> None:
    found = shortfall(CFA, "filled")
    parts = (found.delay, found.trading, found.opportunity, found.fees)
    assert parts == pytest.approx((180.0, 320.0, 200.0, 50.0), abs=1e-10)
    assert found.total == pytest.approx(750.0, abs=1e-10)


def test_a_sale_below_its_decision_price_costs_140000() -> None:
    found = shortfall(SALE)
    assert (found.delay, found.trading, found.fees, found.total) == (100_000.0, 37_500.0, 2_500.0, 140_000.0)


def test_a_sale_without_a_move_has_no_negative_zero() -> None:
    assert str(shortfall(replace(SALE, arrival=SALE.decision)).delay) == "0.0"


def test_quotes_at_the_fills_split_trading_into_spread_impact_and_timing() -> None:
    fills = (
        ObservedFill(100, 10.03, mid=10.00, half_spread=0.02),
        ObservedFill(50, 10.11, mid=10.10, half_spread=0.02),
    )
    found = shortfall(ObservedOrder("o", "buy", 150, fills, decision=9.90, arrival=9.95, fees=1.0))
    parts = (found.delay, found.spread, found.impact, found.timing, found.fees, found.opportunity)
    assert parts == pytest.approx((7.5, 3.0, 0.5, 12.5, 1.0, 0.0), abs=1e-10)  # the second fill is inside its quote
    assert found.total == pytest.approx(24.5, abs=1e-10)
    assert found.unknown == 0.0


def test_what_was_not_observed_is_unknown_and_not_zero() -> None:
    found = shortfall(replace(KISSELL, arrival=None))
    assert (found.delay, found.spread, found.impact, found.timing, found.opportunity) == (None,) * 5
    assert (found.fees, found.total, found.unknown) == (80.0, 3_080.0, 3_000.0)
    nothing = shortfall(replace(KISSELL, decision=None))
    assert (nothing.total, nothing.unknown, nothing.trading) == (None, None, 1_000.0)


@settings(max_examples=200)
@given(orders())
def test_known_parts_and_the_unknown_one_add_up_to_the_total_of_both_conventions(order: ObservedOrder) -> None:
    wagner, filled = shortfall(order), shortfall(order, "filled")
    assert wagner.total == filled.total
    for found in (wagner, filled):
        known = [part for part in map(vars(found).get, SHORTFALL_PARTS) if part is not None]
        assert (found.total is None) == (found.unknown is None)
        if found.total is not None and found.unknown is not None:
            assert sum(known) + found.unknown == pytest.approx(found.total, abs=1e-10 * order.wanted * 500.0)
            assert found.unknown == 0.0 or len(known) < len(SHORTFALL_PARTS)


@given(orders())
def test_a_sale_mirrors_a_buy(order: ObservedOrder) -> None:
    """Its moves of the price have the other sign; spread and fees have none."""
    other = replace(order, side={"buy": "sell", "sell": "buy"}[order.side])
    one, two = vars(shortfall(order)), vars(shortfall(other))
    for part in ("delay", "timing", "trading", "opportunity"):
        assert one[part] == (None if two[part] is None else -two[part])
    assert (one["spread"], one["fees"]) == (two["spread"], two["fees"])


@cases(
    "change, words",
    ({"side": "short"}, "side is 'short'"),
    ({"decision": float("nan")}, "decision is nan"),
    ({"arrival": 0.0}, "arrival is 0.0"),
    ({"wanted": 3_999.0}, "units filled is 4000.0"),
    ({"fees": float("inf")}, "fees is inf"),
    ({"fills": (ObservedFill(-1.0, 10.0),)}, "quantity of a fill is -1.0"),
    ({"fills": (ObservedFill(1.0, 10.0, 10.0, -0.1),)}, "half_spread of a fill is -0.1"),
)
def test_an_order_that_cannot_be_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        replace(KISSELL, **change)


def test_another_convention_is_refused() -> None:
    with pytest.raises(ConfigError, match="delay is"):
        shortfall(KISSELL, "sent")  # type: ignore[arg-type]
