"""Orders in whole lots inside a backtest, where its policy decides day by day, and of the opening trade."""

from collections.abc import Callable

import numpy as np

from backtests.engine.inputs import EngineInputs
from backtests.engine.ledger import Ledger
from backtests.engine.loop_inputs import WholeLots
from backtests.engine.lot_fills import LotBooking, fill
from foundation.arrays import Array
from foundation.errors import ConfigError
from research.accounting import Trade, Why
from research.accounting.kernel import wealth
from research.orders.lots.position import Position
from research.orders.lots.sizing import size


def orders(
    inputs: EngineInputs,
    t: int,
    units: Array,
    cash_units: float,
    ask: Callable[[Position, bool], Trade | None],
    target: Array,
) -> Array:
    """(n,) signed quoted units, buys positive, of the trade list at the close of row t.

    inputs     : inputs of the backtest.
    t          : row of the day.
    units      : (n,) units held.
    cash_units : units of cash held.
    ask        : function that gives the trade that is asked of a position, or None.
    target     : (n,) fraction of NAV.
    """
    holdings, cash = units * inputs.sessions.closes[t], cash_units * inputs.sessions.cash_index[t]
    market, minimum = inputs.market, inputs.execution.minimum_trade
    position = Position.at(market, t, holdings, float(cash), market.lots, minimum, inputs.desk.at_close)
    return size(position, ask, target, inputs.name, greedy=True).units


def open_in_lots(inputs: EngineInputs, weights: Array, before: float, ledger: Ledger) -> tuple[float, float, float]:
    """Invest the wealth in whole lots at the close of the first row; gives (nav, cash_units, charges).

    inputs  : inputs of the backtest.
    weights : (n,) to open in, fraction of NAV.
    before  : wealth, currency.
    ledger  : its opening row is written.
    Raises  : ConfigError for a wealth that buys no whole lot.
    """
    t, units, sessions = inputs.first, np.zeros(len(weights)), inputs.sessions
    price, goal = sessions.cash_index[t], Trade.to(weights, Why("opening"))
    listed = orders(inputs, t, units, before / price, lambda position, again: goal, weights)
    if not listed.any() and np.abs(weights).sum() > 0.0:
        least = inputs.execution.minimum_trade
        of_size = f" in orders of {least:,.2f} or more" if least > 0.0 else ""
        raise ConfigError(
            f"a wealth of {before:,.2f} buys no whole lot of {', '.join(inputs.market.assets)}{of_size}: start with "
            f"more{', lower minimum_trade' if of_size else ''}, or leave sizing at 'fractional'."
        )
    lots, desk = inputs.whole_lots(ledger), inputs.desk._replace(at_open=False)
    lots.wished[:] = listed
    opening = ledger._replace(trades=ledger.opening_trades[None], charges=ledger.opening_charges[None])
    of_events, at_close = (
        inputs.of_events(opening)._replace(desk=desk),
        lots._replace(fills=lots.prices, filled=lots.quoted),
    )
    spent, paid = fill(of_events, at_close, LotBooking(t, t, 0), units, float(before))
    ledger.units[0] = units
    cash_units = (before - spent) / price
    return wealth(units, sessions.closes, t, cash_units, price), cash_units, paid


def unpaid_orders(lots: WholeLots, count: int) -> dict[int, Array]:
    """By booking of the first `count`, the orders (n,), currency, that cash could not pay, where there are some."""
    rows = lots.unpaid[:count]
    return {int(j): rows[j].copy() for j in np.flatnonzero(rows.any(axis=1))}
