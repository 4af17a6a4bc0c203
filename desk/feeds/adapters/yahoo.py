"""Yahoo's chart format: bars, splits, dividends and capital gains of one symbol, un-adjusted for its own splits.

Yahoo adjusts quotes, volumes and dividends for all later splits. A request always reaches to the present, so that the
answer has these splits, and rows are quotes as traded: a new split changes no older row. Capital gains of funds count
as dividends. Adjusted closes are not kept: they only show events that an answer lacks, and whether
a dividend holds the capital gain of its day.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from desk.feeds.adapter import BEGINS, Adapter, GetRequest, RateLimits, Reply, SourceQuote, Wanted
from desk.feeds.answers import Asked, Bars, bar_table, currency_of, market_rows, quoted, value_at
from foundation.arguments import is_number
from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass, replace
from research.market.calendars import Days
from research.market.rows import HUNDREDTHS

FAR_PAST = datetime(1900, 1, 1, tzinfo=UTC)  # before any bar; an earlier start is not answered
FAR_PRESENT = "9999999999"  # seconds since 1970: past any bar, so that all splits are in the answer
EVENT_KEYS = ("dividends", "capitalGains", "splits")
LAST_MOMENT = 7.2e9  # seconds from 1970 of any moment that is read
YAHOO_LIMITS = RateLimits(60, 60.0)


@dataclass(frozen=True)
class Yahoo(Adapter):
    """Yahoo Finance, which needs no key, and answers browsers alone. Its terms forbid passing its data on."""

    base: str = "https://query2.finance.yahoo.com"
    name: str = "yahoo"
    title: str = "Yahoo Finance"
    alphabet: str = r"[A-Za-z0-9^][A-Za-z0-9.=^-]{0,31}"
    limits: RateLimits = YAHOO_LIMITS
    browser: bool = True

    def requests(self, wanted: Wanted, key: str) -> Sequence[GetRequest]:
        """One request, from the day before the first one wanted, in any time zone, to the present."""
        first = datetime.combine(wanted.first or FAR_PAST, time(0), UTC) - timedelta(days=1)
        begin = int(max(first, FAR_PAST).timestamp())
        return [self._chart(wanted.symbol, {"period1": str(begin), "period2": FAR_PRESENT})]

    def rows(self, wanted: Wanted, replies: Sequence[Reply], fetched_at: np.datetime64) -> pd.DataFrame:
        """Rows as traded, finished sessions alone."""
        asked = Asked(self.name, wanted.symbol, fetched_at)
        result = _result(asked, replies[0])
        meta = result["meta"]
        zone = _zone(asked, meta)
        stamps = value_at(result, "timestamp") or []
        if not isinstance(stamps, list):
            asked.shape("list of timestamps", stamps)
        local = _local([_seconds(asked, stamp) for stamp in stamps], zone)
        sessions = local.astype("datetime64[D]")
        table = _table(asked, result, sessions)
        close, volume = (table[name].to_numpy() for name in ("close", "volume"))
        finished = _finished(asked, meta, zone, local, volume)
        bars = _bars(asked, wanted, result, zone, table[finished])
        split_day = np.datetime64(max(bars.splits, default=date.min), "D")
        live = close[~finished & (volume > 0) & (sessions >= split_day)]
        rows = market_rows(asked, wanted, replace(bars, latest=live[-1] if len(live) else np.nan))
        if is_number(first := meta.get("firstTradeDate")):
            rows.attrs[BEGINS] = _local([_seconds(asked, first)], zone)[0].astype("datetime64[D]").item()
        return rows

    def quote_requests(self, symbols: Mapping[str, str], key: str) -> Sequence[GetRequest]:
        """The requests of the quotes of the moment, one for each asset, from symbols by asset id."""
        return [self._chart(symbol, {"range": "1d"}) for symbol in symbols.values()]

    def quotes(
        self, symbols: Mapping[str, str], replies: Sequence[Reply], fetched_at: np.datetime64
    ) -> Sequence[SourceQuote]:
        """The last prices, in the order of the symbols. Raises FeedError for an answer without one."""
        return [
            self._quote(asset_id, Asked(self.name, symbol, fetched_at), reply)
            for (asset_id, symbol), reply in zip(symbols.items(), replies, strict=True)
        ]

    def _quote(self, asset_id: str, asked: Asked, reply: Reply) -> SourceQuote:
        meta = _result(asked, reply)["meta"]
        price = asked.number("regularMarketPrice", meta.get("regularMarketPrice"))
        moment = np.datetime64(int(_seconds(asked, meta.get("regularMarketTime"))), "s")
        currency = currency_of(asked, meta.get("currency"), Wanted(asset_id, asked.symbol, None, date.max, ""))
        if not (price > 0 and currency):
            asked.refuse(f"the answer has no price of the moment: found {price} {currency}. Ask again later.", "later")
        part = 0.01 if currency in HUNDREDTHS else 1.0
        return SourceQuote(asset_id, price * part, moment, HUNDREDTHS.get(currency, currency), self.name)

    def _chart(self, symbol: str, span: Mapping[str, str]) -> GetRequest:
        params = {**span, "interval": "1d", "includePrePost": "false", "events": "div,splits,capitalGains"}
        return GetRequest(f"{self.base}/v8/finance/chart/{quote(symbol, safe='')}", params)


def _result(asked: Asked, reply: Reply) -> dict[str, Any]:
    """The result of an answer, with its meta. Raises FeedError where it has none, or is of another symbol."""
    content = asked.json(reply)
    if reply.status == 401:
        asked.refuse("the source refuses a request without its cookie (status 401). Ask again later.", "later")
    reason = value_at(content, "chart", "error", "description")
    if isinstance(reason, str) and reply.status < 429:
        asked.refuse(f"the source says {quoted(reason)}. Check the `symbol:` of the asset and the days.")
    asked.check_status(reply)
    if value_at(content, "chart") is None and isinstance(content, dict) and "chart" in content:
        asked.refuse("the answer is empty, as for a symbol that is not known. Correct the `symbol:` of the asset.")
    result = value_at(content, "chart", "result", 0)
    if not isinstance(value_at(result, "meta"), dict):
        asked.shape("chart.result[0].meta", result)
    asked.check_symbol(value_at(result, "meta", "symbol"))
    return dict(result)


def _zone(asked: Asked, meta: Mapping[str, Any]) -> ZoneInfo:
    """The time zone of the exchange: its offset of today is that of the other half of the year, too."""
    name = meta.get("exchangeTimezoneName")
    try:
        return ZoneInfo(name)  # type: ignore[arg-type]
    except (ZoneInfoNotFoundError, ValueError, TypeError, AttributeError, OSError):
        pass
    asked.shape("exchangeTimezoneName", name)


def _seconds(asked: Asked, stamp: object) -> float:
    """Seconds since 1970 of a time stamp."""
    seconds = asked.number("time stamp", stamp)
    if not abs(seconds) < LAST_MOMENT:
        asked.refuse(f"a time stamp of the answer is {quoted(stamp)}. Ask again later.", "later")
    return seconds


def _local(seconds: Sequence[float], zone: ZoneInfo) -> NDArray[np.datetime64]:
    """The time of day there at moments in seconds since 1970."""
    moments = pd.to_datetime(np.array(seconds, float), unit="s", utc=True)
    return moments.tz_convert(zone).tz_localize(None).to_numpy()


def _table(asked: Asked, result: Mapping[str, Any], sessions: Days) -> pd.DataFrame:
    def column(name: str) -> Array | None:
        path = ("adjclose", 0, "adjclose") if name == "total" else ("quote", 0, name)
        cells = value_at(result, "indicators", *path)
        if cells is None and (name != "close" or not len(sessions)):
            return None
        if not isinstance(cells, list):
            asked.shape(name, cells)
        return asked.numbers(name, cells, sessions)

    return bar_table(sessions, column)


def _finished(
    asked: Asked, meta: Mapping[str, Any], zone: ZoneInfo, local: NDArray[np.datetime64], volume: Array
) -> Mask:
    """(R,) false for bars of a session that is not over, and for bars that a later one of their session replaces.

    The last bar of a session that is not over is stamped with its last trade in place of the open, or has no volume.
    One that is stamped at the close or later is over, and another one of its session is of the time before.

    local  : (R,) stamps in the time of the exchange.
    volume : (R,) units.
    """
    keep = np.ones(len(local), bool)
    if not len(local):
        return keep
    days = local.astype("datetime64[D]")
    last, times = int(np.argmax(local)), local - days
    found, counts = np.unique(np.delete(times, last), return_counts=True)
    opens, over = found[counts == counts.max(initial=0)], False
    regular = value_at(meta, "currentTradingPeriod", "regular")
    if regular is not None:
        began, ended = (_seconds(asked, value_at(regular, name)) for name in ("start", "end"))
        start, end = _local([began, ended], zone)
        opens = np.append(opens, start - start.astype("datetime64[D]"))
        if asked.moment < np.datetime64(int(ended), "s"):
            keep &= days != start.astype("datetime64[D]")
        over = bool(keep[last]) and times[last] >= end - end.astype("datetime64[D]")
    if times[last] not in opens:
        keep &= days != days[last]
        keep[last] = over
    elif volume[last] == 0 and np.any(volume > 0):
        keep[last] = False
    return keep


def _bars(asked: Asked, wanted: Wanted, result: Mapping[str, Any], zone: ZoneInfo, table: pd.DataFrame) -> Bars:
    events = result.get("events", {})
    if not isinstance(events, dict) or not events.keys() <= set(EVENT_KEYS):
        asked.shape(f"events of {', '.join(EVENT_KEYS)}", events)

    def listed(name: str) -> list[tuple[date, dict[str, Any]]]:
        found = events.get(name, {})
        if not isinstance(found, dict):
            asked.shape(f"table of {name}", found)
        records = asked.records(name, list(found.values()))
        return [(datetime.fromtimestamp(_seconds(asked, each.get("date")), zone).date(), each) for each in records]

    def ratio(each: Mapping[str, Any]) -> float:
        new, old = (asked.number("split", each.get(part)) for part in ("numerator", "denominator"))
        return new / old if old > 0 else np.nan

    paid, gains = (asked.dividends((day, each.get("amount")) for day, each in listed(name)) for name in EVENT_KEYS[:2])
    splits = asked.splits((day, ratio(each)) for day, each in listed("splits"))
    return Bars(
        table, splits, paid, True, currency_of(asked, value_at(result, "meta", "currency"), wanted), further=gains
    )
