"""Proximal policy optimisation of one seed, by stable-baselines3. It and torch are imported here: import this late."""

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from research.learning.environment import RebalancingWorlds
from research.learning.lesson import POINTS, WORLDS, Lesson
from research.learning.network import Network, network
from research.learning.rollouts import PPO_LEARNS, REWARD, answer_of, gauge, judge, judge_all
from research.learning.settings import Learned
from research.learning.side_by_side import Report
from research.learning.state import Standard
from research.learning.threads import one_thread
from research.learning.training_days import TrainingDays


def learn(days: TrainingDays, spec: Learned, seed: int, report: Report) -> Lesson:
    """Learn from one seed, in one thread: the same seed, settings and days give the same network, to the bit."""
    with one_thread():
        model, standard = model_of(days, spec, seed)
        watch = _Watch(days, standard, spec.steps, report)
        model.learn(spec.steps, callback=watch)
        net = actor(model)
    return Lesson(net, model.num_timesteps, judge_all(days, answer_of(net, standard)), watch.curve)


def model_of(days: TrainingDays, spec: Learned, seed: int) -> tuple[PPO, Standard]:
    """A model that has learned nothing yet, in its worlds; and what these are standardised by.

    The noise of exploration depends on the state and is drawn once a rollout: a box that is wide in one week and narrow
    in the next acts like a narrow one, and teaches little. The value begins at the mean return: from zero it needs most
    of the budget to get there, and trading seems dearer than it is until then (measured on two simulated lines: J ends
    30 to 45 % above the closed form's, instead of 2 %).
    Source: Schulman et al. (2017), Proximal Policy Optimization Algorithms; Raffin et al. (2021), Smooth Exploration
    for Robotic Reinforcement Learning.
    """
    standard, reward_scale = gauge(days, spec)
    own = spec.ppo
    seeds = [PPO_LEARNS, seed]
    worlds = RebalancingWorlds(days, standard, reward_scale, worlds=own.worlds, episode=spec.episode, seed=seeds)
    model = PPO(
        "MlpPolicy",
        worlds,
        learning_rate=lambda left: own.learning_rate * left,
        n_steps=own.rollout,
        batch_size=own.batch,
        n_epochs=own.epochs,
        gamma=own.gamma,
        gae_lambda=own.gae_lambda,
        clip_range=own.clip,
        use_sde=True,
        sde_sample_freq=-1,
        policy_kwargs={
            "net_arch": {"pi": [own.hidden] * 2, "vf": [own.hidden] * 2},
            "activation_fn": torch.nn.Tanh,
            "log_std_init": own.log_std,
        },
        seed=seed,
        device="cpu",
    )
    model.policy.value_net.bias.data.fill_(-REWARD / (1.0 - own.gamma))
    return model, standard


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
