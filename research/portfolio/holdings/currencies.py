"""A portfolio with assets or cash in other currencies than its basis: the currencies of its quotes, and their rates.

All sizes of orders are found in the basis. What is quoted and held in a currency stands here as it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from foundation.arrays import Array, frozen
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError, DataError
from research.market import EMBEDDED, Market
from research.market.currency import FX, in_currency
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import Amount, Currency, Number
from research.portfolio.file.strict_yaml import KeyPath
from research.portfolio.holdings.rates import Rates, smallest

Balances = Mapping[str, float]  # cash by currency
Cash = Amount | Annotated[Mapping[Currency, Number], Field(min_length=1)]


@dataclass(frozen=True, eq=False)
class Currencies:
    """The currencies of a portfolio, where there is one besides its basis.

    rates     : rates of today, by foreign currency.
    lines     : (n,) currency in which each asset is quoted.
    prices    : (n,) price of a unit of each asset in that currency, NaN without a price.
    cash      : cash by currency, that of the basis first; of accounts, the sums.
    quoted    : the market of the assets as it is quoted.
    converted : true if the history of the portfolio's market is in the basis; else it is as quoted.
    """

    rates: Rates
    lines: tuple[str, ...]
    prices: Array
    cash: Balances
    quoted: Market = field(repr=False)
    converted: bool

    @property
    def basis(self) -> str:
        """The currency in which the portfolio is valued."""
        return self.rates.basis

    @property
    def of_lines(self) -> Array:
        """(n,) value in the basis of one unit of the currency of each asset."""
        return np.array([self.rates.rate(currency) for currency in self.lines])

    @property
    def rounding_bound(self) -> float:
        """The most that orders of all assets, their costs and exchanges may lose by rounding, in the basis.

        A notional and four costs an asset are rounded to its currency's cents, and to those of the basis.
        """
        parts = {c: max(float(smallest(c)) * self.rates.rate(c), float(smallest(self.basis))) for c in self.cash}
        return 5.0 * sum(parts[currency] for currency in self.lines) + 2.0 * sum(parts.values())

    def at_today(self, market: Market) -> Market:
        """The market of the assets with its quotes in the basis: where its history is not converted, at today's rates.

        Returns stay as they are.
        """
        if self.converted:
            return market
        return replace(
            market,
            prices=market.prices * self.of_lines,
            bars=None if market.bars is None else {name: bar * self.of_lines for name, bar in market.bars.items()},
            dividends=None if market.dividends is None else market.dividends * self.of_lines,
            instruments=market.instruments.assign(currency=self.basis),
        )


# -- from a file -----------------------------------------------------------------------------------------------------


class RateNeed(NamedTuple):
    """An item that needs a rate: its key in the file, a description in words, and its currency."""

    path: KeyPath
    what: str
    currency: str


def read_balances(document: Document, path: KeyPath, basis: str) -> dict[str, float]:
    """Cash by currency: a number is of the basis, and a mapping names currencies, one of which may be below zero."""
    stated = document.value(*path)
    found = {c: float(cash) for c, cash in stated.items()} if isinstance(stated, dict) else {basis: float(stated)}
    return {basis: found.pop(basis, 0.0)} | found


def in_line_currencies(document: Document, market: Market, basis: str) -> Market:
    """The market with the currencies that lines of the file state, `currency: EUR`.

    Raises : ConfigError for what is no currency, and for one that differs from that of an embedded market.
    """
    own = {asset: line["currency"] for asset, line in document.mapping("lines").items() if "currency" in line}
    for asset, currency in own.items():
        path, known = ("lines", asset, "currency"), market.currency[market.assets.index(asset)]
        source = document.value("market")
        if currency != known and (source.get("file") if isinstance(source, dict) else source) in EMBEDDED:
            what = f"{asset} of market {market.name!r} is quoted in {known}"
            document.refuse(path, what, currency, "Leave `currency` out; assets of a market from a file may have one.")
    if not own:
        return market
    currencies = [own.get(asset, known) for asset, known in zip(market.assets, market.currency, strict=True)]
    return replace(market, instruments=market.instruments.assign(currency=currencies))


def check_rates(document: Document, rates: Rates, market: Market, needs: Iterable[RateNeed]) -> None:
    """Raise ConfigError for each thing that needs a rate and has none, all of them at once."""
    faults = Faults()
    for path, what, currency in needs:
        if currency == rates.basis or currency in rates.today:
            continue
        with faults:
            direct, inverse = currency + rates.basis, rates.basis + currency
            found = ", ".join(sorted(rate.pair for rate in rates.today.values())) or None
            said = f"{what} in {currency}, and there is no rate {direct} (or {inverse}) for {market.days[-1]}"
            fix = f"Give it, `fx: {{{direct}: …}}`, or a file of rates, `fx: rates.csv`; rates are not chained."
            document.refuse(path, said, found, fix)
    faults.end()


def check_debt(document: Document, path: KeyPath, what: str, cash: float, rounding: float = 0.0) -> None:
    """Raise ConfigError for cash that is below zero in all.

    path : path of the key that gives it.
    what : fault in words.
    cash : cash of all currencies, in the basis.
    rounding : amount by which it may be below zero.
    """
    if cash < -rounding:
        document.refuse(path, what, round(cash, 2), "Pay the debt, or correct the rows of cash.")


def line_needs(market: Market, assets: Sequence[str]) -> list[RateNeed]:
    """The needs of assets: the rates of their currencies."""
    currency = dict(zip(market.assets, market.currency, strict=True))
    return [RateNeed(("lines", asset), f"{asset} is quoted", currency[asset]) for asset in assets]


def cash_needs(path: KeyPath, balances: Balances) -> list[RateNeed]:
    """The needs of cash: the rates of its currencies."""
    return [RateNeed(path, "there is cash", currency) for currency in balances]


def history_in_basis(document: Document, market: Market, assets: Sequence[str], rates: Rates) -> Market | None:
    """The market in the basis, or None where an asset that is held has no history of its rate.

    Assets that are neither held nor can be converted are left out.
    Raises : ConfigError for a rate that lacks a day on which an asset in its currency is listed.
    """
    kept = [
        asset
        for asset, currency, kind in zip(market.assets, market.currency, market.asset_class, strict=True)
        if asset in assets or kind == FX or currency == rates.basis or rates.has_history(currency)
    ]
    if any(c != rates.basis and not rates.has_history(c) for c in market.select(assets).currency):
        return None
    try:
        convertible = market if len(kept) == len(market.assets) else market.select(kept)
        return in_currency(convertible, rates.basis, rates.history)
    except DataError as error:
        path = ("fx",) if document.has("fx") else ("market",)
        fix = "Give that day too, or today's rate alone."
        raise ConfigError(f"{path[0]} ({document.place(path)}): {error} {fix}") from error


def currencies_of(quoted: Market, converted: bool, per_unit: Array, rates: Rates, cash: Balances) -> Currencies | None:
    """The currencies of a portfolio, None where its assets and its cash are all in the basis.

    quoted    : the market of its assets as it is quoted.
    converted : true if its history is converted to the basis.
    per_unit  : (n,) prices in the currencies of their assets, NaN without one.
    rates     : rates of these currencies at least.
    cash      : cash by currency.
    """
    foreign = {*quoted.currency, *(currency for currency, amount in cash.items() if amount)} - {rates.basis}
    if not foreign:
        return None
    return Currencies(
        rates=replace(rates, today={c: rates.today[c] for c in sorted(foreign)}, history={}),
        lines=quoted.currency,
        prices=frozen(np.array(per_unit)),
        cash={c: cash.get(c, 0.0) for c in (rates.basis, *sorted(foreign))},
        quoted=quoted,
        converted=converted,
    )
