"""A CSV file of accounts: its columns, its rows, and all faults of a row, raised together.

A file has the columns `account`, `model` (path of a portfolio file), `cash` in the basis of the model, or one for each
currency such as `cash_EUR`, or both; perhaps `last_trade`, `deposit` and `withdraw` (money that comes in or goes out),
`side` (buy or sell alone), `realised` (gains of this year, of accounts with tax lots), `gain_budget` and limits of the
orders in place of those of the model (`account_limits`); and one for each asset with the units held. Commas stand
between its cells, or semicolons, tabs or bars; decimals are after a point, or after a comma where the numbers show it.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Protocol

import pandas as pd

from foundation.arguments import LARGEST_NUMBER, cut
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, InputFault, InputFaults, all_mistakes
from foundation.table_files import (
    DELIMITERS,
    STYLES,
    TableText,
    decimal_signs,
    fault,
    is_below,
    iso_day,
    may_be_thousands,
    plain_number,
    read_text,
)

ACCOUNTS = ".csv"  # ends the name of a file of accounts
YAML = (".yaml", ".yml")  # ends the name of a model
ACCOUNT, MODEL, CASH_COLUMN, LAST_TRADE = FIRST_COLUMNS = ("account", "model", "cash", "last_trade")
DEPOSIT, WITHDRAW, SIDE_COLUMN, REALISED, GAIN_BUDGET = REQUEST_COLUMNS = (
    "deposit", "withdraw", "side", "realised", "gain_budget",
)  # fmt: skip
ORDER_LIMITS = ("reserve_bps", "most", "turnover", "participation", "minimum_trade")  # in place of those of the model
COLUMNS_READ = FIRST_COLUMNS + REQUEST_COLUMNS + ORDER_LIMITS
NEEDED = FIRST_COLUMNS[:3]
CASH_OF_CURRENCY = re.compile(f"{CASH_COLUMN}_([A-Z]{{3}})")  # the name of a column of cash in a currency
MOST_BYTES, MOST_OF_HEADER = 300_000_000, 1_000_000  # bytes of a file; characters of its header
PLAIN_NUMBER = "Write a plain number, such as 1250.40."
Cells = tuple[str, ...]
Row = tuple[int, Cells]  # its number in the file, where the header is row 1, and its cells


class Decimals(Protocol):
    """A file that says whether a number of it proves that its decimal sign is a point."""

    @property
    def has_decimal_points(self) -> bool:
        """True if one does."""
        ...


@dataclass(frozen=True)
class LotsFile:
    """A CSV file with the tax lots of accounts: its path, the columns of its header, and the sign of its decimals."""

    path: Path
    columns: Cells
    has_decimal_points: bool


@dataclass(frozen=True)
class AccountsFile:
    """The columns of a file of accounts.

    path     : path of the file.
    columns  : columns of its header.
    count    : number of accounts.
    repeated : the rows of each account that has more than one.
    notes    : notes on the file, in sentences.
    lots     : file with the tax lots of its accounts, or None.
    """

    path: Path
    columns: Cells
    count: int
    repeated: Mapping[str, tuple[int, ...]]
    notes: tuple[str, ...] = ()
    lots: LotsFile | None = None

    @classmethod
    def read(cls, path: Path) -> "AccountsFile":
        """Read a file once, for its header and the names of its accounts.

        Raises : DataError for a file that is no CSV in UTF-8; ConfigError for one without rows, for a column that is
                 missing, without a name, or there twice.
        """
        found: dict[str, list[int]] = {}
        text = read_text(path, MOST_BYTES)
        rows = table_rows(text)
        _, columns = next(rows, (1, ()))
        _check_columns(path, columns)
        place, count = columns.index(ACCOUNT), 0
        for number, cells in rows:
            count += 1
            if place < len(cells) and cells[place]:
                found.setdefault(cells[place], []).append(number)
        if count == 0:
            raise ConfigError(f"{path} has a header and no accounts. Add one row an account.")
        repeated = {name: tuple(rows) for name, rows in found.items() if len(rows) > 1}
        return cls(path, columns, count, repeated, text.notes)

    @cached_property
    def cash_columns(self) -> dict[str, str]:
        """The name of the column of cash of each currency; empty for a file with cash in the basis alone."""
        found = {column: CASH_OF_CURRENCY.fullmatch(column) for column in self.columns}
        return {match[1]: column for column, match in found.items() if match}

    @property
    def models(self) -> Cells:
        """The models of its accounts, in the order of the file."""
        place = self.columns.index(MODEL)
        return tuple(dict.fromkeys(cells[place] for _, cells in self.rows() if place < len(cells)))

    def model_path(self, cell: str) -> Path:
        """The path of the model that a cell names, from the folder of the file.

        Raises : ConfigError for what is no portfolio file below that folder or the current one, or is not there.
        """
        folder = self.path.parent
        path = folder / cell
        if not is_below(path, folder, Path.cwd()) or path.suffix not in YAML:
            raise ConfigError(
                f"a model is a portfolio file, .yaml, below {folder} or the current folder, and {cut(cell)} is none"
            )
        if not path.is_file():
            raise ConfigError(f"there is no file {path}, as seen from the file of the accounts")
        return path

    @property
    def assets(self) -> Cells:
        """The columns of units."""
        return tuple(c for c in self.columns if c not in COLUMNS_READ and c not in self.cash_columns.values())

    def rows(self) -> Iterator[Row]:
        """Its accounts one after the other, in the order of the file, their numbers with a point before decimals."""
        for number, cells in self._written():
            if self.decimal == ",":
                given = [
                    self._number_at(k) and STYLES[","].fullmatch(cell.lstrip("+-")) for k, cell in enumerate(cells)
                ]
                plain = (cell.replace(".", "").replace(",", ".") for cell in cells)
                cells = tuple(new if is_one else old for is_one, new, old in zip(given, plain, cells, strict=True))
            yield number, cells

    @cached_property
    def decimal(self) -> str:
        """The sign before decimals as the file is written: a comma where its numbers prove no other, else a point."""
        has_commas = any("," in cell for cell in self._numbers(self._written()))
        return "," if has_commas and decimal_signs(self._numbers(self._written()))[0] == {","} else "."

    @cached_property
    def has_decimal_points(self) -> bool:
        """True if a number of the file proves that its decimal sign is a point."""
        return any(decimal_signs([cell])[0] == {"."} for cell in self._numbers(self.rows()) if "." in cell)

    def _written(self) -> Iterator[Row]:
        return islice(table_rows(read_text(self.path, MOST_BYTES)), 1, None)

    def _number_at(self, place: int) -> bool:
        return place < len(self.columns) and self.columns[place] not in (ACCOUNT, MODEL, LAST_TRADE, SIDE_COLUMN)

    def _numbers(self, rows: Iterator[Row]) -> Iterator[str]:
        return (cell for _, cells in rows for k, cell in enumerate(cells) if self._number_at(k))


# -- parts ---------------------------------------------------------------------------------------------------------


class RowFaults:
    """All faults of a row, raised together; the file of an account gives the format of its numbers."""

    def __init__(self, path: Path, row: int, file: Decimals | None = None) -> None:
        self.path, self.row, self.file, self.found = path, row, file, list[InputFault]()

    def add(self, column: str, what: str, value: object, fix: str) -> None:
        """Add one fault: its column, what is wrong, the value found, how to mend it."""
        self.found.append(fault(self.path.name, self.row, column, what, value, fix))

    def end(self) -> None:
        """Raise ConfigError where there is a mistake."""
        if self.found:
            raise ConfigError(InputFaults(" ".join(map(str, self.found)), tuple(self.found)))

    def number(self, column: str, cell: str, *, signed: bool = False) -> float:
        """A number that is not negative but where it may be; zero where there is a mistake."""
        value = plain_number(cell)
        if value is None:
            self.add(column, "not a number", cell, PLAIN_NUMBER)
        elif value < 0.0 and not signed:
            what = {CASH_COLUMN: "negative cash", DEPOSIT: "negative money", WITHDRAW: "negative money"}.get(
                column, "a negative limit" if column in (GAIN_BUDGET, *ORDER_LIMITS)
                else "negative units: accounts hold nothing short",
            )  # fmt: skip
            self.add(column, what, cell, "Give a number that is at least 0.")
        elif may_be_thousands(cell) and (
            column.startswith(CASH_COLUMN)
            or column in (*REQUEST_COLUMNS, *ORDER_LIMITS)
            or not (self.file and self.file.has_decimal_points)
        ):
            what = "a thousand with a point, or a number with three decimals"
            self.add(column, what, cell, f"Write {cell.replace('.', '')} or {cell}0.")
        elif abs(value) > LARGEST_NUMBER:
            self.add(column, "out of bounds", cell, f"Give a number that is at most {LARGEST_NUMBER:g}.")
        else:
            return value
        return 0.0

    def day(self, column: str, cell: str) -> pd.Timestamp | None:
        """A date written YYYY-MM-DD; None for an empty cell, and where there is a mistake."""
        day = iso_day(cell)
        if cell and day is None:
            self.add(column, "not a date", cell, "Write it as YYYY-MM-DD.")
        return None if day is None else pd.Timestamp(day)


def _check_columns(path: Path, columns: Cells) -> None:
    faults = RowFaults(path, 1)
    by_currency = any(CASH_OF_CURRENCY.fullmatch(name) for name in columns)
    for name in NEEDED:
        if name not in columns and not (name == CASH_COLUMN and by_currency):
            faults.add(name, "missing column", ", ".join(columns), f"Begin the header with {', '.join(NEEDED)}.")
    for place, name in enumerate(columns):
        if not name:
            faults.add("", f"column {place + 1} has no name", name, "Name it after its asset, or remove it.")
        elif name in columns[:place]:
            faults.add(name, "two columns of one name", name, "Keep one of them.")
        elif name.startswith(f"{CASH_COLUMN}_") and not CASH_OF_CURRENCY.fullmatch(name):
            faults.add(
                name, "no currency", name, f"Write its code of three capital letters, such as {CASH_COLUMN}_EUR."
            )
    if faults.found:
        raise ConfigError(all_mistakes(path.name, faults.found))


def table_rows(text: TableText) -> Iterator[Row]:
    """The rows that are not empty; spaces round a cell do not count. Raises DataError for quotes that do not fit."""
    header = next(iter(text.text[:MOST_OF_HEADER].lstrip().splitlines()), "")
    for number, cells in text.rows(max(DELIMITERS, key=header.count)):
        if any(stripped := tuple(map(str.strip, cells))):
            yield number, stripped
