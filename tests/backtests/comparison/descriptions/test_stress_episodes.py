"""Figures of an episode against pandas and vectorbt on the same returns, and by hand."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import vectorbt as vbt

from backtests.comparison.descriptions.stress_episodes import episode_figures
from backtests.engine.result import Backtest
from backtests.engine.run import backtest
from research.accounting import Costs, Flows
from research.allocation import FixedWeights
from research.market import load_market
from research.rules import Calendar


@pytest.fixture(scope="module")
def played() -> Backtest:
    market = load_market("multi_asset_daily").select(["SPY", "AGG"])
    return backtest(market, Calendar(FixedWeights((0.6, 0.4)), "month"), Costs.bps(2, commission=5), start="2015-01-02")


def rows(played: Backtest, first: str, last: str) -> tuple[int, int]:
    return tuple(int(played.dates.searchsorted(pd.Timestamp(day), side="right")) - 1 for day in (first, last))  # type: ignore[return-value]


@pytest.mark.parametrize(("peak", "trough"), [("2018-09-20", "2018-12-24"), ("2020-02-19", "2020-03-23")])
def test_return_and_drawdown_are_those_of_pandas_and_vectorbt(played: Backtest, peak: str, trough: str) -> None:
    found = episode_figures(played, *rows(played, peak, trough))
    returns = played.nav.pct_change()[played.dates > peak][:trough]  # type: ignore[misc]
    nav = (1.0 + returns).cumprod()
    start = pd.concat([pd.Series([1.0]), nav])
    assert found.total_return == pytest.approx(float(nav.iloc[-1]) - 1.0, rel=1e-12)
    assert found.max_drawdown == pytest.approx(float((start / start.cummax() - 1.0).min()), rel=1e-12)
    peer = pd.concat([0.0 * returns[:1], returns], ignore_index=True).vbt.returns(freq="1D")  # a fall on the first day
    assert found.total_return == pytest.approx(float(peer.total()), rel=1e-10)
    assert found.max_drawdown == pytest.approx(float(peer.max_drawdown()), rel=1e-10)
    assert vbt.__version__


def test_orders_turnover_and_cost_are_those_of_the_trades_in_it(played: Backtest) -> None:
    base, last = rows(played, "2020-02-19", "2020-06-30")
    found, days = episode_figures(played, base, last), played.dates
    trades = played.trades()
    inside = trades[(trades["booked"] > days[base]) & (trades["booked"] <= days[last])]
    assert found.orders == len(inside) > 0
    nav_before = played.nav_before[np.searchsorted(days, inside["booked"]) - 1]
    assert found.cost == pytest.approx(float((inside["commission"] / nav_before).sum()), rel=1e-10)
    sides = inside.assign(over=inside["notional"] / nav_before).groupby(["booked", "side"])["over"].sum()
    assert found.turnover == pytest.approx(float(sides.groupby("booked").max().sum()), rel=1e-10)


def test_the_parts_of_a_test_make_the_whole(played: Backtest) -> None:
    cuts = [0, 300, 301, 900, len(played.dates) - 1]
    parts = [episode_figures(played, a, b) for a, b in pairwise(cuts)]
    whole = episode_figures(played, 0, cuts[-1])
    assert np.prod([1.0 + p.total_return for p in parts]) == pytest.approx(1.0 + whole.total_return, rel=1e-12)
    for name in ("turnover", "orders", "cost"):
        assert sum(getattr(p, name) for p in parts) == pytest.approx(getattr(whole, name), rel=1e-10)


def test_money_that_comes_is_no_return() -> None:
    market = load_market("multi_asset_daily").select(["SPY", "AGG"])
    settings = {"start": "2015-01-02", "nav": 1e6}
    rule, costs = Calendar(FixedWeights((0.6, 0.4)), "month"), Costs.bps(2)
    plain = backtest(market, rule, costs, **settings)  # type: ignore[arg-type]
    flows = Flows({pd.Timestamp("2020-03-02"): 5e5}, use="rebalance")
    fed = backtest(market, rule, costs, flows=flows, **settings)  # type: ignore[arg-type]
    base, last = rows(plain, "2020-02-19", "2020-03-23")
    one, other = episode_figures(plain, base, last), episode_figures(fed, base, last)
    assert other.total_return == pytest.approx(one.total_return, abs=5e-3)  # rebalanced on the day, so not equal
