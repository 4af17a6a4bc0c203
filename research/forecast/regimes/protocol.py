"""Regimes of an asset as known on each day: the protocol of their models, and the refits of one on a schedule."""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from foundation.arguments import is_whole, one_of, refuse
from foundation.arrays import Array, Rows
from foundation.errors import DataError
from research.forecast.model import fit_rows, last_fit
from research.market import Past
from research.market.calendars import EVERY

MOST_STATES = 6  # states
FEWEST_STATE_RETURNS = 125  # returns a state, below which a rare one is hardly met


class FittedRegimes(Protocol):
    """A fitted model of k regimes: it gives their probabilities on any day that is not before the last that it saw."""

    @property
    def seen(self) -> object:
        """The last date of its fit."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the k states, the calmest first."""

    def probabilities(self, past: Past) -> Array:
        """(T, k) probability of each state on the day of each return of `history`, from the returns up to that day.

        A day's row never changes when later days come.
        """


@runtime_checkable
class Regimes(Protocol):
    """Regimes of one asset, as known on any day."""

    @property
    def line(self) -> str:
        """The asset of the returns."""

    @property
    def window(self) -> int:
        """Number of returns that they need."""

    def in_force(self, past: Past) -> tuple[FittedRegimes, tuple[str, ...]]:
        """The regimes in force at the close of `past`, and sentences about them, such as that a later fit failed.

        Raises : DataError where nothing is known yet.
        """

    def fit_rows(self, past: Past) -> Rows:
        """Rows of the market up to today on which something else may come into force."""

    def check(self, past: Past) -> None:
        """Raise DataError for an asset that the market does not have."""


class OfLine(ABC):
    """Regimes of one asset of a market."""

    line: str

    def check(self, past: Past) -> None:
        """Raise DataError for an asset that the market does not have."""
        history(past, self.line)


class RegimeModel(OfLine):
    """Settings of regimes that are fitted anew on a schedule, and used between these days as they were.

    A fit that fails leaves the one before it in use, and `in_force` says so.
    """

    states: int
    schedule: str
    seed: int

    def __post_init__(self) -> None:
        """Raise ConfigError for a number of states, a seed or a schedule that is none."""
        owner = type(self).__name__
        if not (is_whole(self.states) and 2 <= self.states <= MOST_STATES):
            refuse(f"states of {owner} is", self.states, f"give a whole number from 2 to {MOST_STATES}.")
        if not (is_whole(self.seed) and self.seed >= 0):
            refuse(f"seed of {owner} is", self.seed, "give a whole number, 0 or more.")
        one_of(f"schedule of {owner} is", self.schedule, EVERY)

    @property
    def window(self) -> int:
        """Number of returns that the first fit needs."""
        return FEWEST_STATE_RETURNS * self.states

    @abstractmethod
    def fit(self, past: Past) -> FittedRegimes:
        """The regimes of the asset's returns up to today. Raises DataError where none are found."""

    def in_force(self, past: Past) -> tuple[FittedRegimes, tuple[str, ...]]:
        """The last fit that was found, and a sentence where a later one failed.

        Raises : DataError where none was found yet.
        """
        fitted, failed = last_fit(self, self.schedule, past)  # type: ignore[var-annotated]
        if failed is None:
            return fitted, ()
        return fitted, (
            f"the regimes of {self.line} are those of {fitted.seen:%Y-%m-%d}: a later fit failed, {failed}",
        )

    def fit_rows(self, past: Past) -> Rows:
        """Rows of the market up to today on which they are fitted."""
        return fit_rows(self.window, self.schedule, past)


def as_known(regimes: Regimes, past: Past) -> pd.DataFrame:
    """(T, k) probability of each state on each day of the market, by the model in force on that day.

    NaN on days on which nothing was known yet. Columns have the names that the states have today.
    Raises : DataError where nothing is known today.
    """
    names = regimes.in_force(past)[0].names
    found = np.full((len(past.dates), len(names)), np.nan)
    listed = np.flatnonzero(past.listed[:, past.assets.index(regimes.line)])
    for first, stop in pairwise([*regimes.fit_rows(past).tolist(), past.t + 1]):
        try:
            fitted = regimes.in_force(past.earlier(first))[0]
        except DataError:  # not known yet
            continue
        known = fitted.probabilities(past.earlier(stop - 1))
        days = np.arange(max(first, listed[0] + 1), min(stop, listed[-1] + 1))
        found[days] = known[days - listed[0] - 1]
    return pd.DataFrame(found, index=past.dates, columns=list(names))


def history(past: Past, line: str) -> Array:
    """(T,) simple returns of an asset, fraction, from the day after its listing to today.

    Raises : DataError for an unknown asset.
    """
    if line not in past.assets:
        raise DataError(f"unknown asset {line!r}: the market has {', '.join(past.assets)}. Correct the name.")
    i = past.assets.index(line)
    listed = np.flatnonzero(past.listed[:, i])
    return past.returns[listed[0] + 1 : listed[-1] + 1, i] if len(listed) else np.empty(0)


def fitted_history(past: Past, line: str, needed: int) -> Array:
    """The `history` that regimes are fitted to. A halt counts as a day with a return of zero.

    needed : number of returns.
    Raises : DataError for an unknown asset, for fewer returns, and for returns that do not move.
    """
    returns = history(past, line)
    if len(returns) < needed or np.ptp(returns) == 0.0:
        raise DataError(
            f"{len(returns)} returns of {line} up to {past.date:%Y-%m-%d}, {len(np.unique(returns))} of them "
            f"different: regimes need {needed} that move. Fit them on a later date, or on another asset."
        )
    return returns


def checked_returns(line: str, returns: Array) -> Array:
    """The returns (T,) of an asset as an array. Raises DataError for none, and for one that is not finite."""
    values = np.asarray(returns, dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise DataError(
            f"returns of {line} have shape {values.shape}, {int((~np.isfinite(values)).sum())} of them not "
            "finite: give one finite return a day, and one day at least."
        )
    return values


VOLATILITY = {
    2: ("calm", "turbulent"),
    3: ("calm", "moderate", "turbulent"),
    4: ("very calm", "calm", "turbulent", "very turbulent"),
}
TREND = 1.96  # standard errors: a mean nearer to zero is no trend


def volatility_names(states: int) -> tuple[str, ...]:
    """Names of states in the order of their volatility.

    >>> volatility_names(3), volatility_names(5)[-1]
    (('calm', 'moderate', 'turbulent'), 'state 5 of 5')
    """
    return VOLATILITY.get(states) or tuple(f"state {k + 1} of {states}" for k in range(states))


def state_names(means: Array, deviations: Array, days: Array | Rows) -> tuple[str, ...]:
    """Names of k states, by their volatility and their trend.

    means, deviations : (k,) mean and deviation of a day's return, fraction, the smallest deviation first.
    days              : (k,) number of days in each state, for the standard error of its mean.

    >>> state_names(np.array([0.001, -0.001]), np.array([0.005, 0.02]), np.array([900.0, 100.0]))
    ('calm bull', 'turbulent sideways')
    """
    errors = deviations / np.sqrt(days)
    trends = np.where(means > TREND * errors, "bull", np.where(means < -TREND * errors, "bear", "sideways"))
    return tuple(f"{name} {trend}" for name, trend in zip(volatility_names(len(means)), trends, strict=True))
