"""The worlds as stable-baselines3 takes them. It is imported here: import this module where it is used."""

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from research.errors import PolicyError
from research.learning.state import FARTHEST, Floats, Rows, Standard, standardise
from research.learning.training_days import TrainingDays
from research.learning.worlds import Worlds

Infos = list[dict[str, Any]]


class RebalancingWorlds(VecEnv):
    """W worlds at once. A step is one decision: the box, its booking, and the days to the next decision.

    observation : (k,) standardised features.
    action      : (n,) widths of the box, log to base 8 of the multiple of each line's half-width.
    reward      : minus the daily terms of J since the last decision, times `reward_scale`.
    Episodes end by truncation, after `episode` decisions; the first ones sooner, each world at another step.
    """

    def __init__(
        self,
        days: TrainingDays,
        standard: Standard,
        reward_scale: float,
        *,
        worlds: int,
        episode: int,
        seed: int | list[int],
    ) -> None:
        """Draw the worlds: days, targets and shares as `days` has them."""
        self._worlds = Worlds(days, days.kinds(worlds), episode, seed)
        self._standard, self._reward_scale, self._episode = standard, reward_scale, episode
        self._left: Rows = np.full(worlds, episode)
        sees = spaces.Box(-FARTHEST, FARTHEST, standard.mean.shape, np.float32)
        super().__init__(worlds, sees, spaces.Box(-1.0, 1.0, (len(days.market.assets),), np.float32))

    def reset(self) -> Floats:
        """Draw every world anew, and stagger the ends of the first episodes."""
        everyone = self._worlds.everyone
        self._worlds.reopen(everyone)
        self._left = 1 + everyone * self._episode // len(everyone)
        return self._see(everyone)

    def step_async(self, actions: Floats) -> None:
        """Keep the actions (W, n) for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Floats, Floats, NDArray[np.bool_], Infos]:
        """Play the actions. Raises PolicyError for a reward that is not a number."""
        rewards = (-self._reward_scale * self._worlds.act(self._actions)).astype(np.float32)
        if not np.isfinite(rewards).all():
            w = int(np.argmin(np.isfinite(rewards)))
            raise PolicyError(f"the reward of world {w} is {rewards[w]} after the action {self._actions[w].tolist()}.")
        self._left -= 1
        seen, ended = self._see(self._worlds.everyone), np.flatnonzero(self._left == 0)
        infos: Infos = [{} for _ in range(self.num_envs)]
        for world in ended:
            infos[world] = {"terminal_observation": seen[world].copy(), "TimeLimit.truncated": True}
        if len(ended):
            self._worlds.reopen(ended)
            seen[ended] = self._see(ended)
        done = self._left == 0
        self._left[ended] = self._episode
        return seen, rewards, done, infos

    def close(self) -> None:
        """Nothing is open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The attribute, once for each world asked for; there is nothing to render."""
        value = None if attr_name == "render_mode" else getattr(self, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refused: all worlds share their settings."""
        raise NotImplementedError(f"{attr_name} is shared by all worlds: make other worlds.")

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Refused: a world has no methods of its own."""
        raise NotImplementedError(f"{method_name} is not a method of a world.")

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """No world is wrapped."""
        return [False for _ in self._get_indices(indices)]

    def _see(self, which: Rows) -> Floats:
        out = np.empty((len(which), len(self._standard.mean)), np.float32)
        standardise(self._worlds.features(which), self._standard, out)
        return out
