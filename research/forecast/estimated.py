"""Moments estimated from a window of past returns, each by a named estimator; and the mean of all returns so far."""

from typing import Literal

import numpy as np
import pandas as pd

from foundation.arguments import check_positive, one_of
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError
from foundation.tolerances import RETURNS
from research.forecast.covariances import ANY_LENGTH, COVARIANCES, CovarianceName, covariance
from research.forecast.moments import Moments, repaired
from research.forecast.returns import check_window, complete_returns
from research.market import Past

MeanName = Literal["historical", "ewma", "capm", "james_stein"]
MEANS: tuple[MeanName, ...] = ("historical", "ewma", "capm", "james_stein")


def expected_returns(name: MeanName, returns: Array, cash: Array, half_life: float) -> Array:
    """Expected returns (k,) a period.

    name      : name of the estimator, one of `MEANS`:
                historical   the arithmetic mean;
                ewma         the mean with exponential weights (skfolio);
                capm         cash plus beta times the excess return of the equally weighted assets (PyPortfolioOpt);
                james_stein  the mean, shrunk toward the mean of all assets (skfolio; James and Stein 1961), by no less
                             than 0 and no more than 1: the library moves means apart where one factor dominates.
    returns   : (T, k) simple returns, fraction.
    cash      : (T,) simple returns of cash, fraction.
    half_life : periods after which a return has half the weight in `ewma`.
    Raises    : ConfigError for an unknown name.
    """
    if name == "historical":
        found = returns.mean(axis=0)
    elif name == "ewma":
        from skfolio.moments import EWMu

        found = EWMu(half_life=half_life, min_observations=1).fit(returns).mu_
    elif name == "capm":
        from pypfopt.expected_returns import capm_return

        frame = pd.DataFrame(returns)
        found = capm_return(
            frame, returns_data=True, risk_free_rate=float(cash.mean()), compounding=False, frequency=1
        ).to_numpy()
    elif name == "james_stein":
        found = _james_stein(returns)
    else:
        raise ConfigError(f"unknown estimator of means {name!r}. Use one of {', '.join(MEANS)}.")
    return np.asarray(found, dtype=float)


def _james_stein(returns: Array) -> Array:
    """The positive-part estimate; of one or two assets, the mean: nothing is gained by shrinking them."""
    mean: Array = returns.mean(axis=0)
    if len(mean) < 3:
        return mean
    from skfolio.moments import ShrunkMu

    shrunk = ShrunkMu().fit(returns)
    share = min(max(float(shrunk.beta_), 0.0), 1.0)
    return (1.0 - share) * mean + share * np.asarray(shrunk.mu_target_)


def means_so_far(past: Past, rows: Rows) -> Array:
    """(D, n) mean return a period of each asset up to each of the D rows; NaN before its first return.

    past   : market up to the last of the rows, or later.
    rows   : (D,) rows of the past.
    Source : Welch and Goyal (2008), A comprehensive look at the empirical performance of equity premium prediction,
             Review of Financial Studies 21(4): the prevailing mean, which is expected by who forecasts nothing.
    """
    sums = np.cumsum(np.where(past.listed, past.returns, 0.0), axis=0)[rows]
    counts = np.cumsum(past.listed, axis=0)[rows] - 1  # the first close has no return
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


@dataclass(frozen=True)
class Estimated:
    """Mean and covariance of the last returns, over one period.

    mean       : estimator of expected returns, see `research.forecast.estimated`.
    covariance : estimator of the covariance, see `research.forecast.covariances`.
    window     : number of returns, at least 2.
    half_life  : half-life of the estimators with exponential weights, periods.
    Raises     : ConfigError for settings outside these; when asked, DataError for an asset whose returns do not vary,
                 and, unless the covariance is shrunk, for two assets with the same returns and too few returns.
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
        """Mean and covariance a period of the assets with a complete window; a repair of the covariance is noted."""
        returns, lines = complete_returns(past, self.window)
        assets = tuple(past.assets[line] for line in lines)
        self._check(returns, assets, past)
        cov = np.atleast_2d(covariance(self.covariance, returns, self.half_life))
        cov = (cov + cov.T) / 2.0
        cov, notes = (cov, ()) if self.covariance in ANY_LENGTH else repaired(cov)  # shrunk ones need none
        mean = expected_returns(self.mean, returns, past.cash[-self.window :], self.half_life)
        return Moments(assets, mean, cov, 1.0, past.date, notes)

    def _check(self, returns: Array, assets: tuple[str, ...], past: Past) -> None:
        """Raise DataError for fewer returns than the estimator needs, and for two assets with the same returns."""
        if self.covariance in ANY_LENGTH:
            return
        if len(returns) <= len(assets):
            raise DataError(
                f"{len(returns)} returns of {len(assets)} assets, to {past.date:%Y-%m-%d}, do not give a "
                f"{self.covariance} covariance of full rank. Take a window of more than {len(assets)} returns, or one "
                f"of {', '.join(ANY_LENGTH)}."
            )
        order = np.lexsort(returns)
        same = (np.abs(np.diff(returns[:, order], axis=1)) <= RETURNS).all(axis=0)
        if same.any():
            i, j = sorted(order[int(np.argmax(same)) :][:2].tolist())
            raise DataError(
                f"{assets[i]} and {assets[j]} have the same returns on all of the {len(returns)} sessions to "
                f"{past.date:%Y-%m-%d}: nothing tells how to divide a weight between them. Leave one out, or "
                f"take one of {', '.join(ANY_LENGTH)} as the covariance."
            )
