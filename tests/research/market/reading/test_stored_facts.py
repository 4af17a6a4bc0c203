"""Series of a store as facts: never known before their publication, whatever the store learns later."""

import numpy as np
import pandas as pd
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from research.market.reading.stored_facts import known_values

DAYS = np.arange(np.datetime64("2022-01-03", "D"), np.datetime64("2022-03-01", "D"))
# An index of consumer prices by month: value, and day on which the Bureau of Labor Statistics published that month; its
# seasonal factors of February revise the months before.
CPI = [
    ("2021-11-01", 278.880, "2021-12-10"),
    ("2021-12-01", 280.126, "2022-01-12"),
    ("2021-12-01", 280.192, "2022-02-10"),
    ("2022-01-01", 281.933, "2022-02-10"),
]


def rows_of(values: list[tuple[str, float, str]]) -> pd.DataFrame:
    """Rows of a store: day, value and moment of each."""
    table = pd.DataFrame(values, columns=["session", "close", "fetched_at"])
    table = table.astype({"session": "datetime64[s]", "close": float, "fetched_at": "datetime64[us]"})
    return table.sort_values(["session", "fetched_at"], kind="stable", ignore_index=True)


def known(values: list[tuple[str, float, str]], day: str, lag: int | None = None) -> float:
    return float(known_values(rows_of(values), np.array([day], "datetime64[D]"), lag)[0])


@cases("day, value", ("2022-01-12", 278.880), ("2022-01-13", 280.126), ("2022-02-10", 280.126), ("2022-02-11", 281.933))
def test_a_month_is_known_from_the_session_after_its_publication(day: str, value: float) -> None:
    assert known(CPI, day) == value


def test_a_revision_replaces_the_latest_value_and_none_of_an_earlier_day_does() -> None:
    assert known(CPI[:3], "2022-02-10") == 280.126
    assert known(CPI[:3], "2022-02-11") == 280.192
    assert known([*CPI, ("2021-12-01", 999.0, "2022-02-20")], "2022-02-25") == 281.933


def test_values_that_were_fetched_without_vintages_are_known_from_the_fetch_on() -> None:
    fetched = [(day, value, "2022-02-15T06:00") for day, value, _ in CPI if value != 280.126]
    assert np.isnan(known(fetched, "2022-02-15"))
    assert known(fetched, "2022-02-16") == 281.933


def test_a_lag_dates_the_values_that_have_no_day_of_publication_and_no_others() -> None:
    fetched = [("2022-01-03", 1.0, "2022-02-15T06:00"), ("2022-01-04", 2.0, "2022-02-15T06:00")]
    revised = [*fetched, ("2022-01-04", 2.5, "2022-02-18T06:00")]
    assert [known(revised, f"2022-01-0{day}", 1) for day in (5, 6)] == [1.0, 2.0]
    assert np.isnan(known(revised, "2022-01-04", 1))
    assert [known(revised, f"2022-02-{day}", 1) for day in (18, 19)] == [2.0, 2.5]
    assert np.isnan(known([("2022-01-03", 1.0, "2022-02-15")], "2022-02-15", 1))


def test_no_value_is_known_before_its_own_day() -> None:
    assert np.isnan(known([("2022-02-01", 1.0, "1999-01-01")], "2022-02-01"))
    assert known([("2022-02-01", 1.0, "1999-01-01")], "2022-02-02") == 1.0


def slow(values: list[tuple[str, float, str]], day: np.datetime64) -> float:
    """The value of the latest day among those known before, as known latest, by hand."""
    before = [v for v in values if max(np.datetime64(v[2], "D"), np.datetime64(v[0], "D")) < day]
    return max(before, key=lambda v: (v[0], v[2]))[1] if before else np.nan


drawn = st.lists(
    st.tuples(
        st.integers(0, 30).map(lambda day: str(DAYS[day])),
        st.floats(-10.0, 10.0),
        st.tuples(st.integers(0, 50), st.integers(0, 23)).map(lambda at: f"{DAYS[at[0]]}T{at[1]:02d}:00"),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda value: (value[0], value[2]),
)


@settings(max_examples=40)
@given(drawn)
def test_values_are_those_of_a_slow_search(values: list[tuple[str, float, str]]) -> None:
    found = known_values(rows_of(values), DAYS)
    for row, day in enumerate(DAYS):
        np.testing.assert_equal(found[row], slow(values, day))


@settings(max_examples=40)
@given(drawn, st.integers(1, 50), st.floats(-99.0, 99.0))
def test_what_is_known_later_changes_and_may_be_cut_off_without_a_trace(
    values: list[tuple[str, float, str]], t: int, other: float
) -> None:
    before = known_values(rows_of(values), DAYS)[: t + 1]
    changed = [(day, other if at[:10] >= str(DAYS[t]) else value, at) for day, value, at in values]
    np.testing.assert_array_equal(known_values(rows_of(changed), DAYS)[: t + 1], before)
    np.testing.assert_array_equal(known_values(rows_of(values), DAYS[: t + 1]), before)
    kept = [value for value in values if value[2][:10] < str(DAYS[t])]
    expected = known_values(rows_of(kept), DAYS)[: t + 1] if kept else np.full(t + 1, np.nan)
    np.testing.assert_array_equal(expected, before)
