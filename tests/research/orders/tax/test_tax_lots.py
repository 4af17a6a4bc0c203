"""Which tax lots are sold: published illustrations by brokers and the IRS, brute force, and laws of any sale."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from research.accounting.lots.selection import in_sale_order, sell
from research.accounting.lots.wash_sales import wash
from research.orders import trade_list
from research.orders.tax.tax_lots import (
    AccountOrders,
    after_sales,
    harvestable_sales,
    sale_tax,
    trade_lots,
    wash_sale_locks,
    with_wash_sale_locks,
)
from research.portfolio import TaxLot, TaxLots, TaxRules, load_portfolio

DAY = pd.Timestamp("2022-12-29")
RULES = TaxRules(rate=0.2, short_rate=0.2)


def lot(date: str, units: float, price: float) -> TaxLot:
    return TaxLot(pd.Timestamp(date), float(units), float(price))


def after_wash(lots: list[TaxLot], units: float, price: float, day: pd.Timestamp, how: TaxRules) -> Any:
    sales, kept, _ = wash(*sell(lots, units, price, day, how), day, how.wash_sale_days)
    return sales, kept


def one(held: list[float], units: list[float], account: str = "", taxable: bool = True) -> AccountOrders:
    return AccountOrders(account, taxable, np.array(held), np.array(units))


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
    (sale,), kept = sell(lots, 2_700.0, 296.0, DAY, rules("tax_minimal", rate=0.15, short_rate=0.37))
    assert (sale.lot, kept) == (lots[1], (lots[0],))


def test_wash_sale_of_the_internal_revenue_service() -> None:
    """IRS, VITA case study 1, as in Publication 550: 100 bought for 1,000 are sold for 750, 100 bought for 800.

    The loss of 250 is disallowed, and the new stock costs 1,050.
    """
    lots = [lot("2022-03-01", 100, 10), lot("2022-12-01", 100, 8)]
    (sale,), (kept,) = after_wash(lots, 100.0, 7.5, DAY, rules("first", wash_sale_days=30))
    assert (sale.gain, sale.disallowed, sale.realised) == (-250.0, 250.0, 0.0)
    assert kept.units * kept.price == 1_050.0


@pytest.mark.parametrize(("bought", "sold"), [(100.0, 50.0), (3_260.0, 133.0)])
def test_remainder_of_one_purchase_replaces_nothing(bought: float, sold: float) -> None:
    """Rev. Rul. 56-602: a part of stock that was bought in one lot is sold at a loss within 30 days: it is allowed."""
    sales, kept = after_wash([lot("2022-12-19", bought, 400)], sold, 383.44, DAY, rules("first", wash_sale_days=30))
    assert [(sale.units, sale.disallowed) for sale in sales] == [(sold, 0.0)]
    assert kept == (lot("2022-12-19", bought - sold, 400),)


def test_remainder_of_a_purchase_replaces_what_was_bought_before() -> None:
    lots = [lot("2021-01-04", 10, 20), lot("2022-12-12", 12, 15)]
    sales, kept = after_wash(lots, 16.0, 10.0, DAY, rules("first", wash_sale_days=30))
    # 6 of the last 12 remain: they replace 6 of the first 10, and none of the other 6.
    assert [sale.disallowed for sale in sales] == [60.0, 0.0]
    assert [(one.units, one.price) for one in kept] == [(6.0, 25.0)]


def test_loss_that_a_purchase_in_a_sheltered_account_disallows_is_lost() -> None:
    """Rev. Rul. 2008-5: 100 shares are sold at a loss, and 100 are bought in an IRA on the next day."""
    sales, kept = sell([lot("2021-01-04", 100, 20)], 60.0, 10.0, DAY, rules("first"))
    (sale,), left, _ = wash(sales, kept, DAY, 30, [lot("2022-12-19", 40, 11)])
    assert (sale.disallowed, left) == (400.0, kept)
    old = lot("2022-11-28", 40, 11)
    assert wash(sales, kept, DAY, 30, [old]) == (sales, kept, (old,))


# -- by hand ---------------------------------------------------------------------------------------------------------


@cases(
    "bought, last_short",
    ("2019-06-03", "2020-06-03"),  # 366 days
    ("2021-12-29", "2022-12-29"),  # 365
    ("2019-02-28", "2020-02-29"),  # the year begins on 1 March
    ("2020-02-28", "2021-02-28"),  # it begins on 29 February
    ("2020-02-29", "2021-02-28"),
    ("2021-12-31", "2022-12-31"),
)
def test_lot_is_long_term_after_more_than_a_year(bought: str, last_short: str) -> None:
    """IRS, Publication 550: counting begins on the next day, and the same date of a later month begins a month."""
    day = pd.Timestamp(last_short)
    assert not RULES.is_long(pd.Timestamp(bought), day)
    assert RULES.is_long(pd.Timestamp(bought), day + pd.Timedelta(days=1))


@pytest.mark.parametrize(("bought", "long"), [("2022-12-19", False), ("2022-12-18", True)])
def test_lot_is_long_term_after_more_days_than_stated(bought: str, long: bool) -> None:
    (sale,), _ = sell([lot(bought, 1, 5)], 1.0, 6.0, DAY, rules("first", long_after=10))
    assert sale.long is long


def test_each_account_sells_its_own_lots_and_a_loss_is_washed_by_purchases_of_all() -> None:
    of = {name: replace(lot(day, units, price), account=name)
          for name, day, units, price in (("t1", "2020-01-02", 50, 20), ("t2", "2021-01-04", 40, 30),
                                          ("ira", "2022-12-19", 5, 12))}  # fmt: skip
    tax = TaxLots(rules("highest", wash_sale_days=30), ((of["t1"], of["t2"]),), sheltered=((of["ira"],),))
    orders = [one([50.0], [-10.0], "t1"), one([40.0], [0.0], "t2"), one([9.0], [-6.0], "ira", taxable=False)]
    traded = trade_lots(tax, orders, np.array([10.0]), DAY)
    (sale,) = traded.sales[0]
    # Of the 9 units in the ira, the 4 whose purchase is not stated are sold first.
    assert (sale.lot, sale.units, sale.disallowed) == (of["t1"], 10.0, 30.0)
    assert traded.lots[0] == (replace(of["t1"], units=40.0), of["t2"])
    assert traded.sheltered[0] == (replace(of["ira"], units=3.0, tacked=1_092),)
    bought = trade_lots(tax, [one([9.0], [2.0], "ira", taxable=False)], np.array([10.0]), DAY)
    assert bought.sheltered[0] == (of["ira"], TaxLot(DAY, 2.0, 10.0, "ira"))


@pytest.mark.parametrize(("bought", "washed"), [("2022-11-29", True), ("2022-11-28", False)])
def test_window_of_a_wash_sale_has_thirty_days(bought: str, washed: bool) -> None:
    sales, _ = after_wash(
        [lot("2021-01-04", 5, 9), lot(bought, 5, 7)], 5.0, 8.0, DAY, rules("first", wash_sale_days=30)
    )
    assert (sales[0].disallowed > 0.0) is washed


def test_losses_and_purchases_are_matched_in_the_order_of_purchase() -> None:
    lots = [lot("2021-01-04", 10, 20), lot("2021-02-04", 10, 15), lot("2022-12-01", 4, 9), lot("2022-12-12", 12, 8)]
    sales, kept = after_wash(lots, 20.0, 10.0, DAY, rules("first", wash_sale_days=30))
    assert [sale.disallowed for sale in sales] == [100.0, 30.0]
    assert [(one.units, one.price) for one in kept] == [(4.0, 19.0), (6.0, 18.0), (6.0, 13.0)]


def test_losses_worth_realising_are_named_without_those_a_wash_sale_disallows() -> None:
    lots = [lot("2021-01-04", 100, 20), lot("2022-12-20", 40, 9)]
    found = harvestable_sales(lots, 10.0, DAY, rules("highest", wash_sale_days=30, harvest=600.0))
    assert [(sale.units, sale.gain, sale.disallowed) for sale in found] == [(100.0, -1_000.0, 400.0)]
    assert not harvestable_sales(lots, 10.0, DAY, rules("highest", wash_sale_days=30, harvest=601.0))
    assert not harvestable_sales(lots, 10.0, DAY, rules("highest"))


def test_lots_that_have_lost_too_little_are_not_named() -> None:
    lots = [lot("2021-01-04", 100, 20), lot("2021-02-04", 40, 11)]

    def found(**more: float) -> list[float]:
        return [sale.units for sale in harvestable_sales(lots, 10.0, DAY, rules("highest", **more))]

    assert found(harvest_above=0.05) == [100.0, 40.0]
    assert found(harvest_above=0.10) == found(harvest_above=0.10, harvest=1_000.0) == [100.0]
    assert found(harvest_above=0.10, harvest=1_001.0) == found(harvest_above=0.50) == []


def test_purchase_is_a_new_lot_and_unknown_lots_stay_unknown() -> None:
    tax = TaxLots(RULES, ((lot("2021-01-04", 10, 20),), (), ()))
    traded = trade_lots(tax, [one([10.0, 5.0, 0.0], [2.0, 1.0, 3.0])], np.array([21.0, 7.0, 9.0]), DAY)
    assert traded.lots == ((lot("2021-01-04", 10, 20), TaxLot(DAY, 2.0, 21.0)), (), (TaxLot(DAY, 3.0, 9.0),))
    assert traded.net_gain == 0.0


def test_what_was_realised_and_sold_at_a_loss_is_carried() -> None:
    tax = TaxLots(rules("first", realised=50.0, wash_sale_days=30), ((lot("2021-01-04", 10, 20),), ()))
    traded = trade_lots(tax, [one([10.0, 0.0], [-4.0, 0.0])], np.array([15.0, 1.0]), DAY)
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


@settings(max_examples=150)
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


@settings(max_examples=150)
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
    sales, kept = after_wash(lots, units, price, DAY, how)
    assert sum(sale.units for sale in sales) == pytest.approx(units, abs=1e-9)
    assert sum(one.units for one in kept) == pytest.approx(held - units, abs=1e-6)
    order = in_sale_order(lots, price, DAY, how)
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
    assert wash(sales, kept, DAY, 0) == (sales, kept, ())


# -- what a policy sees ------------------------------------------------------------------------------------------------


def test_a_policy_sees_the_tax_of_each_lot_in_the_order_of_sale() -> None:
    portfolio = load_portfolio("data/examples/orders_with_tax_lots.yaml")
    seen = sale_tax(portfolio, np.array([400.0, 100.0, 170.0]), 1e6)
    lots = np.array([[0.18, 0.52], [0.33, 0.0], [0.0, 0.0]])  # June's lot first: 450 x 400
    assert seen.sizes[:, :2] == pytest.approx(lots)
    assert seen.sizes[:, 2] == pytest.approx(np.maximum(portfolio.weights - lots.sum(axis=1), 0.0))  # without lots
    assert seen.rates[0] == pytest.approx([0.37 * 20.8 / 400.0, 0.20 * 120.0 / 400.0, 0.0])  # short-term, long-term
    assert seen.rates[1:] == pytest.approx(np.array([[-0.20 * 0.19, 0.0, 0.0], [0.0, 0.0, 0.0]]))


def test_a_plan_sells_the_lots_of_the_list_as_far_as_they_are_worth_their_tax() -> None:
    """The lot at a loss of the example frees as much gain as it lost, and the list realises no net gain."""
    taxed = load_portfolio("data/examples/rule_multi_period_taxed.yaml")
    untaxed = replace(taxed, tax_lots=None)
    with_tax, without = (trade_list(one, one.policies["plan"]) for one in (taxed, untaxed))
    sold = {name: one.orders.set_index("asset").units["SPY"] for name, one in (("tax", with_tax), ("none", without))}
    a_share = 383.440002  # the close; 86.56 is lost on each of 50 shares, and 231.44 won on each other
    free = 50.0 + 50.0 * (470.0 - a_share) / (a_share - 152.0)
    assert sold["tax"] == np.floor(free) or sold["tax"] == np.ceil(free)
    assert sold["none"] > sold["tax"]
    assert abs(with_tax.tax["gain"].sum()) <= 232.0  # of a share
    assert str(with_tax).count("a further sale is taxed") == 1


@pytest.mark.parametrize(("sold", "again"), [("2022-11-30", "2022-12-31"), ("2022-11-29", None)])
def test_an_asset_that_was_sold_at_a_loss_is_not_bought_on_thirty_days(desk: Any, sold: str, again: str | None) -> None:
    """The list trades on 30 December."""
    tax = TaxLots(rules("first", wash_sale_days=30), ((), ()), {"B": pd.Timestamp(sold)})
    made = replace(desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5]), tax_lots=tax)
    assert wash_sale_locks(made) == ({"B": pd.Timestamp(again)} if again else {})
    assert wash_sale_locks(replace(made, tax_lots=None)) == {}


@pytest.mark.parametrize(
    ("weight", "word", "bound"),
    [
        pytest.param(0.4, "", "locked", id="under its target"),
        pytest.param(0.5, "", "sell_only", id="at its target"),
        pytest.param(0.6, "sell_only", "sell_only", id="over it"),
        pytest.param(0.6, "buy_only", "locked", id="which may not be sold"),
        pytest.param(0.6, "locked", "locked", id="which may not be traded"),
    ],
)
def test_it_is_kept_where_it_lacks_and_may_be_sold_otherwise(desk: Any, weight: float, word: str, bound: str) -> None:
    tax = TaxLots(rules("first", wash_sale_days=30), ((), ()), {"B": DAY})
    made = replace(desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5]), tax_lots=tax)
    words = replace(made.market, instruments=made.market.instruments.assign(trading=["buy_only", word]))
    found, target = with_wash_sale_locks(replace(made, market=words), np.array([0.5, 0.5]), np.array([0.3, weight]))
    assert list(found.market.trading) == ["buy_only", bound]
    assert target.tolist() == [0.5, min(weight, 0.5)]
