"""Exponential gradient: weights move towards what rose, in small multiplicative steps."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from foundation.arguments import check_positive
from foundation.arrays import Array
from research.allocation.estimated import EstimationSchedule, check_estimate, placed
from research.forecast.returns import complete_returns
from research.market import Past


@dataclass(frozen=True)
class ExponentialGradient:
    """The exponential-gradient portfolio, begun with equal weights `window` returns ago.

    rate     : eta, of learning, above 0: at 0 weights would stay equal.
    window   : number of returns that it learns from, at least 2.
    schedule : "day", "week", "month", "quarter" or "year".
    Raises   : ConfigError for settings outside these; on its schedule, DataError for a line whose returns do not vary.
    Source   : Helmbold, Schapire, Singer, Warmuth (1998), On-Line Portfolio Selection Using Multiplicative Updates,
               Mathematical Finance 8(4).
    """

    rate: float = 0.05
    window: int = 252
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("ExponentialGradient", self.window, self.schedule)
        check_positive(**{"rate of ExponentialGradient": self.rate})

    def target(self, past: Past) -> Array:
        """(n,) weights that sum to one over the lines with a complete window; zero for the others."""
        returns, lines = complete_returns(past, self.window)
        return placed(exponential_gradient_weights(1.0 + returns, self.rate), lines, past)


def exponential_gradient_weights(relatives: Array, rate: float) -> Array:
    """(k,) weights after T days, from equal ones.

    relatives : (T, k) price after over price before, of each day.
    rate      : of learning.
    Source    : Helmbold and others (1998), equation 3.3: w_i exp(rate x_i / w.x), scaled to a sum of 1.

    >>> exponential_gradient_weights(np.array([[1.1, 0.9]]), 0.05).round(4).tolist()
    [0.5025, 0.4975]
    """
    weights = np.full(relatives.shape[1], 1.0 / relatives.shape[1])
    for day in relatives:
        weights = weights * np.exp(rate * day / (weights @ day))
        weights /= weights.sum()
    return weights
