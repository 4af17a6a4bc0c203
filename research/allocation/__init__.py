"""Target weights from the past, computed on a schedule; blind to today's holdings and to trading costs."""

from research.allocation.allocation import Allocation, TargetPath, spread_unlisted, target_path
from research.allocation.answer import Answer, Binding, Explained, NotSolvedError
from research.allocation.estimated import InverseVolatility
from research.allocation.estimator import EstimatorAllocation
from research.allocation.exposure import ConstantExposure, VolatilityTarget
from research.allocation.fixed import EqualWeights, FixedWeights
from research.allocation.function import FunctionAllocation
from research.allocation.hierarchical import HERC, HRP, NCO, Schur, hrp_weights
from research.allocation.kept_paths import kept_target_path
from research.allocation.market_cap import MarketCapWeights
from research.allocation.momentum import Momentum
from research.allocation.online import Anticor, ExponentialGradient, UniversalPortfolio
from research.allocation.optimised.mean_variance import MeanVariance
from research.allocation.optimised.minimum_variance import MinimumVariance
from research.allocation.optimised.resampled import Resampled
from research.allocation.optimised.robust_cvar import RobustCVaR
from research.allocation.regime_exposure import RegimeExposure
from research.allocation.risk_based import (
    BenchmarkTracking,
    MaximumDiversification,
    MinimumRisk,
    RelaxedRiskParity,
    RiskParity,
    TailParity,
)
from research.allocation.wrappers import Average, CappedTurnover, Reserve, Shrunk, Smoothed

__all__ = [
    "HERC",
    "HRP",
    "NCO",
    "Allocation",
    "Answer",
    "Anticor",
    "Average",
    "BenchmarkTracking",
    "Binding",
    "CappedTurnover",
    "ConstantExposure",
    "EqualWeights",
    "EstimatorAllocation",
    "Explained",
    "ExponentialGradient",
    "FixedWeights",
    "FunctionAllocation",
    "InverseVolatility",
    "MarketCapWeights",
    "MaximumDiversification",
    "MeanVariance",
    "MinimumRisk",
    "MinimumVariance",
    "Momentum",
    "NotSolvedError",
    "RegimeExposure",
    "RelaxedRiskParity",
    "Resampled",
    "Reserve",
    "RiskParity",
    "RobustCVaR",
    "Schur",
    "Shrunk",
    "Smoothed",
    "TailParity",
    "TargetPath",
    "UniversalPortfolio",
    "VolatilityTarget",
    "hrp_weights",
    "kept_target_path",
    "spread_unlisted",
    "target_path",
]
