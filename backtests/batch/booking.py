"""Backtest of a group of members over a few days in turn: due bookings are made, then the rules are asked.

All members of the group go together, masks say which of them a step is for. The numbers are those of `kernel.book` and
`bands.ask`, in the same order for each member, so that they have the same bits.
"""

from typing import NamedTuple

import numpy as np

from backtests.batch.state import (
    ASKED,
    BAND_ROW,
    BLOCK,
    BOX_LOWER,
    BOX_UPPER,
    CASH_BOUNDS,
    NEVER,
    NO_ROW,
    OPENING,
    RATES,
    TARGET_WEIGHTS,
    TILE_DAYS,
    TRADE_COSTS,
    TRIGGER_LOWER,
    TRIGGER_UPPER,
    BlockArrays,
    Panel,
    Play,
    State,
    bools,
    floats,
    ints,
)
from backtests.batch.streaming_metrics import Traded, more_traded
from foundation.arrays import Array
from foundation.compiled import inlined
from foundation.compiled.simd import (
    WIDTH,
    Mask,
    Vector,
    bits,
    fill,
    load,
    magnitude,
    mask,
    maximum,
    minimum,
    store,
    where,
)
from foundation.tolerances import COUNTED, TRIGGER, WEIGHT, WEIGHT_SUM
from research.accounting.box import Lines, into_box, sales_fraction
from research.accounting.proportional import (
    Rates,
    Taken,
    charges_of,
    kept_and_share,
    paid_for,
    trade_of,
    with_cost,
    with_line,
)
from research.rules.bands import past_trigger

ALL_LANES = (1 << WIDTH) - 1


class GroupDay(NamedTuple):
    """A group of members on one day.

    panel : the market.
    block : the members.
    state : their state; written.
    n     : number of assets.
    first : number of the group's first member.
    now   : row of the day.
    o     : place of the group's NAV on that day.
    """

    panel: Panel
    block: BlockArrays
    state: State
    n: int
    first: int
    now: int
    o: int


class Booked(NamedTuple):
    """The sums of a booking over its assets: cash, charges, buys, sells, and the number of assets that count."""

    cash: Vector
    paid: Vector
    bought: Vector
    sold: Vector
    lines: Vector


@inlined
def play_group(play: Play, group: int, t: int, length: int, valued: bool) -> tuple[int, int]:
    """Backtest a group through rows t to t + length; gives (member, row) that cannot go on, or (-1, -1).

    play   : the block; its state is written.
    group  : number of the group.
    t      : first row.
    length : number of rows, at most `TILE_DAYS`.
    valued : True if `state.nav` holds these days as if none traded.
    """
    panel, block, state = play.panel, play.block, play.state
    n, first, trades = panel.closes.shape[1], group * WIDTH, 0
    begin, change = load(block.first, first), 0
    for d in range(length):
        now, o = t + d, d * BLOCK + first
        day = GroupDay(panel, block, state, n, first, now, o)
        if now >= change:
            change = _follow_rows(day)
        nav = load(state.nav, o) if valued else value_group(state.units, panel.closes, panel.cash_index, now, first)
        store(state.before, o, nav)
        store(state.nav, o, nav)
        alive = begin < float(now)
        stopped = bits(alive) & ~bits(nav > 0.0)
        if stopped:
            return first + _lowest(stopped), now
        for turn in range(2):  # with a lag, what is due is booked and then the policy looks; without, it looks first
            booking = bits(load(state.due, first) == float(now))
            if booking:
                trades, valued = trades + 1, False
                refused = _book(day, booking)
                if refused:
                    return first + _lowest(refused), now
            if turn == 1 or not _look(day, valued):
                break
    _next_wake(group, t + length, trades, state)
    if state.wake[group] >= min(t + length + TILE_DAYS, len(panel.tradable)):  # else it is played on without a look
        refresh_bounds(n, first, state)
    return NO_ROW, NO_ROW


@inlined
def _lowest(flags: int) -> int:
    """The lowest bit that is set."""
    member = 0
    while not flags >> member & 1:
        member += 1
    return member


@inlined
def _next_wake(group: int, t: int, trades: int, state: State) -> None:
    """Set the next day on which the group must be run; a group that books on most days is run without this check."""
    wake = t if 2 * trades >= TILE_DAYS else np.iinfo(np.int64).max
    for member in range(group * WIDTH, (group + 1) * WIDTH):
        wake = min(wake, state.change[member])
        if state.again[member] > 0.0:
            wake = t
        if state.due[member] != NEVER:
            wake = min(wake, int(state.due[member]))
    state.wake[group] = wake


# -- rows and boxes --------------------------------------------------------------------------------------------------


@inlined
def _follow_rows(day: GroupDay) -> int:
    """Hold the triggers of the row in force, and open what opens today; gives the next day on which this is due."""
    block, state, first, now, following = day.block, day.state, day.first, day.now, np.iinfo(np.int64).max
    for member in range(first, first + WIDTH):
        if state.change[member] <= now:
            if block.first[member] == now:
                _prepare_opening(day, member)
            _next_row(day, member, member > first and block.first[member - 1] <= now)
        following = min(following, state.change[member])
    return following


@inlined
def _next_row(day: GroupDay, member: int, after_another: bool) -> None:
    """Hold the triggers of the row in force, and find the next day with another one; neighbours often have the same.

    after_another : True if the member before this one belongs to the group and is open, so that its next day is known.
    """
    block, state, days = day.block, day.state, len(day.panel.tradable)
    at, shape, row = block.at[member], (block.rows[member], day.n), ints(block.at[member, BAND_ROW], (days,))
    k, following = row[day.now], day.now + 1
    if after_another and block.at[member - 1, BAND_ROW] == block.at[member, BAND_ROW]:
        following = state.change[member - 1]
    while following < days and row[following] == k:
        following += 1
    state.change[member], state.row[member] = following, k
    lower, upper = floats(at[TRIGGER_LOWER], shape), floats(at[TRIGGER_UPPER], shape)
    cash = floats(at[CASH_BOUNDS], (block.rows[member], 4))
    for i in range(day.n):
        _hold_triggers(lower[k, i], upper[k, i], i * BLOCK + member, state)
    _hold_triggers(cash[k, 0], cash[k, 1], day.n * BLOCK + member, state)


@inlined
def _hold_triggers(lower: float, upper: float, o: int, state: State) -> None:
    """Hold the triggers of an asset of a member, and what `refresh_bounds` multiplies by."""
    slack = 0.5 * TRIGGER
    state.lower[o], state.upper[o] = lower, upper
    state.per_lower[o], state.per_upper[o] = 1.0 / (lower - slack), 1.0 / (upper + slack)


@inlined
def _hold_boxes(day: GroupDay, which: int) -> None:
    """Hold the boxes into which these members will trade."""
    block, state, first, n = day.block, day.state, day.first, day.n
    for member in range(first, first + WIDTH):
        k = state.row[member]
        if which >> (member - first) & 1 and state.boxed[member] != k:
            at, shape = block.at[member], (block.rows[member], n)
            lower, upper = floats(at[BOX_LOWER], shape), floats(at[BOX_UPPER], shape)
            cash = floats(at[CASH_BOUNDS], (block.rows[member], 4))
            for i in range(n):
                state.box_lower[i * BLOCK + member], state.box_upper[i * BLOCK + member] = lower[k, i], upper[k, i]
            state.box_lower[n * BLOCK + member], state.box_upper[n * BLOCK + member] = cash[k, 2], cash[k, 3]
            state.boxed[member] = k


@inlined
def _prepare_opening(day: GroupDay, member: int) -> None:
    """A wealth of 1 in cash, and the first target as the box into which it is traded today."""
    block, state, n = day.block, day.state, day.n
    goal, rates = floats(block.at[member, OPENING], (n,)), floats(block.at[member, RATES], (2, n))
    for i in range(n):
        o = i * BLOCK + member
        state.box_lower[o] = state.box_upper[o] = goal[i]
        state.rates[o], state.rates[n * BLOCK + o] = rates[0, i], rates[1, i]
    o = n * BLOCK + member
    state.box_lower[o] = state.box_upper[o] = block.opening_cash[member]
    state.units[o], state.due[member] = 1.0 / day.panel.cash_index[day.now], day.now


# -- the rules -------------------------------------------------------------------------------------------------------


@inlined
def _look(day: GroupDay, fresh: bool) -> bool:
    """Ask the rules of a group's members that have no pending booking; True if any of them trades.

    fresh : True if `state.over` and `state.under` belong to the units held; the check for no trade then costs half.
    """
    block, state, first, now = day.block, day.state, day.first, day.now
    idle = bits((load(block.first, first) < float(now)) & (load(state.due, first) == NEVER))
    again = bits(load(state.again, first) > 0.0)
    looks = idle & (_asked(day) | again)
    nav = load(state.nav, day.o)
    if not looks or (fresh and not looks & again and not _may_be_past(day, nav)):
        return False
    wants = looks & bits(_past(day, nav) > TRIGGER)
    store(state.again, first, where(mask(looks), fill(0.0), load(state.again, first)))
    if not wants:
        return False
    store(state.due, first, where(mask(wants), load(block.lag, first) + float(now), load(state.due, first)))
    partly = mask(wants) & (load(block.again, first) > 0.0)
    store(state.again, first, where(partly, fill(1.0), load(state.again, first)))
    _hold_boxes(day, wants)
    return True


@inlined
def _may_be_past(day: GroupDay, nav: Vector) -> bool:
    """True if an asset of the group may be past a trigger today. See `refresh_bounds`."""
    panel, state, n, first, now = day.panel, day.state, day.n, day.first, day.now
    price = panel.cash_index[now]
    over, under = load(state.over, n * BLOCK + first) * price, load(state.under, n * BLOCK + first) * price
    for i in range(n):
        over = maximum(over, load(state.over, i * BLOCK + first) * panel.closes[now, i])
        under = minimum(under, load(state.under, i * BLOCK + first) * panel.closes[now, i])
    return bits((over > nav) | (under < nav)) != 0


@inlined
def _asked(day: GroupDay) -> int:
    """Bits of the members whose rule is asked today."""
    block, first, days = day.block, day.first, len(day.panel.tradable)
    if day.state.alike[first // WIDTH]:
        return ALL_LANES if bools(block.at[first, ASKED], (days,))[day.now] else 0
    found = 0
    for c in range(WIDTH):
        if bools(block.at[first + c, ASKED], (days,))[day.now]:
            found |= 1 << c
    return found


@inlined
def _past(day: GroupDay, nav: Vector) -> Vector:
    """The distance of the furthest asset beyond its trigger, as `weigh` and `ask` give it."""
    panel, state, n, first, now = day.panel, day.state, day.n, day.first, day.now
    per_nav, total, past = 1.0 / nav, fill(0.0), fill(-np.inf)
    for i in range(n):
        o = i * BLOCK + first
        weight = (load(state.units, o) * panel.closes[now, i]) * per_nav
        total = total + weight
        if panel.tradable[now, i]:
            past = maximum(past, past_trigger(weight, load(state.lower, o), load(state.upper, o)))
    o, weight = n * BLOCK + first, 1.0 - total
    return maximum(past, past_trigger(weight, load(state.lower, o), load(state.upper, o)))


@inlined
def refresh_bounds(n: int, first: int, state: State) -> None:
    """Update the bounds of the first check: `quiet_days.bounds`, with products for its quotients."""
    for i in range(n + 1):
        o = i * BLOCK + first
        units, lower, upper = load(state.units, o), load(state.per_lower, o), load(state.per_upper, o)
        size, long = magnitude(units), units >= 0.0
        outer, inner = where(long, upper, 0.0 - lower), where(long, lower, 0.0 - upper)
        store(state.over, o, where(outer >= 0.0, size * outer, fill(np.inf)))  # 0: a trigger that nothing reaches
        store(state.under, o, where(inner > 0.0, size * inner, fill(np.inf)))


# -- the booking -----------------------------------------------------------------------------------------------------


@inlined
def value_group(units: Array, index: Array, cash_index: Array, t: int, first: int) -> Vector:
    """NAV of a group at row t: `kernel.wealth`.

    units      : [n + 1, member] units held, cash last.
    index      : (T, n) worth of a unit of each asset.
    cash_index : (T,) worth of a unit of cash.
    t          : row of the day.
    first      : number of the group's first member.
    """
    n = index.shape[1]
    stop = n - n % 4
    a = b = c = d = fill(0.0)
    for i in range(0, stop, 4):
        o = i * BLOCK + first
        a = a + load(units, o) * index[t, i]
        b = b + load(units, o + BLOCK) * index[t, i + 1]
        c = c + load(units, o + 2 * BLOCK) * index[t, i + 2]
        d = d + load(units, o + 3 * BLOCK) * index[t, i + 3]
    for i in range(stop, n):
        a = a + load(units, i * BLOCK + first) * index[t, i]
    return ((a + b) + (c + d)) + load(units, n * BLOCK + first) * cash_index[t]


@inlined
def _book(day: GroupDay, booking: int) -> int:
    """Book what is due today in these members of a group, together; gives those that cannot be booked."""
    panel, block, state, n, first, now, o = day
    which = mask(booking)
    opens = which & (load(block.first, first) == float(now))
    nav = where(opens, fill(1.0), load(state.nav, o))
    fraction = where(opens, fill(1.0), load(block.fraction, first))
    cash_units, price = load(state.units, n * BLOCK + first), panel.cash_index[now]
    store(state.due, first, where(which, fill(NEVER), load(state.due, first)))
    cash = _clamp(day, nav)
    inside = minimum(maximum(cash, load(state.box_lower, n * BLOCK + first)), load(state.box_upper, n * BLOCK + first))
    far = booking & bits(magnitude(cash - inside) > WEIGHT_SUM)
    for c in range(WIDTH):
        if far >> c & 1:
            _find_point(day, c)
    taken = _aim(day, fraction)
    kept, share = kept_and_share(taken.kept, taken.share)
    moves = which & (taken.moved > 0.0)
    refused = bits(moves) & ~bits((nav > 0.0) & (taken.marginal < share))
    scale = _newton(day, nav, moves, kept, where(moves, share, fill(1.0)))
    after, done = _trade(day, nav, moves, scale, cash_units * price)
    store(state.units, n * BLOCK + first, where(moves, done.cash / price, load(state.units, n * BLOCK + first)))
    store(state.nav, o, where(moves, after, where(opens, fill(1.0), load(state.nav, o))))
    trading = bits(moves)
    if bits(opens):
        trading = trading & ~bits(opens)
        store(state.opening, first, where(opens, where(moves, done.paid, fill(0.0)), load(state.opening, first)))
        store(state.opening, BLOCK + first, where(opens, load(state.nav, o), load(state.opening, BLOCK + first)))
    _count(day, mask(trading), done, nav)
    return refused


@inlined
def _clamp(day: GroupDay, nav: Vector) -> Vector:
    """Write values and weights, and these clamped into the box; gives what is left to cash."""
    panel, state, now = day.panel, day.state, day.now
    per_nav, total = 1.0 / nav, fill(0.0)
    for i in range(day.n):
        o, at = i * BLOCK + day.first, i * WIDTH
        value = load(state.units, o) * panel.closes[now, i]
        weight = value * per_nav
        inside = weight  # what cannot trade stays where it is
        if panel.tradable[now, i]:
            inside = minimum(maximum(weight, load(state.box_lower, o)), load(state.box_upper, o))
        total = total + inside
        store(state.values, at, value)
        store(state.held, at, weight)
        store(state.asked, at, inside)
    return 1.0 - total


@inlined
def _find_point(day: GroupDay, c: int) -> None:
    """The point of the box where cash cannot take what clamping leaves, for one member of a group."""
    panel, block, state, n, now, member = day.panel, day.block, day.state, day.n, day.now, day.first + c
    at, shape, k, o = block.at[member], (block.rows[member], n), state.boxed[member], n * BLOCK + member
    lower, upper, target = floats(at[BOX_LOWER], shape), floats(at[BOX_UPPER], shape), floats(at[TARGET_WEIGHTS], shape)
    if block.first[member] == now:
        k, opening = 0, floats(at[OPENING], (1, n))
        lower, upper, target = opening, opening, opening
    for i in range(n):
        state.weights[i] = state.held[i * WIDTH + c]
    lines = Lines(lower[k], upper[k], target[k], floats(at[TRADE_COSTS], (n,)), state.movable)
    into_box(state.weights, panel.tradable[now], lines, state.box_lower[o], state.box_upper[o], state.goal)
    for i in range(n):
        state.asked[i * WIDTH + c] = state.goal[i]


@inlined
def _rates(state: State, o: int, n: int) -> Rates:
    """The cost rates of the asset whose members lie at o."""
    return load(state.rates, o), load(state.rates, n * BLOCK + o)


@inlined
def _unrounded(state: State, at: int) -> Vector:
    """The weight asked of the asset at `at`: its present weight where the move is within rounding."""
    held, goal = load(state.held, at), load(state.asked, at)
    return where(magnitude(goal - held) <= WEIGHT_SUM, held, goal)


@inlined
def _sold(state: State, n: int, fraction: Vector) -> Vector:
    """Fraction of the way that sales go: `kernel._go_part`."""
    total, buys, sales = fill(0.0), fill(0.0), fill(0.0)
    for i in range(n):
        total = total + load(state.held, i * WIDTH)
    if not bits(1.0 - total < -WEIGHT):
        return fraction
    for i in range(n):
        held, goal = load(state.held, i * WIDTH), _unrounded(state, i * WIDTH)
        buys, sales = buys + maximum(goal - held, fill(0.0)), sales + maximum(held - goal, fill(0.0))
    return sales_fraction(fraction, 1.0 - total, buys, sales)


@inlined
def _aim(day: GroupDay, fraction: Vector) -> Taken:
    """Write what is asked, with `fraction` of the way and without rounding; gives what the assets take."""
    state, n, first = day.state, day.n, day.first
    taken, sold, partly = Taken(fill(0.0), fill(1.0), fill(0.0), fill(0.0)), fraction, fraction < 1.0
    if bits(partly):
        sold = _sold(state, n, fraction)
    for i in range(n):
        o, at = i * BLOCK + first, i * WIDTH
        held, goal = load(state.held, at), _unrounded(state, at)
        goal = where(partly & (goal != held), held + where(goal < held, sold, fraction) * (goal - held), goal)
        taken = with_line(taken, goal, held, load(state.values, at), _rates(state, o, n))
        store(state.asked, at, goal)
    return taken


@inlined
def _newton(day: GroupDay, nav: Vector, moves: Mask, kept: Vector, share: Vector) -> Vector:
    """The scale at which all wealth is used, by Newton's steps until no member that moves takes another."""
    state, n, first = day.state, day.n, day.first
    scale, going, steps = (nav - kept) / share, bits(moves), 0
    while going and steps < 2 * n + 2:
        gap, slope = kept + share * scale - nav, share
        for i in range(n):
            o, at = i * BLOCK + first, i * WIDTH
            goal, held, value = load(state.asked, at), load(state.held, at), load(state.values, at)
            gap, slope = with_cost(gap, slope, goal, held, value, _rates(state, o, n), scale)
        nearer = scale - gap / slope
        going &= bits(nearer < scale)
        scale, steps = minimum(nearer, scale), steps + 1
    return scale


@inlined
def _trade(day: GroupDay, nav: Vector, moves: Mask, scale: Vector, cash: Vector) -> tuple[Vector, Booked]:
    """Write the units of the assets after the trades; gives NAV, and the sums, with the cash that is left."""
    a = b = c = d = zero = fill(0.0)
    n, counted = day.n, nav * COUNTED
    stop, done = n - n % 4, Booked(cash, zero, zero, zero, zero)
    for i in range(0, stop, 4):
        done, value = _trade_line(day, i, moves, scale, counted, done)
        a = a + value
        done, value = _trade_line(day, i + 1, moves, scale, counted, done)
        b = b + value
        done, value = _trade_line(day, i + 2, moves, scale, counted, done)
        c = c + value
        done, value = _trade_line(day, i + 3, moves, scale, counted, done)
        d = d + value
    for i in range(stop, n):
        done, value = _trade_line(day, i, moves, scale, counted, done)
        a = a + value
    price = day.panel.cash_index[day.now]
    return ((a + b) + (c + d)) + done.cash / price * price, done


@inlined
def _trade_line(
    day: GroupDay, i: int, moves: Mask, scale: Vector, counted: Vector, done: Booked
) -> tuple[Booked, Vector]:
    """Trade asset i; gives the sums so far, and the asset's value after it."""
    state, o, at, price, zero = day.state, i * BLOCK + day.first, i * WIDTH, day.panel.closes[day.now, i], fill(0.0)
    goal, weight, held = load(state.asked, at), load(state.held, at), load(state.units, o)
    trade, after = trade_of(goal, weight, load(state.values, at), scale)
    units = where((goal != weight) & moves, after / price, held)
    store(state.units, o, units)
    cash, paid = paid_for(done.cash, done.paid, trade, charges_of(trade, _rates(state, o, day.n)))
    bought, sold = done.bought + maximum(trade, zero), done.sold + maximum(zero - trade, zero)
    lines = done.lines + where(magnitude(trade) > counted, fill(1.0), zero)
    return Booked(cash, paid, bought, sold, lines), units * price


@inlined
def _count(day: GroupDay, which: Mask, done: Booked, nav: Vector) -> None:
    """Add what these members traded to their sums."""
    a, o = day.state.trades, day.first
    so_far = Traded(load(a, o), load(a, o + BLOCK), load(a, o + 2 * BLOCK), load(a, o + 3 * BLOCK))
    sums = more_traded(so_far, done.paid, done.bought, done.sold, done.lines, nav)
    store(a, o, where(which, sums.cost, so_far.cost))
    store(a, o + BLOCK, where(which, sums.turnover, so_far.turnover))
    store(a, o + 2 * BLOCK, where(which, sums.lines, so_far.lines))
    store(a, o + 3 * BLOCK, where(which, sums.days, so_far.days))
