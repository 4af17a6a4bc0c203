"""The worst days of one policy, and what every policy did on them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.engine.result import Backtest
from foundation.dataclasses import dataclass

DAYS_SHOWN = 10  # days


@dataclass(frozen=True)
class OnDay:
    """The result of one policy on one day.

    value    : its return, net of costs, fraction.
    turnover : one-way turnover of the orders booked that day; 0.0 where there were none.
    next     : one-way turnover of the orders booked at the next close; None after the last.
    """

    value: float
    turnover: float
    next: float | None


def worst_days(
    backtests: Mapping[str, Backtest], reference: str, most: int = DAYS_SHOWN
) -> dict[pd.Timestamp, dict[str, OnDay]]:
    """The results of each policy on the days of the reference's lowest net returns, lowest first, by day.

    backtests : by name, on the same days.
    reference : name of the policy whose worst days are taken.
    most      : number of days; fewer where the test has fewer. Days of gain are left out.
    """
    returns, dates = backtests[reference].net_returns, backtests[reference].dates[1:]
    order = np.argsort(returns, kind="stable")[:most]
    return {
        dates[row]: {name: _on(played, row) for name, played in backtests.items()}
        for row in order.tolist()
        if returns[row] < 0.0
    }


def _on(played: Backtest, row: int) -> OnDay:
    turnover = played.turnover
    after = float(turnover[row + 1]) if row + 1 < len(turnover) else None
    return OnDay(float(played.net_returns[row]), float(turnover[row]), after)
