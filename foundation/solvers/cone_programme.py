"""The solvers of cone programmes: minimise v'Pv / 2 + q'v with A v + s = b, s in a product of cones.

Clarabel (Goulart, Chen 2024), and SCS (O'Donoghue and others 2016) in its place.
"""

from collections.abc import Sequence
from math import isqrt
from typing import Any

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass

INFEASIBLE = ("PrimalInfeasible", "infeasible")  # statuses of Clarabel and SCS with a proof that there is no point
SOLVED = ("Solved", "AlmostSolved")  # statuses of Clarabel with a point
MOST_STEPS = 100_000  # of SCS

KINDS = ("zero", "positive", "norm", "exponential")
Kind = str | float
Cones = Sequence[tuple[Kind, int]]  # one of KINDS, or a number, with the number of its rows, in the order of the rows

# "norm"        : |rows after the first| <= the first;
# "exponential" : (x, y, z) with y exp(x / y) <= z, as many as there are triples of rows;
# a number p    : (x, y, z) with x^p y^(1 - p) >= |z| and x, y >= 0, likewise; p lies between 0 and 1;
# "matrix"      : columns of the upper triangle of a matrix without a negative eigenvalue, those off its diagonal times
#                 the root of two. Of Clarabel alone.


@dataclass(frozen=True, eq=False)
class Ended:
    """The result of a solver.

    v      : variables.
    duals  : dual values of the rows.
    slack  : b - A v.
    value  : value of the objective.
    solver : its name.
    status : status in the solver's words.
    """

    v: Array
    duals: Array
    slack: Array
    value: float
    solver: str
    status: str


def by_clarabel(
    quadratic: Any, cost: Array, matrix: Any, b: Array, cones: Cones, tolerance: float | None = None
) -> Ended:
    """The programme by Clarabel.

    quadratic : (m, m) upper half of P, sparse.
    cost      : (m,) q.
    matrix    : (k, m) A, sparse.
    b         : (k,).
    cones     : cones of the rows.
    tolerance : gap and feasibility, of the interior-point method; None for Clarabel's own.
    """
    return ended_of(_clarabel(quadratic, cost, matrix, b, cones, _settings(tolerance)).solve())


def clarabel_of(quadratic: Any, cost: Array, matrix: Any, b: Array, cones: Cones, tolerance: float) -> Any:
    """A solver for `ended_of` that takes new `b` without being built again; as for `by_clarabel`."""
    settings = _settings(tolerance)
    settings.max_threads, settings.presolve_enable = 1, False  # presolve would forbid new bounds
    return _clarabel(quadratic, cost, matrix, b, cones, settings)


def _settings(tolerance: float | None) -> Any:
    import clarabel

    settings = clarabel.DefaultSettings()
    settings.verbose = False
    if tolerance is not None:
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    return settings


def _clarabel(quadratic: Any, cost: Array, matrix: Any, b: Array, cones: Cones, settings: Any) -> Any:
    import clarabel

    kinds = {"zero": clarabel.ZeroConeT, "positive": clarabel.NonnegativeConeT, "norm": clarabel.SecondOrderConeT}
    found: list[Any] = []
    for kind, size in cones:
        if isinstance(kind, float):
            found += [clarabel.PowerConeT(kind) for _ in range(size // 3)]
        elif kind == "exponential":
            found += [clarabel.ExponentialConeT() for _ in range(size // 3)]
        elif kind == "matrix":
            found.append(clarabel.PSDTriangleConeT((isqrt(8 * size + 1) - 1) // 2))
        else:
            found.append(kinds[kind](size))
    return clarabel.DefaultSolver(quadratic, cost, matrix, b, found, settings)


def ended_of(found: Any) -> Ended:
    """The result of `clarabel_of`'s `solve()`."""
    duals, slack = np.array(found.z), np.array(found.s)
    return Ended(np.array(found.x), duals, slack, float(found.obj_val), "Clarabel", str(found.status))


def by_scs(quadratic: Any, cost: Array, matrix: Any, b: Array, cones: Cones) -> Ended:
    """The same programme by SCS, which wants its rows by kind of cone; as for `by_clarabel`."""
    import scs

    first = np.cumsum([0, *(size for _, size in cones)])
    order = np.concatenate(
        [np.arange(first[j], first[j + 1]) for kind in (*KINDS, float)
         for j, (of, _) in enumerate(cones) if kind in (of, type(of))]
    )  # fmt: skip
    sizes = {kind: [size for of, size in cones if of == kind] for kind in KINDS}
    powers = [of for of, size in cones if isinstance(of, float) for _ in range(size // 3)]
    cone = {"z": sum(sizes["zero"]), "l": sum(sizes["positive"]), "q": sizes["norm"],
            "ep": sum(sizes["exponential"]) // 3, "p": powers}  # fmt: skip
    data = {"P": quadratic, "A": matrix.tocsr()[order].tocsc(), "b": b[order], "c": cost}
    found = scs.SCS(data, cone, eps_abs=1e-9, eps_rel=1e-9, max_iters=MOST_STEPS, verbose=False).solve()
    duals, slack = np.empty(len(b)), np.empty(len(b))
    duals[order], slack[order] = found["y"], found["s"]
    return Ended(found["x"], duals, slack, float(found["info"]["pobj"]), "SCS", found["info"]["status"])
