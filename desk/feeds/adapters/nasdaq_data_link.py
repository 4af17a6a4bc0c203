"""Nasdaq Data Link, formerly Quandl: Sharadar's tables of prices and actions.

A symbol AAPL is a ticker of the table SHARADAR/SEP, SHARADAR/SFP/SPY one of another table. A table has quotes that are
adjusted for later splits beside the close as traded, and its dividends and splits come from the table of actions, which
are taken as of their day: where adjusted closes do not agree with them, a row is refused.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from desk.feeds.adapter import Adapter, GetRequest, RateLimits, Reply, Wanted
from desk.feeds.answers import NEW_YORK, Asked, Bars, bar_table, market_rows, over, quoted, value_at
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from research.market.corporate_actions import later_splits, unadjusted
from research.market.rows import FIRST_DAY

PRICE_TABLE, ACTION_TABLE = "SHARADAR/SEP", "SHARADAR/ACTIONS"
PRICE_COLUMNS = "ticker,date,open,high,low,close,volume,closeadj,closeunadj"
ACTION_COLUMNS = "date,action,ticker,value"
TABLE_ROWS = 10_000  # rows
TABLE_DECIMALS, TABLE_APART = 1e-3, 5e-3  # by how much closes of tables may differ: three decimals, and relative
NASDAQ_LIMITS = RateLimits(300, 10.0, a_day=50_000)


@dataclass(frozen=True)
class NasdaqDataLink(Adapter):
    """Nasdaq Data Link, by a key in a header. Its currency is that which is wanted: US dollars."""

    base: str = "https://data.nasdaq.com"
    name: str = "nasdaq_data_link"
    title: str = "Nasdaq Data Link"
    alphabet: str = r"([A-Z0-9]+/[A-Z0-9]+/)?[A-Z0-9][A-Z0-9.-]{0,31}"
    limits: RateLimits = NASDAQ_LIMITS
    key_variable: str = "NASDAQ_DATA_LINK_API_KEY"
    key_from: str = "https://data.nasdaq.com/account/profile"
    pages: bool = True

    def requests(self, wanted: Wanted, key: str) -> Sequence[GetRequest]:
        """The table of prices and that of actions, to the present."""
        return [self._page(wanted, name, "", key) for name in (_place(wanted.symbol)[0], ACTION_TABLE)]

    def more(self, wanted: Wanted, replies: Sequence[Reply], key: str) -> GetRequest | None:
        """The next page of a table whose last answer has a cursor."""
        asked = Asked(self.name, wanted.symbol, np.datetime64(wanted.last, "s"))
        cursors: dict[str, list[object]] = {}
        for reply in replies:
            content = _content(asked, reply)
            name = ACTION_TABLE if "action" in _columns(asked, content) else _place(wanted.symbol)[0]
            cursors.setdefault(name, []).append(value_at(content, "meta", "next_cursor_id"))
        for name, (*before, cursor) in cursors.items():
            if cursor in before:
                asked.refuse("a page of the table names itself as the next one. Ask again later.", "later")
            if cursor is not None:
                return self._page(wanted, name, str(cursor), key)
        return None

    def rows(self, wanted: Wanted, replies: Sequence[Reply], fetched_at: np.datetime64) -> pd.DataFrame:
        """Rows as traded. Raises FeedError where the actions do not agree with adjusted closes."""
        asked = Asked(self.name, wanted.symbol, fetched_at)
        return market_rows(asked, wanted, _bars(asked, wanted, [_content(asked, reply) for reply in replies]))

    def _page(self, wanted: Wanted, table: str, cursor: str, key: str) -> GetRequest:
        columns = ACTION_COLUMNS if table == ACTION_TABLE else PRICE_COLUMNS
        params = {"ticker": _place(wanted.symbol)[1], "date.gte": str(wanted.first or FIRST_DAY.date())}
        params |= {"qopts.columns": columns, "qopts.per_page": str(TABLE_ROWS)} | (
            {"qopts.cursor_id": cursor} if cursor else {}
        )
        return GetRequest(f"{self.base}/api/v3/datatables/{quote(table)}", params, {"x-api-token": key}, key)


def _place(symbol: str) -> tuple[str, str]:
    """The table and the ticker of a symbol.

    >>> _place("AAPL"), _place("SHARADAR/SFP/SPY")
    (('SHARADAR/SEP', 'AAPL'), ('SHARADAR/SFP', 'SPY'))
    """
    table, _, ticker = symbol.rpartition("/")
    return table or PRICE_TABLE, ticker


def _content(asked: Asked, reply: Reply) -> Any:
    """The content of an answer. Raises FeedError by the code of its error; its message is not shown."""
    content = asked.json(reply)
    code = value_at(content, "quandl_error", "code")
    if isinstance(code, str):
        family = code[:4]
        if family == "QELx" and code not in ("QELx06", "QELx07", "QELx08"):
            asked.refuse(f"the limit of requests is reached ({quoted(code)}). Ask again later.", "later")
        if family in ("QEAx", "QEPx"):
            asked.refuse(f"the key or its plan does not give this data ({quoted(code)}). Check both.", "source")
        if family in ("QECx", "QESx"):
            asked.refuse(f"the source knows no such data ({quoted(code)}). Correct the `symbol:` of the asset.")
    asked.check_status(reply)
    return content


def _columns(asked: Asked, content: Any) -> dict[str, int]:
    """The place of each column of a table, by its name in lower case."""
    named = value_at(content, "datatable", "columns")
    names = [value_at(each, "name") for each in named] if isinstance(named, list) else []
    if not names or not all(isinstance(name, str) for name in names):
        asked.shape("names of columns", named)
    places = {name.casefold(): place for place, name in enumerate(names)}
    if len(places) != len(names):
        asked.shape("names of columns that differ", names)
    return places


def _lines(asked: Asked, content: Any, places: dict[str, int]) -> list[list[Any]]:
    """The rows of a table, each with a cell for each column."""
    lines = value_at(content, "datatable", "data")
    if not isinstance(lines, list) or not all(isinstance(line, list) and len(line) == len(places) for line in lines):
        asked.shape("rows as wide as its columns", lines)
    return lines


def _bars(asked: Asked, wanted: Wanted, contents: Sequence[Any]) -> Bars:
    prices: list[dict[str, Any]] = []
    actions: list[dict[str, Any]] = []
    for content in contents:
        places = _columns(asked, content)
        needed = ACTION_COLUMNS if "action" in places else PRICE_COLUMNS
        if missing := set(needed.split(",")) - places.keys():
            asked.shape(f"column {min(missing)}", sorted(places))
        records = [dict(zip(places, line, strict=True)) for line in _lines(asked, content, places)]
        (actions if "action" in places else prices).extend(records)
    if not prices:
        asked.refuse("the table has no rows: the ticker is unknown, or the plan of the key does not have the table.")
    for each in (*prices, *actions):
        asked.check_symbol(each["ticker"], _place(asked.symbol)[1])
    sessions = asked.days(each["date"] for each in prices)

    def column(name: str) -> Array:
        source = {"total": "closeadj"}.get(name, name)
        return asked.numbers(source, (each[source] for each in prices), sessions)

    def listed(action: str) -> list[tuple[date, Any]]:
        return [(asked.day(each["date"]), each["value"]) for each in actions if each["action"] == action]

    splits = asked.splits(listed("split"))
    table, later = bar_table(sessions, column), later_splits(sessions, splits)
    quoted_then = asked.numbers("closeunadj", (each["closeunadj"] for each in prices), sessions)
    apart = np.abs(table["close"].to_numpy() * later - quoted_then)
    wrong = apart > TABLE_DECIMALS * later + TABLE_APART * np.abs(quoted_then)
    if wrong.any():
        row = int(np.argmax(wrong))
        asked.refuse(
            f"the closes of {sessions[row]}, {table['close'].iloc[row]:g} adjusted and {quoted_then[row]:g} as traded, "
            f"do not agree with later splits by {later[row]:g}. Ask again later.", "later",
        )  # fmt: skip
    quotes = {name: table[name].to_numpy() for name in ("open", "high", "low", "volume")}
    table = table.assign(**unadjusted(quotes, later), close=quoted_then)[over(sessions, asked.moment, *NEW_YORK)]
    paid, further = asked.payments(listed("dividend"))
    return Bars(table, splits, paid, False, wanted.currency, further=further)
