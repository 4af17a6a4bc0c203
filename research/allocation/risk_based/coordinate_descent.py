"""Risk budgets without limits by cyclic coordinate descent, compiled.

The least of v' S v / 2 - sum of b_i ln v_i: at it v_i (S v)_i = b_i, so that the contributions to v' S v are the
budgets.

Source : Griveau-Billion, Richard, Roncalli (2013), A Fast Algorithm for Computing High-dimensional Risk Parity
         Portfolios, equation 8.
"""

import numpy as np

from foundation.arrays import Array
from foundation.compiled import compiled

DESCENT_SWEEPS = 10_000
MET = 1e-14  # change of a weight in a sweep, over the weight: less is rounding


@compiled
def of_budgets(covariance: Array, budgets: Array) -> Array:
    """(n,) weights v above 0 whose contributions v_i (S v)_i are the budgets; zeros where none are found.

    covariance : (n, n) S, symmetric and positive semidefinite, in C order, of variances above 0.
    budgets    : (n,) above 0.
    """
    n = len(budgets)
    v, marginal = np.empty(n), np.zeros(n)
    for i in range(n):
        v[i] = np.sqrt(budgets[i] / covariance[i, i])
    for i in range(n):
        for j in range(n):
            marginal[j] += v[i] * covariance[i, j]
    for _ in range(DESCENT_SWEEPS):
        moved = 0.0
        for i in range(n):
            others, own = marginal[i] - covariance[i, i] * v[i], covariance[i, i]
            root = np.sqrt(others * others + 4.0 * own * budgets[i])
            # of the two forms of the root of a quadratic equation, the one without a difference of equals
            new = 2.0 * budgets[i] / (others + root) if others > 0.0 else (root - others) / (2.0 * own)
            step = new - v[i]
            moved = max(moved, abs(step) / new)
            v[i] = new
            for j in range(n):
                marginal[j] += step * covariance[i, j]
        if moved <= MET * n:
            return v
    return np.zeros(n)
