"""Days in the forms in which people write them: one form a column, and moments as days of the zone that fits."""

import pandas as pd
import pytest
from cases import cases

from foundation.errors import DataError
from research.market.reading.cells import Cells
from research.market.reading.days import days_of

MONDAY = pd.date_range("2023-01-02", periods=40, freq="B")


def read(entries: object) -> list[str]:
    count = len(entries)  # type: ignore[arg-type]
    return [str(day) for day in days_of(Cells("t.csv", "date", range(count), entries)).days]


@cases(
    "texts, days",
    (["31/12/2005", "31/12/2006", "31/12/2023"], ["2005-12-31", "2006-12-31", "2023-12-31"]),
    (["31.12.2022", "31.12.2023"], ["2022-12-31", "2023-12-31"]),
    (["29/12/17", "31/12/18", "31/12/19"], ["2017-12-29", "2018-12-31", "2019-12-31"]),
    (["24/01/30", "24/01/31", "24/02/01"], ["2024-01-30", "2024-01-31", "2024-02-01"]),
    (["2 janv. 2024", "3 févr. 2024"], ["2024-01-02", "2024-02-03"]),
    (["2024年1月2日", "2024年1月3日"], ["2024-01-02", "2024-01-03"]),
    (["Tue, Jan 2, 2024 4:00 PM", "Wed, Jan 3, 2024 4:00 PM"], ["2024-01-02", "2024-01-03"]),
    (["45293.6666666667", "45294.6666666667"], ["2024-01-02", "2024-01-03"]),
    ([f"2024010{day}T160000Z" for day in (1, 2, 3, 4, 5)], [f"2024-01-0{day}" for day in (1, 2, 3, 4, 5)]),
    (["2024.01.02.", "2024.01.03."], ["2024-01-02", "2024-01-03"]),
)
def test_a_form_is_taken_from_the_whole_column(texts: list[str], days: list[str]) -> None:
    assert read(texts) == days


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Europe/Berlin", "Asia/Tokyo"])
@pytest.mark.parametrize("every", ["B", "7D", "MS"])
def test_midnights_of_an_exchange_in_utc_are_its_days(zone: str, every: str) -> None:
    days = pd.date_range("2023-01-06", periods=60, freq=every)
    moments = pd.Series(days.tz_localize(zone).tz_convert("UTC"))
    assert read(moments) == read(moments.astype(str).tolist()) == days.strftime("%Y-%m-%d").tolist()
    seconds = (moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds().astype(int)
    assert read(seconds.astype(str).tolist()) == days.strftime("%Y-%m-%d").tolist()


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Asia/Tokyo"])
def test_closes_of_an_exchange_are_its_days_with_and_without_the_zone(zone: str) -> None:
    closes = (MONDAY + pd.Timedelta(hours=16)).tz_localize(zone)
    assert read(pd.Series(closes)) == MONDAY.strftime("%Y-%m-%d").tolist()
    assert read(closes.strftime("%Y-%m-%d %H:%M").tolist()) == MONDAY.strftime("%Y-%m-%d").tolist()


def test_moments_within_a_day_are_refused_and_so_are_zones_that_disagree() -> None:
    hours = pd.Series(pd.date_range("2023-01-02 09:30", periods=20, freq="30min"))
    with pytest.raises(DataError, match="a date carries a time"):
        read(hours)
    weekly = pd.Series(pd.date_range("2023-01-04 21:00", periods=8, freq="7D", tz="UTC"))
    with pytest.raises(DataError, match="a date carries a time in UTC"):
        read(weekly)
