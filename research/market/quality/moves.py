"""Moves of one asset that its peers do not explain: wrong scales, splits and dividends, spikes, another asset's price.

A move is held in robust z: its log growth net of peers, over the robust standard deviation round it (`local_scale`),
times the root of the days of a gap. A split of 1.5 is no factor here: real moves are as large, and past 20
deviations it is a large unexplained move.

False alarms: on normal returns none; on Student's t with four degrees of freedom 15 moves in a million bars. On the
464,000 bars of the embedded markets 4 events are findings: a bar of VUG that its next bar takes back, two moves of RRC
in 1990 between prices that stand still for weeks, and Apple's fall by half of 2000-09-29, which happened. On their 334
dividends no finding is made; of these, taken out one at a time, it finds 98 of 100 to be missing.
"""

from collections.abc import Iterator

import numpy as np

from foundation.arrays import Array, Rows
from foundation.paper.wording import percent
from research.market.quality.bars import BARS_A_QUARTER, BARS_OF_A_SCALE, AssetBars
from research.market.quality.findings import Finding, finding

FACTORS = np.array([2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50, 100, 1000.0])  # of splits, and of pence and mils
LEAST_UNIT_FACTOR = 100.0  # from which a factor is one of units: pence for pounds
NEAR = 0.05, 0.1  # log distance from a factor, at least and at most: else four deviations of the asset
FAR, REVERSING, LONE = 8.0, 10.0, 20.0  # robust z of a move near a factor or of a dividend, of a spike, of another
LARGE_TICK = np.log(1.3)  # log growth, from which a move that reverses must be looked at
LARGE_MOVE = np.log(1.4)  # log growth, from which an unexplained move must be looked at: a split of 1.5 may be it
LEAST_MOVE = 0.02  # log growth, below which no move counts: ticks of cheap units
REVERSED = 0.3  # of a move, that may remain after the next bar where it reverses
LONG_GAP, NEW_LEVEL = 180, np.log(1.5)  # days; log growth over it that another asset's price makes
REUSED = 5.0  # robust z of that level
LEAST_SCALE = 1e-6  # of a price that hardly moves
WEEKEND_DAYS = 3  # days without a bar that add nothing to a deviation
PAYMENTS = 8  # dividends, from which an asset has a rhythm
IRREGULAR = 0.15  # of the median interval: median distance from it, past which there is no rhythm
DIVIDEND_OVERDUE = 1.6  # median intervals without a dividend
AROUND, DAY_OFF = 0.25, 0.05  # of the usual interval: a dividend is due so near a day, and usually off it by so much
FALL = 0.7  # of a dividend: mean fall of a close on its ex-date, at least (Elton and Gruber 1970 have 0.78)
NO_FALL = 3.0  # standard errors below it


def move_findings(bars: AssetBars) -> list[Finding]:
    """The moves that peers do not explain, each as the defect that it looks like."""
    net = bars.net
    if len(net) < BARS_OF_A_SCALE:
        return []
    away = np.append(0, np.diff(bars.days).astype("int64"))
    bars_away = np.maximum((away - WEEKEND_DAYS) / np.median(away[1:]), 1.0)
    z = net / (np.maximum(bars.scale, LEAST_SCALE) * np.sqrt(bars_away))
    found = list(_reused(bars, z, away))
    candidates = np.flatnonzero((np.abs(z) > FAR) & (np.abs(net) > LEAST_MOVE) & (away <= LONG_GAP)).tolist()
    taken: set[int] = set()
    for t in candidates:
        if t not in taken:
            each, until = _named(bars, z, t, candidates)
            found += each
            taken |= until
    return found


def _reused(bars: AssetBars, z: Array, away: Array) -> Iterator[Finding]:
    """Long gaps after which the price is of another level."""
    net = bars.net
    for t in np.flatnonzero((away > LONG_GAP) & (np.abs(net) > NEW_LEVEL) & (np.abs(z) > REUSED)):
        text = (
            f"{bars.asset} has no bar from {bars.days[t - 1]} to {bars.days[t]}, and then {np.exp(net[t]):.3g} times "
            "the price net of peers: the symbol may be another asset's since."
        )
        yield finding("reused", bars.asset, bars.days[t : t + 1], np.exp(net[t]), text, expected=1.0)


def _named(bars: AssetBars, z: Array, t: int, candidates: list[int]) -> tuple[list[Finding], set[int]]:
    """The defect that the move of row t looks like, if any, and the rows that it explains."""
    net, day = bars.net, bars.days[t : t + 1]
    if factor := _factor(net[t], bars.scale[t]):
        return _by_factor(bars, t, factor, candidates)
    paid = float(bars.paid[t])
    if paid > FAR * bars.scale[t] and abs(net[t] - paid) < paid / 2.0:
        text = f"{bars.asset} on {day[0]} pays {percent(np.expm1(paid))} of its close, which does not fall for it."
        return [finding("no_drop", bars.asset, day, net[t] - paid, text, expected=-paid)], {t}
    move = percent(np.expm1(net[t]), signed=True)
    size = f"{bars.asset} on {day[0]} moves by {move} net of peers, {abs(z[t]):.0f} deviations"
    if t + 1 < len(net) and abs(z[t]) > REVERSING and abs(net[t] + net[t + 1]) < REVERSED * abs(net[t]):
        kind = "tick" if abs(net[t]) > LARGE_TICK else "spike"
        return [finding(kind, bars.asset, day, np.expm1(net[t]), f"{size}, and back on the next bar.")], {t, t + 1}
    if abs(z[t]) > LONE:
        text = f"{size}, which no split or dividend of its row explains."
        return [finding("jump" if abs(net[t]) > LARGE_MOVE else "move", bars.asset, day, np.expm1(net[t]), text)], {t}
    return [], set()


def _by_factor(bars: AssetBars, t: int, factor: float, candidates: list[int]) -> tuple[list[Finding], set[int]]:
    """A move by a factor, up to the day on which it is taken back: splits within a quarter, units at any time."""
    kind = "scale" if max(factor, 1.0 / factor) >= LEAST_UNIT_FACTOR else "split"
    reach = len(bars.net) if kind == "scale" else t + BARS_A_QUARTER
    later = (u for u in candidates if t < u < reach)
    back = next((u for u in later if _factor(bars.net[u], bars.scale[u]) == 1.0 / factor), None)
    split = bars.split[t]
    ratio = f"{1.0 / factor:g}:1" if factor < 1.0 else f"1:{factor:g}"
    cause = f"a split of {ratio} that its row does not state"
    if kind == "scale":
        cause = "another unit, such as pence for pounds"
    elif split != 1.0:
        cause = f"the split of {split:g} in its row is not in its closes, or is in them already"
    text = (
        f"{bars.asset} on {bars.days[t]} is worth {np.exp(bars.net[t]):.4g} times the day before net of peers, near "
        f"{f'{factor:g}' if factor > 1.0 else f'1/{1.0 / factor:g}'}"
        f"{f', until {bars.days[back]}' if back else ''}: {cause}?"
    )
    days = bars.days[t : back or t + 1]
    return [finding(kind, bars.asset, days, np.exp(bars.net[t]), text, expected=1.0, events=1)], {t, back or t}


def _factor(growth: float, scale: float) -> float:
    """The factor of a split or unit that a log growth is near, below 1 for a fall; 0 for none."""
    off = np.abs(np.abs(growth) - np.log(FACTORS))
    k = int(np.argmin(off))
    near = off[k] < min(max(4.0 * scale, NEAR[0]), NEAR[1])
    return float(FACTORS[k] if growth > 0.0 else 1.0 / FACTORS[k]) if near else 0.0


# -- dividends over the whole history --------------------------------------------------------------------------------


def dividend_findings(bars: AssetBars) -> list[Finding]:
    """Dividends for which closes do not fall in the mean, and intervals in which a regular dividend is missing."""
    paid = bars.paid
    rows = np.flatnonzero(paid[1:]) + 1
    if len(rows) < PAYMENTS or len(bars.net) < BARS_A_QUARTER:
        return []
    return [*_no_fall(bars, rows, paid[rows]), *_missing(bars, rows, paid[rows])]


def _no_fall(bars: AssetBars, rows: Rows, paid: Array) -> Iterator[Finding]:
    """Closes that do not fall for dividends: the fall net of peers regressed on the dividend, by weighted squares."""
    bound = 3.0 * bars.scale[rows]
    fall = paid - np.clip(bars.net[rows], -bound, bound)  # the growth without the dividend is net - paid
    weight = 1.0 / np.maximum(bars.scale[rows], LEAST_SCALE) ** 2
    square = float(np.sum(weight * paid**2))
    mean, error = float(np.sum(weight * paid * fall)) / square, square**-0.5
    if mean < FALL - NO_FALL * error:
        days = bars.days[rows]
        text = (
            f"{bars.asset} falls by {mean:.2f} ± {error:.2f} of its dividend net of peers over {len(rows):,} ex-dates, "
            f"{days[0]} to {days[-1]}: its closes may be adjusted for dividends already."
        )
        yield finding("no_drop", bars.asset, days, mean, text, expected=1.0)


def _missing(bars: AssetBars, rows: Rows, paid: Array) -> Iterator[Finding]:
    """Intervals of a regular payer that are too long; the day that fell most like its dividend stands for each."""
    net = bars.net
    times = np.append(bars.days[rows], bars.days[-1]).astype("int64")
    gaps = np.diff(times)
    usual = float(np.median(gaps[:-1]))
    if float(np.median(np.abs(gaps[:-1] - usual))) > IRREGULAR * usual:
        return
    number = bars.days.astype("int64")
    for k in np.flatnonzero(gaps > DIVIDEND_OVERDUE * usual):
        size = float(np.median(paid[max(k - 3, 0) : k + 5]))
        far = np.abs(number - times[k] - usual) / usual
        unlike = np.where(far < AROUND, ((net + size) / np.maximum(bars.scale, LEAST_SCALE)) ** 2, np.inf)
        at = int(np.argmin(unlike + (far / DAY_OFF) ** 2))
        text = (
            f"{bars.asset} has no dividend for {gaps[k]} days after {bars.days[rows[k]]}, where {usual:.0f} are usual. "
            f"A fall of {percent(size, 2)} net of peers would show one: near the day due, {bars.days[at]} is most like "
            f"it, with {percent(np.expm1(net[at]), 2, signed=True)}."
        )
        yield finding("no_dividend", bars.asset, bars.days[at : at + 1], net[at], text, expected=-size)
