"""How hierarchical weights are brought inside bounds of lines and groups of lines.

The weights w0 of a tree say in which proportion lines should be held. Where they break a bound, they go to the w inside
with the least sum of (w - w0)^2 / w0, so that all lines of a group that are at no bound of their own keep their
proportions to each other: w = min(max(factor x w0, lower), upper), one factor a group whose bound holds, and one for
all others. For bounds of lines it is also the w of least relative entropy to w0. (The Euclidean projection would add
the same number of points to each line, to one of 0.5 % as to one of 30 %, and undo what the tree said.) A line of
weight zero takes weight only where the others have no room.

skfolio puts bounds into each split of HRP, projects HERC by relative deviations, and knows none for the whole portfolio
in nested clusters; Riskfolio-Lib cuts off and shares out in turn, and stops where no line lies between its bounds,
which leaves a sum below one.
"""

import numpy as np

from research.allocation.answer import Answer, Binding, NotSolvedError
from research.allocation.bounds import bounds_of
from research.allocation.estimated import placed
from research.allocation.hierarchical.settings import GroupBound, Hierarchical
from research.arguments import refuse
from research.arrays import Array, Rows
from research.market import Past

KEPT = 1e-8  # by how much weights may break a bound
WHOLE = 1e-9  # by how much they may miss a sum of one
NOTHING = 1e-9  # a weight below it is none
LEAST_PRICE = 1e-6  # of a bound that holds weights back; what is less is what a solver leaves of zero


def bounded(weights: Array, settings: Hierarchical, past: Past, lines: Rows) -> Answer:
    """The weights (n,) nearest to those given that keep the bounds, zero for other lines, and what holds them back.

    weights  : (k,) not negative, with sum one, of the columns `lines` (k,) of the market.
    settings : with the bounds.
    Raises   : NotSolvedError for bounds that no weights keep on that day; ConfigError for a line or a group that the
               market does not have.
    """
    if settings.lower == 0.0 and settings.upper == 1.0 and not settings.groups:
        return Answer(placed(weights, lines, past), past.date)
    low = bounds_of(settings.lower, past.assets, 0.0)[lines]
    high = bounds_of(settings.upper, past.assets, 1.0)[lines]
    names = [past.assets[line] for line in lines]
    rows = np.array([*np.eye(len(lines)), *(_members(group, past, lines) for group in settings.groups)])
    low = np.append(low, [group.lower for group in settings.groups])
    high = np.append(high, [group.upper for group in settings.groups])
    found = projected(weights, rows, low, high)
    if found is None:
        raise NotSolvedError(
            f"no weights of {', '.join(names)} sum to 1 within the bounds: least weights of lines sum to "
            f"{low[: len(lines)].sum():.4g}, most weights to {high[: len(lines)].sum():.4g}"
            + "".join(f", {group.by} {group.name} is {group.lower:g} to {group.upper:g}" for group in settings.groups)
        )
    nearest, at_least, at_most = found
    limits = [*names, *(f"{group.by} {group.name}" for group in settings.groups)]
    binding = [
        *(Binding(f"{limits[i]} at least {low[i]:g}", at_least[i]) for i in np.flatnonzero(at_least > LEAST_PRICE)),
        *(Binding(f"{limits[i]} at most {high[i]:g}", at_most[i]) for i in np.flatnonzero(at_most > LEAST_PRICE)),
    ]
    target = placed(nearest, lines, past)
    if not binding:
        return Answer(target, past.date)
    distance = float(((nearest - weights) ** 2 / np.maximum(weights, NOTHING)).sum())
    what = "relative distance from the weights of the tree"
    return Answer(target, past.date, "Clarabel", "optimal", what, distance, tuple(binding))


def projected(weights: Array, rows: Array, low: Array, high: Array) -> tuple[Array, Array, Array] | None:
    """The w (k,) with sum one and low <= rows w <= high of least sum of (w - weights)^2 / weights; None for no such w.

    weights : (k,) not negative, with sum one; they are given back where they keep the rows.
    rows    : (m, k), those of the k lines first, in their order, then others.
    low     : (m,).
    high    : (m,).
    Returns : w; by how much that sum would fall for each unit that a row's least is lower (m,), or its most higher.
    Raises  : NotSolvedError where the solution breaks a bound by more than 1e-8.
    """
    if _kept(weights, rows, low, high):
        return weights, np.zeros(len(rows)), np.zeros(len(rows))
    from research.allocation.hierarchical.quadratic import least_quadratic

    k = len(weights)
    none = weights <= NOTHING
    unheld = np.concatenate([np.where(none, low[:k], high[:k]), high[k:]])  # lines of no weight stay at their least
    for scale, most in ((np.where(none, 1.0, weights), unheld), (np.where(none, 1.0 / k, weights), high)):
        sides = np.vstack([rows, np.ones(k)]) * scale
        found = least_quadratic(
            np.diag(2.0 * scale), -2.0 * np.where(none, 0.0, weights), sides, np.append(low, 1.0), np.append(most, 1.0)
        )
        if found is not None:
            nearest = np.clip(found[0] * scale, low[:k], high[:k])
            if not _kept(nearest, rows, low, high):
                raise NotSolvedError("the weights of the tree cannot be brought inside the bounds to 1e-8")
            return nearest, found[1][:-1], found[2][:-1]
        if not none.any():
            break
    return None


def _kept(weights: Array, rows: Array, low: Array, high: Array) -> bool:
    sums = rows @ weights
    return bool(abs(weights.sum() - 1.0) <= WHOLE and (sums >= low - KEPT).all() and (sums <= high + KEPT).all())


def _members(group: GroupBound, past: Past, lines: Rows) -> Array:
    """(k,) 1 for the lines of a group, else 0."""
    labels = np.array(getattr(past, group.by))
    if group.name not in labels:
        refuse(f"{group.by} of a group is", group.name, f"the market has {', '.join(dict.fromkeys(labels.tolist()))}.")
    return (labels[lines] == group.name).astype(float)
