"""A kernel has one form for arrays that may be written to and for others, for constants and for numbers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from foundation.arrays import Array
from foundation.compiled import compiled, linked, on_demand


class Scaled(NamedTuple):
    values: Array
    scale: float


def kernels(form: Callable[[Any], Any]) -> tuple[Any, Any]:
    """A kernel, and one that hands constants and a number on to it."""

    @form
    def total(scaled: Scaled, start: int) -> float:
        found = 0.0
        for i in range(start, len(scaled.values)):
            found += scaled.values[i] * scaled.scale
        return found

    @form
    def first_and_rest(scaled: Scaled) -> tuple[float, float]:
        return total(scaled, 0) - total(scaled, 1), total(scaled, len(scaled.values) - 1)

    return total, first_and_rest


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


@pytest.mark.parametrize("form", [compiled, linked])
def test_an_array_that_may_not_be_written_to_is_no_second_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Callable[[Any], Any]
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))  # where no code is kept, so that all is compiled
    total, first_and_rest = kernels(form)
    assert [total(Scaled(values, 2.0), 0) for values in given() for _ in range(2)] == [20.0] * 4
    assert [first_and_rest(Scaled(values, 2.0)) for values in given()] == [(2.0, 8.0)] * 2
    made = (total, first_and_rest) if form is compiled else (total.dispatcher, total.copied, first_and_rest.dispatcher)
    assert [len(kernel.overloads) for kernel in made] == [1] * len(made)


@pytest.mark.parametrize("values", given())
def test_what_a_kernel_writes_is_written(values: Array) -> None:
    assert filled(values, 3.0) == 4
    np.testing.assert_array_equal(values, 3.0)
