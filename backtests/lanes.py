"""Many configurations at once: the loop over `[asset, lane]`, equal to `backtests.engine.backtest` to the bit.

A *lane* is one configuration; `LANES` of them make a block, which one thread plays without the GIL. On most days no
lane of a block trades, so a block goes `DAYS` closes at a time. It values all lanes at all of these closes as if none
traded, and asks once, for all of them, whether any weight may have left its trigger in between; for that the closes are
taken relative to the market's mean growth, since only what moves a line against the others moves its weight. A lane of
which this cannot be excluded, or on which something is due, is then played through these days by itself, by the
functions that the one-path loop calls; lanes that book do so together. The sums of `backtests.tally` go on for all.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array
from numpy.typing import NDArray

from backtests.backtest import TRADED as COUNTED
from backtests.tally import (
    CVAR,
    METRICS,
    SHARPE,
    Curve,
    Traded,
    checked,
    finish,
    lived,
    more_traded,
    opened,
    tail,
    target_path_returns,
)
from research.accounting import Costs
from research.accounting.box import DUST
from research.accounting.kernel import BOOKED, NOTHING_MOVED, REFUSED, nearest, wealth, weigh
from research.allocation import TargetPath
from research.compiled import compiled, inlined, lean
from research.errors import ConfigError, PolicyError
from research.market import Market
from research.market.market import Array, Mask
from research.rules.corridor import TOLERANCE, Corridor, ask, near

Rows = NDArray[np.int64]

LANES = 64  # of a block
TOGETHER = 16  # lanes that book together
DAYS = 8  # closes that are valued together
CURVE, TRADED = len(Curve._fields), len(Traded._fields)
NONE = -1  # no day: nothing is due, no row changes


@dataclass(frozen=True, eq=False)
class Lane:
    """One configuration: a corridor on the targets of its allocation, at these costs.

    lag : sessions from a decision to its booking.  first : market row of the opening trade.
    Lanes that share an object share its memory; neighbours that are alike are played fastest.
    """

    corridor: Corridor
    targets: TargetPath
    costs: Costs
    lag: int = 1
    first: int = 0


def play_lanes(
    market: Market,
    lanes: Sequence[Lane],
    strategic: TargetPath,
    g: float,
    periods_per_year: float,
    *,
    cvar95: bool = False,
    workers: int = 1,
    leverage_limit: float = 1.0,
) -> Array:
    """(L, len(METRICS)) metrics of each lane, from a wealth of 1; with `CVAR` as the last column where asked for.

    strategic : the target that J and the first tracking error are measured against.  g : price of tracking error.
    workers : threads, which take one block after the other.  leverage_limit : the most that absolute weights sum to.
    Raises : ConfigError or PolicyError, naming the lane, for one that does not fit the market or cannot be booked;
    DataError for one with a figure that is not defined.
    """
    check_lanes(market, lanes, leverage_limit)
    panel, paths = Panel.of(market), Paths(market)
    references = paths.returns(strategic)
    shared: dict[int, Any] = {}
    blocks = [(start, lanes[start : start + LANES]) for start in range(0, len(lanes), LANES)]

    def play(block: tuple[int, Sequence[Lane]]) -> Array:
        start, members = block
        return _play(market, panel, members, start, paths, references, g, periods_per_year, cvar95, shared)

    if workers == 1:
        return np.concatenate([play(block) for block in blocks])
    with ThreadPoolExecutor(workers) as pool:
        return np.concatenate(list(pool.map(play, blocks)))


def _columns(cvar95: bool) -> tuple[str, ...]:
    return (*METRICS, CVAR) if cvar95 else METRICS


class Panel(NamedTuple):
    """A market as the blocks take it.

    tradable : (T, n).  closes, cash_index : the market's indices, the last row repeated until `DAYS` divides the rows.
    scale : (rows,) 1 over the mean growth of the lines.
    least, most : (tiles, n + 1) lowest and highest index x scale of each line and of cash in `DAYS` closes.
    """

    closes: Array
    cash_index: Array
    tradable: Mask
    scale: Array
    least: Array
    most: Array

    @classmethod
    def of(cls, market: Market) -> "Panel":
        """The panel of a market."""
        index, cash_index = _whole(market.index), _whole(market.cash_index)
        scale = _whole(1.0 / np.cumprod(1.0 + market.returns.mean(axis=1)))
        relative = np.column_stack([index, cash_index]) * scale[:, None]
        tiles = relative.reshape(-1, DAYS, relative.shape[1])
        return cls(index, cash_index, market.tradable, scale, tiles.min(axis=1), tiles.max(axis=1))


def _whole(days: Array) -> Array:
    """The array (T, …) with its last row repeated until `DAYS` divides the rows."""
    return np.concatenate([days, np.repeat(days[-1:], -len(days) % DAYS, axis=0)])


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


def check_lanes(market: Market, lanes: Sequence[Lane], leverage_limit: float) -> None:
    """Refuse what cannot be played, each shared object once."""
    seen: set[int] = set()
    if (market.exits < len(market.dates)).any():
        i = int(np.argmin(market.exits))
        raise ConfigError(
            f"{market.assets[i]} is delisted on {market.dates[market.exits[i]]:%Y-%m-%d}: lanes book no exits. Play "
            "such a market one backtest at a time (`backtest`)."
        )
    for number, lane in enumerate(lanes):
        if not (0 <= lane.first < len(market.dates) - 2 and lane.targets.row[lane.first] >= 0):
            raise ConfigError(
                f"lane {number} opens in row {lane.first!r}, where no target is in force or fewer than two days are "
                f"left: the market has {len(market.dates)} rows."
            )
        if lane.lag < 0 or lane.lag != int(lane.lag):
            raise ConfigError(f"lag of lane {number} is {lane.lag!r}: it counts sessions, 0 or more.")
        for owner in (lane.corridor, lane.targets, lane.costs):
            if id(owner) not in seen:
                seen.add(id(owner))
                found = _misfit(owner, market, leverage_limit)
                if found:
                    raise PolicyError(f"lane {number} cannot be played on market {market.name!r}: {found}")


def _misfit(owner: Corridor | TargetPath | Costs, market: Market, leverage_limit: float) -> str:
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
            f"its corridor is for {owner.lower.shape[1]} lines and {len(owner.asked)} days, the market has {n} and "
            f"{days}: make it for this market."
        )
    least = (np.maximum(owner.lower, 0.0) - np.minimum(owner.upper, 0.0)).sum(axis=1)
    return _past(least.max(), leverage_limit, "its boxes ask")


def _past(gross: float, limit: float, who: str) -> str:
    if gross <= limit + 1e-9:
        return ""
    return f"{who} for gross weights of {gross:.4f}, past the leverage limit of {limit:g}: lower them or raise it."


# -- a block ---------------------------------------------------------------------------------------------------------

FACTS = 11  # arrays of a lane that are read where they lie
ASKED, ROW, TARGET, TRIGGER_LOWER, TRIGGER_UPPER, LOWER, UPPER, CASH, RATES, COST, OPENING = range(FACTS)


class _Lanes(NamedTuple):
    """The lanes of a block. at : (LANES, FACTS) addresses of their arrays, so that nothing shared is copied."""

    at: Rows
    rows: Rows  # K of the corridor
    part: Array
    opening_cash: Array  # weight of cash after the opening trade
    lag: Rows
    first: Rows
    span: Array  # calendar days from the first close to the last
    path: Rows  # row of `own`
    used: int


def _play(
    market: Market,
    panel: Panel,
    members: Sequence[Lane],
    start: int,
    paths: Paths,
    strategic: Array,
    g: float,
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
        g,
        periods_per_year,
        curves,
        path,
        Log.empty(0, len(market.assets)),
        out,
    )
    if t >= 0:
        raise _refused(market, members[lane], start + lane, t)
    figures = out[: len(members)]
    if cvar95:
        tails = [tail(path[j, lane.first :]) for j, lane in enumerate(members)]
        figures = np.column_stack([figures, tails])
    undefined = np.flatnonzero(np.isnan(figures[:, SHARPE]))
    for j in undefined:
        checked(figures[j], f"lane {start + j}")
    return figures


def lanes_of(market: Market, members: Sequence[Lane], paths: Paths, shared: dict[int, Any]) -> tuple[_Lanes, Array]:
    """The lanes of a block, and the returns (P, T) of their own targets. What is left are lanes that never open."""
    never = replace(members[-1], first=len(market.dates))
    full = [*members, *[never] * (LANES - len(members))]
    distinct = {id(lane.targets): lane.targets for lane in full}
    number = {key: j for j, key in enumerate(distinct)}
    facts = [_facts(lane, shared) for lane in full]
    first = np.array([lane.first for lane in full])
    lanes = _Lanes(
        at=np.array([at for at, _ in facts], dtype=np.int64),
        rows=np.array([len(lane.corridor.target) for lane in full]),
        part=np.array([lane.corridor.part for lane in full], dtype=float),
        opening_cash=np.array([cash for _, cash in facts]),
        lag=np.array([lane.lag for lane in full]),
        first=first,
        span=(market.days[-1] - market.days[np.minimum(first, len(market.days) - 1)]).astype(float),
        path=np.array([number[id(lane.targets)] for lane in full]),
        used=len(members),
    )
    return lanes, np.array([paths.returns(targets) for targets in distinct.values()])


def _facts(lane: Lane, shared: dict[Any, Any]) -> tuple[list[int], float]:
    """Where the arrays of a lane lie, in the order of the facts, and the weight of cash in its opening trade."""
    row = int(lane.targets.row[min(lane.first, len(lane.targets.row) - 1)])
    key = id(lane.corridor), id(lane.targets), row, id(lane.costs)
    if key not in shared:
        opening = lane.targets.rows[row]
        at = [*_addresses(lane.corridor, shared), *_addresses(lane.costs, shared), _address(opening)]
        shared[key] = at, 1.0 - opening.sum()
    return shared[key]  # type: ignore[no-any-return]


def _addresses(owner: Corridor | Costs, shared: dict[Any, Any]) -> list[int]:
    """Where the arrays of a corridor or of costs lie."""
    if id(owner) not in shared:
        arrays = owner.arrays if isinstance(owner, Corridor) else (owner.tariff().rates, owner.total)
        shared[id(owner)] = [_address(a) for a in arrays], arrays  # the arrays live as long as their addresses
    return shared[id(owner)][0]  # type: ignore[no-any-return]


def _address(array: np.ndarray) -> int:
    assert array.flags.c_contiguous
    return int(array.__array_interface__["data"][0])


def _refused(market: Market, lane: Lane, number: int, t: int) -> PolicyError:
    weights, dates = lane.targets.at(t), market.dates
    i = int(np.argmax(np.abs(weights) * lane.costs.total))
    return PolicyError(
        f"lane {number} cannot go on at {dates[t]:%Y-%m-%d}: wealth is no longer positive, or the costs of its trade "
        f"would take more than the lines that trade are worth. The costliest line of its target is {market.assets[i]}: "
        f"{lane.costs.total[i]:.2%} of a weight of {weights[i]:.4f}. Lower the costs or the leverage."
    )


def _lying_at(kind: Any) -> Any:
    """A compiled function that gives the C-ordered array of this kind and shape that lies at an address."""

    @intrinsic
    def view(typing: Any, address: Any, shape: Any) -> Any:
        array_type = types.Array(kind, len(shape), "C", readonly=True)

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(array_type)(context, builder)
            sizes = cgutils.unpack_tuple(builder, arguments[1])
            size = context.get_abi_sizeof(context.get_data_type(kind))
            strides = [context.get_constant(types.intp, size)]
            for length in reversed(sizes[1:]):
                strides.insert(0, builder.mul(strides[0], length))
            data = builder.inttoptr(arguments[0], context.get_data_type(kind).as_pointer())
            populate_array(array, data, sizes, strides, strides[-1], meminfo=None)
            return array._getvalue()

        return array_type(types.int64, shape), code

    return view


_floats, _ints, _bools = (_lying_at(kind) for kind in (types.float64, types.int64, types.boolean))


# -- compiled: the state ---------------------------------------------------------------------------------------------


class Log(NamedTuple):
    """Room for trades: lane and row (·, 2), weights before them and asked (·, 2, n), and how many were made (1,)."""

    made: Rows
    weights: Array
    total: Rows

    @classmethod
    def empty(cls, room: int, n: int) -> "Log":
        """Room for so many trades of n lines; what is beyond is counted and not kept."""
        return cls(np.empty((room, 2), dtype=np.int64), np.empty((room, 2, n)), np.zeros(1, dtype=np.int64))


class _Batch(NamedTuple):
    """Lanes that book together, a column each. Flat arrays are [line, column] or [·, column]; see `_settle`."""

    nav: Array
    part: Array
    cash_units: Array
    cash_price: Array
    cash_lower: Array
    cash_upper: Array
    prices: Array
    units: Array
    values: Array
    weights: Array
    asked: Array
    lower: Array
    upper: Array
    rates: Array
    sums: Array
    after: Array


class _State(NamedTuple):
    """What a block holds. Flat arrays are [·, lane]: entry (k, lane) lies at k x LANES + lane.

    units (LANES, n), cash_units (LANES,) : held.  spread : [n + 1, lane] the same, cash last.
    lower, upper : [n + 1, lane] triggers of the row in force, wider by half the tolerance.
    nav, before : [DAYS, lane] after each close's trade and before it.  sums : [·, lane] scratch of the valuation.
    own : [DAYS, lane] returns of the lanes' own targets.  past : (LANES,) how far past a trigger a lane may be.
    trades : [TRADED, lane].  opening : [2, lane] cost of the opening trade and NAV after it.
    due : day of the booking, or NONE.  again : asked again tomorrow.  box : row of the box.  change : next day with
    another row.  stale : units were traded after the block was valued.  review : the next day on which the rule is
    asked.  listed, playing : the lanes that are played by themselves, and those of them that are not through.  day,
    ahead : the day on which each stands, and whether it has yet to book on it.
    """

    units: Array
    cash_units: Array
    spread: Array
    lower: Array
    upper: Array
    nav: Array
    before: Array
    sums: Array
    own: Array
    past: Array
    trades: Array
    opening: Array
    due: Rows
    again: Rows
    box: Rows
    change: Rows
    stale: Rows
    review: Rows
    ahead: Rows
    listed: Rows
    playing: Rows
    day: Rows
    weights: Array
    asked: Array
    movable: Mask
    batch: _Batch


@compiled
def play_block(
    panel: Panel,
    cash: Array,
    lanes: _Lanes,
    strategic: Array,
    own: Array,
    g: float,
    periods_per_year: float,
    curves: Array,
    path: Array,
    log: Log,
    out: Array,
) -> tuple[int, int]:
    """Play a block to the last row; gives (lane, row) of what cannot be booked, or (-1, -1).

    curves : [CURVE, lane] at the end, and out (LANES, len(METRICS)) the metrics.  path : (LANES, T) NAV, or (0, T).
    """
    n = panel.closes.shape[1]
    w = TOGETHER
    batch = _Batch(
        np.ones(w),
        np.ones(w),
        np.zeros(w),
        np.ones(w),
        np.zeros(w),
        np.zeros(w),
        np.ones(n * w),
        np.zeros(n * w),
        np.zeros(n * w),
        np.zeros(n * w),
        np.zeros(n * w),
        np.full(n * w, -np.inf),
        np.full(n * w, np.inf),
        np.zeros(2 * n * w),
        np.zeros(8 * w),
        np.zeros(7 * w),
    )
    state = _State(
        np.zeros((LANES, n)),
        np.ones(LANES),
        np.zeros((n + 1) * LANES),
        np.full((n + 1) * LANES, -np.inf),
        np.full((n + 1) * LANES, np.inf),
        np.ones(DAYS * LANES),
        np.ones(DAYS * LANES),
        np.zeros(4 * DAYS * LANES),
        np.zeros(DAYS * LANES),
        np.zeros(LANES),
        np.zeros(TRADED * LANES),
        np.zeros(2 * LANES),
        np.full(LANES, NONE),
        np.zeros(LANES, dtype=np.int64),
        np.zeros(LANES, dtype=np.int64),
        np.zeros(LANES, dtype=np.int64),
        np.zeros(LANES, dtype=np.int64),
        np.zeros(LANES, dtype=np.int64),
        np.zeros(LANES, dtype=np.int64),
        np.zeros(LANES, dtype=np.int64),
        np.zeros(LANES, dtype=np.int64),
        np.zeros(LANES, dtype=np.int64),
        np.empty(n),
        np.empty(n),
        np.empty(n, dtype=np.bool_),
        batch,
    )
    return _play_tiles(panel, cash, lanes, strategic, own, g, periods_per_year, curves, path, log, out, state)


@lean
def _play_tiles(
    panel: Panel,
    cash: Array,
    lanes: _Lanes,
    strategic: Array,
    own: Array,
    g: float,
    periods_per_year: float,
    curves: Array,
    path: Array,
    log: Log,
    out: Array,
    state: _State,
) -> tuple[int, int]:
    days, n = panel.tradable.shape
    begin = days
    for lane in range(LANES):
        begin = min(begin, lanes.first[lane])
        state.spread[n * LANES + lane] = 1.0
        state.change[lane] = lanes.first[lane]
    for tile in range(begin // DAYS, len(panel.least)):
        t = tile * DAYS
        length = min(DAYS, days - t)
        _value(state.spread, panel.closes, panel.cash_index, t, state.sums, state.nav)
        _look(
            state.nav, panel.scale, t, panel.least[tile], panel.most[tile], state.spread, state.lower, state.upper,
            state.sums, state.past,
        )  # fmt: skip
        alone = _list(lanes, t, length, days, n, state)
        opens = False
        before = state.nav
        if alone > 0:
            for o in range(DAYS * LANES):
                state.before[o] = state.nav[o]
            before = state.before
            lane, row, opens = _play_listed(panel, lanes, t, length, n, alone, state, log)
            if row >= 0:
                return lane, row
        _own_returns(own, lanes.path, t, length, state.own)
        if opens:
            _live_and_open(lanes.first, state.nav, before, cash, strategic, state.own, t, length, curves)
        else:
            _live(state.nav, before, cash, strategic, state.own, t, length, curves)
        _keep(state.nav, t, length, path)
    for lane in range(lanes.used):
        curve, trades = _curve(curves, lane), _trades(state.trades, lane)
        finish(
            curve, trades, state.opening[LANES + lane], state.nav[(length - 1) * LANES + lane], state.opening[lane],
            days - 1 - lanes.first[lane], lanes.span[lane], g, periods_per_year, out[lane],
        )  # fmt: skip
    return -1, -1


# -- compiled: all lanes together ------------------------------------------------------------------------------------
# Each of these is a function of its own with few arrays: inlined into the loop they would not be vectorised.


@lean
def _value(units: Array, index: Array, cash_index: Array, t: int, sums: Array, nav: Array) -> None:
    """NAV of all lanes at `DAYS` closes, as if none traded, summed in the order of `kernel.wealth`."""
    n = index.shape[1]
    stop = n - n % 4
    for half in range(0, DAYS, 4):
        if stop == 0:
            for k in range(len(sums)):
                sums[k] = 0.0
        for strand in range(min(4, stop)):
            _add_strand(units, index, strand, stop, t + half, sums)
        for i in range(stop, n):
            _add_one(units, index, i, t + half, sums, 0, False)
        for day in range(half, half + 4):
            price = cash_index[t + day]
            for lane in range(LANES):
                a, o = (day - half) * LANES + lane, day * LANES + lane
                b, c, d = a + 4 * LANES, a + 8 * LANES, a + 12 * LANES
                nav[o] = ((sums[a] + sums[b]) + (sums[c] + sums[d])) + units[n * LANES + lane] * price


@inlined
def _add_strand(units: Array, index: Array, strand: int, stop: int, t: int, sums: Array) -> None:
    """Every fourth line from `strand` on, at four closes."""
    i, to = strand, strand * 4 * LANES
    if i + 12 < stop:
        _add_four(units, index, i, t, sums, to, True)
        i += 16
    else:
        _add_one(units, index, i, t, sums, to, True)
        i += 4
    while i + 12 < stop:
        _add_four(units, index, i, t, sums, to, False)
        i += 16
    while i < stop:
        _add_one(units, index, i, t, sums, to, False)
        i += 4


@inlined
def _add_four(units: Array, index: Array, i: int, t: int, sums: Array, to: int, fresh: bool) -> None:
    """Add lines i, i + 4, i + 8 and i + 12 to the sums of four closes, or begin these."""
    j, k, m = i + 4, i + 8, i + 12
    ai, aj, ak, am = index[t, i], index[t, j], index[t, k], index[t, m]
    bi, bj, bk, bm = index[t + 1, i], index[t + 1, j], index[t + 1, k], index[t + 1, m]
    ci, cj, ck, cm = index[t + 2, i], index[t + 2, j], index[t + 2, k], index[t + 2, m]
    di, dj, dk, dm = index[t + 3, i], index[t + 3, j], index[t + 3, k], index[t + 3, m]
    i, j, k, m = i * LANES, j * LANES, k * LANES, m * LANES
    for lane in range(LANES):
        w, x, y, z = units[i + lane], units[j + lane], units[k + lane], units[m + lane]
        a = to + lane
        b, c, d = a + LANES, a + 2 * LANES, a + 3 * LANES
        sums[a] = (0.0 if fresh else sums[a]) + w * ai + x * aj + y * ak + z * am
        sums[b] = (0.0 if fresh else sums[b]) + w * bi + x * bj + y * bk + z * bm
        sums[c] = (0.0 if fresh else sums[c]) + w * ci + x * cj + y * ck + z * cm
        sums[d] = (0.0 if fresh else sums[d]) + w * di + x * dj + y * dk + z * dm


@inlined
def _add_one(units: Array, index: Array, i: int, t: int, sums: Array, to: int, fresh: bool) -> None:
    """Add line i to the sums of four closes, or begin these."""
    ai, bi, ci, di = index[t, i], index[t + 1, i], index[t + 2, i], index[t + 3, i]
    i *= LANES
    for lane in range(LANES):
        held, a = units[i + lane], to + lane
        b, c, d = a + LANES, a + 2 * LANES, a + 3 * LANES
        sums[a] = (0.0 if fresh else sums[a]) + held * ai
        sums[b] = (0.0 if fresh else sums[b]) + held * bi
        sums[c] = (0.0 if fresh else sums[c]) + held * ci
        sums[d] = (0.0 if fresh else sums[d]) + held * di


@lean
def _look(
    nav: Array, scale: Array, t: int, low: Array, high: Array, units: Array, lower: Array, upper: Array, sums: Array,
    past: Array,
) -> None:  # fmt: skip
    """How far each lane may be past a trigger at one of `DAYS` closes: not at all where `past` is not positive.

    low, high : (n + 1,) the least and the greatest index of each line and of cash at these closes, times scale.
    """
    for lane in range(LANES):
        least = most = nav[lane] * scale[t]
        for day in range(1, DAYS):
            value = nav[day * LANES + lane] * scale[t + day]
            least, most = min(least, value), max(most, value)
        sums[lane], sums[LANES + lane], past[lane] = least, most, -least
    for i in range(len(low)):
        least_price, most_price, o = low[i], high[i], i * LANES
        for lane in range(LANES):
            least, most = sums[lane], sums[LANES + lane]
            one, other = units[o + lane] * least_price, units[o + lane] * most_price
            over = max(one, other) - min(upper[o + lane] * least, upper[o + lane] * most)
            under = max(lower[o + lane] * least, lower[o + lane] * most) - min(one, other)
            past[lane] = max(past[lane], max(over, under))


@lean
def _own_returns(own: Array, path: Rows, t: int, length: int, out: Array) -> None:
    """Returns of the lanes' own targets at these closes, out [DAYS, lane]."""
    for day in range(length):
        if len(own) == 1:
            for lane in range(LANES):
                out[day * LANES + lane] = own[0, t + day]
        else:
            for lane in range(LANES):
                out[day * LANES + lane] = own[path[lane], t + day]


@lean
def _live(
    nav: Array, before: Array, cash: Array, strategic: Array, own: Array, t: int, length: int, curves: Array
) -> None:
    """These days of all curves."""
    if length == DAYS:
        for lane in range(LANES):
            curve = _curve(curves, lane)
            for day in range(DAYS):
                o = day * LANES + lane
                curve = lived(curve, before[o], nav[o], cash[t + day], strategic[t + day], own[o])
            _write_curve(curves, lane, curve)
    else:
        for day in range(length):
            _live_a_day(nav, before, cash[t + day], strategic[t + day], own, day, curves)


@inlined
def _live_and_open(
    first: Rows, nav: Array, before: Array, cash: Array, strategic: Array, own: Array, t: int, length: int,
    curves: Array,
) -> None:  # fmt: skip
    """These days of all curves, on one of which some begin."""
    for day in range(length):
        _live_a_day(nav, before, cash[t + day], strategic[t + day], own, day, curves)
        for lane in range(LANES):
            if first[lane] == t + day:
                _write_curve(curves, lane, opened(nav[day * LANES + lane]))


@lean
def _keep(nav: Array, t: int, length: int, path: Array) -> None:
    """Keep these days of NAV, path (LANES, T), where there is room."""
    for lane in range(len(path)):
        for day in range(length):
            path[lane, t + day] = nav[day * LANES + lane]


@lean
def _live_a_day(nav: Array, before: Array, cash: float, strategic: float, own: Array, day: int, curves: Array) -> None:
    """One day of all curves."""
    for lane in range(LANES):
        o = day * LANES + lane
        curve = lived(_curve(curves, lane), before[o], nav[o], cash, strategic, own[o])
        _write_curve(curves, lane, curve)


@inlined
def _curve(a: Array, o: int) -> Curve:
    return Curve(
        a[o], a[o + LANES], a[o + 2 * LANES], a[o + 3 * LANES], a[o + 4 * LANES], a[o + 5 * LANES], a[o + 6 * LANES],
        a[o + 7 * LANES], a[o + 8 * LANES], a[o + 9 * LANES], a[o + 10 * LANES], a[o + 11 * LANES],
    )  # fmt: skip


@inlined
def _write_curve(a: Array, o: int, curve: Curve) -> None:
    a[o], a[o + LANES], a[o + 2 * LANES] = curve.per_nav, curve.peak, curve.low
    a[o + 3 * LANES], a[o + 4 * LANES], a[o + 5 * LANES] = curve.low_peak, curve.net, curve.net2
    a[o + 6 * LANES], a[o + 7 * LANES], a[o + 8 * LANES] = curve.excess, curve.excess2, curve.active
    a[o + 9 * LANES], a[o + 10 * LANES], a[o + 11 * LANES] = curve.active2, curve.own, curve.own2


@inlined
def _trades(a: Array, o: int) -> Traded:
    return Traded(a[o], a[o + LANES], a[o + 2 * LANES], a[o + 3 * LANES])


@inlined
def _write_trades(a: Array, o: int, trades: Traded) -> None:
    a[o], a[o + LANES], a[o + 2 * LANES], a[o + 3 * LANES] = trades.cost, trades.turnover, trades.lines, trades.days


# -- compiled: the lanes on which something may happen ---------------------------------------------------------------


@inlined
def _list(lanes: _Lanes, t: int, length: int, days: int, n: int, state: _State) -> int:
    """List the lanes that are to be played by themselves; gives how many there are."""
    count = 0
    for lane in range(LANES):
        changes = state.change[lane] < t + length
        busy = state.due[lane] >= 0 or state.again[lane] > 0
        may_trade = state.past[lane] > 0.0 and state.review[lane] < t + length
        if changes or busy or (may_trade and _is_asked(lanes, lane, t, t + length, days, state)):
            state.listed[count], state.day[lane], state.stale[lane] = lane, 0, 0
            count += 1
        if changes:
            _next_row(lanes, lane, t + length - 1, days, n, state)
    return count


@inlined
def _is_asked(lanes: _Lanes, lane: int, t: int, stop: int, days: int, state: _State) -> bool:
    """Is the rule asked on a day before `stop`? Finds the next such day from t on, and remembers it."""
    following = max(state.review[lane], t)
    asked = _bools(lanes.at[lane, ASKED], (days,))
    while following < days and not asked[following]:
        following += 1
    state.review[lane] = following
    return following < stop


@inlined
def _next_row(lanes: _Lanes, lane: int, t: int, days: int, n: int, state: _State) -> None:
    """Hold the triggers of the row in force at t, and find the next day with another one."""
    row = _ints(lanes.at[lane, ROW], (days,))
    k, following = row[t], t + 1
    while following < days and row[following] == k:
        following += 1
    state.change[lane] = following
    shape = (lanes.rows[lane], n)
    lower, upper = _floats(lanes.at[lane, TRIGGER_LOWER], shape), _floats(lanes.at[lane, TRIGGER_UPPER], shape)
    cash = _floats(lanes.at[lane, CASH], (lanes.rows[lane], 4))
    for i in range(n):
        state.lower[i * LANES + lane] = lower[k, i] - 0.5 * TOLERANCE
        state.upper[i * LANES + lane] = upper[k, i] + 0.5 * TOLERANCE
    state.lower[n * LANES + lane] = cash[k, 0] - 0.5 * TOLERANCE
    state.upper[n * LANES + lane] = cash[k, 1] + 0.5 * TOLERANCE


@inlined
def _play_listed(
    panel: Panel, lanes: _Lanes, t: int, length: int, n: int, count: int, state: _State, log: Log
) -> tuple[int, int, bool]:
    """Play the listed lanes through these days; gives (lane, row) that cannot be booked or -1, and: did one open?"""
    opens, refused = _begin(panel, lanes, t, length, n, count, state)
    if refused >= 0:
        return refused, lanes.first[refused], opens
    playing = count
    for c in range(count):
        state.playing[c] = state.listed[c]
    while playing > 0:  # each goes on to the day on which it books; then all of them book together
        booking = 0
        for c in range(playing):
            lane = state.playing[c]
            d, stopped = _advance(panel, lanes, lane, t, state.day[lane], length, n, state.ahead[lane] > 0, state)
            if stopped:
                return lane, t + d, opens
            if d < length:
                state.day[lane], state.ahead[lane], state.playing[booking] = d, 0, lane
                booking += 1
        for c in range(0, booking, TOGETHER):
            lane = _book(panel, lanes, state.playing[c : c + TOGETHER], min(booking - c, TOGETHER), t, n, state, log)
            if lane >= 0:
                return lane, t + state.day[lane], opens
        playing = booking
    _spread(n, count, state)
    return -1, -1, opens


@inlined
def _begin(panel: Panel, lanes: _Lanes, t: int, length: int, n: int, count: int, state: _State) -> tuple[bool, int]:
    """Let the listed lanes stand on the first of these days, or open; did one open, and which could not, or -1?"""
    opens, refused = False, -1
    for c in range(count):
        lane, first = state.listed[c], lanes.first[state.listed[c]]
        state.ahead[lane] = 1
        if t <= first < t + length:
            opens = True
            if not _open(panel, lanes, lane, first, n, state):
                refused = lane
            state.nav[(first - t) * LANES + lane] = state.opening[LANES + lane]
            state.day[lane] = first - t + 1
    return opens, refused


@inlined
def _spread(n: int, count: int, state: _State) -> None:
    """Bring what the listed lanes hold after their trades into [asset, lane]."""
    for c in range(count):
        lane = state.listed[c]
        if state.stale[lane]:
            for i in range(n):
                state.spread[i * LANES + lane] = state.units[lane, i]
            state.spread[n * LANES + lane] = state.cash_units[lane]


@inlined
def _advance(
    panel: Panel, lanes: _Lanes, lane: int, t: int, d: int, length: int, n: int, ahead: bool, state: _State
) -> tuple[int, bool]:
    """From day d on (or, not `ahead`, from after its booking), the day on which the lane books next, or `length`.

    In the order of the house: with a lag, what is due is booked and then the policy looks; without, it looks first.
    Also gives: is the wealth of that day no longer positive?
    """
    days, units = len(panel.tradable), state.units[lane]
    lag, at, shape = lanes.lag[lane], lanes.at[lane], (lanes.rows[lane], n)
    asked, row = _bools(at[ASKED], (days,)), _ints(at[ROW], (days,))
    lower, upper = _floats(at[TRIGGER_LOWER], shape), _floats(at[TRIGGER_UPPER], shape)
    cash = _floats(at[CASH], (lanes.rows[lane], 4))
    while d < length:
        o, now = d * LANES + lane, t + d
        price = panel.cash_index[now]
        if ahead:
            if state.stale[lane]:
                state.nav[o] = state.before[o] = wealth(units, panel.closes, now, state.cash_units[lane], price)
            if not state.nav[o] > 0.0:
                return d, True
            if lag > 0 and state.due[lane] == now:
                return d, False
        if (ahead or lag > 0) and state.due[lane] < 0 and (asked[now] or state.again[lane] > 0):
            k, nav, cash_value = row[now], state.nav[o], state.cash_units[lane] * price
            if state.again[lane] or near(units, panel.closes, now, nav, cash_value, lower, upper, cash, k):
                held = weigh(units, panel.closes, now, nav, state.weights)
                state.again[lane] = 0
                if ask(state.weights, held, panel.tradable, now, lower, upper, cash, k):
                    state.due[lane], state.box[lane], state.again[lane] = now + lag, k, lanes.part[lane] < 1.0
                    if lag == 0:
                        return d, False
        d, ahead = d + 1, True
    return d, False


@inlined
def _book(panel: Panel, lanes: _Lanes, booking: Rows, count: int, t: int, n: int, state: _State, log: Log) -> int:
    """Book what is due in `count` lanes, each on its own day, together; gives a lane that cannot be booked, or -1.

    The same numbers as `kernel.book`, in the same order for each lane, so that they have the same bits.
    """
    batch = state.batch
    for c in range(count):  # the columns that are left keep what they have, and nobody reads them
        _gather(panel, lanes, booking[c], c, t, n, state)
    _clamp(n, batch.nav, batch.values, batch.lower, batch.upper, batch.weights, batch.asked, batch.sums)
    for c in range(count):
        cash, lane = 1.0 - batch.sums[c], booking[c]
        if abs(cash - min(max(cash, batch.cash_lower[c]), batch.cash_upper[c])) > DUST:
            _find_nearest(panel, lanes, lane, c, t, n, state)
    _settle(n, batch)
    for c in range(count):
        if not _scatter(booking[c], c, n, state):
            return booking[c]
        if batch.after[c] == BOOKED:
            _note(booking[c], c, t, n, state, log)
    return -1


@inlined
def _gather(panel: Panel, lanes: _Lanes, lane: int, c: int, t: int, n: int, state: _State) -> None:
    """Bring a lane into column c."""
    batch, at, shape, d, k = state.batch, lanes.at[lane], (lanes.rows[lane], n), state.day[lane], state.box[lane]
    lower, upper, rates = _floats(at[LOWER], shape), _floats(at[UPPER], shape), _floats(at[RATES], (2, n))
    cash, now = _floats(at[CASH], (lanes.rows[lane], 4)), t + d
    batch.nav[c], batch.part[c] = state.nav[d * LANES + lane], lanes.part[lane]
    batch.cash_units[c], batch.cash_price[c] = state.cash_units[lane], panel.cash_index[now]
    batch.cash_lower[c], batch.cash_upper[c] = cash[k, 2], cash[k, 3]
    for i in range(n):
        o, price, held = i * TOGETHER + c, panel.closes[now, i], state.units[lane, i]
        batch.prices[o], batch.units[o], batch.values[o] = price, held, held * price
        batch.rates[o], batch.rates[n * TOGETHER + o] = rates[0, i], rates[1, i]
        batch.lower[o] = lower[k, i] if panel.tradable[now, i] else -np.inf  # what cannot trade stays where it is
        batch.upper[o] = upper[k, i] if panel.tradable[now, i] else np.inf


@lean
def _clamp(
    n: int, nav: Array, values: Array, lower: Array, upper: Array, weights: Array, asked: Array, sums: Array
) -> None:
    """Weights, and the same clamped into the box, of all columns; their total into row 0 of the sums."""
    for c in range(TOGETHER):
        sums[c], sums[TOGETHER + c] = 0.0, 1.0 / nav[c]
    for i in range(n):
        for c in range(TOGETHER):
            o = i * TOGETHER + c
            weight = values[o] * sums[TOGETHER + c]
            inside = min(max(weight, lower[o]), upper[o])
            sums[c] += inside
            weights[o], asked[o] = weight, inside


@inlined
def _find_nearest(panel: Panel, lanes: _Lanes, lane: int, c: int, t: int, n: int, state: _State) -> None:
    """The nearest point where cash cannot take what clamping leaves, for one column."""
    batch, at, shape, k = state.batch, lanes.at[lane], (lanes.rows[lane], n), state.box[lane]
    for i in range(n):
        state.weights[i] = batch.weights[i * TOGETHER + c]
    nearest(
        state.weights, panel.tradable[t + state.day[lane]], _floats(at[LOWER], shape)[k], _floats(at[UPPER], shape)[k],
        _floats(at[TARGET], shape)[k], batch.cash_lower[c], batch.cash_upper[c], _floats(at[COST], (n,)),
        state.movable, state.asked,
    )  # fmt: skip
    for i in range(n):
        batch.asked[i * TOGETHER + c] = state.asked[i]


@inlined
def _settle(n: int, batch: _Batch) -> None:
    """`kernel.settle` for all columns: each sum in its order, Newton's steps until no column moves.

    Writes units, and rows of `after`: status, NAV, units of cash, charges, buys, sells, lines that count as traded.
    """
    _aim(n, batch.values, batch.weights, batch.asked, batch.part, batch.rates, batch.sums)
    _solve(n, batch.nav, batch.values, batch.weights, batch.asked, batch.rates, batch.sums, batch.after)
    _trade(
        n, batch.nav, batch.values, batch.weights, batch.asked, batch.rates, batch.cash_units, batch.cash_price,
        batch.sums, batch.after,
    )  # fmt: skip
    _hold(
        n, batch.prices, batch.asked, batch.weights, batch.units, batch.cash_price, batch.sums, batch.after
    )  # fmt: skip


@lean
def _aim(n: int, values: Array, weights: Array, asked: Array, part: Array, rates: Array, sums: Array) -> None:
    """What is asked, with `part` of the way and without rounding; sums of what is kept, and of the marginal costs.

    sums : rows 0 to 3, value kept, share of NAV in the other lines, their marginal cost, and: does any move?
    """
    w = TOGETHER
    for c in range(w):
        sums[c], sums[c + w], sums[c + 2 * w], sums[c + 3 * w] = 0.0, 1.0, 0.0, 0.0
    for i in range(n):
        for c in range(w):
            o = i * w + c
            held = weights[o]
            goal = held if abs(asked[o] - held) <= DUST else asked[o]
            goal = held + part[c] * (goal - held) if part[c] < 1.0 and goal != held else goal
            asked[o], stays = goal, goal == held
            sums[c] += values[o] if stays else 0.0
            sums[c + w] -= held if stays else 0.0
            sums[c + 2 * w] += 0.0 if stays else rates[o] * abs(goal)
            sums[c + 2 * w] += 0.0 if stays else rates[n * w + o] * abs(goal)
            sums[c + 3 * w] = sums[c + 3 * w] if stays else 1.0


@lean
def _solve(
    n: int, nav: Array, values: Array, weights: Array, asked: Array, rates: Array, sums: Array, after: Array
) -> None:
    """The status of each column, and the scale of what it asks for into row 3 of the sums."""
    w = TOGETHER
    for c in range(w):
        moves = sums[c + 3 * w] > 0.0
        sums[c + w] = sums[c + w] if moves else 1.0
        refused = moves and not (nav[c] > 0.0 and sums[c + 2 * w] < sums[c + w])
        after[c] = REFUSED if refused else BOOKED if moves else NOTHING_MOVED
        sums[c + 3 * w] = (nav[c] - sums[c]) / sums[c + w]
    going, steps = 1, 0
    while going > 0 and steps < 2 * n + 2:
        going = _newton(n, nav, values, weights, asked, rates, sums)
        steps += 1


@lean
def _trade(
    n: int, nav: Array, values: Array, weights: Array, asked: Array, rates: Array, cash_units: Array,
    cash_price: Array, sums: Array, after: Array,
) -> None:  # fmt: skip
    """The trades' charges, buys, sells and count, and the cash that is left, by the scale in row 3 of the sums."""
    w = TOGETHER
    for c in range(2 * w, 7 * w):
        after[c] = 0.0
    for c in range(w):
        after[c + 2 * w] = cash_units[c] * cash_price[c]
    for i in range(n):
        for c in range(w):
            o = i * w + c
            trade = asked[o] * sums[c + 3 * w] - values[o] if asked[o] != weights[o] else 0.0
            one, two = rates[o] * abs(trade), rates[n * w + o] * abs(trade)
            after[c + 2 * w] = after[c + 2 * w] - trade - one - two
            after[c + 3 * w] = after[c + 3 * w] + one + two
            after[c + 4 * w] += max(trade, 0.0)
            after[c + 5 * w] += max(-trade, 0.0)
            after[c + 6 * w] += 1.0 if abs(trade) > COUNTED * nav[c] else 0.0


@lean
def _hold(
    n: int, prices: Array, asked: Array, weights: Array, units: Array, cash_price: Array, sums: Array, after: Array
) -> None:
    """Units after the trades, and what they are worth, summed in the order of `kernel.wealth`."""
    w = TOGETHER
    for c in range(4 * w, 8 * w):
        sums[c] = 0.0
    for i in range(n):
        strand = (4 + i % 4 if i < n - n % 4 else 4) * w
        for c in range(w):
            o = i * w + c
            units[o] = asked[o] * sums[c + 3 * w] / prices[o] if asked[o] != weights[o] else units[o]
            sums[strand + c] += units[o] * prices[o]
    for c in range(w):
        after[c + 2 * w] = after[c + 2 * w] / cash_price[c]
        four = (sums[c + 4 * w] + sums[c + 5 * w]) + (sums[c + 6 * w] + sums[c + 7 * w])
        after[c + w] = four + after[c + 2 * w] * cash_price[c]


@inlined
def _newton(n: int, nav: Array, values: Array, weights: Array, asked: Array, rates: Array, sums: Array) -> int:
    """One of Newton's steps for all columns, from the scale in row 3 of the sums; is any column still going?"""
    w = TOGETHER
    for c in range(w):
        sums[c + 4 * w] = sums[c] + sums[c + w] * sums[c + 3 * w] - nav[c]
        sums[c + 5 * w] = sums[c + w]
    for i in range(n):
        for c in range(w):
            o = i * w + c
            goal, rate = asked[o], rates[o] + rates[n * w + o]
            rate = 0.0 if goal == weights[o] else rate
            trade = goal * sums[c + 3 * w] - values[o]
            sums[c + 4 * w] += rate * abs(trade)
            sums[c + 5 * w] += rate * goal if trade > 0.0 else -rate * goal
    going = 0
    for c in range(w):
        scale = sums[c + 3 * w]
        nearer = scale - sums[c + 4 * w] / sums[c + 5 * w]
        going |= nearer < scale
        sums[c + 3 * w] = nearer if nearer < scale else scale
    return going


@inlined
def _scatter(lane: int, c: int, n: int, state: _State) -> bool:
    """Bring column c back into its lane, with what was traded; false where it cannot be booked."""
    batch, o, w = state.batch, state.day[lane] * LANES + lane, TOGETHER
    after = batch.after
    state.due[lane] = NONE
    if after[c] == BOOKED:
        state.stale[lane] = 1
        for i in range(n):
            state.units[lane, i] = batch.units[i * w + c]
        state.nav[o], state.cash_units[lane] = after[c + w], after[c + 2 * w]
        sums = _trades(state.trades, lane)
        amounts = after[c + 3 * w], after[c + 4 * w], after[c + 5 * w], after[c + 6 * w]
        _write_trades(state.trades, lane, more_traded(sums, *amounts, batch.nav[c]))
    return after[c] != REFUSED


@inlined
def _note(lane: int, c: int, t: int, n: int, state: _State, log: Log) -> None:
    """Note what column c traded, where there is room."""
    j = log.total[0]
    log.total[0] = j + 1
    if j < len(log.made):
        log.made[j, 0], log.made[j, 1] = lane, t + state.day[lane]
        for i in range(n):
            o = i * TOGETHER + c
            log.weights[j, 0, i], log.weights[j, 1, i] = state.batch.weights[o], state.batch.asked[o]


@inlined
def _open(panel: Panel, lanes: _Lanes, lane: int, t: int, n: int, state: _State) -> bool:
    """Invest a wealth of 1 at row t, in the first column; false where that cannot be."""
    batch, at, price, aim = state.batch, lanes.at[lane], panel.cash_index[t], lanes.opening_cash[lane]
    goal, rates = _floats(at[OPENING], (n,)), _floats(at[RATES], (2, n))
    batch.nav[0] = batch.part[0] = 1.0
    batch.cash_units[0], batch.cash_price[0] = 1.0 / price, price
    for i in range(n):
        o = i * TOGETHER
        batch.prices[o], batch.units[o], batch.values[o] = panel.closes[t, i], 0.0, 0.0
        batch.rates[o], batch.rates[n * TOGETHER + o] = rates[0, i], rates[1, i]
        batch.lower[o] = goal[i] if panel.tradable[t, i] else -np.inf
        batch.upper[o] = goal[i] if panel.tradable[t, i] else np.inf
    _clamp(n, batch.nav, batch.values, batch.lower, batch.upper, batch.weights, batch.asked, batch.sums)
    cash = 1.0 - batch.sums[0]
    if abs(cash - aim) > DUST:
        for i in range(n):
            state.weights[i] = 0.0
        nearest(
            state.weights, panel.tradable[t], goal, goal, goal, aim, aim, _floats(at[COST], (n,)), state.movable,
            state.asked,
        )  # fmt: skip
        for i in range(n):
            batch.asked[i * TOGETHER] = state.asked[i]
    _settle(n, batch)
    after, w = batch.after, TOGETHER
    moved = after[0] == BOOKED
    for i in range(n):
        state.units[lane, i] = batch.units[i * w]
    state.cash_units[lane], state.stale[lane] = after[2 * w] if moved else 1.0 / price, 1
    state.opening[lane], state.opening[LANES + lane] = after[3 * w], after[w] if moved else 1.0
    return after[0] != REFUSED
