"""Holdings and cash from a broker's CSV file of positions; nothing in it is guessed or left out without a note."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from research.arguments import LARGEST, did_you_mean, shown
from research.errors import DataError, all_mistakes
from research.portfolio.amounts import SIGNS, Amount, amount, cell_text, decimal_signs
from research.portfolio.broker_tables import BrokerFile, BrokerTable, read_broker_file

REQUIRED, OTHERS = ("asset", "units"), ("value", "price", "fx_rate", "account", "currency", "description", "detail")
DECLARED = (*REQUIRED, *OTHERS[:-1])  # fields whose column can be declared
NUMBERS = ("units", "value", "price")  # in the units or the currency of their row
CASH, IGNORE = "cash", "ignore"  # what `symbols` may say besides a line
PENDING, BASE = "pending activity", "Base Currency Summary"  # of Fidelity; of Interactive Brokers
CASH_NAMES = frozenset((
    "cash", "cash & cash investments", "cash and cash investments", "cash balance", "settlement fund", "core",
    "fcash", "spaxx", "fdrxx", "fzfxx", "vmfxx", PENDING,
))  # fmt: skip
CORE = "**"  # with which Fidelity marks the fund that holds an account's cash
CURRENCIES = frozenset((
    "AUD", "BRL", "CAD", "CHF", "CNH", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "INR", "JPY", "KRW",
    "MXN", "NOK", "NZD", "PLN", "SEK", "SGD", "TRY", "USD", "ZAR",
))  # fmt: skip
TOTAL = re.compile(r"\W*(?:(?:grand|sub|account|positions?|portfolio)[ -]?)?totals?(?: (?:account |market )?value)?\W*")
AGREE = 0.02  # by which a value may differ from units times price before a note says so


@dataclass(frozen=True)
class HeldRow:
    """One row of a file that is a holding.

    asset   : line of the portfolio.
    account : as the file names it, "" where it names none.
    units   : zero or above.
    value   : in the currency of the line, or None where the file has none.
    price   : likewise, per unit, or None.
    row     : line of the file, from 1.
    fx_rate : by the file, what one unit of that currency is worth in the basis, or None.
    """

    asset: str
    account: str
    units: float
    value: float | None
    price: float | None
    row: int
    fx_rate: float | None = None


@dataclass(frozen=True)
class CashLine:
    """One row of a file that is cash: its symbol, its account, amount and currency, and line of the file."""

    symbol: str
    account: str
    amount: float
    currency: str
    row: int


@dataclass(frozen=True)
class Positions:
    """What a broker's file says is held.

    file  : its name.
    held  : rows of lines of the portfolio, those of zero units too.
    cash  : rows of cash.
    notes : what was added, taken for cash, or left aside, in sentences.
    """

    file: str
    held: tuple[HeldRow, ...]
    cash: tuple[CashLine, ...]
    notes: tuple[str, ...] = field(repr=False)

    @property
    def units(self) -> dict[str, float]:
        """By line, the units of all accounts; a line without a row is not in it."""
        units: dict[str, float] = {}
        for row in self.held:
            units[row.asset] = units.get(row.asset, 0.0) + row.units
        return units

    @property
    def values(self) -> dict[str, float]:
        """By line whose rows all have a value, their sum, in the currency of the line."""
        without = {row.asset for row in self.held if row.value is None}
        values: dict[str, float] = {}
        for row in self.held:
            if row.value is not None and row.asset not in without:
                values[row.asset] = values.get(row.asset, 0.0) + row.value
        return values

    @property
    def accounts(self) -> tuple[str, ...]:
        """Names of the accounts in the order of the file."""
        named = [row.account for row in self.held] + [row.account for row in self.cash]
        return tuple(dict.fromkeys(name for name in named if name))

    @property
    def balances(self) -> dict[str, float] | None:
        """By currency, the cash of all accounts, or None where the file has no row of cash."""
        found: dict[str, float] = {}
        for row in self.cash:
            found[row.currency] = found.get(row.currency, 0.0) + row.amount
        return found or None


def read_positions(
    path: str | Path,
    assets: Sequence[str],
    basis: str = "USD",
    *,
    currencies: Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    symbols: Mapping[str, str] | None = None,
    decimal: str = "",
) -> Positions:
    """The holdings and the cash in a broker's CSV file of positions.

    The header is found wherever it stands; titles, totals and disclaimers around the rows are no positions. Rows of
    one line in several accounts are added.
    path    : of the file, in UTF-8, UTF-16 or Windows-1252, with commas, semicolons, tabs or bars between its cells.
    assets  : lines of the portfolio.
    basis   : currency of the portfolio.
    currencies : by line, that of its price and value; without it that of the portfolio.
    columns : by field (`DECLARED`), the header's name of its column; other fields are recognised by their names.
    symbols : by the broker's symbol (or description, where a row has no symbol), the line that it is, "cash" or
              "ignore".
    decimal : sign before decimals, "." or ","; "" takes what the numbers prove, and "." where the delimiter is a comma.
    Raises  : DataError for a file that cannot be read or is not one of positions, and for rows that are wrong: unknown
              assets, negative units, what is no number, another currency than that of the line, two rows of one
              holding in one account; all
              of them in one message, each with file, row, column, value and how to mend it.
    """
    path = Path(path)
    found = read_broker_file(path, REQUIRED, OTHERS, columns)
    reader = _Reader(found, currencies or dict.fromkeys(assets, basis), basis, dict(symbols or {}), decimal)
    reader.read()
    if reader.mistakes:
        raise DataError(all_mistakes(path.name, reader.mistakes))
    if not reader.cash and not any(row.units or row.value for row in reader.held):
        raise DataError(
            f"{path.name} holds neither units of {', '.join(assets)} nor cash: the export may have been cut "
            "short. Export it again, or state an empty portfolio by a row of cash."
        )
    return Positions(path.name, tuple(reader.held), tuple(reader.cash), tuple(reader.notes))


def file_decimal(found: BrokerFile, fields: Sequence[str], declared: str) -> tuple[str, str, str]:
    """The decimal sign of a file, what is wrong about it, and what a reader must know of it.

    fields   : whose cells are numbers.
    declared : the sign, or "".
    """
    if declared:
        return declared, "", ""
    texts = [t.cell(cells, name) for t in found.tables for _, cells in t.rows for name in fields]
    proved, either = decimal_signs(text for text in texts if text)
    source, hint = found.tables[0].source, 'Declare `decimal: "."` or `decimal: ","`'
    if len(proved) == 1:
        return proved.pop(), "", ""
    if proved or not either:
        return ".", "", ""
    if found.delimiter == ",":
        return ".", "", f"{source}: numbers such as {either!r} are read with a decimal point. {hint} to say so."
    return ".", f"{source}: numbers may have a decimal point or a decimal comma: found {either!r}. {hint}.", ""


@dataclass(frozen=True)
class _Row:
    """A row that may be a holding or cash, with its numbers read."""

    table: BrokerTable
    line: int
    cells: list[str]
    symbol: str
    account: str
    units: Amount | None
    value: Amount | None
    price: Amount | None
    fx_rate: Amount | None

    @property
    def is_empty(self) -> bool:
        """Are there neither units nor value?"""
        return not any(number is not None and number.value for number in (self.units, self.value))

    @property
    def place(self) -> str:
        """Where it stands, in words."""
        return f"{self.table.source}, row {self.line}"


class _Reader:
    """Goes through the rows once, and collects holdings, cash, notes and mistakes."""

    def __init__(
        self, found: BrokerFile, assets: Mapping[str, str], basis: str, symbols: dict[str, str], decimal: str
    ) -> None:
        self.found, self.assets, self.basis, self.symbols = found, assets, basis, symbols  # assets with currencies
        self.held: list[HeldRow] = []
        self.cash: list[CashLine] = []
        self.notes = list(found.notes)
        self.decimal, wrong, note = file_decimal(found, NUMBERS, decimal)
        self.mistakes = [wrong] if wrong else []
        self.notes += [note] if note else []
        self._seen: dict[tuple[str, str], int] = {}

    def read(self) -> None:
        """Read every row of every table."""
        tables = self.found.tables
        for table in tables:
            details = {table.cell(cells, "detail").casefold() for _, cells in table.rows}
            for line, cells in table.rows:
                place = f"{table.source}, row {line}"
                if "summary" in details and table.cell(cells, "detail").casefold() not in ("summary", ""):
                    self.notes.append(f"{place} is no position: a part of the row above.")
                elif what := self._aside(table, cells):
                    self.notes.append(f"{place} is no position: {what}.")
                elif row := self._read(table, line, cells, table.title if len(tables) > 1 else ""):
                    self._take(row)
        self._statement_cash()
        for asset in dict.fromkeys(row.asset for row in self.held):
            accounts = [row.account for row in self.held if row.asset == asset and row.units]
            if len(accounts) > 1:
                named = ", ".join(accounts)
                self.notes.append(f"{asset} is held in {len(accounts)} accounts, {named}: its units are added.")

    # -- one row -----------------------------------------------------------------------------------------------------

    def _aside(self, table: BrokerTable, cells: list[str]) -> str:
        """What the row is where it is left aside, a total, or a text around the table, else ""."""
        texts, symbol = [text for cell in cells if (text := cell_text(cell))], _symbol(table, cells)
        if self.symbols.get(symbol) == IGNORE:
            worth = table.cell(cells, "value")
            return f"{symbol} is left aside, as `symbols` says{f', worth {worth}' if worth else ''}"
        if symbol in self.symbols or symbol in self.assets:
            return ""
        if any(TOTAL.fullmatch(word.casefold()) for word in (texts[0], symbol)):
            return f"a total, {shown(texts[0])}"
        if len(texts) == 1 and not any(table.cell(cells, name) for name in NUMBERS):
            return f"text, {shown(texts[0])}"
        return ""

    def _read(self, table: BrokerTable, line: int, cells: list[str], title: str) -> _Row | None:
        """The row with its numbers, None where they are mistakes."""
        numbers: dict[str, Amount | None] = {}
        symbol, known = _symbol(table, cells), len(self.mistakes)
        if extra := [text for cell in cells[table.width :] if (text := cell_text(cell))]:
            what = f"the row has more cells than the header of row {table.header}"
            self._refuse(table, line, "", what, extra[0], "Put numbers with separators of thousands into quotes.")
        for name in (*NUMBERS, "fx_rate") if not extra else ():
            text = table.cell(cells, name)
            try:
                numbers[name] = amount(text, self.decimal)
            except ValueError:
                fix = f"Write a plain number, with {self.decimal!r} before its decimals."
                self._refuse(table, line, name, f"not a number for {symbol}", text, fix)
                continue
            if (found := numbers[name]) is not None and abs(found.value) > LARGEST:
                self._refuse(table, line, name, f"too large a number for {symbol}", text, f"Give at most {LARGEST:g}.")
        if len(self.mistakes) > known:
            return None
        return _Row(table, line, cells, symbol, table.cell(cells, "account") or title, **numbers)

    def _take(self, row: _Row) -> None:
        """Take the row for what it is: a holding, cash, nothing, or a mistake."""
        target = self.symbols.get(row.symbol, row.symbol)
        is_line, is_cash = target in self.assets, self._is_cash(target)
        if not is_line and self._is_unread(row, cash=is_cash):
            return
        if row.is_empty and not (is_line and row.units is None):
            if is_cash and not is_line:
                self.cash.append(CashLine(row.symbol, row.account, 0.0, self._currency_of_cash(row), row.line))
            if is_line:
                self.held.append(HeldRow(target, row.account, 0.0, None, None, row.line))
            named = row.symbol or "a row without a symbol"
            self.notes.append(f"{row.place}: {named} has neither units nor value.")
        elif not is_line and not is_cash:
            self._unknown(row)
        elif is_line:
            if self._is_in(row, self.assets[target]) and not self._is_double(row, target):
                self._holding(row, target)
        elif not self._may_be_security(row) and not self._is_double(
            row, f"cash {row.symbol} {self._currency_of_cash(row)}"
        ):
            self._cash_row(row, self._currency_of_cash(row))

    def _holding(self, row: _Row, asset: str) -> None:
        units, value, price = (None if found is None else found.value for found in (row.units, row.value, row.price))
        if units is None:
            fix = "Give its units, 0 where none is held."
            self._refuse(row.table, row.line, "units", f"no units of {row.symbol}", "", fix)
        elif units < 0.0:
            fix = f"A portfolio holds no short positions: correct the row, or leave it aside, symbols: {{…: {IGNORE}}}."
            self._refuse(row.table, row.line, "units", f"negative units of {row.symbol}", units, fix)
        else:
            if value is not None and price and not _agree(units * price, value):
                self.notes.append(
                    f"{row.place}: the value of {row.symbol} is {value:,.2f}, and units times price are "
                    f"{units * price:,.2f}: its units are taken as they are."
                )
            fx_rate = None if row.fx_rate is None else row.fx_rate.value
            self.held.append(HeldRow(asset, row.account, units, value, price, row.line, fx_rate))

    def _cash_row(self, row: _Row, currency: str) -> None:
        worth = self._money(row, currency)
        if worth is None:
            return
        money = f"{worth:,.2f}" if currency == self.basis else f"{worth:,.2f} {currency}"
        if currency != self.basis and row.value is not None and not _agree(worth, row.value.value):
            self.notes.append(
                f"{row.place}: the value of {row.symbol} is {row.value.value:,.2f}, and its units are worth {money}: "
                "they are taken."
            )
        self.cash.append(CashLine(row.symbol, row.account, worth, currency, row.line))
        later = ", which settles later," if row.symbol.casefold() == PENDING else ""
        self.notes.append(f"{row.place}: {row.symbol} of {money}{later} is taken for cash.")

    def _money(self, row: _Row, currency: str) -> float | None:
        """The amount of a row of cash in its currency, None where it is a mistake.

        A value may be in the basis. In another currency units of the currency itself count, or units times price.
        """
        units, value, price = (None if each is None else each.value for each in (row.units, row.value, row.price))
        foreign = currency != self.basis
        if foreign and units and row.symbol.upper() == currency:
            return units
        if (foreign or value is not None) and not self._is_in(row, currency):
            return None
        if value is None or (foreign and units and price):
            assert units is not None  # of a row that is not empty
            return units * (1.0 if price is None else price)
        if foreign and units and not _agree(units, value):
            fix = "Give its price, or leave out the one that is not its amount."
            what = f"the units of {row.symbol} are {units:,.2f} and its value is another: one of them is its {currency}"
            self._refuse(row.table, row.line, "value", what, value, fix)
            return None
        return value

    def _statement_cash(self) -> None:
        """The cash of a statement of Interactive Brokers, which has a section of its own."""
        source, rows = self.found.tables[0].source, self.found.cash
        for line, currency, text in [row for row in rows if row[1] in CURRENCIES] or rows:
            place = f"{source}, row {line}"
            try:
                ending = amount(text, self.decimal)
            except ValueError:
                ending = None
            if ending is None:
                self.mistakes.append(f"{place}, column 'Total': no amount of cash: found {text!r}. Give a number.")
            elif ending.value or currency in (self.basis, BASE):
                money = self.basis if currency == BASE else currency
                self.cash.append(CashLine(currency, "", ending.value, money, line))
                self.notes.append(f"{place}: ending cash of {ending.value:,.2f} {currency} is taken for cash.")

    # -- questions ---------------------------------------------------------------------------------------------------

    def _is_cash(self, symbol: str) -> bool:
        return (
            symbol == CASH
            or symbol.casefold() in CASH_NAMES
            or symbol.endswith(CORE)
            or symbol.upper() in (self.basis, *CURRENCIES)
        )  # fmt: skip

    def _currency_of_cash(self, row: _Row) -> str:
        """That of its symbol or its column, or the only one that the sign of its value stands for; else the basis."""
        if (code := row.symbol.upper()) in CURRENCIES:
            return code
        value = row.value or row.units
        signs = () if value is None or value.may_be(self.basis) else SIGNS.get(value.sign, (value.sign,))
        return row.table.cell(row.cells, "currency").upper() or (signs[0] if len(signs) == 1 else self.basis)

    def _is_unread(self, row: _Row, *, cash: bool) -> bool:
        """Has the row a number in a column that is not read, and none in one that is? Then that is a mistake.

        Of cash, whose value may stand in a column of its own, a zero is none.
        """
        if not (row.is_empty if cash else row.units is None and row.value is None):
            return False
        read = set(row.table.columns.values())
        for column, name in enumerate(row.table.names):
            share = "%" in name or "percent" in name.casefold()
            if column in read or share or column >= len(row.cells) or not self._is_amount(row.cells[column]):
                continue
            what = f"{row.symbol or 'a row without a symbol'} has a number in a column that is not read, {shown(name)}"
            fix = f"Declare it, columns: {{value: {name!r}}}, or ignore the row, symbols: {{{row.symbol!r}: {IGNORE}}}."
            self._refuse(row.table, row.line, "", what, cell_text(row.cells[column]), fix)
            return True
        return False

    def _is_amount(self, cell: str) -> bool:
        """Is it a number other than zero?"""
        try:
            found = amount(cell, self.decimal)
        except ValueError:
            return False
        return found is not None and found.value != 0.0

    def _may_be_security(self, row: _Row) -> bool:
        """Has a row of cash of the basis another price than 1, as a security of this name has? Then that is a mistake.

        Not where `symbols` says that it is cash.
        """
        if row.price is None or row.symbol in self.symbols or self._currency_of_cash(row) != self.basis:
            return False
        if row.price.value in (0.0, 1.0):
            return False
        what = f"{row.symbol} is a name of cash, and cash has a price of 1: it may be a security"
        fix = f"Say what it is: symbols: {{{row.symbol}: {CASH}}}, the name of a line, or {IGNORE}."
        self._refuse(row.table, row.line, "price", what, row.price.value, fix)
        return True

    def _is_in(self, row: _Row, currency: str) -> bool:
        """Is the row in this currency? If not, that is a mistake."""
        of = "of the portfolio" if currency == self.basis else "of its line"
        what, fix = f"{row.symbol} is not in the currency {of}", f"Give it in {currency}: a row is not converted."
        found = row.table.cell(row.cells, "currency").upper()
        if found and found != currency:
            self._refuse(row.table, row.line, "currency", what, found, fix)
            return False
        for name, given in zip(NUMBERS, (row.units, row.value, row.price), strict=True):
            if given is not None and not given.may_be(currency):
                self._refuse(row.table, row.line, name, what, given.sign, fix)
                return False
        return True

    def _is_double(self, row: _Row, asset: str) -> bool:
        """Is there a row of this line and account already? Then that is a mistake."""
        first = self._seen.setdefault((asset, row.account), row.line)
        if first != row.line:
            where = f" of account {row.account}" if row.account else ""
            fix = "Merge the two rows, or declare the column of accounts, columns: {account: …}."
            what = f"a second row for one holding{where}, after row {first}"
            self._refuse(row.table, row.line, "asset", what, row.symbol, fix)
        return first != row.line

    def _unknown(self, row: _Row) -> None:
        what = "not a line of the portfolio"
        fix = f"Add it to `lines`, or say what it is, symbols: {{{row.symbol}: …}}: a line, {CASH} or {IGNORE}. "
        fix += did_you_mean(row.symbol, self.assets)
        if not row.symbol:
            what, fix = "a row without a symbol", "Give it one, or remove the row."
        self._refuse(row.table, row.line, "asset", what, row.symbol, fix)

    def _refuse(self, table: BrokerTable, line: int, name: str, what: str, value: object, fix: str) -> None:
        column = f", column {table.labels[name]!r}" if name in table.labels else ""
        self.mistakes.append(f"{table.source}, row {line}{column}: {what}: found {shown(value)}. {fix}")


def _agree(amount: float, value: float) -> bool:
    """Is an amount the value that a file states, but for its rounding and the age of its price?"""
    return abs(amount - value) <= AGREE * abs(value)


def _symbol(table: BrokerTable, cells: list[str]) -> str:
    """The broker's symbol of a row, or its description where it has none."""
    return table.cell(cells, "asset") or table.cell(cells, "description")


def odd_lots(units: Mapping[str, float], lots: Mapping[str, float]) -> Iterator[str]:
    """A note for each holding that is no whole number of lots.

    units : by line.
    lots  : by line, the least number of units in a trade.
    """
    for asset, held in units.items():
        lot = lots[asset]
        odd = held - lot * round(held / lot)
        if abs(odd) > 1e-9 * max(lot, held):
            odd = odd if odd > 0.0 else odd + lot
            yield (
                f"{asset}: {held:,.10g} units are no whole number of lots of {lot:g}: the odd {odd:,.6g} are only sold "
                "where the whole line is."
            )
