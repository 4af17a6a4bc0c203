"""Cost, turnover and tracking error of one backtest with their intervals, by the slowest waves of their daily terms."""

import math

import numpy as np

from backtests.evaluation.estimates import Estimate
from backtests.evaluation.metrics import Measured
from backtests.evaluation.slow_waves import SlowMeans
from research.risk.measures import BPS

SLOW = ("cost", "turnover", "tracking_error")  # metrics of `slow_figures`


def slow_figures(measured: Measured, *, limited: bool, level: float) -> dict[str, Estimate]:
    """By metric of `SLOW`, in the unit of its record: the figure with its interval.

    measured : the backtest beside its benchmark.
    limited  : has the policy shown the largest drift that it allows (`backtests.evaluation.slow_waves`)? If not, its
               tracking error is known from below only; what it trades and pays is known all the same.
    level    : of the intervals.
    """
    year, around = measured.periods_per_year, measured.active - measured.active.mean()
    traded = len(measured.backtest.booked) > 0
    daily = np.column_stack(
        [measured.backtest.cost_rate * (year * BPS), measured.backtest.turnover * year, around**2 * year]
    )
    means = SlowMeans.of(daily, [traded, traded, limited])
    cost, turnover, squares = (means.figure(k, level) for k in range(len(SLOW)))
    days = len(around)
    return {"cost": cost, "turnover": turnover, "tracking_error": _root(squares, days / max(days - 1, 1))}


def _root(squares: Estimate, factor: float) -> Estimate:
    """The root of a mean square times `factor`: the standard deviation, ddof 1."""
    value, lower, upper = (math.sqrt(v * factor) for v in (squares.value, squares.lower, squares.upper))
    error = squares.error * factor / (2.0 * value) if value > 0.0 else 0.0
    return Estimate(value, lower, upper, squares.level, error)
