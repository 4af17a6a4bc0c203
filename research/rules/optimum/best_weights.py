"""The best point of the no-trade region for a caller: arguments are checked, and a search without result is refused.

The programme and its symbols are those of `research.rules.optimum.best_point`, which solves it.
"""

import numpy as np

from foundation.arguments import check_positive, floats, refuse
from foundation.arrays import Array
from foundation.errors import PolicyError
from foundation.tolerances import COVARIANCE
from research.rules.optimum.best_point import NOT_FOUND, TOO_HIGH, TOO_LOW, best_point, scratch_for


def best_weights(
    weights: Array,
    target: Array,
    covariance: Array,
    cost: Array,
    kappa: float,
    lower: Array | float = -np.inf,
    upper: Array | float = np.inf,
    cash: tuple[float, float] = (0.0, 0.0),
) -> Array:
    """The weights to trade to today: the best point of the no-trade region, (n,), checked.

    weights    : (n,) weights as drifted, fraction of NAV.
    target     : (n,) fraction of NAV.
    covariance : (n, n) a year.
    cost       : (n,) a side, fraction of the notional.
    kappa      : tracking_penalty x years for which the gap is held.
    lower      : (n,) or one number, fraction of NAV.
    upper      : (n,) or one number, fraction of NAV; both bounds are the weight of an asset that cannot trade.
    cash       : its (lower, upper), fraction of NAV.
    Raises     : ConfigError for arguments of another kind; PolicyError for bounds that cannot be met, and where no best
                 point is found, as with a covariance that is not positive semidefinite.

    One asset at 70 % whose target is 60 %, of volatility 16 %: held for a year at a tracking_penalty of 2, it is sold
    down to a distance of cost / (kappa sigma^2) = 0.01953.

    >>> w, p, s, c = np.array([0.7]), np.array([0.6]), np.array([[0.0256]]), np.array([0.001])
    >>> best_weights(w, p, s, c, kappa=2.0, cash=(0.0, 1.0)).round(5).tolist()
    [0.61953]
    """
    n = np.size(weights)
    w, p, c = (_finite(k, v, (n,)) for k, v in (("weights", weights), ("target", target), ("cost", cost)))
    cov = _finite("covariance", covariance, (n, n))
    if (c < 0.0).any():
        refuse("the least cost is", float(c.min()), "give costs a side that are not negative.")
    if (np.diag(cov) < 0.0).any():
        refuse("the least variance is", float(np.diag(cov).min()), "give variances that are not negative.")
    if np.abs(cov - cov.T).max() > COVARIANCE * np.diag(cov).max():
        refuse("covariance is", covariance, "give a symmetric one.")
    low, high = _box("line", lower, upper, n)
    (cash_low,), (cash_high,) = _box("cash", *cash, 1)
    check_positive(kappa=kappa)
    out = np.empty(n)
    rounds = best_point(w, p, cov, c, float(kappa), low, high, float(cash_low), float(cash_high), scratch_for(n), out)
    if rounds == TOO_HIGH:
        raise PolicyError(
            f"the lower bounds sum to {low.sum():.6g}, more than 1 - {cash_low:.6g}, what the lower bound "
            "of cash leaves: lower one of them."
        )
    if rounds == TOO_LOW:
        raise PolicyError(
            f"the upper bounds sum to {high.sum():.6g}, less than 1 - {cash_high:.6g}, what the upper bound "
            "of cash leaves: raise one of them."
        )
    if rounds == NOT_FOUND:
        raise PolicyError(f"no best point is found for {n} assets: give a covariance that is positive semidefinite.")
    return out


def _finite(name: str, value: Array, shape: tuple[int, ...]) -> Array:
    fix = f"give finite numbers of shape {shape}."
    found = np.ascontiguousarray(floats(f"{name} is", value, fix))
    if found.shape != shape or not np.isfinite(found).all():
        refuse(f"{name} is", value, fix)
    return found


def _box(what: str, lower: Array | float, upper: Array | float, n: int) -> tuple[Array, Array]:
    """The bounds (n,), (n,) of `n` assets or of cash. Raises PolicyError where one is missing or they are crossed."""
    low, high = (
        np.array(np.broadcast_to(floats(f"a bound of {what} is", side, "give numbers."), (n,)))
        for side in (lower, upper)
    )
    wrong = ~((low <= high) & (low < np.inf) & (high > -np.inf))  # true for a missing number as well
    if wrong.any():
        i = int(np.argmax(wrong))
        subject = f"asset {i}" if what == "line" else what
        raise PolicyError(f"{subject} has the bounds [{low[i]}, {high[i]}]: give two numbers, the lower first.")
    return low, high
