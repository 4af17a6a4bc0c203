"""Lengths of time in a portfolio file, in rows of its market: `window: 3y` as a number of rows, and defaults.

The defaults of rules, allocations and forecasts are stated in sessions. A market of weeks or months takes as many rows
as span the time of a momentum, a wait or a forecast's horizon; an estimate takes the rows that
`research.market.frequency` says, and a lookback or a half-life of an estimate changes in proportion to these. A field
whose name would mislead states its length itself: `field(default=0.25, metadata={"length": "years"})` is none of rows.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any

from research.market.frequency import is_daily, sample_rows, span_rows
from research.portfolio.file.document import Document
from research.portfolio.file.strict_yaml import KeyPath

LENGTHS = {  # setting -> what its rows follow; the metadata of a field, {"length": ...}, say another length
    **dict.fromkeys(("window", "estimate", "scenarios"), "estimate"),
    **dict.fromkeys(("half_life", "lookback"), "share"),  # of an estimate: in proportion to its rows
    **dict.fromkeys(("horizon", "momentum", "reversion", "averages", "wait"), "span"),
}
IN_ROWS_OR_YEARS = {*LENGTHS, "returns", "skip"} - {"horizon"}  # that may state years
LENGTH_SECTIONS = ("policies", "forecasts")
DAYS = 252  # of the estimate to which a half-life is in proportion
FIT = 252  # rows: a model whose parameters are fitted needs as many, whatever a row is
STATED_YEARS = re.compile(r"(\d+(?:\.\d+)?)y")


class RowsOfYears(int):
    """A number of rows that a file states in years.  text : as it states them."""

    text: str


def in_rows(document: Document, periods_per_year: float) -> Document:
    """The document, whose lengths of policies and forecasts that state years, such as `3y`, are numbers of rows.

    Raises : ConfigError for years that are less than one row.
    """
    tree = {key: _rows(document, (key,), value, periods_per_year) for key, value in document.tree.items()}
    return replace(document, tree=document.tree | {key: tree[key] for key in LENGTH_SECTIONS if key in tree})


def _rows(document: Document, path: KeyPath, value: Any, periods_per_year: float) -> Any:
    if isinstance(value, dict):
        return {key: _rows(document, (*path, key), below, periods_per_year) for key, below in value.items()}
    if isinstance(value, list):
        return [_rows(document, (*path, str(k)), item, periods_per_year) for k, item in enumerate(value)]
    key = next((each for each in reversed(path) if not each.isdigit()), "")
    if key not in IN_ROWS_OR_YEARS or not isinstance(value, str) or (years := STATED_YEARS.fullmatch(value)) is None:
        return value
    rows = RowsOfYears(round(float(years[1]) * periods_per_year))
    rows.text = value
    if rows < 1:
        what = f"less than a row of a market with {periods_per_year:g} rows a year"
        document.refuse(path, what, value, "Write more years, or a number of rows.")
    return rows


def check_in_rows(document: Document, path: KeyPath, cls: type, value: Any) -> None:
    """Refuse years for a setting of `cls`, at `path`, that counts no rows of the market. Raises ConfigError."""
    if isinstance(value, RowsOfYears) and not counts_rows(cls, path[-1]):
        unit = _units(cls)[path[-1]]
        document.refuse(path, f"counts {unit}, not rows of the market", value.text, f"Write a number of {unit}.")


def counts_rows(cls: type, name: str) -> bool:
    """True if a length among the settings of a class is a number of rows, and so may be stated in years."""
    return _units(cls).get(name, "") in {"", *_ROWS}


def _units(cls: type) -> dict[str, str]:
    """The units of the lengths of a class, or what their rows follow, by name; "" for other settings."""
    return {f.name: f.metadata.get("length", LENGTHS.get(f.name, "")) for f in fields(cls)}


def default_lengths(cls: type, periods_per_year: float, stated: Collection[str]) -> dict[str, Any]:
    """The defaults of a class that are lengths, in rows of a market of weeks or longer; none where rows are days.

    cls    : rule, allocation, forecast or regimes.
    stated : its settings that the file states.
    """
    if is_daily(periods_per_year):
        return {}
    made = {f.name: f.default_factory() for f in fields(cls) if f.default_factory is not MISSING}
    found = made | {f.name: f.default for f in fields(cls) if f.init and f.default is not MISSING}
    found = {name: value for name, value in found.items() if name not in stated}
    of = _units(cls)
    rows = {
        name: _scaled(value, _ROWS[of[name]], periods_per_year)
        for name, value in found.items()
        if of[name] in _ROWS and value is not None
    }
    rows |= {name: at_frequency(value, periods_per_year) for name, value in found.items() if is_dataclass(value)}
    return rows | ({"window": max(rows["window"], FIT)} if hasattr(cls, "fit") and "window" in rows else {})


def at_frequency(record: Any, periods_per_year: float) -> Any:
    """A rule, allocation or forecast of default lengths with these in rows of a market with so many rows a year."""
    return replace(record, **default_lengths(type(record), periods_per_year, ()))


def _share_rows(days: float, periods_per_year: float) -> float:
    return type(days)(days * sample_rows(DAYS, periods_per_year) / DAYS)


_ROWS = {"estimate": sample_rows, "share": _share_rows, "span": span_rows}


def _scaled(days: Any, rows_of: Callable[[float, float], float], periods_per_year: float) -> Any:
    """A length in rows; of several, those that differ, and of pairs, those whose first is the shorter."""
    if isinstance(days, tuple):
        rows = dict.fromkeys(_scaled(each, rows_of, periods_per_year) for each in days)
        return tuple(each for each in rows if not isinstance(each, tuple) or len(each) == 2)
    return rows_of(days, periods_per_year)
