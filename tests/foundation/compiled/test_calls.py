"""Kernels call each other without holding each other's code, and give what Python gives."""

from typing import NamedTuple

import numpy as np
import pytest

from foundation.arrays import Array
from foundation.compiled import linked, on_demand, refer


class Pair(NamedTuple):
    one: Array
    scale: float


class Nested(NamedTuple):
    pair: Pair
    other: Array


@on_demand
def scaled(values: Array, scale: float, places: int) -> tuple[int, float]:
    """The sum times a scale."""
    total = 0.0
    for i in range(places):
        total += values[i] * scale
    return places, total


@linked
def twice(values: Array, others: Array) -> float:
    """Two calls: whole numbers stand for floats, and either array may be read-only."""
    count, first = scaled(values, 2, len(values))
    _, second = scaled(others, 0.5, count)
    return first + second


@on_demand
def read(record: Nested) -> float:
    """Fields of a record and of one in it, whether it is handed over by value or by reference."""
    return record.pair.one[0] * record.pair.scale + record.other[1]


@linked
def both(record: Nested) -> tuple[float, float]:
    """By value, and by reference."""
    return read(record), read(refer(record))


@on_demand
def unfinished(values: Array) -> float:
    """It uses what is nowhere."""
    return values[0] + nowhere  # type: ignore[name-defined]  # noqa: F821


@on_demand
def mistaken(values: Array) -> int:
    """It gives something else than it says."""
    return values[0]  # type: ignore[return-value]


@linked
def ask(values: Array, which: int) -> float:
    """Reach one of the two, or none."""
    if which == 1:
        return unfinished(values)
    if which == 2:
        return mistaken(values)
    return 0.0


def test_a_call_on_demand_gives_what_python_gives_and_is_compiled_once_for_read_only_arrays_too() -> None:
    values, others = np.arange(3.0), np.arange(3.0) + 1.0
    others.flags.writeable = False
    assert twice(values, others) == 2.0 * values.sum() + 0.5 * others.sum()
    assert scaled(values, 2.0, 3) == scaled.py_func(values, 2.0, 3)  # type: ignore[attr-defined]
    assert len(scaled.called.overloads) == 1  # type: ignore[attr-defined]


def test_a_reference_is_read_like_the_record() -> None:
    assert both(Nested(Pair(np.array([3.0]), 2.0), np.array([0.0, 5.0]))) == (11.0, 11.0)


def test_code_that_is_never_reached_is_not_compiled_and_what_cannot_be_is_said(
    capfd: pytest.CaptureFixture[str],
) -> None:
    values = np.ones(1)
    assert ask(values, 0) == 0.0
    assert not unfinished.called.overloads  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="unfinished could not be compiled"):
        ask(values, 1)
    assert "nowhere" in capfd.readouterr().err
    with pytest.raises(RuntimeError, match="mistaken could not be compiled"):
        ask(values, 2)
    assert "mistaken gives float64, and is annotated int64" in capfd.readouterr().err
