"""Exponential gradient beside package universal-portfolios, and the bound of its paper."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from universal.algos import EG

from foundation.errors import ConfigError
from research.allocation import ExponentialGradient
from research.allocation.online import exponential_gradient_weights
from research.market import Market


@pytest.mark.parametrize("rate", [0.05, 0.5, 5.0])
def test_the_weights_are_those_of_the_package(nyse: pd.DataFrame, rate: float) -> None:
    days = nyse.iloc[:120, :8]
    theirs = EG(rate).weights(days, log_progress=False)  # row t: before day t
    for t in (1, 50, 119):
        ours = exponential_gradient_weights(days.to_numpy()[:t], rate)
        assert ours == pytest.approx(theirs.iloc[t].to_numpy(dtype=float), abs=1e-13)


@given(
    st.lists(st.lists(st.floats(0.4, 1.0), min_size=3, max_size=3), min_size=1, max_size=30),
    st.sampled_from([0.05, 0.3, 1.0]),
)
def test_growth_is_within_the_bound_of_the_best_constant_portfolio(given_days: list[list[float]], rate: float) -> None:
    """Helmbold and others (1998), theorem 4.1: with relatives in [r, 1], growth misses that of any constant portfolio
    by ln k / rate + rate T / (8 r^2) at most.
    """
    days = np.array(given_days)
    growth = sum(np.log(exponential_gradient_weights(days[:t], rate) @ day) for t, day in enumerate(days))
    some = np.random.default_rng(1).dirichlet(np.ones(3), 300)
    best = max(np.log(days @ some.T).sum(axis=0).max(), np.log(days).sum(axis=0).max())
    assert growth >= best - np.log(3) / rate - rate * len(days) / (8 * 0.4**2) - 1e-12


def test_it_learns_from_its_window_alone(noisy: Market) -> None:
    past = noisy.past(200)
    lines = past.complete(60)
    expected = exponential_gradient_weights(1.0 + noisy.returns[141:201][:, lines], 0.5)
    assert ExponentialGradient(0.5, window=60).target(past)[lines] == pytest.approx(expected, abs=1e-14)
    with pytest.raises(ConfigError, match="rate of ExponentialGradient is 0"):
        ExponentialGradient(0.0)
