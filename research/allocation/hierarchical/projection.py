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

from foundation.arrays import Array, Mask, Rows
from research.allocation.constraints.branch import best
from research.allocation.constraints.conic import ConeProgramme
from research.allocation.constraints.limits import WEIGHTS, Limit, Limits
from research.allocation.constraints.optimum import KEPT, Aim, Optimum, optimum
from research.allocation.constraints.programme import Objective

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
    # What room would bring is not said: a distance is nobody's gain. A line at zero is not held back from being short.
    stated = {limit.key for limit in limits.limits if limit.key and not _long_only(limit)}
    binding = [replace(one, price=abs(one.price), brings="") for one in found.binding if one.key in stated]
    return replace(found, value=distance, binding=tuple(binding))


def _at_least(limits: Limits, none: Mask) -> Limits:
    """The limits with some lines (k,) at the least weight that their hard bounds state, or else at zero."""
    least, eye, open_ = np.maximum(limits.of_lines[0], 0.0), np.eye(len(none)), none.copy()
    found = []
    for limit in limits.limits:
        line = _line_of_rows(limit)
        if line is None or not none[line].any():
            found.append(limit)
            continue
        if not none[line].all():
            found.append(_of_rows(limit, ~none[line]))
        states = open_[line] & (limit.lower == least[line])
        if states.any():
            found.append(replace(_of_rows(limit, states), upper=limit.lower[states]))
            open_[line[states]] = False
    zero = np.zeros(int(open_.sum()))
    found.append(Limit("", "lines of weight zero stay at zero", {WEIGHTS: eye[open_]}, zero, zero, 0.0))
    return limits.with_limits(found)


def _line_of_rows(limit: Limit) -> Rows | None:
    """(r,) the line that each row of a hard limit bounds alone; None for any other limit."""
    rows = limit.rows.get(WEIGHTS)
    if rows is None or len(limit.rows) > 1 or not limit.hard or (np.count_nonzero(rows, axis=1) != 1).any():
        return None
    return np.argmax(rows != 0.0, axis=1)


def _of_rows(limit: Limit, kept: Mask) -> Limit:
    return replace(limit, rows={WEIGHTS: limit.rows[WEIGHTS][kept]}, lower=limit.lower[kept], upper=limit.upper[kept])


def _long_only(limit: Limit) -> bool:
    return limit.bound == 0.0 and limit.key.endswith(".least")
