"""A desk made by hand: one close, its assets, and what it may do with them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume
from hypothesis import strategies as st

from research.accounting import Costs, Hold, Trade, View, Why
from research.allocation import FixedWeights
from research.market import Market, instruments_table
from research.portfolio import NO_LIMITS, Limits, OrderLimits, Portfolio
from research.rules import Calendar, Never, Threshold, Within

Desk = Callable[..., Portfolio]


@cache
def instruments(assets: tuple[str, ...]) -> pd.DataFrame:
    return instruments_table(assets)


@pytest.fixture(scope="session")
def desk() -> Desk:
    """Build a portfolio at the close of 2022-12-29, a Thursday: neither its week, its month nor its year ends there.

    prices : NaN for an asset without a quote, whose `units` are currency.  commission, half_spread : bps.
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
            dates=dates, assets=tuple(assets[:n]), returns=np.zeros((3, n)),
            tradable=np.vstack([np.ones((2, n), dtype=bool), today]), cash=np.zeros(3),
            instruments=instruments(tuple(assets[:n])), prices=np.tile(quotes, (3, 1)), name="by hand",
        )  # fmt: skip
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


@dataclass(frozen=True)
class IntoBox:
    """A box of its own each day, as a learned rule has: wide for some assets and narrow for others."""

    allocation: FixedWeights
    half_width: tuple[float, ...]

    def decide(self, view: View) -> Hold | Trade:
        h = np.array(self.half_width[: len(view.target)])
        lower, upper = np.maximum(view.target - h, 0.0), np.minimum(view.target + h, 1.0)
        outside = np.maximum(lower - view.weights, view.weights - upper)
        line = int(np.argmax(outside))
        why = Why("learned", line, float(view.weights[line] - view.target[line]), float(h[line]))
        spare = max(round(1.0 - view.target.sum(), 12), 0.0)
        return Trade(lower, upper, why, 0.0, spare) if outside[line] > 1e-6 else Hold(why)


@st.composite
def any_desk(draw: Any, desk: Desk) -> tuple[Portfolio, Any]:
    """Any desk, with any of the policies that a trade list may have to do with."""
    n = draw(st.integers(2, 5))
    each = lambda values: draw(st.lists(values, min_size=n, max_size=n))  # noqa: E731
    nav = 10.0 ** draw(st.floats(5.0, 8.0))
    prices = np.array([round(10.0**p, 2) for p in each(st.floats(0.0, 3.3))])
    share = np.array([*each(st.integers(0, 100)), draw(st.integers(0, 20))], dtype=float)
    goal = np.array([*each(st.integers(0, 100)), draw(st.sampled_from([0, 0, 0, 5]))], dtype=float)
    assume(share[:-1].sum() > 0 and goal[:-1].sum() > 0)
    share, goal = share / share.sum(), (goal / goal.sum())[:-1]
    lots = np.array(each(st.sampled_from([1.0, 1.0, 10.0, 0.001, 1e-8])))
    unquoted = np.array(each(st.sampled_from([False, False, False, True])))
    units = np.round(nav * share[:-1] / np.where(unquoted, 1.0, prices), draw(st.sampled_from([0, 2])))
    assume((units * np.where(unquoted, 1.0, prices)).sum() > nav / 100.0)
    tradable = [*[True] * (n - 1), draw(st.booleans())]
    portfolio = desk(
        np.where(unquoted, np.nan, prices), units, round(nav * share[-1], 2), goal, lots=lots,
        commission=each(st.sampled_from([0.0, 1.0, 10.0, 30.0])), half_spread=each(st.sampled_from([0.0, 1.5, 20.0])),
        minimum=draw(st.sampled_from([0.0, 100.0, 1_000.0])), tradable=tradable, orders=draw(order_limits()),
    )  # fmt: skip
    return portfolio, draw(policies(portfolio.strategic))


def order_limits() -> st.SearchStrategy[OrderLimits]:
    return st.builds(
        OrderLimits, reserve=st.sampled_from([0.0, 0.001, 0.02]), adverse_move=st.sampled_from([0.0, 0.01]),
        most=st.sampled_from([None, None, None, 2]), turnover=st.sampled_from([None, None, None, 0.05]),
    )  # fmt: skip


def policies(target: FixedWeights) -> st.SearchStrategy[Any]:
    bands = st.sampled_from([0.0, 0.001, 0.01, 0.05])
    return st.one_of(
        st.just(Never(target)),
        st.sampled_from(["day", "week", "month", "quarter"]).map(lambda every: Calendar(target, every)),
        st.builds(lambda band, to: Threshold(target, band, to), bands, st.sampled_from(["target", "edge"])),
        st.builds(lambda band, part: Threshold(target, band, Within(band * part)), bands, st.sampled_from([0.25, 0.5])),
        st.builds(lambda part: Threshold(target, 0.01, "target", fraction=part), st.just(0.5)),
        st.lists(st.sampled_from([0.0, 0.003, 0.02, 0.2]), min_size=5, max_size=5).map(
            lambda h: IntoBox(target, tuple(h))
        ),
        st.builds(
            lambda band, to: Threshold(target, band, to, lines="breaching"), bands, st.sampled_from(["target", "edge"])
        ),
    )


@pytest.fixture(scope="session")
def desks(desk: Desk) -> st.SearchStrategy[tuple[Portfolio, Any]]:
    """Any desk with a policy."""
    return any_desk(desk)


@pytest.fixture
def two(desk: Desk) -> Portfolio:
    return desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5])


@pytest.fixture
def evil(desk: Desk) -> Portfolio:
    """Names that a spreadsheet or a page would run."""
    made = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], assets=["=HYPERLINK(1)", "<b>&B"])
    return replace(made, name="@SUM(A1) <script>")
