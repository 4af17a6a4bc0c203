"""The largest growth rate: closed forms of one bet, the conditions of an optimum, and a known portfolio of two."""

import numpy as np
import pytest
from simulated import world

from research.allocation import Kelly
from research.allocation.constraints import Bounds, Constraints, Most
from research.allocation.constraints.builder import build
from research.allocation.constraints.lookup import Known
from research.allocation.optimised.kelly import largest_growth

PAST = world(400, 5).past(399)
WITH_CASH = Constraints(net=Bounds(least=0.0, most=1.0))


@pytest.mark.parametrize(("won", "odds", "expected"), [(6, 1.0, 0.2), (7, 0.5, 0.1), (3, 3.0, 1 / 15), (9, 1.0, 0.8)])
def test_a_bet_of_two_outcomes_is_kelly_s_fraction(won, odds, expected):
    """Kelly (1956): p - (1 - p) / odds of wealth, where p of ten bets are won."""
    returns = np.array([odds] * won + [-1.0] * (10 - won))[:, None]
    found = largest_growth(build(WITH_CASH, Known(("bet",))), returns, np.zeros(10), 1.0)
    assert found.weights[0] == pytest.approx(expected, abs=1e-7)
    growth = won / 10 * np.log(1.0 + odds * expected) + (1.0 - won / 10) * np.log(1.0 - expected)
    assert found.value == pytest.approx(growth, abs=1e-9)


def test_a_bet_without_an_edge_is_not_taken():
    returns = np.array([1.0] * 5 + [-1.0] * 5)[:, None]
    found = largest_growth(build(WITH_CASH, Known(("bet",))), returns, np.zeros(10), 1.0)
    assert found.value == pytest.approx(0.0, abs=1e-9)  # slope and bound are both zero there: the weight is less exact
    assert found.weights[0] == pytest.approx(0.0, abs=1e-5)


def test_cash_that_earns_raises_the_hurdle():
    """The derivative p u / (1 + c + f u) + (1 - p) d / (1 + c + f d) is zero, of excess returns u and d over cash c."""
    cash, gain, loss = 0.02, 0.5, -0.4
    returns = np.array([gain] * 6 + [loss] * 4)[:, None]
    found = largest_growth(build(WITH_CASH, Known(("bet",))), returns, np.full(10, cash), 1.0)
    up, down = gain - cash, loss - cash
    assert found.weights[0] == pytest.approx(-(1.0 + cash) * (0.6 * up + 0.4 * down) / (up * down), abs=1e-7)


def test_no_held_asset_beats_the_portfolio_in_its_own_terms():
    """Bell, Cover (1980): mean (1 + r_i) / (1 + r_p) is 1 for assets that are held, and at most 1 for others."""
    returns = np.random.default_rng(3).normal(0.004, 0.05, (400, 6)) * np.linspace(0.7, 1.5, 6)
    found = largest_growth(build(Constraints(), Known(tuple("ABCDEF"))), returns, np.zeros(400), 252.0)
    relative = ((1.0 + returns) / (1.0 + returns @ found.weights)[:, None]).mean(axis=0)
    assert relative[found.weights > 0.0] == pytest.approx(1.0, abs=1e-7)
    assert (relative <= 1.0 + 1e-7).all()
    assert 2 <= (found.weights > 0.0).sum() < 6


def test_leverage_is_that_of_the_limits():
    levered = Kelly(window=250, constraints=Constraints(net=Bounds(least=0.0, most=2.0), gross=Most(most=2.0)))
    answer = levered.answer(PAST)
    assert np.abs(answer.weights).sum() <= 2.0 + 1e-8
    plain = Kelly(window=250).answer(PAST)
    assert answer.value >= plain.value - 1e-9
    assert plain.objective == "log growth a year"
