"""A stretch of a backtest again: what was answered last, also where that was to hold."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from learned import COSTS, TARGET, YEAR, carded, two_lines

from backtests.engine import backtest
from backtests.laboratory.learned.replay import replay
from foundation.errors import ConfigError
from research.rules import Never
from research.rules.networks.names import SHARED_FEATURES
from research.rules.networks.policy_network import network

SEEN = 600


def policy_of(market, weight, bias):
    """A policy that asks one number: of the time since the last trade alone, by `weight`, and `bias`."""
    policy, first = carded(market.until(market.dates[SEEN])), np.zeros((len(SHARED_FEATURES) + 2, 1), np.float32)
    first[SHARED_FEATURES.index("age")] = weight
    net = network([first, np.array([bias], np.float32), np.ones((1, 1)), np.zeros(1), np.ones((1, 1)), np.zeros(1)])
    return replace(policy, net=net, action="hold_or_trade")


def test_there_are_no_bounds_while_the_answer_was_to_hold():
    """It trades where its last trade is long ago; after that it holds, and the bounds of the trade are gone."""
    market = two_lines(900, seed=1)
    policy = policy_of(market, 1.0, -0.2)
    played = backtest(market, policy, COSTS, start=market.dates[SEEN + 1], periods_per_year=YEAR, name="rl")
    table = replay(played, market.assets[0])
    known = table["lower"].dropna()
    assert table["lower"].loc[known.index[0] :].isna().any()
    np.testing.assert_allclose(known, TARGET.weights[0], atol=1e-15)
    np.testing.assert_array_equal(table["lower"].isna(), table["upper"].isna())
    ends = np.flatnonzero(table.index.weekday == 4)
    for one, next_ in pairwise(ends):  # an answer stands from its close to the next one's
        assert table["lower"].iloc[one:next_].isna().nunique() == 1
    trades = np.flatnonzero(table["traded"])
    assert len(trades)
    assert all(table["lower"].notna().iloc[t - 1] for t in trades)  # booked a session after it was asked


def test_another_policy_is_refused():
    market = two_lines(900, seed=1)
    played = backtest(market, Never(TARGET), COSTS, start=market.dates[SEEN + 1], periods_per_year=YEAR)
    with pytest.raises(ConfigError, match="not a learned policy: give a backtest of one"):
        replay(played, market.assets[0])
