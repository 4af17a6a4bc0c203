"""The days of a block of configurations, compiled.

On most days no member of a group trades, so a group goes `TILE_DAYS` closes at a time. It is valued at all of these
closes as if it did not trade, and asked once whether any weight may have left its trigger in between; for that the
closes are taken relative to the market's mean growth, since only what moves an asset against the others moves its
weight. A group of which this cannot be excluded, or in which something is due, goes through these days one by one
(`booking`). The sums of `backtests.batch.streaming_metrics` go on for all.
"""

from typing import NamedTuple, TypeAlias

import numpy as np

from backtests.batch.booking import play_group
from backtests.batch.state import ASKED, BLOCK, GROUPS, NO_ROW, TILE_DAYS, BlockArrays, Panel, Play, State, bools
from backtests.batch.streaming_metrics import Curve, Span, Terms, Traded, finish, lived, opened
from foundation.arrays import Array
from foundation.compiled import inlined, linked
from foundation.compiled.simd import WIDTH, Mask, Vector, bits, fill, load, maximum, minimum, store, where

Four: TypeAlias = tuple[Vector, Vector, Vector, Vector]


class Returns(NamedTuple):
    """The returns against which members are measured, fraction.

    cash      : (T,) of cash.
    strategic : (T,) of the strategic target.
    own       : (P, T) of the members' own targets.
    """

    cash: Array
    strategic: Array
    own: Array


@linked
def play_block(play: Play, returns: Returns, terms: Terms, path: Array, out: Array) -> tuple[int, int]:
    """Backtest a block to the last row; gives (member, row) of the first trade that cannot be booked, or (-1, -1).

    play    : the block; its state is written.
    returns : of cash and of targets.
    terms   : price of tracking, and periods a year.
    path    : (BLOCK, T) NAV from a wealth of 1, or (0, T); written.
    out     : (BLOCK, len(BATCH_METRICS)) the metrics, in the units of records; written.
    """
    panel, block, state = play.panel, play.block, play.state
    days, n = panel.tradable.shape
    begin = _begin(block, n, days, state)
    for tile in range(begin // TILE_DAYS, len(panel.lowest)):
        t = tile * TILE_DAYS
        length = min(TILE_DAYS, days - t)
        for group in range(GROUPS):
            first, due = group * WIDTH, state.wake[group] < t + length
            plays = due
            if not due:
                _value(state.units, panel.closes, panel.cash_index, t, first, state.nav)
                plays = _may_trade(panel, t, tile, first, state) and _is_asked(block, group, t, t + length, days, state)
            if plays:
                member, row = play_group(play, group, t, length, not due)
                if row >= 0:
                    return member, row
            _live(play, returns, state.before if plays else state.nav, group, t, length)
        _keep(state.nav, t, length, path)
    for member in range(block.used):
        curve, trades = _curve_of(state.curves, member), _trades_of(state.trades, member)
        first, last = state.opening[BLOCK + member], state.nav[(length - 1) * BLOCK + member]
        span = Span(first, last, state.opening[member], days - 1 - int(block.first[member]), block.span[member])
        finish(curve, trades, span, terms, out[member])
    return NO_ROW, NO_ROW


@inlined
def _begin(block: BlockArrays, n: int, days: int, state: State) -> int:
    """Find when each group wakes, and which of them have one rule, or one target path; gives the first row."""
    begin = days
    for group in range(GROUPS):
        first = group * WIDTH
        wake = days
        for member in range(first, first + WIDTH):
            state.change[member] = int(block.first[member])
            wake = min(wake, state.change[member])
            if block.at[member, ASKED] != block.at[first, ASKED]:
                state.alike[group] = False
            if block.path[member] != block.path[first]:
                state.one_path[group] = False
        state.wake[group] = wake
        begin = min(begin, wake)
    return begin


@inlined
def _is_asked(block: BlockArrays, group: int, t: int, stop: int, days: int, state: State) -> bool:
    """True if a rule of the group is asked on a day before `stop`; finds the next such day from t on, and stores it."""
    if state.review[group] >= stop:
        return False
    following, member, last = days, group * WIDTH, group * WIDTH + WIDTH
    if state.alike[group]:
        last = member + 1
    while member < last:
        asked, day = bools(block.at[member, ASKED], (days,)), max(state.review[group], t)
        while day < following and not asked[day]:
            day += 1
        following, member = min(following, day), member + 1
    state.review[group] = following
    return following < stop


# -- what is done for every group, eight closes at a time ------------------------------------------------------------


@inlined
def _value(units: Array, index: Array, cash_index: Array, t: int, first: int, nav: Array) -> None:
    """NAV of a group at `TILE_DAYS` closes, as if it did not trade: four days' `kernel.wealth` at a time."""
    n = index.shape[1]
    stop = n - n % 4
    zero = fill(0.0)
    for half in range(0, TILE_DAYS, 4):
        a = b = c = d = zero, zero, zero, zero
        row = t + half
        for i in range(0, stop, 4):
            o = i * BLOCK + first
            held = load(units, o), load(units, o + BLOCK), load(units, o + 2 * BLOCK), load(units, o + 3 * BLOCK)
            a, b = _add(a, held, index, row, i), _add(b, held, index, row + 1, i)
            c, d = _add(c, held, index, row + 2, i), _add(d, held, index, row + 3, i)
        cash = load(units, n * BLOCK + first)
        o = half * BLOCK + first
        store(nav, o, _closed(a, units, index, row, first) + cash * cash_index[row])
        store(nav, o + BLOCK, _closed(b, units, index, row + 1, first) + cash * cash_index[row + 1])
        store(nav, o + 2 * BLOCK, _closed(c, units, index, row + 2, first) + cash * cash_index[row + 2])
        store(nav, o + 3 * BLOCK, _closed(d, units, index, row + 3, first) + cash * cash_index[row + 3])


@inlined
def _add(sums: Four, held: Four, index: Array, row: int, i: int) -> Four:
    """Four assets more in the four sums of a day."""
    return (
        sums[0] + held[0] * index[row, i],
        sums[1] + held[1] * index[row, i + 1],
        sums[2] + held[2] * index[row, i + 2],
        sums[3] + held[3] * index[row, i + 3],
    )


@inlined
def _closed(sums: Four, units: Array, index: Array, row: int, first: int) -> Vector:
    """The value of all assets on a day, from its four sums and the assets that are left."""
    a, b, c, d = sums
    n = index.shape[1]
    for i in range(n - n % 4, n):
        a = a + load(units, i * BLOCK + first) * index[row, i]
    return (a + b) + (c + d)


@inlined
def _may_trade(panel: Panel, t: int, tile: int, first: int, state: State) -> bool:
    """True if an asset of the group may be past a trigger at one of `TILE_DAYS` closes: see `refresh_bounds`."""
    low = high = load(state.nav, first) * panel.scale[t]
    for day in range(1, TILE_DAYS):
        value = load(state.nav, day * BLOCK + first) * panel.scale[t + day]
        low, high = minimum(low, value), maximum(high, value)
    over, under = fill(0.0), fill(np.inf)
    for i in range(panel.lowest.shape[1]):
        over = maximum(over, load(state.over, i * BLOCK + first) * panel.highest[tile, i])
        under = minimum(under, load(state.under, i * BLOCK + first) * panel.lowest[tile, i])
    return bits((over > low) | (under < high) | (low <= 0.0)) != 0


@inlined
def _live(play: Play, returns: Returns, before: Array, group: int, t: int, length: int) -> None:
    """These days of the group's curves.  before : [TILE_DAYS, member] NAV before each close's trade."""
    block, state, own, first = play.block, play.state, returns.own, group * WIDTH
    row, curve = block.path[first], _load_curve(state.curves, first)
    begin = load(block.first, first)
    opens = bits((begin >= float(t)) & (begin < float(t + length))) != 0
    if not state.one_path[group]:
        for day in range(length):
            for c in range(WIDTH):
                state.own[day * WIDTH + c] = own[block.path[first + c], t + day]
    for day in range(length):
        mine = fill(own[row, t + day]) if state.one_path[group] else load(state.own, day * WIDTH)
        after, cash, strategic = load(state.nav, day * BLOCK + first), returns.cash[t + day], returns.strategic[t + day]
        curve = lived(curve, load(before, day * BLOCK + first), after, fill(cash), fill(strategic), mine)
        if opens:
            curve = _begun(curve, opened(after), begin == float(t + day))
    _store_curve(state.curves, first, curve)


@inlined
def _begun(old: Curve, new: Curve, which: Mask) -> Curve:
    """The curves, of which these begin."""
    return Curve(
        where(which, new.per_nav, old.per_nav), where(which, new.peak, old.peak), where(which, new.low, old.low),
        where(which, new.low_peak, old.low_peak), where(which, new.net, old.net), where(which, new.net2, old.net2),
        where(which, new.excess, old.excess), where(which, new.excess2, old.excess2),
        where(which, new.active, old.active), where(which, new.active2, old.active2), where(which, new.own, old.own),
        where(which, new.own2, old.own2),
    )  # fmt: skip


@linked
def _keep(nav: Array, t: int, length: int, path: Array) -> None:
    """Keep these days of NAV, path (BLOCK, T), where there is room."""
    for member in range(len(path)):
        for day in range(length):
            path[member, t + day] = nav[day * BLOCK + member]


@inlined
def _load_curve(a: Array, o: int) -> Curve:
    w = BLOCK
    return Curve(
        load(a, o), load(a, o + w), load(a, o + 2 * w), load(a, o + 3 * w), load(a, o + 4 * w), load(a, o + 5 * w),
        load(a, o + 6 * w), load(a, o + 7 * w), load(a, o + 8 * w), load(a, o + 9 * w), load(a, o + 10 * w),
        load(a, o + 11 * w),
    )  # fmt: skip


@inlined
def _store_curve(a: Array, o: int, curve: Curve) -> None:
    w = BLOCK
    store(a, o, curve.per_nav)
    store(a, o + w, curve.peak)
    store(a, o + 2 * w, curve.low)
    store(a, o + 3 * w, curve.low_peak)
    store(a, o + 4 * w, curve.net)
    store(a, o + 5 * w, curve.net2)
    store(a, o + 6 * w, curve.excess)
    store(a, o + 7 * w, curve.excess2)
    store(a, o + 8 * w, curve.active)
    store(a, o + 9 * w, curve.active2)
    store(a, o + 10 * w, curve.own)
    store(a, o + 11 * w, curve.own2)


@inlined
def _curve_of(a: Array, o: int) -> Curve:
    """The curve of one member."""
    w = BLOCK
    return Curve(
        a[o], a[o + w], a[o + 2 * w], a[o + 3 * w], a[o + 4 * w], a[o + 5 * w], a[o + 6 * w], a[o + 7 * w],
        a[o + 8 * w], a[o + 9 * w], a[o + 10 * w], a[o + 11 * w],
    )  # fmt: skip


@inlined
def _trades_of(a: Array, o: int) -> Traded:
    """The trades of one member."""
    return Traded(a[o], a[o + BLOCK], a[o + 2 * BLOCK], a[o + 3 * BLOCK])
