"""Coefficients of scores: against statsmodels, by hand, planted and absent."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from simulated import world

from foundation.errors import DataError
from research.forecast.signals.blend import MomentumSignal, ReversionSignal
from research.forecast.signals.expected import ERROR_HORIZONS, PRIOR, bartlett, coefficients, expected, signal_history
from research.market import Market, market_from_frame


def trending(days: int, n: int, slope: float, seed: int) -> Market:
    """Normal returns whose mean follows an AR(1) of 0.99, so that `slope` of the deviation of the last year lasts."""
    rng = np.random.default_rng(seed)
    trend = np.zeros((days, n))
    for t in range(1, days):
        trend[t] = 0.99 * trend[t - 1] + rng.normal(0.0, (1.0 - 0.99**2) ** 0.5, n)
    returns = 0.01 * (slope * trend + rng.normal(size=(days, n)))
    returns[0] = 0.0
    names = [f"L{i}" for i in range(n)]
    frame = pd.DataFrame(100.0 * np.cumprod(1.0 + returns, axis=0), index=pd.bdate_range("2000-01-03", periods=days))
    return market_from_frame(frame.set_axis(names, axis=1), calendar="24/5")


def test_bartlett_weights_are_those_of_sums_of_windows() -> None:
    g = np.random.default_rng(0).normal(size=(40, 2))
    products = [g[k:].T @ g[: len(g) - k] for k in range(6)]
    by_lag = products[0] + sum((1.0 - k / 6.0) * (products[k] + products[k].T) for k in range(1, 6))
    np.testing.assert_allclose(bartlett(g, 5), by_lag, rtol=1e-12)


def test_coefficients_without_prior_are_those_of_statsmodels_with_errors_of_driscoll_and_kraay() -> None:
    z, y = np.random.default_rng(1).normal(size=(2, 300, 4))
    sums = np.column_stack([np.full(300, 4.0), z.sum(1), (z * z).sum(1), y.sum(1), (z * y).sum(1)])
    found, cov = coefficients("x", sums, 3)
    model = sm.OLS(y.ravel(), sm.add_constant(z.ravel()))
    days = np.repeat(np.arange(300), 4)
    fit = model.fit(
        cov_type="hac-groupsum",
        cov_kwds={"time": days, "maxlags": ERROR_HORIZONS * 3, "use_correction": False, "df_correction": False},
    )
    its = fit.cov_params()
    kept = PRIOR**2 / (PRIOR**2 + its[1, 1])  # what the normal prior leaves of a coefficient
    np.testing.assert_allclose(found[1], kept * fit.params[1], rtol=1e-8)
    np.testing.assert_allclose(cov[1, 1], kept * its[1, 1], rtol=1e-8)
    np.testing.assert_allclose(
        found[0], fit.params[0] - its[0, 1] / its[1, 1] * (1.0 - kept) * fit.params[1], rtol=1e-8
    )


def test_momentum_that_was_planted_is_found_and_reversion_has_the_other_sign() -> None:
    past = signal_history(trending(2_000, 8, 0.15, 2).past(1_999), 21)
    momentum, reversion = MomentumSignal((63, 126)).expected(past), ReversionSignal(((5, 63),)).expected(past)
    assert momentum.coefficient > 3.0 * momentum.coefficient_error
    assert reversion.coefficient < 0.0


def test_of_independent_returns_a_coefficient_is_within_its_error() -> None:
    ratios = []
    for seed in range(20):
        found = MomentumSignal((21, 63)).expected(signal_history(trending(1_000, 4, 0.0, seed).past(999), 10))
        ratios.append(found.coefficient / found.coefficient_error)
    assert np.mean(np.abs(ratios) > 2.0) <= 0.15


def test_where_a_signal_says_nothing_all_lines_earn_cash_and_one_premium_a_unit_of_volatility() -> None:
    past = signal_history(world(days=1_000, n=3, seed=3).past(999), 21)
    none = expected(
        "none", np.zeros_like(past.precision) + np.sin(np.arange(1_000))[:, None], np.zeros((1, 3)), 63, past
    )
    by_volatility = (none.mean - past.cash) * past.precision[-1]
    np.testing.assert_allclose(by_volatility, by_volatility[0], rtol=1e-12)


def test_windows_that_disagree_make_the_expected_return_less_certain() -> None:
    past = signal_history(world(days=1_000, n=3, seed=3).past(999), 21)
    score = np.random.default_rng(5).normal(size=past.precision.shape)
    one = expected("x", score, np.tile(score[-1], (2, 1)), 63, past)
    other = expected("x", score, score[-1] + np.array([[2.0], [-2.0]]), 63, past)
    np.testing.assert_array_equal(one.mean, other.mean)
    assert (other.error > one.error).all()


def test_too_few_outcomes_and_scores_that_do_not_vary_are_refused() -> None:
    past = signal_history(world(days=400, n=2).past(399), 30)
    with pytest.raises(DataError, match=r"\d+ days with a score of momentum .* over 30 periods are too few: 360 are"):
        MomentumSignal((21,)).expected(past)
    flat = np.ones_like(past.precision)
    with pytest.raises(DataError, match="scores of flat do not vary"):
        expected("flat", flat, flat[-1:], 63, signal_history(world(days=400, n=2).past(399), 5))


def test_a_halt_teaches_no_momentum() -> None:
    """Its returns over cash are all alike: in units of their own size they would be a trend without end."""
    market = world(days=900, n=3, seed=4)
    returns = market.returns.copy()
    returns[500:700, 2] = 0.0
    found = signal_history(replace(market, returns=returns).past(899), 5)
    assert (found.precision[562:700, 2] == 0.0).all()
    assert (found.precision[[561, 700], 2] > 0.0).all()
    assert (found.outcome[562:700, 2] == 0.0).all()
