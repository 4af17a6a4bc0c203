"""Forecasts as known on a date: so far the probability of a turbulent regime."""

from research.forecast.regimes import Regimes, fit_regimes, history

__all__ = ["Regimes", "fit_regimes", "history"]
