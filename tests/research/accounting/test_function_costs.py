"""Costs from a function of the past: a spread a day that no later day moves."""

from dataclasses import replace

import numpy as np
import pytest
from cases import cases
from simulated import world

from foundation.errors import ConfigError
from research.accounting import costs_from_function


def nervous(past):
    return 0.0001 + 0.02 * np.abs(past.returns[-1])


def test_each_day_costs_what_the_function_says_at_its_close():
    market = world(days=30)
    costs = costs_from_function(market, nervous, commission=2)
    assert costs.half_spread == pytest.approx(0.0001 + 0.02 * np.abs(market.returns), abs=1e-18)
    assert costs.commission == pytest.approx([0.0002] * 3, abs=1e-18)


def test_later_days_move_no_cost():
    market = world(days=30)
    later = replace(market, returns=np.where(np.arange(30)[:, None] > 20, -market.returns, market.returns))
    costs, other = (costs_from_function(m, nervous).half_spread for m in (market, later))
    assert np.array_equal(costs[:21], other[:21])
    assert np.array_equal(costs_from_function(market.until(market.dates[20]), nervous).half_spread, costs[:21])


def test_one_number_is_for_all_lines_and_nan_is_not_known_yet():
    costs = costs_from_function(world(days=5), lambda past: 0.001 if past.t > 2 else float("nan"))
    assert np.isnan(costs.half_spread[:3]).all()
    assert (costs.half_spread[3:] == 0.001).all()
    assert costs.known_from(world(days=5)) == 3


@cases(
    "found, words",
    (-0.01, r"for A on 2020-01-01 is -0.01, or -100 bps: it is at least 0 and less than 0.5"),
    ([0.0, 5.0, 0.0], r"for B on 2020-01-01 is 5, or 50,000 bps: .* Return a fraction of the notional"),
    ([0.001, 0.001], r"on 2020-01-01 has shape \(2,\), and the market 3 assets, A, B, C. Return"),
    ("1bp", r"on 2020-01-01 is '1bp'. Return a fraction of the notional, such as 0.0001"),
    (np.inf, r"for A on 2020-01-01 is inf"),
)
def test_other_answers_are_refused_by_day_and_line(found, words):
    def mine(past):
        return found

    with pytest.raises(ConfigError, match=words) as refused:
        costs_from_function(world(days=5), mine)
    assert "cost of" in str(refused.value)
    assert "mine" in str(refused.value)
