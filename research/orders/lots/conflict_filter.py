"""Which limits are in conflict even where orders may be of any size: a few of many, by linear programmes.

Each limit over several lines may be exceeded in its own column, and the sum of those excesses is least. Where it is not
zero, the duals say which limits and which bounds of single lines it comes from, and these conflict (Farkas' lemma;
Chinneck 2008, Feasibility and Infeasibility in Optimization, chapter 6). Orders are in any part of a lot, of any line
in both directions: what conflicts here conflicts in whole lots.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from foundation.arrays import Array
from foundation.linear_programme import LinearProgramme, Point, irreducible
from research.orders.lots.order_limits import OrderLimit
from research.orders.lots.order_programme import COLUMNS, UNIT, OrderColumns, Programme, programme

EXCESS = 1e-6  # of money in units, or of orders: less than a limit may be exceeded by before it counts
TOLERANCE = 1e-7  # of money in units: as whole lots are found
MATTERS = 1e-9  # of a dual or a reduced cost


@dataclass(frozen=True, eq=False)
class Bound:
    """The most that one line may be bought and sold, currency."""

    line: int
    bought: float
    sold: float


class ConflictFilter:
    """Answers for many sets of limits, from one programme.

    orders : of every line, all bought and then all sold, divided at will.
    limits : over several lines.
    bounds : of single lines.
    A set of limits is given by their places among `limits`, and then among `bounds`.
    """

    def __init__(self, orders: OrderColumns, limits: Sequence[OrderLimit], bounds: Sequence[Bound]) -> None:
        self._orders, self._limits, self._bounds = orders, limits, bounds
        soft = [replace(limit, price=1.0) for limit in limits]
        self._of: Programme = programme(orders, soft, np.zeros((COLUMNS, len(orders.rows))))
        self._excess = np.arange(len(self._of.cost) - len(limits), len(self._of.cost))
        of, whole = self._of, np.zeros(0, dtype=bool)
        self._linear = LinearProgramme(of.matrix, of.at_least, of.lower, of.upper, whole, feasible=TOLERANCE)

    def conflicting(self, kept: Sequence[int]) -> list[int]:
        """An irreducible conflict among limits, the last of them rather than the first; [] where there is none."""
        point = self._least(kept)
        if not point.cost > EXCESS:
            return []
        few = self._causes(kept, point)
        return list(irreducible(few if self.conflict(few) else kept, self.conflict))

    def conflict(self, kept: Sequence[int]) -> bool:
        """Are these limits in conflict?"""
        return self._least(kept).cost > EXCESS

    def _least(self, kept: Sequence[int]) -> Point:
        """The least sum of what limits are exceeded by, where bounds of lines are kept."""
        cost = np.zeros(len(self._of.cost))
        cost[[self._excess[place] for place in kept if place < len(self._limits)]] = 1.0
        point = self._linear.minimise(cost, self._of.lower, self._upper(kept))
        assert point is not None  # where no order is sent, something is exceeded
        return point

    def _upper(self, kept: Sequence[int]) -> Array:
        """(columns,) bounds with those of single lines that are kept."""
        most, n = self._of.upper.copy(), len(self._orders.rows) // 2
        for bound in (self._bounds[place - len(self._limits)] for place in kept if place >= len(self._limits)):
            for column, value in ((bound.line, bound.bought), (n + bound.line, bound.sold)):
                units = value / (UNIT * self._orders.position.nav) / self._orders.step[column]
                most[column] = min(most[column], units)
        return most

    def _causes(self, kept: Sequence[int], point: Point) -> list[int]:
        """The limits and the bounds of lines that the least excess comes from."""
        k, limits = len(self._orders.rows), len(self._limits)
        of_rows = [j for j, limit in enumerate(self._limits) for _ in limit.most]
        links = self._of.matrix.shape[0] - len(of_rows) - 2 - k // 2
        duals = np.abs(point.duals[links : links + len(of_rows)])
        rows = {of_rows[j] for j in np.flatnonzero(duals > MATTERS)}
        reduced = -(self._of.matrix.T @ point.duals)[:k]
        lines = {int(j) % (k // 2) for j in np.flatnonzero(np.abs(reduced) > MATTERS)}
        return [p for p in kept if (p in rows if p < limits else self._bounds[p - limits].line in lines)]
