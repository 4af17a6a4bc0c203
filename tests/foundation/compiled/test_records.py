"""Records come from Python as they are, whatever stands in them."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from foundation.arrays import Array
from foundation.compiled import linked, on_demand


class Two(NamedTuple):
    first: Array
    second: Array


class Inner(NamedTuple):
    on: bool
    nothing: None
    flags: Array
    size: int


class Outer(NamedTuple):
    table: Array
    inner: Inner
    scale: float
    other: Inner
    rows: Array
    two: Two


class Mixed(NamedTuple):
    """A record with a field that is handed over by value only."""

    pair: tuple[float, float]
    two: Two


@on_demand
def told(record: Outer, j: int) -> tuple[float, float, float, int, int, bool, bool]:
    """A little of each field; the last row of the table is written."""
    two, inner, other = record.two, record.inner, record.other
    record.table[len(record.table) - 1, 0] = record.scale
    none = inner.nothing is None and other.nothing is None
    numbers = record.table[0, j], two.first[0] - two.second[1], record.scale
    flags = 2 * int(inner.flags[0]) + int(other.flags[1]) + (8 if none else 0)
    return *numbers, inner.size - other.size, record.rows[1] + flags, inner.on, other.on


@linked
def mixed(record: Mixed) -> float:
    """Of each field."""
    return record.pair[1] + record.two.first[0] + record.two.second[0]


numbers = st.floats(allow_nan=False)
whole = st.integers(-(2**62), 2**62)
floats = arrays.arrays(np.float64, 3, elements=st.floats(-1e9, 1e9))
inner = st.builds(
    Inner, st.booleans() | st.booleans().map(np.bool_), st.none(), arrays.arrays(bool, 2), whole | whole.map(np.int64)
)
records = st.builds(
    Outer, arrays.arrays(np.float64, (2, 4), elements=numbers), inner, numbers | numbers.map(np.float64), inner,
    arrays.arrays(np.int64, 4, elements=st.integers(-1000, 1000)).map(lambda rows: rows[::2]),
    st.builds(Two, floats, floats),
)  # fmt: skip


@settings(deadline=None)
@given(record=records, j=st.integers(0, 3))
def test_every_field_is_told_as_python_tells_it(record: Outer, j: int) -> None:
    copy = record._replace(table=record.table.copy())
    assert told(record, j) == told.py_func(copy, j)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(record.table, copy.table)


def test_a_record_with_another_field_is_handed_over_by_value() -> None:
    record = Mixed((1.0, 2.0), Two(np.array([10.0]), np.array([100.0])))
    assert mixed(record) == 112.0


def test_a_call_from_python_has_one_form_for_arrays_that_may_not_be_written_to() -> None:
    @linked
    def total(two: Two) -> float:
        return two.first[0] + two.second[0]

    fixed = np.ones(1)
    fixed.flags.writeable = False
    assert total(Two(fixed, np.ones(1))) == total(Two(np.ones(1), fixed)) == 2.0
    assert len(total.dispatcher.overloads) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [2**63 - 1, -(2**63)])
def test_the_largest_integers_are_handed_over(size: int) -> None:
    @linked
    def of(record: Inner) -> int:
        return record.size

    assert of(Inner(True, None, np.ones(1, bool), size)) == size
