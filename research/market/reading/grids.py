"""Tables in files of any usual kind, as names above columns of cells."""

import io
import re
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arguments import cut, first_line
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.table_files import DELIMITERS, MOST_OF_FRAMES, TableText, fault, quoted, read_bytes, read_text
from research.market.notes import counted
from research.market.reading.cells import Cells
from research.market.reading.column_names import DATES
from research.market.reading.days import reads_as_day

TEXT_ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
FRAMES: dict[str, Callable[[Any], pd.DataFrame]] = {".parquet": pd.read_parquet, ".feather": pd.read_feather}
WORKBOOKS = (".xlsx", ".xlsm")
TABLES = (*TEXT_ENDINGS, *FRAMES, *WORKBOOKS)  # end the names of files that are read
A_TABLE = "a path to a table, such as a .csv, .xlsx or .parquet file"
MOST_TITLES = 12  # rows above a header
NAMES_OF_LEVELS = frozenset(("price", "ticker", "tickers", "date", "attributes", "symbols"))  # before a header row
SEPARATOR_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
BLANK = re.compile(r"[^\S\r\n]")
UNNAMED_COLUMN = re.compile(
    r"(?:Unnamed: [0-9]+(?:\.[0-9]+)?|level_[0-9])?(?:_level_[0-9]+)?"
)  # what pandas writes for no name
COUNTERS = ("", "index", "id", "row", "row id", "nr", "no", "n", "#")  # names of a column that counts rows

GridRow = tuple[int, list[Any]]  # the number of a row in its file, and its cells


@dataclass(frozen=True, eq=False)
class FileGrid:
    """A table as its file holds it.

    name      : name of the file.
    columns   : k columns, with one or two names above each.
    delimiter : the sign between cells of a text, "" for other files.
    notes     : notes on the file, in sentences.
    """

    name: str
    columns: tuple[Cells, ...]
    delimiter: str = ""
    notes: tuple[str, ...] = ()

    @property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """One or two rows of names, (k,) each."""
        return tuple(zip(*(cells.names for cells in self.columns), strict=True))

    @property
    def dates_at(self) -> int:
        """The column of dates: the first if it begins with one, else by its name, else the only one that has days."""
        first = self.columns[0].entry(0)
        if reads_as_day(first) and not re.fullmatch(r"[0-9.]*", str(first)[:7]):  # a number of a row or of an asset
            return 0
        named = [k for k, cells in enumerate(self.columns) if not DATES.isdisjoint(map(plain, cells.names))]
        if named or _has_days(self.columns[0]):
            return next(iter(named), 0)
        days = [k for k, cells in enumerate(self.columns) if _has_days(cells, len("20240102"))]
        return days[0] if len(days) == 1 else 0

    def of_data(self) -> "FileGrid":
        """The grid without rows below the last date, such as of averages, and columns that count rows; notes say so."""
        at, notes, columns = self.dates_at, list(self.notes), list[Cells]()
        dates = self.columns[at]
        kept = len(dates.lines)
        while kept > 1 and isinstance(last := dates.entry(kept - 1), str) and _closes(last, self.columns, kept - 1):
            kept -= 1
            notes.append(f"{self.name}, row {dates.lines[kept]}: the row {cut(last)!r} has no date: left out.")
        for k, whole in enumerate(self.columns):
            cells = whole
            if kept < len(dates.lines):
                cells = replace(whole, lines=whole.lines[:kept], entries=whole.entries[:kept])
            if k != at and _is_counter(cells):
                notes.append(f"{self.name}: the column {cut(cells.label)!r} counts rows: left out.")
            else:
                columns.append(cells)
        return replace(self, columns=tuple(columns), notes=tuple(notes))


@lru_cache(maxsize=4096)
def plain(label: str) -> str:
    """A name of a column without case, accents and signs.

    >>> [plain(name) for name in ("Adj. Close**", "5. adjusted close", "<CLOSE>", "Eröffnung", "Close/Last")]
    ['adj close', 'adjusted close', 'close', 'eroffnung', 'close last']
    """
    folded = unicodedata.normalize("NFKD", label.casefold().replace("ł", "l"))
    letters = "".join(sign for sign in folded if not unicodedata.combining(sign))
    words = re.sub(r"[_\-/.<>*:]+", " ", re.sub(r"^[0-9]+[a-z]?\. *", "", letters))
    return unicodedata.normalize("NFC", " ".join(words.split()))


def read_grid(path: Path) -> FileGrid:
    """The table of a CSV, TSV, Excel, Parquet or Feather file; of a workbook, the first sheet that is not empty.

    Raises : DataError for a file that is missing, empty, broken or of another kind, for a row with another number of
             cells than the header, and for a table without a header.
    """
    kind = "".join(path.suffixes[-2:] if path.suffix.lower() == ".gz" else path.suffixes[-1:]).lower()
    if kind in TEXT_ENDINGS:
        return _of_text(read_text(path, MOST_OF_FRAMES, guess=True))
    if kind not in (*FRAMES, *WORKBOOKS):
        known = ", ".join((*TEXT_ENDINGS[:2], *WORKBOOKS[:1], *FRAMES))
        raise DataError(f"unknown kind of file {cut(str(path))}: found {quoted(kind)}. Save it as {known}.")
    content = io.BytesIO(read_bytes(path, MOST_OF_FRAMES))
    try:
        if kind in FRAMES:
            return grid_of(FRAMES[kind](content), path.name)
        return _of_workbook(path.name, content)
    except DataError:
        raise
    except Exception as error:  # a broken archive or table: the libraries raise what they meet
        raise DataError(f"{path.name} cannot be read as {kind}: found {first_line(error)}. Save it anew.") from error


def grid_of(frame: pd.DataFrame, name: str) -> FileGrid:
    """The grid of a frame; its index is its first columns, unless it only counts rows."""
    numbers, labels = _numbers(frame), frame.columns.tolist()
    of_index = "index" if frame.index.name is None else frame.index.name  # as `reset_index` names it
    is_simple = isinstance(frame.index, pd.DatetimeIndex) and frame.columns.nlevels == 1 and isinstance(of_index, str)
    if numbers and is_simple and of_index not in labels:  # a fifth of the time of `reset_index`
        names = [str(_cell(label)) for label in (of_index, *labels)]
        return _grid(name, [names], [pd.Series(frame.index), *numbers], np.arange(len(frame)))
    if not isinstance(frame.index, pd.RangeIndex):
        counts = pd.api.types.is_integer_dtype(frame.index.dtype) and frame.index.name is None
        dated = (isinstance(label, str) and plain(label) in DATES for label in labels)
        frame = frame if counts and any(dated) else frame.reset_index()
    if frame.shape[1] < 2:
        found = quoted(list(frame.columns))
        raise DataError(
            f"{name} has one column, and no dates: found {found}. Put the dates in the first column of a file, or make "
            "them the index of a frame, such as frame.set_index('date')."
        )
    above = (frame.columns.get_level_values(k).tolist() for k in range(frame.columns.nlevels))
    levels = [[str(_cell(name)) for name in of_level] for of_level in above]
    columns = (frame.iloc[:, k] for k in range(frame.shape[1] - len(numbers)))
    entries = [one if one.dtype.kind in "iufbM" else one.astype(object).map(_cell).tolist() for one in columns]
    return _grid(name, levels, [*entries, *numbers], np.arange(len(frame)))


def _numbers(frame: pd.DataFrame) -> list[NDArray[Any]]:
    """(R,) the columns of a frame in which all are numbers of one kind, without a step for each; else none."""
    kinds = set(frame.dtypes)
    kind = kinds.pop() if len(kinds) == 1 else None
    return list(frame.to_numpy().T) if isinstance(kind, np.dtype) and kind.kind in "iuf" else []


def _of_workbook(name: str, content: io.BytesIO) -> FileGrid:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles that a reader of values has no use for
        sheets = pd.read_excel(content, sheet_name=None, header=None, dtype=object, na_filter=False)
    filled: dict[str, list[GridRow]] = {}
    for title, sheet in sheets.items():
        rows = [(line, list(map(_cell, cells))) for line, cells in enumerate(sheet.itertuples(index=False), 1)]
        if rows := _below_titles([(line, cells) for line, cells in rows if any(cell != "" for cell in cells)]):
            filled[title] = rows
    if not filled:
        raise DataError(f"{name} is empty. Give a sheet with prices.")
    title, *others = filled
    left = f"{name}: sheet {title!r} is read, and others are left out: {cut(', '.join(others))}."
    return _of_rows(name, filled[title], notes=[left] if others else [])


def _of_text(text: TableText) -> FileGrid:
    readings, broken = [], None
    has_blanks = BLANK.search(text.text) is not None
    for delimiter in (sign for sign in DELIMITERS if sign in text.text):
        try:
            rows = list(text.rows(delimiter))
        except DataError as error:
            broken = broken or error
            continue
        if has_blanks:
            rows = [(line, [cell.strip() for cell in cells]) for line, cells in rows]
        filled = [(line, cells) for line, cells in rows if any(cells)]
        rows = _below_titles(filled)
        width = _width(rows[0][1]) if rows else 0
        if width > 1:
            rows = _with_footers(rows, width)
            fits = sum(_fits(cells, width) for _, cells in rows) / len(rows)
            readings.append((fits, len(rows) - len(filled), width, delimiter, rows))
    if not readings:
        if broken:
            raise broken
        what, top = "no table with dates and prices", text.text.strip().partition("\n")[0]
        raise DataError(fault(text.name, 1, "", what, top, "Give a header and two columns."))
    _, _, width, delimiter, rows = max(readings, key=lambda reading: reading[:3])
    for line, cells in rows:
        if not _fits(cells, width):
            what, fix = "another number of cells than the header", f"Give {width}."
            raise DataError(fault(text.name, line, "", what, len(cells), fix))
    rows = [(line, cells if len(cells) == width else cells[:width]) for line, cells in rows]
    return _of_rows(text.name, rows, delimiter, text.notes)


def _of_rows(name: str, rows: Sequence[GridRow], delimiter: str = "", notes: Sequence[str] = ()) -> FileGrid:
    """The grid of rows of cells, of which those above the first with a day are names."""
    line, first = rows[0]
    if any(map(reads_as_day, first)) or all(map(_is_number, filter(None, first))):
        what, fix = "no header above the first date", "Name the columns in a row of their own."
        raise DataError(fault(name, line, "", what, ", ".join(map(str, first)), fix))
    head = next((k for k, (_, cells) in enumerate(rows) if k and not _is_head(cells)), len(rows))
    levels = [list(map(str, cells)) for _, cells in rows[:head]]
    if len(levels) > 1:  # of cells that a workbook merged, the first alone has its text
        for k in range(2, len(first)):
            levels[0][k] = levels[0][k] or (levels[0][k - 1] if levels[1][k] and not delimiter else "")
    columns = list(zip(*(cells for _, cells in rows[head:]), strict=True)) or [()] * len(first)
    return _grid(name, levels, columns, [line for line, _ in rows[head:]], delimiter, notes)


def _grid(
    name: str,
    levels: Sequence[Sequence[str]],
    columns: Sequence[Any],
    lines: Any,
    delimiter: str = "",
    notes: Sequence[str] = (),
) -> FileGrid:
    """The grid without rows of names that name the index alone, and without columns that are empty."""
    names = [list(row) for row in dict.fromkeys(map(tuple, levels)) if any(row[1:])]  # a header may stand twice
    if not len(lines) or len(names) not in (1, 2):
        what = f"{counted(len(names), 'row')} of names above {counted(len(lines), 'row')} with dates and prices"
        raise DataError(f"{name} has {what}. Give one row of names, and one row with a date and prices at least.")
    names[-1][0] = next((row[0] for row in reversed(levels) if row[0]), "")  # such as Date, below Price and Ticker
    found = []
    for k, (of_column, entries) in enumerate(zip(zip(*names, strict=True), columns, strict=True)):
        if any(of_column) or not _is_empty(entries):
            label = " ".join(dict.fromkeys(filter(None, of_column))) or f"number {k + 1}"
            found.append(Cells(name, label, lines, entries, of_column))
    return FileGrid(name, tuple(found), delimiter, tuple(notes))


def _is_head(cells: Sequence[Any]) -> bool:
    """True for a row without a day that has no number, or begins as the rows of names of yfinance do."""
    has_numbers = any(map(_is_number, cells)) and str(cells[0]).casefold() not in NAMES_OF_LEVELS
    return not has_numbers and not any(map(reads_as_day, cells))


def _is_number(cell: object) -> bool:
    return not isinstance(cell, str) or cell.replace(".", "").replace(",", "").isdigit()


def _below_titles(rows: list[GridRow]) -> list[GridRow]:
    """The rows from the first that has a text beside its first cell: those above are titles, or say sep=;.

    Rows that have a date, and rows of names below them, are titles such as of a period.
    """
    first = next((k for k, (_, cells) in enumerate(rows) if any(cell != "" for cell in cells[1:])), len(rows))
    rows = rows[first:]
    dated = [any(map(reads_as_day, cells)) for _, cells in rows[:MOST_TITLES]]
    if any(dated[:1]) and not all(dated):
        return rows[dated.index(False) :]
    return rows


def _with_footers(rows: list[GridRow], width: int) -> list[GridRow]:
    """The rows, where sentences below the table, alone in their rows, are as wide as the header."""
    end = len(rows)
    while end > 1 and len(rows[end - 1][1]) == 1 < width:
        end -= 1
    return [*rows[:end], *((line, [*cells, *[""] * (width - 1)]) for line, cells in rows[end:])]


def _fits(cells: Sequence[str], width: int) -> bool:
    """True for a row that is as wide as the header, but for empty cells behind it."""
    return len(cells) == width or _width(cells) <= width < len(cells)


def _width(cells: Sequence[str]) -> int:
    """The number of cells up to the last that is not empty."""
    return max((k for k, cell in enumerate(cells, 1) if cell), default=0)


def _cell(value: object) -> object:
    """A cell of a workbook or a frame: its text without blanks around it, its number or date, "" for none."""
    if isinstance(value, str):
        return value.strip()
    return "" if value is None or value is pd.NaT or value is pd.NA or value != value else value  # NaN is not itself


def _is_empty(column: Any) -> bool:
    if isinstance(column, pd.Series | np.ndarray):
        return bool(pd.isna(column).all())
    return not any(cell != "" for cell in column)


def _has_days(cells: Cells, fewest: int = 0) -> bool:
    """True for a column of which the first and the last cell read as days, the first with so many digits at least."""
    first, last = cells.entry(0), cells.entry(len(cells.lines) - 1)
    return reads_as_day(first) and reads_as_day(last) and len(str(first).partition(".")[0]) >= fewest


def _closes(first: str, columns: Sequence[Cells], row: int) -> bool:
    """True if a row below the dates is none of data: a word in place of its date, or a sentence with nothing beside."""
    if not first or reads_as_day(first):
        return False
    alone = sum(cells.entry(row) != "" for cells in columns) == 1
    return alone or (not re.search("[0-9]", first) and bool(re.search(r"[^\W\d_]{2}", first)))


def _is_counter(cells: Cells) -> bool:
    """True for whole numbers that rise, or fall, by one a row, without a name or with one of `COUNTERS`."""
    if any(plain(name) not in COUNTERS for name in cells.names if not UNNAMED_COLUMN.fullmatch(name)):
        return False
    try:
        steps = np.diff(pd.to_numeric(pd.Series(cells.entries)).to_numpy(dtype=float))
    except (ValueError, TypeError):
        return False
    return len(steps) > 0 and bool((steps == 1.0).all() or (steps == -1.0).all())
