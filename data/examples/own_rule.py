"""The rule and the allocation of own_rule.yaml."""

from dataclasses import dataclass

import numpy as np

from foundation.arrays import Array
from research.accounting import Hold, Trade, View, Why
from research.allocation import Allocation
from research.market import Past


@dataclass(frozen=True)
class CalmDays:
    """Rebalance when a weight is off by `band`, but never in a turbulent week."""

    allocation: Allocation
    band: float = 0.03
    turbulence: float = 0.02

    def decide(self, view: View) -> Hold | Trade:
        """Hold while a return of the last five days is past `turbulence`, and within bands."""
        if np.abs(view.past.returns[-5:]).max() > self.turbulence:
            return Hold(Why("the week was turbulent"))
        if np.abs(view.weights - view.target).max() <= self.band:
            return Hold(Why("all weights are within their bands"))
        return Trade.to(view.target, Why("a weight left its band in a calm week"))


@dataclass(frozen=True)
class LowestVolatility:
    """All of the portfolio in the asset whose returns moved least over `window` days."""

    window: int = 252
    schedule: str = "month"

    def target(self, past: Past) -> Array:
        """(n,) one for that asset, zero for the others."""
        deviations = past.returns[-self.window :].std(axis=0)
        return np.eye(len(deviations))[deviations.argmin()]
