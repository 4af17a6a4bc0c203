"""The best lots of a `LotProblem`, with a bound.

Branch and bound (`lot_branch`) proves most of them. Where it does not, and where weights have limits, a mixed-integer
linear programme on HiGHS continues: the one of `order_programme`, with the gap of each asset from its point, from
above.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.tolerances import LOT
from research.accounting.costs import BASIS_POINT
from research.orders.lots.lot_branch import branch
from research.orders.lots.lot_problem import (
    CASH_LIMIT,
    OUTSIDE,
    PAST_SHARE,
    LotProblem,
    Proof,
    cash_distance,
    cash_distances,
)
from research.orders.lots.lot_search import search, spend
from research.orders.lots.lot_tracking import track
from research.orders.lots.order_limits import cash_limits, limits_of
from research.orders.lots.order_programme import UNIT, Links, OrderColumns, programme
from research.orders.lots.position import CENT

HIGHS_NODES = 5_000  # of HiGHS for a programme: some seconds
EXACT_LINES = 12  # up to so many, the optimum is proven: many lots bring cash nearly to its point, and few are best
RELATIVE_GAP, NAV_GAP = 1e-3, 5e-6  # of more assets: of the objective, or of NAV, where that is more
REACHED = 1e-7  # of NAV: nearer than this to its bound an objective has reached it, with the tolerances of HiGHS
LEAST_SHOWN = 1e-3  # bp: a smaller gap is not told
REPAIRS = 5  # times that the cash is raised by the cents that rounding took


@dataclass(frozen=True, eq=False)
class SolvedLots:
    """The best orders found.

    problem : problem that they solve.
    units   : (n,) signed units, buys positive.
    how     : proof of the orders; exact where the bound is reached.
    below   : the bound, fraction of NAV, nan where none was computed; None where it is the objective of the orders.
    """

    problem: LotProblem
    units: Array
    how: Proof
    below: float | None = None

    @cached_property
    def objective(self) -> float:
        """The objective of these orders, fraction of NAV."""
        return self.problem.objective(self.units)

    @property
    def bound(self) -> float:
        """Below which no orders that keep the limits can come, fraction of NAV; nan where none was computed."""
        return self.objective if self.below is None else self.below

    @property
    def words(self) -> str:
        """The method that found the orders, and, where they are not proven the best, by how much they may be worse."""
        by = "by the greedy search" if self.how is Proof.GREEDY else f"found {self.how}"
        if np.isnan(self.bound):
            return f"{by}, without a bound"
        gap = max(self.objective - self.bound, 0.0)
        if self.how is Proof.EXACT and gap <= LOT * self.objective:
            return self.how
        of = "NAV" if self.problem.position.covariance is None else "tracking error and costs"
        if self.how is Proof.EXACT:
            return f"{self.how} to {max(gap / BASIS_POINT, LEAST_SHOWN):.3f} bp of {of}"
        return f"at most {gap / BASIS_POINT:.3f} bp of {of} above the least possible, {by}"


def solve_lots(problem: LotProblem, greedy: bool = False) -> SolvedLots | None:
    """The orders in whole lots with the least objective, or None where no orders keep the limits, not even none.

    problem : the lots, the costs and the limits.
    greedy  : true to stop at the greedy search.

    The result depends neither on the order of the assets nor on the machine, and is never worse than that of the greedy
    search.
    Where the position has a covariance, it is the tracking error to the assets' shares of the cash that is least, and
    nothing is worse than the lots that are nearest to them; what these leave in cash is spent after it.
    Source : branch and bound over assets (`research.orders.lots.lot_branch`); where that does not prove them, a
             mixed-integer linear programme, solved by branch and cut (`foundation.solvers.linear_programme`).
    """
    if problem.position.covariance is None:
        return _nearest(problem, greedy)
    shared, whole = problem.shared, replace(problem, position=replace(problem.position, covariance=None))
    starts = [_nearest(whole.shared, quick) for quick in ((True,) if greedy else (True, False))]
    known = [start.units for start in starts if start is not None]
    if not known:
        return None
    units, bound, how = track(shared, known, greedy)
    return SolvedLots(shared, spend(whole, units), how, bound)


def _nearest(problem: LotProblem, quick: bool) -> SolvedLots | None:
    """The orders with the least sum of distances and costs."""
    greedy, alone = search(problem)
    if greedy is not None and problem.position.limits.weights:  # of which the search knows nothing
        alone &= problem.priced(greedy) == 0.0
        greedy = None if problem.broken(greedy) else greedy
    if greedy is not None and alone:
        return SolvedLots(problem, greedy, Proof.EXACT)
    if quick and (greedy is not None or not problem.position.limits.weights):
        return None if greedy is None else SolvedLots(problem, greedy, Proof.GREEDY, np.nan)
    best, bound = greedy, np.nan
    if greedy is not None and not problem.position.limits.weights:
        best, bound = branch(problem, greedy, _enough(problem, problem.objective(greedy)))
        worth = problem.objective(best)
        if worth - bound <= _enough(problem, worth):
            return SolvedLots(problem, spend(problem, best), Proof.EXACT, bound)
    found, least = _by_highs(problem, best)
    bound = float(np.fmax(bound, least))
    if best is not None and (found is None or problem.objective(best) < problem.objective(found)):
        found = best
    if found is None:
        return None
    worth = problem.objective(found)
    proven = worth - bound <= _enough(problem, worth)
    return SolvedLots(problem, spend(problem, found), Proof.EXACT if proven else Proof.BOUNDED, bound)


def _by_highs(problem: LotProblem, start: Array | None) -> tuple[Array | None, float]:
    """The signed units (n,) or None, and the bound.

    Where the cents that rounding took, or the impact that tangents leave out, break a limit, it is solved again: with
    as much more cash kept, and with a tangent at each size that was found (Kelley 1960, The cutting-plane method for
    solving convex programs). The bound is that of the first programme, in which the start keeps all limits.
    start : (n,) units that keep the limits, or None.
    """
    orders = _columns(problem)
    if len(orders.rows) == 0:
        none = np.zeros(len(problem.way))
        return (None if problem.broken(none) else none), problem.objective(none)
    known = None if start is None or problem.position.limits.weights else _at(problem, orders, start)
    kept, sizes, first = 0.0 if known is None else -_rounded(problem, orders, known), list[Array](), np.nan
    for _ in range(REPAIRS):
        units, bound = _solve(problem, orders, kept, sizes, known)
        first = bound if np.isnan(first) else first
        if units is None or not (broken := problem.broken(units)):
            return units, first
        if CASH_LIMIT in broken:
            kept += max(problem.short(units), CENT)
        sizes.append(np.abs(units) * problem.position.prices)
    return None, np.nan


# -- the programme ---------------------------------------------------------------------------------------------------


def _rounded(problem: LotProblem, orders: OrderColumns, known: Array) -> float:
    """Shortfall of cash at a point of the programme that keeps its limits in whole cents, currency."""
    lacks = [orders.past(limit, known) for limit in cash_limits(problem.position, problem.floor)]
    return max(lacks) * UNIT * problem.position.nav


def _solve(
    problem: LotProblem, orders: OrderColumns, kept: float, sizes: Sequence[Array], known: Array | None
) -> tuple[Array | None, float]:
    """One programme; see `_by_highs`. Its own columns are each asset's gap from its point, and that from its box.

    kept  : cash that stays besides the floor, currency.
    sizes : (n,) each, currency, at which tangents bound the impact besides the usual ones.
    known : (7 k,) a point that keeps the limits, or None.
    """
    rows, none, k = orders.rows, np.zeros(len(problem.way)), len(orders.rows)
    limits = [*limits_of(problem.position, problem.floor, kept), cash_distance(problem)]
    cost = np.vstack([orders.costs[0], np.ones(k), np.full(k, OUTSIDE)])
    links = [*_distances(problem, orders), *_envelopes(problem, orders)]
    solved = programme(orders, limits, cost, links, [size[rows] for size in sizes]).solve(
        nodes=HIGHS_NODES,
        gap=0.0 if k <= EXACT_LINES else RELATIVE_GAP,
        spare=_enough(problem, 0.0) / UNIT,
        start=None if known is None else orders.start(limits, known),
    )
    if solved.x is None:
        return None, np.nan
    found, still = none.copy(), np.delete(problem.each(none), rows).sum()
    found[rows] = _steps(problem, orders, solved.x)
    return problem.units(found), solved.bound * UNIT + float(still)


def _enough(problem: LotProblem, worth: float) -> float:
    """The gap within which lots are good enough, fraction of NAV. worth : their objective, fraction of NAV."""
    k = len(problem.able)
    return REACHED if k <= EXACT_LINES else max(RELATIVE_GAP * worth, NAV_GAP)


def _columns(problem: LotProblem) -> OrderColumns:
    """The orders of the assets that may trade."""
    position, rows = problem.position, problem.able
    lots, odd, whole = problem.whole[rows], problem.odd[rows], ~problem.fine[rows]
    return OrderColumns.of(position, rows, problem.way[rows], lots, odd, whole, position.least(problem.way)[rows])


def _at(problem: LotProblem, orders: OrderColumns, units: Array) -> Array:
    """(7 k,) the point of the programme at signed units (n,)."""
    after = problem.value + units * problem.position.prices
    own = np.array([problem.away(after), problem.outside(after)])[:, orders.rows] / (UNIT * problem.position.nav)
    return np.append(orders.at(units), own)


def _distances(problem: LotProblem, orders: OrderColumns) -> Iterator[Links]:
    """Each asset's gap is at least its distance from its share, either way; likewise the amount outside its box."""
    one, (start, goal, unpaid, lower, upper) = np.ones(len(orders.rows)), _of_lines(problem, orders)
    for sign, point, bound in ((1.0, goal - unpaid, lower), (-1.0, PAST_SHARE * unpaid - goal, -upper)):
        traded = orders.columns(sign * orders.way)
        yield np.vstack([traded, one, 0.0 * one]), point - sign * start
        yield np.vstack([traded, 0.0 * one, one]), bound - sign * start
    if unpaid.any():
        traded = orders.columns(-PAST_SHARE * orders.way)
        yield np.vstack([traded, one, 0.0 * one]), PAST_SHARE * (start - goal + unpaid)


def _envelopes(problem: LotProblem, orders: OrderColumns) -> Iterator[Links]:
    """Lower bound of an asset's loss at whole lots, between those next to its point, its share and each bound of its
    box.

    Its loss is convex, so the chord of two neighbouring whole lots is below it at all others. Without the chords, any
    point in parts of lots would lose nothing, and the bound of the linear relaxation would be that of the costs.
    """
    whole, (start, goal, unpaid, lower, upper) = orders.whole & (orders.rest == 0.0), _of_lines(problem, orders)

    def loss(lots: Array) -> Array:
        after = start + orders.way * orders.step * lots
        outside = np.maximum(np.maximum(lower - after, after - upper), 0.0)
        return cash_distances(after, goal, unpaid) + OUTSIDE * outside

    none = np.zeros(len(goal))
    for point in (goal, np.where(unpaid > 0.0, goal - unpaid, np.inf), lower, upper):
        here = whole & np.isfinite(point)
        lots = np.floor(np.where(here, orders.way * (point - start) / orders.step, 0.0))
        here &= (lots >= 0.0) & (lots < orders.top)
        if here.any():
            first, rise = loss(lots), loss(lots + 1.0) - loss(lots)
            blocks = np.array([-rise, none, none, none, none, none + 1.0, none + OUTSIDE])
            yield np.where(here, blocks, 0.0), np.where(here, first - rise * lots, 0.0)


def _of_lines(problem: LotProblem, orders: OrderColumns) -> Iterator[Array]:
    """(k,) of the orders' assets each: value, goal, its unpaid part, and the bounds of the box, in `UNIT`s."""
    for amounts in (problem.value, problem.goal, problem.unpaid, problem.lower, problem.upper):
        yield np.broadcast_to(amounts, len(problem.way))[orders.rows] / (UNIT * problem.position.nav)


def _steps(problem: LotProblem, orders: OrderColumns, x: Array) -> Array:
    """(k,) steps of the orders sent at a point of the programme, without residues within tolerances.

    An asset that is divided at will does not go past its value.
    """
    lots, rest, sent = x[: 3 * len(orders.rows)].reshape(3, -1)
    value = lots * orders.step * UNIT * problem.position.nav
    whole: Array = np.where(orders.whole, np.rint(lots), np.floor(value / problem.lot[orders.rows] + LOT))
    return np.where(sent > 0.5, whole + (rest > 0.5), 0.0)
