"""The best lots of a `LotProblem` by branch and bound over its lines, compiled, with a price for each of its limits.

With the limits at their prices in place of the limits themselves, each line takes its best lots alone, and no lots that
keep the limits lose less than that sum less what the limits are worth (Geoffrion 1974, Lagrangean relaxation for integer
programming; Fisher 1981). What another number of lots of a line loses more at these prices is lost by all orders that
have it: where that is more than the best orders found are above the bound, none of them is better. Few numbers of lots
of a line remain, and the search goes through them, the line with the fewest ways first.
"""

from typing import NamedTuple

import numpy as np

from research.accounting.self_financing import charge_order
from research.arrays import Array, Rows
from research.compiled import linked
from research.tolerances import LOT, WEIGHT
from research.trading.lot_problem import OUTSIDE, PAST_SHARE, LotProblem
from research.trading.lot_search import (
    FINE,
    FIRST,
    GOAL,
    LOT_VALUE,
    LOWER,
    NO_GAIN,
    ODD,
    PRICE,
    STEPS,
    UNPAID,
    UPPER,
    VALUE,
    WHOLE,
    Terms,
    _broken,
    _each,
    _sendable,
    _units,
    best_together,
)
from research.trading.order_limits import BOUGHT, COST, SENT, SOLD, limits_of
from research.trading.position import CENT

SWEEPS = 3  # over the limits, each priced best given the others
HALVINGS = 30  # of the range of a price
DEAREST = 1e4  # price of a limit
WAYS, ROUNDS = 32, 3  # numbers of lots of a line that the search tries at once, and times that it does
NODES = 4_000_000  # of the search: some 10 ms
TO, MORE, LOSS = range(3)  # rows of `ways`
BOUND, SUM = range(2)  # of `lost`
COUNT, ORDER, NEXT = range(3)  # of `level`
ROUNDING = 2.5 * CENT  # of an order: what the cents of its amount and costs may give to a limit


class Branch(NamedTuple):
    """A `LotProblem` as the search takes it.

    terms : the problem.
    lines : (m,) lines that may trade, in an order that does not depend on that of the portfolio.
    rows  : (L, 4, n) what limits count of bought, sold, sent and costs.
    most  : (L,) of each limit.
    still : what lines that stay lose, fraction of NAV.

    What the search writes:
    prices : (L,) of the limits.
    price  : (4,) of what a line counts in them.
    ways   : (3, m, W) steps of each line that may be best, what they lose more than its best at these prices, and what
             they lose without them, fraction of NAV.
    uses   : (m, W, L) what they count in the limits.
    least  : (m + 1, L) the least that the lines not decided yet count.
    used   : (m + 1, L) what the lines decided count, less the limits.
    lost   : (2, m + 1) bound and loss so far, fraction of NAV.
    level  : (3, m) number of ways of each line; order in which lines are decided; the way that each level tries next.
    tried  : (n,) units.
    """

    terms: Terms
    lines: Rows
    rows: Array
    most: Array
    still: float
    prices: Array
    price: Array
    ways: Array
    uses: Array
    least: Array
    used: Array
    lost: Array
    level: Rows
    tried: Array

    @classmethod
    def of(cls, problem: LotProblem) -> "Branch":
        """The problem in arrays, with what rounding to cents may give."""
        position, able = problem.position, np.flatnonzero(problem.steps > 0.0)
        keys = (problem.way, problem.lot, problem.goal, position.units)
        lines = able[np.lexsort([key[able] for key in keys])]
        limits = limits_of(position, problem.floor, -ROUNDING * len(lines))
        most, m = np.concatenate([limit.most for limit in limits]), len(lines)
        still = float(np.delete(problem.each(np.zeros(len(problem.way))), lines).sum())
        return cls(
            terms=Terms.of(problem),
            lines=lines,
            rows=np.concatenate([limit.rows for limit in limits]),
            most=most,
            still=still,
            prices=np.zeros(len(most)),
            price=np.zeros(4),
            ways=np.zeros((3, m, WAYS)),
            uses=np.zeros((m, WAYS, len(most))),
            least=np.zeros((m + 1, len(most))),
            used=np.zeros((m + 1, len(most))),
            lost=np.zeros((2, m + 1)),
            level=np.zeros((3, m), dtype=int),
            tried=np.zeros(len(problem.way)),
        )


def branch(problem: LotProblem, start: Array) -> tuple[Array, float]:
    """Signed units (n,) that keep every limit, and the bound below which none can come, fraction of NAV.

    problem : without limits of weights. Where lines are divided at will, the bound is all that is computed.
    start   : (n,) units that keep every limit: nothing worse is given.
    """
    of, best = Branch.of(problem), start.copy()
    bound = best_below(of, best)
    return best, bound


# -- prices of limits ------------------------------------------------------------------------------------------------


@linked
def _loss(of: Branch, i: int, steps: float) -> float:
    """What so many steps of line i lose, with what they count in limits at its `price`, fraction of NAV."""
    terms, price = of.terms, of.price
    lines, units = terms.lines, _units(terms, i, steps)
    if not _sendable(terms, i, units):
        return np.inf
    traded = units * lines[PRICE, i]
    after, cost = lines[VALUE, i] + traded, _cost(of, i, traded)
    outside = max(max(lines[LOWER, i] - after, after - lines[UPPER, i]), 0.0)
    past = min(max(lines[GOAL, i] - after, 0.0), lines[UNPAID, i])
    lost = abs(after - lines[GOAL, i]) - (1.0 - PAST_SHARE) * past + OUTSIDE * outside + (1.0 + price[COST]) * cost
    lost += price[BOUGHT] * max(traded, 0.0) + price[SOLD] * max(-traded, 0.0)
    return lost / terms.nav + (price[SENT] if traded != 0.0 else 0.0)


@linked
def _cost(of: Branch, i: int, traded: float) -> float:
    """What an order of line i costs, currency."""
    terms, cost = of.terms, 0.0
    if traded != 0.0:
        charge_order(terms.costs, terms.r, terms.q, i, abs(traded), terms.scratch)
        for k in range(FIRST):
            cost += terms.scratch[k, i]
    return cost


@linked
def _use(of: Branch, j: int, i: int, steps: float) -> float:
    """What so many steps of line i count in limit j."""
    terms, rows = of.terms, of.rows
    traded = _units(terms, i, steps) * terms.lines[PRICE, i]
    if traded == 0.0:
        return 0.0
    used = rows[j, BOUGHT, i] * max(traded, 0.0) + rows[j, SOLD, i] * max(-traded, 0.0)
    return (used + rows[j, COST, i] * _cost(of, i, traded)) / terms.nav + rows[j, SENT, i]


@linked
def _least(of: Branch, i: int) -> tuple[float, float]:
    """The steps of line i that lose least at the prices of the limits, and what they lose; writes its `price`."""
    lines = of.terms.lines
    for k in range(len(of.price)):
        of.price[k] = 0.0
        for j in range(len(of.prices)):
            of.price[k] += of.prices[j] * of.rows[j, k, i]
    whole, best, lost = _whole(of, i), 0.0, _loss(of, i, 0.0)
    for steps in (whole, lines[STEPS, i]):
        here = _loss(of, i, steps)
        if here < lost:
            best, lost = steps, here
    return best, lost


@linked
def _whole(of: Branch, i: int) -> float:
    """The steps that lose least between the smallest order of line i and all its whole lots, where loss is convex."""
    low = _first(of, i)
    high = max(of.terms.lines[WHOLE, i], low)
    while low < high:
        middle = np.floor(0.5 * (low + high))
        if _loss(of, i, middle + 1.0) < _loss(of, i, middle):
            low = middle + 1.0
        else:
            high = middle
    return low


@linked
def _first(of: Branch, i: int) -> float:
    """The steps of the smallest order of line i."""
    lines = of.terms.lines
    return min(max(np.ceil(of.terms.least / lines[LOT_VALUE, i] - LOT), 1.0), lines[STEPS, i])


@linked
def _over(of: Branch, j: int) -> float:
    """By how much the lots that are best at the prices of the limits are past limit j."""
    over = -of.most[j]
    for i in of.lines:
        over += _use(of, j, i, _least(of, i)[0])
    return over


@linked
def _relaxed(of: Branch) -> float:
    """The bound at the prices of the limits, fraction of NAV."""
    found = of.still
    for j in range(len(of.prices)):
        found -= of.prices[j] * of.most[j]
    for i in of.lines:
        found += _least(of, i)[1]
    return found


@linked
def _price(of: Branch) -> None:
    """Write the prices of the limits at which the bound is nearly largest: of each in turn, given the others."""
    prices = of.prices
    for _ in range(SWEEPS):
        moved = False
        for j in range(len(prices)):
            was, low, high = prices[j], 0.0, 1.0
            prices[j] = 0.0
            if _over(of, j) > 0.0:
                prices[j] = high
                while high < DEAREST and _over(of, j) > 0.0:
                    low, high = high, 4.0 * high
                    prices[j] = high
                for _ in range(HALVINGS):
                    prices[j] = 0.5 * (low + high)
                    if _over(of, j) > 0.0:
                        low = prices[j]
                    else:
                        high = prices[j]
                prices[j] = high
            moved = moved or abs(prices[j] - was) > 1e-6
        if not moved:
            return


# -- the search ------------------------------------------------------------------------------------------------------


@linked
def best_below(of: Branch, best: Array) -> float:
    """Write better units (n,) into the best, where there are; gives the bound. See `branch`."""
    _price(of)
    bound = _relaxed(of)
    for i in of.lines:
        of.tried[i] = _units(of.terms, i, _least(of, i)[0])
    worth, other = _worth(of, best), np.inf
    if best_together(of.terms, of.tried):
        other = _worth(of, of.tried)
    if other < worth:
        worth = other
        for i in range(len(best)):
            best[i] = of.tried[i]
    for i in of.lines:
        if of.terms.lines[FINE, i] > 0.0:
            return min(bound, worth)
    proven = bound
    for _ in range(ROUNDS):
        left = np.inf
        for a in range(len(of.lines)):
            left = min(left, _ways(of, a, worth - bound))
        _order(of)
        _count(of)
        complete = _search(of, best, worth, bound)
        worth = _worth(of, best)
        if not complete:
            break
        proven = max(proven, min(bound + left, worth))
        if proven == worth:
            break
    return min(proven, worth)


@linked
def _worth(of: Branch, units: Array) -> float:
    """The objective of signed units (n,), fraction of NAV."""
    worth = 0.0
    for i in range(len(units)):
        worth += _each(of.terms, i, units[i])
    return worth


@linked
def _ways(of: Branch, a: int, most: float) -> float:
    """Write the steps of a line that lose at most so much more than its best, those that lose least first.

    Gives the least that others lose, of which there is no room for; inf where there is room for all.
    """
    i, lines = of.lines[a], of.terms.lines
    _, lost = _least(of, i)
    first, whole = _first(of, i), _whole(of, i)
    of.level[COUNT, a] = 0
    left = _add(of, a, 0.0, lost, most)
    if lines[ODD, i] > 0.0:
        left = min(left, _add(of, a, lines[STEPS, i], lost, most))
    for by in (1.0, -1.0):
        at = whole if by > 0.0 else whole - 1.0
        while first <= at <= lines[WHOLE, i] and _loss(of, i, at) - lost <= min(most, left):
            left = min(left, _add(of, a, at, lost, most))
            at += by
    return left


@linked
def _add(of: Branch, a: int, steps: float, lost: float, most: float) -> float:
    """Insert steps of a line that lose at most so much more than `lost`; gives what those lose that have no room."""
    k, ways, left = of.level[COUNT, a], of.ways, np.inf
    more = _loss(of, of.lines[a], steps) - lost
    if more > most:
        return left
    if k == WAYS:
        k -= 1
        if more >= ways[MORE, a, k]:
            return more
        left = ways[MORE, a, k]
    of.level[COUNT, a] = k + 1
    while k > 0 and ways[MORE, a, k - 1] > more:
        ways[MORE, a, k], ways[TO, a, k] = ways[MORE, a, k - 1], ways[TO, a, k - 1]
        k -= 1
    ways[MORE, a, k], ways[TO, a, k] = more, steps
    return left


@linked
def _order(of: Branch) -> None:
    """Write the order in which lines are decided: those whose second best loses most first."""
    level, more = of.level, of.ways[MORE]
    for a in range(len(of.lines)):
        k = a
        while k > 0:
            before = level[ORDER, k - 1]
            if level[COUNT, before] == 1 or (level[COUNT, a] > 1 and more[before, 1] >= more[a, 1]):
                break
            level[ORDER, k] = before
            k -= 1
        level[ORDER, k] = a


@linked
def _count(of: Branch) -> None:
    """Write what the ways lose and count in limits, and the least of those that follow a level."""
    m, terms = len(of.lines), of.terms
    for j in range(len(of.most)):
        of.used[0, j], of.least[m, j] = -of.most[j], 0.0
    for b in range(m - 1, -1, -1):
        a = of.level[ORDER, b]
        i = of.lines[a]
        for k in range(of.level[COUNT, a]):
            of.ways[LOSS, a, k] = _each(terms, i, _units(terms, i, of.ways[TO, a, k]))
        for j in range(len(of.most)):
            fewest = np.inf
            for k in range(of.level[COUNT, a]):
                of.uses[a, k, j] = _use(of, j, i, of.ways[TO, a, k])
                fewest = min(fewest, of.uses[a, k, j])
            of.least[b, j] = of.least[b + 1, j] + fewest


@linked
def _search(of: Branch, best: Array, worth: float, bound: float) -> bool:
    """Write better units (n,) than worth so much into the best, where there are; gives whether all were tried."""
    m, level, lost, b = len(of.lines), of.level, of.lost, 0
    lost[BOUND, 0], lost[SUM, 0], level[NEXT, 0] = bound, of.still, 0
    for i in range(len(best)):
        of.tried[i] = 0.0
    for _ in range(NODES):
        if b == m:
            if lost[SUM, m] < worth - NO_GAIN and not _broken(of.terms, of.tried):
                worth = lost[SUM, m]
                for i in range(len(best)):
                    best[i] = of.tried[i]
            b -= 1
        a, k = level[ORDER, b], level[NEXT, b]
        if k < level[COUNT, a] and lost[BOUND, b] + of.ways[MORE, a, k] < worth - NO_GAIN:
            level[NEXT, b] += 1
            if _takes(of, b, a, k):
                b += 1
                if b < m:
                    level[NEXT, b] = 0
        elif b > 0:
            b -= 1
        else:
            return True
    return False


@linked
def _takes(of: Branch, b: int, a: int, k: int) -> bool:
    """Let level b take way k of line a; gives whether what follows can keep the limits."""
    for j in range(len(of.most)):
        of.used[b + 1, j] = of.used[b, j] + of.uses[a, k, j]
        if of.used[b + 1, j] + of.least[b + 1, j] > WEIGHT:
            return False
    of.lost[BOUND, b + 1] = of.lost[BOUND, b] + of.ways[MORE, a, k]
    of.lost[SUM, b + 1] = of.lost[SUM, b] + of.ways[LOSS, a, k]
    of.tried[of.lines[a]] = _units(of.terms, of.lines[a], of.ways[TO, a, k])
    return True
