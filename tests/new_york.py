"""Sessions of New York as the workbench keeps them: exchange_calendars takes half a second to build a calendar."""

import numpy as np
import pandas as pd

from research.market import calendars


def sessions(first: str, last: str) -> pd.DatetimeIndex:
    """From one day to another, both included."""
    days = calendars.sessions(np.datetime64(first), np.datetime64(last), "XNYS")
    return pd.DatetimeIndex(days.astype("datetime64[ns]"))
