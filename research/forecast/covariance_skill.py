"""How good forecasts of covariances were: by the variance of a portfolio, and by all directions at once."""

import numpy as np

from research.arrays import Array
from research.errors import DataError
from research.forecast.moments import Moments
from research.forecast.skill import qlike


def portfolio_qlike(moments: Moments, returns: Array, weights: Array | None = None) -> float:
    """QLIKE of the variance that the moments give a portfolio, against the squares of its returns.

    moments : of k lines over a horizon.
    returns : (horizon, k) simple returns of each period after the forecast.
    weights : (k,), by default in proportion to one over the volatility of each line, so that no line alone decides.
    Raises  : DataError for returns of another shape.
    Source  : Patton (2011), see `research.forecast.skill.qlike`; Engle and Colacito (2006), Testing and valuing dynamic
              correlations for asset allocation, Journal of Business and Economic Statistics 24, for portfolios.
    """
    _check(moments, returns)
    held = 1.0 / moments.volatility if weights is None else weights
    held = held / held.sum()
    variance = np.array([held @ moments.covariance @ held])
    return float(qlike(variance, np.array([np.square(returns @ held).sum()]))[0])


def calibration(moments: Moments, returns: Array) -> float:
    """R' Σ⁻¹ R / k of the summed returns R over the horizon: 1 on average where the covariance Σ is right.

    moments : of k lines over a horizon.
    returns : (horizon, k) simple returns of each period after the forecast; their mean is taken for zero.
    Raises  : DataError for returns of another shape, and for a covariance without an inverse.
    """
    _check(moments, returns)
    total = returns.sum(axis=0)
    try:
        return float(total @ np.linalg.solve(moments.covariance, total)) / len(total)
    except np.linalg.LinAlgError as error:
        raise DataError(
            f"the covariance of {', '.join(moments.assets)} up to {moments.seen:%Y-%m-%d} has no inverse. Shrink it."
        ) from error


def _check(moments: Moments, returns: Array) -> None:
    if returns.shape != (int(moments.horizon), len(moments.assets)):
        raise DataError(
            f"returns have the shape {returns.shape}: moments of {len(moments.assets)} lines over "
            f"{moments.horizon:g} periods need {int(moments.horizon), len(moments.assets)}."
        )
