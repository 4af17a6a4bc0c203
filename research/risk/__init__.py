"""Risk figures of a return series, the loss J that compares policies, and simulated markets with known parameters."""

from research.risk.measures import (
    Drawdown,
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
from research.risk.models import GBM, Garch, MertonJumps, Model, RegimeSwitching
from research.risk.resampling import StationaryBootstrap
from research.risk.simulated import batches, simulated_market

__all__ = [
    "GBM",
    "Drawdown",
    "Garch",
    "MertonJumps",
    "Model",
    "RegimeSwitching",
    "StationaryBootstrap",
    "batches",
    "calendar_years",
    "cvar",
    "daily_loss",
    "drawdown",
    "growth",
    "loss",
    "max_drawdown",
    "money_weighted",
    "nav_path",
    "sharpe",
    "simulated_market",
    "sortino",
    "tracking_error",
    "var",
    "volatility",
]
