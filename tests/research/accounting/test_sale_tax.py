"""The tax on sales as a policy sees it, against the accounting and closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.arrays import Array
from research.accounting import Costs
from research.accounting.cost_parameters import COST_COLUMNS, FIRST_IN, HIGHEST, METHODS, CostParameters, Lots
from research.accounting.sale_tax import MOST_RATES, SaleTax
from research.accounting.tax_lots import buy_lot, capital_gains_tax, gain

PURCHASES = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12)


def charged(method: int, rate: float = 0.25) -> CostParameters:
    return Costs.bps(1).cost_parameters()._replace(tax=rate, short_tax=rate, method=method, plain=False)


def lots_of(bought: list[tuple[int, int]], method: int, carried: float = 0.0) -> Lots:
    lots = Lots.empty(1, len(bought))
    for units, price in bought:
        buy_lot(lots, charged(method), 0, float(price), float(units), 0)
    lots.carried[0] = carried
    return lots


def seen(lots: Lots, method: int, price: float, rate: float = 0.25, nav: float = 100.0) -> SaleTax:
    return SaleTax.of_lots(lots, charged(method, rate), np.array([price]), nav, 0)


def at(sizes: Array, rates: Array, sold: float) -> float:
    """The tax on a sale by a curve."""
    begin = np.cumsum(sizes) - sizes
    return float(rates @ np.clip(sold - begin, 0.0, sizes))


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@given(bought=PURCHASES, price=st.integers(1, 9), share=st.floats(0.0, 1.0))
def test_the_tax_by_lot_is_what_the_accounting_charges_for_a_sale(
    method: int, bought: list[tuple[int, int]], price: int, share: float
) -> None:
    lots, charges = lots_of(bought, method, 3.0), np.zeros((len(COST_COLUMNS), 1))
    units = share * float(lots.units.sum())
    of_sale = seen(lots, method, float(price))
    sold = np.clip(units * price / 100.0 - np.cumsum(of_sale.sizes) + of_sale.sizes[0], 0.0, of_sale.sizes[0])
    due = max(float(of_sale.rates[0] @ sold) - of_sale.carried, 0.0)
    won, _, _, _ = gain(lots, method, 0, float(price), units, 0)
    paid = capital_gains_tax(lots, charged(method), np.array([won]), max(won, 0.0), won, 0.0, charges)
    assert due * 100.0 == pytest.approx(paid, abs=1e-9)


@pytest.mark.parametrize("method", [HIGHEST, FIRST_IN])
@given(bought=PURCHASES, price=st.integers(1, 9))
def test_a_curve_is_convex_and_ends_at_the_tax_of_all(method: int, bought: list[tuple[int, int]], price: int) -> None:
    of_sale = seen(lots_of(bought, method), method, float(price))
    curve = of_sale.curves(of_sale.sizes.sum(axis=1))
    sizes, rates = curve.sizes[0], curve.rates[0]
    assert (np.diff(rates[: np.count_nonzero(rates) + 1]) > -1e-12).all()
    assert (sizes >= 0.0).all()
    whole = float(of_sale.sizes.sum())
    assert at(sizes, rates, whole) == pytest.approx(max(float(of_sale.sizes[0] @ of_sale.rates[0]), 0.0), abs=1e-12)
    few = len({paid for _, paid in bought if paid < price}) <= MOST_RATES
    for sold in np.linspace(0.0, whole, 7):
        of_lots = np.clip(sold - np.cumsum(of_sale.sizes[0]) + of_sale.sizes[0], 0.0, of_sale.sizes[0])
        exact = max(float(of_sale.rates[0] @ of_lots), 0.0)
        if method == FIRST_IN and few:  # the envelope is below
            assert at(sizes, rates, sold) <= exact + 1e-12
        if method == HIGHEST:  # points that are left out add to it
            assert at(sizes, rates, sold) >= exact - 1e-12
            assert not few or at(sizes, rates, sold) == pytest.approx(exact, abs=1e-12)


def test_losses_of_an_asset_make_its_first_gains_free_and_falling_rates_an_envelope() -> None:
    rates = np.array([[-0.05, 0.05, 0.10, 0.02]])
    of_sale = SaleTax(np.array([[0.1, 0.2, 0.1, 0.1]]), rates, 0.0, rates / 0.25, 0.25)
    curve = of_sale.curves(np.array([0.5]))
    assert curve.sizes[0] == pytest.approx([0.2, 0.1, 0.2, 0.0, 0.0])  # 0.005 lost, and won again by 0.1 at 5 %
    assert curve.rates[0] == pytest.approx([0.0, 0.05, 0.06, 0.0, 0.0])  # (0.010 + 0.002) / 0.2


def test_what_a_holding_lacks_of_its_lots_was_sold_first_and_what_it_has_besides_is_free() -> None:
    rates = np.array([[0.02, 0.04]])
    of_sale = SaleTax(np.array([[0.1, 0.2]]), rates, 0.0, rates / 0.25, 0.25)
    assert of_sale.curves(np.array([0.25])).sizes[0, :3] == pytest.approx([0.0, 0.05, 0.2])
    assert of_sale.curves(np.array([0.40])).sizes[0, :3] == pytest.approx([0.1, 0.1, 0.2])


def test_of_many_rates_four_are_left_whose_tax_is_little_more() -> None:
    paid = np.linspace(0.5, 0.9, 30)
    rates = 0.25 * (1.0 - paid[::-1])[None]
    of_sale = SaleTax(np.full((1, 30), 0.01), rates, 0.0, rates / 0.25, 0.25)
    curve = of_sale.curves(np.array([0.3]))
    assert np.count_nonzero(curve.rates) == MOST_RATES
    exact = np.append(0.0, np.cumsum(of_sale.sizes[0] * of_sale.rates[0]))
    merged = [at(curve.sizes[0], curve.rates[0], sold) for sold in np.linspace(0.0, 0.3, 31)]
    assert 0.0 <= max(merged - exact) < 0.02 * exact[-1]


def test_an_asset_that_is_worth_nothing_or_not_quoted_has_no_tax() -> None:
    for price in (0.0, np.nan):
        of_sale = seen(lots_of([(2, 3)], HIGHEST), HIGHEST, price)
        assert (of_sale.sizes == 0.0).all()
        assert (of_sale.rates == 0.0).all()
