"""The chain of solvers: who is believed, who stands in, and what is said where nobody solves it."""

import importlib

import cvxpy as cp
import numpy as np
import pytest

from research.allocation import NotSolvedError
from research.allocation.solve import ATTEMPTS, SOLVER_NAMES, NamedConstraint, solve

chain = importlib.import_module("research.allocation.solve")
COVARIANCE = np.array([[1.0, 0.2, 0.1], [0.2, 4.0, 0.3], [0.1, 0.3, 2.0]])
STOPPED = {"CLARABEL": {"max_iter": 1}, "OSQP": {"max_iter": 1}, "SCS": {"max_iters": 1}}  # after a step


def programme(cap=0.5):
    weights = cp.Variable(3)
    limits = [
        NamedConstraint(cp.sum(weights) == 1.0),
        NamedConstraint(weights >= 0.0, ("A at least 0", "B at least 0", "C at least 0")),
        NamedConstraint(weights <= cap, tuple(f"{name} at most {cap}" for name in "ABC")),
    ]
    risk = cp.quad_form(weights, cp.psd_wrap(COVARIANCE))
    return weights, cp.Problem(cp.Minimize(risk), [limit.constraint for limit in limits]), limits


@pytest.mark.parametrize("step", range(len(ATTEMPTS)), ids=[f"{k} {name}" for k, (name, _) in enumerate(ATTEMPTS)])
def test_every_solver_of_the_chain_finds_the_same_weights_and_prices(step, monkeypatch):
    weights, problem, limits = programme()
    wanted, found = solve(problem, limits), weights.value
    monkeypatch.setattr(chain, "ATTEMPTS", ATTEMPTS[step : step + 1])
    other = solve(problem, limits)
    assert (other.solver, other.status) == (SOLVER_NAMES[ATTEMPTS[step][0]], "optimal")
    assert weights.value == pytest.approx(found, abs=1e-6)
    assert [one.limit for one in other.binding] == [one.limit for one in wanted.binding] == ["A at most 0.5"]
    assert other.binding[0].price == pytest.approx(wanted.binding[0].price, rel=1e-4)


def test_a_solver_that_gives_up_is_followed_by_the_next_and_named(monkeypatch):
    monkeypatch.setattr(chain, "ATTEMPTS", (("CLARABEL", STOPPED["CLARABEL"]), ("OSQP", dict(ATTEMPTS[2][1]))))
    _, problem, limits = programme()
    solved = solve(problem, limits)
    assert (solved.solver, solved.status) == ("OSQP", "optimal")
    assert solved.failed.startswith("Clarabel: ")


def test_a_solver_that_cannot_take_the_programme_is_passed_over(monkeypatch):
    weights = cp.Variable(3)
    limits = [
        NamedConstraint(cp.sum(weights) == 1.0),
        NamedConstraint(cp.norm(weights, 2) <= 0.6, ("norm at most 0.6",)),
    ]
    problem = cp.Problem(cp.Minimize(weights @ np.array([1.0, 2.0, 3.0])), [one.constraint for one in limits])
    monkeypatch.setattr(chain, "ATTEMPTS", (ATTEMPTS[2], ATTEMPTS[3], ATTEMPTS[0]))  # OSQP and HiGHS know no cones
    solved = solve(problem, limits)
    assert (solved.solver, solved.failed) == ("Clarabel", "OSQP: cannot solve it; HiGHS: cannot solve it")
    assert [one.limit for one in solved.binding] == ["norm at most 0.6"]


def test_an_inaccurate_solution_is_taken_only_where_no_other_is_and_marked(monkeypatch):
    monkeypatch.setattr(chain, "ATTEMPTS", (("SCS", {"eps_abs": 1e-7, "eps_rel": 1e-7}),))
    monkeypatch.setattr(chain, "ACCURATE", 1e-16)
    _, problem, limits = programme()
    assert solve(problem, limits).status == "optimal_inaccurate"
    monkeypatch.setattr(chain, "TOLERATED", 1e-16)
    with pytest.raises(NotSolvedError, match=r"no solver found weights \(SCS: optimal\)"):
        solve(problem, limits)


def test_where_no_solver_finds_weights_all_are_named(monkeypatch):
    monkeypatch.setattr(chain, "ATTEMPTS", tuple(STOPPED.items()))
    _, problem, limits = programme()
    with pytest.raises(NotSolvedError, match=r"no solver found weights \(Clarabel: .*; OSQP: .*; SCS: .*\)"):
        solve(problem, limits)


def test_limits_that_exclude_everything_and_an_objective_without_end_are_told():
    _, problem, limits = programme(cap=0.3)
    with pytest.raises(NotSolvedError, match=r"no weights are within all limits \(Clarabel: infeasible\)"):
        solve(problem, limits)
    free = cp.Variable(2)
    only = [NamedConstraint(cp.sum(free) == 1.0)]
    with pytest.raises(NotSolvedError, match=r"the limits do not bound the objective \(Clarabel: unbounded\)"):
        solve(cp.Problem(cp.Minimize(free[0]), [only[0].constraint]), only)


def test_a_programme_with_parameters_is_solved_again_and_again():
    cap, weights = cp.Parameter(), cp.Variable(3)
    limits = [
        NamedConstraint(cp.sum(weights) == 1.0),
        NamedConstraint(weights >= 0.0, tuple("abc")),
        NamedConstraint(weights <= cap, tuple("ABC")),
    ]
    problem = cp.Problem(cp.Minimize(cp.sum_squares(np.linalg.cholesky(COVARIANCE).T @ weights)))
    problem = cp.Problem(problem.objective, [one.constraint for one in limits])
    found = []
    for cap.value in (0.4, 0.5, 0.4):
        solve(problem, limits)
        found.append(weights.value)
    assert found[0] == pytest.approx(found[2], abs=1e-9)
    assert found[1][0] == pytest.approx(0.5, abs=1e-9)
