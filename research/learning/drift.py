"""Feature drift: whether a policy sees a market like the one in which it was trained.

The distance between two distributions is that of Kolmogorov and Smirnov, from 0 (equal) to 1 (disjoint). A policy's
features are autocorrelated, so tables for independent draws would flag every market. The limit is empirical instead:
the largest distance between any single training path and all of them. A feature beyond that limit has drifted.
Source: Smirnov (1948), Table for estimating the goodness of fit of empirical distributions; the rank among simulated
distances is Barnard's (1963) test, The spectral analysis of point processes, discussion.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from foundation.arrays import Array, Floats, Rows
from research.learning.worlds.rollouts import WORLDS, ActionFunction, evaluate_paths
from research.learning.worlds.training_days import TrainingDays

FEWEST_DECISIONS = 8  # decisions: fewer look like nothing in particular
NEGLIGIBLE = 0.05  # the least limit: where training worlds are all alike, some weeks with a holiday are no drift
SHARES = np.linspace(0.0, 1.0, 21)  # at which distributions are kept


class Observed(NamedTuple):
    """The distribution of one feature in training paths.

    values : (m,) increasing quantiles of the feature, some twenty, in its own unit.
    shares : (m,) share of the observations at or below each value.
    farthest : by `lengths`, the largest distance between one path's first or last decisions and all observations.
    """

    values: Array
    shares: Array
    farthest: tuple[float, ...]

    def distance(self, seen: Array) -> float:
        """The distance, 0 to 1, between this distribution and observations `seen` (D,), in the unit of the feature."""
        below = np.searchsorted(np.sort(seen), self.values, side="right") / len(seen)
        return float(np.abs(below - self.shares).max())


class Drift(NamedTuple):
    """The distance of one feature from its training, 0 to 1, and the limit beyond which it has drifted."""

    feature: str
    distance: float
    limit: float

    @property
    def drifted(self) -> bool:
        """True if the distance is larger than that of any training path."""
        return self.distance > self.limit


def observed_features(days: TrainingDays, answer: ActionFunction, worlds: int = WORLDS) -> tuple[list[Observed], int]:
    """The distribution of each feature in training paths of the last target, and the number of decisions in a path.

    days   : the training days, with their variation.
    answer : the policy that acts in the paths.
    worlds : number of paths.
    """
    kept: list[Array] = []

    def noting(seen: Array) -> Floats:
        kept.append(seen)
        return answer(seen)

    evaluate_paths(days, len(days.share) - 1, noting, worlds)
    seen = np.stack(kept, axis=1)  # (W, decisions, k)
    return [_observed(seen[:, :, j]) for j in range(seen.shape[2])], seen.shape[1]


def _observed(seen: Array) -> Observed:
    """The distribution of one feature from seen (W, decisions), in its own unit."""
    values = np.unique(np.quantile(seen, SHARES, method="inverted_cdf"))
    shares = np.searchsorted(np.sort(seen, axis=None), values, side="right") / seen.size
    above = np.searchsorted(values, seen)  # (W, decisions) number of values that each observation is above
    farthest = []
    for length in lengths(seen.shape[1]):
        ends = np.stack([_counts(part, len(values)) for part in (above[:, :length], above[:, -length:])]) / length
        farthest.append(float(np.abs(ends - shares).max()))
    return Observed(values, shares, tuple(farthest))


def _counts(above: Rows, values: int) -> Rows:
    """(W, m) the number of observations of each path at or below each of m values, from `above` (W, D) of them."""
    paths = np.arange(len(above))[:, None] * (values + 1)
    found = np.bincount((paths + above).ravel(), minlength=len(above) * (values + 1))
    return found.reshape(len(above), -1)[:, :-1].cumsum(axis=1)


def lengths(decisions: int) -> list[int]:
    """Numbers of decisions for which limits are kept: a whole path, half, a quarter, and so on, but at least LEAST."""
    return [decisions // 2**k for k in range(decisions.bit_length()) if k == 0 or decisions // 2**k >= FEWEST_DECISIONS]


def observation_drift(card: Mapping[str, Any], features: Array) -> list[Drift]:
    """The drift of each feature of a policy since its training.

    card     : the policy's model card.
    features : (D, k) observations at its D decisions, each feature in its own unit.
    Returns  : empty where D is below the shortest length on the card, or the card holds no limits. The limit of a
               feature is that for the longest length up to D, and at least NEGLIGIBLE.
    """
    known: Sequence[Mapping[str, Any]] = card.get("features", ())
    lengths = card.get("observed", {}).get("lengths", ())
    if not lengths or len(features) < lengths[-1]:
        return []
    place = next(k for k, length in enumerate(lengths) if length <= len(features))
    return [
        Drift(
            feature["name"],
            Observed(np.array(feature["values"]), np.array(feature["shares"]), ()).distance(features[:, j]),
            max(feature["farthest"][place], NEGLIGIBLE),
        )
        for j, feature in enumerate(known)
    ]
