"""Moments in the files of brokers, as moments in UTC: nothing about a day or a time zone is guessed."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np

from foundation.errors import DataError
from foundation.table_files import quoted
from research.market.calendars import day_at
from research.portfolio.holdings.brokers.statement_day import MONTH_LETTERS

NOON = 12  # hour in UTC of a day that is stated without a time
ZONES = {"utc": "UTC", "gmt": "UTC", "z": "UTC", "est": "America/New_York", "edt": "America/New_York"}
YEAR_FIRST = r"(?P<year>[0-9]{4})[-./]?(?P<month>[0-9]{2})[-./]?(?P<day>[0-9]{2})"
YEAR_LAST = r"(?P<one>[0-9]{1,2})(?P<sign>[./-])(?P<two>[0-9]{1,2})(?P=sign)(?P<last>[0-9]{4}|[0-9]{2})"
NAMED_DAY = r"(?P<d1>[0-9]{1,2})[ -](?P<m1>[A-Za-z]{3})[a-z]*|(?P<m2>[A-Za-z]{3})[a-z]* (?P<d2>[0-9]{1,2}),?"
NAMED_DATE = rf"(?:{NAMED_DAY})[ -](?P<y>[0-9]{{4}}|[0-9]{{2}})"
THIS_CENTURY = 2000  # of years of two digits
CLOCK = r"(?P<hour>[0-9]{1,2}):?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)?"
MOMENT_PATTERN = re.compile(
    rf"(?:{YEAR_FIRST}|{YEAR_LAST}|{NAMED_DATE})(?:[ ,;T]+{CLOCK}(?: ?(?P<half>[AaPp][Mm]))?)?"
    r"(?: ?(?P<zone>[A-Za-z]{1,4}|[+-][0-9]{2}:?[0-9]{2}))?"
)
AS_OF = " as of "  # before the day that counts, where Schwab writes two


def day_first(texts: Iterable[str], file: str, stated: bool | None) -> bool:
    """True if the day stands before the month in the dates of a file whose year stands last.

    stated : what the user says; None takes what the dates show. A point between them shows the day first.
    Raises : DataError where they do not show it.
    """
    dates = [match for text in texts if (match := MOMENT_PATTERN.fullmatch(_last(text))) and match["sign"]]
    if stated is not None or not dates:
        return bool(stated)
    shown = {True for m in dates if m["sign"] == "." or int(m["one"]) > 12}
    shown |= {False for m in dates if int(m["two"]) > 12}
    if len(shown) != 1:
        raise DataError(
            f"{file}: the day or the month may stand first: found {quoted(dates[0][0])}. Say so: --form dates=dmy, or "
            "dates=mdy."
        )
    return shown.pop()


def moment_of_text(text: str, first: bool, zone: str, calendar: str) -> datetime:
    """The moment that a text states, in UTC.

    first    : true if the day stands before the month where the year stands last.
    zone     : time zone of a time that states none, such as America/New_York, or "".
    calendar : of the market: a day without a time, or at midnight, is a day of its exchange.
    Raises   : DataError for no moment, and for a time without a zone.
    """
    match = MOMENT_PATTERN.fullmatch(_last(text))
    try:
        if match is None:
            raise ValueError
        year, month, day = _date(match, first)
        hour = int(match["hour"] or 0)
        hour = hour % 12 + 12 * (match["half"].lower() == "pm") if match["half"] else hour
        part = int((match["part"] or "0").ljust(6, "0")[:6])
        naive = datetime(year, month, day, hour, int(match["minute"] or 0), int(match["second"] or 0), part)
    except ValueError:
        raise DataError(f"{quoted(text)} is no day and no moment. Write it as 2022-12-30T15:00:00Z.") from None
    if naive.time() == time():
        noon = naive.replace(hour=NOON, tzinfo=UTC)
        is_later = day_at(noon, calendar) != np.datetime64(noon.date())  # of an exchange where it is the day after
        return noon - timedelta(hours=NOON) if is_later else noon
    return naive.replace(tzinfo=_zone(text, match["zone"] or zone)).astimezone(UTC)


def _last(text: str) -> str:
    return text.rpartition(AS_OF)[2].strip()


def _date(match: re.Match[str], first: bool) -> tuple[int, int, int]:
    if match["year"]:
        return int(match["year"]), int(match["month"]), int(match["day"])
    year = int(match["last"] or match["y"])
    year += THIS_CENTURY if year < 100 else 0
    if match["y"]:
        return year, MONTH_LETTERS.index((match["m1"] or match["m2"]).lower()) + 1, int(match["d1"] or match["d2"])
    one, two = int(match["one"]), int(match["two"])
    return (year, two, one) if first else (year, one, two)


def has_clock(moment: datetime) -> bool:
    """True if a moment is not that of a day without a time."""
    return moment.timetz().replace(tzinfo=None) not in (time(NOON), time())


def _zone(text: str, name: str) -> ZoneInfo | timezone:
    if not name:
        fix = "Say that of the file, such as --form zone=America/New_York."
        raise DataError(f"{quoted(text)} states no time zone. {fix}")
    if name[0] in "+-":
        minutes = 60 * int(name[1:3]) + int(name[-2:])
        return timezone(timedelta(minutes=minutes if name[0] == "+" else -minutes))
    try:
        return ZoneInfo(ZONES.get(name.casefold(), name))
    except (KeyError, ValueError, OSError):
        raise DataError(f"{quoted(name)} is no time zone. Give one such as --form zone=America/New_York.") from None
