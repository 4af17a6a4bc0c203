"""The kinds of arrays that the package is written in, and how one is made read-only."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]  # numbers
Mask = NDArray[np.bool_]  # yes or no
Rows = NDArray[np.int64]  # row numbers, counts
Floats = NDArray[np.float32]  # numbers in the precision of networks


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, C-ordered and read-only: itself, or a copy where someone could still write to it.

    array : array of any shape, in any unit.
    """
    owner: object = array
    while isinstance(owner, np.ndarray) and not owner.flags.writeable:
        owner = owner.base
    if owner is not None or not array.flags.c_contiguous:
        array = array.copy(order="C")
        array.flags.writeable = False
    return array
