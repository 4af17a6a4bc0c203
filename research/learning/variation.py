"""Domain randomisation: worlds whose volatilities, correlations and costs lie around those of the training days.

What is learned where only one volatility and one price of trading were ever met is good there, and nobody knows where
else. An episode is then played in one of `VARIANTS` variants of the training days, spread evenly over the ranges.
Source : Tobin, Fong, Ray, Schneider, Zaremba and Abbeel (2017), Domain randomization for transferring deep neural
networks from simulation to the real world, section III.
"""

from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

from research.arguments import is_number, refuse
from research.arrays import Array, Mask
from research.errors import ConfigError
from research.market import Market

VARIANTS = 32
STILL = 1e-12  # of the largest eigenvalue: a direction in which nothing moves


@dataclass(frozen=True)
class Variation:
    """How far the worlds of training lie from the training days; by default not at all.

    volatility, cost : all volatilities, and all commissions and spreads, are multiplied by a factor between 1/x and x,
                  even in logs: 1 leaves them. Up to 4, and up to 10.
    correlation : correlations move part of the way to none or, as often, to one, up to this share of it: 0 leaves them.
    Raises      : ConfigError for a number out of range.
    """

    volatility: float = 1.0
    correlation: float = 0.0
    cost: float = 1.0
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, low, high in (("volatility", 1.0, 4.0), ("correlation", 0.0, 0.9), ("cost", 1.0, 10.0)):
            value = asdict(self)[name]
            if not is_number(value) or not low <= value <= high:
                refuse(f"{name} of Variation is", value, f"give a number from {low:g}, which leaves it, to {high:g}.")
            object.__setattr__(self, name, float(value))

    @property
    def variants(self) -> int:
        """How many there are; one where nothing varies."""
        return 1 if self == Variation() else VARIANTS

    @property
    def points(self) -> Array:
        """(V, 3) factor of volatility, share of the way of correlations (below zero to none), factor of costs.

        Those of a Halton sequence, which fill the ranges evenly: the same for every seed.
        """
        if self.variants == 1:
            return np.array([[1.0, 0.0, 1.0]])
        from scipy.stats.qmc import Halton

        place = 2.0 * Halton(3, scramble=False).random(VARIANTS + 1)[1:] - 1.0
        return np.column_stack(
            [self.volatility ** place[:, 0], self.correlation * place[:, 1], self.cost ** place[:, 2]]
        )


def varied(market: Market, held: Mask, first: int, stop: int, factor: float, share: float) -> Array:
    """(T, n) returns of a market whose lines `held` (n,) have other moments from row `first` and before `stop`.

    factor : of every line's volatility on these days.  share : the correlations C of these days become
    (1 - |share|) C + |share| times those of lines that move alone (share below zero) or all as one (above).
    Means stay as they are. Lines that do not trade on a day move with the others; lines that have only ever moved as
    one still do.
    Raises : ConfigError where a line would lose more than all it is worth on a day.
    """
    out, days = market.returns.copy(), slice(first, stop)
    moves = np.flatnonzero(held)
    own = market.returns[days, moves]
    mean, deviation = own.mean(axis=0), own.std(axis=0)
    now = np.atleast_2d(np.corrcoef(own, rowvar=False))
    goal = np.ones_like(now) if share > 0.0 else np.eye(len(now))
    other = (1.0 - abs(share)) * now + abs(share) * goal
    shocks = (own - mean) / deviation @ _power(now, -0.5) @ _power(other, 0.5)
    made = mean + factor * deviation * shocks / shocks.std(axis=0)
    if made.min() < -1.0:
        t, i = divmod(int(np.argmin(made)), len(moves))
        raise ConfigError(
            f"with volatility times {factor:.2f}, {market.assets[moves[i]]} would lose {-made[t, i]:.0%} on "
            f"{market.dates[first + t]:%Y-%m-%d}, when it lost {-own[t, i]:.0%}: lower the volatility or the "
            "correlation of Variation."
        )
    out[days, moves] = made
    return out


def _power(matrix: Array, exponent: float) -> Array:
    """A symmetric, positive semidefinite matrix to a power, in the directions in which it is not zero."""
    values, vectors = np.linalg.eigh(matrix)
    some = values > STILL * values[-1]
    result: Array = (vectors[:, some] * values[some] ** exponent) @ vectors[:, some].T
    return result
