"""What every figure asks of its series: one, finite, long enough, and on the dates of the other."""

import numpy as np
import pandas as pd
import pytest

from foundation.errors import DataError
from research.risk import beta, sharpe, skewness
from research.risk.series import one_series, two_series

DATES = pd.bdate_range("2024-01-01", periods=4)
GIVEN = pd.Series([0.01, 0.02, -0.01, 0.0], index=DATES)


def test_a_series_of_numbers_is_taken_as_it_is() -> None:
    np.testing.assert_array_equal(one_series(GIVEN, "returns", at_least=4), GIVEN.to_numpy())
    one, two = two_series(GIVEN, "returns", GIVEN.to_numpy(), "cash", at_least=2)
    np.testing.assert_array_equal(one, two)


def test_what_is_no_series_or_not_whole_is_refused_with_row_and_length() -> None:
    with pytest.raises(DataError, match=r"must be one series: found shape \(2, 2\)"):
        one_series([[0.1, 0.2], [0.3, 0.4]], "returns", at_least=1)
    with pytest.raises(DataError, match="has 4 observations where 5 are needed"):
        one_series(GIVEN, "returns", at_least=5)
    with pytest.raises(DataError, match="row 2 of 4 is not a number"):
        skewness(GIVEN.where(GIVEN.index != DATES[2]))


def test_series_of_different_dates_are_refused_and_never_aligned_unasked() -> None:
    later = pd.Series([0.0001] * 4, index=DATES + pd.Timedelta(days=1))
    with pytest.raises(DataError, match="1 are only in returns and 1 only in cash, of 4 and 4"):
        sharpe(GIVEN, later, 252)
    with pytest.raises(DataError, match="different dates"):
        beta(GIVEN, GIVEN.iloc[::-1], GIVEN)
    kept, others = GIVEN.align(later, join="inner")
    assert len(kept) == 3
    assert np.isfinite(sharpe(kept, others, 252))
