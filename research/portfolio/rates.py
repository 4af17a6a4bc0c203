"""What one unit of a foreign currency is worth in that of a portfolio: by lines of its market, or by its key `fx`.

    fx: {EURUSD: 1.0650}   # US dollars per euro, today
    fx: rates.csv          # of the last day, or of every day of the history

A file has a column `date` and one for each pair, or the columns `date`, `pair` and `rate`.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import numpy as np

from research.arguments import LARGEST, SMALLEST, shown
from research.arrays import frozen
from research.errors import ConfigError, DataError
from research.market import Market
from research.market.currency import FX, Pair, Quoted, quoted_rates
from research.portfolio.broker_tables import read_text
from research.portfolio.document import Document
from research.portfolio.positions import CURRENCIES, all_mistakes

CODE, PAIR = re.compile("[A-Z]{3}"), re.compile("[A-Z]{6}")
LONG = ("date", "pair", "rate")  # columns of a file with one rate a row
EXAMPLE = "such as EURUSD for US dollars per euro"
DECIMALS = dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"), 0) | dict.fromkeys(
    ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3
)  # of an amount, where they are not 2 (ISO 4217)
Series = dict[np.datetime64, float]  # by day


@dataclass(frozen=True)
class Rate:
    """What one unit of a currency is worth today.

    pair   : as it is quoted, such as EURUSD.
    value  : in the currency of the portfolio, whichever way the pair is quoted.
    day    : of the quote, NaT where it is not known.
    source : "market", "portfolio file", or the name of a file.
    """

    pair: str
    value: float
    day: np.datetime64
    source: str


@dataclass(frozen=True, eq=False)
class Rates:
    """The exchange rates of a portfolio.

    basis   : its currency.
    today   : by foreign currency.
    history : by pair, its name and (T,) rates on the days of the market, NaN without; those of today alone are not
              in it.
    """

    basis: str
    today: Mapping[str, Rate]
    history: Quoted = field(repr=False)

    def rate(self, currency: str) -> float:
        """What one unit of a currency is worth in the basis today."""
        return 1.0 if currency == self.basis else self.today[currency].value

    def in_basis(self, currency: str, amount: float | Decimal) -> Decimal:
        """An amount of a currency in the basis, in whole cents."""
        return rounded(self.basis, decimal(amount) * decimal(self.rate(currency)))

    def value(self, balances: Mapping[str, float]) -> float:
        """Cash by currency in the basis: each in whole cents, and then added; the basis alone stays as it is."""
        if not has_foreign(self.basis, balances):
            return balances.get(self.basis, 0.0)
        return float(sum(self.in_basis(currency, amount) for currency, amount in balances.items()))

    def has_history(self, currency: str) -> bool:
        """Is there a history of its rate?"""
        return (currency, self.basis) in self.history or (self.basis, currency) in self.history


def has_foreign(basis: str, balances: Mapping[str, float]) -> bool:
    """Is there cash in another currency than the basis?"""
    return any(amount != 0.0 and currency != basis for currency, amount in balances.items())


def decimal(amount: float | Decimal) -> Decimal:
    """An amount as it is written: 0.1 is a tenth."""
    return amount if isinstance(amount, Decimal) else Decimal(repr(float(amount)))


def smallest(currency: str) -> Decimal:
    """The smallest part of a currency in which amounts are counted."""
    return Decimal(1).scaleb(-DECIMALS.get(currency, 2))


def rounded(currency: str, amount: Decimal) -> Decimal:
    """An amount in the smallest part of its currency: cents, or whole yen.

    >>> rounded("USD", Decimal("1.005")), rounded("JPY", Decimal("350.5"))
    (Decimal('1.00'), Decimal('350'))
    """
    return amount.quantize(smallest(currency), ROUND_HALF_EVEN)


def with_named_rates(market: Market, held: tuple[str, ...]) -> Market:
    """A market from a file, whose columns that are named by two currencies and not held are exchange rates.

    held : lines of the portfolio.
    """
    names = {a: a[3:] for a in market.assets if a not in held and PAIR.fullmatch(a) and {a[:3], a[3:]} <= CURRENCIES}
    if not names:
        return market
    classes = [FX if a in names else c for a, c in zip(market.assets, market.asset_class, strict=True)]
    currencies = [names.get(a, c) for a, c in zip(market.assets, market.currency, strict=True)]
    return replace(market, instruments=market.instruments.assign(asset_class=classes, currency=currencies))


def read_rates(document: Document, market: Market, basis: str) -> Rates:
    """The rates of a portfolio; what its key `fx` gives stands before the lines of its market.

    market : whose lines of asset class "fx" are rates.
    basis  : currency of the portfolio.
    Raises : ConfigError for a pair that is none or is not of the basis, and for what is no rate, all of them at once.
    """
    try:
        of_market = quoted_rates(market)
    except DataError as error:
        raise ConfigError(str(error)) from error
    quotes = {pair: (series[-1], market.days[-1], "market") for pair, (_, series) in of_market.items()}
    history = dict(of_market)
    for pair, (series, source) in _given(document, basis).items():
        day = max(series)
        quotes[pair] = (series[day], day, source)
        if len(series) > 1:
            values = np.array([series.get(each, np.nan) for each in market.days])
            history[pair] = ("".join(pair), frozen(values))
    today = {}
    for (of, into), (value, day, source) in quotes.items():
        if np.isnan(value) or basis not in (of, into):
            continue
        if into == basis:
            today[of] = Rate(of + into, float(value), day, source)
        elif (into, basis) not in quotes:
            today[into] = Rate(of + into, float(1.0 / value), day, source)
    return Rates(basis, today, history)


def _given(document: Document, basis: str) -> dict[Pair, tuple[Series, str]]:
    """By pair, the rates of the key `fx` by day, and where they come from."""
    if not document.has("fx"):
        return {}
    if isinstance(document.value("fx"), dict):
        return {
            _pair(document, name, basis): (
                {np.datetime64("NaT", "D"): document.number("fx", name, at_least=SMALLEST, at_most=LARGEST)},
                "portfolio file",
            )
            for name in document.mapping("fx")
        }
    file = Path(document.text("fx"))
    try:
        found = read_rate_file(Path(document.file).parent / file)
    except DataError as error:
        raise ConfigError(f"fx ({document.place(('fx',))}): {error}") from error
    return {pair: (series, file.name) for pair, series in found.items() if series}


def _pair(document: Document, name: str, basis: str) -> Pair:
    of, into = name[:3], name[3:]
    if not PAIR.fullmatch(name) or of == into:
        document.refuse(("fx", name), "no pair of currencies", name, f"Name it by two codes, {EXAMPLE}.")
    if basis not in (of, into):
        what = f"a pair without {basis}, the basis; no rate is made of two others"
        document.refuse(("fx", name), what, name, f"Give {of}{basis} and {into}{basis}.")
    return of, into


# -- files -----------------------------------------------------------------------------------------------------------


def read_rate_file(path: Path) -> dict[Pair, Series]:
    """By pair, its rates by day, from a CSV file with commas.

    Raises : DataError for a file that cannot be read, for another header, and for rows that are wrong: no date, no
             number above zero, two rates of one pair and day; all of them in one message.
    """
    text, _ = read_text(path)
    try:
        lines = [(n, [cell.strip() for cell in row]) for n, row in enumerate(csv.reader(io.StringIO(text)), 1)]
    except csv.Error as error:
        raise DataError(f"{path.name} is no CSV file ({error}). Export it anew, with commas.") from error
    (_, header), *rows = [(n, row) for n, row in lines if any(row)]
    is_long = tuple(name.casefold() for name in header) == LONG
    columns = header if is_long else [name.replace("/", "") for name in header]
    odd = [] if is_long else [name for name in columns[1:] if not PAIR.fullmatch(name) or columns.count(name) > 1]
    if len(header) < 2 or header[0].casefold() != "date" or odd:
        raise DataError(
            f"{path.name}, row 1: no header of rates: found {shown(', '.join(header))}. Write date and one column for "
            f"each pair, {EXAMPLE}, or {', '.join(LONG)}."
        )
    found: dict[Pair, Series] = {}
    mistakes: list[str] = []
    for line, cells in rows:
        if len(cells) != len(columns):
            mistakes.append(f"{path.name}, row {line}: {len(cells)} cells under {len(columns)} columns. Correct it.")
            continue
        day = _day(cells[0])
        if day is None:
            mistakes.append(f"{path.name}, row {line}, column 'date': no date: found {shown(cells[0])}. "
                            "Write it as YYYY-MM-DD.")  # fmt: skip
            continue
        quoted = [(cells[1], cells[2])] if is_long else zip(columns[1:], cells[1:], strict=True)
        for name, cell in quoted:
            mistakes += _take(found, f"{path.name}, row {line}", day, name.replace("/", ""), cell, is_long)
    if mistakes:
        raise DataError(all_mistakes(path.name, mistakes))
    if not any(found.values()):
        raise DataError(f"{path.name} has no rate. Give one row at least.")
    return found


def _take(
    found: dict[Pair, Series], place: str, day: np.datetime64, name: str, cell: str, is_long: bool
) -> Iterator[str]:
    """Add one rate; a sentence where it is none."""
    column = "rate" if is_long else name
    if not PAIR.fullmatch(name):
        yield f"{place}, column 'pair': no pair of currencies: found {shown(name)}. Name it by two codes, {EXAMPLE}."
        return
    if not cell and not is_long:
        return
    try:
        value = float(cell.replace("_", "no number"))
    except ValueError:
        value = np.nan
    series = found.setdefault((name[:3], name[3:]), {})
    if not SMALLEST <= value <= LARGEST:
        yield f"{place}, column {column!r}: no rate: found {shown(cell)}. Write a number above zero, such as 1.0650."
    elif day in series:
        yield f"{place}: a second rate of {name} on {day}: found {shown(cell)}. Keep one of the two."
    else:
        series[day] = value


def _day(text: str) -> np.datetime64 | None:
    try:
        return np.datetime64(date.fromisoformat(text), "D") if len(text) == len("2022-12-29") else None
    except ValueError:
        return None
