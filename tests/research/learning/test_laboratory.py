"""In a market whose optimum is known, what is learned comes near it, and beats the tuned threshold to target."""

import numpy as np
import pandas as pd
import pytest

from backtests.engine import backtest
from backtests.scores import Yardstick, losses
from backtests.tuning import tune
from research.accounting import Costs
from research.allocation import FixedWeights, target_path
from research.learning import Learned, PPOSettings, train
from research.market import Market, instruments_table
from research.rules import TunedThreshold

TARGET, COSTS, G, YEAR = FixedWeights((0.4, 0.3)), Costs.bps(2, 5, 5), 5.0, 252


def two_lines(sessions: int, seed: int) -> Market:
    """Independent normal days, every weekday a session: volatility 20 and 25 %, correlation 0.3, drift 5 and 5.5 %."""
    rng = np.random.default_rng(seed)
    one, two = rng.standard_normal((2, sessions))
    shocks = np.column_stack([0.20 * one, 0.25 * (0.3 * one + np.sqrt(1.0 - 0.3**2) * two)]) / np.sqrt(252)
    days = np.arange(np.datetime64("1901-01-04"), np.datetime64("2250-01-01"))  # a Friday is the first
    days = days[np.is_busday(days)][:sessions]
    names, shape = ("A", "B"), (sessions, 2)
    return Market(
        pd.DatetimeIndex(days), names, shocks + np.array([0.05, 0.055]) / 252, np.ones(shape, dtype=bool),
        np.zeros(sessions), instruments_table(names), np.full(shape, np.nan), calendar="24/5", name="two lines",
    )  # fmt: skip


def j(market, policy, first=30):
    """J of a policy on a simulated market, bp a year."""
    played = backtest(market, policy, COSTS, start=market.dates[first])
    strategic = Yardstick(target_path(TARGET, market), np.zeros(2), np.ones(2), G, YEAR)
    return float(losses(played, strategic).mean())
