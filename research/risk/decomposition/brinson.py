"""The attribution of Brinson and Fachler: allocation, selection and interaction by class, for any number of periods.

Source : Brinson and Fachler (1985), Measuring Non-US Equity Portfolio Performance, Journal of Portfolio Management
         11(3), with the interaction of Brinson, Hood and Beebower (1986), Determinants of Portfolio Performance.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foundation.arrays import Array
from foundation.errors import DataError

NET = 1e-6  # of the gross weight of a class: below it long and short lines cancel, and the class has no return


class Brinson(NamedTuple):
    """The effects of T periods and m classes, fraction; those of a period add up to the active return.

    allocation  : (T, m) from weights of classes other than the benchmark's.
    selection   : (T, m) from returns within classes other than the benchmark's.
    interaction : (T, m) from both at once.
    """

    allocation: Array
    selection: Array
    interaction: Array


def brinson_fachler(weights: Array, returns: Array, benchmark_weights: Array, benchmark_returns: Array) -> Brinson:
    """Allocation (w - v)(b - B), selection v (r - b) and interaction (w - v)(r - b), with B = Σ v b.

    weights           : (T, m) w, of each class in the portfolio at the start of the period, fraction; cash is a class.
    returns           : (T, m) r, of each class in the portfolio, fraction; NaN where it holds nothing of the class.
    benchmark_weights : (T, m) v, of each class in the benchmark, fraction.
    benchmark_returns : (T, m) b, of each class in the benchmark, fraction; NaN where it holds nothing of the class.

    A class that only one of the two holds has the return of that one: then it has an allocation effect only. One that
    neither holds has no effect.

    >>> found = brinson_fachler(np.array([[0.6, 0.4]]), np.array([[0.10, 0.02]]),
    ...                         np.array([[0.5, 0.5]]), np.array([[0.08, 0.02]]))
    >>> [effect.sum(axis=1).round(4).tolist() for effect in found]
    [[0.006], [0.01], [0.002]]
    """
    r = np.where(np.isnan(returns), benchmark_returns, returns)
    b = np.where(np.isnan(benchmark_returns), returns, benchmark_returns)
    r, b = np.nan_to_num(r), np.nan_to_num(b)
    whole = (benchmark_weights * b).sum(axis=1, keepdims=True)
    active = weights - benchmark_weights
    return Brinson(active * (b - whole), benchmark_weights * (r - b), active * (r - b))


def class_returns(
    weights: Array, returns: Array, members: NDArray[np.int64], names: tuple[str, ...]
) -> tuple[Array, Array]:
    """Weights and returns of classes from those of their lines.

    weights : (T, n) of the lines at the start of each period, fraction.
    returns : (T, n) of the lines, fraction.
    members : (n,) number of the class of each line.
    names   : of the m classes.
    Returns : (T, m) weights, and (T, m) returns, NaN where nothing of the class is held.
    Raises  : DataError for a class whose long and short lines cancel: it has no return.

    >>> held, gained = class_returns(np.array([[0.3, 0.1]]), np.array([[0.1, 0.02]]), np.array([0, 0]), ("funds",))
    >>> (held.round(6).tolist(), gained.round(6).tolist())
    ([[0.4]], [[0.08]])
    """
    into = (members[:, None] == np.arange(len(names))).astype(float)
    held, gross, earned = weights @ into, np.abs(weights) @ into, (weights * returns) @ into
    cancels = np.abs(held) < NET * gross
    if cancels.any():
        row, k = np.argwhere(cancels)[0].tolist()
        raise DataError(
            f"class {names[k]} holds {gross[row, k]:.4g} of NAV long and short in period {row}, and "
            f"{held[row, k]:.2g} net: it has no return, so there is no attribution by class."
        )
    gained = np.full(held.shape, np.nan)
    np.divide(earned, held, out=gained, where=held != 0.0)
    return held, gained
