"""The sessions whose cycle is due, and the moment at which the next one is over; all by the calendars of exchanges.

Closes are moments in UTC, so that daylight saving moves them as the exchange says. A session is over once each exchange
of the portfolio has closed it and the source of its prices has had the time that it takes.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from foundation.dataclasses import dataclass
from research.market.calendars import Days, closes, opens, sessions

RECENT, DAY = np.timedelta64(14, "D"), np.timedelta64(1, "D")  # the first holds a session of every calendar
Delays = Mapping[str, timedelta]  # by exchange calendar, the time after a close until its prices are out


@dataclass(frozen=True)
class Due:
    """The cycles of a portfolio that are due; sessions are written YYYY-MM-DD.

    sessions : sessions with prices, the oldest first.
    missing  : sessions before the last of these, without prices.
    awaited  : the last session that is over, where it has no prices yet; "" where it has.
    unfilled : the newest session with a cycle, where its list was not filled before another was over; "" for none.
    """

    sessions: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    awaited: str = ""
    unfilled: str = ""


def first_open(now: datetime, calendar: str) -> tuple[np.datetime64, datetime]:
    """The first session that is not over at a moment, and its close, in UTC.

    >>> day, close = first_open(datetime(2022, 3, 13, tzinfo=UTC), "XNYS")  # New York changes its clocks that day
    >>> str(day), str(close)
    ('2022-03-14', '2022-03-14 20:00:00+00:00')
    """
    moment = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us")
    day = moment.astype("datetime64[D]")
    near = sessions(day - DAY, day + RECENT, calendar)
    ends = closes(near, calendar)
    place = int(np.argmax(ends > moment))
    return near[place], ends[place].item().replace(tzinfo=UTC)


def is_open(now: datetime, calendar: str) -> bool:
    """True if a session goes on at a moment, its breaks included.

    >>> [is_open(datetime(2022, 11, 25, hour, tzinfo=UTC), "XNYS") for hour in (14, 15, 18)]
    [False, True, False]
    """
    return _opening(first_open(now, calendar)[0], calendar) <= now


def next_open(now: datetime, calendar: str) -> datetime:
    """The moment, in UTC, at which the next session opens.

    >>> str(next_open(datetime(2022, 11, 25, 15, tzinfo=UTC), "XNYS"))  # a Friday
    '2022-11-28 14:30:00+00:00'
    """
    day, close = first_open(now, calendar)
    opening = _opening(day, calendar)
    return opening if opening > now else _opening(first_open(close, calendar)[0], calendar)


def _opening(day: np.datetime64, calendar: str) -> datetime:
    opening: datetime = opens(np.array([day]), calendar)[0].item()
    return opening.replace(tzinfo=UTC)


def last_over(now: datetime, calendar: str, delays: Delays) -> np.datetime64:
    """The last session of a calendar that is over on all of `delays`.

    >>> delays = {"XNYS": timedelta(minutes=30), "24/7": timedelta(0)}
    >>> str(last_over(datetime(2022, 12, 30, 23, tzinfo=UTC), "XNYS", delays))  # the coins' day ends at midnight
    '2022-12-29'
    """
    limit = min(first_open(now - delay, each)[0] for each, delay in delays.items())
    last: np.datetime64 = sessions(limit - RECENT, limit - DAY, calendar)[-1]
    return last


def next_over(now: datetime, delays: Delays) -> datetime:
    """The moment, in UTC, after `now` at which the prices of the next close are out."""
    return min(first_open(now - delay, each)[1] + delay for each, delay in delays.items())


def over_at(session: str, delays: Delays) -> datetime:
    """The moment, in UTC, at which the prices of a session, YYYY-MM-DD, are out on all calendars that have it.

    >>> str(over_at("2022-12-30", {"XNYS": timedelta(minutes=30), "24/7": timedelta(0)}))
    '2022-12-31 00:00:00+00:00'
    """
    start = datetime.fromisoformat(f"{session}T00:00:00+00:00")
    ends = {each: first_open(start, each) for each in delays}
    return max(close + delays[each] for each, (day, close) in ends.items() if str(day) == session)


def due_cycles(days: Days, over: np.datetime64, last: str, calendar: str) -> Due:
    """The cycles that are due.

    days     : (T,) days with prices, increasing.
    over     : the last session that is over.
    last     : the newest session that had its cycle; where it is "", the newest with prices is due, and none before.
    calendar : calendar whose sessions have prices each; "" where rows are rarer, and none is missed.

    >>> days = np.array(["2022-12-27", "2022-12-28", "2022-12-30"], dtype="datetime64[D]")
    >>> due_cycles(days, np.datetime64("2023-01-03"), "2022-12-27", "XNYS")
    Due(sessions=('2022-12-28', '2022-12-30'), missing=('2022-12-29',), awaited='2023-01-03', unfilled='')
    """
    days = days[days <= over]
    found = days[days > np.datetime64(last)] if last else days[-1:]
    newest = max([*days[-1:], *([np.datetime64(last)] if last else [])], default=None)
    missing = np.array([], dtype="datetime64[D]")
    if calendar and last and len(found):
        expected = sessions(np.datetime64(last) + DAY, found[-1], calendar)
        missing = expected[~np.isin(expected, found)]
    awaited = str(over) if newest is None or (calendar and newest < over) else ""
    return Due(tuple(map(str, found)), tuple(map(str, missing)), awaited)
