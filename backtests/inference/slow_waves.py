"""Means of daily series that move slowly, with what is not known of them: losses, costs, turnover, squared returns.

What a rule lets drift stays away for months, and a few such episodes make its loss: errors that come from blocks of
days are too small. Here the error of a mean comes from the three slowest waves of its series alone, with as many
degrees of freedom, and intervals are symmetric in logarithms, since a loss is hardly ever negative. Where a mean is,
because more tax was refunded than all else cost, its intervals are symmetric in itself.

A rule that is asked at least once a week, and has been at its limit, has shown the largest drift that it allows. One
that is asked less often has not: the drift of the worst month or quarter to come may be many times that of the test,
and no resampling of the test can draw it. Its mean is then known from below only, and its interval says "at least".
`python -m benchmarks.coverage` measures how often these intervals hold the true number; docs/evidence.md has the table.
"""

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from backtests.inference.estimates import POWER, Estimate, EstimateWithTest
from foundation.arrays import Array, Mask, frozen
from foundation.dataclasses import dataclass
from foundation.tolerances import SERIES

WAVES = 3  # Student's quantile is then 3.18: what honesty about episodes of months costs
LEAST_EPISODES = 3  # bookings of a rule that has been at its limit
POINTS, FARTHEST = 401, 10.0  # at which the distribution of a difference is summed, arsinh of errors
RANGES = 4000  # simulated largest differences among equals
MONTH, SPANS = 21, 4  # days whose sums show how series err together; at least so many sums a series, or fewer days
STEEPEST = 50.0  # logarithm of the widest factor of an interval
SMALLEST_ERROR = 1e-9  # of an error, that a difference of two that err as one has


def wave_transforms(columns: Array, waves: int = WAVES) -> Array:
    """(waves, P) of columns (T, P): their squares, averaged over the waves, are the squared error of a column's mean.

    Λ_j / sqrt(T), Λ_j = sqrt(2 / T) Σ cos(π j (t − 1/2) / T) x_t for j = 1 … waves; the mean of x does not matter.

    Source : Müller (2014), HAC corrections for strongly autocorrelated time series, Journal of Business and Economic
             Statistics 32(3), section 3; Lazarus, Lewis, Stock and Watson (2018), HAR inference: recommendations for
             practice, the same journal 36(4), equation 9 (equal-weighted cosines).
    """
    periods = len(columns)
    angles = math.pi * (np.arange(periods) + 0.5) / periods
    cosines = np.array([np.cos(j * angles) for j in range(1, waves + 1)])
    found: Array = cosines @ columns * (math.sqrt(2.0) / periods)
    return found


def wave_error(influence: Array, waves: int = WAVES) -> float:
    """Standard error of the mean of a series (T,), by `wave_transforms`; it has `waves` degrees of freedom.

    influence : (T,) influence of each period on the estimate.
    waves     : number of transforms: few are honest where a series has a long memory, many are sharper where not.
    """
    return math.sqrt(float(np.mean(wave_transforms(influence[:, None], waves) ** 2)))


@dataclass(frozen=True, eq=False)
class SlowMeans:
    """Means of P daily series over the same T days; of costs and losses, which only refunds of tax make negative.

    means     : (P,) means in the unit of the series.
    influence : (P, T) influence of each day on the logarithm of a mean: the day over the mean, less what the market's
                variance explains. Of a mean that is not positive, the influence on the mean: the day itself.
    known     : (P,) True if a mean has a known upper bound too, see `backtests.inference.slow_waves`.
    rounding  : differences between means of so much or less come from rounding.
    """

    means: Array
    influence: Array
    known: Mask
    rounding: float

    @cached_property
    def relative(self) -> Array:
        """(WAVES, P) `wave_transforms` of the influence: how a mean errs in its logarithm, or in itself."""
        return frozen(np.column_stack([wave_transforms(row[:, None])[:, 0] for row in self.influence]))

    @property
    def sizes(self) -> Array:
        """(P,) factors that turn an influence into that on the mean: the mean, or 1 where it is not positive."""
        return np.where(self.means > 0.0, self.means, 1.0)

    @property
    def errors(self) -> Array:
        """(P,) standard errors of the logarithms, or of means not positive, with `WAVES` degrees of freedom."""
        found: Array = np.sqrt(np.mean(self.relative**2, axis=0))
        return found

    def sums(self, series: int = 1) -> Array:
        """(P, K) sums of the influence over each month: how the logarithms err together.

        Where there are fewer than `SPANS` months for each of so many series, the sums are over fewer days.
        """
        count, length = self.influence.shape
        days = min(MONTH, max(length // (SPANS * series), 1))
        found: Array = self.influence[:, : length // days * days].reshape(count, -1, days).sum(axis=2)
        return found

    @cached_property
    def together(self) -> Array:
        """(P, P) covariance of the `sums`; of those of the means themselves where one is negative."""
        count = len(self.influence)
        found = self.sums(count) * (self.sizes[:, None] if (self.means < 0.0).any() else 1.0)
        return frozen(np.atleast_2d(np.cov(found)) if found.shape[1] > 1 else np.zeros((count, count)))

    @classmethod
    def of(
        cls,
        columns: ArrayLike,
        known: ArrayLike,
        rounding: float = 0.0,
        *,
        market: ArrayLike | None = None,
        elasticity: ArrayLike = 0.0,
    ) -> "SlowMeans":
        """The means of columns (T, P), as other tests have them in which the market is as volatile as in this one.

        columns    : (T, P) finite; 0 or more, but for rounding and refunds.
        known      : (P,) True if a mean has a known upper bound too.
        rounding   : differences between means of so much or less come from rounding.
        market     : (T,) squared returns of the market, or None: what its variance explains of a mean is no error.
        elasticity : (P,) or one for all, by how many per cent a mean grows with a variance that is one per cent higher.
        """
        rows = np.ascontiguousarray(np.asarray(columns, dtype=float).T)  # each summed by itself, whatever the others
        means = rows.mean(axis=1)
        shares = rows / np.where(means > 0.0, means, 1.0)[:, None]
        moves = None if market is None else np.asarray(market, dtype=float)
        if moves is not None and moves.any():
            explained = moves / moves.mean()
            shares = shares - np.where(means > 0.0, elasticity, 0.0)[:, None] * explained
        return cls(means, frozen(shares), frozen(np.asarray(known, dtype=bool)), rounding)

    def figure(self, p: int, level: float) -> Estimate:
        """The mean of series p, with its interval; without an upper end where that is not known."""
        value, relative = float(self.means[p]), float(self.errors[p])
        both = bool(self.known[p])
        if value < 0.0:
            half = quantile(level, both=both) * relative
            return Estimate(value, value - half, value + half if both else math.inf, level, relative)
        wide = math.exp(min(quantile(level, both=both) * relative, STEEPEST))
        return Estimate(value, value / wide, value * wide if both else math.inf, level, value * relative)

    def difference(self, p: int, q: int, level: float) -> EstimateWithTest:
        """The mean of series p less that of series q, paired, with its interval and a test of equal means.

        The test is Student's, of the logarithm of their ratio. The interval has the quantiles of the difference when
        both logarithms err as their waves say, so it leaves zero out where the test does. Where a mean is negative,
        test and interval are Student's of the difference itself. Where one of the means is known from below only, so is
        the difference, from that side, and the test has one side too; where both are, nothing is known of it: the
        interval has no ends, and p is 1.
        """
        value, from_below, from_above = float(self.means[p] - self.means[q]), bool(self.known[q]), bool(self.known[p])
        if self._same(p, q):
            return EstimateWithTest(0.0, 0.0, 0.0, level, 0.0, p=1.0)
        if not from_below and not from_above:
            return EstimateWithTest(value, -math.inf, math.inf, level, p=1.0)
        tail = (1.0 - level) / (2.0 if from_below and from_above else 1.0)
        return EstimateWithTest(
            value,
            self._quantile(p, q, tail) if from_below else -math.inf,
            self._quantile(p, q, 1.0 - tail) if from_above else math.inf,
            level,
            self._error(p, q),
            p=self._p(p, q, from_below=from_below, from_above=from_above),
        )

    def ratio(self, p: int, q: int) -> float:
        """Student's t of the logarithm of mean p over mean q; infinite where no error is left, 0 for one series.

        Of their difference where one of them is negative.
        """
        if self._same(p, q):
            return 0.0
        one, two = float(self.means[p]), float(self.means[q])
        if min(one, two) < 0.0 < self._error(p, q):
            return (one - two) / self._error(p, q)
        error = math.sqrt(float(np.mean((self.relative[:, p] - self.relative[:, q]) ** 2)))
        if one <= 0.0 or two <= 0.0 or error == 0.0:
            return math.copysign(math.inf, one - two)
        return math.log(one / two) / error

    def _same(self, p: int, q: int) -> bool:
        """True if they are one series, but for rounding."""
        apart = max(abs(float(self.means[p] - self.means[q])), float(np.abs(self._waves(p, q)).max()))
        return apart <= self.rounding

    def _waves(self, p: int, q: int) -> Array:
        """(WAVES,) transforms of the difference of two series."""
        found: Array = self.sizes[p] * self.relative[:, p] - self.sizes[q] * self.relative[:, q]
        return found

    def _error(self, p: int, q: int) -> float:
        """The standard error of the difference of two means."""
        return math.sqrt(float(np.mean(self._waves(p, q) ** 2)))

    def _quantile(self, p: int, q: int, probability: float) -> float:
        """The quantile of the difference, when both logarithms err as their waves say."""
        from scipy.optimize import brentq

        if min(self.means[p], self.means[q]) < 0.0:
            return float(self.means[p] - self.means[q] + student_t(probability) * self._error(p, q))
        distribution, scale = self._distribution(p, q), float(self.means[p] + self.means[q])

        def short(place: float) -> float:
            return distribution(scale * math.sinh(place)) - probability

        return scale * math.sinh(brentq(short, -STEEPEST, STEEPEST, xtol=1e-12))

    def _distribution(self, p: int, q: int) -> Callable[[float], float]:
        """The probability of a difference of x at most: both logarithms err together as Student's bivariate t.

        Given the error of the second, that of the first has Student's t with one degree of freedom more.
        Source : Ding (2016), On the conditional distribution of the multivariate t distribution, The American
                 Statistician 70(3).
        """
        from scipy.special import stdtr

        one, two = float(self.errors[p]), float(self.errors[q])
        both = float(np.mean(self.relative[:, p] * self.relative[:, q]))
        other = np.sinh(places := np.linspace(-FARTHEST, FARTHEST, POINTS))  # of the second, in its errors
        weights = (1.0 + other**2 / WAVES) ** (-(WAVES + 1) / 2) * np.cosh(places)
        weights /= weights.sum()
        slope = both / two if two > 0.0 else 0.0
        left = math.sqrt(max(one**2 - slope**2, (SERIES + SMALLEST_ERROR * one) ** 2))
        wide = left * np.sqrt((WAVES + other**2) / (WAVES + 1))
        taken = self.means[q] * np.exp(np.clip(two * other, -STEEPEST, STEEPEST))

        def distribution(x: float) -> float:
            mine = x + taken
            if self.means[p] == 0.0:
                return float(weights @ (mine >= 0.0))
            gaps = np.log(mine / self.means[p], out=np.full(POINTS, -math.inf), where=mine > 0.0)
            return float(weights @ stdtr(WAVES + 1, (gaps - slope * other) / wide))

        return distribution

    def _p(self, p: int, q: int, *, from_below: bool, from_above: bool) -> float:
        """The p-value of equal means; one-sided where the difference is known from one side only."""
        from scipy.special import stdtr

        t = self.ratio(p, q)
        if from_below and from_above:
            return float(2.0 * stdtr(WAVES, -abs(t)))
        return float(stdtr(WAVES, -t if from_below else t))


@dataclass(frozen=True, eq=False)
class ConfidenceSet:
    """The series that cannot be ruled out as the one of lowest expected mean.

    included : (P,) True where p is above `size`.
    p        : (P,) the smallest size at which a series is left out, a probability.
    size     : size of the test, a probability.
    """

    included: Mask
    p: Array
    size: float


def confidence_set(slow: SlowMeans, size: float = 0.10) -> ConfidenceSet:
    """The model confidence set of series of losses: it holds the best with probability 1 - `size` at least.

    By the range statistic of the logarithms of the means. Its largest value among equals is simulated: errors of means
    and waves are normal, and err together as the sums of months do. One series cannot rule out another if its own mean
    is known from below only.
    Source : Hansen, Lunde and Nason (2011), The Model Confidence Set, Econometrica 79(2), section 3.1.2 (T_R and its
             elimination rule).
    """
    count = len(slow.means)
    worse = np.array([[slow.ratio(p, q) if slow.known[q] else 0.0 for q in range(count)] for p in range(count)])
    drawn = ratios_among_equals(slow)
    stays, p, least = list(range(count)), np.ones(count), 0.0
    while len(stays) > 1:
        among = worse[np.ix_(stays, stays)]
        leaves = stays[int(np.argmax(among.max(axis=1)))]
        largest = drawn[:, np.array(stays)[:, None], stays].max(axis=(1, 2))
        least = max(least, float(np.mean(largest >= among.max())))
        p[leaves] = least
        stays.remove(leaves)
    return ConfidenceSet(frozen(p > size), frozen(p), size)


def ratios_among_equals(slow: SlowMeans) -> Array:
    """(RANGES, P, P) Student's t of each pair, worse than, among series of equal means that err as these do."""
    count = len(slow.means)
    values, vectors = np.linalg.eigh(slow.together)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = np.random.default_rng(0).standard_normal((WAVES + 1, RANGES, count)) @ root.T
    apart = normal[..., :, None] - normal[..., None, :]
    error = np.sqrt(np.mean(apart[1:] ** 2, axis=0))
    least = SERIES * math.sqrt(max(float(values[-1]), 0.0))
    ratio = np.divide(apart[0], error, out=np.zeros_like(error), where=error > least)
    found: Array = np.where(slow.known, ratio, 0.0)
    return found


def quantile(level: float, *, both: bool = True) -> float:
    """The quantile of Student's t with `WAVES` degrees of freedom at confidence `level`, two-sided or one-sided.

    >>> round(quantile(0.95), 3), round(quantile(0.95, both=False), 3)
    (3.182, 2.353)
    """
    return float(student_t(0.5 + level / 2.0 if both else level))


def detectable(error: float, level: float = 0.95) -> float:
    """The smallest true difference that a two-sided test by `WAVES` waves finds with probability `POWER`.

    error : standard error of the difference; the answer is in its unit.
    level : level of the interval that the test inverts.

    >>> round(detectable(1.0), 2)  # 2.80 where the error is known
    4.26
    """
    from scipy.special import nctdtrinc

    return float(nctdtrinc(WAVES, 1.0 - POWER, quantile(level))) * error


def student_t(probability: ArrayLike) -> Array:
    """The quantiles of Student's t with `WAVES` degrees of freedom."""
    from scipy.special import stdtrit

    found: Array = stdtrit(WAVES, probability)
    return found
