"""The tax on sales as a policy sees it, against the accounting and closed forms."""

import numpy as np
import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from foundation.arrays import Array
from foundation.errors import ConfigError
from research.accounting import Costs
from research.accounting.cost_parameters import COST_COLUMNS, FIRST_IN, HIGHEST, LOT_METHODS, CostParameters, Lots
from research.accounting.sale_tax import MOST_RATES, Deferral, SaleTax
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


@pytest.mark.parametrize("method", LOT_METHODS.values(), ids=LOT_METHODS)
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
    paid = capital_gains_tax(lots, charged(method), np.array([won]), won, 0.0, charges)
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
    rates = 0.25 * (1.0 - np.linspace(0.5, 0.9, 30)[::-1])[None]
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


def deferred(gain: float, rate: float, deferral: Deferral, own_rate: float | None = None) -> float:
    """The cost today of a sale that realises a gain, a unit of value, bp."""
    gains = np.array([[gain]])
    of_sale = SaleTax(np.ones((1, 1)), gains * (rate if own_rate is None else own_rate), 0.0, gains, rate)
    return float(of_sale.deferred(deferral).rates[0, 0]) * 1e4


@cases(
    "rate, grown, share, kept, forgiven, yearly, advantage",
    (0.20, 1.632678, 0.387509, 310.0, 800.0, 1.598133, 21.39),
    (0.37, 1.498234, 0.332548, 492.2, 1480.0, 1.449228, 33.26),
)
def test_of_ten_years_at_six_per_cent_a_gain_of_forty_costs(
    rate: float, grown: float, share: float, kept: float, forgiven: float, yearly: float, advantage: float
) -> None:
    """Figures of the closed form, computed apart; a gain that is realised each year grows by one year's each."""
    deferral = Deferral(10.0, 0.06)
    assert deferral.grown(rate) == pytest.approx(grown, abs=5e-7)
    assert deferral.share(rate) == pytest.approx(share, abs=5e-7)
    assert deferred(0.4, rate, deferral) == pytest.approx(kept, abs=0.05)
    assert deferred(0.4, rate, Deferral(10.0, 0.06, forgiven=1.0)) == pytest.approx(forgiven, abs=1e-9)
    each_year = Deferral(1.0, 0.06).grown(rate) ** 10
    assert each_year == pytest.approx(yearly, abs=5e-7)
    assert 1e3 * np.log(grown / each_year) == pytest.approx(advantage, abs=0.01)  # bp a year of ten


def test_a_short_term_loss_is_worth_its_rate_less_the_later_tax_and_a_short_term_gain_costs_as_much() -> None:
    """0.37 - 0.20 / A a unit: what a harvest saves."""
    assert deferred(-1.0, 0.20, Deferral(10.0, 0.06), 0.37) == pytest.approx(-2475.0, abs=0.05)
    assert deferred(1.0, 0.20, Deferral(10.0, 0.06), 0.37) == pytest.approx(2475.0, abs=0.05)


@given(
    years=st.floats(0.0, 40.0), growth=st.floats(0.0, 0.1), rate=st.floats(0.0, 0.6), basis=st.floats(0.1, 1.0),
    forgiven=st.floats(0.0, 1.0),
)  # fmt: skip
def test_the_cost_is_the_money_that_a_sale_today_ends_with_less_in_units_of_today(
    years: float, growth: float, rate: float, basis: float, forgiven: float
) -> None:
    """One unit is kept, or sold and bought again after tax; a unit of money in hand ends taxed, or forgiven."""
    times, after = (1.0 + growth) ** years, 1.0 - rate * (1.0 - basis)
    taxed_kept, taxed_sold = times - rate * (times - basis), after * (times - rate * (times - 1.0))
    a_unit = times - rate * (times - 1.0)
    cost = (1.0 - forgiven) * (taxed_kept - taxed_sold) / a_unit + forgiven * (times - after * times) / times
    deferral = Deferral(years, growth, forgiven)
    assert deferred(1.0 - basis, rate, deferral) == pytest.approx(1e4 * cost, abs=1e-7)


@given(better=st.floats(0.0, 0.03), basis=st.floats(0.2, 1.0), years=st.integers(1, 20))
def test_a_fund_is_changed_for_a_better_one_where_the_tax_today_is_earned_back(
    better: float, basis: float, years: int
) -> None:
    """(1 - rate (1 - basis)) A' > A - rate (1 - basis), both accounts stated in money."""
    rate, old, new = 0.2, Deferral(years, 0.06), Deferral(years, 0.06 + better)
    kept = 1.06**years - rate * (1.06**years - basis)
    put = 1.0 - rate * (1.0 - basis)
    changed = put * (1.06 + better) ** years - rate * (put * (1.06 + better) ** years - put)
    assert put * new.grown(rate) - (old.grown(rate) - rate * (1.0 - basis)) == pytest.approx(changed - kept, abs=1e-9)
    if better == 0.0:  # never for one that is as good
        assert changed <= kept + 1e-12


@pytest.mark.parametrize("wrong", [{"years": -1.0}, {"growth": -0.01}, {"forgiven": 1.5}])
def test_a_deferral_of_impossible_numbers_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} of the deferral is"):
        Deferral(**({"years": 10.0, "growth": 0.06} | wrong))
