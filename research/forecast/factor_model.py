"""Moments by a factor model: returns of assets on returns of named factors, by regressions over time."""

import numpy as np

from foundation.arrays import Array, Mask, Rows
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.tolerances import RETURNS
from research.forecast.moments import Moments
from research.forecast.returns import check_window, complete_returns
from research.market import Past
from research.market.factors import FactorReturns


@dataclass(frozen=True)
class FactorModel:
    """The mean of the last returns, and the covariance B F B' + D, over one period.

    B are the betas of the assets, by least squares with a constant, F the covariance of the factors, and D the diagonal
    of the variances of the residuals, which are taken to be uncorrelated. It has full rank with fewer returns than
    assets too.

    factor_returns : factors whose returns are known on all days of the window; those of the key `factors` in a file.
    window  : number of returns, more than the factors and two.
    Raises  : ConfigError for the window; when asked, DataError without factors, for a day of the window on which one is
              not known, for too short a window, and for factors of which one follows from the others.
    Source  : Connor (1995), The three types of factor models, Financial Analysts Journal 51(3), equation 1:
              macroeconomic factors, given as series.
    """

    factor_returns: FactorReturns | None = None
    window: int = 252

    def __post_init__(self) -> None:
        """Check the window."""
        check_window("FactorModel", self.window)

    def __repr__(self) -> str:
        """The names of the factors, and the window."""
        names = () if self.factor_returns is None else self.factor_returns.names
        return f"FactorModel(factors={names!r}, window={self.window})"

    def known(self, past: Past, rows: Rows) -> Mask:
        """(D,) whether the factors are known from the first to the last return of the window of each row (D,)."""
        if self.factor_returns is None:
            return np.zeros(len(rows), dtype=bool)
        days = self.factor_returns.days
        return np.asarray((past.days[rows - self.window + 1] >= days[0]) & (past.days[rows] <= days[-1]))

    def predict(self, past: Past) -> Moments:
        """Mean and covariance a period of the assets with a complete window."""
        returns, lines = complete_returns(past, self.window)
        covariance = factor_covariance(returns, self._on(past))
        return Moments(tuple(past.assets[i] for i in lines), returns.mean(axis=0), covariance, 1.0, past.date)

    def _on(self, past: Past) -> Array:
        """(window, k) returns of the factors on the last days of a past."""
        if self.factor_returns is None:
            raise DataError(
                "a factor model needs the returns of named factors: found none. Add `factors: FILE.csv` to the file."
            )
        given, days = self.factor_returns, past.days[-self.window :]
        rows = np.searchsorted(given.days, days).clip(max=len(given.days) - 1)
        missing = (given.days[rows] != days) | np.isnan(given.values[rows]).any(axis=1)
        if missing.any():
            raise DataError(
                f"{given.source} has no return of {', '.join(given.names)} on {days[missing][0]}, one of the "
                f"{self.window} to {past.date:%Y-%m-%d}: it runs from {given.days[0]} to {given.days[-1]}. Give a "
                "longer file, a shorter window, or a later start of the test."
            )
        return np.asarray(given.values[rows])


def factor_covariance(returns: Array, factors: Array) -> Array:
    """(n, n) covariance of returns by their factors, B F B' + D, a period.

    returns : (T, n) simple returns, fraction.
    factors : (T, k) returns of the factors on the same rows, fraction.
    Raises  : DataError for T of k + 2 rows or fewer, and for a factor that does not vary or follows from others.
    """
    count, k = factors.shape
    if count <= k + 2:
        raise DataError(f"{count} returns are too few for the betas to {k} factors: give more than {k + 2}.")
    x, y = factors - factors.mean(axis=0), returns - returns.mean(axis=0)
    if np.linalg.matrix_rank(x, tol=RETURNS * count**0.5) < k:
        raise DataError("a factor does not vary in the window, or follows from the others. Leave it out.")
    betas = np.linalg.lstsq(x, y, rcond=None)[0]  # (k, n)
    residual = ((y - x @ betas) ** 2).sum(axis=0) / (count - k - 1)
    found: Array = betas.T @ (x.T @ x / (count - 1)) @ betas + np.diag(residual)
    return (found + found.T) / 2.0
