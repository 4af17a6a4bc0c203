"""The instruments that are known by symbol: a table that ships, and rows of the user's own in the same columns.

An asset has one id; its symbol differs from source to source and from year to year. The shipped table is
`data/instruments.csv`; `instruments.csv` in the folder of stores adds rows to it, and replaces those of the same id.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from difflib import SequenceMatcher, get_close_matches
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from foundation.arguments import LARGEST_NUMBER, did_you_mean
from foundation.dataclasses import dataclass, field, fields
from foundation.errors import DataError, InputFault, all_mistakes
from foundation.files import DATA
from foundation.names import ASSET_FIX, asset_fault
from foundation.table_files import fault, plain_number, quoted, read_text, text_of_cell
from research.market.instruments import CUT_OFF_EXAMPLE, OFFER, SMALLEST_LOT, is_cut_off
from research.market.store import stored_path

INSTRUMENTS_FILE = "instruments.csv"
Source = Literal[
    "yahoo", "tiingo", "stooq", "alpha_vantage", "fred", "nasdaq_data_link", "coinbase", "kraken", "binance"
]
SOURCES: tuple[str, ...] = get_args(Source)  # of market data on the web; `desk/feeds/adapters` has an adapter of each
COIN_EXCHANGES = ("coinbase", "kraken", "binance")  # of coins
INSTRUMENT_KINDS = ("etf", "stock", "fund", "coin", "fx", "index", "series")
BY_RULE: Mapping[tuple[str, str], Callable[[str], str]] = {
    ("yahoo", "coin"): "{}-USD".format,
    ("yahoo", "fx"): "{}=X".format,
    ("alpha_vantage", "coin"): "{}-USD".format,
    ("alpha_vantage", "fx"): str,
    ("stooq", "etf"): lambda asset: f"{asset.lower()}.us",
    ("stooq", "stock"): lambda asset: f"{asset.lower()}.us",
    ("stooq", "coin"): lambda asset: f"{asset.lower()}usd",
    ("stooq", "fx"): str.lower,
    ("coinbase", "coin"): "{}/USD".format,
    ("kraken", "coin"): "{}/USD".format,
}  # by source and kind, the symbol of an id where the table states none; elsewhere it is the id, save of `NO_TICKERS`
PUBLISHED = timedelta(minutes=30)  # after a close, until a source has its bar, save of those of `PUBLISHED_BY`
PUBLISHED_BY: Mapping[str, timedelta] = {
    "tiingo": timedelta(minutes=90),  # 17:30 in New York, as its documentation states
    "alpha_vantage": timedelta(hours=4),
    "stooq": timedelta(hours=4),
    "nasdaq_data_link": timedelta(hours=4),
} | dict.fromkeys(COIN_EXCHANGES, timedelta(minutes=5))
NAV_OUT = timedelta(hours=8)  # after a close, until the NAV of a fund of that day is out
ISIN = re.compile("[A-Z]{2}[A-Z0-9]{9}[0-9]")
NO_TICKERS = {"coin": "a coin", "fx": "a pair of currencies"}  # kinds whose ids may be tickers of other assets
US_SESSIONS = "XNYS"
ELSEWHERE = {
    "EUR": "XETR", "GBP": "XLON", "CHF": "XSWX", "CAD": "XTSE", "AUD": "XASX", "JPY": "XTKS"
}  # fmt: skip  # by currency of a quote, the calendar of its largest exchange of funds
STABLE_COINS = {"USDT": "USD", "USDC": "USD", "DAI": "USD", "EURC": "EUR"}  # each with the currency that it is cash of


@dataclass(frozen=True)
class Instrument:
    """An asset by its id; of a field that is empty nothing is known.

    asset_id    : its name in stores and portfolio files.
    name        : name in words.
    kind        : one of `INSTRUMENT_KINDS`; a fund is a mutual fund, which has one NAV a day, known after the close,
                  and is dealt in amounts; a series is an economic one and cannot be held, nor can an index.
    asset_class : its class, such as us_equity.
    sector      : GICS sector in lower case.
    currency    : code of the currency in which it is quoted.
    lot         : least number of units in a trade.
    minimum_purchase : currency; a smaller buy is not sent.
    cut_off     : time of day and time zone until which orders of a fund are dealt at the NAV of the same day.
    calendar    : exchange calendar of its sessions, such as XNYS, 24/7 or 24/5.
    isin, figi  : identifiers.
    listed      : first day on which it traded, or None.
    delisted    : first day on which it no longer did, or None.
    delisting_return : return from the last price to what holders were paid, a fraction, None while it is listed.
    former      : symbols that it had before.
    symbols     : source -> its symbol there, where it differs from the id and from the rule of that source.
    """

    asset_id: str
    name: str = ""
    kind: str = ""
    asset_class: str = ""
    sector: str = ""
    currency: str = ""
    lot: float = 1.0
    minimum_purchase: float = 0.0
    cut_off: str = ""
    calendar: str = ""
    isin: str = ""
    figi: str = ""
    listed: date | None = None
    delisted: date | None = None
    delisting_return: float | None = None
    former: tuple[str, ...] = ()
    symbols: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_elsewhere(self) -> bool:
        """True for a listing outside the United States, whose id is no symbol at sources that name listings."""
        return self.kind in ("etf", "stock") and self.calendar not in ("", US_SESSIONS)

    @property
    def sessions(self) -> str:
        """The calendar of its listing; where the table has none, that of the largest exchange of its currency."""
        return self.calendar or ELSEWHERE.get(self.currency, US_SESSIONS)

    def delay(self, source: str) -> timedelta:
        """The time after a close until a source, or imported tables, have its bar."""
        return NAV_OUT if self.kind == "fund" else PUBLISHED_BY.get(source, PUBLISHED)


@dataclass(frozen=True, eq=False)
class Instruments:
    """The instruments by id, and by every way to write one of their symbols."""

    by_id: Mapping[str, Instrument]

    def find(self, symbol: str) -> Instrument | None:
        """The instrument with this id, symbol at a source, former symbol, ISIN, FIGI or name; None for no known one.

        Upper and lower case, and the signs between a stock and its class of shares, are one: BRK-B, BRK.B, brk/b. A
        pair is written with a slash too, and a stable coin in it is its currency: EUR/USD, BTC/USDT.
        """
        if found := self._by_spelling.get(_spelling(symbol)):
            return found
        one, _, quote = symbol.strip().upper().rpartition("/")
        of_pair = [one + quote, f"{one}-{STABLE_COINS.get(quote, quote)}"] if one else []
        pairs = filter(None, map(self._by_spelling.get, map(_spelling, of_pair)))
        return next((each for each in pairs if each.kind in ("fx", "coin")), None)

    def rate(self, currency: str, basis: str) -> Instrument | None:
        """The rate of exchange between two currencies, whichever way it is quoted, or None."""
        return None if currency in ("", basis) else self.find(currency + basis) or self.find(basis + currency)

    def taken(self, symbol: str) -> Instrument:
        """The instrument as of `find`; one that is not known is its own id."""
        return self.find(symbol) or Instrument(symbol)

    def nearest(self, symbol: str) -> str:
        """A sentence with the instruments, but rates, from whose ids one letter may lead to the symbol; "" for none.

        Two letters apart a ticker is another fund, and no slip of the hand: VWCE is not VWELX.
        """
        asked = symbol.upper()
        held = [asset for asset, one in self.by_id.items() if one.kind != "fx" and _slip(asked, asset)]
        near = get_close_matches(asked, held, n=3)
        named = [f"{asset} ({self.by_id[asset].name})" for asset in near]
        return f"Did you mean {' or '.join(named)}? " if near else ""

    def symbol_at(self, instrument: Instrument, source: str) -> str:
        """The symbol of an instrument at a source.

        Raises : DataError for a coin, a pair of currencies or a listing outside the United States at a source whose
                 symbols of them are not known, and for what is no coin at an exchange of coins.

        >>> known = known_instruments()
        >>> [known.symbol_at(known.find("BTC"), source) for source in ("yahoo", "stooq", "alpha_vantage")]
        ['BTC-USD', 'btcusd', 'BTC-USD']
        """
        kind, asset = instrument.kind, instrument.asset_id
        if symbol := instrument.symbols.get(source):
            return symbol
        if kind in NO_TICKERS and (source, kind) not in BY_RULE:
            giving = ", ".join(name for name, of in BY_RULE if of == kind)
            raise DataError(f"{asset} is {NO_TICKERS[kind]}, which {source} is not asked for. Take one of {giving}.")
        if source in COIN_EXCHANGES and kind not in ("coin", ""):
            raise DataError(f"{asset} is no coin, and {source} has coins alone. Take another source, such as yahoo.")
        if instrument.is_elsewhere:
            giving = f"Take {' or '.join(instrument.symbols)}" if instrument.symbols else "Import its prices as a table"
            raise DataError(
                f"{asset} is listed at {instrument.calendar}: its symbol at {source} is not known. {giving}."
            )
        return BY_RULE.get((source, kind), str)(asset)

    @cached_property
    def _by_spelling(self) -> dict[str, Instrument]:
        """The instruments by spelling: ids go before symbols, those before former ones, and all before names."""
        found: dict[str, Instrument] = {}
        every = self.by_id.values()
        for one in every:
            found.setdefault(_spelling(one.asset_id), one)
        for one in every:
            by_rule = () if one.is_elsewhere else (source for source, kind in BY_RULE if kind == one.kind)
            for source in {*one.symbols, *by_rule}:
                found.setdefault(_spelling(self.symbol_at(one, source)), one)
        for one in every:
            for symbol in one.former:
                found.setdefault(_spelling(symbol), one)
        for one in every:  # brokers' exports have rows without symbols
            for text in filter(None, (one.isin, one.figi, one.name)):
                found.setdefault(_spelling(text), one)
        return found


def known_instruments() -> Instruments:
    """The instruments of the shipped table, with the user's own rows in `stores_folder()`.

    Raises : DataError for what is wrong in a table: file, row, column, value and fix of each mistake.

    >>> known_instruments().find("brk/b").name, known_instruments().find("FB").asset_id
    ('Berkshire Hathaway Inc. Class B', 'META')
    """
    own = stored_path(INSTRUMENTS_FILE)
    return _known(own, own.stat().st_mtime_ns if own.exists() else None)


@cache
def _known(own: Path, changed: int | None) -> Instruments:
    """The shipped instruments, with those of a file that was last changed then; None where there is none."""
    return Instruments(_shipped() | ({} if changed is None else read_instruments(own)))


@cache
def _shipped() -> dict[str, Instrument]:
    return read_instruments(DATA / INSTRUMENTS_FILE)


def _slip(one: str, other: str) -> bool:
    """True where one letter of two words was added, left out, changed or moved."""
    same = sum(block.size for block in SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks())
    return max(len(one), len(other)) - same <= 1


def _spelling(symbol: str) -> str:
    return re.sub(r"[\s./-]+", "-", symbol.strip().upper())


# -- from a file -----------------------------------------------------------------------------------------------------


def read_instruments(path: Path) -> dict[str, Instrument]:
    """The instruments of a CSV file by id. Its columns are fields of `Instrument`, of which it must have asset_id.

    Former symbols are separated by blanks; symbols are written yahoo=BTC-USD, and separated by blanks, too.
    Raises : DataError for a file that cannot be read, and for all mistakes in it.
    """
    text = read_text(path)
    rows = ((line, [text_of_cell(cell) for cell in cells]) for line, cells in text.rows())
    header, columns = next(((line, cells) for line, cells in rows if any(cells)), (1, []))
    known = [f.name for f in fields(Instrument)]
    for column in columns:
        if column not in known:
            raise DataError(fault(text.name, header, column, "no such column", column, did_you_mean(column, known)))
    if len(set(columns)) < len(columns) or "asset_id" not in columns:
        raise DataError(fault(text.name, header, "", "one column asset_id, and none twice", columns, "Correct them."))
    found: dict[str, Instrument] = {}
    mistakes: list[InputFault] = []
    for line, cells in rows:
        if len(cells) > len(columns):
            what, fix = "more cells than the header has", "Put text with commas into quotes."
            mistakes.append(fault(text.name, line, "", what, cells, fix))
        elif any(cells):
            stated = {column: cell for column, cell in zip(columns, cells, strict=False) if cell}
            values, faults = _read_row(stated, found)
            mistakes += [fault(text.name, line, column, *told) for column, *told in faults]
            if not faults:
                found[values["asset_id"]] = Instrument(**values)
    if mistakes:
        raise DataError(all_mistakes(text.name, mistakes))
    return found


def _read_row(
    stated: Mapping[str, str], before: Mapping[str, Instrument]
) -> tuple[dict[str, Any], list[tuple[str, str, str, str]]]:
    """The fields of an instrument, and column, fault, value and fix of each mistake of its row.

    stated : the cells that are not empty, by column.
    before : instruments of the rows above.
    """
    asset, values, faults = stated.get("asset_id", ""), dict[str, Any](stated), []
    if asset_fault(asset):
        faults.append(("asset_id", f"it {asset_fault(asset)}", asset, ASSET_FIX))
    if asset in before:
        faults.append(("asset_id", "a second row of this id", asset, "Merge the two."))
    for column, (reader, fix) in CELLS.items():
        if column in stated:
            try:
                values[column] = reader(stated[column])
            except ValueError:
                faults.append((column, f"no {column} of {quoted(asset)}", stated[column], fix))
    if ("delisted" in stated) != ("delisting_return" in stated):
        missing = "delisting_return" if "delisted" in stated else "delisted"
        fix = f"Give delisted and delisting_return, or neither. {OFFER}"
        faults.append((missing, f"none for {quoted(asset)}", "", fix))
    return values, faults


# -- cells: each reader raises ValueError for text that is none ------------------------------------------------------


def isin(text: str) -> str:
    """An ISIN: ISO 6166, with the check digit by Luhn over the letters as numbers. Raises ValueError for another text.

    >>> isin("US0378331005")
    'US0378331005'
    """
    digits = [int(digit) for digit in "".join(str(int(sign, 36)) for sign in text)][::-1]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    if not ISIN.fullmatch(text) or (sum(digits[::2]) + sum(doubled)) % 10:
        raise ValueError(text)
    return text


def _matching(pattern: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(text)
        return text

    return read


def _cut_off(text: str) -> str:
    if not is_cut_off(text):
        raise ValueError(text)
    return text


def _between(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        if (number := plain_number(text)) is None or not low <= number <= high:
            raise ValueError(text)
        return number

    return read


DAY_CELL = (date.fromisoformat, "Write it as YYYY-MM-DD.")
CELLS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "kind": (_matching("|".join(INSTRUMENT_KINDS)), f"Use one of {', '.join(INSTRUMENT_KINDS)}."),
    "currency": (_matching("[A-Z]{3}"), "Write its code, such as EUR."),
    "lot": (_between(SMALLEST_LOT, LARGEST_NUMBER), f"Give units above zero, {SMALLEST_LOT:g} or more."),
    "minimum_purchase": (_between(0.0, LARGEST_NUMBER), "Give currency, zero or above."),
    "cut_off": (_cut_off, f"Write a time of day with its time zone, such as {CUT_OFF_EXAMPLE}."),
    "isin": (isin, "Its last sign is a check digit, which does not fit: copy it again, or leave it empty."),
    "figi": (_matching("[A-Z0-9]{12}"), "It has twelve letters and digits."),
    "listed": DAY_CELL,
    "delisted": DAY_CELL,
    "delisting_return": (_between(-1.0, LARGEST_NUMBER), "Write a fraction, -1 or above: -30 % is -0.3."),
    "former": (lambda text: tuple(text.split()), ""),
    "symbols": (
        lambda text: dict(pair.split("=", 1) for pair in text.split()),
        "Write source=symbol, separated by blanks, such as yahoo=BTC-USD.",
    ),
}
