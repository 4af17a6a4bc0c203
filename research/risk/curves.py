"""Twelve measures of many NAV curves in one compiled pass: resampled worlds, a sweep's paths, or one policy.

They are those of `research.risk.measures`, `drawdowns` and `distribution` to 1e-9, one number a curve. Curves lie
beside each other in memory, eight in a register; a curve keeps twenty numbers from day to day (`Track`) and nothing is
stored of its days. One curve takes the same code as ten thousand, so it has the same bits.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from foundation.arguments import shown
from foundation.arrays import Array
from foundation.compiled import compiled, inlined
from foundation.compiled.simd import WIDTH, Number, fill, load, maximum, minimum, store, where
from foundation.errors import ConfigError, DataError
from foundation.tolerances import SERIES
from research.market.calendars import DAYS_PER_YEAR
from research.risk.series import per_year

CURVE_MEASURES = (
    "growth", "volatility", "sharpe", "sortino", "max_drawdown", "calmar", "ulcer", "longest_drawdown", "skewness",
    "kurtosis", "omega", "hit_rate",
)  # fmt: skip
PILOT = 63  # returns whose mean is taken from all before powers are summed: near the mean, they lose no digits
CHECKED = 2**16  # NAVs that are checked together, so that they are still at hand for the second look
TILE = 8 * WIDTH  # curves that are copied together, so that a row of them is read once


class Track(NamedTuple):
    """The state of a curve from day to day, of a number or of eight in a register.

    per_nav : 1 over the last NAV.          peak, per_peak : highest NAV so far, and 1 over it.
    since   : day of the last peak.         under : the last drawdown, fraction, zero at a peak.
    deepest : the maximum drawdown.         squares : sum of squared drawdowns.
    longest : days of longest drawdown.     hits : returns above rounding.
    first, second, third, fourth : sums of powers of returns less the pilot.
    low, high       : the least and the largest of these.
    excess, excess2 : sums of returns over cash, and of their squares.
    least, most     : the least and the largest of these.
    short, short2   : sums of shortfalls of returns below cash, negative, and of their squares.
    """

    per_nav: Number
    peak: Number
    per_peak: Number
    since: Number
    under: Number
    deepest: Number
    squares: Number
    longest: Number
    hits: Number
    first: Number
    second: Number
    third: Number
    fourth: Number
    low: Number
    high: Number
    excess: Number
    excess2: Number
    least: Number
    most: Number
    short: Number
    short2: Number


@inlined
def first_track(nav: Number, day: float) -> Track:
    """The track at a curve's first row.

    nav : NAV there, currency.
    day : number of its day.
    """
    zero, per_nav = fill(0.0), fill(1.0) / nav
    far = fill(np.inf)
    return Track(
        per_nav, nav, per_nav, fill(day), zero, zero, zero, zero, zero, zero, zero, zero, zero, far, zero - far, zero,
        zero, far, zero - far, zero, zero,
    )  # fmt: skip


@inlined
def followed(track: Track, nav: Number, pilot: Number, cash: float, day: float) -> Track:
    """The track a day later.

    track : state up to the day before.
    nav   : NAV, currency.
    pilot : a return near the curve's mean, fraction.
    cash  : the day's return of cash, fraction.
    day   : number of the day.
    """
    net = nav * track.per_nav - 1.0
    per_nav = fill(1.0) / nav
    at_peak = nav >= track.peak
    peak = maximum(track.peak, nav)
    per_peak = where(at_peak, per_nav, track.per_peak)
    under = where(at_peak, fill(0.0), nav * per_peak - 1.0)
    lasted = where(minimum(under, track.under) < 0.0, fill(day) - track.since, fill(0.0))
    apart = net - pilot
    square = apart * apart
    excess, over = apart - cash, net - cash
    short = minimum(over, fill(0.0))
    return Track(
        per_nav,
        peak,
        per_peak,
        where(at_peak, fill(day), track.since),
        under,
        minimum(track.deepest, under),
        track.squares + under * under,
        maximum(track.longest, lasted),
        track.hits + where(net > SERIES, fill(1.0), fill(0.0)),
        track.first + apart,
        track.second + square,
        track.third + square * apart,
        track.fourth + square * square,
        minimum(track.low, apart),
        maximum(track.high, apart),
        track.excess + excess,
        track.excess2 + excess * excess,
        minimum(track.least, excess),
        maximum(track.most, excess),
        track.short + short,
        track.short2 + short * short,
    )


@compiled
def _all_curves(nav: Array, cash: Array, day: Array, periods_per_year: float, out: Array) -> None:
    """Write out (12, N) of NAV (T + 1, N), cash (T,) and the number of each row's day (T + 1,)."""
    rows, curves = nav.shape
    periods = rows - 1
    tile = np.empty((TILE // WIDTH, rows * WIDTH))
    ends, pilots = np.empty(WIDTH), np.empty(WIDTH)
    kept = np.empty((21, WIDTH))
    for begin in range(0, curves, TILE):
        groups = min(TILE // WIDTH, (curves - begin + WIDTH - 1) // WIDTH)
        _copy(nav, begin, groups, tile)
        for g in range(groups):
            block = tile[g]
            k = min(periods, PILOT)
            for c in range(WIDTH):
                pilots[c] = (block[k * WIDTH + c] / block[c] - 1.0) / k
            pilot = load(pilots, 0)
            track = first_track(load(block, 0), day[0])
            for t in range(1, rows):
                track = followed(track, load(block, t * WIDTH), pilot, cash[t - 1], day[t])
            _keep(track, kept)
            for c in range(min(WIDTH, curves - begin - g * WIDTH)):
                ends[c] = block[periods * WIDTH + c] / block[c]
                at = begin + g * WIDTH + c
                _finish(kept, c, ends[c], pilots[c], day[periods] - day[0], periods, periods_per_year, out, at)


@inlined
def _copy(nav: Array, begin: int, groups: int, tile: Array) -> None:
    """Write groups of `WIDTH` curves, from `begin` on, a group a row of the tile; the last curve fills up the last."""
    rows, curves = nav.shape
    whole = groups if begin + groups * WIDTH <= curves else groups - 1
    for t in range(rows):
        for g in range(whole):
            store(tile[g], t * WIDTH, load(nav[t], begin + g * WIDTH))
    if whole < groups:
        for t in range(rows):
            for c in range(WIDTH):
                tile[whole, t * WIDTH + c] = nav[t, min(begin + whole * WIDTH + c, curves - 1)]


@inlined
def _keep(track: Track, kept: Array) -> None:
    """Write each number of a track (21) and its eight lanes."""
    store(kept[0], 0, track.deepest)
    store(kept[1], 0, track.squares)
    store(kept[2], 0, track.longest)
    store(kept[3], 0, track.hits)
    store(kept[4], 0, track.first)
    store(kept[5], 0, track.second)
    store(kept[6], 0, track.third)
    store(kept[7], 0, track.fourth)
    store(kept[8], 0, track.high - track.low)
    store(kept[9], 0, track.excess)
    store(kept[10], 0, track.excess2)
    store(kept[11], 0, track.most - track.least)
    store(kept[12], 0, track.short)
    store(kept[13], 0, track.short2)


@inlined
def _finish(
    kept: Array, c: int, ratio: float, pilot: float, span: float, periods: int, periods_per_year: float, out: Array,
    at: int,
) -> None:  # fmt: skip
    """Write the measures of lane c from its state as column `at` of out; NaN where one is not defined."""
    root, none = math.sqrt(periods_per_year), np.nan
    deepest, spread, spread_over = kept[0, c], kept[8, c], kept[11, c]
    mean, second, third, fourth = (
        kept[4, c] / periods,
        kept[5, c] / periods,
        kept[6, c] / periods,
        kept[7, c] / periods,
    )
    variance = max(second - mean * mean, 0.0)
    excess = kept[9, c] / periods
    excess_variance = max(kept[10, c] / periods - excess * excess, 0.0) * periods / max(periods - 1, 1)
    over, short, downside = excess + pilot, -kept[12, c], math.sqrt(kept[13, c] / periods)
    yearly = math.expm1(math.log(ratio) * (DAYS_PER_YEAR / span))
    varies = spread > SERIES and variance > 0.0
    out[0, at] = yearly
    out[1, at] = math.sqrt(variance * periods / max(periods - 1, 1)) * root if periods > 1 else none
    out[2, at] = over / math.sqrt(excess_variance) * root if spread_over > SERIES and excess_variance > 0.0 else none
    out[3, at] = over / downside * root if downside > SERIES and periods > 1 else none
    out[4, at] = deepest
    out[5, at] = yearly / -deepest if deepest < 0.0 else none
    out[6, at] = math.sqrt(kept[1, c] / periods)
    out[7, at] = kept[2, c]
    out[8, at] = (third - 3.0 * mean * second + 2.0 * mean**3) / variance**1.5 if varies else none
    out[9, at] = (
        (fourth - 4.0 * mean * third + 6.0 * mean**2 * second - 3.0 * mean**4) / variance**2 - 3.0 if varies else none
    )
    out[10, at] = (over * periods + short) / short if short > SERIES * periods and periods > 1 else none
    out[11, at] = kept[3, c] / periods


def _has_value(rows: Array) -> bool:
    """True if all NAVs of some rows are positive and finite. NaN has neither a least nor a largest."""
    return not rows.size or bool(rows.min() > 0.0 and rows.max() < np.inf)


def curve_measures(
    nav: ArrayLike, cash: ArrayLike = 0.0, *, days: ArrayLike | None = None, periods_per_year: float
) -> dict[str, Array]:
    """Twelve measures of each of N curves, by name, (N,) each: growth, Sharpe ratio, drawdowns, moments and others.

    nav              : (T + 1, N) NAV of N curves, or (T + 1,) of one, currency, from the close before the first return
                       on.
    cash             : (T,) return of cash, fraction, or one number for all periods.
    days             : (T + 1,) number of each row's day, increasing; a row every 365.25 / periods_per_year days where
                       there is none.
    periods_per_year : 252 for daily rows.
    A measure that a curve does not have (the Calmar ratio of one that never falls) is NaN: the function of the same
    name in `research.risk` says why. Growth is a year, fraction; `longest_drawdown` is in days, `max_drawdown` never
    positive.
    Raises : DataError for a NAV that is not finite and positive, and for lengths that do not agree.

    >>> found = curve_measures([[1.0, 1.0], [0.9, 1.1], [1.1, 1.2]], days=[0, 1, 2], periods_per_year=252)
    >>> [round(float(depth), 12) for depth in found["max_drawdown"]], np.isnan(found["calmar"]).tolist()
    ([-0.1, 0.0], [False, True])
    """
    path = np.asarray(nav, dtype=float)
    path = np.ascontiguousarray(path[:, None] if path.ndim == 1 else path)
    if path.ndim != 2 or len(path) < 2:
        raise DataError(f"curves are rows of NAV, two at least, a column a curve: found shape {path.shape}.")
    rows = 1 + CHECKED // max(path.shape[1], 1)
    if not all(_has_value(path[t : t + rows]) for t in range(0, len(path), rows)):
        row, column = np.argwhere(~(np.isfinite(path) & (path > 0.0)))[0]
        raise DataError(
            f"nav of curve {column} in row {row} is {path[row, column]:.6g}, not a positive number: cut the curves to "
            "the days on which they had value, or leave it out."
        )
    periods = len(path) - 1
    try:
        returns_of_cash = np.array(np.broadcast_to(np.asarray(cash, dtype=float), (periods,)))
    except ValueError:
        raise DataError(f"cash has shape {np.shape(cash)} for {periods} returns: give one a return.") from None
    step = DAYS_PER_YEAR / per_year(periods_per_year)
    day: Array = step * np.arange(periods + 1.0) if days is None else np.array(days, dtype=float)
    if day.shape != (periods + 1,) or not (np.diff(day) > 0.0).all() or not np.isfinite(returns_of_cash).all():
        raise ConfigError(
            f"days must be {periods + 1} increasing numbers and cash finite: found days of shape {shown(day.shape)}."
        )
    out = np.empty((len(CURVE_MEASURES), path.shape[1]))
    if path.size:
        _all_curves(path, returns_of_cash, day, float(periods_per_year), out)
    return dict(zip(CURVE_MEASURES, out, strict=True))
