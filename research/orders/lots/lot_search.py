"""A greedy search for the lots of a `LotProblem`, compiled: for backtests, many accounts and as the solver's start.

Each asset takes the lots that are best for it alone. Where these break a limit, orders are dropped and reduced until
they do not. Then single assets take lots more or less, as long as one such change improves the objective, the best
first.
"""

import numpy as np

from foundation.arrays import Array
from foundation.compiled import inlined, linked, on_demand
from foundation.tolerances import LOT, WEIGHT
from research.accounting.self_financing import charge_order
from research.orders.lots.lot_problem import CASH_WEIGHT, OUTSIDE, PAST_SHARE, LotProblem
from research.orders.lots.lot_terms import (
    CHARGE_ROWS,
    DIVISIBLE,
    FREED,
    GOAL,
    LEAST_VALUE,
    LOT_SIZE,
    LOT_STEPS,
    LOT_VALUE,
    LOWER_BOUND,
    MOST_VOLUME,
    ODD,
    OTHER,
    PRICE,
    SEARCH_KEY,
    SETTLES,
    SHORT_BY,
    UNITS_HELD,
    UPPER_BOUND,
    VALUE,
    WAY,
    WHOLE_LOTS,
    LotTerms,
    clean_lots,
)

NO_GAIN = 1e-15  # of NAV: what rounding of the objective may show as one
ROUNDS = 20  # of mending, and an asset of improving: each changes what is left, and a few are the usual number
SPENT_PER_VALUE = 1.05  # cash that a currency unit bought may take with its costs, where an asset is divided at will

NONE, TOGETHER, ALONE = range(3)  # what the search found


def search(problem: LotProblem) -> tuple[Array | None, bool]:
    """(n,) signed units that keep every limit but those of weights, and whether they are known to be the best.

    The units are None where even no orders keep the limits. They are the best where each asset's are the best for it
    alone, and bring cash to its point.
    """
    units = np.zeros(len(problem.way))
    found = best_lots(problem.terms, units, False)
    return (None if found == NONE else units), found == ALONE


def spend(problem: LotProblem, units: Array) -> Array:
    """(n,) signed units with more lots of the assets that share the cash, as long as one improves them and cash is
    left.

    units : (n,) signed units that keep every limit.
    """
    more = units.copy()
    best_lots(problem.terms, more, True)
    return units if problem.broken(more) else more


# -- of one asset -----------------------------------------------------------------------------------------------------


@linked
def _each(terms: LotTerms, i: int, units: float) -> float:
    """The objective of an order of asset i, fraction of NAV; see `LotProblem.each`."""
    lines = terms.lines
    traded = units * lines[PRICE, i]
    after = lines[VALUE, i] + traded
    outside = max(max(lines[LOWER_BOUND, i] - after, after - lines[UPPER_BOUND, i]), 0.0)
    past = after - lines[GOAL, i] + lines[SHORT_BY, i]
    away = abs(past) - (1.0 - PAST_SHARE) * min(max(past, 0.0), lines[SHORT_BY, i])
    return (away + OUTSIDE * outside + _cost(terms, i, traded)) / terms.nav


@inlined
def _cost(terms: LotTerms, i: int, traded: float) -> float:
    """Costs of an order of asset i, currency."""
    cost = 0.0
    if traded != 0.0:
        charge_order(terms.costs, terms.r, terms.q, i, abs(traded), terms.scratch)
        for k in range(CHARGE_ROWS):
            cost += terms.scratch[k, i]
    return cost


@linked
def _net(terms: LotTerms, units: Array) -> float:
    """Buys less sells of orders of signed units (n,), currency."""
    net = 0.0
    for i in range(len(units)):
        net += units[i] * terms.lines[PRICE, i]
    return net


@linked
def _objective(terms: LotTerms, units: Array) -> float:
    """The objective of signed units (n,) but for soft limits, fraction of NAV; see `LotProblem.objective`."""
    lost = 0.0
    for i in range(len(units)):
        lost += _each(terms, i, units[i])
    return lost + _of_cash(terms, _net(terms, units))


@linked
def _of_cash(terms: LotTerms, net: float) -> float:
    """The weighted distance of cash where buys exceed sells by so much, fraction of NAV."""
    return CASH_WEIGHT * abs(net - terms.net) / terms.nav


@linked
def _units(terms: LotTerms, i: int, steps: float) -> float:
    """The signed units of so many steps of asset i; see `LotProblem.units`."""
    lines = terms.lines
    if lines[ODD, i] > 0.0 and steps > lines[WHOLE_LOTS, i]:
        return -lines[UNITS_HELD, i]
    return clean_lots(lines[WAY, i] * min(steps, lines[WHOLE_LOTS, i]) * lines[LOT_SIZE, i], lines[LOT_SIZE, i])


@linked
def _steps(terms: LotTerms, i: int, units: float) -> float:
    """The steps of signed units of asset i: the input of `_units`."""
    lines = terms.lines
    if lines[ODD, i] > 0.0 and units <= -lines[UNITS_HELD, i]:
        return lines[LOT_STEPS, i]
    return np.rint(abs(units) / lines[LOT_SIZE, i])


@linked
def _sendable(terms: LotTerms, i: int, units: float) -> bool:
    """True if the order of asset i is large enough to be sent, or none."""
    return units == 0.0 or abs(units) * terms.lines[PRICE, i] >= terms.lines[LEAST_VALUE, i] * (1.0 - WEIGHT)


@linked
def _wanted(terms: LotTerms, i: int, unpaid: float) -> float:
    """Lots from asset i to its point, but for so much of it, currency."""
    lines = terms.lines
    return max(lines[WAY, i] * (lines[GOAL, i] - unpaid - lines[VALUE, i]), 0.0) / lines[LOT_VALUE, i]


@linked
def best_alone(terms: LotTerms, units: Array) -> None:
    """Write the units (n,) that are best for each asset by itself: nothing, or the whole lots next to its share."""
    for i in range(len(units)):
        wanted = _wanted(terms, i, terms.lines[SHORT_BY, i])
        least = np.ceil(terms.lines[LEAST_VALUE, i] / terms.lines[LOT_VALUE, i] - LOT)
        units[i], loss = 0.0, _each(terms, i, 0.0)
        for lots in (np.floor(wanted + LOT), np.ceil(wanted - LOT), least):
            tried = _units(terms, i, min(lots, terms.lines[LOT_STEPS, i]))
            if _sendable(terms, i, tried):
                here = _each(terms, i, tried)
                if here < loss - NO_GAIN:
                    units[i], loss = tried, here


# -- of all assets ----------------------------------------------------------------------------------------------------


@inlined
def _paid_cents(terms: LotTerms, units: Array, day: float) -> tuple[float, float, float]:
    """Buys less sells, their sizes and their costs of signed units (n,) that settle by a day, all in whole cents."""
    traded, sizes, charged, charges = 0.0, 0.0, 0.0, terms.scratch
    for i in range(len(units)):
        cents = np.rint(units[i] * terms.lines[PRICE, i] * 100.0)
        if cents != 0.0 and terms.lines[SETTLES, i] <= day:
            traded += cents
            sizes += abs(cents)
            charge_order(terms.costs, terms.r, terms.q, i, abs(cents) / 100.0, charges)
            for k in range(CHARGE_ROWS):
                charged += np.rint(charges[k, i] * 100.0)
    return traded, sizes, charged


@linked
def cash_after(terms: LotTerms, units: Array) -> float:
    """Cash after orders of signed units and their costs, currency; see `Position.cash_after`.

    terms : position before them.
    units : (n,) signed units.
    """
    traded, _, charged = _paid_cents(terms, units, np.inf)
    return (terms.cents - traded - charged) / 100.0


@linked
def short_on(terms: LotTerms, units: Array, floor: float, day: float) -> float:
    """Shortfall of cash on a day after orders of signed units, currency; see `Position.short_on`.

    terms : position before them.
    units : (n,) signed units.
    floor : cash that stays, currency.
    day   : sessions from the trade.
    """
    traded, sizes, charged = _paid_cents(terms, units, day)
    held, left, debt = terms.cents / 100.0, (terms.cents - traded - charged) / 100.0, terms.debt
    if not np.isinf(day):
        floor, debt = min(floor, held), max(debt, -held)
    return max(floor, terms.adverse * (sizes + charged) / 100.0 - debt) - left


@linked
def short_first(terms: LotTerms, units: Array, floor: float) -> tuple[float, float]:
    """The largest shortfall of cash on any day after orders, currency, and the day; see `Position.short`.

    terms : position before them.
    units : (n,) signed units.
    floor : cash that stays, currency.
    """
    most, on = short_on(terms, units, floor, np.inf), np.inf
    for day in terms.early:
        short = short_on(terms, units, floor, day)
        if short > most:
            most, on = short, day
    return most, on


@linked
def _spare(terms: LotTerms, units: Array, i: int) -> float:
    """The cash that an order of asset i may use from its settlement on, currency."""
    short = short_on(terms, units, terms.floor, np.inf)
    for day in terms.early:
        if day >= terms.lines[SETTLES, i]:
            short = max(short, short_on(terms, units, terms.floor, day))
    return max(-short, 0.0)


@linked
def turnover_of(terms: LotTerms, units: Array) -> float:
    """One-way, fraction of NAV."""
    bought, sold = 0.0, 0.0
    for i in range(len(units)):
        traded = units[i] * terms.lines[PRICE, i]
        bought += max(traded, 0.0)
        sold -= min(traded, 0.0)
    return max(bought, sold) / terms.nav


@linked
def breaks_limits(terms: LotTerms, units: Array) -> bool:
    """True if the orders break a limit; see `LotProblem.broken`."""
    lines, count = terms.lines, 0
    for i in range(len(units)):
        count += units[i] != 0.0
        volume = lines[MOST_VOLUME, i] * (1.0 + WEIGHT) + LOT * lines[LOT_SIZE, i]
        if abs(units[i]) > volume or not _sendable(terms, i, units[i]):
            return True
    if count > terms.most or (terms.turnover < np.inf and turnover_of(terms, units) > terms.turnover + WEIGHT):
        return True
    return short_first(terms, units, terms.floor)[0] > 0.0


@on_demand
def best_lots(terms: LotTerms, units: Array, known: bool) -> int:
    """Write the units (n,) that are best for each asset by itself, or else within all limits; see `search`.

    known : true if the units keep all limits already: then lots are only added, see `spend`.
    """
    if known:
        _improve(terms, units, True)
        return TOGETHER
    best_alone(terms, units)
    if not breaks_limits(terms, units) and _of_cash(terms, _net(terms, units)) <= NO_GAIN:
        return ALONE
    return TOGETHER if best_together(terms, units) else NONE


@on_demand
def best_together(terms: LotTerms, units: Array) -> bool:
    """Bring orders (n,) that break a limit within all, and improve them; gives False where no orders keep them."""
    _send_fewer(terms, units)
    turnover = turnover_of(terms, units)
    if turnover > terms.turnover:
        _reduce(terms, units, terms.turnover / turnover, False, np.inf)
    _pay(terms, units)
    if breaks_limits(terms, units):
        for i in range(len(units)):
            units[i] = 0.0
        if breaks_limits(terms, units):
            return False
    _improve(terms, units, False)
    return True


@linked
def _send_fewer(terms: LotTerms, units: Array) -> None:
    """Keep only as many orders as may be sent, those that gain most."""
    count, left, gains = 0, terms.scratch[OTHER], terms.scratch[SEARCH_KEY]
    for i in range(len(units)):
        count += units[i] != 0.0
        gains[i] = _each(terms, i, 0.0) - _each(terms, i, units[i])
        left[i] = 1.0
    if count <= terms.most:
        return
    for _ in range(terms.most):
        left[_largest(gains, left)] = 0.0
    for i in range(len(units)):
        units[i] *= 1.0 - left[i]


@linked
def _largest(keys: Array, left: Array) -> int:
    """The first of the largest keys (n,) of those that are left (n,), above zero; -1 where none is."""
    found = -1
    for i in range(len(keys)):
        if left[i] > 0.0 and (found < 0 or keys[i] > keys[found]):
            found = i
    return found


@linked
def _reduce(terms: LotTerms, units: Array, part: float, buys_only: bool, day: float) -> None:
    """Multiply orders that settle by a day by a fraction, in whole lots; those that become too small are not sent."""
    for i in range(len(units)):
        if terms.lines[SETTLES, i] > day:
            continue
        steps = _steps(terms, i, units[i])
        if units[i] > 0.0 or (units[i] < 0.0 and not buys_only):
            steps = np.floor(steps * part)
        smaller = _units(terms, i, steps)
        units[i] = smaller if _sendable(terms, i, smaller) else 0.0


@linked
def _pay(terms: LotTerms, units: Array) -> None:
    """Bring orders within cash: less of buys or more of sells, in rising order of loss per currency.

    Where cash lacks more than a few lots, all buys are reduced in proportion first.
    """
    lines, bought, few = terms.lines, 0.0, 0.0
    short, day = short_first(terms, units, terms.floor)
    for i in range(len(units)):
        if units[i] > 0.0 and lines[SETTLES, i] <= day:
            bought += units[i] * lines[PRICE, i]
            few += 2.0 * lines[LOT_VALUE, i]
    if short > few and bought > 0.0:
        _reduce(terms, units, max(1.0 - (short - few) / bought, 0.0), True, day)
        short, day = short_first(terms, units, terms.floor)
    other, freed, keys = terms.scratch[OTHER], terms.scratch[FREED], terms.scratch[SEARCH_KEY]
    for _ in range(ROUNDS):
        if short <= 0.0:
            return
        lots = _lots_each(terms, units, short, day)
        for i in range(len(units)):
            buys, steps = lines[WAY, i] > 0.0, _steps(terms, i, units[i])
            step = np.ceil(short / lines[LOT_VALUE, i])
            if lines[DIVISIBLE, i] == 0.0:  # what is past its share at once: no other asset loses less
                past = steps - np.floor(_wanted(terms, i, lines[SHORT_BY, i])) if lines[SHORT_BY, i] > 0.0 else 1.0
                step = max(min(step, max(past, lots)), 1.0)
            steps = steps - step if buys else steps + step
            other[i] = _units(terms, i, min(max(steps, 0.0), lines[LOT_STEPS, i]))
            if not _sendable(terms, i, other[i]):
                other[i] = 0.0 if buys else units[i]
            freed[i] = (units[i] - other[i]) * lines[PRICE, i] if lines[SETTLES, i] <= day else 0.0
            loss = _each(terms, i, other[i]) - _each(terms, i, units[i])
            keys[i] = -loss / min(freed[i], short) if freed[i] > 0.0 else 0.0
            freed[i] = max(freed[i], 0.0)
        if _take(units, other, freed, keys, short) == 0.0:
            return
        short, day = short_first(terms, units, terms.floor)


@linked
def _lots_each(terms: LotTerms, units: Array, short: float, day: float) -> float:
    """So many lots of each asset that may change by a lot without freeing more than cash lacks free it together.

    Otherwise a lot that frees far more would be given up, where many small ones lose less.
    """
    lines, freed = terms.lines, 0.0
    for i in range(len(units)):
        steps, lot = _steps(terms, i, units[i]), lines[LOT_VALUE, i]
        able = steps > 0.0 if lines[WAY, i] > 0.0 else steps < lines[LOT_STEPS, i]
        freed += lot if able and lot <= short and lines[SETTLES, i] <= day else 0.0
    return np.ceil(short / freed) if freed > 0.0 else 1.0


@linked
def _take(units: Array, other: Array, freed: Array, keys: Array, short: float) -> float:
    """Change orders (n,) to others (n,), the largest key first, until they free the lacking cash; gives the freed cash.

    freed : (n,) cash by each, currency; written: zero where it is taken.
    """
    total = 0.0
    while total < short:
        found = _largest(keys, freed)
        if found < 0:
            break
        total += freed[found]
        units[found], freed[found] = other[found], 0.0
    return total


@on_demand
def _improve(terms: LotTerms, units: Array, shared: bool) -> None:
    """Change the lots of one asset at a time, as long as that improves the objective and keeps every limit.

    The change that gains most for what it trades is first.
    shared : true for more lots of assets that share the cash only.
    """
    other, keys, left = terms.scratch[OTHER], terms.scratch[SEARCH_KEY], terms.scratch[FREED]
    for _ in range(ROUNDS * len(units)):
        net, spare = _net(terms, units), max(-short_first(terms, units, terms.floor)[0], 0.0)
        for i in range(len(units)):
            own = _spare(terms, units, i) if len(terms.early) > 0 else spare
            other[i] = _more(terms, units, i, own, net)
            keys[i] = _gain(terms, units[i], other[i], i, own, net)
            if shared and terms.lines[SHORT_BY, i] == 0.0:
                keys[i] = 0.0
            elif not shared and units[i] != 0.0:
                fewer = _fewer(terms, units, i, net)
                gain = _gain(terms, units[i], fewer, i, own, net)
                if gain > keys[i]:
                    other[i], keys[i] = fewer, gain
            left[i] = keys[i]
        if not _change(terms, units, net):
            return


@linked
def _change(terms: LotTerms, units: Array, net: float) -> bool:
    """Make the change with the largest key that keeps every limit, or one lot of it; gives whether there is one."""
    other, keys, left = terms.scratch[OTHER], terms.scratch[SEARCH_KEY], terms.scratch[FREED]
    found = _largest(keys, left)
    while found >= 0:
        before, steps = units[found], _steps(terms, found, units[found])
        one = _units(terms, found, steps + np.sign(_steps(terms, found, other[found]) - steps))
        units[found] = other[found]
        if not breaks_limits(terms, units):
            return True
        units[found] = one
        if (
            one != other[found]
            and _gain(terms, before, one, found, np.inf, net) > 0.0
            and not breaks_limits(terms, units)
        ):
            return True
        units[found], left[found] = before, 0.0
        found = _largest(keys, left)
    return False


@linked
def _gain(terms: LotTerms, units: float, other: float, i: int, spare: float, net: float) -> float:
    """Improvement of the objective by other units of asset i, over what they trade; 0 where they may not be sent.

    spare : cash that they may use, currency.
    net   : buys less sells of all orders, currency.
    """
    used = (other - units) * terms.lines[PRICE, i]
    if used == 0.0 or used > spare or not _sendable(terms, i, other):
        return 0.0
    gain = _each(terms, i, units) - _each(terms, i, other) + _of_cash(terms, net) - _of_cash(terms, net + used)
    return gain / abs(used) if gain > NO_GAIN else 0.0


@linked
def _more(terms: LotTerms, units: Array, i: int, spare: float, net: float) -> float:
    """The units of asset i with a lot more, or with as many as bring it to its share, or cash to its point."""
    lines, steps, lot = terms.lines, _steps(terms, i, units[i]), terms.lines[LOT_VALUE, i]
    share, goal = np.floor(_wanted(terms, i, lines[SHORT_BY, i]) + LOT), np.floor(_wanted(terms, i, 0.0) + LOT)
    most = goal if lines[WAY, i] < 0.0 else min(goal, steps + np.floor(spare / SPENT_PER_VALUE / lot))
    to = min(share if steps < share else steps + np.floor(lines[WAY, i] * (terms.net - net) / lot), most)
    sent = np.ceil(lines[LEAST_VALUE, i] / lot - LOT)
    return _units(terms, i, min(max(max(to, steps + 1.0), sent), lines[LOT_STEPS, i]))


@linked
def _fewer(terms: LotTerms, units: Array, i: int, net: float) -> float:
    """Units of asset i with a lot less, or with as many less as bring cash to its point, but not below its share."""
    lines, steps = terms.lines, _steps(terms, i, units[i])
    share = np.floor(_wanted(terms, i, lines[SHORT_BY, i]) + LOT)
    to = max(steps - np.floor(lines[WAY, i] * (net - terms.net) / lines[LOT_VALUE, i]), share)
    fewer = _units(terms, i, max(min(to, steps - 1.0), 0.0))
    return fewer if _sendable(terms, i, fewer) else 0.0
