"""Performance of today's weights in past episodes of stress."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.tolerances import COUNTED
from research.portfolio import Portfolio
from research.risk import drawdown
from research.risk.stress.episodes import Episode, span_of


@dataclass(frozen=True)
class HeldEpisode:
    """The weights of today, bought at the close before an episode and held through it without a trade.

    name         : name of the episode.
    first, last  : closes from which and to which returns are earned.
    whole        : True if the whole of it is covered by the data.
    total_return : fraction of NAV, not annualised.
    max_drawdown : the lowest wealth over its peak, less 1; never positive.
    """

    name: str
    first: pd.Timestamp
    last: pd.Timestamp
    whole: bool
    total_return: float
    max_drawdown: float


def held_episodes(portfolio: Portfolio) -> tuple[tuple[HeldEpisode, ...], tuple[str, ...]]:
    """The episodes of a portfolio file, or of the house, that the data has; and a sentence for each other."""
    found = [held_through(portfolio, episode) for episode in portfolio.stress.episodes]
    held = tuple(one for one in found if isinstance(one, HeldEpisode))
    return held, tuple(one for one in found if isinstance(one, str))


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
    if not (path > 0.0).all():
        day = market.days[span.base + int(np.argmin(path > 0.0))]
        return f"{episode.name}: the weights of today, held from {market.days[span.base]}, lose everything by {day}."
    return HeldEpisode(
        episode.name,
        market.dates[span.base],
        market.dates[span.last],
        span.coverage == "whole",
        float(path[-1] / path[0]) - 1.0,
        float(drawdown(path).min()),
    )
