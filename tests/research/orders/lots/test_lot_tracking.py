"""Lots by tracking error: many assets, any order of them, limits of weights, assets divided at will, and bounds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from line_groups import members
from scipy.optimize import minimize

from foundation.errors import ConfigError, DataError
from research.accounting import Costs
from research.orders import trade_list
from research.orders.lots.lot_problem import LotProblem
from research.orders.lots.lot_solver import solve_lots
from research.orders.lots.position import Position
from research.portfolio import OrderLimits, WeightLimit, load_portfolio
from research.portfolio.keys.orders import TRACKING_ERROR
from research.rules import Calendar

SIXTY_FORTY = "data/portfolios/sixty_forty.yaml"


def problem_of(rng: np.random.Generator, n: int, lots: float = 1.0, **limits: Any) -> LotProblem:
    """Equities with one factor, drifted by a quarter of their targets: 100,000 to 10 million."""
    nav, prices = 10.0 ** rng.uniform(5.0, 7.0), np.round(10.0 ** rng.uniform(1.0, 2.8, n), 2)
    target = rng.dirichlet(np.full(n, 5.0))
    held = target * np.exp(rng.normal(0.0, 0.25, n))
    units = np.floor(0.98 * held / held.sum() * nav / prices / lots) * lots
    beta = rng.uniform(0.5, 1.4, n)
    position = Position(
        units=units, prices=prices, lots=np.full(n, lots), quoted=np.ones(n, dtype=bool),
        tradable=np.ones(n, dtype=bool), cash=round(nav - float(units @ prices), 2), minimum=0.0,
        cost_parameters=Costs.bps(n, commission=1.0, half_spread=2.0).cost_parameters()._replace(
            tax=0.0, minimum_trade=0.0),
        day=0, limits=OrderLimits(0.001, 0.0, **limits),
        covariance=0.16**2 * np.outer(beta, beta) + np.diag(rng.uniform(0.1, 0.3, n) ** 2),
    )  # fmt: skip
    goal, every = 0.998 * target * position.nav, np.full(n, np.inf)
    floor = 0.001 * position.nav
    return LotProblem(position, goal, np.sign(goal - units * prices), -every, every, floor, every)


def shuffled(problem: LotProblem, order: np.ndarray) -> LotProblem:
    position, covariance = problem.position, problem.position.covariance
    of = {name: getattr(position, name)[order] for name in ("units", "prices", "lots", "quoted", "tradable")}
    moved = replace(position, **of, covariance=covariance[np.ix_(order, order)])
    lines = {name: getattr(problem, name)[order] for name in ("goal", "way", "lower", "upper", "most")}
    return replace(problem, position=moved, **lines)


def rounded(problem: LotProblem) -> np.ndarray:
    """(n,) units in the whole lots next to their points."""
    return np.rint((problem.goal - problem.value) / problem.lot) * problem.position.lots


def test_thirty_lines_are_never_worse_than_rounding_and_the_nearest_lots_and_their_gap_is_small() -> None:
    rng, gaps, better = np.random.default_rng(1), [], 0
    for _ in range(30):
        problem = problem_of(rng, 30)
        solved = solve_lots(problem)
        by_distance = solve_lots(replace(problem, position=replace(problem.position, covariance=None)))
        greedy = solve_lots(problem, greedy=True)
        assert not problem.broken(solved.units)
        assert greedy.how in ("greedy", "exact")
        assert solved.bound <= solved.objective
        assert solved.bound >= greedy.bound - 1e-12
        for others in (rounded(problem), by_distance.units, greedy.units):
            if not problem.broken(others):
                assert solved.objective <= problem.objective(others) + 1e-15
        gaps.append(solved.objective - solved.bound)
        better += int(solved.objective < problem.objective(by_distance.units) - 1e-9)
    assert better > 15
    assert np.median(gaps) <= 5e-6


def test_lots_do_not_depend_on_the_order_of_the_lines() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        problem = problem_of(rng, 8, turnover=0.2)
        order = rng.permutation(8)
        here, there = solve_lots(problem), solve_lots(shuffled(problem, order))
        assert here.how == there.how == "exact"
        np.testing.assert_array_equal(here.units[order], there.units)


def test_bound_is_that_of_the_continuous_problem() -> None:
    """The greedy search gives it: the least of tracking error and proportional costs over all real trades."""
    rng = np.random.default_rng(3)
    for _ in range(10):
        problem = problem_of(rng, 4)
        nav, covariance = problem.position.nav, problem.position.covariance
        before, rates = (problem.value - problem.goal) / nav, 3e-4 * problem.way

        def worth(d: np.ndarray) -> float:
            return float(np.sqrt(d @ covariance @ d) + rates @ (d - before))  # noqa: B023

        options = {"xatol": 1e-12, "fatol": 1e-13, "maxiter": 4_000}
        found = minimize(worth, 1e-3 * rng.normal(size=4), method="Nelder-Mead", options=options)
        least = min(worth(np.zeros(4)), found.fun)
        assert solve_lots(problem, greedy=True).bound == pytest.approx(least, abs=1e-9)


def test_limits_of_weights_are_kept_and_soft_ones_have_their_price() -> None:
    rng, bound = np.random.default_rng(4), 0
    for _ in range(20):
        free = problem_of(rng, 6)
        most = float(free.goal[:3].sum() / free.position.nav)  # which the point keeps, and the nearest lots may not
        for price in (np.inf, 3.0):
            weights = (WeightLimit("group", members(6, 0, 1, 2), 0.0, most, price),)
            limits = replace(free.position.limits, weights=weights)
            problem = replace(free, position=replace(free.position, limits=limits))
            solved = solve_lots(problem)
            if solved is None:
                continue
            assert not problem.broken(solved.units)
            assert solved.objective == pytest.approx(problem.objective(solved.units), abs=1e-12)
            assert solved.how == "exact"
            bound += int(problem.priced(rounded(problem)) > 0.0 or bool(problem.broken(rounded(problem))))
    assert bound > 5


def test_lines_divided_at_will_reach_their_points() -> None:
    rng = np.random.default_rng(5)
    for _ in range(10):
        problem = problem_of(rng, 10, lots=1e-6)
        solved = solve_lots(problem)
        assert not problem.broken(solved.units)
        assert solved.objective - solved.bound < 1e-6
        assert problem.tracking_error(solved.units) < 1e-6


# -- lists -----------------------------------------------------------------------------------------------------------


def test_list_by_tracking_error_says_so_and_leaves_nothing_to_trade() -> None:
    portfolio = load_portfolio(SIXTY_FORTY)
    portfolio = replace(portfolio, orders=replace(portfolio.orders, objective=TRACKING_ERROR))
    policy = Calendar(portfolio.strategic, "day")
    got = trade_list(portfolio, policy)
    assert not got.empty
    assert "Whole lots by tracking error: exact." in got.notes
    assert "Whole lots by tracking error: exact." in repr(got)
    assert trade_list(got.after(), policy).empty


def test_objective_is_read_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "folder.yaml"
    text = Path(SIXTY_FORTY).read_text()
    path.write_text(text + "\norders: {objective: tracking_error}\n")
    assert load_portfolio(path).orders.objective == TRACKING_ERROR
    assert load_portfolio(path).settings["orders"]["objective"] == TRACKING_ERROR
    path.write_text(text + "\norders: {objective: variance}\n")
    with pytest.raises(ConfigError, match=r"orders\.objective: not one of .*'variance'\. Use gap, tracking_error"):
        load_portfolio(path)


def test_line_that_did_not_vary_has_no_tracking_error(desk: Any) -> None:
    limits = OrderLimits(objective=TRACKING_ERROR)
    with pytest.raises(DataError):
        Position.of(desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], orders=limits))
