"""Learned policies that were never trained, and a market of known law, for tests of learning."""

from itertools import pairwise

import numpy as np
import pandas as pd

from research.accounting import Costs
from research.allocation import Allocation, FixedWeights, target_path
from research.learning import LearnedPolicy
from research.learning.network import Network, network
from research.learning.state import SHARED, Standard
from research.learning.training_days import TrainingDays, scales
from research.market import Market, instruments_table
from research.market.market import frozen

TARGET, COSTS, G, YEAR = FixedWeights((0.4, 0.3)), Costs.bps(2, commission=5, half_spread=5), 5.0, 252


def any_network(lines: int, seed: int = 0, hidden: int = 32) -> Network:
    """A random network for so many lines, whose actions fill [-1, 1]."""
    rng = np.random.default_rng(seed)
    sizes = [len(SHARED) + lines, hidden, hidden, lines]
    layers = [(rng.normal(0.0, 1.5 / np.sqrt(a), (a, b)), rng.normal(0.0, 0.1, b)) for a, b in pairwise(sizes)]
    return network([array for layer in layers for array in layer])


def untrained(allocation: Allocation, days: TrainingDays, standard: Standard, seed: int = 0) -> LearnedPolicy:
    """A policy with a random network and with the scales of real training days."""
    market = days.market
    net = any_network(len(market.assets), seed)
    return LearnedPolicy(
        allocation, "week", market.assets, market.dates[-1], days.scales, standard, net, {"seed": seed}
    )


def made_up(market: Market, allocation: Allocation, seen: int, half_width: float = 0.01) -> LearnedPolicy:
    """A policy with made-up scales that has seen row `seen` of any market, and knows every target of it in advance."""
    targets = np.unique(target_path(allocation, market).rows, axis=0)
    lines = len(market.assets)
    covariance = np.tile(0.04 * np.eye(lines), (len(targets), 1, 1))
    widths = np.where(targets != 0.0, half_width, 0.0)
    features = np.zeros(len(SHARED) + lines)
    return LearnedPolicy(
        allocation=allocation,
        every="week",
        assets=market.assets,
        seen=market.dates[seen],
        scales=scales(targets, widths, covariance, 0.01),
        standard=Standard(frozen(features), frozen(features + 1.0)),
        net=any_network(lines),
        card={"seed": 0},
    )


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
