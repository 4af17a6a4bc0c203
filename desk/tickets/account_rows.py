"""The accounts of a file as rows of two tables: the orders of each, and a row an account."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from desk.tickets.accounts_file import ACCOUNT, MODEL, AccountsFile, Row
from desk.tickets.exchange_orders import exchange_orders
from desk.tickets.order_ids import client_order_id_of, sent_of
from research.orders.cash_by_currency import CashByCurrency
from research.orders.content import STALE
from research.orders.order_tables import ORDERS, RATED
from research.orders.tax.tax_tables import tax_facts
from research.orders.trade_lists import TradeList
from research.portfolio import Portfolio
from research.portfolio.holdings.prices import newest_day
from research.portfolio.holdings.rates import shown_rate

ORDER_ID_COLUMN = "client_order_id"
ORDER_COLUMNS = (ACCOUNT, *ORDERS, ORDER_ID_COLUMN)
ACCOUNT_COLUMNS = ("row", ACCOUNT, MODEL, "status", "nav", "orders", "turnover", "cost", "cash_after", "objective",
                   "gap", "solved", "reason", "error")  # fmt: skip
AFTER, AFTER_IN_BASIS = "cash_after", "cash_after_basis"  # of all currencies, and of the basis alone
ID_PARTS = ("side", "asset", "units", "price")  # of a row, from which the id of its order comes
ACCOUNT_FAILED = "failed"
TAXES = ("gain_short", "gain_long", "loss_disallowed", "tax")  # realised by the orders, currency
FILE_DECIMALS = 10  # of a fraction or a price in a file


def order_columns(file: AccountsFile) -> tuple[str, ...]:
    """The columns of the orders of a file; of one with cash by currency, also the currency, rate and amount of each."""
    return (ACCOUNT, *(RATED if file.cash_columns else ORDERS), ORDER_ID_COLUMN)


def account_columns(file: AccountsFile) -> tuple[str, ...]:
    """The columns of a row an account; of a file with cash by currency or tax lots, also the cash of each and taxes."""
    at = ACCOUNT_COLUMNS.index("objective")
    by_currency = (AFTER_IN_BASIS, *(f"{AFTER}_{currency}" for currency in file.cash_columns))
    more = (*(by_currency if file.cash_columns else ()), *(TAXES if file.lots else ()))
    return (*ACCOUNT_COLUMNS[:at], *more, *ACCOUNT_COLUMNS[at:])


def order_rows(file: AccountsFile, row: Row, trades: TradeList) -> list[list[Any]]:
    """The orders of an account in `order_columns`, as in its own trade list, and after them its exchanges.

    The account is in the content of an id.
    """
    account, names = row[1][file.columns.index(ACCOUNT)], order_columns(file)[1:-1]
    portfolio = replace(trades.portfolio, ticket=replace(trades.portfolio.ticket, account=account))
    terms, day = portfolio.ticket, str(newest_day(portfolio.market, portfolio.prices))
    found = trades.order_columns
    if portfolio.currencies is None and file.cash_columns:
        one = np.ones(len(found["asset"]))
        found = found | {"currency": [portfolio.basis] * len(one), "rate": one, "amount": found["notional"]}
    found = found | {"rate": [shown_rate(rate) for rate in found.get("rate", ())]}
    columns = np.broadcast_arrays(*(np.asarray(found.get(name, ()), dtype=object) for name in names))
    held, rows = dict(zip(portfolio.market.assets, trades.sized.position.units.tolist(), strict=True)), []
    for order in zip(*(column.tolist() for column in columns), strict=True):
        by_name = dict(zip(names, order, strict=True))
        own = {"notional": by_name.get("amount", by_name["notional"])}
        own["currency"] = by_name.get("currency", portfolio.basis)
        sent = sent_of(terms, **{name: by_name[name] for name in ID_PARTS}, **own, account=account)
        rows.append(
            [account, *map(cell, order), client_order_id_of(sent, held[by_name["asset"]], portfolio.name, day, terms)]
        )
    return rows if trades.money is None else [*rows, *_exchange_rows(portfolio, trades.money, names)]


def _exchange_rows(portfolio: Portfolio, money: CashByCurrency, names: Sequence[str]) -> Iterator[list[Any]]:
    """An account's currency exchanges in the columns of its orders: units in the currency, notional in the basis."""
    for each in exchange_orders(portfolio, money, 0):
        same = {name: getattr(each, name) for name in ("side", "currency", "rate", "amount", "reason")}
        found = same | {"asset": each.pair, "units": each.amount, "notional": each.basis_amount}
        yield [each.account, *(cell(found.get(name)) for name in names), each.client_order_id]


def account_row(file: AccountsFile, row: Row, trades: TradeList | str) -> list[Any]:
    """The account in `account_columns`, from its trade list or from a sentence that says why there is none.

    Amounts are currency, turnover a fraction of NAV. `objective` is the distance to the exact step with the costs, and
    `gap` by how much it may be above the least, both fractions of NAV; see `SolvedLots`.
    """
    number, cells = row
    by_column = dict(zip(file.columns, cells, strict=False))
    named = [number, by_column.get(ACCOUNT, ""), by_column.get(MODEL, "")]
    if isinstance(trades, str):
        return [*named, ACCOUNT_FAILED, *[None] * (len(account_columns(file)) - len(named) - 2), trades]
    sized, solved = trades.sized, trades.sized.solved
    found = [
        "hold" if trades.holds else "no order" if trades.empty else "trade",
        round(sized.position.nav, 2),
        int((sized.units != 0.0).sum()),
        sized.turnover,
        round(float(sized.charges.sum()), 2),
        *_cash_after(file, trades),
        *_taxes(file, trades),
        None if solved is None else solved.objective,
        None if solved is None else max(solved.objective - solved.bound, 0.0),  # nan where no bound is known
        None if solved is None else solved.how,
        f"{STALE}{trades.reason}" if trades.stale else trades.reason,
        None,
    ]
    return [*named, *map(cell, found)]


def _cash_after(file: AccountsFile, trades: TradeList) -> list[float]:
    """Cash after the orders in the basis; for a file with cash by currency, also the cash in each currency."""
    money, basis = trades.money, trades.portfolio.basis
    if not file.cash_columns:
        return [trades.sized.cash]
    after = {basis: trades.sized.cash} if money is None else money.after_all()
    total = trades.sized.cash if money is None else float(money.cash)
    return [total, *(after.get(currency, 0.0) for currency in (basis, *file.cash_columns))]


def _taxes(file: AccountsFile, trades: TradeList) -> list[float | None]:
    """The gains by term that the orders realise, and their tax; nothing for an account without tax lots."""
    if not file.lots:
        return []
    known = {} if trades.portfolio.tax_lots is None else tax_facts(trades.portfolio, trades.tax)
    return [known.get(name) for name in TAXES]


def cell(value: Any) -> Any:
    """A value as a file of accounts has it: whole numbers without a decimal point, and nothing for NaN.

    >>> cell(3.0), cell(0.1 + 0.2), cell(float("nan")), cell("SPY")
    (3, 0.3, None, 'SPY')
    """
    if not isinstance(value, float):
        return value
    if np.isnan(value):
        return None
    return int(value) if value.is_integer() else round(value, FILE_DECIMALS)
