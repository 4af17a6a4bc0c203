"""The efficient frontier under limits: one programme, solved for each target return."""

from functools import cache

import numpy as np
import pandas as pd

from foundation.arguments import is_whole, refuse
from foundation.arrays import Array, freeze_fields
from foundation.dataclasses import dataclass, replace
from foundation.paper.wording import percent
from research.allocation.answer import Binding, NotSolvedError
from research.allocation.constraints.active_set import by_active_sets
from research.allocation.constraints.binding import binding_of
from research.allocation.constraints.branch import best
from research.allocation.constraints.conic import ConeProgramme
from research.allocation.constraints.limits import Limits
from research.allocation.constraints.optimum import elastic_of, limit_prices, of_held, optimum, tidy, weights_in
from research.allocation.constraints.programme import Solved
from research.allocation.optimised.aims import maximum_return, return_limit
from research.allocation.risk_based.risks import Risk

INSIDE_SPAN = 1e-7  # of the frontier's span of returns: the last point is so far below the largest return


@dataclass(frozen=True, eq=False)
class Frontier:
    """Points of the frontier, from the least risk to the largest mean.

    assets  : n names.
    weights : (k, n) fraction of NAV.
    mean    : (k,) a year.
    risk    : (k,) in its unit.
    unit    : unit of the risk, such as "volatility a year".
    binding : k, the limits that bind at each point besides its mean, with what one more unit takes off the risk.
    """

    assets: tuple[str, ...]
    weights: Array
    mean: Array
    risk: Array
    unit: str
    binding: tuple[tuple[Binding, ...], ...]

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "weights", "mean", "risk")

    def summary(self) -> pd.DataFrame:
        """A row a point: mean, risk, number of assets held, and the limit that binds most."""
        return pd.DataFrame(
            {
                "mean": self.mean,
                self.unit: self.risk,
                "lines": (np.abs(self.weights) > 1e-6).sum(axis=1),
                "binds": [one[0].limit if one else "" for one in self.binding],
            }
        )

    def __repr__(self) -> str:
        """The table of its points."""
        return self.summary().to_string(float_format=lambda value: f"{value:.4f}")


def _by_cones(programme: ConeProgramme, limits: Limits, place: int, target: float, *, sharpen: bool) -> Solved:
    """The point of least risk with a mean of `target`, the bound of the limit at `place`."""
    found = best(programme, {place: target}).point
    if found is None:
        raise NotSolvedError(f"no solver found the frontier's point of {percent(target, 4)} a year")
    if (whole := of_held(limits, found)) is not None:
        found = programme.solve({place: target}, whole) or found
    return programme.sharpened(found, {place: target}, whole) if sharpen else found


def frontier(limits: Limits, mean: Array, risk: Risk, points: int = 50) -> Frontier:
    """The least risk at each of evenly spaced means, under limits.

    limits : limits of the day, over n assets.
    mean   : (n,) a year.
    risk   : risk of the weights.
    points : number of points, at least 2.
    Raises : NotSolvedError where no weights keep the limits; ConfigError for fewer points.
    Source : Markowitz (1952), Portfolio Selection.
    """
    if not is_whole(points) or points < 2:
        refuse("points of a frontier is", points, "give a whole number, at least 2.")
    aim = risk.aim
    least_risky = optimum(limits, aim).weights
    last = optimum(limits, maximum_return(mean)).weights
    low, high = float(mean @ least_risky), float(mean @ last)
    targets = np.linspace(low, max(high - INSIDE_SPAN * (high - low), low), points)
    with_parts = replace(limits, parts=(*limits.parts, *risk.parts))
    with_target = with_parts.with_limits([*limits.limits, return_limit(mean, low)])
    place, elastic = len(limits.limits), elastic_of(limits)
    programme = cache(lambda: ConeProgramme(with_target, aim.objective, elastic))
    weights, binding = [], []
    for target in targets.tolist():
        asked, found = limits.with_limits([*limits.limits, return_limit(mean, target)]), None
        if not (risk.parts or elastic.prices or elastic.pools):
            found = by_active_sets(asked, aim.objective)
        if found is None:
            found = _by_cones(programme(), with_target, place, target, sharpen=aim.sharpened is None)
            found = found if aim.sharpened is None else aim.sharpened(asked, elastic, found)
        weights.append(tidy(limits, weights_in(limits, found)))
        prices = limit_prices(limits, aim, replace(found, duals=found.duals[:place]))
        binding.append(binding_of(limits, weights[-1], prices, aim.unit, aim.smaller))
    table = np.array(weights)
    risks = np.array([risk.value(row) for row in table])
    return Frontier(limits.assets, table, table @ mean, risks, risk.unit, tuple(binding))
