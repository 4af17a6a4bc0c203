"""Skill of forecasts on the days of a walk-forward, with intervals: all together, by asset, year and regime."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from backtests.inference.estimates import EstimateWithTest
from backtests.inference.forecast_skill import (
    by_date,
    diebold_mariano,
    direction,
    mean_over_dates,
    out_of_sample_r2,
    rank_ic,
    rmse_ratio,
)
from backtests.inference.slow_waves import SlowMeans, confidence_set
from backtests.studies.forecasts.walk_forward import ForecastPath
from foundation.arguments import one_of
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.paper.wording import percent
from research.forecast.skill import (
    FEWEST_LINES,
    covered,
    hits_beyond_chance,
    negative_log_density,
    qlike,
    rank_correlations,
    squared_error,
)

COVERAGE = 0.9  # of the interval whose coverage is counted
DIRECTION = "hits beyond chance"
DECAY_HORIZONS = (1, 5, 21, 63, 126)  # rows, of the decay
LOSSES = ("squared error", "QLIKE", "log score")


@dataclass(frozen=True)
class Skill:
    """Measures of one walk-forward, each with its interval.

    of    : "returns" or "variances".
    dates : days with forecasts and outcomes.
    by_measure : by name; p is that of no skill. What could not be measured is missing.
    """

    of: str
    dates: int
    by_measure: Mapping[str, EstimateWithTest]

    def table(self) -> pd.DataFrame:
        """A row for each measure: value, lower, upper, p."""
        rows = {name: e.row for name, e in self.by_measure.items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "lower", "upper", "p"])


def skill_of_returns(path: ForecastPath) -> Skill:
    """Rank IC, hits beyond chance, and R² and root mean squared error over the mean so far.

    The mean so far needs no forecast: what it foresees is drift. A forecast that expects it has no measures, and of
    another the rank IC is also given less that of the mean so far.
    Raises : DataError for fewer than 24 dates with outcomes.
    """
    forecast, outcome, naive, horizon = path.mean, path.outcome, path.prevailing_mean, path.overlap
    measures: dict[str, EstimateWithTest] = {}
    if path.expects_mean_so_far:
        return Skill("returns", _dates(forecast, outcome), measures)
    if path.mean.shape[1] >= FEWEST_LINES:
        measures["rank IC"] = rank_ic(forecast, outcome, horizon)
        beyond = rank_correlations(forecast, outcome) - rank_correlations(naive, outcome)
        measures["rank IC less that of the mean so far"] = mean_over_dates(beyond, horizon)
    measures[DIRECTION] = direction(forecast, outcome, horizon)
    measures["R² over the mean so far"] = out_of_sample_r2(forecast, outcome, naive, horizon)
    measures["RMSE over that of the mean so far"] = rmse_ratio(forecast, outcome, naive, horizon)
    return Skill("returns", _dates(forecast, outcome), measures)


def skill_of_variances(path: ForecastPath) -> Skill:
    """R² of log variance and QLIKE over the random walk, and the share of outcomes in the 90 % interval.

    The random walk is the realised variance of the horizon that ended. The logarithm of an expected variance lies above
    the expected logarithm: the logarithms of both are moved by their mean error so far. The gain in QLIKE is that of
    the forecast over it, above 0 where the forecast is better, of each asset and of the portfolio of equal risks, which
    takes correlations too. All are tested by Diebold and Mariano, coverage against 90 %.
    Raises : DataError for fewer than 24 dates with outcomes.
    """
    variance, realised, last = np.square(path.deviation), path.realised, path.last_variance
    known = (variance > 0.0) & (realised > 0.0) & (last > 0.0)
    ours, theirs, outcome = (np.where(known, values, np.nan) for values in (variance, last, realised))
    came, before = (np.where(values > 0.0, values, np.nan) for values in path.portfolio_realised)
    logs = _log_variances(path)
    inside = covered(*path.ends(COVERAGE), path.outcome)
    coverage = mean_over_dates(inside - COVERAGE, path.overlap)
    horizon = path.overlap
    theirs_lost, ours_lost = (squared_error(logs[name], logs["realised"]) for name in ("last", "forecast"))
    ratio = out_of_sample_r2(logs["forecast"], logs["realised"], logs["last"], horizon)
    ratio = replace(ratio, p=diebold_mariano(theirs_lost, ours_lost, horizon).p)
    return Skill(
        "variances",
        _dates(ours, outcome),
        {
            "R² of log variance over the random walk": ratio,
            "gain in QLIKE over the random walk": _gain(ours, theirs, outcome, horizon),
            "the same of the portfolio of equal risks": _gain(path.portfolio, before, came, horizon),
            f"coverage of {percent(COVERAGE, 0)} intervals": coverage.plus(COVERAGE),
        },
    )


def _gain(variance: Array, last: Array, outcome: Array, horizon: int) -> EstimateWithTest:
    """QLIKE of the random walk less that of forecasts of variances, (D,) or (D, n)."""
    known = np.isfinite(variance) & np.isfinite(last) & np.isfinite(outcome)
    ours, theirs, came = (np.where(known, values, np.nan) for values in (variance, last, outcome))
    return diebold_mariano(qlike(theirs, came), qlike(ours, came), horizon)


def recentred(forecast: Array, outcome: Array, overlap: int) -> Array:
    """(D, n) forecasts plus the mean error of all forecasts whose outcomes were known on the date; NaN before any was.

    forecast, outcome : (D, n), NaN where there is none.
    overlap           : dates after which an outcome is known.

    >>> recentred(np.array([[1.0], [1.0], [1.0]]), np.array([[1.2], [1.4], [9.0]]), 1).round(3).ravel().tolist()
    [nan, 1.2, 1.3]
    """
    errors = outcome - forecast
    known = np.isfinite(errors)
    sums = np.cumsum(np.where(known, errors, 0.0).sum(axis=1))[: len(errors) - overlap]
    counts = np.cumsum(known.sum(axis=1))[: len(errors) - overlap]
    centre = np.full((len(errors), 1), np.nan)
    centre[overlap:, 0] = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return forecast + centre


def skill_by_line(path: ForecastPath) -> pd.DataFrame:
    """Dates, hit rate, hits beyond chance, R² of return over the mean so far, of log variance over the random walk.

    A row an asset. Hits beyond chance and R² of return are NaN for a forecast that expects the mean so far.
    """
    logs, naive = _log_variances(path), np.nan if path.expects_mean_so_far else 1.0
    product = path.mean * path.outcome
    columns = {
        "dates": (np.isfinite(path.mean) & np.isfinite(path.outcome)).sum(axis=0),
        "hit rate": _mean(np.where(np.isfinite(product) & (product != 0.0), product > 0.0, np.nan)),
        DIRECTION: naive * _mean(hits_beyond_chance(path.mean, path.outcome)),
        "R² of returns": naive * _r2(path.mean, path.outcome, path.prevailing_mean),
        "R² of log variance": _r2(logs["forecast"], logs["realised"], logs["last"]),
    }
    return pd.DataFrame(columns, index=pd.Index(path.market.assets, name="line"))


def skill_by_group(path: ForecastPath, groups: Sequence[object]) -> pd.DataFrame:
    """A row for each group of dates, such as a year: dates, rank IC, hits beyond chance, coverage, R² of log variance.

    groups : (D,) group of each date; it must be known on the date if it is to be acted on.
    """
    labels = pd.Series(list(groups))
    hits = np.full(len(labels), np.nan)
    for days in labels.groupby(labels).indices.values():  # chance is that of the signs of the group
        hits[days] = _by_row(hits_beyond_chance(path.mean[days], path.outcome[days]))
    values = {
        "rank IC": rank_correlations(path.mean, path.outcome),
        DIRECTION: hits,
        f"coverage of {percent(COVERAGE, 0)}": _by_row(covered(*path.ends(COVERAGE), path.outcome)),
    }
    found = pd.DataFrame(values).groupby(labels, sort=True).mean()
    logs = _log_variances(path)
    known = pd.Series((np.isfinite(path.mean) & np.isfinite(path.outcome)).any(axis=1))
    found.insert(0, "dates", known.groupby(labels, sort=True).sum())
    found["R² of log variance"] = [
        float(_r2(*(logs[name][(labels == label).to_numpy()].ravel()[:, None] for name in logs))[0])
        for label in found.index
    ]
    return found


def decay(path: ForecastPath, horizons: Sequence[int] = DECAY_HORIZONS, level: float = 0.95) -> pd.DataFrame:
    """A row for each horizon: the rank IC of the same forecasts with the returns over it, with its interval.

    horizons : numbers of rows of the market.
    level    : level of the intervals.
    Raises   : DataError for fewer than three assets.
    """
    if path.mean.shape[1] < FEWEST_LINES:
        raise DataError(f"{path.mean.shape[1]} assets have no ranks to compare: rank IC needs {FEWEST_LINES}.")
    rows = {}
    for horizon in horizons:
        ahead = replace(path, horizon=horizon)
        rows[horizon] = rank_ic(path.mean, ahead.outcome, ahead.overlap, level).row
    index = pd.Index(list(rows), name="rows ahead")
    return pd.DataFrame(list(rows.values()), index=index, columns=["rank IC", "lower", "upper", "p"])


def loss_by_date(path: ForecastPath, loss: str) -> Array:
    """(D, n) loss of each forecast: "squared error" of the return, "QLIKE" of the variance, or "log score".

    Raises : ConfigError for another loss.
    """
    one_of("loss is", loss, LOSSES)
    if loss == "squared error":
        return squared_error(path.mean, path.outcome)
    if loss == "QLIKE":
        return qlike(np.where(path.deviation > 0.0, np.square(path.deviation), np.nan), path.realised)
    return negative_log_density(path.mean, np.where(path.deviation > 0.0, path.deviation, np.nan), path.outcome)


def compared(paths: Mapping[str, ForecastPath], loss: str, reference: str, level: float = 0.95) -> pd.DataFrame:
    """A row for each forecast: mean loss on common days and assets, difference to the reference, and confidence set.

    paths     : walk-forwards of one market and horizon, by name.
    loss      : one of `LOSSES`.
    reference : name of the forecast to which differences are taken; its own is 0.
    Columns   : loss; difference, lower, upper and p by Diebold and Mariano; in the set (True where the model confidence
                set of size 10 % holds it), and p in it; the log score may be negative and has no set.
    Raises    : ConfigError for an unknown loss or reference; DataError for paths of other markets or horizons, and for
                fewer than 24 common dates.
    """
    one_of("reference is", reference, tuple(paths))
    rows = common_forecast_rows(paths)
    losses = {name: loss_by_date(path, loss)[np.searchsorted(path.rows, rows)] for name, path in paths.items()}
    known = np.logical_and.reduce([np.isfinite(values) for values in losses.values()])
    losses = {name: np.where(known, values, np.nan) for name, values in losses.items()}
    overlap = max(path.overlap for path in paths.values())
    differences = {
        name: diebold_mariano(values, losses[reference], overlap, level)
        for name, values in losses.items()
        if name != reference
    }
    means = {name: by_date(values) for name, values in losses.items()}
    table = pd.DataFrame({"loss": {name: float(values.mean()) for name, values in means.items()}})
    for k, name in enumerate(("difference", "lower", "upper", "p")):
        table[name] = pd.Series({key: one.row[k] for key, one in differences.items()}, dtype=float)
    if loss != "log score":
        held = confidence_set(SlowMeans.of(np.column_stack(list(means.values())), np.ones(len(means), dtype=bool)))
        table["in the set"], table["p in the set"] = held.included, held.p
    return table


def common_forecast_rows(paths: Mapping[str, ForecastPath]) -> Rows:
    """(d,) rows on which all have a forecast. Raises DataError for paths of several markets or horizons."""
    one = next(iter(paths.values()))
    for name, path in paths.items():
        if path.market is not one.market or path.horizon != one.horizon:
            raise DataError(
                f"{name} forecasts {path.horizon} rows of {path.market.name!r}, another {one.horizon} of "
                f"{one.market.name!r}: compare forecasts of one market and horizon."
            )
    rows = one.rows
    for path in paths.values():
        rows = np.intersect1d(rows, path.rows)
    return rows


def _log_variances(path: ForecastPath) -> dict[str, Array]:
    """(D, n) logarithms of forecast, outcome and random walk, forecasts with their mean error so far."""
    given = {"forecast": np.square(path.deviation), "realised": path.realised, "last": path.last_variance}
    logs = {name: np.log(np.where(values > 0.0, values, np.nan)) for name, values in given.items()}
    return logs | {name: recentred(logs[name], logs["realised"], path.overlap) for name in ("forecast", "last")}


def _dates(forecast: Array, outcome: Array) -> int:
    """Dates with a forecast and its outcome."""
    return int((np.isfinite(forecast) & np.isfinite(outcome)).any(axis=1).sum())


def _mean(values: Array) -> Array:
    """(n,) of columns (D, n), without NaN; NaN where there is nothing."""
    return pd.DataFrame(values).mean().to_numpy()


def _by_row(values: Array) -> Array:
    """(D,) of rows (D, n), without NaN; NaN where there is nothing."""
    return pd.DataFrame(values).mean(axis=1).to_numpy()


def _r2(forecast: Array, outcome: Array, benchmark: Array) -> Array:
    """(n,) 1 less the squared errors over those of the benchmark, of columns (D, n); NaN where there is nothing."""
    known = np.isfinite(forecast) & np.isfinite(outcome) & np.isfinite(benchmark)
    ours, theirs = (np.where(known, squared_error(f, outcome), 0.0).sum(axis=0) for f in (forecast, benchmark))
    return np.divide(theirs - ours, theirs, out=np.full(len(theirs), np.nan), where=theirs > 0.0)
