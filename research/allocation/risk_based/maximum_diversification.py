"""The most diversified portfolio under constraints."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from research.allocation.constrained.bounds import Bound
from research.allocation.constrained.on_forecast import OnForecast, root_of_moments
from research.allocation.constraints.limits import WEIGHTS, Limits
from research.allocation.constraints.optimum import Aim, Optimum, optimum
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.records import Constraints
from research.allocation.estimated import EstimationSchedule, check_schedule
from research.arguments import check_positive
from research.forecast import Estimated, Forecast, Moments
from research.market import Past


@dataclass(frozen=True)
class MaximumDiversification(OnForecast):
    """The weights of the largest diversification ratio: the mean volatility of the lines over the portfolio's own.

    forecast    : of covariances.
    lower, upper : bounds of single lines, see MeanVariance.
    constraints : that the weights keep besides; the price of one is in volatility a year.
    periods_per_year : returns a year.
    schedule    : "day", "week", "month", "quarter" or "year".
    Raises      : ConfigError for settings outside these; NotSolvedError, with a smallest conflicting set, where no
                  weights keep all.
    Source      : Choueifaty, Coignard (2008), Toward Maximum Diversification.
    """

    forecast: Forecast = field(default_factory=Estimated)
    lower: Bound = 0.0
    upper: Bound = 1.0
    constraints: Constraints = field(default_factory=Constraints)
    periods_per_year: float = 252.0
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_schedule("MaximumDiversification", self.schedule)
        check_positive(periods_per_year=self.periods_per_year)
        self.freeze_bounds()

    def found(self, limits: Limits, moments: Moments, past: Past) -> Optimum:
        """The weights (k,) within limits, for a forecast of a year."""
        volatilities = np.sqrt(np.diag(moments.covariance))
        objective = Objective(norm={WEIGHTS: root_of_moments(moments)})
        return optimum(limits, Aim(objective, "diversification ratio", numerator={WEIGHTS: volatilities}))
