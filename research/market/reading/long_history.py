"""US stocks, consumer prices and the long rate since 1871, a row a month: for plans of many years."""

from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arrays import Array
from foundation.errors import DataError
from foundation.files import DATA

FILE = DATA / "us_long_history" / "monthly.csv"


@cache
def long_history() -> pd.DataFrame:
    """A row a month by its first day: SP500 (mean of the month's closes), Dividend (of a year), Consumer Price Index
    and Long Interest Rate (percent a year), among others.

    Source : Robert Shiller's monthly data (`data/README.md`).
    """
    return pd.read_csv(FILE, index_col="Date", parse_dates=["Date"])


def consumer_prices(days: NDArray[np.datetime64]) -> Array:
    """(T,) the US consumer price index of the month of each day. Raises DataError for a month that it does not reach.

    days : (T,) days.
    """
    index = long_history()["Consumer Price Index"]
    months = pd.DatetimeIndex(days.astype("datetime64[M]"))
    missing = months[~months.isin(index.index)]
    if len(missing):
        raise DataError(
            f"US consumer prices are known from {index.index[0]:%Y-%m} to {index.index[-1]:%Y-%m}, and the market has "
            f"rows in {missing[0]:%Y-%m}: state the inflation of the plan as a fraction a year."
        )
    return index.loc[months].to_numpy(float)
