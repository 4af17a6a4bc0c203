"""Errors of Sharpe ratios against published numbers, closed forms, statsmodels and arch, and simulated truth."""

import math

import numpy as np
import pytest

from backtests.inference.block_draws import Resampling
from backtests.inference.sharpe_inference import (
    NORMAL,
    annual_scale,
    detectable_difference,
    ledoit_wolf,
    memmel,
    memmel_error,
    sharpe_with_error,
)
from foundation.errors import ConfigError, DataError
from research.risk.measures import sharpe
from research.risk.simulation.long_run_variance import newey_west_lags
from research.risk.simulation.models import Garch

QUICK = Resampling(block=5, reps=499)


def autoregressive(rho: float, days: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(days)
    for t in range(1, days):
        noise[t] += rho * noise[t - 1]
    return noise


def related(days: int, rho: float = 0.9, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    z = np.random.default_rng(seed).standard_normal((days, 2))
    return 0.0005 + 0.01 * z[:, 0], 0.0003 + 0.02 * (rho * z[:, 0] + math.sqrt(1 - rho**2) * z[:, 1])


# one ratio


def iid_error(ratio: float, periods: int) -> float:
    """Of a ratio a period, from independent normal periods.  Source : Lo (2002), equation 9."""
    return math.sqrt((1.0 + 0.5 * ratio**2) / periods)


def test_normal_independent_days_have_the_closed_form() -> None:
    z = np.random.default_rng(3).standard_normal(40_000)
    z = (z - z.mean()) / z.std()
    found = sharpe_with_error(0.01 * (z + 0.05), 252, lags=0)
    assert found.error == pytest.approx(found.scale * iid_error(0.05, 40_000), rel=2e-3)
    assert found.scale == pytest.approx(math.sqrt(252), rel=1e-12)
    assert found.value == pytest.approx(sharpe(0.01 * (z + 0.05), np.zeros(40_000), 252), rel=1e-12)
    assert (found.upper - found.lower) / found.error == pytest.approx(2 * 1.959964, rel=1e-6)


@pytest.mark.parametrize("rho", [-0.4, 0.1, 0.6])
def test_the_annual_scale_of_an_ar1_is_that_of_lo(rho: float) -> None:
    """Lo (2002), equation 22: √q (1 + 2ρ/(1 − ρ) (1 − (1 − ρ^q)/(q (1 − ρ))))^(−1/2)."""
    q = 12
    closed = math.sqrt(q) / math.sqrt(1 + 2 * rho / (1 - rho) * (1 - (1 - rho**q) / (q * (1 - rho))))
    assert annual_scale(rho ** np.arange(1, 30), q) == pytest.approx(closed, rel=1e-12)


def test_positive_autocorrelation_lowers_the_ratio_and_widens_its_error() -> None:
    x = 0.05 + autoregressive(0.3, 5_000)
    with_lags, without = sharpe_with_error(x, 252), sharpe_with_error(x, 252, lags=0)
    assert with_lags.value < 0.8 * without.value
    assert with_lags.error / with_lags.scale > 1.2 * without.error / without.scale
    assert with_lags.lags == newey_west_lags(5_000) == 9


def test_the_error_of_a_ratio_is_that_of_gmm_on_both_moments() -> None:
    """Lo's appendix with matrices: (∂g/∂θ)' Σ (∂g/∂θ) of θ = (µ, σ²), Σ with the weights of Newey and West."""
    x = 0.04 + autoregressive(0.2, 800) ** 3
    mu, var, lags = x.mean(), x.var(), 6
    moments = np.column_stack([x - mu, (x - mu) ** 2 - var])
    sigma = moments.T @ moments / 800
    for k in range(1, lags + 1):
        cross = moments[k:].T @ moments[:-k] / 800
        sigma += (1 - k / (lags + 1)) * (cross + cross.T)
    slope, found = np.array([1 / math.sqrt(var), -mu / (2 * var**1.5)]), sharpe_with_error(x, 1, lags=lags)
    assert found.error == pytest.approx(math.sqrt(slope @ sigma @ slope / 800), rel=1e-3)  # ddof of the ratio


def test_the_interval_covers_the_truth_with_autocorrelation() -> None:
    """Of 400 AR(1) series 95 % within three standard errors; uncorrelated days would be taken for many more."""
    rho, mean, days = 0.3, 0.05, 2_000
    x = np.random.default_rng(7).standard_normal((400, days + 50))
    for t in range(1, days + 50):
        x[:, t] += rho * x[:, t - 1]
    truth, found = mean * math.sqrt(1 - rho**2), [sharpe_with_error(mean + row[50:], 12) for row in x]
    covered = np.mean([f.lower / f.scale <= truth <= f.upper / f.scale for f in found])
    naive = np.mean([abs(f.value / f.scale - truth) <= 1.96 * iid_error(f.value / f.scale, days) for f in found])
    assert 0.91 <= covered <= 0.98
    assert naive < 0.88


# two ratios


def test_memmels_z_is_that_of_the_closed_form() -> None:
    """0.5 against 0.7 a year over 120 months: 1.39, 4.24, 10.4 at correlations 0.9, 0.99, 0.999 (Memmel 2003)."""
    one, two = 0.5 / math.sqrt(12), 0.7 / math.sqrt(12)
    z = [(two - one) / memmel_error(one, two, rho, 120) for rho in (0.9, 0.99, 0.999)]
    assert [float(f"{x:.3g}") for x in z] == [1.39, 4.24, 10.4]


def test_memmel_on_series_that_have_these_moments() -> None:
    z = np.random.default_rng(0).standard_normal((120, 2))
    z = (z - z.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(z.T)).T)
    x = z @ np.linalg.cholesky([[1.0, 0.99], [0.99, 1.0]]).T + np.array([0.7, 0.5]) / math.sqrt(12)
    found = memmel(x[:, 0] * 0.02, x[:, 1] * 0.05, 12)
    assert found.value == pytest.approx(0.2, rel=1e-10)
    assert found.z == pytest.approx(4.24, abs=5e-3)
    assert found.correlation == pytest.approx(0.99, rel=1e-10)
    assert found.p == pytest.approx(2 * NORMAL.cdf(-found.z), rel=1e-12)
    assert found.detectable == pytest.approx((1.959964 + 0.841621) * found.error, rel=1e-6)


def test_the_detectable_difference_is_found_four_times_of_five() -> None:
    """Draws of a normal difference that is as large: 80 % lie beyond the test's quantile."""
    drawn = detectable_difference(0.3) + 0.3 * np.random.default_rng(1).standard_normal(100_000)
    assert np.mean(np.abs(drawn) > 1.959964 * 0.3) == pytest.approx(0.80, abs=0.005)


@pytest.mark.parametrize("blocks", ["circular", "stationary"])
def test_the_bootstrap_agrees_with_memmel_on_normal_days(blocks: str) -> None:
    x, y = related(3_000)
    plain, found = memmel(x, y, 252), ledoit_wolf(x, y, 252, blocks=blocks)
    assert (found.value, found.error) == (plain.value, pytest.approx(plain.error, rel=0.05))
    assert (found.upper - found.lower) == pytest.approx(plain.upper - plain.lower, rel=0.06)
    assert found.p == pytest.approx(plain.p, abs=0.03)
    assert (found.p <= 0.05) == (not found.lower <= 0.0 <= found.upper)


def test_the_bootstrap_is_a_plain_loop_over_rows() -> None:
    """Ledoit and Wolf's formulas over drawn rows: uncentred moments, their gradient, and blocks' sums (3.2.2)."""
    x, y = related(203, seed=4)
    found = ledoit_wolf(x, y, 1, resampling=Resampling(block=8, reps=100, seed=6))

    def gradient(mu, nu, gamma, delta):
        s, t = gamma - mu**2, delta - nu**2
        return np.array([gamma / s**1.5, -delta / t**1.5, -0.5 * mu / s**1.5, 0.5 * nu / t**1.5])

    def difference(mu, nu, gamma, delta):
        return mu / math.sqrt(gamma - mu**2) - nu / math.sqrt(delta - nu**2)

    rng, moments = np.random.default_rng(6), np.column_stack([x, y, x**2, y**2])
    whole, away = difference(*moments.mean(axis=0)), []
    for _ in range(100):
        blocks, left = [], 203
        while left:
            start, _ = int(rng.random() * 203), rng.random()
            blocks.append((start + np.arange(min(8, left))) % 203)
            left -= len(blocks[-1])
        drawn = moments[np.concatenate(blocks)].mean(axis=0)
        sums = np.array([(moments[rows] - drawn).sum(axis=0) for rows in blocks])
        slope = gradient(*drawn)
        error = math.sqrt(slope @ (sums.T @ sums / 203) @ slope / 203)
        away.append(abs(difference(*drawn) - whole) / error)
    assert (found.upper - found.value) / found.error == pytest.approx(np.quantile(away, 0.95), rel=1e-9)
    assert found.p == pytest.approx((1 + np.sum(np.array(away) >= abs(found.z))) / 101, abs=1e-12)


def test_the_bootstrap_repeats_to_the_bit() -> None:
    x, y = related(1_000)
    one, two = (ledoit_wolf(x, y, 252, resampling=QUICK) for _ in range(2))
    assert (one.value, one.lower, one.upper, one.p) == (two.value, two.lower, two.upper, two.p)
    assert ledoit_wolf(x, y, 252, resampling=Resampling(block=5, reps=499, seed=1)).upper != one.upper


def test_neither_scale_nor_exchange_changes_a_test() -> None:
    x, y = related(600)
    there, back = ledoit_wolf(x, y, 252, resampling=QUICK), ledoit_wolf(y, 3.0 * x, 252, resampling=QUICK)
    assert back.value == pytest.approx(-there.value, rel=1e-9)
    assert back.upper == pytest.approx(-there.lower, rel=1e-6)
    assert back.p == pytest.approx(there.p, abs=0.004)


def test_equal_ratios_are_called_different_as_often_as_the_level_says() -> None:
    """300 GARCH pairs whose true ratios are equal; `python -m benchmarks.evidence` has 2,000: three deviations."""
    covariance = 0.04 * np.array([[1.0, 0.8], [0.8, 1.0]])
    worlds = Garch(np.array([0.08, 0.08]), covariance, 0.08, 0.90, 252).returns(300, 500, seed=2)
    p = [ledoit_wolf(w[:, 0], w[:, 1], 252, resampling=QUICK).p for w in worlds]
    assert 0.012 <= np.mean(np.array(p) <= 0.05) <= 0.088


def test_a_planted_difference_is_found() -> None:
    x, y = related(2_000, rho=0.99)
    assert ledoit_wolf(x + 0.0004, y, 252).p < 0.01


# the door


GOOD = related(200)


@pytest.mark.parametrize(("call", "says"), [
    (lambda: sharpe_with_error(GOOD[0][:23], 252), "23 observations are too few, 24 are needed"),
    (lambda: sharpe_with_error(np.full(100, 0.01), 252), "all 100 returns are 0.01"),
    (lambda: sharpe_with_error(np.tile([1.0, -0.9], 50), 12, lags=1), "so negatively correlated"),
    (lambda: memmel(*GOOD[:1], GOOD[0], 252), "identical, or one is a multiple"),
    (lambda: memmel(GOOD[0], 2.0 * GOOD[0], 252), "identical, or one is a multiple"),
    (lambda: ledoit_wolf(GOOD[0], GOOD[1], 252, resampling=Resampling(block=101)), "200 observations .* 202 are"),
    (lambda: ledoit_wolf(np.eye(200)[0], GOOD[1], 252, resampling=QUICK), "draws have a series"),
])  # fmt: skip
def test_series_that_cannot_be_tested_are_refused(call, says: str) -> None:
    with pytest.raises(DataError, match=says):
        call()


@pytest.mark.parametrize("call", [
    lambda: sharpe_with_error(GOOD[0], 0),
    lambda: sharpe_with_error(GOOD[0], 252, lags=200),
    lambda: sharpe_with_error(GOOD[0], 252, level=95),
    lambda: memmel(*GOOD, -1),
    lambda: ledoit_wolf(*GOOD, 252, blocks="moving"),
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(call) -> None:
    with pytest.raises(ConfigError):
        call()


def test_a_shift_of_one_series_is_a_difference() -> None:
    """Perfectly correlated, yet with different ratios: no error in Memmel's formula but that of the volatilities."""
    found = memmel(GOOD[0] + 0.001, GOOD[0], 252)
    assert found.correlation == pytest.approx(1.0, abs=1e-12)
    assert found.p < 1e-6


def test_no_test_comes_from_broken_or_unequal_series() -> None:
    drawn = np.random.default_rng(3).normal(size=(400, 2))
    broken = drawn[:, 0].copy()
    broken[7] = np.inf
    with pytest.raises(DataError, match="the first series: row 7 has inf"):
        memmel(broken, drawn[:, 1], 252.0)
    with pytest.raises(DataError, match="have 400 and 399 observations"):
        memmel(drawn[:, 0], drawn[1:, 1], 252.0)
    with pytest.raises(DataError, match="shape"):
        memmel(drawn, drawn[:, 1], 252.0)
