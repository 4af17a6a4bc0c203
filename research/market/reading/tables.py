"""Wide tables as input: dates down, names across, one number a cell. Errors are named and never repaired."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError, InputFault, all_mistakes
from foundation.names import ASSET_FIX, asset_fault
from foundation.table_files import quoted
from research.market.calendars import Days
from research.market.notes import Note
from research.market.reading.cells import Cells, decimal_of, numbers_of
from research.market.reading.days import ReadDays, days_of
from research.market.reading.grids import UNNAMED_COLUMN, FileGrid, grid_of, read_grid


@dataclass(frozen=True, eq=False)
class WideTable:
    """A wide table that has passed the door.

    days   : (T,) increasing, T >= 2.
    names  : n, unlike each other.
    cells  : (T, n); NaN where the source has no number.
    source : name of the source in messages.
    lines  : (T,) the row of the source in which each stands; None where they are counted from 0.
    notes  : notes on its file.
    """

    days: Days
    names: tuple[str, ...]
    cells: NDArray[np.float64]
    source: str
    lines: NDArray[np.int64] | None = None
    notes: tuple[Note, ...] = ()

    def place(self, t: int, i: int) -> str:
        """The place of a cell, in words.

        >>> days = np.array(["2020-01-02", "2020-01-03"], dtype="datetime64[D]")
        >>> WideTable(days, ("SPY",), np.ones((2, 1)), "prices.csv", np.array([2, 3])).place(1, 0)
        'SPY on 2020-01-03 (prices.csv, row 3)'
        """
        return f"{self.names[i]} on {self.days[t]} ({self.row(t)})"

    def row(self, t: int) -> str:
        """The place of a row, in words."""
        return f"{self.source}, row {t if self.lines is None else self.lines[t]}"

    def take(self, rows: NDArray[np.bool_]) -> "WideTable":
        """These rows (T,) alone. Raises DataError where there is none."""
        if not rows.any():
            raise DataError(f"{self.source} has no row with a number. Give one at least.")
        lines = np.arange(len(rows)) if self.lines is None else self.lines
        return replace(self, days=self.days[rows], cells=self.cells[rows], lines=lines[rows])

    def refuse(self, bad: NDArray[np.bool_], what: str, fix: str) -> None:
        """Refuse the first cell that is not right, with the value found there.

        bad    : (T, n) whether each cell is wrong.
        what   : fault for the message.
        fix    : the last sentence of the message.
        Raises : DataError where one is.
        """
        if (fault := next(self.faults(bad, what, fix), None)) is not None:
            raise DataError(fault)

    def faults(self, bad: NDArray[np.bool_], what: str, fix: str) -> Iterator[str]:
        """A sentence for each cell that is not right, with the value found there.  Parameters are those of `refuse`."""
        for t, i in np.argwhere(bad).tolist() if bad.any() else ():  # nearly always none, which `any` sees sooner
            yield f"{what} for {self.place(t, i)}: found {float(self.cells[t, i])!r}. {fix}"

    def wide(self, names: Sequence[str]) -> NDArray[np.float64]:
        """(T, n) the columns of these `names`, in the table's unit; NaN for a name that the table does not have."""
        if tuple(names) == self.names:
            return np.array(self.cells)
        columns = [self.cells[:, self.names.index(n)] if n in self.names else np.nan for n in names]
        return np.column_stack([np.broadcast_to(column, len(self.days)) for column in columns])


def table_of(frame: pd.DataFrame, source: str = "frame", fewest: int = 2) -> WideTable:
    """A DataFrame (dates down, names across) as a checked table.  fewest : rows that it has at least.

    Raises : DataError for a missing, repeated or padded name; for a date that is not one, that carries a time which
             others do not, appears twice or stands after a later one, where the rows are not newest first; for a cell
             that is not a finite number; for too few rows.
    """
    return _table(frame_grid(frame, source), fewest)


def read_table(path: str | Path, fewest: int = 2) -> WideTable:
    """A wide file, of the kinds of `read_grid`, as a checked table.  fewest : rows that it has at least.

    Raises : DataError as `read_grid` and `table_of` do.
    """
    return _table(read_grid(Path(path)), fewest)


def frame_grid(frame: pd.DataFrame, source: str) -> FileGrid:
    """The grid of a frame. Raises DataError for what is no frame, and for names that are no text."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"{source} is no DataFrame: found {type(frame).__name__}. Give one with dates down and names across."
        )
    names: list[Any] = list(frame.columns) if frame.columns.nlevels == 1 else []
    for number, name in enumerate(names, start=1):
        if not (isinstance(name, str) or (pd.api.types.is_scalar(name) and pd.isna(name))):
            raise DataError(
                f"the name of column {number} after the dates is no text in {source}: found {quoted(name)}. Write "
                "names as text, such as frame.rename(columns=str)."
            )
    return grid_of(frame, source)


def _table(grid: FileGrid, fewest: int) -> WideTable:
    if len(grid.levels) > 1:
        found = [list(level) for level in grid.levels]
        raise DataError(f"{grid.name} has two rows of names: found {quoted(found)}. Give one row, a name a column.")
    grid = grid.of_data()
    at = grid.dates_at
    columns = [cells for k, cells in enumerate(grid.columns) if k != at]
    names = _names([cells.names[0] for cells in columns], grid.name)
    days = days_of(grid.columns[at])
    sign, note = decimal_of(columns, grid.delimiter)
    numbers, mistakes = [], list[InputFault]()
    for cells in columns:
        try:
            numbers.append(numbers_of(cells, sign)[0])
        except DataError as error:
            mistakes += error.findings
    if mistakes:
        raise DataError(all_mistakes(grid.name, mistakes))
    notes = (*(Note(text, warning=True) for text in (*grid.notes, note) if text), *days.facts(grid.name))
    return wide_table(grid.columns[at], days, names, numbers, notes, fewest)


def wide_table(
    dates: Cells, days: ReadDays, names: tuple[str, ...], numbers: Sequence[Any], notes: tuple[Note, ...], fewest: int
) -> WideTable:
    """A table of columns that were read, in order of its days.

    dates   : the cells of the dates, for messages.
    numbers : (T,) numbers of each name.
    Raises  : DataError for too few rows, and for days that appear twice or in no order.
    """
    if len(days.days) < fewest:
        least = "two at least, for one return" if fewest == 2 else f"{fewest} at least"
        raise DataError(f"{dates.file} has too few rows of data: found {len(days.days)}. Give {least}.")
    order = slice(None, None, -1 if len(days.days) > 1 and (np.diff(days.days).astype(int) < 0).all() else 1)
    cells = np.column_stack(numbers)[order]
    table = WideTable(days.days[order], names, cells, dates.file, np.asarray(dates.lines, dtype=np.int64)[order], notes)
    late = np.flatnonzero(table.days[1:] <= table.days[:-1]) + 1
    if len(late):
        t = int(late[0])
        word = "appears twice" if table.days[t] == table.days[t - 1] else "stands after a later date"
        raise DataError(f"date {table.days[t]} {word} in {table.row(t)}. Sort the rows by date and keep one a date.")
    return table


def _names(names: Sequence[str], source: str) -> tuple[str, ...]:
    if not names:
        raise DataError(f"{source} has no column beside its dates. Give one column an asset.")
    for number, name in enumerate(names, start=1):
        if UNNAMED_COLUMN.fullmatch(name):
            raise DataError(
                f"column {number} after the dates has no name in {source}: found {quoted(name)}. Name every column."
            )
        if fault := asset_fault(name):
            raise DataError(
                f"the name of column {number} after the dates {fault} in {source}: found {quoted(name)}. {ASSET_FIX}"
            )
        if name in names[: number - 1]:
            raise DataError(
                f"two columns of {source} have one name: found {name!r} as column {names.index(name) + 1} and column "
                f"{number} after the dates. Rename or remove one."
            )
    return tuple(names)
