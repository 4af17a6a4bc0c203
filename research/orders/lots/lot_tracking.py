"""The lots of a `LotProblem` with the least tracking error and costs: an exact search, compiled, with a bound.

The tracking error is a norm, |R(d + s)| with R'R the covariance of the assets that may trade and d their distances from
their points. So asset by asset, from the last row of R, the least that the others can add is known in closed form: it
is the bound of the continuous problem given the assets so far. The search tries the lots of an asset from the best
bound on and stops at the best lots found (Schnorr, Euchner 1994, Lattice basis reduction; Agrell et al. 2002, Closest
point search in lattices). Costs in proportion to what is traded are part of the bound.

Where the nodes run out, the largest radius within which the search was complete is the bound that is given.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Rows, frozen
from foundation.compiled import linked
from foundation.tolerances import COUNTED, LOT, TRIGGER
from research.accounting.self_financing import charge_order
from research.orders.lots.lot_problem import OUTSIDE, LotProblem, Proof
from research.orders.lots.lot_search import NO_GAIN, SPENT_PER_VALUE, _sendable, _steps, _units, breaks_limits, short_on
from research.orders.lots.lot_terms import (
    CHARGE_ROWS,
    DIVISIBLE,
    GOAL,
    LOT_STEPS,
    LOT_VALUE,
    LOWER_BOUND,
    PRICE,
    UPPER_BOUND,
    VALUE,
    WAY,
    LotTerms,
)
from research.orders.lots.position import CENT

RADII = (0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)  # of the way from the first bound to the best lots so far
TRACKING_NODES = 2_000_000  # of the search within a radius: less than a second
PROVEN = 1e-12  # of NAV: lots that are better by less are as good
RIDGE = 1e-13  # of the largest variance, added to all, so that assets that move together have a factor
COSTS_LENGTH = 0.9  # most of the length of the costs' row in the bound; beyond one there would be none
# Up to so many assets, the optimum is proven; beyond, a gap of so much of NAV suffices.
PROVEN_LINES, NAV_GAP = 12, 5e-6
PASSES = 20  # of exchanges over all pairs of assets
GAIN_TOLERANCE = 1e-8  # of NAV: where an asset is divided at will, lots that are better by less are not looked for

TRIED, BEST, AWAY, SLOPE, NEXT, MOVE, CHANGE, FOUND = 0, 1, 2, 3, 4, 6, 8, 10  # rows of what is found; three have two
WORTH, VARIANCE, EXTRA, SPARE_CASH, SUMS = range(5)
UP, DOWN, AT_UP, AT_DOWN, SQUARE, LINEAR, SPENT, BOUGHT, SOLD, COUNT, MOVED, OFFSET, TRIES = range(13)


class SearchTree(NamedTuple):
    """A `LotProblem` as the search takes it; level i decides asset rows[i], the last one first.

    terms      : the problem.
    rows       : (m,) assets that may trade.
    order      : (m,) the same, in the order in which exchanges go through them.
    covariance : (n, n) a year.
    factor     : (m, m) R, upper triangular.
    shift      : (m,) s, what the assets that stay add, fraction of NAV.
    rate       : (m,) costs in the bound, signed as the order, over what is traded.
    lean       : (m,) g, the same along the rows of R: R'g = rate.
    left       : (m + 1,) sqrt(1 − Σ g²) of the assets not decided yet.
    idle       : (m + 1,) the least that they are outside their boxes, at its price, fraction of NAV.
    sales      : (m + 1,) the most that they can be sold for, currency.
    base       : (2,) variance that no order changes; the constant of the costs, and what assets that stay are outside.
    groups     : (L, n) assets of the limits of weights.
    limits     : (L, 3) lower, upper, price.
    stack      : (13, m + 1) state at each level.
    found      : (10, n) units tried, best units, and what exchanges know of each asset.
    sums       : (4,) sums over all assets for exchanges.
    """

    terms: LotTerms
    rows: Rows
    order: Rows
    covariance: Array
    factor: Array
    shift: Array
    rate: Array
    lean: Array
    left: Array
    idle: Array
    sales: Array
    base: Array
    groups: Array
    limits: Array
    stack: Array
    found: Array
    sums: Array

    @classmethod
    def of(cls, problem: LotProblem, covariance: Array, searched: bool = True) -> "SearchTree":
        """The problem in arrays, with its assets in an order that does not depend on that of the portfolio."""
        position, nav, n = problem.position, problem.position.nav, len(problem.way)
        order = problem.able[np.argsort(covariance.diagonal()[problem.able], kind="stable")]
        rows = _levels(order, covariance, problem) if searched else order
        m, away = len(rows), (problem.value - problem.goal) / nav
        still = np.setdiff1d(np.arange(n), rows)
        ridge = RIDGE * float(covariance.diagonal().max(initial=0.0)) * np.eye(m)
        within = covariance[np.ix_(rows, rows)] + ridge
        factor = np.linalg.cholesky(within).T
        shift = np.asarray(np.linalg.solve(within, covariance[np.ix_(rows, still)] @ away[still]), dtype=float)
        stays = float(away[still] @ covariance[np.ix_(still, still)] @ away[still] - shift @ within @ shift)
        rate = (problem.way * position.rates.sum(axis=0))[rows]
        lean = np.linalg.solve(factor.T, rate)
        part = min(1.0, COSTS_LENGTH / max(float(np.sqrt(lean @ lean)), COSTS_LENGTH))
        rate, lean = part * rate, part * lean
        sold = np.where(problem.way < 0.0, problem.steps * problem.lot, 0.0)[rows]
        outside, weights = _least_outside(problem), position.limits.weights
        groups = np.array([limit.exposures for limit in weights]).reshape(-1, n)
        return cls(
            terms=problem.terms,
            rows=rows,
            order=order,
            covariance=frozen(covariance),
            factor=np.ascontiguousarray(factor),
            shift=shift,
            rate=rate,
            lean=lean,
            left=np.sqrt(1.0 - np.append(0.0, np.cumsum(lean**2))),
            idle=np.append(0.0, np.cumsum(outside[rows])),
            sales=np.append(0.0, np.cumsum(sold)),
            base=np.array([max(stays, 0.0), float(outside[still].sum()) - float(rate @ (shift + away[rows]))]),
            groups=groups,
            limits=np.array([(limit.lower, limit.upper, limit.price) for limit in weights]).reshape(-1, 3),
            stack=np.zeros((13, m + 1)),
            found=np.zeros((FOUND, n)),
            sums=np.zeros(SUMS),
        )


def _levels(rows: Rows, covariance: Array, problem: LotProblem) -> Rows:
    """The assets (m,) from the last decided to the first.

    Assets that can be divided at will are decided last, and first those whose lots move the tracking error most when
    all others may follow.
    """
    nav, inverse = problem.position.nav, np.linalg.pinv(covariance[np.ix_(rows, rows)], hermitian=True)
    left, order = np.ones(len(rows), dtype=bool), []
    for _ in range(len(rows)):
        step = np.where(problem.fine[rows], 0.0, problem.lot[rows] / nav)
        apart = np.where(left, step / np.sqrt(np.maximum(inverse.diagonal(), 1e-300)), -1.0)
        k = int(np.argmax(apart))
        order.append(k)
        left[k] = False
        if inverse[k, k] > 0.0:
            inverse = inverse - np.outer(inverse[:, k], inverse[k]) / inverse[k, k]
    return rows[np.array(order[::-1], dtype=int)]


def _least_outside(problem: LotProblem) -> Array:
    """(n,) the least that each asset is outside its box with any lots, at its price, fraction of NAV."""
    least, none = np.full(len(problem.way), np.inf), np.zeros(len(problem.way))
    for bound in (problem.lower, problem.upper):
        wanted = problem.way * (np.where(np.isfinite(bound), bound, problem.value) - problem.value) / problem.lot
        for near in (np.floor(wanted), np.ceil(wanted), none, problem.whole, problem.steps):
            after = problem.value + problem.units(np.clip(near, 0.0, problem.steps)) * problem.position.prices
            least = np.minimum(least, problem.outside(after))
    return OUTSIDE * least / problem.position.nav


# -- the search ------------------------------------------------------------------------------------------------------


def track(problem: LotProblem, starts: Sequence[Array], greedy: bool) -> tuple[Array, float, Proof]:
    """The signed units (n,) with the least tracking error and costs; the lower bound of all units; the proof.

    problem : problem with a covariance.
    starts  : (n,) units each that keep every limit: nothing worse is given.
    greedy  : true to exchange lots of single assets and of pairs only.
    """
    covariance = problem.position.covariance
    assert covariance is not None
    tree = SearchTree.of(problem, covariance, not greedy)
    for exchanged in (improved := [start.copy() for start in starts]):
        exchange(tree, exchanged)
    best = min(improved, key=problem.objective)
    worth, m = problem.objective(best), len(tree.rows)
    bound = float(np.sqrt(tree.base[0])) * float(tree.left[m]) + float(tree.base[1] + tree.idle[m])
    bound, divided = max(bound, 0.0), bool(problem.fine[tree.rows].any())
    if greedy or m == 0:
        return best, min(bound, worth), Proof.EXACT if m == 0 or worth - bound <= PROVEN else Proof.GREEDY
    tree.found[BEST] = best
    enough = NAV_GAP if m > PROVEN_LINES else PROVEN
    for part in RADII[-1:] if divided else RADII:
        if worth - bound <= enough:
            break
        within = min(bound + part * (worth - bound) if part < 1.0 else worth, worth)
        complete = descend(tree, within - (GAIN_TOLERANCE if divided else PROVEN))
        best = _better(problem, tree, best)
        worth = problem.objective(best)
        if not complete:
            return best, min(bound, worth), Proof.BOUNDED
        if not divided:
            bound = max(bound, min(within, worth))  # where the search found less than `within`, that is the least
    proven = worth - bound <= max(PROVEN, LOT * worth)
    return best, min(bound, worth), Proof.EXACT if proven else Proof.BOUNDED


def _better(problem: LotProblem, tree: SearchTree, best: Array) -> Array:
    """(n,) the better of the best units and the result of the search, after exchanges."""
    found = tree.found[BEST].copy()
    exchange(tree, found)
    return found if problem.objective(found) < problem.objective(best) and not problem.broken(found) else best


@linked
def _extra(terms: LotTerms, i: int, units: float) -> float:
    """Costs of an order of asset i, and the amount outside its box at its price, fraction of NAV."""
    lines, charges = terms.lines, terms.scratch
    traded = units * lines[PRICE, i]
    after = lines[VALUE, i] + traded
    lost = OUTSIDE * max(max(lines[LOWER_BOUND, i] - after, after - lines[UPPER_BOUND, i]), 0.0)
    if traded != 0.0:
        charge_order(terms.costs, terms.r, terms.q, i, abs(traded), charges)
        for k in range(CHARGE_ROWS):
            lost += charges[k, i]
    return lost / terms.nav


@linked
def _priced(tree: SearchTree, units: Array) -> float:
    """Excess over soft limits of weights at their prices, fraction of NAV; inf outside one that binds."""
    terms, lost = tree.terms, 0.0
    if len(tree.limits) == 0:
        return 0.0
    lines, charges, nav = terms.lines, terms.scratch, terms.nav
    for i in range(len(units)):
        if units[i] != 0.0:
            charge_order(terms.costs, terms.r, terms.q, i, abs(units[i] * lines[PRICE, i]), charges)
            for k in range(CHARGE_ROWS):
                nav -= charges[k, i]
    for j in range(len(tree.limits)):
        weight = 0.0
        for i in range(len(units)):
            weight += tree.groups[j, i] * (lines[VALUE, i] + units[i] * lines[PRICE, i])
        weight /= nav
        outside = max(max(tree.limits[j, 0] - weight, weight - tree.limits[j, 1]), 0.0)
        if not np.isinf(tree.limits[j, 2]):
            lost += tree.limits[j, 2] * outside
        elif outside > TRIGGER:
            return np.inf
    return lost


@linked
def _worth(tree: SearchTree, units: Array) -> float:
    """The objective of units (n,) but for limits of weights; see `LotProblem.objective`."""
    terms, square, extra, n = tree.terms, 0.0, 0.0, len(units)
    lines, away = terms.lines, tree.found[AWAY]
    for i in range(n):
        away[i] = (lines[VALUE, i] + units[i] * lines[PRICE, i] - lines[GOAL, i]) / terms.nav
        extra += _extra(terms, i, units[i])
    for i in range(n):
        for j in range(n):
            square += away[i] * tree.covariance[i, j] * away[j]
    return np.sqrt(max(square, 0.0)) + extra


@linked
def _at(tree: SearchTree, i: int, steps: float) -> float:
    """The bound where level i takes so many steps, but for its extra costs; inf outside its range."""
    terms, line, stack = tree.terms, tree.rows[i], tree.stack
    if steps < 0.0 or steps > terms.lines[LOT_STEPS, line]:
        return np.inf
    moved = terms.lines[VALUE, line] + _units(terms, line, steps) * terms.lines[PRICE, line] - terms.lines[GOAL, line]
    z = tree.factor[i, i] * (moved / terms.nav + tree.shift[i]) + stack[OFFSET, i]
    return np.sqrt(stack[SQUARE, i + 1] + z * z) * tree.left[i] + stack[LINEAR, i + 1] + tree.lean[i] * z + tree.idle[i]


@linked
def _open(tree: SearchTree, i: int) -> None:
    """Begin level i: its best steps up and down from where its bound is least."""
    terms, line, stack, m = tree.terms, tree.rows[i], tree.stack, len(tree.rows)
    lines, offset = terms.lines, 0.0
    for j in range(i + 1, m):
        offset += tree.factor[i, j] * stack[MOVED, j]
    g = tree.lean[i]
    z = -np.sqrt(stack[SQUARE, i + 1]) * g / np.sqrt(max(tree.left[i] ** 2 - g * g, 1e-12))
    value = ((z - offset) / tree.factor[i, i] - tree.shift[i]) * terms.nav + lines[GOAL, line]
    steps = lines[WAY, line] * (value - lines[VALUE, line]) / lines[LOT_VALUE, line]
    most = lines[LOT_STEPS, line]
    if lines[DIVISIBLE, line] > 0.0 and lines[WAY, line] > 0.0:
        spare = terms.cents / 100.0 - terms.floor - stack[SPENT, i + 1] + tree.sales[i]
        most = min(most, max(np.floor(spare / lines[LOT_VALUE, line] / SPENT_PER_VALUE), 0.0))
    down = np.floor(min(max(steps, 0.0), most))
    stack[OFFSET, i], stack[TRIES, i] = offset, 0.0
    stack[DOWN, i], stack[UP, i] = down, down + 1.0
    stack[AT_DOWN, i], stack[AT_UP, i] = _at(tree, i, down), _at(tree, i, down + 1.0)


@linked
def _next(tree: SearchTree, i: int, least: float) -> float:
    """The steps of level i with the next best bound, or -1 where none is below `least`."""
    stack = tree.stack
    rises = stack[AT_UP, i] < stack[AT_DOWN, i]
    divided = tree.terms.lines[DIVISIBLE, tree.rows[i]] > 0.0
    if min(stack[AT_UP, i], stack[AT_DOWN, i]) >= least or (divided and stack[TRIES, i] > 1.0):
        return -1.0
    stack[TRIES, i] += 1.0
    side, at, by = (UP, AT_UP, 1.0) if rises else (DOWN, AT_DOWN, -1.0)
    steps = stack[side, i]
    stack[side, i] = steps + by
    stack[at, i] = _at(tree, i, steps + by)
    return steps


@linked
def _takes(tree: SearchTree, i: int, steps: float, least: float) -> bool:
    """Let level i take so many steps; gives whether less than `least` can follow within the limits."""
    terms, stack, line, m = tree.terms, tree.stack, tree.rows[i], len(tree.rows)
    lines, units = terms.lines, _units(terms, line, steps)
    if not _sendable(terms, line, units):
        return False
    traded = units * lines[PRICE, line]
    before = (lines[VALUE, line] - lines[GOAL, line]) / terms.nav
    away = before + traded / terms.nav
    z = tree.factor[i, i] * (away + tree.shift[i]) + stack[OFFSET, i]
    over = _extra(terms, line, units) - tree.rate[i] * (away - before)  # what the bound does not have
    tree.found[TRIED, line] = units
    stack[MOVED, i] = away + tree.shift[i]
    stack[SPENT, i] = stack[SPENT, i + 1] + traded
    stack[BOUGHT, i] = stack[BOUGHT, i + 1] + max(traded, 0.0)
    stack[SOLD, i] = stack[SOLD, i + 1] - min(traded, 0.0)
    stack[COUNT, i] = stack[COUNT, i + 1] + (1.0 if units != 0.0 else 0.0)
    stack[SQUARE, i] = stack[SQUARE, i + 1] + z * z
    stack[LINEAR, i] = stack[LINEAR, i + 1] + tree.lean[i] * z + over
    can = np.sqrt(stack[SQUARE, i]) * tree.left[i] + stack[LINEAR, i] + tree.idle[i] < least
    can = can and stack[COUNT, i] <= terms.most
    can = can and max(stack[BOUGHT, i], stack[SOLD, i]) <= terms.nav * (terms.turnover + COUNTED)
    return can and terms.cents / 100.0 - stack[SPENT, i] + tree.sales[i] >= terms.floor - (m + 1.0) * CENT


@linked
def _keep(tree: SearchTree, least: float) -> float:
    """Keep the units that were tried, where they are better than `least` within all limits; gives the new least."""
    found = tree.found
    if breaks_limits(tree.terms, found[TRIED]):
        return least
    worth = _worth(tree, found[TRIED]) + _priced(tree, found[TRIED])
    if worth < least:
        for k in range(found.shape[1]):
            found[BEST, k] = found[TRIED, k]
    return min(worth, least)


@linked
def descend(tree: SearchTree, within: float) -> bool:
    """Search for lots with an objective below `within` and below that of the best; true if the search is complete."""
    stack, found, m = tree.stack, tree.found, len(tree.rows)
    least = min(within, _worth(tree, found[BEST]) + _priced(tree, found[BEST]))
    for k in range(found.shape[1]):
        found[TRIED, k] = 0.0
    for k in (SPENT, BOUGHT, SOLD, COUNT):
        stack[k, m] = 0.0
    stack[SQUARE, m], stack[LINEAR, m] = tree.base[0], tree.base[1]
    i = m - 1
    _open(tree, i)
    for _ in range(TRACKING_NODES):
        steps = _next(tree, i, least)
        if steps < 0.0:
            found[TRIED, tree.rows[i]] = 0.0
            i += 1
            if i == m:
                return True
        elif _takes(tree, i, steps, least):
            if i > 0:
                i -= 1
                _open(tree, i)
            else:
                least = _keep(tree, least)
    return False


# -- exchanges -------------------------------------------------------------------------------------------------------


@linked
def exchange(tree: SearchTree, units: Array) -> None:
    """A lot more or less of each asset and of each two assets, as long as that improves the units (n,), in place."""
    order = tree.order
    _begin(tree, units)
    for _ in range(PASSES):
        improved = False
        for a in range(len(order)):
            for x in range(2):
                improved = _change(tree, units, order[a], x, order[a], x) or improved
            for b in range(a):
                for k in range(4):
                    improved = _change(tree, units, order[a], k % 2, order[b], k // 2) or improved
        if not improved:
            return


@linked
def _begin(tree: SearchTree, units: Array) -> None:
    """Write the sums of units (n,) for exchanges."""
    terms, order, found, sums, n = tree.terms, tree.order, tree.found, tree.sums, len(units)
    lines = terms.lines
    for k in range(len(sums)):
        sums[k] = 0.0
    for i in range(n):
        found[AWAY, i] = (lines[VALUE, i] + units[i] * lines[PRICE, i] - lines[GOAL, i]) / terms.nav
        sums[EXTRA] += _extra(terms, i, units[i])
    for i in range(n):
        found[SLOPE, i] = 0.0
        for j in range(n):
            found[SLOPE, i] += tree.covariance[i, j] * found[AWAY, j]
        sums[VARIANCE] += found[SLOPE, i] * found[AWAY, i]
    sums[WORTH] = np.sqrt(max(sums[VARIANCE], 0.0)) + sums[EXTRA] + _priced(tree, units)
    sums[SPARE_CASH] = -short_on(terms, units, terms.floor, np.inf)
    for a in range(len(order)):
        _neighbours(tree, units, order[a])


@linked
def _change(tree: SearchTree, units: Array, i: int, x: int, j: int, y: int) -> bool:
    """Give asset i a lot more (x = 0) or less (x = 1), and asset j with y, where it is another; if that improves."""
    terms, found, sums = tree.terms, tree.found, tree.sums
    if j != i and max(terms.lines[DIVISIBLE, i], terms.lines[DIVISIBLE, j]) > 0.0:
        return False
    by, other = found[MOVE + x, i], found[MOVE + y, j] if j != i else 0.0
    extra = sums[EXTRA] + found[CHANGE + x, i] + (found[CHANGE + y, j] if j != i else 0.0)
    if extra >= sums[WORTH] or (by + other) * terms.nav > max(sums[SPARE_CASH], 0.0):
        return False
    across = found[SLOPE, j] + by * tree.covariance[i, j]
    variance = sums[VARIANCE] + by * (2.0 * found[SLOPE, i] + by * tree.covariance[i, i])
    variance += other * (2.0 * across + other * tree.covariance[j, j])
    worth = np.sqrt(max(variance, 0.0)) + extra
    if worth >= sums[WORTH] - NO_GAIN:
        return False
    was, was_other = units[i], units[j]
    units[i], units[j] = found[NEXT + x, i], found[NEXT + y, j]  # of one asset, both are the same
    worth = np.inf if breaks_limits(terms, units) else worth + _priced(tree, units)
    if worth >= sums[WORTH] - NO_GAIN:
        units[j], units[i] = was_other, was
        return False
    sums[WORTH], sums[VARIANCE], sums[EXTRA], sums[SPARE_CASH] = (
        worth,
        variance,
        extra,
        -short_on(terms, units, terms.floor, np.inf),
    )
    for c in range(len(units)):
        found[SLOPE, c] += by * tree.covariance[c, i] + other * tree.covariance[c, j]
    _neighbours(tree, units, i)
    _neighbours(tree, units, j)
    return True


@linked
def _neighbours(tree: SearchTree, units: Array, i: int) -> None:
    """Write the units of asset i a lot further and a lot back, their moves of it, and the changes of their extra costs.

    An asset that is divided at will moves as far as its own tracking error asks.
    """
    terms, found = tree.terms, tree.found
    lines, steps, size = terms.lines, _steps(terms, i, units[i]), 1.0
    if lines[DIVISIBLE, i] > 0.0:
        size = max(np.floor(abs(found[SLOPE, i]) / tree.covariance[i, i] * terms.nav / lines[LOT_VALUE, i]), 1.0)
    for k in range(2):
        to = min(max(steps + (size if k == 0 else -size), 0.0), lines[LOT_STEPS, i])
        new = _units(terms, i, to)
        found[NEXT + k, i] = new
        found[MOVE + k, i] = (new - units[i]) * lines[PRICE, i] / terms.nav
        able = new != units[i] and _sendable(terms, i, new)
        found[CHANGE + k, i] = _extra(terms, i, new) - _extra(terms, i, units[i]) if able else np.inf
