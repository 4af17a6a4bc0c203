"""Proximal policy optimisation of one seed, by stable-baselines3. It and torch are imported here: import this late."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from research.learning.environment import RebalancingWorlds
from research.learning.network import Network, network
from research.learning.rollouts import answer_of, gauge, judge, judge_all
from research.learning.settings import Learned
from research.learning.side_by_side import Report
from research.learning.state import Standard
from research.learning.training_days import TrainingDays

LEARNING = 0  # the stream of random days that a seed learns on
POINTS = 12  # of a learning curve
WORLDS = 128  # of each point of it


class Lesson(NamedTuple):
    """What one seed learned.

    net : its network.  steps : that it learned from, whole rollouts.
    losses : J for each target, bp of NAV a year, in worlds of training days that no seed learned on.
    curve : (steps, J) along the way, with the last target.
    """

    net: Network
    steps: int
    losses: list[float]
    curve: list[tuple[int, float]]


def learn(days: TrainingDays, spec: Learned, seed: int, report: Report) -> Lesson:
    """Learn from one seed, in one thread: the same seed, settings and days give the same network, to the bit."""
    standard, reward_scale = gauge(days, spec)
    settings = spec.ppo
    env = RebalancingWorlds(
        days, standard, reward_scale, worlds=settings.worlds, episode=spec.episode, seed=[LEARNING, seed]
    )
    with _one_thread():
        model = PPO(
            "MlpPolicy",
            env,
            learning_rate=lambda left: settings.learning_rate * left,
            n_steps=settings.rollout,
            batch_size=settings.batch,
            n_epochs=settings.epochs,
            gamma=settings.gamma,
            gae_lambda=settings.gae_lambda,
            clip_range=settings.clip,
            policy_kwargs={
                "net_arch": {"pi": [settings.hidden] * 2, "vf": [settings.hidden] * 2},
                "activation_fn": torch.nn.Tanh,
                "log_std_init": settings.log_std,
            },
            seed=seed,
            device="cpu",
        )
        watch = _Watch(days, standard, spec.steps, report)
        model.learn(spec.steps, callback=watch)
        net = actor(model)
        return Lesson(net, model.num_timesteps, judge_all(days, answer_of(net, standard)), watch.curve)


def actor(model: PPO) -> Network:
    """The network that gives the mean action of a model."""
    state = {name: values.detach().numpy() for name, values in model.policy.state_dict().items()}
    layers = ("mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net")
    return network([array for layer in layers for array in (state[f"{layer}.weight"].T, state[f"{layer}.bias"])])


class _Watch(BaseCallback):
    """Reports steps, and judges the policy at even distances, before the first step and after the last."""

    def __init__(self, days: TrainingDays, standard: Standard, steps: int, report: Report) -> None:
        super().__init__()
        self.curve: list[tuple[int, float]] = []
        self._days, self._standard, self._steps, self._report = days, standard, steps, report

    def _on_step(self) -> bool:
        self._report(self.num_timesteps)
        return True

    def _on_rollout_start(self) -> None:
        if self.num_timesteps >= self._steps * len(self.curve) / (POINTS - 1):
            self._judge()

    def _on_training_end(self) -> None:
        self._judge()

    def _judge(self) -> None:
        answer = answer_of(actor(self.model), self._standard)
        j = judge(self._days, len(self._days.share) - 1, answer, WORLDS)
        self.curve.append((self.num_timesteps, j))


@contextmanager
def _one_thread() -> Iterator[None]:
    """One torch thread and no checks of distributions; what was set before, and every generator, comes back after."""
    threads, before, python = torch.get_num_threads(), np.random.get_state(), random.getstate()  # noqa: NPY002
    checks = torch.distributions.Distribution._validate_args
    torch.set_num_threads(1)
    torch.distributions.Distribution.set_default_validate_args(False)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.distributions.Distribution.set_default_validate_args(checks)
        torch.set_num_threads(threads)
        np.random.set_state(before)  # noqa: NPY002  (stable-baselines3 shuffles with numpy's global generator)
        random.setstate(python)
