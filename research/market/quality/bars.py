"""Defects of the bars of one asset by themselves: gaps, repeated and still bars, bars out of order, no volume."""

import math
from collections.abc import Mapping

import numpy as np

from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass
from research.market.calendars import Days, sessions
from research.market.plausible import MAD_TO_DEVIATION
from research.market.quality.findings import Finding, finding, span
from research.market.rows import SOURCE_ROUNDING

BARS_A_QUARTER = 63  # bars, a quarter of a year, over which a scale and a tick are taken to be constant
BARS_OF_A_SCALE = 20  # bars, below which moves are not checked: a median of fewer is no scale
CALM_PART = 0.5  # of the scale of the whole history: no quarter's is below it
TICKS = (1.0, 0.5, 0.25, 0.125, 0.1, 0.0625, 0.05, 0.03125, 0.02, 0.01, 0.005, 0.001, 0.0001)  # currency
SINGLE_PRECISION = 1e-6  # relative: quotes that a source sends as 32-bit numbers are multiples of a tick to this
STILL_CHANCE = 1e-3  # probability of so many still days by rounding to the tick, below which they are a finding
PEAKED = 2.0  # density of returns at zero over a normal one's of the same scale, at most: it is 1.0 to 2.0 on funds
STUCK_CHANCE = 1e-4  # expected number of runs so long, below which a run is a finding
IDLE = 0.5  # share of still days round a run that is taken for the asset's own, at most
# bars, half a year, in which any fund is valued: a run as long is a finding, whatever chance says
LONGEST_STILL_RUN = 126
CONSTANT = {"cash", "money_market", "fx"}  # asset classes whose price may stay by design, as one of 1 a unit does
YEAR = 252  # bars before and after a run in which still days are counted
DAILY_ROWS = 200.0  # rows a year from which each session should have one


@dataclass(frozen=True, eq=False)
class AssetBars:
    """The bars of one asset, in order.

    asset : its id.  calendar : name of its exchange calendar.
    days  : (R,) sessions, one a bar.
    net   : (R,) log total growth since the bar before, net of peers, 0 for the first.
    scale : (R,) its standard deviation round each bar, robust (`local_scale`).
    numbers : {column: (R,)} of the rows; "close" is among them.
    asset_class : its class, "" where it is not known.
    """

    asset: str
    calendar: str
    days: Days
    net: Array
    scale: Array
    numbers: Mapping[str, Array]
    asset_class: str = ""

    @property
    def close(self) -> Array:
        """(R,) closes, currency per unit."""
        return self.numbers["close"]

    @property
    def split(self) -> Array:
        """(R,) units after for one before."""
        return self.numbers.get("split", np.ones(len(self.days)))

    @property
    def paid(self) -> Array:
        """(R,) log growth that the dividend of each day adds, 0 without one and for a close that is not positive."""
        dividend = self.numbers.get("dividend", np.zeros(len(self.days)))
        known = (dividend > 0.0) & (self.close > 0.0)
        return np.asarray(np.log1p(np.divide(dividend, self.close, out=np.zeros(len(self.days)), where=known)))


def local_scale(growth: Array) -> Array:
    """(R,) robust standard deviation round each bar: 1.4826 × the median of |growth| in its quarter of a year.

    The largest of its quarter and of the two beside it, so that a crisis is held against its own volatility; never
    below half of that of the whole history. The modified z-score of Iglewicz and Hoaglin (1993, How to Detect and
    Handle Outliers, section 3.3.2) has the same scale.

    growth : (R,) log growth net of peers.
    """
    size = min(BARS_A_QUARTER, len(growth))
    tail = np.abs(growth[len(growth) % size :]).reshape(-1, size)
    block = MAD_TO_DEVIATION * np.median(tail, axis=1)
    padded = np.pad(block, 1)
    widest = np.maximum(np.maximum(padded[:-2], padded[2:]), block)
    each = np.pad(np.repeat(widest, size), (len(growth) % size, 0), mode="edge")
    return np.asarray(np.maximum(each, CALM_PART * MAD_TO_DEVIATION * np.median(np.abs(growth))))


def own_findings(bars: AssetBars) -> list[Finding]:
    """All defects that the bars of an asset show by themselves."""
    return [
        *_calendar(bars),
        *_nonpositive(bars),
        *_repeated(bars),
        *_order(bars),
        *_volume(bars),
        *still_findings(bars),
    ]


def _calendar(bars: AssetBars) -> list[Finding]:
    """Sessions without a bar from the first to the last, and bars without a session; nothing of rarer rows."""
    if not is_daily(bars.days):
        return []
    due = sessions(bars.days[0], bars.days[-1], bars.calendar)
    held, absent = np.isin(bars.days, due), ~np.isin(due, bars.days)
    found = []
    if absent.any():
        days = due[absent]
        text = f"{bars.asset} has no bar in {len(days):,} of {len(due):,} sessions of {bars.calendar}, {span(days)}."
        found.append(finding("gap", bars.asset, days, len(days), text))
    if not held.all():
        days = bars.days[~held]
        text = f"{bars.asset} has {len(days):,} bars on days that are no sessions of {bars.calendar}, {span(days)}."
        found.append(finding("closed", bars.asset, days, len(days), text))
    return found


def is_daily(days: Days) -> bool:
    """True if the days (R,) are as frequent as sessions, so that each session should have a row."""
    length = int((days[-1] - days[0]).astype("int64"))
    return len(days) > 1 and (len(days) - 1) * 365.25 >= DAILY_ROWS * length


def _nonpositive(bars: AssetBars) -> list[Finding]:
    """Closes at or below zero, which no unit has."""
    return _days_of("nonpositive", bars, bars.close <= 0.0, "has a close at or below zero")


def _repeated(bars: AssetBars) -> list[Finding]:
    """Bars that repeat the one before in all numbers, volume among them."""
    volume = bars.numbers.get("volume")
    if volume is None:
        return []
    same = volume[1:] > 0.0
    for name in ("open", "high", "low", "close", "volume"):
        values = bars.numbers.get(name, volume)
        same &= values[1:] == values[:-1]
    return _days_of("duplicate", bars, np.append(False, same), "repeats the bar of the day before, volume and all,")


def _order(bars: AssetBars) -> list[Finding]:
    """Bars whose low is above another of their prices, or whose high is below one, by more than rounding."""
    close, nothing = bars.close, np.full(len(bars.days), np.nan)
    opened, high, low = (bars.numbers.get(name, nothing) for name in ("open", "high", "low"))
    slack = SOURCE_ROUNDING * np.abs(close)
    wrong = (low > np.fmin(np.fmin(opened, close), high) + slack) | (high < np.fmax(opened, close) - slack)
    return _days_of("order", bars, wrong, "has a low above, or a high below, another price of the bar")


def _volume(bars: AssetBars) -> list[Finding]:
    """Days of volume zero, of an asset whose source has volumes."""
    volume = bars.numbers.get("volume")
    if volume is None or not np.nanmax(volume, initial=0.0) > 0.0:
        return []
    return _days_of("volume", bars, volume == 0.0, "has a close and no volume")


def _days_of(kind: str, bars: AssetBars, where: Mask, what: str) -> list[Finding]:
    """One finding for all days of a mask (R,)."""
    if not where.any():
        return []
    days = bars.days[where]
    text = f"{bars.asset} {what} on {len(days):,} of {len(where):,} days, {span(days)}."
    return [finding(kind, bars.asset, days, len(days), text)]


# -- still prices ----------------------------------------------------------------------------------------------------


def still_findings(bars: AssetBars) -> list[Finding]:
    """Closes equal to the one before: runs that chance does not make, and more single days than rounding makes."""
    still = np.append(False, (bars.close[1:] == bars.close[:-1]) & (bars.split[1:] == 1.0))
    if not still.any():
        return []
    chance, found = _chance_of_rounding(bars), []
    for start, stop, expected in _stuck(still, chance):
        if expected >= STUCK_CHANCE and (bars.asset_class in CONSTANT or bars.close[start] == 1.0):
            continue
        still[start:stop] = False
        days = bars.days[start:stop]
        text = f"{bars.asset} keeps the close {bars.close[start]:g} for {len(days) + 1:,} sessions, {span(days)}."
        found.append(finding("stuck", bars.asset, days, len(days), text, expected=expected))
    count, expected = int(still.sum()), float(chance[1:].sum())
    if count and chance_of_more(count, PEAKED * expected) < STILL_CHANCE:
        days = bars.days[still]
        text = (
            f"{bars.asset} has a close equal to the one before on {count:,} days, {span(days)}, where rounding to the "
            f"steps that it shows explains {expected:.1f}; steps of quotes do not show in adjusted closes."
        )
        found.append(finding("still", bars.asset, days, count, text, expected=expected))
    return found


def chance_of_more(count: int, mean: float) -> float:
    """Probability that a Poisson number is `count` or more, at least 1; 1 where the mean is no less than `count`.

    The terms of the tail are those of the first, each times mean over its number: scipy, which has it, is slow to
    import.
    """
    if mean >= count or mean <= 0.0:
        return float(mean >= count)
    further = np.cumprod(mean / np.arange(count + 1.0, 2.0 * count + 100.0)).sum()
    return math.exp(count * math.log(mean) - mean - math.lgamma(count + 1.0)) * (1.0 + float(further))


def _stuck(still: Mask, chance: Array) -> list[tuple[int, int, float]]:
    """Runs of still days: first row, row after the last, and how many runs so long the rows should have.

    Days are taken to be still as often as rounding makes them, or as they are in the year before and the year after the
    run, half of all at most, whichever is more; a run is stuck where fewer than `STUCK_CHANCE` are expected, or where
    it has `LONGEST_STILL_RUN` days.

    still  : (R,) whether a close is equal to the one before.
    chance : (R,) probability of that by rounding.
    """
    runs = np.flatnonzero(np.diff(np.concatenate([[False], still, [False]]).astype("int8"))).reshape(-1, 2)
    found = []
    for start, stop in runs[np.diff(runs)[:, 0] > 1].tolist():
        around = np.r_[max(start - YEAR, 0) : start, stop : min(stop + YEAR, len(still))]
        often = max(min(still[around].mean(), IDLE), chance[around].mean()) if len(around) else 0.0
        expected = float(len(still) * often ** (stop - start))
        if expected < STUCK_CHANCE or stop - start >= LONGEST_STILL_RUN:
            found.append((start, stop, expected))
    return found


def _chance_of_rounding(bars: AssetBars) -> Array:
    """(R,) probability that rounding to a tick repeats a close: the tick times the density of a normal return at zero.

    It is tick / (close × deviation × √(2π)), with the deviation of the asset's own moves (`local_scale`).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.append(0.0, np.log(bars.close[1:] * bars.split[1:] / bars.close[:-1]))
        deviation = local_scale(np.nan_to_num(moves, posinf=0.0, neginf=0.0)) * np.abs(bars.close)
        chance = _tick(bars.close) / (deviation * np.sqrt(2.0 * np.pi))
    return np.asarray(np.minimum(np.nan_to_num(chance, nan=1.0, posinf=1.0), 1.0))


def _tick(close: Array) -> Array:
    """(R,) the largest of `TICKS` of which all closes of a quarter of a year are multiples; else that of 32 bits."""
    starts = np.arange(0, len(close), BARS_A_QUARTER)
    finest = SINGLE_PRECISION * np.abs(close)
    found, open_blocks = np.zeros(len(starts)), np.ones(len(starts), bool)
    for tick in TICKS:
        some = open_blocks & (np.abs(close[starts] / tick - np.rint(close[starts] / tick)) < 0.02)
        if some.any():
            off = np.abs(close - tick * np.rint(close / tick)) > np.minimum(finest, tick / 50.0)
            fits = some & ~np.logical_or.reduceat(off, starts)
            found[fits], open_blocks = tick, open_blocks & ~fits
    return np.asarray(np.maximum(np.repeat(found, np.diff(np.append(starts, len(close)))), finest))
