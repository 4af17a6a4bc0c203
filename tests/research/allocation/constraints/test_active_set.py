"""The compiled active-set method against the cone programme of the same limits, to 1e-8 in the objective."""

from dataclasses import replace

import numpy as np
import pytest

from research.allocation.constraints.active_set import _Day, by_active_sets
from research.allocation.constraints.builder import build
from research.allocation.constraints.conic import ConeProgramme
from research.allocation.constraints.limits import WEIGHTS
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.records import Bounds, Constraints
from research.allocation.constraints.roots import root_of
from research.allocation.optimised.aims import return_limit, volatility_limit


@pytest.mark.parametrize("seed", range(10))
def test_each_aim_has_the_value_and_the_prices_of_the_cone_programme(drawn, seed):
    rng = np.random.default_rng(seed)
    asked, known, mean = drawn(rng, int(rng.integers(4, 16)))
    limits = build(replace(asked, turnover=None, volatility=None, cvar=None), known)
    root, mean = root_of(known.covariance, known.assets), mean + 0.2
    norm = Objective(norm={WEIGHTS: root})
    least = ConeProgramme(limits, norm).solve()
    goal = float(mean @ least.x[: len(mean)])
    most = ConeProgramme(limits, Objective({WEIGHTS: -mean})).solve()
    at_risk = 0.5 * (least.value + float(np.linalg.norm(root @ most.x[: len(mean)])))
    benchmark = rng.dirichlet(np.ones(len(mean)))
    cases = [
        (limits, norm, None),
        (limits, Objective(norm={WEIGHTS: root}, centre=root @ benchmark), None),
        (limits, Objective({WEIGHTS: -mean}, 3.0 * known.covariance), None),
        (limits.with_limits([*limits.limits, return_limit(mean, 0.5 * (goal - most.value))]), norm, None),
        (limits.with_limits([*limits.limits, volatility_limit(root, at_risk)]), Objective({WEIGHTS: -mean}), None),
        (limits, norm, {WEIGHTS: mean}),
    ]
    for of, objective, numerator in cases:
        ours, cone = by_active_sets(of, objective, numerator), ConeProgramme(of, objective, numerator=numerator)
        theirs = cone.sharpened(cone.solve()) if numerator is None else cone.solve()
        assert ours.value == pytest.approx(theirs.value, abs=1e-8)
        assert of.outside(ours.x).max() <= 1e-9
        assert ours.scale == pytest.approx(theirs.scale, rel=1e-4)
        mine, other = (sum(float(rows.sum()) for rows in one.duals) for one in (ours, theirs))
        assert mine == pytest.approx(other, rel=1e-4, abs=1e-6)  # limits with one bound share a price in some way


def test_infeasible_limits_and_singular_covariances_are_left_to_the_cone_programme():
    known = Known(("A", "B", "C"), covariance=np.diag([0.04, 0.01, 0.02]))
    volatility = Objective(norm={WEIGHTS: np.diag([0.2, 0.1, 0.14])})
    assert by_active_sets(build(Constraints(every_line=Bounds(most=0.3)), known), volatility) is None
    assert by_active_sets(build(Constraints(), known), Objective(norm={WEIGHTS: np.zeros((1, 3))})) is None


def test_two_assets_have_the_weights_and_prices_of_the_closed_form():
    known = Known(("A", "B"), covariance=np.diag([0.04, 0.01]))
    found = by_active_sets(build(Constraints(), known), Objective(norm={WEIGHTS: np.diag([0.2, 0.1])}))
    assert found.x == pytest.approx([0.2, 0.8], abs=1e-15)  # in inverse proportion to variances
    norm = {WEIGHTS: np.diag([0.2, 0.1])}
    capped = by_active_sets(build(Constraints(lines={"B": Bounds(most=0.6)}), known), Objective(norm=norm))
    assert capped.x == pytest.approx([0.4, 0.6], abs=1e-15)
    # d volatility / d weight of B = (0.01 × 0.6 - 0.04 × 0.4) / volatility
    assert max(rows.max() for rows in capped.duals) == pytest.approx(0.01 / capped.value, rel=1e-12)


def test_a_vertex_whose_multiplier_has_the_wrong_sign_is_not_the_best_point():
    limits = build(Constraints(), Known(("A", "B"), covariance=np.diag([0.04, 0.01])))
    day = _Day.of(limits, np.diag([0.04, 0.01]))
    assert day.find(np.zeros(2), np.zeros(2))
    day.x[:], day.prices[:], day.side[:] = (1.0, 0.0), 0.04, (0, -1)
    day.multipliers[:] = (0.0, -0.04)  # the gradient less the price: more of B lowers the variance
    assert not day._checked(np.zeros(2))
    day.x[:], day.prices[:], day.side[:], day.multipliers[:] = (0.0, 1.0), 0.01, (-1, 0), (-0.01, 0.0)
    assert not day._checked(np.zeros(2))
    day.x[:], day.prices[:], day.side[:], day.multipliers[:] = (0.2, 0.8), 0.008, 0, 0.0
    assert day._checked(np.zeros(2))


def test_assets_whose_bounds_are_all_equal_need_no_cone_programme():
    known = Known(("A", "B"), covariance=np.diag([0.04, 0.01]))
    fixed = build(Constraints(lines={"A": Bounds(least=0.3, most=0.3), "B": Bounds(least=0.7, most=0.7)}), known)
    found = by_active_sets(fixed, Objective(norm={WEIGHTS: np.diag([0.2, 0.1])}))
    assert found.x.tolist() == [0.3, 0.7]
    assert found.value == pytest.approx(np.sqrt(0.04 * 0.09 + 0.01 * 0.49), rel=1e-14)
    other = build(Constraints(lines={"A": Bounds(least=0.3, most=0.3), "B": Bounds(least=0.6, most=0.6)}), known)
    assert by_active_sets(other, Objective(norm={WEIGHTS: np.diag([0.2, 0.1])})) is None
