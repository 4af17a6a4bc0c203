"""Targets moved by an ensemble of forecasts. They stand beside the plain ones, and no order follows from them.

The members are the mean of all returns so far and the three signals of `research.forecast.SignalBlend`, with windows
short enough for a year of days. Each gives an asset's expected return over `HORIZON` periods and its standard error.
The ensemble is their mixture with equal weights:

    mean = Σ m / k        error² = Σ (e² + (m − mean)²) / k

so that members that disagree make it less sure. With the mean forecast M of the targets and the normal distribution Φ,
an asset's score is s = 2 Φ((mean − M) / error) − 1, its confidence |s|, and its moved target in proportion to
target · (1 + `SURE_TILT` · s), scaled to the sum of the targets.

Source : Stock and Watson (2004), Combination forecasts of output growth in a seven-country data set, Journal of
         Forecasting 23(6), for equal weights; the variance of a mixture.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from foundation.arrays import Array
from foundation.errors import DataError
from research.forecast.signals.blend import AverageSignal, MomentumSignal, ReversionSignal, Signal
from research.forecast.signals.expected import signal_history
from research.market import Market

HORIZON = 10  # periods
SIGNALS: tuple[Signal, ...] = (MomentumSignal((21, 63)), ReversionSignal(((5, 63),)), AverageSignal((10.0,)))
MEAN = "mean so far"
SURE_TILT = 0.25  # a sure asset's target is moved by a quarter, before all are scaled to their sum
LEAST_ERROR = 1e-12  # of a forecast


class Predictions(NamedTuple):
    """Forecasts of n assets.

    members : names of the members.
    mean    : (n,) expected return a period, fraction; NaN for an asset with fewer than two returns.
    error   : (n,) its standard error.
    """

    members: tuple[str, ...]
    mean: Array
    error: Array

    def yearly(self, periods_per_year: int) -> list[float | None]:
        """The expected return a year of each asset; None where it has none."""
        return [None if math.isnan(mean) else mean * periods_per_year for mean in self.mean.tolist()]


def predictions(market: Market) -> Predictions:
    """The ensemble's forecasts at the last close, by the members that the histories suffice for."""
    members, means, errors = [MEAN], *([part] for part in _mean_so_far(market))
    if len(market.dates) > HORIZON + 1:
        past = signal_history(market.past(len(market.dates) - 1), HORIZON)
        for signal in SIGNALS:
            try:
                found = signal.expected(past)
            except DataError:  # too short a history
                continue
            members.append(found.name)
            means.append(found.mean / HORIZON)
            errors.append(found.error / HORIZON)
    every = np.array(means)
    known = np.isfinite(every) & np.isfinite(errors)
    count = np.maximum(known.sum(axis=0), 1)
    each, variance = np.where(known, every, 0.0), np.where(known, np.square(errors), 0.0)
    mean = each.sum(axis=0) / count
    variance += np.where(known, np.square(each - mean), 0.0)
    error = np.sqrt(variance.sum(axis=0) / count)
    there = known.any(axis=0)
    return Predictions(tuple(members), np.where(there, mean, np.nan), np.where(there, error, np.nan))


def scores(found: Predictions, target: Array) -> Array:
    """(n,) from −1 to 1: how sure it is that an asset beats the targets' mean forecast; 0 where it has no forecast.

    found  : forecasts.
    target : (n,) fraction of NAV.
    """
    known = np.isfinite(found.mean)
    weights = np.where(known, target, 0.0)
    if not weights.sum() > 0.0:
        return np.zeros(len(target))
    apart = np.where(known, found.mean, 0.0) - float(weights @ np.where(known, found.mean, 0.0)) / weights.sum()
    error = np.maximum(np.where(known, found.error, 1.0), LEAST_ERROR)
    return np.where(known, 2.0 * ndtr(apart / error) - 1.0, 0.0)


def moved(target: Array, score: Array) -> Array:
    """(n,) targets moved by scores (n,), with the same sum."""
    tilted = target * (1.0 + SURE_TILT * score)
    return tilted * (target.sum() / tilted.sum()) if target.any() else target


def _mean_so_far(market: Market) -> tuple[Array, Array]:
    """(n,) mean return a period of each asset, and its standard error; NaN for fewer than two returns."""
    counts = market.listed.sum(axis=0) - 1  # the first close has no return
    enough = counts > 1
    sums, squares = (np.where(market.listed, market.returns**k, 0.0).sum(axis=0) for k in (1, 2))
    mean = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=enough)
    variance = np.divide(squares - counts * mean**2, counts - 1, out=np.full(len(counts), np.nan), where=enough)
    return mean, np.sqrt(np.maximum(variance, 0.0) / np.maximum(counts, 1))
