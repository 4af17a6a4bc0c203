"""Many policies on one market: tuned, fitted, compared in pairs, and one of them recommended."""

from backtests.comparison.comparison import Comparison, compare
from backtests.comparison.paired import PairedBacktests

__all__ = ["Comparison", "PairedBacktests", "compare"]
