"""Worlds played out: the J that an answer earns in them, and what features and rewards are standardised by."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from research.arrays import Array, Floats, frozen
from research.learning.network import Network, forward
from research.learning.rewards import Memory, compute_rewards
from research.learning.settings import Learned
from research.learning.state import SHARED, FeatureScaling, standardise
from research.learning.training_days import TrainingDays
from research.learning.worlds import Worlds

ActionFunction = Callable[[Array], Floats]  # features (W, k) -> numbers of the action (W, m)

# streams of random days, each apart from the others
PPO_LEARNS, SCALING, EVALUATION, GRADIENT_LEARNS, VALIDATION, REPLAY_LEARNS, CROSS_ENTROPY_LEARNS = range(7)
WORLDS = 512  # of a gauge or a judgement
SESSIONS = 780  # of each world that is judged: about three years
REWARD = 0.1  # mean size of the closed form's rewards: a return over a hundred decisions then varies by about one


def with_band_actions(days: TrainingDays) -> TrainingDays:
    """The same days, where the action is a box of the closed form's widths at zero."""
    return replace(days, action="bands")


def measure_scaling(days: TrainingDays, spec: Learned) -> tuple[FeatureScaling, float]:
    """Mean and deviation of each feature under the closed form, and what makes the mean size of its rewards REWARD.

    A line's own drift is taken from the worlds that hold the line.
    """
    worlds = Worlds(with_band_actions(days), days.kinds(WORLDS), spec.episode, [SCALING])
    still, memory = closed_form(days), Memory.of(worlds.nav, worlds.cash, days.moments)
    features, rewards = [], []
    for _ in range(spec.episode):
        features.append(worlds.features(worlds.everyone))
        loss = worlds.act(still(features[-1]))
        paid, memory = compute_rewards(spec.reward, memory, loss, worlds.nav, worlds.cash)
        rewards.append(paid)
    seen = np.array(features)
    held = np.ones(seen.shape[1:], dtype=bool)
    held[:, len(SHARED) :] = days.scales.half_width[days.kinds(WORLDS)] > 0.0
    columns = [seen[:, held[:, j], j] if held[:, j].any() else np.zeros(1) for j in range(seen.shape[2])]
    mean, deviation = np.array([c.mean() for c in columns]), np.array([c.std() for c in columns])
    standard = FeatureScaling(frozen(mean), frozen(np.where(deviation > 0.0, deviation, 1.0)))
    return standard, REWARD / (float(np.mean(np.abs(rewards))) or 1.0)


def closed_form(days: TrainingDays) -> ActionFunction:
    """The closed form's own boxes, `with_band_actions`."""
    return lambda features: np.zeros((len(features), days.scales.target.shape[1]), np.float32)


def action_function(net: Network, standard: FeatureScaling) -> ActionFunction:
    """The actions of a network."""

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
    """J of an answer, bp of NAV a year, in worlds of one kind, in draws that no learner met; without one, of holding.

    The days drawn are the same for every answer, and as they were.  stream : where they are drawn from.
    """
    return days.annual(evaluate_paths(days.without_variation, kind, answer, worlds, stream))


def evaluate_paths(
    days: TrainingDays, kind: int, answer: ActionFunction | None, worlds: int = WORLDS, stream: int = EVALUATION
) -> Array:
    """(worlds,) daily terms of J in each of the worlds of `evaluate`, a decision; varied where `days` are."""
    decisions = -(-SESSIONS // days.sessions)
    played = Worlds(days, np.full(worlds, kind), decisions, [stream, kind])
    terms = np.zeros(worlds)
    for _ in range(decisions):
        terms += played.hold() if answer is None else played.act(answer(played.features(played.everyone)))
    return terms / decisions


def evaluate_targets(days: TrainingDays, answer: ActionFunction | None) -> list[float]:
    """J of an answer for each target, see `evaluate`."""
    return [evaluate(days, kind, answer) for kind in range(len(days.share))]
