"""vectorbt, twice: it replays our trades to our wealth; and its own convention, written out, explains where it differs.

Importing vectorbt takes seconds, so all that needs it stands in this file.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from backtests.engine import backtest
from backtests.engine.result import Backtest
from backtests.evaluation.round_trips import round_trips
from research.accounting import Costs, Policy
from research.allocation import EqualWeights, FixedWeights
from research.market import Market, load_market
from research.market.calendars import last_of
from research.rules import Calendar, Never, Threshold

TARGET = FixedWeights((0.35, 0.30, 0.25))


# -- the replay ------------------------------------------------------------------------------------------------------


REPLAYED: dict[str, tuple[Policy, dict[str, object]]] = {
    "never": (Never(TARGET), {}),
    "month": (Calendar(TARGET, "month"), {"nav": 1e6}),
    "band": (Threshold(FixedWeights((0.5, 0.5, 0.0)), 0.03), {"start": "2018-03-05", "lag": 2}),
    "edge": (Threshold(TARGET, 0.02, "edge"), {"lag": 0, "nav": 250.0}),
    "half of the way": (Threshold(TARGET, 0.02, fraction=0.5), {}),
}


@pytest.fixture(scope="module", params=REPLAYED)
def replayed(request: pytest.FixtureRequest, halting: Market) -> tuple[Backtest, Any]:
    """A backtest with halts, a late listing, interest and costs of 3 to 30 bp, and its trades in vectorbt."""
    policy, more = REPLAYED[request.param]
    result = backtest(halting, policy, Costs.bps(3, commission=[2, 5, 20], half_spread=[1, 5, 10]), **more)
    return result, result.to_vectorbt()


def test_vectorbt_replays_the_trades_to_the_same_wealth(replayed: tuple[Backtest, Any]) -> None:
    """1e-9 of wealth, every day."""
    result, replay = replayed
    np.testing.assert_allclose(replay.value().to_numpy(), result.ledger.nav, rtol=1e-9)
    paid = replay.orders.records_readable["Fees"].sum()
    assert paid == pytest.approx(result.ledger.charges.sum() + result.ledger.opening_charges.sum(), rel=1e-9)


def test_round_trips_are_vectorbts_exit_trades(replayed: tuple[Backtest, Any]) -> None:
    """Number, units, gain and return of each, with the fees of both ways, on the same orders."""
    result, replay = replayed
    trades = replay.exit_trades.records_readable
    peer = trades[(trades["Status"] == "Closed") & (trades["Column"] != "cash")]
    ours, peer = round_trips(result).trips, peer.sort_values(["Column", "Exit Timestamp"])
    ours = ours.sort_values(["line", "closed"])
    assert ours["line"].tolist() == peer["Column"].tolist()
    assert ours["closed"].tolist() == peer["Exit Timestamp"].tolist()
    invested = peer["Size"] * peer["Avg Entry Price"]
    for found, truth in (("units", peer["Size"]), ("invested", invested), ("return", peer["Return"])):
        np.testing.assert_allclose(ours[found], truth, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours["pnl"] / result.wealth, peer["PnL"] / result.wealth, rtol=1e-7, atol=1e-12)
    assert len(ours) == 0 if isinstance(result.policy, Never) else len(ours) > 5


def test_a_line_named_cash_does_not_hide_the_cash_account(halting: Market) -> None:
    renamed = halting.select(halting.assets[:2])
    renamed = replace(renamed, assets=("cash", "A01"), instruments=renamed.instruments.set_axis(["cash", "A01"]))
    replay = backtest(renamed, Never(FixedWeights((0.5, 0.4))), Costs.bps(2)).to_vectorbt()
    assert replay.wrapper.columns.tolist() == ["cash", "A01", "cash account"]


# -- vectorbt's own convention ---------------------------------------------------------------------------------------


class Peer(NamedTuple):
    wealth: np.ndarray  # (T,)
    bought: np.ndarray  # (trades, n) units, sells negative


@pytest.fixture(scope="module")
def stocks() -> Market:
    """Twenty stocks from 1990 to 2022, in which cash earns nothing."""
    market = load_market("sp500_20")
    return replace(market, cash=np.zeros(len(market.dates)))


def quarters(market: Market) -> np.ndarray:
    """The opening and the last session of every quarter: what both sides trade on, at lag 0."""
    return np.concatenate([[0], np.flatnonzero(last_of(market.days, "quarter", market.calendar))])


def vectorbt_wealth(market: Market, rows: np.ndarray, fee: float) -> Peer:
    """`targetpercent` orders of 1/n on the given rows, sells first (call_seq "auto")."""
    import vectorbt as vbt

    weights = np.full(market.shape, np.nan)
    weights[rows] = 1.0 / market.shape[1]
    portfolio = vbt.Portfolio.from_orders(
        pd.DataFrame(market.index), pd.DataFrame(weights), size_type="targetpercent", fees=fee, init_cash=1.0,
        group_by=True, cash_sharing=True, call_seq="auto", freq="1D",
    )  # fmt: skip
    return Peer(portfolio.value().to_numpy(), portfolio.asset_flow().to_numpy()[rows])


def convention(market: Market, rows: np.ndarray, fee: float) -> Peer:
    """The same in numpy: targets are set on the wealth before cost, sells go first and then buys, from the smallest on,
    so that the largest buy is cut to the cash that is left.
    """
    n, days = market.shape[1], set(rows.tolist())
    units, cash, wealth, bought = np.zeros(n), 1.0, np.empty(len(market.dates)), []
    for t, price in enumerate(market.index):
        before = units.copy()
        if t in days:
            orders = (cash + units @ price) / n - units * price
            for i in np.argsort(orders, kind="stable"):
                if orders[i] < 0.0:
                    cash -= orders[i] * (1.0 - fee)
                    units[i] += orders[i] / price[i]
                else:
                    paid = min(orders[i] * (1.0 + fee), cash)
                    cash -= paid
                    units[i] += paid / (1.0 + fee) / price[i]
            bought.append(units - before)
        wealth[t] = cash + units @ price
    return Peer(wealth, np.array(bought))


def test_without_cost_our_trades_are_vectorbts(stocks: Market) -> None:
    """33 years of quarters: wealth to 1e-12 and the units of every order to 1e-9 of the units held."""
    rows = quarters(stocks)
    peer = vectorbt_wealth(stocks, rows, 0.0)
    result = backtest(stocks, Calendar(EqualWeights(), "quarter"), Costs.bps(20), lag=0)
    assert result.ledger.booked.tolist() == rows[1:].tolist()
    np.testing.assert_allclose(result.ledger.nav, peer.wealth, rtol=1e-12)
    ours = np.diff(result.ledger.units, axis=0)
    np.testing.assert_allclose(ours, peer.bought[1:], atol=1e-9 * result.ledger.units.max())


def test_with_costs_vectorbt_follows_its_own_convention_which_ends_lower(stocks: Market) -> None:
    """10 bp a side. Its convention in numpy is vectorbt to 1e-12; and it ends 5.4e-4 below the exact equation.

    It sets targets on the wealth before cost, so the last and largest buy is short of its target by all that the others
    paid: it is not the cost itself that differs (that is 10 bp of what is traded on both sides) but what is then held.
    """
    rows = quarters(stocks)
    peer, own = vectorbt_wealth(stocks, rows, 1e-3), convention(stocks, rows, 1e-3)
    np.testing.assert_allclose(own.wealth, peer.wealth, rtol=1e-12)
    exact = backtest(stocks, Calendar(EqualWeights(), "quarter"), Costs.bps(20, commission=10), lag=0)
    assert exact.ledger.booked.tolist() == rows[1:].tolist()
    assert peer.wealth[-1] / exact.ledger.nav[-1] - 1.0 == pytest.approx(-5.4e-4, abs=0.1e-4)
