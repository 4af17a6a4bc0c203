"""Which tax lots are sold: published illustrations by brokers and the IRS, brute force, and laws of any sale."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.portfolio import TaxLot, TaxLots, TaxRules
from research.trading.tax_lots import after_sales, harvestable, in_order, sell, trade_lots, wash

DAY = pd.Timestamp("2022-12-29")
RULES = TaxRules(rate=0.2, short_rate=0.2)


def lot(date: str, units: float, price: float) -> TaxLot:
    return TaxLot(pd.Timestamp(date), float(units), float(price))


def rules(method: Any, **changes: Any) -> TaxRules:
    return replace(RULES, lots=method, **changes)


# -- published illustrations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "gain"), [("first", 2_500.0), ("highest", 500.0)])
def test_three_purchases_of_a_textbook(method: Any, gain: float) -> None:
    """CertFuel, Series 7, Cost valuation methods: 100 at 30, 40 and 50 are bought, and 100 sold at 55.

    Its FIFO gains 2,500; its LIFO, which in a rising market is the highest cost first, 500.
    """
    lots = [lot("2022-01-10", 100, 30), lot("2022-04-11", 100, 40), lot("2022-07-11", 100, 50)]
    sales, kept = sell(lots, 100.0, 55.0, pd.Timestamp("2022-11-10"), rules(method))
    assert sum(sale.gain for sale in sales) == gain
    assert sum(one.units for one in kept) == 200.0


def test_first_in_first_out_gains_by_term() -> None:
    """Firstrade, Tax center, lots: 100 at 5, 14 months old, 100 at 7, three months old; 150 sold at 10 gain 650.

    500 of it are long-term, 150 short-term.
    """
    day = pd.Timestamp("2022-12-29")
    lots = [lot("2021-10-29", 100, 5), lot("2022-09-29", 100, 7)]
    sales, _ = sell(lots, 150.0, 10.0, day, rules("first"))
    assert [(sale.gain, sale.long) for sale in sales] == [(500.0, True), (150.0, False)]


@pytest.mark.parametrize(("method", "gain", "tax"), [("first", 15_000.0, 3_000.0), ("highest", 1_000.0, 200.0)])
def test_tax_of_the_first_and_of_the_highest_lot(method: Any, gain: float, tax: float) -> None:
    """BestMoneyTip, Cost basis strategy: 100 at 50 and 100 at 190, 20,000 of cash are needed at a price of 200."""
    lots = [lot("2017-12-13", 100, 50), lot("2021-12-01", 100, 190)]
    (sale,), _ = sell(lots, 100.0, 200.0, DAY, rules(method))
    assert (sale.gain, sale.tax(RULES)) == (gain, tax)


def test_average_cost_of_four_purchases() -> None:
    """Capital One Investing, Lot closing methods: 55 shares for 665 cost 12.09 each."""
    lots = [lot("2022-01-03", 10, 12), lot("2022-02-01", 15, 13), lot("2022-03-01", 10, 15), lot("2022-04-01", 20, 10)]
    sales, kept = sell(lots, 25.0, 14.0, DAY, rules("average"))
    assert [sale.lot.price for sale in sales] == [pytest.approx(665 / 55)] * 2
    assert [sale.units for sale in sales] == [10.0, 15.0]
    assert sum(one.units * one.price for one in kept) == pytest.approx(665.0 * 30 / 55)


def test_least_tax_is_not_an_order_of_classes() -> None:
    """ETF.com, Tax traps (2025): a method by classes sold lots with large long-term gains before a tiny short-term one.

    It sells long-term gains before all short-term ones; the least tax a unit is that of the tiny one.
    """
    lots = [lot("2012-01-03", 2_700, 240), lot("2022-12-28", 2_700, 295.9)]
    method = rules("tax_minimal", rate=0.15, short_rate=0.37)
    (sale,), kept = sell(lots, 2_700.0, 296.0, DAY, method)
    assert (sale.lot, kept) == (lots[1], (lots[0],))


def test_wash_sale_of_the_internal_revenue_service() -> None:
    """IRS, VITA case study 1, as in Publication 550: 100 bought for 1,000 are sold for 750, 100 bought for 800.

    The loss of 250 is disallowed, and the new stock costs 1,050.
    """
    lots = [lot("2022-03-01", 100, 10), lot("2022-12-01", 100, 8)]
    (sale,), (kept,) = sell(lots, 100.0, 7.5, DAY, rules("first", wash_sale_days=30))
    assert (sale.gain, sale.disallowed, sale.realised) == (-250.0, 250.0, 0.0)
    assert kept.units * kept.price == 1_050.0


@pytest.mark.parametrize(
    ("sold", "disallowed", "cost"), [(100.0, 1_000.0, [60.0]), (150.0, 500.0, [60.0]), (200.0, 0.0, [])]
)
def test_wash_sale_of_a_part_of_what_was_just_bought(sold: float, disallowed: float, cost: list[float]) -> None:
    """Advisors4Advisors, Wash sales and the 30-day rule: 200 bought at 50 on 1 March, some sold at 40 on 20 March 2011.

    What remains of the purchase costs 60, and is as much as the sale is washed by.
    """
    sales, kept = sell(
        [lot("2011-03-01", 200, 50)], sold, 40.0, pd.Timestamp("2011-03-20"), rules("first", wash_sale_days=30)
    )
    assert sum(sale.disallowed for sale in sales) == disallowed
    assert [one.price for one in kept if one.price != 50.0] == cost
    assert sum(one.units for one in kept if one.price != 50.0) == disallowed / 10.0


# -- by hand ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bought", "long"), [("2021-12-29", False), ("2021-12-28", True)])
def test_lot_is_long_term_after_more_days_than_stated(bought: str, long: bool) -> None:
    (sale,), _ = sell([lot(bought, 1, 5)], 1.0, 6.0, DAY, rules("first"))
    assert sale.long is long


@pytest.mark.parametrize(("bought", "washed"), [("2022-11-29", True), ("2022-11-28", False)])
def test_window_of_a_wash_sale_has_thirty_days(bought: str, washed: bool) -> None:
    sales, _ = sell([lot("2021-01-04", 5, 9), lot(bought, 5, 7)], 5.0, 8.0, DAY, rules("first", wash_sale_days=30))
    assert (sales[0].disallowed > 0.0) is washed


def test_losses_and_purchases_are_matched_in_the_order_of_purchase() -> None:
    lots = [lot("2021-01-04", 10, 20), lot("2021-02-04", 10, 15), lot("2022-12-01", 4, 9), lot("2022-12-12", 12, 8)]
    sales, kept = sell(lots, 20.0, 10.0, DAY, rules("first", wash_sale_days=30))
    assert [sale.disallowed for sale in sales] == [100.0, 30.0]
    assert [(one.units, one.price) for one in kept] == [(4.0, 19.0), (6.0, 18.0), (6.0, 13.0)]


def test_losses_worth_realising_are_named_without_those_a_wash_sale_disallows() -> None:
    lots = [lot("2021-01-04", 100, 20), lot("2022-12-20", 40, 9)]
    found = harvestable(lots, 10.0, DAY, rules("highest", wash_sale_days=30, harvest=600.0))
    assert [(sale.units, sale.gain, sale.disallowed) for sale in found] == [(100.0, -1_000.0, 400.0)]
    assert not harvestable(lots, 10.0, DAY, rules("highest", wash_sale_days=30, harvest=601.0))
    assert not harvestable(lots, 10.0, DAY, rules("highest"))


def test_purchase_is_a_new_lot_and_unknown_lots_stay_unknown() -> None:
    tax = TaxLots(RULES, ((lot("2021-01-04", 10, 20),), (), ()))
    traded = trade_lots(tax, np.array([10.0, 5.0, 0.0]), np.array([2.0, 1.0, 3.0]), np.array([21.0, 7.0, 9.0]), DAY)
    assert traded.lots == ((lot("2021-01-04", 10, 20), TaxLot(DAY, 2.0, 21.0)), (), (TaxLot(DAY, 3.0, 9.0),))
    assert traded.net_gain == 0.0


def test_what_was_realised_and_sold_at_a_loss_is_carried() -> None:
    tax = TaxLots(rules("first", realised=50.0, wash_sale_days=30), ((lot("2021-01-04", 10, 20),), ()))
    traded = trade_lots(tax, np.array([10.0, 0.0]), np.array([-4.0, 0.0]), np.array([15.0, 1.0]), DAY)
    after = after_sales(tax, traded, ("A", "B"), DAY)
    assert (after.rules.realised, after.sold_at_loss) == (30.0, {"A": DAY})


# -- any sale --------------------------------------------------------------------------------------------------------

METHODS = ("average", "highest", "first", "tax_minimal")
lots_drawn = st.lists(
    st.builds(
        TaxLot,
        date=st.integers(0, 800).map(lambda days: DAY - pd.Timedelta(days=days)),
        units=st.integers(1, 6).map(float),
        price=st.integers(1, 20).map(float),
    ),
    min_size=1,
    max_size=4,
)
rates = st.tuples(st.floats(0.0, 0.6), st.floats(0.0, 0.6))


@settings(max_examples=150, deadline=None)
@given(lots=lots_drawn, part=st.floats(0.0, 1.0), price=st.floats(1.0, 20.0), rate=rates)
def test_tax_minimal_is_the_least_of_all_choices(
    lots: list[TaxLot], part: float, price: float, rate: tuple[float, float]
) -> None:
    method = rules("tax_minimal", rate=rate[0], short_rate=rate[1])
    units = float(round(part * sum(one.units for one in lots)))
    each = [sell([one], 1.0, price, DAY, method)[0][0].tax(method) for one in lots]
    least = min(
        float(np.dot(taken, each))
        for taken in product(*(range(int(one.units) + 1) for one in lots))
        if sum(taken) == units
    )
    got = sum(sale.tax(method) for sale in sell(lots, units, price, DAY, method)[0])
    assert got == pytest.approx(least, abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(
    lots=lots_drawn,
    part=st.floats(0.0, 1.0),
    price=st.floats(1.0, 20.0),
    method=st.sampled_from(METHODS),
    days=st.sampled_from([0, 30]),
)
def test_sale_is_made_up_of_lots_and_the_rest_remains(
    lots: list[TaxLot], part: float, price: float, method: Any, days: int
) -> None:
    units, held = part * sum(one.units for one in lots), sum(one.units for one in lots)
    how = rules(method, wash_sale_days=days)
    sales, kept = sell(lots, units, price, DAY, how)
    assert sum(sale.units for sale in sales) == pytest.approx(units, abs=1e-9)
    assert sum(one.units for one in kept) == pytest.approx(held - units, abs=1e-6)
    order = in_order(lots, price, DAY, how)
    assert [sale.lot for sale in sales] == list(order[: len(sales)])
    assert all(sale.units <= sale.lot.units for sale in sales)
    assert all(0.0 <= sale.disallowed <= max(-sale.gain, 0.0) + 1e-9 for sale in sales)
    cost, basis = (sum(one.units * one.price for one in some) for some in (lots, kept))
    sold = sum(sale.units * sale.lot.price for sale in sales)
    assert basis == pytest.approx(cost - sold + sum(sale.disallowed for sale in sales), abs=1e-4)
    if method == "highest":
        assert sorted((one.price for one in order), reverse=True) == [one.price for one in order]
    if method in ("first", "average"):
        assert sorted(one.date for one in order) == [one.date for one in order]


def test_nothing_is_washed_without_a_window() -> None:
    sales, kept = sell([lot("2022-12-01", 2, 9)], 1.0, 8.0, DAY, rules("first"))
    assert wash(sales, kept, DAY, 0) == (sales, kept)
