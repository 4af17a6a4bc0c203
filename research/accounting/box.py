"""The nearest point of a box: where a rule's box sends the weights, compiled.

A *box* is (lower, upper) per line and for cash, fractions of NAV.
"""

import numpy as np

from research.arrays import Array, Mask
from research.compiled import inlined, linked, on_demand
from research.tolerances import WEIGHT_SUM


@inlined
def _cheapest(out: Array, lower: Array, upper: Array, movable: Mask, cost: Array, side: float, above: float) -> float:
    """The least cost beyond `above` of a movable line that has room on the way up (1.0) or down (-1.0); else inf."""
    least = np.inf
    for i in range(len(out)):
        far = upper[i] if side > 0.0 else lower[i]
        if movable[i] and above < cost[i] < least and (far - out[i]) * side > 0.0:
            least = cost[i]
    return least


@inlined
def _kink(
    weights: Array, lower: Array, upper: Array, movable: Mask, cost: Array, level: float, side: float, distance: float
) -> tuple[float, int]:
    """(next, moving): how far the lines of one cost go together before one of them stops or joins, and how many move.

    A line that was clamped into its box stands ahead of the others, and waits for them.
    """
    following, moving = np.inf, 0
    for i in range(len(weights)):
        if movable[i] and cost[i] == level:
            far, near = (upper[i], lower[i]) if side > 0.0 else (lower[i], upper[i])
            to_far, to_near = (far - weights[i]) * side, (near - weights[i]) * side
            if to_near > distance:
                following = min(following, to_near)
            elif to_far > distance:
                following = min(following, to_far)
                moving += 1
    return following, moving


@linked
def spread(weights: Array, lower: Array, upper: Array, movable: Mask, cost: Array, amount: float, out: Array) -> float:
    """Move `out`, inside its box, by `amount` in all, at least cost; gives what could not be placed, fraction of NAV.

    weights : (n,) as drifted, fraction of NAV.
    lower   : (n,) lower bound of each line, fraction of NAV.
    upper   : (n,) upper bound of each line, fraction of NAV.
    movable : (n,) whether each line may be moved.
    cost    : (n,) a side, fraction of the notional, by which lines are ranked.
    amount  : fraction of NAV to be added to the lines, below 0 to be taken from them.
    out     : (n,) weights inside the box, fraction of NAV; moved in place.

    The cheapest lines move first; lines of equal cost move by one common distance from `weights`, as far as each one's
    box lets it, which is the nearest such point in the sense of Euclid.
    """
    side = 1.0 if amount > 0.0 else -1.0
    left = amount * side
    level = -1.0
    while left > WEIGHT_SUM:
        level = _cheapest(out, lower, upper, movable, cost, side, level)
        if level == np.inf:
            return left * side
        distance = 0.0
        while left > WEIGHT_SUM:  # from one kink of the piecewise linear room to the next
            following, moving = _kink(weights, lower, upper, movable, cost, level, side, distance)
            if following == np.inf:
                break
            if moving > 0 and left < (following - distance) * moving:
                distance, left = distance + left / moving, 0.0
            else:
                distance, left = following, left - (following - distance) * moving
        for i in range(len(out)):
            if movable[i] and cost[i] == level:
                out[i] = min(max(weights[i] + side * distance, lower[i]), upper[i])
    return 0.0


@linked
def rescale(
    lower: Array, upper: Array, movable: Mask, cash_lower: float, cash_upper: float, side: float, out: Array
) -> None:
    """Scale the bounds that cannot be met, all by one factor, cash's too, to what the other lines leave.

    lower      : (n,) lower bound of each line, fraction of NAV.
    upper      : (n,) upper bound of each line, fraction of NAV.
    movable    : (n,) whether each line may be moved.
    cash_lower : lower bound of cash, fraction of NAV.
    cash_upper : upper bound of cash, fraction of NAV.
    side       : above 0 to scale the upper bounds, below 0 to scale the lower ones.
    out        : (n,) weights, fraction of NAV; those of the scaled lines are written.
    """
    scaled = cash_upper if side > 0.0 else cash_lower
    rest = 1.0
    for i in range(len(out)):
        far = upper[i] if side > 0.0 else lower[i]
        if movable[i] and far > 0.0:
            scaled += far
        else:
            rest -= out[i]
    if scaled > 0.0:
        factor = max(rest, 0.0) / scaled
        for i in range(len(out)):
            far = upper[i] if side > 0.0 else lower[i]
            if movable[i] and far > 0.0:
                out[i] = far * factor


@on_demand
def nearest(
    weights: Array,
    tradable: Mask,
    lower: Array,
    upper: Array,
    target: Array,
    cash_lower: float,
    cash_upper: float,
    cost: Array,
    movable: Mask,
    out: Array,
) -> float:
    """The point of the box nearest to `weights`: least cost-weighted L1 distance, ties by Euclid; gives cash's weight.

    weights    : (n,) as drifted, fraction of NAV.
    tradable   : (n,) whether each line can trade.
    lower      : (n,) lower bound of each line, fraction of NAV.
    upper      : (n,) upper bound of each line, fraction of NAV.
    target     : (n,) fraction of NAV.
    cash_lower : lower bound of cash, fraction of NAV.
    cash_upper : upper bound of cash, fraction of NAV.
    cost       : (n,) a side, fraction of the notional.
    movable    : (n,) scratch, boolean.
    out        : (n,) the point, fraction of NAV; written.

    Every line is clamped into its box, cash takes what its own box allows, and what remains is spread over the lines
    with room (`spread`). A line that cannot trade stays where it is. One with an infinite bound is clamped by the other
    bound, and takes nothing in the spread. A line with target zero is never raised. Bounds that cannot be met are
    scaled, all by one factor; if none is left to scale, the rest is cash. All weights and cash sum to one. A line that
    would move by rounding only does not move.
    """
    n = len(weights)
    total = 0.0
    for i in range(n):
        out[i] = min(max(weights[i], lower[i]), upper[i]) if tradable[i] else weights[i]
        total += out[i]
    cash = 1.0 - total
    excess = cash - min(max(cash, cash_lower), cash_upper)
    if abs(excess) > WEIGHT_SUM:
        for i in range(n):
            bounded = abs(lower[i]) + abs(upper[i]) < np.inf
            movable[i] = tradable[i] and bounded and (excess < 0.0 or target[i] != 0.0)
        if spread(weights, lower, upper, movable, cost, excess, out) != 0.0:
            rescale(lower, upper, movable, cash_lower, cash_upper, excess, out)
    total = 0.0
    for i in range(n):
        if abs(out[i] - weights[i]) <= WEIGHT_SUM:
            out[i] = weights[i]
        total += out[i]
    return 1.0 - total
