"""The point of a box: where a rule's box sends the weights, compiled.

A *box* is (lower, upper) per asset and for cash, fractions of NAV. What lies outside it goes to its nearest bound, and
cash takes what its own bounds allow. What remains is placed where it brings assets nearest to their targets for what it
costs: see `place`.
"""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Mask
from foundation.compiled import inlined, linked, on_demand
from foundation.compiled.simd import Number, where
from foundation.tolerances import WEIGHT, WEIGHT_SUM

FREE, TOWARD, BEYOND = range(3)  # the rounds of `place`
BOX_ROUNDS = 200  # of a search that halves its bounds at the worst: 3 to 6, as a rule


class Lines(NamedTuple):
    """The assets that `place` moves into a box.

    lower   : (n,) lower bound of each asset, fraction of NAV.
    upper   : (n,) upper bound of each asset, fraction of NAV.
    target  : (n,) fraction of NAV.
    cost    : (n,) a side, fraction of the notional.
    movable : (n,) whether each asset may be moved.
    """

    lower: Array
    upper: Array
    target: Array
    cost: Array
    movable: Mask


@inlined
def _part(lines: Lines, out: Array, i: int, side: float, turn: int) -> tuple[float, float, float]:
    """(start, pace, end): asset i moves by pace x (level - start), above 0 and to its end; a pace of 0: not at all.

    out : (n,) weights before the round, fraction of NAV.  side : 1.0 to buy, -1.0 to sell.
    """
    gap = (lines.target[i] - out[i]) * side  # below 0 beyond the target
    end = lines.upper[i] if side > 0.0 else lines.lower[i]
    if turn != BEYOND and (end - lines.target[i]) * side > 0.0:
        end = lines.target[i]
    takes_part = lines.movable[i] and (turn == BEYOND or (lines.cost[i] == 0.0) == (turn == FREE))
    if not (takes_part and 0.0 < (end - out[i]) * side < np.inf):
        return 0.0, 0.0, end
    pace = lines.cost[i] if turn == TOWARD else 1.0
    return -gap / pace, pace, end


@inlined
def _range(lines: Lines, out: Array, side: float, turn: int) -> tuple[float, float, float, float, float]:
    """(room, pace, offset, low, high): of all assets that take part, and between which levels they move."""
    room, pace, offset, low, high = 0.0, 0.0, 0.0, np.inf, -np.inf
    for i in range(len(out)):
        start, own, end = _part(lines, out, i, side, turn)
        if own > 0.0:
            far = (end - out[i]) * side
            room, pace, offset = room + far, pace + own, offset + own * start
            low, high = min(low, start), max(high, start + far / own)
    return room, pace, offset, low, high


@linked
def _level(lines: Lines, out: Array, side: float, turn: int, amount: float) -> tuple[float, float]:
    """(room, level): the capacity of all assets, and the level at which they take `amount`; infinite where it is more.

    What they take is a piecewise linear function of the level: Newton's steps, halves where they leave the bounds.
    """
    room, pace, offset, low, high = _range(lines, out, side, turn)
    if room <= amount:
        return room, np.inf
    level = min(max((amount + offset) / pace, low), high)  # as if all took part, none to its end
    for _ in range(BOX_ROUNDS):
        taken, pace = 0.0, 0.0
        for i in range(len(out)):
            start, own, end = _part(lines, out, i, side, turn)
            far, most = own * (level - start), (end - out[i]) * side
            if own > 0.0 and far > 0.0:
                taken += min(far, most)
                pace += own if far < most else 0.0
        missing = amount - taken
        if abs(missing) <= WEIGHT_SUM:
            break
        if missing > 0.0:
            low = level
        else:
            high = level
        nearer = level + missing / pace if pace > 0.0 else low
        level = nearer if low < nearer < high else 0.5 * (low + high)
    return room, level


@linked
def place(lines: Lines, amount: float, out: Array) -> float:
    """Move `out`, inside its box, by `amount` in all; gives the part that could not be placed, fraction of NAV.

    lines  : bounds, targets and costs.
    amount : fraction of NAV to be added to the assets, below 0 to be taken from them.
    out    : (n,) weights inside the box, fraction of NAV; moved in place, all one way.

    First toward targets: only assets that it brings nearer to their own target, and none across it. The largest gap per
    cost goes first, until all have one gap per cost; of all ways to place the amount this leaves the least sum of
    gap^2 / cost. An asset that trades free goes before the others. Only what remains when all of them are at their
    targets goes beyond, within the bounds: the asset that is least past its target first, until all are past it by one
    distance.
    """
    side = 1.0 if amount > 0.0 else -1.0
    left = amount * side
    for turn in range(FREE, BEYOND + 1):
        if left > WEIGHT_SUM:
            room, level = _level(lines, out, side, turn, left)
            for i in range(len(out)):
                start, pace, end = _part(lines, out, i, side, turn)
                far = pace * (level - start) if pace > 0.0 else 0.0
                if far >= (end - out[i]) * side and pace > 0.0:
                    out[i] = end
                elif far > 0.0:
                    out[i] += side * far
            left -= room
    return left * side if left > WEIGHT_SUM else 0.0


@linked
def rescale(lines: Lines, cash_lower: float, cash_upper: float, side: float, out: Array) -> None:
    """Scale the bounds that cannot be met, all by one factor, cash's too, to what the other assets leave.

    lines      : the bounds of each asset, and whether it may be moved.
    cash_lower : lower bound of cash, fraction of NAV.
    cash_upper : upper bound of cash, fraction of NAV.
    side       : above 0 to scale the upper bounds, below 0 to scale the lower ones.
    out        : (n,) weights, fraction of NAV; those of the scaled assets are written.
    """
    scaled = cash_upper if side > 0.0 else cash_lower
    rest = 1.0
    for i in range(len(out)):
        far = lines.upper[i] if side > 0.0 else lines.lower[i]
        if lines.movable[i] and 0.0 < far < np.inf:
            scaled += far
        else:
            rest -= out[i]
    if scaled > 0.0:
        factor = max(rest, 0.0) / scaled
        for i in range(len(out)):
            far = lines.upper[i] if side > 0.0 else lines.lower[i]
            if lines.movable[i] and 0.0 < far < np.inf:
                out[i] = far * factor


@inlined
def rest_of(weights: Array) -> float:
    """The weight of cash beside weights (n,), fraction of NAV."""
    cash = 1.0
    for i in range(len(weights)):
        cash -= weights[i]
    return cash


@on_demand
def into_box(weights: Array, tradable: Mask, lines: Lines, cash_lower: float, cash_upper: float, out: Array) -> float:
    """The point of a box to which these weights are traded; gives cash's weight.

    weights    : (n,) weights as drifted, fraction of NAV.
    tradable   : (n,) whether each asset can trade.
    lines      : box, target and cost of each asset; `movable` is scratch.
    cash_lower : lower bound of cash, fraction of NAV.
    cash_upper : upper bound of cash, fraction of NAV.
    out        : (n,) the point, fraction of NAV; written.

    Every asset is clamped into its box, cash takes what its own box allows, and what remains is placed on the assets
    with room (`place`). An asset that cannot trade stays where it is. One without a lower bound may not be bought, one
    without an upper bound not be sold; the other way it goes to its target at most. An asset with target zero is never
    raised. Bounds that cannot be met are scaled, all by one factor; without one to scale, the rest is cash. All
    weights and cash sum to one. An asset that would move by rounding only does not move.
    """
    n, lower, upper = len(weights), lines.lower, lines.upper
    total = 0.0
    for i in range(n):
        out[i] = min(max(weights[i], lower[i]), upper[i]) if tradable[i] else weights[i]
        total += out[i]
    cash = 1.0 - total
    excess = cash - min(max(cash, cash_lower), cash_upper)
    if abs(excess) > WEIGHT_SUM:
        for i in range(n):
            may = upper[i] < np.inf if excess < 0.0 else lower[i] > -np.inf and lines.target[i] != 0.0
            lines.movable[i] = tradable[i] and may
        if place(lines, excess, out) != 0.0:
            rescale(lines, cash_lower, cash_upper, excess, out)
    total = 0.0
    for i in range(n):
        if abs(out[i] - weights[i]) <= WEIGHT_SUM:
            out[i] = weights[i]
        total += out[i]
    return 1.0 - total


@inlined
def sales_fraction(fraction: Number, cash: Number, buys: Number, sales: Number) -> Number:
    """Fraction of the sales to make: the trade's, or the larger one that pays back overdrawn cash.

    fraction : fraction of the way to the point of the box that the trade goes, in (0, 1].
    cash     : weight of cash before the trade, fraction of NAV.
    buys     : buys on the whole way, fraction of NAV.
    sales    : sales on the whole way, fraction of NAV.

    Where the point itself leaves cash below zero, as for a target that borrows, nothing is paid back.
    """
    needed = fraction * buys - cash
    short = (cash < -WEIGHT) & (cash + (sales - buys) >= -WEIGHT) & (needed > fraction * sales)
    return where(short, needed / sales, fraction)
