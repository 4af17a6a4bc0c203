"""Contributions of each asset, each cost and cash to the return of every day of one backtest.

All contributions are amounts over the NAV of the close before, so those of a day add up to its net return. They are
taken from units, returns and charges of the record; none is defined as a remainder.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from backtests.engine.result import Backtest
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.accounting.cost_parameters import COST_COLUMNS, HOLDING_COSTS, years_of
from research.market import Market

COST_NAMES = (*COST_COLUMNS, *HOLDING_COSTS)  # every cost, in the order of `Contributions.costs`


@dataclass(frozen=True, eq=False)
class Contributions:
    """The components of the returns of D days, fraction of the NAV of the close before.

    weights       : (D, n + 1) weights at the close before, after the trades booked then; cash is the last.
    price_returns : (D, n) returns of the assets, without dividends as far as they are known.
    yields        : (D, n) dividends of the assets over the close before.
    cash_returns  : (D,) interest.
    execution     : (D, n) returns from the open to the close of the amounts traded at the open.
    costs         : (D, n + 1, costs) costs paid, 0 or more, by `COST_NAMES`; cash bears costs without an asset.
    opening       : (n,) cost of the opening trade over the wealth before it.
    no_income     : the reason why dividends are not separated from prices, or "".
    """

    weights: Array
    price_returns: Array
    yields: Array
    cash_returns: Array
    execution: Array
    costs: Array
    opening: Array
    no_income: str = ""

    @cached_property
    def prices(self) -> Array:
        """(D, n) from prices of what was held overnight."""
        return self.weights[:, :-1] * self.price_returns

    @cached_property
    def income(self) -> Array:
        """(D, n + 1) from dividends, and for cash from interest."""
        return self.weights * np.column_stack([self.yields, self.cash_returns])

    @cached_property
    def gross(self) -> Array:
        """(D,) returns before costs."""
        found: Array = self.prices.sum(axis=1) + self.income.sum(axis=1) + self.execution.sum(axis=1)
        return found

    @cached_property
    def net(self) -> Array:
        """(D,) returns after costs."""
        found: Array = self.gross - self.costs.sum(axis=(1, 2))
        return found


def contributions(backtest: Backtest) -> Contributions:
    """Contributions of the assets, of cash and of the costs of a backtest to its daily returns."""
    book, market, since = backtest.ledger, backtest.market, slice(backtest.first + 1, None)
    nav = book.nav[:-1, None]
    value = book.units[backtest.held[:-1]] * backtest.index[:-1]
    yields, no_income = _yields(market)
    return Contributions(
        weights=np.column_stack([value, book.cash[:-1]]) / nav,
        price_returns=market.returns[since] - yields[since],
        yields=yields[since],
        cash_returns=market.cash[since],
        execution=gains_since_open(backtest, 1, len(book.nav)) / nav,
        costs=_costs(backtest, value) / nav[..., None],
        opening=book.opening_charges.sum(axis=0) / backtest.wealth,
        no_income=no_income,
    )


def cash_name(names: Sequence[str]) -> str:
    """The name of cash beside others, of which one may be called so.

    >>> cash_name(["SPY", "cash"])
    'cash account'
    """
    return "cash" if "cash" not in names else "cash account"


def line_returns(backtest: Backtest) -> Array:
    """(D, n + 1) total returns of the assets and of cash; an asset that was delisted returns what cash does from then
    on.

    So what the delisted asset paid out is followed in cash, where it went.
    """
    market, first = backtest.market, backtest.first
    found = np.column_stack([market.returns, market.cash])
    gone = np.arange(len(found))[:, None] > market.exits
    found[:, :-1][gone] = np.broadcast_to(market.cash[:, None], gone.shape)[gone]
    return found[first + 1 :]


def _yields(market: Market) -> tuple[Array, str]:
    """(T, n) dividends over the unit's worth at the close before, fraction; and why they are not known, or ""."""
    none = np.zeros(market.shape)
    if market.dividends is None:
        return none, f"market {market.name!r} has no dividends: they are part of what prices contribute"
    try:
        yields, income = none, market.income
    except DataError as error:
        return none, f"dividends are part of what prices contribute: {error}"
    np.divide(income[1:], market.price_index[:-1], out=yields[1:], where=market.price_index[:-1] > 0.0)
    return yields, ""


def booked_by_day(backtest: Backtest, amounts: Array, first: int, stop: int) -> Array:
    """(k, …) amounts of the bookings, summed for each day from `first`, 0 being the opening, to before `stop`."""
    daily, rows = np.zeros((stop - first, *amounts.shape[1:])), backtest.ledger.booked - backtest.first
    done = np.flatnonzero((backtest.ledger.booked >= 0) & (rows >= first) & (rows < stop))
    np.add.at(daily, rows[done] - first, amounts[done])
    return daily


def gains_since_open(backtest: Backtest, first: int, stop: int) -> Array:
    """(k, n) what the units booked at an open gained by the close, on each day from `first` to before `stop`."""
    book = backtest.ledger
    gains, rows = np.zeros((stop - first, book.units.shape[1])), book.booked - backtest.first
    if backtest.execution.at == "open":
        done = np.flatnonzero((book.part_of >= 0) & (book.booked >= 0) & (rows >= first) & (rows < stop))
        moved = (book.units[done + 1] - book.units[done]) * (backtest.index[rows[done]] - backtest.booked_at[done])
        np.add.at(gains, rows[done] - first, moved)
    return gains


def _costs(backtest: Backtest, value: Array) -> Array:
    """(D, n + 1, costs) what was paid, currency; `value` (D, n) of the assets at the close before."""
    book, traded = backtest.ledger, len(COST_COLUMNS)
    days, n = value.shape
    paid = np.zeros((days, n + 1, len(COST_NAMES)))
    paid[:, :n, :traded] = booked_by_day(backtest, book.charges, 1, len(book.nav)).transpose(0, 2, 1)
    paid[:, n, traded:] = book.holding_costs[1:]
    if backtest.costs.borrow.any():
        years = years_of(backtest.market.days[backtest.first :])[1:, None]
        borrow = traded + HOLDING_COSTS.index("borrow")
        paid[:, :n, borrow] = backtest.costs.borrow * np.maximum(-value, 0.0) * years
        paid[:, n, borrow] = 0.0
    return paid
