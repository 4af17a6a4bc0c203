"""The tighter statement of a norm: the same where assets are decided, nearer to it where they are not."""

import numpy as np
import pytest

from research.allocation.constraints.branch import best
from research.allocation.constraints.builder import build
from research.allocation.constraints.conic import ConeProgramme
from research.allocation.constraints.limits import WEIGHTS
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.optimum import perspective
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.records import Bounds, Cardinality, Constraints
from research.allocation.constraints.roots import root_of


def drawn(seed, n=8):
    rng = np.random.default_rng(seed)
    returns = rng.normal(size=(60, n)) * rng.uniform(0.5, 2.0, n) + rng.normal(size=(60, 1))
    known = Known(tuple(f"L{i}" for i in range(n)), covariance=np.cov(returns, rowvar=False))
    root = root_of(known.covariance, known.assets)
    limits = build(Constraints(every_line=Bounds(least=0.0, most=0.6), cardinality=Cardinality(most=3)), known)
    return limits, Objective(norm={WEIGHTS: root}, centre=root @ rng.dirichlet(np.ones(n)))


def norm_of(stated, objective, value):
    """The norm of which a value of the tighter statement is half the square, times the scale, but for a constant."""
    return float(np.sqrt(2.0 * value / stated.scale + objective.centre @ objective.centre))


@pytest.mark.parametrize("seed", range(4))
def test_decided_lines_give_the_norm_itself_and_undecided_ones_a_higher_bound(seed):
    limits, objective = drawn(seed)
    stated, plain = perspective(limits, objective), ConeProgramme(limits, objective)
    tighter = ConeProgramme(stated.limits, stated.objective)
    relaxed = norm_of(stated, objective, tighter.solve().value)
    assert relaxed > plain.solve().value + 1e-3
    chosen = np.isin(np.arange(8), np.random.default_rng(seed).permutation(8)[:3]).astype(float)

    def decided(of):
        least, most = of.least.copy(), of.most.copy()
        least[of.whole] = most[of.whole] = chosen
        return least, most

    exact = plain.solve(whole=decided(limits)).value
    assert norm_of(stated, objective, tighter.solve(whole=decided(stated.limits)).value) == pytest.approx(exact)
    assert relaxed <= exact
    assert stated.gap(exact, 0.0) == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_both_statements_hold_the_same_lines(seed):
    limits, objective = drawn(seed)
    stated = perspective(limits, objective)
    found, other = best(ConeProgramme(limits, objective)), best(ConeProgramme(stated.limits, stated.objective))
    assert other.gap == found.gap == 0.0
    assert other.point.x[:8] == pytest.approx(found.point.x[:8], abs=1e-4)


def test_only_a_norm_of_weights_whose_lines_are_counted_has_one():
    limits, objective = drawn(0)
    assert perspective(limits, Objective({WEIGHTS: np.ones(8)}, norm=objective.norm)) is None
    assert perspective(build(Constraints(), Known(limits.assets)), objective) is None
