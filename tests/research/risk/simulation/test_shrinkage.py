"""Shrunk covariances against scikit-learn's, and by what shrinking must leave alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf, oas

from foundation.errors import DataError
from research.risk.simulation.shrinkage import (
    oas_intensity,
    shrinkage_intensity,
    shrunk_covariance,
    toward_equal_variances,
)


def simulated(seed: int, days: int, lines: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((days, 1))
    return (common + rng.standard_normal((days, lines))) * rng.uniform(0.002, 0.05, lines)


@given(st.integers(0, 10_000), st.integers(5, 300), st.integers(2, 12))
def test_the_estimate_is_that_of_scikit_learn(seed: int, days: int, lines: int) -> None:
    returns = simulated(seed, days, lines)
    for ours, theirs in ((shrinkage_intensity, ledoit_wolf), (oas_intensity, oas)):
        covariance, intensity = theirs(returns)
        assert ours(returns) == pytest.approx(intensity, rel=1e-9, abs=1e-12)
        shrunk = toward_equal_variances(returns, ours(returns))
        np.testing.assert_allclose(shrunk, covariance, rtol=1e-9, atol=1e-12 * covariance.max())


@pytest.mark.parametrize("returns", [np.full((10, 3), 0.01), np.eye(4) * 0.01])
def test_without_a_distance_to_the_target_the_covariance_is_the_target(returns: np.ndarray) -> None:
    sample = np.cov(returns, rowvar=False, ddof=0)
    for intensity in (shrinkage_intensity(returns), oas_intensity(returns)):
        assert 0.0 <= intensity <= 1.0
        assert np.trace(toward_equal_variances(returns, intensity)) == pytest.approx(np.trace(sample))


def test_variances_stay_and_correlations_shrink_by_one_factor() -> None:
    returns = simulated(1, 250, 5)
    found, sample = shrunk_covariance(returns), np.cov(returns, rowvar=False)
    np.testing.assert_allclose(np.diag(found), np.diag(sample), rtol=1e-12)
    off = ~np.eye(5, dtype=bool)
    standard = (returns - returns.mean(axis=0)) / returns.std(axis=0, ddof=1)
    np.testing.assert_allclose((found / sample)[off], 1.0 - ledoit_wolf(standard)[1], rtol=1e-9)


def test_a_line_that_does_not_vary_covaries_with_none() -> None:
    returns = simulated(2, 100, 3)
    returns[:, 1] = 0.0001
    found = shrunk_covariance(returns)
    assert not found[1].any()
    assert found[0, 2] != 0.0


def test_two_returns_are_too_few() -> None:
    with pytest.raises(DataError, match="three returns at least: found 2"):
        shrunk_covariance(np.zeros((2, 3)))
