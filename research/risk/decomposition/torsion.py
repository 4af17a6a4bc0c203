"""Effective number of bets: over how many uncorrelated bets, as near the assets as can be, a portfolio's risk is
spread.

Shares of risk by asset mix what assets have in common, and principal components are bets that nobody holds. The minimum
torsion bets are the uncorrelated combinations of assets that move most like the assets themselves, one for each.
"""

import numpy as np
from numpy.typing import ArrayLike

from foundation.arrays import Array
from foundation.errors import DataError
from foundation.tolerances import COUNTED, EIGENVALUE
from research.risk.series import one_series

STEPS, TOLERANCE = 1_000, 1e-10  # of the search for the torsion: passes, and the least relative gain of one


def minimum_torsion(covariance: Array) -> Array:
    """(n, n) t so that the bets t r are uncorrelated, and move as much like the assets r as uncorrelated bets can.

    covariance : (n, n) of the assets' returns.
    Returns    : of each bet (row), its units of each asset; it has the variance of its asset if the assets are
                 uncorrelated, and less else.
    Raises     : DataError for an asset without variance, and for a covariance without an inverse.
    Source     : Meucci, Santangelo, Deguest (2015), Risk Budgeting and Diversification Based on Optimized Uncorrelated
                 Factors, section 3 and appendix: the tracking errors of bets to assets, each over its volatility, have
                 the least sum of squares.
    """
    deviation = np.sqrt(np.diag(covariance))
    if not (deviation > 0.0).all():
        raise DataError(f"asset {int(np.argmin(deviation))} has no variance: leave it out of the bets.")
    root, least = _root(covariance / np.outer(deviation, deviation))
    if least <= EIGENVALUE:
        raise DataError(
            "bets need a covariance that has an inverse, and this one has none: take more returns, or a shrunk one."
        )
    scale, before = np.ones(len(deviation)), np.inf
    for _ in range(STEPS):
        scaled = scale[:, None] * root
        turned = np.linalg.solve(_root(scaled @ scaled.T)[0], scaled)
        scale = np.einsum("ij,ji->i", turned, root)
        gap = float(np.linalg.norm(root - scale[:, None] * turned))
        if gap >= (1.0 - TOLERANCE) * before:
            break
        before = gap
    return deviation[:, None] * np.linalg.solve(root, (scale[:, None] * turned).T).T / deviation


def torsion_shares(weights: ArrayLike, covariance: Array) -> Array:
    """(n,) share of each minimum torsion bet in the variance of a portfolio: 0 or more, with sum one.

    weights    : (n,) fraction of NAV, cash left out.
    covariance : (n, n) of the assets' returns.
    Raises     : DataError for a portfolio without risk, and as `minimum_torsion` does.
    """
    w = one_series(weights, "weights", at_least=1)
    variance = float(w @ covariance @ w)
    if not variance > COUNTED**2 * float(np.trace(covariance)):
        raise DataError("the shares of bets are not defined: the portfolio has no risk.")
    torsion = minimum_torsion(covariance)
    return np.linalg.solve(torsion.T, w) * (torsion @ covariance @ w) / variance


def torsion_bets(weights: ArrayLike, covariance: Array) -> float:
    """Effective number of minimum torsion bets: the exponential of the entropy of their shares, from 1 to n.

    Arguments and errors as of `torsion_shares`. Source : as of `minimum_torsion`; Meucci (2009), Managing
    Diversification.

    >>> round(torsion_bets([0.25] * 4, np.diag([0.04] * 4)), 12)
    4.0
    """
    shares = torsion_shares(weights, covariance)
    held = shares[shares > 0.0]
    return float(np.exp(-(held * np.log(held)).sum()))


def _root(matrix: Array) -> tuple[Array, float]:
    """The symmetric root of a symmetric matrix, and its least eigenvalue over the largest."""
    values, vectors = np.linalg.eigh(matrix)
    found: Array = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return found, float(values[0] / values[-1])
