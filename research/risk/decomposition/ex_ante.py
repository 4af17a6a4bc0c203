"""The risk of weights as of one close: by the covariance of their assets, and by their returns over the past.

Two samples, both of rows on which all assets have returns. Volatility, tracking error and beta are ex ante: by the
covariance that rules estimate, of the last year of days. Losses are by the whole sample, at the weights of today.
The risk of an asset that has stopped is not known: all figures leave it out, as if it were cash without interest.
"""

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.paper.wording import percent
from foundation.tolerances import COUNTED
from research.market import Market
from research.market.calendars import row_name
from research.market.delisting import moving, stopped
from research.market.frequency import is_daily, sample_rows
from research.market.market import Past
from research.risk.simulation.future_laws import WITHIN_A_MONTH, sample

CASH_ROWS = 21  # last ones, whose mean return of cash is that of the sample
COVARIANCE_DAYS = 252  # days of the covariance of daily rows


def covariance_of(past: Past, window: int, periods_per_year: float) -> Array:
    """(n, n) sample covariance a year of the last `window` returns; zeros for an asset that lacks one of them."""
    complete = past.complete(window)
    if complete.all():  # most often
        return sample_covariance(np.ascontiguousarray(past.returns[past.t - window + 1 :])) * periods_per_year
    lines, found = np.flatnonzero(complete), np.zeros((len(past.assets), len(past.assets)))
    if len(lines):
        returns = np.ascontiguousarray(past.returns[past.t - window + 1 :, lines])
        found[lines[:, None], lines] = sample_covariance(returns) * periods_per_year
    return found


def sample_covariance(returns: Array) -> Array:
    """(n, n) `np.cov` of (T, n) returns, to the bit, in a third of its time: a rule asks for one each month."""
    apart = returns - np.add.reduce(returns, axis=0) / len(returns)  # the mean without its checks
    found: Array = np.dot(apart.T, apart) * np.true_divide(1.0, len(returns) - 1)
    return found


def stopped_words(market: Market, weights: Array) -> tuple[str, ...]:
    """A sentence for each asset that has stopped and has a weight (n,): its risk is not known."""
    held = dict(zip(market.assets, weights.tolist(), strict=True))
    return tuple(
        f"{asset} has not moved since {day}, and its risk is not known: volatility, tracking error, beta, losses, "
        f"contributions and shocks leave out its {percent(held[asset])} of NAV, and futures have it as still as it was."
        " Correct its prices, or, if it has left the market, take it out of the file (in Python: delist)."
        for asset, day in stopped(market.past(len(market.dates) - 1)).items()
        if abs(held[asset]) > COUNTED
    )


@dataclass(frozen=True, eq=False)
class ExAnte:
    """The samples that measure the risk of any weights of a market's n assets, at its last close.

    market           : market of the assets.
    periods_per_year : number of its rows a year.
    dates            : dates of the sample: rows on which all assets have returns.
    returns          : (T, n) simple returns of the sample; zeros of an asset that has stopped.
    """

    market: Market
    periods_per_year: float
    dates: pd.DatetimeIndex
    returns: Array

    @classmethod
    def of(cls, market: Market, periods_per_year: float) -> "ExAnte":
        """The samples of a market up to its last close; of months and longer rows, 60 suffice.

        Raises : DataError as `sample` does.
        """
        dates, returns = sample(market, periods_per_year)
        moves = moving(market.past(len(market.dates) - 1))
        return cls(market, periods_per_year, dates, returns if moves.all() else np.where(moves, returns, 0.0))

    @property
    def row(self) -> str:
        """The name of a row of the market: "day", "week" and so on."""
        return row_name(self.periods_per_year)

    @property
    def window(self) -> int:
        """Returns of the covariance, the last ones: a year of days, as many of rarer rows or five years of them.

        All of the sample where it is shorter.
        """
        year = self.periods_per_year
        return min(round(year) if is_daily(year) else max(sample_rows(COVARIANCE_DAYS, year), 2), len(self.returns))

    # -- ex ante ---------------------------------------------------------------------------------------------------

    @cached_property
    def covariance(self) -> Array:
        """(n, n) a year."""
        return sample_covariance(self.returns[-self.window :]) * self.periods_per_year

    def volatility(self, weights: Array) -> float:
        """sqrt(w'Σw), fraction a year, of weights (n,); of active weights it is the tracking error.

        weights : (n,) fraction of NAV, cash left out.
        """
        return math.sqrt(max(float(weights @ self.covariance @ weights), 0.0))

    def beta(self, weights: Array, target: Array) -> float:
        """w'Σb / b'Σb, of weights (n,) to those of a target (n,), fraction of NAV, cash left out.

        Raises : DataError for a target without risk.
        """
        variance = float(target @ self.covariance @ target)
        if not variance > 0.0:
            raise DataError("the strategic target has no risk.")
        return float(weights @ self.covariance @ target) / variance

    def beta_to_series(self, weights: Array, returns: Array) -> float:
        """The same to a return series on the dates of the market, over the rows of the covariance.

        weights : (n,) fraction of NAV, cash left out.
        returns : (T,) returns on all rows of the market, fraction, NaN where not known.
        Raises  : DataError for a series that is not known on one of the rows, or does not vary.
        """
        known = returns[-self.window :]
        if np.isnan(known).any():
            missing = self.market.dates[-self.window :][np.isnan(known)][0]
            raise DataError(f"the benchmark has no return on {missing:%Y-%m-%d}.")
        apart = known - known.mean()
        if not float(apart @ apart) > 0.0:
            raise DataError("the benchmark does not vary.")
        return float(apart @ (self.returns[-self.window :] @ weights)) / float(apart @ apart)

    # -- losses ----------------------------------------------------------------------------------------------------

    @cached_property
    def horizons(self) -> Mapping[str, tuple[int, Array]]:
        """By name of a horizon: the number of rows that it spans, and (T', n) the return of each asset over them.

        One row, and a month where it has several rows: a month is held without a trade, and months overlap.
        """
        month = max(round(self.periods_per_year / 12.0), 1)
        found = {f"one {self.row}": (1, self.returns)}
        if self.row in WITHIN_A_MONTH:
            growth = np.vstack([np.ones(self.returns.shape[1]), np.cumprod(1.0 + self.returns, axis=0)])
            found["one month"] = (month, growth[month:] / growth[:-month] - 1.0)
        return found

    def returned(self, weights: Array, horizon: str) -> Array:
        """(T',) return of the weights over each horizon of the sample, fraction.

        weights : (n,) fraction of NAV; cash is the rest, and earns its mean return of the last 21 rows.
        horizon : one of `horizons`.
        """
        rows, returns = self.horizons[horizon]
        cash = (1.0 - weights.sum()) * float(self.market.cash[-CASH_ROWS:].mean())
        return returns @ weights + rows * cash
