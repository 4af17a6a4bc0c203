"""Deep Q-learning of stable-baselines3, which is imported here: import this module only where it is used."""

from stable_baselines3 import DQN
from stable_baselines3.common.vec_env import VecEnv

from research.learning.learners.stable_baselines import (
    fraction_done,
    layers_of,
    preference_layers,
    replay_options,
    set_falling_rate,
)
from research.learning.settings import Learned
from research.rules.networks.policy_network import Network, network

LAYERS = ("q_net.q_net.0", "q_net.q_net.2", "q_net.q_net.4")
EXPLORES = 0.2  # of the steps, in which the share of decisions that are drawn by chance falls


def model_of(worlds: VecEnv, spec: Learned, seed: int) -> DQN:
    """An untrained model.

    Source: Mnih et al. (2015), Human-level control through deep reinforcement learning, Nature 518.
    """
    own = spec.dqn
    model = DQN(
        "MlpPolicy",
        worlds,
        target_update_interval=own.target_update,
        seed=seed,
        device=spec.device,
        **replay_options(own),
    )
    set_falling_rate(model, spec)
    least = own.exploration
    model.exploration_schedule = lambda _: max(1.0 - fraction_done(model, spec) / EXPLORES * (1.0 - least), least)
    return model


def actor(model: DQN) -> Network:
    """The network whose output is the preference of trading over holding."""
    return network(preference_layers(layers_of(model, LAYERS)))
