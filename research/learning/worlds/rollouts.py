"""Simulated paths under a policy: J of the policy, and the scaling of features and rewards."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from foundation.arrays import Array, Floats, frozen
from research.learning.settings import Learned
from research.learning.worlds.rewards import Memory, Reward, compute_rewards
from research.learning.worlds.training_days import TrainingDays
from research.learning.worlds.worlds import Worlds
from research.rules.networks.features import FeatureScaling, standardise
from research.rules.networks.names import SHARED_FEATURES
from research.rules.networks.policy_network import Network, forward

ActionFunction = Callable[[Array], Floats]  # features (W, k) -> numbers of the action (W, m)

# streams of random days, each apart from the others
PPO_LEARNS, SCALING, EVALUATION, GRADIENT_LEARNS, VALIDATION, REPLAY_LEARNS, CROSS_ENTROPY_LEARNS = range(7)
WORLDS = 512  # of a gauge or a judgement
WORLD_SESSIONS = 780  # of each world that is judged: about three years
REWARD = 0.1  # mean size of the closed form's rewards: a return over a hundred decisions then varies by about one


def with_band_actions(days: TrainingDays) -> TrainingDays:
    """The same days with action "bands": at zero, the closed form's boxes."""
    return replace(days, action="bands")


def measure_scaling(days: TrainingDays, spec: Learned) -> tuple[FeatureScaling, float]:
    """The scaling of features, and the factor that makes the mean absolute reward of the closed form equal to REWARD.

    Both are measured in paths under the closed form. An asset's own drift is measured only in paths that hold the
    asset.
    """
    return _scaling(days, spec.episode, spec.reward)


@lru_cache(maxsize=1)  # the learner, the features and the policy of a training ask for the same
def _scaling(days: TrainingDays, episode: int, reward: Reward) -> tuple[FeatureScaling, float]:
    worlds = Worlds(with_band_actions(days), days.kinds(WORLDS), episode, [SCALING])
    still, memory = closed_form(days), Memory.of(worlds.nav, worlds.cash, days.moments)
    features, rewards = [], []
    for _ in range(episode):
        features.append(worlds.features(worlds.everyone))
        loss = worlds.act(still(features[-1]))
        paid, memory = compute_rewards(reward, memory, loss, worlds.nav, worlds.cash)
        rewards.append(paid)
    seen = np.array(features)
    held = np.ones(seen.shape[1:], dtype=bool)
    held[:, len(SHARED_FEATURES) :] = days.scales.half_width[days.kinds(WORLDS)] > 0.0
    columns = [seen[:, held[:, j], j] if held[:, j].any() else np.zeros(1) for j in range(seen.shape[2])]
    mean, deviation = np.array([c.mean() for c in columns]), np.array([c.std() for c in columns])
    standard = FeatureScaling(frozen(mean), frozen(np.where(deviation > 0.0, deviation, 1.0)))
    return standard, REWARD / (float(np.mean(np.abs(rewards))) or 1.0)


def closed_form(days: TrainingDays) -> ActionFunction:
    """The closed form's own boxes, as an action of kind "bands"; see `with_band_actions`."""
    return lambda features: np.zeros((len(features), days.scales.target.shape[1]), np.float32)


def action_function(net: Network, standard: FeatureScaling) -> ActionFunction:
    """The function from features (W, k) to the numbers of the action (W, m) of a network."""

    def answer(features: Array) -> Floats:
        seen = np.empty(features.shape, np.float32)
        standardise(features, standard, seen)
        actions = np.empty((len(features), len(net.bias_2)), np.float32)
        forward(net, seen, actions)
        return actions

    return answer


def evaluate(
    days: TrainingDays, kind: int, answer: ActionFunction | None, worlds: int = WORLDS, stream: int = EVALUATION
) -> float:
    """J of a policy, bp of NAV a year, in simulated paths of one target that no learner trained on.

    The days drawn are the same for every policy, without variation.
    days   : the training days.
    kind   : index of the target.
    answer : policy; None holds throughout.
    worlds : number of paths.
    stream : stream of random days, from which the paths are drawn.
    """
    return days.annual(evaluate_paths(days.without_variation, kind, answer, worlds, stream))


def evaluate_paths(
    days: TrainingDays, kind: int, answer: ActionFunction | None, worlds: int = WORLDS, stream: int = EVALUATION
) -> Array:
    """(worlds,) mean daily terms of J a decision, fraction of NAV, in each path of `evaluate`, with variation.

    days   : the training days.
    kind   : index of the target.
    answer : policy; None holds throughout.
    worlds : number of paths.
    stream : stream of random days, from which the paths are drawn.
    """
    decisions = -(-WORLD_SESSIONS // days.sessions)
    played = Worlds(days, np.full(worlds, kind), decisions, [stream, kind])
    terms = np.zeros(worlds)
    for _ in range(decisions):
        terms += played.hold() if answer is None else played.act(answer(played.features(played.everyone)))
    return terms / decisions


def evaluate_targets(days: TrainingDays, answer: ActionFunction | None) -> list[float]:
    """J of a policy for each target, bp of NAV a year, see `evaluate`."""
    return [evaluate(days, kind, answer) for kind in range(len(days.share))]
