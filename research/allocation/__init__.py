"""What to hold: target weights from the past, on a schedule; blind to today's holdings and to what trading costs."""

from research.allocation.allocation import Allocation, TargetPath, spread_unlisted, target_path
from research.allocation.estimated import InverseVolatility, MinimumVariance
from research.allocation.fixed import EqualWeights, FixedWeights
from research.allocation.hrp import HRP, hrp_weights

__all__ = [
    "HRP",
    "Allocation",
    "EqualWeights",
    "FixedWeights",
    "InverseVolatility",
    "MinimumVariance",
    "TargetPath",
    "hrp_weights",
    "spread_unlisted",
    "target_path",
]
