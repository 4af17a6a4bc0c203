"""Limits as a cone programme, solved by Clarabel (Goulart, Chen 2024): linear rows, norms, and what exceeds limits.

Variables are x of the limits (weights and parts), the excess over each limit that may be exceeded, and, where the
objective has a norm, its value. Rows are kept as A v + s = b, with s in the cones; so the dual of a row is what one
more unit of b takes off the objective.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from research.allocation.constraints.limits import WEIGHTS, Limit, Limits
from research.arrays import Array
from research.errors import PolicyError

TOLERANCE = 1e-10  # of the interior-point method; below it its steps are rounding
ACCEPTED = 1e-8  # residual, in units of the rows, of what is accepted from a solver that calls itself inaccurate


@dataclass(frozen=True, eq=False)
class Objective:
    """What is minimised: linear · x + weights' · curvature · weights / 2 + |norm · weights| + the price of excesses.

    linear    : block -> (size of the block).
    curvature : (n, n) positive semidefinite; None for zero.
    norm      : (r, n); None for zero.
    """

    linear: Mapping[str, Array] = field(default_factory=dict)
    curvature: Array | None = None
    norm: Array | None = None


@dataclass(frozen=True, eq=False)
class Elastic:
    """Which limits may be exceeded, at what price, and by how much together.

    prices : place of a limit -> price of a unit of its excess.
    pools  : places of limits that share an allowance, with their allowance: the sum of excess over scale.
    """

    prices: Mapping[int, float] = field(default_factory=dict)
    pools: tuple[tuple[tuple[int, ...], float], ...] = ()


@dataclass(frozen=True, eq=False)
class Solved:
    """The best point of a cone programme.

    x      : (size,) weights and parts.
    excess : place of a limit -> by how much it is exceeded.
    value  : of the objective.
    duals  : (number of limits,) what one more unit of each limit takes off the objective; of an equation, what raising
             its value takes off.
    solver : that found it.
    scale  : v = solution / scale, for a homogeneous programme; else 1.
    """

    x: Array
    excess: Mapping[int, float]
    value: float
    duals: Array
    solver: str
    scale: float = 1.0


class ConeProgramme:
    """A cone programme over limits, made once and solved for several bounds.

    limits    : whose rows it has.
    objective : minimised.
    elastic   : which of them may be exceeded.
    numerator : block -> (size): makes the programme homogeneous. It then minimises |norm · weights| over
                numerator · x - constant - price of excesses, which must be positive.
    constant  : subtracted from the numerator, a unit of NAV.
    """

    def __init__(
        self,
        limits: Limits,
        objective: Objective,
        elastic: Elastic | None = None,
        numerator: Mapping[str, Array] | None = None,
        constant: float = 0.0,
    ) -> None:
        self.limits, self.elastic = limits, elastic or Elastic()
        self.homogeneous = numerator is not None
        elastics = sorted({*self.elastic.prices, *(k for pool, _ in self.elastic.pools for k in pool)})
        self._excess = {k: limits.size + j for j, k in enumerate(elastics)}
        self._norm = limits.size + len(elastics)
        self.columns = self._norm + (objective.norm is not None) + self.homogeneous
        self._rows: list[Array] = []
        self._b: list[Array] = []
        self._cones: list[tuple[str, int]] = []
        self._places: list[list[tuple[int, float]]] = [[] for _ in limits.limits]
        self._count = 0
        self._fill(objective)
        self._assemble(objective, numerator, constant)

    # -- rows --------------------------------------------------------------------------------------------------------

    def _fill(self, objective: Objective) -> None:
        limits = self.limits
        for k, limit in enumerate(limits.limits):
            if limit.root is None and self._equation(k, limit):
                self._places[k] += [(self._count + j, 1.0) for j in range(len(limit.lower))]
                self._add("zero", self._over(limits.matrix(limit.rows, len(limit.lower))), limit.lower)
        for part in limits.parts:
            self._add("positive", -self._over(limits.matrix(part.rows, len(part.lower))), -part.lower)
        eye = np.eye(limits.size)
        for sign, bound in ((1.0, limits.most), (-1.0, limits.least)):
            finite = np.isfinite(bound)
            if sign > 0:
                self._at_most = self._count + np.cumsum(finite) - 1  # row of each bounded column
            else:
                self._at_least = self._count + np.cumsum(finite) - 1
            self._add("positive", sign * self._over(eye[finite]), sign * bound[finite])
        for k, limit in enumerate(limits.limits):
            if limit.root is None and not self._equation(k, limit):
                matrix = self._over(limits.matrix(limit.rows, len(limit.lower)))
                for sign, bound in ((1.0, limit.upper), (-1.0, limit.lower)):
                    finite = np.isfinite(bound)
                    rows = sign * matrix[finite]
                    if k in self._excess:
                        rows[:, self._excess[k]] = -1.0
                    self._places[k] += [(self._count + j, sign if limit.equation else 1.0) for j in range(len(rows))]
                    self._add("positive", rows, sign * bound[finite])
        columns = list(self._excess.values())
        self._add("positive", -np.eye(self.columns)[columns], np.zeros(len(columns)))
        for pool, allowance in self.elastic.pools:
            row = np.zeros((1, self.columns))
            row[0, [self._excess[k] for k in pool]] = [1.0 / limits.limits[k].scale for k in pool]
            self._add("positive", row, np.array([allowance]))
        if self.homogeneous:
            self._add("positive", -np.eye(self.columns)[-1:], np.zeros(1))
        for k, limit in enumerate(limits.limits):
            if limit.root is not None:
                head = np.zeros((1, self.columns))
                if k in self._excess:
                    head[0, self._excess[k]] = -1.0
                self._places[k].append((self._count, 1.0))
                bound = np.append(limit.upper, -limit.root @ limit.centre)
                self._add("norm", np.vstack([head, -self._over(self._of_weights(limit.root))]), bound)
        if objective.norm is not None:
            head = np.zeros((1, self.columns))
            head[0, self._norm] = -1.0
            rows = np.vstack([head, -self._over(self._of_weights(objective.norm))])
            self._add("norm", rows, np.zeros(len(rows)))

    def _equation(self, k: int, limit: Limit) -> bool:
        return limit.equation and k not in self._excess

    def _over(self, rows: Array) -> Array:
        """Rows over x as rows over all variables."""
        found = np.zeros((len(rows), self.columns))
        found[:, : rows.shape[1]] = rows
        return found

    def _of_weights(self, rows: Array) -> Array:
        return self.limits.matrix({WEIGHTS: rows}, len(rows))

    def _add(self, cone: str, rows: Array, b: Array) -> None:
        if len(rows):
            self._rows.append(rows)
            self._b.append(np.asarray(b, dtype=float))
            self._cones.append((cone, len(rows)))
            self._count += len(rows)

    def _assemble(self, objective: Objective, numerator: Mapping[str, Array] | None, constant: float) -> None:
        from scipy import sparse

        cost = np.zeros(self.columns)
        cost[: self.limits.size] = self.limits.matrix({k: v[None] for k, v in objective.linear.items()}, 1)[0]
        for k, price in self.elastic.prices.items():
            cost[self._excess[k]] = price
        if objective.norm is not None:
            cost[self._norm] = 1.0
        if numerator is not None:
            earned = np.zeros((1, self.columns))
            earned[0, : self.limits.size] = self.limits.matrix({k: v[None] for k, v in numerator.items()}, 1)[0]
            earned -= np.where(np.arange(self.columns) == self._norm, 0.0, cost)
            earned[0, -1] = -constant
            for rows, b in zip(self._rows, self._b, strict=True):
                rows[:, -1] -= b
            self._b = [np.zeros(len(b)) for b in self._b]
            self._add("zero", earned, np.ones(1))
            cost = np.where(np.arange(self.columns) == self._norm, 1.0, 0.0)
        quadratic = np.zeros((self.columns, self.columns))
        if objective.curvature is not None:
            n = len(self.limits.assets)
            quadratic[:n, :n] = np.triu(objective.curvature)
        self._cost, self._quadratic = cost, sparse.csc_matrix(quadratic)
        self._matrix, self.b = sparse.csc_matrix(np.vstack(self._rows)), np.concatenate(self._b)
        self._solver: Any = None

    # -- solutions ---------------------------------------------------------------------------------------------------

    def solve(
        self, bounds: Mapping[int, float] | None = None, whole: tuple[Array, Array] | None = None
    ) -> Solved | None:
        """The best point; None where there is none.

        bounds : place of a limit -> another bound of all its rows, for this time.
        whole  : (size,) least and (size,) most of x for this time, where the limits bound it already.
        Raises : PolicyError where the solver ends without an answer that can be relied on.
        """
        b = self.b.copy()
        for k, bound in (bounds or {}).items():
            limit = self.limits.limits[k]
            for row, _ in self._places[k]:
                b[row] = bound if limit.raised else -bound
        if whole is not None:
            least, most = whole
            bounded_above, bounded_below = np.isfinite(self.limits.most), np.isfinite(self.limits.least)
            b[self._at_most[bounded_above]] = most[bounded_above]
            b[self._at_least[bounded_below]] = -least[bounded_below]
        return self._answer(b)

    def _answer(self, b: Array) -> Solved | None:
        import clarabel

        if self._solver is None:
            kinds = {
                "zero": clarabel.ZeroConeT, "positive": clarabel.NonnegativeConeT, "norm": clarabel.SecondOrderConeT
            }  # fmt: skip
            cones = [kinds[kind](size) for kind, size in self._cones]
            self._solver = clarabel.DefaultSolver(self._quadratic, self._cost, self._matrix, b, cones, _settings())
        else:
            self._solver.update(b=b)
        found = self._solver.solve()
        status = str(found.status)
        if status in ("PrimalInfeasible", "AlmostPrimalInfeasible"):
            return None
        v, duals, slack = np.array(found.x), np.array(found.z), np.array(found.s)
        if status != "Solved" and not self._good(v, duals, slack, b):
            raise PolicyError(
                f"Clarabel ended with {status!r} after {found.iterations} steps (residuals {found.r_prim:.1e} and "
                f"{found.r_dual:.1e}), which is no answer to rely on."
            )
        scale = float(v[-1]) if self.homogeneous else 1.0
        if scale <= 0.0:
            return None
        per_limit = np.array([sum(sign * duals[row] for row, sign in places) for places in self._places])
        excess = {k: float(v[column]) / scale for k, column in self._excess.items()}
        return Solved(v[: self.limits.size] / scale, excess, float(found.obj_val), per_limit, "Clarabel", scale)

    def _good(self, v: Array, duals: Array, slack: Array, b: Array) -> bool:
        """Are the conditions of an optimum met to `ACCEPTED`, whatever the solver says?"""
        if not np.isfinite(v).all():
            return False
        quadratic = self._quadratic + self._quadratic.T
        quadratic.setdiag(self._quadratic.diagonal())
        gradient = quadratic @ v + self._cost + self._matrix.T @ duals
        size = 1.0 + float(np.abs(duals).max(initial=0.0))
        return bool(
            np.abs(self._matrix @ v + slack - b).max() <= ACCEPTED
            and np.abs(gradient).max() <= ACCEPTED * size
            and abs(float(slack @ duals)) <= ACCEPTED * size
        )


def _settings() -> Any:
    import clarabel

    settings = clarabel.DefaultSettings()
    settings.verbose, settings.max_threads = False, 1
    settings.presolve_enable = False  # it would forbid new bounds
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    return settings
