"""The one place where money moves: the self-financing step, compiled.

A day is two calls: `wealth` earns the close, and on a day on which something is due, `book` books and charges it. (One
call for both was measured: handing twenty arrays over on days without a trade costs twenty times the day itself.)

Positions are held in units between trades, so that a day without a trade is one sum of products. A unit of an asset is
worth its total-return index, a unit of cash the cash index. The functions work on one portfolio; the backtest, the
trade list and the learning worlds call them, each with a loop of its own.

A *box* is (lower, upper) per line and for cash, fractions of NAV; see `nearest`. Scratch and record arrays are handed
in by the loops, so that nothing is allocated in a day.
"""

import numpy as np

from research.compiled import inlined, lean
from research.market.market import Array, Mask

DUST = 1e-14  # fraction of NAV below which a sum of weights is rounding
BOOKED, NOTHING_MOVED, REFUSED = 1, 0, -1  # what `settle` and `book` answer


@inlined
def wealth(units: Array, prices: Array, t: int, cash_units: float, cash_price: float) -> float:
    """NAV: units (n,) at row t of prices, and cash. Four sums in a fixed order, so that every loop gives these bits."""
    n = len(units)
    a = b = c = d = 0.0
    stop = n - n % 4
    for i in range(0, stop, 4):
        a += units[i] * prices[t, i]
        b += units[i + 1] * prices[t, i + 1]
        c += units[i + 2] * prices[t, i + 2]
        d += units[i + 3] * prices[t, i + 3]
    for i in range(stop, n):
        a += units[i] * prices[t, i]
    return ((a + b) + (c + d)) + cash_units * cash_price


@inlined
def weigh(units: Array, prices: Array, t: int, nav: float, out: Array) -> float:
    """Weights of the lines, out (n,) = units x row t of prices / nav; gives the weight of cash."""
    per_nav = 1.0 / nav
    total = 0.0
    for i in range(len(units)):
        out[i] = (units[i] * prices[t, i]) * per_nav
        total += out[i]
    return 1.0 - total


# -- the nearest point of a box --------------------------------------------------------------------------------------


@inlined
def _cheapest(out: Array, lower: Array, upper: Array, movable: Mask, cost: Array, way: float, above: float) -> float:
    """The least cost beyond `above` of a movable line that has room on the way up (1.0) or down (-1.0); else inf."""
    least = np.inf
    for i in range(len(out)):
        far = upper[i] if way > 0.0 else lower[i]
        if movable[i] and above < cost[i] < least and (far - out[i]) * way > 0.0:
            least = cost[i]
    return least


@inlined
def _kink(
    weights: Array, lower: Array, upper: Array, movable: Mask, cost: Array, level: float, way: float, distance: float
) -> tuple[float, int]:
    """(next, moving): how far the lines of one cost go together before one of them stops or joins, and how many move.

    A line that was clamped into its box stands ahead of the others, and waits for them.
    """
    following, moving = np.inf, 0
    for i in range(len(weights)):
        if movable[i] and cost[i] == level:
            far, near = (upper[i], lower[i]) if way > 0.0 else (lower[i], upper[i])
            to_far, to_near = (far - weights[i]) * way, (near - weights[i]) * way
            if to_near > distance:
                following = min(following, to_near)
            elif to_far > distance:
                following = min(following, to_far)
                moving += 1
    return following, moving


@lean
def spread(weights: Array, lower: Array, upper: Array, movable: Mask, cost: Array, amount: float, out: Array) -> float:
    """Move `out` (n,), inside its box, by `amount` in all, at least cost; gives what could not be placed.

    The cheapest lines move first; lines of equal cost move by one common distance from `weights`, as far as each one's
    box lets it, which is the nearest such point in the sense of Euclid.
    """
    way = 1.0 if amount > 0.0 else -1.0
    left = amount * way
    level = -1.0
    while left > DUST:
        level = _cheapest(out, lower, upper, movable, cost, way, level)
        if level == np.inf:
            return left * way
        distance = 0.0
        while left > DUST:  # from one kink of the piecewise linear room to the next
            following, moving = _kink(weights, lower, upper, movable, cost, level, way, distance)
            if following == np.inf:
                break
            if moving > 0 and left < (following - distance) * moving:
                distance, left = distance + left / moving, 0.0
            else:
                distance, left = following, left - (following - distance) * moving
        for i in range(len(out)):
            if movable[i] and cost[i] == level:
                out[i] = min(max(weights[i] + way * distance, lower[i]), upper[i])
    return 0.0


@lean
def rescale(
    lower: Array, upper: Array, movable: Mask, cash_lower: float, cash_upper: float, way: float, out: Array
) -> None:
    """Scale the bounds that cannot be met, all by one factor, cash's too, to what the other lines leave."""
    scaled = cash_upper if way > 0.0 else cash_lower
    rest = 1.0
    for i in range(len(out)):
        far = upper[i] if way > 0.0 else lower[i]
        if movable[i] and far > 0.0:
            scaled += far
        else:
            rest -= out[i]
    if scaled > 0.0:
        factor = max(rest, 0.0) / scaled
        for i in range(len(out)):
            far = upper[i] if way > 0.0 else lower[i]
            if movable[i] and far > 0.0:
                out[i] = far * factor


@lean
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

    weights, lower, upper, target, cost, out : (n,); tradable, movable (scratch) : (n,) bool.
    Every line is clamped into its box, cash takes what its own box allows, and what remains is spread over the lines
    with room (`spread`). A line that cannot trade stays where it is. An infinite bound takes nothing in the spread. A
    line with target zero is never raised. Bounds that cannot be met are scaled, all by one factor; if none is left to
    scale, the rest is cash. All weights and cash sum to one. A line that would move by rounding only does not move.
    """
    n = len(weights)
    total = 0.0
    for i in range(n):
        out[i] = min(max(weights[i], lower[i]), upper[i]) if tradable[i] else weights[i]
        total += out[i]
    cash = 1.0 - total
    excess = cash - min(max(cash, cash_lower), cash_upper)
    if abs(excess) > DUST:
        for i in range(n):
            far = upper[i] if excess > 0.0 else lower[i]
            movable[i] = tradable[i] and abs(far) < np.inf and (excess < 0.0 or target[i] != 0.0)
        if spread(weights, lower, upper, movable, cost, excess, out) != 0.0:
            rescale(lower, upper, movable, cash_lower, cash_upper, excess, out)
    total = 0.0
    for i in range(n):
        if abs(out[i] - weights[i]) <= DUST:
            out[i] = weights[i]
        total += out[i]
    return 1.0 - total


# -- paying for it ---------------------------------------------------------------------------------------------------


@inlined
def _moves(
    units: Array, prices: Array, t: int, weights: Array, asked: Array, rates: Array, trades: Array, charges: Array
) -> tuple[float, float, float]:
    """(kept, share, marginal): the value of the lines that keep their units; the fraction of NAV in the others and in
    cash, and what the next unit of it costs at most, or -1 when no line moves. Clears trades and charges.
    """
    kept, share, marginal, moved = 0.0, 1.0, 0.0, False
    for i in range(len(units)):
        trades[i] = 0.0
        for k in range(len(rates)):
            charges[k, i] = 0.0
        if asked[i] == weights[i]:
            kept += units[i] * prices[t, i]
            share -= weights[i]
        else:
            moved = True
            for k in range(len(rates)):
                marginal += rates[k, i] * abs(asked[i])
    return kept, share, marginal if moved else -1.0


@inlined
def _newton(
    units: Array,
    prices: Array,
    t: int,
    nav: float,
    weights: Array,
    asked: Array,
    rates: Array,
    kept: float,
    share: float,
) -> float:
    """The scale s at which kept + share x s + costs(s) = NAV, from above: finite, as the equation is convex."""
    scale = (nav - kept) / share
    for _ in range(2 * len(units) + 2):
        gap, slope = kept + share * scale - nav, share
        for i in range(len(units)):
            if asked[i] != weights[i]:
                traded = asked[i] * scale - units[i] * prices[t, i]
                rate = 0.0
                for k in range(len(rates)):
                    rate += rates[k, i]
                gap += rate * abs(traded)
                slope += rate * asked[i] if traded > 0.0 else -rate * asked[i]
        nearer = scale - gap / slope
        if not nearer < scale:
            break
        scale = nearer
    return scale


@lean
def settle(
    units: Array,
    prices: Array,
    t: int,
    cash_units: float,
    cash_price: float,
    nav: float,
    weights: Array,
    asked: Array,
    rates: Array,
    trades: Array,
    charges: Array,
) -> tuple[int, float]:
    """Bring the portfolio from `weights` to `asked` (n,), paying for it: exact and self-financing.

    A line with asked == weights keeps its units. The others, and cash, end at asked x s, where s makes
    kept + (1 - kept weight) s + costs(s) = NAV: one increasing, convex, piecewise linear equation in s, solved by
    Newton's method from above, which is finite. rates (columns, n): fraction of notional of each named cost.
    Writes units (n,), trades (n,) currency, buys positive, and charges (columns, n) currency.
    Gives (status, cash_units). REFUSED: the marginal costs leave no root, or the wealth is not positive.
    Source: Boyd et al. (2017), Multi-Period Trading via Convex Optimization, section 2.3, with the wealth after costs
    as the unknown instead of the trades before them.
    """
    kept, share, marginal = _moves(units, prices, t, weights, asked, rates, trades, charges)
    if marginal < 0.0:
        return NOTHING_MOVED, cash_units
    if not (nav > 0.0 and marginal < share):
        return REFUSED, cash_units
    scale = _newton(units, prices, t, nav, weights, asked, rates, kept, share)
    cash = cash_units * cash_price
    for i in range(len(units)):
        if asked[i] != weights[i]:
            after = asked[i] * scale
            trades[i] = after - units[i] * prices[t, i]
            units[i] = after / prices[t, i]
            cash -= trades[i]
            for k in range(len(rates)):
                charges[k, i] = rates[k, i] * abs(trades[i])
                cash -= charges[k, i]
    return BOOKED, cash / cash_price


@lean
def book(
    units: Array,
    prices: Array,
    t: int,
    cash_units: float,
    cash_price: float,
    nav: float,
    tradable: Mask,
    lower: Array,
    upper: Array,
    target: Array,
    k: int,
    cash_lower: float,
    cash_upper: float,
    part: float,
    rates: Array,
    cost: Array,
    weights: Array,
    asked: Array,
    movable: Mask,
    trades: Array,
    charges: Array,
    j: int,
) -> tuple[int, float, float]:
    """Move the drifted portfolio `part` of the way to the nearest point of a box, and charge it.

    prices, tradable : rows t.  lower, upper, target : rows k.  weights, asked, movable (n,) : scratch.
    Writes units, and row j of trades and charges; gives (status, nav after costs, cash_units). See `nearest`, `settle`.
    """
    weigh(units, prices, t, nav, weights)
    nearest(weights, tradable[t], lower[k], upper[k], target[k], cash_lower, cash_upper, cost, movable, asked)
    if part < 1.0:
        for i in range(len(asked)):
            if asked[i] != weights[i]:
                asked[i] = weights[i] + part * (asked[i] - weights[i])
    status, cash_units = settle(
        units, prices, t, cash_units, cash_price, nav, weights, asked, rates, trades[j], charges[j]
    )
    return status, wealth(units, prices, t, cash_units, cash_price) if status == BOOKED else nav, cash_units
