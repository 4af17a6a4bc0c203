"""Figures of a backtest, each recomputed by another route than the one that made it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simulated import measured_by, world

from backtests.engine import Backtest, backtest
from backtests.evaluation.benchmark import Benchmark, target_returns
from backtests.evaluation.scores import score
from research.accounting import Costs, Flows
from research.allocation import EqualWeights, FixedWeights, target_path
from research.market import Market, instruments_table
from research.rules import Calendar, Never, Threshold


def traded_once() -> tuple[Backtest, Benchmark]:
    """Two assets at 50/50. A gains 20 % on day 1 and nothing moves after; traded back on day 2, at 1 % a side."""
    names, days = ("A", "B"), 21
    returns = np.zeros((days, 2))
    returns[1, 0] = 0.2
    market = Market(
        pd.date_range("2020-01-01", periods=days), names, returns, np.ones((days, 2), dtype=bool), np.zeros(days),
        instruments_table(names), np.full((days, 2), np.nan), calendar="24/7",
    )  # fmt: skip
    costs = Costs.bps(2, commission=100)
    return backtest(market, Threshold(EqualWeights(), 0.01), costs, lag=1), measured_by(market, (0.5, 0.5))


def test_a_single_trade_by_hand() -> None:
    """In units of the wealth before: V + 0.01 V = 1 opens 1/1.01. Day 1 earns 10 % of that.

    Day 2, in units of the opened wealth: V + 0.01 (|V/2 - 0.6| + |V/2 - 0.5|) = 1.1. A is sold and B bought, so the
    bracket is 0.6 - 0.5 = 0.1 and V = 1.099: the trade costs 0.001 of 1.1.
    """
    played, benchmark = traded_once()
    s, opened, year = score(played, benchmark), 1 / 1.01, 252 / 20
    np.testing.assert_allclose(played.ledger.nav, np.array([1, 1.1, *[1.099] * 19]) * opened, rtol=1e-14)
    assert s["opening_cost"] == pytest.approx(1e4 * 0.01 / 1.01, rel=1e-12)
    assert s["cost"] == pytest.approx(1e4 * (0.001 / 1.1) * year, rel=1e-12)
    assert s["turnover"] == pytest.approx((0.6 - 1.099 / 2) / 1.1 * year, rel=1e-12)
    assert s["trades"] == pytest.approx(2 * year, rel=1e-14)
    assert s["trading_days"] == pytest.approx(year, rel=1e-14)
    # after day 1 A is 0.6/1.1 = 54.5 %, outside 50 % +- 2 points; after the trade it is inside: one day of twenty
    assert (s["days_outside"], s["lowest_cash"]) == (0.05, pytest.approx(0.0, abs=1e-15))
    # active returns are zero on all days: the drifted weights earn nothing, so J is the cost alone
    assert pytest.approx(1e4 * (0.001 / 1.1) * year, rel=1e-12) == s["loss"]


def test_a_day_with_two_bookings_is_one_day_of_work_whatever_they_are_for() -> None:
    """Money comes on three days, on the second of which the calendar trades half of the way: two bookings."""
    names, days = ("A", "B"), 43
    returns = np.tile([0.01, 0.0], (days, 1))
    market = Market(
        pd.date_range("2020-01-01", periods=days), names, returns, np.ones((days, 2), dtype=bool), np.zeros(days),
        instruments_table(names), np.full((days, 2), np.nan), calendar="24/7",
    )  # fmt: skip
    came = Flows({market.dates[row]: 0.1 for row in (10, 30, 40)})  # the last of January is row 30
    played = backtest(market, Calendar(EqualWeights(), "month", fraction=0.5), Costs.bps(2), lag=0, flows=came)
    s, year = score(played, measured_by(market, (0.5, 0.5))), 252 / 42
    assert played.ledger.booked.tolist() == [10, 30, 30, 40]
    assert played.trading_days.tolist() == [10, 30, 40]
    assert s["trading_days"] == pytest.approx(3 * year, rel=1e-14)
    assert played.orders == len(played.trades())
    assert s["trades"] == pytest.approx(played.orders * year, rel=1e-14)


def test_lowest_cash_is_what_a_fee_overdraws_most() -> None:
    """A tenth of a year's 365 days at 10 % takes 1 % of NAV; nothing moves, and nothing pays it back."""
    names, days = ("A", "B"), 37
    market = Market(
        pd.date_range("2020-01-01", periods=days), names, np.zeros((days, 2)), np.ones((days, 2), dtype=bool),
        np.zeros(days), instruments_table(names), np.full((days, 2), np.nan), calendar="24/7",
    )  # fmt: skip
    played = backtest(market, Never(EqualWeights()), replace(Costs.bps(2), management_fee=0.1))
    kept = (1.0 - 0.1 / 365.0) ** 36
    assert score(played, measured_by(market, (0.5, 0.5)))["lowest_cash"] == pytest.approx((kept - 1.0) / kept)


def test_j_of_a_drifting_portfolio_from_prices_alone() -> None:
    """Buy and hold from a price table: no weights, no engine."""
    market, weights, tracking_penalty = world(days=400), (0.5, 0.3, 0.2), 4.0
    played = backtest(market, Never(FixedWeights(weights)), Costs.bps(3))
    held = (np.cumprod(1 + market.returns, axis=0) * weights).sum(axis=1)
    active = held[1:] / held[:-1] - 1 - market.returns[1:] @ np.array(weights)
    s = score(played, measured_by(market, weights, tracking_penalty=tracking_penalty))
    assert pytest.approx(252 * 1e4 * tracking_penalty / 2 * np.mean(active**2), rel=1e-9) == s["loss"]
    assert s["tracking_error"] == pytest.approx(np.std(active, ddof=1) * np.sqrt(252), rel=1e-9)
    assert s["turnover"] == s["cost"] == s["trades"] == 0.0
    years = (market.dates[-1] - market.dates[0]).days / 365.25
    assert s["growth"] == pytest.approx((held[-1] / held[0]) ** (1 / years) - 1, rel=1e-9)
    assert s["growth_gross"] == pytest.approx(s["growth"], rel=1e-12)


def test_gross_growth_less_costs_is_net_growth() -> None:
    market = world(days=400)
    played = backtest(market, Calendar(EqualWeights(), "month"), Costs.bps(3, commission=5, half_spread=5))
    s = score(played, measured_by(market, (1 / 3, 1 / 3, 1 / 3)))
    years, kept = (market.dates[-1] - market.dates[0]).days / 365.25, np.prod(1.0 - played.cost_rate)
    assert ((1 + s["growth"]) / (1 + s["growth_gross"])) ** years == pytest.approx(kept, rel=1e-12)
    assert s["growth"] < s["growth_gross"]


@pytest.mark.parametrize("days", [258, 259])
def test_growth_is_annual_from_a_year_on_and_else_not_there(days: int) -> None:
    """258 closes span 359 days, less than a year; 259 span 362, and the last closes of two years 360 at least."""
    market = world(days=days)
    played = backtest(market, Never(FixedWeights((0.4, 0.3, 0.3))), Costs.bps(3), nav=100.0)
    s, nav = score(played, measured_by(market, (0.4, 0.3, 0.3))), played.ledger.nav
    assert (s["total_return"], s["final_balance"]) == (nav[-1] / nav[0] - 1.0, nav[-1])
    assert {"growth", "growth_gross", "calmar"} & set(s.undefined) == (
        {"growth", "growth_gross", "calmar"} if days == 258 else set()
    )
    if days == 259:
        assert 1.0 + s["growth"] == pytest.approx((nav[-1] / nav[0]) ** (365.25 / 362.0), rel=1e-12)


def test_the_costless_target_rebalanced_daily_has_no_tracking_error() -> None:
    market = world()
    played = backtest(market, Calendar(EqualWeights(), "day"), Costs.bps(3), lag=0)
    s = score(played, measured_by(market, (1 / 3, 1 / 3, 1 / 3)))
    assert s["tracking_error"] == pytest.approx(0.0, abs=1e-12)
    assert pytest.approx(0.0, abs=1e-12) == s["loss"]


def test_cash_in_the_target_earns_the_bill() -> None:
    market = world(cash=0.001)
    targets = target_path(FixedWeights((0.2, 0.2, 0.2)), market)
    np.testing.assert_allclose(
        target_returns(targets, market, 0), market.returns[1:] @ [0.2, 0.2, 0.2] + 0.4 * 0.001, rtol=1e-12
    )


def test_a_line_that_is_not_listed_is_not_outside_its_range() -> None:
    whole = world()
    tradable = whole.tradable.copy()
    tradable[:150, 2] = False
    returns = whole.returns.copy()
    returns[:151, 2] = 0.0
    market = Market(
        whole.dates, whole.assets, returns, tradable, whole.cash, whole.instruments, whole.prices, calendar="24/7"
    )
    played = backtest(market, Calendar(EqualWeights(), "day"), Costs.bps(3), start=market.dates[1])
    benchmark = Benchmark(target_path(EqualWeights(), market), np.full(3, 0.3), np.full(3, 0.52), 5.0, 252.0)
    # until the listing A and B hold half each, inside; C is listed at zero, outside for a day, and then booked
    assert score(played, benchmark)["days_outside"] == pytest.approx(1 / 299, abs=1e-12)
