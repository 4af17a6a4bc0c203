"""Minimum torsion bets: uncorrelated, nearest to the assets, and counted by entropy."""

import numpy as np
import pytest

from foundation.arrays import Array
from foundation.errors import DataError
from research.risk.decomposition.torsion import minimum_torsion, torsion_bets, torsion_shares


def a_covariance(n: int = 6, seed: int = 1) -> Array:
    returns = np.random.default_rng(seed).normal(size=(200, n)) @ np.random.default_rng(seed + 1).normal(size=(n, n))
    return np.cov(returns, rowvar=False)


def strain(torsion: Array, covariance: Array) -> float:
    """Sum of the squared tracking errors of bets to assets, each over the asset's volatility."""
    off = torsion - np.eye(len(torsion))
    return float((np.diag(off @ covariance @ off.T) / np.diag(covariance)).sum())


def test_bets_are_uncorrelated_and_their_shares_sum_to_one() -> None:
    covariance = a_covariance()
    torsion = minimum_torsion(covariance)
    together = torsion @ covariance @ torsion.T
    assert np.abs(together - np.diag(np.diag(together))).max() < 1e-12 * np.diag(together).max()
    shares = torsion_shares([0.3, 0.2, 0.2, 0.1, 0.4, -0.2], covariance)
    assert shares.min() >= 0.0
    assert shares.sum() == pytest.approx(1.0, abs=1e-12)


def test_no_other_uncorrelated_bets_are_nearer_to_the_lines() -> None:
    covariance = a_covariance()
    torsion = minimum_torsion(covariance)
    least, rng = strain(torsion, covariance), np.random.default_rng(3)
    deviation = np.sqrt(np.diag(torsion @ covariance @ torsion.T))
    for size in (1e-3, 1e-2, 1e-1, 1.0):
        turned, _ = np.linalg.qr(np.eye(6) + size * rng.normal(size=(6, 6)))
        turned = turned * np.sign(np.diag(turned))
        other = deviation[:, None] * turned @ (torsion / deviation[:, None])  # uncorrelated too
        scale = np.einsum("ij,ij->i", other @ covariance, np.eye(6)) / np.diag(other @ covariance @ other.T)
        assert strain(scale[:, None] * other, covariance) > least


def test_lines_that_are_alike_in_pairs_of_equal_weight_are_as_many_bets() -> None:
    """Meucci, Santangelo, Deguest (2015), section 4: equal weights, equal volatilities, equal correlations give n."""
    assert torsion_bets([0.2] * 5, 0.04 * (0.7 + 0.3 * np.eye(5))) == pytest.approx(5.0, abs=1e-9)


def test_two_lines_by_hand() -> None:
    """Equal variances: the torsion is the inverse root of the correlation, scaled."""
    correlation = np.array([[1.0, 0.6], [0.6, 1.0]])
    torsion = minimum_torsion(0.01 * correlation)
    values, vectors = np.linalg.eigh(correlation)
    root = (vectors * np.sqrt(values)) @ vectors.T
    assert torsion == pytest.approx(root[0, 0] * np.linalg.inv(root), abs=1e-9)
    # sqrt(1.6) and sqrt(0.4) give the exposures of one asset alone, ((a + b) / 2, (a - b) / 2), whose squares sum to 1
    a, b = 1.6**0.5, 0.4**0.5
    one = ((a + b) / 2) ** 2
    assert torsion_shares([1.0, 0.0], correlation) == pytest.approx([one, 1.0 - one], abs=1e-9)
    assert torsion_bets([1.0, 0.0], correlation) == pytest.approx(one**-one * (1.0 - one) ** (one - 1.0), abs=1e-9)


def test_uncorrelated_lines_are_their_own_bets() -> None:
    variances, weights = np.array([0.01, 0.04, 0.09]), np.array([0.5, 0.3, 0.2])
    assert minimum_torsion(np.diag(variances)) == pytest.approx(np.eye(3), abs=1e-12)
    risk = weights**2 * variances
    assert torsion_shares(weights, np.diag(variances)) == pytest.approx(risk / risk.sum(), abs=1e-12)


def test_what_has_no_bets_is_refused() -> None:
    with pytest.raises(DataError, match="asset 1 has no variance"):
        minimum_torsion(np.diag([1.0, 0.0]))
    with pytest.raises(DataError, match="has none: take more returns"):
        minimum_torsion(np.ones((2, 2)))
    with pytest.raises(DataError, match="the portfolio has no risk"):
        torsion_bets([0.0, 0.0], np.eye(2))
