"""The settings of each learner: measured to fit weekly boxes, and seldom changed. `Learned.by` names one."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from research.arguments import is_number, is_whole, refuse
from research.errors import ConfigError

LearnerName = Literal["ppo", "sac", "dqn", "gradient", "cross_entropy"]
LEARNERS: tuple[str, ...] = get_args(LearnerName)


@dataclass(frozen=True)
class PPOSettings:
    """Proximal policy optimisation as `stable_baselines3.PPO` takes it.

    worlds : played at once.  rollout : decisions of each world between two updates.
    batch, epochs, clip, learning_rate : of an update; the rate falls linearly to zero.
    gamma, gae_lambda : discount and trace, a decision.
    hidden : units of each of two tanh layers; the policy and the value have their own.
    log_std : of the noise of exploration at the start, for each unit of the last layer.
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
            raise ConfigError(f"batch of PPOSettings is {self.batch}: an update compares decisions, give 2 or more.")
        if self.worlds * self.rollout % self.batch:
            raise ConfigError(
                f"batch of PPOSettings is {self.batch}: give a number that divides the {self.worlds * self.rollout} "
                f"decisions of a rollout ({self.worlds} worlds x {self.rollout})."
            )
        check_within(self, "log_std", -10.0, 2.0)

    @property
    def update(self) -> int:
        """Decisions of a rollout."""
        return self.worlds * self.rollout


@dataclass(frozen=True)
class ReplaySettings:
    """What learners share that learn again and again from what they remember.

    worlds : played at once.  batch : decisions of an update, drawn from the last `buffer` ones.
    updates : after each decision of all worlds.  learning_rate : it falls linearly to zero.
    gamma : discount, a decision.  hidden : units of each of two tanh layers of every network.
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
                f"buffer of {owner} is {self.buffer}: it holds one decision of each of the {self.worlds} worlds at "
                "least."
            )

    @property
    def update(self) -> int:
        """Decisions between two updates."""
        return self.worlds


@dataclass(frozen=True)
class SACSettings(ReplaySettings):
    """Soft actor-critic as `stable_baselines3.SAC` takes it.

    entropy : what noise is paid, beside rewards whose mean size is a tenth. (With a fiftieth of this, boxes run into
    the limits of the action before values are known, and stay there; tuned while it learns, as is usual, it begins at
    one, and the noise never goes: measured.)  The others are as in `ReplaySettings`.
    """

    entropy: float = 0.05

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        check_within(self, "entropy", 0.0, 1.0)


@dataclass(frozen=True)
class DQNSettings(ReplaySettings):
    """Deep Q-learning as `stable_baselines3.DQN` takes it, for actions that are a choice.

    exploration   : share of random decisions, to which it falls linearly over the first fifth of the steps.
    target_update : decisions between two updates of the target network.
    The others are as in `ReplaySettings`.
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
    """Descent along the gradient of J itself, through many decisions of many worlds.

    worlds : played at once.  decisions : of each between two updates, from the opening in the target on; where they are
    few, trading seems dearer than it is, since what it saves comes after the last of them.
    learning_rate : of Adam; it falls linearly to zero.  hidden : units of each of two tanh layers.
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
    """The cross-entropy method: it needs no gradient, and draws a few parameters until the best of them agree.

    population : candidates of a generation.  elite : those whose mean and spread the next is drawn from.
    worlds, decisions : that each candidate is played in, the same for all, from the opening in the target on; where
    decisions are few, never to trade is best.
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
    """Keep these settings as plain whole numbers. Raises ConfigError for what is none, or less than `least`."""
    for name in names:
        value = getattr(settings, name)
        if not is_whole(value) or value < least:
            refuse(f"{name} of {type(settings).__name__} is", value, f"give a whole number, {least} or more.")
        object.__setattr__(settings, name, int(value))


def check_within(settings: Any, name: str, low: float, high: float) -> None:
    """Keep a setting as a plain number. Raises ConfigError for what is none, or not above `low` and at most `high`."""
    value = getattr(settings, name)
    if not is_number(value) or not low < value <= high:
        refuse(f"{name} of {type(settings).__name__} is", value, f"it is more than {low:g} and at most {high:g}.")
    object.__setattr__(settings, name, float(value))
