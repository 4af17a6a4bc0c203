"""Sweeps: many configurations of policies, costs, lags, starts and portfolios, a row of metrics each."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from backtests.sweeps.axes import Axes, Choices, Range, sample, threshold
    from backtests.sweeps.plan import Configuration, Plan, Strategic, listed
    from backtests.sweeps.run import Sweep, sweep
    from backtests.sweeps.setup import Setup
    from backtests.sweeps.table import Keep
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
