"""A CSV file of exchange rates: a column `date` and one for each pair, or the columns `date`, `pair` and `rate`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arguments import LARGEST_NUMBER, SMALLEST_NUMBER
from foundation.arrays import frozen
from foundation.errors import DataError, InputFault, all_mistakes
from foundation.table_files import Row, TableText, fault, iso_day, plain_number, read_text
from research.market.currency import Quoted

PAIR_NAME = re.compile("[A-Z]{6}")
LONG_COLUMNS = ("date", "pair", "rate")  # columns of a file with one rate a row
PAIR_EXAMPLE = "such as EURUSD for US dollars per euro"


class _Quote(NamedTuple):
    """The pair, the day and the rate of a cell."""

    pair: str
    day: np.datetime64
    rate: float


def read_rate_file(path: Path) -> tuple[NDArray[np.datetime64], Quoted, tuple[str, ...]]:
    """The rates of a CSV file with commas.

    Returns : (D,) days in their order; by pair, its name and (D,) rates, NaN without; and what a reader must know.
    Raises : DataError for a file that cannot be read, for another header, and for rows that are wrong: no date, no
             number above zero, two rates of one pair and day; all of them in one message.
    """
    text = read_text(path)
    columns, rows = _table(text)
    found: dict[str, dict[np.datetime64, float]] = {}
    mistakes: list[InputFault] = []
    for line, cells in rows:
        for each in _quotes(path.name, line, columns, cells):
            if isinstance(each, InputFault):
                mistakes.append(each)
            elif each.day in found.get(each.pair, {}):
                what = f"a second rate of {each.pair} on {each.day}"
                mistakes.append(fault(path.name, line, "", what, each.rate, "Keep one of the two."))
            else:
                found.setdefault(each.pair, {})[each.day] = each.rate
    if mistakes:
        raise DataError(all_mistakes(path.name, mistakes))
    if not found:
        raise DataError(f"{path.name} has no rate. Give one row at least.")
    table = pd.DataFrame(found).sort_index()
    quoted = {(pair[:3], pair[3:]): (pair, frozen(table[pair].to_numpy())) for pair in found}
    return table.index.to_numpy().astype("datetime64[D]"), quoted, text.notes


def _table(text: TableText) -> tuple[list[str], list[Row]]:
    """The names of the columns, and the rows below them that are not empty."""
    lines = [(line, [cell.strip() for cell in cells]) for line, cells in text.rows()]
    (first, header), *rows = [(line, cells) for line, cells in lines if any(cells)] or [(1, [])]
    names = [name.casefold() for name in header]
    if names == list(LONG_COLUMNS):
        return names, rows
    columns = [name.replace("/", "") for name in header]
    odd = [name for name in columns[1:] if not PAIR_NAME.fullmatch(name) or columns.count(name) > 1]
    if len(columns) < 2 or names[0] != "date" or odd:
        fix = f"Write date and one column for each pair, {PAIR_EXAMPLE}, or {', '.join(LONG_COLUMNS)}."
        raise DataError(fault(text.name, first, "", "no header of rates", ", ".join(header), fix))
    return columns, rows


def _quotes(file: str, line: int, columns: list[str], cells: list[str]) -> Iterator[_Quote | InputFault]:
    """The rates of a row, and its faults; an empty cell below a pair is no rate."""
    if len(cells) != len(columns):
        yield fault(file, line, "", "another number of cells than of columns", len(cells), f"Give {len(columns)}.")
        return
    if (day := iso_day(cells[0])) is None:
        yield fault(file, line, "date", "no date", cells[0], "Write it as YYYY-MM-DD.")
        return
    is_long = columns == list(LONG_COLUMNS)
    pairs = [cells[1].replace("/", "")] if is_long else columns[1:]
    for column, pair, cell in zip(columns[-len(pairs) :], pairs, cells[-len(pairs) :], strict=True):
        rate = plain_number(cell)
        if not PAIR_NAME.fullmatch(pair):
            yield fault(file, line, "pair", "no pair of currencies", pair, f"Name it by two codes, {PAIR_EXAMPLE}.")
        elif rate is not None and SMALLEST_NUMBER <= rate <= LARGEST_NUMBER:
            yield _Quote(pair, day, rate)
        elif cell or is_long:
            yield fault(file, line, column, "no rate", cell, "Write a number above zero, such as 1.0650.")
