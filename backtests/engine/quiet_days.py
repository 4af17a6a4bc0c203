"""Days on which nothing is traded, `TILE_DAYS` closes at a time: for the loop of one path.

The closes of a *tile* are valued in one register, each in the order of `kernel.wealth`, so with its bits, and compared
with bounds on units that stand for the weights' triggers. From the first close on of which a trade cannot be excluded,
the loop goes day by day.
"""

import numpy as np

from foundation.arrays import Array, kept, owned
from foundation.compiled import inlined
from foundation.compiled.simd import WIDTH, Vector, bits, fill, load, where
from foundation.tolerances import TRIGGER
from research.market import Market
from research.rules.bands import Triggers

TILE_DAYS = WIDTH


def tiles_of(market: Market, which: str = "index") -> Array:
    """(tiles, n + 1, TILE_DAYS) of an index of the market, cash last; the last row stands for days that it lacks."""

    def make() -> Array:
        closes, cash = getattr(market, which), whole(market.cash_index)
        days, n = closes.shape
        full, tiles = days // TILE_DAYS, np.empty((len(cash) // TILE_DAYS, n + 1, TILE_DAYS))
        tiles[:full, :-1] = closes[: full * TILE_DAYS].reshape(full, TILE_DAYS, n).transpose(0, 2, 1)
        if full < len(tiles):
            tiles[full, :-1] = whole(closes[full * TILE_DAYS :]).T
        tiles[:, -1] = cash.reshape(-1, TILE_DAYS)
        return owned(tiles)

    return kept(market, ("tiles", which), make)


def whole(days: Array) -> Array:
    """The array with its last row repeated until `TILE_DAYS` divides the rows.

    days : (T, ...) a row for each day, in any unit.
    """
    return np.concatenate([days, np.repeat(days[-1:], -len(days) % TILE_DAYS, axis=0)])


@inlined
def value(units: Array, cash_units: float, tiles: Array, tile: int) -> Vector:
    """NAV at the closes of a tile, as if nothing were traded; currency.

    units      : (n,) units held.
    cash_units : units of cash held.
    tiles      : (tiles, n + 1, TILE_DAYS) worth of a unit, currency, cash last.
    tile       : number of the tile.
    """
    n = len(units)
    a = b = c = d = fill(0.0)
    o, stop = tile * (n + 1) * TILE_DAYS, n - n % 4
    for i in range(0, stop, 4):
        at = o + i * TILE_DAYS
        a = a + load(tiles, at) * units[i]
        b = b + load(tiles, at + TILE_DAYS) * units[i + 1]
        c = c + load(tiles, at + 2 * TILE_DAYS) * units[i + 2]
        d = d + load(tiles, at + 3 * TILE_DAYS) * units[i + 3]
    for i in range(stop, n):
        a = a + load(tiles, o + i * TILE_DAYS) * units[i]
    return ((a + b) + (c + d)) + load(tiles, o + n * TILE_DAYS) * cash_units


@inlined
def write_bounds(units: Array, cash_units: float, triggers: Triggers, over: Array, under: Array) -> None:
    """Write what `quiet_days` compares for the row of the triggers.

    units      : (n,) units held.
    cash_units : units of cash held.
    triggers   : bounds in force.
    over       : (n + 1,) units over the trigger whose crossing takes them up, cash last; written.
    under      : (n + 1,) units over the trigger whose crossing takes them down, cash last; written.
    """
    lower, upper, cash, k = triggers.lower, triggers.upper, triggers.cash, triggers.k
    n = len(units)
    for i in range(n):
        over[i], under[i] = bounds(units[i], lower[k, i], upper[k, i])
    over[n], under[n] = bounds(cash_units, cash[k, 0], cash[k, 1])


@inlined
def bounds(units: Vector, lower: Vector, upper: Vector) -> tuple[Vector, Vector]:
    """Units over the bound whose crossing takes them up, and over that down; of one asset, or of one in many
    portfolios.

    A weight is past its upper bound where units x price > upper x NAV; for a positive bound, where units / upper x
    price > NAV. The bounds are wider by half the tolerance. What a bound of the other sign decides is decided here.
    """
    slack = 0.5 * TRIGGER
    lower, upper, long = lower - slack, upper + slack, units >= 0.0
    size = where(long, units, 0.0 - units)
    outer, inner = where(long, upper, 0.0 - lower), where(long, lower, 0.0 - upper)
    return where(outer > 0.0, size / outer, np.inf), where(inner > 0.0, size / inner, np.inf)


@inlined
def quiet_days(nav: Vector, tiles: Array, tile: int, lines: int, over: Array, under: Array) -> int:
    """Number of closes of a tile, from the first on, before a weight is past its trigger.

    nav   : `value` on this tile.
    tiles : (tiles, n + 1, TILE_DAYS) worth of a unit, currency, cash last.
    tile  : number of the tile.
    lines : n + 1, with cash.
    over  : (n + 1,) units over a trigger, as `write_bounds` writes them.
    under : (n + 1,) units over a trigger, likewise.
    """
    o, past = tile * lines * TILE_DAYS, nav <= 0.0
    for i in range(lines):
        price = load(tiles, o + i * TILE_DAYS)
        past = past | (price * over[i] > nav) | (price * under[i] < nav)
    days, quiet = bits(past), 0
    while quiet < TILE_DAYS and not days >> quiet & 1:
        quiet += 1
    return quiet
