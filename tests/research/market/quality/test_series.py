"""Series against their own frequency: weekends and holidays are none, a month or a day that is missing is."""

import numpy as np
import pytest

from foundation.arrays import Array
from research.market.calendars import Days, sessions
from research.market.quality import SeriesQuality, check_series
from research.market.rows import price_rows
from research.market.store import known_of_rows

MOMENT = np.datetime64("2026-11-25", "us")
MONTHS = np.arange("2015-01", "2026-11", dtype="datetime64[M]").astype("datetime64[D]")
WEEKS = np.arange("2015-01-02", "2026-11-25", 7, dtype="datetime64[D]")
SESSIONS = sessions(np.datetime64("2015-01-02"), np.datetime64("2026-11-24"), "XNYS")


def checked(days: Days, values: Array | None = None, today: str = "2026-11-25") -> SeriesQuality:
    """The check of series X with these values, all different by default."""
    closes = np.arange(len(days), dtype=float) if values is None else values
    rows = price_rows("X", days, closes, currency="", source="fred", fetched_at=MOMENT)
    return check_series(known_of_rows(rows), np.datetime64(today))


@pytest.mark.parametrize("days", [MONTHS, MONTHS[::3], SESSIONS, WEEKS, MONTHS[-2:]])
def test_a_whole_series_has_no_finding_whatever_its_frequency(days: Days) -> None:
    assert checked(days).findings == ()


def test_a_missing_month_is_a_gap_and_the_longest_is_named() -> None:
    found = checked(np.delete(MONTHS, [20, 60, 61]))
    assert found.findings == (
        "X has 2 gaps, the longest from 2019-12-01 to 2020-03-01, 91 days, while the median step is 31 days.",
    )
    assert not found.must_be_looked_at


def test_a_daily_series_has_a_gap_where_more_than_a_week_is_missing() -> None:
    christmas = np.arange("2020-12-24", "2020-12-31", dtype="datetime64[D]")
    expected = ("X has 1 gap, the longest from 2020-12-23 to 2020-12-31, 8 days, while the median step is 1 day.",)
    assert checked(np.setdiff1d(SESSIONS, christmas)).findings == expected


def test_a_month_is_late_when_the_third_after_it_has_begun() -> None:
    assert checked(MONTHS, today="2027-01-02").late == ()
    assert checked(MONTHS, today="2027-01-03").late == ("X",)


def test_a_value_that_stays_is_told_and_is_no_defect() -> None:
    values = np.arange(len(MONTHS), dtype=float)
    values[40:65] = 0.25
    found = checked(MONTHS, values)
    assert found.findings == ("X repeats the value 0.25 on 25 observations, from 2018-05-01 to 2020-05-01.",)
    assert found.table.loc["X", "still"] == 24
    assert not found.must_be_looked_at


def test_what_is_no_number_is_no_observation() -> None:
    found = checked(MONTHS, np.where(np.arange(len(MONTHS)) == 50, np.nan, np.arange(len(MONTHS))))
    assert found.table.loc["X", "observations"] == f"{len(MONTHS) - 1}"
    assert "from 2019-02-01 to 2019-04-01" in found.findings[0]
