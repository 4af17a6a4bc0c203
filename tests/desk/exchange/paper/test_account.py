"""A paper account: the cash that may be taken by a day, what open orders keep, and what fills charge."""

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import accumulate

import pytest
from by_hand import Desk
from hypothesis import given
from hypothesis import strategies as st
from paper_desk import BARS, exchange, order

from desk.exchange.paper.account import (
    BEFORE,
    EVER,
    Account,
    FillEffect,
    Opening,
    bookings,
    opened_with,
    openings_of,
    paper_events,
    reservation,
)
from desk.exchange.paper.fill_model import FillModel, PartialFill
from desk.exchange.paper.orders import paper_order
from desk.exchange.paper.prices import Bar
from desk.journal.records import Quote
from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.ticket import Order
from research.accounting.impact import Impact
from research.portfolio.holdings.blotter import BookExchange

FIRST, NEXT = "2023-01-03", "2023-01-04"
NOW = datetime(2022, 12, 30, 21, tzinfo=UTC)


def part(units: Decimal, price: str = "100") -> PartialFill:
    return PartialFill(units, Decimal(price), NOW, Quote())


@pytest.mark.parametrize(
    ("moves", "settles", "cash"),
    [
        pytest.param({BEFORE: 100}, FIRST, 100, id="what was there"),
        pytest.param({BEFORE: 100, NEXT: 900}, FIRST, 100, id="a sale that settles later pays nothing yet"),
        pytest.param({BEFORE: 100, NEXT: 900}, NEXT, 1_000, id="and on its day it pays"),
        pytest.param({BEFORE: 100, NEXT: -80}, FIRST, 20, id="what a later buy takes is kept for it"),
        pytest.param({BEFORE: 100, FIRST: -80, NEXT: 50}, FIRST, 20, id="and what comes after it is not there"),
        pytest.param({}, EVER, 0, id="nothing"),
    ],
)
def test_cash_is_the_least_from_a_day_on_less_what_open_orders_keep(
    moves: dict[str, int], settles: str, cash: int
) -> None:
    account = Account("U1")
    for day, amount in moves.items():
        account.move(("cash", "USD", day), Decimal(amount))
        account.move(("cash", "EUR", day), Decimal(7))
    assert account.cash("USD", settles) == cash
    account.reserve("cash", "USD", Decimal(30))
    assert account.cash("USD", settles) == cash - 30
    assert account.items("cash") == (["EUR", "USD"] if moves else [])


@given(st.dictionaries(st.sampled_from([BEFORE, "1", "2", "3", "4"]), st.integers(-50, 50)), st.sampled_from("0123459"))
def test_no_day_from_the_settlement_on_is_below_zero_after_all_cash_was_taken(
    moves: dict[str, int], settles: str
) -> None:
    account = Account("U1", {("cash", "USD", day): Decimal(amount) for day, amount in moves.items()})
    taken = account.cash("USD", settles)
    account.move(("cash", "USD", settles), -taken)
    days = sorted(day for _, _, day in account.balances)
    left = dict(zip(days, accumulate(account.balances["cash", "USD", day] for day in days), strict=True))
    assert min(balance for day, balance in left.items() if day >= settles) == 0


def test_a_fill_moves_units_at_once_and_cash_on_its_day_and_an_exchange_moves_two_currencies() -> None:
    account = Account("U1", {("units", "A", BEFORE): Decimal(3)})
    account.book(paper_order(order("buy"), ""), FillEffect(part(Decimal(10)), {}, Decimal(-1_001)), FIRST)
    account.book(paper_order(order("sell"), ""), FillEffect(part(Decimal(4)), {}, Decimal(399)), NEXT)
    account.reserve("units", "A", Decimal(2))
    assert account.units("A") == 3 + 10 - 4 - 2
    assert (account.cash("USD", FIRST), account.cash("USD", NEXT)) == (-1_001, -602)
    euros = paper_order(exchange("buy", "EUR", 100.0, "EURUSD", 1.06), "")
    account.book(euros, FillEffect(part(Decimal(100)), {}, Decimal(-106)), NEXT)
    assert (account.cash("EUR", NEXT), account.cash("USD", NEXT)) == (100, -708)


@pytest.mark.parametrize(
    ("made", "bar", "left", "kept"),
    [
        pytest.param(order("sell"), BARS["A"], 4, ("units", "A", 4), id="units of a sale"),
        pytest.param(order(), BARS["A"], 4, ("cash", "USD", 408), id="cash at the close"),
        pytest.param(order(limit_price=101.5), BARS["A"], 4, ("cash", "USD", 406), id="cash at the limit"),
        pytest.param(order(), Bar(), 4, ("cash", "USD", 400), id="cash at the price of the ticket"),
        pytest.param(order(quantity=None), Bar(), 40, ("cash", "USD", 40), id="an amount"),
        pytest.param(order("sell", quantity=None), Bar(), 40, ("units", "A", Decimal("0.4")), id="a sale of an amount"),
        pytest.param(exchange("sell", "EUR", 9.0, "EURUSD", 1.06), Bar(), 9, ("units", "EUR", 9), id="money"),
    ],
)
def test_an_open_order_keeps_what_it_may_still_take(
    made: Order | ExchangeOrder, bar: Bar, left: int, kept: tuple[str, str, int | Decimal]
) -> None:
    assert reservation(paper_order(made, ""), bar, Decimal(left)) == kept


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.sampled_from(["buy", "sell"]))
def test_parts_of_an_order_cost_what_one_fill_does(sizes: list[int], side: str) -> None:
    made = paper_order(order(side, quantity=float(sum(sizes)), commission=0.97, half_spread=0.31), "")
    split = list(bookings(made, [part(Decimal(k), "33.333") for k in sizes], Bar(), FillModel()))
    (whole,) = bookings(made, [part(Decimal(sum(sizes)), "33.333")], Bar(), FillModel())
    assert sum(each.cash for each in split) == whole.cash
    assert whole.fees == {"commission": Decimal("0.97"), "half_spread": Decimal("0.31")}
    assert sum(each.fees.get("commission", 0) for each in split) == Decimal("0.97")
    assert whole.cash == (1 if side == "sell" else -1) * round(Decimal("33.333") * sum(sizes), 2) - Decimal("1.28")


@pytest.mark.parametrize(
    ("model", "bid", "fees"),
    [
        pytest.param(FillModel(), None, {"commission", "half_spread", "impact"}, id="all are fees"),
        pytest.param(FillModel(half_spread_bps=5.0), None, {"commission", "impact"}, id="the spread is in the price"),
        pytest.param(FillModel(), Decimal(99), {"commission", "impact"}, id="as it is in a bid"),
        pytest.param(FillModel(impact=Impact()), None, {"commission", "half_spread"}, id="and impact of a model"),
    ],
)
def test_what_is_in_the_price_is_no_fee(model: FillModel, bid: Decimal | None, fees: set[str]) -> None:
    made = paper_order(order(impact=0.25), "")
    (booked,) = bookings(made, [part(Decimal(10))], Bar(bid=bid), model)
    assert set(booked.fees) == fees


@pytest.mark.parametrize(
    ("side", "before", "held"),
    [
        pytest.param("buy", 0.25, 250, id="what its weight says"),
        pytest.param("sell", 0.25, 250, id="and of a sale"),
        pytest.param("sell", 0.2, 240, id="of which no less is there than is sold"),
    ],
)
def test_what_has_no_quote_is_held_in_units_of_its_value(side: str, before: float, held: int) -> None:
    row = vars(order(side, "FUND", None, notional=240.0)) | {"shares_before": None, "weight_before": before}
    totals = {"nav_before": 1_000.0, "cash_before": 5.0}
    document = {"account": "U1", "currency": "USD", "accounts": [], "held": [], "orders": [row], "totals": totals}
    assert {each.item: each.amount for each in openings_of(document, BARS)} == {"USD": 5, "FUND": held}
    priced = openings_of(document, {"FUND": Bar.flat(Decimal(2))})
    assert {each.item: each.amount for each in priced} == {"USD": 5, "FUND": Decimal(held) / 2}


@pytest.mark.parametrize(
    ("share", "into", "left"),
    [
        pytest.param(1, "NEW", {"A": 0, "NEW": 30, "USD": 25}, id="a merger for units and cash"),
        pytest.param(1, "", {"A": 0, "USD": 25}, id="a delisting pays out"),
        pytest.param(Decimal("0.2"), "NEW", {"A": 10, "NEW": 30, "USD": 25}, id="of a spin-off the units stay"),
    ],
)
def test_units_become_others_or_cash(desk: Desk, share: Decimal, into: str, left: dict[str, int]) -> None:
    """Ten units: three for one, and 2.50 of cash for each."""
    made, day = desk([100.0], [10], 0.0, [1.0]), date(2022, 12, 30)
    of = BookExchange("A", day, into, Decimal(3 if into else 0), Decimal("2.5"), "USD", Decimal(), Decimal(share))
    events = paper_events(made, date(2022, 12, 29), day, [of])
    found = Counter[str]()
    for each in opened_with(Opening("U1", "units", "A", Decimal(10)), events):
        found[each.item] += each.amount  # type: ignore[assignment]
    assert found == left
    assert paper_events(made, date(2022, 12, 29), date(2022, 12, 29), [of]) == ()  # it is still to come
