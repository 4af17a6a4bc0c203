"""A value of the last rows up to each row, with bits that depend on these rows alone.

Doubling combines the same rows in the same order wherever the array begins and ends, which a running sum does not.
"""

from collections.abc import Callable

import numpy as np

from foundation.arrays import Array

Combine = Callable[[Array, Array], Array]


def trailing(values: Array, window: int, combine: Combine = np.add) -> Array:
    """(T, n) sum, or another combination, of the last `window` rows up to and including each; NaN before so many.

    values  : (T, n).
    window  : rows, at least 1.
    combine : of two arrays, elementwise and associative, such as np.maximum.

    >>> trailing(np.array([[1.0], [2.0], [3.0], [4.0]]), 3)[:, 0].tolist()
    [nan, nan, 6.0, 9.0]
    """
    power, size = values, 1  # `power` combines the last `size` rows
    while not window & size:
        power, size = _after(power, power, size, combine), 2 * size
    total, taken = power, size  # and `total` the last `taken`
    while taken < window:
        power, size = _after(power, power, size, combine), 2 * size
        if window & size:
            total, taken = _after(total, power, taken, combine), taken + size
    found = np.full(values.shape, np.nan)
    found[window - 1 :] = total[window - 1 :]
    return found


def _after(later: Array, earlier: Array, rows: int, combine: Combine) -> Array:
    """`later` combined with what `earlier` was so many rows before; the first rows are of no use."""
    found = later.copy()
    found[rows:] = combine(later[rows:], earlier[:-rows])
    return found
