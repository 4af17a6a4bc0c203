"""Days in a column of cells, whatever the form in which people write them.

A form is taken from the whole column and never from one cell: what reads two ways in every row is refused. A moment is
the day of its row where a table has one row a day at one local time: what is written in UTC is read in the time zone in
which this holds.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from foundation.arrays import Array, Mask
from foundation.errors import ConfigError
from research.market.calendars import Days, sessions
from research.market.notes import Note
from research.market.reading.cells import Cells
from research.market.rows import FIRST_DAY, LAST_DAY

# The first letters of the months in English, German, French, Spanish, Italian, Portuguese and Dutch.
MONTHS = (
    "jan ene gen", "feb fev fevr", "mar mrz maer maa", "apr avr abr", "may mai mag mei", "jun juin giu",
    "jul juil lug", "aug aou ago", "sep set", "oct okt ott out", "nov", "dec dez dic",
)  # fmt: skip
MONTH_OF = {letters: month for month, names in enumerate(MONTHS, 1) for letters in names.split()}
TIME = re.compile(
    r"(?P<day>.*[0-9])(?:[T ]|, ?) ?(?P<h>[0-9]{1,2})(?::(?P<m>[0-9]{2})(?::(?P<s>[0-9]{2}(?:\.[0-9]+)?))?| (?=[AP]M))"
    r" ?(?P<half>[AP]M)? ?(?P<zone>Z|[A-Z]{2,5}|[+-][0-9]{2}(?::?[0-9]{2})?)?",
    re.IGNORECASE,
)
COMPACT_MOMENT = re.compile(r"^([0-9]{8})[T ]([0-9]{2})([0-9]{2})([0-9]{2})(Z?)$")  # 20240102T160000Z
WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]? ", re.IGNORECASE)
UTC = frozenset(("z", "utc", "gmt", "+00", "+0000"))
DAY_FORMS = {
    "year-month-day": re.compile(r"(?P<y>[0-9]{4})(?P<sign>[-/.])(?P<m>[0-9]{1,2})(?P=sign)(?P<d>[0-9]{1,2})\.?"),
    "yearmonthday": re.compile(r"(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})"),
    "two ways": re.compile(r"(?P<p>[0-9]{1,2})(?P<sign>[-/.])(?P<q>[0-9]{1,2})(?P=sign)(?P<y>[0-9]{4}|[0-9]{2})"),
    "day month year": re.compile(
        r"(?P<d>[0-9]{1,2})\.?[ /-]?(?P<m>[^\W\d_]{3,})\.?,?[ /-]?(?P<y>[0-9]{4}|(?<![0-9])[0-9]{2})"
    ),
    "month day, year": re.compile(r"(?P<m>[^\W\d_]{3,})\.? (?P<d>[0-9]{1,2}),? (?P<y>[0-9]{4}|[0-9]{2})"),
    "year month day": re.compile(r"(?P<y>[0-9]{4})[ /-](?P<m>[^\W\d_]{3,})\.?[ /-](?P<d>[0-9]{1,2})"),
    "days since 1899-12-30": re.compile(r"(?P<serial>[1-9][0-9]{4}(?:\.[0-9]+)?)"),
    "seconds since 1970": re.compile(r"(?P<unix>[1-9][0-9]{8,9})(?:\.0+)?"),
    "milliseconds since 1970": re.compile(r"(?P<unix>[1-9][0-9]{8,9}[0-9]{3})(?:\.0+)?"),
    "microseconds since 1970": re.compile(r"(?P<unix>[1-9][0-9]{8,9}[0-9]{6})"),
    "nanoseconds since 1970": re.compile(r"(?P<unix>[1-9][0-9]{8,9}[0-9]{9})"),
    "month": re.compile(r"[0-9]{4}-?(?:[0-9]{2}|[MQ][0-9]{1,2})|[0-9]{2}/[0-9]{4}|[^\W\d_]{3,}\.? [0-9]{4}"),
}
UNIX_DIGITS = {"seconds": 0, "milliseconds": 3, "microseconds": 6, "nanoseconds": 9}
SERIAL_ORIGIN, UNIX_ORIGIN = datetime(1899, 12, 30), datetime(1970, 1, 1)  # serial days of spreadsheets, from 1900-03
DATE_ORDERS = {"dmy": "day{0}month{0}year", "mdy": "month{0}day{0}year"}
CENTURY = 69  # the first year of two digits that is one of 19.., as POSIX has it
SOURCE_ZONES = ("America/New_York", "Europe/London", "Europe/Berlin", "Asia/Tokyo", "Asia/Shanghai", "Australia/Sydney")
USUAL_SHARE = 0.9  # of rows, that are of one time of day: others are of short sessions
DATE_FIX = "Write dates as YYYY-MM-DD, and one form in all rows."
ZONE_FIX = "Give dates of the exchange, one row a session, without a time."
TIME_FIX = "Give one row a session, dated without a time."
PERIOD_FIX = (
    "Date each row by the last session of its period: frame.index = last_sessions(frame.index), with "
    "`from research.market import last_sessions`."
)


class ReadDays(NamedTuple):
    """The days of a column.

    days : (R,).
    form : their form in words.
    said : what was taken for a day that is more than one, in sentences without their subject.
    """

    days: Days
    form: str
    said: tuple[str, ...] = ()

    def facts(self, file: str) -> tuple[Note, ...]:
        """Notes of what was taken for a day in a file, which are no warnings."""
        return tuple(Note(f"{file}: {said}.") for said in self.said)


class _Stamp(NamedTuple):
    """A cell: its form, "" for no day; the numbers of its day; seconds after midnight, NaN without; if it is in UTC."""

    form: str
    key: tuple[int, ...] = ()
    seconds: float = np.nan
    utc: bool = False


def reads_as_day(value: object) -> bool:
    """True if a cell may be a day in one of the known forms.

    >>> [reads_as_day(text) for text in ("29.12.2022", "20221229", "Dec 29, 2022", "44924", "SPY", "383.44")]
    [True, True, True, True, False, False]
    """
    return _stamp(value).form not in ("", "month")


def days_of(cells: Cells, order: str | None = None) -> ReadDays:
    """The days of a column.

    order  : "dmy" or "mdy", for dates such as 03/04/2020; None where one of the dates tells which it is.
    Raises : DataError for a cell that is no day or is written otherwise than the first, for dates that read two ways in
             every row, for months and quarters, and for moments that are not one a day at one local time.
    """
    column, kind = cells.entries, None if isinstance(cells.entries, np.ndarray) else object
    column = column if isinstance(column, pd.Series) else pd.Series(column, dtype=kind)
    if column.dtype.kind == "M":
        return _of_moments(cells, column)
    if (empty := column.isna()).any():
        cells.refuse(int(np.argmax(empty)), "no date", DATE_FIX)
    if (iso := _iso_days(column)) is not None:
        return _dated(cells, range(len(iso)), "year-month-day", iso, np.full(len(iso), np.nan), False)
    codes, unique = pd.factorize(column)
    rows = np.unique(codes, return_index=True)[1].tolist()  # the first of each day
    stamps = [_stamp(value) for value in unique]
    form, keys, found = stamps[0].form, [stamp.key for stamp in stamps], list[date]()
    for row, stamp in zip(rows, stamps, strict=True):
        if stamp.form == "month":
            cells.refuse(row, "a month or a quarter, and no day", PERIOD_FIX)
        if not stamp.form or stamp.form != form:
            cells.refuse(row, "a date of another form than the first" if stamp.form and form else "no date", DATE_FIX)
    if form.startswith("two ways"):
        keys, form = _ordered(cells, rows, keys, form, order)
    for row, key in zip(rows, keys, strict=True):
        try:
            found.append(date(*key))
        except ValueError:
            cells.refuse(row, f"no date as {form}", "Correct it; `dates` states the order, dmy or mdy.")
    seconds, utc = np.array([stamp.seconds for stamp in stamps]), all(stamp.utc for stamp in stamps)
    read = _dated(cells, rows, form, np.array(found, dtype="datetime64[D]"), seconds, utc)
    return read._replace(days=read.days[codes])


def _of_moments(cells: Cells, column: pd.Series) -> ReadDays:
    """The days of a column of moments of pandas."""
    zone = getattr(column.dtype, "tz", None)
    moments = (column if zone is None else column.dt.tz_localize(None)).to_numpy().astype("datetime64[us]")
    if (empty := np.isnat(moments)).any():
        cells.refuse(int(np.argmax(empty)), "no date", DATE_FIX)
    days, utc = moments.astype("datetime64[D]"), str(zone) in ("UTC", "utc", "UTC+00:00", "Etc/UTC")
    seconds = (moments - days).astype("int64") / 1e6
    seconds = np.where(seconds == 0.0, 0.0 if utc else np.nan, seconds)
    return _dated(cells, range(len(days)), "cells of dates", days, seconds, utc)


def _iso_days(column: pd.Series) -> Days | None:
    """(R,) the days of texts that are all written YYYY-MM-DD, else None."""
    texts = column.tolist()
    if not all(isinstance(text, str) and len(text) == 10 and text[4] == text[7] == "-" for text in texts):
        return None
    try:
        return np.array(texts, dtype="datetime64[D]")
    except ValueError:  # the 30th of February, or letters: the cell is named
        return None


def last_sessions(periods: pd.Index, calendar: str = "XNYS") -> pd.DatetimeIndex:
    """(T,) the last session of each month, quarter or year: the day on which what is said of a whole period is known.

    periods : (T,) periods of pandas, or texts such as "2024-02" or "2024Q1".
    Raises  : ConfigError for a period without a session.

    >>> last_sessions(pd.Index(["2024-02", "2024-03"])).strftime("%Y-%m-%d").tolist()
    ['2024-02-29', '2024-03-28']
    """
    whole = periods if isinstance(periods, pd.PeriodIndex) else pd.PeriodIndex([pd.Period(each) for each in periods])
    first, last = (each.to_numpy().astype("datetime64[D]") for each in (whole.start_time, whole.end_time))
    held = sessions(first.min(), last.max(), calendar)
    found = held[np.searchsorted(held, last, side="right") - 1]
    if (found < first).any():
        odd = whole[int(np.argmax(found < first))]
        raise ConfigError(f"{odd} has no session of the exchange calendar {calendar!r}. Name another calendar.")
    return pd.DatetimeIndex(found.astype("datetime64[us]"), name=periods.name)


# -- the forms of a cell ---------------------------------------------------------------------------------------------


def _stamp(value: Any) -> _Stamp:
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime.combine(value, time())
        return _of_moment("cells of dates", moment, str(moment.tzinfo) == "UTC")
    text = f"{value:.0f}" if isinstance(value, float) and value.is_integer() else " ".join(str(value).split())
    text = WEEKDAY.sub("", text, count=1).translate(str.maketrans("年月", "--", "日"))
    text = COMPACT_MOMENT.sub(r"\1 \2:\3:\4\5", text)
    seconds, utc = np.nan, False
    if (parted := TIME.fullmatch(text)) is not None:
        text, zone = parted["day"].rstrip(","), (parted["zone"] or "").casefold().replace(":", "")
        seconds, utc = _seconds(parted), zone in UTC
        if np.isnan(seconds):
            return _Stamp("")
    for form, written in DAY_FORMS.items():
        if match := written.fullmatch(text):
            return _of_form(form, match.groupdict(), seconds, utc)
    return _Stamp("")


def _of_form(form: str, found: dict[str, str], seconds: float, utc: bool) -> _Stamp:
    if form == "month":
        return _Stamp(form)
    if "serial" in found:
        stamp = _of_moment(form, SERIAL_ORIGIN + timedelta(days=float(found["serial"])))
        return stamp._replace(seconds=round(np.nan_to_num(stamp.seconds)) or np.nan)
    if "unix" in found:
        since = int(found["unix"]) / 10 ** UNIX_DIGITS[form.split()[0]]
        return _of_moment(form, UNIX_ORIGIN + timedelta(seconds=since), utc=True)
    year, short = (int(found["y"]), "") if len(found["y"]) == 4 else (_year(int(found["y"])), "short ")
    if "p" in found:
        return _Stamp(f"two ways {short}{found['sign']}", (int(found["p"]), int(found["q"]), year), seconds, utc)
    month = _month(found["m"])
    is_day = 1 <= month <= 12 or form == "year-month-day"
    return _Stamp(form if is_day else "", (year, month, int(found["d"])), seconds, utc)


def _of_moment(form: str, moment: datetime, utc: bool = False) -> _Stamp:
    seconds = (moment - datetime.combine(moment.date(), time(), moment.tzinfo)).total_seconds()
    return _Stamp(form, (moment.year, moment.month, moment.day), seconds if seconds or utc else np.nan, utc)


def _month(text: str) -> int:
    """The number of a month in digits or letters, 0 for none."""
    if text.isdigit():
        return int(text)
    letters = unicodedata.normalize("NFKD", text.casefold().replace("ä", "ae")).encode("ascii", "ignore").decode()
    return MONTH_OF.get(letters[:4], MONTH_OF.get(letters[:3], 0))


def _seconds(parted: re.Match[str]) -> float:
    """Seconds after midnight; NaN for no time of a day."""
    hour, half = int(parted["h"]), (parted["half"] or "").upper()
    if half:
        hour = hour % 12 + 12 * (half == "PM") if 1 <= hour <= 12 else 24
    minute, second = int(parted["m"] or 0), float(parted["s"] or 0.0)
    return hour * 3600.0 + minute * 60.0 + second if hour < 24 and minute < 60 and second < 60.0 else np.nan


def _ordered(
    cells: Cells, rows: Sequence[int], keys: Sequence[tuple[int, ...]], form: str, order: str | None
) -> tuple[list[tuple[int, ...]], str]:
    """Year, month and day of each key, two numbers and a year, and the order in words.

    A year of two digits is first where the dates rise, or fall, if it is, and in no other order.
    """
    sign = form[-1]
    readings: dict[str, list[tuple[int, ...]]] = {
        "dmy": [(y, q, p) for p, q, y in keys],
        "mdy": [(y, p, q) for p, q, y in keys],
    }
    year_first: list[tuple[int, ...]] = [(_year(p), q, y % 100) for p, q, y in keys]
    if order is None and "short" in form and _in_order(year_first) and not any(map(_in_order, readings.values())):
        return year_first, f"year{sign}month{sign}day"
    proofs = {
        name: [row for row, key in zip(rows, keys, strict=True) if key[k] > 12] for k, name in enumerate(readings)
    }
    if all(proofs.values()):
        what = "day and month stand in another order than in rows above"
        cells.refuse(max(first for first, *_ in proofs.values()), what, DATE_FIX)
    proved = order or next((name for name in readings if proofs[name]), None)
    both = [row for row, key in zip(rows, keys, strict=True) if key[0] != key[1]]
    if proved is None and sign != "." and both:
        what = "all dates read two ways, as day and month or as month and day"
        cells.refuse(both[0], what, "State dmy or mdy as `dates` (`rebalance data import --form`).")
    order = proved or "dmy"
    return readings[order], DATE_ORDERS[order].format(sign)


def _year(digits: int) -> int:
    """The year that two digits stand for."""
    return digits + (1900 if digits >= CENTURY else 2000)


def _in_order(keys: Sequence[tuple[int, ...]]) -> bool:
    """True for days that all exist, and rise or fall."""
    try:
        steps = np.diff([date(*key).toordinal() for key in keys])
    except ValueError:
        return False
    return len(keys) > 1 and bool((steps > 0).all() or (steps < 0).all())


# -- moments as days -------------------------------------------------------------------------------------------------


def _dated(cells: Cells, rows: Sequence[int], form: str, days: Days, seconds: Array, utc: bool) -> ReadDays:
    """The session of each moment.

    rows    : (k,) row of the table of each.
    days    : (k,) as written.
    seconds : (k,) after midnight as written, NaN without a time.
    utc     : true if all are in UTC, and have a time.
    """
    clock, said, settled = np.nan_to_num(seconds), list[str](), np.ones(len(days), bool)
    if clock.any():
        moments = days + (clock * 1e6).astype("timedelta64[us]")
        last = int(np.argmax(moments))
        others = np.delete(clock, last)
        if len(others) and (others == others[0]).all() and clock[last] != others[0]:
            settled[last] = False
            said.append(f"the last row is of {_clock(clock[last])}: its session may not have closed")
        elif np.isnan(seconds).any():
            cells.refuse(rows[int(np.argmax(~np.isnan(seconds)))], "a date carries a time", TIME_FIX)
        if utc:
            zone, usual, days = _of_zone(pd.DatetimeIndex(moments, tz="UTC"), settled)
            if not zone:
                cells.refuse(rows[int(np.argmax(clock > 0.0))], "a date carries a time in UTC", ZONE_FIX)
            place = f" in {zone}" if usual or zone != "UTC" else ""
        else:
            usual, often = _usual(clock[settled])
            if often < USUAL_SHARE:
                odd = int(np.argmax((clock != usual) & settled))
                cells.refuse(rows[odd], "a date carries a time, other than most", TIME_FIX)
            place = ", local time" if usual else ""
        if place:
            said.insert(0, f"one row a day at {_clock(usual)}{place}")
    odd_days = (days < FIRST_DAY.to_datetime64()) | (days > LAST_DAY.to_datetime64())
    if odd_days.any():
        years = f"{FIRST_DAY.year} to {LAST_DAY.year}"
        cells.refuse(rows[int(np.argmax(odd_days))], "a date out of bounds", f"Give dates of {years}.")
    return ReadDays(days, form, tuple(said))


def _of_zone(moments: pd.DatetimeIndex, settled: Mask) -> tuple[str, float, Days]:
    """The zone in which moments are one a day at one time, that time, and the days; "" where none or several are.

    Midnight of all rows counts most, then one time of all, then one of most; zones that differ in their days are no
    answer.
    """
    found: dict[int, list[tuple[str, float, Days]]] = {}
    for zone in ("UTC", *SOURCE_ZONES):
        local = moments.tz_convert(zone).tz_localize(None).to_numpy().astype("datetime64[us]")
        days = local.astype("datetime64[D]")
        usual, often = _usual(((local - days).astype("int64") / 1e6)[settled])
        monday, *_, friday, saturday, sunday = np.bincount((days[settled].astype("int64") + 3) % 7, minlength=7) > 0
        is_shifted = (sunday and not friday) or (saturday and not monday)  # as sessions dated by another clock are
        if often >= USUAL_SHARE and not is_shifted:
            found.setdefault((often < 1.0) + (often < 1.0 or usual > 0.0), []).append((zone, usual, days))
    best = found[min(found)] if found else [("", 0.0, days)]
    return best[0] if all((days == best[0][2]).all() for _, _, days in best) else ("", 0.0, days)


def _usual(seconds: Array) -> tuple[float, float]:
    """The time of day that most moments have, and the share of these."""
    [(usual, count)] = Counter(seconds.tolist()).most_common(1)
    return float(usual), count / len(seconds)


def _clock(seconds: float) -> str:
    """A time of day.

    >>> _clock(57600.0), _clock(54727.0)
    ('16:00', '15:12:07')
    """
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours:02}:{rest // 60:02}" + (f":{rest % 60:02}" if rest % 60 else "")
