"""Inputs and state of a block of configurations: the market, their own arrays in place, and the state of each day.

A *member* of a block is one configuration, or one that never opens where a block is not full.

Flat arrays are [·, member]: entry (k, member) lies at k x BLOCK + member, so that neighbouring members are loaded as
one `foundation.compiled.simd.Vector`. `WIDTH` neighbours are a *group*, and do everything together.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from backtests.batch.streaming_metrics import Curve, Traded
from backtests.engine.quiet_days import TILE_DAYS, whole
from foundation.arrays import Array, Mask, Rows, kept
from foundation.compiled.simd import WIDTH
from research.market import Market

BLOCK = 64  # members of a block
GROUPS = BLOCK // WIDTH
CURVE, TRADED = len(Curve._fields), len(Traded._fields)
NO_ROW = -1  # no row
NEVER = np.inf  # nothing is due


class Panel(NamedTuple):
    """A market as the blocks take it: `rows` are its T days, the last one repeated until `TILE_DAYS` divides them.

    closes     : (rows, n) worth of a unit of each asset: the market's index.
    cash_index : (rows,) worth of a unit of cash.
    tradable   : (T, n) True where an asset can trade.
    scale      : (rows,) 1 over the mean growth of the assets.
    lowest     : (tiles, n + 1) lowest index x scale of each asset and of cash in `TILE_DAYS` closes.
    highest    : (tiles, n + 1) highest index x scale of each asset and of cash in `TILE_DAYS` closes.
    """

    closes: Array
    cash_index: Array
    tradable: Mask
    scale: Array
    lowest: Array
    highest: Array

    @classmethod
    def of(cls, market: Market) -> "Panel":
        """The panel of a market."""

        def make() -> "Panel":
            index, cash_index = whole(market.index), whole(market.cash_index)
            scale = whole(1.0 / np.cumprod(1.0 + market.returns.mean(axis=1)))
            relative = np.column_stack([index, cash_index]) * scale[:, None]
            tiles = relative.reshape(-1, TILE_DAYS, relative.shape[1])
            return cls(index, cash_index, market.tradable, scale, tiles.min(axis=1), tiles.max(axis=1))

        return kept(market, "panel", make)


# -- the members ---------------------------------------------------------------------------------------------------

FACTS = 11  # arrays of a member that are read where they lie
(ASKED, BAND_ROW, TARGET_WEIGHTS, TRIGGER_LOWER, TRIGGER_UPPER, BOX_LOWER, BOX_UPPER, CASH_BOUNDS, RATES, TRADE_COSTS,
 OPENING) = range(FACTS)  # fmt: skip


class BlockArrays(NamedTuple):
    """The members of a block.

    at           : (BLOCK, FACTS) addresses of their arrays, so that nothing shared is copied.
    rows         : (BLOCK,) number of rows K of the no-trade bands.
    fraction     : (BLOCK,) fraction of the way to the box that a trade goes in a day.
    again        : (BLOCK,) 1 if a trade goes a fraction of its way, and the rule is asked again on the next day.
    opening_cash : (BLOCK,) weight of cash after the opening trade, fraction of NAV.
    lag          : (BLOCK,) sessions from a decision to its booking.
    first        : (BLOCK,) row of the opening trade.
    span         : (BLOCK,) calendar days from the first close to the last.
    path         : (BLOCK,) row of `own`, the returns of the member's targets.
    used         : number of members that are configurations; the others never open.
    """

    at: Rows
    rows: Rows
    fraction: Array
    again: Array
    opening_cash: Array
    lag: Array
    first: Array
    span: Array
    path: Rows
    used: int


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


floats, ints, bools = (_lying_at(kind) for kind in (types.float64, types.int64, types.boolean))


def addresses(arrays: tuple[np.ndarray, ...]) -> list[int]:
    """The addresses of arrays, each in C order, of any shape, in any unit."""
    assert all(array.flags.c_contiguous for array in arrays)
    return [array.ctypes.data for array in arrays]


# -- the state -------------------------------------------------------------------------------------------------------


class State(NamedTuple):
    """The state of a block from day to day. [a, member] : flat, a x BLOCK numbers; NAV is from a wealth of 1.

    units     : [n + 1, member] units held, cash last.
    nav       : [TILE_DAYS, member] NAV after each close's trade.
    before    : [TILE_DAYS, member] NAV before each close's trade.
    over      : [n + 1, member] units over the trigger whose crossing takes them up, cash last; see
                `booking.refresh_bounds`.
    under     : [n + 1, member] units over the trigger whose crossing takes them down, cash last.
    lower     : [n + 1, member] lower trigger of the row in force, fraction of NAV, cash last.
    upper     : [n + 1, member] upper trigger of the row in force, fraction of NAV, cash last.
    per_lower : [n + 1, member] 1 over the lower trigger, which is wider by half the tolerance; cash last.
    per_upper : [n + 1, member] 1 over the upper trigger, likewise.
    row       : (BLOCK,) row of the bands in force.
    change    : (BLOCK,) the next day with another one.
    box_lower : [n + 1, member] lower bound of the box of row `boxed`, fraction of NAV, cash last.
    box_upper : [n + 1, member] its upper bound, fraction of NAV, cash last.
    boxed     : (BLOCK,) row of the bands from which the box is taken.
    rates     : [2 n, member] cost a side, fraction of the notional.
    due       : (BLOCK,) day of the booking, or NEVER.
    again     : (BLOCK,) 1 if the rule is asked again on the next day.
    trades    : [TRADED, member] the `Traded` of each.
    curves    : [CURVE, member] the `Curve` of each.
    opening   : [2, member] cost of the opening trade, fraction of wealth, and NAV after it.
    wake      : (GROUPS,) day before which nothing is due in a group and no row changes.
    review    : (GROUPS,) day before which none of its rules is asked.
    alike     : (GROUPS,) True if all members of a group have one rule.
    one_path  : (GROUPS,) True if all members of a group have one target path.
    values    : [n, WIDTH] scratch of a booking, value of each asset, fraction of the opening wealth.
    held      : [n, WIDTH] scratch of a booking, weights as drifted, fraction of NAV.
    asked     : [n, WIDTH] scratch of a booking, weights to trade to, fraction of NAV.
    own       : [TILE_DAYS, WIDTH] scratch, returns of the members' own targets, fraction.
    weights   : (n,) scratch of one member, fraction of NAV.
    goal      : (n,) scratch of one member, fraction of NAV.
    movable   : (n,) scratch of one member, boolean.
    """

    units: Array
    nav: Array
    before: Array
    over: Array
    under: Array
    lower: Array
    upper: Array
    per_lower: Array
    per_upper: Array
    row: Rows
    change: Rows
    box_lower: Array
    box_upper: Array
    boxed: Rows
    rates: Array
    due: Array
    again: Array
    trades: Array
    curves: Array
    opening: Array
    wake: Rows
    review: Rows
    alike: Mask
    one_path: Mask
    values: Array
    held: Array
    asked: Array
    own: Array
    weights: Array
    goal: Array
    movable: Mask

    @classmethod
    def empty(cls, n: int) -> "State":
        """The state of a block of n assets before anything has happened: each member holds one unit of cash."""
        return cls._make(array.copy() for array in _empty(n))


class Play(NamedTuple):
    """A block of members on a market.

    panel : the market.
    block : the members.
    state : `State.empty`; written.
    """

    panel: Panel
    block: BlockArrays
    state: State


@lru_cache(maxsize=4)
def _empty(n: int) -> State:
    """`State.empty`, which is copied: so it is not laid out anew for each block."""
    lines, count = n * BLOCK, np.int64
    units = np.zeros(lines + BLOCK)
    units[lines:] = 1.0
    return State(
        units=units,
        nav=np.ones(TILE_DAYS * BLOCK),
        before=np.ones(TILE_DAYS * BLOCK),
        over=np.zeros(lines + BLOCK),
        under=np.full(lines + BLOCK, np.inf),
        lower=np.full(lines + BLOCK, -np.inf),
        upper=np.full(lines + BLOCK, np.inf),
        per_lower=np.zeros(lines + BLOCK),
        per_upper=np.zeros(lines + BLOCK),
        row=np.zeros(BLOCK, dtype=count),
        change=np.zeros(BLOCK, dtype=count),
        box_lower=np.zeros(lines + BLOCK),
        box_upper=np.zeros(lines + BLOCK),
        boxed=np.full(BLOCK, NO_ROW),
        rates=np.zeros(2 * lines),
        due=np.full(BLOCK, NEVER),
        again=np.zeros(BLOCK),
        trades=np.zeros(TRADED * BLOCK),
        curves=np.ones(CURVE * BLOCK),
        opening=np.zeros(2 * BLOCK),
        wake=np.zeros(GROUPS, dtype=count),
        review=np.zeros(GROUPS, dtype=count),
        alike=np.ones(GROUPS, dtype=np.bool_),
        one_path=np.ones(GROUPS, dtype=np.bool_),
        values=np.zeros(n * WIDTH),
        held=np.zeros(n * WIDTH),
        asked=np.zeros(n * WIDTH),
        own=np.zeros(TILE_DAYS * WIDTH),
        weights=np.zeros(n),
        goal=np.zeros(n),
        movable=np.zeros(n, dtype=np.bool_),
    )
