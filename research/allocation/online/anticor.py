"""Anticor: weight moves from lines that did well lately to those that used to follow them."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from foundation.arguments import is_whole, refuse
from foundation.arrays import Array
from research.allocation.estimated import EstimationSchedule, check_estimate, placed
from research.forecast.returns import complete_returns
from research.market import Past


@dataclass(frozen=True)
class Anticor:
    """The anticor portfolio, begun with equal weights `window` returns ago.

    lookback : returns in each of the two windows that are compared, at least 2.
    window   : number of returns that it learns from, at least twice the lookback.
    schedule : "day", "week", "month", "quarter" or "year".
    Raises   : ConfigError for settings outside these; on its schedule, DataError for a line whose returns do not vary.
    Source   : Borodin, El-Yaniv, Gogan (2004), Can We Learn to Beat the Best Stock, Journal of Artificial Intelligence
               Research 21, section 4.
    """

    lookback: int = 30
    window: int = 252
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("Anticor", self.window, self.schedule)
        if not (is_whole(self.lookback) and 2 <= self.lookback <= self.window // 2):
            fix = f"give a whole number of returns, 2 to half of the window of {self.window}."
            refuse("lookback of Anticor is", self.lookback, fix)

    def target(self, past: Past) -> Array:
        """(n,) weights that sum to one over the lines with a complete window; zero for the others."""
        returns, lines = complete_returns(past, self.window)
        return placed(anticor_weights(1.0 + returns, self.lookback), lines, past)


def anticor_weights(relatives: Array, lookback: int) -> Array:
    """(k,) weights after T days, from equal ones: each day they drift, and then weight is transferred.

    relatives : (T, k) price after over price before, of each day.
    lookback  : w; the first transfer is after 2 w days.
    """
    logs = np.log(relatives)
    weights = np.full(relatives.shape[1], 1.0 / relatives.shape[1])
    for t, day in enumerate(relatives, start=1):
        weights = weights * day / (weights @ day)
        if t >= 2 * lookback:
            recent = logs[t - lookback : t]
            follows = lagged_correlations(logs[t - 2 * lookback : t - lookback], recent)
            weights = transferred(weights, follows, recent.mean(axis=0))
    return weights / weights.sum()


def lagged_correlations(before: Array, recent: Array) -> Array:
    """(k, k) correlation of column i of `before` (w, k) with column j of `recent` (w, k); 0 for a constant one."""
    one, other = before - before.mean(axis=0), recent - recent.mean(axis=0)
    size = np.sqrt(np.outer((one**2).sum(axis=0), (other**2).sum(axis=0)))
    return np.divide(one.T @ other, size, out=np.zeros(size.shape), where=size > 0.0)


def transferred(weights: Array, follows: Array, mean: Array) -> Array:
    """(k,) weights after line i has paid each line j that has grown no more and used to follow it.

    weights : (k,) before.
    follows : (k, k) correlation of line i before with line j lately.
    mean    : (k,) growth of each line lately.
    Source  : Borodin, El-Yaniv, Gogan (2004), figure 1: a claim is the correlation where it is positive, more by how
              far either line reverts by itself; line i pays all it has, in proportion to the claims on it.
    """
    reverts = np.maximum(-np.diagonal(follows), 0.0)
    claims = follows + reverts[:, None] + reverts[None, :]
    claims = np.where((mean[:, None] >= mean[None, :]) & (follows > 0.0), claims, 0.0)
    np.fill_diagonal(claims, 0.0)
    total = claims.sum(axis=1, keepdims=True)
    paid = weights[:, None] * np.divide(claims, total, out=np.zeros(claims.shape), where=total > 0.0)
    moved: Array = weights + paid.sum(axis=0) - paid.sum(axis=1)
    return np.maximum(moved, 0.0)
