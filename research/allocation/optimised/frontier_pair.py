"""The cost of an allocation's limits: its frontier with and without them, and the position of its weights."""

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass
from research.allocation.constrained.on_forecast import root_of_moments
from research.allocation.optimised.frontier import Frontier
from research.allocation.optimised.mean_variance import MeanVariance
from research.market import Past

WITHOUT = 3  # times as many points on the frontier without limits: most of it lies beyond the other


@dataclass(frozen=True, eq=False)
class FrontierPair:
    """Two frontiers of one forecast on one day, of returns a year.

    limited   : under all constraints.
    unlimited : under the limits of the net and gross weight alone.
    weights   : (n,) the best under all constraints, fraction of NAV.
    mean      : (n,) mean of each asset, by the forecast.
    root      : (r, n) with root' root = covariance.
    """

    limited: Frontier
    unlimited: Frontier
    weights: Array
    mean: Array
    root: Array

    def place(self, weights: Array) -> tuple[float, float]:
        """Volatility and mean of weights (n,)."""
        return float(np.linalg.norm(self.root @ weights)), float(self.mean @ weights)

    @property
    def given_up(self) -> float:
        """The gain of the mean without the limits, at the volatility of the weights.

        NaN where the frontier without limits has no point of that volatility.
        """
        volatility, mean = self.place(self.weights)
        without = self.unlimited
        return float(np.interp(volatility, without.risk, without.mean, np.nan, np.nan)) - mean


def frontier_pair(
    allocation: MeanVariance, past: Past, points: int = 50, previous: Array | None = None
) -> FrontierPair:
    """The frontiers of an allocation with its limits and without, at the close of `past`.

    allocation : allocation with the objective whose weights are shown.
    past       : market of N assets, n of which have a complete window.
    points     : number of points of the frontier with limits, at least 2.
    previous   : (N,) target before, against which a turnover is limited; None for none.
    Raises     : as the allocation does.
    """
    asked = allocation.programme(past, previous)
    return FrontierPair(
        allocation.frontier(past, points, previous),
        allocation.unlimited.frontier(past, WITHOUT * points),
        asked.best(asked.limits).weights,
        asked.moments.mean,
        root_of_moments(asked.moments),
    )
