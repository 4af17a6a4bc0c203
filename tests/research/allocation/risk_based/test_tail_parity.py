"""Tail parity: contributions to CVaR, optimality, Riskfolio-Lib and skfolio, and windows without losses."""

import numpy as np
import pytest

from foundation.errors import DataError
from research.allocation import NotSolvedError, TailParity
from research.allocation.constraints.builder import build
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.records import Bounds, Constraints
from research.allocation.risk_based.parity import parity
from research.allocation.risk_based.risks import risk_of
from research.risk.measures import cvar


def solved(returns, level=0.95, budgets=None, **more):
    n = returns.shape[1]
    limits = build(Constraints(**more), Known(tuple(f"L{i}" for i in range(n))))
    shares = np.full(n, 1.0 / n) if budgets is None else np.array(budgets)
    return parity(limits, shares, risk_of("cvar", returns, level, 252.0), "weight to CVaR ratio")


def ratio(weights, returns, level, budgets):
    return float(np.exp(budgets @ np.log(weights / budgets))) / cvar(returns @ weights, level)


def subgradient_gap(weights, returns, level, budgets):
    """How far budgets are from the contributions to CVaR, at the best shares of the sessions at the tail's edge."""
    from scipy.optimize import linprog

    losses, sessions = -returns @ weights, len(returns)
    mass = sessions * (1.0 - level)
    edge = np.sort(losses)[::-1][int(np.floor(mass - 1e-9))]
    inside, near = losses > edge + 1e-8, np.abs(losses - edge) <= 1e-8
    base = -(returns[inside] * weights).sum(axis=0)
    parts = -(returns[near] * weights)
    wanted, k = budgets * cvar(returns @ weights, level) * mass, int(near.sum())
    n = len(weights)
    rows = np.block([[parts.T, -np.ones((n, 1))], [-parts.T, -np.ones((n, 1))]])
    found = linprog(
        np.append(np.zeros(k), 1.0), A_ub=rows, b_ub=np.concatenate([wanted - base, base - wanted]),
        A_eq=np.append(np.ones(k), 0.0)[None], b_eq=[mass - inside.sum()], bounds=[(0, 1)] * k + [(0, None)],
    )  # fmt: skip
    return found.fun / (cvar(returns @ weights, level) * mass)


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_contributions_to_cvar_are_their_budgets(stocks, level):
    returns = stocks.to_numpy()[:, :8]
    budgets = np.linspace(1.0, 3.0, 8) / 16.0
    found = solved(returns, level, budgets)
    assert subgradient_gap(found.weights, returns, level, budgets) < 1e-6
    assert found.value == pytest.approx(ratio(found.weights, returns, level, budgets), rel=1e-8)


def test_weights_are_those_of_riskfolio_and_skfolio(stocks):
    import riskfolio
    from skfolio import RiskMeasure
    from skfolio.optimization import RiskBudgeting

    weights = solved(stocks.to_numpy()).weights
    theirs = riskfolio.Portfolio(returns=stocks)
    theirs.assets_stats(method_mu="hist", method_cov="hist")
    theirs.solvers, theirs.alpha = ["CLARABEL"], 0.05
    assert weights == pytest.approx(theirs.rp_optimization(rm="CVaR")["weights"].to_numpy(), abs=1e-4)
    assert weights == pytest.approx(RiskBudgeting(RiskMeasure.CVAR).fit(stocks).weights_, abs=1e-3)


def test_no_weights_nearby_have_a_larger_ratio_under_limits(stocks):
    returns = stocks.to_numpy()[:, :6]
    found = solved(returns, 0.9, every_line=Bounds(least=0.1, most=0.2))
    budgets, rng = np.full(6, 1 / 6), np.random.default_rng(0)
    assert found.weights.max() == pytest.approx(0.2, abs=1e-9)
    for other in 0.1 + 0.4 * rng.dirichlet(np.ones(6), 300):
        if other.max() <= 0.2:
            assert ratio(other, returns, 0.9, budgets) <= found.value * (1.0 + 1e-9)
            for part in (1e-3, 1e-2):
                nearby = (1.0 - part) * found.weights + part * other
                assert ratio(nearby, returns, 0.9, budgets) <= found.value * (1.0 + 1e-9)


def test_lines_that_lose_alike_are_held_in_inverse_proportion_to_their_losses():
    # Two assets that move together, the second by twice as much: contributions are equal at 2/3 and 1/3.
    first = np.random.default_rng(3).normal(0.0, 0.01, 60)
    found = solved(np.column_stack([first, 2.0 * first]), 0.9)
    assert found.weights == pytest.approx([2 / 3, 1 / 3], abs=1e-9)


def test_a_window_without_losses_is_refused(make_market):
    rising = make_market(np.abs(np.random.default_rng(0).normal(0.001, 0.0005, (100, 3))) + 1e-5)
    with pytest.raises(NotSolvedError, match=r"have no loss in the worst 0\.05 of the window, whose CVaR is -"):
        TailParity(window=60).answer(rising.past(90))


def test_fewer_returns_than_lines_are_refused(make_market):
    wide = make_market(np.random.default_rng(0).normal(0.0, 0.01, (60, 30)))
    with pytest.raises(DataError, match="window of TailParity has 25 returns for 30 assets"):
        TailParity(window=25).answer(wide.past(50))
