"""The tilts of views from a forecast on other assets: a control with the same turnover and no skill."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import factorial

import numpy as np

from research.forecast.moments import Moments
from research.forecast.predicted import predicted
from research.forecast.views.forecast_views import ForecastViews
from research.market import Past


@dataclass(frozen=True)
class Exchanged:
    """Views with the tilts of other assets: a control with as much turnover and no skill.

    An asset has the tilts of the same other asset on each day: they last as long, and move as much.
    views  : whose tilts are exchanged.
    circle : the assets of the market, each of which gives its tilts to the next of those that have a forecast.
    """

    views: ForecastViews
    circle: tuple[str, ...]

    @property
    def window(self) -> int:
        """Number of returns that the views need."""
        return self.views.window

    def predict(self, past: Past) -> Moments:
        """The moments of the views with the tilts of other assets; an asset alone keeps its own."""
        prior = predicted(self.views.prior, past).over(self.views.horizon)
        moved = predicted(self.views, past)
        order = [prior.assets.index(line) for line in self.circle if line in prior.assets]
        tilts = (moved.mean - prior.mean) / prior.volatility
        mean = prior.mean.copy()
        mean[order] += prior.volatility[order] * np.roll(tilts[order], 1)
        return replace(moved, mean=mean)


def circles(lines: Sequence[str], count: int, seed: int = 0) -> list[tuple[str, ...]]:
    """Up to `count` circles of assets, no two of them alike: all there are where that is fewer, (n − 1)!.

    >>> circles(["A", "B"], 5)
    [('A', 'B')]
    """
    rng, (first, *others) = np.random.default_rng(seed), lines
    drawn: dict[tuple[str, ...], None] = {}
    while len(drawn) < min(count, factorial(len(others))):
        drawn[(first, *(others[i] for i in rng.permutation(len(others)).tolist()))] = None
    return list(drawn)
