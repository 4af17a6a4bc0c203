"""A ladder of costs for little more than one backtest, where costs change wealth and nothing else.

A rule that trades to a target without cash holds the same weights after a trade whatever the trade cost. So its trades
fall on the same days at every cost, and a cost multiplies wealth by V'/W at each of them: each lane is played once, at
no cost, and its trades are then paid for at all costs together. The general loop is the test of this one.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from backtests.backtest import TRADED as COUNTED
from backtests.lane_block import play_block
from backtests.lane_state import CURVE, LANES, Log, Panel, Rows
from backtests.lanes import Lane, Paths, check_lanes, lanes_of
from backtests.tally import METRICS, Curve, Traded, checked, finish
from research.accounting import Costs
from research.allocation import TargetPath
from research.compiled import compiled, inlined, lean
from research.errors import ConfigError
from research.market import Market
from research.market.market import Array

RUNGS = 16  # costs that are paid together
STRETCH = 64  # days whose deepest fall is bounded at once
TRADES = 256  # of a lane, for which room is made at first


def play_ladder(
    market: Market,
    lanes: Sequence[Lane],
    ladder: Sequence[Costs],
    strategic: TargetPath,
    g: float,
    periods_per_year: float,
    *,
    workers: int = 1,
    leverage_limit: float = 1.0,
) -> Array:
    """(L, R, len(METRICS)) metrics of each lane at each of R costs instead of its own, as `play_lanes` has them.

    Raises : ConfigError for a lane whose trades depend on their costs: one that does not trade to its target, or holds
    cash, or lines that are halted (these keep their units, so what the others paid moves their weights); and what
    `play_lanes` raises.
    """
    n = len(market.assets)
    free = Costs.bps(n)
    check_lanes(market, [*lanes, *(replace(lanes[0], costs=costs) for costs in ladder)], leverage_limit)
    _check_factors(market, lanes)
    panel, paths = Panel.of(market), Paths(market)
    reference, shared = paths.returns(strategic), {}  # type: ignore[var-annotated]
    rates = np.zeros((n, -(-len(ladder) // RUNGS) * RUNGS))
    rates[:, : len(ladder)] = np.column_stack([costs.total for costs in ladder])

    rooms: list[tuple[Array, Log]] = []  # of blocks that are through, for the next: fresh memory is slow

    def play(start: int) -> Array:
        members = [replace(lane, costs=free) for lane in lanes[start : start + LANES]]
        known, own = lanes_of(market, members, paths, shared)
        path, log = rooms.pop() if rooms else (np.empty((LANES, len(market.dates))), Log.empty(TRADES * LANES, n))
        out = np.empty((LANES, len(METRICS)))
        while True:
            log.total[0], curves = 0, np.ones(CURVE * LANES)
            play_block(panel, market.cash, known, reference, own, g, periods_per_year, curves, path, log, out)
            if log.total[0] <= len(log.made):
                break
            log = Log.empty(int(log.total[0]), n)
        order = np.argsort(log.made[: log.total[0], 0], kind="stable")
        ends = np.searchsorted(log.made[order, 0], np.arange(len(members) + 1))
        found = np.empty((len(members), rates.shape[1], len(METRICS)))
        for j, lane in enumerate(members):
            opening = lane.targets.rows[lane.targets.row[lane.first]]
            _climb(
                path[j], lane.first, log.made, log.weights, order[ends[j] : ends[j + 1]], opening, rates, market.cash,
                curves[j::LANES], known.span[j], g, periods_per_year, found[j],
            )  # fmt: skip
        for j, r in np.argwhere(np.isnan(found[:, : len(ladder), METRICS.index("sharpe")])):
            checked(found[j, r], f"lane {start + j}")
        rooms.append((path, log))
        return found[:, : len(ladder)]

    starts = range(0, len(lanes), LANES)
    if workers == 1:
        return np.concatenate([play(start) for start in starts])
    with ThreadPoolExecutor(workers) as pool:
        return np.concatenate(list(pool.map(play, starts)))


def _check_factors(market: Market, lanes: Sequence[Lane]) -> None:
    """Refuse a lane whose trades would depend on what they cost."""
    known: dict[int, str] = {}
    first = min(lane.first for lane in lanes)
    halted = market.listed[first:] & ~market.tradable[first:]
    if halted.any():
        t, i = np.argwhere(halted)[0]
        raise ConfigError(
            f"{market.assets[i]} is halted on {market.dates[first + t]:%Y-%m-%d}: lines that keep their units make "
            "trades depend on their costs. Play the lanes one cost at a time (`play_lanes`)."
        )
    for number, lane in enumerate(lanes):
        corridor = lane.corridor
        if id(corridor) not in known:
            to_target = np.array_equal(corridor.lower, corridor.upper)
            invested = not corridor.cash[:, 2:].any() and (np.abs(corridor.lower.sum(axis=1) - 1.0) < 1e-9).all()
            known[id(corridor)] = "" if to_target and invested else "holds cash" if to_target else "stops short of it"
        if known[id(corridor)]:
            raise ConfigError(
                f"lane {number} ({corridor.trigger}) is not traded to a target without cash, it {known[id(corridor)]}: "
                "its trades depend on their costs. Play it one cost at a time (`play_lanes`)."
            )


# -- compiled --------------------------------------------------------------------------------------------------------


@compiled
def _climb(
    nav: Array,
    first: int,
    made: Rows,
    weights: Array,
    trades: Rows,
    opening: Array,
    rates: Array,
    cash: Array,
    free: Array,
    span: float,
    g: float,
    periods_per_year: float,
    out: Array,
) -> None:
    """Metrics, out (R, ·), of one lane at R costs, rates (n, R), from its NAV (T,) and trades at no cost.

    trades : rows of `made` and `weights` (`Log`) that are this lane's.  free : its curve at no cost.
    """
    n, days = len(rates), len(nav)
    scale, work = np.empty(RUNGS), np.empty(4 * RUNGS)
    for group in range(0, len(out), RUNGS):
        factor, peak, low = np.empty(RUNGS), np.zeros(RUNGS), np.ones(RUNGS)
        sums, amounts = np.zeros((4, RUNGS)), np.zeros(4 * RUNGS)  # of returns, and of trades
        paid = np.empty(n * RUNGS)
        for r in range(RUNGS):
            marginal = 0.0
            for i in range(n):
                paid[i * RUNGS + r] = rates[i, group + r]
                marginal += rates[i, group + r] * abs(opening[i])
            factor[r] = 1.0 / (1.0 + marginal)
        openings = factor.copy()
        since = first
        for j in trades:
            t = made[j, 1]
            _fall(nav, since, t, factor, peak, low)
            _pay(weights[j, 0], weights[j, 1], paid, scale, work, amounts)
            gross = nav[t] / nav[t - 1] - 1.0
            for r in range(RUNGS):
                net = (1.0 + gross) * scale[r] - 1.0
                sums[0, r] += net - gross
                sums[1, r] += (net - gross) * (net + gross)
                sums[2, r] += net - gross
                sums[3, r] += (net - gross) * (net + gross - 2.0 * cash[t])
                factor[r] *= scale[r]
            since = t
        _fall(nav, since, days, factor, peak, low)
        for r in range(RUNGS):
            curve = Curve(
                1.0, 1.0, low[r], 1.0, free[4] + sums[0, r], free[5] + sums[1, r], free[6] + sums[2, r],
                free[7] + sums[3, r], free[8], free[9], free[10], free[11],
            )  # fmt: skip
            traded = Traded(amounts[r], amounts[RUNGS + r], amounts[2 * RUNGS + r], amounts[3 * RUNGS + r])
            start, end, cost = openings[r] * nav[first], factor[r] * nav[-1], 1.0 - openings[r]
            finish(
                curve, traded, start, end, cost, days - 1 - first, span, g, periods_per_year, out[group + r]
            )  # fmt: skip


@lean
def _fall(nav: Array, since: int, until: int, factor: Array, peak: Array, low: Array) -> None:
    """Bring the deepest falls over days on which all costs leave NAV in proportion.

    nav / max(peak before, peak since) is the lesser of nav over either: so three numbers of these days serve all costs.
    """
    most = least = nav[since]
    fall, deepest = 1.0, 0.0
    for r in range(RUNGS):
        deepest = max(deepest, low[r])
    for start in range(since, until, STRETCH):  # most stretches have no fall as deep as one before
        stop, high, bottom = min(start + STRETCH, until), nav[start], nav[start]
        for t in range(start, stop):
            high, bottom = max(high, nav[t]), min(bottom, nav[t])
        if bottom < min(fall, deepest) * max(most, high):
            for t in range(start, stop):
                most = max(most, nav[t])
                fall = min(fall, nav[t] / most)
        most, least = max(most, high), min(least, bottom)
    for r in range(RUNGS):
        if peak[r] > 0.0:
            low[r] = min(low[r], least * factor[r] / peak[r])
        low[r] = min(low[r], fall)
        peak[r] = max(peak[r], most * factor[r])


@lean
def _pay(held: Array, asked: Array, rates: Array, scale: Array, work: Array, amounts: Array) -> None:
    """Wealth after a trade from weights `held` to `asked` (n,), over wealth before it, at each cost, into `scale`.

    The equation of `kernel.settle` with a wealth of 1 and no line kept. rates : [n, RUNGS] flat.  Adds to amounts,
    [cost, turnover, lines, days] x RUNGS flat.  work : 4 x RUNGS of scratch.
    """
    w = RUNGS
    _solve(held, asked, rates, scale, work)
    for r in range(w):
        work[r] = work[w + r] = work[2 * w + r] = work[3 * w + r] = 0.0
    for i in range(len(held)):
        goal, weight = asked[i], held[i]
        for r in range(w):
            trade = goal * scale[r] - weight
            work[3 * w + r] += rates[i * w + r] * abs(trade)
            work[r] += max(trade, 0.0)
            work[w + r] += max(-trade, 0.0)
            work[2 * w + r] += 1.0 if abs(trade) > COUNTED else 0.0
    for r in range(w):
        amounts[r] += work[3 * w + r]
        amounts[w + r] += max(work[r], work[w + r])
        amounts[2 * w + r] += work[2 * w + r]
        amounts[3 * w + r] += 1.0 if work[2 * w + r] > 0.0 else 0.0


@inlined
def _solve(held: Array, asked: Array, rates: Array, scale: Array, work: Array) -> None:
    """The root of each cost's equation, by Newton's steps from above."""
    w = RUNGS
    for r in range(w):
        scale[r] = 1.0
    going = 1
    while going > 0:
        for r in range(w):
            work[r], work[w + r] = scale[r] - 1.0, 1.0
        for i in range(len(held)):
            goal, weight = asked[i], held[i]
            for r in range(w):
                trade, rate = goal * scale[r] - weight, rates[i * w + r]
                work[r] += rate * abs(trade)
                work[w + r] += rate * goal if trade > 0.0 else -rate * goal
        going = 0
        for r in range(w):
            nearer = scale[r] - work[r] / work[w + r]
            going |= nearer < scale[r] - 1e-16
            scale[r] = min(nearer, scale[r])
