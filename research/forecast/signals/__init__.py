"""Simple signals of past returns, the return that each expects with its error, and their blend."""

from research.forecast.signals.blend import Blend, SignalBlend, blend
from research.forecast.signals.expected import Expected, expected
from research.forecast.signals.history import History, history
from research.forecast.signals.kinds import AverageSignal, MomentumSignal, ReversionSignal, Signal

__all__ = [
    "AverageSignal",
    "Blend",
    "Expected",
    "History",
    "MomentumSignal",
    "ReversionSignal",
    "Signal",
    "SignalBlend",
    "blend",
    "expected",
    "history",
]
