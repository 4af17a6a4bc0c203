"""When the money and the units of an order change hands."""

import numpy as np
import pandas as pd

from research.market.calendars import session_after
from research.portfolio import Portfolio
from research.portfolio.prices import newest_day


def settlement_date(portfolio: Portfolio, days: int, today: pd.Timestamp | None) -> np.datetime64:
    """When an order settles that fills on the first session after its prices; if today is known, not before it.

    days  : sessions from the trade to its settlement.
    today : the day of the list, or None.
    """
    market, priced = portfolio.market, newest_day(portfolio.market, portfolio.prices)
    if today is not None:
        priced = max(priced, np.datetime64(today, "D") - np.timedelta64(1, "D"))
    return session_after(session_after(priced, 1, market.calendar), days, market.calendar)
