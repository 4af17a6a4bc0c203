"""Long-run variances: the variance of the mean of a series whose periods follow one another."""

import math

import numpy as np

from foundation.arrays import Array


def autocovariances(values: Array, lags: int) -> Array:
    """(lags + 1,) of a series about its mean, each over T.

    values : (T,), T above lags.
    """
    around = values - values.mean()
    return np.array([around[k:] @ around[: len(around) - k] for k in range(lags + 1)]) / len(around)


def newey_west_lags(periods: int) -> int:
    """The usual number of lags of Bartlett's weights, the whole part of 4 (T / 100)^(2/9).

    Source : Newey and West (1994), Automatic lag selection in covariance matrix estimation.

    >>> newey_west_lags(2_520)
    8
    """
    return int(4.0 * (periods / 100.0) ** (2.0 / 9.0))


def newey_west(values: Array, lags: int) -> float:
    """The variance of the mean of a series, times T: Σ (1 − |k| / (lags + 1)) of its autocovariances.

    values : (T,).
    lags   : autocovariances that count.
    Source : Newey and West (1987), A simple, positive semi-definite covariance matrix, equation 5.
    """
    found = autocovariances(values, lags)
    weights = 1.0 - np.arange(1, lags + 1) / (lags + 1.0)
    return float(found[0] + 2.0 * weights @ found[1:])


def long_run_variance(values: Array) -> float:
    """The same by the quadratic spectral kernel, prewhitened, with the bandwidth that the series asks for.

    values : (T,).
    Source : Andrews and Monahan (1992), An improved heteroskedasticity and autocorrelation consistent covariance matrix
             estimator, section 3 (prewhitening by an AR(1), its slope at most 0.97); Andrews (1991), equations 6.2
             and 6.4 (the bandwidth by an AR(1)).
    """
    around = values - values.mean()
    slope = float(np.clip(_slope(around), -0.97, 0.97))
    rest = around[1:] - slope * around[:-1]
    rho = float(np.clip(_slope(rest), -0.97, 0.97))
    bandwidth = max(1.3221 * (len(rest) * 4.0 * rho**2 / (1.0 - rho) ** 4) ** 0.2, 1e-3)
    return quadratic_spectral(rest, bandwidth) / (1.0 - slope) ** 2


def quadratic_spectral(values: Array, bandwidth: float) -> float:
    """The variance of the mean of a series, times T, by the quadratic spectral kernel over all its lags.

    values    : (T,) numbers whose mean is zero or near it: it is not taken off.
    bandwidth : lags, above zero.
    Source    : Andrews (1991), Heteroskedasticity and autocorrelation consistent covariance matrix estimation, 2.7.
    """
    found = _all_autocovariances(values)
    x = 1.2 * math.pi * np.arange(1, len(values)) / bandwidth
    weights = 3.0 / x**2 * (np.sin(x) / x - np.cos(x))
    return float(found[0] + 2.0 * weights @ found[1:])


def _slope(around: Array) -> float:
    """The slope of each number on the one before it."""
    return float(around[1:] @ around[:-1] / (around[:-1] @ around[:-1]))


def _all_autocovariances(around: Array) -> Array:
    """(T,) over T, by the fast Fourier transform; the series is not centred again."""
    padded = np.fft.rfft(around, 2 * len(around))
    return np.fft.irfft(padded * padded.conj())[: len(around)] / len(around)
