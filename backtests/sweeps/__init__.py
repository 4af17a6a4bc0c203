"""Sweeps: many configurations of policies, costs, lags, starts and portfolios, a row of metrics each."""

from backtests.sweeps.arena import Arena
from backtests.sweeps.axes import Axes, Choices, Range, sample, threshold
from backtests.sweeps.plan import Configuration, Plan, Strategic, listed
from backtests.sweeps.sweeping import Sweep, sweep
from backtests.sweeps.table import Keep

__all__ = [
    "Arena",
    "Axes",
    "Choices",
    "Configuration",
    "Keep",
    "Plan",
    "Range",
    "Strategic",
    "Sweep",
    "listed",
    "sample",
    "sweep",
    "threshold",
]
