"""Forecasts as known on a date: means and covariances of returns, with views, and regimes."""

from research.forecast.boosted import Boosted, FittedBoosted, load_boosted, save_boosted
from research.forecast.estimated import Estimated
from research.forecast.model import Fitted, Model, Refitted, Trained
from research.forecast.moments import Forecast, Moments, repaired
from research.forecast.neural import Network
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
from research.forecast.signals import SignalBlend
from research.forecast.views.black_litterman import BlackLitterman
from research.forecast.views.equilibrium import Benchmark, MarketCap, equilibrium_returns, unconstrained_weights
from research.forecast.views.forecast_views import ForecastViews
from research.forecast.views.pooling import EntropyPooling, Opinion, OpinionPooling
from research.forecast.views.posterior import Posterior
from research.forecast.views.view_effects import ViewEffects, view_effects
from research.forecast.views.views import InvestorView, read_views
from research.forecast.volatility import DynamicCorrelations, EWMAVolatility, GarchVolatility, HARVolatility

__all__ = [
    "Benchmark",
    "BlackLitterman",
    "Boosted",
    "ChangePoint",
    "ChangePoints",
    "DynamicCorrelations",
    "EWMAVolatility",
    "EntropyPooling",
    "Estimated",
    "Fitted",
    "FittedBoosted",
    "FittedRegimes",
    "Forecast",
    "ForecastViews",
    "GarchVolatility",
    "HARVolatility",
    "InvestorView",
    "JumpModel",
    "MarketCap",
    "MarkovRegimes",
    "MarkovSwitching",
    "Model",
    "Moments",
    "Network",
    "Opinion",
    "OpinionPooling",
    "Posterior",
    "Refitted",
    "RegimeModel",
    "Regimes",
    "SignalBlend",
    "Trained",
    "ViewEffects",
    "VolatilityPercentiles",
    "as_known",
    "equilibrium_returns",
    "history",
    "load_boosted",
    "number_of_states",
    "read_views",
    "repaired",
    "save_boosted",
    "unconstrained_weights",
    "view_effects",
]
