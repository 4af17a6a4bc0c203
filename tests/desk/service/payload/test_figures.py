"""Figures of a payload against formulas and libraries that share no code with them."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.api import OLS

from desk.service.payload.answer import Figure, Metrics
from desk.service.payload.figures import HISTORICAL, NORMAL, PATHS, payload_metrics, simulated_rows
from research.risk.simulation.resampling import StationaryBootstrap
from tests.simulated import market_of

YEAR = 252


def series(count: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0006, 0.011, count)


def measured(returns: np.ndarray, active: np.ndarray | None = None) -> Metrics:
    return payload_metrics(
        returns, 0.1 * returns if active is None else active, YEAR, simulated_rows(len(returns), YEAR)
    )


def ends(figure: Figure) -> tuple[float | None, float | None]:
    return figure.lower, figure.upper


@pytest.mark.parametrize("count", [2, 3, 19, 23])
def test_below_the_intervals_of_the_tearsheet_they_are_those_of_normal_returns(count: int) -> None:
    returns = series(count)
    found, deviation = measured(returns), returns.std(ddof=1)
    variance = (count - 1) * deviation**2 / stats.chi2(count - 1).ppf([0.975, 0.025]) * YEAR
    assert found.volatility.value == pytest.approx(deviation * math.sqrt(YEAR))
    assert ends(found.volatility) == pytest.approx(tuple(np.sqrt(variance)))
    mean = stats.ttest_1samp(returns, 0.0).confidence_interval(0.95)
    assert found.expected_annual_return.value == pytest.approx(returns.mean() * YEAR)
    assert ends(found.expected_annual_return) == pytest.approx((mean.low * YEAR, mean.high * YEAR))
    t = returns.mean() / deviation * math.sqrt(count)
    assert found.sharpe.value == pytest.approx(t * math.sqrt(YEAR / count))
    at = [stats.nct(count - 1, end * math.sqrt(count / YEAR)).cdf(t) for end in ends(found.sharpe)]
    assert at == pytest.approx([0.975, 0.025], abs=1e-6)
    assert {found.volatility.method, found.expected_annual_return.method, found.sharpe.method} == {NORMAL}


def test_a_year_of_days_has_the_intervals_of_the_tearsheet() -> None:
    returns = series(252)
    found = measured(returns)
    fit = OLS(returns, np.ones(252)).fit(cov_type="HAC", cov_kwds={"maxlags": 4})
    assert ends(found.expected_annual_return) == pytest.approx(tuple(YEAR * fit.conf_int()[0]), rel=1e-9)
    assert found.sharpe.value == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(YEAR))
    independent = 1.96 * math.sqrt((1.0 + 0.5 * (found.sharpe.value / math.sqrt(YEAR)) ** 2) / 252 * YEAR)  # Lo (2002)
    assert found.sharpe.upper - found.sharpe.value == pytest.approx(independent, rel=0.3)
    assert found.volatility.lower < returns.std(ddof=1) * math.sqrt(YEAR) < found.volatility.upper
    assert [found.volatility.method, found.sharpe.method] == ["three cosine waves (Müller 2014)", "Lo (2002)"]


def test_losses_are_historical_from_twenty_returns_on() -> None:
    returns = series(100)
    found, worst = measured(returns), np.sort(returns)
    assert found.var_95.value == pytest.approx(-worst[5])
    assert found.cvar_95.value == pytest.approx(-worst[:5].mean())
    assert measured(series(20)).var_95.method == HISTORICAL


def test_losses_are_those_of_a_normal_distribution_below() -> None:
    returns = series(19)
    found, law = measured(returns), stats.norm(returns.mean(), returns.std(ddof=1))
    assert found.var_95.value == pytest.approx(-law.ppf(0.05))
    assert found.cvar_95.value == pytest.approx(-law.expect(ub=law.ppf(0.05)) / 0.05)
    assert (found.var_95.method, found.cvar_95.method) == (NORMAL, NORMAL)


def test_drawdown_and_tracking_error() -> None:
    returns, active = series(60), series(60, seed=6)
    found = measured(returns, active)
    wealth = pd.Series([1.0, *np.cumprod(1.0 + returns)])
    assert found.max_drawdown.value == pytest.approx((wealth / wealth.cummax() - 1.0).min())
    assert found.tracking_error.value == pytest.approx(active.std(ddof=1) * math.sqrt(YEAR))


def test_the_simulation_agrees_with_other_draws_of_the_same_law() -> None:
    returns = series(200)
    found = measured(returns)
    bootstrap = StationaryBootstrap(market_of(np.concatenate([[0.0], returns])[:, None]), 20.0)
    other = bootstrap.growths(PATHS, 21, seed=9)[..., 0].prod(axis=1) - 1.0
    share, error = float((other < 0.0).mean()), math.sqrt(0.5 / PATHS)
    assert found.probability_of_loss_30d.value == pytest.approx(share, abs=4.0 * error)
    assert found.downside_percentile_30d.value == pytest.approx(np.quantile(other, 0.05), rel=0.15)
    exact = stats.binomtest(round(found.probability_of_loss_30d.value * PATHS), PATHS).proportion_ci(method="exact")
    assert ends(found.probability_of_loss_30d) == pytest.approx((exact.low, exact.high))


def test_below_two_returns_every_figure_is_null_with_its_reason() -> None:
    found = [figure for _, figure in measured(series(1))]
    assert all(figure.value is None for figure in found)
    assert all(figure.reason.endswith("there are 1.") for figure in found)


@pytest.mark.parametrize("level", [0.0, 0.004])
def test_returns_that_do_not_vary_have_no_sharpe_ratio_and_every_other_figure(level: float) -> None:
    found = measured(np.full(300, level))
    assert "not defined" in found.sharpe.reason
    assert all(figure.value is not None for name, figure in found if name != "sharpe")
    assert ends(found.volatility) == pytest.approx((0.0, 0.0))
