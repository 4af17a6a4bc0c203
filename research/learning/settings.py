"""What a learned rule is before it is trained: its target, its budget, its worlds."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal

from research.allocation import Allocation
from research.allocation.allocation import LISTING
from research.arguments import one_of
from research.errors import ConfigError
from research.rules.handled import check_allocation

SESSIONS = {"day": 1, "week": 5, "month": 21}  # of one decision, in a world: resampled days have no calendar


@dataclass(frozen=True)
class PPOSettings:
    """Proximal policy optimisation as `stable_baselines3.PPO` takes it; measured to fit weekly boxes, seldom changed.

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
        for name in ("worlds", "rollout", "batch", "epochs", "hidden"):
            _check_count("PPOSettings", name, getattr(self, name))
        for name, most in (("learning_rate", 1.0), ("clip", 1.0), ("gamma", 0.9999), ("gae_lambda", 1.0)):
            _check_within("PPOSettings", name, getattr(self, name), 0.0, most)
        if self.worlds * self.rollout % self.batch:
            raise ConfigError(
                f"batch of PPOSettings is {self.batch}: give a number that divides the {self.worlds * self.rollout} "
                f"decisions of a rollout ({self.worlds} worlds x {self.rollout})."
            )
        _check_within("PPOSettings", "log_std", self.log_std, -10.0, 2.0)


@dataclass(frozen=True)
class GradientSettings:
    """Descent along the gradient of J itself, through many decisions of many worlds; seldom changed.

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
        for name in ("worlds", "decisions", "hidden"):
            _check_count("GradientSettings", name, getattr(self, name))
        _check_within("GradientSettings", "learning_rate", self.learning_rate, 0.0, 1.0)

    @property
    def batch(self) -> int:
        """Decisions of an update."""
        return self.worlds * self.decisions


@dataclass(frozen=True)
class Learned:
    """A rule that is still to be learned (`train`): at the end of each period a box, as wide as the state asks.

    allocation    : what to hold; its target changes only when a line is listed (FixedWeights, EqualWeights).
    steps         : decisions a seed learns from.  seeds : one policy is trained from each.
    every         : "day", "week" or "month": it decides at the last session of each.
    block         : mean length of the blocks of days that worlds are made of, sessions: long enough to keep a spell
                    of high volatility together, short enough that a year draws from many.
    current_share : of the worlds, those that hold the lines listed on the last training day. The others hold what was
                    listed at earlier times, in proportion to the days on which it was: so a learner meets regimes
                    that the youngest line has not lived through.
    episode       : decisions until a world is drawn anew; its end is truncation, not ruin.
    by            : "ppo", by trial and reward; or "gradient", through the accounting itself, where costs are
                    proportional.
    Raises        : ConfigError for a setting out of range, or an allocation that is refitted.
    """

    allocation: Allocation
    steps: int = 1_500_000
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    every: Literal["day", "week", "month"] = "week"
    block: int = 40
    current_share: float = 0.5
    episode: int = 156
    by: Literal["ppo", "gradient"] = "ppo"
    ppo: PPOSettings = field(default_factory=PPOSettings)
    gradient: GradientSettings = field(default_factory=GradientSettings)
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    family: ClassVar[str] = "learned"

    def __post_init__(self) -> None:
        """Check the settings and keep the seeds immutable."""
        check_allocation(self)
        refit = getattr(self.allocation, "refit", None)
        if refit != LISTING:
            raise ConfigError(
                f"Learned holds {self.allocation!r}, which is refitted ({refit!r}), and it works with targets that "
                "change only when a line is listed. Give it FixedWeights or EqualWeights, or use a Threshold."
            )
        for name in ("steps", "block", "episode"):
            _check_count("Learned", name, getattr(self, name))
        _check_within("Learned", "current_share", self.current_share, 0.0, 1.0)
        if self.every not in SESSIONS:
            raise ConfigError(f"every of Learned is {self.every!r}: use one of {', '.join(SESSIONS)}.")
        one_of("by of Learned is", self.by, ("ppo", "gradient"))
        object.__setattr__(self, "seeds", _checked_seeds(self.seeds))

    @property
    def whole_steps(self) -> int:
        """Decisions that a seed really learns from: whole updates."""
        update = self.gradient.batch if self.by == "gradient" else self.ppo.worlds * self.ppo.rollout
        return -(-self.steps // update) * update

    def settings(self) -> dict[str, Any]:
        """Every setting but the allocation, as plain JSON values; of the learners only those of the one in use."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("allocation", "ppo", "gradient")}
        return own | {"seeds": list(self.seeds), self.by: asdict(getattr(self, self.by))}


def _check_count(owner: str, name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{name} of {owner} is {value!r}: give a whole number, 1 or more.")


def _check_within(owner: str, name: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
        raise ConfigError(f"{name} of {owner} is {value!r}: it is more than {low:g} and at most {high:g}.")


def _checked_seeds(seeds: Any) -> tuple[int, ...]:
    given = tuple(seeds) if isinstance(seeds, tuple | list | range) else ()
    if not given or any(isinstance(s, bool) or not isinstance(s, int) or not 0 <= s < 2**32 for s in given):
        raise ConfigError(f"seeds of Learned are {seeds!r}: give one whole number or more, each from 0 to 2^32 - 1.")
    if len(set(given)) < len(given):
        raise ConfigError(f"seeds of Learned are {given}: the same seed twice is the same policy. Give each once.")
    return given
