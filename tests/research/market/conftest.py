"""Small markets that a reader can check by eye, and the embedded ones, read once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from research.market import Market, instruments_table, load_market

WriteText = Callable[..., Path]

DAYS = pd.DatetimeIndex(["2022-12-27", "2022-12-28", "2022-12-29", "2022-12-30", "2023-01-03"])


@pytest.fixture
def days() -> pd.DatetimeIndex:
    """Five sessions of New York in a row, across a weekend, a holiday and a year's end."""
    return DAYS


@pytest.fixture(scope="session")
def small() -> Market:
    """Two assets on the five days, every field filled; NEW is listed on the second day and halted on the fourth."""
    returns = [[0.0, 0.0], [0.01, 0.0], [-0.02, 0.05], [0.03, 0.0], [0.0, -0.10]]
    tradable = [[True, False], [True, True], [True, True], [True, False], [True, True]]
    quotes = np.array([[100.0, np.nan], [101.0, 20.0], [99.0, 21.0], [102.0, np.nan], [102.0, 19.0]])
    return Market(
        dates=DAYS,
        assets=("OLD", "NEW"),
        returns=np.array(returns),
        tradable=np.array(tradable),
        cash=np.array([0.0, 1e-4, 1e-4, 1e-4, 4e-4]),
        instruments=instruments_table(["OLD", "NEW"], asset_class=["equity", "bonds"], lot=[1.0, 10.0]),
        prices=quotes,
        volumes=np.array([[10.0, np.nan], [11.0, 5.0], [12.0, 6.0], [13.0, 0.0], [14.0, 7.0]]),
        dividends=np.array([[0.0, 0.0], [0.0, 0.0], [0.5, 0.0], [0.0, 0.0], [0.0, 0.0]]),
        splits=np.ones((5, 2)),
        bars={"open": quotes, "high": quotes + 1.0, "low": quotes - 1.0},
        name="small",
    )


@pytest.fixture(scope="session")
def multi() -> Market:
    return load_market("multi_asset_daily")


@pytest.fixture(scope="session")
def etfs() -> Market:
    return load_market("us_etf_ohlcv")


@pytest.fixture(scope="session")
def stocks() -> Market:
    return load_market("sp500_20")


@pytest.fixture(scope="session")
def payers() -> Market:
    return load_market("etf_dividends")


@pytest.fixture(scope="session")
def leavers() -> Market:
    return load_market("stocks_with_exit")


@pytest.fixture
def write(tmp_path: Path) -> WriteText:
    """Write assets into a file of the test's own folder."""

    def write(*lines: str, name: str = "prices.csv") -> Path:
        path = tmp_path / name
        path.write_text("".join(line + "\n" for line in lines))
        return path

    return write
