"""A return series against another: beta, alpha, information ratio, and capture of its gains and losses.

Both are simple returns of the same T periods. A figure that the two do not have raises DataError with the reason;
nothing gives NaN.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from foundation.arrays import Array
from foundation.errors import DataError
from foundation.tolerances import SERIES
from research.risk.series import compounding, excess_returns, per_year, same_dates, two_series


def beta(returns: ArrayLike, benchmark: ArrayLike, cash: ArrayLike) -> float:
    """Slope of the regression of `returns` on `benchmark`, both over `cash`, all (T,).

    Raises DataError where the benchmark gains the same on cash in every period.
    Source : Jensen (1968), The Performance of Mutual Funds in the Period 1945-1964, equation 8.

    >>> round(beta([0.02, -0.01, 0.03], [0.01, -0.005, 0.015], [0.0] * 3), 12)
    2.0
    """
    own, other = _both_over_cash(returns, benchmark, cash)
    if np.ptp(other) <= SERIES:
        raise DataError(f"beta is not defined: the benchmark gains {other[0]:.3g} on cash in all {len(other)} periods.")
    apart = other - other.mean()
    return float(apart @ own) / float(apart @ apart)


def alpha(returns: ArrayLike, benchmark: ArrayLike, cash: ArrayLike, periods_per_year: float) -> float:
    """Mean of `returns` over `cash` less `beta` times that of `benchmark`, all (T,), times periods_per_year: fraction.

    It is Jensen's: the intercept of the regression, a year, not compounded. Raises as `beta` does.
    Source : Jensen (1968), The Performance of Mutual Funds in the Period 1945-1964, equation 8.

    >>> round(alpha([0.021, -0.009, 0.031], [0.01, -0.005, 0.015], [0.0] * 3, periods_per_year=12), 12)
    0.012
    """
    own, other = _both_over_cash(returns, benchmark, cash)
    slope = beta(returns, benchmark, cash)
    return (float(own.mean()) - slope * float(other.mean())) * per_year(periods_per_year)


def matched_volatility(returns: ArrayLike, benchmark: ArrayLike, cash: ArrayLike) -> tuple[float, Array]:
    """The share k of a portfolio at which its returns over cash vary as the benchmark's do, and its returns so (T,).

    Each period k of NAV is in the portfolio, and 1 - k earns the return of cash, or is borrowed at it where k > 1, at
    no other cost: r' = cash + k (returns - cash), all (T,), fraction. The Sharpe ratio stays what it is.

    Raises DataError where the portfolio gains the same on cash in every period.
    Source : Modigliani and Modigliani (1997), Risk-Adjusted Performance, equations 1 and 2; ddof 1.

    >>> k, matched = matched_volatility([0.02, -0.01], [0.01, -0.005], [0.0, 0.0])
    >>> round(k, 12), matched.round(12).tolist()
    (0.5, [0.01, -0.005])
    """
    own, other = _both_over_cash(returns, benchmark, cash)
    if np.ptp(own) <= SERIES:
        raise DataError(f"no share of it varies: it gains {own[0]:.3g} on cash in all {len(own)} periods.")
    k = float(other.std(ddof=1) / own.std(ddof=1))
    return k, np.asarray(cash, dtype=float) + k * own


def information_ratio(returns: ArrayLike, benchmark: ArrayLike, periods_per_year: float) -> float:
    """Mean of `returns` less `benchmark` (both (T,)) over its standard deviation, times sqrt(periods_per_year); ddof 1.

    Raises DataError where the difference does not vary.
    Source : Goodwin (1998), The Information Ratio; annualised as the Sharpe ratio is.

    >>> round(information_ratio([0.03, 0.01, 0.03, 0.01], [0.01] * 4, periods_per_year=12), 12)
    3.0
    """
    r, b = two_series(returns, "returns", benchmark, "benchmark", at_least=2)
    active = r - b
    if np.ptp(active) <= SERIES:
        raise DataError(
            f"the information ratio is not defined: returns less the benchmark's are {active[0]:.3g} in all "
            f"{len(active)} periods."
        )
    return float(active.mean() / np.std(active, ddof=1)) * math.sqrt(per_year(periods_per_year))


def up_capture(returns: ArrayLike, benchmark: ArrayLike) -> float:
    """Geometric mean of `returns` (T,) over that of `benchmark`, in the periods in which the benchmark gains; a ratio.

    Raises DataError where it never gains.
    Source : Bacon (2008), Practical Portfolio Performance Measurement and Attribution, p. 47; Morningstar (2021),
             Upside and Downside Capture Ratios.

    >>> round(up_capture([0.02, -0.01], [0.01, -0.02]), 12)
    2.0
    """
    return _capture(returns, benchmark, 1.0, "gains")


def down_capture(returns: ArrayLike, benchmark: ArrayLike) -> float:
    """Geometric mean of `returns` (T,) over that of `benchmark`, in the periods in which the benchmark loses; a ratio.

    Raises DataError where it never loses. Source : as of `up_capture`.

    >>> round(down_capture([0.02, -0.01], [0.01, -0.02]), 12)
    0.5
    """
    return _capture(returns, benchmark, -1.0, "loses")


def _capture(returns: ArrayLike, benchmark: ArrayLike, sign: float, does: str) -> float:
    r, b = two_series(returns, "returns", benchmark, "benchmark", at_least=1)
    counted = sign * b > 0.0
    if not counted.any():
        raise DataError(f"this capture is not defined: the benchmark {does} in none of {len(b)} periods.")
    own, other = (float(np.expm1(np.log1p(compounding(x)[counted]).mean())) for x in (r, b))
    return own / other


def _both_over_cash(returns: ArrayLike, benchmark: ArrayLike, cash: ArrayLike) -> tuple[Array, Array]:
    same_dates(returns=returns, benchmark=benchmark, cash=cash)
    return excess_returns(returns, cash), excess_returns(benchmark, cash)
