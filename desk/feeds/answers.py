"""Checks of what sources answer, for all adapters: statuses, content, numbers, days, and bars with their events.

No sentence quotes what may hold a key: sources repeat keys in their notices. `quoted` shows values without them.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import pairwise
from math import isfinite
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from desk.feeds.adapter import FaultKind, FeedError, Reply, Wanted
from foundation.arguments import LARGEST_NUMBER, cut
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field
from foundation.errors import DataError
from foundation.paper.wording import percent
from foundation.table_files import DAY_PATTERN, WRITTEN_NUMBER
from research.market.calendars import Days
from research.market.checks import SPLIT
from research.market.corporate_actions import (
    LEAST_SPLIT,
    ONE_ASSET,
    SPLIT_MOVE,
    YIELD_REFUSED,
    TradedCloses,
    later_splits,
    unadjusted,
)
from research.market.rows import BARS, HUNDREDTHS, price_rows

NEW_YORK = "America/New_York", time(16)  # time zone, and the end of its sessions
QUOTED_LETTERS = 120  # characters of an answer in a sentence
KEY_LIKE = re.compile(r"(?=[A-Za-z0-9]*[0-9])(?=[A-Za-z0-9]*[A-Za-z])[A-Za-z0-9]{10,}")  # which looks like a key
CURRENCY_CODE = re.compile(f"[A-Z]{{3}}|{'|'.join(HUNDREDTHS)}")
EMPTY_CELLS = ("", ".", "null", "None", "NaN", "nan")  # where a source has no number
SAME_SPLIT = 10  # days: a second split by the same ratio within them is the first one again
PLAIN_TYPES = {float, int, type(None)}  # of cells that need no reading


def quoted(value: object) -> str:
    """A value of an answer as a sentence shows it, with `***` for what may be a key.

    >>> quoted("your API key as AB12CD34EF56 is over"), quoted(1.5)
    ("'your API key as *** is over'", '1.5')
    """
    text = value[: 4 * QUOTED_LETTERS] if isinstance(value, str) else value
    try:
        return cut(KEY_LIKE.sub("***", repr(text)), QUOTED_LETTERS)
    except (ValueError, RecursionError):  # a whole number of more than 4,300 digits, a list without end
        return f"a {type(value).__name__} too long to write"


def value_at(content: Any, *path: str | int) -> Any:
    """The value at a path of names and numbers in JSON content, None where there is none.

    >>> value_at({"chart": {"result": [1]}}, "chart", "result", 0), value_at([], 0), value_at("text", "chart")
    (1, None, None)
    """
    for step in path:
        inside = isinstance(step, str) and isinstance(content, dict) and step in content
        inside = inside or (isinstance(step, int) and isinstance(content, list) and step < len(content))
        content = content[step] if inside else None
    return content


def retry_after(reply: Reply, now: np.datetime64) -> float | None:
    """Seconds to wait by the header Retry-After, which holds seconds or a date; None without one. Source: RFC 9110."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    with suppress(ValueError, TypeError, OverflowError):
        moment = parsedate_to_datetime(text)
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - _utc(now)).total_seconds()
        return max(seconds, 0.0)
    return None


def _utc(moment: np.datetime64) -> datetime:
    return datetime.fromtimestamp(moment.astype("datetime64[s]").astype(int), UTC)


@dataclass(frozen=True)
class Asked:
    """A source and the symbol that it was asked for, as its errors name them.

    moment : moment of the answer, in UTC.
    """

    source: str
    symbol: str
    moment: np.datetime64

    def refuse(self, sentence: str, kind: FaultKind = "asset", wait: float | None = None) -> NoReturn:
        """Raise FeedError with the source and the symbol before a sentence without them."""
        raise FeedError(f"{self.source}, {cut(self.symbol)}: {sentence}", kind, wait)

    def check_status(self, reply: Reply) -> None:
        """Raise FeedError for any status but 200, of the kind that the status says."""
        status = reply.status
        if status == HTTPStatus.OK:
            return
        answer = f"the source answers with status {status}"
        if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.LOCKED):
            wait = retry_after(reply, self.moment)
            self.refuse(f"{answer}: its limit of requests is reached. Ask again later.", "later", wait)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            self.refuse(f"{answer}: it is down. Ask again later.", "later", retry_after(reply, self.moment))
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN):
            self.refuse(f"{answer}: the key is refused, or its plan has no such data. Check both.", "source")
        if status == HTTPStatus.NOT_FOUND:
            self.refuse(f"{answer}: it knows no such symbol. Correct the `symbol:` of the asset.")
        if status >= HTTPStatus.BAD_REQUEST:
            self.refuse(f"{answer}: it does not accept this request. Check the `symbol:` of the asset.")
        self.refuse(f"{answer}, and no data. Its address may have changed.", "source")

    def json(self, reply: Reply) -> Any:
        """The content of an answer with JSON, of any status.

        Raises : FeedError of kind "later" where it is something else: a page, a text, an answer that was cut off, an
                 object that has one name twice with different values.
        """
        with suppress(ValueError, RecursionError):  # none holds the answer in the error that is raised
            return json.loads(reply.content, object_pairs_hook=_unambiguous)
        self.check_status(reply)
        self.refuse(f"the answer is {_kind(reply.content)} in place of JSON. Ask again later.", "later")

    def table(self, reply: Reply) -> list[list[str]]:
        """The rows of an answer with CSV. Raises FeedError for a page or a text that is no table."""
        self.check_status(reply)
        rows: list[list[str]] = []
        with suppress(UnicodeDecodeError, csv.Error):
            text = reply.content.decode("utf-8-sig")
            rows = list(csv.reader(text.splitlines(), strict=True)) if text.endswith("\n") else []
        widths = {len(row) for row in rows if row}
        if len(widths) != 1 or widths == {1} or reply.content.lstrip()[:1] in (b"<", b"{", b"["):
            self.refuse(f"the answer is {_kind(reply.content)} in place of a table. Ask again later.", "later")
        return [row for row in rows if row]

    def shape(self, what: str, found: object) -> NoReturn:
        """Raise FeedError for an answer that has no such part."""
        self.refuse(f"the answer has no {what}: found {quoted(found)}. Its format may have changed.", "later")

    def records(self, what: str, found: Any) -> list[dict[str, Any]]:
        """A list of objects of an answer. Raises FeedError for anything else."""
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            self.shape(what, found)
        return found

    def check_symbol(self, found: object, asked: str = "") -> None:
        """Raise FeedError where the answer is of another symbol."""
        if not isinstance(found, str) or found.casefold() != (asked or self.symbol).casefold():
            self.refuse(f"the answer is of {quoted(found)}, another symbol. Correct the `symbol:` of the asset.")

    def number(self, name: str, value: object, place: object = "") -> float:
        """A number of an answer, NaN where it has none. Raises FeedError for what is no number."""
        if value is None or (isinstance(value, str) and value.strip() in EMPTY_CELLS):
            return np.nan
        text = isinstance(value, str) and len(value) < QUOTED_LETTERS and WRITTEN_NUMBER.fullmatch(value.strip())
        if text or (isinstance(value, int | float) and not isinstance(value, bool)):
            with suppress(OverflowError):
                number = float(value)  # type: ignore[arg-type]
                if number != number or (isfinite(number) and abs(number) <= LARGEST_NUMBER):
                    return number
        self.refuse(f"{name}{f' of {place}' if place else ''} is {quoted(value)}, no number. Ask again later.", "later")

    def numbers(self, name: str, values: Iterable[object], places: Days) -> Array:
        """(R,) numbers of one column, NaN where there is none, one for each place."""
        given = list(values)
        if len(given) != len(places):
            self.refuse(f"the answer has {len(given):,} {name} for {len(places):,} days. Ask again later.", "later")
        if {type(value) for value in given} <= PLAIN_TYPES:  # nearly always
            with suppress(OverflowError):
                found = np.array(given, float)
                if not np.any(np.abs(found) > LARGEST_NUMBER):
                    return found
        return np.array([self.number(name, value, place) for value, place in zip(given, places, strict=True)], float)

    def day(self, value: object) -> date:
        """A day that an answer writes as 2022-12-29, alone or before a time."""
        with suppress(ValueError):
            if isinstance(value, str) and DAY_PATTERN.match(value) and value[10:11] in ("", "T", " "):
                return date.fromisoformat(value[:10])
        self.refuse(f"a date of the answer is {quoted(value)}. Ask again later.", "later")

    def days(self, values: Iterable[object]) -> Days:
        """(R,) days."""
        return np.array([self.day(value) for value in values], dtype="datetime64[D]")

    def by_day(self, name: str, pairs: Iterable[tuple[date, object]]) -> dict[date, float]:
        """Numbers, zero or above, by day. Raises FeedError for another one, and a day with two different ones."""
        found: dict[date, float] = {}
        for day, value in pairs:
            amount = self.number(name, value, day)
            if not (amount >= 0.0 and found.get(day, amount) == amount):
                two = f" and {found[day]:g}" if day in found else ""
                self.refuse(f"{name} of {day} is {quoted(value)}{two}, no single amount. Ask again later.", "later")
            found[day] = amount
        return found

    def dividends(self, pairs: Iterable[tuple[date, object]]) -> dict[date, float]:
        """Dividends by day, without those of zero."""
        return {day: amount for day, amount in self.by_day("dividend", pairs).items() if amount != 0.0}

    def payments(self, pairs: Iterable[tuple[date, object]]) -> tuple[dict[date, float], dict[date, float]]:
        """The first dividend of each day, and the sum of the further ones, of a list that is not keyed by day."""
        first: dict[date, float] = {}
        further: dict[date, float] = {}
        for pair in pairs:
            for day, amount in self.dividends([pair]).items():
                of = further if day in first else first
                of[day] = of.get(day, 0.0) + amount
        return first, further

    def splits(self, pairs: Iterable[tuple[date, object]]) -> dict[date, float]:
        """Splits by day, units after for one before, without those of one.

        Raises : FeedError for what is no ratio, and a split that is listed twice.
        """
        found = self.by_day("split", pairs)
        for day, ratio in found.items():
            if not 1 / SPLIT <= ratio <= SPLIT:
                self.refuse(f"split of {day} is {ratio:g}, no ratio of units. Ask again later.", "later")
        found = {day: ratio for day, ratio in sorted(found.items()) if ratio != 1.0}
        for before, day in pairwise(found):
            if found[before] == found[day] and (day - before).days <= SAME_SPLIT:
                self.refuse(f"splits of {before} and {day} by {found[day]:g} are one. Ask again later.", "later")
        return found


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs) and any(found[name] != value for name, value in pairs):
        raise ValueError("a name twice")
    return found


def _kind(content: bytes) -> str:
    """The kind of content that is not what was asked for."""
    start = content.lstrip()[:1]
    if not start:
        return "empty"
    return "a page (HTML)" if start == b"<" else "cut off" if start in b"{[" else "a text, or cut off,"


# -- bars with their events ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bars:
    """The bars of an answer, with the splits and dividends that it lists.

    table     : (R, ·) session, open, high, low, close and volume as the answer has them, in any order, and `total`, the
                close adjusted for splits and dividends, NaN where the answer has none.
    splits    : units after for one before, by day.
    dividends : currency per unit, by day.
    adjusted  : true where quotes, volumes and dividends are adjusted for the splits of later days.
    currency  : currency of the quotes, or its hundredths (GBp).
    source    : source of the rows, where it is not the adapter's name.
    further   : currency per unit, by day, beside `dividends` or already in them: adjusted closes decide.
    latest    : a price of an unfinished session, on the day of the last split or later; NaN without one.
    """

    table: pd.DataFrame
    splits: Mapping[date, float]
    dividends: Mapping[date, float]
    adjusted: bool
    currency: str
    source: str = ""
    further: Mapping[date, float] = field(default_factory=dict)
    latest: float = np.nan


def bar_table(sessions: Days, column: Callable[[str], Array | None]) -> pd.DataFrame:
    """A table of `Bars` from days and the numbers of each column, None where the answer has no such column."""
    found = {name: column(name) for name in (*BARS, "total")}
    return pd.DataFrame(
        {"session": sessions} | {n: np.full(len(sessions), np.nan) if v is None else v for n, v in found.items()}
    )


def market_rows(asked: Asked, wanted: Wanted, bars: Bars) -> pd.DataFrame:
    """Rows of the days wanted from the bars of an answer, quotes as traded.

    A split or dividend of a day without a bar belongs to the next bar, and one before the first bar to none. An open,
    high or low of zero or below beside a close above zero is one that the source does not know.

    Raises : FeedError for two different bars of one session, a split that its quotes do not show, an adjusted close
             that moves by other events than the answer has, and what `research.market.rows.checked_rows` refuses.
    """
    table = bars.table[bars.table["close"].notna()].sort_values("session", ignore_index=True)
    if table["session"].duplicated().any():
        table = table.drop_duplicates(ignore_index=True)
    if (double := table["session"].duplicated()).any():
        row = int(np.argmax(double))
        closes = table["close"].iloc[row - 1 : row + 1].tolist()
        asked.refuse(f"two bars of {table['session'].iloc[row]:%Y-%m-%d}, closes {closes}. Ask again later.", "later")
    days = table["session"].to_numpy().astype("datetime64[D]")
    later = later_splits(days, bars.splits)
    split = np.append([bars.splits.get(day, 1.0) for day in days[:1].tolist()], later[:-1] / later[1:])
    numbers = {name: table[name].to_numpy() for name in BARS}
    for name in ("open", "high", "low"):
        numbers[name] = np.where((numbers[name] <= 0.0) & (numbers["close"] > 0.0), np.nan, numbers[name])
    if bars.adjusted:
        _check_pending_split(asked, bars, table, later)
        numbers = unadjusted(numbers, later)
    dividend, further = (_on_bars(each, days, later, bars) for each in (bars.dividends, bars.further))
    close, total = (np.where(each > 0, each, np.nan) for each in (numbers["close"], table["total"].to_numpy()))
    traded = TradedCloses(close, split, total, ONE_ASSET)
    dividend = np.where(traded.apart(dividend + further) > traded.apart(dividend), dividend, dividend + further)
    _check_events(asked, days, traded, dividend)
    first = np.datetime64(wanted.first or date.min, "D")
    within = (days >= first) & (days <= np.datetime64(wanted.last, "D"))
    others = {name: values[within] for name, values in (numbers | {"split": split, "dividend": dividend}).items()}
    try:
        return price_rows(
            wanted.asset_id, days[within], others.pop("close"),
            currency=bars.currency, source=bars.source or asked.source, fetched_at=asked.moment, **others,
        )  # fmt: skip
    except DataError as error:
        asked.refuse(str(error), "later")


def _on_bars(paid: Mapping[date, float], days: Days, later: Array, bars: Bars) -> Array:
    """(R,) dividends of the bars, per unit after that day's split."""
    when = np.array(list(paid), dtype="datetime64[D]")
    amounts = np.array(list(paid.values()), float)
    row = np.searchsorted(days, when)
    inside = (row < len(days)) & (when >= (days[0] if len(days) else when))
    if not bars.adjusted:
        amounts = amounts / later_splits(when, bars.splits)
    found = np.zeros(len(days))
    np.add.at(found, row[inside], amounts[inside])
    return found * later


def _check_pending_split(asked: Asked, bars: Bars, table: pd.DataFrame, later: Array) -> None:
    """Raise FeedError for a split after the last bar, unless a later price shows that the bars are adjusted for it."""
    if not len(later) or later[-1] == 1.0:
        return
    size, close = abs(np.log(later[-1])), table["close"].iloc[-1]
    if not (size > LEAST_SPLIT and bars.latest > 0 and abs(np.log(bars.latest / close)) <= SPLIT_MOVE * size):
        asked.refuse(
            f"the split of {max(bars.splits)} by {later[-1]:g} follows the last finished bar, of "
            f"{table['session'].iloc[-1]:%Y-%m-%d}: nothing shows that quotes are adjusted for it. Ask again when its "
            "session is over.", "later",
        )  # fmt: skip


def _check_events(asked: Asked, days: Days, traded: TradedCloses, dividend: Array) -> None:
    """Raise FeedError for a split that the quotes do not show, and for dividends that adjusted closes deny."""
    if (wrong := traded.hides_split).any():
        row = int(np.argmax(wrong))
        asked.refuse(
            f"the split of {days[row]} by {traded.split[row]:g} does not fit its quotes: closes "
            f"{traded.close[row - 1]:g} and {traded.close[row]:g}. It is listed twice, or the quotes lack it: ask "
            "again tomorrow.", "later",
        )  # fmt: skip
    if (wrong := traded.denies(dividend, YIELD_REFUSED)).any():
        row = int(np.argmax(wrong))
        found = f"a dividend of {dividend[row]:g}" if dividend[row] else "neither a dividend nor a split"
        asked.refuse(
            f"the adjusted close of {days[row]} moves by {percent(traded.shown[row], 3)} more than the close, and the "
            f"answer has {found} of that day. Ask again later, or take another source.", "later",
        )  # fmt: skip


def over(sessions: Days, moment: np.datetime64, zone: str, closes: time) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(R,) true for sessions that were over at a moment: of earlier days there, and of its day after the close."""
    there = _utc(moment).astimezone(ZoneInfo(zone))
    today = np.datetime64(there.date(), "D")
    done = there.time() >= closes and closes > time(0)  # midnight: trading ends with the day
    return np.asarray(sessions < today) | (done & np.asarray(sessions == today))


def currency_of(asked: Asked, found: object, wanted: Wanted) -> str:
    """The currency that an answer states, else the one that is wanted. Raises FeedError for what is no code."""
    if found is None or found == "":
        return wanted.currency
    if not isinstance(found, str) or not CURRENCY_CODE.fullmatch(found):
        asked.refuse(f"the currency of the answer is {quoted(found)}, no code. Ask again later.", "later")
    return found
