"""A heterogeneous autoregression of log variances, one for all assets, fitted by ridge on a schedule.

The regressors are the recent moves of an asset and of all assets, and their direction. Each day's features use its past
alone. Those of deviations are logarithms, as the outcome is.
"""

from typing import Literal

import numpy as np
import pandas as pd

from foundation.arguments import one_of
from foundation.arrays import Array, Mask, Rows, freeze_fields, running_sums
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.forecast.covariances import CovarianceName
from research.forecast.model import refuse_earlier
from research.forecast.moments import Moments
from research.forecast.predicted import variances_after
from research.forecast.volatility.correlated import (
    RISKMETRICS,
    check_model_settings,
    correlated,
    exponential_variances,
    listed_since,
)
from research.market import Past

Measure = Literal["return", "range"]
HAR_MEASURES: tuple[Measure, ...] = ("return", "range")
OWN_WINDOWS = (5, 21, 63, 252)  # windows of an asset's own deviations: a week, a month, a quarter and a year
ALL = (5, 21, 63)  # windows of the mean asset
FLOOR = 0.01  # of an asset's long-run deviation: below it, it hardly traded
FEATURE_NAMES = (
    *(f"own deviation, {w} days" for w in OWN_WINDOWS), "own deviation, all days",
    *(f"deviation of the mean asset, {w} days" for w in ALL), *(f"return of the mean asset, {w} days" for w in ALL),
)  # fmt: skip
FEWEST_BEFORE = max(OWN_WINDOWS) + max(ALL)  # returns before the first day that has features


@dataclass(frozen=True, eq=False)
class Features:
    """Features of D days and n assets.

    numbers : (D, n, q) see `FEATURE_NAMES`: twice the logarithm of deviations, and returns over their own deviation.
    known   : (D, n) whether an asset has returns enough for them.
    longest : (D, n) its deviation over all days so far.
    """

    numbers: Array
    known: Mask
    longest: Array


def har_features(past: Past, rows: Rows, measure: Measure) -> Features:
    """The features of the assets on some days.

    past    : market up to today.
    rows    : (D,) days.
    measure : measure of a day's move, see `daily_deviations`.
    Source  : averages over a day to a year: Corsi (2009), A simple approximate long-memory model of realized
              volatility, Journal of Financial Econometrics 7; that of all days, for assets that share coefficients, and
              that of all assets: Bollerslev, Hood, Huss and Pedersen (2018), Risk everywhere, Review of Financial
              Studies 31; returns: Corsi and Renò (2012), Discrete-time volatility forecasting with persistent leverage
              effect, Journal of Business and Economic Statistics 30.
    """
    since = listed_since(past)
    ages = rows[:, None] + 1 - since
    sums = running_sums(np.where(past.listed, daily_deviations(past, measure), 0.0))
    longest = sums[rows + 1] / np.maximum(ages, 1)
    known = (ages >= max(OWN_WINDOWS)) & past.listed[rows] & (longest > 0.0) & (rows >= _first_row(since))[:, None]
    least = np.where(known, FLOOR * longest, 1.0)
    own = [_over(sums, rows, window) / window for window in OWN_WINDOWS]
    mean = mean_line(past, since)
    squares, returns = running_sums(mean[:, None] ** 2), running_sums(mean[:, None])
    columns = [2.0 * np.log(np.maximum(move, least)) for move in (*own, longest)]
    columns += [np.log(np.maximum(_over(squares, rows, w) / w, FLOOR**2)) + 0.0 * least for w in ALL]
    columns += [_over(returns, rows, w) / w**0.5 + 0.0 * least for w in ALL]
    return Features(np.stack(columns, axis=-1), known, longest)


def mean_line(past: Past, since: Rows) -> Array:
    """(T,) mean over assets of each day's return over the deviation of the asset's last 252; 0 before there is one."""
    window = max(OWN_WINDOWS)
    squares = running_sums(np.square(past.returns))
    found = np.zeros(past.t + 1)
    if past.t + 1 < window:
        return found
    variance = (squares[window:] - squares[:-window]) / window
    last = slice(window - 1, None)
    there = past.listed[last] & (np.arange(window - 1, past.t + 1)[:, None] + 1 - since >= window) & (variance > 0.0)
    scaled = np.where(there, past.returns[last] / np.sqrt(np.where(there, variance, 1.0)), 0.0)
    found[last] = scaled.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return found


def _first_row(since: Rows) -> int:
    """The first row on which the mean asset has returns enough."""
    return int(since.min()) + FEWEST_BEFORE - 2


def _over(sums: Array, rows: Rows, window: int) -> Array:
    """(D, ·) sum of the last `window` values of each day; of fewer where there are no more."""
    return sums[rows + 1] - sums[np.maximum(rows + 1 - window, 0)]


def daily_deviations(past: Past, measure: Measure) -> Array:
    """(T, n) of each day, about the standard deviation of the day's return; 0 where an asset is not listed.

    measure : return   the absolute return, times √(π / 2), the mean of which is the deviation of normal returns;
              range    the root of the squared return overnight and Parkinson's variance of the day, where there are
                       bars; else the absolute return.
    Source  : Parkinson (1980), The extreme value method for estimating the variance of the rate of return, Journal of
              Business 53; Forsberg and Ghysels (2007), Why do absolute returns predict volatility so well?, Journal of
              Financial Econometrics 5.
    """
    moved = np.abs(past.returns) * np.sqrt(np.pi / 2.0)
    if measure == "return" or past.bars is None:
        return moved
    low, high, opened = (past.bars[name] for name in ("low", "high", "open"))
    known = np.isfinite(low) & np.isfinite(high) & np.isfinite(opened) & np.isfinite(past.prices) & (low > 0.0)
    low, high, opened, close = (np.where(known, x, 1.0) for x in (low, high, opened, past.prices))
    overnight = np.log1p(np.where(known, past.returns, 0.0)) - np.log(close / opened)
    found = np.sqrt(overnight**2 + np.log(high / low) ** 2 / (4.0 * np.log(2.0)))
    return np.where(known & past.tradable, found, moved)


ROWS_APART = 5  # days from one row of the fit to the next: outcomes of a month on days in between say the same
HAR_RIDGE = 0.01  # penalty on coefficients of features with variance one, over the number of observations
FEWEST_ROWS = 12  # rows with an outcome, below which nothing is fitted


@dataclass(frozen=True)
class HARVolatility:
    """A model of log variances over the horizon by moves of a week to a year, one for all assets.

    measure      : "return" or "range", how much an asset moved on a day, see `daily_deviations`.
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
        one_of("measure of HARVolatility is", self.measure, HAR_MEASURES)
        check_model_settings(self, FEWEST_BEFORE + FEWEST_ROWS * ROWS_APART + self.horizon)

    def fit(self, past: Past) -> "FittedHAR":
        """The coefficients from all days of which the outcome is known. Raises DataError for too few of them."""
        rows = np.arange(past.t - self.horizon, 0, -ROWS_APART)[::-1]
        found = har_features(past, rows, self.measure)
        outcome = variances_after(past, rows, self.horizon)
        known = found.known & np.isfinite(outcome)
        if known.any(axis=1).sum() < FEWEST_ROWS:
            raise DataError(
                f"{int(known.any(axis=1).sum())} days up to {past.date:%Y-%m-%d} have features and an outcome over "
                f"{self.horizon} periods: HARVolatility needs {FEWEST_ROWS}. Start later, or take a shorter horizon."
            )
        least = self.horizon * np.square(FLOOR * found.longest)
        y = np.log(np.maximum(outcome, least)[known])
        x = found.numbers[known]
        centre, spread = x.mean(axis=0), x.std(axis=0)
        scale = np.where(spread > 0.0, spread, 1.0)
        z = (x - centre) / scale
        level = float(y.mean())
        coefficients = np.linalg.solve(z.T @ z + HAR_RIDGE * len(z) * np.eye(z.shape[1]), z.T @ (y - level))
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
        return pd.DataFrame({"coefficient": self.coefficients, "deviation": self.scale}, index=list(FEATURE_NAMES))

    def log_variances(self, past: Past) -> Array:
        """(n,) expected logarithm of each asset's variance over the horizon; NaN for an asset without features.

        Raises : PolicyError on a date before the last of the fit, as `predict` does.
        """
        refuse_earlier("the regression was", self.seen, past)
        found = har_features(past, np.array([past.t]), self.model.measure)
        log = self.level + ((found.numbers[0] - self.centre) / self.scale) @ self.coefficients
        return np.where(found.known[0], log, np.nan)

    def predict(self, past: Past) -> Moments:
        """Moments over the horizon of the assets with a complete window; with a note for each without features."""
        model, variance = self.model, self.ratio * np.exp(self.log_variances(past))
        short = np.isnan(variance)
        recent = past.returns[max(past.t + 1 - model.estimate, 0) :, short]
        variance[short] = exponential_variances(recent, RISKMETRICS) * model.horizon
        notes = {
            past.assets[i]: f"the variance of {past.assets[i]} is that of RiskMetrics: HAR needs more returns of it."
            for i in np.flatnonzero(short)
        }
        return correlated(model, variance, past, notes)
