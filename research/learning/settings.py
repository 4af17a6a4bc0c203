"""What a learned rule is before it is trained: its target, its budget, its worlds."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal

import numpy as np

from research.allocation import Allocation
from research.allocation.allocation import LISTING
from research.arguments import is_whole, one_of, refuse
from research.errors import ConfigError
from research.learning.actions import ACTIONS, Action
from research.learning.learners.settings import (
    LEARNERS,
    CrossEntropySettings,
    DQNSettings,
    GradientSettings,
    LearnerName,
    PPOSettings,
    SACSettings,
    check_counts,
    check_within,
)
from research.learning.rewards import MINUS_J, Reward
from research.learning.variation import Variation
from research.rules.handled import check_allocation

SESSIONS = {"day": 1, "week": 5, "month": 21}  # of one decision, in a world: resampled days have no calendar
LONGEST = 25_200  # sessions of an episode: worlds draw all of their days when they open


@dataclass(frozen=True)
class Learned:
    """A rule that is still to be learned (`train`): at the end of each period a box, as wide as the state asks.

    allocation    : what to hold; its target changes only when a line is listed (FixedWeights, EqualWeights).
    steps         : decisions a seed learns from, at the least: updates are whole (`whole_steps`).
    seeds         : one policy is trained from each.
    every         : "day", "week" or "month": it decides at the last session of each.
    block         : mean length of the blocks of days that worlds are made of, sessions: long enough to keep a spell
                    of high volatility together, short enough that a year draws from many.
    current_share : of the worlds, those that hold the lines listed on the last training day. The others hold what was
                    listed at earlier times, in proportion to the days on which it was: so a learner meets regimes
                    that the youngest line has not lived through.
    variation     : how far volatilities, correlations and costs of the worlds lie from those of the training days, by
                    default not at all. Whatever it learned in, it is judged in worlds as the days were.
    episode       : decisions until a world is drawn anew; its end is truncation, not ruin.
    action        : what it decides, see `research.learning.actions`. Where costs are proportional only boxes come near
                    the optimum; with a ticket, to hold or to trade, and how far.
    reward        : what it learns for; it is judged by J whatever that is.
    learner       : the learner (`research.learning.learners`): "ppo", "sac" and "dqn" by trial and reward;
                    "gradient" through the accounting itself, for bands, where costs are proportional; "cross_entropy"
                    by drawing a few parameters, the control that any other has to beat.
    patience      : points of the learning curve, of twelve in all, without a new lowest J, after which a seed stops
                    and keeps the network of the lowest; 0 never stops, and keeps the last.
    device        : "cpu", where a seed repeats to the bit, or "cuda", where stable-baselines3's networks are: these are
                    so small that it is slower.
    Raises        : ConfigError for a setting out of range, an allocation that is refitted, or a learner that cannot
                    learn the action.
    """

    allocation: Allocation
    steps: int = 1_500_000
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    every: Literal["day", "week", "month"] = "week"
    block: int = 40
    current_share: float = 0.5
    variation: Variation = field(default_factory=Variation)
    episode: int = 156
    action: Action = "bands"
    reward: Reward = field(default_factory=Reward)
    learner: LearnerName = "ppo"
    patience: int = 0
    device: Literal["cpu", "cuda"] = "cpu"
    ppo: PPOSettings = field(default_factory=PPOSettings)
    sac: SACSettings = field(default_factory=SACSettings)
    dqn: DQNSettings = field(default_factory=DQNSettings)
    gradient: GradientSettings = field(default_factory=GradientSettings)
    cross_entropy: CrossEntropySettings = field(default_factory=CrossEntropySettings)
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
        check_counts(self, "steps", "block", "episode")
        check_counts(self, "patience", least=0)
        check_within(self, "current_share", 0.0, 1.0)
        one_of("every of Learned is", self.every, SESSIONS)
        if self.episode * SESSIONS[self.every] > LONGEST:
            most = LONGEST // SESSIONS[self.every]
            refuse("episode of Learned is", self.episode, f"give {most:,} decisions, a hundred years, at most.")
        for f in fields(self):
            kind: Any = f.default_factory
            if isinstance(kind, type) and not isinstance(getattr(self, f.name), kind):
                refuse(f"{f.name} of Learned is", getattr(self, f.name), f"give {kind.__name__}(…), or leave it out.")
        one_of("learner of Learned is", self.learner, LEARNERS)
        one_of("action of Learned is", self.action, ACTIONS)
        one_of("device of Learned is", self.device, ("cpu", "cuda"))
        _check_learner(self.learner, self.action, self.reward)
        for name in LEARNERS:
            if name != self.learner and (given := getattr(self, name)) != type(given)():
                raise ConfigError(
                    f"{name} of Learned is {given!r}, and its learner is {self.learner!r}: leave that out."
                )
        if self.device == "cuda" and self.learner in ("gradient", "cross_entropy"):
            raise ConfigError(
                f"device of Learned is 'cuda', and learner {self.learner!r} learns on the processor: use 'cpu'."
            )
        if self.patience and not self.reward.objective:
            raise ConfigError(
                f"patience of Learned is {self.patience}: it waits for a lower J, and {self.reward!r} pays nothing for "
                "that. Leave it out, or give `objective` a weight."
            )
        object.__setattr__(self, "seeds", _checked_seeds(self.seeds))

    @property
    def learner_settings(self) -> Any:
        """The settings of the learner in use."""
        return getattr(self, self.learner)

    @property
    def whole_steps(self) -> int:
        """Decisions that a seed really learns from: whole updates."""
        return -(-self.steps // self.learner_settings.update) * self.learner_settings.update

    def settings(self) -> dict[str, Any]:
        """Every setting but the allocation, as plain JSON values; of the learners only those of the one in use."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("allocation", *LEARNERS)}
        nested = {name: asdict(getattr(self, name)) for name in ("variation", "reward", self.learner)}
        return own | {"seeds": list(self.seeds), **nested}


def _check_learner(by: str, action: str, reward: Reward) -> None:
    """Refuse what a learner cannot learn. Raises ConfigError."""
    if by == "dqn" and action != "hold_or_trade":
        raise ConfigError(
            f"learner 'dqn' chooses among a few things to do, and action is {action!r}: use 'hold_or_trade'."
        )
    if by == "sac" and action == "hold_or_trade":
        raise ConfigError(
            "learner 'sac' answers with numbers, and action 'hold_or_trade' is a choice: use 'ppo' or 'dqn'."
        )
    if by == "gradient" and (action != "bands" or reward != MINUS_J):
        raise ConfigError(
            f"learner 'gradient' descends along J itself, with bands: action is {action!r} and reward {reward!r}. Use "
            "action 'bands' and the default reward, or learner 'ppo'."
        )


def _checked_seeds(seeds: Any) -> tuple[int, ...]:
    many = isinstance(seeds, tuple | list | range) or (isinstance(seeds, np.ndarray) and seeds.ndim == 1)
    given = tuple(seeds) if many else ()
    if not given or not all(is_whole(s) and 0 <= s < 2**32 for s in given):
        refuse("seeds of Learned are", seeds, "give one whole number or more, each from 0 to 2^32 - 1.")
    if len(set(given)) < len(given):
        refuse("seeds of Learned are", given, "the same seed twice is the same policy. Give each once.")
    return tuple(map(int, given))
