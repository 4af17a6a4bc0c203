"""A kernel has one form for arrays that may be written to and for others, for constants and for numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from foundation.arrays import Array
from foundation.compiled import linked, on_demand


class Scaled(NamedTuple):
    values: Array
    scale: float


@linked
def total(scaled: Scaled, start: int) -> float:
    """The sum from a place on, times the scale."""
    found = 0.0
    for i in range(start, len(scaled.values)):
        found += scaled.values[i] * scaled.scale
    return found


@linked
def first_and_rest(scaled: Scaled) -> tuple[float, float]:
    """Constants, and a number, are handed on."""
    return total(scaled, 0) - total(scaled, 1), total(scaled, len(scaled.values) - 1)


@on_demand
def filled(values: Array, value: float) -> int:
    """It writes into what it is given."""
    for i in range(len(values)):
        values[i] = value
    return len(values)


def given() -> Iterator[Array]:
    for writable in (True, False):
        values = np.arange(1.0, 5.0)
        values.flags.writeable = writable
        yield values


def test_an_array_that_may_not_be_written_to_is_no_second_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))  # where no code is kept, so that all is compiled
    found = [total(Scaled(values, 2.0), 0) for values in given() for _ in range(2)]
    assert found == [20.0] * 4
    assert [first_and_rest(Scaled(values, 2.0)) for values in given()] == [(2.0, 8.0)] * 2
    kernels: list[Any] = [total.dispatcher, total.copied, first_and_rest.dispatcher]  # type: ignore[attr-defined]
    assert [len(kernel.overloads) for kernel in kernels] == [1, 1, 1]


@pytest.mark.parametrize("values", given())
def test_what_a_kernel_writes_is_written(values: Array) -> None:
    assert filled(values, 3.0) == 4
    np.testing.assert_array_equal(values, 3.0)
