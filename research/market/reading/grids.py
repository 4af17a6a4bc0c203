"""Tables in files of any usual kind, as names above columns of cells."""

import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from foundation.arguments import cut, first_line
from foundation.errors import DataError
from foundation.table_files import DELIMITERS, MOST_OF_FRAMES, TableText, fault, quoted, read_bytes, read_text
from research.market.notes import counted
from research.market.reading.cell_forms import Cells, reads_as_day

TEXTS = (".csv", ".tsv", ".tab", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
FRAMES: dict[str, Callable[[Any], pd.DataFrame]] = {".parquet": pd.read_parquet, ".feather": pd.read_feather}
WORKBOOKS = (".xlsx", ".xlsm")
TABLES = (*TEXTS, *FRAMES, *WORKBOOKS)  # end the names of files that are read
NAMES_OF_LEVELS = frozenset(("price", "ticker", "tickers", "date", "attributes", "symbols"))  # before a header row
SEPARATOR_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

GridRow = tuple[int, list[Any]]  # the number of a row in its file, and its cells


@dataclass(frozen=True, eq=False)
class Grid:
    """A table as its file holds it.

    name      : name of the file.
    levels    : one or two rows of names, (k,) each.
    columns   : k columns below them.
    delimiter : the sign between cells of a text, "" for other files.
    notes     : notes on the file, in sentences.
    """

    name: str
    levels: tuple[tuple[str, ...], ...]
    columns: tuple[Cells, ...]
    delimiter: str = ""
    notes: tuple[str, ...] = ()


def read_grid(path: Path) -> Grid:
    """The table of a CSV, TSV, Excel, Parquet or Feather file; of a workbook, the first sheet that is not empty.

    Raises : DataError for a file that is missing, empty, broken or of another kind, for a row with another number of
             cells than the header, and for a table without a header.
    """
    kind = "".join(path.suffixes[-2:] if path.suffix.lower() == ".gz" else path.suffixes[-1:]).lower()
    if kind in TEXTS:
        return _of_text(read_text(path, MOST_OF_FRAMES, guess=True))
    if kind not in (*FRAMES, *WORKBOOKS):
        known = ", ".join((*TEXTS[:2], *WORKBOOKS[:1], *FRAMES))
        raise DataError(f"unknown kind of file {cut(str(path))}: found {quoted(kind)}. Save it as {known}.")
    content = io.BytesIO(read_bytes(path, MOST_OF_FRAMES))
    try:
        if kind in FRAMES:
            return _of_frame(path.name, FRAMES[kind](content))
        return _of_workbook(path.name, content)
    except DataError:
        raise
    except Exception as error:  # a broken archive or table: the libraries raise what they meet
        raise DataError(f"{path.name} cannot be read as {kind}: found {first_line(error)}. Save it anew.") from error


def _of_frame(name: str, frame: pd.DataFrame) -> Grid:
    """The grid of a frame; its index is its first columns, unless it only counts rows."""
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    levels = [list(map(_label, frame.columns.get_level_values(k))) for k in range(frame.columns.nlevels)]
    columns = [frame.iloc[:, k] for k in range(frame.shape[1])]
    entries = [one if one.dtype.kind in "iufbM" else one.astype(object).map(_cell).tolist() for one in columns]
    return _grid(name, levels, entries, range(len(frame)))


def _of_workbook(name: str, content: io.BytesIO) -> Grid:
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


def _of_text(text: TableText) -> Grid:
    readings, broken = [], None
    for delimiter in (sign for sign in DELIMITERS if sign in text.text):
        try:
            rows = [(line, [cell.strip() for cell in cells]) for line, cells in text.rows(delimiter)]
        except DataError as error:
            broken = broken or error
            continue
        filled = [(line, cells) for line, cells in rows if any(cells)]
        rows = _below_titles(filled)
        width = len(_trimmed(rows[0][1])) if rows else 0
        if width > 1:
            fits = sum(len(_trimmed(cells)) <= width <= len(cells) for _, cells in rows) / len(rows)
            readings.append((fits, len(rows) - len(filled), width, delimiter, rows))
    if not readings:
        if broken:
            raise broken
        what, top = "no table with dates and prices", text.text.strip().partition("\n")[0]
        raise DataError(fault(text.name, 1, "", what, top, "Give a header and two columns."))
    _, _, width, delimiter, rows = max(readings, key=lambda reading: reading[:3])
    for line, cells in rows:
        if not len(_trimmed(cells)) <= width <= len(cells):
            what, fix = "another number of cells than the header", f"Give {width}."
            raise DataError(fault(text.name, line, "", what, len(cells), fix))
    return _of_rows(text.name, [(line, cells[:width]) for line, cells in rows], delimiter, text.notes)


def _of_rows(name: str, rows: Sequence[GridRow], delimiter: str = "", notes: Sequence[str] = ()) -> Grid:
    """The grid of rows of cells, of which those above the first with a day are names."""
    line, first = rows[0]
    if any(map(reads_as_day, first)) or all(map(_is_number, filter(None, first))):
        what, fix = "no header above the first date", "Name the columns in a row of their own."
        raise DataError(fault(name, line, "", what, ", ".join(map(str, first)), fix))
    head = next((k for k, (_, cells) in enumerate(rows) if k and not _is_head(cells)), len(rows))
    levels = [[_label(cell) for cell in cells] for _, cells in rows[:head]]
    if len(levels) > 1:  # of cells that a workbook merged, the first alone has its text
        for k in range(2, len(first)):
            levels[0][k] = levels[0][k] or (levels[0][k - 1] if levels[1][k] and not delimiter else "")
    columns = list(zip(*(cells for _, cells in rows[head:]), strict=True)) or [()] * len(first)
    return _grid(name, levels, columns, [line for line, _ in rows[head:]], delimiter, notes)


def _grid(
    name: str,
    levels: Sequence[Sequence[str]],
    columns: Sequence[Any],
    lines: Sequence[int],
    delimiter: str = "",
    notes: Sequence[str] = (),
) -> Grid:
    """The grid without rows of names that name the index alone, and without columns that are empty."""
    names = [list(row) for row in dict.fromkeys(map(tuple, levels)) if any(row[1:])]  # a header may stand twice
    if not len(lines) or len(names) not in (1, 2):
        what = f"{counted(len(names), 'row')} of names above {counted(len(lines), 'row')} with dates and prices"
        raise DataError(f"{name} has {what}. Give one row of names, and one row with a date and prices at least.")
    names[-1][0] = next((row[0] for row in reversed(levels) if row[0]), "")  # such as Date, below Price and Ticker
    kept = [k for k, column in enumerate(columns) if any(row[k] for row in names) or not _is_empty(column)]
    labels = [" ".join(dict.fromkeys(row[k] for row in names if row[k])) or f"number {k + 1}" for k in kept]
    cells = [Cells(name, label, lines, columns[k]) for label, k in zip(labels, kept, strict=True)]
    return Grid(name, tuple(tuple(row[k] for k in kept) for row in names), tuple(cells), delimiter, tuple(notes))


def _is_head(cells: Sequence[Any]) -> bool:
    """True for a row without a day that has no number, or begins as the rows of names of yfinance do."""
    has_numbers = any(map(_is_number, cells)) and _label(cells[0]).casefold() not in NAMES_OF_LEVELS
    return not has_numbers and not any(map(reads_as_day, cells))


def _is_number(cell: object) -> bool:
    return not isinstance(cell, str) or cell.replace(".", "").replace(",", "").isdigit()


def _below_titles(rows: list[GridRow]) -> list[GridRow]:
    """The rows from the first that has a text beside its first cell: those above are titles, or say sep=;."""
    first = next(
        (k for k, (_, cells) in enumerate(rows) if any(cell not in ("", None) for cell in cells[1:])), len(rows)
    )
    return rows[first:]


def _trimmed(cells: Sequence[str]) -> Sequence[str]:
    """The cells up to the last that is not empty."""
    end = len(cells)
    while end and not cells[end - 1]:
        end -= 1
    return cells[:end]


def _cell(value: object) -> object:
    """A cell of a workbook or a frame: its text without blanks around it, its number or date, "" for none."""
    if isinstance(value, str):
        return value.strip()
    return (
        "" if value is None or value is pd.NaT or value is pd.NA or value != value else value
    )  # NaN alone is not itself


def _label(value: object) -> str:
    return "" if value is None else str(value).strip()


def _is_empty(column: Any) -> bool:
    return bool(column.isna().all()) if isinstance(column, pd.Series) else not any(cell != "" for cell in column)
