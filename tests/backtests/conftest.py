"""What is loaded once; small markets with sessions of New York; any policy without its bands, played day by day."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import new_york
import numpy as np
import pandas as pd
import pytest
from simulated import MakeMarket

from research.accounting import Hold, Policy, Trade, View
from research.allocation import Allocation
from research.market import Market, instruments_table, load_market
from research.portfolio import Portfolio, load_portfolio


@pytest.fixture(scope="session")
def make_market() -> MakeMarket:
    """A market of returns (T, n) on sessions of New York; `first` (n,) is the row at which each asset is listed."""
    sessions = new_york.sessions("1962-07-02", "2023-12-29")

    @cache
    def instruments(n: int) -> pd.DataFrame:
        return instruments_table([f"A{i:02}" for i in range(n)], asset_class=["stock"] * n)

    def make(
        returns: np.ndarray,
        cash: np.ndarray | float = 0.0,
        first: Sequence[int] = (),
        halted: Sequence[tuple[int, int]] = (),
        begin: str = "2018-01-02",
    ) -> Market:
        returns = np.array(returns, dtype=float)
        days, n = returns.shape
        dates = sessions[sessions.searchsorted(pd.Timestamp(begin)) :][:days]
        tradable = np.arange(days)[:, None] >= np.array([*first, *[0] * (n - len(first))])
        returns[~tradable] = 0.0
        for row, line in halted:
            tradable[row, line], returns[row, line] = False, 0.0
        lines, unknown = instruments(n), np.full(returns.shape, np.nan)
        return Market(dates, tuple(lines.index), returns, tradable, np.full(days, cash), lines, unknown, name="made")

    return make


@pytest.fixture(scope="session")
def portfolio() -> Portfolio:
    """The main portfolio; a test file that means another one has a fixture of its own."""
    return load_portfolio("data/portfolios/global_multi_asset.yaml")


@pytest.fixture(scope="session")
def market() -> Market:
    """Stocks and bonds; likewise."""
    return load_market("us_etf_ohlcv").select(["SPY", "AGG"])


@pytest.fixture(scope="session")
def halting(make_market: MakeMarket) -> Market:
    """250 sessions of three assets, the third listed late, each halted now and then; cash with interest."""
    rng = np.random.default_rng(5)
    returns = rng.normal(3e-4, 0.02, (250, 3))
    halted = [(int(t), int(i)) for t, i in zip(rng.integers(50, 250, 30), rng.integers(0, 3, 30), strict=True)]
    return make_market(returns, rng.uniform(0.0, 2e-4, 250), first=[0, 0, 40], halted=halted)


@dataclass(frozen=True)
class ByDay:
    """A policy that can only decide, one day after the other."""

    policy: Policy
    allocation: Allocation

    def decide(self, view: View) -> Hold | Trade:
        return self.policy.decide(view)


@pytest.fixture(scope="session")
def by_day() -> Callable[[Policy], ByDay]:
    return lambda policy: ByDay(policy, policy.allocation)
