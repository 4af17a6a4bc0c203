"""Rolling measures against pandas, and against the measures of each window by itself."""

import numpy as np
import pandas as pd
import pytest

from foundation.errors import ConfigError, DataError
from research.risk import (
    rolling_sharpe,
    rolling_tracking_error,
    rolling_volatility,
    sharpe,
    tracking_error,
    volatility,
)

RNG = np.random.default_rng(5)
RETURNS, CASH = RNG.normal(0.0003, 0.01, 700), RNG.uniform(0.0, 0.0002, 700)


def test_they_are_those_of_pandas() -> None:
    own, excess = pd.Series(RETURNS).rolling(252), pd.Series(RETURNS - CASH).rolling(252)
    expected = own.std(ddof=1).dropna() * np.sqrt(252)
    assert rolling_volatility(RETURNS, 252, 252) == pytest.approx(expected.to_numpy(), rel=1e-9)
    ratio = (excess.mean() / excess.std(ddof=1)).dropna() * np.sqrt(252)
    assert rolling_sharpe(RETURNS, CASH, 252, 252) == pytest.approx(ratio.to_numpy(), rel=1e-9)


def test_each_value_is_the_measure_of_its_window() -> None:
    found = rolling_volatility(RETURNS, 60, 252), rolling_sharpe(RETURNS, CASH, 60, 252)
    gaps = rolling_tracking_error(RETURNS, 60, 252)
    assert {len(values) for values in (*found, gaps)} == {700 - 60 + 1}
    for k in range(0, 641, 64):
        rows = slice(k, k + 60)
        assert found[0][k] == pytest.approx(volatility(RETURNS[rows], 252), rel=1e-12)
        assert found[1][k] == pytest.approx(sharpe(RETURNS[rows], CASH[rows], 252), rel=1e-12)
        assert gaps[k] == pytest.approx(tracking_error(RETURNS[rows], 252), rel=1e-12)


def test_a_calm_year_after_a_wild_one_keeps_its_digits() -> None:
    returns = np.concatenate([RNG.normal(0.0, 0.3, 300), RNG.normal(0.0, 1e-8, 300)])
    assert rolling_volatility(returns, 252, 252)[-1] == pytest.approx(volatility(returns[-252:], 252), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: rolling_volatility(RETURNS[:100], 252, 252), DataError, "a window of 252 returns .* found 100"),
        (lambda: rolling_tracking_error(RETURNS[:9], 10, 252), DataError, "a window of 10 active returns .* found 9"),
        (lambda: rolling_volatility(RETURNS, 1, 252), ConfigError, "two returns or more: found 1"),
        (lambda: rolling_sharpe(CASH, CASH, 10, 252), DataError, "the 10 excess returns up to row 9 are all 0"),
        (lambda: rolling_volatility([0.0, np.nan, 0.1], 2, 252), DataError, "row 1 of 3 is not a number"),
    ],
)
def test_what_is_not_defined_is_refused(call, error, says) -> None:
    with pytest.raises(error, match=says):
        call()
