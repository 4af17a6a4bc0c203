"""Transactions from a broker's file: fills, busts and corrections of fills, and amounts of cash without an order."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from foundation.errors import DataError, all_mistakes
from foundation.table_files import Number, Row, number, quoted
from research.market.currency import CURRENCIES, SIGNS
from research.orders.bookkeeping.columns import (
    BUST,
    BUY,
    CANCELLED,
    CASH_KINDS,
    FEE_FIELDS,
    IN_UTC,
    NEGATIVE_FEES,
    NO_ID,
    NUMBER_FIELDS,
    OF_CASH_FUND,
    RANKED,
    SELL,
    SINGLE,
    TOTALS,
    TRANSACTION_SECTIONS,
    TRANSACTIONS,
    VENUES,
    WORD_FIELDS,
)
from research.orders.bookkeeping.corrections import Correction
from research.orders.bookkeeping.moments import day_first, moment_of
from research.orders.fills import Fill
from research.portfolio import Portfolio
from research.portfolio.holdings.broker_tables import BrokerFile, BrokerTable, read_broker_file
from research.portfolio.holdings.cash_entries import CashEntry, EntryKind
from research.portfolio.holdings.positions import CASH_NAMES, IGNORE_WORD
from research.portfolio.holdings.rates import decimal, rounded

AGREE = Decimal("0.02")  # of units times price, by which an amount may differ from it besides fees
AGREE_NOTED, CLOSE = Decimal("1e-6"), Decimal("0.01")  # likewise, without a note: a fraction, and currency
GLUED = re.compile(r"([-+]?[0-9.,]+)([A-Z][A-Z0-9]{1,9})")  # a number and its coin, as Binance writes them
PAIR = re.compile(r"([A-Z]{3})[./]?([A-Z]{3})")  # two currencies that are exchanged
SPELLINGS = {"XBT": "BTC", "XXBT": "BTC", "XETH": "ETH", "ZUSD": "USD", "ZEUR": "EUR", "ZGBP": "GBP"}  # of Kraken
IN_WORDS = re.compile(r"([A-Z0-9.]{1,6})\s?\(")  # the symbol with which a description of Interactive Brokers begins


@dataclass(frozen=True)
class Reading:
    """The user's statements on a file.

    symbols   : by the broker's symbol, the line that it is, or "ignore".
    zone      : time zone of times that state none, such as America/New_York, or "".
    day_first : true or false for dates such as 03/04/2023, or None for what the file shows.
    decimal   : sign before decimals, or "" for what the numbers show.
    """

    symbols: Mapping[str, str] = field(default_factory=dict)
    zone: str = ""
    day_first: bool | None = None
    decimal: str = ""


NOTHING_STATED = Reading()


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
    Raises : DataError for a file that cannot be read or has no such table, for days and decimals that can be read in
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


def exact(number: float) -> Decimal:
    """A number as it is written, a whole one without decimals."""
    written = decimal(number)
    return written.to_integral_value() if written == written.to_integral_value() else written


class _Reader:
    """Reads the rows of a file one after the other."""

    def __init__(self, file: BrokerFile, portfolio: Portfolio, reading: Reading) -> None:
        """Settle the signs of decimals and the order of day and month for all rows."""
        self.file, self.portfolio, self.reading = file, portfolio, reading
        sign, note = (reading.decimal, "") if reading.decimal else file.decimal(NUMBER_FIELDS)
        self.sign, self.notes, self.mistakes = sign, [*file.notes, *([note] if note else [])], list[str]()
        texts = [table.cell(cells, "moment") for table in file.tables for _, cells in table.rows]
        self.first = day_first(texts, file.tables[0].source, reading.day_first)
        self.found: dict[str, list[Any]] = {"fills": [], "corrections": [], "entries": [], "proposals": []}
        self._ids: Counter[str] = Counter()
        self._seen: dict[str, tuple[int, list[str]]] = {}

    @property
    def activity(self) -> Activity:
        """All that was read."""
        return Activity(**{name: tuple(rows) for name, rows in self.found.items()}, notes=tuple(self.notes))

    def read(self, table: BrokerTable) -> None:
        """Read the rows of a table."""
        details = {table.cell(cells, "detail").casefold() for _, cells in table.rows}
        aside = TOTALS if details & SINGLE else TOTALS - {"order"}
        for row in table.rows:
            try:
                if table.cell(row[1], "detail").casefold() not in aside:
                    self._take(_Transaction(self, table, row))
            except DataError as error:
                self.mistakes.append(f"{table.source}, row {row[0]}: {error}")

    def _take(self, row: "_Transaction") -> None:
        """Take a row as a fill, a correction or cash; or leave it aside with a note."""
        if row.aside:
            self.notes.append(f"{row.table.source}, row {row.number} is left aside: {row.aside}.")
            return
        row.check()
        first, cells = self._seen.setdefault(row.id, row.row) if row.id else row.row
        if cells != row.row[1]:
            raise DataError(f"id {row.id} is that of row {first}, with another content. Correct one of them.")
        if first != row.number:
            self.notes.append(f"{row.table.source}, row {row.number} is left aside: it is row {first} again.")
        elif row.corrects and row.units == 0:
            self.found["corrections"].append(Correction(row.key_of(row.id or f"{row.corrects}-bust"), row.corrected))
        elif row.is_trade:
            self._trade(row)
        else:
            entry = row.entry
            named = replace(entry, entry_id=row.key_of(row.id) if row.id else self._unlike(entry.entry_id))
            self.found["entries" if row.id and entry.kind != "other" else "proposals"].append(named)

    def _trade(self, row: "_Transaction") -> None:
        made = row.fill
        fill = replace(made, fill_id=row.id or self._unlike(f"{made.fill_id}{'-bust' if row.is_bust else ''}"))
        if row.is_bust:
            like = None if row.corrects else fill
            self.found["corrections"].append(Correction(fill.key, row.corrected, like=like))
        elif row.corrects:
            self.found["corrections"].append(Correction(fill.key, row.corrected, fill))
        else:
            self.found["fills"].append(fill)
            self.found["entries"] += row.fees_in_others(fill)

    def _unlike(self, content: str) -> str:
        """An id that is made of a content, and of its number among equal rows."""
        self._ids[content] += 1
        return content if self._ids[content] == 1 else f"{content}-{self._ids[content]}"


def _code(unit: str) -> str:
    """The currency of a sign or a code beside a number, "" where there is none, or several have the sign."""
    codes = SIGNS.get(unit, (unit,))
    return codes[0] if len(codes) == 1 else ""


@dataclass(frozen=True)
class _Transaction:
    """One row."""

    reader: _Reader
    table: BrokerTable
    row: Row

    @property
    def number(self) -> int:
        """Its row in the file."""
        return self.row[0]

    def cell(self, name: str) -> str:
        """The text of a field."""
        return self.table.cell(self.row[1], name)

    def figure(self, name: str) -> Number | None:
        """The number of a field, with the currency or the coin beside it; None without one."""
        if not self.cell(name):
            return None
        glued = GLUED.fullmatch(self.cell(name).replace(" ", ""))
        try:
            if glued:
                read = number(glued[1], self.reader.sign)
                return None if read is None else Number(read.value, glued[2])
            return self.table.number(self.row[1], name, self.reader.sign)
        except ValueError:
            raise DataError(f"{name} is {quoted(self.cell(name))}. Write a plain number.") from None

    def amount_of(self, name: str) -> Decimal | None:
        """The number of a field, exactly as it is written; None without one."""
        read = self.figure(name)
        return None if read is None else exact(read.value)

    @property
    def words(self) -> list[str]:
        """The texts that say what kind of row it is."""
        section = self.row[1][0] if self.row[1] and self.row[1][0] in TRANSACTION_SECTIONS else ""
        return [text for text in (*map(self.cell, WORD_FIELDS), section) if text]

    def has(self, pattern: re.Pattern[str]) -> bool:
        """True if one of these texts has a word."""
        return any(pattern.search(text) for text in self.words)

    # -- what it is --------------------------------------------------------------------------------------------------

    @property
    def aside(self) -> str:
        """The reason why it is no transaction, or ""."""
        texts = [cell for cell in self.row[1] if cell]
        if self.reader.reading.symbols.get(self.cell("asset")) == IGNORE_WORD:
            return f"{self.cell('asset')} is ignored"
        dated = any(c.isdigit() for c in self.cell("moment"))
        if len(texts) == 1 or not (dated or (self.cell("asset") and self.is_trade)):
            return f"text or a total, {quoted(texts[0])}"
        if self.has(OF_CASH_FUND) or (self.cell("asset").casefold() in CASH_NAMES and self.units):
            return f"cash in its fund, {quoted(self.words[0])}"
        if not self.is_trade and not self.amount_of("amount") and not self.corrects:
            return "no amount, and no units with a price"
        return ""

    @property
    def units(self) -> Decimal | None:
        """Units, signed as the file signs them."""
        return self.amount_of("units")

    @property
    def is_trade(self) -> bool:
        """True if it has units and a price."""
        return bool(self.units) and self.amount_of("price") is not None

    @property
    def is_bust(self) -> bool:
        """True if it takes a trade back."""
        return self.has(BUST) or CANCELLED in self.cell("code").split(";")

    def check(self) -> None:
        """Raise DataError for a row whose numbers may stand in other columns, or contradict each other."""
        if shifted := self.table.shift(self.row[1], set(NUMBER_FIELDS) & set(self.table.columns)):
            raise DataError(f"{shifted}. Put numbers with separators of thousands into quotes.")
        amount, price = self.figure("amount"), self.figure("price")
        lacking = [name for name in ("asset", "units", "price") if not self.cell(name)]
        if lacking and not self.corrects and (self.is_trade or self.has(BUY) != self.has(SELL)):
            raise DataError(f"a trade without {' and '.join(lacking)}. Name its column as docs/book.md does.")
        if not (self.is_trade and amount and price) or amount.unit not in ("", price.unit):
            return
        asset, paid = self.line(self.cell("asset"))[0], sum((fee for _, fee, _ in self.fees), Decimal())
        worth, stated = abs(self.units or Decimal()) * exact(price.value), abs(exact(amount.value))
        if asset not in self.reader.portfolio.market.assets:
            return
        what = f"units times price are {worth:,.2f}, and the amount is {stated:,.2f}"
        if abs(stated - worth) > abs(paid) + AGREE * worth:
            raise DataError(f"{asset}: {what}. Correct the one that is wrong.")
        if min(abs(abs(stated - worth) - abs(paid)), abs(stated - worth)) > CLOSE + AGREE_NOTED * worth:
            place = f"{self.table.source}, row {self.number}: {asset}"
            self.reader.notes.append(f"{place}: {what}: a fee may stand in a column that is not read.")

    # -- ids and names -----------------------------------------------------------------------------------------------

    @property
    def venue(self) -> str:
        """The venue of its ids."""
        labels = [name.casefold() for name in self.table.names]
        return self.cell("venue") or next((venue for label, venue in VENUES.items() if label in labels), "")

    @property
    def id(self) -> str:
        """Its id at the venue, or ""."""
        return self.cell("id")

    def key_of(self, of: str) -> str:
        """Venue and id."""
        return f"{self.venue}:{of}"

    @property
    def corrects(self) -> str:
        """The id of the fill that it corrects, or ""."""
        return "" if self.cell("corrects") in NO_ID else self.cell("corrects")

    @property
    def corrected(self) -> str:
        """Venue and id of the fill that it corrects, or ""."""
        return self.corrects and self.key_of(self.corrects)

    @property
    def account(self) -> str:
        """Its account, as the file names it; that of a portfolio without accounts has no name."""
        portfolio, named = self.reader.portfolio, self.cell("account") or self.reader.file.account
        alone = not portfolio.accounts and not portfolio.ticket.account
        return "" if alone else named

    def line(self, symbol: str) -> tuple[str, str]:
        """The line, or the currency that is exchanged, of a symbol, and the currency that the symbol states or ""."""
        symbol = self.reader.reading.symbols.get(symbol, symbol)
        assets = self.reader.portfolio.market.assets
        if symbol in assets:
            return symbol, ""
        if (pair := PAIR.fullmatch(symbol)) and {pair[1], pair[2]} <= CURRENCIES:
            return pair[1], pair[2]
        spelled = symbol.replace("/", "")
        for coin, money in ((a, c) for a in (*SPELLINGS, *assets) for c in (*CURRENCIES, *SPELLINGS)):
            if spelled == f"{coin}{money}" and SPELLINGS.get(coin, coin) in assets:
                return SPELLINGS.get(coin, coin), SPELLINGS.get(money, money)
        return SPELLINGS.get(symbol, symbol), ""

    def currency(self, asset: str, of_symbol: str) -> str:
        """The currency of its price or its amount: as a cell, a symbol or a sign states it, else that of the line."""
        portfolio = self.reader.portfolio
        read = self.figure("price") or self.figure("amount")
        stated = self.cell("currency").upper() or of_symbol or _code(read.unit if read else "")
        if not stated and asset in portfolio.market.assets and portfolio.currencies is not None:
            return portfolio.quoted_in[portfolio.market.assets.index(asset)]
        return stated or portfolio.basis

    @property
    def moment(self) -> Any:
        """Its moment, in UTC."""
        zone = "UTC" if IN_UTC & {name.casefold() for name in self.table.names} else self.reader.reading.zone
        text = f"{self.cell('moment')} {self.cell('clock')}".strip()
        return moment_of(text, self.reader.first, zone, self.reader.portfolio.market.calendar)

    # -- a trade -----------------------------------------------------------------------------------------------------

    @property
    def side(self) -> str:
        """Buy or sell, by its words, else by the signs of units and amount. Raises DataError where none says it."""
        buys, sells = self.has(BUY), self.has(SELL)
        if buys != sells:
            return "buy" if buys else "sell"
        if (self.units or 0) < 0:
            return "sell"
        if (self.amount_of("amount") or 0) < 0:
            return "buy"
        raise DataError(
            f"nothing says whether {self.cell('asset')} is bought or sold. Name a column side: buy or sell."
        )

    @property
    def fees(self) -> Iterator[tuple[str, Decimal, str]]:
        """Name, amount and currency of each fee, what is paid above zero; the currency "" is that of the price."""
        for name in FEE_FIELDS:
            if read := self.figure(name):
                label = self.table.columns[name].label.casefold()
                stated = self.cell("fee_currency").upper() or _code(read.unit)
                paid = -exact(read.value) if label in NEGATIVE_FEES else exact(read.value)
                if paid:
                    yield name, paid, self.line(stated)[0]

    @property
    def fill(self) -> Fill:
        """The fill; without an id it has one that is made of its content."""
        asset, of_symbol = self.line(self.cell("asset"))
        currency, moment, side = self.currency(asset, of_symbol), self.moment, self.side
        units, price = abs(self.units or Decimal()), self.amount_of("price") or Decimal()
        content = f"{moment:%Y%m%dT%H%M%S}-{self.account}-{asset}-{side}-{units}-{price}"
        if asset == self.reader.portfolio.basis and price:  # money is bought and sold for that of the portfolio
            bought = rounded(currency, units * price)
            asset, currency, units, price = currency, asset, bought, units / bought
            side = "sell" if side == "buy" else "buy"
        return Fill(
            asset,
            side,
            units,
            price,
            currency,
            moment,
            self.id or content,
            self.venue,
            self.cell("order_id"),
            self.account,
            {name: paid for name, paid, of in self.fees if of in ("", currency)},
            self.amount_of("rate"),
        )

    def fees_in_others(self, fill: Fill) -> Iterator[CashEntry]:
        """The fees of a fill in another currency or coin."""
        for name, paid, of in self.fees:
            if of not in ("", fill.currency):
                words = f"{name} of {fill.side} {fill.quantity} {fill.asset}"
                about = (f"{fill.key} {name}", "fee", fill.moment.date(), fill.account, of, -paid)
                yield CashEntry(*about, words=words, fill=fill.key)  # type: ignore[arg-type]

    # -- cash --------------------------------------------------------------------------------------------------------

    @property
    def kind(self) -> EntryKind:
        """The kind of an amount of cash; "other" for words that name none."""
        amount = self.amount_of("amount") or Decimal()
        for text in (*self.words, self.cell("description")):
            for kind, pattern in CASH_KINDS.items():
                if pattern.search(text):
                    return "withdrawal" if kind == "deposit" and amount < 0 else kind
        return "other"

    @property
    def entry(self) -> CashEntry:
        """The amount of cash; without an id it has one that is made of its content."""
        stated = self.cell("asset") or (m[1] if (m := IN_WORDS.match(self.cell("description"))) else "")
        asset, of_symbol = self.line(stated)
        known = asset if asset in self.reader.portfolio.market.assets else ""
        amount, day = self.amount_of("amount") or Decimal(), self.moment.date()
        currency, kind = self.currency(known, of_symbol), self.kind
        content = "-".join(filter(None, (kind, str(day), self.account, known, f"{amount}{currency}")))
        return CashEntry(content, kind, day, self.account, currency, amount, known, self.cell("description"))
