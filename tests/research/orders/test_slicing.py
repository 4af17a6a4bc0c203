"""Slicing: whole lots that add up to the order, near the schedule at each moment, and what they cost."""

from decimal import Decimal

import numpy as np
import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import ConfigError
from research.accounting.impact import Impact
from research.orders.linear_impact import LinearImpact
from research.orders.slicing import (
    TWAP,
    VWAP,
    AlmgrenChriss,
    AtOnce,
    ParentOrder,
    Participation,
    Slice,
    Slicing,
    sliced,
    volume_curve,
)

U_SHAPE = (30.0, 10.0, 10.0, 50.0)


def order(quantity: str, lot: str = "1", **expected: object) -> ParentOrder:
    return ParentOrder(Decimal(quantity), Decimal(lot), **expected)  # type: ignore[arg-type]


def units(found: ParentOrder, slicing: Slicing) -> list[str]:
    return [str(each) for each in sliced(found, slicing).quantities]


def test_time_weighted_slices_are_equal_to_a_lot_and_spread_what_does_not_divide() -> None:
    assert units(order("600"), TWAP(6)) == ["100"] * 6
    assert units(order("1000", "100"), TWAP(4)) == ["300", "200", "300", "200"]


def test_fewer_lots_than_intervals_are_spread_over_the_whole_time() -> None:
    found = sliced(order("3", sessions=0.5), TWAP(6))
    assert [str(each) for each in found.quantities] == ["1", "0", "1", "0", "1", "0"]
    assert found.slices == tuple(Slice(k / 6, Decimal(1)) for k in range(3))


def test_volume_weighted_slices_follow_the_curve() -> None:
    assert units(order("1000"), VWAP(U_SHAPE)) == ["300", "100", "100", "500"]


def test_participation_sends_its_part_of_the_volume_until_the_order_is_done() -> None:
    half_a_day = order("1500", volume=20_000.0, sessions=0.5)
    assert units(half_a_day, Participation(0.2, U_SHAPE)) == ["600", "200", "200", "500"]


def test_participation_that_does_not_complete_the_order_names_the_rate_that_does() -> None:
    with pytest.raises(ConfigError, match=r"rate of participation is 0\.1: of 10,000 units .* Give 0\.15 or more"):
        sliced(order("1500", volume=20_000.0, sessions=0.5), Participation(0.1, U_SHAPE))
    assert sum(sliced(order("1500", volume=20_000.0, sessions=0.5), Participation(0.15, U_SHAPE)).quantities) == 1500


def test_a_sale_of_everything_sends_its_odd_lot_with_the_last_slice() -> None:
    assert units(order("1037", "100"), TWAP(4)) == ["300", "200", "300", "237"]
    assert units(order("37", "100"), TWAP(4)) == ["37", "0", "0", "0"]


def test_coins_are_sliced_in_their_own_small_lots_exactly() -> None:
    found = sliced(order("0.10000001", "0.00000001"), TWAP(3)).quantities
    assert [str(each) for each in found] == ["0.03333334", "0.03333333", "0.03333334"]


KINDS = st.one_of(
    st.builds(AtOnce, st.integers(1, 9)),
    st.builds(TWAP, st.integers(1, 50)),
    st.builds(VWAP, st.lists(st.floats(0.0, 1e6), min_size=1, max_size=30).filter(sum).map(tuple)),
    st.builds(Participation, st.floats(0.5, 1.0)),
    st.builds(AlmgrenChriss, st.sampled_from([0.0, 1e-12, 1e-7, 1e-5, 1.0]), st.integers(1, 40)),
)


@settings(max_examples=1_000)
@given(KINDS, st.integers(1, 10**9), st.sampled_from(["1", "100", "0.00000001", "0.01", "7"]), st.booleans())
def test_slices_add_up_to_the_order_in_whole_lots_never_half_a_lot_from_the_schedule(
    slicing: Slicing, lots: int, lot: str, odd: bool
) -> None:
    step, impact = Decimal(lot), LinearImpact(0.95, 0.0625, 2.5e-6)
    parent = ParentOrder(lots * step + odd * step / 2, step, volume=2.0 * (lots + 1) * float(step), impact=impact)
    found = sliced(parent, slicing)
    assert sum(found.quantities) == parent.quantity
    *whole, last = [each.quantity for each in found.slices]
    assert not any(each % step for each in whole)
    assert last % step == odd * step / 2
    assert min(each.quantity for each in found.slices) >= step
    shares = slicing.shares(parent)
    gaps = np.cumsum(found.trades) / float(step) - 0.5 * odd * (np.arange(len(shares)) >= _last(found.trades))
    assert np.abs(gaps - lots * np.cumsum(shares) / shares.sum()).max() <= 0.5 + 1e-6


def _last(trades: np.ndarray) -> int:
    return int(np.flatnonzero(trades)[-1])


def test_the_schedule_of_almgren_and_chriss_is_a_least_of_cost_and_risk() -> None:
    """Any move of units between two intervals raises E + λV."""
    impact, aversion = LinearImpact(2.0, 0.01, 3e-5, 1e-6), 4e-5
    shares = AlmgrenChriss(aversion, 7).shares(order("1", sessions=2.0, impact=impact))
    trades = 1_000.0 * shares / shares.sum()

    def loss(moved: np.ndarray) -> float:
        return impact.cost(moved, 2.0 / 7) + aversion * impact.risk(moved, 2.0 / 7) ** 2

    rng = np.random.default_rng(1)
    for _ in range(50):
        move = rng.normal(size=7)
        assert loss(trades + move - move.mean()) > loss(trades)


def test_great_risk_aversion_sends_everything_at_once_and_overflows_nowhere() -> None:
    fast = order("1000", sessions=5.0, impact=LinearImpact(1e6, 0.0, 1e-12))
    assert units(fast, AlmgrenChriss(1e3, 5)) == ["1000", "0", "0", "0", "0"]


def test_linear_impact_costs_what_the_order_is_expected_to_cost_when_traded_evenly() -> None:
    impact = LinearImpact.from_costs(quantity=500.0, half_spread=12.5, impact=80.0, volatility=0.5)
    for slices in (1, 4, 13):
        expected = pytest.approx(0.025 * 52_000 + 80.0 * 104.0**2, rel=1e-12)
        assert sliced(order("52000", "1", impact=impact), TWAP(slices)).cost == expected


def power_cost(trades: np.ndarray, volumes: np.ndarray, volatility: float, coefficient: float) -> float:
    """Impact by the 3/2 power of `research.accounting.Impact`, charged in each interval by its share of the volume."""
    return coefficient * volatility * float(np.sum(trades * np.sqrt(trades / volumes)))


def test_the_power_law_charges_volume_weighted_slices_what_it_charges_the_whole_order_of_a_session() -> None:
    volume, price, volatility, law = 1e6, 40.0, 0.015, Impact(coefficient=0.8)
    curve = np.array(U_SHAPE) / 100.0
    notional = 30_000.0 * price
    whole = 0.8 * volatility * notional * (notional / (volume * price)) ** (law.exponent - 1.0)
    assert power_cost(30_000.0 * curve, volume * curve, volatility * price, 0.8) == pytest.approx(whole, rel=1e-12)
    assert power_cost(np.full(4, 7_500.0), volume * curve, volatility * price, 0.8) > whole


def test_curve_of_volume_is_the_mean_of_each_sessions_parts() -> None:
    assert volume_curve(np.array([[10.0, 30.0], [300.0, 100.0]])) == (0.5, 0.5)


@cases(
    "make, words",
    (lambda: TWAP(0), r"slices is 0: give a whole number from 1 to 1,000"),
    (lambda: VWAP((0.0, 0.0)), r"curve is \(0\.0, 0\.0\)"),
    (lambda: VWAP((1.0, float("nan"))), r"curve is \(1\.0, nan\)"),
    (lambda: Participation(1.5), r"rate of participation is 1\.5"),
    (lambda: AlmgrenChriss(-1.0), r"risk_aversion is -1\.0"),
    (lambda: order("0"), r"quantity of an order is Decimal\('0'\)"),
    (lambda: sliced(order("1"), Participation(0.1)), "participation needs the volume"),
    (lambda: sliced(order("1"), AlmgrenChriss()), "needs its linear impact"),
    (lambda: LinearImpact(0.0, 0.0, 1.0), "volatility is 0.0"),
    (lambda: LinearImpact(1.0, -1.0, 1.0), r"half_spread of linear impact is -1\.0"),
    (lambda: sliced(order("1", impact=LinearImpact(1.0, 0.0, 0.0)), AlmgrenChriss()), "temporary of linear impact"),
    (lambda: volume_curve(np.array([[1.0, 2.0], [0.0, 0.0]])), "volume of session 1 .* is 0.0"),
    (lambda: volume_curve(np.array([1.0, 2.0])), "volumes of intraday bars are"),
)
def test_what_gives_no_schedule_is_refused_with_its_value(make: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make()  # type: ignore[operator]
