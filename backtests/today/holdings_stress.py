"""Stress tests of the holdings of a desk: episodes, the shocks of its file, and correlations moved toward one."""

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.tolerances import COUNTED
from research.portfolio import Portfolio
from research.risk import drawdown
from research.risk.stress.correlation_breakdown import StressedRisk, stressed_risk
from research.risk.stress.episodes import Episode, span_of
from research.risk.stress.shocks import ShockEffect, covariance_of_held, shock_effects, shock_window


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


@dataclass(frozen=True, eq=False)
class HoldingsStress:
    """The results of today's holdings in episodes, after shocks, and their risk with other correlations.

    episodes  : past episodes that the data has with all assets held.
    shocks    : effect of each, before any trade.
    breakdown : risk with correlations moved by each share of the way to one.
    window    : number of returns in the covariance.
    left_out  : sentences that name what is left out, and the reasons.
    """

    episodes: tuple[HeldEpisode, ...]
    shocks: tuple[ShockEffect, ...]
    breakdown: tuple[StressedRisk, ...]
    window: int
    left_out: tuple[str, ...]


def holdings_stress(portfolio: Portfolio) -> HoldingsStress:
    """The stress tests of today's holdings: no policy and no backtest is asked."""
    window, weights = shock_window(portfolio.periods_per_year), portfolio.weights
    past = portfolio.market.past(len(portfolio.market.dates) - 1)
    shocks, risk, no_shocks = list[ShockEffect](), list[StressedRisk](), list[str]()
    episodes, left_out = held_episodes(portfolio)
    try:
        shocks, no_shocks = shock_effects(weights, past, portfolio.stress.shocks, window)
    except ValueError as error:  # too short a history, or assets that move as one
        no_shocks.append(f"Shocks: {error}")
    try:
        risk = stressed_risk(weights, covariance_of_held(weights, past, window), portfolio.periods_per_year)
    except ValueError as error:
        no_shocks.append(f"Correlations: {error}")
    return HoldingsStress(episodes, tuple(shocks), tuple(risk), window, (*left_out, *no_shocks))
