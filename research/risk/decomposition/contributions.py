"""The contribution of each asset to the risk of a portfolio: ex ante from a covariance, realised from its returns.

Both are Euler's: a volatility is homogeneous of degree one in the weights, so that the weights times its derivatives
sum to it. Nothing is left over, and a contribution below zero is that of an asset that hedges the others.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from foundation.arrays import Array
from foundation.errors import DataError
from foundation.tolerances import COUNTED
from research.risk.decomposition.concentration import diversification_ratio
from research.risk.series import one_series


def risk_contributions(weights: ArrayLike, covariance: Array) -> Array:
    """(n,) contributions of assets to the volatility of a portfolio; they sum to it, in the unit of the covariance
    root.

    weights    : (n,) fraction of NAV, cash left out; active weights give the contributions to tracking error.
    covariance : (n, n) covariance of the assets' returns.
    Raises     : DataError for a portfolio without risk, for weights that are not finite, and for a covariance of
                 another size.
    Source     : Litterman (1996), Hot Spots and Hedges; Tasche (1999), Risk Contributions and Performance Measurement.

    >>> risk_contributions([0.5, 0.5], np.diag([0.09, 0.07])).round(3).tolist()
    [0.112, 0.088]
    """
    w, together = one_series(weights, "weights", at_least=1), np.asarray(covariance, dtype=float)
    if together.shape != (len(w), len(w)):
        raise DataError(f"a covariance of {len(w)} assets is {len(w)} by {len(w)}: found shape {together.shape}.")
    marginal = together @ w
    variance = float(w @ marginal)
    if not variance > COUNTED**2 * float(np.trace(together)):
        raise DataError("contributions to risk are not defined: the portfolio has no risk.")
    return w * marginal / np.sqrt(variance)


def variance_contributions(parts: Array) -> Array:
    """(n,) contribution of each part of a return to its realised variance, ddof 1: they sum to the total's variance.

    parts  : (T, n) contribution of each asset to the return of each period, such as its weight before times its return;
             cash and costs are parts like the assets. A sum over the columns is the return of the whole.
    Raises : DataError for fewer than two periods, and for a part that is not finite.
    Source : the covariance of each part with the total, as of `risk_contributions`; Hallerbach (2003), Decomposing
             Portfolio Value-at-Risk: A General Analysis.

    >>> variance_contributions(np.array([[0.01, 0.0], [-0.01, 0.0], [0.0, 0.02], [0.0, -0.02]])).round(8).tolist()
    [6.667e-05, 0.00026667]
    """
    if parts.ndim != 2 or len(parts) < 2:
        raise DataError(f"contributions to variance need two periods of some parts: found shape {parts.shape}.")
    if not np.isfinite(parts).all():
        row, column = (int(k) for k in np.argwhere(~np.isfinite(parts))[0])
        raise DataError(f"part {column} of the return in row {row} is {parts[row, column]}: complete it first.")
    apart = parts - parts.mean(axis=0)
    return apart.T @ apart.sum(axis=1) / (len(parts) - 1)


def effective_bets(weights: ArrayLike, covariance: Array) -> float:
    """The number of uncorrelated lines of equal risk with the same diversification: the squared diversification ratio.

    weights    : (n,) fraction of NAV, cash left out.
    covariance : (n, n) covariance of the assets' returns.
    Raises     : DataError as `diversification_ratio` does.
    Source     : Choueifaty, Froidure and Reynier (2013), Properties of the Most Diversified Portfolio, section 2.

    >>> round(effective_bets([0.25] * 4, np.diag([0.04] * 4)), 12)
    4.0
    """
    return diversification_ratio(weights, covariance) ** 2


def summed_by(values: Array, groups: Sequence[str]) -> dict[str, float]:
    """The sum of `values` (n,) over each of their groups (n,), in the order in which the groups first appear.

    >>> summed_by(np.array([1.0, 2.0, 4.0]), ["equity", "bonds", "equity"])
    {'equity': 5.0, 'bonds': 2.0}
    """
    if len(values) != len(groups):
        raise DataError(f"{len(values)} values have {len(groups)} groups: give each its own.")
    found = dict.fromkeys(groups, 0.0)
    for value, group in zip(values.tolist(), groups, strict=True):
        found[group] += value
    return found
