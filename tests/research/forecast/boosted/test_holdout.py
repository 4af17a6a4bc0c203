"""Parts of a past share no return, nor are they near; what leaks through the overlap alone is not found."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from research.forecast.boosted import libraries
from research.forecast.boosted.calibration import held, split
from research.forecast.boosted.libraries import Growth


@given(
    days=st.integers(1, 40), horizon=st.integers(1, 30), embargo=st.integers(0, 30), step=st.integers(1, 10),
    holdout=st.integers(1, 800), first=st.integers(0, 20),
)  # fmt: skip
def test_no_outcome_reaches_the_next_part_or_its_embargo(
    days: int, horizon: int, embargo: int, step: int, holdout: int, first: int
) -> None:
    least = held(horizon, embargo, step)
    rows = np.repeat(np.arange(first, first + 4 * least + days * step, step), 2)
    parts = split(rows, max(holdout, least), horizon, embargo)
    assert parts.train.any()
    assert parts.stop.any()
    assert parts.judge.any()
    assert not (parts.train & parts.stop | parts.stop & parts.judge).any()
    for earlier, later in ((parts.train, parts.stop), (parts.stop, parts.judge)):
        assert rows[earlier].max() + horizon + embargo < rows[later].min()
    assert parts.judge[-1]
    assert np.ptp(rows[parts.judge]) < max(holdout, least)


def test_a_plant_that_leaks_through_the_overlap_alone_is_not_used() -> None:
    """Asset and day forecast nothing; where outcomes overlap, trees read from them the outcome of the days before."""
    horizon, lines, days, late = 20, 60, 400, 260
    total = np.cumsum(np.random.default_rng(1).normal(size=(days + horizon, lines)), axis=0)
    outcomes = (total[horizon:] - total[:-horizon]).ravel()
    rows = np.repeat(np.arange(days), lines)
    places = np.column_stack([np.tile(np.arange(lines), days), np.clip(rows, late, late + 50)]).astype(float)
    growth = Growth(60, 0.3, 400, 3, 0.0, 1.0, 0, (0, 0))
    parts = split(rows, 60, horizon, 5)
    first = rows == rows[parts.stop].min()

    def correlation(train: np.ndarray) -> float:
        kept = (places[train], outcomes[train])
        text = libraries.train("lightgbm", growth, kept, kept)
        return float(np.corrcoef(libraries.predicted("lightgbm", text, places[first]), outcomes[first])[0, 1])

    assert correlation(rows < rows[first][0]) > 0.5
    assert abs(correlation(parts.train)) < 3.0 / np.sqrt(lines)
