"""Exposure of a policy through its test: weights by class and currency, concentration, and sources of risk."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.attribution.contributions import cash_name
from backtests.attribution.risk_contributions import RiskContributions, contributions_of
from backtests.engine.result import Backtest
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.tolerances import COUNTED
from research.market.calendars import last_of
from research.risk.decomposition.contributions import effective_bets


@dataclass(frozen=True, eq=False)
class Concentration:
    """The effective numbers of assets and of uncorrelated bets over which a policy was spread.

    dates : (D + 1,) closes, the opening one first.
    lines : (D + 1,) effective number of assets at each close, NaN where it held cash alone.
    bets  : (m,) effective number of bets at each month's end of the test, by the returns of the year up to it.
    ends  : (m,) row of `dates` of each; none before a year of returns is known for every asset held.
    """

    dates: pd.DatetimeIndex
    lines: Array
    bets: Array
    ends: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class HeldExposure:
    """The weights that one policy held, and their risk.

    policy        : its name.
    classes       : (D + 1, k) weight of each asset class at each close, and of cash, where any was held.
    currencies    : (D + 1, k) the same for each currency.
    concentration : effective numbers of assets and of bets.
    contributions : contributions to its volatility, by asset and class.
    """

    policy: str
    classes: pd.DataFrame
    currencies: pd.DataFrame
    concentration: Concentration
    contributions: RiskContributions


def exposure_of(policy: str, backtest: Backtest, periods_per_year: float) -> HeldExposure:
    """Measure one backtest of a policy; risk is of a year of returns."""
    window, market = max(round(periods_per_year), 2), backtest.market
    return HeldExposure(
        policy,
        exposures(backtest, market.asset_class),
        exposures(backtest, market.currency),
        concentration_path(backtest, window),
        contributions_of(backtest, periods_per_year, window),
    )


def exposures(backtest: Backtest, groups: Sequence[str]) -> pd.DataFrame:
    """(D + 1, k) weight of each group at each close, fraction of NAV, and of cash, where any was held.

    backtest : a backtest of n assets.
    groups   : (n,) group of each asset, such as `market.asset_class`; columns are in the order of first appearance.
    """
    weights, names = backtest.weights.to_numpy(), list(dict.fromkeys(groups))
    member = np.array([[group == name for name in names] for group in groups], dtype=float)
    found = pd.DataFrame(weights @ member, backtest.dates, names)
    cash = backtest.cash_weight.to_numpy()
    if (np.abs(cash) > COUNTED).any():
        found[cash_name(names)] = cash
    return found


def concentration_path(backtest: Backtest, window: int) -> Concentration:
    """The effective number of assets at each close, and of bets at each month's end.

    backtest : a backtest of n assets.
    window   : number of returns in the covariance of bets: the sample covariance of the assets known on all its days.
    """
    weights, market = backtest.weights.to_numpy(), backtest.market
    sizes = np.abs(weights).sum(axis=1)
    lines = np.full(len(weights), np.nan)
    held = sizes > COUNTED
    lines[held] = 1.0 / np.sum((weights[held] / sizes[held, None]) ** 2, axis=1)
    ends = np.flatnonzero(last_of(market.days[backtest.first :], "month", market.calendar))
    found = {row: _bets(backtest, weights[row], row, window) for row in ends.tolist()}
    known = {row: bets for row, bets in found.items() if bets is not None}
    bets = np.array(list(known.values()), dtype=float)
    return Concentration(backtest.dates, lines, bets, np.array(list(known), dtype=np.int64))


def _bets(backtest: Backtest, weights: Array, row: int, window: int) -> float | None:
    """`effective_bets` of the weights at a close; None where returns are not all known, or the weights have no risk."""
    t, market = backtest.first + row, backtest.market
    held = np.abs(weights) > COUNTED
    if t < window or not held.any() or not market.past(t).complete(window)[held].all():
        return None
    returns = market.returns[t - window + 1 : t + 1, held]
    try:
        return effective_bets(weights[held], np.atleast_2d(np.cov(returns, rowvar=False)))
    except DataError:
        return None
