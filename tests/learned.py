"""Learned policies that were never trained, and a market of known law, for tests of learning."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from foundation.arrays import frozen
from research.accounting import Costs
from research.allocation import Allocation, FixedWeights, target_path
from research.learning import Learned, LearnedPolicy, PPOSettings
from research.learning.card import card, features_of
from research.learning.learners.learning_curve import SeedResult
from research.learning.worlds.rollouts import measure_scaling
from research.learning.worlds.training_days import TrainingDays, scales, training_days
from research.learning.worlds.worlds import Worlds
from research.market import Market, instruments_table
from research.rules.networks.features import FeatureScaling
from research.rules.networks.names import SHARED_FEATURES
from research.rules.networks.policy_network import Network, network

TARGET, COSTS, PENALTY, YEAR = FixedWeights((0.4, 0.3)), Costs.bps(2, commission=5, half_spread=5), 5.0, 252


def any_network(lines: int, seed: int = 0, hidden: int = 32, answers: int = 0) -> Network:
    """A random network for so many assets, which answers a number for each, or so many; they fill [-1, 1]."""
    rng = np.random.default_rng(seed)
    sizes = [len(SHARED_FEATURES) + lines, hidden, hidden, answers or lines]
    layers = [(rng.normal(0.0, 1.5 / np.sqrt(a), (a, b)), rng.normal(0.0, 0.1, b)) for a, b in pairwise(sizes)]
    return network([array for layer in layers for array in layer])


def untrained(allocation: Allocation, days: TrainingDays, standard: FeatureScaling, seed: int = 0) -> LearnedPolicy:
    """A policy with a random network and with the scales of real training days."""
    market = days.market
    net = any_network(len(market.assets), seed)
    return LearnedPolicy(
        allocation, "week", market.assets, market.dates[-1], days.scales, standard, net, {"seed": seed}
    )


def carded(market: Market, seed: int = 0, target: FixedWeights = TARGET) -> LearnedPolicy:
    """A random network with the scales of a market of two assets, and the card of a training that it never had."""
    spec = Learned(target, steps=1, seeds=(0, 1, 2, 3), learner="ppo", ppo=PPOSettings(worlds=2, rollout=1, batch=2))
    days = training_days(spec, market, COSTS, PENALTY, YEAR)
    standard, scale = measure_scaling(days, spec)
    net, curve = any_network(2, seed), [(1_000 * k, 3.0 - 0.1 * k + 0.05 * seed) for k in range(6)]
    with pytest.MonkeyPatch.context() as patch:  # nothing was learned whose importance could be measured well
        patch.setattr("research.learning.worlds.rollouts.WORLD_SESSIONS", 65)
        features = features_of(days, net, standard)
    result = SeedResult(net, 5_000, [2.5 + 0.05 * seed], curve, features)
    told = card(spec, days, seed, result, scale, {"closed_form": [3.0], "never": [60.0]})
    return LearnedPolicy(target, "week", market.assets, market.dates[-1], days.scales, standard, net, told)


def made_up(market: Market, allocation: Allocation, seen: int, half_width: float = 0.01) -> LearnedPolicy:
    """A policy with made-up scales that has seen row `seen` of any market, and knows every target of it in advance."""
    targets = np.unique(target_path(allocation, market).rows, axis=0)
    lines = len(market.assets)
    covariance = np.tile(0.04 * np.eye(lines), (len(targets), 1, 1))
    widths = np.where(targets != 0.0, half_width, 0.0)
    features = np.zeros(len(SHARED_FEATURES) + lines)
    return LearnedPolicy(
        allocation=allocation, schedule="week", assets=market.assets, seen=market.dates[seen],
        scales=scales(targets, widths, covariance, 0.01),
        standard=FeatureScaling(frozen(features), frozen(features + 1.0)), net=any_network(lines), card={"seed": 0},
    )  # fmt: skip


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
        np.zeros(sessions), instruments_table(names), np.full(shape, np.nan), calendar="24/5", name="two assets",
    )  # fmt: skip


def replayed(days: TrainingDays, world: Worlds) -> Market:
    """The days of a single world as a market, whose week ends are the world's decisions."""
    drawn, real = world.state.drawn[0], days.market
    dates = pd.bdate_range("2021-01-01", periods=len(drawn))  # a Friday, and so is row LOOKBACK - 1
    held = days.scales.target[world.state.kind[0]] != 0.0
    tradable = real.tradable[drawn] & held
    return Market(
        dates, real.assets, np.where(held, real.returns[drawn], 0.0), tradable, real.cash[drawn], real.instruments,
        np.full(tradable.shape, np.nan), calendar="24/5", name="replayed",
    )  # fmt: skip
