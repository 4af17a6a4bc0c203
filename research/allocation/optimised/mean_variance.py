"""Mean-variance portfolios under constraints: the weights that a forecast of means and covariances makes the best.

Those of least variance and long only are a control that needs no settings; those of the largest diversification ratio
need no means.
"""

import numpy as np

from foundation.arguments import check_positive, is_number, one_of, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from research.allocation.answer import Answer, Explained
from research.allocation.constrained.on_forecast import OnForecast, root_of_moments
from research.allocation.constraints.limits import WEIGHTS, Limits
from research.allocation.constraints.optimum import Aim, Optimum, optimum
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.records import Constraints
from research.allocation.constraints.roots import Root
from research.allocation.estimated import EstimationSchedule, check_estimate
from research.allocation.optimised.aims import (
    AIMS,
    AimName,
    maximum_return,
    maximum_sharpe,
    minimum_volatility,
    return_limit,
    utility,
    volatility_limit,
)  # fmt: skip
from research.allocation.optimised.frontier import Frontier, frontier
from research.allocation.risk_based.risks import volatility_risk
from research.forecast import Estimated, Moments
from research.market import Past

WITH_TARGET = ("target_return", "target_risk")


@dataclass(frozen=True, repr=False)
class MeanVariance(OnForecast):
    """The best weights under constraints, by a forecast's mean and covariance.

    objective     : "minimum_volatility"; "maximum_sharpe", over cash; "utility", mean less risk_aversion / 2 times the
                    variance; "target_return", the least volatility with a mean of at least `goal`; "target_risk", the
                    largest mean with a volatility of at most `goal`; "robust_utility", the utility of the worst mean
                    of an ellipsoid round the forecast that holds the mean with `confidence`.
    goal          : fraction a year, of a volatility above 0; None where the objective has none.
    risk_aversion : aversion to the variance a year.
    confidence    : confidence of the ellipsoid, from 0 to 1; the mean of `window` returns has the covariance of one
                    over `window`.
    Others        : as of `OnForecast`.
    Raises        : as `OnForecast`; NotSolvedError for "maximum_sharpe" where no weights earn more than cash.
    Source        : Markowitz (1952), Portfolio Selection; for "robust_utility" Tütüncü, Koenig (2004), Robust Asset
                    Allocation, with the ellipsoid of skfolio's EmpiricalMuUncertaintySet.
    """

    objective: AimName = "minimum_volatility"
    goal: float | None = None
    risk_aversion: float = 1.0
    confidence: float = 0.95

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        one_of("objective of MeanVariance is", self.objective, AIMS)
        check_positive(risk_aversion=self.risk_aversion)
        if not (is_number(self.confidence) and 0.0 < self.confidence < 1.0):
            refuse("confidence of MeanVariance is", self.confidence, "give a number between 0 and 1, such as 0.95.")
        self._check_goal()

    def _check_goal(self) -> None:
        """Raise ConfigError for a goal where the objective has none, and for none, or no such number, where it has."""
        subject, goal = "goal of MeanVariance is", self.goal
        if self.objective not in WITH_TARGET and goal is not None:
            refuse(subject, goal, f"{self.objective} has none.")
        if self.objective == "target_return" and not is_number(goal):
            refuse(subject, goal, "give a fraction a year, such as 0.08.")
        if self.objective == "target_risk" and not (is_number(goal) and 0.0 < goal < 2.0):  # type: ignore[operator]
            refuse(subject, goal, "give a volatility a year above 0 and below 2, such as 0.08 for 8 %.")

    def found(self, limits: Limits, moments: Moments, past: Past) -> Optimum:
        """The best weights (k,) within limits, for a forecast of a year; cash earns its return over the window."""
        return self.best(limits, moments, self.cash(past))

    def frontier(self, past: Past, points: int = 50, previous: Array | None = None) -> Frontier:
        """The frontier of this forecast under these constraints, at the close of `past`."""
        asked = self.programme(past, previous)
        return frontier(asked.limits, asked.moments.mean, volatility_risk(root_of_moments(asked.moments)), points)

    @property
    def unlimited(self) -> "MeanVariance":
        """The same with the sum of the weights and of their absolute values limited, and nothing else."""
        asked = Constraints(net=self.constraints.net, gross=self.constraints.gross)
        return replace(self, lower=None, upper=None, constraints=asked)

    @property
    def limited(self) -> bool:
        """True if it has other limits than those of `unlimited`."""
        return self.asked != self.unlimited.asked

    def best(self, limits: Limits, moments: Moments, cash: float) -> Optimum:
        """The best weights (k,) within limits, for a forecast of a year; `cash` earns so much a year."""
        mean, root, goal = moments.mean, Root(moments.covariance, moments.assets), self.goal
        if self.objective == "maximum_sharpe":
            return optimum(limits, maximum_sharpe(mean, root, cash))
        if self.objective == "utility":
            return optimum(limits, utility(mean, root, self.risk_aversion))
        if self.objective == "robust_utility":
            return optimum(limits, utility(mean, root, self.risk_aversion, self._uncertainty(root.rows)))
        if goal is not None and self.objective == "target_risk":
            return optimum(
                limits.with_limits([*limits.limits, volatility_limit(root.rows, goal)]), maximum_return(mean)
            )
        if goal is not None:
            limits = limits.with_limits([*limits.limits, return_limit(mean, goal)])
        return optimum(limits, minimum_volatility(root))

    def cash(self, past: Past) -> float:
        """Return a year of cash over the window."""
        return float(past.cash[-self.window :].mean()) * self.periods_per_year

    def _uncertainty(self, root: Array) -> Array:
        """(r, k) root of the ellipsoid of the mean a year, of a root of the covariance."""
        from scipy.special import gammaincinv  # slow to import

        size = np.sqrt(2.0 * gammaincinv(root.shape[1] / 2.0, self.confidence))  # the quantile of chi-squared
        years = self.window / self.periods_per_year
        return size / np.sqrt(years) * root


@dataclass(frozen=True)
class MinimumVariance(Explained):
    """The long-only weights of least variance on a Ledoit-Wolf covariance: a control without settings of its own.

    It is `MeanVariance` without bounds; its answer says which assets are held at zero.
    window : number of returns, at least 2.
    schedule : "day", "week", "month", "quarter" or "year".
    Raises : ConfigError for settings outside these; on its schedule, DataError for an asset whose returns do not vary.
    Source : Ledoit, Wolf (2004), A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices.
    """

    window: int = 252
    schedule: EstimationSchedule = "month"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("MinimumVariance", self.window, self.schedule)

    def answer(self, past: Past) -> Answer:
        """(n,) weights that sum to one over the assets with a complete window; zero for the others."""
        return MeanVariance(forecast=Estimated(window=self.window), schedule=self.schedule).answer(past)


@dataclass(frozen=True, repr=False)
class MaximumDiversification(OnForecast):
    """The weights of the largest diversification ratio: the mean volatility of the assets over the portfolio's own.

    The price of a constraint is in volatility a year. Settings are those of `OnForecast`, whose forecast is one of
    covariances.
    Source : Choueifaty, Coignard (2008), Toward Maximum Diversification.
    """

    def found(self, limits: Limits, moments: Moments, past: Past) -> Optimum:
        """The weights (k,) within limits, for a forecast of a year."""
        volatilities = np.sqrt(np.diag(moments.covariance))
        objective = Objective(norm=Root(moments.covariance, moments.assets))
        return optimum(limits, Aim(objective, "diversification ratio", numerator={WEIGHTS: volatilities}))
