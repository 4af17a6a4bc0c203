"""Frontiers with limits and without: the one never lies above the other, and their gap is what limits cost."""

import numpy as np
import pytest
from simulated import world

from research.allocation import MeanVariance
from research.allocation.constraints import Bounds, Cardinality, Constraints, Most
from research.allocation.optimised.frontier_pair import frontier_pair
from research.forecast import Estimated

MARKET = world(400, 5)
PAST = MARKET.past(399)
LIMITED = Constraints(every_line=Bounds(least=0.05, most=0.35), turnover=Most(most=0.2))
MODEL = MeanVariance("utility", forecast=Estimated(window=250), constraints=LIMITED, risk_aversion=5.0)


def test_the_frontier_without_limits_is_nowhere_to_the_right():
    pair = frontier_pair(MODEL, PAST, 10)
    for mean, volatility in zip(pair.limited.mean, pair.limited.risk, strict=True):
        assert (
            np.interp(mean, pair.unlimited.mean, pair.unlimited.risk) <= volatility + 5e-5
        )  # a chord lies above the curve
    assert pair.unlimited.mean[-1] > pair.limited.mean[-1]
    assert len(pair.unlimited.mean) == 30


def test_what_is_given_up_is_the_distance_up_to_the_frontier_without_limits():
    pair = frontier_pair(MODEL, PAST, 10)
    volatility, mean = pair.place(pair.weights)
    goal = MeanVariance("target_risk", forecast=Estimated(window=250), goal=volatility).answer(PAST)
    assert pair.given_up == pytest.approx(goal.value - mean, abs=2e-4)
    assert pair.given_up > 1e-3


def test_an_allocation_without_limits_gives_nothing_up():
    free = MeanVariance("utility", forecast=Estimated(window=250), risk_aversion=5.0)
    assert not free.limited
    assert MODEL.limited
    assert MeanVariance(upper=0.4).limited
    assert frontier_pair(free, PAST, 40).given_up == pytest.approx(0.0, abs=2e-4)


def test_turnover_is_limited_against_the_target_before():
    previous = np.array([0.35, 0.35, 0.2, 0.05, 0.05])
    turned = np.maximum(frontier_pair(MODEL, PAST, 5, previous).limited.weights - previous, 0.0).sum(axis=1)
    assert turned.max() <= 0.2 + 1e-8
    assert turned.max() > 0.19


def test_leverage_stays_where_other_limits_go():
    asked = Constraints(gross=Most(most=1.4), net=Bounds(most=1.0), cardinality=Cardinality(most=3))
    model = MeanVariance("utility", forecast=Estimated(window=250), constraints=asked, risk_aversion=5.0)
    pair = frontier_pair(model, PAST, 4)
    assert (np.abs(pair.unlimited.weights).sum(axis=1) <= 1.4 + 1e-8).all()
    assert (pair.unlimited.weights < -0.01).any()
    assert ((np.abs(pair.limited.weights) > 1e-7).sum(axis=1) <= 3).all()
