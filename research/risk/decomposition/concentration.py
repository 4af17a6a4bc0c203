"""The concentration of a portfolio: by weight, and by the risk that diversification removes."""

import math

import numpy as np
from numpy.typing import ArrayLike

from foundation.arrays import Array
from foundation.errors import DataError
from foundation.tolerances import COUNTED
from research.risk.series import one_series

COLUMNS_AT_ONCE = 64  # assets whose variances are found together: no copy of all returns is made


def concentration(weights: ArrayLike) -> float:
    """Herfindahl–Hirschman index of a portfolio: the sum of squared shares, 1/n for n equal assets and 1 for one asset.

    weights : (n,) fraction of NAV, cash left out. A share is the size of a weight over the sum of all sizes.
    Raises  : DataError for a portfolio that holds cash alone.
    Source  : Hirschman (1964), The Paternity of an Index.

    >>> round(concentration([0.4, 0.4, 0.0]), 12)
    0.5
    """
    sizes = np.abs(one_series(weights, "weights", at_least=1))
    held = float(sizes.sum())
    if held <= COUNTED:
        raise DataError("the concentration is not defined: the portfolio holds cash alone.")
    return float(np.sum((sizes / held) ** 2))


def effective_lines(weights: ArrayLike) -> float:
    """1 over `concentration`: how many equal assets are spread as `weights` (n,) are. Raises as it does.

    Source : Hannah and Kay (1977), Concentration in Modern Industry: the numbers equivalent.

    >>> round(effective_lines([0.25] * 4), 12)
    4.0
    """
    return 1.0 / concentration(weights)


def diversification_ratio(weights: ArrayLike, covariance: Array) -> float:
    """Weighted mean of the volatilities of the assets over the volatility of the portfolio: 1 for one asset.

    weights    : (n,) fraction of NAV, cash left out.
    covariance : (n, n) covariance of the assets' returns.
    Raises     : DataError for a portfolio without risk.
    Source     : Choueifaty and Coignard (2008), Toward Maximum Diversification, equation 1; sizes of weights where some
                 are negative.

    >>> round(diversification_ratio([0.5, 0.5], np.diag([0.04, 0.04])), 12) == round(2**0.5, 12)
    True
    """
    w = one_series(weights, "weights", at_least=1)
    return _ratio(w, np.diag(covariance), float(w @ covariance @ w))


def realised_diversification(weights: ArrayLike, returns: Array) -> float:
    """`diversification_ratio` by the covariance of `returns`, which is not formed: w'Σw is the variance of returns·w.

    weights : (n,) fraction of NAV, cash left out.
    returns : (T, n) simple returns, two at least.
    Raises  : DataError for a portfolio without risk.

    >>> two = np.array([[0.01, 0.02], [0.03, -0.01], [-0.02, 0.01]])
    >>> ratio = diversification_ratio([0.5, 0.5], np.cov(two, rowvar=False))
    >>> abs(realised_diversification([0.5, 0.5], two) / ratio - 1.0) < 1e-12
    True
    """
    w = one_series(weights, "weights", at_least=1)
    columns = range(0, len(w), COLUMNS_AT_ONCE)
    variances = np.concatenate([np.var(returns[:, i : i + COLUMNS_AT_ONCE], axis=0, ddof=1) for i in columns])
    return _ratio(w, np.where(w != 0.0, variances, 0.0), float(np.var(returns @ w, ddof=1)))


def _ratio(w: Array, variances: Array, variance: float) -> float:
    """The ratio from the weights (n,), the variances of the assets (n,) and that of the portfolio."""
    if variance <= COUNTED**2 * float(variances.sum()) or variance <= 0.0:
        raise DataError("the diversification ratio is not defined: the portfolio has no risk.")
    return float(np.abs(w) @ np.sqrt(variances)) / math.sqrt(variance)
