"""The simulated paths as reinforcement-learning environments: many at once for stable-baselines3, one for gymnasium.

stable-baselines3 and gymnasium are imported here: import this module only where it is used. `torch_worlds` is the
third form, through which gradients flow.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from foundation.arguments import check_positive, is_whole, refuse
from foundation.arrays import Floats, Rows
from foundation.errors import PolicyError
from research.learning.settings import LONGEST_EPISODE
from research.learning.worlds.rewards import MINUS_LOSS, Memory, Reward
from research.learning.worlds.training_days import TrainingDays
from research.learning.worlds.worlds import RewardedWorlds, Worlds
from research.rules.networks.actions import action_size
from research.rules.networks.features import FARTHEST, FeatureScaling
from research.rules.networks.names import SHARED_FEATURES

Arrays = dict[str, NDArray[Any]]
Infos = list[Mapping[str, Any]]
NO_INFO: Mapping[str, Any] = MappingProxyType({})  # is told of a world that goes on


def action_space(action: str, lines: int) -> "spaces.Box | spaces.Discrete":
    """The space of an action for `lines` assets: numbers in [-1, 1]; for "hold_or_trade" 0 to hold and 1 to trade."""
    if action == "hold_or_trade":
        return spaces.Discrete(2)
    return spaces.Box(-1.0, 1.0, (action_size(action, lines),), np.float32)


def _check_counts(**counts: Any) -> None:
    """Raise ConfigError for a count that is not a whole number above zero."""
    for name, value in counts.items():
        if not is_whole(value) or value < 1:
            refuse(f"{name} is", value, "give a whole number, 1 or more.")


def _check(days: Any, standard: Any, reward: Any, reward_scale: Any, episode: Any, seed: Any) -> None:
    """Raise ConfigError for arguments from which no environment can be made."""
    if not isinstance(days, TrainingDays):
        refuse("days are", days, "give TrainingDays, as `training_days` measures them.")
    fix = "give the FeatureScaling that `measure_scaling` returns for these days."
    seen = len(SHARED_FEATURES) + len(days.market.assets)
    if not isinstance(standard, FeatureScaling):
        refuse("standard is", standard, fix)
    if standard.mean.shape != (seen,):
        refuse("features of standard are", standard.mean.size, f"these days have {seen}: {fix}")
    _check_counts(episode=episode)
    if episode * days.sessions > LONGEST_EPISODE:
        refuse("episode is", episode, f"give at most {LONGEST_EPISODE // days.sessions:,} decisions, a hundred years.")
    if not (reward is None or isinstance(reward, Reward)):
        refuse("reward is", reward, "give Reward(…), or leave it out.")
    check_positive(reward_scale=reward_scale)
    _check_seed(seed)


def _check_seed(seed: Any) -> None:
    """Raise ConfigError for a seed that is not a whole number, 0 or more, or a list of them."""
    streams = seed if isinstance(seed, list) else [seed]
    if not streams or not all(is_whole(each) and each >= 0 for each in streams):
        refuse("seed is", seed, "give a whole number, 0 or more, or a list of them.")


def as_numbers(action: str, taken: NDArray[Any]) -> Floats:
    """The numbers of the actions of W agents.

    action  : its kind, one of `ACTIONS`.
    taken   : (W, m) numbers, dimensionless; for "hold_or_trade" (W,) choices, 0 or 1.
    Returns : (W, m) numbers; a choice becomes -1 or 1.
    Raises  : PolicyError for a choice other than 0 and 1.
    """
    if action == "hold_or_trade":
        if not np.isin(taken, (0, 1)).all():
            raise PolicyError(f"each action must be 0 (hold) or 1 (trade): found {np.unique(taken).tolist()}.")
        return (2.0 * taken.reshape(len(taken), -1) - 1.0).astype(np.float32)
    return np.ascontiguousarray(taken, dtype=np.float32)


class RebalancingEnv(gymnasium.Env[Floats, NDArray[Any]]):
    """One simulated path as a gymnasium environment.

    A step is one decision: the trade, and the days to the next decision.

    observation : (k,) standardised features.
    action      : see `research.rules.networks.actions`; for "hold_or_trade" 0 or 1.
    reward      : reward of the decision, times `reward_scale`; info["nav"] is the NAV after it, 1 at the start.
    An episode ends by truncation, after `episode` decisions.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(
        self,
        days: TrainingDays,
        standard: FeatureScaling,
        reward_scale: float,
        *,
        episode: int,
        reward: Reward | None = None,
        kind: int = -1,
        seed: int = 0,
    ) -> None:
        """An environment that waits for `reset`.

        days         : the training days.
        standard     : scaling of the features.
        reward_scale : factor of every reward.
        episode      : number of decisions in an episode.
        reward       : reward of a decision; minus J by default.
        kind         : index of the target that the portfolio holds, the last by default.
        seed         : seed of the drawn days.
        Raises       : ConfigError for an argument out of range.
        """
        _check(days, standard, reward, reward_scale, episode, seed)
        if not is_whole(kind) or not -len(days.share) <= kind < len(days.share):
            refuse("kind is", kind, f"give the index of one of the {len(days.share)} targets, from 0.")
        self.days, self.episode, self._left = days, episode, 0
        self._made = (standard, reward or MINUS_LOSS, reward_scale)
        self._kind = np.array([range(len(days.share))[kind]])
        self.observation_space = spaces.Box(-FARTHEST, FARTHEST, standard.mean.shape, np.float32)
        self.action_space = action_space(days.action, len(days.market.assets))  # type: ignore[assignment]
        self._rewarded = self._opened(seed)

    def _opened(self, seed: int) -> RewardedWorlds:
        return RewardedWorlds(Worlds(self.days, self._kind, self.episode, seed), *self._made)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Start an episode on newly drawn days.

        seed    : seed of the drawn days; None goes on with the generator.
        options : ignored.
        Returns : (k,) standardised features, and an empty info.
        """
        super().reset(seed=seed)
        if seed is None:
            self._rewarded.reopen(self._rewarded.worlds.everyone)
        else:
            self._rewarded = self._opened(seed)
        self._left = self.episode
        return self._rewarded.see(self._rewarded.worlds.everyone)[0], {}

    def step(self, action: NDArray[Any]) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Make one decision.

        action  : (m,) numbers in [-1, 1], or 0 or 1 for "hold_or_trade".
        Returns : (k,) standardised features, the reward, False, whether the episode was truncated, and the NAV as
                  info.
        Raises  : PolicyError before `reset` and after the end of an episode, and as `RewardedWorlds.act` does.
        """
        if self._left == 0:
            raise PolicyError("the episode has ended or not started: call reset().")
        reward = self._rewarded.act(as_numbers(self.days.action, np.asarray(action)[None]))
        self._left -= 1
        seen = self._rewarded.see(self._rewarded.worlds.everyone)[0]
        return seen, float(reward[0]), False, self._left == 0, {"nav": float(self._rewarded.worlds.nav[0])}


class RebalancingWorlds(VecEnv):
    """W simulated paths at once as a vector environment of stable-baselines3; each is as in `RebalancingEnv`.

    Episodes end by truncation, after `episode` decisions. First episodes are shorter, so that their ends are spread.
    """

    def __init__(
        self,
        days: TrainingDays,
        standard: FeatureScaling,
        reward_scale: float,
        *,
        worlds: int,
        episode: int,
        seed: int | list[int],
        reward: Reward | None = None,
    ) -> None:
        """Draw the paths, with targets in the shares of `days`.

        days         : the training days.
        standard     : scaling of the features.
        reward_scale : factor of every reward.
        worlds       : number of paths, W.
        episode      : number of decisions in an episode.
        seed         : seed of the drawn days.
        reward       : reward of a decision; minus J by default.
        Raises       : ConfigError for an argument out of range.
        """
        _check_counts(worlds=worlds)
        _check(days, standard, reward, reward_scale, episode, seed)
        self._streams, self._reseeded = seed if isinstance(seed, list) else [seed], False
        opened = Worlds(days, days.kinds(worlds), episode, seed)
        self._rewarded, self._episode = RewardedWorlds(opened, standard, reward or MINUS_LOSS, reward_scale), episode
        self._left: Rows = np.full(worlds, episode)
        sees = spaces.Box(-FARTHEST, FARTHEST, standard.mean.shape, np.float32)
        super().__init__(worlds, sees, action_space(days.action, len(days.market.assets)))

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Use this seed from the next reset on; None changes nothing.

        Raises : ConfigError for what is no seed.
        """
        if seed is not None:
            _check_seed(seed)
            self._streams, self._reseeded = [*self._streams[:-1], int(seed)], True
        return [seed] * self.num_envs

    def reset(self) -> Floats:
        """Draw every path anew and spread the ends of the first episodes; gives (W, k) standardised features."""
        everyone = self._rewarded.worlds.everyone
        if self._reseeded:
            self._rewarded.worlds.reseed(self._streams)
            self._reseeded = False
        self._rewarded.reopen(everyone)
        self._left = 1 + everyone * self._episode // len(everyone)
        return self._rewarded.see(everyone)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Store the actions (W, m), or choices (W,), for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Floats, Floats, NDArray[np.bool_], Infos]:
        """Make the stored decisions.

        Returns : (W, k) standardised features, (W,) rewards, (W,) whether an episode ended, and an info for each path.
                  Where an episode ended, the features are those of the next one's start.
        Raises  : PolicyError as `RewardedWorlds.act` does.
        """
        rewards = self._rewarded.act(as_numbers(self._rewarded.worlds.days.action, self._actions)).astype(np.float32)
        self._left -= 1
        seen, done = self._rewarded.see(self._rewarded.worlds.everyone), self._left == 0
        infos: Infos = [NO_INFO] * self.num_envs
        (ended,) = done.nonzero()
        if len(ended):
            for world in ended.tolist():
                infos[world] = {"terminal_observation": seen[world].copy(), "TimeLimit.truncated": True}
            self._rewarded.reopen(ended)
            seen[ended] = self._rewarded.see(ended)
            self._left[ended] = self._episode
        return seen, rewards, done, infos

    def close(self) -> None:
        """Do nothing: no resource is open."""

    def snapshot(self) -> tuple[Arrays, dict[str, Any]]:
        """The state of all paths for `restore`: arrays by name, and JSON values."""
        worlds = self._rewarded.worlds
        arrays = {f"state/{name}": values.copy() for name, values in worlds.state._asdict().items()}
        arrays |= {f"memory/{name}": values.copy() for name, values in self._rewarded.memory._asdict().items()}
        return arrays | {"left": self._left.copy()}, {
            "generator": worlds.generator_state,
            "steps": self._rewarded.steps,
        }

    def restore(self, arrays: Arrays, record: dict[str, Any]) -> None:
        """Go back to a state that `snapshot` gave."""
        worlds = self._rewarded.worlds
        for name, values in worlds.state._asdict().items():
            values[...] = arrays[f"state/{name}"]
        self._rewarded.memory = Memory(*(arrays[f"memory/{name}"].copy() for name in Memory._fields))
        self._left, self._reseeded = arrays["left"].copy(), False
        worlds.generator_state, self._rewarded.steps = record["generator"], record["steps"]

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The attribute, once for each of the paths `indices`; no path can be rendered."""
        value = None if attr_name == "render_mode" else getattr(self, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> NoReturn:
        """Raise PolicyError: all paths share their settings."""
        raise PolicyError(f"{attr_name} is shared by all paths and cannot be set: create other RebalancingWorlds.")

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> NoReturn:
        """Raise PolicyError: a path has no methods of its own."""
        raise PolicyError(f"{method_name} is not a method of a single path: call it on the RebalancingWorlds.")

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """False for each of the paths `indices`."""
        return [False for _ in self._get_indices(indices)]
