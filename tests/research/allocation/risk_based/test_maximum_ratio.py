"""The largest return for a risk: weights of Riskfolio-Lib, the best of its frontier, and no better neighbour."""

import numpy as np
import pandas as pd
import pytest
from simulated import world

from research.allocation import MaximumRatio, MinimumRisk, NotSolvedError
from research.allocation.constraints import Bounds, Constraints
from research.allocation.constraints.builder import build
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.optimum import optimum
from research.allocation.optimised.aims import maximum_ratio
from research.allocation.optimised.frontier import frontier
from research.allocation.risk_based import minimum_risk
from research.allocation.risk_based.risks import MINIMISED_RISKS, risk_of
from research.market import market_from_frame

NAMES = tuple("ABCDEF")
RETURNS = np.random.default_rng(7).standard_t(5, (130, 6)) * 0.01 * np.linspace(0.6, 1.6, 6) + np.linspace(
    2e-4, 2e-3, 6
)
MEAN = RETURNS.mean(axis=0)
CASH = 1e-4
CAPPED = Constraints(every_line=Bounds(most=0.4))


def best(name, asked=CAPPED):
    risk = risk_of(name, RETURNS, 0.9, 252.0)
    limits = build(asked, Known(NAMES))
    return risk, limits, optimum(limits, maximum_ratio(risk, MEAN, CASH, "ratio"))


@pytest.mark.filterwarnings("ignore:.*This use of:UserWarning")
@pytest.mark.parametrize(("name", "theirs"), [("cvar", "CVaR"), ("cdar", "CDaR"), ("semi_deviation", "MSV")])
def test_the_weights_are_those_of_riskfolio(name, theirs):
    import riskfolio

    portfolio = riskfolio.Portfolio(pd.DataFrame(RETURNS, columns=NAMES), alpha=0.1, upperlng=1.0)
    portfolio.solvers, portfolio.sol_params = ["CLARABEL"], {"CLARABEL": {}}
    portfolio.assets_stats(method_mu="hist", method_cov="hist")
    expected = portfolio.optimization(model="Classic", rm=theirs, obj="Sharpe", rf=CASH, l=0, hist=True)
    _, _, found = best(name, Constraints())
    assert found.weights == pytest.approx(expected["weights"].to_numpy(), abs=1e-4)


@pytest.mark.parametrize("name", MINIMISED_RISKS)
def test_no_point_of_the_frontier_and_no_neighbour_has_a_better_ratio(name):
    risk, limits, found = best(name)
    value = (MEAN - CASH) @ found.weights / risk.value(found.weights)
    assert found.value == pytest.approx(value, rel=1e-5)
    points = frontier(limits, MEAN, risk, 6)
    assert points.risk == pytest.approx([risk.value(row) for row in points.weights])
    assert (np.diff(points.risk) > -1e-8).all()
    assert ((points.mean - CASH * points.weights.sum(axis=1)) / points.risk <= value * (1.0 + 1e-6)).all()
    rng = np.random.default_rng(1)
    for _ in range(200):
        moved = np.clip(found.weights + rng.normal(0.0, 0.01, 6), 0.0, 0.4)
        moved /= moved.sum()
        if moved.max() <= 0.4:
            assert (MEAN - CASH) @ moved / risk.value(moved) <= value * (1.0 + 1e-6)


def test_the_first_point_of_the_frontier_is_the_least_risk():
    risk, limits, _ = best("cvar")
    points = frontier(limits, MEAN, risk, 3)
    assert points.risk[0] == pytest.approx(optimum(limits, risk.aim).value, rel=1e-7)
    assert points.unit == risk.unit == "CVaR at 0.9 a period"
    assert list(points.summary().columns[:2]) == ["mean", "CVaR at 0.9 a period"]


def test_nothing_above_cash_is_refused():
    with pytest.raises(NotSolvedError, match="no weights within the limits earn more than cash"):
        optimum(build(CAPPED, Known(NAMES)), maximum_ratio(risk_of("cvar", RETURNS, 0.9, 252.0), MEAN, 1.0, "ratio"))


def test_one_programme_gives_the_ratio(monkeypatch):
    calls, solve = [], minimum_risk.optimum
    monkeypatch.setattr(minimum_risk, "optimum", lambda *given: calls.append(given) or solve(*given))
    MaximumRatio(window=200, level=0.9).answer(world(400, 5).past(399))
    assert len(calls) == 1


@pytest.mark.parametrize("name", ["cvar", "evar", "cdar", "max_drawdown"])
def test_weights_that_never_fall_are_refused(name):
    returns = np.array(RETURNS)
    returns[:, 0] = 3e-4 + 2e-4 * np.sin(np.arange(130))
    prices = np.cumprod(np.vstack([np.ones(6), 1.0 + returns]), axis=0)
    frame = pd.DataFrame(prices, pd.bdate_range("2020-01-01", periods=131), NAMES)
    past = market_from_frame(frame, calendar="24/5").past(130)
    with pytest.raises(NotSolvedError, match="weights within the limits have no loss in the 130 sessions"):
        MaximumRatio(window=130, risk=name, level=0.9).answer(past)


def test_the_allocation_takes_means_and_cash_of_its_window():
    past, window = world(400, 5).past(399), 200
    answer = MaximumRatio(window=window, risk="cvar", level=0.9, upper=0.5).answer(past)
    returns, cash = past.returns[-window:], past.cash[-window:].mean()
    risk = risk_of("cvar", returns, 0.9, 252.0)
    ratio = 252.0 * (returns.mean(axis=0) - cash) @ answer.weights / risk.value(answer.weights)
    assert answer.objective == "return a year over CVaR at 0.9 a period"
    assert answer.value == pytest.approx(ratio, rel=1e-5)
    points = MinimumRisk(window=window, level=0.9, upper=0.5).frontier(past, 5)
    assert ((points.mean - 252.0 * cash) / points.risk <= ratio * (1.0 + 1e-6)).all()
