"""Many configurations at once: the loop over `[asset, lane]`, equal to `backtests.engine.run.backtest` to the bit.

A *lane* is one configuration; `LANES` of them make a block, which one thread plays without the GIL. Here are the lanes,
what is refused at the door, and the table that comes back. `lane_state` says what a block reads and holds,
`lane_block` plays its days, `lane_booking` those on which something may happen, and `vector` makes it read like the
loop of one path.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backtests.batch.block import play_block
from backtests.batch.state import CURVE, LANES, Lanes, Panel, addresses
from backtests.batch.streaming_metrics import CVAR, METRICS, SHARPE, checked, tail, target_path_returns
from research.accounting import Costs
from research.allocation import TargetPath
from research.arguments import check_positive, is_number, is_whole, refuse
from research.arrays import Array
from research.errors import ConfigError, PolicyError
from research.market import Market
from research.rules.no_trade_bands import NoTradeBands
from research.tolerances import TARGET


@dataclass(frozen=True, eq=False)
class Lane:
    """One configuration: no-trade bands on the targets of its allocation, at these costs.

    lag : sessions from a decision to its booking.  first : market row of the opening trade.
    Lanes that share an object share its memory; neighbours that are alike are played fastest.
    """

    bands: NoTradeBands
    targets: TargetPath
    costs: Costs
    lag: int = 1
    first: int = 0


def play_lanes(
    market: Market,
    lanes: Sequence[Lane],
    strategic: TargetPath,
    tracking_penalty: float,
    periods_per_year: float,
    *,
    cvar95: bool = False,
    workers: int = 1,
    leverage_limit: float = 1.0,
) -> Array:
    """(L, len(METRICS)) metrics of each lane, from a wealth of 1; with `CVAR` as the last column where asked for.

    strategic : the target that J and the first tracking error are measured against.
    tracking_penalty : price of squared tracking error.
    workers : threads, which take one block after the other.  leverage_limit : the most that absolute weights sum to.
    Raises : ConfigError or PolicyError, naming the lane, for one that does not fit the market or cannot be booked;
    DataError for one with a figure that is not defined.
    """
    check_settings(tracking_penalty, periods_per_year, leverage_limit, workers)
    check_lanes(market, lanes, leverage_limit)
    panel, paths = Panel.of(market), Paths(market)
    references = paths.returns(strategic)
    shared: dict[int, Any] = {}

    def play(start: int) -> Array:
        members = lanes[start : start + LANES]
        return _play(
            market, panel, members, start, paths, references, tracking_penalty, periods_per_year, cvar95, shared
        )

    return by_block(play, len(lanes), workers)


def by_block(play: Callable[[int], Array], count: int, workers: int) -> Array:
    """What `play` gives for the block of lanes that begins at each start, one after the other, by this many threads."""
    starts = range(0, count, LANES)
    if workers == 1:
        return np.concatenate([play(start) for start in starts])
    with ThreadPoolExecutor(workers) as pool:
        return np.concatenate(list(pool.map(play, starts)))


def _columns(cvar95: bool) -> tuple[str, ...]:
    return (*METRICS, CVAR) if cvar95 else METRICS


class Paths:
    """The daily returns of each target path that lanes have in common, computed once."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.known: dict[int, Array] = {}

    def returns(self, targets: TargetPath) -> Array:
        """(T,) returns of a path."""
        if id(targets) not in self.known:
            self.known[id(targets)] = target_path_returns(targets, self.market)
        return self.known[id(targets)]


# -- at the door -----------------------------------------------------------------------------------------------------


def check_settings(tracking_penalty: float, periods_per_year: float, leverage_limit: float, workers: int) -> None:
    """Refuse settings that are no numbers in their range. Raises ConfigError."""
    check_positive(periods_per_year=periods_per_year, leverage_limit=leverage_limit)
    if not (is_number(tracking_penalty) and tracking_penalty >= 0):
        refuse("tracking_penalty is", tracking_penalty, "the price of tracking error is a finite number, 0 or more.")
    if not (is_whole(workers) and workers >= 1):
        refuse("workers is", workers, "give a whole number of threads, 1 or more.")


def check_lanes(market: Market, lanes: Sequence[Lane], leverage_limit: float) -> None:
    """Refuse what cannot be played, each shared object once."""
    seen: set[int] = set()
    days = len(market.dates)
    if (market.exits < days).any():
        i = int(np.argmin(market.exits))
        raise ConfigError(
            f"{market.assets[i]} is delisted on {market.dates[market.exits[i]]:%Y-%m-%d}: lanes book no exits. Play "
            "such a market one backtest at a time (`backtest`)."
        )
    for number, lane in enumerate(lanes):
        if not (0 <= lane.first < days - 2 and lane.targets.row[lane.first] >= 0):
            raise ConfigError(
                f"lane {number} opens in row {lane.first!r}, where no target is in force or fewer than two days are "
                f"left: the market has {days} rows."
            )
        if lane.lag < 0 or lane.lag != int(lane.lag):
            raise ConfigError(f"lag of lane {number} is {lane.lag!r}: it counts sessions, 0 or more.")
        if lane.lag >= days - 1 - lane.first:
            raise ConfigError(
                f"lag of lane {number} is {lane.lag}, and {days - 1 - lane.first} sessions follow its opening trade: "
                "nothing would ever be booked. Give a shorter lag, or more days."
            )
        for owner in (lane.bands, lane.targets, lane.costs):
            if id(owner) not in seen:
                seen.add(id(owner))
                found = misfit(owner, market, leverage_limit)
                if found:
                    raise PolicyError(f"lane {number} cannot be played on market {market.name!r}: {found}")


def misfit(owner: NoTradeBands | TargetPath | Costs, market: Market, leverage_limit: float) -> str:
    """Why this cannot be played on the market, or nothing."""
    days, n = market.shape
    if isinstance(owner, Costs):
        if len(owner.total) != n:
            return f"its costs have {len(owner.total)} lines and the market {n}."
        return "" if owner.proportional else "its costs are not all proportional: use `backtest`, one at a time."
    if isinstance(owner, TargetPath):
        if owner.assets != market.assets or len(owner.row) != days:
            return f"the targets of {owner.allocation} are for other lines or dates: give the path on this market."
        return _past(np.abs(owner.rows).sum(axis=1).max(), leverage_limit, "its targets ask")
    if owner.lower.shape[1] != n or len(owner.asked) != days or len(owner.row) != days:
        return (
            f"its no-trade bands are for {owner.lower.shape[1]} lines and {len(owner.asked)} days, the market has {n} "
            f"and {days}: make them for this market."
        )
    if owner.options.some:
        return "its rule asks or makes more than a box round each line: use `backtest`, one at a time."
    least = (np.maximum(owner.lower, 0.0) - np.minimum(owner.upper, 0.0)).sum(axis=1)
    return _past(least.max(), leverage_limit, "its boxes ask")


def _past(gross: float, limit: float, who: str) -> str:
    if gross <= limit + TARGET:
        return ""
    return f"{who} for gross weights of {gross:.4f}, past the leverage limit of {limit:g}: lower them or raise it."


# -- a block ---------------------------------------------------------------------------------------------------------


def _play(
    market: Market,
    panel: Panel,
    members: Sequence[Lane],
    start: int,
    paths: Paths,
    strategic: Array,
    tracking_penalty: float,
    periods_per_year: float,
    cvar95: bool,
    shared: dict[int, Any],
) -> Array:
    """Play one block; gives its rows of the table."""
    lanes, own = lanes_of(market, members, paths, shared)
    out, curves = np.empty((LANES, len(METRICS))), np.ones(CURVE * LANES)
    path = np.empty((LANES if cvar95 else 0, len(market.dates)))
    lane, t = play_block(
        panel,
        market.cash,
        lanes,
        strategic,
        own,
        tracking_penalty,
        periods_per_year,
        curves,
        path,
        out,
    )
    if t >= 0:
        raise refused(market, members[lane], start + lane, t)
    figures = out[: len(members)]
    if cvar95:
        tails = [tail(path[j, lane.first :]) for j, lane in enumerate(members)]
        figures = np.column_stack([figures, tails])
    undefined = np.flatnonzero(np.isnan(figures[:, SHARPE]))
    for j in undefined:
        checked(figures[j], f"lane {start + j}")
    return figures


def lanes_of(market: Market, members: Sequence[Lane], paths: Paths, shared: dict[int, Any]) -> tuple[Lanes, Array]:
    """The lanes of a block, and the returns (P, T) of their own targets. What is left are lanes that never open."""
    never = replace(members[-1], first=len(market.dates))
    full = [*members, *[never] * (LANES - len(members))]
    distinct = {id(lane.targets): lane.targets for lane in full}
    number = {key: j for j, key in enumerate(distinct)}
    facts = [_facts(lane, shared) for lane in full]
    first = np.array([lane.first for lane in full])
    lanes = Lanes(
        at=np.array([at for at, _ in facts], dtype=np.int64),
        rows=np.array([len(lane.bands.target) for lane in full]),
        part=np.array([lane.bands.fraction for lane in full], dtype=float),
        again=np.array([lane.bands.compiled.again for lane in full], dtype=float),
        opening_cash=np.array([cash for _, cash in facts]),
        lag=np.array([lane.lag for lane in full], dtype=float),
        first=first.astype(float),
        span=(market.days[-1] - market.days[np.minimum(first, len(market.days) - 1)]).astype(float),
        path=np.array([number[id(lane.targets)] for lane in full]),
        used=len(members),
    )
    return lanes, np.array([paths.returns(targets) for targets in distinct.values()])


def _facts(lane: Lane, shared: dict[Any, Any]) -> tuple[list[int], float]:
    """Where the arrays of a lane lie, in the order of the facts, and the weight of cash in its opening trade."""
    key = id(lane.bands), id(lane.targets), id(lane.costs), lane.first
    if key not in shared:
        opening, cash = _opening(lane.targets, lane.first, shared)
        shared[key] = [*_addresses(lane.bands, shared), *_addresses(lane.costs, shared), opening], cash
    return shared[key]  # type: ignore[no-any-return]


def _opening(targets: TargetPath, first: int, shared: dict[Any, Any]) -> tuple[int, float]:
    """Where the target of the opening trade lies, and what it leaves to cash."""
    key = id(targets), first
    if key not in shared:
        opening = targets.rows[targets.row[min(first, len(targets.row) - 1)]]
        shared[key] = addresses((opening,))[0], 1.0 - opening.sum()
    return shared[key]  # type: ignore[no-any-return]


def _addresses(owner: NoTradeBands | Costs, shared: dict[Any, Any]) -> list[int]:
    """Where the arrays of no-trade bands or of costs lie."""
    if id(owner) not in shared:
        arrays = owner.arrays if isinstance(owner, NoTradeBands) else (owner.tariff().rates, owner.total)
        # the arrays live as long as their addresses: those of the first thread, where two come at once
        shared.setdefault(id(owner), (addresses(arrays), arrays))
    return shared[id(owner)][0]  # type: ignore[no-any-return]


def refused(market: Market, lane: Lane, number: int, t: int) -> PolicyError:
    """Why row t of the market cannot be booked by a lane, in words."""
    weights, dates = lane.targets.at(t), market.dates
    i = int(np.argmax(np.abs(weights) * lane.costs.total))
    return PolicyError(
        f"lane {number} cannot go on at {dates[t]:%Y-%m-%d}: wealth is no longer positive, or the costs of its trade "
        f"would take more than the lines that trade are worth. The costliest line of its target is {market.assets[i]}: "
        f"{lane.costs.total[i]:.2%} of a weight of {weights[i]:.4f}. Lower the costs or the leverage."
    )
