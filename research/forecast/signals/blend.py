"""Several signals as one forecast: each expected return weighted by how sure it is, with every part to be seen.

The signals are of an asset's own past returns: momentum, reversion to a longer average, and averages with exponential
weights. A score is divided by the deviation that it has where returns are independent, so that scores of all windows
compare.
"""

from typing import Protocol

import numpy as np
import pandas as pd

from foundation.arguments import is_number, is_whole, refuse
from foundation.arrays import Array, freeze_fields, running_sums
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError
from research.forecast.covariances import covariance
from research.forecast.moments import Moments
from research.forecast.returns import check_window, complete_returns, left_out
from research.forecast.signals.expected import DEVIATION, FEWEST_HORIZONS, Expected, History, expected, signal_history
from research.market import Past

FORGOTTEN = 4  # half-lives of returns that an average needs: 6 % of its weights lie before them


class Signal(Protocol):
    """A signal: the expected return of each asset over the horizon, and its standard error, on a day."""

    @property
    def name(self) -> str:
        """Name of the signal where its part is shown."""

    @property
    def window(self) -> int:
        """Number of returns that a score needs."""

    def expected(self, past: History) -> Expected:
        """Expected return (n,) and standard error (n,) of each asset; NaN where it knows too little of one."""


@dataclass(frozen=True)
class MomentumSignal:
    """The return over each window, over cash.

    windows : numbers of returns.
    Source  : Moskowitz, Ooi and Pedersen (2012), Time series momentum, Journal of Financial Economics 104(2).
    """

    windows: tuple[int, ...]
    name = "momentum"

    @property
    def window(self) -> int:
        """Number of returns that a score needs."""
        return max(*self.windows, DEVIATION)

    def expected(self, past: History) -> Expected:
        """The expected returns of today, see `Signal`."""
        return scored(self, past.total, [{0: w**-0.5, w: -(w**-0.5)} for w in self.windows], past)


@dataclass(frozen=True)
class ReversionSignal:
    """The long average of the price less the short one: an asset is expected to come back to its long average.

    The price is the sum of returns over cash, so that an average of it is one of logarithms but for small terms.
    pairs  : short and long windows, the short one first.
    Source : Lehmann (1990), Fads, martingales, and market efficiency, Quarterly Journal of Economics 105(1); as a
             difference of two averages: Brock, Lakonishok and LeBaron (1992), Simple technical trading rules and the
             stochastic properties of stock returns, Journal of Finance 47(5).
    """

    pairs: tuple[tuple[int, int], ...]
    name = "reversion"

    @property
    def window(self) -> int:
        """Number of returns that a score needs."""
        return max(*(long for _, long in self.pairs), DEVIATION)

    def expected(self, past: History) -> Expected:
        """The expected returns of today, see `Signal`."""
        forms = []
        for short, long in self.pairs:
            form = {0: 1.0 / long - 1.0 / short, short: 1.0 / short, long: -1.0 / long}
            deviation = float(np.square(gap_weights(short, long)).sum()) ** 0.5
            forms.append({lag: weight / deviation for lag, weight in form.items()})
        return scored(self, running_sums(past.total[1:]), forms, past)


@dataclass(frozen=True)
class AverageSignal:
    """The mean return over cash with exponential weights.

    half_lives : periods after which a return has half the weight.
    Source     : Baz and others (2015), Dissecting investment strategies in the cross section and time series, section
                 on momentum: averages of several half-lives.
    """

    half_lives: tuple[float, ...]
    name = "average"

    @property
    def window(self) -> int:
        """Number of returns that a score needs."""
        return max(round(FORGOTTEN * max(self.half_lives)), DEVIATION)

    def expected(self, past: History) -> Expected:
        """The expected returns of today, see `Signal`."""
        from research.forecast.signals.pooled import exponential_means

        found, today = np.zeros_like(past.excess), []
        for half_life in self.half_lives:
            decay = 0.5 ** (1.0 / half_life)
            mean = exponential_means(past.excess, decay)
            mean /= ((1.0 - decay) / (1.0 + decay)) ** 0.5
            today.append(mean[-1] * past.precision[-1])
            found += mean
        found *= past.precision / len(today)
        return expected(self.name, found, np.array(today), self.window, past)


def scored(signal: Signal, sums: Array, forms: list[dict[int, float]], past: History) -> Expected:
    """Expected returns of a signal with the scores Σ weight × sums of `lag` days before, over the deviation of a day.

    sums  : (T + 1, n) running sums; before the first day they are taken for 0.
    forms : {lag: weight} of each score.
    """
    from research.forecast.signals.pooled import linear_scores

    lags = sorted({lag for form in forms for lag in form})
    weights = np.array([[form.get(lag, 0.0) for lag in lags] for form in forms])
    mean = linear_scores(sums, np.array(lags), weights.mean(axis=0), past.precision)
    ago = sums[np.maximum(len(sums) - 1 - np.array(lags), 0)]
    return expected(signal.name, mean, weights @ ago * past.precision[-1], signal.window, past)


def gap_weights(short: int, long: int) -> Array:
    """(long − 1,) weights of the returns of 0, 1, 2 ... days before, in a long average of prices less a short one.

    >>> gap_weights(1, 3).round(2).tolist()
    [-0.67, -0.33]
    """
    ago = np.arange(long - 1)
    return np.maximum(short - 1.0 - ago, 0.0) / short - (long - 1.0 - ago) / long


@dataclass(frozen=True, eq=False)
class Blend:
    """The expected returns of several signals for n assets, together and one by one.

    assets  : names of the n assets.
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
        """A row for each asset and signal, and one for their blend: score, expected return, its error, weight."""
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
    """The inverse-variance blend of the expectations of signals for the n assets of a past.

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

    Where no signal says anything, each asset is expected to earn cash and the same premium a unit of volatility, the
    mean of all assets so far (`research.forecast.signals.expected`). The covariance is Ledoit and Wolf's.

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
        return max(scores + (FEWEST_HORIZONS + 1) * self.horizon, self.estimate)

    def blend(self, past: Past) -> Blend:
        """The expectations of each signal by asset, and their blend. Raises DataError for too short a history."""
        return blend(self.signals, signal_history(past, self.horizon), past.assets)

    def predict(self, past: Past) -> Moments:
        """The mean of the blend, of assets with returns enough for all scores and the covariance."""
        found = self.blend(past)
        needed = max(max(signal.window for signal in self.signals), self.estimate)
        returns, complete = complete_returns(past, needed)
        known = np.isfinite(found.mean[complete])
        if not known.any():
            raise DataError(f"no asset moved in the {DEVIATION} sessions to {past.date:%Y-%m-%d}. Choose another date.")
        cov = np.atleast_2d(covariance("ledoit_wolf", returns[-self.estimate :, known], 0.0)) * self.horizon
        lines = complete[known]
        notes = left_out(past, needed) + tuple(
            f"{past.assets[line]} is left out: it did not move in {DEVIATION} sessions" for line in complete[~known]
        )
        assets = tuple(past.assets[line] for line in lines)
        return Moments(assets, found.mean[lines], cov, self.horizon, past.date, notes)
