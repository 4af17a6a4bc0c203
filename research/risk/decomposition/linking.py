"""Linking: effects of single periods, made to add up over many by the factors of Carino.

An effect is a part of one period's arithmetic difference between two returns. The differences of many periods do not
add up to that of the whole, since returns compound. Carino's factor turns an arithmetic difference into the difference
of logarithmic returns, which do add up, and the factor of the whole turns the sum back. Linking days to months and then
months to the whole gives the same as linking the days at once.
Source : Carino (1999), Combining Attribution Effects over Time, Journal of Performance Measurement 3(4).
"""

import numpy as np
from numpy.typing import ArrayLike

from foundation.arrays import Array
from foundation.errors import DataError


def linking_factors(returns: ArrayLike, benchmark: ArrayLike) -> Array:
    """(T,) Carino's factors: (ln(1 + r) - ln(1 + b)) / (r - b), or 1 / (1 + r) where both returns are equal.

    returns   : (T,) simple returns, fraction.
    benchmark : (T,) simple returns, fraction.
    Raises    : DataError for a loss of everything or more, which has no logarithm.

    >>> linking_factors([0.10, 0.25], [0.05, 0.25]).round(6).tolist()
    [0.9304, 0.8]
    """
    r, b = np.asarray(returns, dtype=float), np.asarray(benchmark, dtype=float)
    least = float(min(r.min(initial=0.0), b.min(initial=0.0)))
    if not least > -1.0:
        raise DataError(f"returns are linked by logarithms, and one is {least:.4g}: only returns above -1 have one.")
    gap = (r - b) / (1.0 + b)  # so that nothing is lost where both are nearly equal
    ratio = np.ones_like(gap)
    np.divide(np.log1p(gap), gap, out=ratio, where=gap != 0.0)
    return ratio / (1.0 + b)


def linked_effects(effects: ArrayLike, returns: ArrayLike, benchmark: ArrayLike) -> Array:
    """(T, ...) effects scaled so that all of them add up to the difference of the compounded returns.

    effects   : (T, ...) effects of each period, fraction: their sum is its return less that of the benchmark.
    returns   : (T,) simple returns of the periods, fraction.
    benchmark : (T,) simple returns, fraction.
    Raises    : DataError for a loss of everything or more.

    >>> linked_effects([0.05, 0.0], [0.10, 0.25], [0.05, 0.25]).round(6).tolist()
    [0.0625, 0.0]
    """
    values = np.asarray(effects, dtype=float)
    factors = linking_factors(returns, benchmark)
    whole = [np.expm1(np.log1p(np.asarray(r, dtype=float)).sum()) for r in (returns, benchmark)]
    scale: Array = factors / linking_factors(whole[0], whole[1])
    return values * scale.reshape(-1, *[1] * (values.ndim - 1))
