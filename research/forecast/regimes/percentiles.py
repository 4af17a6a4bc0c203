"""Regimes by the percentile of today's volatility among those so far: low, moderate, high, crisis."""

from itertools import pairwise

import numpy as np
import pandas as pd

from foundation.arguments import check_positive, is_number, is_whole, refuse
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass
from research.forecast.regimes.protocol import OfLine, checked_returns, fitted_history, history
from research.market import Past

REGIME_NAMES = ("low", "moderate", "high", "crisis")
FEWEST_KNOWN = 250  # volatilities, without which a percentile says little


@dataclass(frozen=True)
class VolatilityPercentiles(OfLine):
    """Four regimes by the percentile of an asset's volatility, with exponential weights, among those of the days so
    far.

    Nothing is fitted: each day counts among the days up to it alone.
    line      : the asset of the returns.
    half_life : of the weights of squared returns, days.
    levels    : percentiles, as fractions, above which volatility is moderate, high and a crisis.
    lookback  : number of days, today's included, among which today's volatility counts; None for all of them so far.
    Raises    : ConfigError for levels that do not rise between 0 and 1, and for another setting out of range.
    """

    line: str
    half_life: float = 21.0
    levels: tuple[float, float, float] = (0.5, 0.8, 0.95)
    lookback: int | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        check_positive(**{"half_life of VolatilityPercentiles": self.half_life})
        edges = (0.0, *self.levels, 1.0) if len(self.levels) == 3 and all(map(is_number, self.levels)) else ()
        if not edges or any(low >= high for low, high in pairwise(edges)):
            refuse("levels of VolatilityPercentiles are", self.levels, "give three that rise between 0 and 1.")
        if self.lookback is not None and not (is_whole(self.lookback) and self.lookback >= FEWEST_KNOWN):
            refuse("lookback of VolatilityPercentiles is", self.lookback, f"give {FEWEST_KNOWN} days or more, or none.")

    @property
    def window(self) -> int:
        """Number of returns that they need."""
        return FEWEST_KNOWN

    def in_force(self, past: Past) -> tuple["PercentileRegimes", tuple[str, ...]]:
        """The regimes up to today. Raises DataError for too few returns."""
        fitted_history(past, self.line, self.window)
        return PercentileRegimes(self, past.date), ()

    def fit_rows(self, past: Past) -> Rows:
        """The row of the first day with enough returns."""
        listed = np.flatnonzero(past.listed[:, past.assets.index(self.line)])
        return listed[self.window : self.window + 1]

    def percentiles(self, returns: Array, days: int | None = None) -> Array:
        """(T,) share of the volatilities so far below that of each day, half of its equals counted, 0 to 1.

        returns : (T,) simple, fraction.
        days    : number of days, the last ones, that are asked for; None for all T.
        """
        from research.forecast.regimes.kernels import ranks_so_far, running_mean

        values = checked_returns(self.line, returns)
        volatility = np.sqrt(running_mean(values * values, self.half_life))
        return ranks_so_far(volatility, len(values) if self.lookback is None else int(self.lookback), days)


@dataclass(frozen=True)
class PercentileRegimes:
    """Regimes by `VolatilityPercentiles`, up to a day."""

    settings: VolatilityPercentiles
    seen: pd.Timestamp
    names: tuple[str, ...] = REGIME_NAMES

    def probabilities(self, past: Past) -> Array:
        """(T, 4) one for the regime of each day, zero for the others."""
        ranks = self.settings.percentiles(history(past, self.settings.line))
        return np.eye(len(REGIME_NAMES))[np.searchsorted(self.settings.levels, ranks, side="left")]
