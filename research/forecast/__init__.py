"""What is known on a date of what comes after it: regimes, so far."""

from research.forecast.regimes import Regimes, fit_regimes, history

__all__ = ["Regimes", "fit_regimes", "history"]
