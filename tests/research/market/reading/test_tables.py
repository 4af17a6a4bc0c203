"""The door: what is wrong with a file or a frame is named with its file, row, column, value and fix."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import DataError
from research.market.reading.tables import WideTable, read_table, table_of

GOOD = ("date,SPY,QQQ", "2022-12-28,376.66,260.1", "2022-12-29,383.44,266.44", "2022-12-30,382.43,266.28")
WriteText = Callable[..., Path]


def assert_is_the_good_one(table: WideTable) -> None:
    assert table.days.astype(str).tolist() == ["2022-12-28", "2022-12-29", "2022-12-30"]
    assert table.names == ("SPY", "QQQ")
    assert table.cells.tolist() == [[376.66, 260.1], [383.44, 266.44], [382.43, 266.28]]


def test_csv_is_read_as_it_is_written(write: WriteText) -> None:
    assert_is_the_good_one(read_table(write(*GOOD)))


def test_compressed_csv_byte_order_mark_and_midnight_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv.gz"
    text = "\n".join(GOOD).replace("2022-12-29", "2022-12-29 00:00:00")
    path.write_bytes(gzip.compress(("\ufeff" + text).encode()))
    assert_is_the_good_one(read_table(path))


@pytest.mark.parametrize("dates", ["index", "column", "text"])
def test_parquet_may_keep_its_dates_in_the_index_or_the_first_column(tmp_path: Path, dates: str) -> None:
    frame = pd.DataFrame(
        [[376.66, 260.1], [383.44, 266.44], [382.43, 266.28]],
        columns=["SPY", "QQQ"],
        index=pd.DatetimeIndex(["2022-12-28", "2022-12-29", "2022-12-30"], name="date"),
    )
    if dates == "column":
        frame = frame.reset_index()
    if dates == "text":
        frame.index = frame.index.astype(str)
    frame.to_parquet(tmp_path / "prices.parquet")
    assert_is_the_good_one(read_table(tmp_path / "prices.parquet"))


def test_numbers_are_those_nearest_to_the_text(write: WriteText) -> None:
    text = ["0.1", "109.16187", "2.2250738585072014e-308", "900719925474099.3", "123456789.12345679"]
    table = read_table(write("date,A", *(f"2022-01-{i + 10},{number}" for i, number in enumerate(text))))
    assert table.cells[:, 0].tolist() == [float(number) for number in text]


def test_empty_cells_are_nan_and_wait_for_someone_who_needs_them(write: WriteText) -> None:
    table = read_table(write("date,A,B", "2022-12-28,,1", "2022-12-29,2,", "2022-12-30,3,NA"))
    assert np.isnan(table.cells).tolist() == [[True, False], [False, True], [False, True]]


@cases(
    "lines, words",
    ([], r"prices.csv is empty. Export it anew"),
    (["date,SPY"], r"prices.csv has 1 row of names above 0 rows"),
    (GOOD[:2], r"prices.csv has too few rows of data: found 1. Give two"),
    (["date", "2022-12-28", "2022-12-29"], r"row 1: no table with dates and prices: found 'date'"),
    (["date,SPY,SPY", *GOOD[1:]], r"two columns of prices.csv have one name: found 'SPY' as column 1 and column 2"),
    (["date,SPY,", *GOOD[1:]], r"row 2: another number of cells than the header: found 3. Give 2"),
    (["date,SPY,Unnamed: 2", *GOOD[1:]], r"column 2 after the dates has no name"),
    ([*GOOD[:3], "2022-13-30,1,2"], r"row 4, column 'date': no date as year-month-day: found '2022-13-30'"),
    ([*GOOD[:3], "30/12/2022,1,2"], r"row 4, column 'date': a date of another form than the first: found '30/12"),
    ([*GOOD[:3], "2022-12,1,2"], r"row 4, column 'date': a month or a quarter, and no day: found '2022-12'"),
    ([*GOOD, GOOD[-1]], r"date 2022-12-30 appears twice in prices.csv, row 5"),
    ([*GOOD[:2], GOOD[3], GOOD[2]], r"date 2022-12-29 stands after a later date in prices.csv, row 4. Sort"),
    ([*GOOD[:3], "2022-12-30,382.43,n/q"], r"prices.csv, row 4, column 'QQQ': not a number: found 'n/q'. Write"),
    ([GOOD[0], "2022-12-28,True,1", "2022-12-29,False,2"], r"row 2, column 'SPY': not a number: found .*True"),
    ([*GOOD[:3], "2022-12-30,inf,1"], r"row 4, column 'SPY': not a number: found 'inf'"),
    ([*GOOD[:3], "2022-12-30,1,2,3"], r"row 4: another number of cells than the header: found 4. Give 3"),
    ([GOOD[0], *(line + ",3" for line in GOOD[1:])], r"row 2: another number of cells than the header: found 4"),
    ([*GOOD[:3], "2022-12-30,266.28"], r"row 4: another number of cells than the header: found 2"),
    ([GOOD[0], "2022-12-28,1,5", f"2022-12-29,{'9' * 400},5"], r"row 3, column 'SPY': too large a number"),
)
def test_what_is_wrong_with_a_csv_file_is_named(write: WriteText, lines: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_table(write(*lines))


@cases(
    "name, content, words",
    ("prices.xls", b"", "unknown kind of file .*prices.xls: found '.xls'. Save it as"),
    ("prices", b"", "unknown kind of file"),
    ("prices.csv", b"date,SPY\n2022-12-28,1\n2022-12-29,2\x81\n", "is no text in UTF-8"),
    ("prices.csv.gz", b"no archive", r"prices.csv.gz cannot be read \(not a gzipped file"),
    ("prices.csv.gz", gzip.compress("\n".join(GOOD).encode(), mtime=0)[:-12], r"prices.csv.gz cannot be read \("),
    ("prices.csv", b"date,SPY\n2022-12-28,1\n2022-12-29,38\x0044\n", "prices.csv, line 3: a control character"),
    (
        "prices.csv",
        b"date,SPY\x1b[31m\n2022-12-28,1\n2022-12-29,2\n",
        r"line 1: a control character or another one that is not printed: found '.x1b'",
    ),
    ("prices.csv.gz", gzip.compress(b"date,SPY\n2022-12-28,\x011\n", mtime=0), "line 2: a control character"),
    ("prices.parquet", b"no table", "cannot be read as .parquet"),
    ("prices.parquet", b"", "prices.parquet is empty"),
)
def test_file_that_is_broken_or_of_another_kind_is_named(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_table(tmp_path / name)


def test_missing_file_is_named_with_the_folder_it_was_looked_for_from(tmp_path: Path) -> None:
    said = r"absent\.csv cannot be read \(no such file or directory\)\. Give the path"
    with pytest.raises(DataError, match=said) as raised:
        read_table(tmp_path / "absent.csv")
    assert str(Path.cwd()) in str(raised.value)


def test_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "prices.csv")


DAYS = pd.DatetimeIndex(["2022-12-28", "2022-12-29"])


@cases(
    "frame, words",
    (pd.DataFrame({"A": [1.0, 2.0]}), r"frame has one column, and no dates: found \['A'\]"),
    (pd.DataFrame({"A": [1.0, 2.0], "B": [2.0, 3.0]}), r"frame, row 0, column 'A': no date: found 1.0"),
    (pd.DataFrame({"A": [1.0, 2.0]}, index=DAYS.insert(1, pd.NaT)[:2]), "row 1, column 'index': no date: found NaT"),
    (
        pd.DataFrame({"A": [1.0] * 3}, index=DAYS[[1, 0, 1]]),
        "date 2022-12-28 stands after a later date in frame, row 1",
    ),
    (pd.DataFrame([[1.0, 2.0]] * 2, index=DAYS, columns=["A", "A"]), "two columns of frame have one name: found 'A'"),
    (
        pd.DataFrame([[1.0, 2.0]] * 2, index=DAYS),
        r"the name of column 1 after the dates is no text in frame: found 0\. .*frame\.rename\(columns=str\)",
    ),
    (
        pd.DataFrame([[1.0, 2.0]] * 2, index=DAYS, columns=["A", None]),
        "column 2 after the dates has no name in frame: found ''",
    ),
    (
        pd.DataFrame({"A": [1.0, 2.0]}, index=DAYS.to_period("M")),
        r"a month or a quarter, and no day: found .*last_sessions\(frame\.index\)",
    ),
    (pd.DataFrame(index=DAYS), "frame has one column"),
    (pd.DataFrame({"A": ["1", "x"]}, index=DAYS), r"frame, row 1, column 'A': not a number: found 'x'"),
    (pd.DataFrame({"A": DAYS}, index=DAYS), r"frame, row 0, column 'A': not a number: found Timestamp"),
)
def test_what_is_wrong_with_a_frame_is_named(frame: pd.DataFrame, words: str) -> None:
    with pytest.raises(DataError, match=words):
        table_of(frame)


def test_frame_may_hold_missing_values_of_any_kind() -> None:
    frame = pd.DataFrame({"A": pd.array([1, None], dtype="Int64"), "B": [None, 2.5]}, index=DAYS)
    assert np.isnan(table_of(frame).cells).tolist() == [[False, True], [True, False]]


def test_frame_is_left_as_it_was() -> None:
    frame = pd.DataFrame({"A": ["1", "2"], "B": [1, 2]}, index=DAYS.astype(str))
    before = frame.copy()
    table_of(frame)
    pd.testing.assert_frame_equal(frame, before)


@cases(
    "lines",
    [line.replace(",", ";").replace(".", ",") for line in GOOD],
    ["date, SPY ,QQQ", *GOOD[1:]],
    [*GOOD[:2], "", *GOOD[2:], ""],
    [GOOD[0], *GOOD[:0:-1]],
    [*GOOD[:3], GOOD[3].replace("30,", "30 15:12:07,")],
    [*GOOD, "Average,380.84,264.27"],
    [f"{k},{line}" if k else f",{line}" for k, line in enumerate(GOOD)],
)
def test_what_people_write_otherwise_is_read(write: WriteText, lines: list[str]) -> None:
    assert_is_the_good_one(read_table(write(*lines)))


def test_days_of_a_frame_may_be_periods_moments_or_a_column() -> None:
    frame = pd.DataFrame({"A": [1.0, 2.0]}, index=DAYS)
    for index in (DAYS.to_period("D"), DAYS + pd.Timedelta(hours=16), DAYS.tz_localize("America/New_York"), DAYS[::-1]):
        values = frame.set_axis(index) if index[0] != DAYS[1] else frame.set_axis(index)[["A"]].iloc[[0, 1]]
        assert table_of(values).days.astype(str).tolist() == ["2022-12-28", "2022-12-29"]
    assert table_of(frame.rename_axis("day").reset_index()).days[0] == np.datetime64("2022-12-28")
