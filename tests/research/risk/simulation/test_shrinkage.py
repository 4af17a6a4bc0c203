"""Shrunk covariances against scikit-learn's, and by what shrinking must leave alone."""

import numpy as np
import pytest
import sklearn.covariance
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import DataError
from research.risk.simulation.shrinkage import ledoit_wolf_covariance, oas, shrinkage_intensity, shrunk_covariance


def simulated(seed: int, days: int, lines: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((days, 1))
    return (common + rng.standard_normal((days, lines))) * rng.uniform(0.002, 0.05, lines)


@given(st.integers(0, 10_000), st.integers(5, 300), st.integers(2, 12))
def test_the_estimate_is_that_of_scikit_learn(seed: int, days: int, lines: int) -> None:
    returns = simulated(seed, days, lines)
    for ours, theirs in ((ledoit_wolf_covariance, sklearn.covariance.ledoit_wolf), (oas, sklearn.covariance.oas)):
        covariance, _ = theirs(returns)
        np.testing.assert_allclose(ours(returns), covariance, rtol=0.0, atol=1e-12 * covariance.max())
    intensity = sklearn.covariance.ledoit_wolf(returns)[1]
    assert shrinkage_intensity(returns) == pytest.approx(intensity, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("returns", [np.full((10, 3), 0.01), np.eye(4) * 0.01])
def test_without_a_distance_to_the_target_the_covariance_is_the_target(returns: np.ndarray) -> None:
    variance = np.trace(np.cov(returns, rowvar=False, ddof=0)) / 4 if len(returns) == 4 else 0.0
    for estimate in (ledoit_wolf_covariance, oas):
        np.testing.assert_allclose(estimate(returns), variance * np.eye(returns.shape[1]), atol=1e-18)


def test_variances_stay_and_correlations_shrink_by_one_factor() -> None:
    returns = simulated(1, 250, 5)
    found, sample = shrunk_covariance(returns), np.cov(returns, rowvar=False)
    np.testing.assert_allclose(np.diag(found), np.diag(sample), rtol=1e-12)
    off = ~np.eye(5, dtype=bool)
    standard = (returns - returns.mean(axis=0)) / returns.std(axis=0, ddof=1)
    np.testing.assert_allclose((found / sample)[off], 1.0 - sklearn.covariance.ledoit_wolf(standard)[1], rtol=1e-9)


def test_a_line_that_does_not_vary_covaries_with_none() -> None:
    returns = simulated(2, 100, 3)
    returns[:, 1] = 0.0001
    found = shrunk_covariance(returns)
    assert not found[1].any()
    assert found[0, 2] != 0.0


def test_two_returns_are_too_few() -> None:
    with pytest.raises(DataError, match="three returns at least: found 2"):
        shrunk_covariance(np.zeros((2, 3)))
