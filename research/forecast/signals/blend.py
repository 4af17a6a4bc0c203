"""Several signals as one forecast: each expected return weighted by how sure it is, with every part to be seen."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from foundation.arguments import is_number, is_whole, refuse
from foundation.arrays import Array, freeze_fields
from foundation.errors import ConfigError, DataError
from research.forecast.covariances import covariance
from research.forecast.moments import Moments
from research.forecast.returns import check_window, complete_returns
from research.forecast.signals.expected import DEVIATION, FEWEST, Expected, History, history
from research.forecast.signals.kinds import AverageSignal, MomentumSignal, ReversionSignal, Signal
from research.market import Past


@dataclass(frozen=True, eq=False)
class Blend:
    """The expected returns of several signals for n lines, together and one by one.

    assets  : names of the n lines.
    parts   : expectations of each signal.
    weights : (parts, n) weight of each signal, in proportion to one over its squared error; each column sums to one.
    mean    : (n,) weighted mean of the expected returns over the horizon, fraction; NaN where one is not known.
    error   : (n,) weighted mean of the errors: that of signals whose errors are the same, which past returns make
              nearly so. It claims no gain from their number.
    """

    assets: tuple[str, ...]
    parts: tuple[Expected, ...]
    weights: Array
    mean: Array
    error: Array

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "weights", "mean", "error")

    def summary(self) -> pd.DataFrame:
        """A row for each line and signal, and one for their blend: score, expected return, its error, weight."""
        columns = {
            "score": [*(part.score for part in self.parts), np.full(len(self.assets), np.nan)],
            "mean": [*(part.mean for part in self.parts), self.mean],
            "error": [*(part.error for part in self.parts), self.error],
            "weight": [*self.weights, np.ones(len(self.assets))],
        }
        names = [*(part.name for part in self.parts), "blend"]
        index = pd.MultiIndex.from_product([self.assets, names], names=["line", "signal"])
        return pd.DataFrame({name: np.column_stack(values).ravel() for name, values in columns.items()}, index=index)

    def __repr__(self) -> str:
        """The table."""
        return repr(self.summary())


def blend(signals: tuple[Signal, ...], past: History, assets: tuple[str, ...]) -> Blend:
    """The inverse-variance blend of the expectations of signals for the n lines of a past.

    Raises : DataError as the signals do.
    Source : Bates and Granger (1969), The combination of forecasts, Operational Research Quarterly 20(4), with errors
             taken for uncorrelated, as they advise where correlations are estimated from few data.
    """
    parts = tuple(signal.expected(past) for signal in signals)
    means, errors = (np.array([getattr(part, name) for part in parts]) for name in ("mean", "error"))
    certain = 1.0 / np.square(errors)
    weights = certain / certain.sum(axis=0)
    return Blend(assets, parts, weights, (weights * means).sum(axis=0), (weights * errors).sum(axis=0))


@dataclass(frozen=True)
class SignalBlend:
    """The blend of momentum, reversion and averages with exponential weights: the benchmark of any other forecast.

    Where no signal says anything, each line is expected to earn cash and the same premium a unit of volatility, the
    mean of all lines so far (`research.forecast.signals.expected`). The covariance is Ledoit and Wolf's.

    horizon   : periods of the market that the forecast is about.
    momentum  : windows of the momentum signal, numbers of returns; () leaves it out, as it does the others.
    reversion : short and long windows of the reversion signal.
    averages  : half-lives of the averages, periods.
    estimate  : number of returns of the covariance.
    Raises    : ConfigError for settings outside these; when asked, DataError for too short a history.
    """

    horizon: int = 21
    momentum: tuple[int, ...] = (21, 63, 126, 252)
    reversion: tuple[tuple[int, int], ...] = ((1, 21), (5, 63), (21, 252))
    averages: tuple[float, ...] = (21.0, 63.0)
    estimate: int = 252

    def __post_init__(self) -> None:
        """Check the settings."""
        for name in ("momentum", "reversion", "averages"):
            values = tuple(tuple(v) if isinstance(v, list) else v for v in getattr(self, name))
            object.__setattr__(self, name, values)
        check_window("SignalBlend", self.estimate)
        if not (is_whole(self.horizon) and self.horizon > 0):
            refuse("horizon of SignalBlend is", self.horizon, "give a whole number of periods, at least 1.")
        if not all(is_whole(window) and window > 0 for window in self.momentum):
            refuse("momentum of SignalBlend is", self.momentum, "give numbers of returns, such as [21, 252].")
        if not all(len(p) == 2 and all(map(is_whole, p)) and 0 < p[0] < p[1] for p in self.reversion):
            refuse("reversion of SignalBlend is", self.reversion, "give a short and a long window, such as [[5, 63]].")
        if not all(is_number(half) and half > 0.0 for half in self.averages):
            refuse("averages of SignalBlend are", self.averages, "give half-lives above 0, such as [21, 63].")
        if not self.signals:
            raise ConfigError("SignalBlend has no signal left. Give momentum, reversion or averages.")

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals that it blends."""
        given: tuple[tuple[tuple[object, ...], type], ...] = (
            (self.momentum, MomentumSignal), (self.reversion, ReversionSignal), (self.averages, AverageSignal),
        )  # fmt: skip
        return tuple(kind(settings) for settings, kind in given if settings)

    @property
    def window(self) -> int:
        """Number of returns that it needs: those of the longest score, and of its outcomes."""
        scores = max(signal.window for signal in self.signals)
        return max(scores + (FEWEST + 1) * self.horizon, self.estimate)

    def blend(self, past: Past) -> Blend:
        """The expectations of each signal for every line, and their blend. Raises DataError for too short a history."""
        return blend(self.signals, history(past, self.horizon), past.assets)

    def predict(self, past: Past) -> Moments:
        """The mean of the blend, of lines with returns enough for all scores and the covariance."""
        found = self.blend(past)
        needed = max(max(signal.window for signal in self.signals), self.estimate)
        returns, complete = complete_returns(past, needed)
        known = np.isfinite(found.mean[complete])
        if not known.any():
            raise DataError(f"no line moved in the {DEVIATION} sessions to {past.date:%Y-%m-%d}. Choose another date.")
        cov = np.atleast_2d(covariance("ledoit_wolf", returns[-self.estimate :, known], 0.0)) * self.horizon
        lines = complete[known]
        notes = tuple(
            f"{past.assets[line]} is left out: it did not move in {DEVIATION} sessions" for line in complete[~known]
        )
        assets = tuple(past.assets[line] for line in lines)
        return Moments(assets, found.mean[lines], cov, self.horizon, past.date, notes)
