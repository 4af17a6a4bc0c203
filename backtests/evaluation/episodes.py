"""Figures of a backtest in an episode of stress: return, drawdown, turnover, orders and cost between two closes."""

import numpy as np

from backtests.engine.result import Backtest
from foundation.dataclasses import dataclass
from research.risk import drawdown


@dataclass(frozen=True)
class EpisodeFigures:
    """Figures of one policy in one episode, not annualised.

    total_return : net of costs, fraction.
    max_drawdown : the lowest NAV over its peak since the close before the episode, less 1; never positive.
    turnover     : one-way, fraction of NAV, of decisions only.
    orders       : number of orders whose notional exceeds 1e-6 of NAV, of decisions only.
    cost         : fraction of NAV, of trading and holding.
    """

    total_return: float
    max_drawdown: float
    turnover: float
    orders: int
    cost: float


def episode_figures(backtest: Backtest, base: int, last: int) -> EpisodeFigures:
    """The figures of a backtest between two closes.

    backtest : D test days.
    base     : row of `backtest.dates` of the close on which the first return is earned.
    last     : row of the last close.
    """
    path = backtest.growth_path[base : last + 1]
    booked = backtest.ledger.booked[backtest.booked] - backtest.first
    inside = backtest.booked[(booked > base) & (booked <= last)]
    return EpisodeFigures(
        total_return=float(path[-1] / path[0]) - 1.0,
        max_drawdown=float(drawdown(path).min()),
        turnover=float(backtest.turnover[base:last].sum()),
        orders=int(np.count_nonzero(backtest.counted[inside])),
        cost=float(backtest.cost_rate[base:last].sum()),
    )
