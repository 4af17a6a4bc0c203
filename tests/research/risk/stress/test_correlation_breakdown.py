"""Correlations that move toward one: still a covariance, and riskier the further they go."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import norm

from foundation.errors import ConfigError, DataError
from research.risk.distribution import TAIL_LEVELS
from research.risk.stress.correlation_breakdown import QUANTILE95, QUANTILE99, moved_correlations, stressed_risk


def covariance_of(seed: int, n: int, rank: int) -> np.ndarray:
    root = np.random.default_rng(seed).standard_normal((n, rank)) * 0.02
    return root @ root.T


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12), st.floats(0.0, 1.0))
def test_it_stays_positive_semi_definite_and_keeps_volatilities(seed: int, n: int, rank: int, share: float) -> None:
    covariance = covariance_of(seed, n, rank)
    found = moved_correlations(covariance, share)
    np.testing.assert_array_equal(np.diag(found), np.diag(covariance))
    assert np.linalg.eigvalsh(found)[0] >= -1e-12 * np.trace(found)


@given(st.integers(0, 10_000), st.integers(2, 10))
def test_a_long_portfolio_is_the_riskier_the_nearer_correlations_are_to_one(seed: int, n: int) -> None:
    weights = np.random.default_rng(seed).dirichlet(np.ones(n))
    found = stressed_risk(weights, covariance_of(seed, n, n + 2), 252)
    risks = [one.volatility for one in found]
    assert all(b >= a - 1e-15 for a, b in pairwise(risks))
    deviation = np.sqrt(np.diag(covariance_of(seed, n, n + 2)))
    assert risks[-1] == pytest.approx(float(weights @ deviation) * 252**0.5, rel=1e-12)
    assert found[-1].diversification == pytest.approx(1.0, rel=1e-12)


def test_the_quantiles_are_those_of_scipy() -> None:
    assert tuple(ndtri(TAIL_LEVELS)) == (QUANTILE95, QUANTILE99)


def test_two_lines_by_hand() -> None:
    """σ of 1 % and 2 %, half each, ρ 0 → 0.5: variances 0.25·(1 + 4) and that + 2·0.25·0.5·2, in 1e-4."""
    before, after = stressed_risk(np.array([0.5, 0.5]), np.diag([1e-4, 4e-4]), 100, (0.0, 0.5))
    assert before.volatility == pytest.approx(10 * (1.25e-4) ** 0.5, rel=1e-12)
    assert after.volatility == pytest.approx(10 * (1.75e-4) ** 0.5, rel=1e-12)
    assert after.var99 == pytest.approx(norm.ppf(0.99) * 1.75e-4**0.5, rel=1e-12)
    assert (before.correlation, after.correlation) == pytest.approx((0.0, 0.5), abs=1e-12)


def test_what_is_no_share_and_cash_alone_are_refused() -> None:
    covariance = np.diag([1e-4, 4e-4, 1e-4])
    with pytest.raises(ConfigError, match=r"is 1\.5: give a number from 0 to 1"):
        moved_correlations(covariance, 1.5)
    with pytest.raises(DataError, match="holds cash alone"):
        stressed_risk(np.zeros(3), covariance, 252)


def test_lines_that_cancel_are_not_called_cash() -> None:
    covariance = np.full((2, 2), 1e-4)
    with pytest.raises(DataError, match="or assets that cancel"):
        stressed_risk(np.array([0.5, -0.5]), covariance, 252)
