"""A forecast asked on many days, each time of the past alone, beside what came of it."""

import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from statistics import NormalDist
from typing import Literal

import numpy as np
import pandas as pd

from backtests.inference.forecast_skill import WAVE_ROUNDING
from foundation.arguments import is_whole, refuse
from foundation.arrays import Array, Rows, frozen
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.files import CACHE
from foundation.progress import bar
from foundation.sets import installed_versions
from foundation.stored import Stored
from research.allocation.kept_paths import ALLOCATION_LIBRARIES, settings_of
from research.forecast import Forecast
from research.forecast.estimated import means_so_far
from research.forecast.predicted import (
    days_with_history,
    in_columns,
    overlap,
    portfolio_variances_after,
    predicted,
    returns_after,
    variances_after,
)
from research.market import Market, Past
from research.market.calendars import last_of

FORECASTS_FOLDER = CACHE / "forecasts"
STORED_ARRAYS = ("mean", "deviation", "portfolio")  # arrays of each day
DAYS_TO_KEEP = 12  # days: fewer are computed as fast as a file is read


@dataclass(frozen=True, eq=False)
class ForecastPath:
    """Forecasts of n assets on D days, and the outcomes. NaN where there was no forecast, or no outcome yet.

    market    : T days of n assets.
    rows      : (D,) rows of the market at whose closes the forecasts were made.
    horizon   : number of rows of the market that each is about.
    mean      : (D, n) expected simple return over the horizon, fraction.
    deviation : (D, n) standard deviation of that return, fraction.
    portfolio : (D,) variance of the return of the portfolio of equal risks (`equal_risks`), which takes correlations.
    notes     : (D,) note on each, such as that a fit failed.
    seconds   : processor time of all of them when they were computed, fits included, seconds.
    """

    market: Market
    rows: Rows
    horizon: int
    mean: Array
    deviation: Array
    portfolio: Array
    notes: tuple[tuple[str, ...], ...]
    seconds: float = 0.0

    @property
    def dates(self) -> pd.DatetimeIndex:
        """(D,) days of the forecasts."""
        return self.market.dates[self.rows]

    @property
    def whole(self) -> Past:
        """All days of the market, from which outcomes are taken."""
        return self.market.past(len(self.market.dates) - 1)

    @cached_property
    def outcome(self) -> Array:
        """(D, n) simple return of each asset over the horizon, fraction."""
        return frozen(returns_after(self.whole, self.rows, self.horizon))

    @cached_property
    def realised(self) -> Array:
        """(D, n) realised variance of each asset over the horizon."""
        return frozen(variances_after(self.whole, self.rows, self.horizon))

    @cached_property
    def prevailing_mean(self) -> Array:
        """(D, n) mean return so far times the horizon: what is expected by who forecasts nothing."""
        return frozen(self.horizon * means_so_far(self.whole, self.rows))

    @cached_property
    def expects_mean_so_far(self) -> bool:
        """True if the forecasts are the means so far, but for rounding: it says nothing of returns beyond them."""
        said = np.isfinite(self.mean)
        return bool(np.allclose(self.mean[said], self.prevailing_mean[said], rtol=WAVE_ROUNDING, atol=0.0))

    @cached_property
    def last_variance(self) -> Array:
        """(D, n) realised variance over the horizon that ended: what is expected by who takes it for a random walk."""
        return frozen(variances_after(self.whole, self.rows - self.horizon, self.horizon))

    @cached_property
    def portfolio_realised(self) -> tuple[Array, Array]:
        """(D,) realised variance of the portfolio of equal risks over the horizon, and over the horizon that ended."""
        held, h = equal_risks(self.deviation), self.horizon
        after, before = (portfolio_variances_after(self.whole, r, h, held) for r in (self.rows, self.rows - h))
        return frozen(after), frozen(before)

    def ends(self, coverage: float) -> tuple[Array, Array]:
        """(D, n) lower and upper ends of the interval that holds an outcome with a probability, see `interval`."""
        return interval(self.mean, self.deviation, coverage)

    @property
    def overlap(self) -> int:
        """The most forecasts that share a day of their outcomes: 1 where outcomes do not overlap."""
        return overlap(self.rows, self.horizon)

    def only(self, which: Rows) -> "ForecastPath":
        """Some of its days, by number."""
        notes = tuple(self.notes[i] for i in which.tolist())
        kept = {name: getattr(self, name)[which] for name in ("rows", *STORED_ARRAYS)}
        return replace(self, **kept, notes=notes)


def equal_risks(deviation: Array) -> Array:
    """(D, n) weights in proportion to one over the standard deviation (D, n) of each asset, so that none decides alone.

    An asset without a forecast has none.
    Source : Engle and Colacito (2006), Testing and valuing dynamic correlations for asset allocation, Journal of
             Business and Economic Statistics 24: covariances are judged by the variance of portfolios.
    """
    known = deviation > 0.0
    shares = np.divide(1.0, deviation, out=np.zeros(deviation.shape), where=known)
    total = shares.sum(axis=1, keepdims=True)
    return np.divide(shares, total, out=shares, where=total > 0.0)


def interval(mean: Array, deviation: Array, coverage: float) -> tuple[Array, Array]:
    """Lower and upper ends of the interval that holds a normal return with a probability, fractions like `mean`.

    No end is below −1: no asset loses more than all of its value.

    >>> [end.round(3).tolist() for end in interval(np.array([0.1, 0.1]), np.array([0.1, 1.0]), 0.9)]
    [[-0.064, -1.0], [0.264, 1.745]]
    """
    reach = NormalDist().inv_cdf((1.0 + coverage) / 2.0) * deviation
    return np.maximum(mean - reach, -1.0), np.maximum(mean + reach, -1.0)


def walk_forward(
    forecast: Forecast,
    market: Market,
    horizon: int,
    every: Literal["day", "week", "month", "quarter"] = "month",
    start: int = 0,
    folder: str | Path = FORECASTS_FOLDER,
) -> ForecastPath:
    """The forecasts of a market at the last session of each period, from when there is enough history.

    What a forecast with the same settings said of the same data is read from disk, where it was computed before.
    forecast : asked of each past alone.
    horizon  : rows of the market that the forecasts are about; moments over others are scaled, see `Moments.over`.
    every    : period; where its last session is no row, the first row after it counts.
    start    : first row at whose close it is asked.
    folder   : folder of stored paths.
    Raises   : ConfigError for another horizon, period or start; DataError where no day has enough history; PolicyError
               for a forecast that has seen later days than the one on which it is asked.
    """
    if not is_whole(horizon) or horizon < 1:
        refuse("horizon of a walk-forward is", horizon, "give a whole number of rows, at least 1.")
    if not is_whole(start) or not 0 <= start < len(market.dates):
        refuse("start of a walk-forward is", start, f"give a row from 0 to {len(market.dates) - 1}.")
    rows = np.flatnonzero(last_of(market.days, every, market.calendar))
    rows = days_with_history(forecast, market.past(len(market.dates) - 1), rows[rows >= start])
    if not len(rows):
        raise DataError(
            f"the forecast needs {forecast.window} returns, and {market.name!r} has {len(market.dates) - 1}: no day is "
            "left for a forecast. Take a longer market, or a forecast that needs fewer."
        )
    settings = settings_of(forecast)
    if settings is None or len(rows) < DAYS_TO_KEEP:
        return _walked(forecast, market, rows, int(horizon))
    versions = installed_versions(ALLOCATION_LIBRARIES)
    stored = _StoredForecasts(folder, [market.fingerprint, settings, int(horizon), every, int(start), versions])
    with suppress(DataError, KeyError, TypeError, ValueError):  # of a file that is damaged, whatever is wrong with it
        if (found := stored.load()) is not None:
            arrays, record = found
            notes = tuple(tuple(said) for said in record["notes"])
            mean, deviation, portfolio = (arrays[name] for name in STORED_ARRAYS)
            seconds = record["seconds"]
            return ForecastPath(market, arrays["rows"], int(horizon), mean, deviation, portfolio, notes, seconds)
    path = _walked(forecast, market, rows, int(horizon))
    with suppress(OSError):  # a full disk, or one that cannot be written to
        arrays = {name: getattr(path, name) for name in ("rows", *STORED_ARRAYS)}
        stored.save(arrays, {"notes": path.notes, "seconds": path.seconds})
    return path


def _walked(forecast: Forecast, market: Market, rows: Rows, horizon: int) -> ForecastPath:
    """The forecasts at the closes of rows (D,)."""
    columns, notes, begun = [], [], time.process_time()
    with bar(len(rows), "forecasts") as done:
        for row in rows.tolist():
            found = predicted(forecast, market.past(row)).over(horizon)
            held = equal_risks(found.volatility[None])[0]
            columns.append((*in_columns(found, market.assets), float(held @ found.covariance @ held)))
            notes.append(found.notes)
            done.update()
    mean, deviation, portfolio = (frozen(np.array(column)) for column in zip(*columns, strict=True))
    return ForecastPath(market, rows, horizon, mean, deviation, portfolio, tuple(notes), time.process_time() - begun)


class _StoredForecasts(Stored):
    kind, form = "path of forecasts", "path of forecasts, 2"
