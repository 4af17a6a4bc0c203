"""Weights of a benchmark over the lines that are known on a day."""

from collections.abc import Mapping, Sequence

import numpy as np

from foundation.arrays import Array


def weights_present(weights: Mapping[str, float], present: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    """(k,) weights over the lines that are there, and the names of the others that have a weight.

    weights : line -> fraction; what they lack to 1 is cash.
    present : k names. The weights of other lines go to these, in proportion, so that their sum stays; where they sum
              to 0 or less there is no such proportion, and they stay as they are.

    >>> found, absent = weights_present({"SPY": 0.6, "AGG": 0.3}, ("SPY", "GLD"))
    >>> found.round(3).tolist(), absent
    ([0.9, 0.0], ('AGG',))
    """
    found = np.array([float(weights.get(name, 0.0)) for name in present])
    absent = tuple(name for name, weight in weights.items() if weight and name not in present)
    total, left = sum(weights.values()), float(found.sum())
    return (found * (total / left) if absent and total > 0.0 and left > 0.0 else found), absent
