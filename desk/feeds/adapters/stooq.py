"""Stooq's daily tables: closes adjusted for splits and dividends, which serve as a second source alone.

Stooq adjusts its quotes for all later splits and dividends, and lists neither: quotes as traded cannot come from it.
Its rows have no splits and no dividends, so that their growth is a total return, and their source is `ADJUSTED_SOURCE`:
they cross-check the returns of other sources, and give no quotes for units.
"""

from collections.abc import Sequence
from datetime import time

import numpy as np
import pandas as pd

from desk.feeds.adapter import Adapter, GetRequest, RateLimits, Reply, Wanted
from desk.feeds.answers import Asked, Bars, bar_table, market_rows, over
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from research.market.rows import FIRST_DAY

STOOQ_COLUMNS = ["Date", "Open", "High", "Low", "Close", "Volume"]
ADJUSTED_SOURCE = "stooq (adjusted closes)"
LAST_CLOSE = "America/New_York", time(18)  # no exchange that it has closes later
STOOQ_LIMITS = RateLimits(30, 60.0, a_day=200)


@dataclass(frozen=True)
class Stooq(Adapter):
    """Stooq, without a key. A symbol is spy.us, ^spx or eurusd."""

    base: str = "https://stooq.com"
    name: str = "stooq"
    title: str = "Stooq"
    alphabet: str = r"[A-Za-z0-9^][A-Za-z0-9._^-]{0,31}"
    limits: RateLimits = STOOQ_LIMITS
    adjustment: str = "total"

    def requests(self, wanted: Wanted, key: str) -> Sequence[GetRequest]:
        """One request of the days wanted."""
        first, last = (f"{day:%Y%m%d}" for day in (wanted.first or FIRST_DAY.date(), wanted.last))
        return [GetRequest(f"{self.base}/q/d/l/", {"s": wanted.symbol, "d1": first, "d2": last, "i": "d"})]

    def rows(self, wanted: Wanted, replies: Sequence[Reply], fetched_at: np.datetime64) -> pd.DataFrame:
        """Rows of adjusted quotes, whose source says so."""
        asked = Asked(self.name, wanted.symbol, fetched_at)
        asked.check_status(replies[0])
        notice = replies[0].content[:200].decode(errors="replace").casefold()
        if notice.strip().startswith("no data"):
            asked.refuse(
                "the source has no data: the symbol is unknown, as SPY is for spy.us, or the days have no bar."
            )
        if "limit" in notice:
            asked.refuse("its limit of requests a day is reached. Ask again tomorrow.", "later", 86_400.0)
        header, *lines = asked.table(replies[0])
        if header not in (STOOQ_COLUMNS, STOOQ_COLUMNS[:-1]):
            asked.shape(f"header {','.join(STOOQ_COLUMNS)}", ",".join(header))
        sessions = asked.days(line[0] for line in lines)

        def column(name: str) -> Array | None:
            if name.title() not in header:
                return None
            return asked.numbers(name, (line[header.index(name.title())] for line in lines), sessions)

        table = bar_table(sessions, column)[over(sessions, fetched_at, *LAST_CLOSE)]
        return market_rows(asked, wanted, Bars(table, {}, {}, False, wanted.currency, ADJUSTED_SOURCE))
