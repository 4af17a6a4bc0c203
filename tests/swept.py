"""A small sweep of a real portfolio."""

from collections.abc import Sequence

import pandas as pd

from backtests.sweeps import Axes, Choices, Strategic, sweep, threshold
from research.allocation import HRP
from research.portfolio import load_portfolio
from research.rules import Calendar, Never


def swept(
    portfolio: str = "sixty_forty",
    *,
    bands: Sequence[float] = (0.005, 0.01, 0.02, 0.04),
    costs: Sequence[float] = (0.0, 1.0, 3.0, 10.0),
    lags: Sequence[int] = (0, 1, 5),
    starts: int = 3,
    hrp: bool = False,
) -> pd.DataFrame:
    """Its table; starts are 40 sessions apart."""
    desk = load_portfolio(f"data/portfolios/{portfolio}.yaml")
    days = desk.market.dates[desk.market.dates >= desk.test_start][: 40 * starts : 40]
    rules = (
        Choices(Never),
        Choices(Calendar, schedule=("week", "month", "quarter")),
        Choices(threshold, band=bands, to=(0.0, 1.0)),
    )
    allocations = (Choices(Strategic), *([Choices(HRP, window=252)] if hrp else []))
    return sweep(desk, Axes(rules, allocations, cost_multiples=costs, lags=lags, starts=days), progress=False).table
