"""Falls of a NAV below its running peak: the deepest, how deep on average, how long, and growth against the deepest.

A `nav` starts with the close before the first return. A figure that the path does not have raises DataError with the
reason; nothing gives NaN.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from foundation.arrays import Array
from foundation.errors import DataError
from foundation.tolerances import SERIES
from research.risk.measures import Drawdown, cvar, drawdown, growth, max_drawdown
from research.risk.series import nav_rows, one_series


def calmar(nav: ArrayLike, span_days: float) -> float:
    """`growth` of `nav` (T + 1,) over the depth of its maximum drawdown, both over the whole path.

    span_days : calendar days from its first row to its last.
    Raises    : DataError for a path that never falls; as `growth` does.
    Source    : Young (1991), Calmar Ratio: A Smoother Tool; there over the last 36 months, here over all days.

    >>> round(calmar([1.0, 0.8, 1.1], span_days=365.25), 12)
    0.5
    """
    depth = max_drawdown(nav).depth
    if depth == 0.0:
        raise DataError("the Calmar ratio is not defined: the path has no drawdown.")
    return growth(nav, span_days) / -depth


def ulcer_index(nav: ArrayLike) -> float:
    """Root mean square of the drawdowns of `nav` (T + 1,) on the T days after its first row, fraction.

    Zero for a path that never falls.
    Source : Martin and McCann (1989), The Investor's Guide to Fidelity Funds; there in per cent.

    >>> round(ulcer_index([1.0, 0.9, 1.0, 0.8, 1.0]), 6)   # sqrt((0.1² + 0.2²) / 4)
    0.111803
    """
    return math.sqrt(float(np.mean(drawdown(nav_rows(nav, at_least=2))[1:] ** 2)))


def longest_drawdown(nav: ArrayLike, days: ArrayLike | None = None) -> Drawdown:
    """The drawdown of `nav` (T + 1,) that takes longest from its peak to its recovery, the first of equally long ones.

    days : (T + 1,) number of each row's day, increasing; rows are counted where there is none.
    One that has not recovered lasts to the last row. A NAV that never falls has depth 0 and all three rows 0.

    >>> longest_drawdown([1.0, 0.5, 1.0, 0.75, 0.75, 1.1])
    Drawdown(depth=-0.25, peak=2, trough=3, recovery=5)
    """
    path = nav_rows(nav, at_least=1)
    under, last = drawdown(path), len(path) - 1
    day = np.arange(len(path), dtype=float) if days is None else one_series(days, "days", at_least=len(path))
    if not under.any():
        return Drawdown(0.0, 0, 0, 0)
    at_peak = np.flatnonzero(under == 0.0)
    ends = np.append(at_peak[1:], last)
    lengths = np.where(np.add.reduceat(under, at_peak) < 0.0, day[ends] - day[at_peak], -1.0)
    which = int(np.argmax(lengths))
    return _fall(under, int(at_peak[which]), int(ends[which]))


def deepest_drawdowns(nav: ArrayLike, most: int = 5) -> list[Drawdown]:
    """The `most` deepest falls of `nav` (T + 1,), deepest first; each runs from a peak to the first row back at it.

    They share no row but a peak. Of equally deep ones the earlier comes first; a fall of rounding (1e-14) is none.
    The first is `max_drawdown`, and a NAV that never falls has none.

    >>> deepest_drawdowns([1.0, 0.75, 1.0, 1.2, 0.6, 1.5])
    [Drawdown(depth=-0.5, peak=3, trough=4, recovery=5), Drawdown(depth=-0.25, peak=0, trough=1, recovery=2)]
    """
    under = drawdown(nav_rows(nav, at_least=1))
    at_peak = np.flatnonzero(under == 0.0)
    depths, ends = np.minimum.reduceat(under, at_peak), np.append(at_peak[1:], len(under) - 1)
    order = np.argsort(depths, kind="stable")[:most]
    return [_fall(under, int(at_peak[k]), int(ends[k])) for k in order if depths[k] < -SERIES]


def _fall(under: Array, peak: int, end: int) -> Drawdown:
    """The fall between two rows of the drawdowns `under` (T + 1,): a peak, and the next one or the last row."""
    trough = peak + int(np.argmin(under[peak : end + 1]))
    return Drawdown(float(under[trough]), peak, trough, end if under[end] == 0.0 else None)


def recovery_days(nav: ArrayLike, days: ArrayLike) -> float:
    """Days from the bottom of the maximum drawdown of `nav` (T + 1,) to the first row at or above its peak.

    days   : (T + 1,) number of each row's day, increasing.
    Raises : DataError for a path that never falls, and for one that has not recovered.

    >>> recovery_days([1.0, 0.5, 0.8, 1.0], [0.0, 1.0, 4.0, 5.0])
    4.0
    """
    found, day = max_drawdown(nav), one_series(days, "days", at_least=1)
    if found.depth == 0.0:
        raise DataError("there is no recovery: the path has no drawdown.")
    if found.recovery is None:
        raise DataError("the maximum drawdown has not recovered by the last day.")
    return float(day[found.recovery] - day[found.trough])


def cdar(nav: ArrayLike, level: float = 0.95) -> float:
    """Conditional drawdown at risk: `research.risk.cvar` of the T drawdowns of `nav` (T + 1,), fraction, positive.

    The mean of the worst (1 - level)·T drawdowns after the first row. Raises as `cvar` does.
    Source : Chekhlov, Uryasev and Zabarankin (2005), Drawdown Measure in Portfolio Optimization.

    >>> round(cdar([1.0, 0.9, 1.0, 0.8, 1.0], level=0.5), 12)
    0.15
    """
    under: Array = drawdown(nav_rows(nav, at_least=2))[1:]
    return cvar(under, level)
