"""How old prices are, by the sessions of the exchange; which are refused, marked or noted."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases

from desk.tickets.review import Review
from desk.tickets.ticket import make_ticket
from foundation.errors import ConfigError, DataError
from research.accounting import Costs
from research.orders import TradeList, trade_list
from research.orders.price_age import frozen_quotes, price_ages
from research.portfolio import OrderLimits, Portfolio
from research.portfolio.holdings.prices import GIVEN, Prices
from research.rules import Threshold


def listed(portfolio: Portfolio, **given: Any) -> TradeList:
    return trade_list(portfolio, Threshold(portfolio.strategic, 0.02), "band", **given)


@cases(
    "today, sessions",
    ("2022-12-29", 0),  # Thursday, the day of the last close
    ("2022-12-30", 1),
    ("2023-01-01", 1),  # Sunday
    ("2023-01-02", 1),  # New York keeps New Year's Day on Monday
    ("2023-01-03", 2),
    ("2023-01-04", 3),
    ("2026-12-29", 1_002),  # 1 of 2022, then 250, 252, 250 (9 January 2025 was one of mourning) and 249
)
def test_sessions_of_the_exchange_are_counted(two: Portfolio, today: str, sessions: int) -> None:
    ages = price_ages(two, pd.Timestamp(today))
    assert ages.sessions.tolist() == [sessions, sessions]
    assert ages.too_old.tolist() == [sessions > 2] * 2


def test_a_list_of_a_day_without_a_session_notes_the_session_of_its_orders(two: Portfolio) -> None:
    note = "2023-01-01 is no session of XNYS: the orders are for the next one, 2023-01-03."
    sunday = listed(two, as_of="2023-01-01")
    assert note in sunday.notes
    assert make_ticket(sunday).document["sending"]["expires"] == "2023-01-03"
    assert not any("no session" in said for said in listed(two, as_of="2022-12-30").notes)


def test_a_market_that_never_closes_counts_days(two: Portfolio) -> None:
    always = replace(two, market=replace(two.market, calendar="24/7"))
    assert price_ages(always, pd.Timestamp("2023-01-02")).sessions.tolist() == [4, 4]


def test_a_price_that_is_too_old_refuses_the_list(two: Portfolio) -> None:
    with pytest.raises(DataError) as error:
        listed(two, as_of="2023-01-04")
    said = str(error.value)
    assert said.startswith(
        "prices are too old for orders on 2023-01-04: A, B of 2022-12-29, 3 sessions ago; at most 2 "
    )
    assert all(option in said for option in ("`prices`", "`as_of`", "`stale_ok`", "max_age: 2"))
    assert not listed(two, as_of="2023-01-03").stale
    assert not listed(replace(two, orders=OrderLimits(0.0, 0.0, max_age=3)), as_of="2023-01-04").stale
    with pytest.raises(DataError, match="at most 0 are allowed"):
        listed(replace(two, orders=OrderLimits(0.0, 0.0, max_age=0)), as_of="2022-12-30")


def test_a_stale_list_that_is_wished_is_marked_in_every_form(two: Portfolio) -> None:
    got = listed(two, as_of="2023-01-04", stale_ok=True)
    assert got.stale
    assert got.headline == "Stale prices: " + listed(two).headline
    note = "Stale prices on 2023-01-04: A, B of 2022-12-29, 3 sessions ago; at most 2 are allowed."
    assert note in got.notes
    assert note in repr(got).splitlines()
    assert f'<p class="note">{note}</p>' in got.html()
    assert (got.facts["today"], got.facts["stale"]) == ("2023-01-04", True)
    assert got.orders["price_age"].tolist() == [3.0, 3.0]
    assert got.sized.units.tolist() == listed(two).sized.units.tolist()


def test_history_is_not_asked_its_age(two: Portfolio) -> None:
    got = listed(two)
    assert (got.ages, got.stale, got.facts["today"]) == (None, False, "")
    assert got.orders["price_age"].tolist() == [0.0, 0.0]
    assert got.notes == ("Prices: market close of 2022-12-29.", "Whole lots: exact.")


def test_a_day_before_the_prices_is_refused(two: Portfolio) -> None:
    with pytest.raises(DataError, match=r"prices are later than 2022-12-28, the day of the list: A, B of 2022-12-29\."):
        listed(two, as_of="2022-12-28", stale_ok=True)
    with pytest.raises(ConfigError, match="as_of is 'tomorrow': write a date as YYYY-MM-DD"):
        listed(two, as_of="tomorrow")


def given_prices(portfolio: Portfolio, days: list[str], per_unit: list[float]) -> Portfolio:
    values = np.array(per_unit)
    sources = tuple(GIVEN if day != "2022-12-29" else "market close" for day in days)
    prices = Prices(portfolio.market.assets, values, np.array(days, dtype="datetime64[D]"), sources)
    return replace(portfolio, given_prices=prices, holdings=portfolio.shares * values)


def test_each_line_has_the_age_and_the_source_of_its_own_price(two: Portfolio) -> None:
    mixed = given_prices(two, ["2023-01-04", "2022-12-29"], [104.0, 50.0])
    with pytest.raises(DataError, match="2023-01-04: B of 2022-12-29, 3 sessions ago"):
        listed(mixed, as_of="2023-01-04")
    sell, buy = listed(mixed, as_of="2023-01-04", stale_ok=True).orders.to_dict("records")
    assert (sell["price"], sell["price_date"], sell["price_age"], sell["price_basis"]) == (
        104.0, "2023-01-04", 0, "price file"
    )  # fmt: skip
    assert (buy["price"], buy["price_date"], buy["price_age"], buy["price_basis"]) == (
        50.0, "2022-12-29", 3, "market close"
    )  # fmt: skip


def test_orders_are_sized_and_charged_at_the_given_prices(two: Portfolio) -> None:
    """600 × 104 + 700 × 51 + 5,000 = 103,100 in all."""
    got = listed(given_prices(two, ["2023-01-04", "2023-01-04"], [104.0, 51.0]), as_of="2023-01-04")
    assert got.sized.position.nav == 103_100.0
    assert got.orders["notional"].tolist() == pytest.approx((got.orders["units"] * [104.0, 51.0]).tolist())
    assert "Orders, sells first, at given prices" in repr(got)
    assert listed(got.after(), as_of="2023-01-04").empty
    assert (
        "The history of the market ends on 2022-12-29, 3 sessions before 2023-01-04: estimates and schedules end there."
    ) in got.notes


def test_a_list_is_of_the_day_of_its_prices_and_its_data_of_the_last_close(two: Portfolio) -> None:
    got = listed(given_prices(two, ["2023-01-04", "2023-01-03"], [104.0, 51.0]), as_of="2023-01-04")
    assert repr(got).splitlines()[0].endswith(", as of 2023-01-04")
    assert "closes of 2022-12-29, data" in repr(got)
    assert (make_ticket(got).as_of, make_ticket(got).last_close) == ("2023-01-04", "2022-12-29")
    assert "Before and after the orders, at given prices" in got.html()
    review = repr(Review(got))
    assert review.splitlines()[0].endswith(", as of 2023-01-04")
    assert "Assets, at given prices" in review
    assert listed(given_prices(two, ["2022-12-28"] * 2, [100.0, 50.0])).provenance["as_of"] == "2022-12-28"
    assert listed(given_prices(two, ["NaT"] * 2, [100.0, 50.0])).provenance["as_of"] == "2022-12-29"


def test_a_price_without_a_date_has_no_age(two: Portfolio) -> None:
    got = listed(given_prices(two, ["NaT", "2023-01-03"], [104.0, 51.0]), as_of="2023-01-04")
    assert got.orders.set_index("asset")["price_age"].isna().tolist() == [True, False]
    assert got.orders["price_date"].tolist() == ["", "2023-01-03"]
    assert "price file of no date (A)" in got.notes[0]


def test_a_halted_line_is_noted_and_refuses_nothing(desk: Any) -> None:
    halted = desk([100.0, np.nan, 50.0], [600, 5_000.0, 700], 5_000.0, [0.5, 0.05, 0.45])
    tradable = np.array([[True] * 3, [True, False, True], [True, False, True]])
    halted = replace(halted, market=replace(halted.market, tradable=tradable))
    got = listed(halted, as_of="2022-12-30")
    assert "Halted, valued at the last price and not traded: B of 2022-12-27, 3 sessions ago." in got.notes


def still(portfolio: Portfolio, prices: list[float], volumes: list[float] | None = None) -> Portfolio:
    """The first asset with these last closes and volumes; the second one moves and trades every day."""
    rows = len(prices)
    dates = pd.bdate_range(end="2022-12-29", periods=rows)
    sold = None if volumes is None else np.column_stack([volumes, np.ones(rows)])
    market = replace(
        portfolio.market, dates=dates, returns=np.zeros((rows, 2)), tradable=np.ones((rows, 2), dtype=bool),
        cash=np.zeros(rows), prices=np.column_stack([prices, np.arange(rows) + 1.0]), volumes=sold,
    )  # fmt: skip
    return replace(portfolio, market=market)


def test_frozen_quotes_are_noted_from_five_sessions_on(two: Portfolio) -> None:
    assert not list(frozen_quotes(still(two, [9.0, 8.0, *[7.0] * 5])))
    expected = ["A may have a frozen price: its close has not changed for 5 sessions (5 or more are noted)."]
    assert list(frozen_quotes(still(two, [9.0, 8.0, *[7.0] * 6]))) == expected
    forty = still(two, [8.0, *[7.0] * 41], [1.0] * 30 + [0.0] * 12)
    assert list(frozen_quotes(forty)) == [
        "A may have a frozen price: its close has not changed for 40 sessions and it had no volume for 12 sessions (5 "
        "or more are noted)."
    ]
    assert any("frozen" in note for note in listed(forty).notes)  # of history too


def test_costs_per_unit_are_those_of_the_units_at_the_given_prices(two: Portfolio) -> None:
    """One cent a unit, whatever a unit costs."""
    costs = Costs(np.zeros(2), np.zeros(2), per_unit=np.full(2, 0.01))
    got = listed(given_prices(replace(two, costs=costs), ["2023-01-04", "2023-01-04"], [50.0, 200.0]))
    assert got.orders["cost"].tolist() == pytest.approx((0.01 * got.orders["units"]).tolist(), abs=0.005)
    assert len(got.orders) == 2
