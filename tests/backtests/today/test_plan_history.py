"""A plan from every start of history: months by hand, amounts by their closed form, and what has no history."""

from dataclasses import replace

import numpy as np
import pytest

from backtests.today.plan import life_of_plan
from backtests.today.plan_history import PlanHistory, history_starts, monthly_growths
from research.accounting.spending import Spending
from research.allocation import FixedWeights
from research.market.reading.long_history import long_history
from research.portfolio.plan import Plan
from research.rules import Calendar
from tests.planned import holding

WEIGHTS = (0.6, 0.4)
MONTHLY = {"monthly": Calendar(FixedWeights(WEIGHTS), "month")}


def of_history(amount: float, years: int = 30, weights: tuple[float, float] = WEIGHTS) -> PlanHistory:
    """A mix without costs and taxes that is worth 100, from which so much a year is spent by the month."""
    plan = Plan(years=years, spending=Spending("indexed", amount), every="month", inflation=0.02)
    found = life_of_plan(holding(weights, 100.0), plan, MONTHLY, paths=100).history
    assert found is not None
    return found


def borne(years: int) -> np.ndarray:
    """(S,) the largest amount a year of 100 that each start bears: 1200 / sum of what the payments are worth today.

    A payment of a month is the amount in the money of the month in which its year began.
    """
    _, both, prices = monthly_growths()
    found, months = [], 12 * years
    for k in range(0, len(both) - months + 1, 12):
        worth = np.concatenate([[1.0], np.cumprod(both[k : k + months] @ np.array(WEIGHTS))[:-1]])
        found.append(1_200.0 / (np.repeat(prices[k : k + months : 12] / prices[k], 12) / worth).sum())
    return np.array(found)


def test_months_of_history_by_hand() -> None:
    table = long_history()
    dates, both, prices = monthly_growths()
    assert (len(both), len(prices), f"{dates[0]:%Y-%m}", f"{dates[-1]:%Y-%m}") == (1829, 1830, "1871-01", "2023-05")
    assert both[0, 0] == pytest.approx((4.5 + 0.26 / 12) / 4.44, rel=1e-15)
    rate = table["Long Interest Rate"].to_numpy()
    still = np.flatnonzero(rate[1:] == rate[:-1])  # a bond whose rate does not move stays at par
    assert len(still) > 10
    np.testing.assert_allclose(both[still, 1], 1.0 + rate[still] / 1_200.0, rtol=1e-14)
    jump = int(np.argmax(np.abs(np.diff(rate))))
    coupon, later = rate[jump] / 1_200.0, rate[jump + 1] / 1_200.0
    paid = sum(coupon / (1.0 + later) ** k for k in range(1, 120)) + 1.0 / (1.0 + later) ** 119
    assert both[jump, 1] == pytest.approx(coupon + paid, rel=1e-13)


def test_the_months_of_a_year_are_that_year() -> None:
    """Of stocks, by the price of the next January and the year's dividends, whose reinvestment is what differs."""
    table = long_history()
    price, dividend = table["SP500"].to_numpy(), table["Dividend"].to_numpy()
    _, both, _ = monthly_growths()
    for first in (0, 12 * 58, 12 * 95, 12 * 137):
        year = (price[first + 12] + dividend[first : first + 12].mean()) / price[first]
        assert both[first : first + 12, 0].prod() == pytest.approx(year, abs=0.015)


@pytest.mark.parametrize("years", [20, 30])
def test_what_lasted_from_every_start_is_the_closed_form(years: int) -> None:
    expected = borne(years)
    found = of_history(4.0, years)
    assert found.years.tolist() == list(range(1871, 2024 - years))
    assert found.lasted == pytest.approx(expected.min(), rel=2e-4)
    worst = of_history(float(np.sort(expected)[4]) * 1.001, years)
    assert sorted(worst.years[worst.failed]) == sorted(found.years[np.argsort(expected)[:5]])
    assert (worst.ended >= 0).sum() == 5
    first = worst.ended[list(worst.hardest)]
    assert list(first) == sorted(first)


def test_the_hardest_start_of_thirty_years_is_1966() -> None:
    """As Bengen (1994) and cFIREsim find, of a mix of stocks and bonds; the closed form says so too."""
    found = of_history(4.0)
    assert found.years[found.hardest[0]] == 1966
    assert found.years[np.argmin(borne(30))] == 1966
    assert 3.7 < found.lasted < 3.9


def test_a_start_from_which_nothing_fails_is_ranked_by_what_it_leaves() -> None:
    found = of_history(1.0)
    assert not found.failed.any()
    left = found.left[list(found.hardest)]
    assert list(left) == sorted(left)
    assert left[0] == found.left.min()


def test_assets_earn_what_their_class_did() -> None:
    market = holding(WEIGHTS).market
    _, both, prices = monthly_growths()
    years, growths, consumer = history_starts(market, np.array(WEIGHTS), 120)
    np.testing.assert_array_equal(growths[5], both[60:180])
    np.testing.assert_allclose(consumer[5], prices[60:181] / prices[60], rtol=1e-15)
    assert years[5] == 1876
    gold = replace(market, instruments=market.instruments.assign(asset_class=["us_equity", "gold"]))
    np.testing.assert_array_equal(history_starts(gold, np.array(WEIGHTS), 120)[1][5][:, 1], both[60:180, 0])
    none = replace(market, instruments=market.instruments.assign(asset_class="gold"))
    assert len(history_starts(none, np.array(WEIGHTS), 120)[0]) == 0
    assert len(history_starts(market, np.array(WEIGHTS), 1_830)[0]) == 0
