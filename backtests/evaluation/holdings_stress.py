"""Today's holdings under stress: what their weights did in past episodes, after shocks, and as correlations rise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from research.arrays import Array
from research.errors import ConfigError, DataError
from research.portfolio import Portfolio
from research.risk import drawdown
from research.risk.correlation_breakdown import StressedRisk, stressed_risk
from research.risk.episodes import Episode, span_of
from research.risk.shocks import WINDOW_YEARS, ShockEffect, recent_covariance, shock_effects
from research.tolerances import COUNTED


@dataclass(frozen=True)
class HeldEpisode:
    """The weights of today, bought at the close before an episode and held through it without a trade.

    name         : of the episode.
    first, last  : closes from which and to which returns are earned.
    whole        : is the whole of it covered by the data?
    total_return : fraction of NAV, not annualised.
    max_drawdown : the lowest wealth over its peak, less 1; never positive.
    """

    name: str
    first: pd.Timestamp
    last: pd.Timestamp
    whole: bool
    total_return: float
    max_drawdown: float


@dataclass(frozen=True, eq=False)
class HoldingsStress:
    """Stress tests of today's holdings.

    episodes     : those that the data covers with all lines held.
    shocks       : those that move a line of the portfolio.
    correlations : risk with correlations moved toward one.
    window       : returns of the covariance of shocks and correlations.
    left_out     : sentences: what is left out, and why.
    """

    episodes: tuple[HeldEpisode, ...]
    shocks: tuple[ShockEffect, ...]
    correlations: tuple[StressedRisk, ...]
    window: int
    left_out: tuple[str, ...]


def holdings_stress(portfolio: Portfolio) -> HoldingsStress:
    """The episodes and shocks of a portfolio file, or of the house, on its holdings at the last close."""
    market, window = portfolio.market, round(WINDOW_YEARS * portfolio.periods_per_year)
    past, left_out = market.past(len(market.dates) - 1), []
    episodes = []
    for episode in portfolio.stress.episodes:
        found = held_through(portfolio, episode)
        if isinstance(found, HeldEpisode):
            episodes.append(found)
        else:
            left_out.append(found)
    shocks: Sequence[ShockEffect] = ()
    correlations: Sequence[StressedRisk] = ()
    try:
        shocks, unmoved = shock_effects(portfolio.weights, past, portfolio.stress.shocks, window)
        left_out += unmoved
        covariance, _ = recent_covariance(past, window)
        correlations = stressed_risk(portfolio.weights, covariance, portfolio.periods_per_year)
    except (ConfigError, DataError) as error:
        left_out.append(f"Shocks or correlations: {error}")
    return HoldingsStress(tuple(episodes), tuple(shocks), tuple(correlations), window, tuple(left_out))


def held_through(portfolio: Portfolio, episode: Episode) -> HeldEpisode | str:
    """The weights of today held through an episode; or a sentence that says why they could not be."""
    market, weights = portfolio.market, portfolio.weights
    span = span_of(episode, market.days)
    if span.coverage == "none":
        return f"{episode.name}: the data has no two returns of it."
    unlisted = [
        asset
        for asset, weight, listed in zip(market.assets, weights, market.listed[span.base], strict=True)
        if abs(weight) > COUNTED and not listed
    ]
    if unlisted:
        return f"{episode.name}: {unlisted[0]} was not listed on {market.days[span.base]}."
    rows = slice(span.base, span.last + 1)
    lines = market.index[rows] / np.where(market.index[span.base] > 0.0, market.index[span.base], 1.0)
    cash = market.cash_index[rows] / market.cash_index[span.base]
    path: Array = lines @ weights + (1.0 - weights.sum()) * cash
    return HeldEpisode(
        episode.name,
        market.dates[span.base],
        market.dates[span.last],
        span.coverage == "whole",
        float(path[-1] / path[0]) - 1.0,
        float(drawdown(path).min()),
    )
