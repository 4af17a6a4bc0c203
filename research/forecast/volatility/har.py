"""A heterogeneous autoregression of log variances, one for all lines, fitted by ridge on a schedule."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from foundation.arguments import one_of
from foundation.arrays import Array, freeze_fields
from foundation.errors import DataError
from research.forecast.covariances import CovarianceName
from research.forecast.model import refuse_earlier
from research.forecast.moments import Moments
from research.forecast.outcomes import variances_after
from research.forecast.volatility.correlated import (
    RISKMETRICS,
    check_first,
    check_settings,
    correlated,
    exponential_variances,
)
from research.forecast.volatility.har_features import FLOOR, MEASURES, NAMES, NEEDED, Measure, features
from research.market import Past

APART = 5  # days from one row of the fit to the next: outcomes of a month on days in between say the same
RIDGE = 0.01  # penalty on coefficients of features with variance one, over the number of observations
FEWEST = 12  # rows with an outcome, below which nothing is fitted


@dataclass(frozen=True)
class HARVolatility:
    """A model of log variances over the horizon by moves of a week to a year, one for all lines.

    measure      : "return" or "range", how much a line moved on a day, see `daily_deviations`.
    horizon      : periods of the market that the forecast is about.
    correlations : estimator of the correlations, see `research.forecast.covariances`.
    estimate     : number of returns of the correlations. The mean is that of all returns so far.
    window       : number of returns of the first fit.
    Raises       : ConfigError for settings outside these; when fitted, DataError for too few outcomes.
    Source       : see `har_features`; ridge: Hoerl and Kennard (1970), Technometrics 12.
    """

    measure: Measure = "return"
    horizon: int = 21
    correlations: CovarianceName = "ledoit_wolf"
    estimate: int = 252
    window: int = 756

    def __post_init__(self) -> None:
        """Check the settings."""
        one_of("measure of HARVolatility is", self.measure, MEASURES)
        check_settings("HARVolatility", self.horizon, self.estimate, self.correlations)
        check_first("HARVolatility", self.window, max(NEEDED + FEWEST * APART + self.horizon, self.estimate))

    def fit(self, past: Past) -> "FittedHAR":
        """The coefficients from all days of which the outcome is known. Raises DataError for too few of them."""
        rows = np.arange(past.t - self.horizon, 0, -APART)[::-1]
        found = features(past, rows, self.measure)
        outcome = variances_after(past, rows, self.horizon)
        known = found.known & np.isfinite(outcome)
        if known.any(axis=1).sum() < FEWEST:
            raise DataError(
                f"{int(known.any(axis=1).sum())} days up to {past.date:%Y-%m-%d} have features and an outcome over "
                f"{self.horizon} periods: HARVolatility needs {FEWEST}. Start later, or take a shorter horizon."
            )
        least = self.horizon * np.square(FLOOR * found.longest)
        y = np.log(np.maximum(outcome, least)[known])
        x = found.numbers[known]
        centre, spread = x.mean(axis=0), x.std(axis=0)
        scale = np.where(spread > 0.0, spread, 1.0)
        z = (x - centre) / scale
        level = float(y.mean())
        coefficients = np.linalg.solve(z.T @ z + RIDGE * len(z) * np.eye(z.shape[1]), z.T @ (y - level))
        ratio = float(np.exp(y - level - z @ coefficients).mean())
        return FittedHAR(self, centre, scale, coefficients, level, ratio, past.date)


@dataclass(frozen=True, eq=False)
class FittedHAR:
    """A fitted HAR: log variance = level + Σ coefficient × (feature − centre) / scale.

    ratio : mean of variances over the exponential of the fitted values; forecasts are multiplied by it (Duan 1983,
            Smearing estimate, JASA 78), so that they are of the variance, and not of its median.
    """

    model: HARVolatility
    centre: Array
    scale: Array
    coefficients: Array
    level: float
    ratio: float
    seen: pd.Timestamp

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "centre", "scale", "coefficients", dtype=None)

    def summary(self) -> pd.DataFrame:
        """A row a feature: the effect of one deviation of it on the log variance."""
        return pd.DataFrame({"coefficient": self.coefficients, "deviation": self.scale}, index=list(NAMES))

    def log_variances(self, past: Past) -> Array:
        """(n,) expected logarithm of each line's variance over the horizon; NaN for a line without features.

        Raises : PolicyError on a date before the last of the fit, as `predict` does.
        """
        refuse_earlier("the regression was", self.seen, past)
        found = features(past, np.array([past.t]), self.model.measure)
        log = self.level + ((found.numbers[0] - self.centre) / self.scale) @ self.coefficients
        return np.where(found.known[0], log, np.nan)

    def predict(self, past: Past) -> Moments:
        """Moments over the horizon of the lines with a complete window; with a note for each without features."""
        model, variance = self.model, self.ratio * np.exp(self.log_variances(past))
        short = np.isnan(variance)
        recent = past.returns[max(past.t + 1 - model.estimate, 0) :, short]
        variance[short] = exponential_variances(recent, RISKMETRICS) * model.horizon
        notes = {
            past.assets[i]: f"the variance of {past.assets[i]} is that of RiskMetrics: HAR needs more returns of it."
            for i in np.flatnonzero(short)
        }
        return correlated(variance, past, model.horizon, model.correlations, model.estimate, notes)
