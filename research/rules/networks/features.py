"""The features that a policy sees, compiled: simulated paths and the saved policy call the same functions."""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Numbers
from foundation.compiled import compiled, inlined, linked
from research.rules.networks.names import SHARED_FEATURES

LOOKBACK = 21  # sessions
CALMEST = 0.01  # of the long-run volatility: all that the logarithm sees of a market that stands still
FARTHEST = 5.0  # standard deviations: what lies further out looks alike
ACTION_REACH = 8.0  # an action makes a box between 1/8 and 8 half-widths wide


class Scales(NamedTuple):
    """Targets, and the half-widths and covariances by which gaps are measured, for K targets; fixed before training.

    target     : (K, n) fraction of NAV.
    half_width : (K, n) fraction of NAV, by the closed form of `rules.no_trade_region`.
    covariance : (K, n, n) a year, of returns in excess of cash.
    volatility : long-run standard deviation of the strategic portfolio's return, a session.
    """

    target: Array
    half_width: Array
    covariance: Array
    volatility: float


class FeatureScaling(NamedTuple):
    """The scaling of features; fixed before training.

    mean      : (k,) mean of each feature, in its unit.
    deviation : (k,) standard deviation of each feature, in its unit.
    """

    mean: Array
    deviation: Array


@inlined
def strategic_return(target: Array, k: int, returns: Array, cash: Array, t: int) -> float:
    """Return on one day of a target that is rebalanced daily at no cost, fraction.

    target  : (K, n) fraction of NAV.
    k       : row of the target.
    returns : (T, n) simple returns, fraction.
    cash    : (T,) simple return of cash, fraction.
    t       : row of the day.
    """
    total = held = 0.0
    for i in range(target.shape[1]):
        total += target[k, i] * returns[t, i]
        held += target[k, i]
    return total + (1.0 - held) * cash[t]


@compiled
def strategic_returns(target: Array, k: int, returns: Array, cash: Array) -> Array:
    """(D,) daily returns of a target that is rebalanced daily at no cost, fraction.

    target  : (K, n) fraction of NAV.
    k       : row of the target.
    returns : (D, n) simple returns, fraction.
    cash    : (D,) simple return of cash, fraction.
    """
    out = np.empty(len(cash))
    for t in range(len(cash)):
        out[t] = strategic_return(target, k, returns, cash, t)
    return out


@inlined
def observe(weights: Array, recent: Array, age: int, scales: Scales, k: int, out: Array) -> None:
    """Write the features of one portfolio.

    weights : (n,) weights at the close, fraction of NAV.
    recent  : (D,) returns of the strategic portfolio on the last sessions, at most LOOKBACK, fraction.
    age     : sessions since the last trade.
    scales  : targets, half-widths and covariances.
    k       : row of `scales` in force.
    out     : (len(SHARED) + n,) features: those in `SHARED_FEATURES`, then each asset's drift in half-widths.
    """
    observe_holdings(weights, age, scales, k, out)
    total, spread = _moments(recent)
    out[5] = np.log(max(spread / scales.volatility, CALMEST))
    out[6] = total


@inlined
def observe_holdings(weights: Array, age: float, scales: Scales, k: int, out: Array) -> None:
    """Write the features of one portfolio but the two of the market, which `observe` adds; parameters as there.

    weights : (n,) fraction of NAV.
    age     : sessions.
    scales  : targets, half-widths and covariances.
    k       : row of them.
    out     : (len(SHARED) + n,) features.
    """
    squared = widest = buys = sells = 0.0
    first = len(SHARED_FEATURES)
    for i in range(len(weights)):
        out[first + i] = 0.0
    for i in range(len(weights)):  # along rows, so that no sum waits for another
        gap = weights[i] - scales.target[k, i]
        for j in range(len(weights)):
            out[first + j] += gap * scales.covariance[k, i, j]
    for i in range(len(weights)):
        gap = weights[i] - scales.target[k, i]
        squared += gap * out[first + i]
        buys -= min(gap, 0.0)
        sells += max(gap, 0.0)
        width = scales.half_width[k, i]
        drift = gap / width if width > 0.0 else 0.0
        widest = max(widest, abs(drift))
        out[first + i] = drift
    squared = max(squared, 0.0)  # it may round below
    out[0] = np.sqrt(squared)
    out[1] = squared
    out[2] = widest
    out[3] = max(buys, sells)
    out[4] = np.log1p(age)


@inlined
def _moments(values: Array) -> tuple[float, float]:
    """Sum and standard deviation (ddof 1) of the values; the deviation of a single value is 0."""
    total = squares = 0.0
    for value in values:
        total += value
    mean = total / len(values)
    for value in values:
        squares += (value - mean) ** 2
    return total, np.sqrt(squares / max(len(values) - 1, 1))


@linked
def standardise(features: Array, standard: FeatureScaling, out: Numbers) -> None:
    """Write features as standard deviations from their mean, clipped to ± FARTHEST.

    features : (W, k) each feature in its own unit.
    standard : mean and standard deviation of each feature.
    out      : (W, k) standard deviations, written.
    """
    for w in range(len(features)):
        for j in range(features.shape[1]):
            z = (features[w, j] - standard.mean[j]) / standard.deviation[j]
            out[w, j] = min(max(z, -FARTHEST), FARTHEST)
