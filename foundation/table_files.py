"""Tables in files: one place opens them, refuses what no table has, reads numbers and dates, and quotes cells.

The reader knows what columns mean; here are only text, lines and cells. Files come from others: nothing in them is
guessed without a note, and a message quotes no more of them than a short piece.
"""

import codecs
import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date
from math import isfinite
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from foundation.arguments import cut, shown
from foundation.dataclasses import dataclass
from foundation.errors import DataError, InputFault, all_mistakes
from foundation.printable import has_unseen

MOST_BYTES, MOST_OF_FRAMES = 10_000_000, 1_000_000_000  # of a table read cell by cell; of one that pandas reads
DELIMITERS = (",", ";", "\t", "|")
QUOTED = 60  # characters of a file that a message quotes
LAYOUT = frozenset("\t\r\n")  # the characters without a sign that a table may have
FOREIGN = (b"PK\x03\x04", b"%PDF", b"\xd0\xcf\x11\xe0")  # how workbooks and PDFs begin
EMPTY = frozenset(("", "-", "--", "---", "–", "—", "n/a", "#n/a", "null", "none"))  # what says that there is none
NO_NUMBER = "na"  # the same in place of a number; NA is a ticker, too
BLANKS = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " ")  # some separate thousands
FORMULA = re.compile(r'="(.*)"')  # how a spreadsheet is told that a cell is text, as by an apostrophe before it
UNIT_PATTERN = re.compile(r"US\$|[$€£¥₹]|(?<![A-Za-z])(?:GBp|ZAc|[A-Z]{3,10})(?![A-Za-z])|(?<=[0-9.])p(?![A-Za-z])")
# beside a number: a sign, the code of a currency, of its hundredths or of a coin; of an exponent E is a part alone
WITHIN = re.compile(rf"[0-9.,] ?(?:{UNIT_PATTERN.pattern}) ?[.,]*[0-9]")  # a unit between digits, where none stands
GROUPED_DIGITS = r"(?:[1-9][0-9]{0,2}(?P<group>[%s '’])[0-9]{3}(?:(?P=group)[0-9]{3})*|[0-9]+)"
STYLES = {
    ".": re.compile(rf"(?:{GROUPED_DIGITS % ','}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"),
    ",": re.compile(rf"(?:{GROUPED_DIGITS % '.'}(?:,[0-9]*)?|,[0-9]+)(?:[eE][+-]?[0-9]+)?"),
}  # of numbers, by the sign before their decimals
WRITTEN_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
THOUSANDS = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")  # such as 1.000: a thousand, or one with three decimals
DAY_PATTERN = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")

Read = TypeVar("Read")
Row = tuple[int, list[str]]  # the line at which it begins, from 1, and its cells


# -- files -----------------------------------------------------------------------------------------------------------


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a file, unpacked where its name ends in .gz.

    most   : bytes that it may have, unpacked.
    Raises : DataError for a file that is missing, cannot be read, is empty, or has more bytes.
    """
    try:
        with (gzip.open if path.suffix.lower() == ".gz" else open)(path, "rb") as opened:
            raw = bytes(opened.read(most + 1))
    except (OSError, EOFError, ValueError, zlib.error) as error:  # a path with NUL is a ValueError
        reason = cut(getattr(error, "strerror", None) or str(error)).lower()
        raise DataError(
            f"{cut(str(path))} cannot be read ({reason}). Give the path of a table, as seen from {Path.cwd()}."
        ) from error
    if not raw:
        raise DataError(f"{path.name} is empty. Export it anew.")
    if len(raw) > most:
        raise DataError(f"{path.name} has more than {most / 1e6:,g} MB. Leave out the rows that are not needed.")
    return raw


@dataclass(frozen=True)
class TableText:
    """The name and the text of a table, and notes on it, in sentences."""

    name: str
    text: str
    notes: tuple[str, ...]

    def rows(self, delimiter: str = ",") -> Iterator[Row]:
        """Its rows one after the other. Raises DataError for quotes that do not fit."""
        reader = csv.reader(self.text.splitlines(keepends=True), delimiter=delimiter, strict=True)
        begins = 1
        try:
            for cells in reader:
                yield begins, cells
                begins = reader.line_num + 1
        except csv.Error as error:
            what = f"no CSV file with {delimiter!r} between its cells: {error}, in the row that begins at line {begins}"
            raise DataError(f"{self.name} is {what}. Correct its quotes, or export it anew.") from error


def read_text(path: Path, most: int = MOST_BYTES, *, guess: bool = False) -> TableText:
    """The text of a table in UTF-8, with or without its mark, or UTF-16.

    most   : bytes that its file may have.
    guess  : take text in neither for Windows-1252, and note it.
    Raises : DataError as `read_bytes` does, for a workbook, a PDF, another encoding, and for control characters, marks
             of direction and others that are not printed, with their line.
    """
    raw, notes, text = read_bytes(path, most), list[str](), ""
    if raw.startswith(FOREIGN):
        raise DataError(f"{path.name} is a workbook or a PDF. Export it as CSV.")
    try:
        text = raw.decode(_encoding(raw)).lstrip("\ufeff")
    except UnicodeDecodeError as error:
        with suppress(UnicodeDecodeError):
            text = raw.decode("cp1252") if guess else ""
        if not text:
            known = "UTF-8, UTF-16 or Windows-1252" if guess else "UTF-8"
            raise DataError(f"{path.name} is no text in {known}. Export it as CSV in UTF-8.") from error
        notes.append(f"{path.name} is not in UTF-8: it is read as Windows-1252.")
    if not text.strip():
        raise DataError(f"{path.name} is empty. Export it anew.")
    if odd := {c for c in set(text) - LAYOUT if has_unseen(c)}:
        at = min(map(text.index, odd))
        raise DataError(
            f"{path.name}, line {text.count(chr(10), 0, at) + 1}: a control character or another one that is not "
            f"printed: found {text[at]!r}. Export the file anew, or remove it."
        )
    if text[-1] not in "\r\n":
        notes.append(f"{path.name} does not end with a line break: compare its last row, which may be cut off.")
    return TableText(path.name, text, tuple(notes))


def _encoding(raw: bytes) -> str:
    """UTF-16 by its mark, or by a NUL in every other byte; else UTF-8."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if raw.count(b"\0") > len(raw) // 4:
        return "utf-16-le" if raw[1:2] == b"\0" else "utf-16-be"
    return "utf-8"


def is_below(path: Path, *roots: Path) -> bool:
    """True if a path lies in one of these folders, wherever its links lead. Use it for paths that others write."""
    try:
        return any(path.resolve().is_relative_to(root.resolve()) for root in roots)
    except (OSError, ValueError, RuntimeError):  # NUL, or links in a circle
        return False


def header_of(path: Path) -> frozenset[str]:
    """The cells of the first row of a table that has any; none of what is no table. Raises DataError as `read_text`."""
    text = read_text(path, guess=True)
    with suppress(DataError):
        return frozenset(next([cell.strip() for cell in cells] for _, cells in text.rows() if any(cells)))
    return frozenset()


def read_rows(
    path: Path, needed: Sequence[str], others: Sequence[str], row_of: Callable[[dict[str, str]], Read]
) -> list[Read]:
    """The rows of a CSV whose header names its columns, each as a function reads it; empty rows are left out.

    needed : columns that the header must have.
    others : columns that it may have.
    row_of : reader of the cells of a row that are not empty, by column; it raises DataError for their mistakes.
    Raises : DataError as `read_text` does, for another header, and for the mistakes of rows, all in one message.
    """
    rows = ((row, [cell.strip() for cell in cells]) for row, cells in read_text(path).rows())
    (first, names), *rest = [(row, cells) for row, cells in rows if any(cells)]
    absent = [name for name in needed if name not in names]
    unknown = [name for name in names if name not in (*needed, *others) or names.count(name) > 1]
    if absent or unknown:
        fix = f"Name the columns {', '.join(needed)}, and those that there are of {', '.join(others)}."
        what = "missing columns" if absent else "columns that are not known, or there twice"
        raise DataError(fault(path.name, first, "", what, ", ".join(absent or unknown), fix))
    found, mistakes = list[Read](), list[str]()
    for row, cells in rest:
        try:
            if len(cells) != len(names):
                raise DataError(f"{len(cells)} cells below {len(names)} columns. Write one for each column.")
            found.append(row_of({name: cell for name, cell in zip(names, cells, strict=True) if cell}))
        except DataError as error:
            mistakes.append(f"{path.name}, row {row}: {error}")
    if mistakes:
        raise DataError(all_mistakes(path.name, mistakes))
    return found


# -- cells -----------------------------------------------------------------------------------------------------------


def quoted(value: object) -> str:
    """A value of a file as a message quotes it: a short piece of it, on one line."""
    return cut(shown(value), QUOTED)


def fault(file: str, row: int, column: str, what: str, found: object, fix: str) -> InputFault:
    """The fault of a cell, with its place, the value found, and the fix.

    column : name of the column, or "" for the whole row.
    """
    place = f", column {cut(column, QUOTED)!r}" if column else ""
    return InputFault(what, fix, quoted(found), f"{file}, row {row}{place}")


def text_of_cell(cell: str) -> str:
    """The text of a cell without surrounding signs, and "" for words such as n/a.

    >>> text_of_cell("  n/a "), text_of_cell('="00123"'), text_of_cell("'-12"), text_of_cell("SPY")
    ('', '00123', '-12', 'SPY')
    """
    text = " ".join(cell.translate(BLANKS).split())
    if written := FORMULA.fullmatch(text):
        text = written[1].strip()
    text = text.removeprefix("'")
    return "" if text.casefold() in EMPTY else text


def iso_day(text: str) -> np.datetime64 | None:
    """The day that a text names as YYYY-MM-DD, else None."""
    try:
        return np.datetime64(date.fromisoformat(text), "D") if DAY_PATTERN.fullmatch(text) else None
    except ValueError:
        return None


def plain_number(text: str) -> float | None:
    """The number in a text without separators, with a point before its decimals; None where it is none.

    >>> plain_number("-1.5e3"), plain_number("1_000"), plain_number("nan")
    (-1500.0, None, None)
    """
    return float(text) if WRITTEN_NUMBER.fullmatch(text) else None


class Number(NamedTuple):
    """A number, and the sign or code of its unit, such as a currency, or ""."""

    value: float
    unit: str


def number_of_cell(text: str, decimal: str = ".") -> Number | None:
    """The number in a cell, None where it is empty.

    It may have separators of thousands, a unit, and parentheses or a minus on either side where it is negative.
    text    : text of the cell.
    decimal : the sign before its decimals, "." or ",".
    Raises  : ValueError for text that is no number, and for separators of thousands that are not three digits apart.

    >>> number_of_cell("($1,234.50)"), number_of_cell("-12,5 EUR", ","), number_of_cell("--")
    (Number(value=-1234.5, unit='$'), Number(value=-12.5, unit='EUR'), None)
    """
    text = text_of_cell(text)
    if not text or text.casefold() == NO_NUMBER:
        return None
    negative, unit, digits = _parts(text)
    if not STYLES[decimal].fullmatch(digits):
        raise ValueError(text)
    value = float(re.sub(rf"[^0-9{decimal}eE+-]", "", digits).replace(decimal, "."))
    if not isfinite(value):
        raise ValueError(text)
    return Number(-value if negative else value, unit)


def may_be_thousands(text: str, decimal: str = ".") -> bool:
    """True if the decimal sign of a cell, before three digits, may separate thousands instead.

    >>> may_be_thousands("1.000"), may_be_thousands("1,000"), may_be_thousands("1.00")
    (True, False, False)
    """
    digits = _parts(text_of_cell(text))[2]
    return decimal in digits and THOUSANDS.fullmatch(digits) is not None


def decimal_signs(texts: Iterable[str]) -> tuple[set[str], str]:
    """The decimal signs that numbers prove, and the first number that can be read with either, "" where none can.

    >>> decimal_signs(["1,234.50", "12"]), decimal_signs(["0,234"]), decimal_signs(["1,234"])
    (({'.'}, ''), ({','}, ''), (set(), '1,234'))
    """
    proved, either = set(), ""
    for text in map(text_of_cell, texts):
        digits = _parts(text)[2]
        fits = {decimal for decimal, style in STYLES.items() if style.fullmatch(digits)}
        if len(fits) == 1:
            proved |= fits
        elif len(fits) == 2 and re.search("[.,]", digits):
            either = either or text
    return proved, either


def decimal_sign(texts: Iterable[str], file: str, delimiter: str, hint: str) -> tuple[str, str]:
    """The decimal sign that the numbers of a file prove, and a note where none does; a point where they disagree.

    delimiter : the sign between cells; commas leave the point for decimals.
    hint      : how to state the sign, the beginning of a sentence.
    Raises    : DataError where they prove none and could be read with either.
    """
    proved, either = decimal_signs(texts)
    if proved or not either:
        return (proved.pop() if len(proved) == 1 else "."), ""
    if delimiter == ",":
        return ".", f"{file}: numbers such as {either!r} are read with a decimal point. {hint} to say so."
    raise DataError(f"{file}: numbers may have a decimal point or a decimal comma: found {either!r}. {hint}.")


def _parts(text: str) -> tuple[bool, str, str]:
    """The parts of a number: true if it is negative, its unit, and its digits with their separators."""
    found = None if WITHIN.search(text) else UNIT_PATTERN.search(text)
    unit = found[0] if found else ""
    rest = (UNIT_PATTERN.sub("", text, count=1) if found else text).replace("−", "-").strip()
    negative = False
    if rest.startswith("(") and rest.endswith(")"):
        negative, rest = True, rest[1:-1].strip()
    elif rest.endswith("-"):
        negative, rest = True, rest[:-1].strip()
    elif rest[:1] in ("-", "+"):
        negative, rest = rest[0] == "-", rest[1:].strip()
    return negative, unit, rest
