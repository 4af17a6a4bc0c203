"""Many policies on one market: tuned, fitted, compared in pairs, and one of them recommended."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from backtests.comparison.comparison import Comparison, compare
    from backtests.comparison.paired import PairedBacktests
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
