"""The forecast of a day, computed once, and refused if it has seen a later day."""

from functools import lru_cache

import numpy as np

from foundation.arrays import Array, Rows
from foundation.errors import PolicyError
from research.forecast.moments import Forecast, Moments
from research.market import Past

DAYS = 4096  # of forecasts that stay in memory


@lru_cache(maxsize=DAYS)
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
    """The rows, of (D,), on which a line has all returns that a forecast needs."""
    late = rows[rows >= forecast.window]
    return late[(past.listed[late - forecast.window] & past.listed[late]).any(axis=1)]


def in_columns(moments: Moments, assets: tuple[str, ...]) -> tuple[Array, Array]:
    """(n,) mean and (n,) standard deviation of lines of a market, NaN for those without a forecast."""
    mean, deviation = np.full(len(assets), np.nan), np.full(len(assets), np.nan)
    lines = [assets.index(asset) for asset in moments.assets]
    mean[lines], deviation[lines] = moments.mean, moments.volatility
    return mean, deviation
