"""A part that follows its own target keeps its limit of turnover wherever it stands."""

import numpy as np
import pytest

from research.allocation import Allocation, Average, ConstantExposure, EqualWeights, MeanVariance, Reserve, target_path
from research.allocation.constraints import Constraints, Most
from research.allocation.in_turn import part_answer
from research.forecast import Estimated
from research.market import Market

CAPPED = MeanVariance(forecast=Estimated(window=30), constraints=Constraints(turnover=Most(most=0.03)))


@pytest.mark.parametrize(
    ("held", "share", "rest"),
    [
        (ConstantExposure(CAPPED, 0.6), 0.6, None),
        (Reserve(ConstantExposure(CAPPED, 0.5), "A01", 0.0), 0.5, None),
        (Average((CAPPED, EqualWeights()), (0.25, 0.75)), 0.25, EqualWeights()),
    ],
    ids=["part of it", "below two", "one of two"],
)
def test_below_others_it_has_the_targets_that_it_has_alone(
    noisy: Market, held: Allocation, share: float, rest: Allocation | None
) -> None:
    alone, path = target_path(CAPPED, noisy, start=70), target_path(held, noisy, start=70)
    assert np.array_equal(path.seen, alone.seen)
    others = 0.0 if rest is None else np.array([rest.target(noisy.past(int(t))) for t in path.seen])
    assert path.rows == pytest.approx(share * alone.rows + (1.0 - share) * others, abs=1e-12)
    assert np.maximum(np.diff(alone.rows, axis=0), 0.0).sum(axis=1).max() < 0.03 + 1e-8


def test_an_answer_does_not_depend_on_what_was_asked_before(noisy: Market) -> None:
    cold = noisy.select(list(noisy.assets))
    for t in (300, 200, 300):
        part_answer(CAPPED, noisy.past(t))
    assert np.array_equal(part_answer(CAPPED, noisy.past(300)).weights, part_answer(CAPPED, cold.past(300)).weights)
