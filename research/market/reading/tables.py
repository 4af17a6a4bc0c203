"""Wide tables as input: dates down, names across, one number a cell. Errors are named and never repaired."""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arguments import cut, first_line
from foundation.errors import DataError, all_mistakes
from foundation.names import NAME_FIX, name_fault
from foundation.table_files import MOST_OF_FRAMES, QUOTED, TableText, fault, quoted, read_bytes, read_text
from research.market.calendars import Days
from research.market.notes import counted
from research.market.rows import FIRST_DAY, LAST_DAY

DATA = Path(__file__).resolve().parents[3] / "data"  # a checkout, not a wheel: beside the package
KINDS = (".csv", ".csv.gz", ".parquet")
UNNAMED = re.compile(r"Unnamed: \d+(_level_\d+)?")  # what pandas calls a column without a name


@dataclass(frozen=True, eq=False)
class Table:
    """A wide table that has passed the door.

    days   : (T,) increasing, T >= 2.
    names  : n, unlike each other.
    cells  : (T, n); NaN where the source has no number.
    source : name of the source in messages.
    line   : unit of its rows in messages: "line" in a text file (its header is line 1), else "row" (from 0).
    notes  : notes on its file, in sentences.
    """

    days: Days
    names: tuple[str, ...]
    cells: NDArray[np.float64]
    source: str
    line: str = "row"
    notes: tuple[str, ...] = ()

    def place(self, t: int, i: int) -> str:
        """The place of a cell, in words.

        >>> days = np.array(["2020-01-02", "2020-01-03"], dtype="datetime64[D]")
        >>> Table(days, ("SPY",), np.ones((2, 1)), "prices.csv", "line").place(1, 0)
        'SPY on 2020-01-03 (prices.csv, line 3)'
        """
        return f"{self.names[i]} on {self.days[t]} ({self.row(t)})"

    def row(self, t: int) -> str:
        """The place of a row, in words."""
        return _row(self.source, self.line, t)

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


def table_of(frame: pd.DataFrame, source: str = "frame", line: str = "row", fewest: int = 2) -> Table:
    """A DataFrame (dates down, names across) as a checked table.  fewest : rows that it has at least.

    Raises : DataError for a missing, repeated or padded name; for a date that is not one, carries a time or a zone,
             appears twice or stands after a later one; for a cell that is not a finite number; for too few rows.
    """
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"{source} is no DataFrame: found {type(frame).__name__}. Give one with dates down and names across."
        )
    if frame.index.nlevels > 1 or frame.columns.nlevels > 1:
        found = [list(labels.names) for labels in (frame.index, frame.columns)]
        raise DataError(
            f"{source} has labels of several levels: found rows {quoted(found[0])} and columns {quoted(found[1])}. "
            "Give one row a date and one column an asset, such as frame.pivot(index='date', columns='asset') makes."
        )
    names = _names(list(frame.columns), source)
    days = _days(frame, lambda t: _row(source, line, t))
    if len(days) < fewest:
        least = "two at least, for one return" if fewest == 2 else f"{fewest} at least"
        raise DataError(f"{source} has too few rows of data: found {len(days)}. Give {least}.")
    if all(isinstance(kind, np.dtype) and kind.kind in "fiu" for kind in frame.dtypes):
        cells = frame.to_numpy(dtype=float)
    else:
        mistakes: list[str] = []
        columns = [_numbers(frame.iloc[:, i], name, source, line, days, mistakes) for i, name in enumerate(names)]
        if mistakes:
            raise DataError(all_mistakes(source, mistakes))
        cells = np.column_stack(columns)
    table = Table(days, names, cells, source, line)
    table.refuse(np.isinf(table.cells), "not a finite number", "Correct the source, or leave the cell empty.")
    return table


def read_table(path: str | Path, fewest: int = 2) -> Table:
    """A wide CSV (.csv, .csv.gz) or Parquet (.parquet) file as a checked table, its dates in the first column or index.

    fewest : rows that it has at least.
    Raises : DataError for a file that is missing, empty, broken or of another kind, and as `table_of` does.
    """
    path = Path(path)
    exact = {"dtype": {0: str}, "float_precision": "round_trip"}  # so that CSV and Parquet give the same fingerprint
    frame, notes = read_frame(path, **exact)
    line = "row" if path.suffix.lower() == ".parquet" else "line"
    if line == "line" or (isinstance(frame.index, pd.RangeIndex) and frame.shape[1]):
        frame = frame.set_index(frame.columns[0])
    return replace(table_of(frame, path.name, line, fewest), notes=notes)


def read_frame(path: Path, **options: Any) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The contents of a CSV or Parquet file, and notes about it; names as written, first column as text.

    options : options of pandas' reader of CSV.
    Raises  : DataError for a file that is missing, empty, broken, or of another kind.
    """
    kind = "".join(path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]).lower()
    if kind not in KINDS:
        raise DataError(f"unknown kind of file {path}: found {kind!r}. Save it as {', '.join(KINDS)}.")
    try:
        if kind == ".parquet":
            return pd.read_parquet(io.BytesIO(read_bytes(path, MOST_OF_FRAMES))), ()
        text = read_text(path, MOST_OF_FRAMES)
        return _frame(text, options), text.notes
    except DataError:
        raise
    except Exception as error:  # a broken archive, row or table: pyarrow and pandas raise what they meet
        raise DataError(
            f"{path} cannot be read as {kind}: found {first_line(error)}. Correct or save it anew."
        ) from error


def _frame(text: TableText, options: Mapping[str, Any]) -> pd.DataFrame:
    """The frame of a CSV file (pandas would turn a second A into A.1, and fill or cut rows of another length)."""
    rows = text.rows()
    _, header = next(rows)
    if len(header) < 2:
        found = quoted(", ".join(header))
        raise DataError(f"{text.name} has one column: found {found}. Separate the values by commas, dates first.")
    for line, cells in rows:
        if len(cells) != len(header):
            what, fix = "another number of values than of names", f"Give {len(header)}, and remove blank lines."
            raise DataError(fault(text.name, line, "", what, len(cells), fix))
    content, names = io.BytesIO(text.text.encode()), list(range(len(header)))
    frame: pd.DataFrame = pd.read_csv(content, header=0, names=names, index_col=False, low_memory=False, **options)
    frame.columns = pd.Index(header, dtype=object)
    return frame


def _names(names: Sequence[Any], source: str) -> tuple[str, ...]:
    if not names:
        raise DataError(f"{source} has no column beside its dates. Give one column an asset.")
    seen: list[str] = []
    for number, name in enumerate(names, start=1):
        if not (isinstance(name, str) or (pd.api.types.is_scalar(name) and pd.isna(name))):
            raise DataError(
                f"the name of column {number} after the dates is no text in {source}: found {quoted(name)}. Write "
                "names as text, such as frame.rename(columns=str)."
            )
        if not isinstance(name, str) or not name.strip() or UNNAMED.fullmatch(name):
            raise DataError(
                f"column {number} after the dates has no name in {source}: found {quoted(name)}. Name every column."
            )
        if name != name.strip():
            raise DataError(f"a name in {source} begins or ends with a space: found {quoted(name)}. Remove the space.")
        if fault := name_fault(name):
            raise DataError(
                f"the name of column {number} after the dates {fault} in {source}: found {quoted(name)}. {NAME_FIX}"
            )
        if name in seen:
            raise DataError(
                f"two columns of {source} have one name: found {name!r} as column {seen.index(name) + 1} and column "
                f"{number} after the dates. Rename or remove one."
            )
        seen.append(name)
    return tuple(seen)


def _index_fix(frame: pd.DataFrame) -> str:
    """The way to make dates the index of a frame that has others."""
    if isinstance(frame.index, pd.PeriodIndex):
        return "Make them dates, frame.to_timestamp(), that are sessions of the calendar."
    dated = next((name for name in frame.columns if pd.api.types.is_datetime64_any_dtype(frame[name])), "date")
    return (
        "Put the dates in the first column of a file, or make them the index of a frame, such as "
        f"frame.set_index({quoted(dated)})."
    )


def _days(frame: pd.DataFrame, row: Callable[[int], str]) -> Days:
    """(T,) the dates, increasing. Text must be written YYYY-MM-DD: a bare month or 03/04/2020 would be guessed."""
    labels = frame.index
    if isinstance(labels, pd.DatetimeIndex):
        dates = labels
    elif labels.dtype == object or pd.api.types.is_string_dtype(labels.dtype):
        text = labels.astype(str).str.removesuffix(" 00:00:00")
        dates = pd.DatetimeIndex(pd.to_datetime(text, format="%Y-%m-%d", errors="coerce"))
    else:
        raise DataError(
            f"no dates in {row(0)}: found {quoted(labels[:1].tolist())} of type {labels.dtype}. {_index_fix(frame)}"
        )
    if dates.tz is not None:
        raise DataError(
            f"a date carries a zone in {row(0)}: found {labels[0]}. Use dates.tz_localize(None), without a zone."
        )
    days = dates.to_numpy().astype("datetime64[D]")
    for bad, what, fix in (
        (np.isnat(days), "not a date", "Write dates as YYYY-MM-DD, and remove blank lines."),
        (dates.to_numpy() != days, "a date carries a time", "Give one row a session, dated without a time."),
    ):
        if bad.any():
            t = int(np.argmax(bad))
            raise DataError(f"{what} in {row(t)}: found {cut(str(labels[t]), QUOTED)}. {fix}")
    odd = (days < FIRST_DAY.to_datetime64()) | (days > LAST_DAY.to_datetime64())
    if odd.any():
        t = int(np.argmax(odd))
        years = f"{FIRST_DAY.year} to {LAST_DAY.year}"
        raise DataError(f"a date out of bounds in {row(t)}: found {dates[t]:%Y-%m-%d}. Give dates of {years}.")
    late = np.flatnonzero(days[1:] <= days[:-1]) + 1
    if len(late):
        word = "appears twice" if days[late[0]] == days[late[0] - 1] else "stands after a later date"
        raise DataError(
            f"date {days[late[0]]} {word} in {row(int(late[0]))}. Sort the rows by date and keep one a date."
        )
    return days


def _numbers(
    column: pd.Series, name: str, source: str, line: str, days: Days, mistakes: list[str]
) -> NDArray[np.float64]:
    """(T,) the cells as floats, NaN where empty; where some are no numbers, a sentence is added to `mistakes`."""
    numbers, bad = column, column.notna()
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        bad = bad & False
    elif column.dtype == object or pd.api.types.is_string_dtype(column.dtype):
        try:
            numbers = pd.to_numeric(column, errors="coerce")
        except OverflowError:  # a whole number that no float can hold
            numbers = pd.to_numeric(column.astype(str), errors="coerce")
        bad = bad & numbers.isna()
    if bad.any():
        t, more = int(np.argmax(bad)), int(bad.sum()) - 1
        others = f", and on {counted(more, 'other day')}" if more else ""
        mistakes.append(
            f"not a number for {name} on {days[t]} ({_row(source, line, t)}){others}: found {quoted(column.iloc[t])}. "
            "Write a plain number, with a point and without separators, or leave the cell empty."
        )
    return numbers.to_numpy(dtype=float, na_value=np.nan)


def _row(source: str, line: str, t: int) -> str:
    return f"{source}, {line} {t + 2 if line == 'line' else t}"
