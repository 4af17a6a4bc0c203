"""Ex-ante risk of weights: closed forms, and the same figures from return series."""

from dataclasses import replace

import numpy as np
import pytest

from foundation.errors import DataError
from research.market import Market, load_market
from research.risk import beta, cvar, var, volatility
from research.risk.decomposition.ex_ante import CASH_ROWS, ExAnte, sample_covariance

W, TARGET = np.array([0.7, 0.2]), np.array([0.6, 0.4])


@pytest.fixture(scope="module")
def market() -> Market:
    return load_market("multi_asset_daily").select(["SPY", "AGG"])


@pytest.fixture(scope="module")
def known(market: Market) -> ExAnte:
    return ExAnte.of(market, 252)


def test_figures_are_those_of_the_return_series_of_the_weights(known: ExAnte, market: Market) -> None:
    year = market.returns[-252:]
    assert known.volatility(W) == pytest.approx(volatility(year @ W, 252), rel=1e-12)
    assert known.volatility(W - TARGET) == pytest.approx(volatility(year @ (W - TARGET), 252), rel=1e-12)
    assert known.beta(W, TARGET) == pytest.approx(beta(year @ W, year @ TARGET, np.zeros(252)), rel=1e-12)
    series = market.returns @ TARGET
    assert known.beta_to_series(W, series) == pytest.approx(known.beta(W, TARGET), rel=1e-12)


@pytest.mark.parametrize("lines", [1, 2, 8, 30])
def test_a_covariance_is_numpys_to_the_bit(lines: int) -> None:
    returns = np.random.default_rng(lines).normal(1e-3, 0.01, (252, lines))
    for window in (2, 60, 252):
        known = np.atleast_2d(np.cov(returns[:window], rowvar=False))
        np.testing.assert_array_equal(sample_covariance(returns[:window]), known)


def test_a_portfolio_is_its_own_benchmark(known: ExAnte) -> None:
    assert known.beta(TARGET, TARGET) == pytest.approx(1.0, rel=1e-12)
    assert known.beta(0.5 * TARGET, TARGET) == pytest.approx(0.5, rel=1e-12)


def test_cash_earns_its_mean_of_the_last_month_on_each_row(known: ExAnte, market: Market) -> None:
    nothing = np.zeros(2)
    daily = float(market.cash[-CASH_ROWS:].mean())
    assert known.returned(nothing, "one day") == pytest.approx(np.full(len(known.returns), daily), abs=1e-15)
    assert known.returned(nothing, "one month")[0] == pytest.approx(21 * daily, abs=1e-15)


def test_month_is_held_without_a_trade(known: ExAnte) -> None:
    month = known.returned(W, "one month")
    assert len(month) == len(known.returns) - 20
    first = np.prod(1.0 + known.returns[:21], axis=0) - 1.0
    cash = (1.0 - W.sum()) * 21 * float(known.market.cash[-CASH_ROWS:].mean())
    assert month[0] == pytest.approx(float(first @ W) + cash, rel=1e-12)
    assert cvar(month, 0.95) > var(month, 0.95) > var(known.returned(W, "one day"), 0.95)


def test_rows_of_a_month_have_one_horizon(market: Market) -> None:
    assert list(ExAnte.of(market, 12).horizons) == ["one month"]
    assert list(ExAnte.of(market, 52).horizons) == ["one week", "one month"]


def test_what_is_not_defined_is_refused_with_the_reason(known: ExAnte, market: Market) -> None:
    with pytest.raises(DataError, match="strategic target has no risk"):
        known.beta(W, np.zeros(2))
    with pytest.raises(DataError, match="does not vary"):
        known.beta_to_series(W, np.full(len(market.dates), 0.01))
    late = np.where(np.arange(len(market.dates)) < len(market.dates) - 100, np.nan, 0.01)
    with pytest.raises(DataError, match=r"no return on 20\d\d-"):
        known.beta_to_series(W, late)
    with pytest.raises(DataError, match="need 252"):
        ExAnte.of(market.until(market.dates[200]), 252)
    assert replace(known, periods_per_year=365).window == 365
