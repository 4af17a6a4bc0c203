"""Alpha Vantage: the last hundred bars as traded with splits and dividends, currency pairs and coins; figures.

A figure is an indicator or a number of a company's overview, whose symbol follows that of the asset: `IBM:RSI:14`,
`IBM:OVERVIEW:PERatio`. An overview is of the moment: its row is of the day on which it was fetched.

A free key gives a hundred sessions, which update and cross-check a history. Every error comes with status 200, and its
wording changes: an answer is recognised by its data. A notice repeats the key, so no sentence shows one.
"""

import re
from collections.abc import Sequence
from datetime import time
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from desk.feeds.adapter import Adapter, GetRequest, RateLimits, Reply, Wanted
from desk.feeds.answers import EMPTY_CELLS, NEW_YORK, Asked, Bars, bar_table, market_rows, over, quoted, value_at
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.table_files import WRITTEN_NUMBER
from research.market.currency import CURRENCIES

PAIR_SYMBOL = re.compile(r"([A-Z0-9]{2,10})[-/]([A-Z]{3})|([A-Z]{3})([A-Z]{3})")
NUMBERED_FIELD = re.compile(r"\d+[a-z]?\. (open|high|low|close|volume)(?: \((\w+)\))?")
FIGURE_NAME = re.compile(r"(.+):([A-Z]+):(\w+)")  # asset, function, and window or name of a number
OVERVIEW = "OVERVIEW"
NOTICES = ("Error Message", "Information", "Note")
LIMIT_WORDS = ("rate limit", "call frequency", "per day", "per minute", "per second")
EVENT_FIELDS = ("ex_dividend_date", "amount", "effective_date", "split_factor")
PAYMENT_DATES = ("declaration_date", "record_date", "payment_date")  # by which two dividends of a day differ
COMPACT = 100  # sessions in an answer to a free key
DAY_LIMIT, MINUTE_LIMIT = 86_400.0, 60.0  # seconds


class DailySeries(NamedTuple):
    """A daily series: its function, its parameters, the part of the answer that has its bars, and when they are over.

    symbols : names in the answer's Meta Data that end so, with the symbols that they must have.
    """

    function: str
    params: dict[str, str]
    part: str
    symbols: dict[str, str]
    zone: str = "UTC"
    closes: time = time(0)


def series_of(symbol: str) -> DailySeries:
    """The series of a symbol: a pair of currencies (EURUSD, EUR/USD), a coin (BTCUSD, BTC-USD), else a share or fund.

    >>> [series_of(symbol).function for symbol in ("EURUSD", "BTC-USD", "SPY", "BRK-B")]
    ['FX_DAILY', 'DIGITAL_CURRENCY_DAILY', 'TIME_SERIES_DAILY', 'TIME_SERIES_DAILY']
    """
    pair = PAIR_SYMBOL.fullmatch(symbol.upper())
    unit, money = [part for part in pair.groups() if part] if pair else ("", "")
    if money not in CURRENCIES:
        params, part = {"symbol": symbol}, "Time Series (Daily)"
        return DailySeries("TIME_SERIES_DAILY", params, part, {"Symbol": symbol}, *NEW_YORK)
    if unit in CURRENCIES:
        names = {"From Symbol": unit, "To Symbol": money}
        return DailySeries("FX_DAILY", {"from_symbol": unit, "to_symbol": money}, "Time Series FX (Daily)", names)
    names, part = {"Digital Currency Code": unit, "Market Code": money}, "Time Series (Digital Currency Daily)"
    return DailySeries("DIGITAL_CURRENCY_DAILY", {"symbol": unit, "market": money}, part, names)


ALPHA_VANTAGE_LIMITS = RateLimits(1, 1.0, a_day=25)


@dataclass(frozen=True)
class AlphaVantage(Adapter):
    """Alpha Vantage, by a key in a parameter. Dividends are taken as declared on their day."""

    base: str = "https://www.alphavantage.co"
    name: str = "alpha_vantage"
    title: str = "Alpha Vantage"
    alphabet: str = r"[A-Za-z0-9][A-Za-z0-9.:/-]{0,63}"
    limits: RateLimits = ALPHA_VANTAGE_LIMITS
    key_variable: str = "ALPHAVANTAGE_API_KEY"
    key_from: str = "https://www.alphavantage.co/support/#api-key"

    def requests(self, wanted: Wanted, key: str) -> Sequence[GetRequest]:
        """The bars and, of a share or fund, its dividends and its splits; or a figure."""
        if figure := FIGURE_NAME.fullmatch(wanted.symbol):
            symbol, function, window = figure.groups()
            daily = {"interval": "daily", "time_period": window, "series_type": "close"}
            if function == OVERVIEW:
                return [replace(self._request(function, {"symbol": symbol}, key), shared=True)]
            return [self._request(function, {"symbol": symbol} | daily, key)]
        series = series_of(wanted.symbol)
        size = {} if series.function == "DIGITAL_CURRENCY_DAILY" else {"outputsize": "compact"}
        bars = self._request(series.function, series.params | size, key)
        if series.function != "TIME_SERIES_DAILY":
            return [bars]
        return [bars, *(self._request(function, series.params, key) for function in ("DIVIDENDS", "SPLITS"))]

    def rows(self, wanted: Wanted, replies: Sequence[Reply], fetched_at: np.datetime64) -> pd.DataFrame:
        """Rows as traded of the sessions that the answer has, or rows whose close is a figure."""
        asked = Asked(self.name, wanted.symbol, fetched_at)
        if figure := FIGURE_NAME.fullmatch(wanted.symbol):
            symbol, function, name = figure.groups()
            of_overview = function == OVERVIEW
            table = (_overview if of_overview else _indicator)(
                asked, replies[0], symbol, name if of_overview else function
            )
            return market_rows(asked, wanted, Bars(table, {}, {}, adjusted=False, currency=""))
        series = series_of(wanted.symbol)
        content = _content(asked, replies[0], series.part)
        for name, symbol in series.symbols.items():
            asked.check_symbol(_meta(content, name), symbol)
        table = _table(asked, content[series.part], series.params.get("market", ""))
        table = table[over(table["session"].to_numpy().astype("datetime64[D]"), fetched_at, series.zone, series.closes)]
        _check_reach(asked, wanted, table)
        dividends = splits = []
        if len(series.params) == 1:
            dividends, splits = (_data(asked, reply) for reply in replies[1:3])
        paid, further = asked.payments((asked.day(e.get("ex_dividend_date")), e.get("amount")) for e in dividends)
        bars = Bars(
            table,
            asked.splits((asked.day(each.get("effective_date")), each.get("split_factor")) for each in splits),
            paid,
            adjusted=False,
            currency=next((s for n, s in series.symbols.items() if n in ("To Symbol", "Market Code")), wanted.currency),
            further=further,
        )
        return market_rows(asked, wanted, bars)

    def _request(self, function: str, params: dict[str, str], key: str) -> GetRequest:
        return GetRequest(f"{self.base}/query", {"function": function, **params, "apikey": key}, {}, key)


def _overview(asked: Asked, reply: Reply, symbol: str, name: str) -> pd.DataFrame:
    """The bar, of the day on which it was fetched, whose close is a number of a company's overview."""
    content = _content(asked, reply, "Symbol")
    asked.check_symbol(content["Symbol"], symbol)
    if not WRITTEN_NUMBER.fullmatch(str(content.get(name))):
        asked.refuse(f"{name} of the overview is {quoted(content.get(name))}, no number. Name one such as PERatio.")
    today = asked.moment.astype("datetime64[D]")[None]
    return bar_table(today, lambda column: asked.numbers(name, [content[name]], today) if column == "close" else None)


def _indicator(asked: Asked, reply: Reply, symbol: str, function: str) -> pd.DataFrame:
    """Bars whose closes are an indicator, of the sessions that are over."""
    content = _content(asked, reply, part := f"Technical Analysis: {function}")
    asked.check_symbol(_meta(content, "Symbol"), symbol)
    if not isinstance(content[part], dict):
        asked.shape("values by day", content[part])
    days, records = asked.days(content[part]), asked.records("values by day", list(content[part].values()))
    if not all(set(each) == {function} for each in records):
        asked.refuse(f"{function} is not one value a day. Name an indicator that is, such as RSI.")
    values = asked.numbers(function, [each[function] for each in records], days)
    table = bar_table(days, lambda column: values if column == "close" else None)
    return table[over(days, asked.moment, *NEW_YORK)]


def _content(asked: Asked, reply: Reply, part: str) -> dict[str, Any]:
    """The content of an answer that has a part. Raises FeedError by the wording of an answer that has not."""
    if reply.content.lstrip()[:1] == b"{":
        content = asked.json(reply)
        asked.check_status(reply)
        if part in content:
            return dict(content)
        texts = " ".join(str(content[name]) for name in NOTICES if name in content).casefold()
    else:
        asked.check_status(reply)
        texts = reply.content[:1000].decode(errors="replace").casefold()
    # a notice of the limit mentions the key and premium plans, too
    if any(word in texts for word in LIMIT_WORDS):
        wait = MINUTE_LIMIT if "per second" in texts or "per minute" in texts else DAY_LIMIT
        asked.refuse("the key's limit of requests is reached. The next call goes on.", "later", wait)
    if "premium" in texts:
        asked.refuse("the plan of the key does not include this series. Take another source.", "source")
    if "apikey" in texts or "api key" in texts:
        asked.refuse("the source does not accept the key. Copy it anew.", "source")
    if "invalid api call" in texts or texts == "":
        asked.refuse(f"the answer has no {part}, as for an unknown symbol. Correct the `symbol:` of the asset.")
    asked.refuse(f"the answer has a notice in place of {part}. Ask again later.", "later")


def _meta(content: dict[str, Any], name: str) -> object:
    """The value of Meta Data whose numbered name ends so."""
    meta = value_at(content, "Meta Data")
    return next((v for n, v in meta.items() if n.endswith(f" {name}")), None) if isinstance(meta, dict) else None


def _table(asked: Asked, series: object, market: str) -> pd.DataFrame:
    if not isinstance(series, dict):
        asked.shape("bars by day", series)
    records = asked.records("bars", list(series.values()))
    sessions = asked.days(series)
    found = []
    for record in records:
        named = ((NUMBERED_FIELD.fullmatch(name), value) for name, value in record.items())
        found.append({field[1]: value for field, value in named if field and field[2] in (None, market)})

    def column(name: str) -> Array | None:
        if name == "close" and not all(name in each for each in found):
            asked.shape("close of a bar", records)
        return asked.numbers(name, (each.get(name) for each in found), sessions)

    return bar_table(sessions, column)


def _check_reach(asked: Asked, wanted: Wanted, table: pd.DataFrame) -> None:
    """Raise FeedError where the bars begin so late that dividends between the first day wanted and them are lost."""
    if wanted.first and len(table) >= COMPACT - 1 and (begins := table["session"].min().date()) > wanted.first:
        asked.refuse(
            f"the source gives the last {COMPACT} sessions, from {begins} on, and not those from {wanted.first} on. "
            "Fetch the history from another source first."
        )


def _data(asked: Asked, reply: Reply) -> list[dict[str, Any]]:
    """The events of an answer of DIVIDENDS or SPLITS; a record that stands there again is no second event."""
    content = _content(asked, reply, "data")
    asked.check_symbol(content.get("symbol"))
    events = list[dict[str, Any]]()
    for event in asked.records("events", content["data"]):
        for name in PAYMENT_DATES:
            if event.get(name) not in (None, *EMPTY_CELLS):
                asked.day(event[name])
        if not any(_repeats(event, other) for other in events):
            events.append(event)
    return events


def _repeats(event: dict[str, Any], other: dict[str, Any]) -> bool:
    """True for two records of one day and amount, none of whose further dates differ where both have one."""
    dates = ((event.get(name), other.get(name)) for name in PAYMENT_DATES)
    return all(event.get(name) == other.get(name) for name in EVENT_FIELDS) and all(
        one == two or one in (None, *EMPTY_CELLS) or two in (None, *EMPTY_CELLS) for one, two in dates
    )
