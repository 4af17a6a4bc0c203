"""The forecast of a day, computed once and refused if it has seen a later day; and the outcomes of forecasts.

An outcome that reaches beyond the last day is not known yet: NaN. So is that of an asset that was not listed on the
day. An asset that leaves the market within the horizon counts with its delisting return, and returns nothing after
it.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from foundation.arrays import Array, Mask, Rows
from foundation.errors import PolicyError
from research.forecast.factor_model import FactorModel
from research.forecast.moments import Forecast, Moments
from research.market import Past

FORECAST_DAYS = 4096  # of forecasts that stay in memory


@lru_cache(maxsize=FORECAST_DAYS)
def predicted(forecast: Forecast, past: Past) -> Moments:
    """The forecast at the close of `past`. Raises PolicyError where it has seen a later day."""
    return seen_until(past, forecast.predict(past), forecast)


def seen_until(past: Past, moments: Moments, forecast: Forecast) -> Moments:
    """The same moments. Raises PolicyError where the forecast that gave them has seen a day after `past`."""
    if moments.seen > past.date:
        raise PolicyError(
            f"{forecast!r} has seen {moments.seen:%Y-%m-%d}, but is asked on {past.date:%Y-%m-%d}: it knows later "
            "data. Start later, or fit it on fewer days."
        )
    return moments


def days_with_history(forecast: Forecast, past: Past, rows: Rows) -> Rows:
    """The rows, of (D,), on which an asset has all returns that a forecast needs, and its factors are known."""
    late = rows[rows >= forecast.window]
    late = late[forecast.known(past, late)] if isinstance(forecast, FactorModel) else late
    return late[(past.listed[late - forecast.window] & past.listed[late]).any(axis=1)]


def in_columns(moments: Moments, assets: tuple[str, ...]) -> tuple[Array, Array]:
    """(n,) mean and (n,) standard deviation of assets of a market, NaN for those without a forecast."""
    mean, deviation = np.full(len(assets), np.nan), np.full(len(assets), np.nan)
    lines = [assets.index(asset) for asset in moments.assets]
    mean[lines], deviation[lines] = moments.mean, moments.volatility
    return mean, deviation


def returns_after(past: Past, rows: Rows, horizon: int) -> Array:
    """(D, n) compound simple return of each asset over the `horizon` rows after each of the D rows, fraction.

    past    : T days of n assets, up to today.
    rows    : (D,) rows of the past; one below 0 lies before it, and has no outcome.
    horizon : rows, at least 1.
    """
    return _after(past, rows, horizon, lambda returns: np.prod(1.0 + returns, axis=1) - 1.0)


def variances_after(past: Past, rows: Rows, horizon: int) -> Array:
    """(D, n) realised variance: the sum of squared simple returns over the `horizon` rows after each of the D rows.

    Source : Andersen and Bollerslev (1998), Answering the Skeptics, International Economic Review 39(4).
    """
    return _after(past, rows, horizon, lambda returns: np.square(returns).sum(axis=1))


def portfolio_variances_after(past: Past, rows: Rows, horizon: int, weights: Array) -> Array:
    """(D,) realised variance of portfolios that hold weights (D, n) over the `horizon` rows after each of the D rows.

    past, rows, horizon : as of `returns_after`.
    weights             : at the close of each row, held on each day of the horizon; 0 for assets that are not listed.
    """
    passed, returns = _ahead(past, rows, horizon)
    found = np.full(len(rows), np.nan)
    found[passed] = np.square(np.einsum("dhn,dn->dh", returns, weights[passed])).sum(axis=1)
    return found


def overlap(rows: Rows, horizon: int) -> int:
    """The most of the days of rows (D,) whose outcomes share a part with that of one of them; 1 where none does.

    >>> overlap(np.array([0, 20, 41, 62]), 21)
    2
    """
    reach = np.searchsorted(rows, rows + horizon) - np.arange(len(rows))
    return int(reach.max(initial=1))


def _after(past: Past, rows: Rows, horizon: int, summed: Callable[[Array], Array]) -> Array:
    """(D, n) sums of returns (D, horizon, n), where the horizon has passed and the asset was listed; else NaN."""
    passed, returns = _ahead(past, rows, horizon)
    found = np.full((len(rows), len(past.assets)), np.nan)
    found[passed] = np.where(past.listed[rows[passed]], summed(returns), np.nan)
    return found


def _ahead(past: Past, rows: Rows, horizon: int) -> tuple[Mask, Array]:
    """(D,) true where the horizon after a row has passed, and the returns (·, horizon, n) after these rows."""
    passed = (rows >= 0) & (rows + horizon <= past.t)
    return passed, past.returns[rows[passed, None] + np.arange(1, horizon + 1)]
