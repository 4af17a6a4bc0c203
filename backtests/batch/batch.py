"""Many configurations at once: the loop over `[asset, configuration]`, equal to `backtests.engine.run` to the bit.

`BLOCK` configurations make a block, which one thread plays without the GIL. Here are the configurations, what is
refused, and the table that comes back. `state` says what a block reads and holds, `block` plays its days, `booking`
those on which something may happen, and `foundation.compiled.simd` makes it read like the loop of one path.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar

import numpy as np

from backtests.batch.block import Returns, play_block
from backtests.batch.state import BLOCK, BlockArrays, Panel, Play, State, addresses
from backtests.batch.streaming_metrics import (
    BATCH_METRICS,
    SHARPE,
    Terms,
    checked_figures,
    path_cvar,
    target_path_returns,
)
from foundation.arguments import check_positive, is_number, is_whole, refuse
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, PolicyError
from foundation.paper.wording import counted, percent
from foundation.tolerances import TARGET_TOLERANCE
from research.accounting import Costs
from research.accounting.view import past_limit
from research.allocation import TargetPath
from research.market import Market
from research.rules.no_trade_bands import NoTradeBands

T = TypeVar("T")


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


@dataclass(frozen=True, eq=False)
class Batch:
    """C configurations in columns: each object that many of them share is stored once, and columns hold its number.

    bands    : the distinct bands.
    targets  : the distinct target paths.
    costs    : the distinct costs.
    of_bands, of_targets, of_costs : (C,) numbers of a configuration's own.
    lag      : (C,) sessions from a decision to its booking.
    first    : (C,) market row of the opening trade.
    """

    bands: Sequence[NoTradeBands]
    targets: Sequence[TargetPath]
    costs: Sequence[Costs]
    of_bands: Rows
    of_targets: Rows
    of_costs: Rows
    lag: Rows | Array
    first: Rows

    @classmethod
    def of(cls, configurations: Sequence[PreparedConfiguration]) -> "Batch":
        """The columns of prepared configurations."""
        bands, of_bands = each_once([one.bands for one in configurations])
        targets, of_targets = each_once([one.targets for one in configurations])
        costs, of_costs = each_once([one.costs for one in configurations])
        lag, first = ([getattr(one, name) for one in configurations] for name in ("lag", "first"))
        return cls(bands, targets, costs, of_bands, of_targets, of_costs, np.array(lag), np.array(first))

    def __len__(self) -> int:
        """C."""
        return len(self.first)

    @cached_property
    def openings(self) -> tuple[list[tuple[int, int]], Rows]:
        """The different opening trades, (number of its targets, market row), and (C,) which of them is whose."""
        rows = int(self.first.max()) + 1
        keys, which = np.unique(self.of_targets * rows + self.first, return_inverse=True)
        return [divmod(key, rows) for key in keys.tolist()], which


def each_once(owners: Sequence[T]) -> tuple[list[T], Rows]:
    """Objects, each once, and the number of each that was given."""
    distinct = {id(owner): owner for owner in owners}
    number = {key: k for k, key in enumerate(distinct)}
    return list(distinct.values()), np.array([number[id(owner)] for owner in owners])


def play_batch(
    market: Market,
    configurations: Batch | Sequence[PreparedConfiguration],
    strategic: TargetPath,
    tracking_penalty: float,
    periods_per_year: float,
    *,
    cvar95: bool = False,
    workers: int = 1,
    leverage_limit: float = 1.0,
) -> Array:
    """(C, len(BATCH_METRICS)) metrics of each configuration, in the units of records; `CVAR` last where asked for.

    market           : T days of n assets.
    configurations   : C configurations, each from a wealth of 1.
    strategic        : the target by which J and the first tracking error are measured.
    tracking_penalty : price of squared tracking error.
    periods_per_year : number of periods by which figures are annualised.
    cvar95           : True if the one figure that needs the whole path is also computed.
    workers          : number of threads, each of which runs one block after the other.
    leverage_limit   : maximum of the sum of absolute weights.
    Raises           : ConfigError or PolicyError, naming the configuration, for one that does not fit the market or
                       cannot be booked; DataError for one with a figure that is not defined.
    """
    batch = configurations if isinstance(configurations, Batch) else Batch.of(configurations)
    _check_settings(tracking_penalty, periods_per_year, leverage_limit, workers)
    _check_batch(market, batch, leverage_limit)
    penalty, year = float(tracking_penalty), float(periods_per_year)  # an int has code of its own compiled
    blocks = Blocks(market, batch, target_path_returns(strategic, market), penalty, year, cvar95)
    starts = range(0, len(batch), BLOCK)
    if workers == 1:
        return np.concatenate([blocks.play(start) for start in starts])
    with ThreadPoolExecutor(workers) as pool:
        return np.concatenate(list(pool.map(blocks.play, starts)))


# -- at the door -----------------------------------------------------------------------------------------------------


def _check_settings(tracking_penalty: float, periods_per_year: float, leverage_limit: float, workers: int) -> None:
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


def _check_batch(market: Market, batch: Batch, leverage_limit: float) -> None:
    """Refuse what cannot be played, each shared object once. Raises ConfigError or PolicyError."""
    days, first, lag = len(market.dates), batch.first, batch.lag
    if (market.exits < days).any():
        i = int(np.argmin(market.exits))
        raise ConfigError(
            f"{market.assets[i]} is delisted on {market.dates[market.exits[i]]:%Y-%m-%d}: a batch books no exits. Play "
            "such a market one backtest at a time (`backtest`)."
        )
    opens = (first >= 0) & (first < days - 2)
    if opens.all():
        cases, which = batch.openings
        opens = np.array([batch.targets[k].row[row] >= 0 for k, row in cases])[which]
    if not opens.all():
        number = int(np.argmin(opens))
        raise ConfigError(
            f"configuration {number} opens in row {first[number].item()!r}, where no target is in force or fewer than "
            f"two left: the market has {days} rows."
        )
    for number in np.flatnonzero((lag < 0) | (lag != np.floor(lag)))[:1].tolist():
        raise ConfigError(f"lag of configuration {number} is {lag[number].item()!r}: it counts sessions, 0 or more.")
    for number in np.flatnonzero(lag >= days - 1 - first)[:1].tolist():
        raise ConfigError(
            f"lag of configuration {number} is {lag[number]}, of {counted(days - 1 - first[number], 'session')} after "
            "its opening trade: nothing would ever be booked. Give a shorter lag, an earlier start, or more days."
        )
    shared: list[tuple[Sequence[NoTradeBands | TargetPath | Costs], Rows]] = [
        (batch.bands, batch.of_bands),
        (batch.targets, batch.of_targets),
        (batch.costs, batch.of_costs),
    ]
    for owners, of in shared:
        for k, owner in enumerate(owners):
            found = misfit(owner, market, leverage_limit)
            if found:
                number = int(np.argmax(of == k))
                raise PolicyError(f"configuration {number} cannot be played on market {market.name!r}: {found}")


def misfit(owner: NoTradeBands | TargetPath | Costs, market: Market, leverage_limit: float) -> str:
    """The reason why this cannot be backtested on the market, or ""."""
    days, n = market.shape
    if isinstance(owner, Costs):
        if len(owner.total) != n:
            return f"its costs have {len(owner.total)} assets and the market {n}."
        return "" if owner.proportional else "its costs are not all proportional: use `backtest`, one at a time."
    if isinstance(owner, TargetPath):
        if owner.assets != market.assets or len(owner.row) != days:
            return f"the targets of {owner.allocation} are for other assets or dates: give the path on this market."
        return _past(np.abs(owner.rows).sum(axis=1).max(), leverage_limit, "its targets ask")
    if owner.lower.shape[1] != n or len(owner.asked) != days or len(owner.row) != days:
        return (
            f"its no-trade bands are for {owner.lower.shape[1]} assets and {len(owner.asked)} days, the market has {n} "
            f"and {days}: make them for this market."
        )
    if owner.options.some:
        return "its rule asks or makes more than a box round each asset: use `backtest`, one at a time."
    least = (np.maximum(owner.lower, 0.0) - np.minimum(owner.upper, 0.0)).sum(axis=1)
    return _past(least.max(), leverage_limit, "its boxes ask")


def _past(gross: float, limit: float, who: str) -> str:
    if gross <= limit + TARGET_TOLERANCE:
        return ""
    return (
        f"{who} for gross weights of {past_limit(gross, limit)}, past the leverage limit of {limit:g}: lower them or "
        "raise it."
    )


# -- a block ---------------------------------------------------------------------------------------------------------


class Blocks:
    """A batch as its blocks read it; the members that are left over in the last block never open."""

    def __init__(
        self, market: Market, batch: Batch, strategic: Array, tracking_penalty: float, periods_per_year: float,
        cvar95: bool,
    ) -> None:  # fmt: skip
        """Lay out the columns of all blocks at once; each block takes a slice of them.

        strategic : (T,) returns of the target by which J is measured; other arguments as in `play_batch`.
        """
        self.market, self.batch, self.panel, count = market, batch, Panel.of(market), len(batch)
        self.strategic, self.cvar95 = strategic, cvar95
        self.terms = Terms(tracking_penalty, periods_per_year)
        costs = [(owner.cost_parameters().rates, owner.total) for owner in batch.costs]
        cases, case = batch.openings
        opening = [batch.targets[k].at(row) for k, row in cases]
        self.held = costs, opening  # as long as their addresses
        take = np.minimum(np.arange(-(-count // BLOCK) * BLOCK), count - 1)
        of_bands, of_costs, case = batch.of_bands[take], batch.of_costs[take], case[take]
        bands = [(len(a.target), a.fraction, a.fraction < 1.0 and a.again) for a in batch.bands]
        rows, fraction, again = (np.array(values)[of_bands] for values in zip(*bands, strict=True))
        first = batch.first[take]
        span = market.days[-1] - market.days[first]
        first[count:] = len(market.dates)
        self.all = BlockArrays(
            at=np.column_stack(
                [
                    np.array([addresses(owner.arrays) for owner in batch.bands])[of_bands],
                    np.array([addresses(arrays) for arrays in costs])[of_costs],
                    np.array([addresses((target,)) for target in opening])[case],
                ]
            ),
            rows=rows,
            fraction=fraction.astype(float),
            again=again.astype(float),
            opening_cash=np.array([1.0 - target.sum() for target in opening])[case],
            lag=batch.lag[take].astype(float),
            first=first.astype(float),
            span=span.astype(float),
            path=batch.of_targets[take],
            used=count,
        )
        self.own = np.array([target_path_returns(targets, market) for targets in batch.targets])  # (P, T)

    def play(self, start: int) -> Array:
        """Play the block that begins at a configuration, by its number; gives its rows of the table."""
        *columns, used = self.all
        block = BlockArrays._make((*(column[start : start + BLOCK] for column in columns), min(BLOCK, used - start)))
        market = self.market
        out = np.empty((BLOCK, len(BATCH_METRICS)))
        path = np.empty((BLOCK if self.cvar95 else 0, len(market.dates)))
        play = Play(self.panel, block, State.empty(len(market.assets)))
        member, t = play_block(play, Returns(market.cash, self.strategic, self.own), self.terms, path, out)
        if t >= 0:
            raise _refused(market, self.batch, start + member, t)
        figures = out[: block.used]
        if self.cvar95:
            tails = [path_cvar(path[j, self.batch.first[start + j] :]) for j in range(block.used)]
            figures = np.column_stack([figures, tails])
        for j in np.flatnonzero(np.isnan(figures[:, SHARPE])):
            checked_figures(figures[j], f"configuration {start + j}")
        return figures


def _refused(market: Market, batch: Batch, number: int, t: int) -> PolicyError:
    """The error, with its reason, for a configuration that cannot book row t of the market.

    market : the market of the backtest.
    batch  : the configurations.
    number : number of the configuration.
    t      : row of the market.
    """
    targets, costs = batch.targets[batch.of_targets[number]], batch.costs[batch.of_costs[number]]
    weights, dates = targets.at(t), market.dates
    i = int(np.argmax(np.abs(weights) * costs.total))
    return PolicyError(
        f"configuration {number} cannot go on at {dates[t]:%Y-%m-%d}: wealth is no longer positive, or the costs of "
        "its trade would take more than the assets that trade are worth. The costliest asset of its target is "
        f"{market.assets[i]}: {percent(costs.total[i], 2)} of a weight of {weights[i]:.4f}. Lower the costs or the "
        "leverage."
    )
