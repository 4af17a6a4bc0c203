"""The kinds of arrays that the packages are written in, read-only records of them, and sums over their rows."""

from collections.abc import Callable, Hashable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]  # numbers
Mask = NDArray[np.bool_]  # yes or no
Rows = NDArray[np.int64]  # row numbers, counts
Floats = NDArray[np.float32]  # numbers in the precision of networks
Numbers = NDArray[np.floating[Any]]  # of one kind throughout a call: those of a network, or of its training
Combine = Callable[[Array, Array], Array]
Record = TypeVar("Record", bound=tuple[Any, ...])
Value = TypeVar("Value")

MOST_VALUES = 16  # that a record keeps; the one that was not asked for the longest is dropped


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


def owned(array: np.ndarray) -> np.ndarray:
    """The array made read-only as it is, without a copy: nobody else may hold it.

    array : array of any shape, in any unit, C-ordered.
    """
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


def kept(of: object, key: Hashable, make: Callable[[], Value]) -> Value:
    """The value of `make` for a frozen record and a key: computed when it is first asked for, and kept in the record.

    A record and its keys are frozen, so no kept value can change: a changed market is another market.
    of   : record, such as a market or a path of targets.
    key  : all that the value depends on beside it, and its kind; immutable.
    make : function that gives a value that nobody changes.
    """
    known: dict[Hashable, Any] = vars(of).setdefault("_kept", {})
    if (value := known.pop(key, MISSING)) is MISSING:
        value = make()
        for other in list(known)[: max(len(known) + 1 - MOST_VALUES, 0)]:
            known.pop(other, None)  # another thread may have
    known[key] = value  # the last: the order is that of use
    return value


def within(values: Array, low: float, high: float) -> bool:
    """True if no value is below `low` or above `high`; NaN is neither.

    >>> within(np.array([1.0, np.nan]), 0.0, 1.0), within(np.array([np.inf]), 0.0, 1.0)
    (True, False)
    """
    least, most = (extreme.reduce(values, axis=None, initial=np.nan) for extreme in (np.fmin, np.fmax))
    return not (least < low or most > high)


def running_sums(values: Array) -> Array:
    """(T + 1, n) sums of values (T, n) from the first row, with 0 before it.

    >>> running_sums(np.array([[1.0], [2.0]])).tolist()
    [[0.0], [1.0], [3.0]]
    """
    found = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=found[1:])
    return found


def lagged(values: Array, rows: int) -> Array:
    """The values of so many rows before each; NaN where there is none.

    >>> lagged(np.array([1.0, 2.0, 3.0]), 1).tolist()
    [nan, 1.0, 2.0]
    """
    found = np.full(values.shape, np.nan)
    found[rows:] = values[: max(len(values) - rows, 0)]
    return found


def ratio(above: Array, below: Array) -> Array:
    """The ratio where the divisor is above 0; else NaN.

    >>> ratio(np.array([1.0, 1.0]), np.array([4.0, 0.0])).tolist()
    [0.25, nan]
    """
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0.0)


def trailing(values: Array, window: int, combine: Combine = np.add) -> Array:
    """(T, n) sum, or another combination, of the last `window` rows up to and including each; NaN before so many.

    Doubling combines the same rows in the same order wherever the array begins and ends, which a running sum does not:
    the bits depend on these rows alone.

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
