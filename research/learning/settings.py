"""The settings of a learned rule before it is trained: target, training budget, simulated paths, learner."""

from typing import Any, ClassVar, Literal

import numpy as np

from foundation.arguments import is_whole, one_of, refuse, shown
from foundation.dataclasses import asdict, dataclass, field, fields
from foundation.errors import ConfigError
from research.allocation import Allocation
from research.allocation.allocation import LISTING
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
from research.learning.worlds.rewards import MINUS_LOSS, Reward
from research.learning.worlds.variation import Variation
from research.rules.networks.names import ACTIONS, Action, NetworkSchedule
from research.rules.protocol import UnfittedRule
from research.rules.standard_rule import check_allocation

SESSIONS_A_DECISION = {"day": 1, "week": 5, "month": 21}  # of one decision, in a world: resampled days have no calendar
LONGEST_EPISODE = 25_200  # sessions of an episode: worlds draw all of their days when they open


@dataclass(frozen=True)
class Learned(UnfittedRule):
    """The settings of a rule that `train` learns. Decisions are at the end of each period.

    allocation    : allocation whose target changes only when an asset is listed (FixedWeights, EqualWeights).
    steps         : minimum number of decisions that a seed learns from; updates are whole, see `whole_steps`.
    seeds         : one policy is trained for each.
    schedule      : "day", "week" or "month": it decides at the last session of each. None leaves it open: it is trained
                    weekly, and in a portfolio asked on the schedule that is best in training.
    block         : mean length of the blocks of days that paths are made of, sessions: long enough for volatility
                    clusters, short enough that a year draws many.
    current_share : share of the paths with the assets listed on the last training day. The others hold what was listed
                    earlier, in proportion to the days on which it was: so training sees regimes from before the
                    youngest asset.
    variation     : range of volatilities, correlations and costs of the training paths around those of the training
                    days, by default none. Evaluation uses the training days as they were.
    episode       : decisions until a path is drawn anew; its end is truncation, not ruin.
    action        : kind of decision, see `research.rules.networks.actions`. With proportional costs only boxes come
                    near the optimum; with fixed costs a trade/hold gate and a fraction do.
    reward        : reward that training maximises; evaluation is always by J.
    learner       : "gradient" (through the accounting itself, for bands with proportional costs: the nearest to known
                    optima for its seconds), "cross_entropy" (random search over a few parameters, for all actions and
                    costs, the baseline that the others must beat), or "ppo", "sac" and "dqn" (reinforcement learning);
                    see `research.learning.learners`.
    patience      : early stopping: a seed stops after so many of the twelve points of its learning curve without a new
                    lowest J, and keeps the network of the lowest. 0 never stops, and keeps the last network.
    device        : device of stable-baselines3's networks: "cpu", where a seed repeats to the bit, or "cuda", which is
                    slower for networks this small.
    ppo, sac, dqn, gradient, cross_entropy : settings of each learner; give only those of the learner in use.
    Raises        : ConfigError for a setting out of range, an allocation that is refitted, or a learner that cannot
                    learn the action.
    """

    allocation: Allocation
    steps: int = 400_000
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    schedule: NetworkSchedule | None = None
    block: int = 40
    current_share: float = 0.5
    variation: Variation = field(default_factory=Variation)
    episode: int = 156
    action: Action = "bands"
    reward: Reward = field(default_factory=Reward)
    learner: LearnerName = "gradient"
    patience: int = 0
    device: Literal["cpu", "cuda"] = "cpu"
    ppo: PPOSettings = field(default_factory=PPOSettings)
    sac: SACSettings = field(default_factory=SACSettings)
    dqn: DQNSettings = field(default_factory=DQNSettings)
    gradient: GradientSettings = field(default_factory=GradientSettings)
    cross_entropy: CrossEntropySettings = field(default_factory=CrossEntropySettings)
    family: ClassVar[str] = "learned"  # type: ignore[misc]

    def __post_init__(self) -> None:
        """Check the settings and keep the seeds immutable."""
        check_allocation(self)
        schedule = self.allocation.schedule
        if schedule != LISTING:
            raise ConfigError(
                f"Learned holds {shown(self.allocation)}, whose schedule is {shown(schedule)}, but a learned rule "
                "needs a target that changes only when an asset is listed. Use FixedWeights or EqualWeights, or "
                "another rule."
            )
        check_counts(self, "steps", "block", "episode")
        check_counts(self, "patience", least=0)
        check_within(self, "current_share", 0.0, 1.0)
        one_of("schedule of Learned is", self.trained_schedule, SESSIONS_A_DECISION)
        if self.episode * SESSIONS_A_DECISION[self.trained_schedule] > LONGEST_EPISODE:
            most = LONGEST_EPISODE // SESSIONS_A_DECISION[self.trained_schedule]
            refuse("episode of Learned is", self.episode, f"give at most {most:,} decisions, a hundred years.")
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
                    f"{name} of Learned is {shown(given)}, but its learner is {shown(self.learner)}: leave {name} out."
                )
        if self.device == "cuda" and self.learner in ("gradient", "cross_entropy"):
            raise ConfigError(
                f"device of Learned is 'cuda', but learner {self.learner!r} runs on the CPU only: use 'cpu'."
            )
        if self.patience and not self.reward.objective:
            raise ConfigError(
                f"patience of Learned is {self.patience}: early stopping watches the loss, but {self.reward!r} gives "
                "it no weight. Leave patience out, or give `objective` a weight."
            )
        object.__setattr__(self, "seeds", _checked_seeds(self.seeds))

    @property
    def trained_schedule(self) -> NetworkSchedule:
        """The schedule of its decisions in training."""
        return "week" if self.schedule is None else self.schedule

    @property
    def leaves_schedule_open(self) -> bool:
        """True if the schedule on which a portfolio asks it is still to be chosen in training."""
        return self.schedule is None

    @property
    def learner_settings(self) -> Any:
        """The settings of the learner in use."""
        return getattr(self, self.learner)

    @property
    def whole_steps(self) -> int:
        """Decisions that a seed learns from: `steps`, rounded up to whole updates."""
        return -(-self.steps // self.learner_settings.update) * self.learner_settings.update

    def settings(self) -> dict[str, Any]:
        """Every setting but the allocation, as plain JSON values; of the learners' settings only those in use."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("allocation", *LEARNERS)}
        nested = {name: asdict(getattr(self, name)) for name in ("variation", "reward", self.learner)}
        return own | {"seeds": list(self.seeds), "schedule": self.trained_schedule, **nested}


def _check_learner(by: str, action: str, reward: Reward) -> None:
    """Raise ConfigError for an action or reward that a learner cannot learn."""
    if by == "dqn" and action != "hold_or_trade":
        raise ConfigError(f"learner 'dqn' needs a discrete action, but action is {shown(action)}: use 'hold_or_trade'.")
    if by == "sac" and action == "hold_or_trade":
        raise ConfigError(
            "learner 'sac' needs continuous actions, but 'hold_or_trade' is discrete: use learner 'ppo' or 'dqn'."
        )
    if by == "gradient" and (action != "bands" or reward != MINUS_LOSS):
        raise ConfigError(
            f"learner 'gradient' minimises the loss directly and needs bands: action is {shown(action)} and reward "
            f"{reward!r}. Use action 'bands' and the default reward, or learner 'cross_entropy' or 'ppo'."
        )


def _checked_seeds(seeds: Any) -> tuple[int, ...]:
    many = isinstance(seeds, tuple | list | range) or (isinstance(seeds, np.ndarray) and seeds.ndim == 1)
    given = tuple(seeds) if many else ()
    if not given or not all(is_whole(s) and 0 <= s < 2**32 for s in given):
        refuse("seeds of Learned are", seeds, "give at least one whole number, each from 0 to 2^32 - 1.")
    if len(set(given)) < len(given):
        refuse("seeds of Learned are", given, "a repeated seed gives the same policy. Give each seed once.")
    return tuple(map(int, given))
