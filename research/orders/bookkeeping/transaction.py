"""One row of a broker's transactions: a trade, a bust or a correction of one, or an amount of cash."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from foundation.canonical import decimal
from foundation.errors import DataError
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
    SELL,
    TRANSACTION_SECTIONS,
    VENUES,
    WORD_FIELDS,
)
from research.orders.bookkeeping.moments import moment_of
from research.orders.fills import Fill
from research.portfolio import Portfolio
from research.portfolio.holdings.broker_tables import BrokerTable
from research.portfolio.holdings.cash_entries import CashEntry, EntryKind
from research.portfolio.holdings.positions import CASH_NAMES, IGNORE_WORD
from research.portfolio.holdings.rates import rounded

AGREE = Decimal("0.02")  # of units times price, by which an amount may differ from it besides fees
AGREE_NOTED, CLOSE = Decimal("1e-6"), Decimal("0.01")  # likewise, without a note: a fraction, and currency
GLUED = re.compile(r"([-+]?[0-9.,]+)([A-Z][A-Z0-9]{1,9})")  # a number and its coin, as Binance writes them
PAIR = re.compile(r"([A-Z]{3})[./]?([A-Z]{3})")  # two currencies that are exchanged
SPELLINGS = {"XBT": "BTC", "XXBT": "BTC", "XETH": "ETH", "ZUSD": "USD", "ZEUR": "EUR", "ZGBP": "GBP"}  # of Kraken
IN_WORDS = re.compile(r"([A-Z0-9.]{1,6})\s?\(")  # the symbol with which a description of Interactive Brokers begins


@dataclass(frozen=True)
class Reading:
    """The user's statements on a file.

    symbols   : by the broker's symbol, the asset that it is, or "ignore".
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
class Source:
    """The facts on a file that each of its rows needs.

    portfolio : portfolio whose assets, accounts and currencies they name.
    reading   : the user's statements on the file.
    decimal   : sign before decimals.
    day_first : true if the day stands before the month where the year stands last.
    account   : account that the file names for all of its rows, or "".
    """

    portfolio: Portfolio
    reading: Reading
    decimal: str
    day_first: bool
    account: str


def exact(number: float) -> Decimal:
    """A number as it is written, a whole one without decimals."""
    written = decimal(number)
    return written.to_integral_value() if written == written.to_integral_value() else written


def _code(unit: str) -> str:
    """The currency of a sign or a code beside a number, "" where there is none, or several have the sign."""
    codes = SIGNS.get(unit, (unit,))
    return codes[0] if len(codes) == 1 else ""


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
        """The number of a field, with the currency or the coin beside it; None without one."""
        if not self.cell(name):
            return None
        glued = GLUED.fullmatch(self.cell(name).replace(" ", ""))
        try:
            if glued:
                read = number(glued[1], self.source.decimal)
                return None if read is None else Number(read.value, glued[2])
            return self.table.number(self.row[1], name, self.source.decimal)
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
        if self.source.reading.symbols.get(self.cell("asset")) == IGNORE_WORD:
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

    def check(self) -> str:
        """A note on an amount that units, price and fees do not explain, or "".

        Raises : DataError for a row whose numbers may stand in other columns, or contradict each other.
        """
        if shifted := self.table.shift(self.row[1], set(NUMBER_FIELDS) & set(self.table.columns)):
            raise DataError(f"{shifted}. Put numbers with separators of thousands into quotes.")
        amount, price = self.figure("amount"), self.figure("price")
        lacking = [name for name in ("asset", "units", "price") if not self.cell(name)]
        if lacking and not self.corrects and (self.is_trade or self.has(BUY) != self.has(SELL)):
            raise DataError(f"a trade without {' and '.join(lacking)}. Name its column as docs/book.md does.")
        if not (self.is_trade and amount and price) or amount.unit not in ("", price.unit):
            return ""
        asset, paid = self.line(self.cell("asset"))[0], sum((fee for _, fee, _ in self.fees), Decimal())
        worth, stated = abs(self.units or Decimal()) * exact(price.value), abs(exact(amount.value))
        if asset not in self.source.portfolio.market.assets:
            return ""
        what = f"units times price are {worth:,.2f}, and the amount is {stated:,.2f}"
        if abs(stated - worth) > abs(paid) + AGREE * worth:
            raise DataError(f"{asset}: {what}. Correct the one that is wrong.")
        if min(abs(abs(stated - worth) - abs(paid)), abs(stated - worth)) <= CLOSE + AGREE_NOTED * worth:
            return ""
        return f"{asset}: {what}: a fee may stand in a column that is not read"

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
        portfolio, named = self.source.portfolio, self.cell("account") or self.source.account
        alone = not portfolio.accounts and not portfolio.ticket.account
        return "" if alone else named

    def line(self, symbol: str) -> tuple[str, str]:
        """The asset, or the currency that is exchanged, of a symbol, and the currency that the symbol states or ""."""
        symbol = self.source.reading.symbols.get(symbol, symbol)
        assets = self.source.portfolio.market.assets
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
        """The currency of its price or its amount: as a cell, a symbol or a sign states it, else that of the asset."""
        portfolio = self.source.portfolio
        read = self.figure("price") or self.figure("amount")
        stated = self.cell("currency").upper() or of_symbol or _code(read.unit if read else "")
        if not stated and asset in portfolio.market.assets and portfolio.currencies is not None:
            return portfolio.quoted_in[portfolio.market.assets.index(asset)]
        return stated or portfolio.basis

    @property
    def moment(self) -> datetime:
        """Its moment, in UTC."""
        zone = "UTC" if IN_UTC & {name.casefold() for name in self.table.names} else self.source.reading.zone
        text = f"{self.cell('moment')} {self.cell('clock')}".strip()
        return moment_of(text, self.source.day_first, zone, self.source.portfolio.market.calendar)

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
        if asset == self.source.portfolio.basis and price:  # money is bought and sold for that of the portfolio
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
        known = asset if asset in self.source.portfolio.market.assets else ""
        amount, day = self.amount_of("amount") or Decimal(), self.moment.date()
        currency, kind = self.currency(known, of_symbol), self.kind
        content = "-".join(filter(None, (kind, str(day), self.account, known, f"{amount}{currency}")))
        return CashEntry(content, kind, day, self.account, currency, amount, known, self.cell("description"))
