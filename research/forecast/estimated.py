"""Moments estimated from a window of past returns, each by a named estimator."""

from dataclasses import dataclass

import numpy as np

from foundation.arguments import check_positive, one_of
from foundation.arrays import Array
from foundation.errors import DataError
from foundation.tolerances import RETURNS
from research.forecast.covariances import ANY_LENGTH, COVARIANCES, CovarianceName, covariance
from research.forecast.means import MEANS, MeanName, expected_returns
from research.forecast.moments import Moments, repaired
from research.forecast.returns import check_window, complete_returns
from research.market import Past


@dataclass(frozen=True)
class Estimated:
    """Mean and covariance of the last returns, over one period.

    mean       : estimator of expected returns, see `research.forecast.means`.
    covariance : estimator of the covariance, see `research.forecast.covariances`.
    window     : number of returns, at least 2.
    half_life  : half-life of the estimators with exponential weights, periods.
    Raises     : ConfigError for settings outside these; when asked, DataError for a line whose returns do not vary,
                 and, unless the covariance is shrunk, for two lines with the same returns and too few returns.
    """

    mean: MeanName = "historical"
    covariance: CovarianceName = "ledoit_wolf"
    window: int = 252
    half_life: float = 63.0

    def __post_init__(self) -> None:
        """Check the settings."""
        check_window("Estimated", self.window)
        one_of("mean of Estimated is", self.mean, MEANS)
        one_of("covariance of Estimated is", self.covariance, COVARIANCES)
        check_positive(**{"half_life of Estimated": self.half_life})

    def predict(self, past: Past) -> Moments:
        """Mean and covariance a period of the lines with a complete window; a repair of the covariance is noted."""
        returns, lines = complete_returns(past, self.window)
        assets = tuple(past.assets[line] for line in lines)
        self._check(returns, assets, past)
        cov = np.atleast_2d(covariance(self.covariance, returns, self.half_life))
        cov, notes = repaired((cov + cov.T) / 2.0)
        mean = expected_returns(self.mean, returns, past.cash[-self.window :], self.half_life)
        return Moments(assets, mean, cov, 1.0, past.date, notes)

    def _check(self, returns: Array, assets: tuple[str, ...], past: Past) -> None:
        """Raise DataError for fewer returns than the estimator needs, and for two lines with the same returns."""
        if self.covariance in ANY_LENGTH:
            return
        if len(returns) <= len(assets):
            raise DataError(
                f"{len(returns)} returns of {len(assets)} lines, to {past.date:%Y-%m-%d}, do not give a "
                f"{self.covariance} covariance of full rank. Take a window of more than {len(assets)} returns, or one "
                f"of {', '.join(ANY_LENGTH)}."
            )
        order = np.lexsort(returns)
        same = (np.abs(np.diff(returns[:, order], axis=1)) <= RETURNS).all(axis=0)
        if same.any():
            i, j = sorted(order[int(np.argmax(same)) :][:2].tolist())
            raise DataError(
                f"{assets[i]} and {assets[j]} have the same returns on all of the {len(returns)} sessions to "
                f"{past.date:%Y-%m-%d}: nothing tells how to divide a weight between them. Leave one out."
            )
