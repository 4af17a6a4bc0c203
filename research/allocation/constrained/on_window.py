"""The common part of allocations on the returns of a window, or on their tail: assets, limits, the answer."""

from abc import abstractmethod

import numpy as np

from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass
from research.allocation.answer import Answer
from research.allocation.constrained.constrained import Constrained, answer_of_optimum
from research.allocation.constraints.builder import build
from research.allocation.constraints.limits import Limits
from research.allocation.constraints.market_day import known_on
from research.allocation.constraints.optimum import Optimum
from research.allocation.estimated import check_tail_level
from research.forecast.returns import check_window, complete_returns
from research.market import Past


@dataclass(frozen=True, kw_only=True, repr=False)
class OnWindow(Constrained):
    """An allocation under constraints that optimises over the returns of a window.

    window : number of returns.
    Others : as of `Constrained`; constraints of volatility take the sample covariance of the window.
    Raises : as `Constrained`.
    """

    window: int = 252

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_window(type(self).__name__, self.window)

    @abstractmethod
    def found(self, limits: Limits, returns: Array, past: Past) -> Optimum:
        """The best weights (k,) within limits.

        limits  : limits of the k assets with a complete window.
        returns : (T, k) returns of the window, a period.
        past    : market up to the close.
        """

    def answer(self, past: Past, previous: Array | None = None) -> Answer:
        """Weights (n,) of assets with a complete window, binding limits, and the gain from one more unit of each."""
        limits, returns, lines = self.programme(past, previous)
        return answer_of_optimum(self.found(limits, returns, past), lines, past, self.asked)

    def programme(self, past: Past, previous: Array | None = None) -> tuple[Limits, Array, Rows]:
        """The limits of the k assets with a complete window, their returns (T, k) a period, and their columns (k,)."""
        returns, lines = complete_returns(past, self.window)
        covariance = self.periods_per_year * np.atleast_2d(np.cov(returns, rowvar=False))
        limits = build(self.asked, known_on(past, self.asked, lines, self.window, covariance, previous))
        return limits, returns, lines


@dataclass(frozen=True, kw_only=True, repr=False)
class OnTail(OnWindow):
    """An allocation under constraints that optimises over the tail of a window of returns.

    window : number of returns, above 1 / (1 - level).
    level  : level of CVaR and the like, from 0 to 1.
    Others : as of `OnWindow`.
    """

    level: float = 0.95

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_tail_level(type(self).__name__, self.level, self.window)
