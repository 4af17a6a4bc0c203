"""The reward of a decision: a weighted sum of terms, by default minus the daily terms of J.

The return R of a decision is that of NAV from its close to the close of the next decision, net of costs. No term uses
anything later than that close.
"""

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import numpy as np

from foundation.arguments import is_number, shown
from foundation.arrays import Array, Rows
from foundation.dataclasses import asdict, dataclass
from foundation.errors import ConfigError
from foundation.tolerances import SQUARED_RETURNS


@dataclass(frozen=True)
class Reward:
    """The weights of the terms of a decision's reward.

    objective  : -(cost + g/2 x squared active return), summed over the days of the decision: minus J. Each other term
                 alone has noise hundreds of times its signal, and ends far from the lowest J.
    log_growth : ln(1 + R).  Kelly (1956), A new interpretation of information rate.
    utility    : R - risk_aversion/2 x R^2.  Levy and Markowitz (1979), Approximating expected utility by a function of
                 mean and variance, American Economic Review 69(3), equation 2.
    differential_sharpe : the decision's contribution to the Sharpe ratio of R less the return of cash, with
        exponentially weighted moments of rate `memory`. (For R alone the ratio grows without bound as all goes to
        cash.) The moments start at those of the target on the training days; from zero, the first rewards would be a
        thousand times too large.  Moody and Saffell (2001), Learning to trade via direct reinforcement, IEEE
        Transactions on Neural Networks 12(4), section II-D.
    differential_downside : the same for mean over downside deviation.  The same paper, section II-E.
    drawdown   : -(increase of the drawdown), 0 where it falls; drawdown is 1 - NAV over its highest close of a
                 decision.
    risk_aversion : risk aversion of `utility`.
    memory     : rate, a decision, at which moments forget; in (0, 1].
    Raises     : ConfigError where no term has a weight, or a number is out of range.
    """

    objective: float = 1.0
    log_growth: float = 0.0
    utility: float = 0.0
    differential_sharpe: float = 0.0
    differential_downside: float = 0.0
    drawdown: float = 0.0
    risk_aversion: float = 5.0
    memory: float = 0.02
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name, value in asdict(self).items():
            if not is_number(value) or value < 0.0:
                raise ConfigError(f"{name} of Reward is {shown(value)}: give a finite number, 0 or more.")
            object.__setattr__(self, name, float(value))
        if not 0.0 < self.memory <= 1.0:
            raise ConfigError(f"memory of Reward is {shown(self.memory)}: give a number above 0 and at most 1.")
        if not any(getattr(self, name) for name in REWARD_TERMS):
            raise ConfigError(f"no term of Reward has a weight: give one to {', '.join(REWARD_TERMS)}.")


REWARD_TERMS = ("objective", "log_growth", "utility", "differential_sharpe", "differential_downside", "drawdown")
MINUS_LOSS = Reward()


class Moments(NamedTuple):
    """Moments of a decision's return over cash: its mean, its mean square, and the mean square of its negative part."""

    mean: float
    square: float
    downside: float

    @classmethod
    def of(cls, excess: Array) -> "Moments":
        """The moments of returns over cash (D,), fraction."""
        return cls(float(excess.mean()), float((excess**2).mean()), float((np.minimum(excess, 0.0) ** 2).mean()))


class Memory(NamedTuple):
    """The running state of the rewards of W paths.

    nav      : (W,) NAV, currency.
    highest  : (W,) its peak, currency.
    cash     : (W,) price of a unit of cash, currency.
    mean     : (W,) running mean of a decision's return over cash, fraction.
    square   : (W,) running mean square of this return, squared fraction.
    downside : (W,) running mean square of its negative part, squared fraction.
    """

    nav: Array
    highest: Array
    cash: Array
    mean: Array
    square: Array
    downside: Array

    @classmethod
    def of(cls, nav: Array, cash: Array, start: Moments) -> "Memory":
        """The memory of W paths at their start.

        nav   : (W,) currency.
        cash  : (W,) price of a unit of cash, currency.
        start : expected moments of a decision's return over cash.
        """
        return cls(nav.copy(), nav.copy(), cash.copy(), *(np.full(len(nav), value) for value in start))

    def reopen(self, which: Rows, nav: Array, cash: Array, start: Moments) -> None:
        """Forget the past of some paths, which start anew, in place.

        which : (m,) numbers of the paths.
        nav   : (m,) their NAV, currency.
        cash  : (m,) their price of a unit of cash, currency.
        start : expected moments of a decision's return over cash.
        """
        fresh: tuple[Array | float, ...] = (nav, nav, cash, *start)
        for kept, new in zip(self, fresh, strict=True):
            kept[which] = new


def compute_rewards(reward: Reward, memory: Memory, loss: Array, nav: Array, cash: Array) -> tuple[Array, Memory]:
    """(W,) rewards of one decision in each path, and the memory after it.

    reward : the weights of its terms.
    memory : state before the decision.
    loss   : (W,) daily terms of J, summed over the decision, fraction of NAV.
    nav    : (W,) NAV at its end, currency.
    cash   : (W,) price of a unit of cash at its end, currency.
    """
    now = memory._replace(nav=nav, highest=np.maximum(memory.highest, nav), cash=cash)
    if reward == MINUS_LOSS:  # nearly always, and a thousand worlds wait for it
        return -loss, now
    returns, excess = nav / memory.nav - 1.0, nav / memory.nav - cash / memory.cash
    terms: dict[str, Callable[[], Array]] = {
        "objective": lambda: -loss,
        "log_growth": lambda: np.log1p(returns),
        "utility": lambda: returns - reward.risk_aversion / 2.0 * returns**2,
        "differential_sharpe": lambda: _differential_sharpe(memory.mean, memory.square, excess),
        "differential_downside": lambda: _differential_downside(memory.mean, memory.downside, excess),
        "drawdown": lambda: -np.maximum(memory.nav / memory.highest - nav / now.highest, 0.0),
    }
    weights = {name: getattr(reward, name) for name in REWARD_TERMS}
    total = np.zeros(len(nav)) + sum(weight * terms[name]() for name, weight in weights.items() if weight)
    return total, now._replace(
        mean=memory.mean + reward.memory * (excess - memory.mean),
        square=memory.square + reward.memory * (excess**2 - memory.square),
        downside=memory.downside + reward.memory * (np.minimum(excess, 0.0) ** 2 - memory.downside),
    )


def _differential_sharpe(mean: Array, square: Array, returns: Array) -> Array:
    """(B dA - A dB / 2) / (B - A^2)^(3/2), with dA = R - A and dB = R^2 - B."""
    spread = square - mean**2
    known = spread > SQUARED_RETURNS
    gained = square * (returns - mean) - 0.5 * mean * (returns**2 - square)
    return np.where(known, gained / np.where(known, spread, 1.0) ** 1.5, 0.0)


def _differential_downside(mean: Array, downside: Array, returns: Array) -> Array:
    """(R - A/2) / D where R > 0, else (D^2 (R - A/2) - A R^2 / 2) / D^3, with D^2 the downside's mean square."""
    known = downside > SQUARED_RETURNS
    square = np.where(known, downside, 1.0)
    deviation = np.sqrt(square)
    up = (returns - 0.5 * mean) / deviation
    down = (square * (returns - 0.5 * mean) - 0.5 * mean * returns**2) / (square * deviation)
    return np.where(known, np.where(returns > 0.0, up, down), 0.0)
