"""Fills by hand: A trades from 98 at the open over 104 and 95 to 102 at the close."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paper_desk import BARS, bar, order, session

from desk.exchange.paper.account import bookings
from desk.exchange.paper.fill_model import PAPER_MODEL, FillModel, PartialFill, parts_of
from desk.exchange.paper.orders import paper_order
from desk.journal.records import Quote
from foundation.errors import ConfigError, DataError
from research.accounting.impact import Impact

OPEN, NOON, CLOSE = (datetime(2022, 12, 30, hour, 30 * (hour < 21), tzinfo=UTC) for hour in (14, 17, 21))
PLAYED = session()
SOURCE = f"{PAPER_MODEL}: bars by hand"
IMPACT = Impact(coefficient=1.0, exponent=1.5)
QUOTED = {"bid": Decimal(101), "ask": Decimal(103)}


def parts(
    model: FillModel, *about: Any, now: datetime = OPEN, of: Any = PLAYED, **others: Any
) -> tuple[PartialFill, ...]:
    return parts_of(paper_order(order(*about, **others), "id"), of, model, now)


def price(*about: Any, **others: Any) -> Decimal | None:
    """The price of the only fill, None without a fill."""
    fills = parts(*about, **others)
    assert len(fills) <= 1
    return fills[0].price if fills else None


@pytest.mark.parametrize(
    ("model", "now", "expected", "moment"),
    [
        (FillModel(), OPEN, "102", CLOSE),
        (FillModel("open"), OPEN, "98", OPEN),
        (FillModel("clock"), OPEN, "98", OPEN),
        (FillModel("clock"), OPEN + (CLOSE - OPEN) / 4, "99", OPEN + (CLOSE - OPEN) / 4),
        (FillModel("clock"), CLOSE, "102", CLOSE),
    ],
)
def test_a_market_order_fills_at_the_price_of_the_model(
    model: FillModel, now: datetime, expected: str, moment: datetime
) -> None:
    stated = Quote(float(expected), float(expected), float(expected), SOURCE, moment.isoformat())
    assert parts(model, now=now) == (PartialFill(Decimal(10), Decimal(expected), moment, stated),)


def test_an_order_at_the_close_fills_there_whatever_the_model_says() -> None:
    model, stated = (
        FillModel("open", half_spread_bps=100.0, latency=60.0),
        Quote(102, 102, 102, SOURCE, CLOSE.isoformat()),
    )
    assert parts(model, order_type="market_on_close") == (PartialFill(Decimal(10), Decimal(102), CLOSE, stated),)


def test_a_spread_is_paid_by_buys_and_sells() -> None:
    model = FillModel("open", half_spread_bps=50.0)  # 0.49 of 98
    assert (price(model, "buy"), price(model, "sell")) == (Decimal("98.49"), Decimal("97.51"))


def test_bid_and_ask_are_taken_where_there_are_any() -> None:
    quoted = session(A=replace(BARS["A"], **QUOTED))
    assert (price(FillModel(), "buy", of=quoted), price(FillModel(), "sell", of=quoted)) == (103, 101)


def test_impact_is_that_of_the_three_halves_law() -> None:
    """1,020 of 102,000 a day are a hundredth, whose root is a tenth: a tenth of 2 % a day, and 0.204 of 102."""
    known = session(A=replace(BARS["A"], day_value=102_000.0, volatility=0.02))
    assert price(FillModel(impact=IMPACT), "buy", of=known) == Decimal("102.204")
    assert price(FillModel(impact=IMPACT), "sell", of=known) == Decimal("101.796")


@pytest.mark.parametrize(
    ("model", "about", "sides", "last"),
    [
        (FillModel("open", half_spread_bps=50.0, impact=IMPACT), {}, (97.51, 98.49), 98),  # without the order's impact
        (FillModel(half_spread_bps=50.0), {"limit_price": 96.0}, (95.52, 96.48), 96),  # the session came to the limit
        (FillModel(half_spread_bps=50.0), {"limit_price": 103.0}, (101.49, 102.51), 102),  # the close is better
        (FillModel(), {"symbol": "FUND", "quantity": None, "price": None, "notional": 50.0}, (1, 1), 1),
    ],
)
def test_a_fill_has_the_quote_that_the_model_implies(
    model: FillModel, about: dict[str, Any], sides: tuple[float, float], last: float
) -> None:
    known = session(A=replace(BARS["A"], day_value=98_000.0, volatility=0.02))
    limit = {"order_type": "limit"} if "limit_price" in about else {}
    (fill,) = parts(model, of=known, **limit, **about)
    assert (fill.quote.bid, fill.quote.ask, fill.quote.last) == (*sides, last)


def test_the_quote_of_a_fill_is_that_of_the_file_of_quotes() -> None:
    (fill,) = parts(FillModel(), of=session(A=replace(BARS["A"], **QUOTED)))
    assert (fill.quote.bid, fill.quote.ask, fill.quote.last) == (101, 103, 102)


def test_impact_without_a_volume_is_refused() -> None:
    with pytest.raises(DataError, match="order id of A has no impact: neither value nor volatility a day"):
        parts(FillModel(impact=IMPACT))


@pytest.mark.parametrize(
    ("side", "limit", "expected"),
    [
        ("buy", 103.0, 102),  # the close is better
        ("buy", 96.0, 96),  # reached in the session
        ("buy", 95.0, 95),
        ("buy", 94.99, None),
        ("sell", 101.0, 102),
        ("sell", 104.0, 104),
        ("sell", 104.01, None),
    ],
)
def test_a_limit_order_fills_where_the_session_reaches_its_limit(side: str, limit: float, expected: int | None) -> None:
    assert price(FillModel(), side, order_type="limit", limit_price=limit) == expected


def test_an_order_gets_a_part_of_the_volume_in_whole_lots() -> None:
    model = FillModel(participation=0.25)
    assert [fill.quantity for fill in parts(model, "buy", "THIN", 20.0)] == [2]
    assert [fill.quantity for fill in parts(model, "buy", "THIN", 2.0)] == [2]
    none = session(THIN=bar(10.0, 10.0, 10.0, 10.0, volume=Decimal(3)))
    assert parts(model, "buy", "THIN", 20.0, of=none) == ()


@pytest.mark.parametrize(("volume", "filled"), [(Decimal(12), 12), (Decimal(0), 20), (None, 20)])
def test_no_order_gets_more_than_the_volume_that_is_known(volume: Decimal | None, filled: int) -> None:
    thin = session(THIN=bar(10.0, 10.0, 10.0, 10.0, volume=volume))
    assert [fill.quantity for fill in parts(FillModel(), "buy", "THIN", 20.0, of=thin)] == [filled]


def test_a_part_of_an_unknown_volume_is_refused() -> None:
    with pytest.raises(DataError, match="order id of A has no part of a volume: that of the session is not known"):
        parts(FillModel(participation=0.5), of=session(A=bar(1.0, 1.0, 1.0, 1.0)))


def test_an_order_in_money_is_filled_by_units_that_cost_no_more() -> None:
    (fill,) = parts(FillModel(), "buy", "A", None, price=None, notional=1_000.0, lot=None)
    assert fill.quantity == Decimal("9.803921568")  # 1,000 / 102, not rounded up
    (fill,) = parts(FillModel(), "buy", "FUND", None, price=None, notional=1_000.0, lot=None)
    assert (fill.quantity, fill.price) == (1_000, 1)


@given(st.integers(1, 500), st.integers(1, 9), st.floats(0.0, 3_600.0), st.integers(0, 99))
def test_fills_are_whole_lots_that_sum_to_the_order_and_follow_one_another(
    lots: int, most: int, latency: float, seed: int
) -> None:
    model = FillModel("clock", half_spread_bps=3.0, parts=most, latency=latency, seed=seed)
    fills = parts(model, "buy", "A", 5.0 * lots, lot=5.0, now=NOON)
    moments = [NOON, *(fill.moment for fill in fills), CLOSE]
    assert sum(fill.quantity for fill in fills) == 5 * lots
    assert all(fill.quantity > 0 and fill.quantity % 5 == 0 for fill in fills)
    assert len(fills) <= most
    assert all(float(fill.price) == pytest.approx(fill.quote.ask, rel=1e-14) for fill in fills)
    assert [fill.quote.moment for fill in fills] == [fill.moment.isoformat() for fill in fills]
    assert moments == sorted(moments)
    assert fills == parts(model, "buy", "A", 5.0 * lots, lot=5.0, now=NOON)


def test_latency_has_the_mean_that_the_model_states() -> None:
    """The mean of 2,000 exponential waits of 60 s is 60 s but for 1.3 s, five of which are not passed by chance."""
    waits = [
        parts_of(paper_order(order(), f"id{k}"), PLAYED, FillModel("clock", latency=60.0), OPEN)[0].moment - OPEN
        for k in range(2_000)
    ]
    assert abs(sum(waits, timedelta()) / 2_000 - timedelta(seconds=60)) < timedelta(seconds=5 * 60 / 2_000**0.5)


def test_fees_are_the_expected_costs_that_are_not_in_the_price() -> None:
    def fees(model: FillModel, **quoted: Any) -> dict[str, Decimal]:
        made = paper_order(order(impact=0.25), "id")
        (booked,) = bookings(made, parts_of(made, PLAYED, model, OPEN), bar(1.0, 1.0, 1.0, 1.0, **quoted), model)
        return dict(booked.fees)

    known = session(A=replace(BARS["A"], day_value=1e6, volatility=0.02))
    assert fees(FillModel()) == {"commission": 1, "half_spread": Decimal("0.50"), "impact": Decimal("0.25")}
    assert fees(FillModel(half_spread_bps=0.0)) == {"commission": 1, "impact": Decimal("0.25")}
    assert fees(FillModel(), **QUOTED) == {"commission": 1, "impact": Decimal("0.25")}
    made = paper_order(order(impact=0.25), "id")
    model = FillModel(impact=IMPACT)
    (booked,) = bookings(made, parts_of(made, known, model, OPEN), known.bars["A"], model)
    assert booked.fees == {"commission": 1, "half_spread": Decimal("0.50")}


@given(st.integers(1, 9), st.integers(0, 99))
def test_an_order_costs_the_same_in_however_many_parts(most: int, seed: int) -> None:
    made = paper_order(order("buy", "A", 77.0, price=100.003, notional=7_700.23), "id")
    model = FillModel("clock", parts=most, seed=seed)
    booked = list(bookings(made, parts_of(made, PLAYED, model, NOON), BARS["A"], model))
    (whole,) = bookings(made, parts_of(made, PLAYED, FillModel("clock"), NOON), BARS["A"], FillModel())
    assert sum(each.cash for each in booked) == whole.cash
    assert sum(each.fees.get("commission", 0) for each in booked) == 1


def test_a_slice_is_charged_its_part_of_the_fees() -> None:
    made = paper_order(replace(order(), quantity=4.0), "id")
    (booked,) = bookings(made, parts_of(made, PLAYED, FillModel(), OPEN), BARS["A"], FillModel())
    assert booked.fees == {"commission": Decimal("0.40"), "half_spread": Decimal("0.20")}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"at": "vwap"}, "at is 'vwap': use one of close, open, clock"),
        ({"half_spread_bps": -1.0}, "half_spread_bps is -1.0: give basis points"),
        ({"participation": 0.0}, "participation is 0.0: give a fraction above 0"),
        ({"parts": 0}, "parts is 0: give a whole number"),
        ({"latency": float("nan")}, "latency is nan: give seconds"),
        ({"latency": -1.0}, "latency is -1.0: give seconds"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FillModel(**wrong)
