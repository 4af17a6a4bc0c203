"""Exponentially weighted means up to each day, compiled."""

import numpy as np

from research.arrays import Array
from research.compiled import compiled


def running_mean(values: Array, half_life: float) -> Array:
    """(T,) exponentially weighted mean of values (T,) up to each day, with weights that sum to one.

    half_life : days after which a value has half the weight.

    >>> running_mean(np.array([1.0, 4.0]), half_life=1.0).tolist()
    [1.0, 3.0]
    """
    found = np.empty(len(values))
    _run(np.ascontiguousarray(values, dtype=float), 0.5 ** (1.0 / half_life), found)
    return found


@compiled
def _run(values: Array, decay: float, found: Array) -> None:
    total, weight = 0.0, 0.0
    for t in range(len(values)):
        total, weight = decay * total + values[t], decay * weight + 1.0
        found[t] = total / weight
