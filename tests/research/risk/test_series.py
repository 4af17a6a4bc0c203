"""What every figure asks of its series: one, finite, long enough, and on the dates of the other."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foundation.errors import DataError
from research.risk import beta, distribution, drawdowns, measures, relative, rolling, sharpe, skewness, utility
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


# -- every public measure --------------------------------------------------------------------------------------------

SERIES = ("returns", "benchmark", "cash", "active", "cost", "nav", "refunded")
MODULES = (measures, relative, rolling, utility, distribution, drawdowns)
LONG = pd.bdate_range("2024-01-01", periods=60)
OTHERS: dict[str, Any] = {
    "periods_per_year": 252.0, "span_days": 365.0, "window": 5, "tracking_penalty": 5.0, "risk_aversion": 3.0,
    "wanted": 0.05, "level": 0.9, "dates": LONG.to_numpy(), "days": np.arange(60.0),
}  # fmt: skip


def public() -> dict[str, tuple[Callable[..., Any], list[str]]]:
    """The public functions of the measures that take series, and the names of these."""
    found = {}
    for module in MODULES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            series = [each for each in inspect.signature(function).parameters if each in SERIES]
            if series and not name.startswith("_") and function.__module__ == module.__name__:
                found[name] = (function, series)
    return found


def arguments(function: Callable[..., Any]) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    known: dict[str, Any] = OTHERS | {each: pd.Series(rng.normal(0.001, 0.01, 60), LONG) for each in SERIES}
    known |= {"nav": (1.0 + known["returns"]).cumprod(), "cost": known["cost"].abs(), "refunded": 0.0 * known["cost"]}
    return {name: known[name] for name in inspect.signature(function).parameters if name in known}


def test_measures_are_found() -> None:
    assert {"beta", "alpha", "sharpe", "sortino", "up_capture", "calendar_months", "rolling_beta"} <= public().keys()


@pytest.mark.parametrize("name", public())
def test_a_measure_refuses_series_of_other_dates_and_out_of_order(name: str) -> None:
    """Two series of other dates are refused, whatever a third one is, and one whose rows are out of order."""
    function, series = public()[name]
    given = arguments(function)
    for each in series:
        with pytest.raises(DataError, match=r"not in order|different dates"):
            function(**given | {each: given[each].iloc[::-1]})
        for other in (one for one in series if one != each):
            plain = {one: given[one].to_numpy() for one in series if one not in (each, other)}
            with pytest.raises(DataError, match="different dates"):
                function(**given | plain | {each: given[each].set_axis(LONG + pd.Timedelta(days=2))})
