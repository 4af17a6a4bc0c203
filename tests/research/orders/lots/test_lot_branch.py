"""Branch and bound over lots: against HiGHS, against closed forms, and no exchange of lots improves what it proves."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest

from foundation.arrays import Array
from research.accounting import Costs
from research.orders.lots.lot_branch import branch
from research.orders.lots.lot_problem import LotProblem
from research.orders.lots.lot_search import search
from research.orders.lots.lot_solver import _by_highs
from research.orders.lots.position import Position
from research.portfolio import OrderLimits


def problem_of(rng: np.random.Generator, n: int, lot: float, part: float, *, free: bool = False) -> LotProblem:
    """Assets drifted from their points, of which cash pays a part of the buys.

    lot  : value of the largest lot, fraction of NAV.
    free : without costs?
    """
    nav, yes = 1_000_000.0, np.ones(n, dtype=bool)
    prices = np.round(lot * nav * rng.uniform(0.1, 1.0, n), 2)
    goal = rng.dirichlet(np.full(n, 5.0)) * nav
    units = np.floor(goal * np.exp(rng.normal(-0.1, 0.25, n)) / prices)
    way = np.sign(goal - units * prices)
    buys, sells = (float(np.maximum(sign * (goal - units * prices), 0.0).sum()) for sign in (1.0, -1.0))
    cash = max(part * buys - sells, 0.0)
    part = min((sells + cash) / max(buys, 1.0), 1.0)
    costs = Costs.bps(n) if free else Costs(np.full(n, 1e-4), np.full(n, 2e-4), minimum=np.full(n, 2.0))
    terms = costs.cost_parameters()._replace(tax=0.0, minimum_trade=0.0)
    limits = OrderLimits(reserve=0.0, adverse_move=0.0 if free else 0.01)
    position = Position(units, prices, np.ones(n), yes, yes, round(cash, 2), 0.0, terms, 0, limits)
    unpaid = np.where(way > 0.0, (1.0 - part) * (goal - units * prices), 0.0)
    return LotProblem(position, goal, way, goal - np.inf, goal + np.inf, 0.0, goal + np.inf, unpaid=unpaid)


def test_lots_are_those_that_highs_proves() -> None:
    """Sixty problems of four to twelve assets that share the cash."""
    rng, bound = np.random.default_rng(31), 0
    for _ in range(60):
        problem = problem_of(rng, int(rng.integers(4, 13)), 10.0 ** rng.uniform(-2.5, -1.3), rng.uniform(0.5, 1.0))
        start, alone = search(problem)
        assert start is not None
        found, least = branch(problem, start)
        theirs, bound_of_theirs = _by_highs(problem, start)
        assert theirs is not None
        assert problem.objective(theirs) <= bound_of_theirs + 1e-7
        assert not problem.broken(found)
        assert problem.objective(found) == pytest.approx(problem.objective(theirs), abs=1e-7)
        assert least == pytest.approx(problem.objective(found), abs=1e-12)
        bound += int(not alone)
    assert bound > 40


@pytest.mark.parametrize("part", [0.4, 0.8])
def test_bound_in_small_lots_is_what_cash_in_parts_of_lots_leaves(part: float) -> None:
    """Without costs, cash that has to stay besides the shares is missing once in the assets, and once too much cash."""
    n, lot = 20, 2e-6
    problem = replace(problem_of(np.random.default_rng(32), n, lot, part, free=True), floor=5_000.0)
    start, _ = search(problem)
    assert start is not None
    found, bound = branch(problem, start)
    assert bound == pytest.approx((1.0 + 0.9) * 5_000.0 / problem.position.nav, abs=0.5 * n * lot)
    assert problem.objective(found) == pytest.approx(bound, abs=lot)


def neighbours(problem: LotProblem, units: Array) -> list[Array]:
    """The units with a lot more or less of one asset or of two."""
    able = np.flatnonzero(problem.whole > 0.0)
    moves = [(i, sign * problem.position.lots[i]) for i, sign in product(able, (1.0, -1.0))]
    found = []
    for changes in (*combinations(moves, 1), *combinations(moves, 2)):
        other = units.copy()
        for i, by in changes:
            other[i] += by
        if (other * problem.way >= 0.0).all():
            found.append(other)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_thirty_lines_are_proven_and_no_exchange_improves_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = problem_of(rng, 30, 10.0 ** rng.uniform(-3.5, -2.0), rng.uniform(0.5, 0.95))
    start, alone = search(problem)
    assert start is not None
    found, bound = branch(problem, start)
    worth = problem.objective(found)
    assert not alone
    assert worth <= problem.objective(start)
    assert bound == pytest.approx(worth, abs=1e-12)
    for other in neighbours(problem, found):
        assert problem.objective(other) >= worth - 1e-12 or problem.broken(other)


def test_lots_do_not_depend_on_the_order_of_lines() -> None:
    rng = np.random.default_rng(33)
    problem = problem_of(rng, 12, 0.01, 0.7)
    start, _ = search(problem)
    found, bound = branch(problem, start)
    order, position = rng.permutation(12), problem.position
    none = np.zeros(12)
    other = Position(position.units[order], position.prices[order], position.lots, position.quoted, position.tradable,
                     position.cash, 0.0, position.cost_parameters, 0, position.limits)  # fmt: skip
    mixed = LotProblem(other, problem.goal[order], problem.way[order], none - np.inf, none + np.inf, 0.0, none + np.inf,
                       unpaid=problem.unpaid[order])  # fmt: skip
    again, same = branch(mixed, start[order])
    assert again.tolist() == found[order].tolist()
    assert same == pytest.approx(bound, abs=1e-12)


def test_where_no_line_can_trade_a_whole_lot_nothing_is_searched() -> None:
    """0.4 units of which half are to be sold, in lots of one, beside an asset that stays."""
    yes, terms = np.ones(2, dtype=bool), Costs.bps(2).cost_parameters()._replace(tax=0.0, minimum_trade=0.0)
    limits = OrderLimits(reserve=0.0, adverse_move=0.0)
    position = Position(
        np.array([0.4, 10.0]), np.array([500.0, 100.0]), np.ones(2), yes, yes, 0.0, 0.0, terms, 0, limits
    )
    goal = np.array([100.0, 1_000.0])
    problem = LotProblem(position, goal, np.array([-1.0, 0.0]), goal - np.inf, goal + np.inf, 0.0, goal + np.inf)
    found, bound = branch(problem, np.zeros(2))
    assert found.tolist() == [0.0, 0.0]
    assert bound == problem.objective(found)
