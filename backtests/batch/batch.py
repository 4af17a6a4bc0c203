"""Many configurations at once: the loop over `[asset, configuration]`, equal to `backtests.engine.run` to the bit.

`BLOCK` configurations make a block, which one thread plays without the GIL. Here are the configurations, what is
refused, and the table that comes back. `state` says what a block reads and holds, `block` plays its days, `booking`
those on which something may happen, and `research.compiled.simd` makes it read like the loop of one path.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backtests.batch.block import play_block
from backtests.batch.state import BLOCK, CURVE, BlockArrays, Panel, State, addresses
from backtests.batch.streaming_metrics import BATCH_METRICS, CVAR, SHARPE, checked, tail, target_path_returns
from research.accounting import Costs
from research.allocation import TargetPath
from research.arguments import check_positive, is_number, is_whole, refuse
from research.arrays import Array
from research.errors import ConfigError, PolicyError
from research.market import Market
from research.rules.no_trade_bands import NoTradeBands
from research.tolerances import TARGET


@dataclass(frozen=True, eq=False)
class PreparedConfiguration:
    """One configuration: no-trade bands on the targets of its allocation, at these costs.

    lag : sessions from a decision to its booking.  first : market row of the opening trade.
    Those that share an object share its memory; neighbours that are alike are played fastest.
    """

    bands: NoTradeBands
    targets: TargetPath
    costs: Costs
    lag: int = 1
    first: int = 0


def play_batch(
    market: Market,
    configurations: Sequence[PreparedConfiguration],
    strategic: TargetPath,
    tracking_penalty: float,
    periods_per_year: float,
    *,
    cvar95: bool = False,
    workers: int = 1,
    leverage_limit: float = 1.0,
) -> Array:
    """(C, len(BATCH_METRICS)) metrics of each configuration, in the units of records; `CVAR` last where asked for.

    market           : T days of n lines.
    configurations   : C of them, each from a wealth of 1.
    strategic        : the target that J and the first tracking error are measured against.
    tracking_penalty : price of squared tracking error.
    periods_per_year : by which figures are annualised.
    cvar95           : take the one figure that needs the whole path too.
    workers          : threads, which take one block after the other.
    leverage_limit   : the most that absolute weights sum to.
    Raises           : ConfigError or PolicyError, naming the configuration, for one that does not fit the market or
                       cannot be booked; DataError for one with a figure that is not defined.
    """
    check_settings(tracking_penalty, periods_per_year, leverage_limit, workers)
    check_configurations(market, configurations, leverage_limit)
    panel, paths = Panel.of(market), Paths(market)
    references = paths.returns(strategic)
    shared: dict[int, Any] = {}

    def play(start: int) -> Array:
        members = configurations[start : start + BLOCK]
        return _play(
            market, panel, members, start, paths, references, tracking_penalty, periods_per_year, cvar95, shared
        )

    return by_block(play, len(configurations), workers)


def by_block(play: Callable[[int], Array], count: int, workers: int) -> Array:
    """What `play` gives for the block of configurations that begins at each start, by this many threads.

    play    : gives the figures (BLOCK or fewer, m) of the block that begins at a number.
    count   : of the configurations.
    workers : number of threads.
    Returns : (count, m) in the units of `play`.
    """
    starts = range(0, count, BLOCK)
    if workers == 1:
        return np.concatenate([play(start) for start in starts])
    with ThreadPoolExecutor(workers) as pool:
        return np.concatenate(list(pool.map(play, starts)))


def _columns(cvar95: bool) -> tuple[str, ...]:
    return (*BATCH_METRICS, CVAR) if cvar95 else BATCH_METRICS


class Paths:
    """The daily returns of each target path that configurations have in common, computed once."""

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
    """Refuse settings that are no numbers in their range.

    tracking_penalty : price of squared tracking error, 0 or more.
    periods_per_year : above 0.
    leverage_limit   : the most that absolute weights sum to, above 0.
    workers          : threads, 1 or more.
    Raises           : ConfigError.
    """
    check_positive(periods_per_year=periods_per_year, leverage_limit=leverage_limit)
    if not (is_number(tracking_penalty) and tracking_penalty >= 0):
        refuse("tracking_penalty is", tracking_penalty, "the price of tracking error is a finite number, 0 or more.")
    if not (is_whole(workers) and workers >= 1):
        refuse("workers is", workers, "give a whole number of threads, 1 or more.")


def check_configurations(
    market: Market, configurations: Sequence[PreparedConfiguration], leverage_limit: float
) -> None:
    """Refuse what cannot be played, each shared object once."""
    seen: set[int] = set()
    days = len(market.dates)
    if (market.exits < days).any():
        i = int(np.argmin(market.exits))
        raise ConfigError(
            f"{market.assets[i]} is delisted on {market.dates[market.exits[i]]:%Y-%m-%d}: a batch books no exits. Play "
            "such a market one backtest at a time (`backtest`)."
        )
    for number, one in enumerate(configurations):
        if not (0 <= one.first < days - 2 and one.targets.row[one.first] >= 0):
            raise ConfigError(
                f"configuration {number} opens in row {one.first!r}, where no target is in force or fewer than two "
                f"left: the market has {days} rows."
            )
        if one.lag < 0 or one.lag != int(one.lag):
            raise ConfigError(f"lag of configuration {number} is {one.lag!r}: it counts sessions, 0 or more.")
        if one.lag >= days - 1 - one.first:
            raise ConfigError(
                f"lag of configuration {number} is {one.lag}, and {days - 1 - one.first} sessions follow its opening "
                "trade: nothing would ever be booked. Give a shorter lag, or more days."
            )
        for owner in (one.bands, one.targets, one.costs):
            if id(owner) not in seen:
                seen.add(id(owner))
                found = misfit(owner, market, leverage_limit)
                if found:
                    raise PolicyError(f"configuration {number} cannot be played on market {market.name!r}: {found}")


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
    members: Sequence[PreparedConfiguration],
    start: int,
    paths: Paths,
    strategic: Array,
    tracking_penalty: float,
    periods_per_year: float,
    cvar95: bool,
    shared: dict[int, Any],
) -> Array:
    """Play one block; gives its rows of the table."""
    block, own = block_arrays(market, members, paths, shared)
    out, curves = np.empty((BLOCK, len(BATCH_METRICS))), np.ones(CURVE * BLOCK)
    path = np.empty((BLOCK if cvar95 else 0, len(market.dates)))
    member, t = play_block(
        panel,
        market.cash,
        block,
        strategic,
        own,
        tracking_penalty,
        periods_per_year,
        curves,
        path,
        out,
        State.empty(len(market.assets)),
    )
    if t >= 0:
        raise refused(market, members[member], start + member, t)
    figures = out[: len(members)]
    if cvar95:
        tails = [tail(path[j, one.first :]) for j, one in enumerate(members)]
        figures = np.column_stack([figures, tails])
    undefined = np.flatnonzero(np.isnan(figures[:, SHARPE]))
    for j in undefined:
        checked(figures[j], f"configuration {start + j}")
    return figures


def block_arrays(
    market: Market, members: Sequence[PreparedConfiguration], paths: Paths, shared: dict[int, Any]
) -> tuple[BlockArrays, Array]:
    """The arrays of a block, and the returns of its targets. The members that are left over never open.

    market  : T days of n lines.
    members : up to BLOCK configurations.
    paths   : gives the returns of a target path.
    shared  : what is kept between blocks, by the identity of its owner.
    Returns : the block; (P, T) simple returns of its P target paths, fraction.
    """
    never = replace(members[-1], first=len(market.dates))
    full = [*members, *[never] * (BLOCK - len(members))]
    distinct = {id(one.targets): one.targets for one in full}
    number = {key: j for j, key in enumerate(distinct)}
    facts = [_facts(one, shared) for one in full]
    first = np.array([one.first for one in full])
    block = BlockArrays(
        at=np.array([at for at, _ in facts], dtype=np.int64),
        rows=np.array([len(one.bands.target) for one in full]),
        fraction=np.array([one.bands.fraction for one in full], dtype=float),
        again=np.array([one.bands.compiled.again for one in full], dtype=float),
        opening_cash=np.array([cash for _, cash in facts]),
        lag=np.array([one.lag for one in full], dtype=float),
        first=first.astype(float),
        span=(market.days[-1] - market.days[np.minimum(first, len(market.days) - 1)]).astype(float),
        path=np.array([number[id(one.targets)] for one in full]),
        used=len(members),
    )
    return block, np.array([paths.returns(targets) for targets in distinct.values()])


def _facts(one: PreparedConfiguration, shared: dict[Any, Any]) -> tuple[list[int], float]:
    """Where the arrays of a configuration lie, in the order of the facts; the weight of cash in its opening trade."""
    key = id(one.bands), id(one.targets), id(one.costs), one.first
    if key not in shared:
        opening, cash = _opening(one.targets, one.first, shared)
        shared[key] = (
            [*_addresses(one.bands, shared), *_addresses(one.costs, shared), opening],
            cash,
        )
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
        arrays = owner.arrays if isinstance(owner, NoTradeBands) else (owner.cost_parameters().rates, owner.total)
        # the arrays live as long as their addresses: those of the first thread, where two come at once
        shared.setdefault(id(owner), (addresses(arrays), arrays))
    return shared[id(owner)][0]  # type: ignore[no-any-return]


def refused(market: Market, one: PreparedConfiguration, number: int, t: int) -> PolicyError:
    """Why row t of the market cannot be booked by a configuration, in words.

    market : that is played.
    one    : the configuration.
    number : of the configuration.
    t      : row of the market.
    """
    weights, dates = one.targets.at(t), market.dates
    i = int(np.argmax(np.abs(weights) * one.costs.total))
    return PolicyError(
        f"configuration {number} cannot go on at {dates[t]:%Y-%m-%d}: wealth is no longer positive, or the costs of "
        "its trade would take more than the lines that trade are worth. The costliest line of its target is "
        f"{market.assets[i]}: {one.costs.total[i]:.2%} of a weight of {weights[i]:.4f}. Lower the costs or the "
        "leverage."
    )
