"""PPO, SAC and DQN of stable-baselines3, with a falling learning rate and two tanh layers; it is imported here.

Sources: Schulman et al. (2017), Proximal Policy Optimization Algorithms; Raffin et al. (2021), Smooth Exploration for
Robotic Reinforcement Learning; Haarnoja et al. (2018), Soft Actor-Critic Algorithms and Applications; Mnih et al.
(2015), Human-level control through deep reinforcement learning, Nature 518.
"""

from typing import Any

import torch
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from research.learning.settings import Learned
from research.learning.worlds.rewards import MINUS_LOSS
from research.learning.worlds.rollouts import REWARD
from research.rules.networks.policy_network import Network, network

WARM_UP = 20  # decisions of each world that are drawn by chance before a learner that remembers begins
HOLDS = 2.0  # logits by which holding is likelier than trading at the start: 88 % of decisions
EXPLORES = 0.2  # of the steps, in which the share of decisions that are drawn by chance falls
LAYERS = {
    PPO: ("mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net"),
    SAC: ("actor.latent_pi.0", "actor.latent_pi.2", "actor.mu"),
    DQN: ("q_net.q_net.0", "q_net.q_net.2", "q_net.q_net.4"),
}


def untrained_model(worlds: VecEnv, spec: Learned, seed: int) -> BaseAlgorithm:
    """An untrained model, whose learning rate falls linearly to zero over all steps, in however many pieces.

    PPO's noise of exploration depends on the state and is drawn once a rollout: a box that is wide in one week and
    narrow in the next acts like a narrow one, and teaches little. Its value function starts at the mean discounted
    return. From zero it needs most of the budget to get there, and until then trading seems too expensive (measured on
    two simulated assets: J ends 30 to 45 % above the closed form's, instead of 2 %).

    worlds : simulated paths.
    spec   : settings of the rule and of its training.
    seed   : seed of the random draws.
    """
    own, chooses = spec.learner_settings, spec.action == "hold_or_trade"
    common: dict[str, Any] = {"gamma": own.gamma, "seed": seed, "device": spec.device}
    common |= {"learning_rate": own.learning_rate, "batch_size": own.batch}
    layers, tanh = [own.hidden] * 2, {"activation_fn": torch.nn.Tanh}
    if spec.learner == "ppo":
        policy = {
            "net_arch": {"pi": layers, "vf": layers},
            **tanh,
            **({} if chooses else {"log_std_init": own.log_std}),
        }
        common |= {"n_steps": own.rollout, "n_epochs": own.epochs, "gae_lambda": own.gae_lambda, "clip_range": own.clip}
        model = PPO("MlpPolicy", worlds, use_sde=not chooses, sde_sample_freq=-1, policy_kwargs=policy, **common)
        if spec.reward == MINUS_LOSS:
            model.policy.value_net.bias.data.fill_(-REWARD / (1.0 - own.gamma))
        if chooses:
            model.policy.action_net.bias.data[0] = HOLDS
    else:
        common |= {"buffer_size": own.buffer, "learning_starts": WARM_UP * own.worlds, "train_freq": 1}
        common |= {"gradient_steps": own.updates, "policy_kwargs": {"net_arch": layers, **tanh}}
        if spec.learner == "sac":
            model = SAC("MlpPolicy", worlds, ent_coef=own.entropy, **common)
        else:
            model = DQN("MlpPolicy", worlds, target_update_interval=own.target_update, **common)
            least = own.exploration
            model.exploration_schedule = lambda _: max(1.0 - done() / EXPLORES * (1.0 - least), least)

    def done() -> float:
        """The share of all steps that was done before the next update, whose own decisions are counted already."""
        return (model.num_timesteps - own.update) / spec.whole_steps

    model.lr_schedule = lambda _: own.learning_rate * (1.0 - done())
    return model


def actor(model: BaseAlgorithm) -> Network:
    """The network that gives the mean action of a model; for a choice, the preference of trading over holding."""
    state = {name: values.detach().cpu().numpy() for name, values in model.policy.state_dict().items()}
    layers = [state[f"{layer}.{kind}"].T for layer in LAYERS[type(model)] for kind in ("weight", "bias")]
    if model.action_space.shape == ():
        *before, weight, bias = layers
        layers = [*before, weight[:, 1:] - weight[:, :1], bias[1:] - bias[:1]]
    return network(layers, bounded=isinstance(model, SAC))
