"""Regression of returns on factors: betas with intervals that allow for autocorrelation, and betas over a year."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.tolerances import SERIES
from research.risk.simulation.long_run_variance import newey_west_lags

LEVEL = 0.95  # of the intervals
COLLINEAR = 1e12  # condition number of the correlations of the factors past which betas mean nothing


@dataclass(frozen=True, eq=False)
class FactorRegression:
    """Returns over cash as alpha + Σ beta × factor + residual.

    alpha           : alpha a period, fraction.
    betas           : (k,).
    alpha_interval  : ends of the interval of alpha, a period, fraction.
    beta_intervals  : (k, 2) ends of the intervals.
    residuals       : (T,) fraction; they sum to 0.
    r_squared       : share of the variance that the factors explain.
    lags            : number of lags in the covariance of Newey and West.
    """

    alpha: float
    betas: Array
    alpha_interval: tuple[float, float]
    beta_intervals: Array
    residuals: Array
    r_squared: float
    lags: int


def factor_regression(returns: Array, factors: Array) -> FactorRegression:
    """Least squares of `returns` on `factors`, with 95 % intervals from the covariance of Newey and West.

    returns : (T,) returns over cash, fraction.
    factors : (T, k) returns of the factors, fraction.
    Raises  : DataError for a factor that does not vary, and for factors of which one follows from the others.
    Source  : Newey and West (1987), A Simple, Positive Semi-Definite, Heteroskedasticity and Autocorrelation
              Consistent Covariance Matrix; computed by statsmodels, with its correction for small samples and
              Student's t.
    """
    from statsmodels.regression.linear_model import OLS

    _check(factors)
    lags = newey_west_lags(len(returns))
    design = np.column_stack([np.ones(len(returns)), factors])
    found = OLS(returns, design).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True)
    ends = np.asarray(found.conf_int(1.0 - LEVEL))
    return FactorRegression(
        alpha=float(found.params[0]),
        betas=np.asarray(found.params[1:]),
        alpha_interval=(float(ends[0, 0]), float(ends[0, 1])),
        beta_intervals=ends[1:],
        residuals=np.asarray(found.resid),
        r_squared=float(found.rsquared),
        lags=lags,
    )


def rolling_betas(returns: Array, factors: Array, window: int) -> Array:
    """(T - window + 1, k) betas of the regression over each `window` of periods.

    returns : (T,) returns over cash, fraction.
    factors : (T, k) returns of the factors, fraction.
    window  : periods, more than k + 1.
    Raises  : DataError for fewer periods than the window, and for a factor that does not vary within one.
    """
    if len(returns) < window:
        raise DataError(f"a window of {window} returns needs as many: found {len(returns)}. Take a longer period.")
    x, y = sliding_window_view(factors, window, axis=0), sliding_window_view(returns, window)  # (W, k, window), (W, w)
    x, y = x - x.mean(axis=2, keepdims=True), y - y.mean(axis=1, keepdims=True)
    if (still := np.abs(x).max(axis=2) <= SERIES).any():
        row, k = np.argwhere(still)[0].tolist()
        raise DataError(f"factor {k} does not vary over the {window} periods from row {row} on: it has no beta there.")
    _refuse_alike(x, f"over {window} periods ")
    moments = x @ x.transpose(0, 2, 1)
    return np.linalg.solve(moments, (x @ y[..., None]))[..., 0]


def _check(factors: Array) -> None:
    """Refuse factors without betas. Raises DataError."""
    if (still := np.ptp(factors, axis=0) <= SERIES).any():
        k = int(np.argmax(still))
        raise DataError(f"factor {k} is {factors[0, k]:.4g} in every period: it has no beta. Leave it out.")
    _refuse_alike((factors - factors.mean(axis=0)).T[None], "")


def _refuse_alike(x: Array, when: str) -> None:
    """Refuse factors of which one follows from the others, x (W, k, T) less their means. Raises DataError."""
    unit = x / np.linalg.norm(x, axis=2, keepdims=True)
    condition = np.linalg.cond(unit @ unit.transpose(0, 2, 1))
    if (condition > COLLINEAR).any():
        raise DataError(
            f"the factors follow from one another {when}(condition number {condition.max():.1e}): their betas are not "
            "defined. Leave one of them out."
        )
