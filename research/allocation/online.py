"""Online portfolios: weights that learn from each day's returns without a model of them.

In the papers a portfolio learns from its first day on and trades each day, free of cost. Here it learns from the last
`window` returns, beginning with equal weights before the first of them, so that its target is a function of a window of
the past like that of any estimate; it learns each day whatever its schedule, and what trading costs is the engine's.
"""

import numpy as np

from foundation.arguments import check_positive, is_whole, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from research.allocation.estimated import EstimationSchedule, check_estimate, placed
from research.forecast.returns import complete_returns
from research.market import Past


@dataclass(frozen=True)
class Anticor:
    """The anticor portfolio, begun with equal weights `window` returns ago.

    lookback : returns in each of the two windows that are compared, at least 2.
    window   : number of returns that it learns from, at least twice the lookback.
    schedule : "day", "week", "month", "quarter" or "year".
    Raises   : ConfigError for settings outside these; on its schedule, DataError for an asset whose returns do not
               vary.
    Source   : Borodin, El-Yaniv, Gogan (2004), Can We Learn to Beat the Best Stock, Journal of Artificial Intelligence
               Research 21, section 4.
    """

    lookback: int = 30
    window: int = 252
    schedule: EstimationSchedule = "month"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("Anticor", self.window, self.schedule)
        if not (is_whole(self.lookback) and 2 <= self.lookback <= self.window // 2):
            fix = f"give a whole number of returns, 2 to half of the window of {self.window}."
            refuse("lookback of Anticor is", self.lookback, fix)

    def target(self, past: Past) -> Array:
        """(n,) weights that sum to one over the assets with a complete window; zero for the others."""
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
    """(k,) weights after asset i has paid each asset j that has grown no more and used to follow it.

    weights : (k,) before.
    follows : (k, k) correlation of asset i before with asset j lately.
    mean    : (k,) growth of each asset lately.
    Source  : Borodin, El-Yaniv, Gogan (2004), figure 1: a claim is the correlation where it is positive, more by how
              far either asset reverts by itself; asset i pays all it has, in proportion to the claims on it.
    """
    reverts = np.maximum(-np.diagonal(follows), 0.0)
    claims = follows + reverts[:, None] + reverts[None, :]
    claims = np.where((mean[:, None] >= mean[None, :]) & (follows > 0.0), claims, 0.0)
    np.fill_diagonal(claims, 0.0)
    total = claims.sum(axis=1, keepdims=True)
    paid = weights[:, None] * np.divide(claims, total, out=np.zeros(claims.shape), where=total > 0.0)
    moved: Array = weights + paid.sum(axis=0) - paid.sum(axis=1)
    return np.maximum(moved, 0.0)


@dataclass(frozen=True)
class ExponentialGradient:
    """The exponential-gradient portfolio, begun with equal weights `window` returns ago.

    rate     : eta, of learning, above 0: at 0 weights would stay equal.
    window   : number of returns that it learns from, at least 2.
    schedule : "day", "week", "month", "quarter" or "year".
    Raises   : ConfigError for settings outside these; on its schedule, DataError for an asset whose returns do not
               vary.
    Source   : Helmbold, Schapire, Singer, Warmuth (1998), On-Line Portfolio Selection Using Multiplicative Updates,
               Mathematical Finance 8(4).
    """

    rate: float = 0.05
    window: int = 252
    schedule: EstimationSchedule = "month"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("ExponentialGradient", self.window, self.schedule)
        check_positive(**{"rate of ExponentialGradient": self.rate})

    def target(self, past: Past) -> Array:
        """(n,) weights that sum to one over the assets with a complete window; zero for the others."""
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


@dataclass(frozen=True)
class UniversalPortfolio:
    """Cover's universal portfolio, begun `window` returns ago.

    The mean is over portfolios that are drawn from a Dirichlet distribution, each in all rotations of the assets, so
    that it begins with equal weights exactly. Draws belong to the names of the assets in alphabetical order: the order
    of the columns changes nothing.
    window        : number of returns that it learns from, at least 2.
    points        : number of draws; the error of a weight falls with its square root.
    concentration : of the Dirichlet distribution, above 0: 1 draws all portfolios alike, 0.5 more of few assets.
    seed          : of the draws.
    schedule      : "day", "week", "month", "quarter" or "year".
    Raises        : ConfigError for settings outside these; on its schedule, DataError for an asset whose returns do not
                    vary.
    Source        : Cover (1991), Universal Portfolios, Mathematical Finance 1(1), with concentration 1; Cover and
                    Ordentlich (1996), Universal Portfolios with Side Information, with 0.5.
    """

    window: int = 252
    points: int = 1_000
    concentration: float = 1.0
    seed: int = 0
    schedule: EstimationSchedule = "month"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("UniversalPortfolio", self.window, self.schedule)
        check_positive(**{"concentration of UniversalPortfolio": self.concentration})
        for name, least in (("points", 1), ("seed", 0)):
            if not (is_whole(getattr(self, name)) and getattr(self, name) >= least):
                fix = f"give a whole number, {least} or more."
                refuse(f"{name} of UniversalPortfolio is", getattr(self, name), fix)

    def target(self, past: Past) -> Array:
        """(n,) weights that sum to one over the assets with a complete window; zero for the others."""
        returns, lines = complete_returns(past, self.window)
        by_name = np.argsort([past.assets[line] for line in lines])
        weights = universal_weights(1.0 + returns[:, by_name], self._portfolios(len(lines)))
        return placed(weights, lines[by_name], past)

    def _portfolios(self, k: int) -> Array:
        """(points k, k) the drawn portfolios of k assets, in all rotations."""
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
