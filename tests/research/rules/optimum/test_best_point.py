"""The best point of the no-trade region: by hand, against a conic solver, and its invariants on random portfolios."""

from typing import Any, NamedTuple

import cvxpy as cp
import numpy as np
import pytest
from best_weights import best_weights
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.destination import saving_left
from research.rules.optimum.best_point import NOT_FOUND, TOO_HIGH, TOO_LOW, best_point, scratch_for

seeds = st.integers(0, 2**32 - 1)
TIGHT = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}


class Problem(NamedTuple):
    """What `best_weights` takes, in its order."""

    weights: np.ndarray
    target: np.ndarray
    covariance: np.ndarray
    cost: np.ndarray
    kappa: float
    lower: np.ndarray
    upper: np.ndarray
    cash: tuple[float, float]

    def objective(self, y: np.ndarray) -> float:
        gap = y - self.target
        return float(self.kappa / 2.0 * gap @ self.covariance @ gap + self.cost @ np.abs(y - self.weights))


def random_problem(rng: np.random.Generator, n: int, rank: int | None = None) -> Problem:
    """Long, short and bounded assets, some free to trade, some not at all; cash with room or without.

    The covariance is of one factor and own risk, or of the given rank.
    """
    volatility = rng.uniform(0.05, 0.4, n)
    loadings = rng.normal(0.5, 0.3, n) if rank is None else rng.normal(size=(n, rank))
    own = np.eye(n) if rank is None else np.zeros((n, n))
    covariance = np.outer(volatility, volatility) * (
        loadings @ loadings.T if rank else np.outer(loadings, loadings) + own
    )
    target = rng.dirichlet(np.ones(n)) if rng.random() < 0.6 else rng.normal(1.0 / n, 1.0 / n, n)
    weights = target * (1.0 + rng.normal(0.0, 0.3, n))
    if rng.random() < 0.3:
        weights /= weights.sum()
    held, aside = 1.0 - weights.sum(), 1.0 - target.sum()
    boxes = [(0.0, 0.0), (held, held), (min(held, aside) - 0.02, max(held, aside) + 0.02), (-0.5, 0.5)]
    cash = boxes[rng.integers(len(boxes))]
    cost = rng.choice([0.0, 1e-4, 1e-3, 5e-3], n)
    lower = np.full(n, -np.inf) if rng.random() < 0.5 else np.minimum(0.0, weights - 0.1)
    upper = np.full(n, np.inf) if rng.random() < 0.5 else np.maximum(0.3, weights + 0.1)
    upper[0] = np.inf
    lower[0] = -np.inf  # so that the budget can always be met
    if n > 2:
        lower[1] = upper[1] = weights[1]
    return Problem(weights, target, covariance, cost, 10.0 ** rng.uniform(-1.0, 3.0), lower, upper, cash)


def drawn(n: int, seed: int) -> Problem:
    """Equal-like targets, gaps of 10 to 30%, costs of 1 to 50 bp, one factor and own risk, fully invested."""
    rng = np.random.default_rng(seed)
    target = rng.dirichlet(np.full(n, 20.0))
    weights = target * (1.0 + rng.choice([-1.0, 1.0], n) * rng.uniform(0.1, 0.3, n))
    beta = rng.normal(1.0, 0.3, n) * 0.16
    covariance = np.outer(beta, beta) + np.diag(rng.uniform(0.15, 0.35, n) ** 2)
    zero, wide = np.zeros(n), np.full(n, np.inf)
    return Problem(
        weights / weights.sum(), target, covariance, rng.uniform(1e-4, 5e-3, n), 20.0, zero, wide, (0.0, 0.0)
    )


def by_cone(problem: Problem) -> np.ndarray:
    """The point that CLARABEL finds; the objective is scaled to be of order one."""
    w, target, covariance, cost, kappa, lower, upper, cash = problem
    values, vectors = np.linalg.eigh(covariance)
    y = cp.Variable(len(w))
    smooth = kappa / 2.0 * cp.sum_squares((vectors * np.sqrt(np.maximum(values, 0.0))).T @ (y - target))
    inside = [1.0 - cp.sum(y) >= cash[0], 1.0 - cp.sum(y) <= cash[1]]
    for side, far, sign in ((lower, -np.inf, 1.0), (upper, np.inf, -1.0)):
        bounded = side != far
        if bounded.any():
            inside.append(sign * y[bounded] >= sign * side[bounded])
    scale = 1e4 / max(1.0, kappa)
    cp.Problem(cp.Minimize(scale * (smooth + cost @ cp.abs(y - w))), inside).solve(solver=cp.CLARABEL, **TIGHT)
    return y.value


def feasible(problem: Problem, y: np.ndarray) -> bool:
    held = 1.0 - y.sum()
    inside = (y >= problem.lower - 1e-12).all() and (y <= problem.upper + 1e-12).all()
    return bool(inside and problem.cash[0] - 1e-11 <= held <= problem.cash[1] + 1e-11)


# -- by hand ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("weight", "side"), [(0.75, 1.0), (0.45, -1.0)])
def test_one_line_with_cash_is_brought_to_its_half_width(weight: float, side: float) -> None:
    """kappa sigma^2 |y - p| = c at the edge."""
    w, p, s, c = np.array([weight]), np.array([0.6]), np.array([[0.04]]), np.array([0.002])
    found = best_weights(w, p, s, c, kappa=2.5, cash=(0.0, 1.0))
    assert found == pytest.approx(0.6 + side * 0.002 / (2.5 * 0.04), abs=1e-15)


def test_one_line_within_its_half_width_does_not_trade() -> None:
    w, p, s, c = np.array([0.6199]), np.array([0.6]), np.array([[0.04]]), np.array([0.002])
    assert best_weights(w, p, s, c, kappa=2.5, cash=(0.0, 1.0)).tolist() == [0.6199]


def test_two_lines_without_cash_pay_both_costs_for_the_variance_of_their_difference() -> None:
    cov = np.array([[0.04, 0.006], [0.006, 0.0225]])
    width = (0.001 + 0.0005) / (4.0 * (0.04 + 0.0225 - 2 * 0.006))
    found = best_weights(np.array([0.7, 0.3]), np.array([0.5, 0.5]), cov, np.array([0.001, 0.0005]), kappa=4.0)
    assert found == pytest.approx([0.5 + width, 0.5 - width], abs=1e-15)


def test_the_cheaper_of_two_like_lines_is_traded() -> None:
    """Both have the same risk and the same gap; cash takes what is sold."""
    w, p, s = np.array([0.45, 0.45]), np.array([0.4, 0.4]), np.full((2, 2), 0.04)
    found = best_weights(w, p, s, np.array([0.002, 0.001]), kappa=1.0, cash=(0.0, 1.0))
    assert found.tolist() == pytest.approx([0.45, 0.375], abs=1e-15)
    assert found[0] == 0.45


def test_without_costs_and_with_too_much_target_the_least_tracking_error_is_found() -> None:
    """Lagrange: y = p - S^-1 1 (sum p - 1) / (1' S^-1 1)."""
    problem = drawn(30, 1)
    target = problem.target * 1.1
    way = np.linalg.solve(problem.covariance, np.ones(30))
    expected = target - way * 0.1 / way.sum()
    found = best_weights(problem.weights, target, problem.covariance, np.zeros(30), kappa=1.0)
    assert found == pytest.approx(expected, abs=1e-12)


def test_what_is_left_to_save_is_known_by_hand() -> None:
    """Selling 70% down saves kappa sigma^2 (0.7 - 0.6) = 0.01 a unit and costs 0.002; at the edge nothing is left."""
    args = np.array([0.7]), np.array([0.6]), np.array([[0.04]]), np.array([0.002]), 2.5
    assert saving_left(np.array([0.7]), *args, cash=(0.0, 1.0)) == pytest.approx(0.008, abs=1e-15)
    assert saving_left(np.array([0.62]), *args, cash=(0.0, 1.0)) == pytest.approx(0.0, abs=1e-15)
    assert saving_left(np.array([0.61]), *args, cash=(0.0, 1.0)) == pytest.approx(0.001, abs=1e-15)
    assert saving_left(np.array([0.7]), *args, cash=(0.3, 0.3)) == 0.0


# -- against a conic solver ------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(seeds, st.integers(1, 12))
def test_it_is_the_point_that_a_conic_solver_finds(seed: int, n: int) -> None:
    problem = random_problem(np.random.default_rng(seed), n)
    found, expected = best_weights(*problem), by_cone(problem)
    assert found == pytest.approx(expected, abs=1e-6)
    assert problem.objective(found) <= problem.objective(expected) * (1.0 + 1e-6) + 1e-12


@pytest.mark.parametrize("room", [0.0, 0.05])
def test_a_hundred_lines_are_brought_where_a_conic_solver_brings_them(room: float) -> None:
    problem = drawn(100, 2)._replace(cash=(0.0, room))
    found, expected = best_weights(*problem), by_cone(problem)
    assert found == pytest.approx(expected, abs=1e-9)
    assert problem.objective(found) <= problem.objective(expected) * (1.0 + 1e-9)
    assert 20 < (found == problem.weights).sum() < 80


@settings(max_examples=40)
@given(seeds, st.integers(2, 12))
def test_where_the_covariance_is_singular_it_is_as_good_as_what_a_conic_solver_finds(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, n, rank=int(rng.integers(1, n)))
    found, expected = best_weights(*problem), by_cone(problem)
    assert feasible(problem, found)
    assert problem.objective(found) <= problem.objective(expected) * (1.0 + 1e-6) + 1e-11


# -- invariants ------------------------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(seeds, st.integers(1, 40))
def test_it_keeps_the_constraints_and_no_pair_of_trades_saves_more(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, n, rank=None if rng.random() < 0.7 else int(rng.integers(1, n + 1)))
    found = best_weights(*problem)
    assert feasible(problem, found)
    assert saving_left(found, *problem) < 1e-12 * max(1.0, problem.kappa)


@pytest.mark.parametrize("kappa", [2.0, 50.0, 1e4])
@pytest.mark.parametrize("days", [250, 1_000])
def test_five_hundred_lines_of_a_sample_covariance_leave_nothing_to_save(days: int, kappa: float) -> None:
    """250 days of 500 assets are a singular covariance."""
    problem = drawn(500, 3)._replace(kappa=kappa, cash=(0.0, 0.02))
    root = np.linalg.cholesky(problem.covariance)
    sample = np.cov(root @ np.random.default_rng(4).standard_normal((500, days)))
    problem = problem._replace(covariance=sample)
    found = best_weights(*problem)
    assert feasible(problem, found)
    assert saving_left(found, *problem) < 1e-13 * kappa


@given(seeds, st.integers(1, 20))
def test_it_is_no_worse_than_staying_than_the_target_and_than_any_point_inside(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, n)
    best = problem.objective(best_weights(*problem))
    ends = [y for y in (problem.weights, problem.target) if feasible(problem, y)]
    kicked = best_weights(*problem._replace(cost=rng.uniform(0.0, 0.01, n), target=rng.normal(1.0 / n, 0.5, n)))
    for y in [*ends, kicked, *(kicked + rng.random() * (end - kicked) for end in ends)]:
        assert feasible(problem, y)
        assert best <= problem.objective(y) * (1.0 + 1e-12) + 1e-15


@settings(max_examples=50)
@given(seeds, st.integers(2, 30))
def test_lines_in_another_order_are_brought_to_the_same_weights(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    problem, order = random_problem(rng, n), rng.permutation(n)
    w, p, s, c, kappa, lower, upper, cash = problem
    turned = best_weights(
        w[order], p[order], s[np.ix_(order, order)], c[order], kappa, lower[order], upper[order], cash
    )
    assert turned == pytest.approx(best_weights(*problem)[order], abs=1e-9)


@settings(max_examples=50)
@given(seeds, st.integers(1, 30))
def test_costs_and_kappa_scaled_together_change_nothing(seed: int, n: int) -> None:
    problem = random_problem(np.random.default_rng(seed), n)
    scaled = problem._replace(cost=7.0 * problem.cost, kappa=7.0 * problem.kappa)
    assert best_weights(*scaled) == pytest.approx(best_weights(*problem), abs=1e-9)


def test_the_dearer_the_gap_the_nearer_to_the_target_and_the_cheaper_the_longer_nothing_moves() -> None:
    problem = drawn(50, 5)
    assert best_weights(*problem._replace(kappa=1e9)) == pytest.approx(problem.target, abs=1e-9)
    assert best_weights(*problem._replace(kappa=1e-3)).tolist() == problem.weights.tolist()


@settings(max_examples=50)
@given(seeds, st.integers(1, 30))
def test_at_the_best_point_nothing_trades_to_the_bit_should_trading_become_dearer(seed: int, n: int) -> None:
    problem = random_problem(np.random.default_rng(seed), n)
    problem = problem._replace(cost=np.maximum(problem.cost, 1e-4))
    there = best_weights(*problem)
    assert best_weights(*problem._replace(weights=there, cost=1.001 * problem.cost)).tolist() == there.tolist()


def test_a_line_that_cannot_trade_keeps_its_weight_and_the_others_make_up_for_it() -> None:
    problem = drawn(20, 6)._replace(kappa=200.0)
    held = problem.weights[:5]
    lower, upper = problem.lower.copy(), problem.upper.copy()
    lower[:5] = upper[:5] = held
    found = best_weights(*problem._replace(lower=lower, upper=upper))
    assert found[:5].tolist() == held.tolist()
    assert found.sum() == pytest.approx(1.0, abs=1e-14)
    assert (found[5:] != problem.weights[5:]).any()


def test_new_money_is_placed_at_least_cost() -> None:
    """5% of cash must go; S makes all assets alike, so that the cheap one takes it until the others are as good."""
    n, w = 4, np.full(4, 0.2375)
    found = best_weights(w, w, 0.04 * np.eye(n), np.array([1e-4, 1e-3, 1e-3, 1e-3]), kappa=0.4)
    assert found.tolist() == pytest.approx([0.2875, 0.2375, 0.2375, 0.2375], abs=1e-15)
    assert found[1:].tolist() == w[1:].tolist()


def test_lines_without_any_risk_trade_only_as_they_must() -> None:
    found = best_weights(
        np.array([0.5, 0.6]), np.array([0.9, 0.1]), np.zeros((2, 2)), np.array([1e-3, 2e-3]), kappa=1.0
    )
    assert found == pytest.approx([0.4, 0.6], abs=1e-15)


def test_scratch_holds_nothing_between_calls() -> None:
    first, second = drawn(40, 7), drawn(40, 8)
    scratch, out = scratch_for(40), np.empty(40)

    def bits(problem: Problem) -> bytes:
        assert best_point(*problem[:7], *problem.cash, scratch, out) >= 0
        return out.tobytes()

    once = bits(first)
    assert bits(second) != once
    assert bits(first) == once == best_weights(*first).tobytes()


# -- without a best point ----------------------------------------------------------------------------------------------

PAIR = np.array([0.5, 0.5]), np.array([0.6, 0.4]), np.diag([0.04, 0.04]), np.array([1e-3, 1e-3]), 2.0
FREE = np.full(2, -np.inf), np.full(2, np.inf), 0.0, 0.0


@cases(
    "bounds, said",
    ((np.full(2, 0.6), FREE[1], 0.0, 0.0), TOO_HIGH),
    ((np.full(2, 0.45), FREE[1], 0.2, 0.3), TOO_HIGH),
    ((FREE[0], np.full(2, 0.4), 0.0, 0.1), TOO_LOW),
)
def test_bounds_that_cannot_be_met_have_no_best_point(bounds: tuple[Any, ...], said: int) -> None:
    assert best_point(*PAIR, *bounds, scratch_for(2), np.empty(2)) == said


def test_a_covariance_that_is_not_positive_semidefinite_has_no_best_point() -> None:
    none = np.array([[0.04, 0.10], [0.10, 0.04]])
    assert best_point(*PAIR[:2], none, *PAIR[3:], *FREE, scratch_for(2), np.empty(2)) == NOT_FOUND
