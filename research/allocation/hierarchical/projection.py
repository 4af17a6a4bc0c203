"""How hierarchical weights are brought within constraints.

The weights w0 of a tree say in which proportion lines should be held. Where they break a constraint, they go to the w
within all of them with the least sum of (w - w0)^2 / w0, so that all lines of a group that are at no bound of their own
keep their proportions to each other: w = min(max(factor x w0, lower), upper), one factor a group whose bound holds, and
one for all others. For bounds of lines it is also the w of least relative entropy to w0. (The Euclidean projection
would add the same number of points to each line, to one of 0.5 % as to one of 30 %, and undo what the tree said.) A
line of weight zero takes weight only where the others have no room, and then counts as one of 1 / k.

skfolio puts bounds into each split of HRP, projects HERC by relative deviations, and knows none for the whole portfolio
in nested clusters; Riskfolio-Lib cuts off and shares out in turn, and stops where no line lies between its bounds,
which leaves a sum below one.
"""

from dataclasses import replace

import numpy as np

from research.allocation.answer import Binding
from research.allocation.constraints.branch import best
from research.allocation.constraints.conic import ConeProgramme, Objective
from research.allocation.constraints.limits import WEIGHTS, Limit, Limits
from research.allocation.optimised.optimum import KEPT, Aim, Optimum, optimum
from research.arrays import Array, Mask

NOTHING = 1e-9  # of NAV: a weight below it is none
UNIT = "relative distance from the weights of the tree"


def nearest(weights: Array, limits: Limits) -> Optimum | None:
    """The weights within limits of least sum of (w - weights)^2 / weights; None where those given keep all.

    weights : (k,) not negative, with sum one.
    limits  : over the k lines.
    Returns : with that sum as its value; the price of a limit is by how much it would fall for each unit of room.
    Raises  : as `optimum`.
    """
    if (limits.outside(weights) <= KEPT).all():
        return None
    none = weights <= NOTHING
    if none.any() and best(ConeProgramme(least := _at_least(limits, none), Objective())).point is not None:
        limits = least
    size = np.where(none, 1.0 / len(weights), weights)
    found = optimum(limits, Aim(Objective({WEIGHTS: -2.0 * weights / size}, np.diag(2.0 / size)), UNIT))
    distance = float(((found.weights - weights) ** 2 / size).sum())
    bounds = {limit.key: limit.bound for limit in limits.limits}
    # What room would bring is not said: a distance is nobody's gain. A line at zero is not held back from being short.
    binding = [replace(one, brings="") for one in found.binding if not _long_only(one, bounds[one.key])]
    return replace(found, value=distance, binding=tuple(binding))


def _at_least(limits: Limits, none: Mask) -> Limits:
    """The limits with some lines (k,) at their least weight; their bounds, which that makes redundant, have no rows."""
    least = np.maximum(limits.of_lines[0], 0.0)[none]
    held = Limit("", "lines of weight zero are at their least", {WEIGHTS: np.eye(len(none))[none]}, least, least, 0.0)
    return limits.with_limits([*(rest for limit in limits.limits if (rest := _of_others(limit, none))), held])


def _of_others(limit: Limit, none: Mask) -> Limit | None:
    """A limit without its rows that bound one of some lines (k,) each; None where it has no others."""
    rows = limit.rows.get(WEIGHTS)
    if rows is None or len(limit.rows) > 1:
        return limit
    kept = (np.count_nonzero(rows, axis=1) != 1) | ~none[np.argmax(rows != 0.0, axis=1)]
    if kept.all() or not kept.any():
        return limit if kept.all() else None
    return replace(limit, rows={WEIGHTS: rows[kept]}, lower=limit.lower[kept], upper=limit.upper[kept])


def _long_only(one: Binding, bound: float) -> bool:
    return bound == 0.0 and one.key.endswith(".least")
