"""Leverage and short assets are stated or there are none, whatever other constraints say; what is excluded is zero."""

from itertools import product

import numpy as np
import pytest

from foundation.errors import ConfigError
from research.allocation.constraints.builder import build
from research.allocation.constraints.limits import WEIGHTS
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.optimum import Aim, optimum
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.records import (
    Bounds,
    Cardinality,
    Constraints,
    CVaRLimit,
    Exclusions,
    Exposure,
    Group,
    Liquidity,
    Most,
    TrackingErrorLimit,
)
from research.allocation.constraints.roots import root_of
from research.allocation.risk_based.parity import parity
from research.allocation.risk_based.risk_parity import shares
from research.allocation.risk_based.risks import volatility_risk

NAMES = ("A", "B", "C", "D")
RNG = np.random.default_rng(21)
LOADINGS = np.array([[0.3, 0.0], [0.28, 0.02], [0.1, 0.1], [0.0, 0.1]])
MEAN = np.array([0.12, -0.20, 0.05, 0.02])
KNOWN = Known(
    NAMES,
    {"tag": ["x", "x", "y", "y"], "score": [1.0, 2.0, 3.0, 4.0]},
    LOADINGS @ LOADINGS.T + np.diag([0.01, 0.01, 0.02, 0.01]),
    RNG.normal(0.0, 0.01, (30, 4)),
    np.full(4, 0.25),
    np.full(4, 1e7),
)
FIRM = ({}, {"price": 1e-4}, {"gives_way": 1})


def stated(rng):
    """Each field of Constraints but `gross`, with a drawn firmness: of those with sides, either or both."""

    def firm():
        return FIRM[rng.integers(3)]

    def sides(least, most):
        return (({"least": least}, {"most": most}, {"least": least, "most": most})[rng.integers(3)]) | firm()

    return {
        "net": Bounds(**sides(0.9, 1.0)),
        "every_line": Bounds(**sides(0.0, 0.7)),
        "lines": {"C": Bounds(**sides(0.05, 0.6))},
        "groups": {"x": Group(where={"tag": "x"}, **sides(0.1, 0.6))},
        "exposures": {"score": Exposure(column="score", **sides(1.5, 3.5))},
        "cardinality": Cardinality(most=3, **firm()),
        "turnover": Most(most=0.5, **firm()),
        "volatility": Most(most=0.3, **firm()),
        "tracking_error": TrackingErrorLimit(most=0.3, benchmark={"A": 0.5, "D": 0.5}, **firm()),
        "cvar": CVaRLimit(most=0.05, **firm()),
        "liquidity": Liquidity(days=1.0, nav=2e6, **firm()),
        "exclude": Exclusions(lines=("B",), **firm()),
    }  # fmt: skip


FIELDS = tuple(stated(np.random.default_rng(0)))


def subset(number, rng):
    """The fields of a subset, by its number in binary."""
    return {name: value for i, (name, value) in enumerate(stated(rng).items()) if number >> i & 1}


def missed(limits, weights):
    """Are weights outside of a limit that is kept always?"""
    outside = limits.outside(np.array(weights))
    return any(limit.hard and by > 1e-9 for limit, by in zip(limits.limits, outside, strict=True))


def test_without_gross_no_subset_of_the_fields_lets_a_line_be_short_or_weights_sum_to_more_than_one():
    """Up to three fields, and all but one or none."""
    rng = np.random.default_rng(1)
    few = [number for number in range(2 ** len(FIELDS)) if number.bit_count() not in range(4, len(FIELDS) - 1)]
    for number in few:
        asked = Constraints(**subset(number, rng))
        limits = build(asked, KNOWN)
        assert missed(limits, [0.45, -0.05, 0.3, 0.3]), asked
        assert missed(limits, [0.35, 0.05, 0.35, 0.35]), asked
        if asked.exclude is not None and asked.exclude.always:
            assert missed(limits, [0.3, 0.1, 0.3, 0.3]), asked


def test_solved_weights_without_gross_are_long_and_sum_to_at_most_one():
    rng = np.random.default_rng(2)
    root = root_of(KNOWN.covariance, NAMES)
    aims = (
        Aim(Objective({WEIGHTS: -MEAN}), "return a year", sign=-1.0),
        Aim(Objective(norm={WEIGHTS: root}), "volatility a year"),
        Aim(Objective(norm={WEIGHTS: root}), "Sharpe ratio", numerator={WEIGHTS: MEAN}),
    )
    for number, aim in product(rng.choice(2 ** len(FIELDS), 30, replace=False).tolist(), aims):
        asked = Constraints(**subset(number, rng))
        weights = optimum(build(asked, KNOWN), aim).weights
        assert weights.min() >= -1e-9, asked
        assert weights.sum() <= 1.0 + 1e-8, asked
        if asked.exclude is not None and asked.exclude.always:
            assert weights[1] == 0.0, asked


@pytest.mark.parametrize("more", [{}, {"cardinality": Cardinality(most=3)}, {"every_line": Bounds(most=0.6)}])
def test_an_excluded_line_is_not_sold_short_where_others_are(more):
    asked = {"gross": Most(most=1.5), **more}
    root = root_of(KNOWN.covariance, NAMES)
    aim = Aim(Objective({WEIGHTS: -MEAN}, KNOWN.covariance), "utility a year", sign=-1.0)
    assert optimum(build(Constraints(**asked), KNOWN), aim).weights[1] < -0.1
    without = build(Constraints(**asked, exclude=Exclusions(lines=("B",))), KNOWN)
    assert optimum(without, aim).weights[1] == 0.0
    if not without.whole.any():
        budgets, limits = shares({}, without, ())
        assert parity(limits, budgets, volatility_risk(root), "ratio").weights[1] == 0.0


def test_a_line_that_may_be_short_only_has_no_budget_of_risk_and_is_not_held():
    asked = Constraints(gross=Most(most=1.5), lines={"B": Bounds(most=0.0)})
    budgets, limits = shares({}, build(asked, KNOWN), ())
    assert budgets.tolist() == pytest.approx([1 / 3, 0.0, 1 / 3, 1 / 3])
    assert parity(limits, budgets, volatility_risk(root_of(KNOWN.covariance, NAMES)), "ratio").weights[1] == 0.0


@pytest.mark.parametrize("side", ["least", "most"])
def test_a_side_of_every_line_that_is_not_given_is_minus_or_plus_gross(side):
    other = {"least": -0.2, "most": 0.4}
    limits = build(Constraints(gross=Most(most=1.5), every_line=Bounds(**{side: other[side]})), KNOWN)
    least, most = limits.of_lines
    assert least.tolist() == [-0.2 if side == "least" else -1.5] * 4
    assert most.tolist() == [0.4 if side == "most" else 1.5] * 4


def test_a_net_of_more_than_one_is_refused_without_gross():
    with pytest.raises(ConfigError, match=r"net\.least is 1\.2, which is leverage, but none is stated\. Add `gross"):
        Constraints(net=Bounds(least=1.2))
