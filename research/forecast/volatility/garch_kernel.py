"""The variances of GARCH day by day, the likelihood of dynamic correlations, and the next of them, compiled."""

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


@compiled
def pair_loss(shocks: Array, target: Array, news: float, memory: float) -> float:
    """Half the sum over days and pairs of log(1 − ρ²) and (z_i² + z_j² − 2 ρ z_i z_j) / (1 − ρ²), over k − 1.

    shocks : (T, k), z.
    target : (k, k) correlations.
    """
    days, k = shocks.shape
    q, total = target.copy(), 0.0
    for t in range(days):
        for i in range(k):
            for j in range(i):
                rho = q[i, j] / np.sqrt(q[i, i] * q[j, j])
                rest = 1.0 - rho * rho
                x, y = shocks[t, i], shocks[t, j]
                total += 0.5 * (np.log(rest) + (x * x + y * y - 2.0 * rho * x * y) / rest)
        for i in range(k):
            for j in range(i + 1):
                q[i, j] = (1.0 - news - memory) * target[i, j] + news * shocks[t, i] * shocks[t, j] + memory * q[i, j]
    return total / (k - 1)


@compiled
def following_correlation(shocks: Array, target: Array, news: float, memory: float) -> Array:
    """(k, k) correlation of the day after shocks (T, k), from the target on."""
    days, k = shocks.shape
    q = target.copy()
    for t in range(days):
        for i in range(k):
            for j in range(i + 1):
                q[i, j] = (1.0 - news - memory) * target[i, j] + news * shocks[t, i] * shocks[t, j] + memory * q[i, j]
    found = np.eye(k)
    for i in range(k):
        for j in range(i):
            found[i, j] = q[i, j] / np.sqrt(q[i, i] * q[j, j])
            found[j, i] = found[i, j]
    return found
