"""Folds share no return with what was trained beside them; what leaks through the overlap alone is not found."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from research.forecast.boosted import libraries
from research.forecast.boosted.calibration import fewest_days, folds
from research.forecast.boosted.libraries import Growth


@given(
    days=st.integers(1, 40), horizon=st.integers(1, 30), embargo=st.integers(0, 30), step=st.integers(1, 10),
    first=st.integers(0, 20),
)  # fmt: skip
def test_no_outcome_reaches_a_fold_or_its_embargo(days: int, horizon: int, embargo: int, step: int, first: int) -> None:
    rows = np.repeat(np.arange(first, first + fewest_days(horizon, embargo, step) + days * step, step), 2)
    parts = folds(rows, horizon, embargo)
    assert np.concatenate([out for _, out in parts]).tolist() == list(range(len(rows)))
    for train, out in parts:
        before, after = rows[train][rows[train] < rows[out[0]]], rows[train][rows[train] > rows[out[-1]]]
        assert len(before) + len(after) == len(train) > 0
        assert not len(before) or before.max() + horizon + embargo < rows[out].min()
        assert not len(after) or rows[out].max() + horizon + embargo < after.min()


def test_what_is_trained_on_is_all_that_is_far_enough() -> None:
    """Ten days, outcomes of one, an embargo of one: a fold of two days leaves out two days on each side."""
    trained = [train.tolist() for train, _ in folds(np.arange(10), 1, 1)]
    assert trained == [[4, 5, 6, 7, 8, 9], [6, 7, 8, 9], [0, 1, 8, 9], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5]]


def test_a_plant_that_leaks_through_the_overlap_alone_is_not_used() -> None:
    """Asset and day forecast nothing; where outcomes overlap, trees read from them the outcome of the days beside."""
    horizon, lines, days = 20, 60, 400
    total = np.cumsum(np.random.default_rng(1).normal(size=(days + horizon, lines)), axis=0)
    outcomes = (total[horizon:] - total[:-horizon]).ravel()
    rows = np.repeat(np.arange(days), lines)
    places = np.column_stack([np.tile(np.arange(lines), days), rows // 10]).astype(float)
    growth = Growth(60, 0.3, 400, 3, 0.0, 1.0, 0, (0, 0))
    apart = folds(rows, horizon, 5)
    shuffled = np.array_split(np.random.default_rng(0).permutation(len(rows)), 5)

    def correlation(parts: libraries.Folds) -> float:
        _, found = libraries.folded("lightgbm", growth, places, outcomes, parts)
        return float(np.corrcoef(found, outcomes)[0, 1])

    assert correlation([(np.setdiff1d(np.arange(len(rows)), out), out) for out in shuffled]) > 0.5
    assert correlation(apart) < 0.1
