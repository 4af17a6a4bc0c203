"""Small simulated markets that several tests share."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from backtests.evaluation.benchmark import Benchmark
from research.allocation import FixedWeights, target_path
from research.market import Market, instruments_table

MakeMarket = Callable[..., Market]  # the fixture make_market


def world(days: int = 300, n: int = 3, seed: int = 0, cash: float = 0.0001) -> Market:
    """Independent normal returns, every weekday a session."""
    rng = np.random.default_rng(seed)
    returns = rng.normal(0.0003, 0.01, (days, n))
    returns[0] = 0.0
    return market_of(returns, cash)


def every_day(days: int = 300, n: int = 3, seed: int = 0, cash: float = 0.0001) -> Market:
    """The same, every day a session: 365 a year."""
    same = world(days, n, seed, cash)
    return replace(same, dates=pd.date_range("2020-01-01", periods=days), calendar="24/7")


def market_of(returns: np.ndarray, cash: float = 0.0) -> Market:
    """Returns (T, n), of which the first row is 0, as a market without prices, every weekday a session."""
    days, n = returns.shape
    names, dates = tuple("ABCDEFG"[:n]), pd.bdate_range("2020-01-01", periods=days)
    return Market(
        dates, names, returns, np.ones((days, n), dtype=bool), np.full(days, cash), instruments_table(names),
        np.full((days, n), np.nan), calendar="24/5",
    )  # fmt: skip


def measured_by(
    market: Market, weights: tuple[float, ...], tracking_penalty: float = 5.0, half: float = 0.02
) -> Benchmark:
    """A static target with ranges of `half` on each side."""
    strategic = target_path(FixedWeights(weights), market)
    return Benchmark(strategic, np.array(weights) - half, np.array(weights) + half, tracking_penalty, 252.0)
