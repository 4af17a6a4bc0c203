"""What a learner sees and what its action means, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.learning.worlds.training_days import scales
from research.rules.networks.actions import decode_actions
from research.rules.networks.features import FARTHEST, LOOKBACK, FeatureScaling, observe, standardise, strategic_returns
from research.rules.networks.names import SHARED_FEATURES

TWO = scales(
    target=np.array([[0.5, 0.3], [0.8, 0.0]]),
    half_width=np.array([[0.02, 0.01], [0.04, 0.0]]),
    covariance=np.array([[[0.04, 0.01], [0.01, 0.09]], [[0.04, 0.0], [0.0, 0.0]]]),
    volatility=0.01,
)


def seen(weights, recent=(0.01, -0.01), age=7, kind=0):
    out = np.empty(len(SHARED_FEATURES) + 2)
    observe(np.array(weights), np.array(recent), age, TWO, kind, out)
    return dict(zip([*SHARED_FEATURES, "one", "two"], out, strict=True))


def box(actions, kind=0, measured=TWO):
    made = decode_actions("bands", np.array([actions], dtype=np.float32), np.array([kind]), measured)
    return made.lower[0], made.upper[0], made.cash[0]


# -- what is seen ----------------------------------------------------------------------------------------------------


def test_the_features_by_hand():
    facts = seen([0.53, 0.28])
    squared = 0.03**2 * 0.04 - 2 * 0.03 * 0.02 * 0.01 + 0.02**2 * 0.09
    assert facts["tracking error squared"] == pytest.approx(squared, rel=1e-12)
    assert facts["tracking error"] == pytest.approx(np.sqrt(squared), rel=1e-12)
    assert facts["one"] == pytest.approx(1.5)
    assert facts["two"] == pytest.approx(-2.0)
    assert facts["widest drift"] == pytest.approx(2.0)
    assert facts["turnover to target"] == pytest.approx(0.03)
    assert facts["age"] == pytest.approx(np.log(8.0))
    assert facts["market return"] == 0.0
    assert facts["volatility regime"] == pytest.approx(np.log(np.sqrt(2.0)))


def test_at_target_nothing_has_drifted():
    facts = seen([0.5, 0.3], age=0)
    assert [facts[name] for name in SHARED_FEATURES[:5]] == [0.0] * 5


def test_a_line_that_is_not_held_has_no_drift():
    assert seen([0.85, 0.0], kind=1)["two"] == 0.0


def test_a_market_that_stands_still_is_calm_and_finite():
    assert seen([0.5, 0.3], recent=[0.0] * LOOKBACK)["volatility regime"] == pytest.approx(np.log(0.01))
    assert seen([0.5, 0.3], recent=[0.02])["volatility regime"] == pytest.approx(np.log(0.01))


def test_the_strategic_portfolio_holds_cash_beside_its_lines():
    returns, cash = np.array([[0.01, -0.02], [0.0, 0.01]]), np.array([0.001, 0.002])
    by_hand = [0.005 - 0.006 + 0.2 * 0.001, 0.003 + 0.2 * 0.002]
    np.testing.assert_allclose(strategic_returns(TWO.target, 0, returns, cash), by_hand, rtol=1e-12)


def test_what_lies_far_out_looks_alike():
    standard = FeatureScaling(np.array([1.0, 0.0]), np.array([2.0, 1.0]))
    out = np.empty((2, 2), np.float32)
    standardise(np.array([[3.0, 99.0], [1.0, -99.0]]), standard, out)
    assert out.tolist() == [[1.0, FARTHEST], [0.0, -FARTHEST]]


# -- what an action means --------------------------------------------------------------------------------------------


def test_action_zero_is_the_closed_form():
    lower, upper, _ = box([0.0, 0.0])
    np.testing.assert_allclose(lower, [0.48, 0.29], rtol=1e-15)
    np.testing.assert_allclose(upper, [0.52, 0.31], rtol=1e-15)


def test_the_ends_are_an_eighth_and_eight_times_as_wide():
    lower, upper, _ = box([-1.0, 1.0])
    np.testing.assert_allclose(upper - lower, [2 * 0.02 / 8, 2 * 0.01 * 8], rtol=1e-12)
    farther = box([-7.0, 7.0])
    np.testing.assert_array_equal(farther[0], lower)
    np.testing.assert_array_equal(farther[1], upper)


def test_a_line_that_is_not_held_has_the_box_of_zero():
    lower, upper, _ = box([1.0, 1.0], kind=1)
    assert (lower[1], upper[1]) == (0.0, 0.0)


def test_cash_takes_what_the_boxes_leave_and_triggers_nothing():
    lower, upper, cash = box([0.0, 0.0])
    assert cash.tolist() == pytest.approx([-np.inf, np.inf, 1.0 - upper.sum(), 1.0 - lower.sum()])


def test_without_cash_in_the_target_none_is_kept():
    full = scales(np.array([[0.7, 0.3]]), np.array([[0.02, 0.01]]), np.zeros((1, 2, 2)), 0.01)
    assert box([0.3, -0.2], measured=full)[2].tolist() == [-np.inf, np.inf, 0.0, 0.0]


@given(
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=2),
    st.lists(st.floats(0.0, 0.3), min_size=2, max_size=2),
    st.lists(st.floats(-2.0, 2.0, width=32), min_size=2, max_size=2),
)
def test_a_box_lies_between_zero_and_one_round_its_target(parts, widths, actions):
    target = np.array(parts) / max(sum(parts), 1.0)
    measured = scales(target[None], np.where(target > 0, widths, 0.0)[None], np.zeros((1, 2, 2)), 0.01)
    lower, upper, cash = box(actions, measured=measured)
    assert (lower >= 0.0).all()
    assert (upper <= 1.0).all()
    assert (lower <= target).all()
    assert (target <= upper).all()
    assert 0.0 <= cash[2] <= cash[3] <= 1.0
