"""The exchange's schedule, against closures that anyone can look up."""

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import ConfigError
from research.market import calendars
from research.market.calendars import EVERY, OFFSETS, WEEKDAYS, due, last_of, period, scheduled, sessions


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


def after(text: str, calendar: str = "XNYS") -> str:
    """The session after one day, as text."""
    return str(sessions(day(text) + 1, day(text) + 30, calendar)[0])


def ends(text: str, every: str, calendar: str = "XNYS") -> bool:
    """Is this day the last session of its period?"""
    return bool(last_of(np.array([day(text)]), every, calendar)[0])


@cases(
    "today, following",
    ("2022-12-23", "2022-12-27"),  # Christmas on a Sunday is kept on Monday
    ("2022-12-30", "2023-01-03"),  # so is New Year's Day
    ("2012-10-26", "2012-10-31"),  # hurricane Sandy closed New York for two days
    ("2001-09-10", "2001-09-17"),
    ("2006-12-29", "2007-01-03"),  # mourning for President Ford on a Tuesday after a holiday
    ("2018-12-04", "2018-12-06"),  # and for President Bush
    ("2022-06-17", "2022-06-21"),  # Juneteenth, a holiday since 2022
    ("2021-06-17", "2021-06-18"),
    ("2022-12-24", "2022-12-27"),  # from a day that is no session
)
def test_next_session_of_new_york(today: str, following: str) -> None:
    assert after(today) == following


@pytest.mark.parametrize(("year", "count"), [(2001, 248), (2012, 250), (2019, 252), (2020, 253), (2022, 251)])
def test_new_york_has_its_published_number_of_sessions_a_year(year: int, count: int) -> None:
    assert len(sessions(day(f"{year}-01-01"), day(f"{year}-12-31"), "XNYS")) == count


@pytest.mark.parametrize("every", EVERY)
def test_last_of_a_period_is_a_day_whose_next_session_is_in_another(every: str) -> None:
    days = sessions(day("1999-12-20"), day("2002-01-31"), "XNYS")
    following = np.append(days[1:], day("2002-02-01"))
    assert (last_of(days, every, "XNYS") == (period(days, every) != period(following, every))).all()


def test_sessions_include_both_ends() -> None:
    found = sessions(day("2022-12-23"), day("2022-12-28"), "XNYS")
    assert found.astype(str).tolist() == ["2022-12-23", "2022-12-27", "2022-12-28"]


def test_other_exchanges_keep_other_holidays() -> None:
    assert after("2022-12-23", "XLON") == "2022-12-28"  # 26 and 27 December are bank holidays
    assert after("2022-12-30", "24/7") == "2022-12-31"
    assert after("2019-12-31", "XTSE") == "2020-01-02"


@cases(
    "today, every, last",
    ("2012-10-31", "month", True),
    ("2012-10-26", "month", False),  # two closed days follow, but the 31st is open
    ("2012-10-26", "week", True),
    ("2022-04-14", "week", True),  # Thursday before Good Friday
    ("2022-04-13", "week", False),
    ("2020-12-24", "week", True),
    ("2018-03-29", "quarter", True),  # Good Friday was the 30th, Saturday the 31st
    ("2021-05-28", "month", True),  # Memorial Day was Monday the 31st
    ("2022-12-30", "year", True),
    ("2022-12-29", "year", False),
    ("2022-11-30", "quarter", False),
    ("2022-11-23", "day", True),
)
def test_last_session_of_a_period(today: str, every: str, last: bool) -> None:
    assert ends(today, every) is last


def test_always_open_market_ends_its_week_on_sunday_and_its_year_on_saturday_the_31st() -> None:
    assert ends("2023-01-01", "week", "24/7")
    assert not ends("2022-12-31", "week", "24/7")
    assert ends("2022-12-31", "year", "24/7")


def test_last_of_a_period_is_known_on_the_day_itself() -> None:
    year = sessions(day("2022-01-01"), day("2022-12-31"), "XNYS")
    for every in EVERY:
        whole = last_of(year, every, "XNYS")
        assert [last_of(year[: t + 1], every, "XNYS")[t] for t in range(len(year))] == whole.tolist()


@pytest.mark.parametrize(("every", "count"), [("day", 251), ("week", 52), ("month", 12), ("quarter", 4), ("year", 1)])
def test_year_2022_has_as_many_last_sessions_as_periods(every: str, count: int) -> None:
    year = sessions(day("2022-01-01"), day("2022-12-31"), "XNYS")
    assert last_of(year, every, "XNYS").sum() == count


@given(st.dates(dt.date(1950, 1, 1), dt.date(2100, 1, 1)), st.integers(0, 800))
def test_two_days_share_a_period_when_the_calendar_of_the_wall_says_so(first: dt.date, apart: int) -> None:
    second = first + dt.timedelta(days=apart)
    same = {
        "day": first == second,
        "week": first.isocalendar()[:2] == second.isocalendar()[:2],
        "month": (first.year, first.month) == (second.year, second.month),
        "quarter": (first.year, (first.month - 1) // 3) == (second.year, (second.month - 1) // 3),
        "year": first.year == second.year,
    }
    both = np.array([first, second], dtype="datetime64[D]")
    assert {every: bool(np.equal(*period(both, every))) for every in EVERY} == same


@cases(
    "last_trade, today, every, expected",
    ("2022-06-30", "2022-12-29", "quarter", True),  # 30 September lies between
    ("2022-09-30", "2022-12-29", "quarter", False),
    ("2022-09-30", "2022-12-30", "quarter", True),  # today is the last session itself
    ("2022-12-30", "2022-12-30", "month", False),  # traded on it
    ("2022-12-30", "2023-01-03", "year", False),
    ("2022-12-29", "2022-12-31", "month", True),  # asked on a Saturday
    ("2022-12-30", "2022-12-31", "day", False),  # no session since
    ("2012-10-26", "2012-10-30", "day", False),  # New York was closed
    ("2012-10-26", "2012-10-31", "month", True),
    ("2022-04-13", "2022-04-14", "week", True),
    ("2022-04-14", "2022-04-18", "week", False),
    ("2022-12-29", "2022-06-30", "day", False),  # a trade in the future
)
def test_calendar_is_due_when_a_last_session_lies_after_the_last_trade_and_not_after_today(
    last_trade: str, today: str, every: str, expected: bool
) -> None:
    assert due(day(last_trade), day(today), every, "XNYS") is expected


@cases(
    "today, calendar, words",
    ("2020-01-01", "NOPE", "unknown exchange calendar 'NOPE'"),
    ("1985-03-01", "XSHG", "years 1980 to 1989"),  # Shanghai opened in December 1990
    ("1990-11-30", "XSHG", "does not reach 1990-11-30"),
    ("2049-12-31", "XHKG", "does not reach 2049-12-31"),
    ("2300-01-01", "XNYS", "no exchange calendar reaches 2300-01-01"),
    ("0202-01-03", "24/7", "no exchange calendar reaches 0202-01-03"),
)
def test_dates_that_a_calendar_does_not_know_are_refused(today: str, calendar: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ends(today, "day", calendar)


def test_schedule_is_built_again_only_for_years_beyond_it(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    build = calendars._build
    monkeypatch.setattr(calendars, "_built", {})
    monkeypatch.setattr(calendars, "_build", lambda *asked: built.append(asked) or build(*asked))
    before = sessions(day("2015-01-01"), day("2015-12-31"), "XPAR")
    assert after("1994-12-30", "XPAR") == "1995-01-02"
    assert np.array_equal(sessions(day("2015-01-01"), day("2015-12-31"), "XPAR"), before)
    assert built == [("XPAR", 2010, 2019), ("XPAR", 1990, 2019)]


# -- schedules with weekdays, numbers of sessions and offsets ---------------------------------------------------------

FIRST, LAST = day("1930-01-01"), day("2025-12-31")
ANY = st.one_of(st.sampled_from(list(OFFSETS)), st.integers(1, 300))


@cache
def new_york() -> np.ndarray:
    """The sessions of New York from FIRST to LAST."""
    return sessions(FIRST, LAST, "XNYS")


def picks(every: str | int, offset: int = 0) -> list[str]:
    """The scheduled sessions of New York, 1930 to 2025, as text."""
    return new_york()[scheduled(new_york(), every, "XNYS", offset)].astype(str).tolist()


@cache
def known_sessions() -> pd.DatetimeIndex:
    """The sessions of New York by exchange_calendars."""
    import exchange_calendars as xcals  # which from here on keeps this process from reading what others built

    return xcals.get_calendar("XNYS", start="1929-01-01", end="2026-12-31").sessions


def on_or_before(wanted: pd.DatetimeIndex) -> list[str]:
    """The session of New York on or before each day, each once."""
    found = known_sessions()[known_sessions().searchsorted(wanted, side="right") - 1].unique()
    return [str(one.date()) for one in found if FIRST <= day(str(one.date())) <= LAST]


@cases(
    "every, wanted",
    ("month", pd.offsets.BMonthEnd()),
    ("quarter", pd.offsets.BQuarterEnd()),
    ("year", pd.offsets.BYearEnd()),
    *((name, f"W-{name[:3].upper()}") for name in WEEKDAYS),
)
def test_schedules_are_the_dates_of_pandas_moved_back_to_a_session(every: str, wanted: pd.DateOffset | str) -> None:
    assert picks(every) == on_or_before(pd.date_range("1930-01-01", "2026-01-15", freq=wanted))


def test_eighty_four_years_have_1008_month_ends_and_336_quarter_ends() -> None:
    span = sessions(day("1942-01-01"), day("2025-12-31"), "XNYS")
    assert [int(scheduled(span, every, "XNYS").sum()) for every in ("month", "quarter", "year")] == [1008, 336, 84]


@cases(
    "every, week, expected",
    ("friday", "2008-03-21", "2008-03-20"),  # Good Friday was a third Friday
    ("friday", "2014-04-18", "2014-04-17"),
    ("friday", "2019-04-19", "2019-04-18"),
    ("friday", "2022-04-15", "2022-04-14"),
    ("monday", "2022-06-20", "2022-06-17"),  # Juneteenth
    ("wednesday", "2019-12-25", "2019-12-24"),
    ("tuesday", "2012-10-30", "2012-10-26"),  # hurricane Sandy
    ("monday", "2001-09-17", "2001-09-17"),
    ("tuesday", "2001-09-11", "2001-09-10"),
    ("friday", "2001-09-14", "2001-09-10"),  # closed from Tuesday to Friday
    ("thursday", "2001-09-13", "2001-09-10"),
)
def test_weekday_that_is_a_holiday_falls_on_the_session_before(every: str, week: str, expected: str) -> None:
    of_week = sessions(day(week) - 6, day(week), "XNYS")
    assert of_week[scheduled(of_week, every, "XNYS")].astype(str).tolist() == [expected]


def test_week_without_sessions_is_scheduled_nowhere() -> None:
    assert "1933-03-03" in picks("friday")  # Roosevelt's bank holiday closed New York from 4 to 14 March 1933
    assert picks("friday")[picks("friday").index("1933-03-03") + 1] == "1933-03-17"


def test_week_that_ends_on_friday_begins_on_saturday() -> None:
    always = np.arange(day("2022-12-01"), day("2022-12-31"))
    expected = [f"2022-12-{d:02}" for d in (2, 9, 16, 23, 30)]
    assert always[scheduled(always, "friday", "24/7")].astype(str).tolist() == expected
    assert always[scheduled(always, "friday", "24/7", 1)].astype(str).tolist() == [
        f"2022-12-{d:02}" for d in (3, 10, 17, 24)
    ]


@pytest.mark.parametrize("n", [1, 2, 5, 21, 63, 250, 5000])
def test_every_n_sessions_are_exactly_n_sessions_apart(n: int) -> None:
    rows = np.flatnonzero(scheduled(new_york(), n, "XNYS"))
    assert (np.diff(rows) == n).all()
    assert abs(len(rows) - len(new_york()) / n) < 1


def test_sessions_are_counted_both_ways_from_the_first_of_the_year_2000() -> None:
    from_2000 = sessions(day("2000-01-01"), day("2000-12-31"), "XNYS")
    before = sessions(day("1999-01-01"), day("1999-12-31"), "XNYS")
    for n in (2, 5, 21):
        assert np.flatnonzero(scheduled(from_2000, n, "XNYS"))[0] == n - 1
        assert np.flatnonzero(scheduled(before, n, "XNYS"))[-1] == len(before) - 1


def test_calendar_that_begins_later_is_counted_from_its_own_first_session() -> None:
    riyadh = sessions(day("2021-01-01"), day("2021-12-31"), "XSAU")  # exchange_calendars knows it from 2021 on
    assert np.flatnonzero(scheduled(riyadh, 7, "XSAU")).tolist() == list(range(6, len(riyadh), 7))


def test_wider_schedule_does_not_move_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    fifties = sessions(day("1955-01-01"), day("1955-12-31"), "XPAR")
    monkeypatch.setattr(calendars, "_built", {})
    alone = scheduled(fifties, 10, "XPAR", offset=-3)
    scheduled(sessions(day("1910-01-01"), day("2045-12-31"), "XPAR"), 10, "XPAR")
    assert np.array_equal(scheduled(fifties, 10, "XPAR", offset=-3), alone)


@settings(max_examples=40)
@given(ANY, st.data())
def test_offset_moves_a_schedule_by_exactly_that_many_sessions(every: str | int, data: st.DataObject) -> None:
    most = OFFSETS[every] if isinstance(every, str) else every - 1
    offset = data.draw(st.integers(-most, most))
    plain, moved = scheduled(new_york(), every, "XNYS"), scheduled(new_york(), every, "XNYS", offset)
    inner = slice(300, len(new_york()) - 300)
    assert np.array_equal(moved[inner], np.roll(plain, offset)[inner])


@settings(max_examples=40)
@given(ANY, st.data(), st.integers(0, 20_000), st.integers(1, 400))
def test_schedule_of_a_few_rows_is_that_of_all(every: str | int, data: st.DataObject, first: int, count: int) -> None:
    most = OFFSETS[every] if isinstance(every, str) else every - 1
    offset = data.draw(st.integers(-most, most))
    rows = slice(first, first + count, data.draw(st.integers(1, 3)))
    until = np.cumsum(scheduled(new_york(), every, "XNYS", offset))[rows]
    found = scheduled(new_york()[rows], every, "XNYS", offset)
    assert found[1:].tolist() == (np.diff(until) > 0).tolist()  # those between two rows are met by the later one


@cases(
    "every, offset, expected",
    ("month", 1, "2022-12-01"),  # the first session of a month
    ("month", -2, "2022-12-28"),
    ("month", 0, "2022-12-30"),
    ("year", -1, "2022-12-29"),
    ("quarter", 5, "2022-12-"),  # none: five sessions after September ended
    ("friday", 1, "2022-12-27"),  # after Friday the 23rd comes Boxing Day's Tuesday
)
def test_offsets_in_december_2022(every: str, offset: int, expected: str) -> None:
    found = [one for one in picks(every, offset) if one.startswith("2022-12")]
    assert (expected in found) == (len(expected) == 10)


def test_first_sessions_of_months_are_those_of_pandas() -> None:
    by_month = pd.Series(new_york(), index=pd.DatetimeIndex(new_york()).to_period("M")).groupby(level=0)
    assert picks("month", 1) == [str(one.date()) for one in by_month.first()]
    assert picks("month", -2)[:-1] == [str(one.iloc[-3].date()) for _, one in by_month][:-1]


@cases(
    "last_trade, today, every, offset, expected",
    ("2022-11-30", "2022-12-01", "month", 1, True),
    ("2022-12-01", "2022-12-30", "month", 1, False),  # month end is not the first session of the next
    ("2022-12-27", "2022-12-28", "month", -2, True),
    ("2022-12-28", "2022-12-30", "month", -2, False),
    ("2022-06-16", "2022-06-17", "monday", 0, True),  # Juneteenth is on Monday
    ("2022-06-17", "2022-06-20", "monday", 0, False),
    ("2022-12-01", "2022-12-02", 1, 0, True),
    ("2000-01-03", "2000-01-06", 5, 0, False),
    ("2000-01-03", "2000-01-07", 5, 0, True),
    ("2000-01-07", "2000-01-10", 5, 1, True),
)
def test_calendar_with_an_offset_is_due(
    last_trade: str, today: str, every: str | int, offset: int, expected: bool
) -> None:
    assert due(day(last_trade), day(today), every, "XNYS", offset) is expected


@cases(
    "every, offset, words",
    (
        "fortnight",
        0,
        "schedule is 'fortnight': no such calendar period. Use one of day, week, month, quarter, year, monday",
    ),
    ("wensday", 0, "schedule is 'wensday': no such calendar period. Did you mean 'wednesday'?"),
    ("Month", 0, "schedule is 'Month': no such calendar period. Did you mean 'month'?"),
    (True, 0, "schedule is True: no such calendar period"),
    (2.0, 0, "schedule is 2.0: no such calendar period"),
    (0, 0, "schedule is 0: a number of sessions is 1 to 100,000"),
    (-5, 0, "schedule is -5: a number of sessions is 1 to 100,000"),
    ("day", 1, "offset is 1: of every 'day' it is 0"),
    (1, 1, "offset is 1: of every 1 it is 0"),
    ("week", 5, "offset is 5: of every 'week' it is a whole number of sessions from -4 to 4"),
    ("tuesday", -5, "offset is -5: of every 'tuesday' it is a whole number of sessions from -4 to 4"),
    ("month", 21, "offset is 21: of every 'month'"),
    ("quarter", -61, "offset is -61: of every 'quarter'"),
    ("year", 251, "offset is 251: of every 'year'"),
    (10, -10, "offset is -10: of every 10 it is a whole number of sessions from -9 to 9"),
    ("month", True, "offset is True: of every 'month'"),
    ("month", 1.0, "offset is 1.0: of every 'month'"),
)
def test_what_is_no_schedule_is_refused(every: str, offset: int, words: str) -> None:
    for ask in (
        lambda: scheduled(new_york()[:5], every, "XNYS", offset),
        lambda: due(new_york()[0], new_york()[0], every, "XNYS", offset),
    ):
        with pytest.raises(ConfigError) as error:
            ask()
        assert words in str(error.value)


@cases(
    "today, calendar, offset, words",
    ("2049-12-20", "XHKG", -10, "does not reach 2049-12-20 and the session after it and 10 sessions after it"),
    ("1960-01-07", "XHKG", 10, "does not reach 1960-01-07 and the session after it and 10 sessions before it"),
)
def test_offset_past_what_a_calendar_knows_is_refused(today: str, calendar: str, offset: int, words: str) -> None:
    assert not scheduled(np.array([day(today)]), "month", calendar)[0]
    with pytest.raises(ConfigError, match=words):
        scheduled(np.array([day(today)]), "month", calendar, offset)


# -- the day of an exchange ------------------------------------------------------------------------------------------


@cases(
    "instant, calendar, expected",
    ("2022-12-30T04:59:59+00:00", "XNYS", "2022-12-29"),  # New York is five hours behind in winter
    ("2022-12-30T05:00:00+00:00", "XNYS", "2022-12-30"),
    ("2022-07-01T03:59:59+00:00", "XNYS", "2022-06-30"),  # and four in summer
    ("2022-12-30T14:59:59+00:00", "XTKS", "2022-12-30"),
    ("2022-12-30T15:00:00+00:00", "XTKS", "2022-12-31"),
    ("2022-12-30T05:00:00+14:00", "XNYS", "2022-12-29"),  # in Kiritimati
    ("2022-12-29T23:59:59+00:00", "24/7", "2022-12-29"),
)
def test_day_of_an_exchange_is_that_of_its_time_zone(instant: str, calendar: str, expected: str) -> None:
    assert str(calendars.day_at(dt.datetime.fromisoformat(instant), calendar)) == expected


# -- kept in the cache -----------------------------------------------------------------------------------------------

# A process that has asked for nothing yet forks one for each line that it reads, which runs it and prints.
CLEAN = """
import json, os, sys
from pathlib import Path
from research.market import calendars
for line in sys.stdin:
    if os.fork() == 0:
        try:
            exec(json.loads(line))
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.wait()
    print(flush=True)
"""
ASKS = """
found = calendars.sessions(*calendars.np.array(["2001-09-03", "2001-09-21"], dtype="M8[D]"), "XNYS")
now = calendars.datetime.fromisoformat("2001-09-12T02:00:00+00:00")
print(*found, calendars.day_at(now, "XNYS"), "exchange_calendars" in sys.modules)
"""
Asked = Callable[..., str]


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    """In a process of its own: sessions of three weeks, and whether exchange_calendars is imported; or other code."""
    with subprocess.Popen(
        [sys.executable, "-c", CLEAN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as at:
        assert at.stdin
        assert at.stdout

        def said(folder: Path, first: str = "", code: str = ASKS) -> str:
            print(json.dumps(f"calendars.FOLDER = Path({str(folder)!r})\n{first}\n{code}"), file=at.stdin, flush=True)
            return "".join(iter(at.stdout.readline, "\n"))

        yield said
        at.stdin.close()


@pytest.fixture(scope="module")
def kept(asked: Asked, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the first process which asks for a calendar keeps."""
    folder = tmp_path_factory.mktemp("kept") / "calendars"
    built = asked(folder)
    assert "2001-09-10 2001-09-17" in built
    assert built.split()[-1] == "True"
    (file,) = folder.iterdir()
    (folder.parent / "said").write_text(built)
    return file


def test_a_calendar_is_built_once_and_read_in_the_next_process(asked: Asked, kept: Path) -> None:
    built, read = (kept.parents[1] / "said").read_text(), asked(kept.parent)
    assert (read.split()[:-1], read.split()[-1]) == (built.split()[:-1], "False")


@pytest.mark.parametrize("content", [b"", b"cut", bytes(80), bytes(range(80))])
def test_a_damaged_copy_is_not_read(kept: Path, tmp_path: Path, content: bytes) -> None:
    assert calendars.kept_sessions(kept) is not None
    copy = tmp_path / kept.name
    copy.write_bytes(content)
    assert calendars.kept_sessions(copy) is None


def test_a_copy_that_is_not_read_is_built_anew(asked: Asked, kept: Path, tmp_path: Path) -> None:
    copy = tmp_path / kept.name
    copy.write_bytes(b"cut")
    assert asked(tmp_path) == (kept.parents[1] / "said").read_text()
    assert copy.read_bytes() == kept.read_bytes()


HOURS = """
days = calendars.np.array(["2022-11-23", "2022-11-25"], dtype="M8[D]")
print(*calendars.opens(days, "XNYS"), *calendars.closes(days, "XNYS"), "exchange_calendars" in sys.modules)
"""


def test_hours_are_built_once_and_a_damaged_copy_of_them_is_built_anew(asked: Asked, tmp_path: Path) -> None:
    hours = ["2022-11-23T14:30", "2022-11-25T14:30", "2022-11-23T21:00", "2022-11-25T18:00"]
    asked(tmp_path, code=HOURS)  # it keeps the sessions, for which it imports the calendar
    assert asked(tmp_path, code=HOURS).split() == [*hours, "True"]
    assert asked(tmp_path, code=HOURS).split() == [*hours, "False"]
    largest = max(tmp_path.iterdir(), key=lambda path: path.stat().st_size)  # three rows; sessions alone are one
    largest.write_bytes(largest.read_bytes()[:-4])
    assert asked(tmp_path, code=HOURS).split() == [*hours, "True"]


def test_nothing_kept_is_used_where_a_calendar_may_have_been_registered(
    asked: Asked, kept: Path, tmp_path: Path
) -> None:
    registered = (
        "import exchange_calendars as xcals; xcals.deregister_calendar('XNYS'); "
        "xcals.register_calendar_type('XNYS', type(xcals.get_calendar('24/7')))"
    )
    copy = tmp_path / kept.name
    copy.write_bytes(kept.read_bytes())
    assert "2001-09-08" in asked(tmp_path, registered)  # a Saturday
    usual = (kept.parents[1] / "said").read_text()
    assert (asked(tmp_path).split()[:-1], [*tmp_path.iterdir()]) == (usual.split()[:-1], [copy])


def test_a_folder_that_cannot_be_written_to_keeps_nothing(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "2001-09-10 2001-09-17" in asked(tmp_path / "file")


@pytest.mark.parametrize("every", ["month", "quarter", "year"])
def test_weekly_rows_meet_each_end_of_a_period_once_and_sessions_as_before(every: str) -> None:
    days = np.arange(np.datetime64("2001-01-05"), np.datetime64("2021-01-02"), 7)
    found = last_of(days, every, "24/5")
    ends = sessions(days[0], days[-1], "24/5")
    ends = ends[last_of(ends, every, "24/5")]
    assert found.nonzero()[0].tolist() == np.searchsorted(days, ends).tolist()
    assert last_of(days[:400], every, "24/5").tolist() == found[:400].tolist()
