"""The weights of today in past episodes and under shocks: by hand, and what is left out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.today.holdings_stress import HeldEpisode, held_episodes, held_through, holdings_stress
from research.risk.stress.episodes import Episode


def test_an_episode_is_the_weights_of_today_held_through_it(portfolio):
    found = held_through(portfolio, Episode("spring", pd.Timestamp("2020-02-20"), pd.Timestamp("2020-03-23")))
    market = portfolio.market
    base, last = market.row("2020-02-19"), market.row("2020-03-23")
    grown = np.prod(1.0 + market.returns[base + 1 : last + 1], axis=0)
    cash = np.prod(1.0 + market.cash[base + 1 : last + 1])
    expected = portfolio.weights @ grown + (1.0 - portfolio.weights.sum()) * cash - 1.0
    assert isinstance(found, HeldEpisode)
    assert found.total_return == pytest.approx(expected, rel=1e-12)
    assert found.max_drawdown <= found.total_return < -0.15
    assert (found.first, found.last, found.whole) == (market.dates[base], market.dates[last], True)


def test_an_episode_outside_the_data_or_before_a_line_is_left_out_and_said(portfolio):
    found, left_out = held_episodes(portfolio)
    said = " ".join(left_out)
    assert "Dot-com bust 2000-02: the data has no two returns of it." in said
    assert "BTC was not listed on" in said
    assert {one.name for one in found} >= {"Pandemic 2020", "Inflation 2022"}


def test_a_line_that_is_not_held_does_not_matter_to_an_episode(portfolio):
    without = replace(portfolio, holdings=np.where(np.arange(8) == 7, 0.0, portfolio.holdings))
    assert "Flash crash 2010" in {one.name for one in held_episodes(without)[0]}


def test_shocks_and_correlations_are_those_of_the_weights_of_today(portfolio):
    found = holdings_stress(portfolio)
    crypto = next(one for one in found.shocks if one.name == "Crypto falls 50 %")
    assert crypto.lines[7] == pytest.approx(-0.5 * portfolio.weights[7], rel=1e-12)
    assert crypto.total == pytest.approx(crypto.lines.sum(), abs=1e-15)
    volatilities = [one.volatility for one in found.breakdown]
    assert volatilities == sorted(volatilities)
    spread = np.abs(portfolio.weights) @ portfolio.market.returns[-504:].std(axis=0, ddof=1) * np.sqrt(252)
    assert volatilities[-1] == pytest.approx(spread, rel=1e-9)


def test_cash_alone_has_no_correlations(portfolio):
    found = holdings_stress(replace(portfolio, holdings=np.zeros(8), cash=1e6))
    assert not found.breakdown
    assert "holds cash alone" in " ".join(found.left_out)


def test_a_held_line_with_a_short_history_leaves_no_risk_that_is_too_small(portfolio):
    """BTC is younger than 504 returns: the VaR of the other assets is not that of the whole."""
    young = replace(portfolio, market=portfolio.market.until("2014-12-31"))
    found = holdings_stress(young)
    assert not found.breakdown
    assert "Correlations: BTC is held and has fewer than 504 returns" in found.left_out[-1]
    assert holdings_stress(replace(young, holdings=np.where(np.arange(8) == 7, 0.0, young.holdings))).breakdown


def test_holdings_that_an_episode_takes_whole_are_said(portfolio):
    """Short half of NAV in BTC from the start of 2016, which rose more than threefold in two years."""
    short = np.where(np.arange(8) == 7, -0.5 * portfolio.nav, portfolio.holdings)
    book = replace(portfolio, holdings=short, cash=portfolio.nav - float(short.sum()))
    found = held_through(book, Episode("Rise", pd.Timestamp("2016-01-04"), pd.Timestamp("2017-12-29")))
    assert found == "Rise: the weights of today, held from 2015-12-31, lose everything by 2017-05-01."
