"""Gains by term: the day from which they are long-term, the order of sale, and the netting that the law states."""

from dataclasses import replace
from datetime import date
from itertools import product

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import ConfigError
from research.accounting import Costs, Tax
from research.accounting.cost_parameters import COST_COLUMNS, LONG, SHORT, CostParameters, Lots
from research.accounting.sale_tax import SaleTax
from research.accounting.tax import first_long_day
from research.accounting.tax_lots import buy_lot, capital_gains_tax, gain, net_tax, put_in_order, sell_lots, tax_return
from research.market import load_market

RATE, SHORT_RATE = 0.20, 0.37
AMOUNTS = st.sampled_from([-90.0, -40.0, -10.0, 0.0, 10.0, 40.0, 90.0])


@cases(
    "bought, long",
    ("2009-02-05", "2010-02-06"),  # IRS Publication 550, Holding Period: sold on 5 February, it is short-term
    ("2019-06-03", "2020-06-04"),
    ("2019-12-31", "2021-01-01"),
    ("2020-02-28", "2021-03-01"),  # the year begins on 29 February
    ("2020-02-29", "2021-03-01"),
    ("2019-02-28", "2020-03-01"),
)
def test_units_are_long_term_from_the_day_after_a_year(bought: str, long: str) -> None:
    assert str(first_long_day(np.datetime64(bought), "year")) == long


@given(day=st.dates(pd.Timestamp("1990-01-01").date(), pd.Timestamp("2040-12-31").date()), days=st.integers(0, 900))
def test_a_number_of_days_counts_these_and_a_year_is_that_of_the_calendar(day: date, days: int) -> None:
    bought = pd.Timestamp(day)
    assert pd.Timestamp(first_long_day(bought.to_datetime64(), days)) == bought + pd.Timedelta(days=days + 1)
    begun = bought + pd.Timedelta(days=1)
    if (begun.month, begun.day) != (2, 29):
        later = begun + pd.DateOffset(years=1)
        assert pd.Timestamp(first_long_day(bought.to_datetime64(), "year")) == later


def by_units(gains: tuple[float, float], rates: tuple[float, float]) -> tuple[float, list[float]]:
    """(tax, losses left by term) where each unit of a term's net loss is set against a unit of the other's gain."""
    left = list(gains)
    for term, other in ((LONG, SHORT), (SHORT, LONG)):
        while left[term] < 0.0 < left[other]:
            left[term], left[other] = left[term] + 1.0, left[other] - 1.0
    tax = sum(rate * max(gain, 0.0) for rate, gain in zip(rates, left, strict=True))
    return tax, [max(-amount, 0.0) for amount in left]


def charged(short: float = SHORT_RATE, lots: str = "first") -> CostParameters:
    """The rates; units bought on row 0 are long-term from row 2 on, those of row 1 from row 3."""
    made = replace(Costs.bps(1), tax=Tax(RATE, lots)).cost_parameters()  # type: ignore[arg-type]
    return made._replace(short_tax=short, long_from=np.array([2, 3, 4, 5]))


def test_every_net_of_the_two_terms_is_that_of_unit_by_unit() -> None:
    whole = [float(amount) for amount in range(-4, 5)]
    for long, short in product(whole, whole):
        tax, left = by_units((long, short), (RATE, SHORT_RATE))
        assert net_tax(long, short, RATE, SHORT_RATE)[0] == pytest.approx(tax, abs=1e-15)
        lots, charges = Lots.empty(1, 0), np.zeros((len(COST_COLUMNS), 1))
        paid = capital_gains_tax(lots, charged(), np.array([1.0]), long, short, charges)
        assert paid == pytest.approx(tax, abs=1e-15)
        assert lots.carried.tolist() == left


@given(gains=st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=6), limit=st.sampled_from([0.0, 15.0, 1e3]))
def test_a_year_is_taxed_on_its_sums_whatever_the_order_of_its_sales(
    gains: list[tuple[float, float]], limit: float
) -> None:
    """At 370 and 200 a thousand: a short-term loss is deducted first, at the short rate (26 USC 1211(b), 1212(b))."""
    found = []
    for sales in (gains, gains[::-1]):
        lots, charges = Lots.empty(1, 0), np.zeros((len(COST_COLUMNS), 1))
        paid = sum(capital_gains_tax(lots, charged(), np.ones(1), long, short, charges) for long, short in sales)
        paid += tax_return(lots, charged(), limit)
        found.append((paid, *lots.carried.tolist()))
        assert lots.year.tolist() == [-lots.carried[LONG], -lots.carried[SHORT], 0.0]
    tax, (long, short) = by_units(tuple(np.sum(gains, axis=0).tolist()), (RATE, SHORT_RATE))
    of_short = min(short, limit)
    of_long = min(long, limit - of_short)
    expected = (tax - SHORT_RATE * (of_short + of_long), long - of_long, short - of_short)
    assert found[0] == pytest.approx(expected, abs=1e-10)
    assert found[1] == pytest.approx(expected, abs=1e-10)


def test_a_short_term_gain_that_a_long_term_loss_made_free_is_taxed_by_the_return_once_that_loss_is_used() -> None:
    """A long-term loss of 100, then gains of 100 short-term, then of 100 long-term: 20 at sales, 37 in the year."""
    lots, charges = Lots.empty(1, 0), np.zeros((len(COST_COLUMNS), 1))
    sales = [(-100.0, 0.0), (0.0, 100.0), (100.0, 0.0)]
    paid = [capital_gains_tax(lots, charged(), np.ones(1), *of, charges) for of in sales]
    assert paid == pytest.approx([0.0, 0.0, 20.0])
    assert tax_return(lots, charged(), 3_000.0) == pytest.approx(17.0)


def test_a_loss_beyond_the_limit_is_deducted_in_later_years() -> None:
    """5,000 of short-term and 2,000 of long-term loss at a limit of 3,000: 1,110 of tax saved, then 1,110, then 370."""
    lots, charges = Lots.empty(1, 0), np.zeros((len(COST_COLUMNS), 1))
    capital_gains_tax(lots, charged(), np.zeros(1), -2_000.0, -5_000.0, charges)
    left = []
    for _ in range(4):
        left.append((tax_return(lots, charged(), 3_000.0), *lots.carried.tolist()))
    assert left == [(-1110.0, 2000.0, 2000.0), (-1110.0, 1000.0, 0.0), (-370.0, 0.0, 0.0), (0.0, 0.0, 0.0)]


# -- lots ------------------------------------------------------------------------------------------------------------


def lots_of(charged: CostParameters, bought: list[tuple[float, float, int]]) -> Lots:
    lots = Lots.empty(1, len(bought), with_terms=True)
    for units, price, row in bought:
        buy_lot(lots, charged, 0, price, units, row)
    return lots


BOUGHT = st.lists(
    st.tuples(st.integers(1, 5).map(float), st.sampled_from([2.0, 4.0, 6.0, 8.0, 9.0]), st.integers(0, 3)),
    min_size=1, max_size=7,
).map(lambda lots: sorted(lots, key=lambda lot: lot[2]))  # fmt: skip


@given(bought=BOUGHT, price=st.sampled_from([3.0, 5.0, 8.5]), t=st.integers(3, 5), units=st.integers(1, 20))
def test_tax_minimal_sells_the_lots_of_least_tax_and_no_choice_of_units_is_taxed_less(
    bought: list[tuple[float, float, int]], price: float, t: int, units: int
) -> None:
    """By unit and term, before netting; against every unit sorted by its tax."""
    rates = charged()._replace(method=3)
    lots = lots_of(rates, bought)
    units = min(float(units), sum(lot[0] for lot in bought))  # type: ignore[assignment]
    put_in_order(lots, rates, 0, price, t)
    long, short, _, _ = gain(lots, rates.method, 0, price, float(units), t)
    of_units = sorted(
        (RATE if t >= row + 2 else SHORT_RATE) * (price - paid) for size, paid, row in bought for _ in range(int(size))
    )
    assert RATE * long + SHORT_RATE * short == pytest.approx(sum(of_units[: int(units)]), abs=1e-12)
    before = float(lots.units[0, : lots.held[0]].sum())
    sell_lots(lots, rates.method, 0, float(units))
    assert lots.units[0, : lots.held[0]].sum() == pytest.approx(before - units)


def test_the_first_bought_are_sold_first_at_the_mean_cost_where_terms_count() -> None:
    """10 at 4 on row 0 and 30 at 8 on row 1, all at 7: at 10 on row 2, 15 sold gain 30 long-term and 15 short-term."""
    rates = charged()._replace(method=4)
    lots = lots_of(rates, [(10.0, 4.0, 0), (30.0, 8.0, 1)])
    assert lots.price[0].tolist() == [7.0, 7.0]
    assert gain(lots, rates.method, 0, 10.0, 15.0, 2)[:2] == (30.0, 15.0)


# -- as stated -------------------------------------------------------------------------------------------------------


def test_a_tax_states_its_rates_terms_and_limits() -> None:
    market = load_market("us_etf_ohlcv").until("2010-01-29").select(["SPY"])
    for lots, method in (("average", 4), ("highest", 1), ("first", 2), ("tax_minimal", 3)):
        tax = Tax(RATE, lots, SHORT_RATE, long_after=1)  # type: ignore[arg-type]
        made = replace(Costs.bps(1), tax=tax).cost_parameters(market)
        assert (made.tax, made.short_tax, made.method, made.plain) == (RATE, SHORT_RATE, method, False)
        assert made.long_from.tolist() == np.searchsorted(market.days, market.days + 2).tolist()
    same = replace(Costs.bps(1), tax=Tax(RATE, "tax_minimal", RATE)).cost_parameters()
    assert (same.method, len(same.long_from)) == (1, 0)
    with pytest.raises(ConfigError, match="terms needs the days of a market"):
        replace(Costs.bps(1), tax=Tax(RATE, short_rate=0.0)).cost_parameters()


@cases(
    "more, message",
    ({"short_rate": 1.0}, "short_rate of tax is 1.0"), ({"long_after": -1}, "long_after of tax is -1"),
    ({"long_after": "month"}, "long_after of tax is 'month'"), ({"loss_limit": -1.0}, "loss_limit of tax is -1.0"),
    ({"at_end": "sell"}, "at_end of tax is 'sell'"),
)  # fmt: skip
def test_a_tax_that_means_nothing_is_refused(more: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Tax(RATE, **more)  # type: ignore[arg-type]


def test_settings_name_what_is_not_by_default() -> None:
    assert Tax(0.2).settings == {"rate": 0.2, "lots": "average"}
    assert Tax(0.2, loss_limit=3e3, at_end="step_up").settings["at_end"] == "step_up"


def test_a_policy_sees_the_tax_of_each_lot_at_its_term() -> None:
    """At 10 the lots of 4 and 8 gain 0.6 and 0.2 a price; on row 2 the first is long-term. Losses carried count."""
    rates = charged(lots="first")
    lots = lots_of(rates, [(10.0, 4.0, 0), (30.0, 8.0, 1)])
    lots.carried[:] = (5.0, 10.0)
    for t, first in ((1, SHORT_RATE), (2, RATE)):
        seen = SaleTax.of_lots(lots, rates, np.array([10.0]), 400.0, t)
        assert seen.rates[0] == pytest.approx([first * 0.6, SHORT_RATE * 0.2], rel=1e-12)
        assert seen.carried == pytest.approx((RATE * 5.0 + SHORT_RATE * 10.0) / 400.0, rel=1e-12)
    expected = pytest.approx([SHORT_RATE * 0.2, SHORT_RATE * 0.6], rel=1e-12)
    assert SaleTax.of_lots(lots, rates._replace(method=3), np.array([10.0]), 400.0, 1).rates[0] == expected
