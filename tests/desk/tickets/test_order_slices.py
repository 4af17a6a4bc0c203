"""The slices that a ticket states, from the volumes, the volatility and the costs of a real market."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commanded import FILE

from desk.tickets.ticket import Ticket, make_ticket
from foundation.errors import ConfigError
from research.market import market_from_frame
from research.orders import trade_list
from research.portfolio import TicketTerms, load_portfolio
from research.portfolio.keys.sending import SlicingTerms
from research.rules import Threshold

SESSION = 390.0  # minutes, in New York
IMPACT = {"costs.us_equity.impact": 1.0, "costs.bonds.impact": 1.0}


def ticket(others: dict[str, Any] | None = None, **slicing: Any) -> Ticket:
    """133 SPY are sold, 721 AGG bought."""
    portfolio = load_portfolio(FILE, {"ticket": {"slicing": slicing}} | (others or {}))
    return make_ticket(trade_list(portfolio, portfolio.policies["threshold"]))


def test_even_slices_over_a_session_cost_what_the_list_expects_of_spread_and_impact() -> None:
    made = ticket(IMPACT, kind="twap", slices=13, minutes=SESSION)
    for order in made.orders:
        found = made.slices[order.client_order_id]
        assert order.impact > 0.5
        assert found.cost == pytest.approx(order.half_spread + order.impact, rel=1e-3)  # but for whole lots
        assert sum(units for _, units in found.slices) == order.quantity
        assert [minutes for minutes, _ in found.slices] == [30.0 * k for k in range(13)]


def test_risk_is_that_of_what_is_left_at_the_volatility_of_the_last_quarter() -> None:
    """Two halves of a session: half of the order bears the risk of half a session."""
    made = ticket(kind="vwap", curve=[1, 1], minutes=SESSION)
    market = load_portfolio(FILE).market
    for order in made.orders:
        i = market.assets.index(order.asset)
        deviation = market.returns[-63:, i].std(ddof=1) * market.prices[-1, i]
        left = made.slices[order.client_order_id].slices[1][1]
        assert made.slices[order.client_order_id].risk == pytest.approx(deviation * left * np.sqrt(0.5), rel=1e-5)


def test_participation_takes_its_part_of_the_mean_volume_of_the_last_month() -> None:
    market = load_portfolio(FILE).market
    assert market.volumes is not None
    i = market.assets.index("AGG")
    volume = (market.volumes * market.prices)[-21:, i].mean() / market.prices[-1, i]
    rate = 721.0 / (volume * 10.0 / SESSION) * 2.0  # twice what ten minutes need: done after half of them
    made = ticket(kind="participation", rate=rate, curve=[1] * 10, minutes=10.0)
    agg = next(order for order in made.orders if order.asset == "AGG")
    slices = made.slices[agg.client_order_id].slices
    assert [round(units) for _, units in slices] == pytest.approx([144.2] * 5, abs=1.0)
    with pytest.raises(ConfigError, match=r"ticket\.slicing: participation, to buy AGG: rate of participation is"):
        ticket(kind="participation", rate=rate / 2.5, curve=[1] * 10, minutes=10.0)


def test_a_schedule_of_least_cost_and_risk_needs_an_impact_and_sends_more_at_first() -> None:
    with pytest.raises(ConfigError, match=r"temporary of linear impact is 0\.0: .* State costs with impact"):
        ticket(kind="almgren_chriss", risk_aversion=1e-3)
    made = ticket(IMPACT, kind="almgren_chriss", risk_aversion=1e-3, slices=4, minutes=SESSION)
    for found in made.slices.values():
        units = [units for _, units in found.slices]
        assert units == sorted(units, reverse=True)
        assert units[0] > sum(units[1:])


def test_rows_that_are_weeks_give_the_volatility_of_a_session(desk: Any) -> None:
    """A week is 252/52 sessions; half of the order bears the risk of half a session."""
    days = pd.date_range("2021-01-06", "2022-12-28", freq="W-WED")
    swings = 80.0 * np.where(np.arange(len(days)) % 2, 1.02, 1.0)[::-1]
    frame = pd.DataFrame({"A": swings, "B": 50.0 + np.arange(len(days)) % 3}, index=days)
    weekly = market_from_frame(frame, quotes=frame)
    portfolio = replace(
        desk(frame.iloc[-1].tolist(), (900, 200), 0.0, (0.5, 0.5)),
        market=weekly,
        ticket=TicketTerms(slicing=SlicingTerms("twap", minutes=SESSION, slices=2)),
    )
    made = make_ticket(trade_list(portfolio, Threshold(portfolio.strategic, 0.0)))
    order = made.orders[0]
    found = made.slices[order.client_order_id]
    deviation = weekly.returns[-63:, 0].std(ddof=1) * 80.0 / np.sqrt(252 / 52)
    assert order.asset == "A"
    assert found.risk == pytest.approx(deviation * found.slices[1][1] * np.sqrt(0.5), rel=1e-5)
