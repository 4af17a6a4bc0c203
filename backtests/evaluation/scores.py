"""What one backtest was worth by the strategic target of its portfolio: J, its parts, and what is shown beside it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.engine.result import Backtest
from research.allocation import TargetPath
from research.arrays import Array
from research.market import Market
from research.risk import (
    Drawdown,
    cvar,
    daily_loss,
    growth,
    max_drawdown,
    nav_path,
    sharpe,
    tracking_error,
    volatility,
)
from research.rules.bands import TOLERANCE


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What all policies of one comparison are measured by.

    strategic : target path of the file's static target, rebalanced daily at no cost.  lower, upper : (n,) ranges,
    fraction of NAV.  g : price of tracking error (`research.risk.daily_loss`).
    """

    strategic: TargetPath
    lower: Array
    upper: Array
    g: float
    periods_per_year: float


@dataclass(frozen=True, eq=False)
class Score:
    """Figures of one backtest. Fractions a year unless named otherwise; net of costs unless named gross.

    days_outside : share of test days with a line outside its range, after booking.  trades : lines traded a year.
    cost, opening_cost : bp a year, and bp once.  losses : (D,) daily terms of J, bp a year.
    """

    growth: float
    growth_gross: float
    volatility: float
    sharpe: float
    drawdown: Drawdown
    cvar95: float
    J: float
    tracking_error: float
    tracking_error_own: float
    days_outside: float
    turnover: float
    trades: float
    trading_days: float
    cost: float
    opening_cost: float
    losses: Array

    def figures(self, dates: pd.DatetimeIndex) -> dict[str, float | str | None]:
        """The figures by name, the dates (D + 1,) of the deepest drawdown in words, without the daily losses."""
        plain = {k: v for k, v in vars(self).items() if k not in ("drawdown", "losses")}
        rows = {"peak": self.drawdown.peak, "trough": self.drawdown.trough, "recovery": self.drawdown.recovery}
        when = {f"drawdown_{k}": None if row is None else f"{dates[row]:%Y-%m-%d}" for k, row in rows.items()}
        return {**plain, "max_drawdown": self.drawdown.depth, **when}


def target_returns(targets: TargetPath, market: Market, first: int) -> Array:
    """(D,) return of the target in force at yesterday's close, rebalanced daily at no cost, after row `first`."""
    rows = targets.rows[targets.row[first:-1]]
    cash = 1.0 - rows.sum(axis=1)
    return np.einsum("ti,ti->t", rows, market.returns[first + 1 :]) + cash * market.cash[first + 1 :]


def losses(backtest: Backtest, yardstick: Yardstick) -> Array:
    """(D,) the daily terms of J, bp a year."""
    active = backtest.gross_returns - target_returns(yardstick.strategic, backtest.market, backtest.first)
    return daily_loss(backtest.cost_rate, active, yardstick.g, yardstick.periods_per_year)


def score(backtest: Backtest, yardstick: Yardstick) -> Score:
    """Measure one backtest."""
    market, year = backtest.market, yardstick.periods_per_year
    gross, net = backtest.gross_returns, backtest.net_returns
    span = float((backtest.dates[-1] - backtest.dates[0]).days)
    years = len(net) / year
    weights = backtest.weights.to_numpy()[1:]
    listed = market.listed[backtest.first + 1 :]
    outside = listed & ((weights < yardstick.lower - TOLERANCE) | (weights > yardstick.upper + TOLERANCE))
    daily = losses(backtest, yardstick)
    counted = backtest.counted[backtest.booked]
    return Score(
        growth=growth(backtest.growth_path, span),
        growth_gross=growth(nav_path(gross), span),
        volatility=volatility(net, year),
        sharpe=sharpe(net, market.cash[backtest.first + 1 :], year),
        drawdown=max_drawdown(backtest.growth_path),
        cvar95=cvar(net, 0.95),
        J=float(daily.mean()),
        tracking_error=tracking_error(gross - target_returns(yardstick.strategic, market, backtest.first), year),
        tracking_error_own=tracking_error(gross - target_returns(backtest.targets, market, backtest.first), year),
        days_outside=float(outside.any(axis=1).mean()),
        turnover=float(backtest.turnover.sum()) / years,
        trades=float(counted.sum()) / years,
        trading_days=float(counted.any(axis=1).sum()) / years,
        cost=float(backtest.cost_rate.sum()) / years * 1e4,
        opening_cost=backtest.opening_cost * 1e4,
        losses=daily,
    )


def table(scores: Mapping[str, Score], backtests: Mapping[str, Backtest]) -> pd.DataFrame:
    """A column a policy, a row a figure."""
    return pd.DataFrame({name: s.figures(backtests[name].dates) for name, s in scores.items()})
