"""Reconciliation of wealth: start + market gains + income - each cost + flows = end, for every day and every asset.

The gains are taken from units and prices, what was traded and charged from the record, and the ends from the wealth
that the engine kept; nothing is defined as the difference of the others, so that the residual is a check.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.attribution.contributions import booked_by_day, gains_since_open
from backtests.engine.reconciliation import Reconciliation
from backtests.engine.result import Backtest
from foundation.arrays import Array
from research.accounting.cost_parameters import COST_COLUMNS, HOLDING_COSTS, years_of

CASH = "cash"
AMOUNTS_AT_ONCE = 1 << 19  # amounts, assets x days, that are followed at once: 4 MB an array


class _Lines(NamedTuple):
    """The money of n assets on k days in succession, currency."""

    start: Array  # (k, n)
    market: Array  # (k, n)
    income: Array  # (k, n), paid to cash
    traded: Array  # (k, n), buys positive
    charges: Array  # (k, columns, n), paid by cash
    borrow: Array  # (k, n), paid by cash
    end: Array  # (k, n)


def reconcile(backtest: Backtest) -> Reconciliation:
    """Follow every unit of currency through a backtest."""
    book, lines = backtest.ledger, list(backtest.market.assets)
    days, total = _summed(backtest)
    cash_index, holding_costs = backtest.market.cash_index[backtest.first :], book.holding_costs
    cash_start = np.concatenate([[backtest.wealth], book.cash[:-1]])
    interest = np.zeros(len(book.nav))
    interest[1:] = book.cash[:-1] * (cash_index[1:] / cash_index[:-1] - 1.0)
    paid = days["paid"] + holding_costs.sum(axis=1)
    of_cash = cash_start + interest + days["income"] - days["traded"] - paid + backtest.flows - book.cash
    whole = days["start"] + cash_start
    columns = dict(zip(COST_COLUMNS, days["charges"].T, strict=True)) | dict(
        zip(HOLDING_COSTS, holding_costs.T, strict=True)
    )
    daily = pd.DataFrame(
        {"start": whole, "market": days["market"], "interest": interest, "income": days["income"]}
        | {"flows": backtest.flows, **columns, "end": book.nav},
        index=backtest.dates,
    )
    gains = daily["market"] + daily["interest"] + daily["income"] + daily["flows"]
    daily["residual"] = daily["start"] + gains - paid - daily["end"]
    by_line = pd.DataFrame(
        {"start": np.zeros(len(lines)), "market": total["market"], "income": total["income"], "traded": total["traded"]}
        | dict(zip(COST_COLUMNS, total["charges"], strict=True))
        | {name: total["borrow"] if name == "borrow" else 0.0 for name in HOLDING_COSTS}
        | {"flows": 0.0, "end": book.units[backtest.held[-1]] * backtest.index[-1]},
        index=lines,
    )
    of_cash_alone = {
        name: float(holding_costs[:, HOLDING_COSTS.index(name)].sum()) for name in HOLDING_COSTS if name != "borrow"
    }
    by_line.loc[CASH] = {
        "start": backtest.wealth,
        "market": interest.sum(),
        "income": 0.0,
        "traded": -days["all_traded"].sum(),
        **dict.fromkeys(COST_COLUMNS, 0.0),
        "borrow": 0.0,
        **of_cash_alone,
        "flows": backtest.flows.sum(),
        "end": book.cash[-1],
    }
    unexplained = np.abs(
        np.column_stack([days["of_lines"], of_cash, daily["residual"], days["borrow"] - holding_costs[:, 0]])
    )
    unexplained /= np.maximum(whole, book.nav)[:, None]
    left = by_line["start"].sum() + gains.sum() - paid.sum() - by_line["end"].sum()
    largest = max(float(unexplained.max()), abs(float(left)) / float(daily["end"].abs().max()), float(book.residual[0]))
    worst = backtest.dates[int(unexplained.max(axis=1).argmax())]
    return Reconciliation(backtest.name, daily, by_line, largest, worst)


def _summed(backtest: Backtest) -> tuple[dict[str, Array], dict[str, Array]]:
    """The amounts of all assets, summed over assets for each day, and over days for each asset.

    For each day: (D + 1,) start, market, income, traded, borrow and what was `paid` of all charges; (D + 1, columns)
    charges; (D + 1,) the largest residual `of_lines`. For each asset: (n,) market, income, traded and borrow, and
    (columns, n) charges. Days are followed some at a time, so that many assets on many days do not fill the memory;
    `all_traded` has a sum for each time.
    """
    days, total = len(backtest.ledger.nav), dict[str, Array]()
    at_once = max(AMOUNTS_AT_ONCE // len(backtest.market.assets), 1)
    parts = []
    for first in range(0, days, at_once):
        lines = _follow(backtest, first, min(first + at_once, days))
        part = {name: getattr(lines, name).sum(axis=1) for name in ("start", "market", "income", "traded", "borrow")}
        part |= {"charges": lines.charges.sum(axis=2), "paid": lines.charges.sum(axis=(1, 2))}
        part |= {"all_traded": np.array([lines.traded.sum()])}
        parts.append(part | {"of_lines": np.abs(lines.start + lines.market + lines.traded - lines.end).max(axis=1)})
        for name in ("market", "income", "traded", "charges", "borrow"):
            amounts = getattr(lines, name)
            amounts[0] += total.get(name, 0.0)  # day after day, as if all were summed at once
            total[name] = amounts.sum(axis=0)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, total


def _follow(backtest: Backtest, first: int, stop: int) -> _Lines:
    """The amounts of each asset from the day `first`, 0 being the opening, to the day before `stop`."""
    book, before = backtest.ledger, max(first - 1, 0)
    units, index = book.units[backtest.held[before:stop]], backtest.index[before:stop]
    value, years = units * index, years_of(backtest.market.days[backtest.first :])[before + 1 : stop]
    shape = stop - first, value.shape[1]
    start, market, income, borrow = (np.zeros(shape) for _ in range(4))
    since = slice(before + 1 - first, None)  # the days with a close before them: all but the opening
    start[since] = value[:-1]
    market[since] = units[:-1] * np.diff(index, axis=0)
    market += gains_since_open(backtest, first, stop)
    if backtest.dividends == "cash":
        income[since] = units[:-1] * backtest.market.income[backtest.first + before + 1 : backtest.first + stop]
    borrow[since] = backtest.costs.borrow * np.maximum(-value[:-1], 0.0) * years[:, None]
    traded, charges = (booked_by_day(backtest, amounts, first, stop) for amounts in (book.trades, book.charges))
    if first == 0:
        traded[0], charges[0] = book.opening_trades, book.opening_charges
    return _Lines(start, market, income, traded, charges, borrow, value[first - before :])
