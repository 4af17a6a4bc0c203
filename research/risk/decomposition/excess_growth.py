"""Excess growth: what a portfolio grows faster than its lines do in the mean, since it is rebalanced to its weights."""

import numpy as np

from foundation.arrays import Array
from foundation.errors import DataError


def excess_growth(weights: Array, returns: Array) -> Array:
    """(T,) ln(1 + Σ w r) - Σ w ln(1 + r) of each period; never negative for weights of 0 or more that sum to 1.

    weights : (T, m) at the start of each period, cash included, fraction; they sum to 1.
    returns : (T, m) simple returns, fraction.
    Raises  : DataError for a loss of everything, which has no logarithm.
    Source  : Pal and Wong (2013), Energy, Entropy, and Arbitrage, where it is the free energy; in continuous time it is
              the excess growth rate (Σ w σ² - w'Σw) / 2 of Fernholz and Shay (1982), Stochastic Portfolio Theory and
              Stock Market Equilibrium.

    >>> excess_growth(np.array([[0.5, 0.5]]), np.array([[1.0, -0.5]])).round(6).tolist()
    [0.223144]
    """
    whole: Array = np.log1p((weights * returns).sum(axis=1)) - (weights * log_returns(returns)).sum(axis=1)
    return whole


def log_returns(returns: Array) -> Array:
    """(T, m) ln(1 + r). Raises DataError for a loss of everything, which has no logarithm.

    >>> log_returns(np.array([[np.e - 1.0]])).tolist()
    [[1.0]]
    """
    if not (returns > -1.0).all():
        row, column = np.argwhere(~(returns > -1.0))[0].tolist()
        raise DataError(
            f"return {returns[row, column]:.4g} in period {row} of line {column}: a line that lost everything has no "
            "growth rate, so growth cannot be split by line."
        )
    found: Array = np.log1p(returns)
    return found
