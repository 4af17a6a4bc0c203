"""Learned policies that were never trained, for tests that ask how one is played and not what it is worth."""

from itertools import pairwise

import numpy as np

from research.allocation import Allocation, target_path
from research.learning import LearnedPolicy
from research.learning.network import Network, network
from research.learning.state import SHARED, Standard
from research.learning.training_days import TrainingDays, scales
from research.market import Market
from research.market.market import frozen


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
