"""Convex quadratic programmes with linear rows, by Clarabel, called directly: cvxpy takes a second to import."""

import numpy as np

from research.allocation.answer import NotSolvedError
from research.arrays import Array

TIGHT = 1e-12  # gap and feasibility, in units of the problem: as it comes, weights are good to 1e-4 only
HELD = 1e-7  # a weight below it is zero in the solution of the solver, or very near


def least_quadratic(
    square: Array, linear: Array, rows: Array, low: Array, high: Array
) -> tuple[Array, Array, Array] | None:
    """The x (k,) of least x' square x / 2 + linear' x with low <= rows x <= high; None where no x keeps the rows.

    square : (k, k) positive semi-definite.
    linear : (k,).
    rows   : (m, k).
    low    : (m,), -inf for none; an equality where it is `high`.
    high   : (m,), inf for none.
    Returns: x; and by how much the objective would fall for each unit that a row's low is lower (m,), or its high
             higher (m,); zero for equalities.
    Raises : NotSolvedError where the solver finds neither.
    Source : Goulart, Chen (2024), Clarabel: An Interior-Point Solver for Conic Programs with Quadratic Objectives.
    """
    import clarabel
    from scipy.sparse import csc_matrix

    equal, above, below = low == high, (low > -np.inf) & (low < high), (high < np.inf) & (low < high)
    sides = np.vstack([rows[equal], rows[below], -rows[above]])
    ends = np.concatenate([high[equal], high[below], -low[above]])
    cones = [clarabel.ZeroConeT(int(equal.sum())), clarabel.NonnegativeConeT(int(below.sum() + above.sum()))]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TIGHT
    solved = clarabel.DefaultSolver(
        csc_matrix(np.triu(square)), linear, csc_matrix(sides), ends, cones, settings
    ).solve()
    status = str(solved.status)
    if status in ("PrimalInfeasible", "AlmostPrimalInfeasible"):
        return None
    if status not in ("Solved", "AlmostSolved"):
        raise NotSolvedError(f"Clarabel ends with status {status} on a programme of {len(linear)} weights")
    prices, first = np.array(solved.z), int(equal.sum())
    at_low, at_high = np.zeros(len(rows)), np.zeros(len(rows))
    at_high[below], at_low[above] = prices[first : first + below.sum()], prices[first + below.sum() :]
    return np.array(solved.x), at_low, at_high


def least_variance(cov: Array) -> Array:
    """(k,) the long-only weights of least variance of a covariance (k, k) that has an inverse; they sum to one.

    The solver says which weights are zero; the others are then those of the closed form, exact to rounding.
    """
    k = len(cov)
    scaled = cov / np.diag(cov).mean()
    rows, low = np.vstack([np.ones(k), np.eye(k)]), np.append(1.0, np.zeros(k))
    solved = least_quadratic(scaled, np.zeros(k), rows, low, np.append(1.0, np.full(k, np.inf)))
    assert solved is not None, "weights of one line keep all rows"
    found = solved[0]
    held = found > HELD
    exact = np.zeros(k)
    exact[held] = np.linalg.solve(scaled[np.ix_(held, held)], np.ones(held.sum()))
    exact /= exact.sum()
    if (exact < 0.0).any():  # the solver took a line of no weight for one of a very small weight
        exact = np.maximum(found, 0.0)
    weights: Array = exact / exact.sum()
    return weights
