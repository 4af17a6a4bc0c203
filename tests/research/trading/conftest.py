"""A desk made by hand: one close, its lines, and what it may do with them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import Market, instruments_table
from research.portfolio import NO_LIMITS, Limits, OrderLimits, Portfolio

Desk = Callable[..., Portfolio]


@cache
def instruments(assets: tuple[str, ...]) -> pd.DataFrame:
    return instruments_table(assets)


@pytest.fixture(scope="session")
def desk() -> Desk:
    """Build a portfolio at the close of 2022-12-29, a Thursday: neither its week, its month nor its year ends there.

    prices : NaN for a line without a quote, whose `units` are currency.  commission, half_spread : bps.
    """

    def build(
        prices: Sequence[float],
        units: Sequence[float],
        cash: float,
        targets: Sequence[float],
        *,
        lots: Sequence[float] | float = 1.0,
        commission: Sequence[float] | float = 4.0,
        half_spread: Sequence[float] | float = 6.0,
        minimum: float = 0.0,
        last_trade: str = "2022-12-01",
        tradable: Sequence[bool] | bool = True,
        assets: Sequence[str] = "ABCDEFGH",
        last: str = "2022-12-29",
        orders: OrderLimits = NO_LIMITS,
    ) -> Portfolio:
        n = len(prices)
        quotes, held = np.array(prices, dtype=float), np.array(units, dtype=float)
        dates = pd.DatetimeIndex(["2022-12-27", "2022-12-28", last])
        today = np.broadcast_to(np.asarray(tradable, dtype=bool), (n,))
        size = np.broadcast_to(np.asarray(lots, dtype=float), (n,))
        market = Market(
            dates=dates,
            assets=tuple(assets[:n]),
            returns=np.zeros((3, n)),
            tradable=np.vstack([np.ones((2, n), dtype=bool), today]),
            cash=np.zeros(3),
            instruments=instruments(tuple(assets[:n])),
            prices=np.tile(quotes, (3, 1)),
            name="by hand",
        )
        return Portfolio(
            name="By hand",
            file="folder/by_hand.yaml",
            market=market,
            basis="USD",
            holdings=np.where(np.isnan(quotes), held, held * quotes),
            shares=np.where(np.isnan(quotes), np.nan, held),
            cash=cash,
            last_trade=pd.Timestamp(last_trade),
            strategic=FixedWeights(tuple(targets)),
            lower=np.zeros(n),
            upper=np.ones(n),
            costs=Costs.bps(n, commission=commission, half_spread=half_spread),
            limits=Limits(minimum, lots=size, fractional=size < 1.0),
            tracking_penalty=5.0,
            periods_per_year=252,
            lag=1,
            test_start=dates[1],
            policies={},
            policy=None,
            reference="",
            settings={},
            orders=orders,
        )

    return build


@pytest.fixture
def two(desk: Desk) -> Portfolio:
    return desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5])


@pytest.fixture
def evil(desk: Desk) -> Portfolio:
    """Names that a spreadsheet or a page would run."""
    made = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], assets=["=HYPERLINK(1)", "<b>&B"])
    return replace(made, name="@SUM(A1) <script>")
