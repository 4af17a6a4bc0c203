"""The orders worth sending where each has a ticket: which assets trade, and how far. Compiled.

    min over y of  (y - target)' K (y - target) / 2 + sum_i c_i |y_i - w_i| + sum of F_i over the assets with y_i != w_i

w : (n,) weights as drifted; y : (n,) weights to hold; cash is the rest, without curvature and free to trade.
K : (n, n) curvature of gaps.  c : (n,) cost a side, fraction.  F : (n,) ticket, fraction of NAV.

Which assets trade is a combination, and this is a search for it: it begins with the pair of orders that is worth most,
adds the orders that save more than their tickets, drops those that do not, and solves the programme of `best_point`
for each set of assets. It ends where no single change is worth its tickets, and holds where all that is found is worth
less than theirs. The search is not exact.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Mask
from foundation.compiled import inlined, linked, on_demand
from foundation.tolerances import CURVATURE, WEIGHT
from research.rules.optimum.best_point import NOT_FOUND, Scratch, best_point

LOWEST, HIGHEST, FOUND = range(3)  # rows of what a search writes
WORTH = 1e-14  # fraction of NAV: a change that saves less is rounding


@linked
def curve_with_tickets(alone: Array, fees: Array, curvature: Array, out: Array) -> None:
    """Set `out` to the curvature that makes one asset beside cash trade past its half-width with a ticket.

    alone     : (2, n) cost a side c, fraction of the notional, and half-width h without a ticket, fraction of NAV.
    fees      : (n,) ticket F, fraction of NAV.
    curvature : (n, n) K without tickets, in which the slope of an asset alone is c / h.
    out       : (n, n) written.

    With a ticket alone the half-width is (12 F w^2 (1 - w)^2 / g)^(1/4), and h^3 = 3 c w^2 (1 - w)^2 / (2 g), so that
    it is (8 h^3 F / c)^(1/4). Of both costs it is taken as the root of the sum of squares; that is within 5 per cent
    of the solution. A trade goes to c / D, and is worth its ticket where D (width - c / D)^2 = 2 F: that gives D.
    Source: Altarovici, Muhle-Karbe and Soner (2015), Asymptotics for fixed transaction costs, for the fourth root.
    """
    n = len(fees)
    for i in range(n):
        cost, width, fee = alone[0, i], alone[1, i], fees[i]
        wide = sqrt(width * width + sqrt(8.0 * width * width * width * fee / cost))
        root = (sqrt(2.0 * fee) + sqrt(2.0 * fee + 4.0 * cost * wide)) / (2.0 * wide)
        out[i, i] = root * sqrt(width / cost)
    for i in range(n):
        for j in range(i):
            out[i, j] = out[j, i] = out[i, i] * out[j, j] * curvature[i, j]
    for i in range(n):
        out[i, i] *= out[i, i] * curvature[i, i]


class Programme(NamedTuple):
    """The programme by which a set of orders is judged.

    weights    : (n,) w, as drifted, fraction of NAV.
    target     : (n,) fraction of NAV.
    curvature  : (n, n) K; symmetric and positive definite, in C order.
    cost       : (n,) a side, fraction of the notional.
    fees       : (n,) ticket, fraction of NAV.
    lower      : (n,) lower bound of each asset, at most its weight, fraction of NAV.
    upper      : (n,) upper bound, at least its weight, fraction of NAV.
    cash_lower : lower bound of cash, at most what is held, fraction of NAV.
    cash_upper : upper bound of cash, at least what is held, fraction of NAV.
    """

    weights: Array
    target: Array
    curvature: Array
    cost: Array
    fees: Array
    lower: Array
    upper: Array
    cash_lower: float
    cash_upper: float


@linked
def _value(given: Programme, sent: Mask, low: Array, high: Array, s: Scratch, out: Array) -> float:
    """The objective at the best point of the assets that are sent, written to `out`; infinity where there is none."""
    n, value = len(sent) - 1, 0.0
    for i in range(n):
        low[i] = given.lower[i] if sent[i] else given.weights[i]
        high[i] = given.upper[i] if sent[i] else given.weights[i]
    found = best_point(
        given.weights, given.target, given.curvature, given.cost, 1.0, low, high, given.cash_lower, given.cash_upper, s,
        out,
    )  # fmt: skip
    if found < 0:
        return np.inf
    for i in range(n):
        value += 0.5 * (s.point[i] - given.target[i]) * s.gradient[i]
        if out[i] != given.weights[i]:
            value += given.cost[i] * abs(out[i] - given.weights[i]) + given.fees[i]
    return value


@inlined
def _margin(given: Programme, s: Scratch, i: int, buys: bool) -> tuple[float, float]:
    """(marginal cost besides the gradient, space to the bound) of buying, or selling, asset i; the last is cash."""
    n = len(given.fees)
    if i == n:
        cash = s.point[n]
        most = max(given.cash_upper, cash) - cash if buys else cash - min(given.cash_lower, cash)
        return 0.0, most
    y, w = s.point[i], given.weights[i]
    if buys:
        return given.cost[i] if y >= w - WEIGHT else -given.cost[i], given.upper[i] - y
    return given.cost[i] if y <= w + WEIGHT else -given.cost[i], y - given.lower[i]


@linked
def _next_orders(given: Programme, sent: Mask, s: Scratch) -> tuple[float, int, int]:
    """(saving less tickets, asset to buy, asset to sell) of the best pair at this point in which an asset is new."""
    n, best, buy, sell = len(given.fees), -np.inf, -1, -1
    for i in range(n + 1):
        paid, up = _margin(given, s, i, True)
        for j in range(n + 1):
            if i == j or (sent[i] and sent[j]) or up <= 0.0:
                continue
            saved, down = _margin(given, s, j, False)
            slope = s.gradient[j] - s.gradient[i] - paid - saved
            if slope <= 0.0 or down <= 0.0:
                continue
            both = (given.curvature[i, i] if i < n else 0.0) + (given.curvature[j, j] if j < n else 0.0)
            bend = max(both - (2.0 * given.curvature[i, j] if i < n and j < n else 0.0), CURVATURE * both)
            step = min(slope / bend, up, down)
            worth = slope * step - 0.5 * bend * step * step
            worth -= (0.0 if sent[i] else given.fees[i]) + (0.0 if sent[j] else given.fees[j])
            if worth > best:
                best, buy, sell = worth, i, j
    return best, buy, sell


@linked
def _grow(given: Programme, sent: Mask, value: float, rows: Array, s: Scratch) -> float:
    """Send the best pair besides, if the objective is then below `value`; gives the objective."""
    worth, buy, sell = _next_orders(given, sent, s)
    if worth <= WORTH:
        return value
    bought, sold = sent[buy], sent[sell]
    sent[buy] = sent[sell] = True
    tried = _value(given, sent, rows[LOWEST], rows[HIGHEST], s, rows[FOUND])
    if tried < value - WORTH:
        return tried
    sent[buy], sent[sell] = bought, sold
    return value


@linked
def _without(given: Programme, sent: Mask, value: float, rows: Array, s: Scratch) -> float:
    """Drop the order without which the objective is least, if that is below `value`; gives the objective."""
    least, which = value - WORTH, -1
    for i in range(len(given.fees)):
        if sent[i]:
            sent[i] = False
            tried = _value(given, sent, rows[LOWEST], rows[HIGHEST], s, rows[FOUND])
            sent[i] = True
            if tried < least:
                least, which = tried, i
    if which < 0:
        return value
    sent[which] = False
    return least


@on_demand
def best_orders(given: Programme, sent: Mask, rows: Array, s: Scratch, out: Array) -> int:
    """Set `out` to the weights after the orders worth sending, and give their number, or NOT_FOUND.

    given : the programme.
    sent  : (n + 1,) scratch: which assets trade; the last is cash, which always does.
    rows  : (3, n) scratch.
    s     : arrays for n assets, `best_point.scratch_for`.
    out   : (n,) y, fraction of NAV; written. An asset that does not trade keeps its weight to the bit.
    """
    n = len(given.fees)
    for i in range(n + 1):
        sent[i] = i == n
    held = _value(given, sent, rows[LOWEST], rows[HIGHEST], s, out)
    _, buy, sell = _next_orders(given, sent, s)  # the best pair, which may be worth its tickets only with a third order
    if buy < 0:
        return 0
    sent[buy] = sent[sell] = True
    for _ in range(2 * n):
        value = _value(given, sent, rows[LOWEST], rows[HIGHEST], s, out)
        if value == np.inf or not _without(given, sent, _grow(given, sent, value, rows, s), rows, s) < value:
            break
    value = _value(given, sent, rows[LOWEST], rows[HIGHEST], s, out)
    orders = 0
    for i in range(n):
        if held <= value + WORTH:
            out[i] = given.weights[i]
        orders += out[i] != given.weights[i]
    return orders if min(held, value) < np.inf else NOT_FOUND
