"""From the exact step of a rule to its problem of whole lots, compiled: limits of orders, cash, and each asset's share.

A trade list takes these steps one by one, with the limits of weights between them; a backtest all in `lots_toward`.
"""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Mask
from foundation.compiled import inlined, linked, on_demand
from foundation.tolerances import COUNTED
from research.accounting.cost_parameters import Lots, Scratch
from research.accounting.kernel import REFUSED, Box, Pace, Quotes, Record, book
from research.orders.lots.lot_search import NONE, best_lots, cash_after, short_first, short_on, turnover_of
from research.orders.lots.lot_terms import (
    DIVISIBLE,
    DUE,
    FREED,
    GOAL,
    LOT_SIZE,
    LOWER_BOUND,
    MAY_BUY,
    MAY_SELL,
    MOST_BOUGHT,
    MOST_SOLD,
    MOST_VOLUME,
    OTHER,
    PRICE,
    SETTLES,
    SHORT_BY,
    UNITS_HELD,
    UPPER_BOUND,
    WAY,
    LotTerms,
    with_problem,
    write_steps,
)
from research.orders.lots.position import CENT

STEP_PARTS = 2**40  # in which a step is divided


class AskedTrade(NamedTuple):
    """A trade of a rule.

    box     : box to bring the weights into.
    line    : number of the asset that is the reason; not one of the assets where none is.
    allowed : allowed size of the reason, as `Why` has it.
    nav     : NAV after the exact step, currency.
    """

    box: Box
    line: int
    allowed: float
    nav: float


class StepMemory(NamedTuple):
    """Memory of an exact step.

    units    : (3, n) units after it: exact, within limits of orders, and within cash.
    tradable : (T, n) whether each asset can trade.
    t        : row of it.
    day      : row of the daily costs.
    scratch  : scratch of a booking.
    lots     : tax lots, of which none are held or used.
    record   : record of the step.
    """

    units: Array
    tradable: Mask
    t: int
    day: int
    scratch: Scratch
    lots: Lots
    record: Record


@on_demand
def exact_step(terms: LotTerms, box: Box, memory: StepMemory) -> tuple[bool, float]:
    """Write the units of `memory` after the self-financing step into a box, before rounding; gives the NAV after it.

    terms   : position before it.
    box     : destination.
    memory  : memory of the step.
    Returns : (whether the costs can be paid, currency).
    """
    lines, exact, scratch, t = terms.lines, memory.units[0], memory.scratch, memory.t
    for i in range(len(exact)):
        exact[i] = lines[UNITS_HELD, i]
    quotes = Quotes(lines[PRICE : PRICE + 1], 0, 1.0, memory.tradable[t : t + 1])
    pace, cash = Pace(memory.record.trades[:0], memory.day, 1.0), terms.cents / 100.0
    status, nav, _, _, _ = book(
        exact, cash, terms.nav, quotes, box, pace, terms.costs, memory.lots, scratch, memory.record
    )
    if status == REFUSED and box.cash_upper < 0.0:  # `within_cash` sells the rest of a withdrawal, and what costs take
        for i in range(len(exact)):
            if scratch.asked[i] != scratch.weights[i]:
                exact[i] = scratch.asked[i] * terms.nav / lines[PRICE, i]
        return True, terms.nav
    return status != REFUSED, nav


@on_demand
def within_cash(terms: LotTerms, exact: Array, needed: Array, wanted: float, owed: bool, units: Array) -> float:
    """Write the units after the exact step within limits of orders, and those within cash; gives the cash that stays.

    terms  : position before it.
    exact  : (n,) units after it.
    needed : (n,) units that keep the limits of weights with the least trade.
    wanted : cash that should stay, currency.
    owed   : true if a withdrawal is owed.
    units  : (2, n) written.
    """
    _limit(terms, exact, needed, units[0])
    floor = wanted - terms.debt if owed else cash_to_keep(terms, wanted, units[0])
    _pay(terms, units[0], floor, units[1])
    return floor


@linked
def _limit(terms: LotTerms, exact: Array, needed: Array, capped: Array) -> None:
    """Write the units after the exact step within shares of volume and the gain budget, reduced to turnover.

    terms  : position before it.
    exact  : (n,) units after it.
    needed : (n,) units that keep the limits of weights with the least trade, from which one factor for all begins.
    capped : (n,) written.
    """
    lines, moved = terms.lines, terms.scratch[OTHER]
    for i in range(len(exact)):
        most = lines[MOST_SOLD if exact[i] < lines[UNITS_HELD, i] else MOST_BOUGHT, i]
        moved[i] = min(max(exact[i] - lines[UNITS_HELD, i], -most), most)
    if turnover_of(terms, moved) > terms.turnover:
        low = _part_within_turnover(terms, needed, moved)
        for i in range(len(exact)):
            first = needed[i] - lines[UNITS_HELD, i]
            moved[i] = first + low * (moved[i] - first)
    for i in range(len(exact)):
        capped[i] = lines[UNITS_HELD, i] + moved[i]


@linked
def _part_within_turnover(terms: LotTerms, needed: Array, moved: Array) -> float:
    """The largest part of the way from the units needed (n,) to those moved (n,) that keeps the limit of turnover."""
    tried, low, high = terms.scratch[FREED], 0, STEP_PARTS
    for i in range(len(moved)):
        tried[i] = needed[i] - terms.lines[UNITS_HELD, i]
    if turnover_of(terms, tried) >= terms.turnover:
        return 0.0
    while low < high:
        middle = (low + high) // 2
        for i in range(len(moved)):
            first = needed[i] - terms.lines[UNITS_HELD, i]
            tried[i] = first + (middle + 1) / STEP_PARTS * (moved[i] - first)
        if turnover_of(terms, tried) <= terms.turnover:
            low = middle + 1
        else:
            high = middle
    return low / STEP_PARTS


@linked
def owes(terms: LotTerms) -> bool:
    """True if a withdrawal is owed, which an earlier debt is not.  terms : position before the orders."""
    return terms.cents / 100.0 < -terms.debt


@linked
def cash_to_keep(terms: LotTerms, wanted: float, exact: Array) -> float:
    """Cash that must stay, currency: what is wanted; or, where sells cannot reach it, all that they raise.

    terms  : position before the orders, which owes no withdrawal.
    wanted : currency.
    exact  : (n,) units after the orders.
    """
    sold, cash = terms.scratch[OTHER], terms.cents / 100.0
    if cash >= wanted:
        return wanted
    for i in range(len(exact)):
        sold[i] = min(exact[i] - terms.lines[UNITS_HELD, i], 0.0)
    if short_first(terms, sold, wanted)[0] <= 0.0:
        return wanted
    return max(cash, min(wanted, cash_after(terms, sold)))


@linked
def _pay(terms: LotTerms, capped: Array, floor: float, paid: Array) -> None:
    """Write the units after a step with its buys reduced by one factor to the cash.

    terms  : position before it.
    capped : (n,) units after it.
    floor  : cash that stays, currency.
    paid   : (n,) written.

    Where settlement dates differ, the buys that settle first are reduced first, to what cash can pay by then. Where all
    sells of the step do not pay a withdrawal, they are extended: a step sells down to the targets; a withdrawal is
    paid, and the reserve stays, even if the sells fill worse. All assets then keep the proportions of the step, in
    whatever order they stand. Where these do not suffice, as beside an asset that is halted, all that may be sold is.
    """
    held = terms.lines[UNITS_HELD]
    for i in range(len(paid)):
        paid[i] = capped[i] - held[i]
    for day in terms.early:
        reduce_buys(terms, paid, floor, day)
    reduce_buys(terms, paid, floor, np.inf)
    for i in range(len(paid)):
        paid[i] += held[i]
    if owes(terms):
        _raise_cash(terms, paid, floor)


@on_demand
def reduce_buys(terms: LotTerms, moved: Array, floor: float, day: float) -> None:
    """Reduce buys by one factor to the cash on a day.

    terms : position before the orders.
    moved : (n,) signed units; written.
    floor : cash that stays, currency.
    day   : sessions from the trade; later buys stay.
    """
    some = False
    for i in range(len(moved)):
        some |= moved[i] > 0.0 and terms.lines[SETTLES, i] <= day
    if not some or short_on(terms, moved, floor, day) <= len(moved) * CENT:
        return
    tried, low, high = terms.scratch[OTHER], 0, STEP_PARTS
    while low < high:
        middle = (low + high) // 2
        _fewer_buys(terms, moved, (middle + 1) / STEP_PARTS, day, tried)
        if short_on(terms, tried, floor, day) <= 0.0:
            low = middle + 1
        else:
            high = middle
    _fewer_buys(terms, moved, low / STEP_PARTS, day, tried)
    for i in range(len(moved)):
        moved[i] = tried[i]


@linked
def _fewer_buys(terms: LotTerms, moved: Array, part: float, day: float, out: Array) -> None:
    """Write orders (n,) of which a part of the buys that settle by a day is left."""
    for i in range(len(moved)):
        buys = moved[i] if moved[i] > 0.0 and terms.lines[SETTLES, i] <= day else 0.0
        out[i] = moved[i] - (1.0 - part) * buys


@linked
def _raise_cash(terms: LotTerms, units: Array, floor: float) -> None:
    """Extend the sells of a step to units (n,) by one share of what it leaves of their assets, to pay a withdrawal."""
    every, low, high = False, 0, STEP_PARTS
    if _short_after(terms, units, every, 0.0, floor) <= len(units) * CENT:
        return
    if _short_after(terms, units, every, 1.0, min(floor, 0.0)) > 0.0:  # they pay the withdrawal, and no reserve
        every, floor = True, min(floor, 0.0)
    if _short_after(terms, units, every, 1.0, floor) <= 0.0:
        while low < high:
            middle = (low + high) // 2
            if _short_after(terms, units, every, 1.0 - (middle + 1) / STEP_PARTS, floor) <= 0.0:
                low = middle + 1
            else:
                high = middle
        _sell_more(terms, units, every, 1.0 - low / STEP_PARTS)
        for i in range(len(units)):
            units[i] = terms.scratch[FREED, i]


@linked
def _sell_more(terms: LotTerms, units: Array, every: bool, part: float) -> None:
    """Write fewer units (n,), by a part of what the step leaves of assets that it sells, or also of those that stay."""
    lines, less = terms.lines, terms.scratch[FREED]
    for i in range(len(units)):
        moved = units[i] - lines[UNITS_HELD, i]
        sells = lines[MAY_SELL, i] > 0.0 and (moved < 0.0 or (every and moved == 0.0))
        left = max(units[i], 0.0) if sells else 0.0
        less[i] = units[i] - min(part * left, max(lines[MOST_SOLD, i] + moved, 0.0))


@linked
def _short_after(terms: LotTerms, units: Array, every: bool, part: float, cash: float) -> float:
    """Shortfall of cash after so many more sells, currency; see `_sell_more`."""
    _sell_more(terms, units, every, part)
    less, moved = terms.scratch[FREED], terms.scratch[OTHER]
    for i in range(len(units)):
        moved[i] = less[i] - terms.lines[UNITS_HELD, i]
    return short_on(terms, moved, cash, np.inf)


@on_demand
def write_problem(terms: LotTerms, asked: AskedTrade, capped: Array, paid: Array, before: Array) -> float:
    """Write the lots toward a point, inside the box where it is one; gives `LotTerms.net`.

    terms  : position before them; of its lines the problem is written, for `LotProblem.further` of zero.
    asked  : trade of the rule.
    capped : (n,) units of the step before cash reduces it, the point of what is bought.
    paid   : (n,) units that cash can pay, each asset's share.
    before : (n,) signed units of the orders so far, which may be taken back and not turned.

    Assets that are due come within a lot of their points first: whatever else the limits leave is for the others. Due
    are those outside a box, and the one that the rule names as past its limit. Where no lots leave any cash, the point
    is what cash can pay.
    """
    lines, box, k, moves, fine = terms.lines, asked.box, asked.box.k, 0, True
    for i in range(len(paid)):
        price, held, lower, upper = lines[PRICE, i], lines[UNITS_HELD, i], box.lower[k, i], box.upper[k, i]
        weight, boxed = held * price * (1.0 / terms.nav), lower < upper
        due = boxed and (weight < lower - COUNTED or weight > upper + COUNTED)
        due |= i == asked.line and asked.allowed != 0.0  # below zero for an asset under target
        exact = max(capped[i], paid[i]) if paid[i] >= held else paid[i]
        goal, share, wished = exact * price, paid[i] * price, exact - held
        may = lines[MAY_BUY if wished > 0.0 else MAY_SELL, i] > 0.0
        way = np.sign(wished) if may and abs(wished) * price > COUNTED * terms.nav else 0.0
        near = min(lines[LOT_SIZE, i], 0.5 * abs(wished)) * price
        most = max((lines[MOST_SOLD, i] if way < 0.0 else lines[MOST_BOUGHT, i]) - abs(before[i]), 0.0)
        lines[GOAL, i], lines[SHORT_BY, i], lines[WAY, i], lines[DUE, i] = (
            goal,
            goal - share,
            way,
            1.0 if due else 0.0,
        )
        lines[LOWER_BOUND, i] = min(lower * asked.nav, share) if boxed else (share - near if due else -np.inf)
        lines[UPPER_BOUND, i] = max(upper * asked.nav, goal) if boxed else (goal + near if due else np.inf)
        lines[MOST_VOLUME, i] = abs(before[i]) if way * before[i] < 0.0 else most
    net = write_steps(terms, 0.0)
    for i in range(len(paid)):
        if lines[WAY, i] != 0.0:
            moves, fine = moves + 1, fine and lines[DIVISIBLE, i] > 0.0
    if fine and moves <= terms.most:
        for i in range(len(paid)):
            lines[GOAL, i], lines[SHORT_BY, i] = lines[GOAL, i] - lines[SHORT_BY, i], 0.0
        net = write_steps(terms, 0.0)
    return net


@inlined
def _is_stuck(lines: Array, paid: Array, sent: Array) -> bool:
    """True if no asset that is due can be traded, so that the others would pay for nothing."""
    waits, some = False, False
    for i in range(len(sent)):
        due = lines[DUE, i] > 0.0
        waits |= due and paid[i] != lines[UNITS_HELD, i]
        some |= due and sent[i] != 0.0
    return waits and not some


@on_demand
def lots_toward(
    terms: LotTerms, asked: AskedTrade, memory: StepMemory, before: Array, sent: Array, owed: bool
) -> tuple[int, float, float]:
    """The whole lots nearest to the box of a rule, by the greedy search, of a position without limits of orders.

    terms   : position, whose cash may be spent to the last cent; of its lines the problem is written.
    asked   : trade of the rule; its NAV is that before the step.
    memory  : memory of the step, for one day.
    before  : (n,) signed units of the orders so far.
    sent    : (n,) signed units; written: none where no lots keep the limits, or assets that are due cannot trade.
    owed    : true if a withdrawal is owed.
    Returns : (REFUSED where the step cannot pay its costs, else what the search found, cash that stays, trade of the
              exact step), currency.
    """
    lines, exact, capped, paid = terms.lines, memory.units[0], memory.units[1], memory.units[2]
    held, cash = lines[UNITS_HELD], terms.cents / 100.0
    paid_for, nav = exact_step(terms, asked.box, memory)
    if not paid_for:
        return REFUSED, 0.0, 0.0
    away = 0.0
    for i in range(len(sent)):
        sent[i] = 0.0
        away += abs(exact[i] - held[i]) * lines[PRICE, i]
    floor = within_cash(terms, exact, held, 0.0, owed, memory.units[1:3])
    net = write_problem(terms, AskedTrade(asked.box, asked.line, asked.allowed, nav), capped, paid, before)
    found = NONE
    for _ in range(2):
        found = best_lots(with_problem(terms, net, floor, terms.debt), sent, False)
        if found != NONE or floor <= cash:
            break
        floor = cash  # sells in whole lots may not raise all that the exact ones do
    if found == NONE or _is_stuck(lines, paid, sent):
        for i in range(len(sent)):
            sent[i] = 0.0
    return found, floor, away
