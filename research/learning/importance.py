"""What each feature is worth to a learned policy: how much J rises when it tells of another world."""

from typing import NamedTuple

import numpy as np

from research.arrays import Array, Floats
from research.learning.rollouts import ActionFunction, evaluate_paths
from research.learning.training_days import TrainingDays

WORLDS = 128  # that are judged, and among which a feature is shuffled
SEED = 0  # of the shuffles


class Importance(NamedTuple):
    """What J rises by, bp of NAV a year, when features are shuffled, one at a time.

    rise : (k,) mean over worlds.  error : (k,) its standard error; the worlds' days are the same with and without.
    """

    rise: Array
    error: Array


def importance(days: TrainingDays, answer: ActionFunction, features: int, worlds: int = WORLDS) -> Importance:
    """The importance of each of so many features, in judged worlds that hold the lines of the last training day.

    At every decision the worlds exchange what the feature tells them, by a permutation of their own; the policy goes on
    from where that leads it. A feature that stands for another one as well is worth little by itself.
    Source : Breiman (2001), Random forests, section 10; Fisher, Rudin and Dominici (2019), All models are wrong, but
             many are useful, section 3.
    """
    days, kind = days.without_variation, len(days.share) - 1
    whole = evaluate_paths(days, kind, answer, worlds)
    rises = np.array([evaluate_paths(days, kind, _shuffled(answer, j), worlds) - whole for j in range(features)])
    unit = days.annual(np.ones(1))
    return Importance(unit * rises.mean(axis=1), unit * rises.std(axis=1, ddof=1) / np.sqrt(worlds))


def _shuffled(answer: ActionFunction, feature: int) -> ActionFunction:
    """An answer to what is seen, but for one feature, which is that of another world."""
    rng = np.random.default_rng([SEED, feature])

    def misled(seen: Array) -> Floats:
        mixed = seen.copy()
        mixed[:, feature] = rng.permutation(seen[:, feature])
        return answer(mixed)

    return misled
