"""Tiingo's end-of-day prices: quotes as traded with each split and dividend, and quotes of the moment.

A fund has one price a day, its net asset value, in all four quotes.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from desk.feeds.adapter import BEGINS, Adapter, GetRequest, RateLimits, Reply, SourceQuote, Wanted
from desk.feeds.answers import NEW_YORK, Asked, Bars, bar_table, market_rows, over, quoted, value_at
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from research.market.rows import FIRST_DAY

LAST_PRICES = ("tngoLast", "last")  # names of the last price, the preferred one first
TIINGO_LIMITS = RateLimits(50, 3600.0, a_day=1000)


@dataclass(frozen=True)
class Tiingo(Adapter):
    """Tiingo, by a key in a header. Its currency is that which is wanted: US dollars."""

    base: str = "https://api.tiingo.com"
    name: str = "tiingo"
    title: str = "Tiingo"
    limits: RateLimits = TIINGO_LIMITS
    key_variable: str = "TIINGO_API_KEY"
    key_from: str = "https://www.tiingo.com/account/api/token"

    def requests(self, wanted: Wanted, key: str) -> Sequence[GetRequest]:
        """That of the bars; where all are wanted, that of the asset, too, which says its first day, once."""
        span = {"startDate": str(wanted.first or FIRST_DAY.date()), "endDate": str(wanted.last)}  # else the last bar
        path = f"/tiingo/daily/{quote(wanted.symbol, safe='')}"
        bars = self._request(f"{path}/prices", span | {"format": "json", "resampleFreq": "daily"}, key)
        return [bars] if wanted.first or wanted.begins else [bars, self._request(path, {}, key)]

    def rows(self, wanted: Wanted, replies: Sequence[Reply], fetched_at: np.datetime64) -> pd.DataFrame:
        """Rows as given. An empty answer gives none."""
        asked = Asked(self.name, wanted.symbol, fetched_at)
        found = _records(asked, replies[0])
        for each in found:
            if missing := {"date", "close", "divCash", "splitFactor"} - each.keys():
                asked.shape(f"{', '.join(sorted(missing))} of a bar", each)
        sessions = asked.days(each["date"] for each in found)

        def column(name: str) -> Array:
            source = "adjClose" if name == "total" else name
            return asked.numbers(source, (each.get(source) for each in found), sessions)

        table = bar_table(sessions, column)
        days = sessions.tolist()
        bars = Bars(
            table[over(sessions, fetched_at, *NEW_YORK)],
            asked.splits((day, each["splitFactor"]) for day, each in zip(days, found, strict=True)),
            asked.dividends(((day, each["divCash"]) for day, each in zip(days, found, strict=True))),
            adjusted=False,
            currency=wanted.currency,
        )
        rows = market_rows(asked, wanted, bars)
        if len(replies) > 1 and (first := value_at(asked.json(replies[1]), "startDate")):
            rows.attrs[BEGINS] = asked.day(first)
        return rows

    def quote_requests(self, symbols: Mapping[str, str], key: str) -> Sequence[GetRequest]:
        """The request of the quotes of the moment, from symbols by asset id."""
        return [self._request("/iex", {"tickers": ",".join(symbols.values())}, key)]

    def quotes(
        self, symbols: Mapping[str, str], replies: Sequence[Reply], fetched_at: np.datetime64
    ) -> Sequence[SourceQuote]:
        """The last prices, in the order of the symbols. Raises FeedError for a symbol without one."""
        found = _records(Asked(self.name, ", ".join(symbols.values()), fetched_at), replies[0])
        by_symbol = {each["ticker"].casefold(): each for each in found if isinstance(each.get("ticker"), str)}
        return [
            self._quote(asset_id, Asked(self.name, symbol, fetched_at), by_symbol.get(symbol.casefold(), {}))
            for asset_id, symbol in symbols.items()
        ]

    def _quote(self, asset_id: str, asked: Asked, found: Mapping[str, Any]) -> SourceQuote:
        price = next((p for p in (asked.number(n, found.get(n)) for n in LAST_PRICES) if p > 0), None)
        when = found.get("lastSaleTimestamp") or found.get("timestamp")
        moment = pd.to_datetime(when, utc=True, errors="coerce") if isinstance(when, str) else pd.NaT
        if price is None or moment is pd.NaT:
            asked.refuse(f"the answer has no price of the moment: found {price} at {quoted(when)}.", "asset")
        return SourceQuote(
            asset_id, price, moment.tz_localize(None).to_datetime64().astype("datetime64[us]"), "USD", self.name
        )

    def _request(self, path: str, params: Mapping[str, str], key: str) -> GetRequest:
        return GetRequest(f"{self.base}{path}", params, {"Authorization": f"Token {key}"}, key)


def _records(asked: Asked, reply: Reply) -> list[dict[str, Any]]:
    """The objects of an answer. Raises FeedError for what is no list of them."""
    content = asked.json(reply)
    asked.check_status(reply)
    if isinstance(content, dict) and isinstance(content.get("detail"), str):
        asked.refuse(f"the source says {quoted(content['detail'])}. Ask again later.", "later")
    return asked.records("list of bars", content)
