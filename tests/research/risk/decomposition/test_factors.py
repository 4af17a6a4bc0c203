"""Regression on factors: against statsmodels and a covariance written out, and betas of a simulated law found again."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from foundation.errors import DataError
from research.risk.decomposition.factors import factor_regression, rolling_betas
from research.risk.simulation.long_run_variance import newey_west_lags


def simulated(days: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Returns with alpha 1e-4 and betas (0.8, -0.3) on two correlated factors, and errors that are autocorrelated."""
    rng = np.random.default_rng(seed)
    factors = rng.multivariate_normal(np.zeros(2), 1e-4 * np.array([[1.0, 0.4], [0.4, 0.5]]), days)
    noise = rng.normal(0.0, 0.002, days + 1)
    return 1e-4 + factors @ [0.8, -0.3] + noise[1:] + 0.6 * noise[:-1], factors


def test_coefficients_and_intervals_are_those_of_statsmodels_and_of_newey_and_west_written_out() -> None:
    y, factors = simulated(900)
    found, lags = factor_regression(y, factors), newey_west_lags(900)
    x = sm.add_constant(factors)
    direct = sm.OLS(y, x).fit().get_robustcov_results("HAC", maxlags=lags, use_correction=True, use_t=True)
    assert [found.alpha, *found.betas] == pytest.approx(direct.params, rel=1e-12)
    assert found.beta_intervals == pytest.approx(direct.conf_int()[1:], rel=1e-10)
    scores, inverse = x * found.residuals[:, None], np.linalg.inv(x.T @ x)
    long_run = scores.T @ scores
    for lag in range(1, lags + 1):
        between = scores[lag:].T @ scores[:-lag]
        long_run += (1.0 - lag / (lags + 1.0)) * (between + between.T)
    half = stats.t.ppf(0.975, 900 - 3) * np.sqrt(np.diag(inverse @ long_run @ inverse) * 900 / (900 - 3))
    assert found.alpha_interval == pytest.approx((found.alpha - half[0], found.alpha + half[0]), rel=1e-9)
    assert found.beta_intervals[:, 1] - found.betas == pytest.approx(half[1:], rel=1e-9)
    assert found.residuals.sum() == pytest.approx(0.0, abs=1e-12)


def test_intervals_of_a_simulated_law_cover_its_coefficients() -> None:
    hits = np.zeros(3)
    for seed in range(200):
        y, factors = simulated(750, seed)
        found = factor_regression(y, factors)
        ends = np.vstack([found.alpha_interval, found.beta_intervals])
        truth = np.array([1e-4, 0.8, -0.3])
        hits += (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    assert (np.abs(hits / 200 - 0.95) <= 0.05).all()


def test_rolling_betas_are_those_of_each_window() -> None:
    y, factors = simulated(300)
    found = rolling_betas(y, factors, 252)
    assert found.shape == (49, 2)
    for row in (0, 20, 48):
        part = slice(row, row + 252)
        expected = sm.OLS(y[part], sm.add_constant(factors[part])).fit().params[1:]
        assert found[row] == pytest.approx(expected, rel=1e-9)


def test_factors_without_betas_are_refused() -> None:
    y, factors = simulated(300)
    with pytest.raises(DataError, match=r"factor 1 is 0.01 in every period"):
        factor_regression(y, np.column_stack([factors[:, 0], np.full(300, 0.01)]))
    with pytest.raises(DataError, match=r"the factors follow from one another \(condition number"):
        factor_regression(y, np.column_stack([factors, factors.sum(axis=1)]))
    late = factors.copy()
    late[:260, 1] = 0.0
    with pytest.raises(DataError, match=r"factor 1 does not vary over the 252 periods from row 0 on"):
        rolling_betas(y, late, 252)
    with pytest.raises(DataError, match=r"needs as many: found 300"):
        rolling_betas(y, factors, 301)
