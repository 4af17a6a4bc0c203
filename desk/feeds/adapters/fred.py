"""FRED's series: one value a day, each with the moment at which it was known.

With a key the answer has the vintages of each value, and the `fetched_at` of a row is 00:00 UTC of the day on which its
value was published: what was known on a day is what FRED showed then. Without a key it has the values of today.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from http import HTTPStatus

import numpy as np
import pandas as pd

from desk.feeds.adapter import Adapter, GetRequest, RateLimits, Reply, Wanted
from desk.feeds.answers import Asked, quoted, value_at
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.market.calendars import Days
from research.market.rows import FIRST_DAY, ROW_COLUMNS, checked_rows

EARLIEST, FOREVER = "1776-07-04", "9999-12-31"  # FRED's own bounds of days
VINTAGES_FROM = 1997  # year of the first vintages of daily series
VINTAGE_YEARS = 5  # years of vintages in one request: FRED gives 2,000 vintages at most
OBSERVATIONS = 100_000  # observations
FRED_LIMITS = RateLimits(120, 60.0)


@dataclass(frozen=True)
class Fred(Adapter):
    """FRED of the Federal Reserve Bank of St. Louis. A value has no currency."""

    base: str = "https://api.stlouisfed.org"
    name: str = "fred"
    title: str = "FRED, Federal Reserve Bank of St. Louis"
    alphabet: str = r"[A-Z0-9_]{1,64}"
    may_pass_on: bool = True
    limits: RateLimits = FRED_LIMITS
    key_variable: str = "FRED_API_KEY"
    key_from: str = "https://fredaccount.stlouisfed.org/apikeys"
    key_optional: bool = True
    revises: bool = True

    def requests(self, wanted: Wanted, key: str) -> Sequence[GetRequest]:
        """The vintages since those known, by periods of some years; without a key, the values of today as a table."""
        if key:
            return [self._observations(wanted, period, 0, key) for period in _periods(wanted)]
        span = {"cosd": str(wanted.first or FIRST_DAY.date()), "coed": str(wanted.last)}
        table = self.base.replace("//api.", "//fred.", 1)  # the host of its tables
        return [GetRequest(f"{table}/graph/fredgraph.csv", {"id": wanted.symbol, **span})]

    def more(self, wanted: Wanted, replies: Sequence[Reply], key: str) -> GetRequest | None:
        """The next page of the first period that has one."""
        asked = Asked(self.name, wanted.symbol, np.datetime64(wanted.last, "s"))
        counts: dict[tuple[str, str], list[float]] = {}  # of observations, by period, one for each page that came
        for reply in replies if key else ():
            if reply.status == HTTPStatus.OK:
                content = asked.json(reply)
                period = str(value_at(content, "realtime_start")), str(value_at(content, "realtime_end"))
                counts.setdefault(period, []).append(asked.number("count", value_at(content, "count")))
        for period in _periods(wanted) if key else ():
            done = len(counts.get(period, ())) * OBSERVATIONS
            if done and done < counts[period][-1]:
                return self._observations(wanted, period, done, key)
        return None

    def rows(self, wanted: Wanted, replies: Sequence[Reply], fetched_at: np.datetime64) -> pd.DataFrame:
        """Rows whose close is the value; one for each value that a day had, with the moment of its publication."""
        asked = Asked(self.name, wanted.symbol, fetched_at)
        page = replies[0].content.lstrip()[:1] == b"{" or len(replies) > 1
        found = _vintages(asked, replies) if page else _today(asked, replies[0])
        found = found[found["close"].notna()].drop_duplicates()
        found = found.sort_values(["session", "fetched_at"], kind="stable", ignore_index=True)
        same = (found["session"] == found["session"].shift()) & (found["close"] == found["close"].shift())
        within = found["session"].between(pd.Timestamp(wanted.first or FIRST_DAY), pd.Timestamp(wanted.last))
        found = found[~same & within & (found["fetched_at"] > pd.Timestamp(_day_before(wanted) or date.min))]
        late = found["fetched_at"] > pd.Timestamp(fetched_at)
        if late.any():
            day = found["fetched_at"].max()
            asked.refuse(f"a value is of the vintage {day:%Y-%m-%d}, later than now. Ask again later.", "later")
        texts = {"asset_id": wanted.asset_id, "currency": "", "source": self.name}
        found = found.assign(**texts, split=1.0, dividend=0.0).reindex(columns=list(ROW_COLUMNS), fill_value=np.nan)
        try:
            return checked_rows(found, self.name)
        except DataError as error:
            asked.refuse(str(error), "later")

    def _observations(self, wanted: Wanted, period: tuple[str, str], offset: int, key: str) -> GetRequest:
        """The request of a page of the observations of a series that were known in a period."""
        params = {"series_id": wanted.symbol, "file_type": "json", "limit": str(OBSERVATIONS), "offset": str(offset)}
        params |= {"observation_start": str(wanted.first or EARLIEST), "observation_end": str(wanted.last)}
        params |= {"realtime_start": period[0], "realtime_end": period[1], "api_key": key}
        return GetRequest(f"{self.base}/fred/series/observations", params, {}, key)


def _day_before(wanted: Wanted) -> date | None:
    """The day before the last vintage that is there: by it FRED dates all that was known before, and has no more."""
    return wanted.known and wanted.known - timedelta(days=1)


def _periods(wanted: Wanted) -> list[tuple[str, str]]:
    """The periods of real time that together have all vintages of the days wanted, in one request each."""
    begins = [date(year, 1, 1) for year in range(VINTAGES_FROM, wanted.last.year + 1, VINTAGE_YEARS)]
    first = _day_before(wanted) or wanted.first  # no value is known before its own day
    begins = [day for day in begins if day > (first or date.min)]
    ends = [(day - timedelta(days=1)).isoformat() for day in begins]
    starts = [str(first or EARLIEST), *map(str, begins)]
    return list(zip(starts, [*ends, FOREVER], strict=True))


def _table(asked: Asked, days: list[object], values: list[object], known: np.datetime64 | Days) -> pd.DataFrame:
    """Sessions, values, and the moments at which they were known."""
    sessions = asked.days(days)
    table = {"session": sessions.astype("datetime64[s]"), "close": asked.numbers("value", values, sessions)}
    return pd.DataFrame(table | {"fetched_at": np.broadcast_to(known, len(sessions)).astype("datetime64[us]")})


def _vintages(asked: Asked, replies: Sequence[Reply]) -> pd.DataFrame:
    """The observations of all answers. A period before the series began has none: FRED then says that it is unknown."""
    tables, unknown = [], None
    for reply in replies:
        content = asked.json(reply)
        message = str(value_at(content, "error_message") or value_at(content, "message"))
        if reply.status == HTTPStatus.BAD_REQUEST and "does not exist" in message:
            unknown = message
            continue
        if reply.status == HTTPStatus.BAD_REQUEST and "api_key" in message:
            asked.refuse("the source does not accept the key (status 400). Copy it anew.", "source")
        asked.check_status(reply)
        found = asked.records("observations", value_at(content, "observations"))
        days, values, known = ([each.get(name) for each in found] for name in ("date", "value", "realtime_start"))
        tables.append(_table(asked, days, values, asked.days(known)))
    if not tables:
        asked.refuse(f"the source says {quoted(unknown)}. Correct the `symbol:` of the asset.")
    return pd.concat(tables, ignore_index=True)


def _today(asked: Asked, reply: Reply) -> pd.DataFrame:
    """The values of the table without a key, known from the moment of the answer on."""
    header, *lines = asked.table(reply)
    if len(header) != 2 or header[0].casefold() not in ("observation_date", "date"):
        asked.shape("header observation_date and the series", ",".join(header))
    asked.check_symbol(header[1])
    return _table(asked, [line[0] for line in lines], [line[1] for line in lines], asked.moment)
