"""Where the money went: start + market gains + income - each cost + flows = end, for every day and every line.

The gains are taken from units and prices, what was traded and charged from the record, and the ends from the wealth
that the engine kept; nothing is defined as the difference of the others, so that the residual is a check.
"""

import numpy as np
import pandas as pd

from backtests.engine.reconciliation import Reconciliation
from backtests.engine.result import Backtest
from research.accounting.cost_parameters import COLUMNS, years_of
from research.accounting.costs import HOLDING_COSTS
from research.arrays import Array

CASH = "cash"


def reconcile(backtest: Backtest) -> Reconciliation:
    """Follow every unit of currency through a backtest."""
    book, lines = backtest.ledger, list(backtest.market.assets)
    held = book.units[backtest.held]
    index, cash_index = backtest.index, backtest.market.cash_index[backtest.first :]
    value = held * index
    traded, charges = _by_day(backtest, book.trades), _by_day(backtest, book.charges)
    traded[0], charges[0] = book.opening_trades, book.opening_charges
    start = np.vstack([np.zeros(len(lines)), value[:-1]])
    market = np.zeros_like(value)
    market[1:] = held[:-1] * np.diff(index, axis=0) + _gains_since_open(backtest)
    income = np.zeros_like(value)
    if backtest.dividends == "cash":
        income[1:] = held[:-1] * backtest.market.income[backtest.first + 1 :]
    borrow, holding_costs = _borrow(backtest, value), book.holding_costs
    cash_start = np.concatenate([[backtest.wealth], book.cash[:-1]])
    interest = np.zeros(len(value))
    interest[1:] = book.cash[:-1] * (cash_index[1:] / cash_index[:-1] - 1.0)
    paid = charges.sum(axis=(1, 2)) + holding_costs.sum(axis=1)
    of_lines = start + market + traded - value
    of_cash = cash_start + interest + income.sum(axis=1) - traded.sum(axis=1) - paid + backtest.flows - book.cash
    whole = start.sum(axis=1) + cash_start
    columns = dict(zip(COLUMNS, charges.sum(axis=2).T, strict=True)) | dict(
        zip(HOLDING_COSTS, holding_costs.T, strict=True)
    )
    daily = pd.DataFrame(
        {"start": whole, "market": market.sum(axis=1), "interest": interest, "income": income.sum(axis=1)}
        | {"flows": backtest.flows, **columns, "end": book.nav},
        index=backtest.dates,
    )
    gains = daily["market"] + daily["interest"] + daily["income"] + daily["flows"]
    daily["residual"] = daily["start"] + gains - paid - daily["end"]
    by_line = pd.DataFrame(
        {"start": start[0], "market": market.sum(axis=0), "income": income.sum(axis=0), "traded": traded.sum(axis=0)}
        | dict(zip(COLUMNS, charges.sum(axis=0), strict=True))
        | {name: borrow.sum(axis=0) if name == "borrow" else 0.0 for name in HOLDING_COSTS}
        | {"flows": 0.0, "end": value[-1]},
        index=lines,
    )
    of_cash_alone = {
        name: float(holding_costs[:, HOLDING_COSTS.index(name)].sum()) for name in HOLDING_COSTS if name != "borrow"
    }
    by_line.loc[CASH] = {
        "start": backtest.wealth,
        "market": interest.sum(),
        "income": 0.0,
        "traded": -traded.sum(),
        **dict.fromkeys(COLUMNS, 0.0),
        "borrow": 0.0,
        **of_cash_alone,
        "flows": backtest.flows.sum(),
        "end": book.cash[-1],
    }
    unexplained = np.abs(
        np.column_stack([of_lines, of_cash, daily["residual"], borrow.sum(axis=1) - holding_costs[:, 0]])
    )
    unexplained /= np.maximum(whole, book.nav)[:, None]
    total = by_line["start"].sum() + gains.sum() - paid.sum() - by_line["end"].sum()
    largest = max(
        float(unexplained.max()),
        abs(float(total)) / float(daily["end"].abs().max()),
        float(book.residual[0]),
    )
    worst = backtest.dates[int(unexplained.max(axis=1).argmax())]
    return Reconciliation(backtest.name, daily, by_line, largest, worst)


def _by_day(backtest: Backtest, amounts: Array) -> Array:
    """(D + 1, …) what was booked on each day, summed."""
    daily = np.zeros((len(backtest.ledger.nav), *amounts.shape[1:]))
    done = np.flatnonzero(backtest.ledger.booked >= 0)
    np.add.at(daily, backtest.ledger.booked[done] - backtest.first, amounts[done])
    return daily


def _gains_since_open(backtest: Backtest) -> Array:
    """(D, n) what the units booked at an open gained by the close."""
    book = backtest.ledger
    gains = np.zeros((len(book.nav) - 1, book.units.shape[1]))
    if backtest.execution.at == "open":
        done = np.flatnonzero((book.part_of >= 0) & (book.booked >= 0))
        rows = book.booked[done] - backtest.first
        moved = (book.units[done + 1] - book.units[done]) * (backtest.index[rows] - backtest.booked_at[done])
        np.add.at(gains, rows - 1, moved)
    return gains


def _borrow(backtest: Backtest, value: Array) -> Array:
    """(D + 1, n) what each line held short cost, as the costs state it."""
    fees = np.zeros_like(value)
    years = years_of(backtest.market.days[backtest.first :])
    fees[1:] = backtest.costs.borrow * np.maximum(-value[:-1], 0.0) * years[1:, None]
    return fees
