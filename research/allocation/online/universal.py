"""The universal portfolio: the mean of all constant portfolios, each weighted by the wealth that it has made."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from foundation.arguments import check_positive, is_whole, refuse
from foundation.arrays import Array
from research.allocation.estimated import EstimationSchedule, check_estimate, placed
from research.forecast.returns import complete_returns
from research.market import Past


@dataclass(frozen=True)
class UniversalPortfolio:
    """Cover's universal portfolio, begun `window` returns ago.

    The mean is over portfolios that are drawn from a Dirichlet distribution, each in all rotations of the lines, so
    that it begins with equal weights exactly. Draws belong to the names of the lines in alphabetical order: the order
    of the columns changes nothing.
    window        : number of returns that it learns from, at least 2.
    points        : number of draws; the error of a weight falls with its square root.
    concentration : of the Dirichlet distribution, above 0: 1 draws all portfolios alike, 0.5 more of few lines.
    seed          : of the draws.
    schedule      : "day", "week", "month", "quarter" or "year".
    Raises        : ConfigError for settings outside these; on its schedule, DataError for a line whose returns do not
                    vary.
    Source        : Cover (1991), Universal Portfolios, Mathematical Finance 1(1), with concentration 1; Cover and
                    Ordentlich (1996), Universal Portfolios with Side Information, with 0.5.
    """

    window: int = 252
    points: int = 1_000
    concentration: float = 1.0
    seed: int = 0
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("UniversalPortfolio", self.window, self.schedule)
        check_positive(**{"concentration of UniversalPortfolio": self.concentration})
        for name, least in (("points", 1), ("seed", 0)):
            if not (is_whole(getattr(self, name)) and getattr(self, name) >= least):
                fix = f"give a whole number, {least} or more."
                refuse(f"{name} of UniversalPortfolio is", getattr(self, name), fix)

    def target(self, past: Past) -> Array:
        """(n,) weights that sum to one over the lines with a complete window; zero for the others."""
        returns, lines = complete_returns(past, self.window)
        by_name = np.argsort([past.assets[line] for line in lines])
        weights = universal_weights(1.0 + returns[:, by_name], self._portfolios(len(lines)))
        return placed(weights, lines[by_name], past)

    def _portfolios(self, k: int) -> Array:
        """(points k, k) the drawn portfolios of k lines, in all rotations."""
        drawn = np.random.default_rng(self.seed).dirichlet(np.full(k, self.concentration), self.points)
        return np.concatenate([np.roll(drawn, shift, axis=1) for shift in range(k)])


def universal_weights(relatives: Array, portfolios: Array) -> Array:
    """(k,) the mean of constant portfolios after T days, weighted by their wealth.

    relatives  : (T, k) price after over price before, of each day.
    portfolios : (N, k) weights of each, rebalanced daily without cost.
    Source     : Cover (1991), equation 2.1; the wealth of this portfolio is the mean of theirs.

    >>> halves = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> universal_weights(np.array([[1.5, 0.5]]), halves).round(12).tolist()
    [0.75, 0.25]
    """
    grown = np.zeros(len(portfolios))
    for day in relatives:
        grown += np.log(portfolios @ day)
    wealth = np.exp(grown - grown.max())
    weights: Array = wealth @ portfolios / wealth.sum()
    return weights / weights.sum()
