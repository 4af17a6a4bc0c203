"""Lots that an order names are sold, and the rest by the method of the rules."""

from datetime import date

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.accounting.lots.ledger import LotTransfer, opened_ledger
from research.accounting.lots.lot import TaxLot, TaxRules
from research.accounting.lots.selection import NamedLot, sell

DAY = pd.Timestamp("2022-06-01")
LOTS = tuple(
    TaxLot(pd.Timestamp(day), units, price)
    for day, units, price in (("2020-01-02", 10.0, 50.0), ("2021-03-01", 10.0, 90.0), ("2021-03-01", 10.0, 95.0))
)


def sold(units: float, *named: tuple[str, float, float], lots: str = "first") -> list[tuple[float, float]]:
    """The cost and the units of each sale."""
    named_lots = [NamedLot(date.fromisoformat(day), price, of) for day, price, of in named]
    sales, kept = sell(LOTS, units, 80.0, DAY, TaxRules(0.2, 0.3, lots=lots), named_lots)  # type: ignore[arg-type]
    assert sum(sale.units for sale in sales) + sum(lot.units for lot in kept) == pytest.approx(30.0)
    return [(sale.lot.price, sale.units) for sale in sales]


def test_a_named_lot_is_sold_before_those_of_the_method() -> None:
    assert sold(12.0) == [(50.0, 10.0), (90.0, 2.0)]
    assert sold(12.0, ("2021-03-01", 95.0, 12.0)) == [(95.0, 10.0), (90.0, 2.0)]
    assert sold(12.0, ("2021-03-01", 95.0, 5.0)) == [(95.0, 5.0), (50.0, 7.0)]
    assert sold(3.0, ("2021-03-01", 95.0, 5.0)) == [(95.0, 3.0)]


def test_a_lot_whose_cost_is_another_by_now_is_found_by_its_day_and_one_that_is_gone_is_left() -> None:
    assert sold(4.0, ("2021-03-01", 97.5, 4.0)) == [(90.0, 4.0)]
    assert sold(4.0, ("2021-03-02", 95.0, 4.0)) == [(50.0, 4.0)]


def test_mean_cost_sells_the_first_whatever_is_named() -> None:
    assert [units for _, units in sold(12.0, ("2021-03-01", 95.0, 12.0), lots="average")] == [10.0, 2.0]


def test_units_that_go_elsewhere_are_those_that_were_bought_on_the_day_stated() -> None:
    opened = opened_ledger([("A", lot) for lot in LOTS], {("A", ""): 30.0})
    gone = LotTransfer(date(2022, 5, 2), "A", "", -12.0, date(2021, 3, 1), 95.0)
    ledger = opened.after([gone], TaxRules(0.2, 0.3, lots="first"))
    assert [(lot.price, lot.units) for lot in ledger.lots["A"]] == [(50.0, 10.0), (90.0, 8.0)]
    assert ledger.sales == ()


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 12)), max_size=5), st.integers(1, 30))
@settings(max_examples=200)
def test_what_is_named_is_sold_as_far_as_it_is_there(names: list[tuple[int, int]], units: int) -> None:
    """By units: each named one that is left is taken in turn, then the first bought."""
    pool = {k: 10 for k in range(3)}
    wanted, left = {0: 0, 1: 0, 2: 0}, units
    for k, count in names:
        order = [k] if k == 0 else [k, 3 - k]  # those of one day
        for each in order:
            of = min(count, pool[each], left)
            pool[each], wanted[each], left, count = pool[each] - of, wanted[each] + of, left - of, count - of
    for k in range(3):
        of = min(pool[k], left)
        wanted[k], left = wanted[k] + of, left - of
    found = {0: 0.0, 1: 0.0, 2: 0.0}
    for price, some in sold(float(units), *((f"{LOTS[k].date:%Y-%m-%d}", LOTS[k].price, float(n)) for k, n in names)):
        found[[50.0, 90.0, 95.0].index(price)] += some
    assert found == pytest.approx(wanted)
