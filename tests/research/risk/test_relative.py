"""Beta, alpha, information ratio and capture against vectorbt, statsmodels and scipy, and by hand."""

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from recorded_returns import fat_tailed
from uncompiled import vectorbt

from foundation.errors import DataError
from research.risk import alpha, beta, down_capture, information_ratio, matched_volatility, sharpe, up_capture

RETURNS, BENCHMARK, CASH = fat_tailed()


def test_beta_and_alpha_are_those_of_a_regression_of_statsmodels_and_scipy() -> None:
    over, other = RETURNS - CASH, BENCHMARK - CASH
    intercept, slope = sm.OLS(over, sm.add_constant(other)).fit().params
    assert beta(RETURNS, BENCHMARK, CASH) == pytest.approx(slope, rel=1e-10)
    assert alpha(RETURNS, BENCHMARK, CASH, 252) == pytest.approx(252 * intercept, rel=1e-9)
    line = scipy.stats.linregress(other, over)
    assert beta(RETURNS, BENCHMARK, CASH) == pytest.approx(line.slope, rel=1e-10)
    assert alpha(RETURNS, BENCHMARK, CASH, 252) == pytest.approx(252 * line.intercept, rel=1e-9)


def test_beta_is_that_of_vectorbt_and_alpha_before_it_compounds() -> None:
    over, other = RETURNS - CASH, BENCHMARK - CASH
    assert beta(RETURNS, BENCHMARK, CASH) == pytest.approx(vectorbt.beta_1d_nb(over, other), rel=1e-10)
    a_day = vectorbt.alpha_1d_nb(over, other, 1.0)
    assert alpha(RETURNS, BENCHMARK, CASH, 252) == pytest.approx(252 * a_day, rel=1e-9)


def test_at_matched_volatility_the_mean_gain_is_the_sharpe_ratio_times_the_benchmarks_volatility() -> None:
    """M2 = Sharpe ratio x volatility of the benchmark over cash (Modigliani and Modigliani 1997, equation 4)."""
    k, matched = matched_volatility(RETURNS, BENCHMARK, CASH)
    assert np.std(matched - CASH, ddof=1) == pytest.approx(np.std(BENCHMARK - CASH, ddof=1), rel=1e-12)
    m2 = 252 * np.mean(matched - CASH)
    volatility = np.sqrt(252) * np.std(BENCHMARK - CASH, ddof=1)
    assert m2 == pytest.approx(sharpe(RETURNS, CASH, 252) * volatility, rel=1e-10)
    assert matched == pytest.approx(k * RETURNS + (1.0 - k) * CASH, abs=1e-15)
    with pytest.raises(DataError, match="no share of it varies"):
        matched_volatility(CASH + 0.001, BENCHMARK, CASH)


def test_information_ratio_is_that_of_vectorbt_a_year_and_a_t_statistic_of_scipy() -> None:
    found = information_ratio(RETURNS, BENCHMARK, 252)
    assert found == pytest.approx(np.sqrt(252) * vectorbt.information_ratio_1d_nb(RETURNS, BENCHMARK), rel=1e-10)
    t = scipy.stats.ttest_rel(RETURNS, BENCHMARK).statistic
    assert found == pytest.approx(t * np.sqrt(252 / len(RETURNS)), rel=1e-10)


def test_capture_is_that_of_vectorbt_a_day_and_of_geometric_means_of_scipy() -> None:
    up, down = BENCHMARK > 0.0, BENCHMARK < 0.0
    for found, peer, days in (
        (up_capture(RETURNS, BENCHMARK), vectorbt.up_capture_1d_nb, up),
        (down_capture(RETURNS, BENCHMARK), vectorbt.down_capture_1d_nb, down),
    ):
        assert found == pytest.approx(peer(RETURNS, BENCHMARK, 1.0), rel=1e-9)
        means = [scipy.stats.gmean(1.0 + series[days]) - 1.0 for series in (RETURNS, BENCHMARK)]
        assert found == pytest.approx(means[0] / means[1], rel=1e-9)


@given(st.floats(0.1, 3.0), st.floats(-0.001, 0.001))
def test_a_line_of_the_benchmark_has_its_slope_and_its_intercept(slope: float, intercept: float) -> None:
    none = np.zeros(len(BENCHMARK))
    line = intercept + slope * BENCHMARK
    assert beta(line, BENCHMARK, none) == pytest.approx(slope, rel=1e-9)
    assert alpha(line, BENCHMARK, none, 12) == pytest.approx(12 * intercept, rel=1e-6, abs=1e-12)


def test_the_benchmark_against_itself() -> None:
    assert beta(BENCHMARK, BENCHMARK, CASH) == pytest.approx(1.0, rel=1e-14)
    assert alpha(BENCHMARK, BENCHMARK, CASH, 252) == pytest.approx(0.0, abs=1e-14)
    assert up_capture(BENCHMARK, BENCHMARK) == down_capture(BENCHMARK, BENCHMARK) == 1.0
    with pytest.raises(DataError, match="information ratio is not defined"):
        information_ratio(BENCHMARK, BENCHMARK, 252)


def test_what_is_not_defined_says_why() -> None:
    with pytest.raises(DataError, match="the benchmark gains 0 on cash in all 3 periods"):
        beta([0.01, 0.02, 0.03], [0.01] * 3, [0.01] * 3)
    with pytest.raises(DataError, match="the benchmark gains in none of 2 periods"):
        up_capture([0.01, 0.02], [-0.01, 0.0])
    with pytest.raises(DataError, match="the benchmark loses in none of 2 periods"):
        down_capture([0.01, 0.02], [0.01, 0.0])
    with pytest.raises(DataError, match="3 observations and benchmark 2"):
        information_ratio([0.01, 0.02, 0.03], [0.01, 0.02], 252)
    with pytest.raises(DataError, match="loss of everything"):
        up_capture([-1.0, 0.02], [0.01, 0.02])
