"""Trade lists of many accounts on a few models: each row of a CSV file is an account with its own holdings.

What the accounts of a model share is prepared once: market, target, policy and costs.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from desk.tickets.account_limits import with_limits
from desk.tickets.account_lots import lots_of_account
from desk.tickets.accounts_file import (
    ACCOUNT,
    CASH_COLUMN,
    COLUMNS_READ,
    DEPOSIT,
    GAIN_BUDGET,
    LAST_TRADE,
    MODEL,
    REALISED,
    SIDE_COLUMN,
    WITHDRAW,
    AccountsFile,
    Row,
    RowFaults,
)
from desk.tickets.request import request_of
from foundation.arguments import LARGEST_NUMBER, cut, did_you_mean
from foundation.arrays import Array
from foundation.canonical import content_hash
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError
from research.accounting import Policy
from research.accounting.lots.lot import TaxLots, TaxRules
from research.allocation import TargetPath, target_path
from research.market.quality import market_warnings
from research.orders.lots.position import Position, most_units, order_limits, volume_of_day
from research.orders.make_trade_list import trade_list
from research.orders.request import PLAIN_REQUEST, Request
from research.orders.trade_lists import TradeList
from research.portfolio import Portfolio
from research.portfolio.holdings.currencies import Balances, currencies_of
from research.portfolio.holdings.nav_history import NavHistory
from research.portfolio.holdings.rates import Rates
from research.portfolio.holdings.tax_file import account_rules
from research.portfolio.load import LEAST_NAV
from research.rules.protocol import held_by


@dataclass(frozen=True, eq=False)
class Model:
    """A portfolio with the policy that decides for its accounts, and the data that they share.

    portfolio : portfolio; an account replaces its holdings, cash and last trade, and does not have its tax lots.
    policy    : policy that decides.
    name      : name of the policy.
    run       : id of the run that recommends it, or "".
    targets   : the path of its targets.
    position  : position of the portfolio, with the costs and limits of the orders.
    as_of     : today, against which the age of each price is counted; None counts none.
    stale_ok  : true to list accounts, marked, whose prices are too old for orders.
    notes     : notes on its data, in sentences.
    rules     : rules by which the tax lots of an account are taxed, or None where its file states no tax.
    """

    portfolio: Portfolio
    policy: Policy
    name: str
    run: str
    targets: TargetPath
    position: Position
    as_of: pd.Timestamp | None = None
    stale_ok: bool = False
    notes: tuple[str, ...] = ()
    rules: TaxRules | None = None

    @classmethod
    def of(
        cls,
        portfolio: Portfolio,
        policy: Policy,
        name: str,
        run: str = "",
        *,
        as_of: pd.Timestamp | None = None,
        stale_ok: bool = False,
    ) -> "Model":
        """Prepare a portfolio, whose lots, gains and open orders are those of its own holdings and of no account.

        Raises : ConfigError, DataError and PolicyError as `trade_list` does.
        """
        market = portfolio.market
        targets = target_path(held_by(policy, portfolio.strategic), market, start=len(market.dates) - 1)
        position = replace(Position.of(portfolio), debt=0.0)
        of_itself: dict[str, Any] = {"tax_lots": None, "pending": (), "blotter": None, "owed": {}, "accounts": ()}
        shared = replace(portfolio, notes=(), nav_history=NavHistory(), **of_itself)
        of_data = market_warnings(market, portfolio.test_start, file=portfolio.file)
        notes, rules = (*of_data, *portfolio.notes), account_rules(portfolio.costs.tax, portfolio.tax_lots)
        return cls(shared, policy, name, run, targets, position, as_of, stale_ok, notes, rules)

    @cached_property
    def origin(self) -> dict[str, str]:
        """The inputs of its accounts' lists: hashes of settings, data and prices, policy and run, and today."""
        of = self.portfolio
        known = (of.prices.per_unit.tolist(), of.prices.days.tolist(), sorted(self.rates.today.items()), of.last_trade,
                 self.targets.at(len(of.market.dates) - 1).tolist())  # fmt: skip
        return {
            "settings": content_hash(of.settings),
            "data": of.market.fingerprint,
            "prices": hashlib.sha256(repr(known).encode()).hexdigest(),
            "policy": f"{self.name} {self.run}".rstrip(),
            "today": str(self.as_of),
        }

    @cached_property
    def _volume(self) -> Array:
        """(n,) mean volume of a day, currency."""
        return volume_of_day(self.portfolio)

    @property
    def rates(self) -> Rates:
        """The exchange rates at which cash is valued, whether the portfolio itself needs them or not."""
        return self.portfolio.rates or Rates(self.portfolio.basis, {}, {})

    def account(self, units: Any, cash: float | Balances, last_trade: pd.Timestamp | None = None) -> Portfolio:
        """The portfolio of an account.

        units      : (n,) units held; zero for an asset without a quote.
        cash       : cash in the basis, or by currency, each with a rate.
        last_trade : date, or None for that of the model.
        """
        of, quoted, rates = self.portfolio, self.position.quoted, self.rates
        balances = cash if isinstance(cash, Mapping) else {of.basis: cash}
        lines = (of.market, True, of.prices.per_unit)
        if of.currencies is not None:
            lines = (of.currencies.quoted, of.currencies.converted, of.currencies.prices)
        return replace(
            of,
            holdings=np.where(quoted, units * self.position.prices, 0.0),
            shares=np.where(quoted, units, np.nan),
            cash=rates.value(balances),
            currencies=currencies_of(*lines, rates, balances),
            last_trade=self.portfolio.last_trade if last_trade is None else last_trade,
            tax_lots=None,
        )

    def trades(self, account: Portfolio, greedy: bool = True, request: Request = PLAIN_REQUEST) -> TradeList:
        """The trade list of an account.

        account : result of `account`.
        greedy  : true for whole lots of the greedy search.
        request : request besides, such as a deposit.
        Raises  : errors of `trade_list`; a DataError is of the model, and the same for all its accounts.
        """
        units = np.where(np.isnan(account.shares), 0.0, account.shares)
        position = replace(self.position, units=units, cash=float(np.rint(account.cash * 100.0)) / 100.0)
        minimum, most = account.limits.minimum_trade, position.most_units
        if account.orders.participation != self.portfolio.orders.participation:
            most = most_units(account.orders.participation, self._volume, position.prices)
        position = replace(position, limits=order_limits(account, position.nav), minimum=minimum, most_units=most)
        return trade_list(
            account,
            self.policy,
            self.name,
            run=self.run,
            targets=self.targets,
            request=request,
            position=position,
            greedy=greedy,
            as_of=self.as_of,
            stale_ok=self.stale_ok,
        )


# -- one account -----------------------------------------------------------------------------------------------------


def account_of(
    file: AccountsFile, row: Row, model_of: Callable[[str], Model], lots: Sequence[Row] = ()
) -> tuple[Model, Portfolio]:
    """The model and the portfolio of a row.

    lots     : rows of its tax lots, as `rows_of` gives them; none for an account that is listed without tax.
    model_of : gives the model of a cell; raises ConfigError, DataError or PolicyError for one that cannot be read.
    Raises   : ConfigError that names every mistake of the row, each with file, row, column, value and fix.
    """
    number, cells = row
    faults = RowFaults(file.path, number, file)
    if len(cells) != len(file.columns):
        faults.add("", "another number of cells than the header has columns", len(cells),
                   f"Give {len(file.columns)}, empty ones included.")  # fmt: skip
        faults.end()
    by_column = dict(zip(file.columns, cells, strict=True))
    name = by_column[ACCOUNT]
    if not name:
        faults.add(ACCOUNT, "no name", name, "Name the account.")
    elif name in file.repeated:
        also = ", ".join(map(str, file.repeated[name]))
        faults.add(ACCOUNT, f"an account with more than one row ({cut(also)})", name, "Keep one row an account.")
    cash = _cash(file, by_column, faults)
    day = faults.day(LAST_TRADE, by_column.get(LAST_TRADE, ""))
    held = {column: faults.number(column, by_column[column]) for column in file.assets if by_column[column]}
    try:
        model = model_of(by_column[MODEL])
    except ValueError as error:
        faults.add(MODEL, f"no model to follow, {error}", by_column[MODEL], "Correct the path, or the portfolio file.")
        faults.end()
    units = _units(model, held, by_column, faults)
    balances = _balances(model, file, cash, by_column, faults)
    last = model.portfolio.date
    if day is not None and day > last:
        faults.add(LAST_TRADE, "lies after the last close of the market", by_column[LAST_TRADE],
                   f"Give a day that is not after {last:%Y-%m-%d}.")  # fmt: skip
    tax = _tax_lots(model, file, lots, units, by_column, faults)
    limited = with_limits(model.portfolio, by_column, faults)
    faults.end()
    of_account = model.account(units, balances, day)
    portfolio = replace(of_account, tax_lots=tax, limits=limited.limits, orders=limited.orders)
    if portfolio.nav < LEAST_NAV:
        stated = [by_column[column] for column in (CASH_COLUMN, *file.cash_columns.values()) if column in by_column]
        faults.add(CASH_COLUMN, "neither units nor cash are held", ", ".join(stated), "State what the account holds.")
        faults.end()
    return model, portfolio


def request_in(file: AccountsFile, row: Row) -> Request:
    """The request of a row that `account_of` reads: money that comes in or goes out, and one side only.

    Raises : ConfigError that names the mistakes, each with file, row, column, value and fix.
    """
    number, cells = row
    faults, by_column = RowFaults(file.path, number, file), dict(zip(file.columns, cells, strict=True))
    stated = {name: by_column[name] for name in (DEPOSIT, WITHDRAW, SIDE_COLUMN) if by_column.get(name)}
    deposit, withdraw = (faults.number(name, stated[name]) if name in stated else 0.0 for name in (DEPOSIT, WITHDRAW))
    found = PLAIN_REQUEST
    if stated and not faults.found:
        try:
            found = request_of(deposit, withdraw, stated.get(SIDE_COLUMN, ""))
        except ConfigError as error:
            what, _, fix = str(error).rpartition(": ")
            faults.add(next(iter(stated)), what, ", ".join(stated.values()), f"{fix[:1].upper()}{fix[1:]}")
    faults.end()
    return found


def _tax_lots(
    model: Model, file: AccountsFile, rows: Sequence[Row], units: Array, by_column: Mapping[str, str], faults: RowFaults
) -> TaxLots | None:
    """The lots of an account under the rules of its model; None where it has no rows of lots."""
    stated = by_column.get(GAIN_BUDGET)
    if not rows or file.lots is None:
        if stated:
            fix = "Give its tax lots (`--lots`), or leave the cell empty."
            faults.add(GAIN_BUDGET, "a budget of an account without tax lots", stated, fix)
        return None
    if model.rules is None:
        fix = "Add `tax: {rate: ...}` to it, a fraction of the gain; with a rate of 0, gains are listed without tax."
        faults.add(MODEL, "tax lots of an account whose model states no tax", by_column[MODEL], fix)
        return None
    realised = faults.number(REALISED, by_column[REALISED], signed=True) if by_column.get(REALISED) else 0.0
    found, of_lots = lots_of_account(file.lots, rows, model.portfolio, units)
    faults.found += of_lots
    rules = replace(model.rules, gain_budget=faults.number(GAIN_BUDGET, stated)) if stated else model.rules
    return TaxLots(replace(rules, realised=realised), found)


def _cash(file: AccountsFile, by_column: Mapping[str, str], faults: RowFaults) -> dict[str, float]:
    """Cash by the column that gives it. Where columns of other currencies may cover it, it may be below zero."""
    by_currency = {c: by_column[c] for c in file.cash_columns.values() if by_column[c]}
    found = {column: faults.number(column, cell, signed=True) for column, cell in by_currency.items()}
    if CASH_COLUMN in by_column and (by_column[CASH_COLUMN] or not file.cash_columns):
        found[CASH_COLUMN] = faults.number(CASH_COLUMN, by_column[CASH_COLUMN], signed=bool(file.cash_columns))
    return found


def _balances(
    model: Model, file: AccountsFile, cash: Mapping[str, float], by_column: Mapping[str, str], faults: RowFaults
) -> dict[str, float]:
    """Cash by currency, the basis first, from the cash by column."""
    rates, name, columns = model.rates, by_column[MODEL], file.cash_columns
    for currency in sorted({*model.portfolio.quoted_in} - {model.portfolio.basis}):
        if currency not in columns:
            fix = "Add the column; a cell without cash stays empty."
            what = f"no column for cash in {currency}, in which assets of model {name} are quoted"
            faults.add(f"{CASH_COLUMN}_{currency}", what, None, fix)
    if CASH_COLUMN in cash and (own := columns.get(rates.basis)) in cash:
        what = f"cash in {rates.basis}, the basis of model {name}, beside that of the column {CASH_COLUMN}"
        faults.add(str(own), what, by_column[str(own)], "Leave one of the two cells empty.")
    found = {rates.basis: cash.get(CASH_COLUMN, 0.0)}
    for currency, column in columns.items():
        amount = cash.get(column, 0.0)
        if amount and currency != rates.basis and currency not in rates.today:
            direct, inverse = currency + rates.basis, rates.basis + currency
            fix = f"Give it in the portfolio file, `fx: {{{direct}: …}}`, or as `--fx {direct}=…`."
            faults.add(column, f"model {name} has no rate {direct} (or {inverse})", by_column[column], fix)
        elif amount:
            found[currency] = amount
    if (total := 0.0 if faults.found else rates.value(found)) < 0.0:
        faults.add(
            CASH_COLUMN, "negative cash of all currencies", round(total, 2), "Pay the debt, or correct its cells."
        )
    return found


def _units(model: Model, held: Mapping[str, float], by_column: Mapping[str, str], faults: RowFaults) -> Any:
    """(n,) units of the model's assets, from the units held by column."""
    assets = model.portfolio.market.assets
    for column in (column for column, units in held.items() if units and column not in assets):
        known = COLUMNS_READ if column.lower() in COLUMNS_READ else assets
        fix = f"Leave the cell empty, or choose a model that has the asset. {did_you_mean(column, known)}"
        faults.add(column, f"an asset that model {by_column[MODEL]} does not have", by_column[column], fix)
    units = np.array([held.get(asset, 0.0) for asset in assets])
    for asset, amount, price, quoted in zip(assets, units, model.position.prices, model.position.quoted, strict=True):
        if asset not in by_column:
            fix = "Add the column; a cell without units stays empty."
            faults.add(asset, f"no column for an asset of model {by_column[MODEL]}", None, fix)
        elif amount and not quoted:
            faults.add(
                asset, "no quote at the last close", by_column[asset], "Leave the cell empty, and list it apart."
            )
        elif not amount * price <= LARGEST_NUMBER:
            faults.add(asset, f"worth {amount * price:g} at the last quote", by_column[asset],
                       f"Give units that are worth at most {LARGEST_NUMBER:g}.")  # fmt: skip
    return units
