"""Mean and variance from quantiles, by the normal law that fits them best, and of returns over several steps."""

import numpy as np
from scipy.special import ndtri

from foundation.arrays import Array


def location_and_scale(quantiles: Array, levels: tuple[float, ...]) -> tuple[Array, Array]:
    """Intercept and slope of the least-squares line of quantiles (..., q) on the normal quantiles of their levels (q,).

    A normal law's own mean and standard deviation come back. Quantiles that cross are put in order first.
    Source : the normal probability plot; for the order, Chernozhukov, Fernández-Val and Galichon (2010), Quantile and
             probability curves without crossing, Econometrica 78(3).

    >>> [x.round(3).tolist() for x in location_and_scale(np.array([-0.2816, 1.0, 2.2816]), (0.1, 0.5, 0.9))]
    [1.0, 1.0]
    """
    ordered, scores = np.sort(quantiles, axis=-1), ndtri(np.array(levels))
    middle = ordered.mean(axis=-1)  # the scores sum to zero: levels stand in pairs round 0.5
    return middle, ordered @ scores / float(scores @ scores)


def simple_moments(mean: Array, variance: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of exp(x) − 1, of a normal x with this mean and variance, all (k,).

    Source : the lognormal law.

    >>> [x.round(4).tolist() for x in simple_moments(np.array([0.0]), np.array([0.04]))]
    [[0.0202], [0.2061]]
    """
    growth = np.exp(mean + variance / 2.0)
    return growth - 1.0, growth * np.sqrt(np.expm1(variance))
