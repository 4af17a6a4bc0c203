"""The orders worth their tickets: against every set of orders, a closed form, and the rule without tickets."""

from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from best_weights import best_weights
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from foundation.arrays import Array
from research.accounting import Costs, Hold
from research.allocation import FixedWeights
from research.rules import PairRegion
from research.rules.no_trade_region import costs_and_widths, gap_curvature
from research.rules.optimum.best_orders import Programme, best_orders, curve_with_tickets
from research.rules.optimum.best_point import scratch_for
from tests.research.rules.test_pair_region import decided, drawn, goal_of

G = 5.0


class Market(NamedTuple):
    """A programme without cash, of 3 to 7 assets in two clusters, in which a few orders are worth their tickets."""

    programme: Programme

    @classmethod
    def drawn(cls, seed: int, ticket: float = 1e-5) -> "Market":
        case, rng = drawn(seed, 0.25), np.random.default_rng(seed)
        n = min(len(case.target), 7)
        target, weights = (each[:n] / each[:n].sum() for each in (case.target, case.weights))
        cost, fees = case.cost[:n], ticket * rng.uniform(0.2, 2.0, n)
        covariance, curvature = case.covariance[:n, :n], np.empty((n, n))
        curve_with_tickets(
            costs_and_widths(target, cost, G), fees, gap_curvature(target, covariance, cost, G, 0.25), curvature
        )
        return cls(Programme(weights, target, curvature, cost, fees, np.zeros(n), np.ones(n), 0.0, 0.0))

    def objective(self, held: Array) -> float:
        """What holding these weights costs, tickets included."""
        given, moved = self.programme, held != self.programme.weights
        gap, traded = held - given.target, np.abs(held - given.weights)
        return float(0.5 * gap @ given.curvature @ gap + given.cost @ traded + given.fees[moved].sum())

    def searched(self) -> Array:
        n = len(self.programme.fees)
        out = np.empty(n)
        sent = best_orders(self.programme, np.zeros(n + 1, bool), np.empty((3, n)), scratch_for(n), out)
        assert sent == (out != self.programme.weights).sum()
        return out

    def among_all(self) -> float:
        """The least objective over all sets of orders, the best point of each by `best_weights`."""
        given, least = self.programme, self.objective(self.programme.weights)
        for sent in map(np.array, product([False, True], repeat=len(given.fees))):
            if sent.sum() > 1:
                low, high = (np.where(sent, bound, given.weights) for bound in (given.lower, given.upper))
                found = best_weights(given.weights, given.target, given.curvature, given.cost, 1.0, low, high)
                least = min(least, self.objective(found))
        return least


def test_the_search_finds_the_best_of_all_sets_of_orders_nearly_always() -> None:
    saved, missed = [], []
    for seed in range(60):
        market = Market.drawn(seed)
        hold, found = market.objective(market.programme.weights), market.objective(market.searched())
        best = market.among_all()
        assert found >= best - 1e-12
        saved.append(hold - best)
        missed.append(found - best)
    worth = np.array(saved) > 1e-12
    assert worth.sum() > 20, "in a third of the cases some orders are worth their tickets"
    assert np.sum(np.array(missed) > 1e-12) <= 6, "of sixty"
    assert sum(missed) < 0.01 * sum(saved)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(1e-7, 1e-3))
def test_no_order_that_is_sent_could_be_spared_and_all_together_are_worth_their_tickets(
    seed: int, ticket: float
) -> None:
    market = Market.drawn(seed, ticket)
    given_, found = market.programme, market.searched()
    assert found.sum() == pytest.approx(1.0, abs=1e-12)
    assert market.objective(found) <= market.objective(given_.weights)
    for i in np.flatnonzero(found != given_.weights):
        others = (found != given_.weights) & (np.arange(len(found)) != i)
        if others.sum() > 1:
            low, high = (np.where(others, bound, given_.weights) for bound in (given_.lower, given_.upper))
            spared = best_weights(given_.weights, given_.target, given_.curvature, given_.cost, 1.0, low, high)
            assert market.objective(found) <= market.objective(spared) + 1e-12


@pytest.mark.parametrize("cost", [1e-5, 0.0005, 0.003])
@pytest.mark.parametrize("fee", [1e-7, 1e-5, 1e-4])
def test_one_asset_beside_cash_trades_past_its_half_width_and_to_cost_over_curvature(cost: float, fee: float) -> None:
    """The half-width of a ticket alone is (12 F w^2 (1 - w)^2 / g)^(1/4), of a cost alone the cube root."""
    target = 0.4
    spread = (target * (1.0 - target)) ** 2
    width = np.sqrt(np.cbrt(1.5 * cost * spread / G) ** 2 + np.sqrt(12.0 * fee * spread / G))
    rule = PairRegion(FixedWeights((target,)), G, covariance=((0.04,),))
    costs = Costs(np.array([cost]), np.zeros(1), ticket=np.array([fee]))
    for side in (-1.0, 1.0):
        inside, outside = (np.array([target + side * width * by]) for by in (0.9999, 1.0001))
        assert isinstance(decided(rule, inside, np.array([target]), costs), Hold)
        gap = abs(goal_of(decided(rule, outside, np.array([target]), costs), outside) - target)
        root = (np.sqrt(2.0 * fee) + np.sqrt(2.0 * fee + 4.0 * cost * width)) / (2.0 * width)
        assert gap == pytest.approx([cost / root**2], rel=1e-6, abs=1e-9)


def solved_width(cost: float, fee: float, spread: float) -> float:
    """The half-width of one asset with a cost and a ticket: V'' = (2 / b^2) (level - g S y^2 / 2), spread = b^2 / S.

    V' is the cost where a trade begins and where it ends, and V falls by ticket and cost between the two.
    """

    def ends(level: float) -> Array:
        found = np.roots([-G / (3.0 * spread), 0.0, 2.0 * level / spread, -cost])
        return np.sort(found[found > 0.0].real)

    def lacks(level: float) -> float:
        value = [level * y**2 / spread - G * y**4 / (12.0 * spread) - cost * y for y in ends(level)]
        return float(value[1] - value[0] - fee)

    least = 0.5 * G * np.cbrt(1.5 * cost * spread / G) ** 2
    return float(ends(brentq(lacks, least * (1.0 + 1e-9), 1e4 * least, xtol=1e-18))[1])


@pytest.mark.parametrize("cost", [1e-5, 1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("fee", [1e-8, 1e-6, 1e-5, 1e-4, 1e-3])
def test_the_half_width_of_both_costs_is_within_five_per_cent_of_the_solution(cost: float, fee: float) -> None:
    spread = 0.24**2
    width = np.sqrt(np.cbrt(1.5 * cost * spread / G) ** 2 + np.sqrt(12.0 * fee * spread / G))
    assert width == pytest.approx(solved_width(cost, fee, spread), rel=0.05)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.4))
def test_where_tickets_are_next_to_nothing_the_region_is_that_without(seed: int, spread: float) -> None:
    case = drawn(seed, spread)
    rule = PairRegion(FixedWeights(tuple(case.target)), G, covariance=case.covariance.tolist())
    n = len(case.cost)
    tiny = Costs(case.cost, np.zeros(n), ticket=np.full(n, 1e-16))
    without = goal_of(decided(rule, case.weights, case.target, case.cost), case.weights)
    assert goal_of(decided(rule, case.weights, case.target, tiny), case.weights) == pytest.approx(without, abs=1e-5)


@pytest.mark.parametrize("cash", [1e-5, 1e-3, -1e-5, -1e-3])
def test_cash_that_is_not_worth_a_ticket_waits_and_is_owed(cash: float) -> None:
    """A dollar of dividends sold an asset once, since its ticket was dearer than the dollar."""
    target = np.array([0.4, 0.3, 0.3])
    costs = Costs(np.full(3, 1e-3), np.zeros(3), ticket=np.full(3, 5e-5))
    rule = PairRegion(FixedWeights(tuple(target)), G, covariance=(0.04 * np.eye(3)).tolist())
    assert isinstance(decided(rule, target * (1.0 - cash), target, costs), Hold)


@pytest.mark.parametrize("cash", [0.2, -0.01])
def test_a_trade_takes_the_money_that_waits_and_pays_what_is_owed(cash: float) -> None:
    target = np.array([0.4, 0.3, 0.3])
    costs = Costs(np.full(3, 1e-3), np.zeros(3), ticket=np.full(3, 1e-5))
    rule = PairRegion(FixedWeights(tuple(target)), G, covariance=(0.04 * np.eye(3)).tolist())
    weights = target * (1.0 - cash) + [0.15, -0.15, 0.0]
    found = goal_of(decided(rule, weights, target, costs), weights)
    assert np.abs(1.0 - found.sum()) < (0.02 if cash > 0.0 else 1e-12), "what is left is not worth a ticket"
    assert (found != weights).sum() >= 2
