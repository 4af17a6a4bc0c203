"""Signals of a line's own past returns: momentum, reversion to a longer average, and averages with exponential weights.

A score is divided by the deviation that it has where returns are independent, so that scores of all windows compare.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from foundation.arrays import Array, running_sums
from research.forecast.signals.expected import DEVIATION, Expected, History, expected

FORGOTTEN = 4  # half-lives of returns that an average needs: 6% of its weights lie before them


class Signal(Protocol):
    """A signal: the expected return of each line over the horizon, and its standard error, on a day."""

    @property
    def name(self) -> str:
        """Name of the signal where its part is shown."""

    @property
    def window(self) -> int:
        """Number of returns that a score needs."""

    def expected(self, past: History) -> Expected:
        """Expected return (n,) and standard error (n,) of each line; NaN where it knows too little of one."""


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
    """The long average of the price less the short one: a line is expected to come back to its long average.

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
