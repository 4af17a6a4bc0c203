"""Files of every kind open as one grid, and files that are none are refused in a sentence."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from cases import cases

from foundation.errors import DataError
from research.market.reading.grids import read_grid

WriteText = Callable[..., Path]


def test_titles_above_the_header_and_the_separator_that_excel_writes_are_no_names(write: WriteText) -> None:
    grid = read_grid(write("sep=;", "My prices;;", "Datum;SPY;AGG;", "29.12.2022;383,44;96,99;", ""))
    assert (grid.levels, grid.delimiter) == ((("Datum", "SPY", "AGG"),), ";")
    assert [(column.lines, column.entries) for column in grid.columns[1:]] == [([4], ("383,44",)), ([4], ("96,99",))]


@pytest.mark.parametrize("header", ["Date;SPY", "Date;SPY;AGG"])
def test_decimal_commas_are_no_delimiters(write: WriteText, header: str) -> None:
    grid = read_grid(write(header, *[f"0{day}.01.2020" + ";1,5" * header.count(";") for day in (2, 3)]))
    assert grid.levels == (tuple(header.split(";")),)


def test_a_packed_file_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv.gz"
    path.write_bytes(gzip.compress(b"Date,SPY\n2020-01-02,1\n"))
    assert read_grid(path).columns[1].entries == ("1",)


def test_a_header_that_stands_twice_counts_once(write: WriteText) -> None:
    assert read_grid(write("Date,SPY", "Date,SPY", "2020-01-02,1")).levels == (("Date", "SPY"),)


def test_of_several_sheets_the_first_that_is_not_empty_is_read_and_the_others_are_noted(tmp_path: Path) -> None:
    frame = pd.DataFrame({"SPY": [1.0]}, pd.DatetimeIndex(["2020-01-02"], name="Date"))
    with pd.ExcelWriter(tmp_path / "p.xlsx") as book:
        pd.DataFrame().to_excel(book, sheet_name="empty")
        frame.to_excel(book, sheet_name="prices")
        frame.to_excel(book, sheet_name="notes")
    grid = read_grid(tmp_path / "p.xlsx")
    assert grid.notes == ("p.xlsx: sheet 'prices' is read, and others are left out: notes.",)
    assert grid.levels == (("Date", "SPY"),)


@cases(
    "name, content, refusal",
    ("p.xls", b"x", r"unknown kind of file .*p\.xls: found '\.xls'\. Save it as \.csv"),
    ("p.xlsx", b"x", r"p\.xlsx cannot be read as \.xlsx: found .*\. Save it anew"),
    ("p.xlsx", b"PK\x03\x04" + b"x" * 50, r"p\.xlsx cannot be read as \.xlsx: found .*\. Save it anew"),
    ("p.parquet", b"PAR1xxxxPAR1", r"p\.parquet cannot be read as \.parquet: found .*\. Save it anew"),
    ("p.feather", b"x", r"p\.feather cannot be read as \.feather: found .*\. Save it anew"),
    ("p.csv", b"", r"p\.csv is empty"),
    ("p.csv", b"PK\x03\x04", r"p\.csv is a workbook or a PDF"),
    ("p.csv", b"Date,SPY\n", r"1 row of names above 0 rows with dates and prices"),
    ("p.csv", b'Date,SPY\n2020-01-02,"1\n', r"p\.csv is no CSV file with ',' between its cells"),
    ("p.csv", b"55,7168\n54488,30\n", r"row 1: no header above the first date: found '55, 7168'"),
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, refusal: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=refusal):
        read_grid(tmp_path / name)
