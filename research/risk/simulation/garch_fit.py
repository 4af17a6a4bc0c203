"""A GARCH(1,1) of one asset by maximum likelihood: in milliseconds, where a library is imported for longer."""

import math
from typing import NamedTuple

import numpy as np

from foundation.arrays import Array
from foundation.compiled import compiled
from foundation.errors import DataError

FIT_STARTS = ((0.97, 0.08), (0.90, 0.15), (0.995, 0.03))  # persistence, and the share of news in it
GARCH_PERSISTENCE = 0.9999  # persistence
SMOOTH = 1e-5  # gradient of the mean log likelihood at which the search ends
FLAT = 1e-3  # gradient at which an end without more progress is a maximum too


class GarchFit(NamedTuple):
    """h_t = omega + alpha·e²_{t−1} + beta·h_{t−1}.

    omega      : constant of the variance of a day.
    alpha      : weight of yesterday's squared shock.
    beta       : weight of yesterday's variance.
    variance   : (T,) variance of each day, known the day before.
    following  : variance of the day after the last.
    likelihood : log likelihood of the shocks.
    """

    omega: float
    alpha: float
    beta: float
    variance: Array
    following: float
    likelihood: float


def fit_garch(shocks: Array, name: str) -> GarchFit:
    """The GARCH(1,1) of shocks (T,), log returns less their mean, by normal maximum likelihood.

    The first variance is that of the sample. alpha and beta are zero or more, and their sum is below one.
    name   : name of the asset, in messages.
    Raises : DataError for shocks that do not vary, and where the likelihood has no maximum inside.
    Source : Bollerslev (1986), Generalized autoregressive conditional heteroskedasticity, section 5.
    """
    from scipy.optimize import minimize

    size = float(np.sqrt(np.mean(shocks * shocks)))
    if not size > 0.0:
        raise DataError(f"{name} does not vary over {len(shocks)} days: no GARCH can be fitted to it.")
    scaled, variance = np.ascontiguousarray(shocks / size), np.empty(len(shocks))

    def loss(free: Array) -> tuple[float, Array]:
        """Minus the mean log likelihood, and its gradient, of unbounded parameters."""
        persistence, share = GARCH_PERSISTENCE * _logistic(free[0]), _logistic(free[1])
        level = math.exp(min(max(free[2], -30.0), 30.0))
        omega, alpha, beta = (1.0 - persistence) * level, persistence * share, persistence * (1.0 - share)
        value, by_omega, by_alpha, by_beta = _loss(scaled, omega, alpha, beta, variance)
        moved = persistence * (1.0 - persistence / GARCH_PERSISTENCE)
        slope = share * by_alpha + (1.0 - share) * by_beta - level * by_omega
        turned = persistence * share * (1.0 - share) * (by_alpha - by_beta)
        return value / len(scaled), np.array([slope * moved, turned, omega * by_omega]) / len(scaled)

    starts = [np.array([_logit(p / GARCH_PERSISTENCE), _logit(s), 0.0]) for p, s in FIT_STARTS]
    first = min(starts, key=lambda free: loss(free)[0])
    found = minimize(loss, first, jac=True, method="BFGS", options={"gtol": SMOOTH, "maxiter": 200})
    if not (np.isfinite(found.fun) and float(np.abs(found.jac).max()) < FLAT):
        raise DataError(
            f"the GARCH(1,1) of {name} has no maximum of its likelihood over {len(shocks)} days. Leave the asset "
            "out, or take more history."
        )
    persistence, share = GARCH_PERSISTENCE * _logistic(found.x[0]), _logistic(found.x[1])
    omega = (1.0 - persistence) * math.exp(found.x[2])
    alpha, beta = persistence * share, persistence * (1.0 - share)
    total = float(_loss(scaled, omega, alpha, beta, variance)[0])
    following = omega + alpha * scaled[-1] ** 2 + beta * variance[-1]
    likelihood = -total - len(shocks) * (math.log(size) + 0.5 * math.log(2.0 * math.pi))
    return GarchFit(omega * size**2, alpha, beta, variance * size**2, float(following) * size**2, likelihood)


def _logistic(free: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max(float(free), -30.0), 30.0)))


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))


@compiled
def _loss(shocks: Array, omega: float, alpha: float, beta: float, variance: Array) -> tuple[float, float, float, float]:
    """Half the sum of log variance and squared shock over it, and its derivatives by omega, alpha and beta.

    shocks   : (T,) shocks with a mean square of one.
    variance : (T,) variance of each day; written.
    """
    h, total = 1.0, 0.0
    of_omega, of_alpha, of_beta = 0.0, 0.0, 0.0
    by_omega, by_alpha, by_beta = 0.0, 0.0, 0.0
    for t in range(len(shocks)):
        if t > 0:
            square = shocks[t - 1] * shocks[t - 1]
            of_omega, of_alpha, of_beta = 1.0 + beta * of_omega, square + beta * of_alpha, h + beta * of_beta
            h = omega + alpha * square + beta * h
        variance[t] = h
        square = shocks[t] * shocks[t]
        total += 0.5 * (np.log(h) + square / h)
        slope = 0.5 * (1.0 - square / h) / h
        by_omega, by_alpha, by_beta = (
            by_omega + slope * of_omega,
            by_alpha + slope * of_alpha,
            by_beta + slope * of_beta,
        )
    return total, by_omega, by_alpha, by_beta
