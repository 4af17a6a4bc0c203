"""Transactions from a broker's file: fills, busts and corrections of fills, and amounts of cash without an order."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foundation.errors import DataError, all_mistakes
from research.orders.bookkeeping.columns import NUMBER_FIELDS, RANKED, SINGLE, TOTALS, TRANSACTIONS
from research.orders.bookkeeping.corrections import Correction
from research.orders.bookkeeping.fill_prices import check_price
from research.orders.bookkeeping.moments import day_first
from research.orders.bookkeeping.transaction import NOTHING_STATED, Reading, Source, Transaction
from research.orders.fills import Fill
from research.portfolio import Portfolio
from research.portfolio.holdings.broker_tables import BrokerFile, BrokerTable, read_broker_file
from research.portfolio.holdings.cash_entries import CashEntry


@dataclass(frozen=True)
class Activity:
    """The transactions in a file.

    fills       : fills; accounts as the file names them.
    corrections : busts and corrections.
    entries     : amounts of cash with an id of the broker.
    proposals   : those without one, whose `entry_id` is made of their content, and those of an unknown kind.
    notes       : rows that were left aside, in sentences.
    """

    fills: tuple[Fill, ...]
    corrections: tuple[Correction, ...] = ()
    entries: tuple[CashEntry, ...] = ()
    proposals: tuple[CashEntry, ...] = ()
    notes: tuple[str, ...] = ()


def read_activity(path: Path, portfolio: Portfolio, reading: Reading = NOTHING_STATED) -> Activity:
    """The transactions in a broker's CSV file, or in a JSON list of activities.

    A fill or an amount without an id gets one that is made of its content, and of its number among equal ones.
    portfolio : with the orders that were sent, by whose prices those of fills are checked.
    Raises    : DataError for a file that cannot be read or has no such table, for days and decimals that can be read in
                two ways, and for its mistakes, each with its row; all in one message.
    """
    file = read_broker_file(path, ("moment",), tuple(RANKED), basis=portfolio.basis, kind=TRANSACTIONS)
    reader = _Reader(file, portfolio, reading)
    for table in file.tables:
        reader.read(table)
    if reader.mistakes:
        raise DataError(all_mistakes(path.name, reader.mistakes))
    accounts = {table.cell(cells, "account"): None for table in file.tables for _, cells in table.rows}
    if len(named := [account for account in accounts if account]) > 1 and not portfolio.accounts:
        reader.notes.append(f"{path.name} is of accounts {', '.join(named)}, which the portfolio has as one.")
    return reader.activity


class _Reader:
    """Reads the rows of a file one after the other."""

    def __init__(self, file: BrokerFile, portfolio: Portfolio, reading: Reading) -> None:
        """Settle the signs of decimals and the order of day and month for all rows."""
        sign, note = (reading.decimal, "") if reading.decimal else file.decimal(NUMBER_FIELDS)
        texts = [table.cell(cells, "moment") for table in file.tables for _, cells in table.rows]
        first = day_first(texts, file.tables[0].source, reading.day_first)
        self.source = Source(portfolio, reading, sign, first, file.account)
        self.notes, self.mistakes = [*file.notes, *([note] if note else [])], list[str]()
        self.rows: dict[str, list[Any]] = {"fills": [], "corrections": [], "entries": [], "proposals": []}
        self._ids: Counter[str] = Counter()
        self._seen: dict[str, tuple[int, list[str]]] = {}

    @property
    def activity(self) -> Activity:
        """All that was read."""
        return Activity(**{name: tuple(rows) for name, rows in self.rows.items()}, notes=tuple(self.notes))

    def read(self, table: BrokerTable) -> None:
        """Read the rows of a table."""
        details = {table.cell(cells, "detail").casefold() for _, cells in table.rows}
        aside = TOTALS if details & SINGLE else TOTALS - {"order"}
        for row in table.rows:
            try:
                if table.cell(row[1], "detail").casefold() not in aside:
                    self._take(Transaction(self.source, table, row))
            except DataError as error:
                self.mistakes.append(f"{table.source}, row {row[0]}: {error}")

    def _take(self, row: Transaction) -> None:
        """Take a row as a fill, a correction or cash; or leave it aside with a note."""
        if row.aside:
            self.notes.append(f"{row.table.source}, row {row.number} is left aside: {row.aside}.")
            return
        if note := row.check():
            self.notes.append(f"{row.table.source}, row {row.number}: {note}.")
        first, cells = self._seen.setdefault(row.id, row.row) if row.id else row.row
        if cells != row.row[1]:
            raise DataError(f"id {row.id} is that of row {first}, with another content. Correct one of them.")
        if first != row.number:
            self.notes.append(f"{row.table.source}, row {row.number} is left aside: it is row {first} again.")
        elif row.corrects and row.units == 0:
            self.rows["corrections"].append(Correction(row.key_of(row.id or f"{row.corrects}-bust"), row.corrected))
        elif row.is_trade:
            self._trade(row)
        else:
            entry = row.entry
            named = replace(entry, entry_id=row.key_of(row.id) if row.id else self._unlike(entry.entry_id))
            self.rows["entries" if row.id and entry.kind != "other" else "proposals"].append(named)

    def _trade(self, row: Transaction) -> None:
        made = row.fill
        fill = replace(made, fill_id=row.id or self._unlike(f"{made.fill_id}{'-bust' if row.is_bust else ''}"))
        if row.is_bust:
            like = None if row.corrects else fill
            self.rows["corrections"].append(Correction(fill.key, row.corrected, like=like))
        elif row.corrects:
            check_price(self.source.portfolio, fill)
            self.rows["corrections"].append(Correction(fill.key, row.corrected, fill))
        else:
            check_price(self.source.portfolio, fill)
            self.rows["fills"].append(fill)
            self.rows["entries"] += row.fees_in_others(fill)

    def _unlike(self, content: str) -> str:
        """An id that is made of a content, and of its number among equal rows."""
        self._ids[content] += 1
        return content if self._ids[content] == 1 else f"{content}-{self._ids[content]}"
