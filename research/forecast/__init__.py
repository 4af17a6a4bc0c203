"""Forecasts as known on a date: means and covariances of returns, with views, and regimes."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from research.forecast.boosted.model import Boosted, FittedBoosted, load_boosted, save_boosted
    from research.forecast.estimated import Estimated
    from research.forecast.factor_model import FactorModel
    from research.forecast.model import Fitted, Model, Refitted, Trained
    from research.forecast.moments import Forecast, Moments, repaired
    from research.forecast.neural import Network
    from research.forecast.regimes.jump import JumpModel
    from research.forecast.regimes.markov import MarkovRegimes, MarkovSwitching, number_of_states
    from research.forecast.regimes.percentiles import VolatilityPercentiles
    from research.forecast.regimes.protocol import FittedRegimes, RegimeModel, Regimes, as_known, history
    from research.forecast.signals.blend import SignalBlend
    from research.forecast.views.black_litterman import BlackLitterman
    from research.forecast.views.equilibrium import Benchmark, MarketCap, equilibrium_returns, unconstrained_weights
    from research.forecast.views.posterior import Posterior
    from research.forecast.views.view_effects import ViewEffects, view_effects
    from research.forecast.views.views import InvestorView, read_views
    from research.forecast.volatility.ewma import EWMAVolatility
    from research.forecast.volatility.garch import GarchVolatility
    from research.forecast.volatility.har import HARVolatility
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
