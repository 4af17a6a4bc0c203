"""Cone programmes in which assets are held or not: branch and bound over the assets that are held.

A part "held" says of each asset whether it is held. A relaxation whose weights keep the limits of numbers of assets is
an answer; else the largest asset that is undecided is held in one branch and left out in the other (Bertsimas, Shioda
2009, Algorithm for cardinality-constrained quadratic optimization, section 3). The branch with the lowest bound is
next. The first answer is that of leaving out the smallest asset again and again; where the search ends without a proof,
its answer is improved by exchanging one asset that is held for another, as long as that helps.
"""

from collections.abc import Mapping
from heapq import heappop, heappush
from itertools import count, product
from math import inf

import numpy as np

from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass
from research.allocation.accuracy import RELAXED_ZERO
from research.allocation.constraints.conic import ConeProgramme
from research.allocation.constraints.limits import HELD_LINES, Limits
from research.allocation.constraints.programme import Solved

BOUND_GAP = 1e-6  # of the value, or absolute below 1: nearer than this to the bound is the best
MOST_RELAXATIONS = 2_000  # relaxations after which the best so far is given
EXCHANGES = 500  # that are tried then


@dataclass(frozen=True, eq=False)
class Best:
    """The best point found so far.

    point : None where there is none.
    gap   : difference between its value and the lower bound of all points; 0 where it is proven the best.
    """

    point: Solved | None
    gap: float = 0.0


def best(programme: ConeProgramme, bounds: Mapping[int, float] | None = None) -> Best:
    """The best point of a programme, of which some of x may be whole numbers.

    programme : cone programme over limits.
    bounds    : place of a limit -> another bound, for this time.
    """
    limits = programme.limits
    if not limits.whole.any():
        return Best(programme.solve(bounds))
    held = np.flatnonzero(limits.whole)
    heap: list[tuple[float, int, Array, Array, Solved]] = []
    order, found, value = count(), None, np.inf

    def visit(least: Array, most: Array) -> None:
        nonlocal found, value
        solved = programme.solve(bounds, (least, most))
        if solved is None or solved.value >= value - BOUND_GAP * max(1.0, abs(value)):
            return
        if _whole(limits, solved, held, least, most):
            found, value = solved, solved.value
        else:
            heappush(heap, (solved.value, next(order), least, most, solved))

    visit(limits.least, limits.most)
    if heap:
        visit(limits.least, _without_the_smallest(programme, bounds, heap[0][4], held))
    visited = 2
    while heap and visited < MOST_RELAXATIONS:
        bound, _, least, most, solved = heappop(heap)
        if bound >= value - BOUND_GAP * max(1.0, abs(value)):
            return Best(found)
        column = held[_undecided(solved, held, least, most)]
        for at in (1.0, 0.0):
            new_least, new_most = least.copy(), most.copy()
            new_least[column] = new_most[column] = at
            visit(new_least, new_most)
            visited += 1
    if not heap or found is None:
        return Best(found)
    found = _exchanged(programme, bounds, found, held)
    return Best(found, max(found.value - min(heap)[0], 0.0))


def _whole(limits: Limits, solved: Solved, held: Rows, least: Array, most: Array) -> bool:
    """True if the weights keep the limits of numbers of assets, or every asset is decided."""
    if (least[held] == most[held]).all():
        return True
    weights = np.where(np.abs(solved.x[: len(held)]) > RELAXED_ZERO, solved.x[: len(held)], 0.0)
    x = limits.x(weights)
    counted = [k for k, limit in enumerate(limits.limits) if HELD_LINES in limit.rows]
    allowed = np.array([solved.excess.get(k, 0.0) for k in counted])
    return bool((np.array([limits.distance(limits.limits[k], x) for k in counted]) <= allowed + RELAXED_ZERO).all())


def _undecided(solved: Solved, held: Rows, least: Array, most: Array) -> int:
    """The largest asset that is undecided."""
    size = np.where(least[held] < most[held], np.abs(solved.x[: len(held)]), -1.0)
    return int(np.argmax(size))


def _without_the_smallest(
    programme: ConeProgramme, bounds: Mapping[int, float] | None, relaxed: Solved, held: Rows
) -> Array:
    """(size,) most x that leaves out the smallest asset again and again, until the limits of numbers of assets are
    kept.

    It stops before what leaves no point.
    """
    limits, most, solved = programme.limits, programme.limits.most.copy(), relaxed
    while not _whole(limits, solved, held, limits.least, most):
        size = np.where(most[held] > 0.0, np.abs(solved.x[: len(held)]), inf)
        fewer = most.copy()
        fewer[held[int(np.argmin(size))]] = 0.0
        found = programme.solve(bounds, (limits.least, fewer))
        if found is None:
            break
        solved, most = found, fewer
    return most


def _exchanged(programme: ConeProgramme, bounds: Mapping[int, float] | None, solved: Solved, held: Rows) -> Solved:
    """The point, or a better one that holds other assets, of which no exchange of one for another is better still."""
    limits, tried, improved = programme.limits, 0, True
    while improved and tried < EXCHANGES:
        improved = False
        size = np.abs(solved.x[: len(held)])
        inside, outside = np.flatnonzero(size > RELAXED_ZERO), np.flatnonzero(size <= RELAXED_ZERO)
        for out, into in product(inside[np.argsort(size[inside])], outside):
            if tried == EXCHANGES:
                break
            tried += 1
            chosen = (size > RELAXED_ZERO) & (np.arange(len(held)) != out) | (np.arange(len(held)) == into)
            least, most = limits.least.copy(), limits.most.copy()
            least[held] = most[held] = chosen
            found = programme.solve(bounds, (least, most))
            if found is not None and found.value < solved.value - BOUND_GAP * max(1.0, abs(solved.value)):
                solved, improved = found, True
                break
    return solved
