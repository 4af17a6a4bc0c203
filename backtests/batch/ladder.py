"""A ladder of costs for little more than one backtest, where costs change wealth and nothing else.

A rule that trades to a target without cash holds the same weights after a trade whatever the trade cost. So its trades
fall on the same days at every cost, and a cost multiplies wealth by V'/W at each of them: each lane is played once, at
no cost, and its trades are then paid for at all costs together. The general loop is the test of this one.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backtests.batch.batch import Lane, Paths, by_block, check_lanes, check_settings, lanes_of, misfit, refused
from backtests.batch.ladder_lane import Ends, climb
from backtests.batch.state import LANES, Panel
from backtests.batch.streaming_metrics import METRICS, SHARPE, checked
from backtests.engine.quiet_days import tiles_of
from backtests.engine.simd import WIDTH
from research.accounting import Costs
from research.allocation import TargetPath
from research.arrays import Array
from research.errors import ConfigError, PolicyError
from research.market import Market
from research.rules.corridor import Corridor


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
    `play_lanes` raises. A line that stands on its target to the last digits when the others trade is traded like them,
    where the general loop keeps its units.
    """
    if not lanes or not ladder:
        raise ConfigError(f"a ladder of {len(lanes)} lanes at {len(ladder)} costs: give one of each at least.")
    check_settings(g, periods_per_year, leverage_limit, workers)
    check_lanes(market, lanes, leverage_limit, priced=False)
    for r, costs in enumerate(ladder):
        found = misfit(costs, market, leverage_limit)
        if found:
            raise PolicyError(f"cost {r} of the ladder cannot be played on market {market.name!r}: {found}")
    room = -len(ladder) % WIDTH
    rates = np.pad(np.column_stack([costs.total for costs in ladder]), ((0, 0), (0, room)))
    _check_factors(market, lanes)
    _check_roots(lanes, rates)
    panel, paths = Panel.of(market), Paths(market)
    tiles, ends, reference, shared = tiles_of(market), Ends.of(panel), paths.returns(strategic), {}  # type: ignore[var-annotated]

    def play(start: int) -> Array:
        members = lanes[start : start + LANES]
        known, own = lanes_of(market, members, paths, shared)
        found = np.empty((len(members), len(ladder), len(METRICS)))
        lane, t = climb(panel, tiles, ends, market.cash, known, reference, own, rates, g, periods_per_year, found)
        if t >= 0:
            raise refused(market, replace(members[lane], costs=Costs.bps(len(market.assets))), start + lane, t)
        for j, r in np.argwhere(np.isnan(found[..., SHARPE])):
            checked(found[j, r], f"lane {start + j}")
        return found

    return by_block(play, len(lanes), workers)


def _check_factors(market: Market, lanes: Sequence[Lane]) -> None:
    """Refuse a lane whose trades would depend on what they cost."""
    first = min(lane.first for lane in lanes)
    halted = market.listed[first:] & ~market.tradable[first:]
    if halted.any():
        t, i = np.argwhere(halted)[0]
        raise ConfigError(
            f"{market.assets[i]} is halted on {market.dates[first + t]:%Y-%m-%d}: lines that keep their units make "
            "trades depend on their costs. Play the lanes one cost at a time (`play_lanes`)."
        )
    known: dict[int, str] = {}
    for number, lane in enumerate(lanes):
        if id(lane.corridor) not in known:
            known[id(lane.corridor)] = _shortfall(lane.corridor)
        if known[id(lane.corridor)]:
            raise ConfigError(
                f"lane {number} ({lane.corridor.trigger}) is not traded to a target without cash, it "
                f"{known[id(lane.corridor)]}: its trades depend on their costs. Play it one cost at a time "
                "(`play_lanes`)."
            )


def _check_roots(lanes: Sequence[Lane], rates: Array) -> None:
    """Refuse costs, (n, R) fraction of the notional, at which a trade would take more than its lines are worth."""
    known: set[int] = set()
    for number, lane in enumerate(lanes):
        for owner, rows in ((lane.corridor, lane.corridor.lower), (lane.targets, lane.targets.rows)):
            if id(owner) not in known:
                known.add(id(owner))
                marginal = (np.abs(rows) @ rates).max(axis=0)
                if marginal.max() >= 1.0:
                    raise PolicyError(
                        f"cost {int(marginal.argmax())} of the ladder would take {marginal.max():.0%} of what lane "
                        f"{number} trades: lower it, or the leverage."
                    )


def _shortfall(corridor: Corridor) -> str:
    """What keeps a corridor from a target without cash, or nothing."""
    if not np.array_equal(corridor.lower, corridor.upper):
        return "stops short of it"
    if corridor.part < 1.0 and (corridor.lower < 0.0).any():
        return "goes part of the way with short lines"
    invested = not corridor.cash[:, 2:].any() and (np.abs(corridor.lower.sum(axis=1) - 1.0) < 1e-9).all()
    return "" if invested else "holds cash"
