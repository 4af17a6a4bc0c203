"""Stress tests of the holdings of a desk: episodes, the shocks of its file, and correlations moved toward one."""

from dataclasses import dataclass

from backtests.today.held_episodes import HeldEpisode, held_episodes
from research.portfolio import Portfolio
from research.risk.stress.correlation_breakdown import StressedRisk, stressed_risk
from research.risk.stress.shocks import WINDOW_YEARS, ShockEffect, covariance_of_held, shock_effects


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
    window, weights = round(WINDOW_YEARS * portfolio.periods_per_year), portfolio.weights
    past = portfolio.market.past(len(portfolio.market.dates) - 1)
    shocks, risk, no_shocks = list[ShockEffect](), list[StressedRisk](), list[str]()
    episodes, left_out = held_episodes(portfolio)
    try:
        shocks, no_shocks = shock_effects(weights, past, portfolio.stress.shocks, window)
    except ValueError as error:  # too short a history, or lines that move as one
        no_shocks.append(f"Shocks: {error}")
    try:
        risk = stressed_risk(weights, covariance_of_held(weights, past, window), portfolio.periods_per_year)
    except ValueError as error:
        no_shocks.append(f"Correlations: {error}")
    return HoldingsStress(episodes, tuple(shocks), tuple(risk), window, (*left_out, *no_shocks))
