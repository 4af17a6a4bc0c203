"""A market with facts, one of which forecasts returns."""

import numpy as np
import pandas as pd

from research.market import Market
from research.market.market import instruments_table


def planted(strength: float = 0.002, days: int = 1000, n: int = 8, seed: int = 0, horizon: int = 5) -> Market:
    """A market of n assets with two facts by date: `score`, which forecasts returns by its strength, and `noise`."""
    rng = np.random.default_rng(seed)
    score, noise = (np.repeat(rng.normal(size=(days // horizon + 1, n)), horizon, axis=0)[:days] for _ in range(2))
    returns = rng.normal(0.0003, 0.01, (days, n)) + rng.normal(0.0, 0.005, (days, 1))
    returns[1:] += strength * score[:-1]
    returns[0] = 0.0
    names = tuple(f"L{i}" for i in range(n))
    return Market(
        pd.date_range("2015-01-01", periods=days), names, returns, np.ones((days, n), dtype=bool),
        np.full(days, 0.0001), instruments_table(names), np.full((days, n), np.nan), calendar="24/7",
        facts={"score": score, "noise": noise},
    )  # fmt: skip
