"""Sessions that are over and cycles that are due, by wall clocks of exchanges, also where these change their clocks."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.cycle.schedule import Due, due_cycles, last_over, next_over
from research.market.calendars import sessions

DELAY = timedelta(minutes=30)
CLOSES = {  # by the exchanges' rules; of the coins, the end of the day in UTC
    "XNYS": lambda day: datetime.combine(day, time(16), ZoneInfo("America/New_York")),
    "XFRA": lambda day: datetime.combine(day, time(17, 30), ZoneInfo("Europe/Berlin")),
    "XLON": lambda day: datetime.combine(day, time(16, 30), ZoneInfo("Europe/London")),
    "24/7": lambda day: datetime.combine(day + timedelta(days=1), time(0), UTC),
}
CHANGES = {"spring of 2022": ("2022-03-08", "2022-04-05"), "autumn of 2022": ("2022-10-25", "2022-11-15")}


@pytest.mark.parametrize("calendar", CLOSES)
@pytest.mark.parametrize("season", CHANGES)
@settings(max_examples=20, deadline=None)
@given(jumps=st.lists(st.integers(-40, 60), min_size=20, max_size=80))
def test_each_session_is_due_once_and_not_before_its_close(calendar: str, season: str, jumps: list[int]) -> None:
    """Under any jumps of the clock, in hours, both ways, through the weeks in which clocks change."""
    first, last = (date.fromisoformat(each) for each in CHANGES[season])
    days = sessions(np.datetime64(first), np.datetime64(last), calendar)
    start, done, ran = str(days[0]), str(days[0]), list[str]()
    end = datetime.combine(last + timedelta(days=3), time(0), UTC)
    now = datetime.combine(first, time(12), UTC)
    for hours in [*jumps, None]:
        now = end if hours is None else now + timedelta(hours=hours, minutes=7)
        if not start < str(now.date()) <= str(end.date()):
            continue
        due = due_cycles(days, last_over(now, calendar, {calendar: DELAY}), done, calendar)
        assert not due.missing
        for session in due.sessions:
            assert now >= CLOSES[calendar](date.fromisoformat(session)) + DELAY
            ran.append(session)
            done = session
    assert ran == [str(day) for day in days[1:]]


@pytest.mark.parametrize("calendar", CLOSES)
@pytest.mark.parametrize("season", CHANGES)
def test_a_watcher_that_sleeps_to_the_next_close_meets_each(calendar: str, season: str) -> None:
    first, last = CHANGES[season]
    days = sessions(np.datetime64(first), np.datetime64(last), calendar)
    now, met = CLOSES[calendar](date.fromisoformat(str(days[0]))).astimezone(UTC), list[datetime]()
    for _ in days:
        now = next_over(now, {calendar: DELAY})
        met.append(now - DELAY)
    assert met == [CLOSES[calendar](date.fromisoformat(str(day))) for day in days]


def test_a_session_waits_for_each_exchange_of_the_portfolio() -> None:
    """London closes at 16:30 UTC in winter, New York at 21:00; on its holiday New York keeps nobody waiting."""
    delays = {"XLON": timedelta(0), "XNYS": timedelta(0)}
    moments = {"2022-12-30T16:45": "2022-12-29", "2022-12-30T21:00": "2022-12-30", "2022-11-24T16:45": "2022-11-24"}
    for moment, expected in moments.items():
        assert str(last_over(datetime.fromisoformat(f"{moment}+00:00"), "XLON", delays)) == expected


def test_the_first_cycle_is_that_of_the_newest_prices_and_none_before() -> None:
    days = np.array(["2022-12-27", "2022-12-28"], dtype="datetime64[D]")
    over = np.datetime64("2022-12-28")
    assert due_cycles(days, over, "", "XNYS") == Due(("2022-12-28",))
    assert due_cycles(days, over, "2022-12-28", "XNYS") == Due()
    assert due_cycles(days[:0], over, "", "XNYS") == Due(awaited="2022-12-28")
    assert due_cycles(days, np.datetime64("2022-12-27"), "", "XNYS") == Due(("2022-12-27",))  # of a day not over


def test_rows_of_weeks_miss_no_session_between_them() -> None:
    weeks = np.array(["2022-12-16", "2022-12-23", "2022-12-30"], dtype="datetime64[D]")
    assert due_cycles(weeks, np.datetime64("2023-01-04"), "2022-12-16", "") == Due(("2022-12-23", "2022-12-30"))
