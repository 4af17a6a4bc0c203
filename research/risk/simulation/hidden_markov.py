"""Hidden Markov models of normal returns: Hamilton's filter, Kim's smoother, and a fit by the EM algorithm."""

import numpy as np

from foundation.arrays import Array, Rows
from foundation.compiled import compiled
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.risk.simulation.markov_chain import stationary

EM_ROUNDS = 5_000  # of the EM algorithm, at most
TRIAL_ROUNDS = 25  # rounds after which the best of several starts is chosen
SETTLED_LIKELIHOOD = 1e-5  # change of the log likelihood at which it ends
TURBULENT = 0.25  # share of the days that it begins with as the most turbulent
SMOOTHED = 21  # days, over which it looks for them
PRIOR_DAYS = 10.0  # days a state, that count as spent alike in the transitions that it begins with
COLLAPSED = 1e-3  # of an asset's deviation, below which a state holds days without movement


@dataclass(frozen=True, eq=False)
class HiddenMarkov:
    """Normal returns of n assets in each of k states, and a Markov chain with daily steps.

    means       : (k, n) mean of a day's return, the state with the smallest variances first.
    covariances : (k, n, n) covariance of a day's return.
    transition  : (k, k) probability of the state in the column on the day after that in the row.
    today       : (k,) probability of each state on the last day of the sample, from the days up to it.
    days        : (k,) expected number of days of the sample in each state, from all of them.
    likelihood  : log likelihood of the sample.
    Source      : Hamilton (1989), A New Approach to the Economic Analysis of Nonstationary Time Series and the Business
                  Cycle; Hamilton (1990), Analysis of time series subject to changes in regime (the EM algorithm).
    """

    means: Array
    covariances: Array
    transition: Array
    today: Array
    days: Array
    likelihood: float

    @property
    def roots(self) -> Array:
        """(k, n, n) factors from the right that give normals (·, n) the covariances."""
        return np.array([np.linalg.cholesky(covariance).T for covariance in self.covariances])

    @property
    def shares(self) -> Array:
        """(k,) stationary probability of each state."""
        return stationary(self.transition)


def fit_hidden_markov(
    returns: Array, names: tuple[str, ...], states: int = 2, starts: int = 1, seed: int = 0
) -> HiddenMarkov:
    """The states of returns (T, n) by maximum likelihood, that with the smallest variances first.

    The first day's state is drawn from the stationary probabilities. The first start takes days for the more turbulent
    the larger returns are round them, so that it is the same each time; further ones draw the states of stretches.
    names  : names of the n assets.
    states : number of states k, 2 or more.
    starts : number of starts of the search, of which the best after 25 rounds is continued.
    seed   : seed of further starts.
    Raises : DataError where a state has too few days for a covariance, assets that do not vary apart, and where no
             maximum is found.
    """
    days, spread = len(returns), returns.std(axis=0)
    if not (spread > 0.0).all():
        raise DataError(f"{names[int(np.argmin(spread))]} does not vary over {days} days: it has no regimes.")
    nearby = np.convolve(((returns / spread) ** 2).mean(axis=1), np.ones(SMOOTHED) / SMOOTHED, mode="same")
    rng = np.random.default_rng(seed)
    first = [_labels(nearby, 1.0 - TURBULENT ** (np.arange(1, states) / (states - 1)))]
    labels = first + [_drawn(returns, nearby, states, rng) for _ in range(starts - 1)]
    tried, failed = [], None
    for one in labels:
        try:
            tried.append(_maximised(returns, names, *_opening(one, states), TRIAL_ROUNDS if starts > 1 else EM_ROUNDS))
        except DataError as error:
            failed = failed or error
    if not tried:
        raise failed or DataError("no start of the search was given. Give one at least.")
    best = max(tried, key=lambda one: one.likelihood)
    found = best if starts == 1 else _maximised(returns, names, best.smoothed, best.transition, EM_ROUNDS)
    if not found.settled:
        raise DataError(
            f"no {states} regimes are found in {days} returns of {', '.join(names)}: the likelihood still rises after "
            f"{EM_ROUNDS:,} rounds. Take fewer regimes or more history."
        )
    order = np.argsort(np.trace(found.covariances / np.outer(spread, spread), axis1=1, axis2=2))
    return HiddenMarkov(
        found.means[order],
        found.covariances[order],
        found.transition[np.ix_(order, order)],
        found.filtered[-1, order],
        found.smoothed.sum(axis=0)[order],
        found.likelihood,
    )


def filtered_probabilities(density: Array, transition: Array) -> tuple[Array, float]:
    """(T, k) probability of each state on each day, from the days up to and including it; and the log likelihood.

    density    : (T, k) logarithm of the density of each day's return in each state.
    transition : (k, k) probabilities; the chain starts from their stationary ones.
    Source     : Hamilton (1994), equations 22.4.5 and 22.4.6.
    """
    filtered = np.empty_like(density)
    density, opening = np.ascontiguousarray(density), stationary(transition)
    return filtered, float(_filter(density, np.ascontiguousarray(transition), opening, filtered))


def smoothed_probabilities(filtered: Array, transition: Array) -> Array:
    """(T, k) probability of each state on each day, from all days, later ones too.

    filtered   : (T, k) probabilities from the days up to each.
    transition : (k, k).
    Source     : Kim (1994), as in Hamilton (1994), equation 22.4.14.
    """
    smoothed = np.empty_like(filtered)
    _smooth(filtered, np.ascontiguousarray(transition), smoothed, np.zeros_like(transition))
    return smoothed


# -- the EM algorithm ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Found:
    means: Array
    covariances: Array
    transition: Array
    filtered: Array
    smoothed: Array
    likelihood: float
    settled: bool


def _labels(nearby: Array, cuts: Array) -> Rows:
    """(T,) state of each day, by quantiles of the size of the returns round it."""
    return np.searchsorted(np.quantile(nearby, cuts), nearby, side="left")


def _drawn(returns: Array, nearby: Array, states: int, rng: np.random.Generator) -> Rows:
    """(T,) state of each day, by the size of returns round it, cut at random, and in part by their sign."""
    cuts = np.cumsum(rng.dirichlet(np.full(states, 2.0)))[:-1]
    sizes = (returns / returns.std(axis=0)).mean(axis=1)
    trend = np.convolve(sizes, np.ones(SMOOTHED) / SMOOTHED, mode="same")
    return _labels(nearby + rng.normal(0.0, 2.0) * trend, cuts)


def _opening(labels: Rows, states: int) -> tuple[Array, Array]:
    """(T, k) the labels as probabilities, and (k, k) how they follow each other."""
    counts = np.full((states, states), PRIOR_DAYS / states)
    np.add.at(counts, (labels[:-1], labels[1:]), 1.0)
    return np.eye(states)[labels], counts / counts.sum(axis=1, keepdims=True)


def _maximised(returns: Array, names: tuple[str, ...], smoothed: Array, transition: Array, rounds: int) -> _Found:
    """The maximum of the likelihood, or where `rounds` rounds have come."""
    smoothed, filtered, joint = smoothed.copy(), np.empty_like(smoothed), np.zeros_like(transition)
    likelihood, settled = -np.inf, False
    for _ in range(rounds):
        means, covariances = _moments(returns, smoothed, names)
        density = _log_densities(returns, means, covariances, names)
        before = likelihood
        likelihood = float(_filter(density, transition, stationary(transition), filtered))
        _smooth(filtered, transition, smoothed, joint)
        transition = joint / joint.sum(axis=1, keepdims=True)
        if settled := likelihood - before < SETTLED_LIKELIHOOD:
            break
    return _Found(means, covariances, transition, filtered, smoothed, likelihood, settled)


def _moments(returns: Array, weights: Array, names: tuple[str, ...]) -> tuple[Array, Array]:
    """(k, n) means and (k, n, n) covariances of returns (T, n) by weights (T, k)."""
    total = weights.sum(axis=0)
    if total.min() < returns.shape[1] + 1:
        raise DataError(
            f"no {len(total)} regimes are found in {len(returns)} returns of {', '.join(names)}: one has "
            f"{total.min():.1f} days. Take fewer regimes or more history."
        )
    means = (weights.T @ returns) / total[:, None]
    apart = [returns - mean for mean in means]
    return means, np.array([(a * w[:, None]).T @ a / w.sum() for a, w in zip(apart, weights.T, strict=True)])


def _log_densities(returns: Array, means: Array, covariances: Array, names: tuple[str, ...]) -> Array:
    """(T, k) log density of each day's returns in each state. Raises DataError for a covariance without a root."""
    found, least = np.empty((len(returns), len(means))), COLLAPSED * returns.std(axis=0)
    for k in range(len(means)):
        try:
            root = np.linalg.cholesky(covariances[k])
            if (np.diag(covariances[k]) < least**2).any():
                raise np.linalg.LinAlgError
        except np.linalg.LinAlgError as error:
            raise DataError(
                f"no {len(means)} regimes are found in {len(returns)} returns of {', '.join(names)}: the covariance of "
                "one has no root, since it has too few days, or assets that do not move or move as one. Take more "
                "history, fewer regimes or fewer assets."
            ) from error
        inverse = np.linalg.inv(root)
        apart = (returns - means[k]) @ inverse.T
        found[:, k] = -0.5 * (apart * apart).sum(axis=1) - np.log(np.diag(root)).sum()
    return found - 0.5 * returns.shape[1] * np.log(2.0 * np.pi)


@compiled
def _filter(density: Array, transition: Array, opening: Array, filtered: Array) -> float:
    """The log likelihood, by Hamilton's filter.

    density    : (T, k) logarithms.
    transition : (k, k).
    opening    : (k,) probabilities on the first day, before its return.
    filtered   : (T, k) probabilities from the days so far; written.
    """
    days, k = density.shape
    total, ahead = 0.0, opening.copy()
    for t in range(days):
        largest, size = density[t, 0], 0.0
        for j in range(1, k):
            largest = max(largest, density[t, j])
        for j in range(k):
            filtered[t, j] = ahead[j] * np.exp(density[t, j] - largest)
            size += filtered[t, j]
        total += np.log(size) + largest
        for j in range(k):
            filtered[t, j] /= size
        for j in range(k):
            ahead[j] = 0.0
            for i in range(k):
                ahead[j] += filtered[t, i] * transition[i, j]
    return total


@compiled
def _smooth(filtered: Array, transition: Array, smoothed: Array, joint: Array) -> None:
    """The smoothed probabilities and their transitions, by Kim, and by Baum and Welch.

    filtered   : (T, k) probabilities from the days so far.
    transition : (k, k).
    smoothed   : (T, k) probabilities from all days; written.
    joint      : (k, k) expected number of days in the row's state, followed by the column's; written.
    """
    days, k = filtered.shape
    odds = np.empty(k)
    joint[:] = 0.0
    for j in range(k):
        smoothed[days - 1, j] = filtered[days - 1, j]
    for t in range(days - 2, -1, -1):
        for j in range(k):
            expected = 0.0
            for i in range(k):
                expected += filtered[t, i] * transition[i, j]
            odds[j] = smoothed[t + 1, j] / expected if expected > 0.0 else 0.0
        size = 0.0
        for i in range(k):
            smoothed[t, i] = 0.0
            for j in range(k):
                both = filtered[t, i] * transition[i, j] * odds[j]
                joint[i, j] += both
                smoothed[t, i] += both
            size += smoothed[t, i]
        for i in range(k):
            smoothed[t, i] /= size
