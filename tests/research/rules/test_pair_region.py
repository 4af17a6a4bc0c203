"""The quadratic no-trade region: closed forms, the conditions of its optimum, and what trading twice changes."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import fractional_matrix_power

from foundation.arrays import Array
from research.accounting import Costs, Hold, Trade, View
from research.allocation import FixedWeights
from research.market import Market, instruments_table
from research.rules import BestPoint, PairRegion
from research.rules.no_trade_region import gap_curvature
from research.rules.standard_rule import StandardRule

G = 5.0
SAME = 1e-11  # fraction of NAV


class Case(NamedTuple):
    """Weights as drifted, target, covariance a year, and cost a side, of n assets without cash."""

    weights: Array
    target: Array
    covariance: Array
    cost: Array

    def curvature(self, power: float) -> Array:
        """K by its definition, the power of the correlations by scipy."""
        volatility = np.sqrt(np.diag(self.covariance))
        correlations = self.covariance / np.outer(volatility, volatility)
        slope = self.cost / np.cbrt(3.0 * self.cost * (self.target * (1.0 - self.target)) ** 2 / (2.0 * G))
        return np.real(np.sqrt(np.outer(slope, slope)) * fractional_matrix_power(correlations, power))

    def taken(self, order: Array) -> "Case":
        """The same assets in another order."""
        return Case(self.weights[order], self.target[order], self.covariance[np.ix_(order, order)], self.cost[order])


def drawn(seed: int, spread: float) -> Case:
    """Two clusters, own costs and volatilities; gaps of this standard deviation over the target."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 12))
    target = rng.dirichlet(np.full(n, 5.0))
    weights = target * np.exp(rng.normal(0.0, spread, n))
    of = np.arange(n) % 2
    correlations = np.where(of[:, None] == of, 0.8, 0.1) + 0.2 * np.eye(n)
    volatility = rng.uniform(0.05, 0.4, n)
    covariance = correlations * np.outer(volatility, volatility)
    return Case(weights / weights.sum(), target, covariance, rng.uniform(1e-4, 3e-3, n))


def decided(rule: StandardRule, weights: Array, target: Array, cost: Array | Costs) -> Hold | Trade:
    """The decision at one close; cash is the rest."""
    n = len(weights)
    costs = cost if isinstance(cost, Costs) else Costs(cost, np.zeros(n))
    names, dates = tuple(f"L{i:02}" for i in range(n)), pd.date_range("2020-01-06", periods=2)
    market = Market(
        dates, names, np.zeros((2, n)), np.ones((2, n), dtype=bool), np.zeros(2), instruments_table(names),
        np.full((2, n), np.nan), calendar="24/5", name="made",
    )  # fmt: skip
    view = View(market.past(1), target, weights, 1.0 - weights.sum(), 1.0, np.ones(1), 9, costs)
    return rule.decide(view)


def goal_of(answer: Hold | Trade, weights: Array) -> Array:
    """(n,) weights that an answer leads to."""
    return np.where(np.isfinite(answer.lower), answer.lower, weights) if isinstance(answer, Trade) else weights


def rule_for(case: Case, power: float = 0.25) -> PairRegion:
    return PairRegion(FixedWeights(tuple(case.target)), G, power, covariance=case.covariance.tolist())


def goal(case: Case, power: float = 0.25) -> Array:
    return goal_of(decided(rule_for(case, power), case.weights, case.target, case.cost), case.weights)


# -- closed forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("first", [0.9, 0.2])
def test_two_assets_trade_to_both_costs_over_the_curvature_of_their_difference(power: float, first: float) -> None:
    cost, covariance = np.array([0.001, 0.0004]), np.array([[0.04, 0.012], [0.012, 0.02]])
    case = Case(np.array([first, 1.0 - first]), np.array([0.6, 0.4]), covariance, cost)
    k = case.curvature(power)
    edge = np.sign(first - 0.6) * (cost.sum() / (k[0, 0] + k[1, 1] - 2.0 * k[0, 1]))
    assert goal(case, power) == pytest.approx([0.6 + edge, 0.4 - edge], abs=SAME)
    inside = case._replace(weights=case.target + np.array([1.0, -1.0]) * (edge - 1e-7 * np.sign(edge)))
    assert isinstance(decided(rule_for(inside, power), inside.weights, inside.target, cost), Hold)


def test_of_correlations_to_the_power_zero_beside_cash_it_is_a_box_of_closed_form_half_widths() -> None:
    """Cash trades free and has no curvature, so that each asset trades with it alone, at c_i = K_ii h_i."""
    target, cost = np.array([0.3, 0.3, 0.2]), np.array([0.001, 0.002, 0.0005])
    covariance = np.array([[0.04, 0.02, 0.0], [0.02, 0.03, 0.01], [0.0, 0.01, 0.02]])
    half_width = np.cbrt(3.0 * cost * (target * (1.0 - target)) ** 2 / (2.0 * G))
    weights = target + half_width * np.array([3.0, -2.0, 0.9])
    rule = PairRegion(FixedWeights(tuple(target)), G, 0.0, covariance=covariance.tolist())
    found = goal_of(decided(rule, weights, target, cost), weights)
    assert found == pytest.approx(target + half_width * np.array([1.0, -1.0, 0.9]), abs=SAME)


def test_of_the_correlations_themselves_it_is_the_best_point_where_cost_over_width_is_the_same() -> None:
    """Costs in the proportion of w (1 - w): then K is kappa times the covariance, kappa = (c / h) / variance."""
    traded = 0
    for seed in range(20):
        drawn_case = drawn(seed, 0.2)
        volatility = np.sqrt(np.diag(drawn_case.covariance))
        covariance = 0.09 * drawn_case.covariance / np.outer(volatility, volatility)
        spread = drawn_case.target * (1.0 - drawn_case.target)
        case = drawn_case._replace(covariance=covariance, cost=0.005 * spread)
        kappa = float(0.005 / np.cbrt(3.0 * 0.005 / (2.0 * G))) / 0.09
        best = BestPoint(FixedWeights(tuple(case.target)), G, kappa / G, schedule="day", covariance=covariance.tolist())
        expected = goal_of(decided(best, case.weights, case.target, case.cost), case.weights)
        assert goal(case, 1.0) == pytest.approx(expected, abs=1e-9)
        traded += bool((expected != case.weights).any())
    assert traded > 15


# -- the optimum and its invariants ----------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.4), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_after_a_trade_no_pair_is_worth_both_costs_and_before_it_one_was(
    seed: int, spread: float, power: float
) -> None:
    """The conditions of Karush, Kuhn and Tucker for the least of d'Kd / 2 + cost; all assets are long and movable."""
    case = drawn(seed, spread)
    k, found = case.curvature(power), goal(case, power)
    assert found.sum() == pytest.approx(1.0, abs=1e-12)
    assert ((found >= 0.0) & (found <= 1.0)).all()
    value, moved = k @ (found - case.target), found - case.weights
    dearest = np.where(found > 0.0, value - np.where(moved > 0.0, -case.cost, case.cost), -np.inf).max()
    cheapest = (value + np.where(moved < 0.0, -case.cost, case.cost)).min()
    assert dearest - cheapest <= 1e-6 * np.diag(k).max()  # a trade below the trigger of 1e-6 is not made
    before = k @ (case.weights - case.target)
    worth = (before - case.cost).max() > (before + case.cost).min()
    assert worth or not moved.any(), "nothing trades inside the region"


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.4))
def test_a_second_application_holds_and_the_order_of_assets_changes_nothing(seed: int, spread: float) -> None:
    case = drawn(seed, spread)
    found = goal(case)
    assert isinstance(decided(rule_for(case), found, case.target, case.cost), Hold)
    order = np.random.default_rng(seed).permutation(len(found))
    np.testing.assert_allclose(goal(case.taken(order)), found[order], rtol=0.0, atol=1e-9)


# -- what has no width, no cost, no variance -------------------------------------------------------------------------


def test_assets_that_trade_free_go_to_their_target() -> None:
    case = drawn(3, 0.1)
    assert goal(case._replace(cost=np.zeros(len(case.cost)))) == pytest.approx(case.target, abs=1e-9)


def test_an_asset_without_target_has_the_narrowest_width_of_the_others() -> None:
    target, cost = np.array([0.7, 0.3, 0.0]), np.array([0.001, 0.0004, 0.001])
    k = gap_curvature(target, np.eye(3), cost, G, 0.25)
    narrowest = np.cbrt(3.0 * cost[1] * 0.21**2 / (2.0 * G))
    assert np.diag(k) == pytest.approx([*np.diag(k)[:2], cost[2] / narrowest], rel=1e-12)


def test_an_asset_of_unknown_variance_is_uncorrelated() -> None:
    target, cost = np.array([0.5, 0.3, 0.2]), np.full(3, 0.001)
    covariance = np.zeros((3, 3))
    covariance[:2, :2] = np.array([[0.04, 0.03], [0.03, 0.04]])
    known = gap_curvature(target, covariance + np.diag([0.0, 0.0, 0.01]), cost, G, 0.25)
    assert gap_curvature(target, covariance, cost, G, 0.25) == pytest.approx(known, rel=1e-12)
    assert known[2, :2] == pytest.approx([0.0, 0.0], abs=1e-15)
