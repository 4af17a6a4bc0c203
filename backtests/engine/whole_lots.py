"""Orders in whole lots inside a backtest: sized as a trade list sizes them, filled at the prices of the booking."""

from collections.abc import Callable

import numpy as np

from backtests.engine.inputs import EngineInputs
from backtests.engine.ledger import Ledger
from research.accounting import Trade, Why
from research.accounting.kernel import charge, wealth
from research.accounting.tax_lots import buy_lot, capital_gains_tax, gain, sell_lots
from research.arrays import Array, Mask
from research.errors import ConfigError
from research.trading.position import Position
from research.trading.sizing import size


def position(inputs: EngineInputs, t: int, units: Array, cash_units: float) -> Position:
    """What is held after the close of row t, in quoted units.

    inputs     : what is played.
    t          : row of the day.
    units      : (n,) units held.
    cash_units : units of cash held.
    """
    holdings, cash = units * inputs.sessions.closes[t], cash_units * inputs.sessions.cash_index[t]
    minimum, market = inputs.execution.minimum_trade, inputs.market
    return Position.at(market, t, holdings, float(cash), market.lots, minimum, inputs.desk.at_close)


def orders(
    inputs: EngineInputs,
    t: int,
    units: Array,
    cash_units: float,
    ask: Callable[[Position, bool], Trade | None],
    target: Array,
) -> Array:
    """(n,) signed quoted units, buys positive, of the trade list at the close of row t.

    inputs     : what is played.
    t          : row of the day.
    units      : (n,) units held.
    cash_units : units of cash held.
    ask        : gives the trade that is asked of a position, or None.
    target     : (n,) fraction of NAV.
    """
    return size(position(inputs, t, units, cash_units), ask, target, inputs.name, greedy=True).units


def open_in_lots(inputs: EngineInputs, weights: Array, before: float, ledger: Ledger) -> tuple[float, float, float]:
    """Invest the wealth in whole lots at the close of the first row; gives (nav, cash_units, charges).

    inputs  : what is played.
    weights : (n,) to open in, fraction of NAV.
    before  : wealth, currency.
    ledger  : its opening row is written.
    Raises  : ConfigError for a wealth that buys no whole lot.
    """
    t, units, sessions = inputs.first, np.zeros(len(weights)), inputs.sessions
    price, goal = sessions.cash_index[t], Trade.to(weights, Why("opening"))
    listed = orders(inputs, t, units, before / price, lambda position, again: goal, weights)
    if not listed.any() and np.abs(weights).sum() > 0.0:
        raise ConfigError(
            f"a wealth of {before:,.2f} buys no whole lot of {', '.join(inputs.market.assets)}: start with more "
            "(nav=…), or leave sizing at 'fractional'."
        )
    spent, paid = fill(inputs, t, t, False, listed, units, ledger.opening_trades, ledger.opening_charges)
    ledger.units[0] = units
    cash_units = (before - spent) / price
    return wealth(units, sessions.closes, t, cash_units, price), cash_units, paid


def fill(
    inputs: EngineInputs, asked: int, t: int, at_open: bool, wished: Array, units: Array, trades: Array, charges: Array
) -> tuple[float, float]:
    """Fill the orders of row `asked` at row t, where their lines can trade; gives (what cash pays, charges), currency.

    inputs  : what is played.
    asked   : row of the decision.
    t       : row of the booking.
    at_open : is it booked at the open?
    wished  : (n,) signed quoted units of row `asked`, buys positive.
    units   : (n,) units held; written.
    trades  : (n,) currency, buys positive; written.
    charges : (columns, n) currency; written.

    Splits since row `asked` change the number of units, not what they are worth.
    """
    market, sessions, desk = inputs.market, inputs.sessions, inputs.desk
    quotes = market.bars["open"][t] if at_open and market.bars is not None else market.prices[t]
    worth = (sessions.opens if at_open else sessions.closes)[t]
    at_asking = np.where(np.isnan(market.prices[asked]), 1.0, market.prices[asked])
    priced = ~np.isnan(market.prices[asked]) & ~np.isnan(quotes)
    split = 1.0 if market.splits is None else np.prod(market.splits[asked + 1 : t + 1], axis=0)
    notional = np.where(priced, wished * split * quotes, wished * at_asking)
    trades[:] = np.where(_fillable(market.tradable[t], notional), notional, 0.0)
    charge(desk.cost_parameters if at_open else desk.at_close, t, np.abs(trades), charges)
    moved, gains = np.flatnonzero(trades), np.zeros(len(units))
    change = np.zeros(len(units))
    change[moved] = trades[moved] / worth[moved]
    if desk.cost_parameters.tax > 0.0:
        for i in moved.tolist():
            if change[i] < 0.0:
                gains[i], _ = gain(desk.lots, desk.cost_parameters.method, i, worth[i], -change[i])
                sell_lots(desk.lots, desk.cost_parameters.method, i, -change[i])
            else:
                buy_lot(desk.lots, desk.cost_parameters.method, i, worth[i], change[i])
        capital_gains_tax(
            desk.lots, desk.cost_parameters.tax, gains, float(gains.sum()), float(np.maximum(gains, 0.0).sum()), charges
        )
    units += change
    paid = float(charges.sum())
    return float(trades.sum()) + paid, paid


def _fillable(tradable: Mask, notional: Array) -> Mask:
    """(n,) orders that can be filled."""
    can: Mask = tradable & (notional != 0.0)
    return can
