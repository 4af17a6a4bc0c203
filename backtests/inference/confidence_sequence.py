"""A confidence sequence: intervals for a mean that may be looked at after every batch, and err at most once in twenty.

An ordinary interval errs at one look as often as it says; looked at each day, it errs sooner or later. All intervals of
a confidence sequence hold the mean at once, with the probability of its level.

Days are summed in batches, so that what carries over from day to day, and days of no difference, hardly count. For the
mean m of batches x that are symmetric round it, whatever came before, with S = Σ (x - m), V = Σ (x - m)² and a constant
ρ, sqrt(ρ / (V + ρ)) exp(S² / 2 (V + ρ)) is a nonnegative supermartingale that begins at 1: at no time does it reach
1 / α with a probability above α. No moment of x need be finite, and its spread may change at will. An interval holds
the m at which that is not reached. ρ is set by the first batches, which are then left out.

Source : de la Peña (1999), A General Class of Exponential Inequalities, Annals of Probability 27(1), for symmetric x;
         Howard, Ramdas, McAuliffe and Sekhon (2021), Time-uniform, Nonparametric, Nonasymptotic Confidence Sequences,
         Annals of Statistics 49(2), equation 14 and proposition 3, for the mixture and its ρ.
"""

import numpy as np
from scipy.special import lambertw

from backtests.inference.estimates import INTERVAL_LEVEL, Estimate
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass

BATCHES_A_YEAR = 12
TUNED = 60  # batches after which intervals are the shortest
LEARNED = 3  # batches other than 0 that set ρ
STEPS, SETTLED = 200, 1e-9  # toward the boundary, and how near, over V, is at it
MOST_BATCHES = 24_000  # batches within which a mean is detected, or never


@dataclass(frozen=True, eq=False)
class ConfidenceSequence:
    """Intervals for the mean of a daily figure, a year.

    days  : (k,) number of days after which each batch ended.
    value : (k,) mean since the first batch that counts, a year; NaN before.
    width : (k,) half the width of the interval; inf where it is not known yet.
    level : probability with which all intervals hold the mean.
    sd    : standard deviation of a batch, a year; NaN where it is not known.
    """

    days: Rows
    value: Array
    width: Array
    level: float
    sd: float

    def first_apart(self, low: float = 0.0, high: float = 0.0) -> int | None:
        """The days after which an interval first lay apart from [low, high], a year, or None where none did."""
        apart = np.flatnonzero((self.value - self.width > high) | (self.value + self.width < low))
        return int(self.days[apart[0]]) if apart.size else None

    @property
    def last(self) -> Estimate:
        """The mean so far and its interval, a year; NaN before a batch counts."""
        value, width = (float(each[-1]) if len(each) else float("nan") for each in (self.value, self.width))
        return Estimate(value, value - width, value + width, self.level)

    def years_until_known(self, mean: float) -> float:
        """About the median years until an interval lies apart from 0, where the true mean is `mean` a year.

        inf where it takes more than `MOST_BATCHES` batches, NaN where the spread of batches is not known.

        The median sum of t batches is t times the mean, and it leaves 0 where it crosses the boundary.
        """
        if np.isnan(self.sd):
            return float("nan")
        t, square = np.arange(1.0, MOST_BATCHES + 1.0), self.sd**2 + mean**2
        crossed = t * abs(mean) > boundary(t * square, mixing(square, self.level), self.level)
        return float(np.argmax(crossed) + 1 + LEARNED) / BATCHES_A_YEAR if crossed.any() else float("inf")


def confidence_sequence(daily: Array, periods_per_year: float, level: float = INTERVAL_LEVEL) -> ConfidenceSequence:
    """The confidence sequence of the mean of a daily figure, in batches of about a month; what is left over waits.

    daily            : (T,) figure of each day, such as a difference of returns.
    periods_per_year : days a year.
    """
    x = batch_means(daily, periods_per_year)
    count, days = len(x), batch_size(periods_per_year) * np.arange(1, len(x) + 1)
    first = int(np.searchsorted(np.cumsum(x != 0.0), LEARNED)) + 1  # all batches before it set ρ
    value, width = np.full(count, np.nan), np.full(count, np.inf)
    if first >= count:
        return ConfidenceSequence(days, value, width, level, float("nan"))
    counts, kept = np.arange(1, count - first + 1), x[first:]
    value[first:] = np.cumsum(kept) / counts
    rest = np.maximum(np.cumsum(kept**2) - counts * value[first:] ** 2, 0.0)
    width[first:] = _half_widths(counts, rest, mixing(float((x[:first] ** 2).mean()), level), level)
    return ConfidenceSequence(days, value, width, level, float(x.std(ddof=1)))


def batch_size(periods_per_year: float, batches_a_year: int = BATCHES_A_YEAR) -> int:
    """The number of days of a batch, about those of a month."""
    return max(round(periods_per_year / batches_a_year), 1)


def batch_means(daily: Array, periods_per_year: float, batches_a_year: int = BATCHES_A_YEAR) -> Array:
    """(..., k) means of the whole batches of a daily figure (..., T), a year."""
    size = batch_size(periods_per_year, batches_a_year)
    count = daily.shape[-1] // size
    means: Array = periods_per_year * daily[..., : count * size].reshape(*daily.shape[:-1], count, size).mean(axis=-1)
    return means


def mixing(spread: float, level: float) -> float:
    """The ρ at which the boundary of V = `TUNED` · spread is the lowest; proposition 3 of Howard et al. (2021).

    spread : mean square of a batch.

    >>> round(mixing(1.0, 0.95), 4)
    7.3064
    """
    return TUNED * spread / float(-lambertw(-((1.0 - level) ** 2) / np.e, -1).real - 1.0)


def boundary(v: Array, rho: float, level: float) -> Array:
    """(k,) what |S| exceeds at some time with a probability of at most 1 - level, where V is v (k,); their equation 14.

    >>> boundary(np.array([60.0]), 7.3064, 0.95).round(3).tolist()
    [23.51]
    """
    found: Array = np.sqrt((v + rho) * np.log((v + rho) / (rho * (1.0 - level) ** 2)))
    return found


def _half_widths(counts: Rows, rests: Array, rho: float, level: float) -> Array:
    """(k,) half the widths of intervals round means of batches.

    counts : (k,) number of batches of each.
    rests  : (k,) sum of their squares round their mean.

    At the distance h from the mean, V is rest + count · h² and |S| is count · h. The least h at which |S| is at the
    boundary is found from below; inf where there is none, as after few batches, or after one that is far larger than
    those that set ρ.
    """
    v = rests
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(STEPS):
            v = rests + boundary(v, rho, level) ** 2 / counts
        settled = np.abs(rests + boundary(v, rho, level) ** 2 / counts - v) <= SETTLED * v
        found: Array = np.where(settled, np.sqrt((v - rests) / counts), np.inf)
    return found
