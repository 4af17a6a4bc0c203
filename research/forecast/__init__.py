"""Forecasts as known on a date: means and covariances of returns, with views, and the probability of turbulence."""

from research.forecast.black_litterman import BlackLitterman
from research.forecast.boosted import Boosted, FittedBoosted, load_boosted, save_boosted
from research.forecast.equilibrium import Benchmark, MarketCap, equilibrium_returns, unconstrained_weights
from research.forecast.estimated import Estimated
from research.forecast.forecast_views import ForecastViews
from research.forecast.model import Fitted, Model, Refitted, Trained
from research.forecast.moments import Forecast, Moments, repaired
from research.forecast.pooling import EntropyPooling, Opinion, OpinionPooling
from research.forecast.posterior import Posterior
from research.forecast.regimes import Regimes, fit_regimes, history
from research.forecast.signals import SignalBlend
from research.forecast.view_effects import ViewEffects, view_effects
from research.forecast.views import InvestorView, read_views
from research.forecast.volatility import DynamicCorrelations, EWMAVolatility, GarchVolatility, HARVolatility

__all__ = [
    "Benchmark",
    "BlackLitterman",
    "Boosted",
    "DynamicCorrelations",
    "EWMAVolatility",
    "EntropyPooling",
    "Estimated",
    "Fitted",
    "FittedBoosted",
    "Forecast",
    "ForecastViews",
    "GarchVolatility",
    "HARVolatility",
    "InvestorView",
    "MarketCap",
    "Model",
    "Moments",
    "Opinion",
    "OpinionPooling",
    "Posterior",
    "Refitted",
    "Regimes",
    "SignalBlend",
    "Trained",
    "ViewEffects",
    "equilibrium_returns",
    "fit_regimes",
    "history",
    "load_boosted",
    "read_views",
    "repaired",
    "save_boosted",
    "unconstrained_weights",
    "view_effects",
]
