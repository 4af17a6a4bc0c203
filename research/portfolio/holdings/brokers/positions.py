"""Holdings and cash from a broker's CSV file of positions; nothing in it is guessed or left out without a note."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate, chain
from pathlib import Path

from foundation.arguments import LARGEST_NUMBER, did_you_mean
from foundation.dataclasses import dataclass
from foundation.errors import MOST_MISTAKES, DataError, InputFault, all_mistakes
from foundation.paper.wording import grouped
from foundation.table_files import Number, Row, fault, may_be_thousands, number_of_cell, quoted
from research.market.currency import CURRENCIES, SIGNS, may_be
from research.portfolio.holdings.brokers.columns import label_of, money_of
from research.portfolio.holdings.brokers.statement_day import days_in
from research.portfolio.holdings.brokers.symbols import AssetNames
from research.portfolio.holdings.brokers.tables import POSITION_TABLES, BrokerFile, BrokerTable, read_broker_file
from research.portfolio.holdings.held_rows import ROW_ROUNDING, CashLine, HeldRow, Positions

DECLARED = (*POSITION_TABLES.required, *POSITION_TABLES.others[:-1])  # fields whose column can be declared
NUMBERS = ("units", "value", "price")  # in the units or the currency of their row
CASH_WORD, IGNORE_WORD = "cash", "ignore"  # what `symbols` may say besides an asset
PENDING_ACTIVITY = "pending activity"  # of Fidelity
CASH_NAMES = frozenset((
    "cash", "cash & cash investments", "cash and cash investments", "cash balance", "settlement fund", "core",
    "fcash", "spaxx", "fdrxx", "fzfxx", "vmfxx", "qacds", "qderq", "us dollar", PENDING_ACTIVITY,
))  # fmt: skip
CASH_FUND = "cash & cash fund"  # with which the cash of DEGIRO begins
CORE = "**"  # with which Fidelity marks the fund that holds an account's cash
US_DOLLAR = {"US DOLLAR": "USD"}  # of J.P. Morgan
TOTAL_ROW = re.compile(
    r"\W*(?:(?:grand|sub|account|positions?|portfolio)[ -]?)?totals?(?: (?:account |market )?value)?\W*"
    r"|(?:zwischen)?summe|gesamt(?:wert|summe)?|depot(?:-?gesamt)?wert|totaal|all (?:accounts|portfolios)|combined"
)
OTHER_TABLES = re.compile(r"\b(?:orders|closed|realized|watch ?list)\b", re.IGNORECASE)  # in the title of a table
OF_ORDERS = frozenset(("limitprice", "stopprice", "ordertype", "orderstatus", "timeinforce", "tif"))
SHORT = frozenset(("short", "short position", "sold short"))  # a cell of a row that is one
SIDES, SOLD = frozenset(("side", "direction", "l/s", "long/short", "b/s")), frozenset(("s", "sell", "sold"))
HOLDING_TERM = re.compile("term|holding", re.IGNORECASE)  # of a lot: how long it is held
LOT_DAY = re.compile(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}")  # the day of a lot, which E*TRADE has for its symbol
AGREE = 0.02  # by which a value may differ from units times price before a note says so


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
    one asset in several accounts are added.
    path    : path of the file, in UTF-8, UTF-16 or Windows-1252, with commas, semicolons, tabs or bars between its
              cells.
    assets  : assets of the portfolio.
    basis   : currency of the portfolio.
    currencies : by asset, currency of its price and value; without it that of the portfolio.
    columns : by field (`DECLARED`), the header's name of its column; other fields are recognised by their names.
    symbols : by the broker's symbol (or description, where a row has no symbol), the asset that it is, "cash" or
              "ignore".
    decimal : sign before decimals, "." or ","; "" takes what the numbers prove, and "." where the delimiter is a comma.
    Raises  : DataError for a file that cannot be read or is not one of positions, and for rows that are wrong: unknown
              assets, negative units, what is no number, another currency than that of the asset, two rows of one
              holding in one account; all
              of them in one message, each with file, row, column, value and how to mend it.
    """
    path = Path(path)
    found = read_broker_file(path, POSITION_TABLES, columns, basis)
    reader = _Reader(found, currencies or dict.fromkeys(assets, basis), basis, symbols or {}, decimal)
    reader.read()
    if reader.mistakes:
        raise DataError(all_mistakes(path.name, reader.mistakes))
    if not reader.cash and not any(row.units or row.value for row in reader.held):
        raise DataError(
            f"{path.name} holds neither units of {', '.join(assets)} nor cash: the export may have been cut "
            "short. Export it again, or state an empty portfolio by a row of cash."
        )
    days = days_in(found.titles)
    return Positions(path.name, tuple(reader.held), tuple(reader.cash), tuple(reader.notes), days)


def held_symbols(path: Path) -> dict[str, str]:
    """The broker's symbols of the rows with units in a file of positions, without cash, totals and text around them.

    Returns : by symbol, the currency that its first row states, "" for none.
    Raises : DataError for a file that cannot be read or is not one of positions.
    """
    reader, held = _Reader(read_broker_file(path, POSITION_TABLES), {}, "", {}, ""), dict[str, str]()
    for row in filter(reader.is_position, chain.from_iterable(reader.rows())):
        code = row.cell("currency").upper()
        held.setdefault(row.symbol, code if code in CURRENCIES else "")
    return held


@dataclass(frozen=True)
class _Row:
    """A row that may be a holding or cash, its account, and its numbers once they are read."""

    table: BrokerTable
    row: Row
    account: str = ""
    units: Number | None = None
    value: Number | None = None
    price: Number | None = None
    fx_rate: Number | None = None

    def cell(self, name: str) -> str:
        return self.table.cell(self.row[1], name)

    @property
    def symbol(self) -> str:
        """The broker's symbol, or the ISIN or the description where there is none."""
        return self.cell("asset") or self.cell("isin") or self.cell("description")

    @property
    def numbers(self) -> tuple[float | None, float | None, float | None]:
        units, value, price = (None if each is None else each.value for each in (self.units, self.value, self.price))
        return units, value, price

    @property
    def is_empty(self) -> bool:
        """True if there are neither units nor value."""
        return not any(self.numbers[:2])

    @property
    def place(self) -> str:
        return f"{self.table.source}, row {self.row[0]}"


class _Mistake(ValueError):
    """The fault of a row: its field, what is wrong, how to correct it, and the value found."""


class _Reader:
    """Goes through the rows once, and collects holdings, cash, notes and mistakes."""

    def __init__(
        self, found: BrokerFile, assets: Mapping[str, str], basis: str, symbols: Mapping[str, str], decimal: str
    ) -> None:
        self.found, self.assets, self.basis, self.symbols = found, assets, basis, symbols  # assets with currencies
        self.names = AssetNames(list(assets), symbols)
        self.held: list[HeldRow] = []
        self.cash: list[CashLine] = []
        self.mistakes: list[InputFault] = []
        self.declared = bool(decimal)
        self.decimal, self.notes = found.decimal(NUMBERS, decimal)
        self._seen: dict[tuple[str, str], int] = {}

    def rows(self) -> Iterator[list[_Row]]:
        """The rows of each table; tables that each have a title of their own are of the accounts that these name."""
        others = [
            table
            for table in self.found.tables[1:]
            if OTHER_TABLES.search(table.title) or not OF_ORDERS.isdisjoint(map(label_of, table.names))
        ]
        for table in others:
            told = f"row {table.header}: a table of what is not held begins here and is ignored"
            self.notes.append(f"{table.source}, {told}{f', {quoted(table.title)}' if table.title else ''}.")
        tables = [table for table in self.found.tables if table not in others]
        titles = {table.title for table in tables}
        of_accounts = len(titles) == len(tables) > 1 and "" not in titles
        for table in tables:
            title = table.title if of_accounts else ""
            yield [_Row(table, row, table.cell(row[1], "account") or title) for row in table.rows]

    def read(self) -> None:
        """Read every row of every table, up to one more than `MOST_MISTAKES`."""
        for rows in self.rows():
            details = [row.cell("detail").casefold() for row in rows]
            subtotals = self._subtotals(rows)
            for k, each in enumerate(rows):
                is_part = "summary" in details and details[k] not in ("summary", "")
                what = "a part of the row above" if is_part else ""
                if not is_part and k in subtotals:
                    what = f"a subtotal, {quoted(each.symbol)}, which is left out"
                try:
                    if what := what or self._aside(each):
                        self.notes.append(f"{each.place} is no position: {what}.")
                    else:
                        self._take(self._read(each))
                except _Mistake as mistake:
                    self.mistakes.append(each.table.fault(each.row, *mistake.args))
                    if len(self.mistakes) > MOST_MISTAKES:
                        return
        if not self.cash:
            self._cash_outside()
        for asset, accounts in grouped((row.asset, row.account) for row in self.held if row.units).items():
            if len(accounts) > 1:
                named = ", ".join(accounts)
                self.notes.append(f"{asset} is held in {len(accounts)} accounts, {named}: its units are added.")

    def _subtotals(self, rows: Sequence[_Row]) -> set[int]:
        """The places of classes: without a symbol and units, and with the sum of the values below or above them."""
        values = [self._amount(row.cell("value")) or 0.0 for row in rows]
        others = [any(map(row.cell, ("asset", "isin", "units", "price"))) for row in rows]
        named = {k for k, row in enumerate(rows) if "asset" in row.table.columns and not others[k] and values[k]}
        classes = {k for k in named if not self._is_cash(rows[k].cell("description"))}

        def has_sum(places: Iterable[int], value: float) -> bool:
            sums = accumulate(values[k] for k in places if k not in classes)
            return any(abs(total - value) <= ROW_ROUNDING * count for count, total in enumerate(sums, 1))

        around = {k: (range(k + 1, len(rows)), range(k - 1, -1, -1)) for k in classes}
        return {k for k, ways in around.items() if any(has_sum(places, values[k]) for places in ways)}

    # -- one row -----------------------------------------------------------------------------------------------------

    def _aside(self, row: _Row) -> str:
        """The reason why a row is no position: left aside, a total, a part or text around the table; else ""."""
        texts, symbol = [cell for cell in row.row[1] if cell], row.symbol
        if self.symbols.get(symbol) == IGNORE_WORD:
            worth = row.cell("value")
            return f"{symbol} is left aside, as `symbols` says{f', worth {worth}' if worth else ''}"
        if TOTAL_ROW.fullmatch(row.account.casefold()):
            return f"a total, {quoted(row.account)}"
        if symbol in self.symbols or self._target(row) in self.assets:
            return ""
        if any(TOTAL_ROW.fullmatch(word.casefold()) for word in (texts[0], symbol)):
            return f"a total, {quoted(texts[0])}"
        if LOT_DAY.fullmatch(symbol):
            return "a part of the row above"
        if len(texts) == 1 and not any(map(row.cell, NUMBERS)):
            return f"text, {quoted(texts[0])}"
        return ""

    def _read(self, row: _Row) -> _Row:
        """The row with its numbers. Raises _Mistake for an invalid number."""
        numbers: dict[str, Number | None] = {}
        cells, symbol, currency = row.row[1], row.symbol, self.assets.get(self._target(row), "")
        if shifted := row.table.shift(cells, NUMBERS):
            raise _Mistake("", shifted, "Put numbers with separators of thousands into quotes.", len(cells))
        for name in (*NUMBERS, "fx_rate"):
            try:
                found = numbers[name] = row.table.number(cells, name, self.decimal, currency)
            except ValueError as error:
                fix = f"Write a plain number, with {self.decimal!r} before its decimals."
                raise _Mistake(name, f"not a number for {symbol}", fix, str(error)) from error
            if found is not None and abs(found.value) > LARGEST_NUMBER:
                fix = f"Give at most {LARGEST_NUMBER:g}."
                raise _Mistake(name, f"too large a number for {symbol}", fix, found.value)
        numbers = _in_whole(numbers) if money_of(row.cell("currency"))[1] else numbers
        return _Row(row.table, row.row, row.account, **numbers)

    def _target(self, row: _Row) -> str:
        """The asset of a row, "cash" or "ignore" as it is declared; its symbol where it is none."""
        symbol = row.symbol
        if symbol in self.symbols or symbol in self.assets or self._is_cash(symbol):
            return self.symbols.get(symbol, symbol)
        try:
            return self.names.first(*filter(None, map(row.cell, ("asset", "isin")))) or symbol
        except DataError as error:
            raise _Mistake("asset", f"{error}".partition(". ")[0], "Say which it is by its symbol.", symbol) from error

    def _take(self, row: _Row) -> None:
        """Take the row as a holding, as cash, or as nothing. Raises _Mistake for a row that cannot be one."""
        target = self._target(row)
        is_line, is_cash = target in self.assets, target not in self.assets and self._is_cash(target)
        currency = self.assets[target] if is_line else self._currency_of_cash(row)
        if not is_line and (row.is_empty if is_cash else row.units is None and row.value is None):
            self._check_unread(row)
        if is_cash and row.units is None and row.value is None:
            fix = f"Give it, 0 where there is none, or ignore the row, symbols: {{{row.symbol!r}: {IGNORE_WORD}}}."
            raise _Mistake("value", f"no amount of {row.symbol}", fix, "")
        if row.is_empty and not (is_line and row.units is None):
            if is_cash:
                self.cash.append(CashLine(row.symbol, row.account, 0.0, currency, row.row[0]))
            if is_line:
                self.held.append(HeldRow(target, row.account, 0.0, None, None, row.row[0]))
            self.notes.append(f"{row.place}: {row.symbol or 'a row without a symbol'} has neither units nor value.")
        elif is_line:
            self._check_currency(row, currency)
            self._check_first(row, target)
            self._holding(row, target)
        elif is_cash:
            self._check_cash(row, currency)
            self._check_first(row, f"cash {row.symbol} {currency}")
            self._cash_row(row, currency)
        elif row.symbol:
            words = f"{CASH_WORD} or {IGNORE_WORD}"
            fix = f"Add it to `lines`, or say what it is, symbols: {{{row.symbol}: …}}: an asset, {words} "
            fix += f'(with `rebalance new`, --symbol "{row.symbol}={CASH_WORD}"). '
            fix += did_you_mean(row.symbol, self.assets)
            raise _Mistake("asset", "not an asset of the portfolio", fix, row.symbol)
        else:
            raise _Mistake("asset", "a row without a symbol", "Give it one, or remove the row.")

    def _holding(self, row: _Row, asset: str) -> None:
        units, value, price = row.numbers
        if units is None:
            raise _Mistake("units", f"no units of {row.symbol}", "Give its units, 0 where none is held.", "")
        stated = (
            (name, cell.casefold()) for name, cell in row.table.unread(row.row[1]) if not HOLDING_TERM.search(name)
        )
        if units < 0.0 or any(cell in SHORT or (label_of(name) in SIDES and cell in SOLD) for name, cell in stated):
            fix = "A portfolio holds no short positions: correct the row, or leave it aside, "
            fix += f"symbols: {{…: {IGNORE_WORD}}}."
            raise _Mistake(
                "units", f"{'negative units' if units < 0.0 else 'a short position'} of {row.symbol}", fix, units
            )
        if value is not None and price and not _agree(units * price, value):
            self.notes.append(
                f"{row.place}: the value of {row.symbol} is {value:,.2f}, and units times price are "
                f"{units * price:,.2f}: its units are taken as they are."
            )
        fx_rate = None if row.fx_rate is None else row.fx_rate.value
        self.held.append(HeldRow(asset, row.account, units, value, price, row.row[0], fx_rate))

    def _cash_row(self, row: _Row, currency: str) -> None:
        worth = self._money(row, currency)
        money = f"{worth:,.2f}" if currency == self.basis else f"{worth:,.2f} {currency}"
        if currency != self.basis and row.value is not None and not _agree(worth, row.value.value):
            self.notes.append(
                f"{row.place}: the value of {row.symbol} is {row.value.value:,.2f}, and its units are worth {money}: "
                "they are taken."
            )
        self.cash.append(CashLine(row.symbol, row.account, worth, currency, row.row[0]))
        later = ", which settles later," if row.symbol.casefold() == PENDING_ACTIVITY else ""
        self.notes.append(f"{row.place}: {row.symbol} of {money}{later} is taken for cash.")

    def _money(self, row: _Row, currency: str) -> float:
        """The amount of a row of cash in its currency.

        A value may be in the basis. In another currency units of the currency itself count, or units times price.
        """
        (units, value, price), foreign = row.numbers, currency != self.basis
        if foreign and units and row.symbol.upper() == currency:
            return units
        if foreign or value is not None:
            self._check_currency(row, currency)
        worth = (units or 0.0) * (1.0 if price is None else price)
        if value is None or (foreign and units and price):
            return worth
        if units and not _agree(worth, value):
            fix = "Give its price, or leave out the one that is not its amount."
            what = f"the units of {row.symbol} are {units:,.2f} and its value is another: one of them is its {currency}"
            raise _Mistake("value", what, fix, value)
        return value

    def _cash_outside(self) -> None:
        """The cash that stands outside of the tables of positions."""
        source, rows = self.found.tables[0].source, self.found.cash
        for line, stated, text in [row for row in rows if row[1] in CURRENCIES] or rows:
            currency, amount = stated if stated in CURRENCIES else self.basis, self._amount(text)
            if amount is None:
                self.mistakes.append(fault(source, line, "", "no amount of cash", text, "Give a number."))
            elif amount or currency == self.basis:
                self.cash.append(CashLine(currency, "", amount, currency, line))
                told = f"ending cash of {amount:,.2f} {stated or currency} is taken for cash"
                self.notes.append(f"{source}, row {line}: {told}.")

    # -- questions ---------------------------------------------------------------------------------------------------

    def is_position(self, row: _Row) -> bool:
        """True if a row has a symbol with units, not zero, and is neither cash nor around the positions."""
        if not row.symbol or not self._amount(row.cell("units")):
            return False
        return not self._aside(row) and not self._is_cash(row.symbol)

    def _is_cash(self, symbol: str) -> bool:
        named = symbol == CASH_WORD or symbol.casefold() in CASH_NAMES or symbol.casefold().startswith(CASH_FUND)
        return named or symbol.endswith(CORE) or symbol.upper() in (self.basis, *CURRENCIES)

    def _currency_of_cash(self, row: _Row) -> str:
        """The currency of its symbol or its column, or the only one of the sign of its value; else the basis."""
        code = row.symbol.upper()
        code = code[-4:-1] if code.casefold().startswith(CASH_FUND) else US_DOLLAR.get(code, code.split(" ")[-1])
        if code in CURRENCIES:
            return code
        value = row.value or row.units
        signs = () if value is None or may_be(value.unit, self.basis) else SIGNS.get(value.unit, (value.unit,))
        stated = money_of(row.cell("currency"))[0]
        return stated or (signs[0] if len(signs) == 1 else self.basis)

    def _amount(self, cell: str) -> float | None:
        """The number in a cell, None where there is none."""
        with suppress(ValueError):
            return None if (found := number_of_cell(cell, self.decimal)) is None else found.value
        return None

    def _check_unread(self, row: _Row) -> None:
        """Raise _Mistake where a row has a number in a column that is not read; a zero is none."""
        for name, cell in (pair for pair in row.table.unread(row.row[1]) if self._amount(pair[1])):
            what = f"{row.symbol or 'a row without a symbol'} has a number in a column that is not read, {quoted(name)}"
            fix = f"Declare it, columns: {{value: {name!r}}}, or ignore the row, "
            fix += f"symbols: {{{row.symbol!r}: {IGNORE_WORD}}}."
            raise _Mistake("", what, fix, cell)

    def _check_cash(self, row: _Row, currency: str) -> None:
        """Raise _Mistake where a row of cash may be a security of this name, or its amount a thousand.

        Cash of the basis has a price of 1, but where `symbols` says that it is cash. The sign of decimals may stand
        between thousands, but where `decimal` is declared.
        """
        price = row.numbers[2]
        if price not in (None, 0.0, 1.0) and currency == self.basis and row.symbol not in self.symbols:
            what = f"{row.symbol} is a name of cash, and cash has a price of 1: it may be a security"
            fix = f"Say what it is: symbols: {{{row.symbol}: {CASH_WORD}}}, the name of an asset, or {IGNORE_WORD}."
            raise _Mistake("price", what, fix, price)
        for name in ("units", "value") if not self.declared else ():
            if may_be_thousands(row.cell(name), self.decimal):
                what = f"{row.symbol} has three decimals, or the sign of decimals between thousands"
                raise _Mistake(name, what, f"Declare `decimal: {self.decimal!r}`, or its own.")

    def _check_currency(self, row: _Row, currency: str) -> None:
        of = "of the portfolio" if currency == self.basis else "of its asset"
        what, fix = f"{row.symbol} is not in the currency {of}", f"Give it in {currency}: a row is not converted."
        if money_of(row.cell("currency"))[0] not in ("", currency):
            raise _Mistake("currency", what, fix)
        for name, given in zip(NUMBERS, (row.units, row.value, row.price), strict=True):
            if given is not None and not may_be(given.unit, currency):
                raise _Mistake(name, what, fix, given.unit)

    def _check_first(self, row: _Row, asset: str) -> None:
        first = self._seen.setdefault((asset, row.account), row.row[0])
        if first != row.row[0]:
            where = f" of account {row.account}" if row.account else ""
            fix = "Merge the two rows, or declare the column of accounts, columns: {account: …}."
            raise _Mistake("asset", f"a second row for one holding{where}, after row {first}", fix, row.symbol)


def _agree(amount: float, value: float) -> bool:
    """True if an amount is the value that a file states, but for its rounding and the age of its price."""
    return abs(amount - value) <= AGREE * abs(value)


def _in_whole(numbers: dict[str, Number | None]) -> dict[str, Number | None]:
    """The numbers of a row whose currency states hundredths in units of it: its value may be in units already."""
    units, value, price = (numbers[name] for name in NUMBERS)
    is_whole = units and value and price and _agree(units.value * price.value / 100.0, value.value)
    small = {"price": price, "value": None if is_whole else value}
    return numbers | {name: Number(of.value / 100.0, "") for name, of in small.items() if of and not of.unit}


def odd_lots(units: Mapping[str, float], lots: Mapping[str, float]) -> Iterator[str]:
    """A note for each holding that is no whole number of lots.

    units : units by asset.
    lots  : by asset, the least number of units in a trade.
    """
    for asset, held in units.items():
        lot = lots[asset]
        odd = held - lot * round(held / lot)
        if abs(odd) > 1e-9 * max(lot, held):
            odd = odd if odd > 0.0 else odd + lot
            yield (
                f"{asset}: {held:,.10g} units are no whole number of lots of {lot:g}: the odd {odd:,.6g} are only sold "
                "where the whole asset is."
            )
