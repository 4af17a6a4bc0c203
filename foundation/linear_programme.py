"""Linear programmes that are solved many times with other costs and bounds, on HiGHS; and the deletion filter.

Solved by Huangfu, Hall (2018), Parallelizing the dual revised simplex method.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass
from foundation.errors import PolicyError

Item = TypeVar("Item")

FEASIBLE = 1e-10  # how far a row or a bound may be missed, in its own unit; HiGHS takes none smaller
MOST_NODES = 50_000  # of a search for whole numbers
NEARLY_WHOLE = 1e-9  # how far from a whole number a whole number may be


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
        rows = sparse.csr_array(matrix)
        model = highs_model(np.zeros(self.n), rows, at_least, least, most, whole if self._whole else ())
        statuses = highspy.HighsModelStatus
        self._highs, self._optimal, self._unknown = highspy.Highs(), statuses.kOptimal, statuses.kUnknown
        self._feasible = highspy.SolutionStatus.kSolutionStatusFeasible
        self._none = (statuses.kInfeasible, statuses.kUnboundedOrInfeasible)
        options: dict[str, Any] = {
            "output_flag": False,
            "threads": 1,
            "primal_feasibility_tolerance": feasible,
            "mip_feasibility_tolerance": NEARLY_WHOLE,
            "mip_rel_gap": 0.0,
            "mip_abs_gap": 0.0,
            "mip_heuristic_run_feasibility_jump": False,  # of small programmes it takes most of the time
        }
        for option, value in options.items():
            self._highs.setOptionValue(option, value)
        self._highs.passModel(model)
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


def highs_model(cost: Array, rows: Any, at_least: Array, least: Array, most: Array, whole: Any) -> Any:
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


def _array(values: Array) -> Array:
    return np.ascontiguousarray(values, dtype=float)
