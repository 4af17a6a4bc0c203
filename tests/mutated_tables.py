"""A table as a file holds it, and what goes wrong with files: columns, rows, numbers, delimiters, encodings, bytes.

Each change takes the generator of random numbers and a table, or its bytes, and changes it. No reader can undo it: it
must read what is meant, refuse it, or say what is odd.
"""

import csv
import io
import random
import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

NUMBER = re.compile(r"[-($€+]*[0-9][0-9.,]*[)%-]?")
UNSEEN = ("\0", "\x01", "\x1b[31m", "\x0c", "\x7f", "\u202e", "\u200f", "\u2066", "\u200b", "\ufeff", "\u2028")
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "utf-32", "cp037", "utf-7")
WORDS = ("Total", "TOTAL", "Account Total", "Grand total", "Summe", "Totaal", "Average", "Total:", "Subtotal")
SPOILED = ("#REF!", "n/q", "nan", "inf", "1_000", "0x10", "1e999", "٣٤", "１２", "=1+1", "12 %", "₽5", "--5", "(5",
           "1,00", "9" * 400, "x" * 5_000)  # fmt: skip
COUNTS = ("right", "refused", "noted", "wrong")


@dataclass
class Sheet:
    """A table as text: what stands above it, its header and rows, what stands below it, and how it is written."""

    header: list[str]
    rows: list[list[str]]
    above: list[list[str]] = field(default_factory=list)
    below: list[list[str]] = field(default_factory=list)
    fixed: tuple[str, ...] = ()  # columns of which nobody could notice that they are not there
    delimiter: str = ","
    quoting: int = csv.QUOTE_MINIMAL

    @property
    def grid(self) -> list[list[str]]:
        """Header and rows."""
        return [self.header, *self.rows]

    def written(self) -> str:
        """The table as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.delimiter, quoting=self.quoting, lineterminator="\n")  # type: ignore[arg-type]
        writer.writerows([*self.above, *self.grid, *self.below])
        return text.getvalue()


Change = Callable[[random.Random, Sheet], None]
Spoil = Callable[[random.Random, str], bytes]


# -- columns and rows ------------------------------------------------------------------------------------------------


def drop_column(rng: random.Random, sheet: Sheet) -> None:
    """A column is not there."""
    k = rng.choice([k for k, name in enumerate(sheet.header) if name not in sheet.fixed])
    for cells in sheet.grid:
        del cells[k : k + 1]


def rename_column(rng: random.Random, sheet: Sheet) -> None:
    """A column has another name, which a reader may or may not know."""
    k = rng.randrange(len(sheet.header))
    name = sheet.header[k]
    sheet.header[k] = rng.choice(["", "Worth", "Bestand", f"{name} (base)", name.upper(), f" {name} ",
                                  f"{name}s", "Cost Basis", "n/a", "x" * 300])  # fmt: skip


def double_column(rng: random.Random, sheet: Sheet) -> None:
    """A column is there twice."""
    k, place = rng.randrange(len(sheet.header)), rng.randrange(len(sheet.header) + 1)
    for cells in sheet.grid:
        cells.insert(min(place, len(cells)), cells[k] if k < len(cells) else "")


def swap_columns(rng: random.Random, sheet: Sheet) -> None:
    """Two columns stand in each other's place, with their names."""
    i, k = rng.sample(range(len(sheet.header)), 2)
    for cells in sheet.grid:
        if max(i, k) < len(cells):
            cells[i], cells[k] = cells[k], cells[i]


def swap_names(rng: random.Random, sheet: Sheet) -> None:
    """Two columns have each other's name."""
    i, k = rng.sample(range(len(sheet.header)), 2)
    sheet.header[i], sheet.header[k] = sheet.header[k], sheet.header[i]


def shift_row(rng: random.Random, sheet: Sheet) -> None:
    """A row has a cell more or less than its header."""
    cells = rng.choice(sheet.rows)
    k = rng.randrange(len(cells))
    if rng.random() < 0.5:
        del cells[k]
    else:
        cells.insert(k, rng.choice(["", "0", "1,000", cells[k]]))


def double_row(rng: random.Random, sheet: Sheet) -> None:
    """A row is there twice."""
    sheet.rows.insert(rng.randrange(len(sheet.rows) + 1), list(rng.choice(sheet.rows)))


def repeat_header(rng: random.Random, sheet: Sheet) -> None:
    """The header stands between the rows once more."""
    sheet.rows.insert(rng.randrange(len(sheet.rows) + 1), list(sheet.header))


def add_total(rng: random.Random, sheet: Sheet) -> None:
    """A row has the sums of columns."""
    cells = [rng.choice(["", "", "12,345.60", "1234.5"]) for _ in sheet.header]
    cells[rng.choice([0, 0, 1, 2])] = rng.choice(WORDS)
    sheet.rows.insert(rng.randrange(len(sheet.rows) + 1), cells)


def blank_row(rng: random.Random, sheet: Sheet) -> None:
    """A row is empty."""
    sheet.rows.insert(rng.randrange(len(sheet.rows) + 1), rng.choice([[], [""] * len(sheet.header), [" "]]))


def spoil_cell(rng: random.Random, sheet: Sheet) -> None:
    """A cell holds something else than it should."""
    cells = rng.choice(sheet.rows)
    cells[rng.randrange(len(cells))] = rng.choice(SPOILED)


# -- numbers ---------------------------------------------------------------------------------------------------------


def other_style(cell: str) -> str:
    """A number with a point for its comma and a comma for its point."""
    return cell.translate(str.maketrans(",.", ".,")) if NUMBER.fullmatch(cell) else cell


def restyle_all(rng: random.Random, sheet: Sheet) -> None:
    """All numbers are written as in Germany, with or without separators of thousands."""
    group = rng.choice([".", "", " ", "'", "\u202f"])
    for cells in sheet.rows:
        cells[:] = [other_style(cell).replace(".", group) if NUMBER.fullmatch(cell) else cell for cell in cells]
    sheet.delimiter = rng.choice([",", ";", "\t"])


def restyle_cell(rng: random.Random, sheet: Sheet) -> None:
    """One number is written as in Germany."""
    cells = rng.choice(sheet.rows)
    numbers = [k for k, cell in enumerate(cells) if NUMBER.fullmatch(cell)]
    if numbers:
        k = rng.choice(numbers)
        cells[k] = other_style(cells[k])


def dress(rng: random.Random, sheet: Sheet) -> None:
    """All numbers have a sign beside them, or none of them has separators."""
    form = rng.choice(["${}", "{} $", "USD {}", "{} USD", "US${}", "'{}"])
    for cells in sheet.rows:
        cells[:] = [form.format(cell) if NUMBER.fullmatch(cell) and "$" not in cell else cell for cell in cells]


def bare(rng: random.Random, sheet: Sheet) -> None:
    """No number has separators or signs."""
    for cells in sheet.rows:
        cells[:] = [cell.replace(",", "").replace("$", "") if NUMBER.fullmatch(cell) else cell for cell in cells]


def other_delimiter(rng: random.Random, sheet: Sheet) -> None:
    """Cells are set apart in another way, all of them quoted or those alone that need it."""
    sheet.delimiter, sheet.quoting = rng.choice(",;\t|:"), rng.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])


# -- bytes -----------------------------------------------------------------------------------------------------------


def plain(rng: random.Random, text: str) -> bytes:
    """Nothing is wrong."""
    return text.encode("utf-8", "surrogatepass")


def encoded(rng: random.Random, text: str) -> bytes:
    """Another encoding, and other line ends."""
    text = text.replace("\n", rng.choice(["\n", "\r\n", "\r"]))
    return text.encode(rng.choice(ENCODINGS), "replace")


def unseen(rng: random.Random, text: str) -> bytes:
    """A character that is not printed stands somewhere."""
    k = rng.randrange(1, len(text))
    return (text[:k] + rng.choice(UNSEEN) + text[k:]).encode()


def truncated(rng: random.Random, text: str) -> bytes:
    """The end of the file is not there: it ends within a row."""
    raw = text.encode()
    ends = [k for k in range(1, len(raw)) if raw[k - 1] != 0x0A]
    return raw[: rng.choice(ends)]


def broken_quote(rng: random.Random, text: str) -> bytes:
    """A quote stands somewhere."""
    k = rng.randrange(len(text))
    return (text[:k] + '"' + text[k:]).encode()


def flipped(rng: random.Random, text: str) -> bytes:
    """A byte is none of UTF-8, or the file is doubled or empty."""
    raw = text.encode()
    k = rng.randrange(len(raw))
    return rng.choice([raw[:k] + b"\xff" + raw[k:], raw + raw, b"", b"\n\n", b"\xff\xfe", b"PK\x03\x04" + raw])


def changed(rng: random.Random, sheet: Sheet, changes: Sequence[Change], spoils: Sequence[Spoil]) -> tuple[str, bytes]:
    """A copy with one change of its cells or one of its bytes, and what these are called; now and then with none."""
    sheet, change, spoil = deepcopy(sheet), rng.choice(changes), rng.choice(spoils)
    called = "nothing"
    if (kind := rng.random()) < 0.7:
        change(rng, sheet)
        called, spoil = change.__name__, rng.choice([plain, plain, plain, encoded])
    elif kind > 0.98:
        spoil = plain
    return f"{called}, {spoil.__name__}", spoil(rng, sheet.written())
