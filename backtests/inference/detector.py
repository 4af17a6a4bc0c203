"""An e-detector: an alert that the mean of a daily figure is not zero any more, within months of the change.

Days are summed in weeks, so that what carries over from one day to the next hardly counts. A week's sum over a scale
that the weeks before it predict is cut off at ±`CUT`. The result y makes the e-values 1 + λy and 1 - λy, whose mean is
1 where weeks are symmetric round 0, whatever came before: no moment need be finite, and the spread may change at will.

With e-values L_t, the Shiryaev-Roberts e-detector M_t = L_t (M_{t-1} + 1) sums, over all weeks in which a break may
have begun, the evidence since. M_t - t is a supermartingale without a break, so that the mean time until M_t reaches c
is c weeks at least. The mean of M_t over both signs alarms at `RUN_YEARS`. CUSUM, L_t max(M_{t-1}, 1), is the largest
term of such a sum: its start is where the break began most likely.

Source : Shin, Ramdas and Rinaldo (2023), E-detectors: a Nonparametric Framework for Sequential Change Detection, New
         England Journal of Statistics in Data Science 2(2), for both e-detectors and their mean run; Waudby-Smith and
         Ramdas (2024), Estimating Means of Bounded Random Variables by Betting, JRSS B 86(1), for the e-values.
"""

from typing import NamedTuple

import numpy as np

from backtests.inference.confidence_sequence import batch_means, batch_size
from foundation.arrays import Array, Mask, Rows

WEEKS_A_YEAR = 52
RUN_YEARS = 12.5  # least mean time to a false alarm; ten, and a margin for weeks that are not quite independent
STAKE, CUT = 0.6, 1.6  # λ and the largest |y|: they suit a break of 0.7 standard deviations of a week
SCALE_WEEKS = 3  # that give the first scale, and no evidence
FADING = 1.0 / 13.0  # weight of the newest week in the scale, so that about a quarter counts
NORMAL_RATIO = float(np.sqrt(np.pi / 2.0))  # standard deviation over mean absolute value


class Break(NamedTuple):
    """A break that the e-detector points out.

    since : number of days before it began, most likely.
    mean  : mean of the figure since then, a year; mostly beyond the true one, as the start is chosen by it.
    """

    since: int
    mean: float


def e_detector(daily: Array, periods_per_year: float) -> tuple[Rows, Array]:
    """The evidence that the mean of a daily figure has left 0, over that at which it alarms.

    daily            : (..., T) figure of each day, such as a difference of returns.
    periods_per_year : days a year.
    Returns          : (k,) number of days after which each week ended, and (..., k) log of the ratio; 0 alarms.
    """
    week = batch_size(periods_per_year, WEEKS_A_YEAR)
    logs, begins = _e_values(daily, periods_per_year)
    evidence = np.logaddexp(*(shiryaev_roberts(of_sign, begins) for of_sign in logs)) - np.log(2.0)
    return week * np.arange(1, evidence.shape[-1] + 1), evidence - np.log(RUN_YEARS * periods_per_year / week)


def break_now(daily: Array, periods_per_year: float) -> Break | None:
    """The break of a daily figure (T,) at the end of its last week, or None where the e-detector does not alarm there.

    periods_per_year : days a year.
    """
    days, ratios = e_detector(daily, periods_per_year)
    if not days.size or ratios[-1] < 0.0:
        return None
    logs, _ = _e_values(daily, periods_per_year)
    _, start = max((float(evidence[-1]), int(starts[-1])) for evidence, starts in map(cusum, logs))
    since = start * int(days[0])
    return Break(since, periods_per_year * float(daily[since : days[-1]].mean()))


def shiryaev_roberts(logs: Array, begins: Mask) -> Array:
    """(..., k) logs of M_t = L_t (M_{t-1} + b_t), with M_0 = 0: the evidence summed over all starts.

    logs   : (..., k) logs of the e-values L_t.
    begins : (..., k) b_t, true where a break may begin.
    """
    through = np.cumsum(logs, axis=-1)
    summed: Array = through + np.logaddexp.accumulate(np.where(begins, logs - through, -np.inf), axis=-1)
    return summed


def cusum(logs: Array) -> tuple[Array, Rows]:
    """(k,) logs of M_t = L_t max(M_{t-1}, 1), with M_0 = 0: the evidence since the likeliest start; (k,) that start.

    logs : (k,) logs of the e-values L_t.
    """
    through = np.cumsum(logs)
    before = through - logs
    lowest = np.minimum.accumulate(before)
    return through - lowest, np.maximum.accumulate(np.where(before == lowest, np.arange(len(logs)), 0))


def weekly_scores(weeks: Array) -> Array:
    """(..., k) weeks over the scale that those before them predict, cut off at ±`CUT`; 0 where it is not known yet.

    The scale is the mean absolute value, which one wild week does not spoil for long, times `NORMAL_RATIO`.
    weeks : (..., k) sum or mean of each week.
    """
    sizes, mean = np.zeros(weeks.shape), np.zeros(weeks.shape[:-1])
    for t in range(weeks.shape[-1]):
        mean = mean + FADING * (np.abs(weeks[..., t]) - mean)
        sizes[..., t] = mean / (1.0 - (1.0 - FADING) ** (t + 1))
    y, scale = np.zeros(weeks.shape), NORMAL_RATIO * sizes[..., SCALE_WEEKS - 1 : -1]
    np.divide(weeks[..., SCALE_WEEKS:], scale, out=y[..., SCALE_WEEKS:], where=scale > 0.0)
    return y.clip(-CUT, CUT)


def _e_values(daily: Array, periods_per_year: float) -> tuple[Array, Mask]:
    """(2, ..., k) logs of the e-values of gains and of losses, and (..., k) where a break may begin.

    None begins in a week without a difference: it would add a start to the sum, and no evidence.
    """
    y = weekly_scores(batch_means(daily, periods_per_year, WEEKS_A_YEAR))
    return np.log1p(np.stack([STAKE * y, -STAKE * y])), y != 0.0
