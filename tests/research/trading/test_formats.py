"""Files and pages of a trade list: what is written can be read back, escaped, whole, and the same every time."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from research.portfolio import Portfolio
from research.rules import Never, Threshold
from research.trading import formats, trade_list

EVIL = ["=HYPERLINK(1)", "<b>&B"]


@pytest.fixture
def two(desk: Any) -> Portfolio:
    return desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5])


@pytest.fixture
def evil(desk: Any) -> Portfolio:
    made = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], assets=EVIL)
    return replace(made, name="@SUM(A1) <script>")


def test_csv_reads_back_as_the_orders_with_their_provenance(two: Portfolio, tmp_path: Path) -> None:
    got = trade_list(two, Threshold(two.strategic, 0.02), "band", run="r1")
    table = pd.read_csv(got.to_csv(tmp_path / "trades.csv"))
    assert table[list(got.orders.columns)].to_dict("list") == got.orders.round(10).to_dict("list")
    assert (table[list(got.provenance)] == pd.Series(got.provenance)).all(axis=None)


def test_csv_of_a_list_that_holds_has_a_header_only(two: Portfolio, tmp_path: Path) -> None:
    lines = trade_list(two, Never(two.strategic)).to_csv(tmp_path / "trades.csv").read_text().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("side,asset,units,price,price_date,notional,commission,half_spread,cost,")
    assert lines[0].endswith(",portfolio,file,policy,run,data,as_of")


def test_csv_writes_whole_units_without_a_point_and_no_quote_as_nothing(desk: Any, tmp_path: Path) -> None:
    mixed = desk([float("nan"), 50.0], [60_000.0, 700], 5_000.0, [0.5, 0.5])
    path = trade_list(mixed, Threshold(mixed.strategic, 0.02)).to_csv(tmp_path / "trades.csv")
    sell, buy = csv.DictReader(path.open())
    assert (sell["units"], sell["price"], sell["notional"]) == ("", "", "10012.5")
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


def test_names_are_escaped_in_html(evil: Portfolio) -> None:
    page = trade_list(evil, Never(evil.strategic))._repr_html_()
    assert "<b>" not in page
    assert "<script>" not in page
    cells = [cell.text for cell in ElementTree.fromstring(page).iter("td")]
    assert set(EVIL) <= set(cells)


def test_html_is_well_formed_with_a_table_for_each_part(two: Portfolio) -> None:
    holding = ElementTree.fromstring(trade_list(two, Never(two.strategic)).html())
    assert holding.get("class") == "trade-list"
    assert [table.get("class") for table in holding.iter("table")] == ["held", "would-trade"]
    trading = ElementTree.fromstring(trade_list(two, Threshold(two.strategic, 0.02)).html())
    assert [table.get("class") for table in trading.iter("table")] == ["orders"]
    titles = [cell.text for cell in trading.iter("th")]
    assert titles[:5] == ["side", "asset", "units", "price", "notional"]
    assert all(cell.get("scope") == "col" for cell in trading.iter("th"))


def test_text_shows_orders_money_and_origin(two: Portfolio) -> None:
    lines = repr(trade_list(two, Threshold(two.strategic, 0.02), "band", run="r1")).splitlines()
    assert lines == [
        "Trade list of 'By hand' by policy 'band', as of 2022-12-29",
        "Sell A; buy B: 24,950.00 USD in 2 orders, costs 24.95, turnover 14.95%.",
        "Reason: B is 15.00 points under target, past the 2.00 allowed.",
        "",
        "Orders, sells first",
        "side  asset  units   price   notional   cost  weight before  weight after  target     gap  aim",
        "sell  A        100  100.00  10,000.00  10.00         60.00%        50.01%  50.00%  +10.00  to its target",
        "buy   B        299   50.00  14,950.00  14.95         35.00%        49.96%  50.00%  -15.00  to its target",
        "",
        "Cash 5,000.00 + sells 10,000.00 − buys 14,950.00 − commission 9.98 − half-spread 14.97 = 25.05 USD. "
        "NAV 100,000.00, after 99,975.05. Turnover 14.95%.",
        f"From by_hand.yaml, policy band, run r1, closes of 2022-12-29, data {two.market.fingerprint[:16]}.",
    ]


def test_failed_write_leaves_the_old_file_and_nothing_else(
    two: Portfolio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trades.csv"
    path.write_text("old")

    def broken(self: Path, target: Path) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        trade_list(two, Never(two.strategic)).to_csv(path)
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["trades.csv"]
