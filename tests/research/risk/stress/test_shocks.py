"""Shocks: the conditional mean against its closed form, regressions and simulated draws; effects by hand."""

import numpy as np
import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress

from foundation.errors import ConfigError, DataError
from research.market import load_market
from research.risk.stress.shocks import (
    Shock,
    conditional_mean,
    covariance_of_held,
    propagated,
    recent_covariance,
    shock_effect,
    shock_effects,
)

ASSETS, CLASSES = ("SPY", "QQQ", "AGG"), ("us_equity", "us_equity", "bonds")


def covariance_of(seed: int, n: int) -> np.ndarray:
    root = np.random.default_rng(seed).standard_normal((n, n + 2))
    return root @ root.T / (n + 2)


def test_two_lines_follow_the_closed_form() -> None:
    """E[y | x] = ρ σ_y / σ_x · x."""
    rho, sx, sy = 0.6, 0.2, 0.3
    covariance = np.array([[sx**2, rho * sx * sy], [rho * sx * sy, sy**2]])
    found = conditional_mean(covariance, np.array([-0.2, np.nan]))
    assert found.tolist() == pytest.approx([-0.2, -0.2 * rho * sy / sx], rel=1e-12)


def test_one_shocked_line_moves_another_by_the_slope_of_scipy() -> None:
    returns = np.random.default_rng(0).standard_normal((300, 2)) @ np.array([[0.01, 0.004], [0.0, 0.008]])
    slope = linregress(returns[:, 0], returns[:, 1]).slope
    found = conditional_mean(np.cov(returns, rowvar=False), np.array([-0.1, np.nan]))
    assert found[1] == pytest.approx(-0.1 * slope, rel=1e-10)


def test_two_shocked_lines_move_another_as_least_squares_says() -> None:
    returns = np.random.default_rng(1).standard_normal((400, 4)) @ np.random.default_rng(2).standard_normal((4, 4))
    centred = returns - returns.mean(axis=0)
    slopes = np.linalg.lstsq(centred[:, [0, 2]], centred[:, [1, 3]], rcond=None)[0]
    found = conditional_mean(np.cov(returns, rowvar=False), np.array([-0.2, np.nan, 0.1, np.nan]))
    assert found[[1, 3]].tolist() == pytest.approx((np.array([-0.2, 0.1]) @ slopes).tolist(), rel=1e-9)


@given(st.integers(0, 10_000), st.integers(2, 8), st.floats(-0.9, 2.0), st.data())
def test_a_shock_is_linear_in_its_size_and_leaves_stated_lines_as_stated(
    seed: int, n: int, size: float, data: st.DataObject
) -> None:
    covariance, k = covariance_of(seed, n), data.draw(st.integers(1, n))
    values = np.full(n, np.nan)
    values[:k] = size
    found, unit = conditional_mean(covariance, values), conditional_mean(covariance, values / size if size else values)
    assert (found[:k] == size).all()
    if size:
        np.testing.assert_allclose(found, size * unit, rtol=1e-9, atol=1e-12)


def test_what_all_lines_of_a_portfolio_explain_is_everything() -> None:
    covariance, known = covariance_of(3, 3), np.ones(3, dtype=bool)
    weights = np.array([0.3, 0.3, 0.4])
    whole = propagated(Shock("all", {"us_equity": -0.2, "bonds": -0.05}), ASSETS, CLASSES, covariance, known)
    assert shock_effect(weights, whole).explained == pytest.approx(1.0, rel=1e-9)
    part = propagated(Shock("bonds", {"bonds": -0.05}), ASSETS, CLASSES, covariance, known)
    expected = (covariance @ weights)[2] ** 2 / covariance[2, 2] / (weights @ covariance @ weights)
    assert shock_effect(weights, part).explained == pytest.approx(expected, rel=1e-12)


def test_a_line_goes_before_its_class() -> None:
    shock = Shock("both", {"us_equity": -0.2, "QQQ": -0.3})
    np.testing.assert_array_equal(shock.stated(ASSETS, CLASSES), [-0.2, -0.3, np.nan])


def test_the_effect_by_hand() -> None:
    """Half in an asset that loses 20 %, a quarter in one that gains 4 %, a quarter in cash: -9 %."""
    moved = propagated(
        Shock("hand", {"SPY": -0.2, "QQQ": 0.04, "AGG": 0.0}), ASSETS, CLASSES, np.eye(3), np.ones(3, dtype=bool)
    )
    effect = shock_effect(np.array([0.5, 0.25, 0.0]), moved)
    assert effect.total == pytest.approx(-0.09, rel=1e-12)
    assert effect.by_class(CLASSES) == pytest.approx({"us_equity": -0.09, "bonds": 0.0}, abs=1e-15)
    assert effect.weights.tolist() == pytest.approx([0.4 / 0.91, 0.26 / 0.91, 0.0], rel=1e-12)


def test_a_line_with_a_short_history_stays_and_is_named() -> None:
    known = np.array([True, True, False])
    covariance = np.diag([0.04, 0.04, 0.0])
    covariance[0, 1] = covariance[1, 0] = 0.02
    moved = propagated(Shock("SPY", {"SPY": -0.2}), ASSETS, CLASSES, covariance, known)
    assert moved.returns.tolist() == pytest.approx([-0.2, -0.1, 0.0])
    assert moved.unknown.tolist() == [False, False, True]
    assert shock_effect(np.array([0.5, 0.5, 0.0]), moved).explained == pytest.approx(0.75)
    assert np.isnan(shock_effect(np.array([0.3, 0.3, 0.4]), moved).explained), "the variance of the third is not known"


def test_no_line_loses_more_than_it_is_worth() -> None:
    covariance = np.array([[0.01, 0.099, 0.0], [0.099, 1.0, 0.0], [0.0, 0.0, 0.01]])
    moved = propagated(Shock("deep", {"SPY": -0.5}), ASSETS, CLASSES, covariance, np.ones(3, dtype=bool))
    assert moved.returns.tolist() == pytest.approx([-0.5, -0.99, 0.0])
    assert moved.bounded.tolist() == [False, True, False]


def test_lines_that_move_as_one_cannot_be_shocked_apart() -> None:
    covariance = np.full((3, 3), 0.04)
    with pytest.raises(ConfigError, match="singular: two of them move as one"):
        conditional_mean(covariance, np.array([-0.2, -0.1, np.nan]))


def test_a_covariance_knows_what_its_window_holds() -> None:
    past = load_market("multi_asset_daily").past(1_000)
    covariance, known = recent_covariance(past, 504)
    lines = dict(zip(past.assets, known.tolist(), strict=True))
    assert not lines["BTC"]
    assert lines["SPY"]
    assert not covariance[~known].any()
    with pytest.raises(DataError, match="no asset has 60 returns on 2007-"):
        recent_covariance(load_market("multi_asset_daily").past(30), 504)


def test_a_line_that_is_held_with_a_short_history_has_no_covariance_to_be_measured_by() -> None:
    past = load_market("multi_asset_daily").past(1_000)
    held, young = np.zeros(len(past.assets)), past.assets.index("BTC")
    held[past.assets.index("SPY")] = 0.9
    assert covariance_of_held(held, past, 504).tolist() == recent_covariance(past, 504)[0].tolist()
    held[young] = 0.1
    with pytest.raises(DataError, match="BTC is held and has fewer than 504 returns on 20"):
        covariance_of_held(held, past, 504)


def test_a_shock_that_takes_more_than_all_leaves_no_weights() -> None:
    """Short a third of NAV in an asset that rises fivefold: the loss is told, and there is nothing left to weigh."""
    moved = propagated(Shock("squeeze", {"SPY": 4.0}), ASSETS, CLASSES, np.eye(3), np.ones(3, dtype=bool))
    effect = shock_effect(np.array([-1.0 / 3.0, 0.0, 0.0]), moved)
    assert effect.total == pytest.approx(-4.0 / 3.0)
    assert np.isnan(effect.weights).all()


def test_shocks_of_other_portfolios_are_left_out_and_named() -> None:
    past = load_market("multi_asset_daily").select(["SPY", "AGG"]).past(3_000)
    both = Shock("Both", {"us_equity": -0.2, "gold": -0.1})
    shocks = [Shock("Crypto", {"crypto": -0.5}), Shock("Equities", {"us_equity": -0.2}), both]
    found, left_out = shock_effects(np.array([0.6, 0.4]), past, shocks, 504)
    assert [one.name for one in found] == ["Equities", "Both"]
    assert found[0].lines[0] == pytest.approx(-0.12)
    expected = ["Crypto: the portfolio has no crypto.", "Both: without gold, which the portfolio does not have."]
    assert left_out == expected


@cases(
    "moves, said",
    ({}, "moves nothing"),
    ({"SPY": -20.0}, r"moves SPY by -20\.0: give a fraction from -0\.99 to 10, such as -0\.2"),
    ({"SPY": float("nan")}, "moves SPY by nan"),
    ({"SPY": True}, "moves SPY by True"),
)
def test_a_shock_out_of_bounds_is_refused(moves: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Shock("wrong", moves)


def test_a_shock_of_lines_that_are_not_there_is_refused_with_those_that_are() -> None:
    said = r"shock 'gold' moves gold, and the portfolio has none of them: name an asset"
    with pytest.raises(ConfigError, match=said):
        propagated(Shock("gold", {"gold": -0.1}), ASSETS, CLASSES, np.eye(3), np.ones(3, dtype=bool))
