"""Domain randomisation: training paths with volatilities, correlations and costs around those of the training days.

A policy that was trained at one volatility and one cost is good there; elsewhere its quality is unknown. With
variation, each episode is played in one of `VARIANTS` variants of the training days, spread evenly over the given
ranges.
Source : Tobin, Fong, Ray, Schneider, Zaremba and Abbeel (2017), Domain randomization for transferring deep neural
networks from simulation to the real world, section III.
"""

from typing import ClassVar

import numpy as np

from foundation.arguments import is_number, refuse
from foundation.arrays import Array, Mask
from foundation.dataclasses import asdict, dataclass
from foundation.errors import ConfigError
from foundation.paper.wording import percent
from foundation.tolerances import VARIATION
from research.market import Market

VARIANTS = 32


@dataclass(frozen=True)
class Variation:
    """The ranges of volatilities, correlations and costs of training paths around the training days; by default none.

    volatility  : x, 1 to 4: all volatilities are multiplied by one factor between 1/x and x, log-uniform; 1 changes
                  none.
    cost        : x, 1 to 10: all commissions and spreads are multiplied likewise; 1 changes none.
    correlation : s, 0 to 0.9: correlations move by up to this share of the way to zero or, as often, to one; 0 changes
                  none.
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
                refuse(f"{name} of Variation is", value, f"give a number from {low:g} (no variation) to {high:g}.")
            object.__setattr__(self, name, float(value))

    @property
    def variants(self) -> int:
        """The number of variants; 1 without variation."""
        return 1 if self == Variation() else VARIANTS

    @property
    def points(self) -> Array:
        """(V, 3) the variants: factor of volatility, share of the correlations' way, factor of costs.

        A share below zero is of the way to no correlation.

        They are points of a Halton sequence, which fills the ranges evenly, and are the same for every seed.
        """
        if self.variants == 1:
            return np.array([[1.0, 0.0, 1.0]])
        from scipy.stats.qmc import Halton

        place = 2.0 * Halton(3, scramble=False).random(VARIANTS + 1)[1:] - 1.0
        return np.column_stack(
            [self.volatility ** place[:, 0], self.correlation * place[:, 1], self.cost ** place[:, 2]]
        )


def varied(market: Market, held: Mask, first: int, stop: int, factor: float, share: float) -> Array:
    """(T, n) simple returns of a market in which some assets have other second moments on some days, fraction.

    Means stay. An asset that does not trade on a day moves with the others; assets that always moved as one still do.
    market : T days of n assets.
    held   : (n,) the assets that change.
    first  : first row that changes.
    stop   : row before which the change ends.
    factor : factor of each asset's volatility on these days.
    share  : the correlations C of these days become (1 - |share|) C + |share| times the identity (share below zero) or
             times a matrix of ones (above).
    Raises : ConfigError where an asset would lose more than its whole value in a day.
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
            f"with volatility times {factor:.2f}, {market.assets[moves[i]]} would lose {percent(-made[t, i], 0)} on "
            f"{market.dates[first + t]:%Y-%m-%d}, where it really lost {percent(-own[t, i], 0)}: lower the volatility "
            "or the correlation of Variation."
        )
    out[days, moves] = made
    return out


def _power(matrix: Array, exponent: float) -> Array:
    """A symmetric, positive semidefinite matrix to a power, in the directions in which it is not zero."""
    values, vectors = np.linalg.eigh(matrix)
    some = values > VARIATION * values[-1]
    return (vectors[:, some] * values[some] ** exponent) @ vectors[:, some].T
