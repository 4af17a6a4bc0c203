"""What the numbers of each action mean, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from research.learning.worlds.training_days import scales
from research.rules.networks.actions import action_size, decode_actions
from research.rules.networks.names import ACTIONS

TWO = scales(  # the first target leaves a fifth to cash, the second nothing, and holds one asset
    target=np.array([[0.5, 0.3], [1.0, 0.0]]),
    half_width=np.array([[0.02, 0.01], [0.04, 0.0]]),
    covariance=np.tile(np.eye(2), (2, 1, 1)),
    volatility=0.01,
)


def meant(action, *numbers, kind=0):
    made = decode_actions(action, np.array([numbers], dtype=np.float32), np.array([kind]), TWO)
    assert (made.cash[0, 0], made.cash[0, 1]) == (-np.inf, np.inf)
    return made.lower[0], made.upper[0], made.cash[0, 2:], made.fraction[0]


def assert_point(made, weights, cash, part=1.0):
    lower, upper, box, way = made
    np.testing.assert_allclose(lower, weights, rtol=1e-12)
    np.testing.assert_array_equal(lower, upper)
    np.testing.assert_allclose(box, cash, atol=1e-12)
    assert way == pytest.approx(part)


def test_edges_are_given_one_by_one_the_lower_ones_first():
    lower, upper, cash, part = meant("edges", -1.0, 0.0, 0.0, 1.0)
    np.testing.assert_allclose(lower, [0.5 - 0.02 / 8, 0.29])
    np.testing.assert_allclose(upper, [0.52, 0.38])
    np.testing.assert_allclose(cash, [0.1, 1.0 - lower.sum()])
    assert part == 1.0


def test_equal_edges_are_bands():
    for ours, theirs in zip(meant("edges", 0.3, -0.2, 0.3, -0.2), meant("bands", 0.3, -0.2), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_to_hold_is_to_go_no_part_of_the_way():
    assert_point(meant("hold_or_trade", 0.1), [0.5, 0.3], 0.2)
    assert meant("hold_or_trade", 0.0)[3] == 0.0
    assert meant("fraction", -0.4)[3] == 0.0
    assert meant("gate", 0.0, 1.0)[3] == 0.0


def test_a_fraction_is_a_part_of_the_way_to_the_target():
    assert_point(meant("fraction", 0.25), [0.5, 0.3], 0.2, part=0.25)
    assert_point(meant("fraction", 7.0), [0.5, 0.3], 0.2)


def test_a_gate_says_whether_and_its_second_number_how_far():
    assert_point(meant("gate", 0.01, 0.0), [0.5, 0.3], 0.2, part=0.5)
    assert_point(meant("gate", 0.01, 1.0), [0.5, 0.3], 0.2)


def test_an_exposure_is_a_share_of_the_target_and_cash_takes_the_rest():
    assert_point(meant("exposure", 0.0), [0.25, 0.15], 0.6)
    assert_point(meant("exposure", 1.0), [0.5, 0.3], 0.2)
    assert_point(meant("exposure", -1.0), [0.0, 0.0], 1.0)
    assert_point(meant("exposure", 0.0, kind=1), [0.5, 0.0], 0.5)  # also where the target holds no cash


def test_weights_are_in_proportion_to_target_times_eight_to_the_number():
    assert_point(meant("weights", 0.0, 0.0, 0.0), [0.5, 0.3], 0.2)
    total = 0.5 * 8.0 + 0.3 + 0.2 / 8.0
    assert_point(meant("weights", 1.0, 0.0, -1.0), [4.0 / total, 0.3 / total], 0.025 / total)
    assert_point(meant("weights", -1.0, 1.0, 1.0, kind=1), [1.0, 0.0], 0.0)  # what the target does not hold


def test_the_target_is_asked_whole_where_it_holds_no_cash():
    assert_point(meant("hold_or_trade", 1.0, kind=1), [1.0, 0.0], 0.0)


@pytest.mark.parametrize("action", ACTIONS)
@given(data=st.data())
def test_whatever_is_answered_can_be_met(action, data):
    """Weights between the bounds, with cash between its own, that sum to one."""
    numbers = data.draw(arrays(np.float32, action_size(action, 2), elements=st.floats(-3, 3, width=32)))
    lower, upper, cash, part = meant(action, *numbers.tolist(), kind=data.draw(st.integers(0, 1)))
    assert 0.0 <= part <= 1.0
    assert (lower >= 0.0).all()
    assert (upper <= 1.0 + 1e-12).all()
    assert lower.sum() + cash[0] <= 1.0 + 1e-9
    assert upper.sum() + cash[1] >= 1.0 - 1e-9
