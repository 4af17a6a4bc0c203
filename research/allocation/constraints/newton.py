"""Newton's steps within limits: they take a solution by an exponential cone to full accuracy."""

from collections.abc import Callable
from dataclasses import replace
from math import inf

import numpy as np

from foundation.arrays import Array
from research.allocation.accuracy import ACCURATE
from research.allocation.constraints.conic import ConeProgramme
from research.allocation.constraints.limits import WEIGHTS, Limits
from research.allocation.constraints.optimum import of_held
from research.allocation.constraints.programme import Elastic, Objective, Solved

STEPS, STEP_TOLERANCE = 8, 1e-8  # a step of less, in weights, is the last one
LONGEST_NEWTON_STEP = 1e-3  # a step of more is none towards a solution that is known to the root of a tolerance


def by_newton(
    value: Callable[[Array], float],
    derivatives: Callable[[Array], tuple[Array, Array]],
    limits: Limits,
    elastic: Elastic,
    solved: Solved,
) -> Solved:
    """The weights of the least value to full accuracy; the given solution where a step does not improve it.

    value       : weights (n,) -> the value, convex and to be minimised.
    derivatives : weights (n,) -> its gradient (n,) and its curvature (n, n).
    limits      : limits over the n assets.
    elastic     : limits that may be exceeded.
    solved      : solution by a cone.
    """
    n, whole, at, unit = len(limits.assets), of_held(limits, solved), solved, 1.0
    for _ in range(STEPS):
        weights = at.x[:n]
        gradient, curvature = derivatives(weights)
        unit = float(np.trace(curvature)) / n or 1.0  # a solver's tolerance is absolute
        objective = Objective({WEIGHTS: (gradient - curvature @ weights) / unit}, curvature / unit)
        prices = {k: price / unit for k, price in elastic.prices.items()}
        found = ConeProgramme(limits, objective, replace(elastic, prices=prices)).solve(whole=whole)
        moved = inf if found is None else float(np.abs(found.x[:n] - weights).max())
        # At a kink, where several losses tie for the largest, there is no such step.
        if found is None or moved > LONGEST_NEWTON_STEP:
            return solved
        at = found
        if moved <= STEP_TOLERANCE:
            break
    best = value(at.x[:n]) + sum(price * at.excess[k] for k, price in elastic.prices.items())
    duals = tuple(unit * rows for rows in at.duals)
    return replace(at, value=best, duals=duals) if best <= solved.value + ACCURATE else solved
