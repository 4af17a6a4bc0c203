"""Moments over a horizon from the variances of one model and the correlations of another."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from foundation.arguments import check_positive, is_whole, one_of, refuse
from foundation.arrays import Array, Rows
from research.forecast.covariances import COVARIANCES, CovarianceName, covariance
from research.forecast.means import means_so_far
from research.forecast.moments import Moments, repaired
from research.forecast.returns import check_window, complete_returns
from research.market import Past

RISKMETRICS = 23.0  # half-life, days, of the weights of RiskMetrics' forecasts of a month: 0.97 a day
NOTHING: Mapping[str, str] = MappingProxyType({})


def check_settings(owner: str, horizon: int, estimate: int, correlations: CovarianceName = "ledoit_wolf") -> None:
    """Raise ConfigError for a horizon or a number of returns that is not whole, and for an unknown estimator."""
    if not (is_whole(horizon) and horizon > 0):
        refuse(f"horizon of {owner} is", horizon, "give a whole number of periods, at least 1.")
    check_window(owner, estimate)
    one_of(f"correlations of {owner} is", correlations, COVARIANCES)


def check_first(owner: str, window: int, least: int) -> None:
    """Raise ConfigError for a number of returns that is too small for a first fit."""
    if not (is_whole(window) and window >= least):
        refuse(f"window of {owner} is", window, f"give the number of returns of the first fit, at least {least}.")


def correlated(
    variance: Array,
    past: Past,
    horizon: int,
    correlations: CovarianceName,
    estimate: int,
    notes: Mapping[str, str] = NOTHING,
) -> Moments:
    """Moments of the lines with a complete window.

    variance     : (n,) variance of each line of the market over the horizon, above 0.
    past         : market up to today.
    horizon      : periods.
    correlations : estimator of the covariance whose correlations count; `ewma` has a half-life of 23.
    estimate     : number of returns of the correlations. The mean is that of all returns so far.
    notes        : {line: what is to be said of its variance}.
    Raises       : DataError where no line has so many returns, or those of one do not vary.
    """
    returns, lines = complete_returns(past, estimate)
    plain = np.atleast_2d(covariance(correlations, returns, RISKMETRICS))
    scale = np.sqrt(variance[lines] / np.diag(plain))
    scaled, words = repaired((plain + plain.T) / 2.0 * np.outer(scale, scale))
    assets = tuple(past.assets[line] for line in lines)
    said = tuple(notes[asset] for asset in assets if asset in notes)
    return Moments(
        assets, means_so_far(past, np.array([past.t]))[0, lines] * horizon, scaled, horizon, past.date, (*said, *words)
    )


def listed_since(past: Past) -> Rows:
    """(n,) row of the first return of each line; T where it has none."""
    return np.where(past.listed.any(axis=0), np.argmax(past.listed, axis=0) + 1, past.t + 1)


def exponential_variances(returns: Array, half_life: float) -> Array:
    """(k,) mean square of returns (T, k) with exponential weights that sum to one: RiskMetrics' variance a period.

    Source : J.P. Morgan and Reuters (1996), RiskMetrics technical document, table 5.1, about zero.

    >>> exponential_variances(np.array([[0.02], [0.01]]), 1.0).round(6).tolist()
    [0.0002]
    """
    check_positive(half_life=half_life)
    weights = 0.5 ** (np.arange(len(returns))[::-1] / half_life)
    return weights @ np.square(returns) / weights.sum()
