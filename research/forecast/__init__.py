"""Forecasts as known on a date: means and covariances of returns, with views, and regimes."""

from research.forecast.black_litterman import BlackLitterman
from research.forecast.equilibrium import Benchmark, MarketCap, equilibrium_returns, unconstrained_weights
from research.forecast.estimated import Estimated
from research.forecast.model import Fitted, Model, Refitted, Trained
from research.forecast.moments import Forecast, Moments, repaired
from research.forecast.pooling import EntropyPooling, Opinion, OpinionPooling
from research.forecast.posterior import Posterior
from research.forecast.regimes import (
    ChangePoint,
    ChangePoints,
    FittedRegimes,
    JumpModel,
    MarkovRegimes,
    MarkovSwitching,
    RegimeModel,
    Regimes,
    VolatilityPercentiles,
    as_known,
    history,
    number_of_states,
)
from research.forecast.view_effects import ViewEffects, view_effects
from research.forecast.views import InvestorView, read_views

__all__ = [
    "Benchmark",
    "BlackLitterman",
    "ChangePoint",
    "ChangePoints",
    "EntropyPooling",
    "Estimated",
    "Fitted",
    "FittedRegimes",
    "Forecast",
    "InvestorView",
    "JumpModel",
    "MarketCap",
    "MarkovRegimes",
    "MarkovSwitching",
    "Model",
    "Moments",
    "Opinion",
    "OpinionPooling",
    "Posterior",
    "Refitted",
    "RegimeModel",
    "Regimes",
    "Trained",
    "ViewEffects",
    "VolatilityPercentiles",
    "as_known",
    "equilibrium_returns",
    "history",
    "number_of_states",
    "read_views",
    "repaired",
    "unconstrained_weights",
    "view_effects",
]
