"""Columns of cells, and their numbers, whatever the form in which people write them.

The sign before decimals is taken from all columns of a table: what reads two ways in every row is refused.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from numbers import Real
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from foundation.arguments import LARGEST_NUMBER
from foundation.arrays import Array, Mask, within
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.table_files import decimal_sign, fault, may_be_thousands, number_of_cell, text_of_cell
from research.market.currency import CURRENCIES, SIGNS
from research.market.rows import HUNDREDTHS

NO_VALUE = frozenset(
    ("na", "n.a.", "n.a", "nan", "nat", "<na>", ".", "..", "#n/a n/a", "#n/a", "#value!", "n/d")
)  # FRED: .
UNITS_APART = re.compile(r"\s*(GBp|ZAc|(?<=[0-9 ])[p%]$)\s*")  # which other tables of numbers do not have
VOLUME_MULTIPLES = {"K": 1e3, "M": 1e6, "B": 1e9}  # after a volume
PLAIN_SIGNS = {sign: frozenset("0123456789eE+-" + sign) for sign in ".,"}  # of numbers without separators
FIRST_ROWS = 16  # that tell most columns without a step
POWERS = np.array([10.0**places for places in range(16)])
ONES = str.maketrans("123456789", "1" * 9)  # numbers of one shape prove the same


@dataclass(frozen=True, eq=False)
class Cells:
    """A column of a file.

    file    : name of the file.
    label   : its name in messages.
    lines   : (R,) the row of the file in which each cell stands: a list or an array.
    entries : (R,) texts without blanks around them, numbers, dates, or None: a list, a Series, or an array of numbers.
    names   : the names above it, from the top.
    """

    file: str
    label: str
    lines: Any
    entries: Any
    names: tuple[str, ...] = ()

    def entry(self, row: int) -> Any:
        """One entry."""
        return self.entries.iloc[row] if isinstance(self.entries, pd.Series) else self.entries[row]

    def refuse(self, row: int, what: str, fix: str) -> NoReturn:
        """Raise DataError for a cell, with its place and value."""
        found = self.entry(row)
        found = found.item() if isinstance(found, np.generic) else found
        raise DataError(fault(self.file, self.lines[row], self.label, what, found, fix))


# -- numbers ---------------------------------------------------------------------------------------------------------


def decimal_of(columns: Iterable[Cells], delimiter: str) -> tuple[str, str]:
    """The decimal sign of all numbers of a file, and a note about it.  Raises DataError where it reads two ways."""
    shapes, name = dict[str, str](), ""
    for column in columns:
        name, entries = column.file, column.entries
        if (
            delimiter == ","
            and _are_plain(entries, ".")
            and any("." in each and each[-4:-3] != "." for each in entries)
        ):
            return ".", ""  # one has other than three decimals
        if not isinstance(entries, pd.Series | np.ndarray) or entries.dtype == object:
            written = (text for text in entries if isinstance(text, str))
            shapes |= {text.translate(ONES): text for text in written if not text.isdecimal()}  # digits prove no sign
    texts = (re.sub("[KMB]$", "", UNITS_APART.sub("", text)) for text in shapes.values())
    return decimal_sign(texts, name, delimiter, 'State "." or "," as `decimal` (`rebalance data import --form`)')


def _are_plain(entries: Any, decimal: str) -> bool:
    """True where all cells are empty or texts without separators and signs of units."""
    try:
        return set("".join(entries)) <= PLAIN_SIGNS[decimal]
    except TypeError:
        return False


def numbers_of(cells: Cells, decimal: str, are_volumes: bool = False) -> tuple[Array, str]:
    """(R,) the numbers of a column, NaN where it is empty, and their sign or code of a unit, "" without one.

    Percents become fractions.

    decimal     : the sign before decimals, "." or ",".
    are_volumes : true if 1.2M may stand for 1,200,000.
    Raises      : DataError for a cell that is no number, for one that reads two ways beside others, and for two units.
    """
    array, unit = _plain_numbers(cells.entries, decimal), ""
    if array is None:
        array, unit = _marked_numbers(cells, decimal, are_volumes)
    if not within(array, -LARGEST_NUMBER, LARGEST_NUMBER):
        fix = f"Give at most {LARGEST_NUMBER:g}, or leave it empty."
        cells.refuse(int(np.argmax(np.abs(array) > LARGEST_NUMBER)), "too large a number", fix)
    return array, unit


def _plain_numbers(entries: Any, decimal: str) -> Array | None:
    """(R,) the numbers of a column that has no other cells than plain ones, else None."""
    if isinstance(entries, np.ndarray):
        return np.asarray(entries, dtype=float)
    if isinstance(entries, pd.Series) and entries.dtype.kind in "iuf":
        plain = isinstance(entries.dtype, np.dtype)  # in which no missing value is of another kind
        return entries.to_numpy(dtype=float) if plain else entries.to_numpy(dtype=float, na_value=np.nan)
    if _are_plain(entries, decimal):
        texts = entries if decimal == "." else [text.replace(",", ".") for text in entries]
        with suppress(ValueError):
            return np.array([float(text) if text else np.nan for text in texts])
    return None


def _marked_numbers(cells: Cells, decimal: str, are_volumes: bool) -> tuple[Array, str]:
    array, units = np.full(len(cells.entries), np.nan), dict[str, int]()
    for row, entry in enumerate(cells.entries):
        try:
            array[row], unit = _number(entry, decimal, are_volumes)
        except ValueError:
            cells.refuse(row, "not a number", f"Write it with {decimal!r} before its decimals, or leave it empty.")
        if not np.isnan(array[row]):
            units.setdefault(unit, row)
    if len(units) > 1 and (len(units) > 2 or "" not in units or not units.keys() - {""} <= SIGNS.keys()):
        cells.refuse(max(units.values()), "another unit than in rows above", "Give one unit to all cells of a column.")
    texts = {row: text for row, text in enumerate(cells.entries) if isinstance(text, str)}
    group = "," if decimal == "." else "."
    grouped = [row for row, text in texts.items() if group in text]
    has_decimals = any(decimal in text for text in texts.values())
    if grouped and has_decimals and all(may_be_thousands(texts[row], group) for row in grouped):  # none is 1,234.50
        cells.refuse(grouped[0], f"a number with {group!r} beside others with {decimal!r}", "Write it as the others.")
    return array, next(iter(units.keys() - {""}), "")


def _number(value: Any, decimal: str, is_volume: bool) -> tuple[float, str]:
    """A number and its unit, NaN where there is none.  Raises ValueError for what is no number."""
    if not isinstance(value, str):
        if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal):
            raise ValueError(value)
        return float(value), ""
    text = text_of_cell(value)
    if text.casefold() in NO_VALUE:
        return np.nan, ""
    scale, unit = 1.0, ""
    if is_volume and text[-1:] in VOLUME_MULTIPLES and text[-2:-1].isdigit():
        text, scale = text[:-1], VOLUME_MULTIPLES[text[-1]]
    elif marked := UNITS_APART.search(text):
        text, unit = UNITS_APART.sub("", text, count=1), "GBp" if marked[1] == "p" else marked[1]
    if (read := number_of_cell(text, decimal)) is None:
        if unit:
            raise ValueError(value)
        return np.nan, ""
    if read.unit and (unit or read.unit not in {*SIGNS, *CURRENCIES, *HUNDREDTHS}):
        raise ValueError(value)
    return (read.value / 100.0 if unit == "%" else read.value * scale), unit or read.unit


def step_of(values: Array, decimals: int, absolute: float, relative: float = 0.0) -> float:
    """The power of ten of which all values (R,) are multiples, 0 where they have more than so many decimals.

    absolute, relative : how far a multiple of the step may be from a whole one; the larger of the two counts.
    """
    may_be = np.flatnonzero(_are_whole(values[:FIRST_ROWS, None] * POWERS[: decimals + 1], absolute, relative)).tolist()
    fits = (places for places in may_be if _are_whole(values * POWERS[places], absolute, relative))
    return next((float(10.0**-places) for places in fits), 0.0)


def largest_steps(values: Array, decimals: int, absolute: float, relative: float = 0.0) -> Array:
    """(n,) the step of the first rows of each column of values (R, n): that of all rows (`step_of`) is no larger."""
    may_be = _are_whole(values[:FIRST_ROWS, :, None] * POWERS[: decimals + 1], absolute, relative)
    return np.where(may_be.any(axis=1), 1.0 / POWERS[np.argmax(may_be, axis=1)], 0.0)


def _are_whole(scaled: Array, absolute: float, relative: float) -> Mask:
    near = np.abs(scaled - np.round(scaled)) <= np.maximum(absolute, relative * np.abs(scaled))
    return np.asarray(near.all(axis=0))
