"""Small markets with the sessions of New York, and the twenty real stocks that the libraries are asked about too."""

from collections.abc import Callable, Sequence

import exchange_calendars as xcals
import numpy as np
import pandas as pd
import pytest

from research.market import Market, instruments_table, with_facts

MakeMarket = Callable[..., Market]


@pytest.fixture(scope="session")
def sessions() -> pd.DatetimeIndex:
    """Sessions of New York from 2018 on."""
    return xcals.get_calendar("XNYS", start="2018-01-01", end="2023-12-31").sessions


@pytest.fixture(scope="session")
def make_market(sessions: pd.DatetimeIndex) -> MakeMarket:
    """A market of returns (T, n) from the first session of 2018 on; `first` (n,) is the row at which each is listed."""

    def make(
        returns: np.ndarray,
        first: Sequence[int] | None = None,
        assets: Sequence[str] | None = None,
        asset_class: Sequence[str] | None = None,
        halted: Sequence[tuple[int, int]] = (),
    ) -> Market:
        returns = np.array(returns, dtype=float)
        dates, n = len(returns), returns.shape[1]
        assets = tuple(assets or (f"A{i:02}" for i in range(n)))
        tradable = np.arange(dates)[:, None] >= np.array(first if first is not None else [0] * n)
        returns[~tradable] = 0.0
        for row, line in halted:
            tradable[row, line] = False
        table = instruments_table(assets, asset_class=list(asset_class or ["equity"] * n))
        prices = np.full(returns.shape, np.nan)
        return Market(sessions[:dates], assets, returns, tradable, np.zeros(dates), table, prices, name="made")

    return make


@pytest.fixture(scope="session")
def noisy(make_market: MakeMarket) -> Market:
    """A year and a half of six correlated lines; the fifth is listed at row 120, the last at row 330."""
    rng = np.random.default_rng(11)
    common = rng.normal(0.0, 0.01, (380, 1))
    returns = common * np.linspace(0.2, 1.4, 6) + rng.normal(0.0, 0.008, (380, 6)) * np.linspace(0.5, 2.0, 6)
    classes = ["equity", "equity", "bond", "bond", "gold", "equity"]
    market = make_market(returns, first=[0, 0, 0, 0, 120, 330], asset_class=classes)
    caps = {name: 1.0 + i for i, name in enumerate(market.assets)}
    return with_facts(market, {"cap": caps})


@pytest.fixture(scope="session")
def stocks() -> pd.DataFrame:
    """Daily returns of twenty stocks of the S&P 500, the last year of the skfolio package's table."""
    from skfolio.datasets import load_sp500_dataset

    return load_sp500_dataset().pct_change().iloc[-252:]
