"""Capacity where it is known: costs that grow with a power of wealth, and volumes that scale it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.comparison.descriptions.capacity import Capacity, _left, capacity
from backtests.comparison.descriptions.replays import Replays
from backtests.comparison.fitting.candidates import backtest_candidate, benchmark_of
from research.accounting import Costs, Impact
from research.allocation import FixedWeights
from research.market import Market, instruments_table
from research.portfolio import Limits, Portfolio
from research.rules import Calendar, Never

TARGET = FixedWeights((0.5, 0.5))
POLICIES = {"month": Calendar(TARGET, "month"), "never": Never(TARGET)}


def desk(volume: float = 1e6, exponent: float = 1.5, impact: bool = True, ticket: float = 0.0) -> Portfolio:
    """Halves of two assets of constant volume, quoted at their index; a million of currency."""
    rng, days = np.random.default_rng(4), 1000
    returns = rng.normal(0.0003, 0.012, (days, 2))
    returns[0] = 0.0
    names = ("A", "B")
    quotes = np.cumprod(1.0 + returns, axis=0)
    market = Market(
        pd.bdate_range("2020-01-01", periods=days), names, returns, np.ones((days, 2), dtype=bool), np.zeros(days),
        instruments_table(names), quotes, volumes=volume / quotes, calendar="24/5", name="made",
    )  # fmt: skip
    costs = replace(
        Costs.bps(2, commission=0.5),
        impact=Impact(1.0, exponent=exponent) if impact else None,
        ticket=np.full(2, ticket),
    )
    return Portfolio(
        name="Desk", file="desk.yaml", market=market, basis="USD", holdings=np.array([5e5, 5e5]),
        shares=np.full(2, np.nan), cash=0.0, last_trade=market.dates[0], strategic=TARGET, lower=np.zeros(2),
        upper=np.ones(2), costs=costs, limits=Limits(0.0, np.ones(2), np.ones(2, dtype=bool)), tracking_penalty=5.0,
        periods_per_year=252, lag=1, test_start=market.dates[100], policies=dict(POLICIES), policy=None,
        reference="never", settings={},
    )  # fmt: skip


def found_for(portfolio: Portfolio, policy: str = "month", against: str = "never") -> Capacity:
    benchmark = benchmark_of(portfolio, portfolio.market)
    played = {name: backtest_candidate(portfolio, rule, name) for name, rule in POLICIES.items()}
    return capacity(Replays(portfolio, benchmark, POLICIES, played), policy, against)


@pytest.mark.parametrize("exponent", [1.5, 2.0])
def test_where_the_cost_of_impact_is_a_power_of_wealth_capacity_is_its_closed_form(exponent: float) -> None:
    """A policy that never trades pays none, so gain(W) = g − k·W^(p − 1), which is g/2 at (g/2k)^(1/(p − 1)).

    The trades of a calendar do not depend on what they cost but for the cost's own part of wealth, some 1e-4.
    """
    found = found_for(desk(volume=1e9, exponent=exponent))
    assert found.reason == ""
    own = found.table.iloc[0]
    k = (own["gain_without_impact"] - own["gain"]) / own["nav"] ** (exponent - 1.0)
    closed = (own["gain_without_impact"] / (2.0 * k)) ** (1.0 / (exponent - 1.0))
    assert found.nav == pytest.approx(closed, rel=0.02)
    assert found.nav > 2e6  # and the search went some way
    at = found.table.set_index("nav").loc[found.nav]
    assert at["gain"] == pytest.approx(at["gain_without_impact"] / 2.0, rel=2e-3)


def test_four_times_the_volume_carries_four_times_the_wealth() -> None:
    """Wealth over volume is all that impact knows."""
    one, four = found_for(desk(volume=1e7)), found_for(desk(volume=4e7))
    assert four.nav == pytest.approx(4.0 * one.nav, rel=2e-3)


def test_the_table_rises_in_wealth_and_falls_in_gain() -> None:
    table = found_for(desk(volume=1e7)).table
    assert (np.diff(table["nav"]) > 0.0).all()
    assert (np.diff(table["gain"]) < 0.0).all()
    assert table["gain_without_impact"].to_numpy() == pytest.approx(table["gain_without_impact"].iloc[0], rel=1e-9)


def test_the_search_goes_down_where_the_desk_is_too_rich_already() -> None:
    rich, poor = found_for(desk(volume=1e5)), found_for(desk(volume=1e9))
    assert rich.nav < 1e6 < poor.nav
    assert rich.nav == pytest.approx(poor.nav / 1e4, rel=2e-3)


def test_amounts_stay_as_wealth_rises() -> None:
    table = found_for(desk(volume=1e8, ticket=5.0)).table
    without = table["gain_without_impact"].dropna()  # the poorest cannot pay the tickets
    assert without.is_monotonic_increasing
    assert without.iloc[-1] > without.iloc[0] + 0.01  # a ticket costs the rich less


def test_what_is_missing_is_said_with_no_number() -> None:
    none = found_for(desk(impact=False))
    assert none.nav is None
    assert none.table.empty
    assert "charges no market impact: give “impact: 1.0”" in none.reason
    without = desk()
    none = found_for(replace(without, market=replace(without.market, volumes=None), costs=Costs.bps(2)))
    assert "has no volumes" in none.reason
    none = found_for(desk(volume=1e7), "never", "month")
    assert (none.nav, none.reason.partition(" has")[0]) == (None, "without impact never")
    none = found_for(desk(volume=1e14))
    assert none.nav is None
    assert "less than half of the gain of month over never up to 1,000,000,000,000 USD." in none.reason


def test_nothing_is_left_of_a_gain_that_tickets_have_turned_into_a_loss() -> None:
    """Less than nothing over less than nothing is more than half, and no wealth to recommend."""
    assert _left({"gain": -4.0, "gain_without_impact": -3.0}) == 0.0
    assert _left({"gain": 0.0, "gain_without_impact": 0.0}) == 0.0
    assert _left({"gain": 1.5, "gain_without_impact": 3.0}) == 0.5
    none = found_for(desk(volume=5e3, ticket=5.0))
    assert none.nav is None
    assert "of much less wealth its costs leave no gain even without it" in none.reason
