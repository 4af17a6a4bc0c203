"""What a learner sees and what its answer means, compiled: the worlds and the policy call the same functions."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.compiled import compiled, inlined
from research.market.market import Array

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

SHARED = (
    "tracking error",  # ex ante, a year
    "tracking error squared",
    "widest drift",  # of any line, in half-widths
    "turnover to target",  # one-way
    "age",  # log(1 + sessions since the last trade)
    "volatility regime",  # log of the strategic portfolio's volatility over LOOKBACK sessions and the long run
    "market return",  # of the strategic portfolio over LOOKBACK sessions
)  # and after these each line's drift, in half-widths
LOOKBACK = 21  # sessions
CALMEST = 0.01  # of the long-run volatility: all that the logarithm sees of a market that stands still
FARTHEST = 5.0  # standard deviations: what lies further out looks alike
REACH = 8.0  # an action makes a box between 1/8 and 8 half-widths wide
NO_CASH = 1e-9  # of NAV: a target that leaves less than this to cash holds none


class Scales(NamedTuple):
    """What gaps are measured by, a row for each of K targets; fixed before training.

    target, half_width : (K, n) fraction of NAV; half-widths by the closed form of `rules.no_trade_region`.
    covariance : (K, n, n) a year, of returns in excess of cash.
    volatility : of the strategic portfolio in the long run, a session.
    """

    target: Array
    half_width: Array
    covariance: Array
    volatility: float


class Standard(NamedTuple):
    """What features are standardised by: mean and deviation, both (k,); fixed before training."""

    mean: Array
    deviation: Array


@inlined
def strategic_return(target: Array, k: int, returns: Array, cash: Array, t: int) -> float:
    """Return on day t of row k of `target`, rebalanced daily at no cost."""
    total = held = 0.0
    for i in range(target.shape[1]):
        total += target[k, i] * returns[t, i]
        held += target[k, i]
    return total + (1.0 - held) * cash[t]


@compiled
def strategic_returns(target: Array, k: int, returns: Array, cash: Array) -> Array:
    """(D,) return of row k of `target` on each day of returns (D, n) and cash (D,)."""
    out = np.empty(len(cash))
    for t in range(len(cash)):
        out[t] = strategic_return(target, k, returns, cash, t)
    return out


@compiled
def observe(weights: Array, recent: Array, age: int, scales: Scales, k: int, out: Array) -> None:
    """Write what is seen of one portfolio, out (len(SHARED) + n,).

    weights : (n,) at the close.  recent : returns of the strategic portfolio on the last sessions, LOOKBACK at most.
    age : sessions since the last trade.  k : the row of `scales` in force.
    """
    squared = widest = buys = sells = 0.0
    for i in range(len(weights)):
        gap, toward = weights[i] - scales.target[k, i], 0.0
        for j in range(len(weights)):
            toward += scales.covariance[k, i, j] * (weights[j] - scales.target[k, j])
        squared += gap * toward
        buys -= min(gap, 0.0)
        sells += max(gap, 0.0)
        width = scales.half_width[k, i]
        drift = gap / width if width > 0.0 else 0.0
        widest = max(widest, abs(drift))
        out[len(SHARED) + i] = drift
    squared = max(squared, 0.0)  # it may round below
    out[0] = np.sqrt(squared)
    out[1] = squared
    out[2] = widest
    out[3] = max(buys, sells)
    out[4] = np.log1p(age)
    total, spread = _moments(recent)
    out[5] = np.log(max(spread / scales.volatility, CALMEST))
    out[6] = total


@inlined
def _moments(values: Array) -> tuple[float, float]:
    """Sum of the values, and their standard deviation, ddof 1; a single one has none."""
    total = squares = 0.0
    for value in values:
        total += value
    for value in values:
        squares += (value - total / len(values)) ** 2
    return total, np.sqrt(squares / max(len(values) - 1, 1))


@compiled
def standardise(features: Array, standard: Standard, out: Floats) -> None:
    """Write features (W, k) in standard deviations from their mean, clipped, into out (W, k)."""
    for w in range(len(features)):
        for j in range(features.shape[1]):
            z = (features[w, j] - standard.mean[j]) / standard.deviation[j]
            out[w, j] = min(max(z, -FARTHEST), FARTHEST)


@compiled
def boxes(actions: Floats, kinds: Rows, scales: Scales, lower: Array, upper: Array, cash: Array) -> None:
    """Write the boxes that actions (W, n) mean: target ± half-width x 8^action, cut to [0, 1]; zero is the closed form.

    kinds : (W,) rows of `scales`.  lower, upper : (W, n).  cash : (W, 4) as a `Corridor` holds it.
    Cash triggers nothing, and its box is whatever the lines' boxes leave to it, or [0, 0] when the target holds none:
    it trades for nothing, and holding it to its target would make the lines pay (measured: a third of J).
    """
    for w in range(len(actions)):
        k = kinds[w]
        least = most = held = 0.0
        for i in range(actions.shape[1]):
            target = scales.target[k, i]
            half = scales.half_width[k, i] * REACH ** min(max(np.float64(actions[w, i]), -1.0), 1.0)
            lower[w, i], upper[w, i] = max(target - half, 0.0), min(target + half, 1.0)
            least += lower[w, i]
            most += upper[w, i]
            held += target
        cash[w, 0], cash[w, 1] = -np.inf, np.inf
        none = 1.0 - held < NO_CASH
        cash[w, 2], cash[w, 3] = (0.0, 0.0) if none else (max(1.0 - most, 0.0), 1.0 - least)
