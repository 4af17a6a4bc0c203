"""Risk figures of return series and curves, the loss J that compares policies, and simulated markets."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from research.risk.curves import CURVE_MEASURES, curve_measures
    from research.risk.decomposition.concentration import (
        concentration,
        diversification_ratio,
        effective_lines,
        realised_diversification,
    )
    from research.risk.distribution import (
        cornish_fisher_cvar,
        cornish_fisher_var,
        evar,
        excess_kurtosis,
        gaussian_cvar,
        gaussian_var,
        hit_rate,
        omega,
        skewness,
        tail_ratio,
        tail_table,
    )
    from research.risk.drawdowns import calmar, cdar, deepest_drawdowns, longest_drawdown, recovery_days, ulcer_index
    from research.risk.measures import (
        Drawdown,
        calendar_months,
        calendar_years,
        cvar,
        daily_loss,
        drawdown,
        growth,
        loss,
        max_drawdown,
        money_weighted,
        nav_path,
        sharpe,
        sortino,
        tracking_error,
        var,
        volatility,
    )
    from research.risk.relative import alpha, beta, down_capture, information_ratio, matched_volatility, up_capture
    from research.risk.rolling import rolling_sharpe, rolling_tracking_error, rolling_volatility
    from research.risk.simulation.models import GBM, Garch, MertonJumps, Model, RegimeSwitching, StochasticVolatility
    from research.risk.simulation.resampling import StationaryBootstrap
    from research.risk.simulation.simulated import batches, simulated_market
    from research.risk.utility import certainty_equivalent, scaled_to_volatility
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
