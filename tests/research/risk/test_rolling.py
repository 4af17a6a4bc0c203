"""Rolling measures against pandas, and against the measures of each window by itself."""

import numpy as np
import pandas as pd
import pytest
from cases import cases
from statsmodels.regression.rolling import RollingOLS

from foundation.errors import ConfigError, DataError
from research.risk import (
    beta,
    rolling_sharpe,
    rolling_tracking_error,
    rolling_volatility,
    sharpe,
    tracking_error,
    volatility,
)
from research.risk.rolling import rolling_beta

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


@cases(
    "call, error, says",
    (lambda: rolling_volatility(RETURNS[:100], 252, 252), DataError, "a window of 252 returns .* found 100"),
    (lambda: rolling_tracking_error(RETURNS[:9], 10, 252), DataError, "a window of 10 active returns .* found 9"),
    (lambda: rolling_volatility(RETURNS, 1, 252), ConfigError, "two returns or more: found 1"),
    (lambda: rolling_sharpe(CASH, CASH, 10, 252), DataError, "the 10 excess returns up to row 9 are all 0"),
    (lambda: rolling_volatility([0.0, np.nan, 0.1], 2, 252), DataError, "row 1 of 3 is not a number"),
)
def test_what_is_not_defined_is_refused(call, error, says) -> None:
    with pytest.raises(error, match=says):
        call()


@pytest.fixture(scope="module")
def series() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    other = rng.standard_t(4, size=900) * 0.008
    own = np.linspace(0.2, 1.4, 900) * other + rng.normal(0.0001, 0.004, size=900)
    return own, other, np.full(900, 0.0001)


def test_each_window_is_the_regression_of_statsmodels(series) -> None:
    own, other, cash = series
    x = pd.DataFrame({"constant": 1.0, "benchmark": other - cash})
    expected = RollingOLS(own - cash, x, window=252).fit().params["benchmark"].to_numpy()[251:]
    assert rolling_beta(own, other, cash, 252) == pytest.approx(expected, rel=1e-9)


def test_each_window_is_the_beta_of_the_whole(series) -> None:
    own, other, cash = series
    found = rolling_beta(own, other, cash, 60)
    for row in (0, 17, len(found) - 1):
        window = slice(row, row + 60)
        assert found[row] == pytest.approx(beta(own[window], other[window], cash[window]), rel=1e-12)
        assert found[row] == pytest.approx(np.polyfit(other[window], own[window], 1)[0], rel=1e-9)  # cash is constant


def test_a_leveraged_benchmark_has_its_leverage(series) -> None:
    _, other, cash = series
    assert rolling_beta(cash + 1.5 * (other - cash), other, cash, 30) == pytest.approx(1.5, rel=1e-12)


def test_what_has_no_beta_is_refused() -> None:
    still = [0.01] * 5
    with pytest.raises(DataError, match=r"gains 0\.01 on cash in all 3 periods up to row 2"):
        rolling_beta([0.0, 0.01, 0.02, 0.0, 0.01], still, [0.0] * 5, 3)
    with pytest.raises(DataError, match="needs as many: found 5"):
        rolling_beta(still, still, [0.0] * 5, 6)
    with pytest.raises(DataError, match="has 4 observations and cash 5"):
        rolling_beta(still, still[:4], [0.0] * 5, 3)
    with pytest.raises(ConfigError, match="two returns or more: found 1"):
        rolling_beta(still, still, [0.0] * 5, 1)
