"""The optimal region in the problem that its dynamic programme solves: an event has one fee, whatever is traded.

The accounting charges a ticket for each order. Where all trades of a rule move every asset, tickets that sum to the
fee give the same costs. The optimum may trade one asset alone, and is therefore played here.
"""

import numpy as np

from backtests.laboratory.simulate import Laboratory
from foundation.arrays import Array
from foundation.compiled import compiled
from research.risk.measures import BPS
from research.rules.optimum.region import Region, Surfaces, destination, wants


def region_losses(laboratory: Laboratory, region: Region) -> Array:
    """(W,) J of the region on each path of a laboratory after its warm-up, bp of NAV a year."""
    growths = laboratory.model.growths(laboratory.paths, laboratory.days, laboratory.seed)
    losses = np.empty(laboratory.paths)
    _play(growths, region.target, region.cost, region.tracking_penalty, region.surfaces, laboratory.warm_up, losses)
    found: Array = losses / (laboratory.days - laboratory.warm_up) * laboratory.periods_per_year * BPS
    return found


@compiled
def _play(
    growths: Array, target: Array, cost: Array, tracking_penalty: float, region: Surfaces, first: int, losses: Array
) -> None:
    """Write (W,) sums of cost + g/2 x active^2 over the days from row `first` on; growths (W, D, n)."""
    n = len(target)
    gap, to = np.empty(n), np.empty(n)
    for w in range(len(growths)):
        gap[:], losses[w] = 0.0, 0.0
        for t in range(growths.shape[1]):
            paid = 0.0
            if wants(gap, region):
                destination(gap, region, to)
                paid += region.ticket
                for i in range(n):
                    paid += cost[i] * abs(to[i] - gap[i])
                    gap[i] = to[i]
            active, nav = 0.0, 1.0
            for i in range(n):
                grown = growths[w, t, i] - 1.0
                active += gap[i] * grown
                nav += (target[i] + gap[i]) * grown
            for i in range(n):
                gap[i] = (target[i] + gap[i]) * growths[w, t, i] / nav - target[i]
            if t >= first:
                losses[w] += paid + 0.5 * tracking_penalty * active * active
