"""The common part of allocations on the returns of a window: its complete assets, their limits, the answer."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foundation.arrays import Array
from research.allocation.answer import Answer
from research.allocation.constrained.constrained import Constrained, answer_of
from research.allocation.constraints.builder import build
from research.allocation.constraints.limits import Limits
from research.allocation.constraints.market_day import known_on
from research.allocation.constraints.optimum import Optimum
from research.allocation.estimated import check_level
from research.forecast.returns import check_window, complete_returns
from research.market import Past


@dataclass(frozen=True, kw_only=True, repr=False)
class OnWindow(Constrained):
    """An allocation under constraints that optimises over the tail of a window of returns.

    window : number of returns, above 1 / (1 - level).
    level  : level of CVaR and the like, from 0 to 1.
    Others : as of `Constrained`; constraints of volatility take the sample covariance of the window.
    Raises : as `Constrained`.
    """

    window: int = 252
    level: float = 0.95

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        owner = type(self).__name__
        check_window(owner, self.window)
        check_level(owner, self.level, self.window)

    @abstractmethod
    def found(self, limits: Limits, returns: Array, absent: Sequence[str]) -> Optimum:
        """The best weights (k,) within limits.

        limits  : limits of the k assets with a complete window.
        returns : (T, k) returns of the window, a period.
        absent  : names of the market's other assets.
        """

    def answer(self, past: Past, previous: Array | None = None) -> Answer:
        """Weights (n,) of assets with a complete window, binding limits, and the gain from one more unit of each."""
        returns, lines = complete_returns(past, self.window)
        covariance = self.periods_per_year * np.atleast_2d(np.cov(returns, rowvar=False))
        limits = build(self.asked, known_on(past, self.asked, lines, self.window, covariance, previous))
        absent = [name for i, name in enumerate(past.assets) if i not in lines]
        return answer_of(self.found(limits, returns, absent), lines, past, self.asked)
