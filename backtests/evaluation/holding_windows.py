"""Growth of a policy less that of another, or of a benchmark, over every start month and whole number of years."""

import numpy as np
import pandas as pd

from backtests.engine.result import Backtest
from backtests.evaluation.comparator import Comparator
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass
from research.market.calendars import DAYS_PER_YEAR


@dataclass(frozen=True, eq=False)
class HoldingWindows:
    """Annual growth of a policy less that of another, or of a benchmark, of windows within the days of a test.

    starts     : (S,) closes at which the windows begin: the last of each calendar month.
    ends       : (S, L) closes at which they end, NaT where the test ends before.
    difference : (S, L) fraction a year; NaN likewise. Column k is a holding of k + 1 years.
    one, other : the names of the two: `difference` is positive where the first grew more.

    The windows overlap: most of them share most of their days, so their number says nothing about evidence. At its
    start a window holds what each policy held by then; nothing is opened anew.
    """

    starts: pd.DatetimeIndex
    ends: pd.DataFrame
    difference: Array
    one: str
    other: str

    def table(self) -> pd.DataFrame:
        """A row for each length in years: windows, share of positive differences, and their least, median and most."""
        rows = []
        for k in range(self.difference.shape[1]):
            values = self.difference[:, k]
            there = values[~np.isnan(values)]
            rows.append(
                {"years": k + 1, "windows": len(there), "positive": float((there > 0.0).mean())}
                | {"least": float(there.min()), "median": float(np.median(there)), "most": float(there.max())}
            )
        return pd.DataFrame(rows, columns=["years", "windows", "positive", "least", "median", "most"])

    def cells(self) -> pd.DataFrame:
        """A row for each window: start and end (YYYY-MM-DD), years, and difference, fraction a year."""
        s, k = np.nonzero(~np.isnan(self.difference))
        ends = self.ends.to_numpy()[s, k]
        return pd.DataFrame(
            {
                "start": self.starts[s].strftime("%Y-%m-%d"),
                "end": pd.DatetimeIndex(ends).strftime("%Y-%m-%d"),
                "years": k + 1,
                "difference": self.difference[s, k],
            }
        )


def holding_windows(one: Backtest, other: Backtest | Comparator) -> HoldingWindows:
    """Every start month × every holding in whole years: annual growth of `one` less that of `other`, net of costs.

    one   : a policy.
    other : another one, or a benchmark, on the same days.

    Windows run from one month's last close to the last close of the same month some years later; growth is of 365.25
    days a year between the two closes. A test of less than a year has none.
    """
    dates = one.dates
    rows = last_month_closes(dates)
    years = max((len(rows) - 1) // 12, 0)
    starts = rows[: len(rows) - 12] if years else rows[:0]
    paths = [np.log(b.growth_path) for b in (one, other)]
    difference = np.full((len(starts), years), np.nan)
    ends = np.full((len(starts), years), np.datetime64("NaT"), dtype="datetime64[ns]")
    days = dates.to_numpy().astype("datetime64[D]").astype(float)
    for k in range(years):
        begin, end = rows[: len(rows) - 12 * (k + 1)], rows[12 * (k + 1) :]
        per_year = DAYS_PER_YEAR / (days[end] - days[begin])
        first, second = (np.expm1((path[end] - path[begin]) * per_year) for path in paths)
        difference[: len(begin), k], ends[: len(begin), k] = first - second, dates.to_numpy()[end]
    columns = pd.DataFrame(ends, columns=np.arange(1, years + 1))
    return HoldingWindows(dates[starts], columns, difference, one.name, other.name)


def last_month_closes(dates: pd.DatetimeIndex) -> Rows:
    """Rows of the last close of each calendar month, one a month without a gap; a month that goes on has none.

    The last close counts where no weekday of its month follows it. Of a month without a close, the last one before it
    stands for it.
    """
    days = dates.to_numpy().astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    last = (
        months[-1] if np.busday_count(days[-1] + 1, (months[-1] + 1).astype("datetime64[D]")) == 0 else months[-1] - 1
    )
    ends = np.arange(months[0], last + 1)
    rows: Rows = np.searchsorted(days, (ends + 1).astype("datetime64[D]"), side="left") - 1
    return rows
