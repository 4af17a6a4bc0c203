"""Equilibrium priors: reverse optimisation and back, missing assets, and weights that are refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypfopt.black_litterman import market_implied_prior_returns

from foundation.errors import ConfigError, DataError
from research.forecast import (
    Benchmark,
    Estimated,
    Forecast,
    MarketCap,
    Moments,
    equilibrium_returns,
    unconstrained_weights,
)
from research.market import Market

DAY = pd.Timestamp("2022-12-30")
SAMPLE = Estimated(covariance="sample")


@given(seed=st.integers(0, 10_000), risk_aversion=st.floats(0.5, 10.0), cash=st.floats(-0.01, 0.05))
def test_the_weights_at_equilibrium_returns_are_the_weights(seed: int, risk_aversion: float, cash: float) -> None:
    rng = np.random.default_rng(seed)
    root, weights = rng.normal(size=(4, 4)), rng.dirichlet(np.ones(4))
    covariance = root @ root.T / 10 + 0.01 * np.eye(4)
    mean = cash + equilibrium_returns(covariance, weights, risk_aversion)
    moments = Moments(tuple("ABCD"), mean, covariance, 252.0, DAY)
    assert unconstrained_weights(moments, risk_aversion, cash) == pytest.approx(weights, abs=1e-9)


def test_equilibrium_returns_are_those_of_pypfopt() -> None:
    covariance = pd.DataFrame([[0.04, 0.01], [0.01, 0.02]], index=list("AB"), columns=list("AB"))
    peer = market_implied_prior_returns({"A": 30.0, "B": 10.0}, 2.5, covariance)
    assert equilibrium_returns(covariance.to_numpy(), np.array([0.75, 0.25])) == pytest.approx(peer.to_numpy())


def test_the_market_prior_adds_cash_to_the_returns_of_its_capitalisations(facts_market: Market) -> None:
    past = facts_market.past(799)
    moments = MarketCap(SAMPLE).predict(past)
    caps = np.array([45.0, 18.0, 7.0, 28.0, 2.0]) / 100.0
    assert isinstance(MarketCap(), Forecast)
    assert moments.mean == pytest.approx(past.cash[-252:].mean() + 2.5 * moments.covariance @ caps, rel=1e-12)
    assert moments.covariance == pytest.approx(np.cov(past.returns[-252:], rowvar=False), rel=1e-9)
    same = Benchmark({"SPY": 0.45, "VEA": 0.18, "VWO": 0.07, "AGG": 0.28, "TIP": 0.02}, SAMPLE).predict(past)
    assert same.mean == pytest.approx(moments.mean, rel=1e-12)


def test_a_benchmark_goes_without_a_line_that_is_not_known_yet_and_says_so(facts_market: Market) -> None:
    past = facts_market.past(350)
    found = Benchmark({"SPY": 0.5, "VWO": 0.1, "AGG": 0.3}, SAMPLE).predict(past)
    wanted = Benchmark({"SPY": 0.5625, "AGG": 0.3375}, SAMPLE).predict(past)  # 0.9 in all: cash keeps its tenth
    assert "VWO" not in found.assets
    assert found.mean == pytest.approx(wanted.mean, rel=1e-12)
    assert found.notes == ("the benchmark is taken without VWO on 2015-12-21",)


def test_a_benchmark_of_lines_that_nobody_knows_is_refused(facts_market: Market) -> None:
    with pytest.raises(DataError, match=r"holds 'SPX', no asset of the market\. Did you mean 'SPY'"):
        Benchmark({"SPX": 1.0}).predict(facts_market.past(799))
    with pytest.raises(DataError, match=r"no asset of the benchmark \(VWO\) has a complete window on 2015-12-21"):
        Benchmark({"VWO": 1.0}).predict(facts_market.past(350))


@pytest.mark.parametrize("weights", [{}, {"SPY": float("nan")}, {"SPY": -1.0}])
def test_weights_that_are_no_portfolio_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="weights of Benchmark are"):
        Benchmark(weights)


def test_a_risk_aversion_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ConfigError, match="risk_aversion of MarketCap is 0"):
        MarketCap(risk_aversion=0.0)


def test_weights_of_a_singular_covariance_do_not_exist() -> None:
    moments = Moments(("A", "B"), np.array([0.01, 0.01]), np.full((2, 2), 0.04), 252.0, DAY)
    with pytest.raises(DataError, match="A and B contribute most"):
        unconstrained_weights(moments)
