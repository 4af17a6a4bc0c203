"""Excess growth: never negative for long weights, near its formula of continuous time, and none for one line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import DataError
from research.risk.decomposition.excess_growth import excess_growth


@given(st.lists(st.tuples(st.floats(0.01, 1.0), st.floats(-0.9, 3.0)), min_size=1, max_size=6))
def test_long_weights_have_no_negative_excess_growth(drawn: list[tuple[float, float]]) -> None:
    shares, returns = np.array(drawn).T
    assert excess_growth((shares / shares.sum())[None], returns[None])[0] >= -1e-15


def test_small_returns_have_the_rate_of_continuous_time() -> None:
    rng = np.random.default_rng(3)
    covariance = np.array([[4.0, 1.0, 0.0], [1.0, 2.0, -0.5], [0.0, -0.5, 0.0]]) + np.diag([0.1, 0.1, 0.5])
    returns = 1e-4 * rng.multivariate_normal(np.zeros(3), covariance, 400_000)
    weights = np.array([0.5, 0.3, 0.2])
    found = excess_growth(np.broadcast_to(weights, returns.shape), returns).mean()
    expected = 0.5e-8 * (weights @ np.diag(covariance) - weights @ covariance @ weights)
    assert found == pytest.approx(expected, rel=0.02)


def test_one_line_has_none_and_a_total_loss_is_refused() -> None:
    assert excess_growth(np.array([[0.0, 1.0]]), np.array([[0.5, 0.1]])).tolist() == [0.0]
    with pytest.raises(DataError, match=r"return -1 in period 0 of line 1: a line that lost everything"):
        excess_growth(np.array([[0.5, 0.5]]), np.array([[0.1, -1.0]]))
