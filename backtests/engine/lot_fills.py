"""Fills of orders in whole lots, compiled: at the prices of the booking, within cash, and after splits."""

from typing import NamedTuple

import numpy as np

from backtests.engine.account_events import NO_RULE_REASON
from backtests.engine.ledger import LIEU_BOOKING, Reason, write, write_decision
from backtests.engine.loop_inputs import Desk, EventInputs, WholeLots
from backtests.engine.lot_orders import any_order, terms_of, write_position
from foundation.arrays import Array
from foundation.compiled import inlined, linked, on_demand
from foundation.tolerances import LOT
from research.accounting.cost_parameters import TAX
from research.accounting.kernel import charge, wealth
from research.accounting.tax_lots import buy_lot, capital_gains_tax, gain, is_taxed, put_in_order, sell_lots
from research.orders.lots.lot_search import NONE, best_lots
from research.orders.lots.lot_step import reduce_buys
from research.orders.lots.lot_terms import (
    GOAL,
    LOWER_BOUND,
    MOST_VOLUME,
    PRICE,
    SHORT_BY,
    UNITS_HELD,
    UPPER_BOUND,
    WAY,
    clean_lots,
    with_problem,
    write_steps,
)
from research.orders.lots.position import CENT


class LotBooking(NamedTuple):
    """The rows of a booking: of the market when it was asked and when it is booked, and of the ledger."""

    asked: int
    t: int
    j: int


@on_demand
def fill(inputs: EventInputs, lots: WholeLots, at: LotBooking, units: Array, cash: float) -> tuple[float, float]:
    """Fill the orders that were wished, where their assets can trade and cash can pay for them.

    inputs  : its ledger's row of trades and charges is written.
    lots    : the orders; buys that cash cannot pay are written, currency.
    at      : rows of the booking.
    units   : (n,) units held; written.
    cash    : held, currency.
    Returns : (what cash pays, charges), currency.

    Sells and their tax come first. Where cash is too little for the buys, they are reduced as those of a trade list.
    """
    sessions, desk, t = inputs.sessions, inputs.desk, at.t
    costs = desk.cost_parameters if desk.at_open else desk.at_close
    trades, charges, unpaid = inputs.ledger.trades[at.j], inputs.ledger.charges[at.j], lots.unpaid[at.j]
    worth, orders, sizes = (sessions.opens[t] if desk.at_open else sessions.closes[t], lots.step[3], lots.step[0])
    for i in range(len(units)):
        price, orders[i], unpaid[i] = _fill_price(lots, at, i), 0.0, 0.0
        if sessions.tradable[t, i]:
            orders[i] = _after_splits(lots, at, i, units[i] * worth[i] / price)
        trades[i] = orders[i] * price
        sizes[i] = abs(trades[i])
    charge(costs, t, sizes, charges)
    if is_taxed(desk.cost_parameters):
        tax_sales(inputs, t, worth, trades, charges)
    paid = _sum(charges)
    if cash - _net_of(trades) - paid < -len(units) * CENT:
        cut_to_cash(inputs, lots, at, units, cash)
        for i in range(len(units)):
            trades[i] -= unpaid[i]
            sizes[i], inputs.scratch.gains[i] = abs(trades[i]), charges[TAX, i]
        charge(costs, t, sizes, charges)
        for i in range(len(units)):
            charges[TAX, i] = inputs.scratch.gains[i]
        paid = _sum(charges)
    if is_taxed(desk.cost_parameters):
        keep_purchases(desk, t, worth, trades)
    for i in range(len(units)):
        if trades[i] != 0.0:
            units[i] += trades[i] / worth[i]
    return _net_of(trades) + paid, paid


@on_demand
def fill_decision(
    inputs: EventInputs, lots: WholeLots, at: LotBooking, units: Array, cash_units: float, why: Reason
) -> tuple[float, float]:
    """Fill the orders of a decision, into a row of the ledger; gives (nav in currency, cash_units).

    inputs     : its ledger is written.
    lots       : the orders, as in `fill`.
    at         : rows of the booking.
    units      : (n,) units held; written.
    cash_units : units of cash held.
    why        : reason of the decision.
    """
    sessions, ledger, cash_price = inputs.sessions, inputs.ledger, inputs.sessions.cash_index[at.t]
    prices = sessions.opens if inputs.desk.at_open else sessions.closes
    before = wealth(units, prices, at.t, cash_units, cash_price)
    spent, paid = fill(inputs, lots, at, units, cash_units * cash_price)
    cash_units -= spent / cash_price
    nav = wealth(units, prices, at.t, cash_units, cash_price)
    write_decision(ledger, at.j, at.j, at.asked, why)
    write(ledger, at.j, at.t, units, cash_units, before, nav, paid)
    return nav, cash_units


@inlined
def _fill_price(lots: WholeLots, at: LotBooking, i: int) -> float:
    """The price at which asset i is booked, or, where one of the two is not quoted, that of its decision."""
    priced = lots.quoted[at.asked, i] and lots.filled[at.t, i]
    return lots.fills[at.t, i] if priced else lots.prices[at.asked, i]


@linked
def _after_splits(lots: WholeLots, at: LotBooking, i: int, held: float) -> float:
    """The order of asset i in units of its booking: whole lots, and no more than is held of what is sold."""
    wished, split = lots.wished[i], 1.0
    if len(lots.splits) == 0 or not (lots.quoted[at.asked, i] and lots.filled[at.t, i]):
        return wished
    for d in range(at.asked + 1, at.t + 1):
        split *= lots.splits[d, i]
    if split == 1.0:
        return wished
    return -held if held > 0.0 and wished * split <= -held else _whole(wished * split, lots.lots[i])


@inlined
def _whole(units: float, lots: float) -> float:
    """Units without the fraction of a lot."""
    return clean_lots(np.trunc(units / lots + np.sign(units) * LOT) * lots, lots)


@on_demand
def cut_to_cash(inputs: EventInputs, lots: WholeLots, at: LotBooking, units: Array, cash: float) -> None:
    """Write the buys of a booking that cash cannot pay, as `size` shares cash among them.

    inputs : its ledger has the trades and charges of the booking.
    lots   : the orders; buys that cash cannot pay are written, currency.
    at     : rows of the booking.
    units  : (n,) units held.
    cash   : held, currency.
    """
    sessions, desk, n = inputs.sessions, inputs.desk, len(units)
    trades, charges, unpaid = inputs.ledger.trades[at.j], inputs.ledger.charges[at.j], lots.unpaid[at.j]
    lines, orders, share, sent = lots.lines[0], lots.step[3], lots.step[1], lots.step[2]
    worth = sessions.opens if desk.at_open else sessions.closes
    for i in range(n):
        if orders[i] <= 0.0:
            cash -= trades[i]
            for c in range(len(charges)):
                cash -= charges[c, i]
    write_position(lots, worth, at.t, units, cash, lines)
    for i in range(n):
        price = _fill_price(lots, at, i)
        lines[UNITS_HELD, i] = units[i] * worth[at.t, i] / price + min(orders[i], 0.0)
        lines[PRICE, i], lines[MOST_VOLUME, i], share[i] = price, max(orders[i], 0.0), max(orders[i], 0.0)
    held = np.rint(cash * 100.0) / 100.0
    costs, floor = desk.cost_parameters if desk.at_open else desk.at_close, min(held, n * CENT)
    state = terms_of(lots, costs, at.t, lines, held)
    reduce_buys(state, share, floor, np.inf)
    for i in range(n):
        price, bought = lines[PRICE, i], lines[MOST_VOLUME, i]
        lines[GOAL, i], lines[SHORT_BY, i] = (lines[UNITS_HELD, i] + bought) * price, (bought - share[i]) * price
        lines[WAY, i], lines[LOWER_BOUND, i], lines[UPPER_BOUND, i] = np.sign(bought), -np.inf, np.inf
    found = best_lots(with_problem(state, write_steps(state, 0.0), floor, 0.0), sent, False)
    for i in range(n):
        unpaid[i] = (lines[MOST_VOLUME, i] - (sent[i] if found != NONE else 0.0)) * lines[PRICE, i]


@on_demand
def pay_in_lieu(
    inputs: EventInputs, lots: WholeLots, t: int, units: Array, cash_units: float, count: int
) -> tuple[float, int]:
    """Pay out the fractions of units that the splits of row t leave of whole ones; gives (cash_units, rows written).

    inputs     : its ledger gets a row where a fraction is paid.
    lots       : lots, quotes and splits.
    t          : row of the day.
    units      : (n,) units held; written.
    cash_units : units of cash held.
    count      : rows of the ledger written so far.

    They are paid at the close, and cost nothing but their tax. A fraction that was held before, as reinvested dividends
    leave one, stays one.
    """
    closes, cash_price, ledger = inputs.sessions.closes, inputs.sessions.cash_index[t], inputs.ledger
    trades, charges, before = (
        ledger.trades[count],
        ledger.charges[count],
        wealth(units, closes, t, cash_units, cash_price),
    )
    for i in range(len(units)):
        split, price, least, trades[i] = lots.splits[t, i], lots.prices[t, i], min(lots.lots[i], 1.0), 0.0
        for c in range(len(charges)):
            charges[c, i] = 0.0
        if lots.quoted[t, i] and split != 1.0:
            whole = _whole(units[i] * closes[t, i] / price / split, least) * split
            trades[i] = -(whole - _whole(whole, least)) * price
    if not any_order(trades):
        return cash_units, count
    if is_taxed(inputs.desk.cost_parameters):
        tax_sales(inputs, t, closes[t], trades, charges)
    for i in range(len(units)):
        if trades[i] != 0.0:
            units[i] += trades[i] / closes[t, i]
    paid = _sum(charges)
    cash_units -= (_net_of(trades) + paid) / cash_price
    write_decision(ledger, count, LIEU_BOOKING, t, NO_RULE_REASON)
    write(ledger, count, t, units, cash_units, before, wealth(units, closes, t, cash_units, cash_price), paid)
    return cash_units, count + 1


@on_demand
def tax_sales(inputs: EventInputs, t: int, worth: Array, trades: Array, charges: Array) -> None:
    """Take what is sold from the tax lots, and write what is owed for its gains.

    inputs  : its tax lots are written.
    t       : row of the day.
    worth   : (n,) worth of a unit, currency.
    trades  : (n,) currency, buys positive.
    charges : (columns, n) currency; the row of tax is written.
    """
    lots, costs, gains, long, short = inputs.desk.lots, inputs.desk.cost_parameters, inputs.scratch.gains, 0.0, 0.0
    for i in range(len(trades)):
        gains[i] = 0.0
        if trades[i] < 0.0:
            put_in_order(lots, costs, i, worth[i], t)
            of_long, of_short, _, _ = gain(lots, costs.method, i, worth[i], -trades[i] / worth[i], t)
            sell_lots(lots, costs.method, i, -trades[i] / worth[i])
            gains[i], long, short = of_long + of_short, long + of_long, short + of_short
    capital_gains_tax(lots, costs, gains, long, short, charges)


@on_demand
def keep_purchases(desk: Desk, t: int, worth: Array, trades: Array) -> None:
    """Keep what is bought as tax lots.

    desk   : its tax lots are written.
    t      : row of the day.
    worth  : (n,) worth of a unit, currency.
    trades : (n,) currency, buys positive.
    """
    for i in range(len(trades)):
        if trades[i] > 0.0:
            buy_lot(desk.lots, desk.cost_parameters, i, worth[i], trades[i] / worth[i], t)


@inlined
def _net_of(trades: Array) -> float:
    """Buys less sells, currency."""
    net = 0.0
    for i in range(len(trades)):
        net += trades[i]
    return net


@inlined
def _sum(charges: Array) -> float:
    """All charges, currency."""
    total = 0.0
    for c in range(len(charges)):
        for i in range(charges.shape[1]):
            total += charges[c, i]
    return total
