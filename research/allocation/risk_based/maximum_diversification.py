"""The most diversified portfolio under constraints."""

from dataclasses import dataclass

import numpy as np

from research.allocation.constrained.on_forecast import OnForecast, root_of_moments
from research.allocation.constraints.limits import WEIGHTS, Limits
from research.allocation.constraints.optimum import Aim, Optimum, optimum
from research.allocation.constraints.programme import Objective
from research.forecast import Moments
from research.market import Past


@dataclass(frozen=True, repr=False)
class MaximumDiversification(OnForecast):
    """The weights of the largest diversification ratio: the mean volatility of the lines over the portfolio's own.

    The price of a constraint is in volatility a year. Settings are those of `OnForecast`, whose forecast is one of
    covariances.
    Source : Choueifaty, Coignard (2008), Toward Maximum Diversification.
    """

    def found(self, limits: Limits, moments: Moments, past: Past) -> Optimum:
        """The weights (k,) within limits, for a forecast of a year."""
        volatilities = np.sqrt(np.diag(moments.covariance))
        objective = Objective(norm={WEIGHTS: root_of_moments(moments)})
        return optimum(limits, Aim(objective, "diversification ratio", numerator={WEIGHTS: volatilities}))
