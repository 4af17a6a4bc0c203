"""tearsheet.json against its published description: real reports obey it, and what is wrong is found."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from jsonschema import Draft202012Validator

from backtests.comparison import Comparison, compare
from backtests.evaluation.metrics import METRIC_GROUPS
from backtests.inference.pairs import METHODS
from backtests.runs.folder import Run
from backtests.sheets.pages.tearsheet import TEARSHEET_SCHEMA, pictures, sheet_numbers, whole_sheet
from desk.commands.report import trades_of
from research.portfolio import load_portfolio

FILE = Path(__file__).parents[3] / "docs" / "schemas" / f"tearsheet-{TEARSHEET_SCHEMA}.json"
ORIGIN = Run("report", "made", "2022-12-29", {}, "4105457f5e4366f4" * 4, "c0de")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def numbers(found: Comparison) -> dict[str, Any]:
    """The numbers of a report as its file has them; its pages, whose drawings take ten times as long, are not made."""
    trades = trades_of(found)
    listed = sheet_numbers(found, trades, ORIGIN, pictures(whole_sheet(found, trades, ORIGIN)))
    written: dict[str, Any] = json.loads(json.dumps(listed, allow_nan=False))
    return written


@pytest.fixture(scope="module")
def report(comparison: Comparison) -> dict[str, Any]:
    return numbers(comparison)


def faults(schema: dict[str, Any], found: object) -> list[str]:
    """Where the numbers break the schema."""
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(found)]


def test_the_schema_is_one_and_says_its_version(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema"] == {"description": "version of this description", "const": TEARSHEET_SCHEMA}
    assert schema["$id"] == FILE.name


def test_a_report_obeys_it_and_every_key_is_described(schema: dict[str, Any], report: dict[str, Any]) -> None:
    assert (faults(schema, report), next(iter(report))) == ([], "schema")
    assert set(report) == set(schema["properties"]) == set(schema["required"])
    assert set(report["pairs"][0]["differences"]) == set(METHODS)
    assert set(report["intervals"]) == {metric.key for metrics in METRIC_GROUPS.values() for metric in metrics}


@pytest.mark.parametrize(("keys", "policies"), [
    ({"limits.tracking_error": 0.00001}, ["quarterly", "monthly"]),
    ({"test_start": "2022-09-01"}, ["quarterly", "never"]),
    ({"flows": {"every": "month", "amount": 10_000}, "holding": {"management_fee_bps": 20}}, ["quarterly", "never"]),
    ({}, ["quarterly"]),
], ids=["nothing recommended", "some months", "cash flows", "one policy"])  # fmt: skip
def test_other_reports_obey_it(schema: dict[str, Any], keys: dict[str, object], policies: list[str]) -> None:
    portfolio = load_portfolio("data/portfolios/global_multi_asset.yaml", keys)
    assert faults(schema, numbers(compare(portfolio, only=policies, draws=100))) == []


def renamed(found: dict[str, Any]) -> None:
    found["pairs"][0]["correlations"] = found["pairs"][0].pop("correlation")


def spoken(found: dict[str, Any]) -> None:
    found["evidence"][0]["verdict"] = "told apart"


def percent(found: dict[str, Any]) -> None:
    found["intervals"]["growth"]["policies"]["never"]["level"] = 95


def worded(found: dict[str, Any]) -> None:
    found["figures"]["never"]["sharpe"] = "0.5"


def missing(found: dict[str, Any]) -> None:
    del found["figures"]["never"]["loss"]


def dated(found: dict[str, Any]) -> None:
    found["test"]["first"] = str(pd.Timestamp("2015-01-02"))


def older(found: dict[str, Any]) -> None:
    found["schema"] = TEARSHEET_SCHEMA - 1


@pytest.mark.parametrize("spoil", [renamed, spoken, percent, worded, missing, dated, older], ids=lambda f: f.__name__)
def test_what_is_wrong_is_found(
    schema: dict[str, Any], report: dict[str, Any], spoil: Callable[[dict[str, Any]], None]
) -> None:
    found = deepcopy(report)
    spoil(found)
    assert faults(schema, found)
