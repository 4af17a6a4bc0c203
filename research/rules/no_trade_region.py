"""Closed forms of no-trade regions: the half-width of each asset alone, and the curvature of all gaps together."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Mask, Rows
from foundation.tolerances import EIGENVALUE, TRIGGER
from research.rules.bands import or_narrowest

LEAST_COST = 1e-6  # fraction of the notional: an asset that trades free has a curvature all the same


def half_widths(target: Array, covariance: Array, cost: Array, tracking_penalty: float) -> Array:
    """Each asset's own asymptotic half-width h_i = (3 c_i w_i^2 var(r_i - r_p) / (2 g S_ii))^(1/3), fraction of NAV.

    target     : (..., n) weights w, fraction of NAV; cash is the rest, without risk.
    covariance : (..., n, n) S of returns in excess of cash, in any one unit of time: the ratio has none.
    cost       : (..., n) c, marginal cost a side, fraction of the notional.
    tracking_penalty : g, price of squared tracking.

    r_p is the return of the target portfolio, so var(r_i - r_p) is the variance with which drift widens the asset's
    gap.
    Source: Shreve and Soner (1994); Janecek and Shreve (2004), for one asset; taken asset by asset.

    >>> w, s = np.array([0.6]), np.array([[0.16**2]])
    >>> round(float(half_widths(w, s, np.array([0.001]), tracking_penalty=2.0)[0]), 4)
    0.0351
    """
    variance = covariance.diagonal(axis1=-2, axis2=-1)
    return np.cbrt(3.0 * cost * target**2 * relative_variance(target, covariance) / (2.0 * tracking_penalty * variance))


def relative_variance(target: Array, covariance: Array) -> Array:
    """(..., n) var(r_i - r_p), the variance of each asset's return less that of the target portfolio.

    target     : (..., n) fraction of NAV.
    covariance : (..., n, n) covariance of returns, in any unit of time; the result has the same.
    """
    to_portfolio = covariance @ target[..., None]
    of_portfolio = (target[..., None, :] @ to_portfolio)[..., 0]
    own: Array = covariance.diagonal(axis1=-2, axis2=-1)
    return own - 2.0 * to_portfolio[..., 0] + of_portfolio


class Block(NamedTuple):
    """Rows of a table that have the same assets.

    rows  : (k, 1) numbers of the rows.
    lines : (m,) numbers of the assets.
    """

    rows: Rows
    lines: Rows

    def of(self, values: Array) -> Array:
        """(k, m) these of (K, n) values, in C order: sums over them are then those of each row alone, to the bit."""
        return np.ascontiguousarray(values[self.rows, self.lines])

    def among(self, covariance: Array) -> Array:
        """(k, m, m) these of (K, n, n)."""
        return np.ascontiguousarray(covariance[self.rows[..., None], self.lines[:, None], self.lines])


def blocks(which: Mask) -> Iterator[Block]:
    """The rows of (K, n) that have any asset, by the assets that they have."""
    kinds, kind = np.unique(which, axis=0, return_inverse=True)
    for k, assets in enumerate(kinds):
        if assets.any():
            yield Block(np.flatnonzero(kind == k)[:, None], np.flatnonzero(assets))


def gap_curvature(target: Array, covariance: Array, cost: Array, tracking_penalty: float, power: float) -> Array:
    """(n, n) curvature K of the value d'Kd / 2 of all gaps d together: K = D^(1/2) R^power D^(1/2), fraction of NAV.

    target           : (n,) weights w, fraction of NAV; cash is the rest, without curvature.
    covariance       : (n, n) of returns, in any unit of time; R is its correlations.
    cost             : (n,) c, marginal cost a side, fraction of the notional.
    tracking_penalty : g, price of squared tracking.
    power            : exponent of R; with 0 no asset knows of another.

    D = diag(c_i / h_i) with h_i = (3 c_i w_i^2 (1 - w_i)^2 / (2 g))^(1/3), the half-width of an asset whose weight
    drifts against a rest without risk: K_ii h_i = c_i where power is 0. An asset without width, of target 0 or 1, has
    the narrowest of the others. An asset without variance is uncorrelated.
    Source : Shreve and Soner (1994) for h; Boyd, Mueller, O'Donoghue and Wang (2014), Performance Bounds and Suboptimal
    Policies for Multi-Period Investment, for trades by a quadratic value function. This K is not theirs.

    >>> w, s, c = np.array([0.6, 0.4]), np.diag([0.04, 0.01]), np.array([0.001, 0.001])
    >>> gap_curvature(w, s, c, 5.0, power=0.25).round(4).tolist()
    [[0.0387, 0.0], [0.0, 0.0387]]
    """
    volatility = np.sqrt(covariance.diagonal())
    most = np.outer(volatility, volatility)
    correlations = np.divide(covariance, most, out=np.eye(len(target)), where=most > 0.0)
    values, vectors = np.linalg.eigh(correlations)
    paid, width = costs_and_widths(target, cost, tracking_penalty)
    root = np.sqrt(paid / width)[:, None] * vectors * np.maximum(values, EIGENVALUE) ** (0.5 * power)
    curvature: Array = root @ root.T
    return curvature


def costs_and_widths(target: Array, cost: Array, tracking_penalty: float) -> Array:
    """(2, n): the cost c of each asset, and its half-width h against a rest without risk, as `gap_curvature` has them.

    target           : (n,) fraction of NAV.
    cost             : (n,) a side, fraction of the notional; at least `LEAST_COST` is taken.
    tracking_penalty : g, price of squared tracking.
    """
    paid = np.maximum(cost, LEAST_COST)
    width = np.cbrt(3.0 * paid * (target * (1.0 - target)) ** 2 / (2.0 * tracking_penalty))
    return np.array([paid, np.maximum(or_narrowest(width[None])[0], TRIGGER)])
