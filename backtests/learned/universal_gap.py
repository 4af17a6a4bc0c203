"""The universal rebalancer in markets that it never met: how far it is above the known optimum.

One line or two beside cash, weekly decisions at the close that is seen. No two markets have the same paths, of which
three years go before the ten that count.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.laboratory.simulate import Laboratory, play, ratio
from backtests.laboratory.study import WARM_UP, WEEKS, SimulatedMarket
from research.arrays import Array
from research.learning.universal.equivariant import Lines, answers, lines_of
from research.learning.universal.rule import Trained
from research.rules import OptimalRegion, Rule
from research.rules.no_trade_region import half_widths

SEED = 77
CLOSED = "closed form"


def simulated_markets(count: int, seed: int = SEED) -> list[SimulatedMarket]:
    """Markets of one line and of two in turn: volatility 8 to 60 %, correlation -0.5 to 0.9, 1 to 50 bp, g 1 to 20."""
    rng, found = np.random.default_rng(seed), []
    for k in range(count):
        n = 1 + k % 2
        target = rng.uniform(0.1, 0.9) * (rng.dirichlet(np.full(n, 3.0)) if n > 1 else np.ones(1))
        volatility = np.exp(rng.uniform(np.log(0.08), np.log(0.6), n))
        cost, g = (float(np.exp(rng.uniform(np.log(a), np.log(b)))) for a, b in ((1e-4, 5e-3), (1.0, 20.0)))
        correlation = float(rng.uniform(-0.5, 0.9)) if n > 1 else 0.0
        weights, mean, deviation = (tuple(map(float, x)) for x in (target, 0.25 * volatility, volatility))
        found.append(SimulatedMarket(weights, mean, deviation, correlation, cost, g))
    return found


def lines_in(market: SimulatedMarket) -> Lines:
    """What the network sees of a market."""
    target, cost = np.array(market.target), np.full(len(market.target), market.cost)
    widths = half_widths(target, market.covariance, cost, market.g)
    return lines_of(target, widths, market.covariance, cost, 1.0 / WEEKS)


def losses(laboratory: Laboratory, lines: Lines, policy: Trained | None) -> Array:
    """(W,) J on each path, bp of NAV a year, after the weeks that do not count.

    policy : whose network makes the boxes; None leaves them as wide as the closed form's, of which it gives multiples.
    """
    import torch

    from research.learning.differentiable import Holdings
    from research.learning.torch_worlds import Days, TorchWorlds, boxes_of

    paths, target = laboratory.paths, np.tile(lines.target, (laboratory.paths, 1))
    returns = np.ascontiguousarray(laboratory.model.returns(paths, laboratory.days, laboratory.seed).transpose(1, 0, 2))
    days = Days(*map(torch.from_numpy, (returns, np.zeros(returns.shape[:2]), returns @ lines.target)))
    held = Holdings(torch.from_numpy(target.copy()), torch.from_numpy(1.0 - target.sum(axis=1)))
    worlds = TorchWorlds(held, target, days, laboratory.costs.tariff(), laboratory.g, sessions=1, lag=0)
    aim, half = torch.from_numpy(target), torch.from_numpy(np.tile(lines.half_width, (paths, 1)))
    actions, terms = np.zeros(target.shape), []
    for _ in range(laboratory.days):
        if policy is not None:
            answers(policy.net, policy.standard, lines, np.ascontiguousarray(worlds.weights.numpy()), actions)
        terms.append(worlds.act(boxes_of(torch.from_numpy(actions), aim, half)).numpy())
    return np.array(terms)[WARM_UP * WEEKS :].mean(axis=0) * WEEKS * 1e4


def gap(
    market: SimulatedMarket, policy: Trained, paths: int, seed: int, beside: Mapping[str, Rule] | None = None
) -> dict[str, float]:
    """How far J is above the optimum in one market, as a fraction of it, on paths of this seed.

    Under "universal" that of the network, under "error" its standard error over paths, under CLOSED that of the closed
    form's widths in the same boxes; by name that of rules `beside`.
    """
    laboratory, lines = market.laboratory(paths, seed), lines_in(market)
    best = play(laboratory, OptimalRegion(market.holding, market.region())).J
    over, plain = (ratio(losses(laboratory, lines, one), best) for one in (policy, None))
    others = {name: ratio(play(laboratory, rule).J, best).mean for name, rule in (beside or {}).items()}
    return {"universal": over.mean, "error": over.error, CLOSED: plain.mean, **others}


def median(values: Array | pd.Series) -> tuple[float, float, float]:
    """The median over markets and its 95 % bounds, by bootstrap."""
    from scipy.stats import bootstrap

    found = np.asarray(values)
    drawn = bootstrap((found,), np.median, method="percentile", rng=np.random.default_rng(1)).confidence_interval
    return float(np.median(found)), float(drawn.low), float(drawn.high)
