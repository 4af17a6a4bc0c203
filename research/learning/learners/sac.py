"""Soft actor-critic of stable-baselines3, which is imported here: import this module only where it is used."""

from stable_baselines3 import SAC
from stable_baselines3.common.vec_env import VecEnv

from research.learning.learners.stable_baselines import layers_of, replay_options, set_falling_rate
from research.learning.settings import Learned
from research.rules.networks.policy_network import Network, network

LAYERS = ("actor.latent_pi.0", "actor.latent_pi.2", "actor.mu")


def model_of(worlds: VecEnv, spec: Learned, seed: int) -> SAC:
    """An untrained model.

    Source: Haarnoja et al. (2018), Soft Actor-Critic Algorithms and Applications.
    """
    own = spec.sac
    model = SAC(
        "MlpPolicy",
        worlds,
        ent_coef=own.entropy,
        seed=seed,
        device=spec.device,
        **replay_options(own),
    )
    set_falling_rate(model, spec)
    return model


def actor(model: SAC) -> Network:
    """The network that gives the mean action of a model."""
    return network(layers_of(model, LAYERS), bounded=True)
