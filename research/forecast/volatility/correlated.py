"""Moments over a horizon from the variances of one model and the correlations of another."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from foundation.arguments import check_positive, is_whole, one_of, refuse
from foundation.arrays import Array, Rows
from research.forecast.covariances import COVARIANCES, covariance
from research.forecast.estimated import means_so_far
from research.forecast.moments import Moments, repaired
from research.forecast.returns import check_window, complete_returns
from research.market import Past

RISKMETRICS = 23.0  # half-life, days, of the weights of RiskMetrics' forecasts of a month: 0.97 a day
NO_NOTES: Mapping[str, str] = MappingProxyType({})


def check_model_settings(model: Any, fewest: int = 0) -> None:
    """Raise ConfigError for settings of a model that are none.

    model  : settings of a model, with correlations or without.
    fewest : fewest returns of its first fit, of a model that is fitted.
    """
    owner = type(model).__name__
    if not (is_whole(model.horizon) and model.horizon > 0):
        refuse(f"horizon of {owner} is", model.horizon, "give a whole number of periods, at least 1.")
    check_window(owner, model.estimate)
    one_of(f"correlations of {owner} is", getattr(model, "correlations", COVARIANCES[0]), COVARIANCES)
    least = max(fewest, model.estimate)
    if fewest and not (is_whole(model.window) and model.window >= least):
        refuse(f"window of {owner} is", model.window, f"give the number of returns of the first fit, at least {least}.")


def correlated(model: Any, variance: Array, past: Past, notes: Mapping[str, str] = NO_NOTES) -> Moments:
    """Moments of the assets with a complete window.

    model    : settings with a horizon, and an estimator of correlations by so many returns; `ewma` has a half-life of
               23. The mean is that of all returns so far.
    variance : (n,) variance of each asset of the market over the horizon, above 0.
    past     : market up to today.
    notes    : {line: what is to be said of its variance}.
    Raises   : DataError where no asset has so many returns, or those of one do not vary.
    """
    returns, lines = complete_returns(past, model.estimate)
    plain = np.atleast_2d(covariance(model.correlations, returns, RISKMETRICS))
    scale = np.sqrt(variance[lines] / np.diag(plain))
    scaled, words = repaired((plain + plain.T) / 2.0 * np.outer(scale, scale))
    assets = tuple(past.assets[line] for line in lines)
    said = tuple(notes[asset] for asset in assets if asset in notes)
    mean = means_so_far(past, np.array([past.t]))[0, lines] * model.horizon
    return Moments(assets, mean, scaled, model.horizon, past.date, (*said, *words))


def listed_since(past: Past) -> Rows:
    """(n,) row of the first return of each asset; T where it has none."""
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
