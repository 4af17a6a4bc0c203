"""Tickets of real portfolio files."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from drawn_lists import drawn_tickets

from desk.tickets.ticket import Ticket, make_ticket
from research.orders import trade_list
from research.portfolio import load_portfolio

FILES = {
    "market": ("sixty_forty", "threshold", {"order_type": "market", "account": "DU12"}),
    "market_on_close": ("sixty_forty", "yearly", {"order_type": "market_on_close", "symbols": {"SPY": "SPY.P"}}),
    "limit": ("global_multi_asset", "quarterly", {"order_type": "limit", "collar_bps": 25, "account": "DU12"}),
    "holds": ("global_multi_asset", "never", {"account": "DU12"}),
}


@cache
def made(kind: str) -> Ticket:
    file, policy, terms = FILES[kind]
    portfolio = load_portfolio(f"data/portfolios/{file}.yaml", {"ticket": terms})
    return make_ticket(trade_list(portfolio, portfolio.policies[policy], policy, run="r-1"))


@pytest.fixture(params=FILES)
def real(request: pytest.FixtureRequest) -> Ticket:
    return made(request.param)


@pytest.fixture(params=[*FILES, "drawn"])
def lists(request: pytest.FixtureRequest, desk: Any) -> Sequence[Ticket]:
    """A real ticket, and then drawn ones."""
    return drawn_tickets(desk) if request.param == "drawn" else [made(request.param)]


@pytest.fixture(params=[*FILES, "drawn"])
def quoted_lists(request: pytest.FixtureRequest, desk: Any) -> Sequence[Ticket]:
    """The same, of lines with quotes and plain names."""
    return drawn_tickets(desk, plain=True) if request.param == "drawn" else [made(request.param)]


@pytest.fixture
def tickets() -> Callable[[str], Ticket]:
    return made


@pytest.fixture
def limited() -> Ticket:
    """Eight orders with limit prices, one of them in a fraction of a unit."""
    return made("limit")
