"""A root of a covariance, which refuses a matrix that is none."""

from collections.abc import Sequence

import numpy as np

from foundation.arguments import cut
from foundation.arrays import Array
from foundation.errors import DataError
from foundation.tolerances import COVARIANCE, EIGENVALUE


def root_of(covariance: Array, assets: Sequence[str]) -> Array:
    """(n, n) root with root' root = covariance; by eigenvalues, so that a direction without risk is none.

    covariance : (n, n), in any unit.
    assets     : n names, for messages.
    Raises     : DataError for a matrix that is not square, finite and symmetric, naming the pair, and for one with a
                 negative eigenvalue, naming the assets of its combination: it is not repaired here.
    """
    n = len(assets)
    covariance = np.asarray(covariance, dtype=float)
    if covariance.shape != (n, n):
        raise DataError(f"covariance has shape {covariance.shape} for {n} assets. Give one row and column an asset.")
    size = float(np.abs(np.diag(covariance)).max(initial=0.0))
    bad = ~(np.isfinite(covariance) & (np.abs(covariance - covariance.T) <= COVARIANCE * size))
    if bad.any():
        i, j = np.argwhere(bad)[0]
        raise DataError(
            f"covariance of {assets[i]} and {assets[j]} is {covariance[i, j]:g} and {covariance[j, i]:g}. Give a "
            "finite and symmetric one."
        )
    values, vectors = np.linalg.eigh(0.5 * (covariance + covariance.T))
    if values[0] < -EIGENVALUE * max(values[-1], 0.0) or values[-1] <= 0.0:
        mostly = np.argsort(-np.abs(vectors[:, 0]))[:3]
        names = cut(", ".join(f"{vectors[i, 0]:+.2f} {assets[i]}" for i in mostly))
        raise DataError(
            f"covariance is not positive semidefinite: the portfolio {names} would have the variance {values[0]:.3g}. "
            "Estimate it from complete windows (a shrunk estimator such as Ledoit-Wolf is always one), or repair it by "
            "a method that you state, such as setting negative eigenvalues to zero."
        )
    return np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
