"""Numbers of a return series: growth, spread, falls, tails, and the loss J by which policies are judged."""

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

__all__ = [
    "Drawdown",
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
    "sortino",
    "tracking_error",
    "var",
    "volatility",
]
