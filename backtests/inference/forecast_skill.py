"""Skill of forecasts with what is not known of it: means over dates whose outcomes overlap, and pairs of forecasts.

Outcomes of a month that are forecast each day share most of their days, and errors of variances last: each number here
is a mean over dates, whose error comes from its slow waves, none of them shorter than four horizons.
"""

import math
from dataclasses import replace

import numpy as np

from backtests.inference.estimates import EstimateWithTest
from backtests.inference.sharpe_inference import FEWEST_OBSERVATIONS
from backtests.inference.slow_waves import wave_error
from foundation.arrays import Array
from foundation.errors import DataError
from research.forecast.skill import hits_beyond_chance, rank_correlations, squared_error

FEWEST_WAVES = 3  # Student's t with fewer degrees of freedom says nothing
WAVE_ROUNDING = 1e-9  # of a number of waves: 0.4 × 1,000^(2/3) is 40; and of forecasts, which are equal but for so much
HORIZONS = 4  # of a wave, at least: over one horizon outcomes that overlap move together


def mean_over_dates(values: Array, horizon: int = 1, level: float = 0.95) -> EstimateWithTest:
    """The mean of a series of dates, its interval, and a test of zero, for outcomes that overlap.

    values  : (D,) or (D, n), the mean of a row is that of its date; NaN counts nowhere.
    horizon : rows over which an outcome reaches: 1 where outcomes do not overlap.
    level   : level of the interval.
    Raises  : DataError for fewer than 24 dates or six horizons.
    Source  : Lazarus, Lewis, Stock and Watson (2018), HAR inference: recommendations for practice, Journal of Business
              and Economic Statistics 36(4): equal-weighted cosines, 0.4 T^(2/3) of them (equation 4), Student's t.
    """
    series = by_date(values)
    return _estimate(float(series.mean()) if len(series) else 0.0, series, horizon, level)


def rank_ic(forecast: Array, outcome: Array, horizon: int = 1, level: float = 0.95) -> EstimateWithTest:
    """The mean over dates of the rank correlation between forecasts and outcomes (D, n), see `mean_over_dates`."""
    return mean_over_dates(rank_correlations(forecast, outcome), horizon, level)


def direction(forecast: Array, outcome: Array, horizon: int = 1, level: float = 0.95) -> EstimateWithTest:
    """The hit rate of forecasts (D, n) less that of independent signs as frequent, and the test of Pesaran, Timmermann.

    It is 0, with a p of 1, where no sign ever changes: drift is not foreseen by who always expects it.
    Source : Pesaran and Timmermann (1992), see `hits_beyond_chance`; (2009), Testing dependence among serially
             correlated multicategory variables, JASA 104, for an error that allows for signs that last: here that of
             `mean_over_dates`.
    """
    return mean_over_dates(hits_beyond_chance(forecast, outcome), horizon, level)


def out_of_sample_r2(
    forecast: Array, outcome: Array, benchmark: Array, horizon: int = 1, level: float = 0.95
) -> EstimateWithTest:
    """1 − Σ (r − f)² / Σ (r − b)², of forecasts f of outcomes r, all (D,) or (D, n), against the benchmark forecasts b.

    A date counts once, however many assets it has.
    p      : p-value of forecasts no better than the benchmark, one-sided: a model with parameters to estimate errs more
             than a benchmark without, even where it is true, and the test adds this back. So p may be small where the
             value is below zero: something was foreseen, and more was lost to estimating it. It is 1 where the
             forecasts are the benchmark's but for rounding.
    Source : Campbell and Thompson (2008), Predicting excess stock returns out of sample, Review of Financial Studies
             21(4), equation 1; the test: Clark and West (2007), Approximately normal tests for equal predictive
             accuracy in nested models, Journal of Econometrics 138, equation 3.1.
    Raises : DataError also where the benchmark never errs.
    """
    known = np.isfinite(forecast) & np.isfinite(outcome) & np.isfinite(benchmark)
    ours, its = (np.where(known, squared_error(f, outcome), np.nan) for f in (forecast, benchmark))
    mine, theirs = by_date(ours), by_date(its)
    if not theirs.any():
        raise DataError("the benchmark's forecasts are equal to all outcomes: nothing is left to explain.")
    value = 1.0 - float(mine.mean() / theirs.mean())
    found = _estimate(value, ((1.0 - value) * theirs - mine) / theirs.mean(), horizon, level)
    if np.allclose(forecast[known], benchmark[known], rtol=WAVE_ROUNDING, atol=0.0):
        return replace(found, value=0.0, lower=0.0, upper=0.0, error=0.0, p=1.0)
    gain = mean_over_dates(its - ours + np.square(benchmark - forecast), horizon, level)
    return replace(found, p=gain.p / 2.0 if gain.value > 0.0 else 1.0 - gain.p / 2.0)


def rmse_ratio(
    forecast: Array, outcome: Array, benchmark: Array, horizon: int = 1, level: float = 0.95
) -> EstimateWithTest:
    """The root of the mean squared error of forecasts over that of a benchmark's, see `out_of_sample_r2`."""
    r2 = out_of_sample_r2(forecast, outcome, benchmark, horizon, level)
    value = math.sqrt(1.0 - r2.value)
    ends = (math.sqrt(max(1.0 - r2.upper, 0.0)), math.sqrt(1.0 - r2.lower))
    return EstimateWithTest(value, *ends, level, r2.error / (2.0 * value) if value else 0.0, p=r2.p)


def diebold_mariano(first: Array, second: Array, horizon: int = 1, level: float = 0.95) -> EstimateWithTest:
    """The mean by which losses `first` exceed losses `second`, (D,) or (D, n), and a test of equal forecasts.

    Source : Diebold and Mariano (1995), Comparing predictive accuracy, Journal of Business and Economic Statistics 13;
             with few waves and Student's t its size is right in small samples too: Coroneo and Iacone (2020),
             Comparing predictive accuracy in small samples using fixed-smoothing asymptotics, Journal of Applied
             Econometrics 35.
    """
    return mean_over_dates(first - second, horizon, level)


def _estimate(value: float, influence: Array, horizon: int, level: float) -> EstimateWithTest:
    """An estimate with the error of the mean of its influence (d,), and a two-sided test of zero."""
    from scipy.special import stdtr, stdtrit  # slow to import

    waves, least = waves_of(len(influence), horizon), max(FEWEST_OBSERVATIONS, FEWEST_WAVES * HORIZONS // 2 * horizon)
    if len(influence) < least:
        raise DataError(
            f"{len(influence)} dates with a forecast and its outcome are too few: {least} are needed for outcomes of "
            f"{horizon} date{'' if horizon == 1 else 's'} each. Take a longer period, or a shorter horizon."
        )
    error = wave_error(influence, waves)
    half = float(stdtrit(waves, 0.5 + level / 2.0)) * error
    p = float(2.0 * stdtr(waves, -abs(value) / error)) if error > 0.0 else float(value == 0.0)
    return EstimateWithTest(value, value - half, value + half, level, error, p=p)


def waves_of(dates: int, horizon: int) -> int:
    """Number of waves of an error: 0.4 T^(2/3), fewer where the shortest, of 2 T / waves rows, were below 4 horizons.

    >>> waves_of(1_000, 1), waves_of(1_000, 21)
    (40, 23)
    """
    return min(int(0.4 * dates ** (2.0 / 3.0) + WAVE_ROUNDING), 2 * dates // (HORIZONS * horizon))


def by_date(values: Array) -> Array:
    """(d,) the mean of each row of values (D,) or (D, n), of the rows that have one."""
    rows = values if values.ndim == 2 else values[:, None]
    known = np.isfinite(rows)
    counts = known.sum(axis=1)
    found: Array = np.where(known, rows, 0.0).sum(axis=1)[counts > 0] / counts[counts > 0]
    return found
