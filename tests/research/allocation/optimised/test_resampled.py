"""Resampled efficiency: samples of the forecast's law, in any order of columns, and what they converge to."""

from dataclasses import replace

import numpy as np
import pytest

from research.allocation import MeanVariance, Resampled
from research.allocation.constraints import conic, optimum
from research.allocation.constraints.records import Bounds, Constraints, Group
from research.allocation.optimised.resampled import sampled_moments
from research.forecast import Estimated, Moments


def test_samples_have_the_moments_of_the_forecast_and_do_not_depend_on_the_order_of_columns():
    names = ("C", "A", "B")
    covariance = np.array([[0.04, 0.01, 0.0], [0.01, 0.09, 0.02], [0.0, 0.02, 0.01]])
    moments = Moments(names, np.array([0.05, 0.1, 0.02]), covariance, 252.0, None)
    drawn = sampled_moments(moments, 60, 252.0, 400, 3)
    spread = 4.0 * np.sqrt(np.diag(covariance) * 252.0 / 60.0 / 400.0)
    assert (np.abs(np.mean([one.mean for one in drawn], axis=0) - moments.mean) < spread).all()
    assert np.mean([one.covariance for one in drawn], axis=0) == pytest.approx(covariance, abs=2e-3)
    order = [2, 0, 1]
    turned = Moments(tuple(names[i] for i in order), moments.mean[order], covariance[np.ix_(order, order)], 252.0, None)
    for one, other in zip(drawn[:3], sampled_moments(turned, 60, 252.0, 3, 3), strict=True):
        assert other.mean == pytest.approx(one.mean[order], abs=1e-15)


def test_mean_weights_keep_the_limits_and_spread_more_than_those_of_one_sample(noisy):
    constraints = Constraints(groups={"bonds": Group(where={"asset_class": "bond"}, most=0.3)})
    held = MeanVariance("utility", forecast=Estimated(window=60), constraints=constraints, risk_aversion=3.0)
    past = noisy.past(200)
    found = Resampled(held, draws=40, seed=1).answer(past)
    bonds = np.array([one == "bond" for one in noisy.asset_class])
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-9)
    assert found.weights[bonds].sum() <= 0.3 + 1e-8
    assert found.weights.min() >= -1e-12
    assert (found.weights**2).sum() < (held.answer(past).weights ** 2).sum()
    assert Resampled(held, draws=40, seed=1).answer(past).weights.tolist() == found.weights.tolist()


def test_a_long_window_leaves_the_best_weights_themselves():
    covariance = np.array([[0.04, 0.01], [0.01, 0.02]])
    moments = Moments(("A", "B"), np.array([0.05, 0.04]), covariance, 252.0, None)
    sample = sampled_moments(moments, 200_000, 252.0, 3, 0)
    least = np.linalg.solve(covariance, np.ones(2))
    for one in sample:
        mine = np.linalg.solve(one.covariance, np.ones(2))
        assert mine / mine.sum() == pytest.approx(least / least.sum(), abs=0.01)


def test_a_sample_without_a_solution_is_counted(noisy):
    held = MeanVariance(
        "target_return",
        goal=0.3,
        forecast=Estimated(window=60),
        constraints=Constraints(lines={"A00": Bounds(most=1.0)}),
    )
    notes = Resampled(held, draws=20).answer(noisy.past(200)).notes
    assert any("of 20 samples had no solution" in note for note in notes)


def test_the_solver_and_its_status_are_those_of_the_samples(noisy, monkeypatch):
    monkeypatch.setattr(optimum, "by_active_sets", lambda *given: None)
    monkeypatch.setattr(conic, "CONE_SOLVERS", ("SCS",))
    held, past = MeanVariance(forecast=Estimated(window=60)), noisy.past(200)
    one, several = held.answer(past), Resampled(held, draws=3).answer(past)
    assert (several.solver, several.status, several.why) == (one.solver, one.status, one.why) == ("SCS", "optimal", "")
    monkeypatch.setattr(conic, "ACCURATE", 0.0)
    several = Resampled(held, draws=3).answer(past)
    assert (several.solver, several.status) == ("SCS", "optimal_inaccurate")


def test_a_solver_that_failed_before_is_told_with_the_number_of_samples(noisy, monkeypatch):
    monkeypatch.setattr(optimum, "by_active_sets", lambda *given: None)
    lost = conic.ended_of
    monkeypatch.setattr(conic, "ended_of", lambda found: replace(lost(found), status="lost", v=lost(found).v * np.nan))
    answer = Resampled(MeanVariance(forecast=Estimated(window=60)), draws=3).answer(noisy.past(200))
    assert answer.solver == "SCS"
    assert answer.why.startswith("3 of 3 samples: Clarabel: lost")


def test_the_answer_says_what_gave_way(noisy):
    groups = {"first": Group(lines=("A00",), least=0.5, gives_way=1)}
    constraints = Constraints(lines={"A00": Bounds(most=0.1)}, groups=groups)
    held, past = MeanVariance(forecast=Estimated(window=60), constraints=constraints), noisy.past(200)
    [gave] = held.answer(past).notes
    assert gave.startswith("first (A00) is at least 50.00 % of NAV: it gave way")
    assert Resampled(held, draws=3).answer(past).notes == (gave,)
