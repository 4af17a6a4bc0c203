"""The inputs of signals: returns over cash, their deviation and their outcomes, for all days."""

from dataclasses import dataclass

import numpy as np

from foundation.arrays import Array, Rows, running_sums
from foundation.tolerances import RETURNS
from research.market import Past

DEVIATION = 63  # returns of the deviation that scores and outcomes are measured in


@dataclass(frozen=True, eq=False)
class History:
    """T days of n lines up to today, and the outcome of each within the horizon.

    excess    : (T, n) simple return over cash, that of an exit too; 0 where a line was not listed the day before.
    total     : (T + 1, n) its running sum, from 0.
    first     : (n,) row on which each line was listed: its returns begin after it; T where it never was.
    precision : (T, n) one over the root mean square of the last 63 returns; 0 where a line has fewer, is not
                listed, or did not move.
    outcome   : (T − horizon, n) sum of excess returns over the horizon after each day, in units of deviation ×
                √horizon; 0 where there is no precision.
    cash      : return of cash over the horizon at today's rate, fraction.
    horizon   : periods of the market.
    """

    excess: Array
    total: Array
    first: Rows
    precision: Array
    outcome: Array
    cash: float
    horizon: int


def history(past: Past, horizon: int) -> History:
    """The inputs of signals in a past, over a horizon, a whole number of periods."""
    from research.forecast.signals.pooled import precisions

    listed = past.listed
    first = np.where(listed.any(axis=0), np.argmax(listed, axis=0), past.t + 1)
    held = np.vstack([np.zeros_like(listed[:1]), listed[:-1]])  # over the day, which may end in an exit
    excess = np.where(held, past.returns - past.cash[:, None], 0.0)
    total, squares = running_sums(excess), running_sums(np.where(held, past.returns, 0.0) ** 2)  # none in a halt
    precision = precisions(squares, listed, first, DEVIATION, RETURNS**2)
    outcome = total[horizon + 1 :] - total[1:-horizon]
    outcome *= precision[:-horizon]
    outcome /= horizon**0.5
    return History(excess, total, first, precision, outcome, float(past.cash[-1]) * horizon, horizon)
