"""Variances and covariances over a horizon: with exponential weights, GARCH, HAR, and dynamic correlations."""

from research.forecast.volatility.dcc import DynamicCorrelations, FittedDCC
from research.forecast.volatility.ewma import EWMAVolatility
from research.forecast.volatility.garch import FittedGarch, GarchVolatility
from research.forecast.volatility.har import FittedHAR, HARVolatility

__all__ = [
    "DynamicCorrelations",
    "EWMAVolatility",
    "FittedDCC",
    "FittedGarch",
    "FittedHAR",
    "GarchVolatility",
    "HARVolatility",
]
