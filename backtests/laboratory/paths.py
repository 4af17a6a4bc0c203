"""Many simulated paths under one rule, compiled: laid out as markets, played by the loop of one path, and measured.

A call plays a block of paths, one after the other, in the arrays of one.
"""

from typing import Any, NamedTuple

import numpy as np

from backtests.engine.compiled_loop import invest, play
from backtests.engine.ledger import Ledger
from backtests.engine.loop_inputs import Desk, LoopInputs, Sessions
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
    none       : (0, n) currency, orders without a limit.
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
    none: Array
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
            none=np.empty((0, n)),
            opening=Record(ledger.opening_trades[None], ledger.opening_charges[None], 0),
        )

    def sessions(self, like: Sessions) -> Sessions:
        """The path at hand as `play` reads it: the same memory; what is no path's own is that of `like`."""
        return like._replace(
            closes=_reading(self.closes),
            cash_index=_reading(self.cash_index),
            tradable=_reading(self.tradable),
            tiles=_reading(self.tiles),
        )


def _reading(values: Array | Mask) -> Any:
    """The same memory, read-only: what the loop is compiled for."""
    view = values.view()
    view.flags.writeable = False
    return view


@compiled
def play_block(
    growths: Array, cash_growths: Array, tradable: Mask, arrays: PathArrays, sessions: Sessions, rule: BandArrays,
    options: RuleOptions, desk: Desk, opening: Array, cash: float, strategic: Array, warm_up: int, figures: Array,
    deviation: Array,
) -> tuple[int, int]:  # fmt: skip
    """Play and measure W paths of D days, each from a wealth of 1.

    growths      : (W, D, n) 1 + simple returns.
    cash_growths : (W, D) or (1, D), 1 + simple returns of cash.
    tradable     : (W, D, n) or (1, D, n), whether each line can trade.
    arrays       : arrays in which a path is laid out; written.
    sessions     : `arrays.sessions`.
    rule         : the bands.
    options      : options of the rule beyond its bands.
    desk         : execution of decisions.
    opening      : (1, n) weights to open in, fraction of NAV.
    cash         : weight of cash to open in, fraction of NAV.
    strategic    : (n,) as in `measure`, fraction of NAV.
    warm_up      : days at the start that are not measured.
    figures      : (W, 4) as in `measure`, fractions and a count; written.
    deviation    : (W, n) as in `measure`, squared fraction of NAV; written.
    Returns      : (path, row) of the first booking that cannot be made, or (W, -1).
    """
    units = arrays.units
    for w in range(len(growths)):
        lay_out(growths, cash_growths, w, arrays)
        if w == 0 or len(tradable) > 1:
            halt(tradable, w, arrays)
        status, cash_units = invest(
            sessions, desk.at_close, desk.lots, arrays.scratch, 0, opening, cash, 1.0, arrays.none,
            arrays.opening, arrays.ledger,
        )  # fmt: skip
        if status == REFUSED:
            arrays.ledger.nav[0] = 1.0
            return w, 0
        for i in range(len(units)):
            units[i] = arrays.ledger.units[0, i]
        inputs = LoopInputs(
            sessions, rule, options, desk, arrays.scratch, arrays.workspace, arrays.bounds, arrays.ledger
        )
        count, stopped = play(inputs, 0, units, cash_units)
        if stopped >= 0:
            return w, stopped
        measure(growths, cash_growths, w, arrays.closes, arrays.ledger, count, strategic, warm_up, figures, deviation)
    return len(growths), -1


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
    """Write which lines can trade on each day of path w.

    tradable : (W, D, n) True where an asset can trade.
    w        : number of the path.
    arrays   : its `tradable` is written.
    """
    for t in range(tradable.shape[1]):
        for i in range(tradable.shape[2]):
            arrays.tradable[t + 1, i] = tradable[w, t, i]


@linked
def measure(
    growths: Array, cash_growths: Array, w: int, closes: Array, ledger: Ledger, count: int, strategic: Array,
    warm_up: int, figures: Array, deviation: Array,
) -> None:  # fmt: skip
    """Write the results of path w on the days after `warm_up`.

    growths      : (W, D, n) 1 + simple returns.
    cash_growths : (W, D) or (1, D), 1 + simple returns of cash.
    w            : number of the path.
    closes       : (D + 1, n) worth of a unit, from 1.
    ledger       : ledger of the path.
    count        : number of bookings in it.
    strategic    : (n,) weights, fraction of NAV.
    warm_up      : days at the start that are not measured.
    figures      : (W, 4) sums of costs over NAV, of squared active returns, of one-way turnover, fractions, and number
                   of bookings that traded; row w is written.
    deviation    : (W, n) sums of (weight less strategic weight)^2, after booking, squared fraction of NAV; row w is
                   written.
    """
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
