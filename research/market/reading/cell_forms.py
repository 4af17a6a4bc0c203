"""Days and numbers in columns of cells, whatever the form in which people write them.

A form is taken from a whole column and never from one cell: what reads two ways in every row is refused.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from numbers import Real
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from foundation.arguments import LARGEST_NUMBER
from foundation.arrays import Array
from foundation.errors import DataError
from foundation.table_files import cell_text, decimal_sign, fault, may_be_thousands, number
from research.market.calendars import Days
from research.market.currency import CURRENCIES, SIGNS
from research.market.rows import FIRST_DAY, HUNDREDTHS, LAST_DAY

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MIDNIGHT = re.compile(
    r"(?:[T ] ?(?:0?0:00(?::00(?:\.0+)?)?|12:00(?::00)? ?AM))(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?", re.IGNORECASE
)
TIME = re.compile(r"(.*[0-9])([T ] ?[0-9]{1,2}:[0-9]{2}.*)", re.IGNORECASE)
FORMS = {
    "year-month-day": re.compile(r"(?P<y>[0-9]{4})(?P<sign>[-/.])(?P<m>[0-9]{1,2})(?P=sign)(?P<d>[0-9]{1,2})"),
    "yearmonthday": re.compile(r"(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})"),
    "two ways": re.compile(r"(?P<p>[0-9]{1,2})(?P<sign>[-/.])(?P<q>[0-9]{1,2})(?P=sign)(?P<y>[0-9]{4})"),
    "day month year": re.compile(r"(?P<d>[0-9]{1,2})[ -]?(?P<m>[A-Za-z]{3})[a-z]*\.?,?[ -]?(?P<y>[0-9]{4})"),
    "month day, year": re.compile(r"(?P<m>[A-Za-z]{3})[a-z]*\.? (?P<d>[0-9]{1,2}),? (?P<y>[0-9]{4})"),
    "days since 1899-12-30": re.compile(r"(?P<serial>[1-9][0-9]{4})(?:\.0+)?"),
}
SERIAL_ORIGIN = date(1899, 12, 30).toordinal()  # of the serial days of spreadsheets, from March 1900 on
DATE_ORDERS = {"dmy": "day{0}month{0}year", "mdy": "month{0}day{0}year"}
NO_VALUE = frozenset(("na", "nan", ".", "#n/a n/a", "#n/a"))  # FRED writes a point, pandas nan
UNITS_APART = re.compile(r"\s*(GBp|ZAc|(?<=[0-9 ])[p%]$)\s*")  # which other tables of numbers do not have
MULTIPLES = {"K": 1e3, "M": 1e6, "B": 1e9}  # after a volume
PLAIN_SIGNS = {sign: frozenset("0123456789eE+-" + sign) for sign in ".,"}  # of numbers without separators
ONES = str.maketrans("123456789", "1" * 9)  # numbers of one shape prove the same
DATE_FIX = "Write dates as YYYY-MM-DD, and one form in all rows."


@dataclass(frozen=True, eq=False)
class Cells:
    """A column of a file.

    file    : name of the file.
    label   : its name in messages.
    lines   : (R,) the row of the file in which each cell stands.
    entries : (R,) texts without blanks around them, numbers, dates, or None.
    """

    file: str
    label: str
    lines: Sequence[int]
    entries: Any

    def refuse(self, row: int, what: str, fix: str) -> NoReturn:
        """Raise DataError for a cell, with its place and value."""
        values = self.entries
        found = values.iloc[row] if isinstance(values, pd.Series) else values[row]
        raise DataError(fault(self.file, self.lines[row], self.label, what, found, fix))


# -- days ------------------------------------------------------------------------------------------------------------


def reads_as_day(value: object) -> bool:
    """True if a cell may be a day in one of the known forms.

    >>> [reads_as_day(text) for text in ("29.12.2022", "20221229", "Dec 29, 2022", "44924", "SPY", "383.44")]
    [True, True, True, True, False, False]
    """
    return bool(_form(value)[0])


def days_of(cells: Cells, order: str | None = None) -> tuple[Days, str]:
    """(R,) the days of a column, and their form in words.

    order  : "dmy" or "mdy", for dates such as 03/04/2020; None where one of the dates tells which it is.
    Raises : DataError for a cell that is no day, carries a time, or is written otherwise than the first, and for dates
             that read two ways in every row.
    """
    column = cells.entries if isinstance(cells.entries, pd.Series) else pd.Series(cells.entries, dtype=object)
    codes, unique = pd.factorize(column)
    if (codes < 0).any():
        cells.refuse(int(np.argmax(codes < 0)), "no date", DATE_FIX)
    rows = [int(row) for row in np.unique(codes, return_index=True)[1]]  # the first of each day
    parts = [_form(value) for value in unique]
    form = parts[0][0]
    for row, (own, _) in zip(rows, parts, strict=True):
        if own == "time":
            cells.refuse(row, "a date carries a time", "Give one row a session, dated without a time.")
        if not own or own != form:
            cells.refuse(row, "a date of another form than the first" if own and form else "no date", DATE_FIX)
    keys = [key for _, key in parts]
    if form.startswith("two ways"):
        keys, form = _ordered(cells, rows, keys, form[-1], order)
    days = []
    for row, key in zip(rows, keys, strict=True):
        try:
            days.append(pd.Timestamp(date(*key) if len(key) == 3 else date.fromordinal(SERIAL_ORIGIN + key[0])))
        except ValueError:
            cells.refuse(row, f"no date as {form}", "Correct it; `dates` states the order, dmy or mdy.")
        if not FIRST_DAY <= days[-1] <= LAST_DAY:
            cells.refuse(row, "a date out of bounds", f"Give dates of {FIRST_DAY.year} to {LAST_DAY.year}.")
    return pd.DatetimeIndex(days).to_numpy().astype("datetime64[D]")[codes], form


def _ordered(
    cells: Cells, rows: Sequence[int], keys: Sequence[tuple[int, ...]], sign: str, order: str | None
) -> tuple[list[tuple[int, ...]], str]:
    """Year, month and day of each key, two numbers and a year, and the order in words."""
    proofs = {
        name: [row for row, key in zip(rows, keys, strict=True) if key[k] > 12] for k, name in enumerate(DATE_ORDERS)
    }
    if all(proofs.values()):
        what = "day and month stand in another order than in rows above"
        cells.refuse(max(first for first, *_ in proofs.values()), what, DATE_FIX)
    proved = order or next((name for name in DATE_ORDERS if proofs[name]), None)
    both = [row for row, key in zip(rows, keys, strict=True) if key[0] != key[1]]
    if proved is None and sign != "." and both:
        what = "all dates read two ways, as day and month or as month and day"
        cells.refuse(both[0], what, "State dmy or mdy as `dates` (`rebalance data import --dates`).")
    order = proved or "dmy"
    return [(y, q, p) if order == "dmy" else (y, p, q) for p, q, y in keys], DATE_ORDERS[order].format(sign)


def _form(value: object) -> tuple[str, tuple[int, ...]]:
    """The form of a cell's day, "" where it is none and "time" where it has one, and its numbers."""
    if isinstance(value, date):
        timed = isinstance(value, datetime) and value.time() != datetime.min.time()
        return "time" if timed else "cells of dates", (value.year, value.month, value.day)
    text = f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value).strip()
    if (parted := TIME.fullmatch(text)) is not None:
        text = parted[1]
        if not MIDNIGHT.fullmatch(parted[2]):
            return "time", ()
    for form, written in FORMS.items():
        if match := written.fullmatch(text):
            found = match.groupdict()
            if "serial" in found:
                return form, (int(found["serial"]),)
            if "p" in found:
                return f"{form} {found['sign']}", (int(found["p"]), int(found["q"]), int(found["y"]))
            month = found["m"].casefold()
            if not month.isdigit() and month not in MONTHS:
                return "", ()
            return form, (int(found["y"]), MONTHS.index(month) + 1 if month in MONTHS else int(month), int(found["d"]))
    return "", ()


# -- numbers ---------------------------------------------------------------------------------------------------------


def decimal_of(columns: Iterable[Cells], delimiter: str) -> tuple[str, str]:
    """The decimal sign of all numbers of a file, and a note about it.  Raises DataError where it reads two ways."""
    shapes, name = dict[str, str](), ""
    for column in columns:
        name = column.file
        if not isinstance(column.entries, pd.Series) or column.entries.dtype == object:
            shapes |= {text.translate(ONES): text for text in column.entries if isinstance(text, str)}
    texts = (re.sub("[KMB]$", "", UNITS_APART.sub("", text)) for text in shapes.values())
    return decimal_sign(texts, name, delimiter, 'State "." or "," as `decimal` (`rebalance data import --decimal`)')


def numbers_of(cells: Cells, decimal: str, are_volumes: bool = False) -> tuple[Array, str]:
    """(R,) the numbers of a column, NaN where it is empty, and their sign or code of a unit, "" without one.

    Percents become fractions.

    decimal     : the sign before decimals, "." or ",".
    are_volumes : true if 1.2M may stand for 1,200,000.
    Raises      : DataError for a cell that is no number, for one that reads two ways beside others, and for two units.
    """
    array, unit = _read_numbers(cells, decimal, are_volumes)
    if (large := np.abs(array) > LARGEST_NUMBER).any():
        cells.refuse(
            int(np.argmax(large)), "too large a number", f"Give at most {LARGEST_NUMBER:g}, or leave it empty."
        )
    return array, unit


def _read_numbers(cells: Cells, decimal: str, are_volumes: bool) -> tuple[Array, str]:
    entries = cells.entries
    if isinstance(entries, pd.Series) and entries.dtype.kind in "iuf":
        return entries.to_numpy(dtype=float, na_value=np.nan), ""
    if (plain := _plain_numbers(entries, decimal)) is not None:
        return plain, ""
    array, units = np.full(len(entries), np.nan), dict[str, int]()
    for row, entry in enumerate(entries):
        try:
            array[row], unit = _number(entry, decimal, are_volumes)
        except ValueError:
            cells.refuse(row, "not a number", f"Write it with {decimal!r} before its decimals, or leave it empty.")
        if not np.isnan(array[row]):
            units.setdefault(unit, row)
    if len(units) > 1 and (len(units) > 2 or "" not in units or not units.keys() - {""} <= SIGNS.keys()):
        cells.refuse(max(units.values()), "another unit than in rows above", "Give one unit to all cells of a column.")
    _check_groups(cells, decimal)
    return array, next(iter(units.keys() - {""}), "")


def _plain_numbers(entries: Sequence[Any], decimal: str) -> Array | None:
    """(R,) the numbers where all cells are empty or without separators and signs of units, else None."""
    try:
        if set("".join(entries)) <= PLAIN_SIGNS[decimal]:
            return np.array([float(text.replace(",", ".")) if text else np.nan for text in entries])
    except (TypeError, ValueError):
        pass
    return None


def _number(value: Any, decimal: str, is_volume: bool) -> tuple[float, str]:
    """A number and its unit, NaN where there is none.  Raises ValueError for what is no number."""
    if not isinstance(value, str):
        if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal):
            raise ValueError(value)
        return float(value), ""
    text = cell_text(value)
    if text.casefold() in NO_VALUE:
        return np.nan, ""
    scale, unit = 1.0, ""
    if is_volume and text[-1:] in MULTIPLES and text[-2:-1].isdigit():
        text, scale = text[:-1], MULTIPLES[text[-1]]
    elif marked := UNITS_APART.search(text):
        text, unit = UNITS_APART.sub("", text, count=1), "GBp" if marked[1] == "p" else marked[1]
    if (read := number(text, decimal)) is None:
        if unit:
            raise ValueError(value)
        return np.nan, ""
    if read.unit and (unit or read.unit not in {*SIGNS, *CURRENCIES, *HUNDREDTHS}):
        raise ValueError(value)
    return (read.value / 100.0 if unit == "%" else read.value * scale), unit or read.unit


def _check_groups(cells: Cells, decimal: str) -> None:
    """Refuse 1,234 beside 1.25 where no number, such as 1,234.50, proves that thousands are separated."""
    texts = {row: text for row, text in enumerate(cells.entries) if isinstance(text, str)}
    group = "," if decimal == "." else "."
    grouped = [row for row, text in texts.items() if group in text]
    has_decimals = any(decimal in text for text in texts.values())
    if grouped and has_decimals and all(may_be_thousands(texts[row], group) for row in grouped):
        cells.refuse(grouped[0], f"a number with {group!r} beside others with {decimal!r}", "Write it as the others.")
