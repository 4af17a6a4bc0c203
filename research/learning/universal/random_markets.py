"""Random markets for the training of the universal rebalancer: targets, correlations, volatilities, costs, prices.

A step is a decision. Only ratios matter to the optimum, so these are drawn: u, the drift of a gap between two
decisions over its closed-form half-width, and that half-width over the target. Volatilities and tracking
penalties follow from them.
"""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array
from research.risk.simulation.covariances import taken_apart
from research.rules.networks.equivariant import Lines, lines_of
from research.rules.no_trade_region import half_widths, relative_variance

LINES = (1, 1, 2, 2, 3, 5, 8, 13, 20, 30, 50)  # as many in a batch, each as likely as the next
DRIFT = (0.05, 2.0)  # u, the geometric mean of a world's lines
WIDTH = (0.005, 0.6)  # half-width over target, likewise
COST = (1e-4, 1e-2)  # a side, fraction of the notional
UNEQUAL = 2.0  # logs either way: the dearest line of a world costs at most 55 times the cheapest
LEAST_COST, DEAREST = 5e-5, 2e-2  # of a single line
MOST_VOLATILE = 0.25  # standard deviation of a line between two decisions
LEAST_TARGET = 0.1  # of an equal share
NO_CASH_SHARE, NEGATIVE_SHARE, FAT_SHARE = 0.4, 0.25, 0.25  # of worlds: without cash, with hedges, with fat tails
FREEDOM = 4.0  # degrees, of Student's t where tails are fat
FARTHEST_OPENING = 1.5  # half-widths


class RandomMarkets(NamedTuple):
    """W paths of n assets and D decisions, with one step each.

    lines   : the portfolios as the network sees them.
    cost    : (W, n) a side, fraction of the notional.
    tracking_penalty : (W,) price of squared tracking error.
    opening : (W, n) weights at the start, fraction of NAV.
    returns : (W, D, n) simple returns, fraction.
    """

    lines: Lines
    cost: Array
    tracking_penalty: Array
    opening: Array
    returns: Array


def draw(rng: np.random.Generator, n: int, worlds: int, decisions: int, drift: float) -> RandomMarkets:
    """Draw random markets.

    rng       : generator that is drawn from.
    n         : number of assets.
    worlds    : number of paths, W.
    decisions : number of decisions of each path, D.
    drift     : approximate geometric mean of u in a path.
    """
    target = _targets(rng, n, worlds)
    correlation, shape = _correlations(rng, n, worlds), _spread(rng, 1.2, (worlds, n))
    alike = correlation * shape[:, :, None] * shape[:, None, :]
    against = np.array([relative_variance(*one) for one in zip(target, alike, strict=True)])
    mean_drift = np.exp(np.log(np.maximum(against, 1e-12)).mean(axis=1) / 2.0)
    u, width = drift * _spread(rng, 0.3, (worlds,)), _log_uniform(rng, *WIDTH, (worlds,))
    scale = np.minimum(u * width / mean_drift, MOST_VOLATILE / shape.max(axis=1))
    covariance = alike * scale[:, None, None] ** 2
    width = scale * mean_drift / u
    cost = np.clip(_log_uniform(rng, *COST, (worlds, 1)) * _spread(rng, UNEQUAL, (worlds, n)), LEAST_COST, DEAREST)
    at_one = np.array([half_widths(*one, 1.0) for one in zip(target, covariance, cost, strict=True)])
    tracking_penalty = np.exp(np.log(np.maximum(at_one / target, 1e-12)).mean(axis=1) * 3.0) / width**3
    half = at_one / np.cbrt(tracking_penalty)[:, None]
    lines = lines_of(target, half, covariance, cost, np.ones(worlds))
    mean = rng.uniform(-0.05, 0.1, (worlds, n)) * scale[:, None] * shape
    mix = np.array([taken_apart(one, "covariance")[1] for one in covariance])
    mix = mix * (scale[:, None] * shape)[:, :, None]
    normals = rng.standard_normal((worlds, decisions, n))
    fat = np.sqrt((FREEDOM - 2.0) / rng.chisquare(FREEDOM, (worlds, decisions, 1)))
    shocks = np.where((rng.random(worlds) < FAT_SHARE)[:, None, None], fat * normals, normals)
    steps = np.einsum("wij,wdj->wdi", mix, shocks)
    returns = np.expm1(np.clip(steps + (mean - (scale[:, None] * shape) ** 2 / 2.0)[:, None], -2.0, 2.0))
    opening = _opening(rng, lines, np.einsum("wij,wj->wi", mix, rng.standard_normal((worlds, n))), u)
    return RandomMarkets(lines, cost, tracking_penalty, opening, returns)


def _targets(rng: np.random.Generator, n: int, worlds: int) -> Array:
    """(W, n) fraction of NAV, from equal to very unequal.

    Some portfolios hold no cash, but one of a single asset does.
    """
    even = _log_uniform(rng, 0.7, 30.0, (worlds, 1))
    parts = rng.gamma(np.broadcast_to(even, (worlds, n))) + 1e-12
    parts = np.maximum(parts / parts.sum(axis=1, keepdims=True), LEAST_TARGET / n)
    invested = rng.uniform(0.1, 0.97, (worlds, 1))
    if n > 1:
        invested[rng.random(worlds) < NO_CASH_SHARE] = 1.0
    return parts / parts.sum(axis=1, keepdims=True) * invested


def _correlations(rng: np.random.Generator, n: int, worlds: int) -> Array:
    """(W, n, n) from one common factor and two others, from none to almost one; some assets hedge others."""
    common = rng.uniform(0.0, 2.5, (worlds, 1)) * np.abs(rng.normal(1.0, 0.3, (worlds, n)))
    hedges = (rng.random((worlds, 1)) < NEGATIVE_SHARE) & (rng.random((worlds, n)) < 0.4)
    others = rng.uniform(0.0, 1.0, (worlds, 1, 1)) * rng.standard_normal((worlds, n, 2))
    loadings = np.concatenate([np.where(hedges, -common, common)[:, :, None], others], axis=2)
    covariance = np.einsum("wik,wjk->wij", loadings, loadings) + np.eye(n)
    size = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    return covariance / size[:, :, None] / size[:, None, :]


def _opening(rng: np.random.Generator, lines: Lines, shock: Array, u: Array) -> Array:
    """(W, n) weights after drifting for a random time, at most as long as an asset takes to cross its box."""
    moved = lines.target * np.exp(shock * (np.sqrt(rng.random(len(u))) / u)[:, None])
    cash = 1.0 - lines.target.sum(axis=1)
    gap = moved / (moved.sum(axis=1) + cash)[:, None] - lines.target
    widest = (np.abs(gap) / lines.half_width).max(axis=1)
    return lines.target + gap * np.minimum(1.0, FARTHEST_OPENING / np.maximum(widest, 1e-12))[:, None]


def _log_uniform(rng: np.random.Generator, least: float, most: float, shape: tuple[int, ...]) -> Array:
    return np.exp(rng.uniform(np.log(least), np.log(most), shape))


def _spread(rng: np.random.Generator, most: float, shape: tuple[int, ...]) -> Array:
    """Log-uniform multiples of one; each path draws its own range, at most e^most either way."""
    wide = rng.uniform(0.0, most, (shape[0], *[1] * (len(shape) - 1)))
    return np.exp(rng.uniform(-1.0, 1.0, shape) * wide)
