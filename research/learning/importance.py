"""Permutation importance: how much J of a learned policy rises when a feature is shuffled between simulated paths."""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Floats
from research.learning.worlds.rollouts import ActionFunction, evaluate_paths
from research.learning.worlds.training_days import TrainingDays

WORLDS = 128  # that are judged, and among which a feature is shuffled
SEED = 0  # of the shuffles


class Importance(NamedTuple):
    """The rise of J when one of k features is shuffled, bp of NAV a year.

    rise  : (k,) mean over paths.
    error : (k,) its standard error; paths are the same with and without the shuffle.
    """

    rise: Array
    error: Array


def importance(days: TrainingDays, answer: ActionFunction, features: int, worlds: int = WORLDS) -> Importance:
    """The importance of each feature, in paths of the last target as the training days were.

    At every decision the paths exchange the values of one feature by a random permutation; the policy goes on from
    where that leads it. A feature that is correlated with another has little importance by itself.
    days     : the training days.
    answer   : the policy.
    features : their number, k.
    worlds   : number of paths.
    Source   : Breiman (2001), Random forests, section 10; Fisher, Rudin and Dominici (2019), All models are wrong, but
               many are useful, section 3.
    """
    days, kind = days.without_variation, len(days.share) - 1
    whole = evaluate_paths(days, kind, answer, worlds)
    rises = np.array([evaluate_paths(days, kind, _shuffled(answer, j), worlds) - whole for j in range(features)])
    unit = days.annual(np.ones(1))
    return Importance(unit * rises.mean(axis=1), unit * rises.std(axis=1, ddof=1) / np.sqrt(worlds))


def _shuffled(answer: ActionFunction, feature: int) -> ActionFunction:
    """The same policy, but one feature is taken from another path."""
    rng = np.random.default_rng([SEED, feature])

    def misled(seen: Array) -> Floats:
        mixed = seen.copy()
        mixed[:, feature] = rng.permutation(seen[:, feature])
        return answer(mixed)

    return misled
