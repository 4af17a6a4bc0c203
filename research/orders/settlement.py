"""When the money and the units of an order change hands."""

import numpy as np

from research.market.calendars import session_after
from research.portfolio import Portfolio


def settlement_date(portfolio: Portfolio, days: int) -> np.datetime64:
    """When an order settles that fills on the day on which it is expected to trade.

    days : sessions from the trade to its settlement.
    """
    return session_after(np.datetime64(portfolio.trade_day, "D"), days, portfolio.market.calendar)
