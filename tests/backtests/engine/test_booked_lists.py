"""Lists that are filled at the next close and booked hold what the backtest in whole lots holds, to the cent each day.

Ten years of it are `python -m benchmarks.booked_lists`.
"""

import pytest

from benchmarks.booked_lists import desk, furthest
from research.portfolio import Portfolio


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return desk("2019-12-31")


@pytest.mark.parametrize(("name", "fewest"), [("threshold_within", 6), ("quarterly", 4)])
def test_nav_is_that_of_the_backtest_at_each_close_of_a_fall_and_a_rise(
    portfolio: Portfolio, name: str, fewest: int
) -> None:
    apart, filled, closes = furthest(portfolio, name, portfolio.policies[name], closes=70)
    assert apart < 0.005
    assert filled >= fewest
    assert closes == 71
