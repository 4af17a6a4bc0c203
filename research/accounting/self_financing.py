"""Paying for a trade: the wealth after costs that solves the self-financing equation exactly, compiled.

An asset with asked == weights keeps its units. The others, and cash, end at asked x s, where s makes

    kept + (1 - weight asked of the kept assets) x s + costs(s) = NAV

one increasing equation in s: piecewise linear for proportional costs (`_newton`, finite), and with minimums, impact and
tax one that is solved between two bounds (`_root`). It has one root where the sum over the assets that trade of
|asked| x marginal cost is less than the fraction of NAV in them and in cash, which is checked. Where the kept assets
are worth all wealth or more, since cash is overdrawn, the others end at asked x wealth after costs, and cash pays;
likewise where the others are worth so little that what capped orders cost would turn the trade of one of them. As far
as cash would be overdrawn by that, capped buys are reduced.

Costs lower the scale, so an asset that was to be bought by less than its share of them would be sold. Where it may not
be (`one_way`) it keeps its units, and the scale is found anew. A sale grows by as much: where that takes it past the
limit of its order, it trades what it was to trade before costs, and the scale is found anew.

Fixed amounts and smallest orders make the equation jump, so which assets trade is decided once, at the wealth before
costs: an asset whose order would be smaller than the smallest keeps its units, whatever the others then pay. What it
leaves unsold is not spent, and the others are scaled down by it; what it leaves unbought stays in cash, the others then
end at asked x wealth after costs, unless that would leave less in cash than was asked: then they are scaled down too.

Source: Boyd et al. (2017), Multi-Period Trading via Convex Optimization, section 2.3, with the wealth after costs as
the unknown instead of the trades before them.
"""

from typing import NamedTuple

from foundation.arrays import Array, Mask
from foundation.compiled import inlined, linked, on_demand
from foundation.tolerances import WEIGHT
from research.accounting.cost_parameters import COMMISSION, HALF_SPREAD, LONG, SHORT, TAX, CostParameters, Lots
from research.accounting.proportional import (
    Rates,
    Taken,
    charges_of,
    kept_and_share,
    paid_for,
    trade_of,
    with_cost,
    with_line,
)
from research.accounting.tax_lots import (
    buy_lot,
    capital_gains_tax,
    cheapest_lot,
    gain,
    is_taxed,
    net_tax,
    put_in_order,
    sell_lots,
)

BOOKED, NOTHING_MOVED, REFUSED = 1, 0, -1  # what `self_financing_step` and `book` answer
WEALTH_ROUNDS = 200  # of a search that halves its bounds at the worst: 60 suffice


class Booking(NamedTuple):
    """A trade to be paid for: the arguments of `self_financing_step`, as its parts take them.

    units           : (n,) units held.
    prices          : (T, n) worth of a unit, currency.
    t               : row of the prices.
    nav             : value of the portfolio at these prices, currency.
    weights         : (n,) weights as drifted, fraction of NAV.
    asked           : (n,) weights to trade to, fraction of NAV; equal to the weight for an asset that keeps its units.
    capped          : (n,) signed orders that are as large as the session's volume allows, currency; 0 for the others.
    order_limits    : (T, n) the largest orders of each session, currency, or (0, n) without a limit.
    day             : row of the limits.
    one_way         : (n,) whether costs must not turn the asset's trade: it may not be traded the other way.
    cost_parameters : costs of orders.
    r               : row of the rates on this day.
    q               : row of the impact on this day.
    lots            : purchase prices of the holdings.
    """

    units: Array
    prices: Array
    t: int
    nav: float
    weights: Array
    asked: Array
    capped: Array
    order_limits: Array
    day: int
    one_way: Mask
    cost_parameters: CostParameters
    r: int
    q: int
    lots: Lots


@inlined
def _rates(booking: Booking, i: int) -> Rates:
    """The rates of asset i on this day."""
    rates = booking.cost_parameters.rates
    return rates[booking.r, COMMISSION, i], rates[booking.r, HALF_SPREAD, i]


@inlined
def _take(booking: Booking, trades: Array, charges: Array) -> Taken:
    """Sums over the assets, see `Taken`. Clears trades and charges."""
    weights, asked = booking.weights, booking.asked
    taken = Taken(0.0, 1.0, 0.0, 0.0)
    for i in range(len(asked)):
        trades[i] = 0.0
        for k in range(len(charges)):
            charges[k, i] = 0.0
        value = booking.units[i] * booking.prices[booking.t, i]
        taken = with_line(taken, asked[i], weights[i], value, _rates(booking, i))
    return taken


# -- proportional costs ----------------------------------------------------------------------------------------------


@inlined
def _newton(booking: Booking, kept: float, share: float) -> float:
    """The scale s at which kept + share x s + costs(s) = NAV, from above: finite, as the equation is convex."""
    weights, asked = booking.weights, booking.asked
    scale = (booking.nav - kept) / share
    for _ in range(2 * len(asked) + 2):
        gap, slope = kept + share * scale - booking.nav, share
        for i in range(len(asked)):
            value = booking.units[i] * booking.prices[booking.t, i]
            gap, slope = with_cost(gap, slope, asked[i], weights[i], value, _rates(booking, i), scale)
        nearer = scale - gap / slope
        if not nearer < scale:
            break
        scale = nearer
    return scale


# -- any costs -------------------------------------------------------------------------------------------------------


@inlined
def _costs(
    cost_parameters: CostParameters, r: int, q: int, i: int, size: float
) -> tuple[tuple[float, float, float, float], float]:
    """The costs of an order of `size`, currency, in the order of `COST_COLUMNS` without tax; and their marginal sum."""
    rate, spread = cost_parameters.rates[r, COMMISSION, i], cost_parameters.rates[r, HALF_SPREAD, i]
    least, each = cost_parameters.minimum[i], cost_parameters.impact[q, i]
    commission, marginal = (rate * size, rate) if rate * size > least else (least, 0.0)
    if each != 0.0:
        each *= size ** (cost_parameters.exponent - 1.0)
    costs = (commission, spread * size, cost_parameters.ticket[i], each * size)
    return costs, marginal + spread + cost_parameters.exponent * each


@inlined
def charge_order(cost_parameters: CostParameters, r: int, q: int, i: int, size: float, charges: Array) -> None:
    """Write column i of charges (columns, n), currency: the costs of an order of `size`, currency, except tax."""
    costs, _ = _costs(cost_parameters, r, q, i, size)
    for k in range(TAX):
        charges[k, i] = costs[k]


@linked
def _excess(booking: Booking, kept: float, share: float, scale: float) -> tuple[float, float]:
    """(wealth used, its slope) at a scale: units that are kept, units that are held, and the costs of all."""
    asked, capped, cost_parameters, lots = booking.asked, booking.capped, booking.cost_parameters, booking.lots
    used, slope = kept + share * scale, share
    long, short, more_long, more_short = 0.0, 0.0, 0.0, 0.0
    for i in range(len(asked)):
        price = booking.prices[booking.t, i]
        if asked[i] != booking.weights[i] or capped[i] != 0.0:
            goal = 0.0 if capped[i] != 0.0 else asked[i]
            traded = capped[i] if capped[i] != 0.0 else goal * scale - booking.units[i] * price
            costs, marginal = _costs(cost_parameters, booking.r, booking.q, i, abs(traded))
            cost = 0.0
            for k in range(TAX):
                cost += costs[k]
            used += cost
            slope += marginal * goal if traded > 0.0 else -marginal * goal
            if is_taxed(cost_parameters) and traded < 0.0:
                of_long, of_short, last, last_short = gain(
                    lots, cost_parameters.method, i, price, -traded / price, booking.day
                )
                long += of_long
                short += of_short
                if last_short:
                    more_short -= last * goal
                else:
                    more_long -= last * goal
    if is_taxed(cost_parameters):
        long, short = long - lots.carried[LONG], short - lots.carried[SHORT]
        tax, rate, short_rate = net_tax(long, short, cost_parameters.tax, cost_parameters.short_tax)
        used += tax
        slope += rate * more_long + short_rate * more_short
    return used, slope


@linked
def _steepest(booking: Booking, high: float, whole: bool) -> float:
    """The sum over the assets that trade of |asked| x the largest marginal cost between scale 0 and `high`.

    whole : true for a bound on it, which taxes all of a sale as gain, and so needs no lots.
    """
    asked, cost_parameters, lots = booking.asked, booking.cost_parameters, booking.lots
    total = 0.0
    for i in range(len(asked)):
        if asked[i] != booking.weights[i]:
            price = booking.prices[booking.t, i]
            value = booking.units[i] * price
            largest = max(abs(value), abs(asked[i] * high - value))
            _, marginal = _costs(cost_parameters, booking.r, booking.q, i, largest)
            if is_taxed(cost_parameters) and value > 0.0:  # a gain of one term is taxed as one of the other may be
                cheapest = 0.0 if whole else cheapest_lot(lots, cost_parameters.method, i, price)
                marginal += max(cost_parameters.tax, cost_parameters.short_tax) * (1.0 - cheapest / price)
            total += abs(asked[i]) * marginal
    return total


@linked
def _root(booking: Booking, kept: float, share: float) -> float:
    """The scale at which all wealth is used: Newton's steps, halves where they leave the bounds; -1 without one."""
    nav = booking.nav
    if not share > 0.0:
        return -1.0
    low, high = 0.0, (nav - kept) / share
    if not (_steepest(booking, high, True) < share or _steepest(booking, high, False) < share):
        return -1.0
    scale, has_root = high, False
    for _ in range(WEALTH_ROUNDS):
        used, slope = _excess(booking, kept, share, scale)
        if used > nav:
            high = scale
        else:
            low, has_root = scale, True
        nearer = scale - (used - nav) / slope
        if abs(nearer - scale) <= 4e-16 * scale:
            break
        if not (has_root or low < nearer):  # a step beyond scale 0, where no more than NAV may be used
            used, _ = _excess(booking, kept, share, 0.0)
            if used > nav:
                return -1.0
            has_root = True
        scale = nearer if low < nearer < high else 0.5 * (low + high)
    else:
        return scale if has_root else -1.0
    return scale


@inlined
def _drop_small(booking: Booking) -> tuple[float, float]:
    """(value, weight) that the orders too small to send would have had: their assets are asked where they are."""
    weights, asked, capped = booking.weights, booking.asked, booking.capped
    least = booking.cost_parameters.minimum_trade
    value, weight = 0.0, 0.0
    for i in range(len(asked)):
        held = booking.units[i] * booking.prices[booking.t, i]
        if capped[i] != 0.0 and abs(capped[i]) < least:
            value += held
            weight += (held + capped[i]) / booking.nav
            capped[i] = 0.0
        if asked[i] != weights[i] and abs(asked[i] * booking.nav - held) < least:
            value += held
            weight += asked[i]
            asked[i] = weights[i]
    return value, weight


@linked
def _pay(
    booking: Booking, scale: float, cash: float, gains: Array, trades: Array, charges: Array
) -> tuple[float, float]:
    """Write units, trades, charges and lots at a scale; gives (cash, all charges), currency."""
    units, asked, capped = booking.units, booking.asked, booking.capped
    cost_parameters, lots = booking.cost_parameters, booking.lots
    paid, long, short = 0.0, 0.0, 0.0
    for i in range(len(units)):
        gains[i] = 0.0
        if asked[i] == booking.weights[i] and capped[i] == 0.0:
            continue
        price = booking.prices[booking.t, i]
        after = units[i] * price + capped[i] if capped[i] != 0.0 else asked[i] * scale
        trades[i] = after - units[i] * price
        size = abs(trades[i])
        charge_order(cost_parameters, booking.r, booking.q, i, size, charges)
        for k in range(TAX):
            paid += charges[k, i]
        if is_taxed(cost_parameters):
            if trades[i] < 0.0:
                of_long, of_short, _, _ = gain(lots, cost_parameters.method, i, price, size / price, booking.day)
                gains[i] = of_long + of_short
                long += of_long
                short += of_short
                sell_lots(lots, cost_parameters.method, i, size / price)
            else:
                buy_lot(lots, cost_parameters, i, price, size / price, booking.day)
        units[i] = after / price
        cash -= trades[i]
    paid += capital_gains_tax(lots, cost_parameters, gains, long, short, charges)
    return cash - paid, paid


@linked
def charge(cost_parameters: CostParameters, day: int, sizes: Array, charges: Array) -> None:
    """Write the costs of orders, except tax.

    cost_parameters : costs of orders.
    day             : row of the daily costs.
    sizes           : (n,) sizes of the orders, currency, at least 0.
    charges         : (columns, n) currency; written.
    """
    r, q = min(day, len(cost_parameters.rates) - 1), min(day, len(cost_parameters.impact) - 1)
    for i in range(len(sizes)):
        for k in range(len(charges)):
            charges[k, i] = 0.0
        if sizes[i] > 0.0:
            charge_order(cost_parameters, r, q, i, sizes[i], charges)


# -- the step --------------------------------------------------------------------------------------------------------


@linked
def self_financing_step(
    booking: Booking, cash_units: float, cash_price: float, gains: Array, trades: Array, charges: Array
) -> tuple[int, float, float]:
    """Bring the portfolio from `weights` to `asked`, paying for it: exact and self-financing.

    booking    : the trade. Its `capped` assets, asked where they are, trade just that, whatever the others pay; there
                 are none where costs are all proportional. Writes its units and lots, and `asked` where an order is too
                 small to send.
    cash_units : units of cash held.
    cash_price : worth of a unit of cash, currency.
    gains      : (n,) scratch, currency.
    trades     : (n,) currency, buys positive; written.
    charges    : (columns, n) currency; written.
    Returns    : (status, cash_units, charges in all), the charges in currency. REFUSED: the marginal costs leave no
                 root, the wealth is not positive, or an asset whose gains are taxed would be held short.
    """
    cash = cash_units * cash_price
    if booking.cost_parameters.plain:
        status, cash, paid = _step_proportional(booking, cash, trades, charges)
    else:
        status, cash, paid = _step_any(booking, cash, gains, trades, charges)
    return status, cash / cash_price if status == BOOKED else cash_units, paid


@inlined
def _kept_way(booking: Booking, i: int, scale: float) -> float:
    """Above 0 where asset i is traded the way it is asked at this scale, below 0 where its trade is turned."""
    traded = float(booking.asked[i] * scale - booking.units[i] * booking.prices[booking.t, i])
    return traded * float(booking.asked[i] - booking.weights[i])


@linked
def _turns(booking: Booking, scale: float) -> bool:
    """True if the sign of some asset's trade is turned at this scale."""
    turned = False
    for i in range(len(booking.asked)):
        turned |= _kept_way(booking, i, scale) < 0.0
    return turned


@linked
def _keep_turned(booking: Booking, scale: float) -> bool:
    """Keep each asset where it is whose trade would turn at this scale and must not; true if there are any."""
    weights, asked, turned = booking.weights, booking.asked, False
    for i in range(len(asked)):
        if booking.one_way[i] and asked[i] != weights[i] and _kept_way(booking, i, scale) <= 0.0:
            asked[i], turned = weights[i], True
    return turned


@linked
def _cap_grown(booking: Booking, scale: float) -> bool:
    """Cap the orders that costs make larger than their limits at their size before costs; true if there are any."""
    weights, asked, limits, grown = booking.weights, booking.asked, booking.order_limits, False
    if len(limits) > 0:
        for i in range(len(asked)):
            traded = asked[i] * scale - booking.units[i] * booking.prices[booking.t, i]
            if asked[i] != weights[i] and abs(traded) > limits[booking.day, i]:
                booking.capped[i] = (asked[i] - weights[i]) * booking.nav
                asked[i], grown = weights[i], True
    return grown


@linked
def _reduce_buys(booking: Booking, scale: float, unbought: float) -> bool:
    """Reduce the capped buys by what costs would overdraw cash by at this scale; true if that is anything.

    unbought : cash left by orders too small to send, currency.
    """
    nav, weights, asked, capped = booking.nav, booking.weights, booking.asked, booking.capped
    lacking, _ = _excess(booking, 0.0, 0.0, scale)  # the costs
    cash, buys = 1.0 - unbought / nav, 0.0
    for i in range(len(asked)):
        value = booking.units[i] * booking.prices[booking.t, i]
        lacking += value + capped[i] if asked[i] == weights[i] else asked[i] * scale
        cash -= asked[i] + capped[i] / nav
        buys += max(capped[i], 0.0)
    lacking += min(cash, 0.0) * nav - nav
    if not (lacking > WEIGHT * nav and buys > 0.0):
        return False
    for i in range(len(asked)):
        capped[i] *= max(1.0 - lacking / buys, 0.0) if capped[i] > 0.0 else 1.0
    return True


@inlined
def _step_proportional(booking: Booking, cash: float, trades: Array, charges: Array) -> tuple[int, float, float]:
    """`self_financing_step` where all costs are proportional; gives (status, cash, charges in all), currency."""
    scale, paid, turned = 0.0, 0.0, True
    while turned:
        taken = _take(booking, trades, charges)
        kept, share = kept_and_share(taken.kept, taken.share)
        if taken.moved == 0.0:
            return NOTHING_MOVED, cash, 0.0
        if not (booking.nav > 0.0 and taken.marginal < share):
            return REFUSED, cash, 0.0
        scale = _newton(booking, kept, share)
        turned = _keep_turned(booking, scale)
    units, weights, asked = booking.units, booking.weights, booking.asked
    for i in range(len(units)):
        if asked[i] != weights[i]:
            price = booking.prices[booking.t, i]
            trades[i], after = trade_of(asked[i], weights[i], units[i] * price, scale)
            units[i] = after / price
            costs = charges_of(trades[i], _rates(booking, i))
            charges[COMMISSION, i], charges[HALF_SPREAD, i] = costs
            cash, paid = paid_for(cash, paid, trades[i], costs)
    return BOOKED, cash, paid


@inlined
def _sum(capped: Array) -> tuple[float, bool]:
    """Currency of all capped orders, and whether there is one."""
    total, some = 0.0, False
    for i in range(len(capped)):
        total += capped[i]
        some |= capped[i] != 0.0
    return total, some


@inlined
def _any_short(asked: Array) -> bool:
    """True if the asked weight of some asset is short."""
    short = False
    for i in range(len(asked)):
        short |= asked[i] < 0.0
    return short


@linked
def _scale_of_any(booking: Booking, kept: float, share: float, unbought: float) -> float:
    """The scale of `_step_any`; -1 without one.  unbought : cash left by orders too small to send, currency."""
    scale = 0.0
    if unbought > 0.0:  # it stays in cash: the others get their fraction of all wealth
        scale = _root(booking, 0.0, 1.0)
    if unbought <= 0.0 or 0.0 <= scale < kept + share * scale:  # unless cash would then get less than was asked
        scale = _root(booking, kept, share)
    return scale


@on_demand
def _step_any(booking: Booking, cash: float, gains: Array, trades: Array, charges: Array) -> tuple[int, float, float]:
    """`self_financing_step` for any costs; gives (status, cash, charges in all), currency."""
    nav = booking.nav
    unsold, unasked = _drop_small(booking)
    if is_taxed(booking.cost_parameters):
        for i in range(len(booking.asked)):
            if booking.asked[i] != booking.weights[i] or booking.capped[i] != 0.0:
                put_in_order(booking.lots, booking.cost_parameters, i, booking.prices[booking.t, i], booking.day)
    unbought, scale, changed, whole = unasked * nav - unsold, 0.0, True, True
    while changed:
        ordered, some = _sum(booking.capped)
        taken = _take(booking, trades, charges)
        if taken.moved == 0.0 and not some:
            return NOTHING_MOVED, cash, 0.0
        if not nav > 0.0 or (is_taxed(booking.cost_parameters) and _any_short(booking.asked)):
            return REFUSED, cash, 0.0
        # a capped asset ends at what it holds and its order
        kept, share = kept_and_share(taken.kept + ordered, taken.share - ordered / nav - unbought / nav)
        scale = _scale_of_any(booking, kept, share, unbought)
        if some and (scale < 0.0 or _turns(booking, scale)):
            scale = _root(booking, 0.0, 1.0)  # assets that are not capped do not pay for those that are: cash does
        if scale < 0.0:
            return REFUSED, cash, 0.0
        changed = _keep_turned(booking, scale) or _cap_grown(booking, scale)
        if some and whole and not changed:
            changed = _reduce_buys(booking, scale, unbought)
            whole = not changed
    cash, paid = _pay(booking, scale, cash, gains, trades, charges)
    return BOOKED, cash, paid
