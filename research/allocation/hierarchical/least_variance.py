"""Long-only weights of least variance, by Clarabel, called directly: each cluster of each fit asks for its own."""

import numpy as np

from foundation.arrays import Array
from research.allocation.answer import NotSolvedError

TIGHT = 1e-12  # gap and feasibility, in units of the problem: as it comes, weights are good to 1e-4 only
HELD = 1e-7  # a weight below it is zero in the solution of the solver, or very near


def least_variance(cov: Array) -> Array:
    """(k,) the long-only weights of least variance of a covariance (k, k) that has an inverse; they sum to one.

    The solver says which weights are zero; the others are then those of the closed form, exact to rounding.
    Raises : NotSolvedError where the solver finds none.
    Source : Goulart, Chen (2024), Clarabel: An Interior-Point Solver for Conic Programs with Quadratic Objectives.
    """
    k = len(cov)
    scaled = cov / np.diag(cov).mean()
    found = _solved(scaled)
    held = found > HELD
    exact = np.zeros(k)
    exact[held] = np.linalg.solve(scaled[np.ix_(held, held)], np.ones(held.sum()))
    exact /= exact.sum()
    if (exact < 0.0).any():  # the solver took a line of no weight for one of a very small weight
        exact = np.maximum(found, 0.0)
    weights: Array = exact / exact.sum()
    return weights


def _solved(cov: Array) -> Array:
    """(k,) w of least w' cov w with sum one, none of them negative, to the accuracy of the solver."""
    import clarabel
    from scipy.sparse import csc_matrix

    k = len(cov)
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TIGHT
    rows, ends = csc_matrix(np.vstack([np.ones(k), -np.eye(k)])), np.append(1.0, np.zeros(k))
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(k)]
    solved = clarabel.DefaultSolver(csc_matrix(np.triu(cov)), np.zeros(k), rows, ends, cones, settings).solve()
    if str(solved.status) not in ("Solved", "AlmostSolved"):
        raise NotSolvedError(f"Clarabel ends with status {solved.status} on the least variance of {k} lines")
    return np.array(solved.x)
