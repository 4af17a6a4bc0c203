"""A part that follows its own target keeps its limit of turnover wherever it stands."""

from dataclasses import replace

import numpy as np
import pytest

from research.allocation import (
    HRP,
    Allocation,
    Average,
    ConstantExposure,
    EqualWeights,
    MeanVariance,
    Reserve,
    RiskParity,
    VolatilityTarget,
    target_path,
)
from research.allocation.allocation import carried
from research.allocation.constraints import Constraints, Most
from research.allocation.in_turn import part_answer
from research.forecast import Estimated
from research.market import Market, delist

TURNOVER = Constraints(turnover=Most(most=0.1))
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


@pytest.fixture(scope="module")
def left(noisy: Market) -> Market:
    """The market of which the first line, the steadiest, leaves at row 200."""
    silent = (np.arange(380)[:, None] >= 200) & (np.arange(6) == 0)
    halted = replace(noisy, tradable=noisy.tradable & ~silent, returns=np.where(silent, 0.0, noisy.returns))
    return delist(halted, "A00", noisy.dates[200], 0.0)


@pytest.mark.parametrize(
    "capped",
    [
        MeanVariance(forecast=Estimated(window=60), constraints=TURNOVER),
        HRP(window=60, constraints=TURNOVER),
        RiskParity(forecast=Estimated(window=60), constraints=TURNOVER),
    ],
    ids=["mean variance", "hrp", "risk parity"],
)
def test_a_line_that_leaves_is_no_turnover_alone_or_below_others(left: Market, capped: Allocation) -> None:
    alone = target_path(capped, left, start=100)
    assert not alone.remarks()
    assert alone.rows[alone.seen < 200, 0].max() > 0.1
    before = np.array([carried(row, left.past(int(t))) for row, t in zip(alone.rows, alone.seen[1:], strict=False)])
    assert np.maximum(alone.rows[1:] - before, 0.0).sum(axis=1).max() < 0.1 + 1e-8
    for held in (ConstantExposure(capped, 1.0), VolatilityTarget(capped, 9.0, lookback=20)):
        below = target_path(held, left, start=100)
        assert np.array_equal(below.rows, alone.rows)
        assert [one.status for one in below.answers] == [one.status for one in alone.answers]


def test_below_others_a_refit_without_a_solution_goes_on_with_the_target_before(left: Market) -> None:
    """At most 40 % a line: past the exit no target within a turnover of 1 % keeps it."""
    capped = HRP(window=60, upper=0.4, constraints=Constraints(turnover=Most(most=0.01)))
    alone, below = (target_path(held, left, start=100) for held in (capped, ConstantExposure(capped, 1.0)))
    assert alone.remarks()
    assert [repr(one) for one in below.answers] == [repr(one) for one in alone.answers]
    assert np.array_equal(below.rows, alone.rows)
