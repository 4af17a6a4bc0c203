"""Deviations, means and scores of all days, and sums for a pooled regression of outcomes on scores, compiled."""

import numpy as np

from foundation.arrays import Array, Mask, Rows
from foundation.compiled import compiled


@compiled
def precisions(squares: Array, listed: Mask, first: Rows, window: int, least: float) -> Array:
    """(T, n) one over the root mean square of the last `window` values; 0 where an asset has fewer, or is not listed.

    squares : (T + 1, n) running sums of squares.
    listed  : (T, n).
    first   : (n,) row after which the values of an asset begin.
    least   : mean square up to which an asset counts as not moving: 0 too.
    """
    found = np.zeros(listed.shape)
    for t in range(window, len(listed)):
        for i in range(listed.shape[1]):
            mean = (squares[t + 1, i] - squares[t + 1 - window, i]) / window
            if listed[t, i] and t >= first[i] + window and mean > least:
                found[t, i] = 1.0 / np.sqrt(mean)
    return found


@compiled
def linear_scores(sums: Array, lags: Rows, weights: Array, precision: Array) -> Array:
    """(T, n) Σ weight × sums of `lag` days before, times the precision of the day.

    sums      : (T + 1, n) running sums, 0 before the first.
    lags      : (q,) days.
    weights   : (q,).
    precision : (T, n).
    """
    found = np.empty_like(precision)
    for t in range(len(precision)):
        for i in range(precision.shape[1]):
            total = 0.0
            for k in range(len(lags)):
                total += weights[k] * sums[max(t + 1 - lags[k], 0), i]
            found[t, i] = total * precision[t, i]
    return found


@compiled
def daily_sums(score: Array, outcome: Array, precision: Array, since: Rows) -> Array:
    """(D, 5) sums over assets of 1, z, z², y and z y on each day, of the assets whose score and outcome are known.

    score     : (T, n), z.
    outcome   : (D, n), y, of the days on which it has passed.
    precision : (T, n), 0 where neither is known.
    since     : (n,) row from which the score of an asset has all its returns.
    """
    found = np.zeros((len(outcome), 5))
    for t in range(len(outcome)):
        for i in range(outcome.shape[1]):
            if t >= since[i] and precision[t, i] > 0.0:
                z, y = score[t, i], outcome[t, i]
                found[t, 0] += 1.0
                found[t, 1] += z
                found[t, 2] += z * z
                found[t, 3] += y
                found[t, 4] += z * y
    return found


@compiled
def exponential_means(values: Array, decay: float) -> Array:
    """(T, n) sum of (1 − decay) decayʲ of each column's values of j days before, from zero before the first.

    values : (T, n), finite.
    decay  : above 0 and below 1.
    """
    found, mean = np.empty_like(values), np.zeros(values.shape[1])
    for t in range(len(values)):
        for i in range(len(mean)):
            mean[i] += (1.0 - decay) * (values[t, i] - mean[i])
            found[t, i] = mean[i]
    return found
