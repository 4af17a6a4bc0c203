"""Orders in whole lots inside a backtest: sized as a trade list sizes them, filled at the prices of the booking."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from backtests.engine.inputs import EngineInputs
from backtests.engine.ledger import Ledger
from foundation.arrays import Array
from foundation.errors import ConfigError
from foundation.tolerances import LOT
from research.accounting import Trade, Why
from research.accounting.cost_parameters import TAX
from research.accounting.kernel import charge, wealth
from research.accounting.tax_lots import buy_lot, capital_gains_tax, gain, put_in_order, sell_lots
from research.orders.lots.lot_problem import clean
from research.orders.lots.position import CENT, Position
from research.orders.lots.sizing import size, within_cash


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
        raise ConfigError(
            f"a wealth of {before:,.2f} buys no whole lot of {', '.join(inputs.market.assets)}: start with more "
            "(nav=…), or leave sizing at 'fractional'."
        )
    spent, paid, _ = fill(inputs, t, t, False, listed, units, before, ledger.opening_trades, ledger.opening_charges)
    ledger.units[0] = units
    cash_units = (before - spent) / price
    return wealth(units, sessions.closes, t, cash_units, price), cash_units, paid


def fill(
    inputs: EngineInputs, asked: int, t: int, at_open: bool, wished: Array, units: Array, cash: float, trades: Array,
    charges: Array,
) -> tuple[float, float, Array]:  # fmt: skip
    """Fill the orders of row `asked` at row t, where their assets can trade and cash can pay for them.

    inputs  : inputs of the backtest.
    asked   : row of the decision.
    t       : row of the booking.
    at_open : True if it is booked at the open.
    wished  : (n,) signed quoted units of row `asked`, buys positive.
    units   : (n,) units held; written.
    cash    : held, currency.
    trades  : (n,) currency, buys positive; written.
    charges : (columns, n) currency; written.
    Returns : (what cash pays, charges, (n,) buys that cash cannot pay), currency.

    Sells and their tax come first. Where cash is too little for the buys, they are reduced as those of a trade list.
    """
    market, sessions, desk = inputs.market, inputs.sessions, inputs.desk
    quotes = market.bars["open"][t] if at_open and market.bars is not None else market.prices[t]
    worth, n = (sessions.opens if at_open else sessions.closes)[t], len(units)
    at_asking = np.where(np.isnan(market.prices[asked]), 1.0, market.prices[asked])
    priced = ~np.isnan(market.prices[asked]) & ~np.isnan(quotes)
    prices, cost_parameters = np.where(priced, quotes, at_asking), desk.cost_parameters if at_open else desk.at_close
    held = units * worth / prices
    orders = np.where(priced, _after_splits(inputs, asked, t, wished, held), wished)
    orders = np.where(market.tradable[t], orders, 0.0)
    trades[:] = orders * prices
    charge(cost_parameters, t, np.abs(trades), charges)
    _tax_sales(inputs, t, worth, trades, charges)
    unpaid, paid = np.zeros(n), float(charges.sum())
    if cash - float(trades.sum()) - paid < -n * CENT:
        buys, sold = np.maximum(orders, 0.0), orders <= 0.0
        left = cash - float(trades[sold].sum()) - float(charges[:, sold].sum())
        at = (market, t, units * worth, left, market.lots, inputs.execution.minimum_trade, cost_parameters)
        state = replace(Position.at(*at), units=held + np.minimum(orders, 0.0), prices=prices, debt=0.0)
        unpaid = (buys - within_cash(state, buys)) * prices
        trades -= unpaid
        tax = charges[TAX].copy()
        charge(cost_parameters, t, np.abs(trades), charges)
        charges[TAX] = tax
        paid = float(charges.sum())
    if inputs.costs.is_taxed:
        for i in np.flatnonzero(trades > 0.0).tolist():
            buy_lot(desk.lots, desk.cost_parameters, i, worth[i], trades[i] / worth[i], t)
    _move(units, trades, worth)
    return float(trades.sum()) + paid, paid, unpaid


def pay_in_lieu(inputs: EngineInputs, t: int, units: Array, trades: Array, charges: Array) -> float:
    """Pay out the fractions of units that the splits of row t leave of whole ones; gives what cash gets, currency.

    inputs  : inputs of the backtest.
    t       : row of the day.
    units   : (n,) units held; written.
    trades  : (n,) currency, buys positive; written.
    charges : (columns, n) currency, the tax; written.

    They are paid at the close, and cost nothing. A fraction that was held before, as reinvested dividends leave one,
    stays one.
    """
    market, worth = inputs.market, inputs.sessions.closes[t]
    assert market.splits is not None
    split, quotes, least = market.splits[t], market.prices[t], np.minimum(market.lots, 1.0)
    quoted = ~np.isnan(quotes) & (split != 1.0)
    whole = _whole(np.where(quoted, units * worth / quotes / split, 0.0), least) * split
    trades[:], charges[:] = np.where(quoted, -(whole - _whole(whole, least)) * quotes, 0.0), 0.0
    _tax_sales(inputs, t, worth, trades, charges)
    _move(units, trades, worth)
    return -float(trades.sum() + charges.sum())


def _after_splits(inputs: EngineInputs, asked: int, t: int, wished: Array, held: Array) -> Array:
    """(n,) orders of row `asked` in units of row t: whole lots, and no more than is held (n,) of what is sold."""
    market = inputs.market
    if market.splits is None:
        return wished
    split = np.prod(market.splits[asked + 1 : t + 1], axis=0)
    new = wished * split
    sold = np.where((held > 0.0) & (new <= -held), -held, _whole(new, market.lots))
    return np.where(split == 1.0, wished, np.where(new < 0.0, sold, _whole(new, market.lots)))


def _move(units: Array, trades: Array, worth: Array) -> None:
    """Book trades (n,), currency, at what a unit is worth."""
    moved = np.flatnonzero(trades)
    units[moved] += trades[moved] / worth[moved]


def _whole(units: Array, lots: Array) -> Array:
    """(n,) units without the fraction of a lot."""
    return clean(np.trunc(units / lots + np.sign(units) * LOT) * lots, lots)


def _tax_sales(inputs: EngineInputs, t: int, worth: Array, trades: Array, charges: Array) -> None:
    """Take what is sold for `trades` (n,), currency, from the tax lots, and write what is owed for its gains."""
    lots, cost_parameters = inputs.desk.lots, inputs.desk.cost_parameters
    if not inputs.costs.is_taxed:
        return
    long, short = np.zeros((2, len(trades)))
    for i in np.flatnonzero(trades < 0.0).tolist():
        put_in_order(lots, cost_parameters, i, worth[i], t)
        long[i], short[i], _, _ = gain(lots, cost_parameters.method, i, worth[i], -trades[i] / worth[i], t)
        sell_lots(lots, cost_parameters.method, i, -trades[i] / worth[i])
    capital_gains_tax(lots, cost_parameters, long + short, float(long.sum()), float(short.sum()), charges)
