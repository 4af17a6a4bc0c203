"""Is a market like the one that a policy learned in? What it sees there, held against what it saw in training worlds.

The measure is the distance of Kolmogorov and Smirnov: the largest difference of two distributions' shares below a
value, from 0 (alike) to 1 (nothing in common). What a policy sees this week resembles what it saw last week, so that
tables for independent draws would call every market strange. Instead a distance is held against those of single
training worlds from all of them: a feature that is farther off than any of these has drifted.
Source: Smirnov (1948), Table for estimating the goodness of fit of empirical distributions; the rank among simulated
distances is Barnard's (1963) test, The spectral analysis of point processes, discussion.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from research.arrays import Array, Floats
from research.learning.rollouts import WORLDS, ActionFunction, evaluate_paths
from research.learning.training_days import TrainingDays

LEAST = 8  # decisions: fewer look like nothing in particular
NEGLIGIBLE = 0.05  # the least limit: where training worlds are all alike, some weeks with a holiday are no drift
SHARES = np.linspace(0.0, 1.0, 21)  # at which distributions are kept


class Observed(NamedTuple):
    """The distribution of one feature in training worlds.

    values : (m,) increasing, some twenty quantiles.  shares : (m,) of the observations at or below each of them.
    farthest : the largest distance from all of a single world, and of its first or last part, by `lengths`.
    """

    values: Array
    shares: Array
    farthest: tuple[float, ...]

    def distance(self, seen: Array) -> float:
        """Between this distribution and the observations seen (D,), by their shares at or below each value."""
        below = np.searchsorted(np.sort(seen), self.values, side="right") / len(seen)
        return float(np.abs(below - self.shares).max())


class Drift(NamedTuple):
    """How far one feature is from its training.  distance : from 0 to 1.  limit : past which it has drifted."""

    feature: str
    distance: float
    limit: float

    @property
    def drifted(self) -> bool:
        """Is it farther off than any training world was?"""
        return self.distance > self.limit


def observed(days: TrainingDays, answer: ActionFunction, worlds: int = WORLDS) -> tuple[list[Observed], int]:
    """The distribution of each feature under an answer, in worlds as varied as those of training, with today's lines.

    Gives besides how many decisions each world has.
    """
    kept: list[Array] = []

    def noting(seen: Array) -> Floats:
        kept.append(seen)
        return answer(seen)

    evaluate_paths(days, len(days.share) - 1, noting, worlds)
    seen = np.stack(kept, axis=1)  # (W, decisions, k)
    return [_observed(seen[:, :, j]) for j in range(seen.shape[2])], seen.shape[1]


def _observed(seen: Array) -> Observed:
    """Of one feature, seen (W, decisions)."""
    values = np.unique(np.quantile(seen, SHARES, method="inverted_cdf"))
    shares = np.searchsorted(np.sort(seen, axis=None), values, side="right") / seen.size
    below = np.cumsum(seen[:, :, None] <= values, axis=1)  # (W, decisions, m), counted from the first decision on
    below = np.concatenate([np.zeros_like(below[:, :1]), below], axis=1)
    farthest = []
    for length in lengths(seen.shape[1]):
        ends = np.stack([below[:, length], below[:, -1] - below[:, -1 - length]]) / length
        farthest.append(float(np.abs(ends - shares).max()))
    return Observed(values, shares, tuple(farthest))


def lengths(decisions: int) -> list[int]:
    """Of the parts of a training world that distances are known of: all of it, half, and so on, LEAST at the least."""
    return [decisions // 2**k for k in range(decisions.bit_length()) if k == 0 or decisions // 2**k >= LEAST]


def observation_drift(card: Mapping[str, Any], features: Array) -> list[Drift]:
    """The drift of each feature, by a policy's card, from what it saw at its decisions: features (D, k), D > 0.

    The limit is that of parts of training worlds of as many decisions, or the next fewer that the card knows, and
    NEGLIGIBLE at the least. Fewer than the least of them can tell of no drift, nor can a card that knows no such
    limits: the list is then empty.
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
