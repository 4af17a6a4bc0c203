"""Sharpe ratios with their errors: one with autocorrelation, the difference of two, and what difference could be seen.

Standard errors come from the influence of each period on the ratio. Where periods follow one another, their long-run
variance takes the place of their variance.
"""

import math
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from backtests.inference.block_draws import HOUSE, Resampling, equal_lengths, geometric_lengths, length_of, prefix_sums
from backtests.inference.estimates import POWER, Estimate, EstimateWithTest
from foundation.arguments import check_positive, is_whole, one_of, refuse, shown
from foundation.arrays import Array, Rows
from foundation.compiled import compiled
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError
from foundation.tolerances import SERIES, SQUARE
from research.risk.simulation.long_run_variance import autocovariances, long_run_variance, newey_west, newey_west_lags

Blocks = Literal["circular", "stationary"]

NORMAL = NormalDist()
FEWEST_OBSERVATIONS = 24  # observations of a ratio with an error: two years of months
DRAW_VARIANCE = 1e-12  # variance of a draw, over that of the sample, below which it is rounding
SAME_SERIES = 1e-9  # distance of two standardised series below which one is a multiple of the other


# -- one ratio -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SharpeEstimate(Estimate):
    """A Sharpe ratio a year, with an interval that allows for autocorrelation.

    value     : η(q) times the ratio a period, with `ddof` 1.
    error     : standard error, a year: η(q) times that of the ratio a period; η itself is taken as known.
    scale     : η(q); √q where periods are uncorrelated.
    lags      : periods over which autocorrelation was allowed for.
    """

    scale: float
    lags: int


def sharpe_with_error(
    excess: ArrayLike, periods_per_year: float, *, lags: int | None = None, level: float = 0.95
) -> SharpeEstimate:
    """The annual Sharpe ratio of a series, its standard error and its interval, with autocorrelation.

    excess           : (T,) returns over cash, fraction a period.
    periods_per_year : q, the number of periods by which the ratio is annualised.
    lags             : number of autocorrelations that count, in η and in the error; by default 4 (T / 100)^(2/9), at
                       most q − 1. With 0 periods are taken as uncorrelated: the ratio is annualised by √q, the error
                       allows for skewness and kurtosis.
    level            : level of the interval.
    Raises           : DataError for fewer than 24 periods, periods that do not vary, or that are
                       too negatively correlated for a year to have a variance; ConfigError for q, lags or level.
    Source           : Lo (2002), The Statistics of Sharpe Ratios, Financial Analysts Journal 58(4), equation 20 (η);
                       `sharpe_error`.
    """
    x = checked_series(excess, "excess returns")
    check_interval_level(level)
    check_positive(periods_per_year=periods_per_year)
    if lags is None:
        lags = min(newey_west_lags(len(x)), max(math.ceil(periods_per_year) - 1, 0))
    if not is_whole(lags) or not 0 <= lags < len(x):
        refuse("lags is", lags, f"give a whole number from 0 to {len(x) - 1}.")
    standard = (x - x.mean()) / x.std()
    ratio = float(x.mean() / x.std(ddof=1))
    scale = annual_scale(autocovariances(standard, lags)[1:], periods_per_year)
    error = sharpe_error(standard, ratio, lags)
    half = NORMAL.inv_cdf(0.5 + level / 2.0) * error
    return SharpeEstimate(
        scale * ratio, scale * (ratio - half), scale * (ratio + half), level, scale * error, scale=scale, lags=lags
    )


def sharpe_error(standard: Array, ratio: float, lags: int) -> float:
    """The standard error of a Sharpe ratio a period, by GMM with the weights of Newey and West.

    standard : (T,) the returns less their mean, over their deviation of `ddof` 0.
    ratio    : the ratio a period.
    lags     : number of autocorrelations that count; with 0 it is that of Mertens (2002), for independent periods.
    Source   : Lo (2002), The Statistics of Sharpe Ratios, Financial Analysts Journal 58(4), equations 14 to 16.
    """
    return math.sqrt(newey_west(_influence(standard, ratio), lags) / len(standard))


def annual_scale(correlations: ArrayLike, periods_per_year: float) -> float:
    """η(q) = q / sqrt(q + 2 Σ (q − k) ρ_k): by what a Sharpe ratio a period becomes one a year of q periods.

    correlations     : (K,) ρ_1, ρ_2, …; those beyond count as zero, those of a year or more not at all.
    periods_per_year : q.
    Raises           : DataError where they leave a year no variance.
    Source           : Lo (2002), equation 20; simple returns are added up, not compounded.

    >>> round(annual_scale([], 12), 6), round(annual_scale([0.1], 12), 6)
    (3.464102, 3.184469)
    """
    rho = np.asarray(correlations, dtype=float)
    within = np.maximum(periods_per_year - np.arange(1, len(rho) + 1), 0.0)
    variance = periods_per_year + 2.0 * float(within @ rho)
    if variance <= 0.0:
        raise DataError(
            f"the periods are so negatively correlated that {periods_per_year:g} of them would have a variance of "
            f"{variance:.3g} times one: the first of {len(rho)} autocorrelations is {rho[0]:.2f}. Take fewer lags, or "
            "longer periods."
        )
    return periods_per_year / math.sqrt(variance)


# -- the difference of two -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SharpeDifference(EstimateWithTest):
    """The Sharpe ratio of one series less that of another on the same periods, a year (by √periods_per_year).

    error       : standard error of the difference.
    z           : the difference over its error.
    p           : two-sided p-value of no difference.
    correlation : correlation of the two series: the closer to one, the smaller a difference can be seen.
    detectable  : the smallest true difference that this test would find with a probability of 80 %.
    """

    z: float
    correlation: float
    detectable: float


def memmel(one: ArrayLike, two: ArrayLike, periods_per_year: float, *, level: float = 0.95) -> SharpeDifference:
    """The difference of two Sharpe ratios, tested as for independent normal periods: quick, and too sure of daily data.

    one, two         : (T,) returns over cash of the same periods, fraction.
    periods_per_year : number of periods by which the ratios are annualised.
    level            : level of the interval; the difference that can be detected is of a test at 1 − level.
    Raises           : DataError for fewer than 24 periods, for returns that do not vary, and for series that are
                       multiples of each other, whose ratios are equal; ConfigError for periods or
                       level.
    Source           : Jobson and Korkie (1981), Performance Hypothesis Testing with the Sharpe and Treynor Measures;
                       Memmel (2003), Performance Hypothesis Testing with the Sharpe Ratio, Finance Letters 1.
    """
    pair = _pair(one, two, FEWEST_OBSERVATIONS)
    check_positive(periods_per_year=periods_per_year)
    check_interval_level(level)
    error = memmel_error(*pair.ratios, pair.correlation, len(pair.standard))
    z = pair.difference / error
    return _scaled(pair, error, 2.0 * NORMAL.cdf(-abs(z)), NORMAL.inv_cdf(0.5 + level / 2.0), level, periods_per_year)


def memmel_error(one: float, two: float, correlation: float, periods: int) -> float:
    """Standard error of the difference of two Sharpe ratios a period, from independent normal periods.

    sqrt((2 − 2ρ + (S1² + S2² − 2 S1 S2 ρ²) / 2) / T).

    one, two    : the ratios, a period.
    correlation : ρ, of the series.
    periods     : T.
    Source      : Memmel (2003), equation 2, which corrects Jobson and Korkie (1981).

    >>> one, two = 0.5 / 12**0.5, 0.7 / 12**0.5            # 0.5 and 0.7 a year, ten years of months
    >>> [f"{(two - one) / memmel_error(one, two, rho, 120):.3g}" for rho in (0.9, 0.99, 0.999)]
    ['1.39', '4.24', '10.4']
    """
    moved = one**2 + two**2 - 2.0 * one * two * correlation**2
    return math.sqrt((2.0 - 2.0 * correlation + 0.5 * moved) / periods)


def detectable_difference(error: float, *, level: float = 0.95) -> float:
    """The smallest true difference that a two-sided test at 1 − level finds with probability `POWER`.

    error  : standard error of the difference; the answer is in its unit.
    level  : level of the interval that the test inverts.
    Raises : ConfigError for an invalid level.

    >>> round(detectable_difference(1.0), 2)
    2.8
    """
    check_interval_level(level)
    return (NORMAL.inv_cdf(0.5 + level / 2.0) + NORMAL.inv_cdf(POWER)) * error


def ledoit_wolf(
    one: ArrayLike,
    two: ArrayLike,
    periods_per_year: float,
    *,
    resampling: Resampling = HOUSE,
    blocks: Blocks = "circular",
    level: float = 0.95,
) -> SharpeDifference:
    """The difference of two Sharpe ratios by the studentised block bootstrap, for fat tails and changing volatility.

    one, two         : (T,) returns over cash of the same periods, fraction.
    periods_per_year : number of periods by which the ratios are annualised.
    resampling       : resampling of the periods; its blocks are of equal length where `blocks` is "circular", as in the
                       paper, and of random length where it is "stationary". The last block of a draw is cut to T
                       periods.
    blocks           : "circular" or "stationary", see `resampling`.
    level            : level of the symmetric interval, which is that of the test; `detectable` is by the normal
                       quantiles.
    Raises           : DataError for fewer periods than two blocks or 24, for returns that do not vary, and
                       for series that are multiples of each other; ConfigError for blocks, periods or level.

    The error of the sample is by the prewhitened kernel estimator (equation 4), that of each draw by its block sums
    (section 3.2.2): both of the influence of each period on the difference, which is their delta method.
    Source           : Ledoit and Wolf (2008), Robust performance hypothesis testing with the Sharpe ratio, Journal of
                       Empirical Finance 15, section 3.2, equation 9 (p); Götze and Künsch (1996) (errors of draws).
    """
    pair = _pair(one, two, max(FEWEST_OBSERVATIONS, 2 * resampling.block))
    check_positive(periods_per_year=periods_per_year)
    one_of("blocks is", blocks, ("circular", "stationary"))
    check_interval_level(level)
    periods = len(pair.standard)
    error = math.sqrt(long_run_variance(pair.influence) / periods)
    away = _studentised(pair, resampling, blocks)
    p = (1.0 + float((away >= abs(pair.difference) / error).sum())) / (len(away) + 1.0)
    return _scaled(pair, error, p, float(np.quantile(away, level)), level, periods_per_year)


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two series on the same periods: standardised (T, 2) with `ddof` 0, and their ratios a period with `ddof` 1."""

    standard: Array
    ratios: tuple[float, float]
    correlation: float

    @property
    def difference(self) -> float:
        return self.ratios[0] - self.ratios[1]

    @property
    def influence(self) -> Array:
        """(T,) of each period on the difference."""
        one, two = (_influence(self.standard[:, i], self.ratios[i]) for i in (0, 1))
        return one - two


def _pair(one: ArrayLike, two: ArrayLike, least: int) -> _Pair:
    x, y = checked_pair(one, two, least)
    standard = np.column_stack([(s - s.mean()) / s.std() for s in (x, y)])
    ratios = (float(x.mean() / x.std(ddof=1)), float(y.mean() / y.std(ddof=1)))
    apart = float(np.abs(standard[:, 0] - standard[:, 1]).max())
    if apart <= SAME_SERIES and abs(ratios[0] - ratios[1]) <= SAME_SERIES:
        raise DataError(
            "the two series are identical, or one is a multiple of the other: their Sharpe ratios are equal, and no "
            "test of a difference exists. Compare different policies."
        )
    return _Pair(standard, ratios, min(float(np.mean(standard[:, 0] * standard[:, 1])), 1.0))


def _scaled(
    pair: _Pair, error: float, p: float, quantile: float, level: float, periods_per_year: float
) -> SharpeDifference:
    root = math.sqrt(periods_per_year)
    value, half = root * pair.difference, root * quantile * error
    return SharpeDifference(
        value,
        value - half,
        value + half,
        level,
        root * error,
        p=p,
        z=pair.difference / error,
        correlation=pair.correlation,
        detectable=root * detectable_difference(error, level=level),
    )


def _influence(standard: Array, ratio: float) -> Array:
    """(T,) of each period on the ratio: z − S (z² − 1) / 2, from standardised periods z.

    Source : Lo (2002), appendix: the derivative of µ/σ with respect to both moments.
    """
    return standard - 0.5 * ratio * (standard**2 - 1.0)


def _studentised(pair: _Pair, resampling: Resampling, blocks: Blocks) -> Array:
    """(reps,) |difference of a draw less that of the sample|, over the error of the draw."""
    z, days = pair.standard, len(pair.standard)
    prefix, centre = prefix_sums(np.column_stack([z, z**2]))
    lengths = equal_lengths if blocks == "circular" else lambda block: geometric_lengths(block, days)
    longer, guide = lengths(resampling.block)
    means = np.array(pair.ratios) * math.sqrt(days / (days - 1))  # over the deviation of ddof 0
    away, work = np.empty(resampling.reps), np.empty((days, 5))
    rng = np.random.default_rng(resampling.seed)
    still = _draw_studentised(prefix, centre, means, rng, longer, guide, work, away)
    if still:
        raise DataError(
            f"{still} of {resampling.reps:,} draws have a series or a difference that does not vary: on nearly all "
            "days one is in cash, or both have the same return. Compare over a longer time."
        )
    return away


@compiled
def _draw_studentised(
    prefix: Array,
    centre: Array,
    means: Array,
    rng: np.random.Generator,
    longer: Array,
    guide: Rows,
    work: Array,
    away: Array,
) -> int:
    """Write (reps,) |d* − d| / s(d*), a row of `work` for the sums and the length of each block; count what is still.

    prefix, centre : (2T + 1, 4) and (4,), of standardised series z1, z2 and of their squares.
    means          : (2,) means of the series, over their deviations.
    """
    days = (prefix.shape[0] - 1) // 2
    whole, still = means[0] - means[1], 0
    for r in range(len(away)):
        left, count = days, 0
        s0 = s1 = s2 = s3 = 0.0
        while left > 0:
            start = int(rng.random() * days)
            length = min(length_of(rng.random(), longer, guide), left)
            left -= length
            end = start + length
            b0, b1 = prefix[end, 0] - prefix[start, 0], prefix[end, 1] - prefix[start, 1]
            b2, b3 = prefix[end, 2] - prefix[start, 2], prefix[end, 3] - prefix[start, 3]
            work[count, 0], work[count, 1], work[count, 2], work[count, 3] = b0, b1, b2, b3
            work[count, 4] = length
            s0, s1, s2, s3 = s0 + b0, s1 + b1, s2 + b2, s3 + b3
            count += 1
        a, b, c, d = s0 / days, s1 / days, s2 / days, s3 / days
        first = centre[2] + c - (centre[0] + a) ** 2  # variances, of 1 in the sample
        second = centre[3] + d - (centre[1] + b) ** 2
        if first <= DRAW_VARIANCE or second <= DRAW_VARIANCE:
            still += 1
            continue
        m, n = means[0] + a, means[1] + b
        # derivatives of m / sqrt(q - a²) with respect to a and q, and the same for the second, which is subtracted
        one, two = np.sqrt(first), np.sqrt(second)
        by_a, by_c = (1.0 + m * a / first) / one, -0.5 * m / (first * one)
        by_b, by_d = -(1.0 + n * b / second) / two, 0.5 * n / (second * two)
        total = 0.0
        for k in range(count):
            size = work[k, 4]
            gap = by_a * (work[k, 0] - size * a) + by_b * (work[k, 1] - size * b)
            gap += by_c * (work[k, 2] - size * c) + by_d * (work[k, 3] - size * d)
            total += gap * gap
        if total <= SQUARE * days:
            still += 1
            continue
        away[r] = abs(m / one - n / two - whole) / (np.sqrt(total) / days)
    return still


# -- the door --------------------------------------------------------------------------------------------------------


def checked_numbers(values: ArrayLike, what: str, dimensions: int) -> Array:
    """Finite floats of one series (T,), or of two and more (T, N). Raises DataError for others."""
    found = np.asarray(values, dtype=float)
    if found.ndim != dimensions or (dimensions > 1 and found.shape[1] < 2):
        fix = "Give one column." if dimensions == 1 else "Give two series at least, a column each."
        raise DataError(f"{what}: found an array of shape {found.shape}. {fix}")
    if not (finite := np.isfinite(found)).all():
        at = np.unravel_index(int(np.argmin(finite)), found.shape)
        raise DataError(f"{what}: row {at[0]} has {found[at]}, no finite number. Complete or cut the series.")
    return found


def checked_pair(one: ArrayLike, two: ArrayLike, least: int = FEWEST_OBSERVATIONS) -> tuple[Array, Array]:
    """Two series as `checked_series` gives them. Raises DataError as it does, and for different lengths."""
    x, y = checked_series(one, "the first series", least), checked_series(two, "the second series", least)
    if len(x) != len(y):
        raise DataError(f"the two series have {len(x)} and {len(y)} observations: give both over the same periods.")
    return x, y


def checked_series(values: ArrayLike, what: str, least: int = FEWEST_OBSERVATIONS) -> Array:
    """A series (T,) of finite floats. Raises DataError for another, and for one too short or that does not vary.

    values : (T,).
    what   : its name in a message.
    least  : observations that are needed.
    """
    found = checked_numbers(values, what, 1)
    if len(found) < least:
        raise DataError(f"{what}: {len(found)} observations are too few, {least} are needed. Take a longer period.")
    if np.ptp(found) <= SERIES:
        raise DataError(
            f"{what}: all {len(found)} returns are {found[0]:.3g}, and a Sharpe ratio needs returns that vary. Leave "
            "out a series that only holds cash."
        )
    return found


def check_interval_level(level: float) -> None:
    """Raise ConfigError for the level of an interval that is none."""
    if not 0.5 <= level < 1.0:
        raise ConfigError(f"the level of an interval lies in [0.5, 1): found {shown(level)}. The default is 0.95.")
