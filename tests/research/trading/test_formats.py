"""Files of a trade list: what is written can be read back, without formulas, whole, and the same every time."""

import csv
import errno
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from research.portfolio import Portfolio
from research.rules import Never, Threshold
from research.trading import formats, trade_list


def test_csv_reads_back_as_the_orders_with_their_provenance(two: Portfolio, tmp_path: Path) -> None:
    got = trade_list(two, Threshold(two.strategic, 0.02), "band", run="r1")
    table = pd.read_csv(got.to_csv(tmp_path / "trades.csv"))
    assert table[list(got.orders.columns)].to_dict("list") == got.orders.round(10).to_dict("list")
    assert (table[list(got.provenance)] == pd.Series(got.provenance)).all(axis=None)


def test_csv_of_a_list_that_holds_has_a_header_only(two: Portfolio, tmp_path: Path) -> None:
    lines = trade_list(two, Never(two.strategic)).to_csv(tmp_path / "trades.csv").read_text().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(
        "side,asset,units,price,price_date,price_age,price_basis,notional,commission,half_spread,"
    )
    assert lines[0].endswith(",portfolio,file,policy,run,data,as_of")


def test_csv_writes_whole_units_without_a_point_and_no_quote_as_nothing(desk: Any, tmp_path: Path) -> None:
    mixed = desk([float("nan"), 50.0], [60_000.0, 700], 5_000.0, [0.5, 0.5])
    path = trade_list(mixed, Threshold(mixed.strategic, 0.02)).to_csv(tmp_path / "trades.csv")
    sell, buy = csv.DictReader(path.open())
    assert (sell["units"], sell["price"], sell["notional"]) == ("", "", "10025.03")
    assert (buy["units"], buy["price"], buy["notional"]) == ("299", "50", "14950")


def test_json_holds_figures_and_three_tables_each_row_with_its_provenance(two: Portfolio, tmp_path: Path) -> None:
    got = trade_list(two, Never(two.strategic), "never", run="r1")
    whole = json.loads(got.to_json(tmp_path / "trades.json").read_text(encoding="utf-8"))
    assert {key: whole[key] for key in got.facts} == got.facts
    assert [len(whole[table]) for table in ("orders", "held", "would_trade")] == [0, 2, 2]
    for row in (*whole["held"], *whole["would_trade"]):
        assert {key: row[key] for key in got.provenance} == got.provenance
    assert whole["would_trade"][0]["units"] == 100


def test_same_list_gives_the_same_bytes(two: Portfolio, tmp_path: Path) -> None:
    written = []
    for run in ("a", "b"):
        got = trade_list(two, Threshold(two.strategic, 0.02))
        written.append(
            (got.to_csv(tmp_path / f"{run}.csv").read_bytes(), got.to_json(tmp_path / f"{run}.json").read_bytes())
        )
        assert b"\r" not in written[-1][0]
    assert written[0] == written[1]


def test_names_that_look_like_formulas_are_quoted_in_csv(evil: Portfolio, tmp_path: Path) -> None:
    rows = list(csv.DictReader(trade_list(evil, Threshold(evil.strategic, 0.02)).to_csv(tmp_path / "t.csv").open()))
    assert [row["asset"] for row in rows] == ["'=HYPERLINK(1)", "<b>&B"]
    assert rows[0]["portfolio"] == "'@SUM(A1) <script>"
    assert float(rows[1]["gap"]) < 0.0  # a negative number is no formula


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_every_start_of_a_formula_is_quoted(start: str) -> None:
    table = pd.DataFrame({"asset": [f"{start}1+1"], "gap": [-0.1]})
    text = formats.csv_text(formats.Content("", {}, {}, {"orders": table}))
    assert next(csv.DictReader(text.splitlines(keepends=True)))["asset"].startswith(f"'{start.strip()}")


def test_failed_write_leaves_the_old_file_and_nothing_else(
    two: Portfolio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trades.csv"
    path.write_text("old")

    def broken(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        trade_list(two, Never(two.strategic)).to_csv(path)
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["trades.csv"]
