"""A covariance split into volatilities and a root of the correlations, which mixes independent normals."""

import numpy as np
from numpy.typing import NDArray

from foundation.arrays import Array
from foundation.errors import ConfigError
from foundation.tolerances import EIGENVALUE


def taken_apart(covariance: Array, name: str) -> tuple[Array, Array]:
    """Volatilities v (n,) and a root R (n, n) of the correlations: (v·R)(v·R)' is the covariance, v·R = v[:, None] * R.

    R is symmetric and positive semi-definite, and only one such root exists: a path depends on no library's choice of
    signs or order, and a singular covariance has a root too.
    covariance : (n, n), in any unit.
    name   : name of the covariance in messages, such as "covariance of GBM".
    Raises : ConfigError for a covariance that is not symmetric or not positive semi-definite; it names assets by
             number.

    >>> v, R = taken_apart(np.array([[0.04, 0.03], [0.03, 0.0625]]), "covariance")
    >>> v.tolist(), np.round(R @ R.T, 12).tolist()
    ([0.2, 0.25], [[1.0, 0.6], [0.6, 1.0]])
    """
    variance = np.diag(covariance)
    if (variance < 0.0).any():
        i = int(np.argmin(variance))
        raise ConfigError(f"{name} gives asset {i} the variance {variance[i]:.6g}: give zero or more.")
    volatility = np.sqrt(variance)
    most = np.outer(volatility, volatility)
    _refuse_pair(
        np.abs(covariance - covariance.T) > EIGENVALUE * most,
        covariance, f"{name} is not symmetric", "Give both the same value.",
    )  # fmt: skip
    _refuse_pair(
        np.abs(covariance) > (1.0 + EIGENVALUE) * most,
        covariance, f"{name} is not positive semi-definite", "Two assets covary by the product of their volatilities "
        "at most: correct the pair, or its variances.",
    )  # fmt: skip
    correlation, values, vectors = _parts(covariance, most)
    if values[0] < -EIGENVALUE:
        i, j = _pulled_by(correlation, vectors[:, 0])
        raise ConfigError(
            f"{name} is not positive semi-definite: the smallest eigenvalue of its correlations is {values[0]:.6g}, "
            f"and the correlation {correlation[i, j]:.6g} of assets {i} and {j} contributes most. Correct "
            "the pair, or shrink all correlations toward zero."
        )
    return volatility, (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def is_semidefinite(covariance: Array) -> bool:
    """True if a Cholesky factor shows that no eigenvalue of the correlations is below -EIGENVALUE; quick."""
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.where(deviation > 0.0, 1.0 / np.where(deviation > 0.0, deviation, 1.0), 0.0)
    correlation = covariance * scale * scale[:, None]
    correlation.flat[:: len(scale) + 1] = 1.0 + EIGENVALUE
    try:
        np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError:
        return False
    return True


def least_eigenvalue(covariance: Array) -> tuple[float, int, int]:
    """Least eigenvalue of the correlations of a covariance (n, n), and the two assets that contribute most to it."""
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    correlation, values, vectors = _parts(covariance, np.outer(deviation, deviation))
    return float(values[0]), *_pulled_by(correlation, vectors[:, 0])


def _parts(covariance: Array, most: Array) -> tuple[Array, Array, Array]:
    """(n, n) correlations, of a covariance and the most (n, n) that it can be; their eigenvalues and eigenvectors."""
    correlation = np.divide(covariance, most, out=np.eye(len(most)), where=most > 0.0)
    return correlation, *np.linalg.eigh(correlation)


def _pulled_by(correlation: Array, vector: Array) -> tuple[int, int]:
    """The two assets whose correlation contributes most to the eigenvalue of an eigenvector (n,)."""
    pull = np.triu(np.outer(vector, vector) * correlation, k=1)
    i, j = (int(k) for k in np.unravel_index(np.argmin(pull), pull.shape))
    return i, j


def _refuse_pair(bad: NDArray[np.bool_], covariance: Array, what: str, fix: str) -> None:
    if bad.any():
        i, j = (int(k) for k in np.argwhere(bad)[0])
        raise ConfigError(
            f"{what}: assets {i} and {j}, of variances {covariance[i, i]:.6g} and {covariance[j, j]:.6g}, have the "
            f"covariances {covariance[i, j]:.6g} and {covariance[j, i]:.6g}. {fix}"
        )
