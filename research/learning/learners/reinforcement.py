"""Reinforcement learning with PPO, SAC and DQN of stable-baselines3, in pieces, so that training can be resumed.

stable-baselines3 and torch are imported here: import this module only where it is used.

Sources: Schulman et al. (2017), Proximal Policy Optimization Algorithms; Raffin et al. (2021), Smooth Exploration for
Robotic Reinforcement Learning; Haarnoja et al. (2018), Soft Actor-Critic Algorithms and Applications; Mnih et al.
(2015), Human-level control through deep reinforcement learning, Nature 518.
"""

import random
from typing import Any

import numpy as np
import torch
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv

from foundation.errors import ConfigError
from foundation.quick_imports import without_compiler_of_torch
from foundation.threads import one_thread
from research.learning.learners.learning_curve import Checkpoint, LearningCurve, PointLogger, SeedResult
from research.learning.learners.torch_state import Arrays, Stateful, restore, states_of
from research.learning.parallel_seeds import Report
from research.learning.settings import Learned
from research.learning.worlds.environment import RebalancingWorlds
from research.learning.worlds.rewards import MINUS_LOSS
from research.learning.worlds.rollouts import (
    PPO_LEARNS,
    REPLAY_LEARNS,
    REWARD,
    action_function,
    evaluate_targets,
    measure_scaling,
)
from research.learning.worlds.training_days import TrainingDays
from research.rules.networks.features import FeatureScaling
from research.rules.networks.policy_network import Network, network

PIECES = 64  # of a training, in whole updates: after each it may be gone on with
LEARNER_COUNTS = ("num_timesteps", "_n_updates", "_n_calls", "exploration_rate")


def learn(
    days: TrainingDays,
    spec: Learned,
    seed: int,
    report: Report,
    checkpoint: Checkpoint | None = None,
    log: PointLogger | None = None,
) -> SeedResult:
    """Train one seed in one thread; the same seed, settings and days give the same network, to the bit.

    days       : the training days.
    spec       : settings of the rule and of its training.
    seed       : seed of the random draws.
    report     : receives the number of steps done.
    checkpoint : place where the state is saved, and resumed from.
    log        : receives the points of the learning curve.
    Raises     : ConfigError where no "cuda" device is found.
    """
    with one_thread(), without_compiler_of_torch():
        model, standard = model_in_paths(days, spec, seed)
        curve = LearningCurve(days, standard, spec, log)
        if checkpoint is not None:
            _restore(model, curve, checkpoint)
        while curve.evaluate_when_due(model.num_timesteps, actor(model)):
            left = spec.whole_steps - model.num_timesteps
            model.learn(min(left, _piece(spec)), reset_num_timesteps=False)
            report(model.num_timesteps)
            if checkpoint is not None and model.num_timesteps < spec.whole_steps:
                checkpoint.save(*_state(model, curve))
        net = curve.final_network(actor(model))
    return SeedResult(net, model.num_timesteps, evaluate_targets(days, action_function(net, standard)), curve.points)


def model_in_paths(days: TrainingDays, spec: Learned, seed: int) -> tuple[BaseAlgorithm, FeatureScaling]:
    """An untrained model in its paths, and the scaling of its features.

    Raises : ConfigError where no "cuda" device is found.
    """
    if spec.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device of Learned is 'cuda', but torch finds no CUDA device: use 'cpu'.")
    standard, scale = measure_scaling(days, spec)
    stream = PPO_LEARNS if spec.learner == "ppo" else REPLAY_LEARNS
    count = spec.learner_settings.worlds
    worlds = RebalancingWorlds(
        days, standard, scale, worlds=count, episode=spec.episode, seed=[stream, seed], reward=spec.reward
    )
    model = untrained_model(worlds, spec, seed)
    model.set_logger(Logger(folder=None, output_formats=[]))  # its own leaves a folder of each training in the system's
    model._update_info_buffer = _told_nothing  # type: ignore[method-assign]
    return model, standard


def _told_nothing(infos: list[Any], dones: Any = None) -> None:
    """Replace the search of every path's info for results of `Monitor`: there are none, and it is slow."""


def _piece(spec: Learned) -> int:
    """Decisions of one piece of the training."""
    return max(spec.whole_steps // PIECES // spec.learner_settings.update, 1) * spec.learner_settings.update


# -- what it has come to ---------------------------------------------------------------------------------------------


def _state(model: BaseAlgorithm, curve: LearningCurve) -> tuple[Arrays, dict[str, Any]]:
    """All that the next piece depends on: arrays by name, and JSON values."""
    worlds, worlds_record = _worlds(model).snapshot()
    arrays, words = states_of(_parts(model))
    arrays |= worlds | {f"replay/{name}": values for name, values in _replay(model).items()}
    if model._last_obs is not None:
        arrays["seen"] = np.asarray(model._last_obs)
        arrays["starts"] = np.asarray(model._last_episode_starts)
    arrays |= curve.best_arrays
    kind, numpy, place, has, cached = np.random.get_state()  # noqa: NPY002  (stable-baselines3 draws from it)
    arrays |= {"torch": torch.random.get_rng_state().numpy(), "numpy": np.asarray(numpy)}
    record = {
        "counts": {name: getattr(model, name) for name in LEARNER_COUNTS if hasattr(model, name)},
        "curve": curve.points,
        "worlds": worlds_record,
        "words": words,
        "numpy": [kind, place, has, cached],
        "python": random.getstate(),
        "space": None if model.action_space._np_random is None else model.action_space.np_random.bit_generator.state,
        "replay": [model.replay_buffer.pos, model.replay_buffer.full] if hasattr(model, "replay_buffer") else None,
    }
    return arrays, record


def _restore(model: BaseAlgorithm, curve: LearningCurve, checkpoint: Checkpoint) -> None:
    """Restore the state of a checkpoint, if there is one."""
    found = checkpoint.load()
    if found is None:
        return
    arrays, record = found
    _worlds(model).restore(arrays, record["worlds"])
    restore(_parts(model), arrays, record["words"])
    for name, values in _replay(model).items():
        values[...] = arrays[f"replay/{name}"]
    if record["replay"] is not None:
        model.replay_buffer.pos, model.replay_buffer.full = record["replay"]  # type: ignore[attr-defined]
    if "seen" in arrays:
        model._last_obs, model._last_episode_starts = arrays["seen"], arrays["starts"]
    curve.restore(arrays, record["curve"])
    for name, value in record["counts"].items():
        setattr(model, name, value)
    kind, place, has, cached = record["numpy"]
    np.random.set_state((kind, arrays["numpy"], place, has, cached))  # noqa: NPY002
    torch.random.set_rng_state(torch.from_numpy(arrays["torch"]))
    version, words, gauss = record["python"]
    random.setstate((version, tuple(words), gauss))
    if record["space"] is not None:
        model.action_space.np_random.bit_generator.state = record["space"]


def _worlds(model: BaseAlgorithm) -> RebalancingWorlds:
    worlds = model.env
    assert isinstance(worlds, RebalancingWorlds)
    return worlds


def _parts(model: BaseAlgorithm) -> dict[str, Stateful]:
    """The parts with a state of their own: networks and optimisers."""
    owners = {"policy": model.policy, **{name: getattr(model.policy, name, None) for name in ("actor", "critic")}}
    parts: dict[str, Stateful] = {"policy": model.policy}
    for name, owner in owners.items():
        if getattr(owner, "optimizer", None) is not None:
            parts[f"{name}-optimizer"] = owner.optimizer
    return parts


def _replay(model: BaseAlgorithm) -> Arrays:
    """The arrays of the replay buffer by name; empty where there is none."""
    buffer = getattr(model, "replay_buffer", None)
    names = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
    return {} if buffer is None else {name: getattr(buffer, name) for name in names if hasattr(buffer, name)}


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
