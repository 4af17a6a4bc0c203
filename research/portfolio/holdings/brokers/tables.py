"""The tables in a CSV file of a broker: its encoding, its delimiter, and the headers that stand somewhere in it."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import pairwise, zip_longest
from pathlib import Path
from statistics import mode
from typing import NamedTuple, NoReturn

from foundation.arguments import cut
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError, InputFault
from foundation.table_files import (
    DELIMITERS,
    QUOTED,
    Number,
    Row,
    TableText,
    decimal_sign,
    fault,
    number_of_cell,
    quoted,
    read_text,
    text_of_cell,
)
from research.market.currency import CURRENCIES, may_be
from research.portfolio.holdings.brokers.columns import COLUMN_NAMES, NEXT, TRADED, label_of, money_of

AMOUNT_NAME, SYMBOL_ISIN = "amount", "symbol/isin"  # an amount is one of units beside this name, which DEGIRO uses
STATED = re.compile(r"(.+?) (?:in )?\(?([$€£p]|[a-z]{3}|pence|base)\)?")
AT_CLOSE = re.compile("[CH](?=[0-9])")  # before a price of Trader Workstation, of a close or a halt
OF_TRADES = frozenset((
    "tradedate", "rundate", "settlementdate", "settledate", "transactiondate", "activitydate", "t/d", "date/time",
    "action", "transactiontype", "activitytype", "transcode", "buy/sell",
))  # fmt: skip  # a table with one of these columns, as `label_of` writes them, is of transactions
MOMENTS = frozenset(("date", "time", "datetime", "timestamp", "moment", "datum", "tradedate"))  # of a trade
ACCOUNT_BEFORE = "Account Information", "Data", "Account"  # before the account of a statement
CASH_REPORT, ENDING = "Cash Report", "Ending Cash"
ASIDE = CASH_REPORT, ACCOUNT_BEFORE[0], "Statement"  # sections that are read, or say nothing of an amount
HEADER_NAMES = 3  # names of positions by which a row is their header
TOTAL_CASH = "total cash:"  # above the table of Hargreaves Lansdown


class HeaderColumn(NamedTuple):
    """A column of a header: its number, from 0, its name as written, and the currency that the name states or ""."""

    number: int
    label: str
    currency: str


Columns = dict[str, HeaderColumn]  # by field


@dataclass(frozen=True)
class TableKind:
    """A kind of table: how its headers are recognised.

    required : fields that a header must have, such as asset and units.
    others   : fields that it may have.
    ranked   : by field, names of its column, the best first: a header's best one counts.
    sections : sections of a statement of Interactive Brokers that are such tables.
    names    : by field, names of its column that go before these; two columns with such names are refused.
    one_of   : fields of which a header has at least one; () for no such condition.
    money    : fields whose header may state a currency, as in "Value $", "Wert in EUR", "Price (pence)".
    trades   : true for tables of transactions, which other kinds leave aside.
    several  : fields of which each column counts; those after the best one are "fees 2" and so on.
    word     : what its rows are, in messages.
    declared : by field, the header's name; fields that are not declared are recognised.
    basis    : currency of the portfolio, which a header calls the base.
    """

    required: Sequence[str]
    others: Sequence[str]
    ranked: Mapping[str, Sequence[str]]
    sections: Sequence[str]
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    one_of: Sequence[str] = ()
    money: Sequence[str] = ()
    trades: bool = False
    several: Sequence[str] = ()
    word: str = "positions"
    declared: Mapping[str, str] = field(default_factory=dict)
    basis: str = ""

    @cached_property
    def known(self) -> dict[str, tuple[str, int]]:
        """The field of each name, and its rank: the lowest that a header has counts."""
        found: dict[str, tuple[str, int]] = {}
        for of in (*self.required, *self.others):
            if of not in self.declared:
                found |= {label_of(name): (of, 0) for name in self.names.get(of, ())}
                found |= {label_of(name): (of, rank) for rank, name in enumerate(self.ranked.get(of, ()), 1)}
        return found | {label_of(text_of_cell(name)): (of, 0) for of, name in self.declared.items()}

    def column(self, number: int, name: str) -> tuple[str, int, HeaderColumn] | None:
        """The field and the rank of a column with this name, None where it is no field."""
        if (label := label_of(name)) in self.known:
            return *self.known[label], HeaderColumn(number, name, "")
        label, unit = stated.groups() if (stated := STATED.fullmatch(name.casefold())) else ("", "")
        field, rank = self.known.get(label_of(label), ("", 0))
        currency, is_small = money_of(self.basis if unit == "base" else unit)
        if field not in self.money or currency not in {"$", self.basis, *CURRENCIES}:
            return None
        return field, rank + len(COLUMN_NAMES), HeaderColumn(number, name, unit.upper() if is_small else currency)


POSITION_TABLES = TableKind(
    ("asset", "units"), ("value", "price", "fx_rate", "account", "currency", "isin", "description", "detail"), NEXT,
    ("Open Positions", "Long Open Positions"), COLUMN_NAMES, money=("value", "price"),
)  # fmt: skip
POSITION_LABELS = frozenset(label_of(name) for of in (COLUMN_NAMES, NEXT) for names in of.values() for name in names)
ASSET_LABELS = frozenset(
    map(label_of, (*COLUMN_NAMES["asset"], *NEXT["description"], *NEXT["isin"], "instrument"))
)  # of assets beside those of transactions


@dataclass(frozen=True)
class BrokerTable:
    """A header and the rows below it.

    source  : name of the file.
    header  : line of the header.
    columns : columns by field.
    names   : name of each column that the header names, "" where it has none.
    title   : the text of the nearest row above with one cell.
    rows    : rows below it that are not empty.
    money   : fields whose header may state a currency.
    """

    source: str
    header: int
    columns: Columns
    names: tuple[str, ...]
    title: str
    rows: tuple[Row, ...]
    money: Sequence[str]

    @property
    def traded(self) -> str:
        """A cell that says that the rows are trades, in a column of no field beside one of days; else ""."""
        if not MOMENTS & set(map(label_of, self.names)):
            return ""
        return next(filter(TRADED.fullmatch, (cell for _, row in self.rows for _, cell in self.unread(row))), "")

    def unread(self, cells: Sequence[str]) -> Iterator[tuple[str, str]]:
        """The name and the text of each cell of a row in a column of no field; "" for a column without a name."""
        fields = {column.number for column in self.columns.values()}
        named = zip_longest(self.names, cells, fillvalue="")
        return (pair for k, pair in enumerate(named) if k not in fields)

    def fault(self, row: Row, field: str, what: str, fix: str, found: object = None) -> InputFault:
        """The fault of a field in a row.  found : text in place of that of its cell."""
        label = self.columns[field].label if field in self.columns else ""
        return fault(self.source, row[0], label, what, self.cell(row[1], field) if found is None else found, fix)

    @cached_property
    def _length(self) -> int:
        """The largest number of cells of a row; as in most rows, where the header names fewer columns."""
        return max(len(self.names), mode([len(cells) for _, cells in self.rows if len(_texts(cells)) > 1] or [0]))

    def shift(self, cells: Sequence[str], fields: Collection[str]) -> str:
        """The reason why numbers of these fields may stand in other columns than they should, or "".

        A row has a cell more, or ends too early. An empty cell more is nothing where the last column is one of the
        fields: it would hold what is shifted.
        """
        last, width = max(self.columns[f].number for f in fields if f in self.columns), len(self.names)
        if (len(cells) > self._length and last < width - 1) or any(cells[width:]) or len(cells) <= last:
            return f"the row has another number of cells than the header of row {self.header}"
        return ""

    def cell(self, cells: Sequence[str], field: str) -> str:
        """The text of a field in a row, "" where the table or the row does not have it.

        A column without a name after one of money belongs to it: a currency stands in one, and the amount in the other.
        """
        at = self.columns[field].number if field in self.columns else len(cells)
        more = field in self.money and self.names[at + 1 : at + 2] == ("",)
        return f"{_at(cells, at)} {_at(cells, at + 1)}".strip() if more else _at(cells, at)

    def number(self, cells: Sequence[str], field: str, decimal: str, of: str = "") -> Number | None:
        """The number of a field in whole units, with the currency that its cell or its header states; None without one.

        of     : currency; a number below a header that states another one is none.
        Raises : ValueError, with the text, for what is no number.
        """
        text = self.cell(cells, field)
        read = number_of_cell(AT_CLOSE.sub("", text) if field == "price" else text, decimal)
        if read is None or not (stated := read.unit or self.columns[field].currency):
            return read
        code, is_small = money_of(stated)
        whole = Number(read.value / 100.0, code) if is_small else Number(read.value, read.unit or code)
        return None if of and not read.unit and not may_be(code, of) else whole


@dataclass(frozen=True)
class BrokerFile:
    """The contents of a file.

    tables    : tables in the order of the file.
    delimiter : delimiter between its cells.
    cash      : line, currency and amount of cash outside of tables; no valid currency stands for the portfolio's.
    notes     : items that were left aside, in sentences.
    account   : account that a statement of Interactive Brokers names, or "".
    titles    : texts around the tables: above them, and rows with one cell.
    """

    tables: tuple[BrokerTable, ...]
    delimiter: str
    cash: tuple[tuple[int, str, str], ...]
    notes: tuple[str, ...]
    account: str = ""
    titles: tuple[str, ...] = ()

    def decimal(self, fields: Sequence[str], stated: str = "") -> tuple[str, list[str]]:
        """The decimal sign that is stated, else the one that numbers of these fields prove; and all notes on the file.

        Raises : DataError where they prove none and could be read with either.
        """
        if stated:
            return stated, [*self.notes]
        rows = [(table, cells) for table in self.tables for _, cells in table.rows]
        texts = (table.cell(cells, field) for table, cells in rows for field in fields)
        fix = 'Declare `decimal: "."` or `decimal: ","`'
        sign, note = decimal_sign(texts, self.tables[0].source, self.delimiter, fix)
        return sign, [*self.notes, *filter(None, [note])]


def read_broker_file(
    path: Path, kind: TableKind, declared: Mapping[str, str] | None = None, basis: str = ""
) -> BrokerFile:
    """The tables of a kind in a file.

    path     : path of the file.
    kind     : kind of table.
    declared : by field, the header's name; fields that are not declared are recognised.
    basis    : currency of the portfolio, which a header calls the base.
    Raises   : DataError for a file that cannot be read, that has no such table, and whose headers are ambiguous.
    """
    text = read_text(path, guess=True)
    kind = replace(kind, declared=declared or {}, basis=basis)
    found: dict[str, list[BrokerTable]] = {}
    rows_by: dict[str, list[Row]] = {}
    broken: DataError | None = None
    for delimiter in DELIMITERS:
        try:
            listed = _json_rows(text) if text.text.lstrip().startswith("[") else text.rows(delimiter)
            rows = rows_by[delimiter] = [(line, list(map(text_of_cell, cells))) for line, cells in listed]
        except DataError as error:
            broken = broken or error
        else:
            found[delimiter] = list(_tables(path.name, _of_statement(rows, kind) or rows, kind))
    if not any(found.values()):
        _refuse(path, rows_by, kind, broken)
    delimiter = max(found, key=lambda d: max((len(table.columns) for table in found[d]), default=0))
    tables, rows = found[delimiter], rows_by[delimiter]
    if traded := "" if kind.trades else next(filter(None, (table.traded for table in tables)), ""):
        raise _other_kind(path, tables[0].header, kind, quoted(traded))
    notes = (*text.notes, *_asides(path.name, rows, kind))
    account = next((c[3] for _, c in rows if c[:3] == list(ACCOUNT_BEFORE) and len(c) > 3), "")
    titles = tuple(c for line, cells in rows for c in cells if line < tables[0].header or len(_texts(cells)) == 1)
    return BrokerFile(tuple(tables), delimiter, tuple(_cash_outside(rows, tables)), notes, account, titles)


def _json_rows(text: TableText) -> Iterator[Row]:
    """The rows of a JSON list of objects, as brokers' interfaces answer: a header before those of the same names.

    The row of an object is its place in the list, from 1. Raises DataError for another JSON.
    """
    try:
        listed = [(row, dict(each)) for row, each in enumerate(json.loads(text.text), 1)]
    except (ValueError, TypeError) as error:
        raise DataError(f"{text.name} is no JSON list of objects ({error}). Export it anew, or as CSV.") from error
    for names in dict.fromkeys(tuple(each) for _, each in listed):
        same = [(row, each) for row, each in listed if tuple(each) == names]
        yield same[0][0], list(names)
        yield from ((row, ["" if value is None else str(value) for value in each.values()]) for row, each in same)


# -- rows ------------------------------------------------------------------------------------------------------------


def _at(cells: Sequence[str], number: int) -> str:
    return cells[number] if number < len(cells) else ""


def _texts(cells: Sequence[str]) -> list[str]:
    return [cell for cell in cells if cell]


def _of_statement(rows: list[Row], kind: TableKind) -> list[Row]:
    """The rows of a statement's sections of this kind; [] for a file that has none in its first column."""
    found = [(n, c) for n, c in rows if len(c) > 1 and c[0] in kind.sections and c[1] in ("Header", "Data")]
    return found if any(cells[1] == "Header" for _, cells in found) else []


def _cash_outside(rows: list[Row], tables: Sequence[BrokerTable]) -> Iterator[tuple[int, str, str]]:
    """Line, currency and amount of the cash at the end of a statement, and of a total of cash above the tables."""
    header: list[str] = []
    for line, cells in rows:
        if line < tables[0].header and cells[:1] and cells[0].casefold() == TOTAL_CASH:
            yield line, tables[0].columns["value"].currency if "value" in tables[0].columns else "", _at(cells, 1)
        if cells[:2] == [CASH_REPORT, "Header"]:
            header = cells
        elif cells[:1] == [CASH_REPORT] and len(cells) >= len(header):
            row = dict(zip(header, cells, strict=False))
            if row.get("Currency Summary") == ENDING and {"Currency", "Total"} <= set(row):
                yield line, row["Currency"], row["Total"]


def _asides(source: str, rows: list[Row], kind: TableKind) -> Iterator[str]:
    """Sentences on rows that belong to none of the tables."""
    if _of_statement(rows, kind):
        others = dict.fromkeys(c[0] for _, c in rows if len(c) > 1 and c[1] == "Header")
        if names := [name for name in others if name not in (*kind.sections, *ASIDE)]:
            yield f"{source}: sections other than {kind.word} and cash are ignored: {cut(', '.join(names))}."
    elif trades := 0 if kind.trades else next((line for line, cells in rows if _is_of_trades(cells, ())), 0):
        yield f"{source}, row {trades}: a table of transactions begins here and is ignored."


# -- headers ---------------------------------------------------------------------------------------------------------


def _tables(source: str, rows: list[Row], kind: TableKind) -> Iterator[BrokerTable]:
    """Each header with the rows up to the next one. What follows a header of transactions is left aside."""
    heads: list[tuple[int, int, Columns | None]] = []  # row, rows of the header, its fields
    i = 0
    while i < len(rows):
        tall, fields = _header_at(source, rows, i, kind)
        is_head = fields is not None or _is_aside(rows[i][1], kind)
        heads += [(i, tall, fields)] if is_head else []
        i += tall if is_head else 1
    begins = 0
    for (start, tall, fields), (end, *_) in pairwise([*heads, (len(rows), 0, None)]):
        above, begins = rows[begins:start], start
        if fields is None:
            continue
        title = next((texts[0] for _, cells in reversed(above) if len(texts := _texts(cells)) == 1), "")
        body = tuple((line, cells) for line, cells in rows[start + tall : end] if any(cells))
        head = zip_longest(*(cells for _, cells in rows[start : start + tall]), fillvalue="")
        names = [" ".join(_texts(column)) for column in head]
        while names and not names[-1]:
            names.pop()
        yield BrokerTable(source, rows[start + tall - 1][0], fields, tuple(names), title, body, kind.money)


def _header_at(source: str, rows: list[Row], i: int, kind: TableKind) -> tuple[int, Columns | None]:
    """Number of rows of the header at row `i`, and its fields; None where there is none.

    Names may be split over two rows, as in "Market" over "Value": then both together name the columns.
    """
    line, cells = rows[i]
    if not kind.trades and _is_aside(cells, kind):
        return 1, None
    alone = _fields(source, line, [[cell] for cell in cells], kind)
    below = rows[i + 1][1] if i + 1 < len(rows) else []
    if len(_texts(below)) < 2 or any(c.isdigit() for cell in below for c in cell):
        return 1, alone
    pairs = [[f"{a} {b}", b, a] if a and b else [a or b] for a, b in zip_longest(cells, below, fillvalue="")]
    both = _fields(source, line, pairs, kind)
    next_one = _fields(source, rows[i + 1][0], [[cell] for cell in below], kind)
    if both is not None and len(both) > max(len(alone or ()), len(next_one or ())):
        return 2, both
    return 1, alone


def _fields(source: str, line: int, columns: list[list[str]], kind: TableKind) -> Columns | None:
    """The columns of each field, or None where a required or a declared one is missing.

    columns : names that each column may go by, the best first.
    Raises  : DataError where two columns may be the same field.
    """
    hits: dict[str, list[tuple[int, HeaderColumn]]] = {}
    for j, names in enumerate(columns):
        if (hit := next(filter(None, (kind.column(j, name) for name in names)), None)) is not None:
            hits.setdefault(hit[0], []).append(hit[1:])
    if kind.trades and "moment" not in hits and "clock" in hits:
        hits["moment"] = hits.pop("clock")
    lacking = {*kind.required, *kind.declared} - set(hits)
    if "asset" not in kind.declared and not {"isin", "description"}.isdisjoint(hits):
        lacking -= {"asset"}  # for which they stand
    if lacking or (kind.one_of and set(kind.one_of).isdisjoint(hits)):
        return None
    found: Columns = {}
    for name, ranked in hits.items():
        ranked.sort(key=lambda each: each[0])
        first, *others = [column for rank, column in ranked if rank == ranked[0][0]]
        if name in kind.several:
            found |= {f"{name} {k}": column for k, (_, column) in enumerate(ranked[1:], 2)}
        elif others and name in kind.names:
            raise DataError(
                f"{source}, row {line}: two columns may hold the {name}: found {quoted(first.label)} and "
                f"{quoted(others[0].label)}. Declare one of them, columns: {{{name}: {cut(first.label, QUOTED)}}}; "
                "columns of one name must be renamed."
            )
        found[name] = first
    if kind.trades:
        return found
    units, asset = (label_of(found[f].label) if f in found else "" for f in ("units", "asset"))
    return None if units == AMOUNT_NAME and asset != SYMBOL_ISIN and "units" not in kind.declared else found


def _is_of_trades(cells: Sequence[str], declared: Iterable[str]) -> bool:
    """True if it is the header of a table of transactions without any of the declared names."""
    labels = set(map(label_of, cells))
    return bool(labels & OF_TRADES and labels & ASSET_LABELS) and labels.isdisjoint(map(label_of, declared))


def _is_aside(cells: Sequence[str], kind: TableKind) -> bool:
    """True if a row is the header of a table of another kind: of transactions, or of positions among transactions."""
    if not kind.trades:
        return _is_of_trades(cells, kind.declared.values())
    known = sum(label_of(cell) in POSITION_LABELS for cell in cells)
    of_trades = _is_of_trades(cells, ())
    return known >= HEADER_NAMES and not of_trades and not any(c.isdigit() for cell in cells for c in cell)


def _refuse(path: Path, rows_by: Mapping[str, list[Row]], kind: TableKind, broken: DataError | None) -> NoReturn:
    """Raise the error that no table was found, with the contents of the file and the names to declare."""
    widths = {d: max((len(_texts(cells)) for _, cells in rows), default=0) for d, rows in rows_by.items()}
    rows = rows_by[max(widths, key=lambda d: widths[d])] if widths else []
    if broken and max(widths.values(), default=0) < 2:
        raise broken
    if aside := next((row for row in rows if _is_aside(row[1], kind)), None):
        raise _other_kind(path, aside[0], kind, _listed(aside[1]))
    fields_in = partial(kind.column, 0)
    line, cells = max(rows, key=lambda row: (sum(map(bool, map(fields_in, row[1]))), len(_texts(row[1]))))
    labels = [label_of(cell) for cell in cells]
    lacking = [name for name in kind.declared.values() if label_of(text_of_cell(name)) not in labels]
    if lacking:
        what = f"no row has the declared {'column' if len(lacking) == 1 else 'columns'} {', '.join(map(repr, lacking))}"
    else:
        what = f"no row names a column of {' and one of '.join(f for f in kind.required if f not in kind.declared)}"
    found = f"found {_listed(cells)} in row {line}"
    if kind.trades:
        raise DataError(
            f"{path.name}: no table of {kind.word}, {what}: {found}. Export the transactions as CSV, or say what its "
            "columns are, such as --form moment=NAME,asset=NAME,units=NAME,price=NAME (docs/book.md)."
        )
    known = " and ".join(COLUMN_NAMES[field][0].capitalize() for field in kind.required)
    example = ", ".join(f"{field}: …" for field in kind.required)
    declare = f", or declare its names in a portfolio file, positions: {{file: {path.name}, columns: {{{example}}}}}"
    declare = declare if "units" in kind.required else ""
    raise DataError(f"{path.name}: {what}: {found}. Name them in the header, such as {known}{declare}.")


def _other_kind(path: Path, line: int, kind: TableKind, found: str) -> DataError:
    own, other = ("transactions", "positions") if kind.trades else ("positions", "transactions")
    return DataError(f"{path.name}, row {line}: a list of {other}, not of {own}: found {found}. Export the {own}.")


def _listed(cells: Sequence[str]) -> str:
    """The beginning of a row, as a message quotes it."""
    return cut(", ".join(map(quoted, _texts(cells))), 2 * QUOTED)
