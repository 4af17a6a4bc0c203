"""Risk parity against published weights, closed forms, optimality conditions, skfolio and Riskfolio-Lib."""

import numpy as np
import pytest
from cases import cases

from foundation.errors import ConfigError
from research.allocation import NotSolvedError, RiskParity, target_path
from research.allocation.constraints.builder import build
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.records import Bounds, Constraints, Exclusions, Group
from research.allocation.constraints.roots import root_of
from research.allocation.risk_based.parity import parity
from research.allocation.risk_based.risk_parity import shares
from research.allocation.risk_based.risks import volatility_risk
from research.forecast import Estimated

UNIT = "weight to volatility ratio"


def solved(covariance, budgets=None, asked=None, names=None):
    n = len(covariance)
    known = Known(tuple(names or (f"L{i}" for i in range(n))), covariance=np.asarray(covariance))
    given = dict(zip(known.assets, budgets, strict=True)) if budgets is not None else {}
    shared, limits = shares(given, build(asked or Constraints(), known), ())
    return parity(limits, shared, volatility_risk(root_of(known.covariance, known.assets)), UNIT)


def contributions(weights, covariance):
    return weights * (covariance @ weights) / (weights @ covariance @ weights)


def of(volatilities, correlations):
    return np.outer(volatilities, volatilities) * np.array(correlations)


FOUR = of(
    [0.1, 0.2, 0.3, 0.4], [[1.0, 0.8, 0.0, 0.0], [0.8, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -0.5], [0.0, 0.0, -0.5, 1.0]]
)
THREE = of([0.3, 0.2, 0.15], [[1.0, 0.8, 0.5], [0.8, 1.0, 0.3], [0.5, 0.3, 1.0]])


def test_equal_contributions_are_those_of_maillard_roncalli_and_teiletche():
    """Their section 4.1, second example."""
    assert (100.0 * solved(FOUR).weights).round(1).tolist() == [38.4, 19.2, 24.3, 18.2]


def test_budgets_are_those_of_bruder_and_roncalli():
    """Their section 2.3: volatilities of 30, 20 and 15 %, correlations of 0.8, 0.5 and 0.3."""
    assert (100.0 * solved(THREE, [0.5, 0.2, 0.3]).weights).round(2).tolist() == [31.15, 21.90, 46.96]
    assert (100.0 * solved(THREE).weights).round(2).tolist() == [19.69, 32.44, 47.87]


def test_equal_correlations_give_inverse_volatilities():
    volatilities = np.linspace(0.05, 0.6, 12)
    for correlation in (-0.05, 0.0, 0.4, 0.95):
        found = solved(of(volatilities, np.full((12, 12), correlation) + (1.0 - correlation) * np.eye(12)))
        assert found.weights == pytest.approx(1.0 / volatilities / (1.0 / volatilities).sum(), abs=1e-10)


@pytest.mark.parametrize("n", [2, 20, 60])
def test_contributions_are_their_budgets_to_1e_8(n):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        returns = rng.normal(size=(3 * n, n)) * rng.uniform(0.002, 0.05, n) + 0.01 * rng.normal(size=(3 * n, 1))
        covariance, budgets = 252.0 * np.cov(returns.T), rng.dirichlet(np.full(n, 2.0))
        found = solved(covariance, budgets)
        assert contributions(found.weights, covariance) == pytest.approx(budgets, abs=1e-8)
        assert found.status == "optimal"


def test_weights_are_those_of_skfolio_and_riskfolio_on_real_stocks(stocks):
    import riskfolio
    from skfolio.optimization import RiskBudgeting

    weights = solved(np.cov(stocks.to_numpy(), rowvar=False)).weights
    tight = {"tol_gap_abs": 1e-13, "tol_gap_rel": 1e-13, "tol_feas": 1e-13}
    assert weights == pytest.approx(RiskBudgeting(solver_params=tight).fit(stocks).weights_, abs=1e-5)
    theirs = riskfolio.Portfolio(returns=stocks)
    theirs.assets_stats(method_mu="hist", method_cov="hist")
    theirs.solvers = ["CLARABEL"]
    assert weights == pytest.approx(theirs.rp_optimization(rm="MV")["weights"].to_numpy(), abs=1e-4)


def test_under_limits_the_ratio_is_the_largest_as_skfolio_says_too(stocks):
    from skfolio.optimization import RiskBudgeting

    covariance = np.cov(stocks.to_numpy(), rowvar=False)
    found = solved(covariance, asked=Constraints(every_line=Bounds(least=0.0, most=0.06)))
    assert found.weights.max() == pytest.approx(0.06, abs=1e-10)
    theirs = RiskBudgeting(max_weights=0.06).fit(stocks).weights_
    assert found.weights == pytest.approx(theirs, abs=1e-4)

    def ratio(weights):
        return np.exp(np.log(20.0 * weights).mean()) / np.sqrt(weights @ covariance @ weights)

    assert found.value == pytest.approx(ratio(found.weights), rel=1e-9)
    assert ratio(found.weights) >= ratio(np.clip(theirs, 0.0, 0.06) / np.clip(theirs, 0.0, 0.06).sum()) * (1.0 - 1e-9)


@pytest.mark.parametrize("key", ["lines.L0.most", "groups.two.least", "net"])
def test_a_price_is_what_a_little_more_room_brings(key):
    def at(step):
        asked = Constraints(
            net=Bounds(least=0.95 + step * (key == "net"), most=0.95 + step * (key == "net")),
            lines={"L0": Bounds(most=0.2 + step * (key == "lines.L0.most"))},
            groups={"two": Group(lines=("L2", "L3"), least=0.6 - step * (key == "groups.two.least"))},
        )
        return solved(FOUR, asked=asked)

    step = 1e-4
    slope = (at(step).value - at(-step).value) / (2.0 * step)
    assert at(0.0).prices[key] == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_a_soft_limit_is_exceeded_where_that_is_worth_its_price():
    def held(price):
        return solved(FOUR, asked=Constraints(lines={"L0": Bounds(most=0.2, price=price)})).weights[0]

    assert held(1e-6) == pytest.approx(solved(FOUR).weights[0], abs=1e-3)
    assert held(1e3) == pytest.approx(0.2, abs=1e-6)


def test_what_is_left_of_the_budgets_is_shared_equally_and_excluded_lines_leave_theirs_to_the_others():
    known = Known(("A", "B", "C", "D"), covariance=FOUR)
    limits = build(Constraints(exclude=Exclusions(lines=("D",))), known)
    budgets, same = shares({"A": 0.4}, limits, ())
    assert budgets == pytest.approx([0.5, 0.25, 0.25, 0.0])
    assert same is limits
    expected = pytest.approx(np.array([0.4, 0.12, 0.12, 0.12]) / 0.76)
    assert shares({"A": 0.4}, build(Constraints(), known), ("E", "F"))[0] == expected


def test_a_line_without_a_budget_is_not_held():
    known = Known(("A", "B", "C", "D"), covariance=FOUR)
    budgets, limits = shares({"A": 0.4, "C": 0.6}, build(Constraints(), known), ())
    found = parity(limits, budgets, volatility_risk(root_of(FOUR, known.assets)), UNIT)
    assert found.weights[[1, 3]].tolist() == [0.0, 0.0]
    assert contributions(found.weights, FOUR) == pytest.approx([0.4, 0.0, 0.6, 0.0], abs=1e-8)
    tight = build(Constraints(lines={"A": Bounds(most=0.2), "C": Bounds(most=0.3)}), known)
    _, limits = shares({"A": 0.4, "C": 0.6}, tight, ())
    said = r"C is at most 30\.00 % of NAV; an asset without a budget of risk is not held"
    with pytest.raises(NotSolvedError, match=said):
        parity(limits, budgets, volatility_risk(root_of(FOUR, known.assets)), UNIT)


def test_limits_that_leave_no_room_to_a_line_are_told_with_it():
    asked = Constraints(groups={"none": Group(lines=("L1", "L2"), most=0.0)})
    with pytest.raises(NotSolvedError, match="no weights within the limits hold L1, L2 beside the others"):
        solved(FOUR, asked=asked)


def test_conflicting_limits_are_told():
    with pytest.raises(NotSolvedError, match="no weights keep these constraints together: every asset is at most 20"):
        solved(FOUR, asked=Constraints(every_line=Bounds(least=0.0, most=0.2)))


def test_a_portfolio_without_risk_has_no_proportions_of_it():
    hedged = of([0.1, 0.2, 0.2], [[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    with pytest.raises(NotSolvedError, match="weights within the limits have no risk"):
        solved(hedged)


def test_the_allocation_holds_each_line_once_it_has_a_window_and_says_what_binds(noisy):
    forecast = Estimated(window=60, covariance="sample")
    allocation = RiskParity(forecast=forecast, budgets={"A00": 0.3}, upper={"A01": 0.1})
    answer = allocation.answer(noisy.past(150))
    assert [one.limit for one in answer.binding] == ["A01 is at most 10.00 % of NAV"]
    assert "to the weight to volatility ratio" in answer.binding[0].brings
    free = (
        RiskParity(forecast=Estimated(window=60, covariance="sample"), budgets={"A00": 0.3})
        .answer(noisy.past(150))
        .weights
    )
    covariance = np.cov(noisy.past(150).returns[-60:, :4], rowvar=False)
    assert contributions(free[:4], covariance) == pytest.approx(np.array([0.3, 0.14, 0.14, 0.14]) / 0.72, abs=1e-8)
    rows = target_path(allocation, noisy, start=100).rows
    assert (rows > 0.0).sum(axis=1).tolist() == sorted((rows > 0.0).sum(axis=1).tolist())


@cases(
    "budgets, said",
    ({"SPX": 0.5}, "budgets of RiskParity: unknown asset 'SPX'"),
    ({f"A0{i}": 0.1 for i in range(6)}, "name every asset and sum to 0.6"),
)
def test_budgets_are_held_against_the_lines_of_the_market(noisy, budgets, said):
    with pytest.raises(ConfigError, match=said):
        RiskParity(budgets=budgets).check(noisy.past(100))
