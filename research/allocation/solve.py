"""Convex programmes solved by a chain of solvers: the first that gives an accurate solution is believed.

For programmes of your own, stated in cvxpy; those of the room are cone programmes of `constraints.conic`, and what
counts as solved is the same for both. A solution is accurate when its solver says "optimal" and no limit is exceeded
by more than `ACCURATE`. Where none is, the least inaccurate one is taken, if it exceeds no limit by more than
`TOLERATED`, and is marked as "optimal_inaccurate". Else nothing is solved, and whoever asked is told so.
"""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from foundation.dataclasses import dataclass
from research.allocation.accuracy import ACCURATE, LEAST_PRICE, SLACK, TOLERATED
from research.allocation.answer import Binding, NotSolvedError

if TYPE_CHECKING:
    import cvxpy as cp

TIGHT = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}
ATTEMPTS: tuple[tuple[str, dict[str, Any]], ...] = (  # by name: cvxpy's own choice depends on what is installed
    ("CLARABEL", TIGHT),
    ("CLARABEL", {}),
    ("OSQP", {"eps_abs": 1e-9, "eps_rel": 1e-9, "max_iter": 100_000, "polishing": True}),
    ("HIGHS", {}),
    ("SCS", {"eps_abs": 1e-9, "eps_rel": 1e-9, "max_iters": 100_000}),
)
SOLVER_NAMES = {"CLARABEL": "Clarabel", "OSQP": "OSQP", "HIGHS": "HiGHS", "SCS": "SCS"}
NO_SOLUTION = {"infeasible": "no weights are within all limits", "unbounded": "the limits do not bound the objective"}


@dataclass(frozen=True)
class NamedConstraint:
    """A constraint of a programme, and the names of its rows where they bind.

    constraint : constraint of cvxpy.
    names      : names of its rows, such as ("SPY at most 0.4", "AGG at most 0.4"); () for one that always binds, such
                 as a sum of weights.
    """

    constraint: "cp.Constraint"
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Solution:
    """The result of a solver; the variables of the programme hold the solution.

    solver  : name of the solver.
    status  : "optimal" or "optimal_inaccurate".
    binding : limits that bind, with the fall of the objective for each unit that they are wider.
    failed  : other solvers that were tried, each with its message.
    """

    solver: str
    status: str
    binding: tuple[Binding, ...]
    failed: str


def solve(problem: "cp.Problem", limits: Sequence[NamedConstraint]) -> Solution:
    """Solve a programme by the first solver of `ATTEMPTS` that can.

    problem : programme of cvxpy, with the constraints of `limits`; one with parameters may be solved again and again.
    limits  : all of its constraints, named.
    Returns : the result.
    Raises  : NotSolvedError where there is no solution, or no solver finds one.
    """
    failed: list[str] = []
    best: tuple[float, str, dict[str, Any]] | None = None
    for solver, options in ATTEMPTS:
        said = _tried(problem, solver, options)
        if said in NO_SOLUTION:
            raise NotSolvedError(f"{NO_SOLUTION[said]} ({SOLVER_NAMES[solver]}: {said})")
        excess = _excess(limits) if said.startswith("optimal") else np.inf
        if said == "optimal" and excess <= ACCURATE:
            return Solution(SOLVER_NAMES[solver], "optimal", _binding(limits), _others(failed, solver))
        if excess <= TOLERATED and (best is None or excess < best[0]):
            best = excess, solver, options
        failed.append(f"{SOLVER_NAMES[solver]}: {said}")
    if best is None:
        raise NotSolvedError(f"no solver found weights ({'; '.join(failed)})")
    _tried(problem, best[1], best[2])
    return Solution(SOLVER_NAMES[best[1]], "optimal_inaccurate", _binding(limits), _others(failed, best[1]))


def _others(failed: list[str], solver: str) -> str:
    """Messages of the other solvers that were tried."""
    return "; ".join(said for said in failed if not said.startswith(SOLVER_NAMES[solver]))


def _tried(problem: "cp.Problem", solver: str, options: dict[str, Any]) -> str:
    """The status of a programme after a solver, or the reason why the solver cannot take or solve it."""
    import cvxpy as cp

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a solution may be inaccurate is in its status
        try:
            problem.solve(solver=solver, **options)
        except cp.error.SolverError:
            return "cannot solve it"
    return str(problem.status)


def _excess(limits: Sequence[NamedConstraint]) -> float:
    """The most by which a solution exceeds any limit."""
    return max((float(np.max(limit.constraint.violation())) for limit in limits), default=0.0)


def _binding(limits: Sequence[NamedConstraint]) -> tuple[Binding, ...]:
    """The rows of limits that are met with no room to spare, and have a price."""
    prices = [np.atleast_1d(np.asarray(limit.constraint.dual_value, dtype=float)) for limit in limits if limit.names]
    least = LEAST_PRICE * max([1.0, *(float(np.abs(price).max()) for price in prices)])
    found = []
    for limit, price in zip([limit for limit in limits if limit.names], prices, strict=True):
        slack = np.abs(np.atleast_1d(np.asarray(limit.constraint.expr.value, dtype=float)))
        rows = np.flatnonzero((price.ravel() > least) & (slack.ravel() <= SLACK))
        found += [Binding(limit.names[row], float(price.ravel()[row])) for row in rows.tolist()]
    return tuple(found)
