"""A ladder of costs for little more than one backtest, where costs change wealth and nothing else.

A rule that trades to a target without cash holds the same weights after a trade whatever the trade cost. So its trades
fall on the same days at every cost, and a cost multiplies wealth by V'/W at each of them: each lane is played once, at
no cost, and its trades are then paid for at all costs together. The general loop is the test of this one.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from backtests.ladder_lane import Ends, climb
from backtests.lane_state import LANES, Panel
from backtests.lanes import Lane, Paths, check_lanes, lanes_of, refused
from backtests.tally import METRICS, SHARPE, checked
from backtests.tiles import tiles_of
from backtests.vector import WIDTH
from research.accounting import Costs
from research.allocation import TargetPath
from research.errors import ConfigError
from research.market import Market
from research.market.market import Array
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
    `play_lanes` raises.
    """
    check_lanes(market, [*lanes, *(replace(lanes[0], costs=costs) for costs in ladder)], leverage_limit)
    room = -len(ladder) % WIDTH
    rates = np.pad(np.column_stack([costs.total for costs in ladder]), ((0, 0), (0, room)))
    _check_factors(market, lanes)
    panel, paths = Panel.of(market), Paths(market)
    tiles, ends, reference, shared = tiles_of(market), Ends.of(panel), paths.returns(strategic), {}  # type: ignore[var-annotated]

    def play(start: int) -> Array:
        members = lanes[start : start + LANES]
        known, own = lanes_of(market, members, paths, shared)
        found = np.empty((len(members), len(ladder), len(METRICS)))
        lane, t = climb(panel, tiles, ends, market.cash, known, reference, own, rates, g, periods_per_year, found)
        if t >= 0:
            raise refused(market, members[lane], start + lane, t)
        for j, r in np.argwhere(np.isnan(found[..., SHARPE])):
            checked(found[j, r], f"lane {start + j}")
        return found

    starts = range(0, len(lanes), LANES)
    if workers == 1:
        return np.concatenate([play(start) for start in starts])
    with ThreadPoolExecutor(workers) as pool:
        return np.concatenate(list(pool.map(play, starts)))


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


def _shortfall(corridor: Corridor) -> str:
    """What keeps a corridor from a target without cash, or nothing."""
    if not np.array_equal(corridor.lower, corridor.upper):
        return "stops short of it"
    invested = not corridor.cash[:, 2:].any() and (np.abs(corridor.lower.sum(axis=1) - 1.0) < 1e-9).all()
    return "" if invested else "holds cash"
