"""One row of a broker's transactions: a trade, a bust or a correction of one, or an amount of cash."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal

from foundation.canonical import decimal
from foundation.dataclasses import dataclass, field
from foundation.errors import DataError
from foundation.table_files import Number, Row, number_of_cell, quoted
from research.market.currency import CURRENCIES
from research.orders.bookkeeping import columns as words
from research.orders.bookkeeping.moments import moment_of_text
from research.portfolio import Portfolio
from research.portfolio.holdings.brokers.columns import TRADED, label_of, money_of
from research.portfolio.holdings.brokers.positions import CASH_NAMES, IGNORE_WORD
from research.portfolio.holdings.brokers.symbols import AssetNames
from research.portfolio.holdings.brokers.tables import BrokerTable
from research.portfolio.holdings.cash_entries import CashEntry, EntryKind

EXCHANGED_PAIR = re.compile(r"([A-Z]{3})[./]?([A-Z]{3})")  # two currencies that are exchanged
SPELLINGS = {"XBT": "BTC", "XXBT": "BTC", "XETH": "ETH", "ZUSD": "USD", "ZEUR": "EUR", "ZGBP": "GBP"}  # of Kraken
IN_WORDS = re.compile(r"([A-Z0-9.]{1,6})\s?\(")  # the symbol with which a description of Interactive Brokers begins
ONE, HUNDREDTH = Decimal(1), Decimal("0.01")


@dataclass(frozen=True)
class FileStatements:
    """The user's statements on a file.

    symbols   : by the broker's symbol, the asset that it is, or "ignore".
    zone      : time zone of times that state none, such as America/New_York, or "".
    day_first : true or false for dates such as 03/04/2023, or None for what the file shows.
    decimal   : sign before decimals, or "" for what the numbers show.
    columns   : by field of `RANKED`, the header's name of its column; other fields are recognised by their names.
    accounts  : accounts of the file that are those of the portfolio, where it has others, too; () for all.
    """

    symbols: Mapping[str, str] = field(default_factory=dict)
    zone: str = ""
    day_first: bool | None = None
    decimal: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    accounts: tuple[str, ...] = ()


NOTHING_STATED = FileStatements()


@dataclass(frozen=True)
class Source:
    """The facts on a file that each of its rows needs.

    portfolio : portfolio whose assets, accounts and currencies they name.
    reading   : the user's statements on the file.
    decimal   : sign before decimals.
    day_first : true if the day stands before the month where the year stands last.
    account   : account that the file names for all of its rows, or "".
    names     : the assets by their names at brokers.
    negative  : columns of fees, by `label_of`, in which costs are below zero.
    is_net    : true or false where other rows of the file show that amounts have fees in them or not, else None.
    is_signed : true if money that goes is below zero in the file.
    """

    portfolio: Portfolio
    reading: FileStatements
    decimal: str
    day_first: bool
    account: str
    names: AssetNames
    negative: frozenset[str] = frozenset()
    is_net: bool | None = None
    is_signed: bool = False


def exact(number: float) -> Decimal:
    """A number as it is written, a whole one without decimals."""
    written = decimal(number)
    return written.to_integral_value() if written == written.to_integral_value() else written


@dataclass(frozen=True)
class Transaction:
    """One row, whose properties are read where they are asked for; each raises DataError for what it cannot read.

    source : facts on its file.
    table  : its table.
    row    : its number, and its cells.
    """

    source: Source
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
        """The number of a field in whole units, with the currency or the coin beside it; None without one."""
        if not self.cell(name):
            return None
        try:
            read = self.table.number(self.row[1], name, self.source.decimal)
            return read and read._replace(unit=money_of(read.unit)[0])
        except ValueError:
            raise DataError(f"{name} is {quoted(self.cell(name))}. Write a plain number.") from None

    def unread(self) -> Iterator[tuple[str, Decimal]]:
        """The name and the number of each cell with a number that is in no column of a field."""
        for name, cell in self.table.unread(self.row[1]):
            with suppress(ValueError):
                if name and (read := number_of_cell(cell, self.source.decimal)):
                    yield name, exact(read.value)

    def amount_of(self, name: str) -> Decimal | None:
        """The number of a field, exactly as it is written; None without one."""
        read = self.figure(name)
        return None if read is None else exact(read.value)

    @property
    def is_negative(self) -> bool:
        """True if its amount is below zero."""
        return (self.amount_of("amount") or 0) < 0

    @property
    def words(self) -> list[str]:
        """The texts that say what kind of row it is."""
        section = self.row[1][0] if self.row[1] and self.row[1][0] in words.TRANSACTION_SECTIONS else ""
        return [text for text in (*map(self.cell, words.WORD_FIELDS), section) if text]

    def has(self, pattern: re.Pattern[str]) -> bool:
        """True if one of these texts has a word."""
        return any(pattern.search(text) for text in self.words)

    # -- what it is --------------------------------------------------------------------------------------------------

    @property
    def aside(self) -> str:
        """The reason why it is no transaction, or ""."""
        texts = [cell for cell in self.row[1] if cell]
        if self.source.reading.symbols.get(self.cell("asset")) == IGNORE_WORD:
            return f"{self.cell('asset')} is ignored"
        if self.source.reading.accounts and self.stated_account not in ("", *self.source.reading.accounts):
            return f"account {self.stated_account} is another's"
        dated = any(c.isdigit() for c in self.cell("moment"))
        if len(texts) == 1 or not (dated or (self.cell("asset") and self.is_trade)):
            return f"text or a total, {quoted(texts[0])}"
        if self.has(words.OF_CASH_FUND) or (self.cell("asset").casefold() in CASH_NAMES and self.units):
            return f"cash in its fund, {quoted(self.words[0])}"
        if not self.is_trade and not self.amount_of("amount") and not self.corrects:
            return "no amount" if self.moves_cash else "no amount, and no units with a price"
        return ""

    @property
    def units(self) -> Decimal | None:
        """Units, signed as the file signs them. Raises DataError for units with another coin beside them."""
        read = self.figure("units")
        if read is not None and read.unit and self.line(read.unit)[0] != self.asset:
            raise DataError(f"units are {quoted(self.cell('units'))}, and the row is of {self.asset}. Correct one.")
        return None if read is None else exact(read.value)

    @property
    def is_trade(self) -> bool:
        """True if it has units, and a price or, where it is bought or sold or of no known kind, an amount of an asset.

        A row whose action moves cash alone, such as a dividend, may state the units and the price by which it is paid.
        """
        if not self.units or self.moves_cash:
            return False
        if self.amount_of("price") is not None:
            return True
        return bool(self.cell("amount")) and (self.says_side or self.is_unknown)

    @property
    def moves_cash(self) -> bool:
        """True if its words name an amount of cash, and no purchase, sale or move of units."""
        return self.has(words.OF_CASH) and not any(map(self.has, (words.BUY, words.SELL, words.OF_UNITS)))

    @property
    def is_unknown(self) -> bool:
        """True of an amount of an asset that no word calls cash: with units it is a trade without a side."""
        return self.is_held and self.kind[0] == "other" and bool(self.amount_of("amount"))

    @property
    def says_side(self) -> bool:
        """True if its words say whether it is bought or sold."""
        return self.has(words.BUY) != self.has(words.SELL)

    @property
    def is_bust(self) -> bool:
        """True if it takes a trade back."""
        return self.has(words.BUST) or words.CANCELLED in self.cell("code").split(";")

    def check(self) -> None:
        """Raise DataError for a row whose numbers may stand in other columns, and for a trade that lacks one."""
        if shifted := self.table.shift(self.row[1], set(words.NUMBER_FIELDS) & set(self.table.columns)):
            raise DataError(f"{shifted}. Put numbers with separators of thousands into quotes.")
        stated = {"asset": self.asset, "units": self.cell("units"), "price": self.cell("price")}
        lacking = [name for name, text in stated.items() if not text]
        says_trade = self.says_side or (self.is_unknown and any(map(TRADED.fullmatch, self.row[1])))
        if lacking and not self.corrects and not self.is_trade and says_trade:
            raise DataError(f"a trade without {' and '.join(lacking)}. Say which column has it: --form (docs/book.md).")

    # -- ids and names -----------------------------------------------------------------------------------------------

    @property
    def venue(self) -> str:
        """The venue of its ids."""
        labels = [name.casefold() for name in self.table.names]
        return self.cell("venue") or next(
            (venue for label, venue in words.COLUMN_OF_VENUE.items() if label in labels), ""
        )

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
        return "" if self.cell("corrects") in words.NO_ID else self.cell("corrects")

    @property
    def corrected(self) -> str:
        """Venue and id of the fill that it corrects, or ""."""
        return self.corrects and self.key_of(self.corrects)

    @property
    def account(self) -> str:
        """Its account, as the file names it; that of a portfolio without accounts has no name."""
        portfolio = self.source.portfolio
        return self.stated_account if portfolio.accounts or portfolio.ticket.account else ""

    @property
    def stated_account(self) -> str:
        """The account that its file names."""
        return self.cell("account") or self.source.account

    @property
    def asset(self) -> str:
        """The asset, or the currency that is exchanged; the broker's symbol where it is none.

        An option, a future or a warrant is none of its underlying: it goes by its description.
        """
        return self.derivative or self._line[0]

    @property
    def is_held(self) -> bool:
        """True if its asset is one of the portfolio."""
        return self.asset in self.source.portfolio.market.assets

    @property
    def derivative(self) -> str:
        """The words for an option, a future or a warrant, as the file or the user names it; "" for what is none."""
        stated, texts = self.cell("class"), (self.cell("description"), self.cell("asset"))
        in_words = self.has(words.OF_OPTION) or any(map(words.IN_OPTION.search, texts))
        of_class = words.DERIVATIVE.search(stated) if stated else in_words
        if self.is_own or not (of_class or words.RIGHT.fullmatch(self.cell("right"))):
            return ""
        return self.source.names.of(texts[0] or f"{stated} {texts[1]}".strip())

    @property
    def _line(self) -> tuple[str, str]:
        """As `line`, of the row's symbol, its ISIN or the symbol with which its description begins."""
        symbol, isin = self.cell("asset"), self.cell("isin")
        texts = (symbol, isin) if symbol or isin else (m[1] if (m := IN_WORDS.match(self.cell("description"))) else "",)
        (found, money), assets = self.line(texts[0]) if texts[0] else ("", ""), self.source.portfolio.market.assets
        if found in assets and not isin:
            return found, money
        named = self.source.names.first(*texts)
        return named if named in assets or not found else found, money

    def line(self, symbol: str) -> tuple[str, str]:
        """The asset, or the currency that is exchanged, of a symbol, and the currency that the symbol states or ""."""
        symbol = self.source.names.of(symbol)
        assets = self.source.portfolio.market.assets
        if symbol in assets:
            return symbol, ""
        if (pair := EXCHANGED_PAIR.fullmatch(symbol)) and {pair[1], pair[2]} <= CURRENCIES:
            return pair[1], pair[2]
        spelled = symbol.replace("/", "")
        for coin, money in ((a, c) for a in (*SPELLINGS, *assets) for c in (*CURRENCIES, *SPELLINGS)):
            if spelled == f"{coin}{money}" and SPELLINGS.get(coin, coin) in assets:
                return SPELLINGS.get(coin, coin), SPELLINGS.get(money, money)
        return SPELLINGS.get(symbol, symbol), ""

    @property
    def quoted_in(self) -> str:
        """The currency in which its asset is quoted, that of the portfolio where it is none."""
        portfolio = self.source.portfolio
        if self.is_held and portfolio.currencies is not None:
            return portfolio.quoted_in[portfolio.market.assets.index(self.asset)]
        return portfolio.basis

    def money(self, name: str) -> tuple[str, Decimal]:
        """The currency of a price or an amount, "" where nothing states it, and the part of it that its number counts.

        It stands beside the number, in the header or in a column of its own; numbers of GBp count hundredths.
        """
        read = self.figure(name)
        unit = read.unit if read is not None and read.unit in CURRENCIES else ""
        own = self.cell("amount currency") if name == "amount" else ""
        code, is_small = money_of(unit or own or self.cell("currency") or self._line[1])
        return code, HUNDREDTH if is_small and not unit else ONE

    @property
    def priced_in(self) -> str:
        """The currency of its price: as it is stated, else that of its asset."""
        return self.money("price")[0] or self.quoted_in

    @property
    def paid_in(self) -> str:
        """The currency of its amount: as it is stated, else that of its price."""
        return self.money("amount")[0] or self.priced_in

    @property
    def moment(self) -> datetime:
        """Its moment, in UTC."""
        zone = "UTC" if words.IN_UTC & {name.casefold() for name in self.table.names} else self.source.reading.zone
        text = f"{self.cell('moment')} {self.cell('clock')}".strip()
        return moment_of_text(text, self.source.day_first, zone, self.source.portfolio.market.calendar)

    # -- a trade -----------------------------------------------------------------------------------------------------

    @property
    def side(self) -> str:
        """Buy or sell, by its words, else by the signs of units and amount; "" where none says it."""
        buys, sells = self.has(words.BUY), self.has(words.SELL)
        if not buys and not sells:  # in words
            buys, sells = (bool(word.match(self.cell("description"))) for word in (words.BUY, words.SELL))
        if buys != sells:
            return "buy" if buys else "sell"
        if (self.units or 0) < 0:
            return "sell"
        return "buy" if self.is_negative else ""

    @property
    def is_own(self) -> bool:
        """True if its table is one of docs/book.md."""
        names = set(map(label_of, self.table.names))
        return bool(names & words.OWN_IDS) and "moment" in names

    @property
    def fees(self) -> dict[str, tuple[Decimal, str]]:
        """By name, each fee and its currency, by default that of the amount; above zero as its column states costs."""
        found = {}
        for name, label, read in self.stated_fees:
            code, is_small = money_of(self.cell("fee_currency"))
            stated = code or (read.unit if read.unit != "$" else "")
            paid = exact(read.value) * (HUNDREDTH if is_small else ONE if stated else self.money("amount")[1])
            paid = -paid if label in self.source.negative else paid
            found[name] = paid, self.line(stated)[0] if stated else self.paid_in
        return found

    @property
    def stated_fees(self) -> Iterator[tuple[str, str, Number]]:
        """The name, the label of the column and the number of each fee, but zeros."""
        for name, column in self.table.columns.items():
            if name.partition(" ")[0] in words.FEE_FIELDS and (read := self.figure(name)) and read.value:
                yield name, label_of(column.label), read

    # -- cash --------------------------------------------------------------------------------------------------------

    @property
    def kind(self) -> tuple[EntryKind, str]:
        """The kind of an amount of cash, and the text that says it; a transfer is a deposit or a withdrawal by sign.

        Words that name none are of the kind "other".
        """
        for text in (*self.words, self.cell("description")):
            for kind, pattern in words.CASH_KINDS.items():
                if pattern.search(text):
                    goes, comes = bool(words.GOES.search(text)), bool(words.COMES.search(text))
                    is_out = kind == "deposit" and (goes if goes != comes else self.is_negative)
                    return ("withdrawal" if is_out else kind), text
        return "other", ""

    @property
    def is_outflow(self) -> bool:
        """True if its words say that money goes: a cost that is no refund, a withdrawal, or what is owed."""
        kind, text = self.kind
        is_owed = kind in ("interest", "dividend") and words.OWED.search(text) is not None
        return kind == "withdrawal" or ((kind in words.COSTS or is_owed) and not words.REFUND.search(text))

    @property
    def entry(self) -> CashEntry:
        """The amount of cash; without an id it has one that is made of its content.

        A file that signs what goes keeps its signs, and a plus is a refund; where none is signed the word decides.
        """
        known = self.asset if self.is_held else ""
        code, part = self.money("amount")
        amount, day, kind = (self.amount_of("amount") or Decimal()) * part, self.moment.date(), self.kind[0]
        if amount > 0 and self.is_outflow and not self.source.is_signed:
            amount = -amount
        currency = code or self.quoted_in
        content = "-".join(filter(None, (kind, str(day), self.account, known, f"{amount:f}{currency}")))
        return CashEntry(content, kind, day, self.account, currency, amount, known, self.cell("description"))
