"""A CSV file of accounts: its columns, its rows, and what is wrong in a row, told at once.

A file has the columns `account`, `model` (path of a portfolio file), `cash` in the basis of the model, or one for each
currency such as `cash_EUR`, or both; perhaps `last_trade`; and one for each asset with the units held.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from research.arguments import LARGEST, cut, is_number, shown
from research.errors import ConfigError
from research.printable import has_unseen

ACCOUNT, MODEL, CASH, LAST_TRADE = NAMED = ("account", "model", "cash", "last_trade")
NEEDED = NAMED[:3]
OF_CURRENCY = re.compile(f"{CASH}_([A-Z]{{3}})")  # the name of a column of cash in a currency
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")  # such as 1.000, which may be a thousand
PLAIN_NUMBER = "Write a plain number, such as 1250.40."
Cells = tuple[str, ...]
Row = tuple[int, Cells]  # its number in the file, where the header is row 1, and its cells


@dataclass(frozen=True)
class AccountsFile:
    """The columns of a file of accounts.

    path     : of the file.
    columns  : of its header.
    count    : number of accounts.
    repeated : the rows of each account that has more than one.
    """

    path: Path
    columns: Cells
    count: int
    repeated: Mapping[str, tuple[int, ...]]

    @classmethod
    def read(cls, path: Path) -> "AccountsFile":
        """Read a file once, for its header and the names of its accounts.

        Raises : ConfigError for a file that is no CSV in UTF-8 or has no rows, for a column that is missing, without a
                 name, or there twice.
        """
        found: dict[str, list[int]] = {}
        with _csv(path) as rows:
            _, columns = next(rows, (1, ()))
            _check_columns(path, columns)
            place = columns.index(ACCOUNT)
            count = 0
            for number, cells in rows:
                count += 1
                if place < len(cells) and cells[place]:
                    found.setdefault(cells[place], []).append(number)
        if count == 0:
            raise ConfigError(f"{path} has a header and no accounts: add one row an account.")
        return cls(path, columns, count, {name: tuple(rows) for name, rows in found.items() if len(rows) > 1})

    @cached_property
    def cash_columns(self) -> dict[str, str]:
        """By currency, the name of its column of cash; empty for a file with cash in the basis alone."""
        found = {column: OF_CURRENCY.fullmatch(column) for column in self.columns}
        return {match[1]: column for column, match in found.items() if match}

    @property
    def assets(self) -> Cells:
        """The columns of units."""
        return tuple(c for c in self.columns if c not in NAMED and c not in self.cash_columns.values())

    def rows(self) -> Iterator[Row]:
        """Its accounts one after the other, in the order of the file."""
        with _csv(self.path) as rows:
            next(rows)
            yield from rows


# -- parts ---------------------------------------------------------------------------------------------------------


class RowFaults:
    """What is wrong in a row, told at once."""

    def __init__(self, path: Path, row: int) -> None:
        self.path, self.row, self.found = path, row, list[str]()

    def add(self, column: str, what: str, value: object, fix: str) -> None:
        """One mistake: its column, what is wrong, the value found, how to mend it."""
        self.found.append(f"{cut(column)}: {what} ({self.path}, row {self.row}): found {shown(value)}. {fix}")

    def end(self) -> None:
        """Raise ConfigError where there is a mistake."""
        if self.found:
            raise ConfigError(" ".join(self.found))

    def number(self, column: str, cell: str, *, signed: bool = False) -> float:
        """A number that is not negative but where it may be; zero where there is a mistake."""
        try:
            value = float(cell.replace("_", "no number"))
        except ValueError:
            value = np.nan
        if not is_number(value):
            self.add(column, "not a number", cell, PLAIN_NUMBER)
        elif value < 0.0 and not signed:
            what = "negative cash" if column == CASH else "negative units: accounts hold nothing short"
            self.add(column, what, cell, "Give a number that is at least 0.")
        elif column.startswith(CASH) and THOUSANDS.fullmatch(cell):
            fix = f"Write {cell.replace('.', '')} or {cell[:-1]}."
            self.add(column, "a thousand with a point, or an amount with three decimals", cell, fix)
        elif abs(value) > LARGEST:
            self.add(column, "out of bounds", cell, f"Give a number that is at most {LARGEST:g}.")
        else:
            return value
        return 0.0

    def day(self, column: str, cell: str) -> pd.Timestamp | None:
        """A date written YYYY-MM-DD; None for an empty cell, and where there is a mistake."""
        if not cell:
            return None
        try:
            return pd.Timestamp(date.fromisoformat(cell if len(cell) == 10 else ""))
        except ValueError:
            self.add(column, "not a date", cell, "Write it as YYYY-MM-DD.")
            return None


def _check_columns(path: Path, columns: Cells) -> None:
    faults = RowFaults(path, 1)
    by_currency = any(OF_CURRENCY.fullmatch(name) for name in columns)
    for name in NEEDED:
        if name not in columns and not (name == CASH and by_currency):
            faults.add(name, "missing column", ", ".join(columns), f"Begin the header with {', '.join(NEEDED)}.")
    for place, name in enumerate(columns):
        if not name:
            faults.add(f"column {place + 1}", "no name", name, "Name the column after its asset, or remove it.")
        elif name in columns[:place]:
            faults.add(name, "two columns of one name", name, "Keep one of them.")
        elif name.startswith(f"{CASH}_") and not OF_CURRENCY.fullmatch(name):
            faults.add(name, "no currency", name, f"Write its code of three capital letters, such as {CASH}_EUR.")
    faults.end()


@contextmanager
def _csv(path: Path) -> Iterator[Iterator[Row]]:
    """The rows of a file with their numbers, without those that are empty; spaces round a cell do not count.

    Raises : ConfigError for what is no CSV in UTF-8, and for control characters and marks of direction in a cell.
    """

    def rows(opened: TextIO) -> Iterator[Row]:
        for number, cells in enumerate(csv.reader(opened, strict=True), 1):
            if odd := next((cell for cell in cells if has_unseen(cell)), ""):
                raise ConfigError(
                    f"{path}, row {number}: a character that is not printed: found {shown(odd)}. Remove it."
                )
            if any(cells):
                yield number, tuple(cell.strip() for cell in cells)

    try:
        with open(path, encoding="utf-8-sig", newline="") as opened:
            yield rows(opened)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} is no CSV file in UTF-8 ({error}): save it as one, with commas.") from error
