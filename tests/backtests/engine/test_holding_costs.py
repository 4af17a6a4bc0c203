"""What holding costs, on paper: fees of a day are a 365th of the year's, of a weekend three."""

import numpy as np
import pytest
from simulated import MakeMarket

from backtests.engine import backtest
from research.accounting import Costs
from research.allocation import FixedWeights
from research.rules import Never

DAYS = np.array([1, 1, 1, 3])  # from Tuesday 2 January 2018 on


def played(make_market: MakeMarket, weights: tuple[float, float], cash: float = 0.0, **costs: object) -> object:
    market, rule = make_market(np.zeros((5, 2)), cash), Never(FixedWeights(weights))
    return backtest(market, rule, Costs(np.zeros(2), np.zeros(2), **costs), nav=100.0, leverage_limit=2.0)


def test_a_short_pays_its_borrow_fee_for_each_calendar_day(make_market: MakeMarket) -> None:
    """50 short at 7.3 % a year: 0.01 a day, and of B, which is long, nothing."""
    book = played(make_market, (-0.5, 1.0), borrow=np.array([0.073, 0.073])).ledger
    assert book.holding_costs[1:, 0] == pytest.approx(0.01 * DAYS, rel=1e-14)
    assert book.nav == pytest.approx(100.0 - 0.01 * np.concatenate([[0], DAYS.cumsum()]), abs=1e-12)


def test_negative_cash_pays_the_financing_spread_on_itself_and_on_what_was_paid_before(make_market: MakeMarket) -> None:
    """50 overdrawn at 7.3 % a year: 0.01 on the first day, on 50.01 the next."""
    book = played(make_market, (0.5, 1.0), financing=0.073).ledger
    assert book.holding_costs[1:3, 1] == pytest.approx([0.01, 0.010002], rel=1e-12)
    assert book.cash[:3] == pytest.approx([-50.0, -50.01, -50.020002], abs=1e-11)


def test_positive_cash_earns_its_rate_less_the_spread(make_market: MakeMarket) -> None:
    """50 in cash at 0.02 % a day, less 3.65 % a year, which is 0.01 % a day."""
    result = played(make_market, (0.25, 0.25), cash=2e-4, cash_spread=0.0365)
    assert result.ledger.holding_costs[1, 2] == pytest.approx(0.005, rel=1e-12)
    assert result.ledger.cash[1] == pytest.approx(50.0 * 1.0002 - 0.005, abs=1e-12)
    assert result.reconcile().daily["interest"].iloc[1] == pytest.approx(0.01, rel=1e-12)


def test_the_management_fee_is_of_the_last_nav_and_leaves_cash(make_market: MakeMarket) -> None:
    """3.65 % a year of 100 is 0.01 a day, then of 99.99; fully invested, it overdraws cash until the next trade."""
    result = played(make_market, (0.5, 0.5), management_fee=0.0365)
    assert result.ledger.holding_costs[1:3, 3] == pytest.approx([0.01, 0.009999], rel=1e-12)
    assert result.ledger.cash[1] == pytest.approx(-0.01, abs=1e-12)
    assert result.cost_rates["management_fee"] == pytest.approx(1e-4 * DAYS.sum(), rel=1e-12)
    assert result.reconcile().holds


def test_nothing_held_nothing_carried(make_market: MakeMarket) -> None:
    result = played(make_market, (0.5, 0.5), borrow=np.full(2, 0.05), financing=0.05, cash_spread=0.01)
    assert not result.ledger.holding_costs.any()
