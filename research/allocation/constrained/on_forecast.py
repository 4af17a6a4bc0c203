"""The common part of allocations on a forecast of means and covariances: the limits of its assets, and the answer."""

from abc import abstractmethod
from functools import partial

import numpy as np

from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass, field, replace
from research.allocation.answer import Answer
from research.allocation.constrained.constrained import Constrained, answer_of_optimum
from research.allocation.constraints.builder import build
from research.allocation.constraints.limits import Limits
from research.allocation.constraints.limits_used import DayProgramme
from research.allocation.constraints.market_day import known_on
from research.allocation.constraints.optimum import Optimum
from research.allocation.constraints.roots import root_of
from research.forecast import Estimated, Forecast, Moments
from research.forecast.predicted import seen_until
from research.market import Past


@dataclass(frozen=True, kw_only=True, repr=False)
class OnForecast(Constrained):
    """An allocation under constraints that optimises over the moments of a forecast.

    forecast : forecast of means and covariances.
    Others   : as of `Constrained`.
    Raises   : as `Constrained`, and what the forecast raises.
    """

    forecast: Forecast = field(default_factory=Estimated)

    @abstractmethod
    def found(self, limits: Limits, moments: Moments, past: Past) -> Optimum:
        """The best weights (k,) of the k assets of a forecast of a year, within limits, at the close of `past`."""

    @property
    def window(self) -> int:
        """Number of returns that the forecast needs."""
        return self.forecast.window

    def answer(self, past: Past, previous: Array | None = None) -> Answer:
        """Weights (n,), binding limits, and the gain from one more unit of each; a year."""
        asked = self.programme(past, previous)
        answer = answer_of_optimum(asked.best(asked.limits), columns_of_forecast(asked.moments, past), past, self.asked)
        return replace(answer, seen=asked.moments.seen, notes=(*asked.moments.notes, *answer.notes))

    def programme(self, past: Past, previous: Array | None = None) -> DayProgramme:
        """The programme at the close of `past`: its limits, and the function that gives the best weights in them."""
        moments = seen_until(past, self.forecast.predict(past), self.forecast).over(self.periods_per_year)
        best = partial(self.found, moments=moments, past=past)
        return DayProgramme(self.limits(past, moments, previous), moments, best)

    def limits(self, past: Past, moments: Moments, previous: Array | None = None) -> Limits:
        """The limits of the assets of a forecast of a year at the close of `past`; the target (n,) before is of all."""
        asked, lines = self.asked, columns_of_forecast(moments, past)
        return build(asked, known_on(past, asked, lines, self.window, moments.covariance, previous))


def columns_of_forecast(moments: Moments, past: Past) -> Rows:
    """(k,) columns of the assets of a forecast."""
    column = {asset: i for i, asset in enumerate(past.assets)}
    return np.array([column[asset] for asset in moments.assets])


def root_of_moments(moments: Moments) -> Array:
    """(k, k) with root' root = covariance."""
    return root_of(moments.covariance, moments.assets)
