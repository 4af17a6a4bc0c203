"""A trade list as CSV, JSON, HTML and text: stable bytes, names escaped, files written whole or not at all."""

import csv
import io
import json
import math
import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

MONEY = ("notional", "cost", "value")
WEIGHTS = ("weight_before", "weight_after", "weight", "target")
TEXTS = ("side", "asset", "aim", "reason")
IN_FILES_ONLY = ("commission", "half_spread", "price_date")  # shown in the line on money, and in the caption
FORMULA = ("=", "+", "-", "@", "\t", "\r")
DECIMALS = 10  # of a fraction or a price in a file
CAPTIONS = {"orders": "Orders, sells first", "held": "Held", "would_trade": "What trading to target today would be"}


class Content(NamedTuple):
    """What the formats show of a trade list: a line, what it traces back to, figures, and tables by name."""

    headline: str
    provenance: Mapping[str, str]
    facts: Mapping[str, str | float | bool]
    tables: Mapping[str, pd.DataFrame]


# -- files -----------------------------------------------------------------------------------------------------------


def write(path: str | Path, text: str) -> Path:
    """Write beside the path and rename: a reader finds the old file or the new one, never a part of one."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def csv_text(content: Content) -> str:
    """The orders, provenance in the last columns. A name that a spreadsheet would take for a formula gets a quote."""
    table, buffer = content.tables["orders"], io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow([*table.columns, *content.provenance])
    for row in _records(table, content.provenance):
        rows.writerow([_no_formula(cell) for cell in row.values()])
    return buffer.getvalue()


def json_text(content: Content) -> str:
    """Provenance, figures and tables; each row carries the provenance as well."""
    tables = {name: _records(table, content.provenance) for name, table in content.tables.items()}
    whole = {**content.provenance, **content.facts, **tables}
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _records(table: pd.DataFrame, provenance: Mapping[str, str]) -> list[dict[str, Any]]:
    rows = table.to_dict("records")
    return [{str(column): _plain(value) for column, value in row.items()} | dict(provenance) for row in rows]


def _plain(value: Any) -> Any:
    """A cell as a plain JSON value: a whole number without a point, no number as None."""
    if not isinstance(value, float):
        return value
    if math.isnan(value):
        return None
    return int(value) if value.is_integer() else round(value, DECIMALS)


def _no_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


# -- for the eye -----------------------------------------------------------------------------------------------------


def text(content: Content) -> str:
    """The list as plain text: a title, the headline, a table each, and what becomes of cash."""
    origin = content.provenance
    lines = [f"Trade list of {origin['portfolio']!r} by policy {origin['policy']!r}, as of {origin['as_of']}"]
    lines += [content.headline, *_reason(content)]
    for name, table in content.tables.items():
        if len(table):
            lines += ["", CAPTIONS[name], *_text_rows(_shown(content, name))]
    return "\n".join([*lines, "", _money(content), _trace(content)])


def html(content: Content) -> str:
    """The list as `section.trade-list`, with `table.orders`, `table.held` and `table.would-trade`."""
    blocks = [f'<p class="headline">{escape(content.headline)}</p>']
    blocks += [f'<p class="reason">{escape(reason)}</p>' for reason in _reason(content)]
    blocks += [_html_table(name, _shown(content, name)) for name, table in content.tables.items() if len(table)]
    blocks += [
        f'<p class="money">{escape(_money(content))}</p>',
        f'<p class="provenance">{escape(_trace(content))}</p>',
    ]
    return '<section class="trade-list">\n' + "\n".join(blocks) + "\n</section>\n"


def _shown(content: Content, name: str) -> dict[str, list[str]]:
    """Column -> cells as they are shown, without empty columns and without a reason that all lines share."""
    table = content.tables[name]
    hidden = IN_FILES_ONLY if name == "held" and not content.facts["holds"] else (*IN_FILES_ONLY, "reason")
    columns = [column for column in map(str, table.columns) if column not in hidden and table[column].notna().any()]
    return {column: [_cell(column, value) for value in table[column]] for column in columns}


def _cell(column: str, value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return ""
    if column in WEIGHTS:
        return f"{value:.2%}"
    if column == "gap":
        return f"{value * 100.0:+.2f}"
    return f"{value:,.10g}" if column == "units" else f"{value:,.2f}"


def _title(column: str) -> str:
    return column.replace("_", " ")


def _text_rows(columns: Mapping[str, list[str]]) -> list[str]:
    padded = []
    for name, cells in columns.items():
        width = max(map(len, (name, *cells)))
        padded.append([c.ljust(width) if name in TEXTS else c.rjust(width) for c in (_title(name), *cells)])
    return ["  ".join(row).rstrip() for row in zip(*padded, strict=True)]


def _html_table(name: str, columns: Mapping[str, list[str]]) -> str:
    kinds = ["text" if column in TEXTS else "number" for column in columns]
    head = "".join(
        f'<th scope="col" class="{kind}">{escape(_title(column))}</th>'
        for column, kind in zip(columns, kinds, strict=True)
    )
    rows = [
        "".join(f'<td class="{kind}">{escape(cell)}</td>' for cell, kind in zip(row, kinds, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    parts = (
        f'<table class="{name.replace("_", "-")}">',
        f"<caption>{CAPTIONS[name]}</caption>",
        f"<thead><tr>{head}</tr></thead>",
        f"<tbody>\n{body}\n</tbody>",
        "</table>",
    )
    return "\n".join(parts)


def _reason(content: Content) -> list[str]:
    """The reason of a list that trades; one that holds has it in the headline."""
    return [f"Reason: {content.facts['reason']}."] if len(content.tables["orders"]) else []


def _money(content: Content) -> str:
    """What becomes of cash and wealth, in a line."""
    facts = content.facts
    return (
        f"Cash {facts['cash_before']:,.2f} + sells {facts['sells']:,.2f} − buys {facts['buys']:,.2f} − commission "
        f"{facts['commission']:,.2f} − half-spread {facts['half_spread']:,.2f} = {facts['cash_after']:,.2f} "
        f"{facts['basis']}. NAV {facts['nav_before']:,.2f}, after {facts['nav_after']:,.2f}. Turnover "
        f"{facts['turnover']:.2%}."
    )


def _trace(content: Content) -> str:
    """What the list traces back to, in a line."""
    origin = content.provenance
    run = f"run {origin['run']}, " if origin["run"] else ""
    source = f"From {origin['file']}, policy {origin['policy']}, {run}"
    return f"{source}closes of {origin['as_of']}, data {origin['data'][:16]}."
