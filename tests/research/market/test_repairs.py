"""Repairs by name: what each does to rows, what its note says, and what is refused."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import ConfigError, DataError
from research.market.repairs import read_repairs, repair
from research.market.rows import bar_growth, price_rows

KNOWN = np.datetime64("2020-02-01T12:00:00", "us")
SESSIONS = ["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07", "2020-01-08"]
CALENDAR = {"SPY": "XNYS", "AGG": "XNYS"}


def rows_of(asset: str, closes: list[float], sessions: list[str] = SESSIONS, **numbers: list[float]) -> pd.DataFrame:
    return price_rows(asset, sessions, closes, currency="USD", source="first", fetched_at=KNOWN, **numbers)


def asked(how: str, days: str = "2020-01-03..2020-01-06", **more: object) -> object:
    return [{"asset": "SPY", "days": days, "how": how, **more}]


def repaired(rows: pd.DataFrame, *given: object, second: pd.DataFrame | None = None) -> tuple[pd.DataFrame, list[str]]:
    new, notes = repair(rows, read_repairs(asked(*given)), CALENDAR, second)  # type: ignore[arg-type]
    return new, list(notes)


def test_a_fill_forward_keeps_the_last_close_before() -> None:
    new, notes = repaired(rows_of("SPY", [100.0, 1.0, 2.0, 103.0, 104.0]), "forward_fill")
    assert new["close"].tolist() == [100.0, 100.0, 100.0, 103.0, 104.0]
    assert new["source"].tolist() == ["first", *["repair: forward_fill"] * 2, "first", "first"]
    assert notes == ["Repaired by name, forward_fill of SPY, 2020-01-03 to 2020-01-06: closes 1, 2 became 100, 100."]


def test_a_fill_forward_makes_the_rows_of_missing_sessions_and_of_no_other_day() -> None:
    new, _ = repaired(rows_of("SPY", [100.0, 103.0, 104.0], [SESSIONS[0], *SESSIONS[3:]]), "forward_fill")
    assert new["session"].dt.strftime("%Y-%m-%d").tolist() == SESSIONS  # not the weekend
    assert new["volume"].iloc[1:3].tolist() == [0.0, 0.0]


def test_a_fill_forward_keeps_the_split_and_the_dividend_of_its_days() -> None:
    rows = rows_of("SPY", [100.0, 7.0, 7.0, 50.5, 50.0], split=[1, 1, 2, 1, 1], dividend=[0, 0, 0.5, 0, 0])
    new, _ = repaired(rows, "forward_fill")
    assert new["close"].tolist() == [100.0, 100.0, 50.0, 50.5, 50.0]
    grown = bar_growth(*(new[name].to_numpy() for name in ("close", "split", "dividend")))
    assert grown.tolist() == pytest.approx([1.0, 1.0, 1.01, 1.01, 50.0 / 50.5])


def test_a_drop_leaves_no_row() -> None:
    new, notes = repaired(rows_of("SPY", [100.0, 1.0, 2.0, 103.0, 104.0]), "drop")
    assert new["close"].tolist() == [100.0, 103.0, 104.0]
    assert "closes 1, 2 became none" in notes[0]


def test_a_second_source_gives_its_rows_and_is_named() -> None:
    second = rows_of("SPY", [99.0, 101.0, 102.0, 103.0, 9.0]).assign(source="other")
    new, _ = repaired(rows_of("SPY", [100.0, 1.0, 2.0, 103.0, 104.0]), "second_source", second=second)
    assert new["close"].tolist() == [100.0, 101.0, 102.0, 103.0, 104.0]
    assert new["source"].tolist()[1:3] == ["repair: second_source other"] * 2


def test_what_is_given_and_other_assets_stay_as_they_are() -> None:
    rows = pd.concat([rows_of("AGG", [9.0] * 5), rows_of("SPY", [100.0, 1.0, 2.0, 103.0, 104.0])], ignore_index=True)
    before = rows.copy()
    new, _ = repaired(rows, "forward_fill")
    pd.testing.assert_frame_equal(rows, before)
    pd.testing.assert_frame_equal(new[new["asset_id"] == "AGG"], before[before["asset_id"] == "AGG"])


def test_a_note_is_a_warning_about_its_asset_and_days() -> None:
    _, (note,) = repair(rows_of("SPY", [1.0] * 5), read_repairs(asked("drop")), CALENDAR)
    assert (note.warning, note.assets, str(note.first), str(note.last)) == (True, ("SPY",), "2020-01-03", "2020-01-06")


@cases(
    "given, message",
    (("forward_fill", "2020-01-03..2020-01-08"), "found 4 sessions to fill, and `most` allows 3"),
    (("forward_fill", "2020-01-02"), "there is no close before 2020-01-02"),
    (("forward_fill", "2020-01-04..2020-01-05"), "found 0 sessions to fill"),
    (("drop", "2020-01-07"), "2020-01-07 holds a split or dividend"),
    (("drop", "2020-01-04"), "found no row"),
    (("second_source",), "there is no second source"),
)
def test_a_repair_that_cannot_be_made_is_refused(given: tuple[str, ...], message: str) -> None:
    rows = rows_of("SPY", [100.0, 101.0, 102.0, 103.0, 104.0], dividend=[0, 0, 0, 1, 0])
    with pytest.raises(DataError, match=re.escape(message)):
        repaired(rows, *given)


def test_a_second_source_must_have_each_close() -> None:
    second = rows_of("SPY", [99.0, 101.0, np.nan, 9.0, 9.0])
    with pytest.raises(DataError, match="the second source has no close of 2020-01-06"):
        repaired(rows_of("SPY", [1.0] * 5), "second_source", second=second)


@cases(
    "closes, told, message",
    ([100.0] * 5, {"currency": "EUR"}, "in EUR, not in USD"),
    ([100.0] * 5, {"split": [1, 1, 1, 1, 1]}, "without the split or dividend of 2020-01-06"),
    ([50.0] * 5, {}, "of another level: 50 on 2020-01-02, beside 100"),
    ([100.0, 100.0, 100.0, 90.0, 90.0], {}, "of another level: 90 on 2020-01-07, beside 100"),
    ([np.nan, 100.0, 100.0, np.nan, np.nan], {}, "without a close before or after these days"),
)
def test_a_second_source_of_other_quotes_is_refused(closes: list[float], told: dict[str, Any], message: str) -> None:
    split = [1.0, 1.0, 2.0, 1.0, 1.0]
    second = price_rows(
        "SPY", SESSIONS, closes, source="other", fetched_at=KNOWN, **({"currency": "USD", "split": split} | told)
    )
    with pytest.raises(DataError, match=re.escape(message)):
        repaired(rows_of("SPY", [100.0, 1.0, 2.0, 100.0, 100.0], split=split), "second_source", second=second)


def test_an_asset_without_rows_is_refused() -> None:
    with pytest.raises(DataError, match="there are no rows of 'SPY'"):
        repaired(rows_of("AGG", [1.0] * 5), "drop")


@cases(
    "given, message",
    ({"asset": "SPY"}, "repairs is"),
    ([{"asset": "SPY"}], "repairs[0] is"),
    (asked("mend"), "repairs[0].how is 'mend'"),
    (asked("winsorise"), "no return may be cut there"),
    (asked("drop", "2020-01-06..2020-01-02"), "write the first day before the last"),
    (asked("drop", "soon"), "write a date as YYYY-MM-DD"),
    (asked("forward_fill", most=0), "repairs[0].most is 0"),
    (asked("forward_fill", much=3), "no other key"),
)
def test_a_repair_that_cannot_be_read_is_refused(given: object, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_repairs(given)
