"""Trailing windows of rows against the loop that they stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.arrays import trailing


@pytest.mark.parametrize("combine", [np.add, np.maximum, np.minimum, np.multiply])
@pytest.mark.parametrize("window", [1, 2, 3, 5, 8, 21, 40])
def test_it_is_the_loop_over_windows(combine: np.ufunc, window: int) -> None:
    values = np.random.default_rng(window).normal(size=(40, 3))
    found = trailing(values, window, combine)
    assert np.isnan(found[: window - 1]).all()
    for row in range(window - 1, 40):
        expected = combine.reduce(values[row - window + 1 : row + 1], axis=0)
        np.testing.assert_allclose(found[row], expected, rtol=1e-12, atol=1e-14)


@given(first=st.integers(0, 30), window=st.integers(1, 30), rows=st.integers(30, 60))
def test_bits_do_not_depend_on_where_the_array_begins_and_ends(first: int, window: int, rows: int) -> None:
    values = np.random.default_rng(0).normal(size=(100, 2))
    part, whole = trailing(values[first : first + rows], window), trailing(values, window)
    assert part[window - 1 :].tobytes() == whole[first + window - 1 : first + rows].tobytes()


def test_no_row_has_a_window_longer_than_the_array() -> None:
    assert np.isnan(trailing(np.ones((5, 2)), 6)).all()
    assert np.isnan(trailing(np.ones((5, 2)), 64)).all()
