"""Bounds of settings beside named constraints: what each means, with and without short lines."""

import pytest

from research.allocation import MeanVariance
from research.allocation.constrained.constrained import with_bounds
from research.allocation.constraints.records import Bounds, Constraints, Most
from research.forecast import Estimated

GROSS = Constraints(gross=Most(most=1.6))


def test_a_bound_by_name_says_nothing_of_the_other_lines():
    named = with_bounds(GROSS, 0.0, (("A", 0.3),))
    assert named.every_line is None
    assert named.lines == {"A": Bounds(most=0.3)}


def test_a_bound_of_all_lines_sets_its_own_side_only():
    assert with_bounds(GROSS, 0.0, 0.4).every_line == Bounds(most=0.4)
    assert with_bounds(GROSS, -0.1, 1.0).every_line == Bounds(least=-0.1)
    assert with_bounds(GROSS, -0.1, 0.4).every_line == Bounds(least=-0.1, most=0.4)
    assert with_bounds(GROSS, 0.0, 1.0) == GROSS


def test_bounds_beside_gross_leave_the_other_lines_free_to_be_short(noisy):
    past = noisy.past(300)

    def weights(**given):
        return MeanVariance(forecast=Estimated(window=100), **given).answer(past).weights

    free = weights(constraints=GROSS)
    assert free.min() < 0.0
    assert weights(constraints=GROSS, upper={"A00": 1.0}) == pytest.approx(free, abs=1e-7)
    assert weights(upper={"A00": 0.3}).min() >= 0.0
