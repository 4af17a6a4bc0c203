"""The workbook of figures: numbers are those of the sheet, text is text, and the same data give the same bytes."""

import io
import json
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from written import ORIGIN

from backtests.comparison import Comparison
from backtests.sheets.pages.workbook import WORKBOOK, figures_workbook
from desk.commands.report import trades_of


def test_it_has_the_numbers_of_the_sheet_in_the_units_of_its_heads(comparison: Comparison, folder: Path) -> None:
    book, numbers = openpyxl.load_workbook(folder / WORKBOOK), json.loads((folder / "tearsheet.json").read_text())
    assert book.sheetnames == ["Run", "Figures", "Differences", "Costs", "Stress", "Rolling", "Trades"]
    assert {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row} <= {"s", "n", "b", "d"}
    tables = {}
    for sheet in book:
        heads, *rows = sheet.iter_rows(values_only=True)
        tables[sheet.title] = [dict(zip(heads, row, strict=True)) for row in rows]
    facts = {row["fact"]: row["value"] for row in tables["Run"]}
    assert (facts["currency"], facts["reference"]) == ("USD", comparison.reference)
    assert facts["fingerprint of the data"] == numbers["run"]["data_fingerprint"]
    assert f"{facts['last close']:%Y-%m-%d}" == numbers["test"]["last"]
    figures = {row["policy"]: row for row in tables["Figures"]}
    assert figures["never"]["Volatility, % a year"] == pytest.approx(100.0 * numbers["figures"]["never"]["volatility"])
    assert figures["never"]["Final balance, USD"] == pytest.approx(numbers["figures"]["never"]["final_balance"])
    assert [row["policy"] for row in tables["Costs"]] == list(comparison.backtests)
    loss = next(row for row in tables["Differences"] if row["metric"] == "loss" and row["policy"] == "never")
    assert (loss["unit"], loss["lower"]) == ("bp a year", None)  # it has no interval
    last = next(row for row in reversed(tables["Stress"]) if row["policy"] == "never")
    shown = numbers["stress"]["episodes"][-1]["policies"]["never"]["total_return"]
    assert last["total return, %"] == pytest.approx(100.0 * shown)
    rolling = next(row for row in tables["Rolling"] if (row["policy"], row["span"]) == ("never", "three years"))
    assert rolling["mean, %"] == pytest.approx(100.0 * numbers["returns"]["never"]["rolling"]["three_years"]["mean"])
    orders = numbers["trades"]["orders"]
    assert [row["notional, USD"] for row in tables["Trades"]] == pytest.approx([one["notional"] for one in orders])


def test_a_name_that_looks_like_a_formula_is_a_text_and_the_bytes_are_the_same(comparison: Comparison) -> None:
    desk = replace(comparison.portfolio, name='=cmd("calc")!A1')
    named, trades = replace(comparison, portfolio=desk), trades_of(comparison)
    made = figures_workbook(named, trades, ORIGIN)
    assert made == figures_workbook(named, trades, ORIGIN)
    cell = openpyxl.load_workbook(io.BytesIO(made))["Run"]["B2"]
    assert (cell.data_type, cell.value) == ("s", desk.name)
