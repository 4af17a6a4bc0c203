"""The settlement of orders: the day on which money and units change hands."""

import numpy as np

from research.market.calendars import session_after
from research.portfolio import Portfolio


def settlement_date(portfolio: Portfolio, days: int) -> np.datetime64:
    """The settlement date of an order that fills on the day on which it is expected to trade.

    days : sessions from the trade to its settlement.
    """
    return session_after(np.datetime64(portfolio.trade_day, "D"), days, portfolio.market.calendar)
