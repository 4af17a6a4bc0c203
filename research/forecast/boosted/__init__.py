"""Gradient boosting across lines, by LightGBM or XGBoost, as a forecast of returns."""

from research.forecast.boosted.checkpoint import load_boosted, save_boosted
from research.forecast.boosted.features import Features, features
from research.forecast.boosted.model import Boosted, FittedBoosted

__all__ = ["Boosted", "Features", "FittedBoosted", "features", "load_boosted", "save_boosted"]
