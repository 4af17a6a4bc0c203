"""Means with exponential weights of every day's past, compiled."""

import numpy as np

from foundation.arrays import Array
from foundation.compiled import compiled


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
