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
from foundation.compiled import linked, on_demand
from foundation.tolerances import COUNTED
from research.accounting.cost_parameters import Scratch
from research.accounting.kernel import REFUSED, Record
from research.rules.rule_options import BandArrays, RuleOptions, Workspace

PATH_FIGURES = ("cost", "tracking", "turnover", "events")  # the columns of what `measure` writes


def path_inputs(days: int, rule: BandArrays, options: RuleOptions, desk: Desk, like: Sessions) -> LoopInputs:
    """The inputs of `play` for a path of `days` days after the first close, which `play_block` lays out in its arrays.

    like : sessions of a backtest; what is no path's own is that of these.
    """
    n, rows = like.closes.shape[1], days + 1
    sessions = like._replace(
        closes=np.empty((rows, n)),
        cash_index=np.empty(rows),
        tradable=np.ones((rows, n), dtype=np.bool_),
        tiles=np.empty((-(-rows // TILE_DAYS), n + 1, TILE_DAYS)),
    )
    ledger, bounds = Ledger.empty(rows, n, n), np.empty((2, n + 1))
    return LoopInputs(sessions, rule, options, desk, Scratch.of(n), Workspace.of(n, options), bounds, ledger)


class PathOpening(NamedTuple):
    """The opening of each path, from a wealth of 1.

    weights : (1, n) weights to open in, fraction of NAV.
    cash    : weight of cash, likewise.
    units   : (n,) units held; written.
    record  : the ledger's record of the opening trade; written.
    """

    weights: Array
    cash: float
    units: Array
    record: Record

    @classmethod
    def of(cls, weights: Array, ledger: Ledger) -> "PathOpening":
        """In weights (n,); written to a ledger."""
        record = Record(ledger.opening_trades[None], ledger.opening_charges[None], 0)
        return cls(np.array(weights[None]), float(1.0 - weights.sum()), np.empty(len(weights)), record)


class SimulatedPaths(NamedTuple):
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


@on_demand
def play_block(paths: SimulatedPaths, inputs: LoopInputs, opening: PathOpening, sums: Sums) -> tuple[int, int]:
    """Play and measure W paths of D days, each from a wealth of 1.

    paths   : the paths.
    inputs  : the rule and the desk (`path_inputs`); its sessions and ledger are written.
    opening : weights to open in.
    sums    : the results; written.
    Returns : (path, row) of the first booking that cannot be made, or (W, -1).
    """
    units, ledger, count = opening.units, inputs.ledger, len(paths.growths)
    given = EventInputs(inputs.sessions, inputs.desk, inputs.scratch, ledger)
    for w in range(count):
        lay_out(paths.growths, paths.cash_growths, w, inputs.sessions)
        if w == 0 or len(paths.tradable) > 1:
            halt(paths.tradable, w, inputs.sessions.tradable)
        status, cash_units = invest(given, 0, opening.weights, opening.cash, 1.0, opening.record)
        if status == REFUSED:
            ledger.nav[0] = 1.0
            return w, 0
        for i in range(len(units)):
            units[i] = ledger.units[0, i]
        booked, stopped = play(inputs, 0, units, cash_units, 0)
        if stopped >= 0:
            return w, stopped
        measure(paths, w, inputs.sessions.closes, ledger, booked, sums)
    return count, -1


@linked
def lay_out(growths: Array, cash_growths: Array, w: int, arrays: Sessions) -> None:
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
def halt(tradable: Mask, w: int, written: Mask) -> None:
    """Write which assets can trade on each day of path w.

    tradable : (W, D, n) True where an asset can trade.
    w        : number of the path.
    written  : (D + 1, n) as in `Sessions`; the first row stays.
    """
    for t in range(tradable.shape[1]):
        for i in range(tradable.shape[2]):
            written[t + 1, i] = tradable[w, t, i]


@linked
def measure(paths: SimulatedPaths, w: int, closes: Array, ledger: Ledger, count: int, sums: Sums) -> None:
    """Write the results of path w on the days after the warm-up.

    paths  : the paths.
    w      : number of the path.
    closes : (D + 1, n) of the path as it was laid out.
    ledger : its ledger.
    count  : number of bookings in the ledger.
    sums   : row w is written.
    """
    growths, cash_growths = paths.growths, paths.cash_growths
    strategic, warm_up, figures, deviation = sums.strategic, sums.warm_up, sums.figures, sums.deviation
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
