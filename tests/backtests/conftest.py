"""Small markets with the sessions of New York; and any policy without its corridor, so that it is played day by day."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import exchange_calendars as xcals
import numpy as np
import pandas as pd
import pytest

from research.accounting import Hold, Policy, Trade, View
from research.allocation import Allocation
from research.market import Market, instruments_table

MakeMarket = Callable[..., Market]


@pytest.fixture(scope="session")
def make_market() -> MakeMarket:
    """A market of returns (T, n) on sessions of New York; `first` (n,) is the row at which each line is listed."""
    sessions = xcals.get_calendar("XNYS", start="1962-07-02", end="2023-12-29").sessions

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
        assets = tuple(f"A{i:02}" for i in range(n))
        instruments = instruments_table(assets, asset_class=["stock"] * n)
        unknown = np.full(returns.shape, np.nan)
        return Market(dates, assets, returns, tradable, np.full(days, cash), instruments, unknown, name="made")

    return make


@dataclass(frozen=True)
class ByDay:
    """A policy that can only decide, one day after the other."""

    policy: Policy
    allocation: Allocation

    def decide(self, view: View) -> Hold | Trade:
        return self.policy.decide(view)


@pytest.fixture(scope="session")
def by_day() -> Callable[[Policy], ByDay]:
    return lambda policy: ByDay(policy, policy.allocation)  # type: ignore[attr-defined]
