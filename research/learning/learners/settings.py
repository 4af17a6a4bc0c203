"""The settings of each learner, tuned for weekly boxes and seldom changed. `Learned.learner` names the learner."""

from typing import Any, ClassVar, Literal, get_args

from foundation.arguments import is_number, is_whole, refuse
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError

LearnerName = Literal["ppo", "sac", "dqn", "gradient", "cross_entropy"]
LEARNERS: tuple[str, ...] = get_args(LearnerName)


@dataclass(frozen=True)
class PPOSettings:
    """Settings of `stable_baselines3.PPO` (proximal policy optimisation).

    worlds        : number of paths at once.
    rollout       : decisions of each path between two updates.
    batch, epochs, clip : samples, passes and clipping range of an update.
    learning_rate : rate at the start; it falls linearly to zero.
    gamma, gae_lambda : discount and trace, a decision.
    hidden        : units of each of two tanh layers; policy and value function have their own.
    log_std       : log standard deviation of the exploration noise at the start, for each unit of the last layer.
    Raises        : ConfigError for a number out of range, or a batch that does not divide a rollout.
    """

    worlds: int = 512
    rollout: int = 32
    batch: int = 4096
    epochs: int = 4
    learning_rate: float = 4e-3
    clip: float = 0.2
    gamma: float = 0.99
    gae_lambda: float = 0.95
    hidden: int = 32
    log_std: float = -2.5
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_counts(self, "worlds", "rollout", "batch", "epochs", "hidden")
        for name, most in (("learning_rate", 1.0), ("clip", 1.0), ("gamma", 0.9999), ("gae_lambda", 1.0)):
            check_within(self, name, 0.0, most)
        if self.batch < 2:
            raise ConfigError(
                f"batch of PPOSettings is {self.batch}: give 2 or more, since an update compares decisions."
            )
        if self.worlds * self.rollout % self.batch:
            raise ConfigError(
                f"batch of PPOSettings is {self.batch}: give a number that divides the {self.worlds * self.rollout} "
                f"decisions of a rollout ({self.worlds} worlds x {self.rollout})."
            )
        check_within(self, "log_std", -10.0, 2.0)

    @property
    def update(self) -> int:
        """Decisions between two updates."""
        return self.worlds * self.rollout


@dataclass(frozen=True)
class ReplaySettings:
    """The settings that learners with a replay buffer share.

    worlds        : number of paths at once.
    batch         : decisions of an update, drawn from the buffer.
    buffer        : number of decisions that are kept.
    updates       : number of updates after each decision of all paths.
    learning_rate : learning rate at the start; it falls linearly to zero.
    gamma         : discount, a decision.
    hidden        : units of each of two tanh layers of every network.
    Raises        : ConfigError for a number out of range.
    """

    worlds: int = 64
    batch: int = 1024
    buffer: int = 100_000
    updates: int = 2
    learning_rate: float = 1e-3
    gamma: float = 0.98
    hidden: int = 32
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the ranges."""
        owner = type(self).__name__
        check_counts(self, "worlds", "batch", "buffer", "updates", "hidden")
        for name, most in (("learning_rate", 1.0), ("gamma", 0.9999)):
            check_within(self, name, 0.0, most)
        if self.buffer < self.worlds:
            raise ConfigError(
                f"buffer of {owner} is {self.buffer}: give {self.worlds} or more, one decision for each world."
            )

    @property
    def update(self) -> int:
        """Decisions between two updates."""
        return self.worlds


@dataclass(frozen=True)
class SACSettings(ReplaySettings):
    """Settings of `stable_baselines3.SAC` (soft actor-critic); the others are as in `ReplaySettings`.

    entropy : weight of the policy's entropy; rewards have a mean absolute size of a tenth. (A fiftieth of the default
              sends boxes to the limits of the action before values are known, and they stay there. Tuned during
              training, as is usual, it starts at one and the noise never disappears: measured.)
    Raises  : ConfigError for a number out of range.
    """

    entropy: float = 0.05

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        check_within(self, "entropy", 0.0, 1.0)


@dataclass(frozen=True)
class DQNSettings(ReplaySettings):
    """Settings of `stable_baselines3.DQN` (deep Q-learning), for actions that are a choice.

    exploration   : share of random decisions, to which it falls linearly over the first fifth of the steps.
    target_update : decisions between two updates of the target network.
    The others are as in `ReplaySettings`.
    Raises        : ConfigError for a number out of range.
    """

    exploration: float = 0.05
    target_update: int = 12_800

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        check_counts(self, "target_update")
        check_within(self, "exploration", 0.0, 1.0)


@dataclass(frozen=True)
class GradientSettings:
    """Settings of the descent along the gradient of J, through many decisions of many paths.

    worlds        : number of paths at once.
    decisions     : number of decisions of each path between two updates, from its start in the target. With few of them
                    trading seems too expensive, since its benefit comes after the last one.
    learning_rate : learning rate of Adam at the start; it falls linearly to zero.
    hidden        : units of each of two tanh layers.
    Raises        : ConfigError for a number out of range.
    """

    worlds: int = 256
    decisions: int = 130
    learning_rate: float = 1e-2
    hidden: int = 32
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_counts(self, "worlds", "decisions", "hidden")
        check_within(self, "learning_rate", 0.0, 1.0)

    @property
    def update(self) -> int:
        """Decisions of an update."""
        return self.worlds * self.decisions


@dataclass(frozen=True)
class CrossEntropySettings:
    """Settings of the cross-entropy method: a few parameters are drawn until the best candidates agree.

    population : number of candidates of a generation.
    elite      : number of best candidates; the next generation is drawn from their mean and spread.
    worlds     : number of paths of each candidate, the same for all.
    decisions  : decisions of each path, from its start in the target. With few of them never to trade is best.
    Raises     : ConfigError for a number out of range.
    """

    population: int = 24
    elite: int = 6
    worlds: int = 32
    decisions: int = 260
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_counts(self, "population", "elite", "worlds", "decisions")
        if not 2 <= self.elite < self.population:
            raise ConfigError(
                f"elite of CrossEntropySettings is {self.elite}: give 2 or more, and fewer than the {self.population} "
                "candidates."
            )

    @property
    def update(self) -> int:
        """Decisions of a generation."""
        return self.population * self.worlds * self.decisions


def check_counts(settings: Any, *names: str, least: int = 1) -> None:
    """Store these settings as plain integers. Raises ConfigError for one that is not whole, or is less than `least`."""
    for name in names:
        value = getattr(settings, name)
        if not is_whole(value) or value < least:
            refuse(f"{name} of {type(settings).__name__} is", value, f"give a whole number, {least} or more.")
        object.__setattr__(settings, name, int(value))


def check_within(settings: Any, name: str, low: float, high: float) -> None:
    """Store a setting as a plain float.

    settings : record that holds it.
    name     : name of the setting.
    low      : bound that it must exceed.
    high     : bound that it may reach.
    Raises   : ConfigError for what is no finite number in (low, high].
    """
    value = getattr(settings, name)
    if not is_number(value) or not low < value <= high:
        refuse(f"{name} of {type(settings).__name__} is", value, f"give a number above {low:g} and at most {high:g}.")
    object.__setattr__(settings, name, float(value))
