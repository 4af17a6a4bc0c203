"""The closed-form half-width of a no-trade region: the drift from which a trade saves more than it costs."""

import numpy as np

from foundation.arrays import Array


def half_widths(target: Array, covariance: Array, cost: Array, tracking_penalty: float) -> Array:
    """Each asset's own asymptotic half-width h_i = (3 c_i w_i^2 var(r_i - r_p) / (2 g S_ii))^(1/3), fraction of NAV.

    target     : (n,) weights w, fraction of NAV; cash is the rest, without risk.
    covariance : (n, n) S of returns in excess of cash, in any one unit of time: the ratio has none.
    cost       : (n,) c, marginal cost a side, fraction of the notional.
    tracking_penalty : g, price of squared tracking.

    r_p is the return of the target portfolio, so var(r_i - r_p) is the variance with which drift widens the asset's
    gap.
    Source: Shreve and Soner (1994); Janecek and Shreve (2004), for one asset; taken asset by asset.

    >>> w, s = np.array([0.6]), np.array([[0.16**2]])
    >>> round(float(half_widths(w, s, np.array([0.001]), tracking_penalty=2.0)[0]), 4)
    0.0351
    """
    variance = covariance.diagonal()
    return np.cbrt(3.0 * cost * target**2 * relative_variance(target, covariance) / (2.0 * tracking_penalty * variance))


def relative_variance(target: Array, covariance: Array) -> Array:
    """(n,) var(r_i - r_p), the variance of each asset's return less that of the target portfolio.

    target     : (n,) fraction of NAV.
    covariance : (n, n) covariance of returns, in any unit of time; the result has the same.
    """
    to_portfolio = covariance @ target
    return covariance.diagonal() - 2.0 * to_portfolio + float(target @ to_portfolio)
