"""The quality of forecasts: losses of single forecasts, and the ranking of the assets on each date.

Arrays are (D, n), a row a date of forecast and a column an asset, or of any one shape. NaN says that there was no
forecast or no outcome: what is computed from it is NaN, and counts nowhere.
"""

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.errors import DataError

FEWEST_LINES = 3  # of a ranking: two assets are in order or they are not


def squared_error(forecast: Array, outcome: Array) -> Array:
    """(f − r)², of a forecast f of the outcome r."""
    return np.square(forecast - outcome)


def qlike(variance: Array, outcome: Array) -> Array:
    """s / h − ln(s / h) − 1, of a forecast h of the variance; s is the outcome, such as a squared return.

    It ranks forecasts as the true variance would, where s is an unbiased measure of it, and weighs an error in
    proportion, in calm and in turbulent times alike.
    Raises : DataError for a variance that is not positive, and for an outcome below 0.
    Source : Patton (2011), Volatility forecast comparison using imperfect volatility proxies, Journal of Econometrics
             160, equation 23; an outcome of 0, whose logarithm is infinite, counts as the smallest above it.

    >>> qlike(np.array([0.01, 0.02]), np.array([0.01, 0.01])).round(4).tolist()
    [0.0, 0.1931]
    """
    if (variance <= 0.0).any() or (outcome < 0.0).any():
        raise DataError(
            f"a forecast of variance is {np.nanmin(variance):.3g} and an outcome {np.nanmin(outcome):.3g}: forecasts "
            "of a variance are above 0, outcomes 0 or more. Give variances, not returns."
        )
    above = outcome[outcome > 0.0]
    ratio = np.where(outcome == 0.0, above.min() if len(above) else np.nan, outcome) / variance
    return ratio - np.log(ratio) - 1.0


def negative_log_density(mean: Array, deviation: Array, outcome: Array) -> Array:
    """−ln of the normal density of the outcome, which the forecast gives by a mean and a standard deviation.

    Source : Gneiting and Raftery (2007), Strictly proper scoring rules, JASA 102, section 4.1, with the other sign.

    >>> negative_log_density(np.array([0.0]), np.array([1.0]), np.array([0.0])).round(4).tolist()
    [0.9189]
    """
    return np.square((outcome - mean) / deviation) / 2.0 + np.log(deviation) + np.log(2.0 * np.pi) / 2.0


def covered(lower: Array, upper: Array, outcome: Array) -> Array:
    """1 where the outcome lay in the interval of the forecast, its ends included; else 0. Ends may be infinite."""
    known = ~np.isnan(lower) & ~np.isnan(upper) & np.isfinite(outcome)
    return np.where(known, (lower <= outcome) & (outcome <= upper), np.nan)


def hits_beyond_chance(forecast: Array, outcome: Array) -> Array:
    """(D, n) terms whose mean over an asset's dates is its hit rate less that of independent signs as frequent.

    An asset that rises in 6 of 10 months is hit in 6 of 10 by who always says that it rises: that is 0 here. A forecast
    or an outcome of 0 has no sign.
    Source : Pesaran and Timmermann (1992), A simple nonparametric test of predictive performance, Journal of Business
             and Economic Statistics 10(4): P less P*, which is twice the covariance of the two signs as 0 and 1.

    >>> (hits_beyond_chance(np.array([[1.0], [1.0]]), np.array([[0.1], [-0.2]])) + 0.0).ravel().tolist()
    [0.0, 0.0]
    >>> hits_beyond_chance(np.array([[1.0], [-1.0]]), np.array([[0.1], [-0.2]])).ravel().tolist()
    [0.5, 0.5]
    """
    product = forecast * outcome
    known = np.isfinite(product) & (product != 0.0)
    dates = np.maximum(known.sum(axis=0), 1)
    up, rose = (np.where(known, values > 0.0, 0.0) for values in (forecast, outcome))
    terms = 2.0 * (up - up.sum(axis=0) / dates) * (rose - rose.sum(axis=0) / dates)
    return np.where(known, terms, np.nan)


def rank_correlations(forecast: Array, outcome: Array) -> Array:
    """(D,) correlation of the ranks of the assets' forecasts (D, n) with those of their outcomes, date by date.

    A date with fewer than three assets, or on which forecasts or outcomes are all equal, has none: NaN.
    Source : Spearman (1904); equal values share the mean of their ranks. The information coefficient of Grinold and
             Kahn (1999), Active Portfolio Management, of ranks.

    >>> rank_correlations(np.array([[1.0, 2.0, 3.0]]), np.array([[0.1, 0.3, 0.2]])).tolist()
    [0.5]
    """
    known = np.isfinite(forecast) & np.isfinite(outcome)
    lines = known.sum(axis=1)
    middle = np.where(known, (lines[:, None] + 1.0) / 2.0, 0.0)  # the mean of the ranks
    a, b = (
        pd.DataFrame(np.where(known, x, np.nan)).rank(axis=1).fillna(0.0).to_numpy() - middle
        for x in (forecast, outcome)
    )
    size = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    enough = (lines >= FEWEST_LINES) & (size > 0.0)
    return np.where(enough, (a * b).sum(axis=1) / np.where(enough, size, 1.0), np.nan)
