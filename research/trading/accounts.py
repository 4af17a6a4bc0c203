"""Trade lists of many accounts on a few models: each row of a CSV file is an account with its own holdings.

A file has the columns `account`, `model` (path of a portfolio file), `cash`, perhaps `last_trade`, and one for each
asset with the units held. What the accounts of a model share is prepared once: market, target, policy and costs.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from research.accounting import Policy
from research.allocation import TargetPath, target_path
from research.arguments import LARGEST, cut, did_you_mean, is_number, shown
from research.errors import ConfigError
from research.portfolio import Portfolio
from research.portfolio.load import LEAST_NAV
from research.portfolio.nav_history import NavHistory
from research.portfolio.prices import newest_day
from research.rules.protocol import held_by
from research.trading.content import STALE
from research.trading.order_ids import client_order_id_of, sent_of
from research.trading.order_tables import ORDERS
from research.trading.position import Position
from research.trading.today import trade_list
from research.trading.trade_list import TradeList

ACCOUNT, MODEL, CASH, LAST_TRADE = NAMED = ("account", "model", "cash", "last_trade")
NEEDED = NAMED[:3]
ORDER_COLUMNS = (ACCOUNT, *ORDERS, "client_order_id")
ACCOUNT_COLUMNS = ("row", ACCOUNT, MODEL, "status", "nav", "orders", "turnover", "cost", "cash_after", "objective",
                   "gap", "solved", "reason", "error")  # fmt: skip
SENT = ("side", "asset", "units", "price", "notional")  # of a row, from which the id of its order comes
FAILED = "failed"
DECIMALS = 10  # of a fraction or a price in a file
PLAIN_NUMBER = "Write a plain number, such as 1250.40."
Cells = tuple[str, ...]
Row = tuple[int, Cells]  # its number in the file, where the header is row 1, and its cells


@dataclass(frozen=True)
class AccountsFile:
    """The columns of a file of accounts.

    path     : of the file.
    columns  : of its header.
    count    : number of accounts.
    repeated : the rows of each account that has more than one.
    """

    path: Path
    columns: Cells
    count: int
    repeated: Mapping[str, tuple[int, ...]]

    @classmethod
    def read(cls, path: Path) -> "AccountsFile":
        """Read a file once, for its header and the names of its accounts.

        Raises : ConfigError for a file that is no CSV in UTF-8 or has no rows, for a column that is missing, without a
                 name, or there twice.
        """
        found: dict[str, list[int]] = {}
        with _csv(path) as rows:
            _, columns = next(rows, (1, ()))
            _check_columns(path, columns)
            place = columns.index(ACCOUNT)
            count = 0
            for number, cells in rows:
                count += 1
                if place < len(cells) and cells[place]:
                    found.setdefault(cells[place], []).append(number)
        if count == 0:
            raise ConfigError(f"{path} has a header and no accounts: add one row an account.")
        return cls(path, columns, count, {name: tuple(rows) for name, rows in found.items() if len(rows) > 1})

    def rows(self) -> Iterator[Row]:
        """Its accounts one after the other, in the order of the file."""
        with _csv(self.path) as rows:
            next(rows)
            yield from rows


@dataclass(frozen=True, eq=False)
class Model:
    """A portfolio with the policy that decides for its accounts, and what they share.

    portfolio : whose holdings, cash and last trade an account replaces; its tax lots are not those of an account.
    policy    : that decides.
    name      : of the policy.
    run       : id of the run that recommends it, or "".
    targets   : the path of its targets.
    position  : of the portfolio, with the costs and limits of the orders.
    as_of     : today, against which the age of each price is counted; None counts none.
    stale_ok  : list accounts, marked, where prices are too old for orders.
    """

    portfolio: Portfolio
    policy: Policy
    name: str
    run: str
    targets: TargetPath
    position: Position
    as_of: pd.Timestamp | None = None
    stale_ok: bool = False

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
        """Prepare a portfolio, whose tax lots and gain budget are those of its own holdings and of no account.

        Raises : ConfigError, DataError and PolicyError as `trade_list` does.
        """
        market = portfolio.market
        if portfolio.currencies is not None:
            foreign = ", ".join(portfolio.currencies.rates.today)
            raise ConfigError(
                f"{portfolio.file} has lines or cash in {foreign}: accounts of a file are listed in one currency. List "
                "such a portfolio by itself, with its `accounts`."
            )
        targets = target_path(held_by(policy, portfolio.strategic), market, start=len(market.dates) - 1)
        position = replace(Position.of(portfolio), debt=0.0)
        shared = replace(portfolio, tax_lots=None, notes=(), accounts=(), nav_history=NavHistory())
        return cls(shared, policy, name, run, targets, position, as_of, stale_ok)

    def account(self, units: Any, cash: float, last_trade: pd.Timestamp | None = None) -> Portfolio:
        """The portfolio of an account.

        units      : (n,) held; zero for a line without a quote.
        cash       : currency.
        last_trade : date, or None for that of the model.
        """
        quoted = self.position.quoted
        return replace(
            self.portfolio,
            holdings=np.where(quoted, units * self.position.prices, 0.0),
            shares=np.where(quoted, units, np.nan),
            cash=cash,
            last_trade=self.portfolio.last_trade if last_trade is None else last_trade,
            tax_lots=None,
        )

    def trades(self, account: Portfolio, seconds: float = 0.0) -> TradeList:
        """The trade list of an account.

        account : as `account` made it.
        seconds : that the search for the best lots may take; 0 takes the greedy search.
        Raises  : as `trade_list` does; a DataError is of the model, and the same for all its accounts.
        """
        units = np.where(np.isnan(account.shares), 0.0, account.shares)
        position = replace(self.position, units=units, cash=float(np.rint(account.cash * 100.0)) / 100.0)
        return trade_list(
            account,
            self.policy,
            self.name,
            run=self.run,
            targets=self.targets,
            position=position,
            seconds=seconds,
            as_of=self.as_of,
            stale_ok=self.stale_ok,
        )


# -- one account -----------------------------------------------------------------------------------------------------


def account_of(file: AccountsFile, row: Row, model_of: Callable[[str], Model]) -> tuple[Model, Portfolio]:
    """The model and the portfolio of a row.

    model_of : gives the model of a cell; raises ConfigError, DataError or PolicyError for one that cannot be read.
    Raises   : ConfigError that names every mistake of the row, each with file, row, column, value and mend.
    """
    number, cells = row
    faults = _Faults(file.path, number)
    if len(cells) != len(file.columns):
        faults.add("the row", "another number of cells than the header has columns", len(cells),
                   f"Give {len(file.columns)}, empty ones included.")  # fmt: skip
        faults.end()
    by_column = dict(zip(file.columns, cells, strict=True))
    name = by_column[ACCOUNT]
    if not name:
        faults.add(ACCOUNT, "no name", name, "Name the account.")
    elif name in file.repeated:
        also = ", ".join(map(str, file.repeated[name]))
        faults.add(ACCOUNT, f"an account with more than one row ({cut(also)})", name, "Keep one row an account.")
    cash = faults.number(CASH, by_column[CASH])
    day = faults.day(LAST_TRADE, by_column.get(LAST_TRADE, ""))
    held = {column: faults.number(column, cell) for column, cell in by_column.items() if column not in NAMED and cell}
    try:
        model = model_of(by_column[MODEL])
    except ValueError as error:
        faults.add(MODEL, f"no model to follow, {error}", by_column[MODEL], "Correct the path, or the portfolio file.")
        faults.end()
    units = _units(model, held, by_column, faults)
    last = model.portfolio.date
    if day is not None and day > last:
        faults.add(LAST_TRADE, "lies after the last close of the market", by_column[LAST_TRADE],
                   f"Give a day that is not after {last:%Y-%m-%d}.")  # fmt: skip
    faults.end()
    portfolio = model.account(units, cash, day)
    if portfolio.nav < LEAST_NAV:
        faults.add(CASH, "neither units nor cash are held", by_column[CASH], "State what the account holds.")
        faults.end()
    return model, portfolio


def _units(model: Model, held: Mapping[str, float], by_column: Mapping[str, str], faults: "_Faults") -> Any:
    """(n,) units of the model's lines, from those that are held by column."""
    assets = model.portfolio.market.assets
    for column in (column for column, units in held.items() if units and column not in assets):
        fix = f"Leave the cell empty, or choose a model that has the asset. {did_you_mean(column, assets)}"
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
        elif not amount * price <= LARGEST:
            faults.add(asset, f"worth {amount * price:g} at the last quote", by_column[asset],
                       f"Give units that are worth at most {LARGEST:g}.")  # fmt: skip
    return units


class _Faults:
    """What is wrong in a row, told at once."""

    def __init__(self, path: Path, row: int) -> None:
        self.path, self.row, self.found = path, row, list[str]()

    def add(self, column: str, what: str, value: object, fix: str) -> None:
        """One mistake: its column, what is wrong, the value found, how to mend it."""
        self.found.append(f"{cut(column)}: {what} ({self.path}, row {self.row}): found {shown(value)}. {fix}")

    def end(self) -> None:
        """Raise ConfigError where there is a mistake."""
        if self.found:
            raise ConfigError(" ".join(self.found))

    def number(self, column: str, cell: str) -> float:
        """A number that is not negative; zero where there is a mistake."""
        try:
            value = float(cell.replace("_", "no number"))
        except ValueError:
            value = np.nan
        if not is_number(value):
            self.add(column, "not a number", cell, PLAIN_NUMBER)
        elif value < 0.0:
            what = "negative cash" if column == CASH else "negative units: accounts hold nothing short"
            self.add(column, what, cell, "Give a number that is at least 0.")
        elif value > LARGEST:
            self.add(column, "out of bounds", cell, f"Give a number that is at most {LARGEST:g}.")
        else:
            return value
        return 0.0

    def day(self, column: str, cell: str) -> pd.Timestamp | None:
        """A date written YYYY-MM-DD; None for an empty cell, and where there is a mistake."""
        if not cell:
            return None
        try:
            return pd.Timestamp(date.fromisoformat(cell if len(cell) == 10 else ""))
        except ValueError:
            self.add(column, "not a date", cell, "Write it as YYYY-MM-DD.")
            return None


# -- rows of the two tables ------------------------------------------------------------------------------------------


def order_rows(file: AccountsFile, row: Row, trades: TradeList) -> list[list[Any]]:
    """The orders of an account in `ORDER_COLUMNS`, as in its own trade list; the account is in the content of an id."""
    account, portfolio = row[1][file.columns.index(ACCOUNT)], trades.portfolio
    terms, day = portfolio.ticket, str(newest_day(portfolio.market, portfolio.prices))
    found = trades.order_columns
    columns = [np.asarray(found[name], dtype=object).tolist() for name in ORDERS]
    held, rows = dict(zip(portfolio.market.assets, trades.sized.position.units.tolist(), strict=True)), []
    for order in zip(*columns, strict=True):
        by_name = dict(zip(ORDERS, order, strict=True))
        sent = sent_of(terms, **{name: by_name[name] for name in SENT}, currency=portfolio.basis, account=account)
        rows.append(
            [account, *map(cell, order), client_order_id_of(sent, held[by_name["asset"]], portfolio.name, day, terms)]
        )
    return rows


def account_row(file: AccountsFile, row: Row, trades: TradeList | str) -> list[Any]:
    """The account in `ACCOUNT_COLUMNS`, from its trade list or from a sentence that says why there is none.

    Amounts are currency, turnover a fraction of NAV. `objective` is the distance to the exact step with the costs, and
    `gap` by how much it may be above the least, both fractions of NAV; see `SolvedLots`.
    """
    number, cells = row
    by_column = dict(zip(file.columns, cells, strict=False))
    named = [number, by_column.get(ACCOUNT, ""), by_column.get(MODEL, "")]
    if isinstance(trades, str):
        return [*named, FAILED, *[None] * 9, trades]
    sized, solved = trades.sized, trades.sized.solved
    found = [
        "hold" if trades.holds else "no order" if trades.empty else "trade",
        round(sized.position.nav, 2),
        int((sized.units != 0.0).sum()),
        sized.turnover,
        round(float(sized.charges.sum()), 2),
        sized.cash,
        None if solved is None else solved.objective,
        None if solved is None else max(solved.objective - solved.bound, 0.0),  # nan where no bound is known
        None if solved is None else solved.how,
        f"{STALE}{trades.reason}" if trades.stale else trades.reason,
        None,
    ]
    return [*named, *map(cell, found)]


def cell(value: Any) -> Any:
    """A value as a file of accounts has it: whole numbers without a decimal point, and nothing for NaN.

    >>> cell(3.0), cell(0.1 + 0.2), cell(float("nan")), cell("SPY")
    (3, 0.3, None, 'SPY')
    """
    if not isinstance(value, float):
        return value
    if np.isnan(value):
        return None
    return int(value) if value.is_integer() else round(value, DECIMALS)


# -- the file --------------------------------------------------------------------------------------------------------


def _check_columns(path: Path, columns: Cells) -> None:
    faults = _Faults(path, 1)
    for name in NEEDED:
        if name not in columns:
            faults.add(name, "missing column", ", ".join(columns), f"Begin the header with {', '.join(NEEDED)}.")
    for place, name in enumerate(columns):
        if not name:
            faults.add(f"column {place + 1}", "no name", name, "Name the column after its asset, or remove it.")
        elif name in columns[:place]:
            faults.add(name, "two columns of one name", name, "Keep one of them.")
    faults.end()


@contextmanager
def _csv(path: Path) -> Iterator[Iterator[Row]]:
    """The rows of a file with their numbers, without those that are empty; spaces round a cell do not count.

    Raises : ConfigError for what is no CSV in UTF-8.
    """

    def rows(opened: TextIO) -> Iterator[Row]:
        for number, cells in enumerate(csv.reader(opened, strict=True), 1):
            if any(cells):
                yield number, tuple(cell.strip() for cell in cells)

    try:
        with open(path, encoding="utf-8-sig", newline="") as opened:
            yield rows(opened)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} is no CSV file in UTF-8 ({error}): save it as one, with commas.") from error
