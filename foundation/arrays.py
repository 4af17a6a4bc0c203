"""The kinds of arrays that the packages are written in, how they are made read-only, and their running sums."""

from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]  # numbers
Mask = NDArray[np.bool_]  # yes or no
Rows = NDArray[np.int64]  # row numbers, counts
Floats = NDArray[np.float32]  # numbers in the precision of networks
Record = TypeVar("Record", bound=tuple[Any, ...])


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


def frozen_record(record: Record) -> Record:
    """A named tuple with its arrays read-only; kernels are compiled for read-only arrays and for others apart."""
    return type(record)(*(frozen(value) if isinstance(value, np.ndarray) else value for value in record))


def freeze_fields(record: object, *names: str, dtype: type | None = float) -> None:
    """Make fields of a frozen dataclass read-only arrays.

    names : of the fields.
    dtype : of their numbers; None keeps that of each.
    """
    for name in names:
        object.__setattr__(record, name, frozen(np.asarray(getattr(record, name), dtype=dtype)))


class MadeAnew:
    """A dataclass that is pickled by its fields and made anew: arrays that a pickle brings back could be written to."""

    def __reduce__(self) -> tuple[Any, ...]:
        """The class, and the values of its fields."""
        return type(self), tuple(getattr(self, f.name) for f in fields(self))  # type: ignore[arg-type]


def running_sums(values: Array) -> Array:
    """(T + 1, n) sums of values (T, n) from the first row, with 0 before it.

    >>> running_sums(np.array([[1.0], [2.0]])).tolist()
    [[0.0], [1.0], [3.0]]
    """
    found = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=found[1:])
    return found
