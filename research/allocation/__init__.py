"""Target weights from the past, computed on a schedule; blind to today's holdings and to trading costs."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from research.allocation.allocation import Allocation, TargetPath, spread_unlisted, target_path
    from research.allocation.answer import Answer, Binding, Explained, NotSolvedError
    from research.allocation.estimated import EqualWeights, FixedWeights, InverseVolatility, MarketCapWeights, Momentum
    from research.allocation.estimators.estimator import EstimatorAllocation, FunctionAllocation
    from research.allocation.from_prices import weights_from_prices
    from research.allocation.hierarchical import HERC, HRP, NCO, Schur, hrp_weights
    from research.allocation.kept_paths import kept_target_path
    from research.allocation.news import NewsTilt
    from research.allocation.online import Anticor, ExponentialGradient, UniversalPortfolio
    from research.allocation.optimised.kelly import Kelly
    from research.allocation.optimised.mean_variance import MaximumDiversification, MeanVariance, MinimumVariance
    from research.allocation.risk_based.benchmark_tracking import BenchmarkTracking
    from research.allocation.risk_based.minimum_risk import MaximumRatio, MinimumRisk, RobustCVaR
    from research.allocation.risk_based.risk_parity import RiskParity, TailParity
    from research.allocation.signals import Signals
    from research.allocation.tilted import Tilt, Tilted
    from research.allocation.wrappers import (
        Average,
        CappedTurnover,
        ConstantExposure,
        RegimeExposure,
        Reserve,
        Shrunk,
        Smoothed,
        VolatilityTarget,
    )
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
