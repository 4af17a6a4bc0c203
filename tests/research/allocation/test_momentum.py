"""Time-series momentum: by hand, its two laws, and who may not be asked."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from research.allocation import InverseVolatility, Momentum
from research.market import Market

RISING = [0.0, 0.02, -0.01, 0.02, -0.01]
FALLING = [0.0, -0.02, 0.01, -0.02, 0.01]
TURNED = [0.0, -0.02, 0.01, -0.02, 0.10]  # falls, and makes it good on the last day


def test_what_earned_more_than_cash_has_its_share_and_the_rest_is_cash(make_market: Callable[..., Market]) -> None:
    past = make_market(np.column_stack([RISING, FALLING, TURNED])).past(4)
    third = 1.0 / 3.0
    assert Momentum(window=4).target(past).tolist() == [third, 0.0, third]
    assert Momentum(window=4, skip=1).target(past).tolist() == [third, 0.0, 0.0]


def test_shares_by_inverse_volatility_are_those_of_all_lines(make_market: Callable[..., Market]) -> None:
    past = make_market(np.column_stack([RISING, FALLING, TURNED])).past(4)
    all_of_them = InverseVolatility(window=4).target(past)
    held = Momentum(window=4, weights="inverse_volatility").target(past)
    assert held == pytest.approx(all_of_them * [1.0, 0.0, 1.0], abs=1e-16)


def test_it_is_compared_with_cash_over_the_same_days(make_market: Callable[..., Market]) -> None:
    market = make_market(np.column_stack([RISING, FALLING]))  # grows by 1.02² x 0.99² - 1 = 1.97 %
    for rate, held in ((0.0048, [0.5, 0.0]), (0.0050, [0.0, 0.0])):  # four days of cash: 1.93 %, and 2.02 %
        assert Momentum(window=4).target(replace(market, cash=np.full(5, rate)).past(4)).tolist() == held


def test_the_order_of_the_lines_changes_nothing(noisy: Market) -> None:
    order = np.array([2, 0, 5, 4, 1, 3])
    other = noisy.select([noisy.assets[i] for i in order])
    for held in (Momentum(window=100), Momentum(window=100, skip=21, weights="inverse_volatility")):
        assert held.target(other.past(300)) == pytest.approx(held.target(noisy.past(300))[order], abs=1e-15)
