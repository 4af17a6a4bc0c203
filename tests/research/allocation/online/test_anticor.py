"""Anticor: a transfer by hand, and its parts beside package universal-portfolios.

The package departs from the paper in three ways: its correlations are transposed (of what assets do now with what
others did before), of price ratios and not of their logarithms, and the weights do not drift from day to day. So its
correlations and its transfers are each compared on the same input.
"""

import numpy as np
import pandas as pd
import pytest
from universal import tools
from universal.algos import Anticor as Peer

from foundation.errors import ConfigError
from research.allocation import Anticor
from research.allocation.online import anticor_weights, lagged_correlations, transferred
from research.market import Market

LAG = 6


def test_a_line_pays_those_that_used_to_follow_it_by_hand() -> None:
    follows = np.array([[-0.2, 0.5, 0.1], [0.4, 0.3, -0.6], [0.0, 0.2, -0.1]])
    mean = np.array([0.03, 0.02, 0.01])
    # A pays B by 0.5 + 0.2 and C by 0.1 + 0.2 + 0.1; B has grown less than A and C does not follow it; C is the last
    moved = transferred(np.array([0.5, 0.3, 0.2]), follows, mean)
    assert moved == pytest.approx([0.0, 0.3 + 0.5 * 0.7 / 1.1, 0.2 + 0.5 * 0.4 / 1.1], abs=1e-15)


def test_correlations_are_those_of_the_package_transposed(nyse: pd.DataFrame) -> None:
    days = nyse.iloc[:80, :5]
    theirs, mean = tools.rolling_corr(days, days.shift(LAG), window=LAG)
    for t in range(2 * LAG - 1, 80):
        before, recent = days.to_numpy()[t - 2 * LAG + 1 : t - LAG + 1], days.to_numpy()[t - LAG + 1 : t + 1]
        assert lagged_correlations(before, recent) == pytest.approx(theirs[t].T, abs=1e-7)
        assert recent.mean(axis=0) == pytest.approx(mean[t], abs=1e-12)


def test_transfers_are_those_of_the_package_on_its_correlations(nyse: pd.DataFrame) -> None:
    days = nyse.iloc[:80, :5]
    correlations, mean = tools.rolling_corr(days, days.shift(LAG), window=LAG)
    theirs = Peer(window=LAG, c_version=False).weights(days)
    weights = np.full(5, 0.2)
    for t in range(2 * LAG - 1, 79):
        weights = transferred(weights, correlations[t], mean[t])
        assert weights == pytest.approx(theirs[t + 1], abs=1e-12)
    assert np.ptp(weights) > 0.1


def test_before_two_lookbacks_the_weights_only_drift(nyse: pd.DataFrame) -> None:
    days = nyse.to_numpy()[:30, :4]
    assert anticor_weights(days, 16) == pytest.approx(days.prod(axis=0) / days.prod(axis=0).sum(), abs=1e-14)
    assert not np.allclose(anticor_weights(days, 15), anticor_weights(days, 16))


def test_on_the_days_of_the_paper_it_beats_the_best_stock(nyse: pd.DataFrame) -> None:
    """Borodin, El-Yaniv, Gogan (2004), figure 2: on the NYSE data ANTICOR of 30 days, traded free of cost, passes the
    best stock, which made 54. Five years are enough here.
    """
    days = nyse.to_numpy()[:1260]
    logs, weights, wealth = np.log(days), np.full(36, 1 / 36), 1.0
    for t, day in enumerate(days, start=1):
        wealth *= weights @ day
        weights = weights * day / (weights @ day)
        if t >= 60:
            recent = logs[t - 30 : t]
            weights = transferred(weights, lagged_correlations(logs[t - 60 : t - 30], recent), recent.mean(axis=0))
    assert weights == pytest.approx(anticor_weights(days, 30), abs=1e-12)
    assert wealth > days.prod(axis=0).max()


def test_the_order_of_the_lines_changes_nothing(noisy: Market) -> None:
    order = np.array([2, 0, 5, 4, 1, 3])
    other, held = noisy.select([noisy.assets[i] for i in order]), Anticor(10, window=60)
    assert held.target(other.past(300)) == pytest.approx(held.target(noisy.past(300))[order], abs=1e-12)


@pytest.mark.parametrize("lookback", [1, 31, 2.0])
def test_a_lookback_with_no_sense_is_refused(lookback: int) -> None:
    with pytest.raises(ConfigError, match=f"lookback of Anticor is {lookback}: .* 2 to half of the window of 60"):
        Anticor(lookback, window=60)
