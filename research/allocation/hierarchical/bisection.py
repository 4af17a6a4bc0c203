"""Weights by recursive bisection of a list of assets, compiled."""

import numpy as np

from foundation.arrays import Array, Rows
from foundation.compiled import compiled, linked


@linked
def _variance(products: Array, inverse: Array, first: int, stop: int) -> float:
    """The variance of the inverse-variance portfolio u of some assets: u' cov u / (sum u)^2, with u = 1 / variance.

    products : (n, n) u[i] x cov[i, j] x u[j] for j <= i.
    inverse  : (n,) u.
    first    : place of the first asset.
    stop     : place after the last one.
    """
    total = square = 0.0
    for i in range(first, stop):
        row = 0.0
        for j in range(first, i):
            row += products[i, j]
        square += products[i, i] + 2.0 * row
        total += inverse[i]
    return square / (total * total)


@compiled
def bisected(cov: Array, leaves: Rows) -> Array:
    """Weights (n,) of recursive bisection of the leaves (n,), columns of `cov` (n, n), by the variance of each half."""
    n = len(leaves)
    inverse, products, weights = np.empty(n), np.empty((n, n)), np.ones(n)
    for i in range(n):
        inverse[i] = 1.0 / cov[leaves[i], leaves[i]]
        for j in range(i + 1):
            products[i, j] = inverse[i] * cov[leaves[i], leaves[j]] * inverse[j]
    stops = np.empty(n, np.int64)  # of the parts that are still to be halved, from the last one on
    stops[0] = n
    first, left = 0, 1
    while left > 0:
        stop = stops[left - 1]
        if stop - first < 2:
            first = stop
            left -= 1
            continue
        middle = first + (stop - first) // 2
        one, other = _variance(products, inverse, first, middle), _variance(products, inverse, middle, stop)
        for i in range(first, stop):
            weights[leaves[i]] *= (other if i < middle else one) / (one + other)
        stops[left] = middle
        left += 1
    return weights
