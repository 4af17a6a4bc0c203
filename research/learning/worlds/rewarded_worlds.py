"""Simulated paths that pay a reward for every decision."""

import numpy as np

from foundation.arrays import Array, Floats, Rows
from foundation.errors import PolicyError
from research.learning.worlds.rewards import Memory, Reward, compute_rewards
from research.learning.worlds.worlds import Worlds
from research.rules.networks.actions import action_size
from research.rules.networks.features import FeatureScaling, standardise


class RewardedWorlds:
    """W simulated paths with the memory that rewards need: the environment of learners by trial and error."""

    def __init__(self, worlds: Worlds, standard: FeatureScaling, reward: Reward, scale: float) -> None:
        """Pay a reward in these paths.

        worlds   : the paths.
        standard : scaling of the features.
        reward   : the reward of a decision.
        scale    : factor of every reward.
        """
        self.worlds, self.memory = worlds, Memory.of(worlds.nav, worlds.cash, worlds.days.moments)
        self.steps = 0
        self._standard, self._reward, self._scale = standard, reward, scale

    def reopen(self, which: Rows) -> None:
        """Draw new days for some paths, and start these anew.

        which : (m,) numbers of the paths.
        """
        self.worlds.reopen(which)
        worlds = self.worlds
        self.memory.reopen(which, worlds.nav[which], worlds.cash[which], worlds.days.moments)

    def see(self, which: Rows) -> Floats:
        """(m, k) standardised features of some paths.

        which : (m,) numbers of the paths.
        """
        out = np.empty((len(which), len(self._standard.mean)), np.float32)
        standardise(self.worlds.features(which), self._standard, out)
        return out

    def act(self, numbers: Floats) -> Array:
        """(W,) rewards of the actions `numbers` (W, m), which are in [-1, 1] as in `research.rules.networks.actions`.

        Raises : PolicyError for numbers of another shape, and for a number or a reward that is not finite; it names
                 path, step and action.
        """
        wanted = len(self.worlds), action_size(self.worlds.days.action, self.worlds.state.units.shape[1])
        if numbers.shape != wanted:
            raise PolicyError(
                f"actions have the shape {numbers.shape}: give {wanted}, one row of "
                f"{self.worlds.days.action!r} for each world."
            )
        if not np.isfinite(numbers).all():
            w = int(np.argmin(np.isfinite(numbers).all(axis=1)))
            raise PolicyError(
                f"the action of world {w} at step {self.steps + 1} is {numbers[w].tolist()}: give finite numbers. The "
                "learner has probably diverged: lower its learning rate."
            )
        loss = self.worlds.act(numbers)
        rewards, self.memory = compute_rewards(self._reward, self.memory, loss, self.worlds.nav, self.worlds.cash)
        rewards *= self._scale
        self.steps += 1
        if not np.isfinite(rewards).all():
            w = int(np.argmin(np.isfinite(rewards)))
            raise PolicyError(
                f"the reward of world {w} is {rewards[w]} at step {self.steps}, after the action "
                f"{numbers[w].tolist()}: lower the costs or the weights of the reward."
            )
        return rewards
