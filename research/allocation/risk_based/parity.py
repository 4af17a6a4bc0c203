"""Weights whose contributions to a risk are in given proportions, under limits.

The contributions w_i dR/dw_i to a risk R that is homogeneous of degree one are in the proportions b where R(w) is least
over the geometric mean of w_i / b_i with the exponents b_i: the logarithmic barrier of the sources, without its
constant. This is convex in the weights times a number above zero, so it keeps every limit. Where no limit binds but the
sum of the weights, the proportions are met exactly, else the weights are the nearest by this ratio.

Source : Maillard, Roncalli, Teiletche (2010), The Properties of Equally Weighted Risk Contribution Portfolios; Spinu
         (2013), An Algorithm for Computing Risk Parity Weights; with limits Richard, Roncalli (2019), Constrained Risk
         Budgeting Portfolios.
"""

from dataclasses import replace
from math import inf

import numpy as np

from foundation.arguments import cut
from foundation.arrays import Array, Mask
from research.allocation.accuracy import ZERO_FROM_SOLVER
from research.allocation.answer import NotSolvedError
from research.allocation.constraints.branch import best
from research.allocation.constraints.conic import ConeProgramme
from research.allocation.constraints.limits import WEIGHTS, Limits, Part
from research.allocation.constraints.optimum import Aim, Optimum, elastic_of, optimum
from research.allocation.constraints.programme import Elastic, Objective, Solved
from research.allocation.constraints.roots import square_of
from research.allocation.risk_based.risks import Risk

DESCENT = "coordinate descent"
MEAN, SMALLEST_SHARE = "geometric mean", "smallest"
LEAST_BOUND = 1e-7  # of NAV: an asset that cannot be larger cannot be held
NO_RISK = 1e-4  # of the assets' mean volatility: what a cone solver leaves of zero
STEPS, STEP_TOLERANCE = 5, 1e-5  # of Newton; a step of less, over the largest weight, leaves its square


def parity(limits: Limits, budgets: Array, risk: Risk, unit: str) -> Optimum:
    """The weights of least risk for the geometric mean of weights over budgets.

    limits  : limits over n assets.
    budgets : (n,) shares of the risk that sum to one; zero for assets that are not held.
    risk    : a norm of the weights, or linear in a part.
    unit    : unit of the ratio of this mean to the risk.
    Raises  : NotSolvedError where no weights keep the limits, where none of these hold every asset with a budget, and
              where some have no risk.
    """
    if not budgets.any():
        raise NotSolvedError("the limits hold no asset with a budget of risk. Raise the most of some")
    if (free := _without_limits(limits, budgets, risk, unit)) is not None:
        return free
    _check_that_all_can_be_held(limits, budgets)
    mean = geometric_mean(budgets)
    first = np.append(1.0, np.zeros(mean.size - 1))

    def sharpened(_: Limits, elastic: Elastic, solved: Solved) -> Solved:
        _check_that_there_is_risk(risk, solved)
        return _newton(limits, budgets, risk, elastic, solved)

    parts = (*risk.parts, mean)
    return optimum(limits, Aim(risk.objective, unit, numerator={MEAN: first}, parts=parts, sharpened=sharpened))


def _without_limits(limits: Limits, budgets: Array, risk: Risk, unit: str) -> Optimum | None:
    """The weights whose contributions to a volatility are the budgets, times a number that gives their sum.

    None where they do not keep all limits, where the sum is not given, and for another risk.
    """
    net = [limit.bound for limit in limits.limits if limit.key == "net" and limit.equation]
    if not net or net[0] <= 0.0 or risk.objective.norm is None or set(risk.objective.norm) != {WEIGHTS}:
        return None
    held = np.flatnonzero(budgets)
    covariance = square_of(risk.objective.norm)[np.ix_(held, held)]
    if not (np.diag(covariance) > 0.0).all():
        return None
    from research.allocation.risk_based.coordinate_descent import of_budgets  # numba is slow to import

    v, weights = of_budgets(covariance, budgets[held]), np.zeros(len(budgets))
    if not v.all():
        return None
    weights[held] = v * (net[0] / v.sum())
    if limits.outside(weights).max(initial=0.0) > ZERO_FROM_SOLVER:
        return None
    deviation = float(np.sqrt(weights[held] @ covariance @ weights[held]))
    mean = float(np.exp(budgets[held] @ np.log(weights[held] / budgets[held])))
    prices = {limit.key: 0.0 for limit in limits.limits}
    return Optimum(weights, mean / deviation, unit, DESCENT, "optimal", (), prices, notes=limits.notes, smaller=False,
                   denominator=deviation)  # fmt: skip


def geometric_mean(budgets: Array) -> Part:
    """A number (first) that is at most the geometric mean of weights over budgets, by exponential cones.

    budgets : (n,) exponents that sum to one; an asset with zero has no part.
    """
    held = np.flatnonzero(budgets)
    n, m = len(budgets), len(held)
    exponents = budgets[held]
    of_weights, of_mean = np.zeros((3 * m, n)), np.zeros((3 * m, m + 1))
    of_mean[0::3, 1:] = np.eye(m)
    of_mean[1::3, 0] = 1.0
    of_weights[np.arange(2, 3 * m, 3), held] = 1.0 / exponents

    def of(weights: Array) -> Array:
        over = np.maximum(weights[held], 0.0) / exponents
        if not (over > 0.0).all():
            return np.zeros(m + 1)
        mean = float(np.exp(exponents @ np.log(over)))
        return np.append(mean, mean * np.log(over / mean))

    return Part(
        MEAN, m + 1, {MEAN: np.append(0.0, exponents)[None]}, np.zeros(1), np.full(m + 1, -inf), np.full(m + 1, inf),
        of, cones=(("exponential", {WEIGHTS: of_weights, MEAN: of_mean}),),
    )  # fmt: skip


def _check_that_all_can_be_held(limits: Limits, budgets: Array) -> None:
    """Raise NotSolvedError, with the assets, where no weights keep the limits and hold each asset with a budget."""
    smallest, names = largest_smallest(limits, np.eye(len(budgets)), budgets > 0.0)
    if smallest <= LEAST_BOUND:
        gave = [limits.limits[k].words for places, _ in elastic_of(limits).pools for k in places]
        how = f"; the limits that give way do so by the least that suffices ({'; '.join(gave)})" if gave else ""
        mend = ", widen the limits, or give these a price in place of `gives_way`" if gave else ", or widen the limits"
        raise NotSolvedError(
            f"every asset with a budget of risk is held, and no weights within the limits hold {cut(', '.join(names))} "
            f"beside the others{how}. Exclude these assets{mend}"
        )


def largest_smallest(limits: Limits, rows: Array, among: Mask) -> tuple[float, list[str]]:
    """The largest value of the smallest of rows (n, n) times the weights within the limits, and the assets where it is.

    limits : limits over n assets.
    rows   : one an asset.
    among  : (n,) assets whose rows count.
    Returns : inf, and no assets, where no weights keep the limits.
    """
    some = rows[among]
    of_weights = {WEIGHTS: some, SMALLEST_SHARE: -np.ones((len(some), 1))}
    part = Part(
        SMALLEST_SHARE, 1, of_weights, np.zeros(len(some)), np.full(1, -inf), np.full(1, inf),
        lambda weights: (some @ weights).min(keepdims=True),
    )  # fmt: skip
    programme = ConeProgramme(replace(limits, parts=(*limits.parts, part)), Objective({SMALLEST_SHARE: -np.ones(1)}),
                              elastic_of(limits))  # fmt: skip
    found = best(programme).point
    if found is None:
        return inf, []
    at = some @ found.x[: rows.shape[1]]
    names = np.array(limits.assets)[among][at <= at.min() + LEAST_BOUND * float(np.abs(some).max())]
    return -found.value, names.tolist()


def _newton(limits: Limits, budgets: Array, risk: Risk, elastic: Elastic, solved: Solved) -> Solved:
    """The solution to full accuracy, by Newton's steps on the logarithmic barrier: each a quadratic programme.

    With a norm R the barrier R² / 2 - sum of b ln v, else R - sum of b ln v, is least at v, the weights times the
    number that makes R(v) one (Spinu 2013, equation 4). Its value there is a constant less the logarithm of the ratio,
    so that prices of the ratio are those of the barrier times the ratio.
    """
    if elastic.prices:
        return solved
    limits = replace(limits, parts=(*limits.parts, *risk.parts))
    n, held, at, size = len(budgets), budgets > 0.0, solved, solved.scale / solved.value
    norm = None if risk.objective.norm is None else risk.objective.norm[WEIGHTS]
    for _ in range(STEPS):
        v = np.where(held, at.x[:n] * size, 1.0)
        if not (v > 0.0).all():
            return solved
        curvature = np.diag(budgets / v**2) if norm is None else np.diag(budgets / v**2) + norm.T @ norm
        objective = Objective({**risk.objective.linear, WEIGHTS: -2.0 * budgets / v}, curvature)
        found = ConeProgramme(limits, objective, elastic, scaled=True).solve()
        if found is None:
            return solved
        moved, at, size = np.abs(found.x[:n] - at.x[:n]).max(), found, found.scale
        if moved <= STEP_TOLERANCE * np.abs(at.x[:n]).max():
            break
    if not (at.x[:n][held] > 0.0).all():
        return solved
    value = _size(limits, risk, at.x) / float(np.exp(budgets[held] @ np.log(at.x[:n][held] / budgets[held])))
    return replace(at, value=value, duals=tuple(value * rows for rows in at.duals))


def _size(limits: Limits, risk: Risk, x: Array) -> float:
    """The risk at x."""
    if risk.objective.norm is not None:
        return float(np.linalg.norm(risk.objective.norm[WEIGHTS] @ x[: len(limits.assets)]))
    return float(limits.matrix({block: row[None] for block, row in risk.objective.linear.items()}, 1)[0] @ x)


def _check_that_there_is_risk(risk: Risk, solved: Solved) -> None:
    """Raise NotSolvedError where the weights, with a geometric mean of one over budgets, have no volatility."""
    norm = None if risk.objective.norm is None else risk.objective.norm[WEIGHTS]
    if norm is not None and solved.value <= NO_RISK * float(np.sqrt((norm**2).sum(axis=0).mean())):
        raise NotSolvedError(
            "weights within the limits have no risk, so that there is none to share: some assets hedge each other "
            "completely. Leave one of them out, or estimate the covariance by one that is not singular (ledoit_wolf)"
        )
