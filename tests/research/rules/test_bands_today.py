"""The band of each asset at the last close is where the rule's decision turns from holding to trading."""

from dataclasses import replace

import numpy as np
import pytest

from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.rules import Calendar, Threshold
from research.rules.bands_today import bands_today


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio("data/portfolios/sixty_forty.yaml")


def bands(portfolio: Portfolio, policy: object) -> np.ndarray:
    return bands_today(policy, portfolio.market, portfolio.costs, portfolio.strategic, portfolio.sessions_since_trade)


@pytest.mark.parametrize("name", ["threshold", "threshold_within"])
def test_a_policy_trades_past_its_band_and_not_within(portfolio: Portfolio, name: str) -> None:
    policy = portfolio.policies[name]
    lower, upper = bands(portfolio, policy)
    for weight, trades in (
        (upper[0] + 1e-3, True),
        (upper[0] - 1e-3, False),
        (lower[0] - 1e-3, True),
        (lower[0] + 1e-3, False),
    ):
        held = 1e6 * np.array([weight, 1.0 - weight])
        moved = replace(portfolio, holdings=held, shares=np.full(2, np.nan), cash=0.0)
        assert trade_list(moved, policy).holds is not trades


def test_relative_bands_are_in_points_of_nav(portfolio: Portfolio) -> None:
    found = bands(portfolio, Threshold(portfolio.strategic, 0.1, kind="relative"))
    assert found.tolist() == pytest.approx(np.array([[0.54, 0.36], [0.66, 0.44]]))


def test_a_policy_without_bands_has_none(portfolio: Portfolio) -> None:
    assert np.isnan(bands(portfolio, Calendar(portfolio.strategic, "month"))).all()
    assert np.isnan(bands(portfolio, None)).all()
