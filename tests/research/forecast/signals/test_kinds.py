"""Scores of signals: by a slow loop, and of unit variance where returns are independent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import world

from research.forecast.signals.blend import AverageSignal, MomentumSignal, ReversionSignal, gap_weights
from research.forecast.signals.expected import DEVIATION, signal_history

MARKET = world(days=900, n=3, seed=4)
EXCESS = MARKET.returns - MARKET.cash[:, None]
PAST = signal_history(MARKET.past(899), 5)


def deviation() -> np.ndarray:
    return np.sqrt(np.square(MARKET.returns[-DEVIATION:]).mean(axis=0))


def test_momentum_is_the_sum_of_returns_over_their_deviation() -> None:
    by_hand = [EXCESS[-w:].sum(axis=0) / (deviation() * w**0.5) for w in (21, 252)]
    np.testing.assert_allclose(MomentumSignal((21, 252)).expected(PAST).score, np.mean(by_hand, axis=0), rtol=1e-9)


def test_reversion_is_the_long_average_of_the_price_less_the_short_one() -> None:
    price = np.cumsum(EXCESS, axis=0)
    gap = price[-63:].mean(axis=0) - price[-5:].mean(axis=0)
    by_hand = gap / (deviation() * np.sqrt(np.square(gap_weights(5, 63)).sum()))
    np.testing.assert_allclose(ReversionSignal(((5, 63),)).expected(PAST).score, by_hand, rtol=1e-9)


def test_an_average_is_that_of_pandas() -> None:
    import pandas as pd

    decay = 0.5 ** (1.0 / 21.0)
    mean = pd.DataFrame(EXCESS).ewm(halflife=21.0).mean().iloc[-1].to_numpy()  # the start has lost its weight
    by_hand = mean / (deviation() * np.sqrt((1.0 - decay) / (1.0 + decay)))
    np.testing.assert_allclose(AverageSignal((21.0,)).expected(PAST).score, by_hand, rtol=1e-8)


@given(short=st.integers(1, 20), more=st.integers(1, 60))
def test_weights_of_a_gap_are_those_of_the_two_averages(short: int, more: int) -> None:
    returns = np.random.default_rng(short).normal(size=200)
    price = np.cumsum(returns)
    long = short + more
    weights = gap_weights(short, long)
    gap = price[-long:].mean() - price[-short:].mean()
    assert weights @ returns[::-1][: long - 1] == pytest.approx(gap, abs=1e-10)


@pytest.mark.parametrize("signal", [MomentumSignal((63,)), ReversionSignal(((5, 63),)), AverageSignal((21.0,))])
def test_a_score_of_independent_returns_has_unit_variance(signal: MomentumSignal) -> None:
    scores = [signal.expected(signal_history(world(days=320, n=7, seed=seed).past(319), 5)).score for seed in range(60)]
    assert np.std(scores) == pytest.approx(1.0, abs=0.12)
