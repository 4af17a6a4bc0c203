"""The efficient frontier under limits: one programme, solved for each target return."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd

from foundation.arguments import is_whole, refuse
from foundation.arrays import Array, freeze_fields
from research.allocation.answer import Binding, NotSolvedError
from research.allocation.constraints.active_set import by_active_sets
from research.allocation.constraints.binding import binding_of
from research.allocation.constraints.branch import best
from research.allocation.constraints.conic import ConeProgramme
from research.allocation.constraints.limits import Limits
from research.allocation.constraints.optimum import elastic_of, of_held, optimum, prices_of, tidy, weights_in
from research.allocation.constraints.programme import Solved
from research.allocation.optimised.aims import maximum_return, minimum_volatility, return_limit

INSIDE = 1e-7  # of the frontier's span of returns: the last point is so far below the largest return


@dataclass(frozen=True, eq=False)
class Frontier:
    """Points of the frontier, from the least volatility to the largest mean.

    assets     : n names.
    weights    : (k, n) fraction of NAV.
    mean       : (k,) a year.
    volatility : (k,) a year.
    binding    : k, the limits that bind at each point besides its mean, with what one more unit takes off the
                 volatility.
    """

    assets: tuple[str, ...]
    weights: Array
    mean: Array
    volatility: Array
    binding: tuple[tuple[Binding, ...], ...]

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "weights", "mean", "volatility")

    def summary(self) -> pd.DataFrame:
        """A row a point: mean, volatility, number of assets held, and the limit that binds most."""
        return pd.DataFrame(
            {
                "mean": self.mean,
                "volatility": self.volatility,
                "lines": (np.abs(self.weights) > 1e-6).sum(axis=1),
                "binds": [one[0].limit if one else "" for one in self.binding],
            }
        )

    def __repr__(self) -> str:
        """The table of its points."""
        return self.summary().to_string(float_format=lambda value: f"{value:.4f}")


def _by_cones(programme: ConeProgramme, limits: Limits, place: int, target: float) -> Solved:
    """The point of least volatility with a mean of `target`, the bound of the limit at `place`."""
    found = best(programme, {place: target}).point
    if found is None:
        raise NotSolvedError(f"no solver found the frontier's point of {target:.4%} a year")
    if (whole := of_held(limits, found)) is not None:
        found = programme.solve({place: target}, whole) or found
    return programme.sharpened(found, {place: target}, whole)


def frontier(limits: Limits, mean: Array, root: Array, points: int = 50) -> Frontier:
    """The least volatility at each of evenly spaced means, under limits.

    limits : limits of the day, over n assets.
    mean   : (n,) a year.
    root   : (r, n) with root' root = covariance a year.
    points : number of points, at least 2.
    Raises : NotSolvedError where no weights keep the limits; ConfigError for fewer points.
    Source : Markowitz (1952), Portfolio Selection.
    """
    if not is_whole(points) or points < 2:
        refuse("points of a frontier is", points, "give a whole number, at least 2.")
    least_volatile = optimum(limits, minimum_volatility(root)).weights
    last = optimum(limits, maximum_return(mean)).weights
    low, high = float(mean @ least_volatile), float(mean @ last)
    targets = np.linspace(low, max(high - INSIDE * (high - low), low), points)
    with_target = limits.with_limits([*limits.limits, return_limit(mean, low)])
    place, aim, elastic = len(limits.limits), minimum_volatility(root), elastic_of(limits)
    programme = cache(lambda: ConeProgramme(with_target, aim.objective, elastic))
    weights, binding = [], []
    for target in targets.tolist():
        found = None
        if not elastic.prices and not elastic.pools:
            found = by_active_sets(limits.with_limits([*limits.limits, return_limit(mean, target)]), aim.objective)
        found = found or _by_cones(programme(), with_target, place, target)
        weights.append(tidy(limits, weights_in(limits, found)))
        prices = prices_of(limits, aim, replace(found, duals=found.duals[:place]))
        binding.append(binding_of(limits, weights[-1], prices, aim.unit, aim.smaller))
    table = np.array(weights)
    volatility = np.linalg.norm(table @ root.T, axis=1)
    return Frontier(limits.assets, table, table @ mean, volatility, tuple(binding))
