"""Regimes of a line as known on each day: by a hidden Markov chain, a jump model, or the percentile of volatility."""

from research.forecast.regimes.change_points import ChangePoint, ChangePoints
from research.forecast.regimes.jump import JumpModel, JumpRegimes, jump_features
from research.forecast.regimes.markov import MarkovRegimes, MarkovSwitching, number_of_states
from research.forecast.regimes.percentiles import PercentileRegimes, VolatilityPercentiles
from research.forecast.regimes.protocol import FittedRegimes, RegimeModel, Regimes, as_known, history

__all__ = [
    "ChangePoint",
    "ChangePoints",
    "FittedRegimes",
    "JumpModel",
    "JumpRegimes",
    "MarkovRegimes",
    "MarkovSwitching",
    "PercentileRegimes",
    "RegimeModel",
    "Regimes",
    "VolatilityPercentiles",
    "as_known",
    "history",
    "jump_features",
    "number_of_states",
]
