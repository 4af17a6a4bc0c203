"""The variances of GARCH day by day, compiled."""

import numpy as np

from foundation.arrays import Array, Rows
from foundation.compiled import compiled


@compiled
def conditional_variances(
    shocks: Array, since: Rows, omega: Array, alpha: Array, gamma: Array, beta: Array, first: Array
) -> Array:
    """(T + 1, n) variance of each day, and of the one after the last.

    shocks : (T, n).
    since  : (n,) row of the first shock of each asset; up to it, the variance is `first`.
    omega, alpha, gamma, beta, first : (n,) see `GarchLaw`.
    """
    found = np.empty((len(shocks) + 1, shocks.shape[1]))
    found[0] = first
    for t in range(len(shocks)):
        for i in range(shocks.shape[1]):
            e = shocks[t, i]
            news = alpha[i] + (gamma[i] if e < 0.0 else 0.0)
            found[t + 1, i] = omega[i] + news * e * e + beta[i] * found[t, i] if t >= since[i] else first[i]
    return found
