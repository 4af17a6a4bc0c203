"""Records come from Python as they are, whatever stands in them."""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numba import typeof

from foundation.arrays import Array
from foundation.compiled import linked, on_demand, refer
from foundation.compiled.records import Reference


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


@given(record=records, j=st.integers(0, 3))
def test_every_field_is_told_as_python_tells_it(record: Outer, j: int) -> None:
    copy = record._replace(table=record.table.copy())
    assert told(record, j) == told.py_func(copy, j)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(record.table, copy.table)


def test_a_record_with_another_field_is_handed_over_by_value() -> None:
    assert mixed(Mixed((1.0, 2.0), Two(np.array([10.0]), np.array([100.0])))) == 112.0


@linked
def sum_of_firsts(one: Two, other: Outer) -> float:
    """Of two records."""
    return one.first[0] + one.second[0] + other.table[0, 0]


@on_demand
def first_of(two: Two) -> float:
    """Of the first array."""
    return two.first[0]


@linked
def over_time(values: Array, others: Array) -> float:
    """A record that is made anew on each day, by value and by reference, and read after each write to its arrays."""
    total = 0.0
    for i in range(len(values)):
        one = refer(Two(values[i:], others))
        total = 2.0 * total + first_of(Two(others, values)) + one.first[0] + first_of(one) + one.second[1]
        others[0] = total
    return total


@linked
def size_of(record: Inner) -> int:
    """An integer."""
    return record.size


@linked
def both_of(two: Two, inner: Inner) -> float:
    """Of two records."""
    return two.first[0] + two.second[0] if inner.on else 0.0


def test_records_come_by_reference_in_one_form_for_arrays_that_may_be_written_to_and_others() -> None:
    inner = Inner(True, None, np.ones(2, bool), 1)
    for flags in product((True, False), repeat=3):
        first, second, table = np.ones(1), np.ones(1), np.ones((2, 4))
        for values, flag in zip((first, second, table), flags, strict=True):
            values.flags.writeable = flag
        two = Two(first, second)
        assert sum_of_firsts(two, Outer(table, inner, 1.0, inner, np.ones(4, np.int64)[::2], two)) == 3.0
    (form,) = sum_of_firsts.dispatcher.overloads  # type: ignore[attr-defined]
    assert all(isinstance(kind, Reference) for kind in form)


def test_a_record_is_read_as_it_is_when_it_is_handed_over() -> None:
    values, others = np.arange(1.0, 6.0), np.array([0.5, 7.0])
    total, first = 0.0, 0.5
    for value in values:
        total = first = 2.0 * total + first + value + value + 7.0
    assert over_time(values, others) == total


def test_two_classes_of_one_name_are_two_types() -> None:
    def made(*names: str) -> Any:
        return NamedTuple("Pair", [(name, Array) for name in names])  # type: ignore[misc]

    @linked
    def of_a(record: Any) -> float:
        return record.a[0]

    one, other = np.ones(1), np.full(1, 2.0)
    assert of_a(made("a", "b")(one, other)) == 1.0
    assert of_a(made("b", "a")(one, other)) == 2.0


def test_an_integer_that_is_too_large_is_an_error_and_the_next_call_is_sound() -> None:
    record = Inner(True, None, np.ones(2, bool), 1)
    assert size_of(record) == 1
    with pytest.raises(OverflowError):
        size_of(record._replace(size=2**63))
    assert size_of(record) == 1


@pytest.mark.parametrize("wrong", [(np.ones(1, np.float32), np.ones(1)), (None, np.ones(1)), ([1.0], np.ones(1))])
def test_code_that_was_asked_for_by_types_refuses_other_arrays(wrong: tuple) -> None:
    record, outer = Two(np.ones(1), np.ones(1)), Inner(True, None, np.ones(2, bool), 1)
    code = both_of.dispatcher.compile((typeof(record), typeof(outer)))  # type: ignore[attr-defined]
    assert code(record, outer) == 2.0
    with pytest.raises(TypeError, match="a record holds no array"):
        code(Two(*wrong), outer)


@pytest.mark.parametrize("size", [2**63 - 1, -(2**63)])
def test_the_largest_integers_are_handed_over(size: int) -> None:
    assert size_of(Inner(True, None, np.ones(1, bool), size)) == size
