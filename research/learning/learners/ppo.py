"""Proximal policy optimisation of stable-baselines3; it and torch are imported here: import this late."""

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from research.learning.learners.stable_baselines import layers_of, preference_layers, set_falling_rate
from research.learning.settings import Learned
from research.learning.worlds.rewards import MINUS_LOSS
from research.learning.worlds.rollouts import REWARD
from research.rules.networks.policy_network import Network, network

HOLDS = 2.0  # logits by which holding is likelier than trading at the start: 88 % of decisions
LAYERS = ("mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net")


def model_of(worlds: VecEnv, spec: Learned, seed: int) -> PPO:
    """An untrained model.

    The noise of exploration depends on the state and is drawn once a rollout: a box that is wide in one week and
    narrow in the next acts like a narrow one, and teaches little. The value function starts at the mean discounted
    return. From zero it needs most of the budget to get there, and until then trading seems too expensive (measured on
    two simulated assets: J ends 30 to 45 % above the closed form's, instead of 2 %).
    Source: Schulman et al. (2017), Proximal Policy Optimization Algorithms; Raffin et al. (2021), Smooth Exploration
    for Robotic Reinforcement Learning.
    """
    own, chooses = spec.ppo, spec.action == "hold_or_trade"
    noise = {} if chooses else {"log_std_init": own.log_std}
    model = PPO(
        "MlpPolicy",
        worlds,
        learning_rate=own.learning_rate,
        n_steps=own.rollout,
        batch_size=own.batch,
        n_epochs=own.epochs,
        gamma=own.gamma,
        gae_lambda=own.gae_lambda,
        clip_range=own.clip,
        use_sde=not chooses,
        sde_sample_freq=-1,
        policy_kwargs={
            "net_arch": {"pi": [own.hidden] * 2, "vf": [own.hidden] * 2},
            "activation_fn": torch.nn.Tanh,
            **noise,
        },
        seed=seed,
        device=spec.device,
    )
    set_falling_rate(model, spec)
    if spec.reward == MINUS_LOSS:
        model.policy.value_net.bias.data.fill_(-REWARD / (1.0 - own.gamma))
    if chooses:
        model.policy.action_net.bias.data[0] = HOLDS
    return model


def actor(model: PPO) -> Network:
    """The network that gives the mean action of a model; for a choice, the preference of trading over holding."""
    layers = layers_of(model, LAYERS)
    return network(preference_layers(layers) if model.policy.action_space.shape == () else layers)
