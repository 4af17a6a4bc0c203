"""The exchange's schedule: its sessions are known in advance, their returns are not.

A schedule picks sessions: `every` day, week, month, quarter or year it picks the last session; with a weekday the last
of each week that ends on that day; with a whole number n the last of each n sessions. An `offset` moves the picks by
whole sessions. All of it comes from the exchange calendar, never from the rows of the data. The calendar knows what
nobody foresaw, too: around 11 September 2001 a schedule is that of the sessions that were then held. Rows that are
rarer than sessions, weeks or months, meet what was picked since the row before.

Importing and building an exchange calendar takes each process 0.2 s, so sessions are kept in `data/cache/calendars`. A
file holds the time zone of one calendar and its sessions of a range, and is named by these and by the versions of the
packages that know the holidays. A calendar that a user registers has its name in one process only: so nothing is kept,
and nothing kept is used, where someone has imported exchange_calendars before.
"""

import sys
from contextlib import suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache, cached_property
from hashlib import sha256
from math import log
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from foundation.arguments import is_whole, refuse, shown
from foundation.dataclasses import dataclass, field
from foundation.errors import ConfigError
from foundation.files import CACHE, write_whole
from foundation.sets import version_of

FILE_LAYOUT = 2  # of the file and of what it holds: count on when either changes
ZONE = 64  # bytes of the time zone, before the days
FOLDER = CACHE / "calendars"
Days = NDArray[np.datetime64]
REACH = range(1800, 2200)  # years; schedules are counted in nanoseconds, which end in 2262
EVERY = ("day", "week", "month", "quarter", "year")
A_YEAR = {"day": 252.0, "week": 52.0, "month": 12.0, "quarter": 4.0, "year": 1.0}  # rows, where each ends a period
YEARLY = (252.0, 52.0, 12.0, 365.0, 4.0, 1.0)  # rows a year that markets have, the usual ones first
DAYS_PER_YEAR = 365.25  # days
FREQUENCY = 0.15  # by how much the rows of a market may differ from these; daily markets have 242 to 261
EDGES = 3  # rows by which a weekend or a holiday at its ends moves the count of a short market
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
ORIGIN = np.datetime64("2000-01-03", "D")  # session 0 is the first from here on, or the calendar's own first
HOLIDAYS = 14  # days that a scheduled session may be later than its period is long
SPARE_YEARS = 2  # years that hold more sessions than any offset
LONGEST_SPACING = 100_000  # sessions between two days of a schedule
OFFSETS = {"day": 0, "week": 4, "month": 20, "quarter": 60, "year": 250} | dict.fromkeys(WEEKDAYS, 4)  # sessions


def row_name(periods_per_year: float) -> str:
    """The name of a row of a market with so many rows a year: the one of `EVERY` with the nearest ratio.

    >>> row_name(365), row_name(51), row_name(12)
    ('day', 'week', 'month')
    """
    return min(EVERY, key=lambda every: abs(log(periods_per_year / A_YEAR[every])))


def row_count(count: int, periods_per_year: float) -> str:
    """A number of rows of a market, with the name of a row.

    >>> row_count(2013, 252.0), row_count(522, 52.0)
    ('2,013 days', '522 weeks')
    """
    return f"{count:,} {row_name(periods_per_year)}s"


def rows_a_year(days: Days) -> float:
    """Rows a year of a market, from its dates: 252, 52, 12, 365, 4 or 1 where they agree with it, else their number.

    days : (T,) increasing.

    >>> rows_a_year(np.arange(np.datetime64("2020-01-03"), np.datetime64("2023-01-01"), 7))
    52.0
    """
    agree = (each for each in YEARLY if has_rows_a_year(days, each))
    return float(next(agree, max(round((len(days) - 1) * DAYS_PER_YEAR / _length(days)), 1)))


def has_rows_a_year(days: Days, a_year: float) -> bool:
    """True if the dates (T,) of a market agree with so many rows a year."""
    rows, expected = len(days) - 1, a_year * _length(days) / DAYS_PER_YEAR
    return abs(rows - expected) <= max(FREQUENCY * expected, EDGES)


def _length(days: Days) -> int:
    return max(int((days[-1] - days[0]).astype("int64")), 1)


def sessions(first: np.datetime64, last: np.datetime64, calendar: str) -> Days:
    """Scheduled sessions from `first` to `last`, both included. Raises ConfigError beyond the calendar's reach."""
    schedule = _schedule(calendar, np.array([first, last], dtype="datetime64[D]"))
    return schedule.sessions[(schedule.sessions >= first) & (schedule.sessions <= last)]


def closes(days: Days, calendar: str) -> NDArray[np.datetime64]:
    """(T,) moments, in UTC, at which sessions close. Raises ConfigError for a day that is none.

    >>> str(closes(np.array(["2022-11-25"], dtype="datetime64[D]"), "XNYS")[0])  # an early close
    '2022-11-25T18:00'
    """
    return _moments(days, calendar, opening=False)


def opens(days: Days, calendar: str) -> NDArray[np.datetime64]:
    """(T,) moments, in UTC, at which sessions open. Raises ConfigError for a day that is none.

    >>> str(opens(np.array(["2022-11-25"], dtype="datetime64[D]"), "XNYS")[0])
    '2022-11-25T14:30'
    """
    return _moments(days, calendar, opening=True)


def _moments(days: Days, calendar: str, *, opening: bool) -> NDArray[np.datetime64]:
    schedule = _schedule(calendar, days)
    known, *moments = _hours(calendar, *schedule.asked)
    if not np.isin(days, known).all():
        odd = days[int(np.argmin(np.isin(days, known)))]
        raise ConfigError(f"{odd} is no session of the exchange calendar {calendar!r}. Give sessions of it.")
    return moments[0 if opening else 1][np.searchsorted(known, days)]


@cache
def _hours(calendar: str, first_year: int, last_year: int) -> tuple[Days, Days, Days]:
    """The sessions of some years, both included, and the moments at which they open and close."""
    place = place_of(f"hours of {calendar}", first_year, last_year)
    if (kept := _kept_hours(place)) is not None:
        return kept
    known = _calendar(calendar, first_year, last_year)[0]
    moments = [each.dt.tz_convert(None).to_numpy().astype("datetime64[m]") for each in (known.opens, known.closes)]
    days = known.sessions.to_numpy().astype("datetime64[D]")
    if place is not None:
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            write_whole(place, np.stack([each.astype(np.int64) for each in (days, *moments)]).tobytes())
    return days, *moments


def _kept_hours(place: Path | None) -> tuple[Days, Days, Days] | None:
    """The sessions and their hours, as `_hours` wrote them, or None where no file can be read."""
    if place is None:
        return None
    try:
        days, opening, closing = np.frombuffer(place.read_bytes(), dtype=np.int64).reshape(3, -1)
    except (OSError, ValueError):  # there is none, or it ends within a row
        return None
    if not len(days) or (np.diff(days) <= 0).any() or (opening > closing).any():
        return None
    return days.astype("datetime64[D]"), opening.astype("datetime64[m]"), closing.astype("datetime64[m]")


def day_at(instant: datetime, calendar: str) -> np.datetime64:
    """The day of an exchange at an instant, by its own time zone. Raises ConfigError beyond the calendar's reach.

    >>> str(day_at(datetime.fromisoformat("2022-12-30T02:00:00+00:00"), "XNYS"))
    '2022-12-29'
    """
    schedule = _schedule(calendar, np.array([instant.astimezone(UTC).date()], dtype="datetime64[D]"))
    return np.datetime64(instant.astimezone(ZoneInfo(schedule.zone)).date(), "D")


def session_after(day: np.datetime64, count: int, calendar: str) -> np.datetime64:
    """The session that is `count` sessions after a day, which need not be one. Raises ConfigError beyond the calendar.

    day   : any day.
    count : sessions, at least 0; 0 is the last session that is not after the day.

    >>> str(session_after(np.datetime64("2022-12-30"), 1, "XNYS"))  # a Friday before a holiday
    '2023-01-03'
    """
    schedule = _schedule(calendar, np.array([day], dtype="datetime64[D]"))
    place = int(np.searchsorted(schedule.sessions, day, side="right")) - 1 + count
    if not 0 <= place < len(schedule.sessions):
        raise _out_of_reach(calendar, schedule, day, count)
    found: np.datetime64 = schedule.sessions[place]
    return found


def period(days: Days, every: str) -> NDArray[np.int64]:
    """(T,) number of the day, week, month, quarter or year of each day.

    A week goes from Monday to Sunday, and with a weekday as `every` it ends on that day.
    Raises : ConfigError for another `every`.
    """
    if every == "day":
        return days.astype("int64")
    if every == "week" or every in WEEKDAYS:
        last = 6 if every == "week" else WEEKDAYS.index(every)  # 0 is Monday; day 0 of the epoch was a Thursday
        return (days.astype("int64") + 9 - last) // 7
    if every in ("month", "quarter"):
        return days.astype("datetime64[M]").astype("int64") // (3 if every == "quarter" else 1)
    if every == "year":
        return days.astype("datetime64[Y]").astype("int64")
    raise _unknown(every)


def check_schedule(every: str | int, offset: int = 0, name: str = "schedule") -> None:
    """Raise ConfigError for an invalid schedule (see `scheduled`), naming the parameter and its value.

    every  : the schedule.
    offset : sessions from what `every` picks.
    name   : name of the parameter that is the schedule.

    >>> check_schedule("friday", -1)
    >>> check_schedule("week", 5)
    Traceback (most recent call last):
    foundation.errors.ConfigError: offset is 5: of every 'week' it is a whole number of sessions from -4 to 4.
    """
    if is_whole(every):
        most = int(every) - 1
        if not 0 <= most < LONGEST_SPACING:
            refuse(f"{name} is", every, f"a number of sessions is 1 to {LONGEST_SPACING:,}.")
    elif isinstance(every, str) and every in OFFSETS:
        most = OFFSETS[every]
    else:
        raise _unknown(every, name)
    if not (is_whole(offset) and -most <= offset <= most):
        allowed = f"a whole number of sessions from {-most} to {most}" if most else "0"
        refuse("offset is", offset, f"of every {every!r} it is {allowed}.")


def at_least_weekly(every: str | int) -> bool:
    """True if a schedule has a day in every week, or in every five sessions.

    >>> at_least_weekly("friday"), at_least_weekly(5), at_least_weekly("month")
    (True, True, False)
    """
    return every in ("day", "week", *WEEKDAYS) or (is_whole(every) and int(every) <= 5)


def scheduled(days: Days, every: str | int, calendar: str, offset: int = 0) -> NDArray[np.bool_]:
    """(T,) whether a session of the schedule is on each day, or was since the day before it in `days`.

    It is known on the day itself, from the exchange calendar. So a month has its row among weekly rows too.
    days     : (T,) increasing; the first one meets only what is on the day itself.
    every    : "day": every row. "week", "month", "quarter" or "year": the last session of each. "monday" to "friday":
               the last session of each week that ends on that day, so that "wednesday" falls on Tuesday where
               Wednesday is a holiday. A whole number n: the last of each n sessions, counted on the exchange calendar
               from the first session on or after 3 January 2000, or from the calendar's first where it begins later.
    calendar : name of the exchange calendar.
    offset   : sessions from what `every` picks to what is scheduled, shorter than the period: "month" with 1 is the
               first session of the next month, with -2 the second before the last.
    Raises   : ConfigError for an unknown schedule, and for a day whose answer is beyond the calendar's reach.

    >>> days = np.array(["2024-01-30", "2024-01-31", "2024-02-01", "2024-02-02"], dtype="datetime64[D]")
    >>> scheduled(days, "month", "XNYS").tolist()
    [False, True, False, False]
    >>> scheduled(days, "month", "XNYS", offset=1).tolist()
    [False, False, True, False]
    >>> fridays = np.array(["2024-01-26", "2024-02-02", "2024-02-09"], dtype="datetime64[D]")
    >>> scheduled(fridays, "month", "XNYS").tolist()  # January ended on a Wednesday
    [False, True, False]
    """
    check_schedule(every, offset)
    schedule = _schedule(calendar, days, spare=0 if offset == 0 else SPARE_YEARS, counted=is_whole(every))
    first, until = schedule.picked(every, offset)
    place = (days - first).view("int64")
    if place.min() < 0 or place.max() >= len(until) - 1:
        beyond = (place < 0) | (place >= len(until) - 1)
        raise _out_of_reach(calendar, schedule, days[beyond][0], offset)
    found: NDArray[np.bool_] = until[place + 1] > np.append(until[place[:1]], until[place[:-1] + 1])
    return found


def last_of(days: Days, every: str | int, calendar: str) -> NDArray[np.bool_]:
    """(T,) days that are the last scheduled session of a period, or the first after it: `scheduled`, no offset."""
    return scheduled(days, every, calendar)


def met(days: Days, every: str | int, calendar: str, offset: int = 0) -> tuple[int, int]:
    """The number of scheduled sessions among `days`, and among all sessions from the first of them to the last.

    days     : (T,) increasing sessions.
    every    : the schedule, as in `scheduled`.
    calendar : name of the exchange calendar.
    offset   : sessions from what `every` picks.

    >>> fridays = np.arange(np.datetime64("2024-01-05"), np.datetime64("2024-12-28"), 7)
    >>> met(fridays, "month", "24/5"), met(fridays, "day", "24/5")
    ((11, 11), (52, 256))
    """
    known = sessions(days[0], days[-1], calendar)
    return tuple(int(scheduled(some, every, calendar, offset).sum()) for some in (days, known))  # type: ignore[return-value]


def due(last_trade: np.datetime64, day: np.datetime64, every: str | int, calendar: str, offset: int = 0) -> bool:
    """Whether a scheduled session is after `last_trade` and not after `day`, so that a calendar rule is due.

    last_trade : day of the last trade.
    day        : today.
    every      : the schedule, as in `scheduled`.
    calendar   : name of the exchange calendar.
    offset     : sessions from what `every` picks.
    Raises     : ConfigError for an unknown schedule or offset.
    """
    check_schedule(every, offset)
    if day <= last_trade:
        return False
    since = sessions(last_trade + np.timedelta64(1, "D"), day, calendar)
    return bool(scheduled(since, every, calendar, offset).any()) if len(since) else False


def next_scheduled(day: np.datetime64, every: str | int, calendar: str, offset: int = 0) -> np.datetime64 | None:
    """The first scheduled session after `day`; None where it is beyond the calendar's reach.

    day      : any day.
    every    : the schedule, as in `scheduled`.
    calendar : name of the exchange calendar.
    offset   : sessions from what `every` picks.

    >>> str(next_scheduled(np.datetime64("2022-12-30"), "quarter", "XNYS"))
    '2023-03-31'
    """
    longest = HOLIDAYS + (
        2 * int(every) if is_whole(every) else round(DAYS_PER_YEAR / A_YEAR.get(str(every), A_YEAR["week"]))
    )
    try:
        later = sessions(day + np.timedelta64(1, "D"), day + np.timedelta64(longest, "D"), calendar)
        found: Days = later[scheduled(later, every, calendar, offset)]
    except ConfigError:
        return None
    return found[0] if len(found) else None


def _unknown(every: object, name: str = "schedule") -> ConfigError:
    near = get_close_matches(str(every).lower(), OFFSETS, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return ConfigError(
        f"{name} is {shown(every)}: no such calendar period. {hint}Use one of {', '.join(OFFSETS)}, or a whole number "
        "of sessions."
    )


# -- schedules, built once -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Schedule:
    """Sessions of whole decades, as far as the calendar knows them."""

    asked: tuple[int, int]  # years, both included
    zone: str  # time zone of the exchange
    first: np.datetime64  # what lies before is not known
    last: np.datetime64
    sessions: Days
    _picked: dict[tuple[str | int, int], tuple[np.datetime64, NDArray[np.int64]]] = field(default_factory=dict)

    @cached_property
    def sure(self) -> tuple[np.datetime64, np.datetime64]:
        """The first and the last day that are in it with the year after them."""
        first, last = (np.datetime64(str(year), "D") for year in self.asked)
        return max(self.first, first), min(self.last, last - 1)

    def picked(self, every: str | int, offset: int) -> tuple[np.datetime64, NDArray[np.int64]]:
        """The first day that is known, and how many sessions were picked before it and until each day that is known."""
        if (every, offset) not in self._picked:
            first, picked = self._pick(every, offset)
            held = every == "day" or np.isin(np.arange(first, first + len(picked)), self.sessions)
            self._picked[every, offset] = first, np.append(0, np.cumsum(picked & held))
        return self._picked[every, offset]

    def _pick(self, every: str | int, offset: int) -> tuple[np.datetime64, NDArray[np.bool_]]:
        days = np.arange(self.first, self.sessions[-1])
        place = np.searchsorted(self.sessions, days, side="right") - 1  # of the session on the day, or before it
        if not isinstance(every, str):
            number = place - np.searchsorted(self.sessions, ORIGIN) - offset
            return self.first, number % every == every - 1
        if offset:
            place = place - offset
            known = (place >= 0) & (place < len(self.sessions) - 1)
            days, place = days[known], place[known]
            return days[0], self._ends(self.sessions[place], place, every)
        return self.first, self._ends(days, place, every)

    def _ends(self, days: Days, place: NDArray[np.int64], every: str) -> NDArray[np.bool_]:
        """True where the session after a day is in another period."""
        ends: NDArray[np.bool_] = period(days, every) != period(self.sessions[place + 1], every)
        return ends


_built: dict[str, _Schedule] = {}  # the widest so far: building takes 0.1 s and a little more for each decade


def _schedule(calendar: str, days: Days, spare: int = 0, counted: bool = False) -> _Schedule:
    """A schedule that holds all `days` and the year after them, with `spare` years on both sides where it has them.

    counted : the session from which sessions are counted is among them.
    Raises : ConfigError for a day that the calendar does not reach.
    """
    earliest, latest = days.min(), days.max()
    schedule = _built.get(calendar)
    if schedule and not (spare or counted) and schedule.sure[0] <= earliest and latest <= schedule.sure[1]:
        return schedule
    years = np.array([earliest, latest]).astype("datetime64[Y]").astype(int) + 1970
    if years[0] not in REACH or years[1] not in REACH:
        raise ConfigError(
            f"no exchange calendar reaches {earliest} to {latest}: years {REACH[0]} to {REACH[-1]} are the most. "
            "Correct the dates."
        )
    first, last = int(years[0]) - spare, int(years[1]) + 1 + spare
    if counted:
        first, last = min(first, 2000), max(last, 2000)
    first, last = first // 10 * 10, last // 10 * 10 + 9
    if schedule is None or first < schedule.asked[0] or last > schedule.asked[1]:
        if schedule is not None:
            first, last = min(first, schedule.asked[0]), max(last, schedule.asked[1])
        schedule = _build(calendar, first, last)
        _built[calendar] = schedule
    if earliest < schedule.first or latest > schedule.last:
        raise _out_of_reach(calendar, schedule, earliest if earliest < schedule.first else latest, 0)
    return schedule


def _build(calendar: str, first_year: int, last_year: int) -> _Schedule:
    place = place_of(calendar, first_year, last_year)
    kept = kept_sessions(place)
    if kept is not None:
        zone, days = kept
        return _Schedule((first_year, last_year), zone, days[0], days[1], days[2:])

    known, start, end = _calendar(calendar, first_year, last_year)
    days = known.sessions.to_numpy().astype("datetime64[D]")
    days.flags.writeable = False
    first, last = np.datetime64(start, "D"), np.datetime64(end, "D")
    keep_sessions(place, str(known.tz), first, last, days)
    return _Schedule((first_year, last_year), str(known.tz), first, last, days)


def _calendar(calendar: str, first_year: int, last_year: int) -> tuple[Any, Any, Any]:
    """The calendar of exchange_calendars for some years, both included, and its first and last day among them."""
    import exchange_calendars as xcals
    import pandas as pd

    start, end = pd.Timestamp(first_year, 1, 1), pd.Timestamp(last_year, 12, 31)
    try:
        try:
            known = xcals.get_calendar(calendar, start=start, end=end)
        except ValueError:  # some calendars are known for some years only: take what is there
            bounds = xcals.get_calendar(calendar)
            start, end = max(start, bounds.bound_min() or start), min(end, bounds.bound_max() or end)
            known = xcals.get_calendar(calendar, start=start, end=end)
    except xcals.errors.InvalidCalendarName as error:
        raise ConfigError(f"unknown exchange calendar {calendar!r}. Use a name such as XNYS, XLON or 24/7.") from error
    except (ValueError, xcals.errors.NoSessionsError) as error:
        raise ConfigError(
            f"exchange calendar {calendar!r} cannot give the sessions of the years {first_year} to {last_year}. Choose "
            "other dates, or a calendar that reaches them, such as 24/7."
        ) from error
    return known, start, end


def _out_of_reach(calendar: str, schedule: _Schedule, day: np.datetime64, offset: int) -> ConfigError:
    needed = f" and {abs(offset)} sessions {'before' if offset > 0 else 'after'} it" if offset else ""
    return ConfigError(
        f"exchange calendar {calendar!r} does not reach {day} and the session after it{needed}: it knows "
        f"{schedule.first} to {schedule.last}. Choose other dates, or a calendar that reaches them, such as 24/7."
    )


def place_of(calendar: str, first_year: int, last_year: int) -> Path | None:
    """The file of a calendar's sessions of some years, both included; None where a user may have registered others."""
    if "exchange_calendars" in sys.modules:
        return None
    made_of = FILE_LAYOUT, calendar, first_year, last_year, version_of("exchange_calendars"), version_of("pandas")
    return FOLDER / sha256(repr(made_of).encode()).hexdigest()[:32]


def kept_sessions(place: Path | None) -> tuple[str, Days] | None:
    """The time zone; the first and the last day that are known, then the sessions between them. None where no file can
    be read."""
    if place is None:
        return None
    try:
        content = place.read_bytes()
        zone = ZoneInfo(content[:ZONE].rstrip(b"\0").decode()).key
        days = np.frombuffer(content[ZONE:], dtype="datetime64[D]")
    except (OSError, ValueError, KeyError):  # there is none, or of no zone, or it ends within a day
        return None
    whole = len(days) > 2 and bool((np.diff(days[2:]) > np.timedelta64(0)).all())
    return (zone, days) if whole and days[0] <= days[2] and days[-1] <= days[1] else None


def keep_sessions(place: Path | None, zone: str, first: np.datetime64, last: np.datetime64, sessions: Days) -> None:
    """Write what `kept_sessions` reads, where the folder can be written to."""
    if place is not None:
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            days = np.concatenate([[first, last], sessions]).astype("datetime64[D]")
            write_whole(place, zone.encode().ljust(ZONE, b"\0") + days.tobytes())
