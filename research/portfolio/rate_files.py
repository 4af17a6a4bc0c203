"""A CSV file of exchange rates: a column `date` and one for each pair, or the columns `date`, `pair` and `rate`."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from research.arguments import LARGEST, SMALLEST, shown
from research.arrays import frozen
from research.errors import DataError, all_mistakes
from research.market.currency import Quoted
from research.portfolio.broker_tables import read_text

PAIR = re.compile("[A-Z]{6}")
LONG = ("date", "pair", "rate")  # columns of a file with one rate a row
EXAMPLE = "such as EURUSD for US dollars per euro"
Rows = list[tuple[int, list[str]]]  # with their lines in the file, from 1


class _Quote(NamedTuple):
    """A cell: where it stands, in words, its pair, its day and its rate."""

    place: str
    pair: str
    day: np.datetime64
    rate: float


def read_rate_file(path: Path) -> tuple[NDArray[np.datetime64], Quoted]:
    """(D,) days in their order, and by pair its name and (D,) rates, NaN without, from a CSV file with commas.

    Raises : DataError for a file that cannot be read, for another header, and for rows that are wrong: no date, no
             number above zero, two rates of one pair and day; all of them in one message.
    """
    columns, rows = _table(path)
    found: dict[str, dict[np.datetime64, float]] = {}
    mistakes: list[str] = []
    for line, cells in rows:
        for each in _quotes(f"{path.name}, row {line}", columns, cells):
            if isinstance(each, str):
                mistakes.append(each)
            elif each.day in found.get(each.pair, {}):
                what = f"a second rate of {each.pair} on {each.day}: found {each.rate:.10g}"
                mistakes.append(f"{each.place}: {what}. Keep one of the two.")
            else:
                found.setdefault(each.pair, {})[each.day] = each.rate
    if mistakes:
        raise DataError(all_mistakes(path.name, mistakes))
    if not found:
        raise DataError(f"{path.name} has no rate. Give one row at least.")
    table = pd.DataFrame(found).sort_index()
    quoted = {(pair[:3], pair[3:]): (pair, frozen(table[pair].to_numpy())) for pair in found}
    return table.index.to_numpy().astype("datetime64[D]"), quoted


def _table(path: Path) -> tuple[list[str], Rows]:
    """The names of the columns, and the rows below them that are not empty."""
    text, _ = read_text(path)
    try:
        lines = [(n, [cell.strip() for cell in row]) for n, row in enumerate(csv.reader(io.StringIO(text)), 1)]
    except csv.Error as error:
        raise DataError(f"{path.name} is no CSV file ({error}). Export it anew, with commas.") from error
    (first, header), *rows = [(n, row) for n, row in lines if any(row)] or [(1, [])]
    names = [name.casefold() for name in header]
    if names == list(LONG):
        return names, rows
    columns = [name.replace("/", "") for name in header]
    odd = [name for name in columns[1:] if not PAIR.fullmatch(name) or columns.count(name) > 1]
    if len(columns) < 2 or names[0] != "date" or odd:
        raise DataError(
            f"{path.name}, row {first}: no header of rates: found {shown(', '.join(header))}. Write date and one "
            f"column for each pair, {EXAMPLE}, or {', '.join(LONG)}."
        )
    return columns, rows


def _quotes(place: str, columns: list[str], cells: list[str]) -> Iterator[_Quote | str]:
    """The rates of a row, and in sentences what is wrong with it; an empty cell below a pair is no rate."""
    if len(cells) != len(columns):
        yield f"{place}: {len(cells)} cells under {len(columns)} columns. Correct it."
        return
    if (day := _day(cells[0])) is None:
        yield f"{place}, column 'date': no date: found {shown(cells[0])}. Write it as YYYY-MM-DD."
        return
    is_long = columns == list(LONG)
    pairs = [cells[1].replace("/", "")] if is_long else columns[1:]
    for column, pair, cell in zip(columns[-len(pairs) :], pairs, cells[-len(pairs) :], strict=True):
        if not PAIR.fullmatch(pair):
            what = f"no pair of currencies: found {shown(pair)}. Name it by two codes, {EXAMPLE}."
            yield f"{place}, column 'pair': {what}"
        elif (rate := _rate(cell)) is not None:
            yield _Quote(place, pair, day, rate)
        elif cell or is_long:
            what = f"no rate: found {shown(cell)}. Write a number above zero, such as 1.0650."
            yield f"{place}, column {column!r}: {what}"


def _rate(cell: str) -> float | None:
    """The rate of a cell, or None where it has none."""
    try:
        value = float(cell.replace("_", "no number"))
    except ValueError:
        return None
    return value if SMALLEST <= value <= LARGEST else None


def _day(text: str) -> np.datetime64 | None:
    try:
        return np.datetime64(date.fromisoformat(text), "D") if len(text) == len("2022-12-29") else None
    except ValueError:
        return None
