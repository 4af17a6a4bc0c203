"""One-way turnover: the larger of buys and sells."""

import numpy as np

from foundation.arrays import Array


def one_way(moves: Array) -> Array:
    """(T,) the larger of the rises and the falls of each row of signed moves (T, n), in their unit.

    >>> one_way(np.array([[0.25, -0.125, 0.0], [0.0, 0.0, 0.0]])).tolist()
    [0.25, 0.0]
    """
    found: Array = np.maximum(np.maximum(moves, 0.0).sum(axis=1), np.maximum(-moves, 0.0).sum(axis=1))
    return found
