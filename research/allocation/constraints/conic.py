"""Limits as a cone programme, solved by Clarabel (Goulart, Chen 2024): linear rows, norms, and excesses over limits.

Variables are x of the limits (weights and parts), the excess over each limit that may be exceeded, and, where the
objective has a norm, its value. Rows are kept as A v + s = b, with s in the cones; so the dual of a row is what one
more unit of b takes off the objective.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np

from foundation.arrays import Array
from foundation.solvers.cone_programme import INFEASIBLE, Ended, Kind, by_scs, clarabel_of, ended_of
from research.allocation.accuracy import ACCURATE, TOLERATED
from research.allocation.answer import NotSolvedError
from research.allocation.constraints.limits import WEIGHTS, Limit, Limits
from research.allocation.constraints.programme import Elastic, Objective, Solved

CONE_SOLVERS = ("Clarabel", "SCS")
CONE_TOLERANCE = 1e-10  # of the interior-point method; below it its steps are rounding


class ConeProgramme:
    """A cone programme over limits, made once and solved for several bounds.

    limits    : limits that give its rows.
    objective : objective to minimise.
    elastic   : limits that may be exceeded.
    numerator : block -> (size): makes the programme homogeneous. It then minimises the objective over numerator · x
                less the price of excesses, which must be positive.
    scaled    : makes it homogeneous without a numerator: weights times any number above zero keep the limits.
    """

    def __init__(
        self,
        limits: Limits,
        objective: Objective,
        elastic: Elastic | None = None,
        numerator: Mapping[str, Array] | None = None,
        scaled: bool = False,
    ) -> None:
        self.limits, self.elastic, self.objective = limits, elastic or Elastic(), objective
        self.homogeneous = scaled or numerator is not None
        self._squared = False
        alone = not objective.linear and objective.curvature is None
        if objective.norm is not None and alone and (self.homogeneous or not self.elastic.prices):
            self._squared = True  # the square of a norm has the same best point
            sizes = np.concatenate([(rows**2).sum(axis=0) for rows in objective.norm.values()])
            self._unit = float(np.sqrt(sizes.mean())) or 1.0
            objective = self._square(objective, self._unit)
        elastics = sorted({*self.elastic.prices, *(k for pool, _ in self.elastic.pools for k in pool)})
        self._excess = {k: limits.size + j for j, k in enumerate(elastics)}
        self._norm = limits.size + len(elastics)
        self.columns = self._norm + (objective.norm is not None) + self.homogeneous
        self._rows: list[Array] = []
        self._b: list[Array] = []
        self._cones: list[tuple[Kind, int]] = []
        self._places: list[list[tuple[int, int, float]]] = [[] for _ in limits.limits]
        self._count = 0
        self._fill(objective)
        self._assemble(objective, numerator)

    # -- rows --------------------------------------------------------------------------------------------------------

    def _fill(self, objective: Objective) -> None:
        """All rows, those of each kind of cone together."""
        self._add_equations()
        self._add_definitions()
        self._add_inequalities()
        self._add_excesses()
        if self.homogeneous:
            self._add("positive", -np.eye(self.columns)[-1:], np.zeros(1))
        self._add_norms()
        if objective.norm is not None:
            rows, centre = self._norm_of(objective)
            self._add_norm(rows, centre, self._norm, 0.0)

    def _add_equations(self) -> None:
        for k, limit in enumerate(self.limits.limits):
            if self._equation(k, limit):
                self._places[k] += [(j, self._count + j, 1.0) for j in range(len(limit.lower))]
                self._add("zero", self._over(self.limits.matrix(limit.rows, len(limit.lower))), limit.lower)

    def _add_definitions(self) -> None:
        """Add the definitions of the parts, and the bounds of x; `_at_most` and `_at_least` are the bounds' rows."""
        limits, eye = self.limits, np.eye(self.limits.size)
        for part in limits.parts:
            self._add("positive", -self._over(limits.matrix(part.rows, len(part.lower))), -part.lower)
            for cone, rows in part.cones:
                size = len(next(iter(rows.values())))
                self._add(cone, -self._over(limits.matrix(rows, size)), np.zeros(size))
        above, below = np.isfinite(limits.most), np.isfinite(limits.least)
        self._at_most = self._count + np.cumsum(above) - 1
        self._add("positive", self._over(eye[above]), limits.most[above])
        self._at_least = self._count + np.cumsum(below) - 1
        self._add("positive", -self._over(eye[below]), -limits.least[below])

    def _add_inequalities(self) -> None:
        for k, limit in enumerate(self.limits.limits):
            if limit.root is not None or self._equation(k, limit):
                continue
            matrix = self._over(self.limits.matrix(limit.rows, len(limit.lower)))
            for sign, bound in ((1.0, limit.upper), (-1.0, limit.lower)):
                finite = np.isfinite(bound)
                rows = sign * matrix[finite]
                if k in self._excess:
                    rows[:, self._excess[k]] = -1.0
                widens = sign if limit.equation else 1.0
                places = enumerate(np.flatnonzero(finite).tolist(), start=self._count)
                self._places[k] += [(of, row, widens) for row, of in places]
                self._add("positive", rows, sign * bound[finite])

    def _add_excesses(self) -> None:
        """Add the rows of excesses: none is negative, and those of a pool share its allowance."""
        columns = list(self._excess.values())
        self._add("positive", -np.eye(self.columns)[columns], np.zeros(len(columns)))
        for pool, allowance in self.elastic.pools:
            row = np.zeros((1, self.columns))
            row[0, [self._excess[k] for k in pool]] = [1.0 / self.limits.limits[k].scale for k in pool]
            self._add("positive", row, np.array([allowance]))

    def _add_norms(self) -> None:
        for k, limit in enumerate(self.limits.limits):
            if limit.root is not None:
                centre = np.zeros(len(self.limits.assets)) if limit.centre is None else limit.centre
                self._places[k].append((0, self._count, 1.0))
                rows = self.limits.matrix({WEIGHTS: limit.root}, len(limit.root))
                self._add_norm(rows, limit.root @ centre, self._excess.get(k), float(limit.upper[0]))

    def _add_norm(self, rows: Array, centre: Array, column: int | None, bound: float) -> None:
        """|rows · x - centre| is at most a bound and a column."""
        head = np.zeros((1, self.columns))
        if column is not None:
            head[0, column] = -1.0
        self._add("norm", np.vstack([head, -self._over(rows)]), np.append(bound, -centre))

    def _norm_of(self, objective: Objective) -> tuple[Array, Array]:
        """(r, size) rows and (r,) centre of the norm of an objective that has one."""
        assert objective.norm is not None
        size = len(next(iter(objective.norm.values())))
        centre = np.zeros(size) if objective.centre is None else objective.centre
        return self.limits.matrix(objective.norm, size), centre

    def _square(self, objective: Objective, unit: float) -> Objective:
        """The objective with |norm|² / (2 unit) in place of the norm, but for a constant."""
        rows, centre = self._norm_of(objective)
        curvature = rows.T @ rows / unit
        if objective.curvature is not None:
            m = len(objective.curvature)
            curvature[:m, :m] += objective.curvature
        pulled = -rows.T @ centre / unit
        linear = dict(objective.linear)
        for block, values in (objective.norm or {}).items():
            first = self.limits.start[block]
            linear[block] = linear.get(block, 0.0) + pulled[first : first + values.shape[1]]
        return Objective(linear, curvature)

    def _equation(self, k: int, limit: Limit) -> bool:
        return limit.equation and k not in self._excess

    def _over(self, rows: Array) -> Array:
        """Rows over x as rows over all variables."""
        found = np.zeros((len(rows), self.columns))
        found[:, : rows.shape[1]] = rows
        return found

    def _add(self, cone: Kind, rows: Array, b: Array) -> None:
        if len(rows):
            self._rows.append(rows)
            self._b.append(np.asarray(b, dtype=float))
            self._cones.append((cone, len(rows)))
            self._count += len(rows)

    def _assemble(self, objective: Objective, numerator: Mapping[str, Array] | None) -> None:
        from scipy import sparse

        cost, prices = np.zeros(self.columns), np.zeros(self.columns)
        cost[: self.limits.size] = self._row(objective.linear)
        for k, price in self.elastic.prices.items():
            prices[self._excess[k]] = price
        if objective.norm is not None:
            cost[self._norm] = 1.0
        if self.homogeneous:
            for rows, b in zip(self._rows, self._b, strict=True):
                rows[:, -1] -= b
            self._b = [np.zeros(len(b)) for b in self._b]
        if numerator is None:
            cost += prices
        else:
            earned = -prices[None]
            earned[0, : self.limits.size] += self._row(numerator)
            self._add("zero", earned, np.ones(1))
        quadratic = np.zeros((self.columns, self.columns))
        if objective.curvature is not None:
            m = len(objective.curvature)
            quadratic[:m, :m] = np.triu(objective.curvature)
        self._sparse: Any = sparse.csc_matrix
        self._cost, self._quadratic = cost, self._sparse(quadratic)
        self._matrix, self.b = self._sparse(np.vstack(self._rows)), np.concatenate(self._b)
        self._solver: Any = None

    def _row(self, values: Mapping[str, Array]) -> Array:
        """(size,) values of blocks over x."""
        return self.limits.matrix({block: of[None] for block, of in values.items()}, 1)[0]

    # -- solutions ---------------------------------------------------------------------------------------------------

    def solve(
        self, bounds: Mapping[int, float] | None = None, whole: tuple[Array, Array] | None = None
    ) -> Solved | None:
        """The best point; None where there is none.

        bounds : place of a limit -> another bound of all its rows, for this time.
        whole  : (size,) least and (size,) most of x for this time, where the limits bound it already.
        Raises : NotSolvedError where no solver ends with an answer that can be relied on.
        """
        b = self.b.copy()
        for k, bound in (bounds or {}).items():
            limit = self.limits.limits[k]
            for _, row, _ in self._places[k]:
                b[row] = bound if limit.raised else -bound
        if whole is None:
            return self._answer(b)
        above, below = np.isfinite(self.limits.most), np.isfinite(self.limits.least)
        rows = np.concatenate([self._at_most[above], self._at_least[below]])
        at = np.concatenate([whole[1][above], -whole[0][below]])
        if self.homogeneous:
            return self._bounded(rows, at)._answer(b)
        b[rows] = at
        return self._answer(b)

    def sharpened(
        self, solved: Solved, bounds: Mapping[int, float] | None = None, whole: tuple[Array, Array] | None = None
    ) -> Solved:
        """A solution to full accuracy where the objective has a norm beside other terms.

        A norm leaves weights that are exact to the root of the solver's tolerance only. At the best point its gradient
        is that of its square over twice its value, which is known to the tolerance itself; so the quadratic programme
        with that square has the same best point, and the same duals.

        solved : solution by this programme.
        bounds : bounds of that solution.
        whole  : likewise.
        """
        if self.objective.norm is None or self._squared:
            return solved
        value = self._size_of_norm(solved.x)
        if value <= ACCURATE:
            return solved
        exact = ConeProgramme(self.limits, self._square(self.objective, value), self.elastic).solve(bounds, whole)
        if exact is None:
            return solved
        centre = self._norm_of(self.objective)[1]
        return replace(exact, value=exact.value + 0.5 * (value + float(centre @ centre) / value))

    def _size_of_norm(self, x: Array) -> float:
        rows, centre = self._norm_of(self.objective)
        return float(np.linalg.norm(rows @ x - centre))

    def _bounded(self, rows: Array, at: Array) -> "ConeProgramme":
        """A homogeneous programme with other bounds of some rows, which stand in the column of its scale."""
        found, matrix = copy(self), self._matrix.toarray()
        matrix[rows, -1] = -at
        found._matrix, found._solver = self._sparse(matrix), None
        return found

    def _answer(self, b: Array) -> Solved | None:
        failed: list[str] = []
        best: tuple[float, Ended] | None = None
        for solver in CONE_SOLVERS:
            ended = self._tried(solver, b)
            if ended.status in INFEASIBLE:
                return None
            missed = self._missed(ended, b)
            if missed <= ACCURATE:
                return self._solved(ended, "optimal", failed)
            if missed <= TOLERATED and (best is None or missed < best[0]):
                best = missed, ended
            failed.append(f"{solver}: {ended.status}, conditions of an optimum missed by {missed:.1g}")
        if best is None:
            raise NotSolvedError(f"no solver found weights ({'; '.join(failed)})")
        return self._solved(best[1], "optimal_inaccurate", failed)

    def _tried(self, solver: str, b: Array) -> Ended:
        if solver == "SCS":
            return by_scs(self._quadratic, self._cost, self._matrix, b, self._cones)
        if self._solver is None:
            self._solver = clarabel_of(self._quadratic, self._cost, self._matrix, b, self._cones, CONE_TOLERANCE)
        else:
            self._solver.update(b=b)
        return ended_of(self._solver.solve())

    def _solved(self, ended: Ended, status: str, failed: Sequence[str]) -> Solved | None:
        scale = float(ended.v[-1]) if self.homogeneous else 1.0
        if scale <= 0.0:
            return None

        excess = {k: float(ended.v[column]) / scale for k, column in self._excess.items()}
        x = ended.v[: self.limits.size] / scale
        value, times = ended.value, 1.0
        if self._squared:  # value² / (2 unit) was minimised
            value = self._size_of_norm(ended.v[: self.limits.size])
            times = self._unit / value if value > 0.0 else 0.0
        others = "; ".join(said for said in failed if not said.startswith(ended.solver))
        duals = tuple(times * self._of_rows(k, ended.duals) for k in range(len(self._places)))
        return Solved(x, excess, value, duals, ended.solver, status, others, scale)

    def _of_rows(self, k: int, duals: Array) -> Array:
        """(rows of limit k,) value of a unit of each."""
        found = np.zeros(max(len(self.limits.limits[k].lower), 1))
        for of, row, sign in self._places[k]:
            found[of] += sign * duals[row]
        return found

    def _missed(self, ended: Ended, b: Array) -> float:
        """Largest violation of the conditions of an optimum: rows in their own unit, the others over the prices."""
        if not np.isfinite(ended.v).all() or not np.isfinite(ended.duals).all():
            return np.inf
        from scipy import sparse

        curvature = self._quadratic + sparse.triu(self._quadratic, k=1).T
        gradient = curvature @ ended.v + self._cost + self._matrix.T @ ended.duals
        size = 1.0 + float(np.abs(ended.duals).max(initial=0.0))
        rows = np.abs(self._matrix @ ended.v + ended.slack - b).max(initial=0.0)
        return float(max(rows, np.abs(gradient).max() / size, abs(float(ended.slack @ ended.duals)) / size))
