"""Relaxed risk parity: contributions to volatility as near to equal as a goal of return and constraints allow."""

from dataclasses import dataclass
from math import inf

import numpy as np

from foundation.arguments import cut, is_number, refuse
from foundation.arrays import Array
from research.allocation.constrained.on_forecast import OnForecast, root_of_moments
from research.allocation.constraints.limits import WEIGHTS, Limits, Part
from research.allocation.constraints.optimum import Aim, Optimum, optimum
from research.allocation.constraints.programme import Objective
from research.allocation.optimised.aims import return_limit
from research.allocation.risk_based.parity import largest_smallest
from research.allocation.risk_based.risk_parity import Budgeted, Budgets, shares
from research.forecast import Moments
from research.market import Past

LEAST = "least contribution"


@dataclass(frozen=True, repr=False)
class RelaxedRiskParity(Budgeted, OnForecast):
    """The weights of least psi - gamma: the volatility, less that of which the smallest contribution would be the mean.

    psi² is the variance, plus `penalty` × the variance that the weights would have without correlations; gamma² is
    the smallest of w_i × (covariance × w)_i / budget_i. Without penalty the difference is zero where contributions
    meet their budgets; a goal of return, or a constraint, moves the weights from there as little as this measures.

    goal    : least mean return a year, by the forecast; None for none.
    penalty : penalty on variances without correlations, at least 0: lambda in Riskfolio-Lib's version C, and that of
              the paper times the number of lines.
    forecast    : forecast of means and covariances.
    budgets : share of the variance by line, see RiskParity.
    Others  : as of `OnForecast`.
    Raises  : as `OnForecast`; ConfigError for a limit of the number of lines; NotSolvedError where no weights within
              the limits make every line with a budget add to the volatility.
    Source  : Gambeta, Kwon (2020), Risk Return Trade-Off in Relaxed Risk Parity Portfolio Optimization.
    """

    goal: float | None = None
    penalty: float = 1.0
    budgets: Budgets = ()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.goal is not None and not is_number(self.goal):
            refuse("goal of RelaxedRiskParity is", self.goal, "give a fraction a year, such as 0.08.")
        if not (is_number(self.penalty) and self.penalty >= 0.0):
            refuse("penalty of RelaxedRiskParity is", self.penalty, "give a number of at least 0, such as 1.")

    def found(self, limits: Limits, moments: Moments, past: Past) -> Optimum:
        """The weights (k,) within limits, for a forecast of a year."""
        absent = [name for name in past.assets if name not in moments.assets]
        budgets, limits = shares(self.budgets, limits, absent)
        if self.goal is not None:
            limits = limits.with_limits([*limits.limits, return_limit(moments.mean, self.goal)])
        return relaxed_risk_parity(limits, moments.covariance, root_of_moments(moments), budgets, self.penalty)


def relaxed_risk_parity(limits: Limits, covariance: Array, root: Array, budgets: Array, penalty: float) -> Optimum:
    """The weights of least psi - gamma, see RelaxedRiskParity.

    limits     : limits over n lines.
    covariance : (n, n) a year.
    root       : (n, n) with root' root = covariance.
    budgets    : (n,) shares of the variance that sum to one; zero for lines that are not held.
    penalty    : penalty on variances without correlations.
    """
    alone = np.diag(np.sqrt(penalty * np.diag(covariance)))
    norm = {WEIGHTS: np.vstack([root, alone]) if penalty else root}

    def unreached(limits: Limits) -> str:
        names = largest_smallest(limits, covariance, budgets > 0.0)[1]
        return (
            "no weights within the limits make every line with a budget of risk add to the volatility: at the best "
            f"{cut(', '.join(names))} lowers it. Widen the limits, exclude this line, or ask for risk_parity"
        )

    aim = Aim(
        Objective({LEAST: -np.ones(1)}, norm=norm), "volatility a year above that of the smallest contribution",
        parts=(least_contribution(covariance, budgets),), unreached=unreached,
    )  # fmt: skip
    return optimum(limits, aim)


def least_contribution(covariance: Array, budgets: Array) -> Part:
    """gamma >= 0 with gamma² <= w_i × (covariance × w)_i / budget_i: a cone of a norm for each line with a budget."""
    size = float(np.sqrt(np.diag(covariance).mean()))
    held = np.flatnonzero(budgets)
    cones = []
    for i in held:
        weight, marginal = size * np.eye(len(budgets))[i], covariance[i] / size
        of_weights = np.vstack([weight + marginal, np.zeros(len(budgets)), weight - marginal])
        of_gamma = np.array([[0.0], [2.0 * np.sqrt(budgets[i])], [0.0]])
        cones.append(("norm", {WEIGHTS: of_weights, LEAST: of_gamma}))

    def of(weights: Array) -> Array:
        parts = (weights * (covariance @ weights))[held] / budgets[held]
        return np.sqrt(np.maximum(parts.min(keepdims=True), 0.0))

    return Part(LEAST, 1, {}, np.zeros(0), np.zeros(1), np.full(1, inf), of, cones=tuple(cones))
