"""PyPortfolioOpt's discrete allocations of cash, published and computed: never better than ours on one objective.

The objective is the sum of the assets' distances from their weights and nine tenths of the cash that is left, without
costs. PyPortfolioOpt's linear programme adds all of that cash, its greedy search states no objective.
"""

import numpy as np
import pandas as pd
import pytest
from pypfopt.discrete_allocation import DiscreteAllocation

from foundation.arrays import Array
from research.accounting import Costs
from research.orders.lots.lot_problem import LotProblem
from research.orders.lots.lot_solver import solve_lots
from research.orders.lots.position import Position

# Of PyPortfolioOpt 1.4.1: the weights of the example in its README, the closes of 2018-04-11 in its test data, and the
# allocations of 10,000 (README, and tests/test_discrete_allocation.py by the greedy search and by the linear programme)
# and of 80,000 (the same file).
WEIGHTS = {"GOOG": 0.03835, "AAPL": 0.0689, "FB": 0.20603, "BABA": 0.07315, "AMZN": 0.04033, "GE": 0.0, "AMD": 0.0,
           "WMT": 0.0, "BAC": 0.0, "GM": 0.0, "T": 0.0, "UAA": 0.0, "SHLD": 0.0, "XOM": 0.0, "RRC": 0.0, "BBY": 0.01324,
           "MA": 0.35349, "PFE": 0.1957, "JPM": 0.0, "SBUX": 0.01082}  # fmt: skip
CLOSES = pd.Series([1019.969971, 172.440002, 166.320007, 175.360001, 1427.050049, 12.97, 9.82, 85.910004, 29.9, 39.0,
                    35.25, 16.74, 3.3, 77.43, 14.99, 70.910004, 172.360001, 35.790001, 110.620003, 59.419998],
                   list(WEIGHTS))  # fmt: skip
PUBLISHED = [
    (10_000.0, {"MA": 20, "FB": 12, "PFE": 54, "BABA": 4, "AAPL": 4, "BBY": 2, "SBUX": 1, "GOOG": 1}),
    (10_000.0, {"MA": 20, "FB": 12, "PFE": 54, "BABA": 4, "AAPL": 4, "BBY": 1, "SBUX": 1, "GOOG": 1, "AMD": 1}),
    (10_000.0, {"MA": 20, "FB": 12, "PFE": 54, "BABA": 4, "AAPL": 4, "BBY": 1, "SBUX": 1, "GOOG": 1}),
    (80_000.0, {"GOOG": 3, "AAPL": 32, "FB": 99, "BABA": 34, "AMZN": 2, "BBY": 15, "MA": 164, "PFE": 438, "SBUX": 15}),
]


def problem_of(weights: dict[str, float], closes: pd.Series, wealth: float) -> LotProblem:
    """A wealth in cash to be invested at no cost, to the last cent."""
    n, prices = len(weights), closes[list(weights)].to_numpy()
    free = Costs.bps(n).cost_parameters()._replace(tax=0.0, minimum_trade=0.0)
    none, every = np.zeros(n), np.ones(n, dtype=bool)
    position = Position(none, prices, np.ones(n), every, every, wealth, 0.0, free, 0)
    goal = np.array(list(weights.values())) * wealth
    return LotProblem(position, goal, np.sign(goal), none - np.inf, none + np.inf, 0.0, none + np.inf)


def ours(problem: LotProblem) -> Array:
    solved = solve_lots(problem)
    assert solved.how == "exact"
    assert not problem.broken(solved.units)
    return solved.units


def units_of(allocation: dict[str, int], names: object) -> Array:
    return np.array([float(allocation.get(name, 0)) for name in names])  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("wealth", "allocation"), PUBLISHED)
def test_published_allocations_are_met_or_beaten_in_any_order_of_names(
    wealth: float, allocation: dict[str, int], seed: int
) -> None:
    names = [str(name) for name in np.random.default_rng(seed).permutation(list(WEIGHTS))]
    problem = problem_of({name: WEIGHTS[name] for name in names}, CLOSES, wealth)
    theirs = units_of(allocation, names)
    assert not problem.broken(theirs)
    assert problem.objective(ours(problem)) <= problem.objective(theirs) + 1e-12


def test_published_example_is_what_pyportfolioopt_gives() -> None:
    """So that these are its numbers: all but 11.89 of 10,000 is invested."""
    bought, left = DiscreteAllocation(WEIGHTS, CLOSES, 10_000.0).greedy_portfolio()
    assert dict(bought) == PUBLISHED[0][1]
    assert left == pytest.approx(11.89, abs=0.005)


def test_random_allocations_are_never_better() -> None:
    """Eighty, of two to ten assets and 2,000 to 200,000: by both of its methods, run here."""
    rng, better, feasible = np.random.default_rng(22), 0, 0
    for _ in range(80):
        n, wealth = int(rng.integers(2, 11)), round(10.0 ** rng.uniform(3.3, 5.3), 2)
        names = [f"L{i}" for i in rng.permutation(n)]
        closes = pd.Series(np.round(10.0 ** rng.uniform(0.5, 2.8, n), 2), names)
        weights = dict(zip(names, rng.dirichlet(np.full(n, 2.0)).tolist(), strict=True))
        problem = problem_of(weights, closes, wealth)
        least = problem.objective(ours(problem))
        greedy, _ = DiscreteAllocation(weights, closes, wealth).greedy_portfolio()
        programme, _ = DiscreteAllocation(weights, closes, wealth).lp_portfolio(solver="HIGHS")
        for allocation in (greedy, programme):
            theirs = units_of(allocation, names)
            if not problem.broken(theirs):
                feasible += 1
                assert least <= problem.objective(theirs) + 1e-9
                better += int(least < problem.objective(theirs) - 1e-9)
    assert feasible > 140
    assert better > 40


def test_its_programme_overspends_where_prices_are_named_in_another_order_and_ours_does_not() -> None:
    """It pairs weights and prices by position; its greedy search, which sorts the weights in place, has that effect."""
    wealth, names = 10_000.0, list(WEIGHTS)
    backwards = CLOSES[names[::-1]]
    bought, _ = DiscreteAllocation(WEIGHTS, backwards, wealth).lp_portfolio(solver="HIGHS")
    assert sum(CLOSES[name] * count for name, count in bought.items()) > 1.5 * wealth
    twice = DiscreteAllocation(WEIGHTS, CLOSES, wealth)
    twice.greedy_portfolio()
    bought, _ = twice.lp_portfolio(solver="HIGHS")
    assert problem_of(WEIGHTS, CLOSES, wealth).broken(units_of(bought, names)) == ("cash",)
    there, here = ours(problem_of(WEIGHTS, backwards, wealth)), ours(problem_of(WEIGHTS, CLOSES, wealth))
    np.testing.assert_array_equal(there, here)
    shuffled = {name: WEIGHTS[name] for name in names[::-1]}
    np.testing.assert_array_equal(ours(problem_of(shuffled, backwards, wealth))[::-1], here)
