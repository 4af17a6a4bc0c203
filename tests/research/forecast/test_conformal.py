"""Adaptive intervals: the bound of the paper on any sequence, a change of regime, dates by hand, no look-ahead."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from foundation.errors import ConfigError, DataError
from research.forecast.conformal import adaptive_intervals, coverage_table
from research.forecast.skill import covered

MISS = 0.2


def test_a_few_dates_by_hand() -> None:
    lower, upper = np.full((5, 1), -1.0), np.full((5, 1), 1.0)
    outcome = np.array([[0.0], [2.0], [0.5], [0.0], [np.nan]])
    found = adaptive_intervals(lower, upper, outcome, miss=0.5, rate=0.1)
    # the hits of rows 0, 2 and 3 raise α, the miss of row 1 lowers it
    np.testing.assert_allclose(found.miss[:, 0], [0.5, 0.55, 0.5, 0.55, 0.6])
    # scores: -1, 1, -0.5, -1; of one score the place is ceil(0.45 × 2) = 1, of two ceil(0.5 × 3) = 2
    np.testing.assert_allclose(found.upper[:, 0], [np.inf, 0.0, 2.0, 0.5, 0.0])
    np.testing.assert_allclose(found.lower, -found.upper)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300),
    st.integers(1, 5),
    st.sampled_from([0.05, 0.2, 0.5]),
    st.sampled_from([0.01, 0.1]),
)
def test_misses_keep_within_the_bound_of_the_paper_whatever_comes(
    outcomes: list[float], horizon: int, miss: float, rate: float
) -> None:
    outcome = np.array(outcomes)[:, None]
    flat = np.zeros_like(outcome)
    found = adaptive_intervals(flat - 1.0, flat + 1.0, outcome, miss=miss, horizon=horizon, rate=rate, memory=20)
    counted = max(0, len(outcome) - horizon)
    misses = 1.0 - covered(found.lower, found.upper, outcome)[:counted]
    if counted:
        bound = (max(miss, 1.0 - miss) + horizon * rate) / (counted * rate)
        assert abs(misses.mean() - miss) <= bound + 1e-12


def test_coverage_is_kept_where_volatility_doubles_and_the_forecasts_do_not_see_it() -> None:
    rng = np.random.default_rng(0)
    outcome = rng.standard_normal((3_000, 4)) * np.repeat([1.0, 2.0, 1.0], 1_000)[:, None]
    end = np.full(outcome.shape, ndtri(0.9))
    regime = pd.Series(np.repeat(["calm", "turbulent", "calm again"], 1_000), name="regime")
    raw = coverage_table(-end, end, outcome, regime)["coverage"]
    found = adaptive_intervals(-end, end, outcome, miss=MISS)
    kept = coverage_table(found.lower, found.upper, outcome, regime)["coverage"]
    assert raw["turbulent"] < 0.5 < 0.78 < raw["calm"]
    assert (kept - (1.0 - MISS)).abs().max() < 0.02


def test_table_counts_what_is_known_by_group() -> None:
    lower, upper = np.array([[0.0, 0.0], [-np.inf, np.nan]]), np.array([[1.0, 1.0], [np.inf, np.nan]])
    outcome = np.array([[0.5, 2.0], [3.0, 3.0]])
    table = coverage_table(lower, upper, outcome, pd.Series([2020, 2021], name="year"))
    assert table.index.name == "year"
    assert table.to_dict("list")["intervals"] == [2, 1]
    assert table["coverage"].tolist() == [0.5, 1.0]
    assert table["width"].iloc[0] == 1.0
    assert np.isnan(table["width"].iloc[1])


@pytest.mark.parametrize("row", [40, 90])
def test_an_interval_does_not_change_with_outcomes_that_came_later(row: int) -> None:
    outcome = np.random.default_rng(1).standard_normal((100, 2))
    changed = np.where(np.arange(100)[:, None] > row - 3, 9.0, outcome)
    end = np.ones_like(outcome)
    a, b = (adaptive_intervals(-end, end, x, miss=MISS, horizon=3) for x in (outcome, changed))
    assert a.lower[: row + 1].tobytes() == b.lower[: row + 1].tobytes()
    assert a.upper[row + 1 :].tobytes() != b.upper[row + 1 :].tobytes()


def test_lines_do_not_touch_each_other_and_gaps_count_nowhere() -> None:
    rng = np.random.default_rng(2)
    outcome = rng.standard_normal((80, 2))
    lower = np.where(rng.random((80, 2)) < 0.2, np.nan, -1.0)
    both = adaptive_intervals(lower, -lower, outcome, miss=MISS)
    for line in range(2):
        one = adaptive_intervals(*(x[:, [line]] for x in (lower, -lower, outcome)), miss=MISS)
        np.testing.assert_array_equal(one.upper[:, 0], both.upper[:, line])
    assert np.isnan(both.upper[np.isnan(lower)]).all()


def test_what_cannot_be_adapted_is_refused() -> None:
    ends = np.ones((3, 2))
    with pytest.raises(DataError, match="arrays of dates by assets"):
        adaptive_intervals(-ends, ends, ends[:, 0], miss=MISS)
    with pytest.raises(ConfigError, match=r"miss of adaptive intervals is 1\.5"):
        adaptive_intervals(-ends, ends, ends, miss=1.5)
    with pytest.raises(ConfigError, match="horizon of adaptive intervals is 0"):
        adaptive_intervals(-ends, ends, ends, miss=MISS, horizon=0)
    with pytest.raises(DataError, match="2 labels for 3 dates"):
        coverage_table(-ends, ends, ends, pd.Series([1, 2]))
