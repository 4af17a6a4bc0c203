"""The best point of the no-trade region for a caller: arguments are checked, and a search without result is refused.

The programme and its symbols are those of `research.rules.optimum.best_point`, which solves it.
"""

import numpy as np

from foundation.arguments import check_positive, floats, refuse
from foundation.arrays import Array
from foundation.errors import PolicyError
from foundation.tolerances import COVARIANCE, WEIGHT
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
    upper      : (n,) or one number, fraction of NAV; both bounds are the weight of a line that cannot trade.
    cash       : its (lower, upper), fraction of NAV.
    Raises     : ConfigError for arguments of another kind; PolicyError for bounds that cannot be met, and where no best
                 point is found, as with a covariance that is not positive semidefinite.

    One line at 70% whose target is 60%, of volatility 16%: held for a year at a tracking_penalty of 2, it is sold down
    to a distance of cost / (kappa sigma^2) = 0.01953.

    >>> w, p, s, c = np.array([0.7]), np.array([0.6]), np.array([[0.0256]]), np.array([0.001])
    >>> best_weights(w, p, s, c, kappa=2.0, cash=(0.0, 1.0)).round(5).tolist()
    [0.61953]
    """
    w, p, c, cov, low, high, cash_box = _checked(weights, target, cost, covariance, lower, upper, cash)
    check_positive(kappa=kappa)
    n = len(w)
    out = np.empty(n)
    rounds = best_point(w, p, cov, c, float(kappa), low, high, *cash_box, scratch_for(n), out)
    if rounds == TOO_HIGH:
        raise PolicyError(
            f"the lower bounds sum to {low.sum():.6g}, more than 1 - {cash_box[0]:.6g}, what the lower bound "
            "of cash leaves: lower one of them."
        )
    if rounds == TOO_LOW:
        raise PolicyError(
            f"the upper bounds sum to {high.sum():.6g}, less than 1 - {cash_box[1]:.6g}, what the upper bound "
            "of cash leaves: raise one of them."
        )
    if rounds == NOT_FOUND:
        raise PolicyError(f"no best point is found for {n} lines: give a covariance that is positive semidefinite.")
    return out


def saving_left(
    point: Array,
    weights: Array,
    target: Array,
    covariance: Array,
    cost: Array,
    kappa: float,
    lower: Array | float = -np.inf,
    upper: Array | float = np.inf,
    cash: tuple[float, float] = (0.0, 0.0),
) -> float:
    """The saving by the best pair of further trades at the margin, per unit of NAV traded; 0 at the best point.

    point      : (n,) weights to hold, inside their bounds, fraction of NAV.
    weights    : (n,) weights as drifted, fraction of NAV.
    target     : (n,) fraction of NAV.
    covariance : (n, n) a year.
    cost       : (n,) a side, fraction of the notional.
    kappa      : tracking_penalty x years for which the gap is held.
    lower      : (n,) or one number, fraction of NAV.
    upper      : (n,) or one number, fraction of NAV.
    cash       : lower and upper bound of cash, fraction of NAV.

    These are the Karush-Kuhn-Tucker conditions of the programme: some price of the budget lies between what every sale
    saves and what every purchase costs.
    """
    held = 1.0 - point.sum()
    slope = np.append(kappa * covariance @ (point - target), 0.0)
    y, w, c = np.append(point, held), np.append(weights, held), np.append(cost, 0.0)
    low, high = (
        np.append(np.broadcast_to(side, point.shape), end) for side, end in zip((lower, upper), cash, strict=True)
    )
    outlay = np.where(y >= high - WEIGHT, np.inf, slope + np.where(y >= w, c, -c))
    saved = np.where(y <= low + WEIGHT, -np.inf, slope + np.where(y > w, c, -c))
    return max(0.0, float(saved.max() - outlay.min()))


def _checked(
    weights: Array,
    target: Array,
    cost: Array,
    covariance: Array,
    lower: Array | float,
    upper: Array | float,
    cash: tuple[float, float],
) -> tuple[Array, Array, Array, Array, Array, Array, tuple[float, float]]:
    """The arguments as the kernel takes them: arrays (n,) and (n, n) in C order. Raises as `best_weights` does."""
    n = np.size(weights)
    w, p, c, cov = (
        _finite(name, value, shape)
        for name, value, shape in (
            ("weights", weights, (n,)),
            ("target", target, (n,)),
            ("cost", cost, (n,)),
            ("covariance", covariance, (n, n)),
        )
    )
    if (c < 0.0).any():
        refuse("the least cost is", float(c.min()), "give costs a side that are not negative.")
    if (np.diag(cov) < 0.0).any():
        refuse("the least variance is", float(np.diag(cov).min()), "give variances that are not negative.")
    if np.abs(cov - cov.T).max() > COVARIANCE * np.diag(cov).max():
        refuse("covariance is", covariance, "give a symmetric one.")
    low, high = _box("line", lower, upper, n)
    (cash_low,), (cash_high,) = _box("cash", *cash, 1)
    return w, p, c, cov, low, high, (float(cash_low), float(cash_high))


def _finite(name: str, value: Array, shape: tuple[int, ...]) -> Array:
    fix = f"give finite numbers of shape {shape}."
    found = np.ascontiguousarray(floats(f"{name} is", value, fix))
    if found.shape != shape or not np.isfinite(found).all():
        refuse(f"{name} is", value, fix)
    return found


def _box(what: str, lower: Array | float, upper: Array | float, n: int) -> tuple[Array, Array]:
    """The bounds (n,), (n,) of `n` lines or of cash. Raises PolicyError where one is missing or they are crossed."""
    low, high = (
        np.array(np.broadcast_to(floats(f"a bound of {what} is", side, "give numbers."), (n,)))
        for side in (lower, upper)
    )
    wrong = ~((low <= high) & (low < np.inf) & (high > -np.inf))  # true for a missing number as well
    if wrong.any():
        i = int(np.argmax(wrong))
        raise PolicyError(
            f"{what} {i} has the bounds [{low[i]}, {high[i]}]: give two numbers, the lower first."
            if what == "line"
            else f"cash has the bounds [{low[i]}, {high[i]}]: give two numbers, the lower first."
        )
    return low, high
