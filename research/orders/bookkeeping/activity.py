"""Transactions from a broker's file: fills, busts and corrections of fills, and amounts of cash without an order."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError, all_mistakes
from foundation.paper.wording import counted
from research.orders.bookkeeping.columns import EXECUTIONS, NEGATIVE_FEES, NUMBER_FIELDS, TOTALS, TRANSACTIONS
from research.orders.bookkeeping.corrections import Correction
from research.orders.bookkeeping.fill_prices import check_price
from research.orders.bookkeeping.moments import day_first
from research.orders.bookkeeping.row_doubts import doubt_of, unfilled
from research.orders.bookkeeping.trade_row import trade_row_of
from research.orders.bookkeeping.transaction import NOTHING_STATED, FileStatements, Source, Transaction
from research.orders.fills import Fill
from research.portfolio import Portfolio
from research.portfolio.holdings.brokers.symbols import AssetNames
from research.portfolio.holdings.brokers.tables import BrokerFile, BrokerTable, HeaderColumn, read_broker_file
from research.portfolio.holdings.cash_entries import CashEntry

SOME_DIGIT = re.compile("[1-9]")  # in a debit or a credit


@dataclass(frozen=True)
class Activity:
    """The transactions in a file.

    fills       : fills; accounts as the file names them.
    corrections : busts and corrections.
    entries     : amounts of cash with an id of the broker.
    proposals   : those without one, whose `entry_id` is made of their content, and those of an unknown kind.
    notes       : rows that were left aside, in sentences.
    doubts      : by the key of a fill or the id of an amount of cash, why a person has to say what it is.
    rows        : likewise, the row of the file.
    """

    fills: tuple[Fill, ...]
    corrections: tuple[Correction, ...] = ()
    entries: tuple[CashEntry, ...] = ()
    proposals: tuple[CashEntry, ...] = ()
    notes: tuple[str, ...] = ()
    doubts: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)


def read_activity(path: Path, portfolio: Portfolio, reading: FileStatements = NOTHING_STATED) -> Activity:
    """The transactions in a broker's CSV file, or in a JSON list of activities.

    A fill or an amount without an id gets one that is made of its content, and of its number among equal ones.
    portfolio : with the orders that were sent, by whose prices those of fills are checked.
    Raises    : DataError for a file that cannot be read or has no such table, for days and decimals that can be read in
                two ways, for a file of several accounts of which none is named, and for its mistakes, each with its
                row; all in one message.
    """
    file = read_broker_file(path, TRANSACTIONS, reading.columns, portfolio.basis)
    file = replace(file, tables=tuple(map(_with_amounts, file.tables)))
    reader = _Reader(file, portfolio, reading)
    reader.check_accounts(path.name)
    reader.read()
    if reader.mistakes:
        raise DataError(all_mistakes(path.name, reader.mistakes))
    found = {name: tuple(rows) for name, rows in reader.rows.items()}
    return Activity(**found, notes=tuple(reader.notes), doubts=reader.doubts, rows=reader.places)


def _with_amounts(table: BrokerTable) -> BrokerTable:
    """The table with a column of amounts in place of debits and credits, where it has no other."""
    parts = [(sign, table.columns[of]) for of, sign in (("debit", "-"), ("credit", "")) if of in table.columns]
    if "amount" in table.columns or not parts:
        return table
    width = len(table.names)

    def amount(cells: Sequence[str]) -> str:
        """The text of the one that is no zero; two of them are no number, which is told as a mistake of the row."""
        stated = ((sign, cell) for sign, column in parts for cell in cells[column.number : column.number + 1])
        return " and ".join(
            cell if cell[0] in "-(" else sign + cell for sign, cell in stated if SOME_DIGIT.search(cell)
        )

    rows = tuple(
        (line, [*cells[:width], *[""] * (width - len(cells)), amount(cells), *cells[width:]])
        for line, cells in table.rows
    )
    column = HeaderColumn(width, "Amount", parts[0][1].currency)
    return replace(table, names=(*table.names, "Amount"), columns={**table.columns, "amount": column}, rows=rows)


class _Reader:
    """Reads the rows of a file one after the other."""

    def __init__(self, file: BrokerFile, portfolio: Portfolio, reading: FileStatements) -> None:
        """Settle the signs of decimals and of money, and the order of day and month, for all rows."""
        self.file = file
        columns = dict.fromkeys(name for table in file.tables for name in table.columns)
        fields = [name for name in columns if name.partition(" ")[0] in NUMBER_FIELDS]
        sign, self.notes = file.decimal(fields, reading.decimal)
        texts = [table.cell(cells, "moment") for table in file.tables for _, cells in table.rows]
        first = day_first(texts, file.tables[0].source, reading.day_first)
        names = AssetNames(portfolio.market.assets, reading.symbols)
        self.source = Source(portfolio, reading, sign, first, file.account, names)
        self.mistakes = list[str]()
        self.rows: dict[str, list[Any]] = {"fills": [], "corrections": [], "entries": [], "proposals": []}
        self.doubts, self.places = dict[str, str](), dict[str, int]()
        self._ids: Counter[str] = Counter()
        self._rounded: list[str] = []
        self._seen: dict[tuple[str, str], tuple[int, list[str]]] = {}
        self.source = self._with_signs()

    def all_rows(self) -> Iterator[Transaction]:
        """Every row of every table, but totals."""
        for table in self.file.tables:
            details = [table.cell(cells, "detail").casefold() for _, cells in table.rows]
            assets = [table.cell(cells, "asset") for _, cells in table.rows]
            executed = {asset for asset, detail in zip(assets, details, strict=True) if detail in EXECUTIONS}
            for row, asset, detail in zip(table.rows, assets, details, strict=True):
                if detail not in TOTALS or (detail == "order" and asset not in executed):
                    yield Transaction(self.source, table, row)

    def check_accounts(self, file: str) -> None:
        """Raise DataError for rows of several accounts of which a portfolio without accounts does not name its own."""
        portfolio, own = self.source.portfolio, self.source.reading.accounts
        named = list(dict.fromkeys(account for row in self.all_rows() if (account := row.stated_account)))
        if not named or portfolio.accounts or portfolio.ticket.account:
            return
        fix = f"Name its own, such as --account {named[0]}, or state `accounts:` in the portfolio file."
        if own and not {*own} & {*named}:
            raise DataError(f"{file} is of {', '.join(named)}, and not of {', '.join(own)}. {fix}")
        if len(named) > 1 and not own:
            told = f"{file} is of {len(named)} accounts, {', '.join(named)}, and the portfolio names none"
            raise DataError(f"{told}. {fix}")

    def _with_signs(self) -> Source:
        """The source with the signs of fees and of money that goes, and whether amounts have fees in them."""
        signs, shown, is_signed = Counter[str](), 0, False
        for row in self.all_rows():
            with suppress(DataError):
                for _, label, read in () if row.is_own else row.stated_fees:
                    signs[label] += 1 if read.value < 0 else -1
                if not (is_signed or row.aside) and row.is_negative:  # interest, of either sign, shows nothing
                    is_signed = row.side == "buy" if row.is_trade else row.is_outflow
        below = {label for label, most in signs.items() if most > 0}
        source = replace(self.source, negative=frozenset(below | NEGATIVE_FEES), is_signed=is_signed)
        for row in self.all_rows():
            with suppress(DataError):
                row = replace(row, source=source)
                if not row.aside and row.is_trade and (is_net := trade_row_of(row).is_net) is not None:
                    shown += 1 if is_net else -1
        return replace(source, is_net=shown > 0 if shown else None)

    def read(self) -> None:
        """Read all rows."""
        for row in self.all_rows():
            try:
                self._take(row)
            except DataError as error:
                self.mistakes.append(f"{row.table.source}, row {row.number}: {error}")
        if rounded := self._rounded:
            told = f"{counted(len(rounded), 'row')} read at the price that the amount implies, such as {rounded[0]}"
            self.notes.append(f"{told}: stated prices are rounded, or a fee may stand in a column that is not read.")

    def _take(self, row: Transaction) -> None:
        """Take a row as a fill, a correction or cash; or leave it aside with a note."""
        if aside := unfilled(row) or row.aside:
            self.notes.append(f"{row.table.source}, row {row.number} is left aside: {aside}.")
            return
        row.check()
        first, cells = self._seen.setdefault((row.venue, row.id), row.row) if row.id else row.row
        if cells != row.row[1]:
            raise DataError(f"id {row.id} is that of row {first}, with another content. Correct one of them.")
        if first != row.number:
            self.notes.append(f"{row.table.source}, row {row.number} is left aside: it is row {first} again.")
        elif row.corrects and row.units == 0:
            self.rows["corrections"].append(Correction(row.key_of(row.id or f"{row.corrects}-bust"), row.corrected))
        elif row.is_trade:
            self._trade(row)
        else:
            self._cash(row)

    def _cash(self, row: Transaction) -> None:
        entry, doubt = row.entry, doubt_of(row)
        named = replace(entry, entry_id=row.key_of(row.id) if row.id else self._unlike(entry.entry_id))
        self.places[named.entry_id] = row.number
        if doubt:
            self.doubts[named.entry_id] = doubt
        self.rows["entries" if row.id and entry.kind != "other" and not doubt else "proposals"].append(named)

    def _trade(self, row: Transaction) -> None:
        made = trade_row_of(row)
        end = "-bust" if row.is_bust else ""
        fill = replace(made.fill, fill_id=row.id or self._unlike(f"{made.fill.fill_id}{end}"))
        self.places[fill.key] = row.number
        if row.is_bust:
            like = None if row.corrects else fill
            self.rows["corrections"].append(Correction(fill.key, row.corrected, like=like))
            return
        doubt = doubt_of(row)
        if not doubt:
            check_price(self.source.portfolio, fill)
        if row.corrects:
            self.rows["corrections"].append(Correction(fill.key, row.corrected, fill))
            return
        if doubt := doubt or made.doubt:
            self.doubts[fill.key] = doubt
        self.rows["fills"].append(fill)
        if made.rounded is not None and not doubt:
            self._rounded.append(f"row {row.number} at {fill.price:.10g} for {made.rounded}")
        for entry in made.entries:
            of_fill = entry.entry_id.removeprefix(made.fill.key)
            self.rows["entries"].append(replace(entry, entry_id=f"{fill.key}{of_fill}", fill=fill.key))

    def _unlike(self, content: str) -> str:
        """An id that is made of a content, and of its number among equal rows."""
        self._ids[content] += 1
        return content if self._ids[content] == 1 else f"{content}-{self._ids[content]}"
