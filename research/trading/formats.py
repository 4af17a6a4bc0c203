"""A trade list as CSV and JSON: stable bytes, formulas quoted."""

import csv
import io
import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet run a text
DECIMALS = 10  # of a fraction or a price in a file


class Content(NamedTuple):
    """The parts of a trade list that files and pages show.

    headline   : the list in one line.
    provenance : portfolio, policy, run, data and date that the list comes from.
    facts      : figures by name.
    tables     : by name, with the columns and units that their headers say.
    notes      : sentences on prices and holdings.
    """

    headline: str
    provenance: Mapping[str, str]
    facts: Mapping[str, str | float | bool]
    tables: Mapping[str, pd.DataFrame]
    notes: tuple[str, ...] = ()


def csv_text(content: Content) -> str:
    """The orders as CSV, with provenance in the last columns.

    A cell that a spreadsheet would run as a formula gets a quote.
    """
    table, buffer = content.tables["orders"], io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow([*table.columns, *content.provenance])
    for row in _records(table, content.provenance):
        rows.writerow([no_formula(cell) for cell in row.values()])
    return buffer.getvalue()


def json_text(content: Content) -> str:
    """Provenance, figures and tables; each row carries the provenance as well."""
    tables = {name: _records(table, content.provenance) for name, table in content.tables.items()}
    whole = {**content.provenance, **content.facts, "notes": list(content.notes), **tables}
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _records(table: pd.DataFrame, provenance: Mapping[str, str]) -> list[dict[str, Any]]:
    rows = table.to_dict("records")
    return [{str(column): _plain(value) for column, value in row.items()} | dict(provenance) for row in rows]


def _plain(value: Any) -> Any:
    """A cell as a plain JSON value: a whole number without a decimal point, NaN as None."""
    if not isinstance(value, float):
        return value
    if math.isnan(value):
        return None
    return int(value) if value.is_integer() else round(value, DECIMALS)


def no_formula(cell: Any) -> Any:
    """A cell of a CSV; text that a spreadsheet would run as a formula gets a quote before it.

    >>> no_formula("=cmd()"), no_formula("SPY"), no_formula(-1.5)
    ("'=cmd()", 'SPY', -1.5)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
