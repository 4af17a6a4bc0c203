"""Shape and tails against scipy, skfolio, vectorbt and Riskfolio-Lib, against R's published figures, and by hand."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import riskfolio.src.RiskFunctions as riskfolio
import scipy.stats
import skfolio.measures as skfolio
from cases import cases
from hypothesis import given
from hypothesis import strategies as st
from recorded_returns import BACON, fat_tailed
from scipy.integrate import quad
from uncompiled import vectorbt

from foundation.errors import ConfigError, DataError
from research import risk

RETURNS, _, CASH = fat_tailed()


def test_moments_are_those_of_scipy_and_skfolio() -> None:
    assert risk.skewness(RETURNS) == pytest.approx(scipy.stats.skew(RETURNS), rel=1e-12)
    assert risk.skewness(RETURNS) == pytest.approx(skfolio.skew(RETURNS), rel=1e-12)
    assert risk.excess_kurtosis(RETURNS) == pytest.approx(scipy.stats.kurtosis(RETURNS), rel=1e-12)
    assert risk.excess_kurtosis(RETURNS) == pytest.approx(skfolio.kurtosis(RETURNS) - 3.0, rel=1e-12)


def test_moments_of_bacon_with_the_correction_for_small_samples_are_those_of_r() -> None:
    """R's `skewness(method="fisher")` and `kurtosis(method="sample_excess")`: Joanes and Gill's G1 and G2 of ours."""
    n = len(BACON)
    adjusted = risk.skewness(BACON) * np.sqrt(n * (n - 1)) / (n - 2)
    assert adjusted == pytest.approx(-0.08817174934967567, rel=1e-9)
    corrected = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * risk.excess_kurtosis(BACON) + 6)
    assert corrected == pytest.approx(-0.4076603211860866, rel=1e-9)


def test_omega_and_sortino_of_bacon_are_those_of_r() -> None:
    none = np.zeros(len(BACON))
    assert risk.omega(BACON, none) == pytest.approx(1.7797833935018055, rel=1e-12)  # Omega(R, L=0, method="simple")
    assert risk.sortino(BACON, none, 12) == pytest.approx(1.3592165786838633, rel=1e-12)


def test_omega_is_that_of_vectorbt_over_cash_and_a_ratio_of_partial_moments_of_skfolio() -> None:
    excess = RETURNS - CASH
    assert risk.omega(RETURNS, CASH) == pytest.approx(vectorbt.omega_ratio_1d_nb(excess, 1.0), rel=1e-12)
    short = skfolio.first_lower_partial_moment(excess, min_acceptable_return=0.0)
    assert risk.omega(RETURNS, CASH) == pytest.approx(excess.mean() / short + 1.0, rel=1e-10)


def test_hit_rate_counts_gains_among_all_days() -> None:
    returns = np.append(RETURNS, [0.0, 0.0])
    assert risk.hit_rate(returns) == pytest.approx((pd.Series(returns) > 0).mean(), rel=1e-15)
    assert risk.hit_rate(returns) == 1.0 - scipy.stats.percentileofscore(returns, 0.0, kind="weak") / 100.0


def test_tail_ratio_is_that_of_vectorbt_and_of_quantiles_of_pandas() -> None:
    assert risk.tail_ratio(RETURNS) == pytest.approx(vectorbt.tail_ratio_1d_nb(RETURNS), rel=1e-12)
    series = pd.Series(RETURNS)
    assert risk.tail_ratio(RETURNS) == pytest.approx(-series.quantile(0.95) / series.quantile(0.05), rel=1e-12)


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_historical_losses_are_those_of_skfolio_and_riskfolio(level: float) -> None:
    assert risk.var(RETURNS, level) == pytest.approx(skfolio.value_at_risk(RETURNS, beta=level), rel=1e-12)
    assert risk.var(RETURNS, level) == np.quantile(-RETURNS, level, method="inverted_cdf")
    assert risk.cvar(RETURNS, level) == pytest.approx(skfolio.cvar(RETURNS, beta=level), rel=1e-12)
    assert risk.cvar(RETURNS, level) == pytest.approx(riskfolio.CVaR_Hist(RETURNS, alpha=1.0 - level), rel=1e-9)


def test_gaussian_losses_of_bacon_are_those_that_quantstats_publishes() -> None:
    """Its tests/data/reference_values.json, `var_95` and `es_95` of bacon_monthly, as losses."""
    assert risk.gaussian_var(BACON, 0.95) == pytest.approx(0.05605155822002584, rel=1e-12)
    assert risk.gaussian_cvar(BACON, 0.95) == pytest.approx(0.0725772784216993, rel=1e-12)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_gaussian_losses_are_those_of_scipys_normal(level: float) -> None:
    normal = scipy.stats.norm(RETURNS.mean(), RETURNS.std(ddof=1))
    assert risk.gaussian_var(RETURNS, level) == pytest.approx(-normal.ppf(1.0 - level), rel=1e-9)
    tail = -normal.expect(lambda x: x, ub=normal.ppf(1.0 - level)) / (1.0 - level)
    assert risk.gaussian_cvar(RETURNS, level) == pytest.approx(tail, rel=1e-6)


def chi_square_losses(freedom: int) -> np.ndarray:
    """A sample with the quantiles of minus a chi-square, whose skewness is -sqrt(8 / freedom)."""
    return -scipy.stats.chi2(freedom).ppf((np.arange(200_000) + 0.5) / 200_000)


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_cornish_fisher_finds_the_quantile_of_a_skewed_distribution(level: float) -> None:
    """The 95 % quantile of a chi-square with 60 degrees is 79.08, of which a normal with its moments misses 1.1."""
    losses = chi_square_losses(60)
    truth = scipy.stats.chi2(60).ppf(level)
    assert risk.cornish_fisher_var(losses, level) == pytest.approx(truth, rel=1e-3)
    assert abs(risk.gaussian_var(losses, level) / truth - 1.0) > 5e-3


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_cornish_fisher_shortfall_is_the_mean_of_its_quantiles_beyond_the_level(level: float) -> None:
    mean = quad(lambda p: risk.cornish_fisher_var(RETURNS, 1.0 - p), 1e-9, 1.0 - level, limit=200)[0] / (1.0 - level)
    assert risk.cornish_fisher_cvar(RETURNS, level) == pytest.approx(mean, rel=1e-5)


def test_cornish_fisher_of_a_sample_with_a_normals_moments_is_gaussian() -> None:
    """Four values ±a, ±b with equal counts have no skewness; the counts below make their kurtosis three."""
    sample = np.array([-np.sqrt(3.0), 0.0, 0.0, 0.0, 0.0, np.sqrt(3.0)]) * 0.01  # 2/6 · 9 = 3, and a variance of one
    assert risk.excess_kurtosis(sample) == pytest.approx(0.0, abs=1e-12)
    for level in (0.95, 0.99):
        assert risk.cornish_fisher_var(sample, level) == pytest.approx(risk.gaussian_var(sample, level), rel=1e-12)
        assert risk.cornish_fisher_cvar(sample, level) == pytest.approx(risk.gaussian_cvar(sample, level), rel=1e-12)


def test_evar_is_that_of_skfolio_and_bounds_cvar() -> None:
    for level in (0.95, 0.99):
        found = risk.evar(RETURNS, level)
        assert found == pytest.approx(float(skfolio.evar(RETURNS, beta=level)), rel=1e-5)
        assert found > risk.cvar(RETURNS, level) > risk.var(RETURNS, level)


def test_tail_table_shows_a_reason_where_a_figure_is_missing() -> None:
    table = risk.tail_table(BACON)
    assert table.loc["VaR, Gaussian", "0.95"] == risk.gaussian_var(BACON, 0.95)
    assert table.loc["VaR, historical", "0.99"] is None
    assert table.loc["VaR, historical", "not available"].startswith("24 returns leave 0.24 observations in the tail")
    assert not table.isin([np.nan]).any(axis=None) or table["0.99"].map(lambda v: v is None or v > 0.0).all()


@cases(
    "asked, words",
    (lambda: risk.skewness([0.01] * 30), "skewness is not defined: all 30 returns are 0.01"),
    (lambda: risk.excess_kurtosis([0.01] * 30), "kurtosis is not defined"),
    (lambda: risk.omega([0.02] * 30, [0.01] * 30), "none of 30 returns is below cash"),
    (lambda: risk.tail_ratio([0.01] * 30), "tail ratio is not defined"),
    (lambda: risk.tail_ratio([0.01, -0.01]), "2 observations where 20 are needed"),
    (lambda: risk.cornish_fisher_var([0.01] * 30), "skewness is not defined"),
    (lambda: risk.cornish_fisher_cvar([0.0] * 300 + [-0.5]), "does not order losses"),
    (lambda: risk.gaussian_var([0.01]), "1 observations where 2 are needed"),
    (lambda: risk.skewness([0.01, np.nan, 0.02]), "row 1 of 3 is not a number"),
    (lambda: risk.hit_rate([]), "0 observations where 1 are needed"),
)
def test_a_figure_that_a_series_does_not_have_is_refused_with_its_reason(
    asked: Callable[[], float], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        asked()


def test_levels_outside_zero_to_one_are_refused() -> None:
    for measure in (
        risk.gaussian_var,
        risk.gaussian_cvar,
        risk.cornish_fisher_var,
        risk.cornish_fisher_cvar,
        risk.evar,
    ):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            measure(RETURNS, 95.0)


@given(st.floats(0.01, 100.0), st.integers(0, 50))
def test_shapes_do_not_change_with_scale_and_losses_do(scale: float, seed: int) -> None:
    returns = np.random.default_rng(seed).standard_t(5, 60) * 0.01
    none = np.zeros(60)
    for shape in (risk.skewness, risk.excess_kurtosis, risk.hit_rate, risk.tail_ratio, lambda r: risk.omega(r, none)):
        assert shape(scale * returns) == pytest.approx(shape(returns), rel=1e-9, abs=1e-12)
    for loss in (risk.gaussian_var, risk.gaussian_cvar):
        assert loss(scale * returns) == pytest.approx(scale * loss(returns), rel=1e-9)
    assert risk.skewness(-returns) == pytest.approx(-risk.skewness(returns), rel=1e-9, abs=1e-12)
    assert risk.omega(-returns, none) == pytest.approx(1.0 / risk.omega(returns, none), rel=1e-9)
