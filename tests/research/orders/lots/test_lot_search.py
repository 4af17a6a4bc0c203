"""The compiled search says of orders what the problem says of them, and its orders are those of a plain search."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from foundation.arrays import Array
from research.accounting import Costs
from research.orders.lots.lot_problem import LotProblem
from research.orders.lots.lot_search import (
    ROUNDS,
    _each,
    _sendable,
    _steps,
    _units,
    best_alone,
    breaks_limits,
    search,
    short_first,
)
from research.orders.lots.position import Position
from research.portfolio import OrderLimits

CASES = 300


def problem_of(rng: np.random.Generator) -> LotProblem:
    """One to twelve lines: whole, odd and fractional lots, tickets, least commissions, boxes, all limits."""
    n, nav = int(rng.integers(1, 13)), 10.0 ** rng.uniform(4.0, 7.0)
    lots, prices = rng.choice([1.0, 1.0, 10.0, 0.01, 1e-6], n), np.round(10.0 ** rng.uniform(0.5, 3.0, n), 2)
    units = np.floor(rng.dirichlet(np.ones(n)) * 0.95 * nav / prices / lots) * lots + (rng.random(n) < 0.1) * 0.3
    costs = Costs(rng.uniform(0, 2e-3, n), rng.uniform(0, 1e-3, n), ticket=np.full(n, rng.choice([0.0, 5.0])),
                  minimum=np.full(n, rng.choice([0.0, 3.0])))  # fmt: skip
    position = Position(
        units=units,
        prices=prices,
        lots=lots,
        quoted=np.ones(n, dtype=bool),
        tradable=np.ones(n, dtype=bool),
        cash=round(rng.uniform(-0.001, 0.05) * nav, 2),
        minimum=float(rng.choice([0.0, 100.0])),
        cost_parameters=costs.cost_parameters()._replace(tax=0.0, minimum_trade=0.0),
        day=0,
        limits=OrderLimits(
            reserve=0.0,
            adverse_move=float(rng.choice([0.0, 0.01])),
            most=None if rng.random() < 0.6 else int(rng.integers(1, n + 1)),
            turnover=None if rng.random() < 0.6 else float(rng.uniform(0.01, 0.3)),
        ),
    )
    own = rng.spawn(1)[0]  # which leaves the other draws as they are
    purchase = np.where(own.random(n) < 0.2, own.uniform(0.0, 0.2, n) * nav / n, 0.0)
    position = replace(position, minimum_purchase=purchase)
    value = units * prices
    goal = np.where(rng.random(n) < 0.1, 0.0, np.maximum(value + rng.normal(0.0, 0.3, n) * nav / n, 0.0))
    way = np.where(rng.random(n) < 0.1, 0.0, np.sign(goal - value))
    boxed, capped = rng.random(n) < 0.3, rng.random(n) < 0.2
    lower, upper = np.where(boxed, 0.98 * goal, -np.inf), np.where(boxed, 1.02 * goal, np.inf)
    most = np.where(capped, rng.uniform(0.0, 1.0, n) * nav / n / prices, np.inf)
    unpaid = np.where((way > 0.0) & (rng.random() < 0.5), rng.uniform(0.0, 1.0, n) * (goal - value), 0.0)
    if rng.random() < 0.3:
        position = replace(position, settles=rng.integers(1, 4, n).astype(float))
    floor = min(0.001 * position.nav, position.cash)
    return LotProblem(position, goal, way, lower, upper, floor, most, unpaid=unpaid)


def in_steps(problem: LotProblem, units: np.ndarray) -> np.ndarray:
    """(n,) the steps of signed units: lots, and one more where the odd lot is sold after the last of them."""
    all_of_it = (problem.odd > 0.0) & (units <= -problem.position.units)
    return np.where(all_of_it, problem.steps, np.rint(np.abs(units) / problem.position.lots))


def test_a_line_and_all_lines_are_worth_and_break_what_the_problem_says() -> None:
    rng = np.random.default_rng(11)
    for _ in range(CASES):
        problem = problem_of(rng)
        terms, lines = problem.terms, range(len(problem.way))
        steps = np.floor(rng.uniform(0.0, 1.0, len(lines)) * (problem.steps + 1.0))
        units = problem.units(steps)
        assert [_units(terms, i, steps[i]) for i in lines] == units.tolist()
        assert [_steps(terms, i, units[i]) for i in lines] == in_steps(problem, units).tolist()
        assert [_each(terms, i, units[i]) for i in lines] == problem.each(units).tolist()
        assert short_first(terms, units, problem.floor)[0] == problem.short(units)
        assert breaks_limits(terms, units) == bool(problem.broken(units))
        assert [_sendable(terms, i, units[i]) for i in lines] == problem.sendable(units).tolist()


def alone(problem: LotProblem) -> Array:
    """(n,) signed units that are best for each asset by itself."""
    units = np.zeros(len(problem.way))
    best_alone(problem.terms, units)
    return units


def test_a_line_alone_takes_the_best_of_nothing_and_the_lots_next_to_its_share() -> None:
    rng = np.random.default_rng(12)
    for _ in range(CASES):
        problem = problem_of(rng)
        found = alone(problem)
        share = problem.goal - problem.unpaid
        losses, lots = problem.each(found), np.maximum(problem.way * (share - problem.value), 0.0) / problem.lot
        least = np.ceil(problem.position.least(problem.way) / problem.lot - 1e-6)
        for steps in (0.0 * lots, np.floor(lots), np.ceil(lots), least):
            units = problem.units(np.minimum(steps, problem.steps))
            allowed = problem.sendable(units)
            assert (losses <= problem.each(units) + 1e-12)[allowed].all()
        assert problem.sendable(found).all()


def test_no_single_lot_more_improves_what_the_search_found() -> None:
    rng, bound = np.random.default_rng(13), 0
    for _ in range(3 * CASES):
        problem = problem_of(rng)
        found, _ = search(problem)
        if found is None:
            assert problem.broken(np.zeros(len(problem.way)))
            continue
        assert not problem.broken(found)
        if not problem.broken(alone(problem)) or problem.whole[~problem.fine].sum() > ROUNDS * len(problem.way):
            continue  # nothing binds, or the search has fewer rounds than there are lots
        bound += 1
        steps = in_steps(problem, found)
        for i in np.flatnonzero(~problem.fine & (steps < problem.steps)):
            more = problem.units(np.where(np.arange(len(steps)) == i, steps + 1.0, steps))
            better = problem.objective(more) < problem.objective(found) - 1e-12
            assert not better or problem.broken(more), i
    assert bound > 20


@pytest.mark.parametrize(("cash", "floor"), product((0.0, 250.0), (0.0, 100.0)))
def test_cash_that_buys_one_lot_goes_where_it_gains_most(cash: float, floor: float) -> None:
    """Two assets of 100 that lack one and three lots: either lot gains as much, and the first asset is taken."""
    free = Costs.bps(2).cost_parameters()._replace(tax=0.0, minimum_trade=0.0)
    yes, none = np.ones(2, dtype=bool), np.zeros(2)
    position = Position(none, np.full(2, 100.0), np.ones(2), yes, yes, cash, 0.0, free, 0)
    goal = np.array([100.0, 300.0])
    found, _ = search(LotProblem(position, goal, np.ones(2), none - np.inf, none + np.inf, floor, none + np.inf))
    lots = (cash - floor) // 100.0
    if cash < floor:
        assert found is None
    else:
        assert found.sum() == lots


def test_many_small_lots_are_given_up_before_a_large_one_that_frees_far_more() -> None:
    """30,000 each of a lot of 40,000 and of lots of 10, from 60,000: one and 2,000, and no cash is left."""
    free = Costs.bps(2).cost_parameters()._replace(tax=0.0, minimum_trade=0.0)
    yes, none = np.ones(2, dtype=bool), np.zeros(2)
    position = Position(none, np.array([40_000.0, 10.0]), np.ones(2), yes, yes, 60_000.0, 0.0, free, 0)
    goal = np.full(2, 30_000.0)
    found, _ = search(LotProblem(position, goal, np.ones(2), none - np.inf, none + np.inf, 0.0, none + np.inf))
    assert found.tolist() == [1.0, 2_000.0]
