"""A file of exchange rates: every mistake is told with its row and column, and a file without rates is refused."""

import re
from pathlib import Path

import numpy as np
import pytest
from cases import cases

from foundation.errors import DataError
from research.portfolio.holdings.rate_files import read_rate_file


def test_rows_in_any_order_and_form_give_rates_by_day(tmp_path: Path) -> None:
    wide, long = tmp_path / "wide.csv", tmp_path / "long.csv"
    wide.write_text("Date,EUR/USD,GBPUSD\n2022-12-29,1.06,1.2\n2022-12-28,1.05,\n")
    long.write_text("date,pair,rate\n2022-12-29,EURUSD,1.06\n2022-12-29,GBP/USD,1.2\n2022-12-28,EURUSD,1.05\n")
    for path in (wide, long):
        days, quoted, _ = read_rate_file(path)
        assert days.astype(str).tolist() == ["2022-12-28", "2022-12-29"]
        assert {name: rates.tolist()[1] for name, rates in quoted.values()} == {"EURUSD": 1.06, "GBPUSD": 1.2}
        assert np.isnan(quoted["GBP", "USD"][1][0])


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("date,EURUSD,GBPUSD\n2022-12-28,1.06,\n29/12/2022,1.06,1\n2022-12-29,-1,x\n2022-12-28,1,1\n1\n")
    with pytest.raises(DataError) as error:
        read_rate_file(path)
    said = str(error.value).splitlines()
    assert said[0] == "rates.csv has 5 mistakes:"
    for line, part in zip(
        said[1:],
        ["row 3, column 'date': no date: found '29/12/2022'", "row 4, column 'EURUSD': no rate: found '-1'",
         "row 4, column 'GBPUSD': no rate: found 'x'", "row 5: a second rate of EURUSD on 2022-12-28",
         "row 6: another number of cells than of columns: found 1. Give 3"], strict=True,
    ):  # fmt: skip
        assert part in line
    path.write_text("day,EURUSD\n2022-12-28,1\n")
    with pytest.raises(DataError, match="row 1: no header of rates: found 'day, EURUSD'"):
        read_rate_file(path)


@cases(
    "content, said",
    (b"", "rates.csv is empty. Export it anew."),
    (b"\xef\xbb\xbf", "rates.csv is empty. Export it anew."),
    (b"\xff\xfe", "rates.csv is empty. Export it anew."),
    (b"\xef\xbb\xbf\xef\xbb\xbf\n", "rates.csv is empty. Export it anew."),
    (b",,\n", "rates.csv, row 1: no header of rates: found ''"),
    (b"\n\nday\n", "rates.csv, row 3: no header of rates: found 'day'"),
    (b"date,EURUSD\n", "rates.csv has no rate"),
)
def test_a_file_without_rates_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "rates.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=re.escape(said)):
        read_rate_file(path)
