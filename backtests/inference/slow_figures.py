"""Cost, turnover and tracking error of one backtest with their intervals, by the slowest waves of their daily terms."""

import math

import numpy as np

from backtests.evaluation.benchmark import daily_costs
from backtests.evaluation.metrics import Measured
from backtests.inference.estimates import Estimate, NotAvailable
from backtests.inference.slow_waves import SlowMeans

SLOW = ("cost", "turnover", "tracking_error", "tracking_error_own")  # metrics of `slow_figures`


def slow_figures(measured: Measured, *, limited: bool, level: float) -> dict[str, Estimate | NotAvailable]:
    """By metric of `SLOW`, in the unit of its record: the figure with its interval, or why there is none.

    measured : the backtest beside its benchmark.
    limited  : has the policy shown the largest drift that it allows (`backtests.inference.slow_waves`)? If not, its
               tracking error is known from below only; what it trades and pays is known all the same.
    level    : of the intervals.
    """
    year, days = measured.periods_per_year, len(measured.net)
    squares = [(active - active.mean()) ** 2 * (year * days / (days - 1)) for active in _active(measured)]
    daily = [daily_costs(measured.backtest), measured.backtest.turnover * year, *squares]
    means = SlowMeans.of(np.column_stack(daily), [True, True, limited, limited])
    found: dict[str, Estimate | NotAvailable] = {metric: means.figure(k, level) for k, metric in enumerate(SLOW)}
    for metric in SLOW[2:]:
        found[metric] = _root(means.figure(SLOW.index(metric), level))
    if not len(measured.backtest.booked):
        nothing = NotAvailable("it never traded")
        found |= {"cost": nothing, "turnover": nothing}
    return found


def _active(measured: Measured) -> tuple[np.ndarray, np.ndarray]:
    return measured.active, measured.active_own


def _root(squares: Estimate) -> Estimate:
    """A standard deviation, from its square."""
    value, lower, upper = (math.sqrt(v) for v in (squares.value, squares.lower, squares.upper))
    return Estimate(value, lower, upper, squares.level, squares.error / (2.0 * value) if value > 0.0 else 0.0)
