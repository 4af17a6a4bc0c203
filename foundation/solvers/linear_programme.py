"""Linear and mixed-integer programmes on HiGHS, solved many times or once from a known point; and the deletion filter.

Solved by Huangfu, Hall (2018), Parallelizing the dual revised simplex method.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass
from foundation.errors import PolicyError
from foundation.tolerances import LOT

Item = TypeVar("Item")

FEASIBLE = 1e-10  # how far a row or a bound may be missed, in its own unit; HiGHS takes none smaller
MOST_NODES = 50_000  # of a search for whole numbers
NEARLY_WHOLE = 1e-9  # how far from a whole number a whole number may be
SUB_PROGRAMMES = tuple(f"mip_heuristic_run_{name}" for name in ("rins", "rens", "root_reduced_cost"))


@dataclass(frozen=True, eq=False)
class Point:
    """The best point of a programme.

    x     : (n,) the point.
    cost  : cost of the point.
    duals : (k,) change of cost for one more unit of each row's bound; zeros where some of x are whole numbers.
    proven : true if it is the best, false if it is the best of the nodes that were searched.
    """

    x: Array
    cost: float
    duals: Array
    proven: bool = True


class LinearProgramme:
    """Minimise cost · x over least <= x <= most with matrix · x >= at_least, some of x whole; each time anew.

    matrix   : (k, n) coefficients of the rows, sparse or not.
    at_least : (k,) lower bounds of the rows.
    least    : (n,) lower bounds, -inf for none.
    most     : (n,) upper bounds, inf for none.
    whole    : (n,) true for whole numbers.
    feasible : largest violation of a row or a bound, in its own unit.
    Each solution starts from the last one's basis.
    """

    def __init__(
        self, matrix: Any, at_least: Array, least: Array, most: Array, whole: Mask, feasible: float = FEASIBLE
    ) -> None:
        import highspy
        from scipy import sparse

        self.n, self._whole = matrix.shape[1], bool(np.any(whole))
        statuses = highspy.HighsModelStatus
        self._optimal, self._unknown = statuses.kOptimal, statuses.kUnknown
        self._feasible = highspy.SolutionStatus.kSolutionStatusFeasible
        self._none = (statuses.kInfeasible, statuses.kUnboundedOrInfeasible)
        rows = sparse.csr_array(matrix)
        model = _model(np.zeros(self.n), rows, at_least, least, most, whole if self._whole else ())
        tolerances = {"primal_feasibility_tolerance": feasible, "mip_feasibility_tolerance": NEARLY_WHOLE}
        self._highs = _highs(model, tolerances | {"mip_rel_gap": 0.0, "mip_abs_gap": 0.0})
        self._columns = np.arange(self.n, dtype=np.int32)

    def minimise(self, cost: Array, least: Array, most: Array, nodes: int = MOST_NODES) -> Point | None:
        """The best point, or None where no point keeps all rows and bounds.

        cost  : (n,) cost of one unit of each variable.
        least : (n,) lower bounds, of this call.
        most  : (n,) upper bounds, of this call.
        nodes : number of nodes of a search for whole numbers, after which the best point so far is given.
        Raises : PolicyError where HiGHS gives neither.
        """
        self._highs.changeColsCost(self.n, self._columns, _array(cost))
        self._highs.changeColsBounds(self.n, self._columns, _array(least), _array(most))
        self._highs.setOptionValue("mip_max_nodes", nodes)
        self._highs.run()
        if self._highs.getModelStatus() == self._unknown:  # the basis of the last solution may be too far away
            self._highs.clearSolver()
            self._highs.run()
        status, info = self._highs.getModelStatus(), self._highs.getInfo()
        if status in self._none:
            return None
        if status != self._optimal and not (self._whole and info.primal_solution_status == self._feasible):
            raise PolicyError(
                f"HiGHS ended a programme of {self.n} columns with {self._highs.modelStatusToString(status)!r}, which "
                "is no answer. Ask for fewer lines that are held or not, or for fewer constraints."
            )
        solution = self._highs.getSolution()
        duals = np.zeros(len(solution.row_value)) if self._whole else np.array(solution.row_dual)
        return Point(np.array(solution.col_value), float(info.objective_function_value), duals, status == self._optimal)


@dataclass(frozen=True, eq=False)
class IntegerSolution:
    """The result of a mixed-integer programme.

    x          : (n,) the best point, or None where HiGHS found none.
    bound      : lower bound of the cost of all points.
    proven     : true if the point is within the asked gap of the bound.
    infeasible : true if it is proven that there is no point.
    nodes      : number of nodes that the search took.
    """

    x: Array | None
    bound: float
    proven: bool
    infeasible: bool = False
    nodes: int = 0


@dataclass(frozen=True, eq=False)
class IntegerProgramme:
    """Minimise cost · x over lower ≤ x ≤ upper with matrix · x ≥ at_least, some of x whole numbers.

    cost     : (n,).
    matrix   : (m, n) sparse.
    at_least : (m,).
    lower    : (n,) least x.
    upper    : (n,) largest x.
    whole    : (n,) nonzero for whole numbers.
    """

    cost: Array
    matrix: Any
    at_least: Array
    lower: Array
    upper: Array
    whole: Array

    def solve(
        self, *, nodes: int | None = None, gap: float = 0.0, spare: float = 0.0, start: Array | None = None
    ) -> IntegerSolution:
        """The best point.

        The same programme has the same solution on any machine, however busy: nodes bound the search, and no clock
        does.

        nodes : number of nodes of the search, after which the best point so far is given; None for any number.
        gap   : gap between cost and bound, over the cost, within which a point is good enough.
        spare : gap likewise, in the unit of the cost.
        start : (n,) a good point, where it keeps all rows: then no time is spent on finding one.
        """
        import highspy

        most = np.where(self.whole, np.floor(self.upper + LOT), self.upper)  # presolve needs whole bounds
        options: dict[str, Any] = {"mip_rel_gap": gap, "mip_abs_gap": spare}
        if start is not None:  # what is left is to prove that it is the best, or to find a better one beside it
            options |= dict.fromkeys(SUB_PROGRAMMES, False) | {"mip_allow_restart": gap > 0.0}
        if nodes is not None:
            options["mip_max_nodes"] = nodes
        rows = self.matrix.tocsr()
        solver = _highs(_model(self.cost, rows, self.at_least, self.lower, most, self.whole), options)
        if start is not None:
            known = highspy.HighsSolution()
            known.col_value = start
            solver.setSolution(known)
        for presolve in ("choose", "off"):  # what presolve brings back may miss a tolerance: HiGHS then gives nothing
            solver.setOptionValue("presolve", presolve)
            solver.run()
            if solver.getModelStatus() != highspy.HighsModelStatus.kSolveError:
                break
        info, status = solver.getInfo(), solver.getModelStatus()
        taken = max(int(info.mip_node_count), 0)
        proven = status == highspy.HighsModelStatus.kOptimal
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return IntegerSolution(None, np.nan, False, status == highspy.HighsModelStatus.kInfeasible, taken)
        bound = float(info.mip_dual_bound) if np.any(self.whole) else float(info.objective_function_value)
        return IntegerSolution(np.array(solver.getSolution().col_value), bound, proven, nodes=taken)


def irreducible(items: Sequence[Item], conflict: Callable[[Sequence[Item]], bool]) -> tuple[Item, ...]:
    """Items in conflict of which no part is: each is left out in turn, for good where the others still conflict.

    items    : items in conflict together; the first are left out first, and so are rarer in what remains.
    conflict : function that is true for items in conflict. They are still in conflict with more items.
    Source   : Chinneck, Dravnieks (1991), Locating minimal infeasible constraint sets in linear programs.

    >>> irreducible([1, 2, 3, 4], lambda kept: sum(kept) > 5)
    (3, 4)
    """
    kept = list(items)
    for item in items:
        fewer = [other for other in kept if other is not item]
        if conflict(fewer):
            kept = fewer
    return tuple(kept)


def _model(cost: Array, rows: Any, at_least: Array, least: Array, most: Array, whole: Any) -> Any:
    """The model of HiGHS that minimises cost · x over least <= x <= most with rows · x >= at_least.

    rows  : (k, n) sparse, compressed by rows.
    whole : (n,) nonzero for whole numbers; () for none.
    """
    import highspy

    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(cost), len(at_least)
    model.col_cost_, model.col_lower_, model.col_upper_ = _array(cost), _array(least), _array(most)
    model.row_lower_, model.row_upper_ = _array(at_least), np.full(len(at_least), np.inf)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = rows.indptr, rows.indices, rows.data
    if len(whole):
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        model.integrality_ = [kinds[bool(is_whole)] for is_whole in whole]
    return model


def _highs(model: Any, options: Mapping[str, Any]) -> Any:
    """HiGHS with a model, silent and on one thread, and with options besides those of every model."""
    import highspy

    solver = highspy.Highs()
    own: dict[str, Any] = {
        "output_flag": False,
        "threads": 1,
        "mip_heuristic_run_feasibility_jump": False,  # of small programmes it takes most of the time
    }
    for option, value in (own | dict(options)).items():
        solver.setOptionValue(option, value)
    solver.passModel(model)
    return solver


def _array(values: Array) -> Array:
    return np.ascontiguousarray(values, dtype=float)
