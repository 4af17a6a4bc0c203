"""The tables in a CSV file of a broker: its encoding, its delimiter, and the headers that stand somewhere in it.

Header names are those of the exports of Schwab, Fidelity, Vanguard and Interactive Brokers, and the usual words.
"""

import codecs
import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import NoReturn

from research.arguments import cut, shown
from research.errors import DataError
from research.portfolio.amounts import cell_text

MOST_BYTES = 10_000_000
DELIMITERS = (",", ";", "\t", "|")
LISTED = 12  # header names in a message
NAMES = {
    "asset": ("symbol", "ticker", "ticker symbol", "trading symbol", "symbol/cusip", "asset"),
    "units": ("quantity", "qty", "qty (quantity)", "shares", "units", "position", "number of shares", "no. of shares"),
    "value": ("market value", "mkt val (market value)", "mkt val", "marketvalue", "current value", "total value",
              "value", "positionvalue", "position value"),
    "price": ("price", "last price", "share price", "close price", "closing price", "mark price", "markprice",
              "current price", "unit price"),
    "fx_rate": ("fxratetobase", "fx rate to base", "fx rate"),
    "account": ("account number", "account", "account id", "clientaccountid", "account #", "fund account number",
                "account name"),
    "currency": ("currency", "currencyprimary", "currency code", "ccy"),
    "description": ("description", "investment name", "security description", "security name", "fund name", "name"),
    "detail": ("datadiscriminator", "levelofdetail"),
    "date": ("date", "price date", "as of date"),
}  # fmt: skip
PREFERRED = ("account", "description")  # the first name that the file has is taken; two of another field are refused
OF_TRADES = frozenset(
    ("trade date", "run date", "settlement date", "date/time", "action", "transaction type", "buy/sell")
)  # a table with one of these columns is of transactions
STATEMENT = "Open Positions", "Long Open Positions"  # sections of a statement of Interactive Brokers
CASH_REPORT, ENDING = "Cash Report", "Ending Cash"

Row = tuple[int, list[str]]  # the line at which it begins, from 1, and its cells


@dataclass(frozen=True)
class Wanted:
    """What a header must have and may have, and the names of fields that were declared."""

    required: tuple[str, ...]
    others: tuple[str, ...]
    declared: Mapping[str, str]

    @cached_property
    def names(self) -> dict[str, tuple[str, ...]]:
        """By field, the names that its column may go by."""
        known = {field: NAMES[field] for field in (*self.required, *self.others)}
        return known | {field: (_label(name),) for field, name in self.declared.items()}

    @cached_property
    def declared_labels(self) -> frozenset[str]:
        """The declared names as they are compared."""
        return frozenset(map(_label, self.declared.values()))

    def is_header(self, found: Collection[str]) -> bool:
        """Has a row with these fields all that are needed? A description stands for an asset that is not declared."""
        lacking = {*self.required, *self.declared} - set(found)
        return not lacking or (lacking == {"asset"} and "asset" not in self.declared and "description" in found)


@dataclass(frozen=True)
class BrokerTable:
    """A header and the rows below it.

    source  : name of the file.
    header  : line of the header.
    labels  : by field (`NAMES`), the header's name as it is written.
    columns : by field, the number of its column, from 0.
    names   : of each column that the header names, "" where it has none.
    title   : the text of the nearest row above with one cell.
    rows    : below it that are not empty.
    """

    source: str
    header: int
    labels: Mapping[str, str]
    columns: Mapping[str, int]
    names: tuple[str, ...]
    title: str
    rows: tuple[Row, ...]

    @property
    def width(self) -> int:
        """The number of columns that the header names."""
        return len(self.names)

    def cell(self, cells: Sequence[str], field: str) -> str:
        """The text of a field in a row, "" where the table or the row does not have it."""
        column = self.columns.get(field, len(cells))
        return cell_text(cells[column]) if column < len(cells) else ""


@dataclass(frozen=True)
class BrokerFile:
    """What a file holds.

    tables    : in its order.
    delimiter : between its cells.
    cash      : of a statement, line, currency and amount of each "Ending Cash".
    notes     : what was left aside, in sentences.
    """

    tables: tuple[BrokerTable, ...]
    delimiter: str
    cash: tuple[tuple[int, str, str], ...]
    notes: tuple[str, ...]


def read_broker_file(
    path: Path, required: Sequence[str], others: Sequence[str], declared: Mapping[str, str] | None = None
) -> BrokerFile:
    """The tables of a file whose headers have the required fields.

    path     : of the file.
    required : fields that a header must have, such as asset and units.
    others   : fields that it may have.
    declared : by field, the header's name; fields that are not declared are recognised.
    Raises   : DataError for a file that cannot be read, that has no such table, and whose headers are ambiguous.
    """
    text, encoding = read_text(path)
    wanted = Wanted(tuple(required), tuple(others), declared or {})
    found: dict[str, list[BrokerTable]] = {}
    rows_by: dict[str, list[Row]] = {}
    broken = ""
    for delimiter in DELIMITERS:
        try:
            rows = list(_rows(text, delimiter))
        except csv.Error as error:
            broken = broken or f"{path.name} is no CSV file with {delimiter!r} between its cells: {error}."
            continue
        rows_by[delimiter] = rows
        if tables := list(_tables(path.name, _of_statement(rows), wanted)):
            found[delimiter] = tables
    if not found:
        _refuse(path, rows_by, wanted, broken)
    delimiter = max(found, key=lambda d: max(len(table.columns) for table in found[d]))
    tables, rows = found[delimiter], rows_by[delimiter]
    notes = list(_asides(path.name, rows))
    if encoding == "cp1252":
        notes.insert(0, f"{path.name} is not in UTF-8: it is read as Windows-1252.")
    return BrokerFile(tuple(tables), delimiter, tuple(_ending_cash(rows)), tuple(notes))


def read_text(path: Path) -> tuple[str, str]:
    """The text of a file and its encoding: UTF-8 or UTF-16 with or without its mark, else Windows-1252.

    Raises : DataError for a file that is missing, empty, too large, or in no such encoding.
    """
    try:
        with open(path, "rb") as opened:
            raw = opened.read(MOST_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{path} cannot be read ({reason}). Give the path of a CSV file.") from error
    if len(raw) > MOST_BYTES:
        raise DataError(
            f"{path.name} has more than {MOST_BYTES / 1e6:g} MB. Give the rows that the portfolio needs alone."
        )
    if raw[:4] in (b"PK\x03\x04", b"%PDF", b"\xd0\xcf\x11\xe0"):
        raise DataError(f"{path.name} is a workbook or a PDF. Export it as CSV.")
    encoding = "utf-8-sig"
    if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        encoding = "utf-16"
    elif b"\0" in raw:
        encoding = "utf-16-le" if raw[1:2] == b"\0" else "utf-16-be"
    for each in (encoding, "cp1252"):
        try:
            text = raw.decode(each)
        except UnicodeDecodeError:
            continue
        if not text.strip().strip("\ufeff"):
            raise DataError(f"{path.name} is empty. Export it anew.")
        if "\0" not in text:
            return text, each
    raise DataError(f"{path.name} is no text in UTF-8, UTF-16 or Windows-1252. Export it as CSV.")


# -- rows ------------------------------------------------------------------------------------------------------------


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for cells in reader:
            yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise csv.Error(f"{error}, in the row that begins at line {begins}") from error


def _texts(cells: Sequence[str]) -> list[str]:
    """The cells that hold something."""
    return [text for cell in cells if (text := cell_text(cell))]


def _of_statement(rows: list[Row]) -> list[Row]:
    """Of a statement with a section in the first column, the rows of its open positions; else all rows."""
    if not _is_statement(rows):
        return rows
    return [(n, c) for n, c in rows if len(c) > 1 and c[0].strip() in STATEMENT and c[1] in ("Header", "Data")]


def _is_statement(rows: list[Row]) -> bool:
    return any(len(c) > 1 and c[0].strip() in STATEMENT and c[1] == "Header" for _, c in rows)


def _ending_cash(rows: list[Row]) -> Iterator[tuple[int, str, str]]:
    """Line, currency and amount of the cash at the end of a statement."""
    if not _is_statement(rows):
        return
    header: list[str] = []
    for line, cells in rows:
        if len(cells) < 2 or cells[0].strip() != CASH_REPORT:
            continue
        if cells[1] == "Header":
            header = [_label(cell) for cell in cells]
        elif {"currency summary", "currency", "total"} <= set(header) and len(cells) >= len(header):
            row = dict(zip(header, map(cell_text, cells), strict=False))
            if row["currency summary"] == ENDING:
                yield line, row["currency"], row["total"]


def _asides(source: str, rows: list[Row]) -> Iterator[str]:
    """Sentences on what belongs to none of the tables."""
    if _is_statement(rows):
        read = (*STATEMENT, CASH_REPORT)
        others = dict.fromkeys(c[0].strip() for _, c in rows if len(c) > 1 and c[1] == "Header")
        if names := [name for name in others if name not in read]:
            yield f"{source}: sections other than positions and cash are ignored: {cut(', '.join(names))}."
        return
    for line, cells in rows:
        if _is_of_trades(cells, frozenset()):
            yield f"{source}, row {line}: a table of transactions begins here and is ignored."
            return


# -- headers ---------------------------------------------------------------------------------------------------------


def _label(cell: str) -> str:
    return cell_text(cell).casefold()


def _tables(source: str, rows: list[Row], wanted: Wanted) -> Iterator[BrokerTable]:
    """Each header with the rows up to the next one. What follows a header of transactions is left aside."""
    heads: list[tuple[int, int, dict[str, tuple[int, str]] | None]] = []  # row, rows of the header, its fields
    i = 0
    while i < len(rows):
        tall, fields = _header_at(source, rows, i, wanted)
        if fields is not None or _is_of_trades(rows[i][1], wanted.declared_labels):
            heads.append((i, tall, fields))
            i += tall
        else:
            i += 1
    for k, (start, tall, fields) in enumerate(heads):
        if fields is None:
            continue
        end = heads[k + 1][0] if k + 1 < len(heads) else len(rows)
        above = rows[heads[k - 1][0] if k else 0 : start]
        title = next((texts[0] for _, cells in reversed(above) if len(texts := _texts(cells)) == 1), "")
        body = tuple((line, cells) for line, cells in rows[start + tall : end] if _texts(cells))
        head = zip_longest(*(cells for _, cells in rows[start : start + tall]), fillvalue="")
        names = [" ".join(text for cell in column if (text := cell_text(cell))) for column in head]
        while names and not names[-1]:
            names.pop()
        yield BrokerTable(
            source=source,
            header=rows[start + tall - 1][0],
            labels={field: label for field, (_, label) in fields.items()},
            columns={field: column for field, (column, _) in fields.items()},
            names=tuple(names),
            title=title,
            rows=body,
        )


def _header_at(source: str, rows: list[Row], i: int, wanted: Wanted) -> tuple[int, dict[str, tuple[int, str]] | None]:
    """How many rows the header at row `i` has, and its fields; None where there is none.

    Names may be split over two rows, as in "Market" over "Value": then both together name the columns.
    """
    line, cells = rows[i]
    if _is_of_trades(cells, wanted.declared_labels):
        return 1, None
    alone = _fields(source, line, [[cell] for cell in cells], wanted)
    if i + 1 == len(rows) or not _may_be_header(rows[i + 1][1]):
        return 1, alone
    below = rows[i + 1][1]
    width = max(len(cells), len(below))
    top, low = (row + [""] * (width - len(row)) for row in (cells, below))
    pairs = [[f"{a} {b}", b, a] if a.strip() and b.strip() else [a or b] for a, b in zip(top, low, strict=True)]
    both = _fields(source, line, pairs, wanted)
    next_one = _fields(source, rows[i + 1][0], [[cell] for cell in below], wanted)
    if both is not None and len(both) > max(len(alone or ()), len(next_one or ())):
        return 2, both
    return 1, alone


def _may_be_header(cells: Sequence[str]) -> bool:
    return len(_texts(cells)) > 1 and not any(c.isdigit() for cell in cells for c in cell)


def _fields(source: str, line: int, columns: list[list[str]], wanted: Wanted) -> dict[str, tuple[int, str]] | None:
    """By field, its column and its name, or None where a required or a declared one is missing.

    columns : names that each column may go by, the best first.
    Raises  : DataError where two columns may be the same field.
    """
    labels = [[_label(name) for name in names] for names in columns]
    found: dict[str, tuple[int, str]] = {}
    doubles: dict[str, list[str]] = {}
    for field, known in wanted.names.items():
        hits = [(j, names.index(name)) for j, names in enumerate(labels) for name in known if name in names]
        if field in PREFERRED and hits:
            hits = [next((j, k) for name in known for j, k in hits if labels[j][k] == name)]
        if len(columns_hit := dict.fromkeys(j for j, _ in hits)) > 1:
            doubles[field] = [cell_text(columns[j][0]) for j in columns_hit]
        if hits:
            j, k = hits[0]
            found[field] = j, cell_text(columns[j][k])
    if not wanted.is_header(found):
        return None
    if doubles:
        field, names = next(iter(doubles.items()))
        raise DataError(
            f"{source}, row {line}: two columns may hold the {field}: found {' and '.join(map(repr, names))}. Declare "
            f"one of them, columns: {{{field}: {names[0]}}}; columns of one name must be renamed."
        )
    return found


def _is_of_trades(cells: Sequence[str], declared: Collection[str]) -> bool:
    """Is it the header of a table of transactions, and none of the declared names among its own?"""
    labels = {_label(cell) for cell in cells}
    of_asset = {*NAMES["asset"], *NAMES["description"]}
    return not labels & set(declared) and bool(labels & OF_TRADES) and bool(labels & of_asset)


def _refuse(path: Path, rows_by: Mapping[str, list[Row]], wanted: Wanted, broken: str) -> NoReturn:
    """Say why no table was found: what the file has instead, and what to declare."""
    rows = max(rows_by.values(), key=_widest, default=[])
    if broken and _widest(rows) < 2:
        raise DataError(f"{broken} Correct its quotes, or export the file anew.")
    for line, cells in rows:
        if _is_of_trades(cells, wanted.declared_labels):
            raise DataError(
                f"{path.name}, row {line}: a list of transactions, not of holdings: found {_listed(cells)}. Export the "
                "positions."
            )
    line, cells = max(rows, key=lambda row: _likeness(row[1], wanted))
    lacking = [name for name in wanted.declared.values() if _label(name) not in map(_label, cells)]
    if lacking:
        what = f"no row has the declared {'column' if len(lacking) == 1 else 'columns'} {', '.join(map(repr, lacking))}"
    else:
        what = f"no row names a column of {' and one of '.join(f for f in wanted.required if f not in wanted.declared)}"
    example = ", ".join(f"{field}: …" for field in wanted.required)
    raise DataError(
        f"{path.name}: {what}: found {_listed(cells)} in row {line}. Declare what the header calls them, columns: "
        f"{{{example}}}, or export the positions as CSV."
    )


def _widest(rows: list[Row]) -> int:
    """The most cells of a row that hold something."""
    return max((len(_texts(cells)) for _, cells in rows), default=0)


def _likeness(cells: Sequence[str], wanted: Wanted) -> tuple[int, bool, int]:
    """How much a row looks like a header: names that it has, no digits, cells."""
    known = {name for names in wanted.names.values() for name in names}
    return (
        len(known & set(map(_label, cells))),
        not any(c.isdigit() for cell in cells for c in cell),
        len(_texts(cells)),
    )


def _listed(cells: Sequence[str]) -> str:
    texts = _texts(cells)
    return ", ".join(shown(text) for text in texts[:LISTED]) + (", …" if len(texts) > LISTED else "")
