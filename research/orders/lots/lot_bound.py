"""A bound below which no orders of a `LotProblem` can come: each asset by itself, with a price for each limit.

With the limits at their prices in place of the limits themselves, each asset takes the lots that lose least alone. No
lots that keep the limits lose less than the sum of that, less the limits at their prices (Geoffrion 1974, Lagrangean
relaxation for integer programming; Fisher 1981). The prices are those at which this is nearly largest. Cash's distance
from its point is what two limits are exceeded by, one each way, whose prices are at most its weight.
"""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Rows
from foundation.compiled import linked
from foundation.tolerances import LOT, WEIGHT
from research.orders.lots.lot_problem import LotProblem, cash_distance
from research.orders.lots.lot_search import _cost, _each, _sendable, _units
from research.orders.lots.lot_terms import LEAST_VALUE, LOT_STEPS, LOT_VALUE, PRICE, WHOLE_LOTS, LotTerms
from research.orders.lots.order_limits import BOUGHT, ORDER_COST, SENT, SOLD, limits_of
from research.orders.lots.position import CENT

LIMIT_SWEEPS = 3  # over the limits, each priced best given the others
PRICE_HALVINGS = 30  # of the range of a price
DEAREST = 1e4  # price of a limit that binds
SETTLED_PRICE = 1e-6  # a change of a price that is none
ORDER_ROUNDING = 2.5 * CENT  # of an order: what the cents of its amount and costs may give to a limit


class Relaxed(NamedTuple):
    """A `LotProblem` without limits of weights, with a price for each of its limits.

    terms  : the problem.
    lines  : (m,) assets that may trade, in an order that does not depend on that of the portfolio.
    rows   : (L, 4, n) coefficients of the limits for bought, sold, sent and costs.
    most   : (L,) bound of each limit, with an allowance for rounding where it binds.
    dearest : (L,) its largest price: inf for one that binds.
    still  : loss of the assets that stay, fraction of NAV.
    prices : (L,) prices of the limits, from which the search for better ones begins; written. The last is of cash above
             its point.
    price  : (4,) price of each count of an asset in them; written.
    """

    terms: LotTerms
    lines: Rows
    rows: Array
    most: Array
    dearest: Array
    still: float
    prices: Array
    price: Array

    @classmethod
    def of(cls, problem: LotProblem) -> "Relaxed":
        """The problem in arrays."""
        position, lines = problem.position, problem.able
        limits = [*limits_of(position, problem.floor, -ORDER_ROUNDING * len(lines)), cash_distance(problem)]
        most = np.concatenate([limit.most + (WEIGHT if limit.binds else 0.0) for limit in limits])
        return cls(
            terms=problem.terms,
            lines=lines,
            rows=np.concatenate([limit.rows for limit in limits]),
            most=most,
            dearest=np.concatenate([np.full(len(limit.most), limit.price) for limit in limits]),
            still=float(np.delete(problem.each(np.zeros(len(problem.way))), lines).sum()),
            prices=np.zeros(len(most)),
            price=np.zeros(4),
        )


@linked
def _loss(of: Relaxed, i: int, steps: float) -> float:
    """Loss of so many steps of asset i, with their use of limits at its `price`, fraction of NAV."""
    terms, price, units = of.terms, of.price, _units(of.terms, i, steps)
    if units == 0.0 or not _sendable(terms, i, units):
        return _each(terms, i, 0.0) if units == 0.0 else np.inf
    traded = units * terms.lines[PRICE, i]
    paid = (
        price[BOUGHT] * max(traded, 0.0) + price[SOLD] * max(-traded, 0.0) + price[ORDER_COST] * _cost(terms, i, traded)
    )
    return _each(terms, i, units) + paid / terms.nav + price[SENT]


@linked
def _use(of: Relaxed, j: int, i: int, steps: float) -> float:
    """Use of limit j by so many steps of asset i."""
    terms, rows = of.terms, of.rows
    traded = _units(terms, i, steps) * terms.lines[PRICE, i]
    if traded == 0.0:
        return 0.0
    used = rows[j, BOUGHT, i] * max(traded, 0.0) + rows[j, SOLD, i] * max(-traded, 0.0)
    return (used + rows[j, ORDER_COST, i] * _cost(terms, i, traded)) / terms.nav + rows[j, SENT, i]


@linked
def _least(of: Relaxed, i: int) -> tuple[float, float]:
    """The steps of asset i with the least loss at the prices of the limits, and the loss; writes its `price`."""
    lines = of.terms.lines
    for k in range(len(of.price)):
        of.price[k] = 0.0
        for j in range(len(of.prices)):
            of.price[k] += of.prices[j] * of.rows[j, k, i]
    whole, best, lost = _whole(of, i), 0.0, _loss(of, i, 0.0)
    for steps in (whole, lines[LOT_STEPS, i]):
        here = _loss(of, i, steps)
        if here < lost:
            best, lost = steps, here
    return best, lost


@linked
def _whole(of: Relaxed, i: int) -> float:
    """The steps that lose least between the smallest order of asset i and all its whole lots, where loss is convex."""
    low = _first(of, i)
    high = max(of.terms.lines[WHOLE_LOTS, i], low)
    while low < high:
        middle = np.floor(0.5 * (low + high))
        if _loss(of, i, middle + 1.0) < _loss(of, i, middle):
            low = middle + 1.0
        else:
            high = middle
    return low


@linked
def _first(of: Relaxed, i: int) -> float:
    """The steps of the smallest order of asset i."""
    lines = of.terms.lines
    return min(max(np.ceil(lines[LEAST_VALUE, i] / lines[LOT_VALUE, i] - LOT), 1.0), lines[LOT_STEPS, i])


@linked
def _over(of: Relaxed, j: int) -> float:
    """The excess over limit j of the lots that are best at the prices of the limits."""
    over = -of.most[j]
    for i in of.lines:
        over += _use(of, j, i, _least(of, i)[0])
    return over


@linked
def bound_of(of: Relaxed) -> float:
    """The bound at the prices of the limits, fraction of NAV."""
    found = of.still
    for j in range(len(of.prices)):
        found -= of.prices[j] * of.most[j]
    for i in of.lines:
        found += _least(of, i)[1]
    return found


@linked
def price_limits(of: Relaxed) -> None:
    """Write the prices of the limits at which the bound is nearly largest, each in turn, given the others."""
    prices = of.prices
    for _ in range(LIMIT_SWEEPS):
        moved = False
        for j in range(len(prices)):
            was, low, high = prices[j], 0.0, 1.0
            prices[j] = 0.0
            if _over(of, j) > 0.0:
                dearest = min(of.dearest[j], DEAREST)
                high = min(high, dearest)
                prices[j] = high
                while high < dearest and _over(of, j) > 0.0:
                    low, high = high, min(4.0 * high, dearest)
                    prices[j] = high
                for _ in range(PRICE_HALVINGS):
                    prices[j] = 0.5 * (low + high)
                    if _over(of, j) > 0.0:
                        low = prices[j]
                    else:
                        high = prices[j]
                prices[j] = high
            moved = moved or abs(prices[j] - was) > SETTLED_PRICE
        if not moved:
            return
