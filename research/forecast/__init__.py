"""Forecasts as known on a date: means and covariances of returns, and the probability of a turbulent regime."""

from research.forecast.estimated import Estimated
from research.forecast.moments import Forecast, Moments, repaired
from research.forecast.regimes import Regimes, fit_regimes, history

__all__ = ["Estimated", "Forecast", "Moments", "Regimes", "fit_regimes", "history", "repaired"]
