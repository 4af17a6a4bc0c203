"""Linking by Carino: a published case, sums that are exact, and no difference between one step and two."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import DataError
from research.risk.decomposition.linking import linked_effects, linking_factors

RETURN = st.floats(-0.6, 0.9)


@given(st.lists(st.tuples(RETURN, RETURN, RETURN), min_size=1, max_size=40))
def test_linked_effects_add_up_to_the_compounded_difference(drawn: list[tuple[float, float, float]]) -> None:
    r, b, share = np.array(drawn).T
    effects = np.column_stack([share, r - b - share])
    assert linked_effects(effects, r, b).sum() == pytest.approx(
        np.prod(1.0 + r) - np.prod(1.0 + b), rel=1e-9, abs=1e-11
    )


@given(st.lists(st.tuples(RETURN, RETURN, RETURN), min_size=2, max_size=40), st.integers(1, 39))
def test_days_linked_to_months_and_months_to_the_whole_are_days_linked_at_once(drawn, cut: int) -> None:
    r, b, share = np.array(drawn).T
    effects, cut = np.column_stack([share, r - b - share]), min(cut, len(r) - 1)
    parts = [slice(0, cut), slice(cut, None)]
    of_parts = np.array([linked_effects(effects[p], r[p], b[p]).sum(axis=0) for p in parts])
    whole = [[np.prod(1.0 + x[p]) - 1.0 for p in parts] for x in (r, b)]
    expected = linked_effects(effects, r, b).sum(axis=0)
    assert linked_effects(of_parts, *whole).sum(axis=0) == pytest.approx(expected, rel=1e-9, abs=1e-11)


def test_equal_and_nearly_equal_returns_have_the_limit_of_the_factor() -> None:
    for apart in (0.0, 1e-300, 1e-17, 1e-12):
        assert linking_factors([0.25 + apart], [0.25]) == pytest.approx([0.8], rel=1e-11)


def test_a_loss_of_everything_is_refused() -> None:
    with pytest.raises(DataError, match=r"one is -1: only returns above -1"):
        linking_factors([-1.0], [0.0])
