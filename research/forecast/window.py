"""Ranges and the covariance of a window of returns, compiled."""

import numpy as np

from foundation.arrays import Array
from foundation.compiled import compiled, linked

SESSIONS_AT_ONCE = 8  # sessions: a covariance is read from memory and written back once for so many


@compiled
def ranges(returns: Array) -> Array:
    """The largest less the smallest of each column (n,) of returns (T, n)."""
    n = returns.shape[1]
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    for t in range(len(returns)):
        for i in range(n):
            low[i], high[i] = min(low[i], returns[t, i]), max(high[i], returns[t, i])
    for i in range(n):
        high[i] -= low[i]
    return high


@linked
def _centre(returns: Array, mean: Array, centred: Array) -> None:
    """Write returns (T, n) less their means into the first T rows of `centred`; `mean` is (n,) zeros."""
    sessions, n = returns.shape
    for t in range(sessions):
        for i in range(n):
            mean[i] += returns[t, i]
    for i in range(n):
        mean[i] /= sessions
    for t in range(sessions):
        for i in range(n):
            centred[t, i] = returns[t, i] - mean[i]


@compiled
def covariance(returns: Array) -> Array:
    """The sample covariance (n, n) of returns (T, n). Each number has the same bits in any order of the columns."""
    sessions, n = returns.shape
    centred, cov = np.zeros((sessions + SESSIONS_AT_ONCE - 1, n)), np.zeros((n, n))  # zeros after the last session
    _centre(returns, np.zeros(n), centred)
    for t in range(0, sessions, SESSIONS_AT_ONCE):
        for i in range(n):
            for j in range(i + 1):
                total = cov[i, j]
                for k in range(t, t + SESSIONS_AT_ONCE):
                    total += centred[k, i] * centred[k, j]
                cov[i, j] = total
    for i in range(n):
        for j in range(i + 1):
            cov[i, j] /= sessions - 1
            cov[j, i] = cov[i, j]
    return cov
