"""A root of a covariance, which refuses a matrix that is none; and the norm that it makes of weights."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from foundation.arguments import cut
from foundation.arrays import Array
from foundation.errors import DataError
from foundation.tolerances import COVARIANCE, EIGENVALUE
from research.allocation.constraints.limits import WEIGHTS


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


class Root(Mapping[str, Array]):
    """The norm of a volatility over the weights; its root is computed when first read."""

    def __init__(self, covariance: Array, assets: Sequence[str]) -> None:
        """Keep a covariance (n, n) of n assets."""
        self.covariance, self._assets = covariance, assets

    @cached_property
    def rows(self) -> Array:
        """(n, n) with root' root = covariance; raises as `root_of`."""
        return root_of(self.covariance, self._assets)

    def __getitem__(self, block: str) -> Array:
        if block != WEIGHTS:
            raise KeyError(block)
        return self.rows

    def __iter__(self) -> Iterator[str]:
        return iter((WEIGHTS,))

    def __len__(self) -> int:
        return 1


def norm_of(root: Array | Root) -> Mapping[str, Array]:
    """A root as the norm of an objective."""
    return root if isinstance(root, Root) else {WEIGHTS: root}


def square_of(norm: Mapping[str, Array]) -> Array:
    """(n, n) the covariance of which a norm of the weights is the root."""
    return norm.covariance if isinstance(norm, Root) else norm[WEIGHTS].T @ norm[WEIGHTS]
