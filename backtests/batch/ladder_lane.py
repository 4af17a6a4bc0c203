"""One lane of a ladder, compiled: played once at no cost, each of its trades paid for at all costs at once.

`DAYS` closes are valued together, in one register, as if nothing were traded, and asked once whether a weight may have
left its trigger. From the first day on of which this cannot be excluded, they go day by day through functions of the
general loop. A trade brings the portfolio to its goal at every cost, so costs change wealth by a factor (`_pay`),
and the sums of the path at no cost are mended on the days of trading alone.
"""

from typing import NamedTuple, TypeAlias

import numpy as np

from backtests.batch.state import (
    ASKED,
    CASH,
    DAYS,
    LANES,
    LOWER,
    NONE,
    OPENING,
    ROW,
    TRIGGER_LOWER,
    TRIGGER_UPPER,
    Lanes,
    Panel,
    bools,
    floats,
    ints,
)
from backtests.batch.streaming_metrics import Curve, Traded, finish
from backtests.engine.ledger import TRADED as COUNTED
from backtests.engine.quiet_days import quiet_days, value, write_bounds
from backtests.engine.simd import (
    WIDTH,
    Vector,
    bits,
    fill,
    highest,
    least,
    load,
    lowest,
    magnitude,
    most,
    store,
    total,
    where,
)
from research.accounting.box import DUST
from research.accounting.kernel import wealth, weigh
from research.arrays import Array, Mask, Rows
from research.compiled import compiled, inlined, lean
from research.rules.bands import ask, near

STAGE = 1_024  # days that all lanes play, then the next
STRETCH = 64  # days whose deepest fall is bounded at once
IS_ASKED, NEW_ROW = 1, 2  # flags of a tile


class Ends(NamedTuple):
    """most, least : (tiles, N) of each line's index x scale, N whole registers with cash and what fills them up."""

    most: Array
    least: Array

    @classmethod
    def of(cls, panel: Panel) -> "Ends":
        """Those of a panel."""
        room = ((0, 0), (0, -panel.most.shape[1] % WIDTH))
        return cls(*(np.pad(ends, room, constant_values=1.0) for ends in (panel.most, panel.least)))


class Rungs(NamedTuple):
    """What is kept for each of R costs, R whole registers, of each lane; or of one, without the first axis.

    factor : wealth over wealth at no cost.  opening : that of the opening trade.  peak : the highest NAV.  low : the
    deepest fall, NAV over the peak before.  sums : (·, 3, R) to add to those of the path at no cost: daily returns,
    their squares, and their squares over cash.  amounts : (·, 4, R) cost, turnover, lines, days; see `Traded`.
    """

    factor: Array
    opening: Array
    peak: Array
    low: Array
    sums: Array
    amounts: Array


class Held(NamedTuple):
    """What each lane holds from stage to stage; or one of them, without the first axis.

    units : (·, n).  over, under : (·, N) see `tiles.write_bounds`, cash last.
    fresh : (·, 1) are they those of the units?  due, box : (·, 1) row of the next
    trade, -1 without, and row of its goal.  again : (·, 1) does a rule that goes part of the way look again?
    last : (·, 1) NAV.  returns : (·, 8) sums of the path at no cost, in the order of `Curve`.
    """

    units: Array
    over: Array
    under: Array
    fresh: Mask
    due: Rows
    box: Rows
    again: Mask
    last: Array
    returns: Array


Sides: TypeAlias = tuple[float, float, float, float, float]  # buys: to, from; sells: to, from; lines


class Work(NamedTuple):
    """Scratch. nav : (days,) of the lane.  held, goal, to, start, weights : (n,) of a trade.  flags : (tiles,)."""

    nav: Array
    held: Array
    goal: Array
    to: Array
    start: Array
    weights: Array
    flags: Rows


class LaneRule(NamedTuple):
    """A corridor as a lane reads it, where it lies. goal : (K, n) into which it trades, cash none."""

    asked: Mask
    row: Rows
    trigger_lower: Array
    trigger_upper: Array
    goal: Array
    cash: Array
    part: float
    again: bool
    lag: int


@compiled
def climb(
    panel: Panel,
    tiles: Array,
    ends: Ends,
    cash: Array,
    lanes: Lanes,
    strategic: Array,
    own: Array,
    rates: Array,
    g: float,
    periods_per_year: float,
    out: Array,
) -> tuple[int, int]:
    """Metrics, out (lanes, R, ·), of the lanes of a block at R costs, rates (n, R).

    All lanes play `STAGE` days, then the next: so the market is read from the cache.
    Gives (lane, row) where wealth is no longer positive, or (-1, -1).
    """
    rungs, held, work = _empty(len(panel.closes), panel.closes.shape[1], ends.most.shape[1], rates.shape[1])
    return _climb(panel, tiles, ends, cash, lanes, strategic, own, rates, g, periods_per_year, rungs, held, work, out)


@lean
def _climb(
    panel: Panel,
    tiles: Array,
    ends: Ends,
    cash: Array,
    lanes: Lanes,
    strategic: Array,
    own: Array,
    rates: Array,
    g: float,
    periods_per_year: float,
    rungs: Rungs,
    held: Held,
    work: Work,
    out: Array,
) -> tuple[int, int]:
    days, n = panel.tradable.shape
    for begin in range(0, days, STAGE):
        stop = min(begin + STAGE, days)
        for lane in range(lanes.used):
            rule = _rule(lanes, lane, days, n)
            if not _same_days(lanes, lane):
                _flag(rule.asked, rule.row, begin, stop, work.flags)
            first = int(lanes.first[lane])
            if first >= stop:
                continue
            mine, its = _rungs_of(rungs, lane), _held_of(held, lane)
            if first >= begin:
                _open(mine, rates, floats(lanes.at[lane, OPENING], (n,)), panel.closes, first, its, work)
            else:
                work.nav[begin - 1] = its.last[0]
            row = _play(panel, tiles, ends, cash, rule, rates, max(first, begin), first < begin, stop, mine, its, work)
            if row >= 0:
                return lane, row
            start = max(first + 1, begin)
            _add_returns(work.nav, start, stop, cash, strategic, own[lanes.path[lane]], its.returns)
            its.last[0] = work.nav[stop - 1]
    for lane in range(lanes.used):
        span, count = lanes.span[lane], days - 1 - int(lanes.first[lane])
        _finish(_rungs_of(rungs, lane), _held_of(held, lane), count, span, g, periods_per_year, out[lane])
    return NONE, NONE


@compiled
def _empty(days: int, n: int, wide: int, costs: int) -> tuple[Rungs, Held, Work]:
    """Room for a block."""
    rungs = Rungs(
        np.ones((LANES, costs)), np.ones((LANES, costs)), np.zeros((LANES, costs)), np.ones((LANES, costs)),
        np.zeros((LANES, 3, costs)), np.zeros((LANES, 4, costs)),
    )  # fmt: skip
    held = Held(
        np.zeros((LANES, n)), np.zeros((LANES, wide)), np.full((LANES, wide), np.inf),
        np.zeros((LANES, 1), dtype=np.bool_), -np.ones((LANES, 1), dtype=np.int64),
        -np.ones((LANES, 1), dtype=np.int64), np.zeros((LANES, 1), dtype=np.bool_), np.ones((LANES, 1)),
        np.zeros((LANES, 8)),
    )  # fmt: skip
    work = Work(
        np.empty(days), np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n),
        np.zeros(days // DAYS, dtype=np.int64),
    )  # fmt: skip
    return rungs, held, work


@inlined
def _rungs_of(all: Rungs, lane: int) -> Rungs:
    return Rungs(
        all.factor[lane], all.opening[lane], all.peak[lane], all.low[lane], all.sums[lane], all.amounts[lane]
    )  # fmt: skip


@inlined
def _held_of(all: Held, lane: int) -> Held:
    return Held(
        all.units[lane], all.over[lane], all.under[lane], all.fresh[lane], all.due[lane], all.box[lane],
        all.again[lane], all.last[lane], all.returns[lane],
    )  # fmt: skip


@inlined
def _rule(lanes: Lanes, lane: int, days: int, n: int) -> LaneRule:
    """The rule of a lane."""
    at, shape = lanes.at[lane], (lanes.rows[lane], n)
    return LaneRule(
        bools(at[ASKED], (days,)), ints(at[ROW], (days,)), floats(at[TRIGGER_LOWER], shape),
        floats(at[TRIGGER_UPPER], shape), floats(at[LOWER], shape), floats(at[CASH], (lanes.rows[lane], 4)),
        lanes.part[lane], lanes.again[lane] > 0.0, int(lanes.lag[lane]),
    )  # fmt: skip


@inlined
def _same_days(lanes: Lanes, lane: int) -> bool:
    """Is the rule of a lane asked on the days of the lane before it, and do its rows change on the same days?"""
    if lane == 0:
        return False
    at, before = lanes.at[lane], lanes.at[lane - 1]
    return bool(at[ASKED] == before[ASKED] and at[ROW] == before[ROW])


@inlined
def _flag(asked: Mask, row: Rows, begin: int, stop: int, flags: Rows) -> None:
    """Mark the tiles in which the rule is asked, and those in which another row comes into force."""
    for start in range(begin, stop, DAYS):
        found = 0
        for t in range(start, min(start + DAYS, stop)):
            found |= (IS_ASKED if asked[t] else 0) | (NEW_ROW if t > 0 and row[t] != row[t - 1] else 0)
        flags[start // DAYS] = found


@inlined
def _open(rungs: Rungs, rates: Array, opening: Array, closes: Array, first: int, held: Held, work: Work) -> None:
    """Invest a wealth of 1 at the first close, at each cost."""
    for r in range(len(rungs.factor)):
        marginal = 0.0
        for i in range(len(opening)):
            marginal += rates[i, r] * abs(opening[i])
        rungs.factor[r] = rungs.opening[r] = 1.0 / (1.0 + marginal)
    work.nav[first] = 1.0
    for i in range(len(opening)):
        held.units[i] = opening[i] / closes[first, i]


# -- the days --------------------------------------------------------------------------------------------------------


@inlined
def _play(  # noqa: C901  (the order of a day, to be read at one place)
    panel: Panel, tiles: Array, ends: Ends, cash: Array, rule: LaneRule, rates: Array, since: int, open: bool,
    stop: int, rungs: Rungs, held: Held, work: Work,
) -> int:  # fmt: skip
    """Play a lane to row `stop`, and pay for its trades; gives the row at which wealth is gone, or -1.

    since : the row of its opening trade, unless it is open; then the row it goes on with.
    The order of a day is that of `loop.play`.
    """
    t, due, box = since if open else since + 1, held.due[0], held.box[0]
    again, fresh = held.again[0], held.fresh[0]
    triggers, lines = (rule.trigger_lower, rule.trigger_upper, rule.cash), len(held.units) + 1
    while t < stop:
        tile = t // DAYS
        if t % DAYS == 0 and due < 0 and not again and not work.flags[tile] & NEW_ROW:
            if not fresh:
                write_bounds(held.units, 0.0, *triggers, rule.row[t], held.over, held.under)
                fresh = True
            nav8 = value(held.units, 0.0, tiles, tile)
            store(work.nav, t, nav8)
            if not (work.flags[tile] & IS_ASKED and _may_trade(nav8 * load(panel.scale, t), ends, tile, held)):
                t += DAYS
                continue
            t += quiet_days(nav8, tiles, tile, lines, held.over, held.under)
        for now in range(t, min((tile + 1) * DAYS, stop)):
            nav = wealth(held.units, panel.closes, now, 0.0, 0.0)
            work.nav[now] = nav
            if not nav > 0.0:
                return now
            for turn in range(2):  # with a lag, what is due is booked before the policy looks; without, it looks first
                if (turn == 0) == (rule.lag > 0):
                    if due == now:
                        since = _book(panel, cash, rule, rates, box, since, now, rungs, held, work)
                        due, fresh = NONE, False
                elif due < 0 and (again or rule.asked[now]):
                    again = _wants(rule, panel, now, nav, held, work)
                    if again:
                        due, box, again = now + rule.lag, rule.row[now], rule.again
        fresh = fresh and not work.flags[tile] & NEW_ROW
        t = (tile + 1) * DAYS
    _fall(work.nav, since, stop, rungs)
    held.due[0], held.box[0], held.again[0], held.fresh[0] = due, box, again, fresh
    return NONE


@inlined
def _may_trade(nav: Vector, ends: Ends, tile: int, held: Held) -> bool:
    """May a line be past a trigger at one of these closes? nav : (DAYS,) times the market's scale."""
    low, high, wide = lowest(nav), highest(nav), len(held.over)
    over, under = fill(0.0), fill(np.inf)
    for i in range(0, wide, WIDTH):
        over = most(over, load(held.over, i) * load(ends.most, tile * wide + i))
        under = least(under, load(held.under, i) * load(ends.least, tile * wide + i))
    return low <= 0.0 or bits((over > fill(low)) | (under < fill(high))) != 0


@inlined
def _wants(rule: LaneRule, panel: Panel, t: int, nav: float, held: Held, work: Work) -> bool:
    """Does the rule want to trade at row t?"""
    k, cash = rule.row[t], rule.cash
    if not near(held.units, panel.closes, t, nav, 0.0, rule.trigger_lower, rule.trigger_upper, cash, k):
        return False
    left = weigh(held.units, panel.closes, t, nav, work.weights)
    return ask(work.weights, left, panel.tradable, t, rule.trigger_lower, rule.trigger_upper, cash, k)


# -- a trade ---------------------------------------------------------------------------------------------------------


@inlined
def _book(
    panel: Panel, cash: Array, rule: LaneRule, rates: Array, k: int, since: int, t: int, rungs: Rungs, held: Held,
    work: Work,
) -> int:  # fmt: skip
    """Trade to row k of the goals at row t, and pay for it at all costs; gives the row of the last trade."""
    nav, moved = work.nav[t], False
    weigh(held.units, panel.closes, t, nav, work.held)
    for i in range(len(work.held)):
        weight, goal = work.held[i], rule.goal[k, i]
        moves = abs(goal - weight) > DUST
        goal = weight + rule.part * (goal - weight) if rule.part < 1.0 else goal
        work.goal[i] = goal if moves else weight
        moved |= moves
    if not moved:
        return since
    if t > since:  # else a stage begins with this trade
        _fall(work.nav, since, t, rungs)
    _pay(nav / work.nav[t - 1] - 1.0, cash[t], rates, rungs, work)
    for i in range(len(held.units)):
        held.units[i] = work.goal[i] * nav / panel.closes[t, i]
    return t


@inlined
def _pay(gross: float, cash: float, rates: Array, rungs: Rungs, work: Work) -> None:
    """Pay for the trade from `work.held` to `work.goal` at all costs, and mend the sums of its day.

    gross, cash : returns of the day, before the trade.
    """
    costs, sides = len(rungs.factor), _take_sides(work)
    for r in range(0, costs, WIDTH):
        scale, cost, turnover, lines = _pay_keeping_sides(sides, rates, r, work)
        if _may_turn(work.held, work.goal, 1.0 - lowest(scale)):
            scale, cost, turnover, lines = _pay_by_newton(work.held, work.goal, rates, r)
        change = (1.0 + gross) * scale - 1.0 - gross  # of the day's return
        squares = change * (change + 2.0 * gross)
        _add(rungs.sums, r, change)
        _add(rungs.sums, costs + r, squares)
        _add(rungs.sums, 2 * costs + r, squares - change * (2.0 * cash))
        _add(rungs.amounts, r, cost)
        _add(rungs.amounts, costs + r, turnover)
        _add(rungs.amounts, 2 * costs + r, lines)
        _add(rungs.amounts, 3 * costs + r, where(lines > 0.0, fill(1.0), fill(0.0)))
        store(rungs.factor, r, load(rungs.factor, r) * scale)


@inlined
def _add(sums: Array, o: int, more: Vector) -> None:
    store(sums, o, load(sums, o) + more)


@inlined
def _take_sides(work: Work) -> Sides:
    """Write the weights asked, `to`, and held, `start`, negative where a line is sold; gives their sums."""
    bought = bought_from = sold = sold_from = lines = 0.0
    for i in range(len(work.held)):
        goal, held = work.goal[i], work.held[i]
        side = 1.0 if goal > held else -1.0
        work.to[i], work.start[i] = side * goal, side * held
        bought, bought_from = bought + max(side, 0.0) * goal, bought_from + max(side, 0.0) * held
        sold, sold_from = sold + max(-side, 0.0) * goal, sold_from + max(-side, 0.0) * held
        lines += 1.0 if goal != held else 0.0
    return bought, bought_from, sold, sold_from, lines


@inlined
def _may_turn(held: Array, goal: Array, off: float) -> bool:
    """May a line be sold that is bought at no cost, or trade less than counts, when wealth is `off` less?"""
    may = 0
    for i in range(len(held)):
        some = (goal[i] != 0.0) | (held[i] != 0.0)
        may |= some & (abs(goal[i] - held[i]) <= abs(goal[i]) * off + COUNTED)
    return may != 0


@inlined
def _pay_keeping_sides(sides: Sides, rates: Array, r: int, work: Work) -> tuple[Vector, Vector, Vector, Vector]:
    """(wealth after a trade over wealth before it, cost, turnover, lines) where buys stay buys at every cost.

    The equation of `kernel.settle`, with a wealth of 1 and no line kept, is linear then.
    """
    costs = rates.shape[1]
    bought, bought_from, sold, sold_from, lines = sides
    slope = paid = fill(0.0)
    for i in range(len(work.to)):
        rate = load(rates, i * costs + r)
        slope, paid = slope + rate * work.to[i], paid + rate * work.start[i]
    scale = (1.0 + paid) / (1.0 + slope)
    turnover = most(scale * bought - bought_from, sold_from - scale * sold)
    return scale, scale * slope - paid, turnover, fill(lines)


@lean
def _pay_by_newton(held: Array, goal: Array, rates: Array, r: int) -> tuple[Vector, Vector, Vector, Vector]:
    """(wealth after a trade over wealth before it, cost, turnover, lines), by Newton's steps from above."""
    costs, n = rates.shape[1], len(held)
    scale, going = fill(1.0), 1
    while going:
        gap, slope = scale - 1.0, fill(1.0)
        for i in range(n):
            rate = load(rates, i * costs + r)
            trade, change = scale * goal[i] - held[i], rate * goal[i]
            gap = gap + rate * magnitude(trade)
            slope = where(trade > 0.0, slope + change, slope - change)
        nearer = scale - gap / slope
        going = bits(nearer < scale - 1e-16)
        scale = least(nearer, scale)
    cost = bought = sold = lines = fill(0.0)
    for i in range(n):
        trade = scale * goal[i] - held[i]
        size = magnitude(trade)
        cost = cost + load(rates, i * costs + r) * size
        bought, sold = bought + most(trade, fill(0.0)), sold + most(fill(0.0) - trade, fill(0.0))
        lines = lines + where(size > COUNTED, fill(1.0), fill(0.0))
    return scale, cost, most(bought, sold), lines


# -- the figures -----------------------------------------------------------------------------------------------------


@inlined
def _fall(nav: Array, since: int, until: int, rungs: Rungs) -> None:
    """Bring the deepest falls over days on which all costs leave NAV in proportion.

    nav / max(peak before, peak since) is the lesser of nav over either: so three numbers of these days serve all costs.
    """
    peak = bottom = nav[since]
    fall, shallow = 1.0, load(rungs.low, 0)
    for r in range(WIDTH, len(rungs.low), WIDTH):
        shallow = most(shallow, load(rungs.low, r))
    deepest = highest(shallow)
    for start in range(since, until, STRETCH):  # most stretches have no fall as deep as one before
        stop = min(start + STRETCH, until)
        low, high = _ends(nav, start, stop)
        if low < min(fall, deepest) * max(peak, high):
            for t in range(start, stop):
                peak = max(peak, nav[t])
                fall = min(fall, nav[t] / peak)
        peak, bottom = max(peak, high), min(bottom, low)
    for r in range(0, len(rungs.low), WIDTH):
        factor, before = load(rungs.factor, r), load(rungs.peak, r)
        deep = where(before > 0.0, bottom * factor / before, fill(1.0))
        store(rungs.low, r, least(least(load(rungs.low, r), deep), fill(fall)))
        store(rungs.peak, r, most(before, peak * factor))


@inlined
def _ends(nav: Array, start: int, stop: int) -> tuple[float, float]:
    """(lowest, highest) NAV of rows start to stop."""
    t, low, high = start, nav[start], nav[start]
    if stop - start >= WIDTH:
        least8, most8 = load(nav, start), load(nav, start)
        for t in range(start + WIDTH, stop - WIDTH + 1, WIDTH):
            least8, most8 = least(least8, load(nav, t)), most(most8, load(nav, t))
        last = load(nav, stop - WIDTH)
        return lowest(least(least8, last)), highest(most(most8, last))
    while t < stop:
        low, high, t = min(low, nav[t]), max(high, nav[t]), t + 1
    return low, high


@inlined
def _add_returns(nav: Array, t: int, stop: int, cash: Array, strategic: Array, own: Array, sums: Array) -> None:
    """Add the returns of rows t to stop and their squares: net, over cash, over the strategic and the own target."""
    a = b = c = d = e = f = g = h = fill(0.0)
    while t + WIDTH <= stop:
        net = load(nav, t) / load(nav, t - 1) - 1.0
        excess, active, gap = net - load(cash, t), net - load(strategic, t), net - load(own, t)
        a, b, c, d = a + net, b + net * net, c + excess, d + excess * excess
        e, f, g, h = e + active, f + active * active, g + gap, h + gap * gap
        t += WIDTH
    _add_all(sums, total(a), total(b), total(c), total(d), total(e), total(f), total(g), total(h))
    while t < stop:
        one = nav[t] / nav[t - 1] - 1.0
        over, active1, gap1 = one - cash[t], one - strategic[t], one - own[t]
        _add_all(sums, one, one * one, over, over * over, active1, active1 * active1, gap1, gap1 * gap1)
        t += 1


@inlined
def _add_all(
    sums: Array, a: float, b: float, c: float, d: float, e: float, f: float, g: float, h: float
) -> None:  # fmt: skip
    sums[0], sums[1], sums[2], sums[3] = sums[0] + a, sums[1] + b, sums[2] + c, sums[3] + d
    sums[4], sums[5], sums[6], sums[7] = sums[4] + e, sums[5] + f, sums[6] + g, sums[7] + h


@inlined
def _finish(
    rungs: Rungs, held: Held, days: int, span: float, g: float, periods_per_year: float, out: Array
) -> None:  # fmt: skip
    """Write the metrics, out (R, ·), of one lane."""
    sums, amounts, last = held.returns, rungs.amounts, held.last[0]
    for r in range(len(out)):
        net, net2, excess2 = rungs.sums[0, r], rungs.sums[1, r], rungs.sums[2, r]
        curve = Curve(
            1.0, 1.0, rungs.low[r], 1.0, sums[0] + net, sums[1] + net2, sums[2] + net, sums[3] + excess2, sums[4],
            sums[5], sums[6], sums[7],
        )  # fmt: skip
        trades = Traded(amounts[0, r], amounts[1, r], amounts[2, r], amounts[3, r])
        opening = rungs.opening[r]
        finish(
            curve, trades, opening, rungs.factor[r] * last, 1.0 - opening, days, span, g, periods_per_year, out[r]
        )  # fmt: skip
