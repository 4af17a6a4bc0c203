"""Cone programmes in which lines are held or not: branch and bound over the lines that are held.

A part "held" says of each line whether it is held. A relaxation whose weights keep the limits of numbers of lines is an
answer; else the largest line that is undecided is held in one branch and left out in the other (Bertsimas, Shioda
2009, Algorithm for cardinality-constrained quadratic optimization, section 3). The branch with the lowest bound is
next.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

import numpy as np

from research.allocation.constraints.conic import ConeProgramme
from research.allocation.constraints.limits import HELD, Limits
from research.allocation.constraints.programme import Solved
from research.arrays import Array, Rows

GAP = 1e-6  # of the value, or absolute below 1: nearer than this to the bound is the best
NODES = 2_000  # relaxations after which the best so far is given
HOLDS = 1e-7  # of NAV: smaller is nothing, of a relaxation


@dataclass(frozen=True, eq=False)
class Best:
    """The best point found.

    point : None where there is none.
    gap   : of its value over what no point can be below; 0 where it is proven the best.
    """

    point: Solved | None
    gap: float = 0.0


def best(programme: ConeProgramme, bounds: Mapping[int, float] | None = None) -> Best:
    """The best point of a programme, of which some of x may be whole numbers.

    programme : over limits.
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
        if solved is None or solved.value >= value - GAP * max(1.0, abs(value)):
            return
        if _whole(limits, solved, held, least, most):
            found, value = solved, solved.value
        else:
            heappush(heap, (solved.value, next(order), least, most, solved))

    visit(limits.least, limits.most)
    if heap:
        visit(*_rounded(limits, heap[0][4].x, held))
    visited = 2
    while heap and visited < NODES:
        bound, _, least, most, solved = heappop(heap)
        if bound >= value - GAP * max(1.0, abs(value)):
            return Best(found)
        column = held[_undecided(solved, held, least, most)]
        for at in (1.0, 0.0):
            new_least, new_most = least.copy(), most.copy()
            new_least[column] = new_most[column] = at
            visit(new_least, new_most)
            visited += 1
    return Best(found, value - min(heap)[0] if heap and found else 0.0)


def _whole(limits: Limits, solved: Solved, held: Rows, least: Array, most: Array) -> bool:
    """Do the weights keep the limits of numbers of lines, or is every line decided?"""
    if (least[held] == most[held]).all():
        return True
    weights = np.where(np.abs(solved.x[: len(held)]) > HOLDS, solved.x[: len(held)], 0.0)
    x = limits.x(weights)
    counted = [k for k, limit in enumerate(limits.limits) if HELD in limit.rows]
    allowed = np.array([solved.excess.get(k, 0.0) for k in counted])
    return bool((np.array([limits.distance(limits.limits[k], x) for k in counted]) <= allowed + HOLDS).all())


def _undecided(solved: Solved, held: Rows, least: Array, most: Array) -> int:
    """The largest line that is undecided."""
    size = np.where(least[held] < most[held], np.abs(solved.x[: len(held)]), -1.0)
    return int(np.argmax(size))


def _rounded(limits: Limits, x: Array, held: Rows) -> tuple[Array, Array]:
    """Bounds that hold the largest lines, as many as are allowed, and no others."""
    counts = [limit.upper[0] for limit in limits.limits if limit.key == "cardinality.most"]
    size = np.abs(x[: len(held)])
    chosen = np.argsort(-size)[: int(counts[0])] if counts else np.flatnonzero(size > HOLDS)
    least, most = limits.least.copy(), limits.most.copy()
    least[held] = most[held] = np.isin(np.arange(len(held)), chosen)
    return least, most
