"""Orders in whole lots inside a backtest, compiled: sized as in a trade list."""

import numpy as np

from backtests.engine.ledger import Reason
from backtests.engine.loop_inputs import LoopInputs, WholeLots
from foundation.arrays import Array
from foundation.compiled import inlined, linked, on_demand, refer
from foundation.tolerances import COUNTED, LOT
from research.accounting.cost_parameters import CostParameters
from research.accounting.kernel import REFUSED, Box, wealth, weigh
from research.orders.lots.lot_search import breaks_limits, cash_after
from research.orders.lots.lot_step import AskedTrade, StepMemory, lots_toward, owes
from research.orders.lots.lot_terms import (
    LEAST_BUY,
    LEAST_SELL,
    LEAST_VALUE,
    LOT_SIZE,
    MAY_BUY,
    MAY_SELL,
    MOST_BOUGHT,
    MOST_SOLD,
    MOST_VOLUME,
    PRICE,
    SETTLES,
    UNITS_HELD,
    LotTerms,
    clean_lots,
    with_problem,
)
from research.orders.lots.position import CENT, MOST_LOTS
from research.rules.destinations import copy_box, remake
from research.rules.rule_options import NETWORK, RuleInput, RuleRow, row_after_trade
from research.rules.triggers import answer

NO_ORDERS, SOME_ORDERS = 0, 1  # what `size_orders` gives, or REFUSED


# -- a position ------------------------------------------------------------------------------------------------------


@linked
def write_position(lots: WholeLots, worth: Array, t: int, units: Array, cash: float, lines: Array) -> None:
    """Write what is held at one close, as `Position.at` has it.

    lots  : lots and quotes.
    worth : (T, n) worth of a unit, currency.
    t     : row of the day.
    units : (n,) units held.
    cash  : currency.
    lines : (24, n) lines of `LotTerms`; written.
    """
    total = abs(cash)
    for i in range(len(units)):
        total += abs(units[i] * worth[t, i])
    for i in range(len(units)):
        price, lot = lots.prices[t, i], lots.lots[i] if lots.quoted[t, i] else CENT
        over = max(total / price, 1.0) / (lot * MOST_LOTS)
        lines[UNITS_HELD, i], lines[PRICE, i] = units[i] * worth[t, i] / price, price
        lines[LOT_SIZE, i] = lot * 10.0 ** np.ceil(np.log10(over)) if over > 1.0 else lot
        lines[MOST_BOUGHT, i] = lines[MOST_SOLD, i] = lines[MOST_VOLUME, i] = np.inf
        lines[SETTLES, i] = 0.0


@inlined
def terms_of(lots: WholeLots, costs: CostParameters, t: int, lines: Array, cash: float) -> LotTerms:
    """The terms of a position whose orders have no limits; writes its least orders.

    lots  : their minimum.
    costs : costs of orders; tax is left out, since a trade list does not know it before.
    t     : row of the day.
    lines : (24, n) lines of the position.
    cash  : in whole cents, currency.
    """
    nav = wealth(lines[UNITS_HELD], lines[PRICE : PRICE + 1], 0, cash, 1.0)
    for i in range(lines.shape[1]):
        lines[LEAST_BUY, i] = lines[LEAST_SELL, i] = lines[LEAST_VALUE, i] = max(lots.minimum, COUNTED * nav)
    untaxed = CostParameters(
        costs.rates, costs.total, costs.minimum, costs.ticket, costs.impact, costs.exponent, 0.0, 0.0, costs.method,
        costs.plain, 0.0, costs.long_from,
    )  # fmt: skip
    r, q = min(t, len(costs.rates) - 1), min(t, len(costs.impact) - 1)
    cents, n = np.rint(cash * 100.0), lines.shape[1]
    return LotTerms(lines, untaxed, r, q, nav, 0.0, cents, 0.0, 0.0, 0.0, n, np.inf, lots.away[:0], lots.scratch)


# -- sizing ----------------------------------------------------------------------------------------------------------


@on_demand
def size_orders(inputs: LoopInputs, t: int, booked: int, units: Array, cash_units: float, why: Reason) -> int:
    """Size the orders of a rule that trades at the close of row t, as `research.orders.lots.sizing.size` does.

    inputs     : inputs of the backtest; its rule was just asked. The orders that it wishes are written, in quoted
                 units, and its workspace.
    t          : row of the day.
    booked     : row of the last booking.
    units      : (n,) units held.
    cash_units : units of cash held.
    why        : reason of the rule.
    Returns    : NO_ORDERS, SOME_ORDERS, or REFUSED where costs would take more than the assets that trade are worth.
    """
    lots, sessions, rule, workspace, desk = inputs.lots, inputs.sessions, inputs.rule, inputs.workspace, inputs.desk
    first, lines, sent, total = lots.lines[0], lots.lines[1], lots.step[3], lots.wished
    k = row_after_trade(rule.row[t], inputs.options, t - booked)
    row, line, allowed = RuleRow(rule, inputs.options, k, workspace), why.line, why.allowed
    cash = cash_units * sessions.cash_index[t]
    nav = wealth(units, sessions.closes, t, cash_units, sessions.cash_index[t])
    free = weigh(units, sessions.closes, t, nav, workspace.weights)
    memory = StepMemory(lots.step, sessions.tradable, t, t, inputs.scratch, desk.lots, lots.record)
    write_position(lots, sessions.closes, t, units, cash, first)
    write_position(lots, sessions.closes, t, units, cash, lines)
    held, debt = np.rint(cash * 100.0) / 100.0, max(-cash, 0.0)
    before = refer(with_problem(terms_of(lots, desk.at_close, t, first, held), 0.0, 0.0, debt))
    for i in range(len(units)):
        total[i], lines[MAY_BUY, i] = 0.0, 1.0 if sessions.tradable[t, i] else 0.0
        lines[MAY_SELL, i] = lines[MAY_BUY, i]
    for turn in range(len(lots.away)):
        if turn > 0:
            held = _fill_all(before, total, lines)
        state = refer(with_problem(terms_of(lots, desk.at_close, t, lines, held), 0.0, 0.0, debt))
        if turn > 0:
            free = weigh(lines[UNITS_HELD], lines[PRICE : PRICE + 1], 0, state.nav, workspace.weights)
        at = RuleInput(workspace.weights, free, sessions.tradable, t)
        if turn > 0:
            trades, line, _, allowed = answer(at, state.nav, t - booked, row)
            if not trades:
                break
        box = _box(row, at)
        asked = AskedTrade(box, line, allowed, state.nav)
        found, floor, away = lots_toward(state, asked, memory, total, sent, owes(before))
        if found == REFUSED:
            return REFUSED
        if _has_come_back(lots, lines, turn, away) or not _add(
            with_problem(before, 0.0, floor, debt), total, sent, turn > 0
        ):
            break
        if box.fraction < 1.0 or not lots.again:
            break
    return SOME_ORDERS if any_order(total) else NO_ORDERS


@inlined
def _box(row: RuleRow, at: RuleInput) -> Box:
    """The box of a rule that was just asked at these weights."""
    rule, workspace, low, high = row.bands, row.workspace, row.bands.cash[row.k, 2], row.bands.cash[row.k, 3]
    if rule.makes_boxes:
        low, high = remake(at, row, at.t)
    else:
        copy_box(rule, row.k, workspace.box)
    fraction = workspace.fraction[0] if row.options.goal == NETWORK else rule.fraction
    return Box(workspace.box[0:1], workspace.box[1:2], workspace.box[2:3], 0, low, high, fraction)


@linked
def _fill_all(before: LotTerms, total: Array, lines: Array) -> float:
    """Write the units held after orders (n,) into lines; gives the cash after them, currency."""
    for i in range(len(total)):
        held = before.lines[UNITS_HELD, i]
        left = held + total[i]
        rounding = held >= 0.0 and left < 0.0 and left > -LOT * before.lines[LOT_SIZE, i]
        lines[UNITS_HELD, i] = 0.0 if rounding else left
    return cash_after(before, total)


@linked
def _has_come_back(lots: WholeLots, lines: Array, turn: int, away: float) -> bool:
    """Keep the holdings of a turn; true if they were held before: then the orders are the nearest ones since.

    Each lot of an asset may be further from its point than a rule allows: one turn buys it, and the next sells it.
    """
    held, orders, lots.away[turn] = lots.turns[0], lots.turns[1], away
    for i in range(held.shape[1]):
        held[turn, i], orders[turn, i] = clean_lots(lines[UNITS_HELD, i], lines[LOT_SIZE, i]), lots.wished[i]
    for earlier in range(turn):
        same = True
        for i in range(held.shape[1]):
            same = same and held[earlier, i] == held[turn, i]
        if same:
            nearest = earlier
            for other in range(earlier + 1, turn):
                nearest = other if lots.away[other] < lots.away[nearest] else nearest
            for i in range(held.shape[1]):
                lots.wished[i] = orders[nearest, i]
            return True
    return False


@linked
def _add(before: LotTerms, total: Array, sent: Array, again: bool) -> bool:
    """Add the orders sent (n,) to the total (n,); false where none is sent, or all would break a limit together.

    An odd lot goes in one order, which is no whole lots.
    """
    if not any_order(sent):
        return False
    for i in range(len(total)):
        if total[i] != 0.0:
            sent[i] = clean_lots(total[i] + sent[i], before.lines[LOT_SIZE, i])
    if again and breaks_limits(before, sent):
        return False
    for i in range(len(total)):
        total[i] = sent[i]
    return True


@linked
def any_order(units: Array) -> bool:
    """True if some asset is ordered.  units : (n,) signed units."""
    some = False
    for i in range(len(units)):
        some |= units[i] != 0.0
    return some
