"""The holdings of a portfolio file: positions, prices, accounts and cash, valued in its basis at one set of rates."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from research.market import Market
from research.portfolio.file.document import Document
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.currencies import (
    Currencies,
    RateNeed,
    cash_needs,
    check_debt,
    check_rates,
    currencies_of,
    history_in_basis,
    in_line_currencies,
    line_needs,
)
from research.portfolio.holdings.held_rows import Positions, rounding_of
from research.portfolio.holdings.holdings import cash_balances, given_files, holding_notes, right_names
from research.portfolio.holdings.household import Account, decimal_sum, read_accounts
from research.portfolio.holdings.prices import Prices, last_closes, newest_day
from research.portfolio.holdings.rates import Rates, read_rates, with_named_rates

LOCAL_FIX = (
    "The history of the market is in the currencies of its assets, since only today's exchange rates are given: "
    "figures of risk and estimates leave changes of rates out, and backtests need a history of rates (`fx: rates.csv`)."
)


@dataclass(frozen=True, eq=False)
class Held:
    """The holdings of a file.

    market     : market with its history in the basis, where there are rates for it; else as quoted.
    quoted     : the market of the assets as quoted.
    rates      : rates of today.
    positions  : positions of a broker's file, or None.
    given      : prices of a file in the currencies of their assets, or None.
    prices     : prices of the assets in the basis, or None for the last closes of `market`.
    accounts   : accounts, or ().
    cash       : cash of all currencies, in the basis.
    currencies : currencies of assets and cash, or None where they are all in the basis.
    """

    market: Market
    quoted: Market
    rates: Rates
    positions: Positions | None
    given: Prices | None
    prices: Prices | None
    accounts: tuple[Account, ...]
    cash: float
    currencies: Currencies | None

    def price(self, asset: str) -> float:
        """The price of an asset in the basis, per unit, NaN where it has none."""
        return self._priced.of(asset)

    @cached_property
    def _priced(self) -> Prices:
        return last_closes(self.market) if self.prices is None else self.prices

    def rate(self, asset: str) -> float:
        """The value of one unit of the currency of an asset in the basis."""
        return self.rates.rate(self.quoted.currency[self.quoted.assets.index(asset)])

    def notes(self, document: Document, lots: Array) -> tuple[str, ...]:
        """Notes on holdings, prices and rates.  lots : (n,) lots of the assets."""
        quoted = replace(self.quoted, instruments=self.quoted.instruments.assign(lot=lots))
        found = holding_notes(document, quoted, self.positions, self.given, self.rates)
        if self.currencies is None:
            return found
        used = self.currencies.rates.today
        of_rates = dict.fromkeys(note for code, notes in self.rates.notes.items() if code in used for note in notes)
        return (*found, *of_rates) if self.currencies.converted else (*found, *of_rates, LOCAL_FIX)


def read_held(document: Document, market: Market, assets: Sequence[str], basis: str, book: Book | None = None) -> Held:
    """The holdings of the file in these assets.

    market : market as it is quoted.
    basis  : currency of the portfolio.
    book   : book that states them, or None.
    Raises : ConfigError for what is wrong in it or in the files that it names, and for a rate that is missing.
    """
    market = with_named_rates(in_line_currencies(document, market, basis), tuple(assets))
    quoted = market.select(assets)
    positions, given = given_files(document, quoted, basis, book)
    rates = read_rates(document, market, basis, newest_day(market, given), right_names(document, tuple(assets)))
    accounts = read_accounts(document, quoted, assets, positions, rates)
    balances: dict[str, float] = {}
    needs: list[RateNeed] = []
    if not accounts:
        path, balances = cash_balances(document, positions, basis)
        needs = cash_needs(path, balances)
    check_rates(document, rates, quoted, [*line_needs(quoted, assets), *needs])
    if accounts:
        cash = decimal_sum(account.cash for account in accounts)
        of = [account.balances for account in accounts]
        balances = {c: decimal_sum(each.get(c, 0.0) for each in of) for c in dict.fromkeys(c for b in of for c in b)}
    else:
        cash = rates.value(balances)
        by = "the cash of all currencies is negative" if positions is None else f"{positions.file} has negative cash"
        check_debt(document, path, f"{by}, which a portfolio does not hold", cash, rounding_of(positions))
    converted = history_in_basis(document, market, assets, rates)
    per_unit = (given or last_closes(quoted)).per_unit
    currencies = currencies_of(quoted, converted is not None, per_unit, rates, balances)
    whole = market if converted is None else converted
    prices = given if currencies is None else _in_basis(currencies, given, whole.select(assets))
    return Held(whole, quoted, rates, positions, given, prices, accounts, cash, currencies)


def _in_basis(currencies: Currencies, given: Prices | None, market: Market) -> Prices | None:
    """The prices of the assets in the basis, None where they are the last closes of the market in it."""
    local = last_closes(currencies.quoted) if given is None else given
    prices = replace(local, per_unit=local.per_unit * currencies.of_lines)
    same = given is None and currencies.converted
    return None if same and np.array_equal(prices.per_unit, last_closes(market).per_unit, equal_nan=True) else prices
