"""The exchange's schedule, against closures that anyone can look up."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.errors import ConfigError
from research.market import calendars
from research.market.calendars import EVERY, due, last_of, period, sessions


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


def after(text: str, calendar: str = "XNYS") -> str:
    """The session after one day, as text."""
    return str(sessions(day(text) + 1, day(text) + 30, calendar)[0])


def ends(text: str, every: str, calendar: str = "XNYS") -> bool:
    """Is this day the last session of its period?"""
    return bool(last_of(np.array([day(text)]), every, calendar)[0])


@pytest.mark.parametrize(
    ("today", "following"),
    [
        ("2022-12-23", "2022-12-27"),  # Christmas on a Sunday is kept on Monday
        ("2022-12-30", "2023-01-03"),  # so is New Year's Day
        ("2012-10-26", "2012-10-31"),  # hurricane Sandy closed New York for two days
        ("2001-09-10", "2001-09-17"),
        ("2006-12-29", "2007-01-03"),  # mourning for President Ford on a Tuesday after a holiday
        ("2018-12-04", "2018-12-06"),  # and for President Bush
        ("2022-06-17", "2022-06-21"),  # Juneteenth, a holiday since 2022
        ("2021-06-17", "2021-06-18"),
        ("2022-12-24", "2022-12-27"),  # from a day that is no session
    ],
)
def test_next_session_of_new_york(today: str, following: str) -> None:
    assert after(today) == following


@pytest.mark.parametrize(("year", "count"), [(2001, 248), (2012, 250), (2019, 252), (2020, 253), (2022, 251)])
def test_new_york_has_its_published_number_of_sessions_a_year(year: int, count: int) -> None:
    assert len(sessions(day(f"{year}-01-01"), day(f"{year}-12-31"), "XNYS")) == count


@pytest.mark.parametrize("every", EVERY)
def test_last_of_a_period_is_a_day_whose_next_session_is_in_another(every: str) -> None:
    days = np.arange(day("1999-12-20"), day("2002-02-01"))
    scheduled = sessions(days[0], day("2002-03-01"), "XNYS")
    following = np.array([scheduled[scheduled > one][0] for one in days])
    assert (last_of(days, every, "XNYS") == (period(days, every) != period(following, every))).all()


def test_sessions_include_both_ends() -> None:
    found = sessions(day("2022-12-23"), day("2022-12-28"), "XNYS")
    assert found.astype(str).tolist() == ["2022-12-23", "2022-12-27", "2022-12-28"]


def test_other_exchanges_keep_other_holidays() -> None:
    assert after("2022-12-23", "XLON") == "2022-12-28"  # 26 and 27 December are bank holidays
    assert after("2022-12-30", "24/7") == "2022-12-31"
    assert after("2019-12-31", "XTSE") == "2020-01-02"


@pytest.mark.parametrize(
    ("today", "every", "last"),
    [
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
    ],
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


@pytest.mark.parametrize(
    ("last_trade", "today", "every", "expected"),
    [
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
    ],
)
def test_calendar_is_due_when_a_last_session_lies_after_the_last_trade_and_not_after_today(
    last_trade: str, today: str, every: str, expected: bool
) -> None:
    assert due(day(last_trade), day(today), every, "XNYS") is expected


@pytest.mark.parametrize(
    ("today", "calendar", "words"),
    [
        ("2020-01-01", "NOPE", "unknown exchange calendar 'NOPE'"),
        ("1985-03-01", "XSHG", "years 1980 to 1989"),  # Shanghai opened in December 1990
        ("1990-11-30", "XSHG", "does not reach 1990-11-30"),
        ("2049-12-31", "XHKG", "does not reach 2049-12-31"),
        ("2300-01-01", "XNYS", "no exchange calendar reaches 2300-01-01"),
        ("0202-01-03", "24/7", "no exchange calendar reaches 0202-01-03"),
    ],
)
def test_dates_that_a_calendar_does_not_know_are_refused(today: str, calendar: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ends(today, "day", calendar)


def test_unknown_period_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown calendar period 'fortnight'"):
        ends("2022-12-30", "fortnight")


def test_schedule_is_built_again_only_for_years_beyond_it(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    build = calendars._build
    monkeypatch.setattr(calendars, "_built", {})
    monkeypatch.setattr(calendars, "_build", lambda *asked: built.append(asked) or build(*asked))
    before = sessions(day("2015-01-01"), day("2015-12-31"), "XPAR")
    assert after("1994-12-30", "XPAR") == "1995-01-02"
    assert np.array_equal(sessions(day("2015-01-01"), day("2015-12-31"), "XPAR"), before)
    assert built == [("XPAR", 2010, 2019), ("XPAR", 1990, 2019)]
