"""The accounting of a day, compiled: what holding costs, wealth, and trades by the self-financing step.

A day is a few compiled calls: `accrue` where holding costs something, `wealth`, which earns the close, and on a day
on which something is due, `book`, which books and charges it. (One call for all was measured: handing twenty arrays
over on days without a trade costs twenty times the day itself.)

Positions are held in units between trades, so that a day without a trade is one sum of products. A unit of an asset is
worth its index, a unit of cash the cash index. The functions work on one portfolio; docs/accounting.md names their
callers, each with a loop of its own.

A *box* is (lower, upper) per asset and for cash, fractions of NAV; see `into_box`. Scratch and record arrays are handed
in by the loops, so that nothing is allocated in a day.
"""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Mask
from foundation.compiled import inlined, on_demand
from foundation.tolerances import WEIGHT
from research.accounting.box import Lines, into_box, sales_fraction
from research.accounting.cost_parameters import CostParameters, HoldingCosts, Lots, Scratch
from research.accounting.self_financing import BOOKED, NOTHING_MOVED, REFUSED, Booking, charge, self_financing_step
from research.accounting.tax_lots import capital_gains_tax, gain, is_taxed, put_in_order, sell_lots

__all__ = [
    "BOOKED",
    "NOTHING_MOVED",
    "REFUSED",
    "Box",
    "Pace",
    "Quotes",
    "Record",
    "accrue",
    "book",
    "charge",
    "close_out",
    "into_box",
    "self_financing_step",
    "wealth",
    "weigh",
]


class Quotes(NamedTuple):
    """Prices at which a trade is booked.

    prices     : (T, n) worth of a unit of each asset, currency.
    t          : row of both arrays.
    cash_price : worth of a unit of cash, currency.
    tradable   : (T, n) true if the asset can trade.
    """

    prices: Array
    t: int
    cash_price: float
    tradable: Mask


class Box(NamedTuple):
    """Destination of a trade.

    lower      : (K, n) lower bound of each asset, fraction of NAV.
    upper      : (K, n) upper bound of each asset, fraction of NAV.
    target     : (K, n) fraction of NAV.
    k          : row of the three arrays.
    cash_lower : lower bound of cash, fraction of NAV.
    cash_upper : upper bound of cash, fraction of NAV.
    fraction   : fraction of the way to the point of the box that is traded, in (0, 1].
    """

    lower: Array
    upper: Array
    target: Array
    k: int
    cash_lower: float
    cash_upper: float
    fraction: float


class Pace(NamedTuple):
    """Limits on how much of a trade is booked at once.

    order_limits : (T, n) the largest orders of a day, currency, or (0, n) without a limit.
    day          : row of the limits, and of costs that have a row a day.
    fraction     : fraction of the trade that the desk books today, in (0, 1].
    """

    order_limits: Array
    day: int
    fraction: float


class Record(NamedTuple):
    """Memory that a booking is recorded in: row j of trades (J, n) and of charges (J, columns, n), currency."""

    trades: Array
    charges: Array
    j: int


@inlined
def wealth(units: Array, prices: Array, t: int, cash_units: float, cash_price: float) -> float:
    """NAV, currency.

    units      : (n,) units held.
    prices     : (T, n) worth of a unit, currency.
    t          : row of the prices.
    cash_units : units of cash held.
    cash_price : worth of a unit of cash, currency.

    Four sums in a fixed order, so that every loop gives these bits.
    """
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
    """Write the weights of the assets; gives the weight of cash, fraction of NAV.

    units  : (n,) units held.
    prices : (T, n) worth of a unit, currency.
    t      : row of the prices.
    nav    : currency.
    out    : (n,) units x row t of prices / nav, fraction of NAV; written.
    """
    per_nav = 1.0 / nav
    total = 0.0
    for i in range(len(units)):
        out[i] = (units[i] * prices[t, i]) * per_nav
        total += out[i]
    return 1.0 - total


@on_demand
def accrue(
    units: Array, prices: Array, t: int, cash: float, nav: float, years: float, holding_costs: HoldingCosts, out: Array
) -> float:
    """Charge the holdings since the close of row t, by kind of cost; gives the sum, currency.

    units         : (n,) units held.
    prices        : (T, n) worth of a unit, currency.
    t             : row of the prices.
    cash          : currency.
    nav           : net asset value at that close, currency.
    years         : since then.
    holding_costs : costs of holding.
    out           : (4,) borrow, financing, cash spread and management fee, currency; written.
    """
    short = 0.0
    for i in range(len(units)):
        short += holding_costs.borrow[i] * max(-units[i] * prices[t, i], 0.0)
    out[0] = short * years
    out[1] = holding_costs.financing * max(-cash, 0.0) * years
    out[2] = holding_costs.cash_spread * max(cash, 0.0) * years
    out[3] = holding_costs.management_fee * nav * years
    total: float = out[0] + out[1] + out[2] + out[3]
    return total


@inlined
def _go_part(weights: Array, asked: Array, cash: float, change: float, fraction: float) -> float:
    """Ask for a fraction of the way, and for the sales that pay back cash; gives the gain of cash, fraction of NAV.

    cash : its weight before the trade.  change : what it gains on the whole way.
    """
    sold, buys, sales = fraction, 0.0, 0.0
    if cash < -WEIGHT:
        for i in range(len(asked)):
            buys += max(asked[i] - weights[i], 0.0)
            sales += max(weights[i] - asked[i], 0.0)
        sold = sales_fraction(fraction, cash, buys, sales)
    for i in range(len(asked)):
        if asked[i] != weights[i]:
            asked[i] = weights[i] + (sold if asked[i] < weights[i] else fraction) * (asked[i] - weights[i])
    return fraction * change if sold == fraction else -cash


@inlined
def _slow_down(scratch: Scratch, nav: float, cash: float, change: float, pace: Pace) -> bool:
    """Trade only a fraction, and of each asset at most its limit of the day; true if some of the trade is left.

    An order that is cut to its limit is written into `capped`, and its asset asked where it is. What the orders so cut
    would leave in cash, less or more than both today's cash and the goal's, is corrected by cutting the buys, or the
    sells, by one factor; so are buys for which sells would pay before they pay back cash that is overdrawn.
    cash : its weight today.  change : the goal's cash less today's, fraction of NAV.
    """
    weights, asked, capped = scratch.weights, scratch.asked, scratch.capped
    limits, buys, sells, cut = pace.order_limits, 0.0, 0.0, False
    for i in range(len(asked)):
        capped[i] = 0.0
        today = (asked[i] - weights[i]) * pace.fraction
        if today == 0.0:
            continue
        asked[i] = weights[i] + today
        if len(limits) > 0 and abs(today) * nav > limits[pace.day, i]:
            capped[i] = limits[pace.day, i] if today > 0.0 else -limits[pace.day, i]
            asked[i], cut = weights[i], True
            today = capped[i] / nav
        if today > 0.0:
            buys += today
        else:
            sells -= today
    spare, slow = sells - buys, cut or pace.fraction < 1.0  # what cash gains
    low, high = min(0.0, change), max(0.0, change)
    if cash < -WEIGHT and cash + change >= -WEIGHT:
        low = min(-cash, high)
    if slow and spare < low and buys > 0.0:
        _shorten(weights, asked, capped, max(sells - low, 0.0) / buys, 1.0)
    elif slow and spare > high and sells > 0.0:
        _shorten(weights, asked, capped, max(buys + high, 0.0) / sells, -1.0)
    return slow


@inlined
def _shorten(weights: Array, asked: Array, capped: Array, factor: float, side: float) -> None:
    """Cut the orders of one side, buys (1.0) or sells (-1.0), by a factor."""
    for i in range(len(asked)):
        if (asked[i] - weights[i]) * side > 0.0:
            asked[i] = weights[i] + (asked[i] - weights[i]) * factor
        if capped[i] * side > 0.0:
            capped[i] *= factor


@on_demand
def book(
    units: Array,
    cash_units: float,
    nav: float,
    quotes: Quotes,
    box: Box,
    pace: Pace,
    cost_parameters: CostParameters,
    lots: Lots,
    scratch: Scratch,
    record: Record,
) -> tuple[int, float, float, float, bool]:
    """Move the drifted portfolio a fraction of the way to the point of a box, and charge it.

    units           : (n,) units held; written.
    cash_units      : units of cash held.
    nav             : net asset value at these quotes, cash included, currency.
    quotes          : quotes at which the trade is booked.
    box             : destination of the trade.
    pace            : limits on how much of it may be booked now.
    cost_parameters : costs of orders.
    lots            : purchase prices of the holdings; written.
    scratch         : arrays for intermediate results.
    record          : its row j is written.
    Returns         : (status, nav after costs, cash_units, charges in all, whether the desk has some of the trade
                      left), nav and charges in currency. See `into_box`, `self_financing_step`.
    """
    weights, asked, t, k = scratch.weights, scratch.asked, quotes.t, box.k
    held = weigh(units, quotes.prices, t, nav, weights)
    cost = cost_parameters.total[min(pace.day, len(cost_parameters.total) - 1)]
    lines = Lines(box.lower[k], box.upper[k], box.target[k], cost, scratch.movable)
    cash = into_box(weights, quotes.tradable[t], lines, box.cash_lower, box.cash_upper, asked)
    for i in range(len(asked)):
        scratch.one_way[i] = (box.lower[k, i] == -np.inf) != (box.upper[k, i] == np.inf)
    change = cash - held
    if box.fraction < 1.0:
        change = _go_part(weights, asked, held, change, box.fraction)
    left = False
    if pace.fraction < 1.0 or len(pace.order_limits) > 0:
        left = _slow_down(scratch, nav, held, change, pace)
    r, q = min(pace.day, len(cost_parameters.rates) - 1), min(pace.day, len(cost_parameters.impact) - 1)
    booking = Booking(
        units, quotes.prices, t, nav, weights, asked, scratch.capped, pace.order_limits, pace.day, scratch.one_way,
        cost_parameters, r, q, lots,
    )  # fmt: skip
    trades, charges = record.trades[record.j], record.charges[record.j]
    status, cash_units, paid = self_financing_step(
        booking, cash_units, quotes.cash_price, scratch.gains, trades, charges
    )
    after = wealth(units, quotes.prices, t, cash_units, quotes.cash_price) if status == BOOKED else nav
    return status, after, cash_units, paid, left


@on_demand
def close_out(
    units: Array,
    prices: Array,
    t: int,
    i: int,
    cash_units: float,
    cash_price: float,
    cost_parameters: CostParameters,
    lots: Lots,
    gains: Array,
    trades: Array,
    charges: Array,
) -> tuple[float, float]:
    """Pay asset i out at row t of prices, whether it can trade or not: a delisting. Only tax is charged.

    units           : (n,) units held; written.
    prices          : (T, n) worth of a unit, currency.
    t               : row of the prices.
    i               : number of the asset.
    cash_units      : units of cash held.
    cash_price      : worth of a unit of cash, currency.
    cost_parameters : the tax.
    lots            : purchase prices of the holdings; written.
    gains           : (n,) scratch, currency.
    trades          : (n,) currency, buys positive; written.
    charges         : (columns, n) currency; written.
    Returns         : (cash_units, charges in all), the charges in currency.
    """
    for m in range(len(units)):
        trades[m], gains[m] = 0.0, 0.0
        for c in range(len(charges)):
            charges[c, m] = 0.0
    value = units[i] * prices[t, i]
    trades[i] = -value
    paid = 0.0
    if is_taxed(cost_parameters) and units[i] > 0.0:
        put_in_order(lots, cost_parameters, i, prices[t, i], t)
        long, short, _, _ = gain(lots, cost_parameters.method, i, prices[t, i], units[i], t)
        gains[i] = long + short
        sell_lots(lots, cost_parameters.method, i, units[i])
        lots.held[i] = 0
        paid = capital_gains_tax(lots, cost_parameters, gains, long, short, charges)
    units[i] = 0.0
    return cash_units + (value - paid) / cash_price, paid
