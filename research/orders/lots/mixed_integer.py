"""A mixed-integer linear programme on HiGHS (Huangfu, Hall 2018, Parallelizing the dual revised simplex method)."""

from typing import Any

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.linear_programme import highs_model
from foundation.tolerances import LOT

SUB_PROGRAMMES = tuple(f"mip_heuristic_run_{name}" for name in ("rins", "rens", "root_reduced_cost"))


@dataclass(frozen=True, eq=False)
class Solution:
    """The result of HiGHS.

    x          : (n,) the best point, or None where it found none.
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
class Programme:
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
    ) -> Solution:
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
        model = highs_model(self.cost, self.matrix.tocsr(), self.at_least, self.lower, most, self.whole)
        solver = highspy.Highs()
        options = {
            "output_flag": False,
            "threads": 1,
            "mip_rel_gap": gap,
            "mip_abs_gap": spare,
            "mip_heuristic_run_feasibility_jump": False,  # of small ones it takes most of the time, and finds nothing
        }
        if start is not None:  # what is left is to prove that it is the best, or to find a better one beside it
            options |= dict.fromkeys(SUB_PROGRAMMES, False) | {"mip_allow_restart": gap > 0.0}
        if nodes is not None:
            options["mip_max_nodes"] = nodes
        for option, value in options.items():
            solver.setOptionValue(option, value)
        solver.passModel(model)
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
            return Solution(None, np.nan, False, status == highspy.HighsModelStatus.kInfeasible, taken)
        bound = float(info.mip_dual_bound) if np.any(self.whole) else float(info.objective_function_value)
        return Solution(np.array(solver.getSolution().col_value), bound, proven, nodes=taken)
