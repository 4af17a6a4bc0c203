"""The level of a day and what it is learned from, and the weights of trees and regression."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from research.forecast.boosted.features import Samples
from research.forecast.boosted.heads import SLOPE_RIDGE, _ridge, _weights, differences_of, level_of


def test_the_level_and_the_differences_of_two_days_by_hand() -> None:
    names, rows = ("own", "rank_own", "none"), np.array([5, 5, 10, 10, 10])
    numbers = np.array([[1.0, -1.0], [3.0, 1.0], [2.0, -1.0], [np.nan, 0.0], [6.0, 1.0]])
    numbers = np.column_stack([numbers, np.full(5, np.nan)])
    outcomes = np.array([1.0, 3.0, 3.0, 6.0, 9.0])
    excess = np.array([-1.0, 1.0, -3.0, 0.0, 3.0])
    known = Samples(names, rows, numbers, outcomes, excess)
    level, differences = level_of(known), differences_of(known)
    assert (level.names, level.rows.tolist()) == (("mean_own",), [5, 10])
    assert level.numbers.tolist() == [[2.0], [4.0]]
    assert level.outcomes.tolist() == [-2.0, 2.0]
    assert (differences.names, differences.outcomes.tolist()) == (("own", "rank_own"), excess.tolist())
    assert differences.linear.tolist() == [False, True]


def test_the_regression_is_that_of_scikit_learn_on_the_features_that_it_reads() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(3.0, [1.0, 20.0, 0.1, 2.0], (300, 4))
    y = x @ [0.5, 0.01, 3.0, 9.0] + rng.normal(size=300)
    centre, slopes = _ridge(x, y, np.array([True, True, True, False]))
    scaler = StandardScaler().fit(x[:, :3])
    peer = Ridge(alpha=SLOPE_RIDGE * 300).fit(scaler.transform(x[:, :3]), y)
    np.testing.assert_allclose(slopes, [*peer.coef_ / scaler.scale_, 0.0], rtol=1e-10)
    np.testing.assert_allclose(centre, x.mean(axis=0), rtol=1e-12)


def test_a_number_that_is_not_known_counts_as_the_mean() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(40, 2)), rng.normal(size=40)
    holes, filled = x.copy(), x.copy()
    holes[:7, 0], filled[:7, 0] = np.nan, x[7:, 0].mean()
    every = np.array([True, True])
    for one, other in zip(_ridge(holes, y, every), _ridge(filled, y, every), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)


@pytest.mark.parametrize("slopes", [(0.7, 0.4), (0.7, -0.4), (-0.7, -0.4)])
def test_weights_have_the_least_squared_error_of_those_that_are_not_negative(slopes: tuple[float, float]) -> None:
    rng = np.random.default_rng(4)
    forecasts = rng.normal(size=(200, 2)) + 0.5 * rng.normal(size=(200, 1))
    outcomes = forecasts @ np.array(slopes) + rng.normal(size=200)
    peer = minimize(lambda w: np.sum((forecasts @ w - outcomes) ** 2), (0.5, 0.5), bounds=[(0.0, None)] * 2).x
    np.testing.assert_allclose(_weights(forecasts, outcomes), peer, atol=1e-5)
