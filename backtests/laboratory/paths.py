"""Many simulated paths under one rule, compiled: laid out as markets, played by the loop of one path, and measured.

A call plays a block of paths, one after the other, in the arrays of one.
"""

from typing import NamedTuple

import numpy as np

from backtests.engine.compiled_loop import invest, play
from backtests.engine.ledger import Ledger
from backtests.engine.loop_inputs import Desk, EventInputs, LoopInputs, Sessions
from backtests.engine.quiet_days import TILE_DAYS
from foundation.arrays import Array, Mask
from foundation.compiled import compiled, linked
from foundation.tolerances import COUNTED
from research.accounting.cost_parameters import Scratch
from research.accounting.kernel import REFUSED, Record
from research.rules.rule_options import BandArrays, RuleOptions, Workspace

PATH_FIGURES = ("cost", "tracking", "turnover", "events")  # the columns of what `measure` writes


class PathArrays(NamedTuple):
    """The arrays in which a path is laid out and backtested; T is its number of days plus one.

    closes     : (T, n) as in `Sessions`, to be written to; worth of a unit, from 1.
    cash_index : (T,) as in `Sessions`, to be written to; worth of a unit of cash, from 1.
    tradable   : (T, n) as in `Sessions`, to be written to; True if an asset can trade.
    tiles      : (tiles, n + 1, TILE_DAYS) as in `Sessions`, to be written to; worth of a unit.
    units      : (n,) units held.
    bounds     : (2, n + 1) scratch of the quiet days, units over weight.
    scratch    : as in `play`.
    workspace  : as in `play`.
    ledger     : as in `play`.
    opening    : the ledger's record of the opening trade.
    """

    closes: Array
    cash_index: Array
    tradable: Mask
    tiles: Array
    units: Array
    bounds: Array
    scratch: Scratch
    workspace: Workspace
    ledger: Ledger
    opening: Record

    @classmethod
    def empty(cls, days: int, n: int, options: RuleOptions) -> "PathArrays":
        """For paths of `days` days after the first close, and a rule with these options."""
        ledger, rows = Ledger.empty(days + 1, n, n), days + 1
        return cls(
            closes=np.empty((rows, n)),
            cash_index=np.empty(rows),
            tradable=np.ones((rows, n), dtype=np.bool_),
            tiles=np.empty((-(-rows // TILE_DAYS), n + 1, TILE_DAYS)),
            units=np.empty(n),
            bounds=np.empty((2, n + 1)),
            scratch=Scratch.of(n),
            workspace=Workspace.of(n, options),
            ledger=ledger,
            opening=Record(ledger.opening_trades[None], ledger.opening_charges[None], 0),
        )

    def inputs(self, rule: BandArrays, options: RuleOptions, desk: Desk, like: Sessions) -> LoopInputs:
        """The path at hand as `play` reads it: the same memory; what is no path's own is that of `like`."""
        sessions = like._replace(
            closes=self.closes, cash_index=self.cash_index, tradable=self.tradable, tiles=self.tiles
        )
        return LoopInputs(sessions, rule, options, desk, self.scratch, self.workspace, self.bounds, self.ledger)


class Paths(NamedTuple):
    """W simulated paths of D days.

    growths      : (W, D, n) 1 + simple returns.
    cash_growths : (W, D) or (1, D), 1 + simple returns of cash.
    tradable     : (W, D, n) or (1, D, n), whether each asset can trade.
    """

    growths: Array
    cash_growths: Array
    tradable: Mask


class Sums(NamedTuple):
    """The sums over paths, and the strategic weights that they are measured against.

    strategic : (n,) weights, fraction of NAV.
    warm_up   : days at the start that are not measured.
    figures   : (W, 4) sums of costs over NAV, of squared active returns, of one-way turnover, fractions, and number of
                bookings that traded; written.
    deviation : (W, n) sums of (weight less strategic weight)^2, after booking, squared fraction of NAV; written.
    """

    strategic: Array
    warm_up: int
    figures: Array
    deviation: Array


@compiled
def play_block(
    paths: Paths, arrays: PathArrays, inputs: LoopInputs, opening: tuple[Array, float], sums: Sums
) -> tuple[int, int]:
    """Play and measure W paths of D days, each from a wealth of 1.

    paths   : the paths.
    arrays  : arrays in which a path is laid out; written.
    inputs  : the rule and the desk, with these arrays (`arrays.inputs`).
    opening : (1, n) weights to open in, and that of cash, fraction of NAV.
    sums    : the results; written.
    Returns : (path, row) of the first booking that cannot be made, or (W, -1).
    """
    units, count = arrays.units, len(paths.growths)
    given = EventInputs(inputs.sessions, inputs.desk, arrays.scratch, arrays.ledger)
    for w in range(count):
        lay_out(paths.growths, paths.cash_growths, w, arrays)
        if w == 0 or len(paths.tradable) > 1:
            halt(paths.tradable, w, arrays)
        status, cash_units = invest(given, 0, opening[0], opening[1], 1.0, arrays.opening)
        if status == REFUSED:
            arrays.ledger.nav[0] = 1.0
            return w, 0
        for i in range(len(units)):
            units[i] = arrays.ledger.units[0, i]
        booked, stopped = play(inputs, 0, units, cash_units, 0)
        if stopped >= 0:
            return w, stopped
        measure(paths, w, arrays, booked, sums)
    return count, -1


@linked
def lay_out(growths: Array, cash_growths: Array, w: int, arrays: PathArrays) -> None:
    """Compound path w to its indices, and set them as tiles, the last row repeated to the end of its tile.

    growths      : (W, D, n) 1 + simple returns.
    cash_growths : (W, D) or (1, D), 1 + simple returns of cash.
    w            : number of the path.
    arrays       : its indices and tiles are written.
    """
    days, n, c = growths.shape[1], growths.shape[2], min(w, len(cash_growths) - 1)
    for t in range(len(arrays.tiles) * TILE_DAYS):
        tile, d = t // TILE_DAYS, t % TILE_DAYS
        if t > days:
            for i in range(n + 1):
                arrays.tiles[tile, i, d] = arrays.tiles[tile, i, d - 1]
            continue
        for i in range(n):
            arrays.closes[t, i] = 1.0 if t == 0 else arrays.closes[t - 1, i] * growths[w, t - 1, i]
            arrays.tiles[tile, i, d] = arrays.closes[t, i]
        arrays.cash_index[t] = 1.0 if t == 0 else arrays.cash_index[t - 1] * cash_growths[c, t - 1]
        arrays.tiles[tile, n, d] = arrays.cash_index[t]


@linked
def halt(tradable: Mask, w: int, arrays: PathArrays) -> None:
    """Write which assets can trade on each day of path w.

    tradable : (W, D, n) True where an asset can trade.
    w        : number of the path.
    arrays   : its `tradable` is written.
    """
    for t in range(tradable.shape[1]):
        for i in range(tradable.shape[2]):
            arrays.tradable[t + 1, i] = tradable[w, t, i]


@linked
def measure(paths: Paths, w: int, arrays: PathArrays, count: int, sums: Sums) -> None:
    """Write the results of path w on the days after the warm-up.

    paths  : the paths.
    w      : number of the path.
    arrays : the path as it was laid out, and its ledger.
    count  : number of bookings in the ledger.
    sums   : row w is written.
    """
    growths, cash_growths, closes, ledger = paths.growths, paths.cash_growths, arrays.closes, arrays.ledger
    strategic, warm_up, figures, deviation = sums
    n, c = growths.shape[2], min(w, len(cash_growths) - 1)
    cost, squares, turnover, events, cash = 0.0, 0.0, 0.0, 0.0, 1.0
    for i in range(n):
        cash -= strategic[i]
        deviation[w, i] = 0.0
    j = 0  # bookings so far, and the row of the units that are held
    for t in range(1, len(closes)):
        before = ledger.nav[t]
        if j < count and ledger.booked[j] == t:
            before = ledger.nav_before[j]
            if t > warm_up:
                buys, sells, charged, largest = 0.0, 0.0, 0.0, 0.0
                for i in range(n):
                    trade = ledger.trades[j, i]
                    buys += max(trade, 0.0)
                    sells -= min(trade, 0.0)
                    largest = max(largest, abs(trade))
                    for k in range(ledger.charges.shape[1]):
                        charged += ledger.charges[j, k, i]
                cost += charged / before
                turnover += max(buys, sells) / before
                events += largest > COUNTED * before
            j += 1
        if t > warm_up:
            benchmark, per_nav = cash * cash_growths[c, t - 1], 1.0 / ledger.nav[t]
            for i in range(n):
                benchmark += strategic[i] * growths[w, t - 1, i]
                gap = ledger.units[j, i] * closes[t, i] * per_nav - strategic[i]
                deviation[w, i] += gap * gap
            active = before / ledger.nav[t - 1] - benchmark
            squares += active * active
    figures[w, 0], figures[w, 1], figures[w, 2], figures[w, 3] = cost, squares, turnover, events
