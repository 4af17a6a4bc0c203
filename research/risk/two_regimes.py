"""Two regimes of many lines at once, calm and turbulent, by the EM algorithm: their means, covariances and spells."""

from dataclasses import dataclass

import numpy as np

from research.arrays import Array
from research.compiled import compiled
from research.errors import DataError

ROUNDS = 500  # of the EM algorithm, at most
SETTLED = 1e-6  # change of the log likelihood at which it ends
TURBULENT = 0.25  # share of the days that it begins with as turbulent
SMOOTHED = 21  # days, over which it looks for them


@dataclass(frozen=True, eq=False)
class TwoRegimes:
    """Normal log returns of n lines in a calm and in a turbulent regime, and a Markov chain with daily steps.

    means       : (2, n) of a day's log return, calm first.
    covariances : (2, n, n) of a day's log return.
    transition  : (2, 2) probability of the regime in the column on the day after that in the row.
    today       : probability that the last day of the sample was turbulent, from the days up to it.
    likelihood  : log likelihood of the sample.
    Source      : Hamilton (1989), A New Approach to the Economic Analysis of Nonstationary Time Series and the Business
                  Cycle; Hamilton (1990), Analysis of time series subject to changes in regime (the EM algorithm).
    """

    means: Array
    covariances: Array
    transition: Array
    today: float
    likelihood: float

    @property
    def roots(self) -> Array:
        """(2, n, n) what normals (·, n) are multiplied with, from the right, to have the covariances."""
        return np.array([np.linalg.cholesky(covariance).T for covariance in self.covariances])

    @property
    def share(self) -> float:
        """Stationary probability of turbulence."""
        into, out = float(self.transition[0, 1]), float(self.transition[1, 0])
        return into / (into + out)


def fit_two_regimes(log_returns: Array, assets: tuple[str, ...]) -> TwoRegimes:
    """The regimes of log returns (T, n) by maximum likelihood; the calm one has the smaller variances.

    The first day's regime is drawn from the stationary probabilities. The search begins with the quarter of the days
    round which returns are largest, so that it is the same each time.
    assets : n names.
    Raises : DataError where the turbulent regime has too few days for a covariance, or lines that do not vary apart.
    """
    days, spread = len(log_returns), log_returns.std(axis=0)
    if not (spread > 0.0).all():
        raise DataError(f"{assets[int(np.argmin(spread))]} does not vary over {days} days: it has no regimes.")
    sizes = ((log_returns / spread) ** 2).mean(axis=1)
    nearby = np.convolve(sizes, np.ones(SMOOTHED) / SMOOTHED, mode="same")
    turbulent = (nearby > np.quantile(nearby, 1.0 - TURBULENT)).astype(float)
    smoothed = np.column_stack([1.0 - turbulent, turbulent])
    transition = np.array([[0.98, 0.02], [0.06, 0.94]])
    likelihood, filtered, joint = -np.inf, np.empty((days, 2)), np.zeros((2, 2))
    for _ in range(ROUNDS):
        means, covariances = _moments(log_returns, smoothed)
        density = _log_densities(log_returns, means, covariances, assets)
        before = likelihood
        likelihood = float(_smooth(density, transition, _stationary(transition), filtered, smoothed, joint))
        transition = joint / joint.sum(axis=1, keepdims=True)
        if likelihood - before < SETTLED:
            break
    order = np.argsort(np.trace(covariances / np.outer(spread, spread), axis1=1, axis2=2))
    return TwoRegimes(
        means[order],
        covariances[order],
        transition[np.ix_(order, order)],
        float(filtered[-1, order[1]]),
        likelihood,
    )


def _moments(returns: Array, weights: Array) -> tuple[Array, Array]:
    """(2, n) means and (2, n, n) covariances of returns (T, n) by weights (T, 2)."""
    total = weights.sum(axis=0)
    means = (weights.T @ returns) / total[:, None]
    apart = [returns - mean for mean in means]
    return means, np.array([(a * w[:, None]).T @ a / w.sum() for a, w in zip(apart, weights.T, strict=True)])


def _log_densities(returns: Array, means: Array, covariances: Array, assets: tuple[str, ...]) -> Array:
    """(T, 2) log density of each day's returns in each regime. Raises DataError for a covariance without a root."""
    found = np.empty((len(returns), 2))
    for k in range(2):
        try:
            root = np.linalg.cholesky(covariances[k])
        except np.linalg.LinAlgError as error:
            raise DataError(
                f"no two regimes are found in {len(returns)} returns of {', '.join(assets)}: the covariance of one has "
                "no root, since it has too few days, or lines that move as one. Take more history or fewer lines."
            ) from error
        inverse = np.linalg.inv(root)
        apart = (returns - means[k]) @ inverse.T
        found[:, k] = -0.5 * (apart * apart).sum(axis=1) - np.log(np.diag(root)).sum()
    return found - 0.5 * returns.shape[1] * np.log(2.0 * np.pi)


def _stationary(transition: Array) -> Array:
    into, out = transition[0, 1], transition[1, 0]
    return np.array([out, into]) / (into + out)


@compiled
def _smooth(density: Array, transition: Array, opening: Array, filtered: Array, smoothed: Array, joint: Array) -> float:
    """The log likelihood, by Hamilton's filter; the smoothed probabilities and their transitions, by Baum and Welch.

    density    : (T, 2) logarithms.
    transition : (2, 2).
    opening    : (2,) probabilities on the first day.
    filtered   : (T, 2) from the days so far; written.
    smoothed   : (T, 2) from all days; written.
    joint      : (2, 2) expected number of days in the row's regime, followed by the column's; written.
    """
    days, total = len(density), 0.0
    one, two = opening[0], opening[1]
    for t in range(days):
        largest = max(density[t, 0], density[t, 1])
        one, two = one * np.exp(density[t, 0] - largest), two * np.exp(density[t, 1] - largest)
        size = one + two
        total += np.log(size) + largest
        filtered[t, 0], filtered[t, 1] = one / size, two / size
        one = filtered[t, 0] * transition[0, 0] + filtered[t, 1] * transition[1, 0]
        two = filtered[t, 0] * transition[0, 1] + filtered[t, 1] * transition[1, 1]
    joint[:] = 0.0
    smoothed[days - 1] = filtered[days - 1]
    for t in range(days - 2, -1, -1):
        for j in range(2):
            expected = filtered[t, 0] * transition[0, j] + filtered[t, 1] * transition[1, j]
            odds = smoothed[t + 1, j] / expected if expected > 0.0 else 0.0
            for i in range(2):
                joint[i, j] += filtered[t, i] * transition[i, j] * odds
        smoothed[t, 0] = filtered[t, 0] * (
            transition[0, 0] * _odds(smoothed, filtered, transition, t, 0)
            + transition[0, 1] * _odds(smoothed, filtered, transition, t, 1)
        )
        smoothed[t, 1] = 1.0 - smoothed[t, 0]
    return total


@compiled
def _odds(smoothed: Array, filtered: Array, transition: Array, t: int, j: int) -> float:
    """Probability of regime j on the day after t from all days, over that from the days up to t."""
    expected = filtered[t, 0] * transition[0, j] + filtered[t, 1] * transition[1, j]
    return smoothed[t + 1, j] / expected if expected > 0.0 else 0.0
