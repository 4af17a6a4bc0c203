"""Placebos of a forecast's tilts: as much risk, as lasting, within the same ranges, and without skill.

The tilts of all days are moved along the days, in a circle, by at least a horizon, and their signs are turned for some
assets, of two assets for both. They are taken in units of each asset's volatility, brought back inside the ranges, and
to the tracking error that the forecast's tilt has on the day. What they earn, the forecast could have earned by chance.
A tilt of few assets that lasts is among its own placebos, and these cannot tell whether it was skill.
"""

import numpy as np

from foundation.arrays import Array, MadeAnew, freeze_fields
from foundation.dataclasses import dataclass
from foundation.errors import DataError

SCALING_ROUNDS = 8  # of bringing a tilt to its risk, and back inside the ranges
SAME_TILT = 0.1  # of a tilt's tracking error: a placebo that is no further from the tilt earns what it earns


@dataclass(frozen=True, eq=False)
class Tilts(MadeAnew):
    """Tilts of a target on K days.

    weights      : (K, n) change of each weight, fraction of NAV; a row sums to zero.
    covariance   : (K, n, n) of returns a year, as forecast on the day; zero for assets without a forecast.
    lower, upper : (K, n) ends of the range of the change, fraction of NAV; zero lies inside.
    """

    weights: Array
    covariance: Array
    lower: Array
    upper: Array

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "weights", "covariance", "lower", "upper")

    def risk(self, weights: Array) -> Array:
        """(..., K) expected tracking error a year of changes of weights (..., K, n), fraction."""
        return np.sqrt(np.maximum(np.einsum("...ki,kij,...kj->...k", weights, self.covariance, weights), 0.0))


def placebos(tilts: Tilts, count: int, gap: int, seed: int = 0) -> Array:
    """(count, K, n) changes of weights that know nothing, fraction of NAV; each row sums to zero.

    tilts  : tilts of the forecast.
    count  : number of placebos.
    gap    : least number of days by which tilts are moved.
    seed   : seed of the shifts and signs.
    Raises : DataError for too few days to move them by so many.
    Source : Politis and Romano (1994), The stationary bootstrap, JASA 89, for days in a circle.
    """
    days, n = tilts.weights.shape
    if days <= 2 * gap:
        raise DataError(f"{days} days with tilts are too few to move by {gap}: give a longer test.")
    rng = np.random.default_rng(seed)
    source = (np.arange(days) + rng.integers(gap, days - gap + 1, (count, 1))) % days
    deviation = np.sqrt(np.einsum("kii->ki", tilts.covariance))
    free = int(((tilts.upper > tilts.lower) & (deviation > 0.0)).any(axis=0).sum())
    signs = rng.choice([-1.0, 1.0], (count, 1, n if free > 2 else 1))  # of two assets one turned sign leaves no tilt
    per_deviation = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0.0)
    units = signs * (tilts.weights * deviation)[source]
    along = (units * per_deviation).sum(axis=2) / np.maximum(np.square(per_deviation).sum(axis=1), np.finfo(float).tiny)
    return _brought_back((units - along[..., None] * per_deviation) * per_deviation, tilts)


def share_alike(tilts: Tilts, moved: Array) -> float:
    """The share of placebos (count, K, n) that are the forecast's tilts, to a tenth of their tracking error."""
    apart, own = tilts.risk(moved - tilts.weights).sum(axis=1), tilts.risk(tilts.weights).sum()
    return float((apart <= SAME_TILT * own).mean())


def _brought_back(moved: Array, tilts: Tilts) -> Array:
    """Changes of weights (N, K, n) inside the ranges, which sum to zero, with no more risk than the forecast's."""
    wanted = tilts.risk(tilts.weights)
    for _ in range(SCALING_ROUNDS):
        moved = _balanced(np.clip(_to_risk(moved, tilts, wanted, np.inf), tilts.lower, tilts.upper))
    return _to_risk(moved, tilts, wanted, 1.0)


def _to_risk(moved: Array, tilts: Tilts, wanted: Array, limit: float) -> Array:
    """Changes of weights times one factor a day, at most `limit`, that gives them the risk wanted (K,)."""
    risk = tilts.risk(moved)
    factor = np.divide(wanted, risk, out=np.zeros_like(risk), where=risk > 0.0)
    return moved * np.minimum(factor, limit)[..., None]


def _balanced(moved: Array) -> Array:
    """Changes of weights whose larger side, buys or sells, is reduced to the other: they sum to zero."""
    buys, sells = np.maximum(moved, 0.0), np.maximum(-moved, 0.0)
    bought, sold = buys.sum(axis=-1, keepdims=True), sells.sum(axis=-1, keepdims=True)
    both = np.minimum(bought, sold)
    share = [np.divide(both, side, out=np.zeros_like(both), where=side > 0.0) for side in (bought, sold)]
    balanced: Array = buys * share[0] - sells * share[1]
    return balanced
