"""A series of a store as a fact: on each session, its latest value that was known on an earlier day.

A source says the day on which a value was published and not the hour, and some publish after the close, such as the
Federal Reserve its rates of interest at 16:15 in New York. So a value serves from the first session after that day.
"""

import numpy as np
import pandas as pd

from foundation.arrays import Array
from research.market.calendars import Days
from research.market.rows import sessions_of


def known_values(rows: pd.DataFrame, days: Days, lag: int | None = None) -> Array:
    """(T,) the value of the latest day of a series that was known before each session, NaN before the first.

    A value is known from the day, in UTC, of its `fetched_at`; one that was revised by a session, as revised.

    rows : (R, ·) table of `PriceStore.rows` with its history: those with a close of one series, by session and moment.
    days : (T,) sessions, increasing.
    lag  : calendar days after its own day from which on the first value of each day counts as known, where its
           `fetched_at` is no day of publication, which is 00:00; None for the day on which it was fetched.

    >>> from research.market.rows import price_rows
    >>> published = np.datetime64("2022-12-13", "us")
    >>> rows = price_rows("CPI", ["2022-11-01"], [298.3], currency="", source="fred", fetched_at=published)
    >>> known_values(rows, np.array(["2022-12-12", "2022-12-13", "2022-12-14"], "datetime64[D]")).tolist()
    [nan, nan, 298.3]
    """
    observed, fetched = sessions_of(rows), rows["fetched_at"].to_numpy()
    known = fetched.astype("datetime64[D]")
    if lag is not None:
        undated = (known != fetched) & (np.append(True, observed[1:] != observed[:-1])[: len(rows)])
        known = np.where(undated, np.minimum(known, observed + lag), known)
    known = np.maximum(known, observed)  # whatever a source says, no value is known before its day
    order = np.lexsort((observed, known))
    order = order[observed[order] == np.maximum.accumulate(observed[order])]  # of an earlier day none replaces a later
    place = np.searchsorted(known[order], days) - 1
    return np.append(rows["close"].to_numpy()[order], np.nan)[place]
