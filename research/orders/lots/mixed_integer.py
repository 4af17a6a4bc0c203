"""A mixed-integer linear programme on HiGHS (Huangfu, Hall 2018, Parallelizing the dual revised simplex method)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from foundation.arrays import Array
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


def minimise(
    cost: Array,
    matrix: Any,
    at_least: Array,
    upper: Array,
    whole: Array,
    *,
    lower: Array | float = 0.0,
    nodes: int | None = None,
    gap: float = 0.0,
    spare: float = 0.0,
    start: Array | None = None,
) -> Solution:
    """Minimise cost · x over points x between their bounds with matrix · x ≥ at_least, some of them whole numbers.

    The same programme has the same solution on any machine, however busy: nodes bound the search, and no clock does.

    cost     : (n,).
    matrix   : (k, n) sparse array.
    at_least : (k,).
    upper    : (n,) largest x.
    whole    : (n,) nonzero for whole numbers.
    lower    : (n,) least x.
    nodes    : number of nodes of the search, after which the best point so far is given; None for any number.
    gap      : gap between cost and bound, over the cost, within which a point is good enough.
    spare    : gap likewise, in the unit of the cost.
    start    : (n,) a good point, where it keeps all rows: then no time is spent on finding one.
    """
    import highspy

    most = np.where(whole, np.floor(np.asarray(upper) + LOT), upper)  # presolve needs whole bounds
    least = np.broadcast_to(np.asarray(lower, dtype=float), len(cost))
    model = highs_model(cost, matrix.tocsr(), at_least, least, most, whole)
    solver = highspy.Highs()
    options = {
        "output_flag": False,
        "threads": 1,
        "mip_rel_gap": gap,
        "mip_abs_gap": spare,
        "mip_heuristic_run_feasibility_jump": False,  # of small programmes it takes most of the time, and finds nothing
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
    for presolve in ("choose", "off"):  # what presolve brings back may miss a tolerance, and HiGHS then gives nothing
        solver.setOptionValue("presolve", presolve)
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kSolveError:
            break
    info, status = solver.getInfo(), solver.getModelStatus()
    taken = max(int(info.mip_node_count), 0)
    proven = status == highspy.HighsModelStatus.kOptimal
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return Solution(None, np.nan, False, status == highspy.HighsModelStatus.kInfeasible, taken)
    bound = float(info.mip_dual_bound) if np.any(whole) else float(info.objective_function_value)
    return Solution(np.array(solver.getSolution().col_value), bound, proven, nodes=taken)
