"""The common part of stable-baselines3's PPO, SAC and DQN: a falling learning rate, replay buffer, two tanh layers."""

from collections.abc import Sequence
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from foundation.arrays import Floats
from research.learning.learners.settings import ReplaySettings
from research.learning.settings import Learned

WARM_UP = 20  # decisions of each world that are drawn by chance before a learner that remembers begins


def fraction_done(model: BaseAlgorithm, spec: Learned) -> float:
    """The share of all steps that was done before the next update, whose own decisions are counted already."""
    return (model.num_timesteps - spec.learner_settings.update) / spec.whole_steps


def set_falling_rate(model: BaseAlgorithm, spec: Learned) -> None:
    """Make the learning rate of `model` fall linearly to zero over all steps, in however many pieces it is trained."""
    model.lr_schedule = lambda _: spec.learner_settings.learning_rate * (1.0 - fraction_done(model, spec))


def replay_options(own: ReplaySettings) -> dict[str, Any]:
    """The arguments of stable-baselines3 for a learner with a replay buffer."""
    return {
        "learning_rate": own.learning_rate,
        "buffer_size": own.buffer,
        "learning_starts": WARM_UP * own.worlds,
        "batch_size": own.batch,
        "gamma": own.gamma,
        "train_freq": 1,
        "gradient_steps": own.updates,
        "policy_kwargs": {"net_arch": [own.hidden] * 2, "activation_fn": torch.nn.Tanh},
    }


def layers_of(model: BaseAlgorithm, names: Sequence[str]) -> list[Floats]:
    """Weights (inputs, units) and biases (units,) of the layers `names` of a model, in turn, dimensionless."""
    state = {name: values.detach().cpu().numpy() for name, values in model.policy.state_dict().items()}
    return [array for layer in names for array in (state[f"{layer}.weight"].T, state[f"{layer}.bias"])]


def preference_layers(layers: Sequence[Floats]) -> list[Floats]:
    """The same layers, (inputs, units) and (units,), with one output: the preference for trading, logits."""
    *before, weight, bias = layers
    return [*before, weight[:, 1:] - weight[:, :1], bias[1:] - bias[:1]]
