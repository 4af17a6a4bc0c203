"""The best lots by either objective: against every vector of lots."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from research.accounting import Costs
from research.orders.lots.lot_problem import LotProblem
from research.orders.lots.lot_search import search
from research.orders.lots.lot_solver import solve_lots
from research.orders.lots.position import Position
from research.portfolio import OrderLimits, WeightLimit

MOST_VECTORS = 20_000  # that a random case has, so that a thousand of them are enumerated in seconds


def case(rng: np.random.Generator) -> LotProblem | None:
    """Two to six assets with a few lots each, some with tickets, least commissions, minimums, boxes and limits."""
    n = int(rng.integers(2, 7))
    nav = 10.0 ** rng.uniform(4.0, 6.0)
    prices = np.round(nav * 10.0 ** rng.uniform(-3.0, -1.2, n), 2)
    lots = rng.choice([1.0, 1.0, 2.0, 5.0], n)
    units = rng.integers(0, 8, n) * lots + rng.choice([0.0, 0.0, 0.5], n)
    cash = round(rng.uniform(0.0, 0.2) * nav, 2)
    fixed, least = rng.choice([0.0, 0.0, nav * 2e-4]), rng.choice([0.0, 0.0, nav * 3e-4])
    costs = Costs(rng.uniform(0, 2e-3, n), rng.uniform(0, 1e-3, n), ticket=np.full(n, fixed), minimum=np.full(n, least))
    limits = OrderLimits(
        reserve=0.0,
        adverse_move=float(rng.choice([0.0, 0.01])),
        most=None if rng.random() < 0.6 else int(rng.integers(1, n + 1)),
        turnover=None if rng.random() < 0.6 else float(rng.uniform(0.02, 0.3)),
    )
    position = Position(
        units=units,
        prices=prices,
        lots=lots,
        quoted=np.ones(n, dtype=bool),
        tradable=np.ones(n, dtype=bool),
        cash=cash,
        minimum=float(rng.choice([0.0, 0.0, nav * 0.02])),
        cost_parameters=costs.cost_parameters()._replace(tax=0.0, minimum_trade=0.0),
        day=0,
        limits=limits,
    )
    value = units * prices
    leaving = rng.random(n) < 0.15
    goal = np.where(leaving, 0.0, np.maximum(value + rng.uniform(-4.0, 4.0, n) * lots * prices, 0.0))
    way = np.where(rng.random(n) < 0.1, 0.0, np.sign(goal - value))
    boxed = rng.random(n) < 0.4
    lower = np.where(boxed, goal - rng.uniform(0.0, 0.5, n) * lots * prices, -np.inf)
    upper = np.where(boxed, goal + rng.uniform(0.0, 0.5, n) * lots * prices, np.inf)
    floor = min(float(rng.choice([0.0, 0.001, 0.01])) * position.nav, cash)
    problem = LotProblem(position, goal, way, lower, upper, floor, np.full(n, np.inf))
    return problem if np.prod(problem.steps + 1.0) <= MOST_VECTORS else None


def every_vector(problem: LotProblem) -> tuple[np.ndarray, np.ndarray]:
    """Objectives (m,) of all vectors of lots, and whether each keeps every limit, (m,)."""
    position, limits = problem.position, problem.position.limits
    axes = [np.arange(steps + 1.0) for steps in problem.steps]
    steps = np.stack([grid.ravel() for grid in np.meshgrid(*axes, indexing="ij")], axis=1)
    whole = problem.way * np.minimum(steps, problem.whole) * position.lots
    units = np.where((problem.odd > 0.0) & (steps > problem.whole), -position.units, whole)
    traded = units * position.prices
    sizes, after = np.abs(traded), problem.value + traded
    rates, parameters = position.cost_parameters.rates[0], position.cost_parameters
    commission = np.maximum(parameters.minimum, rates[0] * sizes)
    charges = np.where(sizes > 0.0, commission + rates[1] * sizes + parameters.ticket, 0.0)
    outside = np.maximum(np.maximum(problem.lower - after, after - problem.upper), 0.0)
    away = (after - problem.goal) / position.nav
    from_share = after - problem.goal + problem.unpaid
    past = np.minimum(np.maximum(from_share, 0.0), problem.unpaid)  # eight tenths of it count
    moves = problem.way != 0.0
    of_cash = np.abs(from_share[:, moves].sum(axis=1))  # nine tenths of it count: what assets lack is in cash
    distance = ((np.abs(from_share) - 0.2 * past).sum(axis=1) + 0.9 * of_cash) / position.nav
    if position.covariance is not None:
        distance = np.sqrt(np.einsum("mi,ij,mj->m", away, position.covariance, away))
    losses = distance + (200.0 * outside + charges).sum(axis=1) / position.nav
    cents = lambda amount: np.rint(amount * 100.0)  # noqa: E731
    paid = cents(position.cash) - cents(traded).sum(axis=1)
    moved = limits.adverse_move * cents(sizes).sum(axis=1) / 100.0
    for column in (np.where(sizes > 0.0, np.maximum(parameters.minimum, rates[0] * cents(sizes) / 100.0), 0.0),
                   rates[1] * cents(sizes) / 100.0, np.where(sizes > 0.0, parameters.ticket, 0.0)):  # fmt: skip
        paid -= cents(column).sum(axis=1)
        moved += limits.adverse_move * cents(column).sum(axis=1) / 100.0
    kept = paid / 100.0 >= np.maximum(problem.floor, moved)
    kept &= ((sizes >= max(position.minimum, 1e-6 * position.nav)) | (units == 0.0)).all(axis=1)
    if limits.most is not None:
        kept &= (units != 0.0).sum(axis=1) <= limits.most
    if limits.turnover is not None:
        sides = np.maximum(np.maximum(traded, 0.0).sum(axis=1), np.maximum(-traded, 0.0).sum(axis=1))
        kept &= sides <= limits.turnover * position.nav * (1.0 + 1e-12)
    return losses, kept


def test_lots_are_the_best_of_all_vectors() -> None:
    """Two hundred random cases, each enumerated."""
    rng, count, bound = np.random.default_rng(20), 0, 0
    behind = []
    while count < 200:
        if (problem := case(rng)) is None:
            continue
        count += 1
        losses, kept = every_vector(problem)
        best = losses[kept].min()
        solved = solve_lots(problem)
        assert not problem.broken(solved.units)
        assert solved.objective == pytest.approx(best, abs=1e-9), count
        assert solved.how == "exact"
        assert not solved.bound > best + 1e-9
        greedy, _ = search(problem)
        assert greedy is not None
        assert not problem.broken(greedy)
        behind.append(problem.objective(greedy) - best)
        bound += int(not kept[losses.argmin()])
    print(f"{bound} bound; greedy behind by {np.mean(behind) * 1e4:.3f} bp of NAV, at most {np.max(behind) * 1e4:.1f}")
    assert bound > 60


def test_lots_that_share_the_cash_are_the_best_of_all_vectors() -> None:
    """Eighty random cases, each enumerated; where shares leave cash, a lot that it pays for is bought."""
    rng, count, more = np.random.default_rng(25), 0, 0
    while count < 80:
        if (free := case(rng)) is None or not (free.way > 0.0).any():
            continue
        count += 1
        part = rng.uniform(0.0, 1.0)
        problem = replace(free, unpaid=np.where(free.way > 0.0, part * (free.goal - free.value), 0.0))
        losses, kept = every_vector(problem)
        solved, near = solve_lots(problem), solve_lots(problem.shared)
        assert near is not None
        assert solved.objective == pytest.approx(losses[kept].min(), abs=1e-9), count
        assert solved.how == "exact"
        more += int((solved.units != near.units).any())
    assert more > 5


def test_lots_have_the_least_tracking_error_and_costs_of_all_vectors() -> None:
    """A hundred random cases, each enumerated; a tracking error of 1 bp weighs as much as 1 bp of costs."""
    rng, count, others = np.random.default_rng(21), 0, 0
    while count < 100:
        if (nearest := case(rng)) is None:
            continue
        count += 1
        n = len(nearest.way)
        returns = rng.normal(size=(40, n)) * 10.0 ** rng.uniform(-2.3, -1.5, n)
        returns += 0.01 * rng.uniform(0.0, 2.0) * rng.normal(size=(40, 1))
        problem = replace(nearest, position=replace(nearest.position, covariance=252.0 * np.cov(returns, rowvar=False)))
        losses, kept = every_vector(problem)
        solved, by_distance = solve_lots(problem), solve_lots(nearest)
        assert not problem.broken(solved.units)
        assert solved.objective == pytest.approx(losses[kept].min(), abs=1e-9), count
        assert problem.objective(solved.units) == solved.objective
        assert solved.how == "exact"
        assert solved.bound == pytest.approx(solved.objective, abs=1e-9)
        assert solved.objective <= problem.objective(by_distance.units)
        others += int((solved.units != by_distance.units).any())
    assert others > 25


def test_lots_keep_groups_of_which_funds_are_a_part_best_of_all_vectors() -> None:
    """Fifty random cases, each enumerated: a group that binds and one with a price, of fractions of assets."""
    rng, count, bound = np.random.default_rng(22), 0, 0
    while count < 50:
        if (free := case(rng)) is None:
            continue
        n, weights = len(free.way), free.position.weights
        parts = rng.choice([0.0, 0.4, 1.0], (2, n))
        top = [float(weights @ of) * factor for of, factor in zip(parts, (1.02, 0.98), strict=True)]
        groups = [WeightLimit("a", tuple(parts[0].tolist()), 0.0, top[0]),
                  WeightLimit("b", tuple(parts[1].tolist()), 0.0, top[1], price=1.5)]  # fmt: skip
        limits = replace(free.position.limits, weights=tuple(groups))
        problem = replace(free, position=replace(free.position, limits=limits), further=0.0)
        if np.prod(problem.steps + 1.0) > MOST_VECTORS:
            continue
        count += 1
        vectors = [problem.units(np.array(steps)) for steps in product(*(np.arange(s + 1.0) for s in problem.steps))]
        losses, kept = every_vector(problem)
        costs = np.array([problem.position.exact_charges(np.abs(u) * problem.position.prices).sum() for u in vectors])
        values = problem.value + np.array(vectors) * problem.position.prices
        past = [np.maximum(values @ parts[j] / (problem.position.nav - costs) - top[j], 0.0) for j in range(2)]
        losses, kept = losses + 1.5 * past[1], kept & (past[0] <= 1e-9)
        bound += int(not (past[0] <= 1e-9).all())
        assert solve_lots(problem).objective == pytest.approx(losses[kept].min(), abs=1e-8), count
    assert bound > 25


def early_cash(problem: LotProblem, units: np.ndarray) -> float:
    """The least of what is above the floor and the adverse move before the last orders have settled, currency."""
    position, cents = problem.position, lambda amount: np.rint(np.asarray(amount) * 100.0)
    held, least = round(position.cash, 2), np.inf
    for day in sorted(set(position.settles))[:-1]:
        traded = cents(np.where(position.settles <= day, units, 0.0) * position.prices) / 100.0
        charged = cents(position.exact_charges(np.abs(traded))).sum() / 100.0
        left = held - cents(traded).sum() / 100.0 - charged
        moved = position.limits.adverse_move * (np.abs(traded).sum() + charged) - max(-held, 0.0)
        least = min(least, left - max(min(problem.floor, held), moved))
    return float(least)


def test_lots_whose_settlement_dates_differ_are_the_best_of_all_vectors() -> None:
    """Fifty random cases of little cash, each enumerated: what has not settled pays for nothing."""
    rng, count, bound = np.random.default_rng(23), 0, 0
    while count < 50:
        if (free := case(rng)) is None or np.prod(free.steps + 1.0) > MOST_VECTORS / 40:
            continue
        settles, cash = rng.integers(1, 4, len(free.way)).astype(float), round(0.1 * free.position.cash, 2)
        settles = np.where(free.way < 0.0, 3.0, settles)
        if len(set(settles)) == 1 or not (free.way < 0.0).any():
            continue
        count += 1
        position = replace(free.position, settles=settles, cash=cash)
        problem = replace(free, position=position, floor=min(free.floor, cash))
        vectors = [problem.units(np.array(steps)) for steps in product(*(np.arange(s + 1.0) for s in problem.steps))]
        losses, kept = every_vector(problem)
        paid = np.array([early_cash(problem, units) >= 0.0 for units in vectors])
        solved, (greedy, _) = solve_lots(problem), search(problem)
        assert greedy is not None
        for units in (solved.units, greedy):
            assert not problem.broken(units)
            assert early_cash(problem, units) >= 0.0
        assert solved.objective == pytest.approx(losses[kept & paid].min(), abs=1e-9), count
        bound += int(losses[kept & paid].min() > losses[kept].min() + 1e-9)
    print(f"{bound} bound")
    assert bound > 7


def test_equal_settlement_dates_change_nothing() -> None:
    rng, count = np.random.default_rng(24), 0
    while count < 50:
        if (free := case(rng)) is None:
            continue
        count += 1
        alike = replace(free, position=replace(free.position, settles=np.full(len(free.way), 2.0)))
        ours, theirs, greedy = solve_lots(alike), solve_lots(free), search(alike)[0]
        assert ours.units.tolist() == theirs.units.tolist()
        assert np.array_equal(greedy, search(free)[0])
