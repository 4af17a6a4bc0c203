"""The exchange's schedule: which sessions are to come is known in advance, what they bring is not."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from research.errors import ConfigError

Days = NDArray[np.datetime64]
REACH = range(1800, 2200)  # years; schedules are counted in nanoseconds, which end in 2262
EVERY = ("day", "week", "month", "quarter", "year")


def sessions(first: np.datetime64, last: np.datetime64, calendar: str) -> Days:
    """Scheduled sessions from `first` to `last`, both included. Raises ConfigError beyond the calendar's reach."""
    schedule = _schedule(calendar, np.array([first, last], dtype="datetime64[D]"))
    return schedule.sessions[(schedule.sessions >= first) & (schedule.sessions <= last)]


def period(days: Days, every: str) -> NDArray[np.int64]:
    """(T,) number of the day, week (Monday to Sunday), month, quarter or year that each day falls in."""
    if every == "day":
        return days.astype("int64")
    if every == "week":
        return (days.astype("int64") + 3) // 7  # day 0 of the epoch was a Thursday
    if every == "month":
        return days.astype("datetime64[M]").astype("int64")
    if every == "quarter":
        return days.astype("datetime64[M]").astype("int64") // 3
    if every == "year":
        return days.astype("datetime64[Y]").astype("int64")
    raise ConfigError(f"unknown calendar period {every!r}. Use one of {', '.join(EVERY)}.")


def last_of(days: Days, every: str, calendar: str) -> NDArray[np.bool_]:
    """(T,) days that are the last scheduled session of their period: known on the day itself."""
    schedule = _schedule(calendar, days)
    ends, place = schedule.ends(every), (days - schedule.first).astype("int64")
    if place.max() >= len(ends):
        raise _out_of_reach(calendar, schedule, days[place >= len(ends)][0])
    found: NDArray[np.bool_] = ends[place]
    return found


def due(last_trade: np.datetime64, day: np.datetime64, every: str, calendar: str) -> bool:
    """Does a last session of a period lie after `last_trade` and not after `day`? (Then a calendar rule is due.)"""
    if day <= last_trade:
        return False
    since = sessions(last_trade + np.timedelta64(1, "D"), day, calendar)
    return bool(last_of(since, every, calendar).any()) if len(since) else False


# -- schedules, built once -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Schedule:
    """Sessions of whole decades, as far as the calendar knows them."""

    asked: tuple[int, int]  # years, both included
    first: np.datetime64  # what lies before is not known
    last: np.datetime64
    sessions: Days
    _ends: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def following(self, days: Days) -> Days:
        """(T,) the session after each day; there must be one."""
        return self.sessions[np.searchsorted(self.sessions, days, side="right")]

    def ends(self, every: str) -> NDArray[np.bool_]:
        """Is the next session in another period? For every day from `first` to the last that has a next session."""
        if every not in self._ends:
            days = np.arange(self.first, self.sessions[-1])
            self._ends[every] = period(days, every) != period(self.following(days), every)
        return self._ends[every]


_built: dict[str, _Schedule] = {}  # the widest so far: building takes 0.1 s and a little more for each decade


def _schedule(calendar: str, days: Days) -> _Schedule:
    """A schedule that holds all `days` and the year after them. Raises ConfigError for a day that it does not reach."""
    earliest, latest = days.min(), days.max()
    years = np.array([earliest, latest]).astype("datetime64[Y]").astype(int) + 1970
    if years[0] not in REACH or years[1] not in REACH:
        raise ConfigError(
            f"no exchange calendar reaches {earliest} to {latest}: years {REACH[0]} to {REACH[-1]} are the most. "
            "Correct the dates."
        )
    first, last = int(years[0]) // 10 * 10, (int(years[1]) + 1) // 10 * 10 + 9
    schedule = _built.get(calendar)
    if schedule is None or first < schedule.asked[0] or last > schedule.asked[1]:
        if schedule is not None:
            first, last = min(first, schedule.asked[0]), max(last, schedule.asked[1])
        schedule = _build(calendar, first, last)
        _built[calendar] = schedule
    if earliest < schedule.first or latest > schedule.last:
        raise _out_of_reach(calendar, schedule, earliest if earliest < schedule.first else latest)
    return schedule


def _build(calendar: str, first_year: int, last_year: int) -> _Schedule:
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
    days = known.sessions.to_numpy().astype("datetime64[D]")
    days.flags.writeable = False
    return _Schedule((first_year, last_year), np.datetime64(start, "D"), np.datetime64(end, "D"), days)


def _out_of_reach(calendar: str, schedule: _Schedule, day: np.datetime64) -> ConfigError:
    return ConfigError(
        f"exchange calendar {calendar!r} does not reach {day} and the session after it: it knows {schedule.first} to "
        f"{schedule.last}. Choose other dates, or a calendar that reaches them, such as 24/7."
    )
