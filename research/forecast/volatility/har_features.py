"""The regressors of log variances: the recent moves of a line and of all lines, and their direction.

Each day's features use its past alone. Those of deviations are logarithms, as the outcome is.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from foundation.arrays import Array, Mask, Rows, running_sums
from research.forecast.volatility.correlated import listed_since
from research.market import Past

Measure = Literal["return", "range"]
MEASURES: tuple[Measure, ...] = ("return", "range")
OWN = (5, 21, 63, 252)  # windows of a line's own deviations: a week, a month, a quarter and a year
ALL = (5, 21, 63)  # windows of the mean line
FLOOR = 0.01  # of a line's long-run deviation: below it, it hardly traded
NAMES = (
    *(f"own deviation, {w} days" for w in OWN), "own deviation, all days",
    *(f"deviation of the mean line, {w} days" for w in ALL), *(f"return of the mean line, {w} days" for w in ALL),
)  # fmt: skip
NEEDED = max(OWN) + max(ALL)  # returns before the first day that has features


@dataclass(frozen=True, eq=False)
class Features:
    """Features of D days and n lines.

    numbers : (D, n, q) see `NAMES`: twice the logarithm of deviations, and returns over their own deviation.
    known   : (D, n) whether a line has returns enough for them.
    longest : (D, n) its deviation over all days so far.
    """

    numbers: Array
    known: Mask
    longest: Array


def features(past: Past, rows: Rows, measure: Measure) -> Features:
    """The features of the lines on some days.

    past    : market up to today.
    rows    : (D,) days.
    measure : measure of a day's move, see `daily_deviations`.
    Source  : averages over a day to a year: Corsi (2009), A simple approximate long-memory model of realized
              volatility, Journal of Financial Econometrics 7; that of all days, for lines that share coefficients, and
              that of all lines: Bollerslev, Hood, Huss and Pedersen (2018), Risk everywhere, Review of Financial
              Studies 31; returns: Corsi and Renò (2012), Discrete-time volatility forecasting with persistent leverage
              effect, Journal of Business and Economic Statistics 30.
    """
    since = listed_since(past)
    ages = rows[:, None] + 1 - since
    sums = running_sums(np.where(past.listed, daily_deviations(past, measure), 0.0))
    longest = sums[rows + 1] / np.maximum(ages, 1)
    known = (ages >= max(OWN)) & past.listed[rows] & (longest > 0.0) & (rows >= _first_row(since))[:, None]
    least = np.where(known, FLOOR * longest, 1.0)
    own = [_over(sums, rows, window) / window for window in OWN]
    mean = mean_line(past, since)
    squares, returns = running_sums(mean[:, None] ** 2), running_sums(mean[:, None])
    columns = [2.0 * np.log(np.maximum(move, least)) for move in (*own, longest)]
    columns += [np.log(np.maximum(_over(squares, rows, w) / w, FLOOR**2)) + 0.0 * least for w in ALL]
    columns += [_over(returns, rows, w) / w**0.5 + 0.0 * least for w in ALL]
    return Features(np.stack(columns, axis=-1), known, longest)


def mean_line(past: Past, since: Rows) -> Array:
    """(T,) mean over lines of each day's return over the deviation of the line's last 252; 0 before there is one."""
    window = max(OWN)
    squares = running_sums(np.square(past.returns))
    found = np.zeros(past.t + 1)
    if past.t + 1 < window:
        return found
    variance = (squares[window:] - squares[:-window]) / window
    last = slice(window - 1, None)
    there = past.listed[last] & (np.arange(window - 1, past.t + 1)[:, None] + 1 - since >= window) & (variance > 0.0)
    scaled = np.where(there, past.returns[last] / np.sqrt(np.where(there, variance, 1.0)), 0.0)
    found[last] = scaled.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return found


def _first_row(since: Rows) -> int:
    """The first row on which the mean line has returns enough."""
    return int(since.min()) + NEEDED - 2


def _over(sums: Array, rows: Rows, window: int) -> Array:
    """(D, ·) sum of the last `window` values of each day; of fewer where there are no more."""
    return sums[rows + 1] - sums[np.maximum(rows + 1 - window, 0)]


def daily_deviations(past: Past, measure: Measure) -> Array:
    """(T, n) of each day, about the standard deviation of the day's return; 0 where a line is not listed.

    measure : return   the absolute return, times √(π / 2), the mean of which is the deviation of normal returns;
              range    the root of the squared return overnight and Parkinson's variance of the day, where there are
                       bars; else the absolute return.
    Source  : Parkinson (1980), The extreme value method for estimating the variance of the rate of return, Journal of
              Business 53; Forsberg and Ghysels (2007), Why do absolute returns predict volatility so well?, Journal of
              Financial Econometrics 5.
    """
    moved = np.abs(past.returns) * np.sqrt(np.pi / 2.0)
    if measure == "return" or past.bars is None:
        return moved
    low, high, opened = (past.bars[name] for name in ("low", "high", "open"))
    known = np.isfinite(low) & np.isfinite(high) & np.isfinite(opened) & np.isfinite(past.prices) & (low > 0.0)
    low, high, opened, close = (np.where(known, x, 1.0) for x in (low, high, opened, past.prices))
    overnight = np.log1p(np.where(known, past.returns, 0.0)) - np.log(close / opened)
    found = np.sqrt(overnight**2 + np.log(high / low) ** 2 / (4.0 * np.log(2.0)))
    return np.where(known & past.tradable, found, moved)
