"""Mean and CVaR under the worst law near the one that was seen: distributionally robust by the Wasserstein distance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from research.allocation.constrained.bounds import Bound
from research.allocation.constrained.on_window import OnWindow
from research.allocation.constraints.limits import WEIGHTS, Limits, Part
from research.allocation.constraints.optimum import Aim, Optimum, optimum
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.records import Constraints
from research.allocation.constraints.risk_limits import tail, tail_mean
from research.allocation.estimated import EstimationSchedule, check_estimate, check_length, check_level
from research.arguments import check_positive, is_number, refuse
from research.arrays import Array

WORST, LARGEST = "worst", "largest"


@dataclass(frozen=True)
class RobustCVaR(OnWindow):
    """The weights of least mean loss plus risk_aversion × CVaR, under the worst law within a radius of the window's.

    The distance of two laws is the Wasserstein distance with the 1-norm of returns. Over all of them the worst is the
    window's own plus radius × (1 + risk_aversion / (1 - level)) × the largest weight, so a larger radius spreads the
    weights. skfolio's DistributionallyRobustCVaR admits only laws whose returns stay above -1, which makes its worst
    case smaller, and takes a variable for each return.

    window        : number of returns, above 1 / (1 - level); with a radius of 0, above the number of lines.
    level         : of the CVaR, from 0 to 1.
    radius        : of the ball of laws, return a period; 0 for none.
    risk_aversion : of the CVaR.
    lower, upper  : bounds of single lines, see MeanVariance.
    constraints   : that the weights keep besides; those of volatility take the sample covariance of the window.
    periods_per_year : returns a year.
    schedule      : "day", "week", "month", "quarter" or "year".
    Raises        : ConfigError for settings outside these; DataError for no more returns than lines, with a radius of
                    0; NotSolvedError, with a smallest conflicting set, where no weights keep all.
    Source        : Mohajerin Esfahani, Kuhn (2018), Data-driven distributionally robust optimization using the
                    Wasserstein metric, section 7.1 and equation 27.
    """

    window: int = 252
    level: float = 0.95
    radius: float = 0.02
    risk_aversion: float = 1.0
    lower: Bound = 0.0
    upper: Bound = 1.0
    constraints: Constraints = field(default_factory=Constraints)
    periods_per_year: float = 252.0
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("RobustCVaR", self.window, self.schedule)
        check_positive(risk_aversion=self.risk_aversion, periods_per_year=self.periods_per_year)
        check_level("RobustCVaR", self.level, self.window)
        if not (is_number(self.radius) and self.radius >= 0.0):
            refuse("radius of RobustCVaR is", self.radius, "give a number of at least 0, such as 0.001.")
        self.freeze_bounds()

    def found(self, limits: Limits, returns: Array, absent: Sequence[str]) -> Optimum:
        """The best weights (k,) within limits of the k lines of returns (T, k), a period."""
        if self.radius == 0.0:
            check_length("RobustCVaR", returns, limits.assets)
        return robust_cvar(limits, returns, self.level, self.radius, self.risk_aversion)


def robust_cvar(limits: Limits, returns: Array, level: float, radius: float, risk_aversion: float) -> Optimum:
    """The best weights by the worst mean loss and CVaR of laws near that of returns.

    limits        : over n lines.
    returns       : (T, n) of the window, a period.
    level         : of the CVaR.
    radius        : of the ball of laws, return a period.
    risk_aversion : of the CVaR.
    Raises        : as `optimum`.
    """
    n = returns.shape[1]
    largest = Part(
        LARGEST, 1, {WEIGHTS: np.vstack([-np.eye(n), np.eye(n)]), LARGEST: np.ones((2 * n, 1))}, np.zeros(2 * n),
        np.zeros(1), np.full(1, np.inf), lambda weights: np.array([np.abs(weights).max(initial=0.0)]),
    )  # fmt: skip
    linear: Mapping[str, Array] = {
        WEIGHTS: -returns.mean(axis=0),
        WORST: risk_aversion * tail_mean(len(returns), level),
        LARGEST: np.array([radius * (1.0 + risk_aversion / (1.0 - level))]),
    }
    parts = (tail(returns, level, WORST), largest)
    return optimum(limits, Aim(Objective(linear), "worst utility (return a period)", sign=-1.0, parts=parts))
