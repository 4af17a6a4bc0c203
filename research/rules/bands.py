"""A band round each asset's target, as arrays, and the question that is asked of it, compiled."""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Mask, owned
from foundation.compiled import inlined, linked
from foundation.compiled.simd import Number, maximum
from foundation.tolerances import TARGET_TOLERANCE, TRIGGER, WEIGHT


class Triggers(NamedTuple):
    """The bounds past which a rule trades.

    lower : (K, n) it trades when a weight is below, fraction of NAV,
    upper : (K, n) or above it, fraction of NAV.
    cash  : (K, 4) bounds of cash: the same two first, fraction of NAV.
    k     : row in force.
    """

    lower: Array
    upper: Array
    cash: Array
    k: int


@inlined
def past_trigger(weight: Number, lower: Number, upper: Number) -> Number:
    """Distance of a weight past its trigger, negative inside; of one portfolio, or of many in registers."""
    return maximum(lower - weight, weight - upper)


@inlined
def ask(weights: Array, cash_weight: float, tradable: Mask, t: int, triggers: Triggers) -> bool:
    """True if the rule trades. An asset that cannot trade in row t does not trigger.

    weights     : (n,) weights as drifted, fraction of NAV.
    cash_weight : weight of cash, fraction of NAV.
    tradable    : (T, n) whether each asset can trade.
    t           : row of the day in it.
    triggers    : bounds in force.
    """
    lower, upper, cash, k = triggers.lower, triggers.upper, triggers.cash, triggers.k
    past = past_trigger(cash_weight, cash[k, 0], cash[k, 1])
    for i in range(len(weights)):
        gap = past_trigger(weights[i], lower[k, i], upper[k, i])
        past = max(past, gap if tradable[t, i] else -np.inf)
    return past > TRIGGER


@inlined
def near(units: Array, prices: Array, t: int, nav: float, cash_value: float, triggers: Triggers) -> bool:
    """True if `ask` may be true at row t of prices. A first look at half the cost, for the days without a trade.

    units      : (n,) units held.
    prices     : (T, n) worth of a unit, currency.
    t          : row of the day in it.
    nav        : currency.
    cash_value : cash held, currency.
    triggers   : bounds in force.

    It is true wherever `ask` is, by half the tolerance. No asset waits for another here, so eight are compared at once.
    """
    lower, upper, cash, k = triggers.lower, triggers.upper, triggers.cash, triggers.k
    per_nav, past, close = 1.0 / nav, 0, 0.5 * TRIGGER
    for i in range(len(units)):
        weight = (units[i] * prices[t, i]) * per_nav
        past |= (lower[k, i] - weight > close) | (weight - upper[k, i] > close)
    cash_weight = cash_value * per_nav
    return past != 0 or max(cash[k, 0] - cash_weight, cash_weight - cash[k, 1]) > close


@linked
def reason(
    weights: Array, cash_weight: float, tradable: Mask, t: int, target: Array, triggers: Triggers
) -> tuple[int, float, float]:
    """(asset, size, allowed): the asset furthest past its trigger, or closest to it, its gap and the gap allowed.

    weights     : (n,) weights as drifted, fraction of NAV.
    cash_weight : weight of cash, fraction of NAV.
    tradable    : (T, n) whether each asset can trade.
    t           : row of the day in it.
    target      : (K, n) fraction of NAV.
    triggers    : bounds in force.
    Returns     : number of the asset, and the gaps, fraction of NAV. Among equals, to a rounding, it is the first;
                  cash, whose number is -1, comes last.
    """
    lower, upper, cash, k = triggers.lower, triggers.upper, triggers.cash, triggers.k
    line, past, aim = -1, -np.inf, 1.0
    for i in range(len(weights)):
        aim -= target[k, i]
        gap = gap_of(weights[i], lower[k, i], upper[k, i])
        if tradable[t, i] and gap > past + WEIGHT:
            line, past = i, gap
    if line < 0 or gap_of(cash_weight, cash[k, 0], cash[k, 1]) > past + WEIGHT:
        size = cash_weight - aim
        return -1, size, (cash[k, 1] if size > 0.0 else cash[k, 0]) - aim
    size = weights[line] - target[k, line]
    return line, size, (upper[k, line] if size > 0.0 else lower[k, line]) - target[k, line]


@inlined
def gap_of(weight: float, lower: float, upper: float) -> float:
    """Distance of a weight past its trigger, negative inside.

    A bound at zero counts only once it is crossed: a weight of zero is not close to trading.
    """
    under, over = lower - weight, weight - upper
    if lower == 0.0 and under <= 0.0:
        under = -np.inf
    if upper == 0.0 and over <= 0.0:
        over = -np.inf
    return max(under, over)


def band_rows(target: Array, trigger: Array | float, box: Array | float) -> dict[str, Array]:
    """The rows of a symmetric band round each target, as `NoTradeBands` hold them.

    target       : (K, n) fraction of NAV.
    trigger, box : half-widths, fraction of NAV: (K, n + 1) with that of cash last, (K, 1), or one for all.

    A long asset's box ends at zero, a short asset's too, and so does that of cash, which the target's rest is the
    target of. A target that leaves nothing to cash (less than 1e-9 of NAV) gives cash the box [0, 0]. The trigger of
    cash does
    not end at zero: fees and interest that overdraw it by less than the trigger wait for the next trade.
    """
    cash = cash_of(target)
    full = np.concatenate([target, cash[:, None]], axis=1)
    bounds = np.empty((4, *full.shape))
    for k, width in ((0, trigger), (2, box)):
        np.subtract(full, width, out=bounds[k])
        np.add(full, width, out=bounds[k + 1])
    of_cash, lower, upper = bounds[:, :, -1].T.copy(), bounds[::2], bounds[1::2]
    long = full >= 0.0  # each ends on its own side of zero
    np.maximum(lower, np.where(long, 0.0, -np.inf), out=lower)
    np.minimum(upper, np.where(long, np.inf, 0.0), out=upper)
    of_cash[:, 2:] = np.where(cash[:, None] == 0.0, 0.0, bounds[2:, :, -1].T)
    names = ("trigger_lower", "trigger_upper", "lower", "upper")
    return {"target": target, **dict(zip(names, owned(bounds)[:, :, :-1], strict=True)), "cash": of_cash}


def own_sides(target: Array) -> dict[str, Array]:
    """The boxes of assets that may go anywhere on their own side of zero: up to one, or a target beyond it.

    target  : (K, n) fraction of NAV.
    Returns : "lower" and "upper" bounds, (K, n) each, fraction of NAV.
    """
    return {
        "lower": np.where(target < 0.0, np.minimum(target, -1.0), 0.0),
        "upper": np.where(target > 0.0, np.maximum(target, 1.0), 0.0),
    }


def is_fully_invested(target: Array) -> bool:
    """True if a target (n,), fraction of NAV, leaves nothing to cash, as `cash_of` counts it."""
    return bool(cash_of(target[None])[0] == 0.0)


def cash_of(target: Array) -> Array:
    """The cash weight of targets: zero where it is less than 1e-9 of NAV.

    target  : (K, n) fraction of NAV.
    Returns : (K,) fraction of NAV.
    """
    cash: Array = 1.0 - target.sum(axis=1)
    cash[np.abs(cash) < TARGET_TOLERANCE] = 0.0
    return cash


def or_narrowest(widths: Array) -> Array:
    """The widths (K, n + 1), with the narrowest of the row's others in place of one that is zero."""
    narrowest = np.where(widths > 0.0, widths, np.inf).min(axis=1, keepdims=True)
    return np.where(widths > 0.0, widths, np.where(np.isinf(narrowest), 0.0, narrowest))
