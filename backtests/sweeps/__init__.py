"""Sweeps: many configurations of policies, costs, lags, starts and portfolios, a row of metrics each."""

from backtests.sweeps.axes import Axes, Choices, Range, sample, threshold
from backtests.sweeps.plan import Configuration, Plan, Strategic, listed
from backtests.sweeps.run import Sweep, sweep
from backtests.sweeps.setup import Setup
from backtests.sweeps.table import Keep

__all__ = [
    "Axes",
    "Choices",
    "Configuration",
    "Keep",
    "Plan",
    "Range",
    "Setup",
    "Strategic",
    "Sweep",
    "listed",
    "sample",
    "sweep",
    "threshold",
]
