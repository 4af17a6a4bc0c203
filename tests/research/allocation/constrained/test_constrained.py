"""Bounds of settings beside named constraints: what each means, with and without short assets."""

import pytest

from research.allocation import MeanVariance
from research.allocation.constrained.constrained import with_bounds
from research.allocation.constraints.records import Bounds, Constraints, Most
from research.forecast import Estimated

GROSS = Constraints(gross=Most(most=1.6))


def test_a_bound_by_name_says_nothing_of_the_other_lines():
    named = with_bounds(GROSS, None, (("A", 0.3),))
    assert named.every_line is None
    assert named.lines == {"A": Bounds(most=0.3)}


def test_a_bound_of_all_lines_sets_its_own_side_only():
    assert with_bounds(GROSS, None, 0.4).every_line == Bounds(most=0.4)
    assert with_bounds(GROSS, -0.1, None).every_line == Bounds(least=-0.1)
    assert with_bounds(GROSS, -0.1, 0.4).every_line == Bounds(least=-0.1, most=0.4)
    assert with_bounds(GROSS, None, None) == GROSS


def test_a_least_of_zero_that_is_written_beside_gross_keeps_every_line_long():
    assert with_bounds(GROSS, 0.0, 1.0).every_line == Bounds(least=0.0, most=1.0)
    assert with_bounds(Constraints(), 0.0, 1.0) == Constraints()  # without gross it says what holds anyway


def test_short_lines_of_which_no_least_is_stated_are_noted(noisy):
    past = noisy.past(300)

    def answer(**given):
        return MeanVariance(forecast=Estimated(window=100), constraints=GROSS, **given).answer(past)

    silent = answer(upper=0.4)
    assert silent.weights.min() < 0.0
    assert [note for note in silent.notes if "`lower: 0`" in note]
    for stated in ({"lower": 0.0}, {"lower": -0.2}):
        found = answer(upper=0.4, **stated)
        assert found.weights.min() >= stated["lower"] - 1e-8
        assert not [note for note in found.notes if "`lower: 0`" in note]
    assert MeanVariance(forecast=Estimated(window=100)).answer(past).notes == ()


def test_bounds_beside_gross_leave_the_other_lines_free_to_be_short(noisy):
    past = noisy.past(300)

    def weights(**given):
        return MeanVariance(forecast=Estimated(window=100), **given).answer(past).weights

    free = weights(constraints=GROSS)
    assert free.min() < 0.0
    assert weights(constraints=GROSS, upper={"A00": 1.0}) == pytest.approx(free, abs=1e-7)
    assert weights(upper={"A00": 0.3}).min() >= 0.0
