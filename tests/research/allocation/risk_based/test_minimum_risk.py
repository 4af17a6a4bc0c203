"""Least risks of a window against linear programmes, Riskfolio-Lib and skfolio, and what has no risk."""

import numpy as np
import pytest
from scipy.optimize import linprog, minimize_scalar
from scipy.special import logsumexp, softmax

from foundation.errors import DataError
from research.allocation import MaximumRatio, MinimumRisk, NotSolvedError
from research.allocation.constraints.builder import build
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.optimum import optimum
from research.allocation.constraints.records import Bounds, Constraints
from research.allocation.risk_based.risks import MINIMISED_RISKS, risk_of
from research.risk.measures import cvar

MOST = 0.15
THEIRS = {"cvar": "CVaR", "evar": "EVaR", "cdar": "CDaR", "max_drawdown": "MDD", "semi_deviation": "MSV"}


def solved(name, returns, level=0.95, most=MOST):
    limits = build(Constraints(every_line=Bounds(least=0.0, most=most)), Known(tuple(map(str, returns.T[:, 0]))))
    return optimum(limits, risk_of(name, returns, level, 252.0).aim)


def falls(returns, weights):
    """(T,) sum of returns below its highest so far, the start among them."""
    path = np.append(0.0, np.cumsum(returns @ weights))
    return (np.maximum.accumulate(path) - path)[1:]


def evar(returns, level):
    """The definition, over a fine grid of z."""
    z = np.exp(np.linspace(-9.0, 1.0, 20001))[:, None]
    worst = (-returns).max()
    return float((z[:, 0] * np.log(np.exp((-returns - worst) / z).mean(axis=1) / (1.0 - level)) + worst).min())


def measured(name, returns, weights, level):
    path = returns @ weights
    if name == "cvar":
        return cvar(path, level)
    if name == "evar":
        return evar(path, level)
    if name == "semi_deviation":
        return float(np.sqrt(252.0 * (np.minimum(path - path.mean(), 0.0) ** 2).sum() / (len(path) - 1)))
    fallen = falls(returns, weights)
    return cvar(-fallen, level) if name == "cdar" else float(fallen.max())


@pytest.mark.parametrize("name", MINIMISED_RISKS)
def test_the_value_is_the_risk_of_the_weights_and_no_larger_than_riskfolio_s(name, stocks):
    import riskfolio

    returns = stocks.to_numpy()
    found = solved(name, returns)
    assert found.value == pytest.approx(measured(name, returns, found.weights, 0.95), rel=1e-6)
    theirs = riskfolio.Portfolio(returns=stocks, upperlng=MOST)
    theirs.assets_stats(method_mu="hist", method_cov="hist")
    theirs.solvers, theirs.alpha = ["CLARABEL"], 0.05
    weights = theirs.optimization(rm=THEIRS[name], obj="MinRisk")["weights"].to_numpy()
    assert found.weights == pytest.approx(weights, abs=1e-4)
    assert found.value <= measured(name, returns, weights, 0.95) * (1.0 + 1e-6)


@pytest.mark.parametrize("name", ["cvar", "evar", "semi_deviation"])
def test_weights_are_those_of_skfolio(name, stocks):
    from skfolio import RiskMeasure
    from skfolio.optimization import MeanRisk

    wanted = {"cvar": RiskMeasure.CVAR, "evar": RiskMeasure.EVAR, "semi_deviation": RiskMeasure.SEMI_VARIANCE}
    theirs = MeanRisk(risk_measure=wanted[name], max_weights=MOST).fit(stocks).weights_
    assert solved(name, stocks.to_numpy()).weights == pytest.approx(theirs, abs=1e-3)


@pytest.mark.parametrize("name", ["cvar", "cdar", "max_drawdown"])
def test_the_least_is_that_of_a_linear_programme_of_scipy(name, stocks):
    """Rockafellar and Uryasev's (2000) and Chekhlov, Uryasev and Zabarankin's (2005), by highest points of the path."""
    returns = stocks.to_numpy()[-100:, :7]
    sessions, n = returns.shape
    cumulated, eye, ones = np.cumsum(returns, axis=0), np.eye(sessions), np.ones((sessions, 1))
    none, zero = np.zeros((sessions, n)), np.zeros((sessions, sessions))
    # weights, peaks (or losses), value at risk, excess
    if name == "cvar":
        rows = [np.hstack([-returns, zero, -ones, -eye])]
    else:
        rows = [np.hstack([cumulated, -eye, 0 * ones, zero])]
        rows += [np.hstack([none, np.eye(sessions, k=-1) - eye, 0 * ones, zero])[1:]]
        rows += [np.hstack([-cumulated, eye, -ones, -eye if name == "cdar" else zero])]
    stacked = np.vstack(rows)
    cost = np.concatenate([np.zeros(n + sessions), [1.0], np.full(sessions, 1.0 / (0.1 * sessions))])
    bounds = [(0.0, 0.3)] * n + [(0.0, None)] * sessions + [(None, None)] + [(0.0, None)] * sessions
    budget = np.concatenate([np.ones(n), np.zeros(2 * sessions + 1)])[None]
    theirs = linprog(cost, stacked, np.zeros(len(stacked)), budget, [1.0], bounds)
    assert solved(name, returns, 0.9, 0.3).value == pytest.approx(theirs.fun, abs=1e-9)


def test_evar_bounds_cvar_and_the_largest_loss_bounds_it(stocks):
    returns = stocks.to_numpy()[:, :5]
    path = returns @ solved("evar", returns, most=1.0).weights
    assert cvar(path) < evar(path, 0.95) < -path.min()


def test_weights_of_least_evar_meet_the_conditions_of_an_optimum_in_any_order_of_lines(stocks):
    """All assets that are held have one marginal EVaR, the mean loss under the tilted law of the days; others more."""
    returns = stocks.to_numpy()
    found = solved("evar", returns, most=1.0).weights
    losses = -returns @ found
    z = minimize_scalar(lambda z: z * (logsumexp(losses / z) - np.log(len(losses) * 0.05)), bounds=(1e-4, 1.0),
                        method="bounded", options={"xatol": 1e-14}).x  # fmt: skip
    marginal = -(softmax(losses / z) @ returns)
    held = found > 0.0
    assert np.ptp(marginal[held]) <= 1e-7 * abs(marginal[held].mean())
    assert (marginal[~held] >= marginal[held].min()).all()
    order = np.random.default_rng(0).permutation(len(found))
    assert solved("evar", returns[:, order], most=1.0).weights == pytest.approx(found[order], abs=1e-8)


def test_the_price_of_a_bound_under_evar_is_its_slope(stocks):
    returns = stocks.to_numpy()[:, :5]
    narrow, found, wide = (solved("evar", returns, most=most) for most in (0.2999, 0.3, 0.3001))
    price = sum(one.price for one in found.binding if "at most" in one.limit)
    assert price > 0.0
    assert price == pytest.approx((narrow.value - wide.value) / 2e-4, rel=1e-3)


def test_the_allocation_keeps_its_bounds_and_says_what_binds(noisy):
    answer = MinimumRisk("cdar", window=60, upper={"A00": 0.2}).answer(noisy.past(150))
    assert answer.objective == "CDaR at 0.95"
    said = {one.limit: one.brings for one in answer.binding}["A00 is at most 20.00 % of NAV"]
    assert said.startswith("one point of NAV more of room takes ")
    assert said.endswith(" bp off the CDaR at 0.95")


def test_a_ratio_has_no_basis_points(noisy):
    answer = MaximumRatio("cvar", window=60, upper={"A00": 0.05}).answer(noisy.past(150))
    assert answer.binding
    for one in answer.binding:
        assert one.brings.endswith(f"{abs(0.01 * one.price):.3g} to the return a year over CVaR at 0.95 a period")


@pytest.mark.parametrize("name", ["cvar", "evar", "cdar", "max_drawdown"])
def test_a_window_without_losses_is_refused(make_market, name):
    rising = make_market(np.random.default_rng(0).uniform(1e-4, 2e-3, (100, 3)))
    with pytest.raises(NotSolvedError, match="have no loss in the 60 sessions: the least"):
        MinimumRisk(name, window=60).answer(rising.past(90))


def test_fewer_returns_than_lines_are_refused(make_market):
    returns = np.random.default_rng(0).normal(0.0, 0.01, (100, 30))
    with pytest.raises(DataError, match="window of MinimumRisk has 25 returns for 30 assets: it needs more returns"):
        MinimumRisk(window=25).answer(make_market(returns).past(50))


def test_a_line_that_does_not_vary_is_left_out(make_market):
    returns = np.random.default_rng(0).normal(0.0, 0.01, (100, 6))
    returns[:, 3] = 0.001
    found = MinimumRisk(window=60).answer(make_market(returns).past(90)).weights
    others = MinimumRisk(window=60).answer(make_market(np.delete(returns, 3, axis=1)).past(90)).weights
    assert found[3] == 0.0
    assert np.delete(found, 3) == pytest.approx(others, abs=1e-12)
