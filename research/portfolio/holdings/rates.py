"""The value of one unit of a foreign currency in that of a portfolio: by assets of its market, or by its key `fx`.

    fx: {EURUSD: 1.0650}   # US dollars per euro, today
    fx: rates.csv          # of the last day, or of every day of the history
    fx_today: …            # likewise, for today alone: it stands before `fx`, and leaves the history as it is

Each quote is brought to one of a foreign currency in the basis when it is read, whichever way it is written.
"""

from collections.abc import Collection, Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from foundation.arguments import LARGEST_NUMBER, SMALLEST_NUMBER
from foundation.arrays import frozen
from foundation.canonical import decimal
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError, DataError, all_mistakes
from research.market import Market
from research.market.currency import CURRENCIES, FX, PAIR_ORDER, Pair, Quoted, in_base, quoted_rates
from research.market.plausible import far_rate
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import Text, checked_by
from research.portfolio.holdings.prices import TAKEN, right_all_the_same
from research.portfolio.holdings.rate_files import PAIR_EXAMPLE, PAIR_NAME, read_rate_file

FX_TODAY = "fx_today"
GIVEN_BY = {"fx": "portfolio file", FX_TODAY: "given today"}  # how the values that a key states are called
RATE_DIGITS_SHOWN = 10  # significant, of a rate in print and in files
RateValue = Annotated[float, Field(ge=SMALLEST_NUMBER, le=LARGEST_NUMBER)]
PairName = Annotated[
    str,
    checked_by(
        lambda name: "" if PAIR_NAME.fullmatch(name) and name[:3] != name[3:] else "no pair of currencies",
        f"Name it by two codes, {PAIR_EXAMPLE}.",
    ),
]
RateKeys = Text | Annotated[Mapping[PairName, RateValue], Field(min_length=1)]  # a file, or the rates of today by pair
CURRENCY_DECIMALS = dict.fromkeys(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0
) | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)  # of an amount, where not 2 (ISO 4217)


@dataclass(frozen=True)
class Rate:
    """The value of one unit of a currency today.

    pair   : pair as it is quoted, such as EURUSD.
    value  : rate in the currency of the portfolio, whichever way the pair is quoted.
    day    : day of the quote, NaT where it is not known.
    source : "market", one of `GIVEN_BY`, or the name of a file.
    """

    pair: str
    value: float
    day: np.datetime64
    source: str


@dataclass(frozen=True, eq=False)
class Rates:
    """The exchange rates of a portfolio.

    basis   : its currency.
    today   : rates by foreign currency.
    history : by pair of a foreign currency and the basis, the name under which it is quoted and (T,) rates on the days
              of the market, NaN without; those of today alone are not in it.
    notes   : by foreign currency, notes on its rate, in sentences.
    """

    basis: str
    today: Mapping[str, Rate]
    history: Quoted = field(repr=False)
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def rate(self, currency: str) -> float:
        """The value of one unit of a currency in the basis today."""
        return 1.0 if currency == self.basis else self.today[currency].value

    def quote(self, currency: str) -> tuple[str, float]:
        """The pair of a foreign currency and the basis as the market names it, and its rate as lists state it.

        The rate is what one unit of the first currency of the pair is worth in its second.
        """
        pair, value = market_pair(currency, self.basis), self.rate(currency)
        return pair, shown_rate(value if pair.startswith(currency) else 1.0 / value)

    def in_basis(self, currency: str, amount: float | Decimal) -> Decimal:
        """An amount of a currency in the basis, in whole cents."""
        return rounded(self.basis, decimal(amount) * decimal(self.rate(currency)))

    def value(self, balances: Mapping[str, float]) -> float:
        """Cash by currency in the basis: each in whole cents, and then added; the basis alone stays as it is."""
        if not has_foreign(self.basis, balances):
            return balances.get(self.basis, 0.0)
        return float(sum(self.in_basis(currency, amount) for currency, amount in balances.items()))

    def has_history(self, currency: str) -> bool:
        """True if there is a history of its rate."""
        return (currency, self.basis) in self.history


def has_foreign(basis: str, balances: Mapping[str, float]) -> bool:
    """True if there is cash in another currency than the basis."""
    return any(amount != 0.0 and currency != basis for currency, amount in balances.items())


def shown_rate(rate: float) -> float:
    """A rate as every form of a list states it.

    >>> shown_rate(1.0 / 1.0664)
    0.9377344336
    """
    return float(f"{rate:.{RATE_DIGITS_SHOWN}g}")


def market_pair(one: str, other: str) -> str:
    """The pair of two currencies as the market names it: in the order of `PAIR_ORDER`, and others after these, by name.

    >>> market_pair("JPY", "USD"), market_pair("USD", "EUR"), market_pair("INR", "JPY")
    ('USDJPY', 'EURUSD', 'JPYINR')
    """
    return "".join(sorted((one, other), key=lambda c: (PAIR_ORDER.index(c) if c in PAIR_ORDER else len(PAIR_ORDER), c)))


def smallest(currency: str) -> Decimal:
    """The smallest part of a currency in which amounts are counted."""
    return Decimal(1).scaleb(-CURRENCY_DECIMALS.get(currency, 2))


def rounded(currency: str, amount: Decimal) -> Decimal:
    """An amount in the smallest part of its currency: cents, or whole yen.

    >>> rounded("USD", Decimal("1.005")), rounded("JPY", Decimal("350.5"))
    (Decimal('1.00'), Decimal('350'))
    """
    return amount.quantize(smallest(currency), ROUND_HALF_EVEN)


def with_named_rates(market: Market, held: tuple[str, ...]) -> Market:
    """A market from a file, whose columns that are named by two currencies and not held are exchange rates.

    held : assets of the portfolio.
    """
    names = {
        a: a[3:] for a in market.assets if a not in held and PAIR_NAME.fullmatch(a) and {a[:3], a[3:]} <= CURRENCIES
    }
    if not names:
        return market
    classes = [FX if a in names else c for a, c in zip(market.assets, market.asset_class, strict=True)]
    currencies = [names.get(a, c) for a, c in zip(market.assets, market.currency, strict=True)]
    return replace(market, instruments=market.instruments.assign(asset_class=classes, currency=currencies))


class _Source(NamedTuple):
    """Rates of one source: its name, the key that gives it, its (D,) days, by pair (D,) rates, notes on its file."""

    name: str
    key: str
    days: NDArray[np.datetime64]
    quoted: Quoted
    notes: tuple[str, ...] = ()


def read_rates(
    document: Document, market: Market, basis: str, priced: np.datetime64, right: Collection[str] = ()
) -> Rates:
    """The rates of a portfolio: its key `fx` stands before the assets of its market, and `fx_today` before both.

    It does not matter which way a pair is quoted. There is no history in `fx_today`.

    Today's rate is the newest one that is no later than the prices; where all are later, it is the first of them.
    market : market whose assets of asset class "fx" are rates.
    basis  : currency of the portfolio.
    priced : the day of the newest price.
    right  : pairs whose rates are right although they are far from where they should be.
    Raises : ConfigError for a pair that is none or is not of the basis, for what is no rate, for a currency that one
             source quotes both ways, and for rates that are far from where they should be.
    """
    today, history, faults = {}, {}, Faults()
    notes: dict[str, tuple[str, ...]] = {}
    for source in _sources(document, market, basis):
        with document.placing((source.key,)):
            quoted = in_base(source.quoted, basis)
        for currency, (pair, values) in quoted.items():
            if not (known := np.flatnonzero(~np.isnan(values))).size:
                continue
            days, early = source.days[known], known[~(source.days[known] > priced)]
            row = early[-1] if early.size else known[0]
            told: tuple[str, ...] = ()
            with faults:
                told = (*source.notes, *_checked(document, source, pair, priced, right))
            if currency not in today:
                today[currency] = Rate(pair, float(values[row]), source.days[row], source.name)
                if days[-1] > priced:
                    told = (*told, _later(today[currency], days[-1], priced))
            notes[currency] = (*notes.get(currency, ()), *told)
            if known.size > 1 and source.key != FX_TODAY and (currency, basis) not in history:
                on_days = pd.Series(values, index=source.days).reindex(market.days).to_numpy()
                history[currency, basis] = (pair, frozen(on_days))
    faults.end()
    return Rates(basis, today, history, notes)


def _checked(
    document: Document, source: _Source, pair: str, priced: np.datetime64, right: Collection[str]
) -> tuple[str, ...]:
    """A note where the rates of a pair are far from where they should be, and are right all the same.

    Raises : ConfigError where nobody says so.
    """
    of, into = pair[:3], pair[3:]
    days = np.where(np.isnat(source.days), priced, source.days)
    if not (far := far_rate(of, into, days, source.quoted[of, into][1])):
        return ()
    if pair in right:
        return (f"{far[0].upper()}{far[1:]}; {TAKEN}",)
    fix = "Look for a slip of the decimal point, or a rate the other way round."
    with document.placing((source.key, pair), source.key):
        raise DataError(all_mistakes("", [f"{far}. {fix}"], right_all_the_same([pair])))


def _sources(document: Document, market: Market, basis: str) -> Iterator[_Source]:
    for key in (FX_TODAY, "fx"):
        if document.has(key):
            yield (_mapping if isinstance(document.value(key), dict) else _file)(document, key, basis)
    try:
        yield _Source("market", "market", market.days, quoted_rates(market))
    except DataError as error:
        raise ConfigError(str(error)) from error


def _mapping(document: Document, key: str, basis: str) -> _Source:
    """The values of today that a key states, whose day is not known."""
    quoted, faults = {}, Faults()
    for name in document.mapping(key):
        with faults:
            pair = _pair(document, key, name, basis)
            quoted[pair] = (name, np.array([float(document.value(key, name))]))
    faults.end()
    return _Source(GIVEN_BY[key], key, np.array(["NaT"], dtype="datetime64[D]"), quoted)


def _file(document: Document, key: str, basis: str) -> _Source:
    """The rates of the file that a key names."""
    file = Path(document.value(key))
    with document.placing((key,)):
        days, quoted, notes = read_rate_file(document.folder / file)
    return _Source(file.name, key, days, quoted, notes)


def _later(rate: Rate, newest: np.datetime64, priced: np.datetime64) -> str:
    there = f"{rate.source} has rates {rate.pair} up to {newest}, later than the prices of {priced}"
    if rate.day > priced:
        there = f"{rate.source} has no rate {rate.pair} of {priced}, the day of the prices, or earlier"
    return f"{there}: that of {rate.day} is taken."


def _pair(document: Document, key: str, name: str, basis: str) -> Pair:
    of, into = name[:3], name[3:]
    if basis not in (of, into):
        what = f"a pair without {basis}, the basis; no rate is made of two others"
        document.refuse((key, name), what, name, f"Give {of}{basis} and {into}{basis}.")
    return of, into
