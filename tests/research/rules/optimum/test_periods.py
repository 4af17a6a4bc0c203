"""The plan of several periods: that of cvxpy, of the compiled best point, and of closed forms."""

from dataclasses import replace
from typing import Any

import cvxpy as cp
import numpy as np
import pytest
from best_weights import best_weights
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.arrays import Array
from research.accounting import Costs, Tax
from research.accounting.cost_parameters import COST_COLUMNS, HIGHEST, HoldingCosts, Lots
from research.accounting.sale_tax import SaleTax, TaxCurves
from research.accounting.tax_lots import buy_lot, capital_gains_tax, gain, sell_lots
from research.allocation import NotSolvedError
from research.allocation.constraints import Bounds, Constraints, Group, Most, TrackingErrorLimit
from research.allocation.constraints.builder import build
from research.allocation.constraints.limits import Limits
from research.allocation.constraints.lookup import Known
from research.rules.optimum.periods import PlanCosts, best_plan, taxed

FREE = HoldingCosts(np.zeros(5), 0.0, 0.0, 0.0, False)
HELD = HoldingCosts(np.full(5, 0.01), 0.02, 0.005, 0.0, True)
NAMES = ("A", "B", "C", "D", "E")
START = np.array([0.30, 0.25, 0.20, 0.15, 0.10])
BENCHMARK = np.array([0.2, 0.2, 0.2, 0.2, 0.2])
RATE = np.array([1.0, 2.0, 5.0, 10.0, 3.0]) * 1e-4
YEARS = 1.0 / 52.0


def risk(seed: int) -> Array:
    draws = np.random.default_rng(seed).normal(size=(40, 5)) * np.array([0.08, 0.12, 0.16, 0.2, 0.24])
    return np.cov(draws, rowvar=False)


def limits_of(asked: Constraints, covariance: Array, previous: Array | None = None) -> Limits:
    return build(asked, Known(NAMES, {}, covariance, previous=previous))


def by_cvxpy(
    gain: Array, curvature: Array, centre: Array, costs: PlanCosts, limits: Any, start: Array = START
) -> Array:
    """The plan as Boyd et al. (2017) state it; `limits` gives the constraints of one period's weights."""
    periods, n = gain.shape
    w = cp.Variable((periods, n))
    utility, paid, asked = 0, 0, []
    for h in range(periods):
        trade = cp.abs(w[h] - (start if h == 0 else w[h - 1]))
        owed, short = cp.pos(cp.sum(w[h]) - 1.0), cp.pos(-w[h])
        holding = (
            costs.holding.borrow @ short + costs.holding.financing * owed
            + costs.holding.cash_spread * cp.pos(1.0 - cp.sum(w[h]))
        )  # fmt: skip
        utility += gain[h] @ w[h] - 0.5 * cp.quad_form(w[h] - centre, cp.psd_wrap(curvature)) - holding
        paid += costs.rate @ trade + costs.impact @ cp.power(trade, costs.exponent, approx=False)
        asked += limits(w[h])
    if costs.tax is not None:
        due: Any = 0
        for i in range(n):
            ends = np.append(0.0, np.cumsum(costs.tax.sizes[i]))
            owed = np.append(0.0, np.cumsum(costs.tax.sizes[i] * costs.tax.rates[i]))
            there = costs.tax.sizes[i] > 0.0
            pieces = [
                tax + rate * (start[i] - cp.min(w[:, i]) - end)
                for end, tax, rate in zip(ends[:-1][there], owed[:-1][there], costs.tax.rates[i][there], strict=True)
            ]
            due += cp.maximum(0.0, *pieces) if pieces else 0.0
        paid += cp.pos(due - costs.tax.carried)
    problem = cp.Problem(cp.Maximize(1000.0 * (utility / periods - paid / (periods * YEARS))), asked)
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    return np.array(w.value)


LONG = Constraints()
SHORTS = Constraints(
    net=Bounds(least=0.5, most=1.2), gross=Most(most=1.6), tracking_error=TrackingErrorLimit(
        most=0.05, benchmark=dict(zip(NAMES, BENCHMARK.tolist(), strict=True)))
)  # fmt: skip
GROUPED = Constraints(groups={"pair": Group(lines=("A", "B"), most=0.35)})


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", ["linear", "impact", "shorts"])
def test_the_plan_is_that_of_cvxpy(kind: str, seed: int) -> None:
    rng, covariance = np.random.default_rng(seed), risk(seed)
    gain = rng.normal(0.03, 0.05, (3, 5))
    size = np.zeros(5) if kind == "linear" else np.array([0.002, 0.004, 0.0, 0.006, 0.01])
    costs = PlanCosts(RATE, size, 1.5 if seed == 1 else 1.8, HELD if kind == "shorts" else FREE)
    centre = np.zeros(5) if kind == "shorts" else BENCHMARK
    root = np.linalg.cholesky(covariance).T
    stated = {
        "linear": lambda w: [w >= 0, cp.sum(w) == 1],
        "impact": lambda w: [w >= 0, cp.sum(w) == 1, w[0] + w[1] <= 0.35],
        "shorts": lambda w: [
            cp.norm1(w) <= 1.6, cp.sum(w) >= 0.5, cp.sum(w) <= 1.2, cp.norm(root @ (w - BENCHMARK)) <= 0.05
        ],
    }[kind]  # fmt: skip
    one = limits_of({"linear": LONG, "impact": GROUPED, "shorts": SHORTS}[kind], covariance)
    plan = best_plan((one,) * 3, START, gain, 4.0 * covariance, centre, costs, YEARS)
    assert np.abs(plan - by_cvxpy(gain, 4.0 * covariance, centre, costs, stated)).max() <= 1e-6


def test_one_period_without_returns_is_the_best_point() -> None:
    covariance, one = risk(3), limits_of(LONG, risk(3))
    costs = PlanCosts(RATE, np.zeros(5), 1.5, FREE)
    for years in (0.02, 0.25, 1.0):
        plan = best_plan((one,), START, np.zeros((1, 5)), 5.0 * covariance, BENCHMARK, costs, years)
        best = best_weights(START, BENCHMARK, covariance, RATE, 5.0 * years, 0.0, 1.0)
        assert np.abs(plan[0] - best).max() <= 1e-7
        assert not np.allclose(best, START) or years == 0.02


def test_a_plan_in_an_unchanging_world_is_one_period_as_long() -> None:
    """Proportional costs: all trades of the best plan come at once (Jensen)."""
    covariance, one = risk(4), limits_of(LONG, risk(4))
    gain = np.array([0.05, 0.02, 0.06, 0.03, 0.01])
    costs = PlanCosts(10.0 * RATE, np.zeros(5), 1.5, FREE)
    several = best_plan((one,) * 4, START, np.tile(gain, (4, 1)), 3.0 * covariance, np.zeros(5), costs, YEARS)
    at_once = best_plan((one,), START, gain[None], 3.0 * covariance, np.zeros(5), costs, 4.0 * YEARS)
    assert np.abs(several - at_once[0]).max() <= 1e-6
    assert np.abs(at_once[0] - START).max() > 1e-3


def test_impact_spreads_a_trade_over_the_periods() -> None:
    """Quadratic cost k x^2 of one trade of D in H periods is least in equal parts, of k D^2 / H."""
    covariance = np.eye(2) * 1e-9
    one = build(Constraints(net=Bounds(least=0.0, most=1.0)), Known(("A", "B"), {}, covariance))
    last = build(
        Constraints(net=Bounds(least=0.0, most=1.0), lines={"A": Bounds(least=0.6, most=0.6)}),
        Known(("A", "B"), {}, covariance),
    )
    costs = PlanCosts(np.zeros(2), np.array([0.05, 0.05]), 2.0, HoldingCosts(np.zeros(2), 0.0, 0.0, 0.0, False))
    plan = best_plan((one, one, last), np.zeros(2), np.zeros((3, 2)), covariance, np.zeros(2), costs, YEARS)
    assert plan[:, 0] == pytest.approx([0.2, 0.4, 0.6], abs=1e-5)


def test_without_costs_the_plan_is_the_target_and_with_huge_ones_what_is_held() -> None:
    covariance, one = risk(5), limits_of(LONG, risk(5))
    for rate, expected in ((0.0, BENCHMARK), (0.4, START)):
        costs = PlanCosts(np.full(5, rate), np.zeros(5), 1.5, FREE)
        plan = best_plan((one,) * 2, START, np.zeros((2, 5)), 5.0 * covariance, BENCHMARK, costs, YEARS)
        assert np.abs(plan[0] - expected).max() <= 1e-6


def test_a_limit_of_turnover_binds_the_first_period() -> None:
    covariance = risk(6)
    first = limits_of(Constraints(turnover=Most(most=0.03)), covariance, START)
    costs = PlanCosts(np.zeros(5), np.zeros(5), 1.5, FREE)
    both = (first, limits_of(LONG, covariance))
    plan = best_plan(both, START, np.zeros((2, 5)), 5.0 * covariance, BENCHMARK, costs, YEARS)
    assert np.maximum(plan[0] - START, 0.0).sum() == pytest.approx(0.03, abs=1e-6)
    assert np.abs(plan[1] - BENCHMARK).max() <= 1e-6


def test_limits_that_conflict_are_named() -> None:
    covariance = risk(7)
    groups = {"pair": Group(lines=("A", "B"), least=0.7), "rest": Group(lines=("C", "D", "E"), least=0.4)}
    one = limits_of(Constraints(groups=groups), covariance)
    costs = PlanCosts(RATE, np.zeros(5), 1.5, FREE)
    with pytest.raises(NotSolvedError, match=r"pair .*at least 70.00 %.*rest .*at least 40.00 %"):
        best_plan((one,) * 2, START, np.zeros((2, 5)), 5.0 * covariance, BENCHMARK, costs, YEARS)


# -- tax ---------------------------------------------------------------------------------------------------------------


def taxes_of(rng: np.random.Generator, carried: float = 0.0) -> TaxCurves:
    """Curves of the five assets: rates of two or three lots each, and of two no tax at all."""
    sizes, rates = np.zeros((2, 5, 5))
    for i, parts in enumerate((3, 4, 3)):
        sizes[i, :parts] = START[i] * rng.dirichlet(np.ones(parts))
        rates[i, 1:parts] = np.sort(rng.uniform(0.001, 0.01, parts - 1))
    return TaxCurves(sizes, rates, carried)


@pytest.mark.parametrize("seed", range(1, 7))
def test_the_plan_with_tax_is_that_of_cvxpy(seed: int) -> None:
    rng, covariance, one = np.random.default_rng(seed), risk(seed), limits_of(LONG, risk(seed))
    gain = rng.normal(0.03, 0.15, (3, 5)) * np.array([[1.0], [0.5], [0.25]])
    size = np.zeros(5) if seed % 2 else np.array([0.002, 0.004, 0.003, 0.006, 0.01])
    costs = PlanCosts(RATE, size, 1.5, FREE, taxes_of(rng, 0.0005 * (seed % 3)))
    plan = best_plan((one,) * 3, START, gain, 4.0 * covariance, BENCHMARK, costs, YEARS)
    expected = by_cvxpy(gain, 4.0 * covariance, BENCHMARK, costs, lambda w: [w >= 0, cp.sum(w) == 1])
    assert np.abs(plan - expected).max() <= (1e-6 if size.any() else 1e-8)
    untaxed = best_plan((one,) * 3, START, gain, 4.0 * covariance, BENCHMARK, replace(costs, tax=None), YEARS)
    assert np.abs(plan - untaxed).max() > 1e-3


@cases(
    "rate, free, expected",
    (0.00, 0.0, 0.40 + 0.001 / 0.1),  # curvature x gap = (cost + tax) / years
    (0.01, 0.0, 0.40 + 0.011 / 0.1),
    (0.02, 0.0, 0.60),  # the tax is more than the gap is worth
    (0.02, 0.05, 0.55),  # of a lot without a gain as much is sold as there is
    (0.02, 0.30, 0.41),  # or as much as without tax
)
def test_an_asset_is_sold_until_the_gap_is_worth_no_more_than_cost_and_tax(
    rate: float, free: float, expected: float
) -> None:
    curves = TaxCurves(np.array([[free, 0.6 - free, 0.0, 0.0, 0.0]]), np.array([[0.0, rate, 0.0, 0.0, 0.0]]), 0.0)
    one = build(Constraints(net=Bounds(least=0.0, most=1.0)), Known(("A",), {}, np.eye(1)))
    costs = PlanCosts(np.array([0.001]), np.zeros(1), 1.5, HoldingCosts(np.zeros(1), 0.0, 0.0, 0.0, False), curves)
    plan = best_plan((one,), np.array([0.6]), np.zeros((1, 1)), 0.4 * np.eye(1), np.array([0.4]), costs, 0.25)
    assert plan[0, 0] == pytest.approx(expected, abs=1e-8)


def test_losses_carried_forward_free_as_much_gain_as_they_are() -> None:
    curves = TaxCurves(np.array([[0.0, 0.6, 0.0, 0.0, 0.0]]), np.array([[0.0, 0.02, 0.0, 0.0, 0.0]]), 0.02 * 0.03)
    one = build(Constraints(net=Bounds(least=0.0, most=1.0)), Known(("A",), {}, np.eye(1)))
    costs = PlanCosts(np.array([0.001]), np.zeros(1), 1.5, HoldingCosts(np.zeros(1), 0.0, 0.0, 0.0, False), curves)
    plan = best_plan((one,), np.array([0.6]), np.zeros((1, 1)), 0.4 * np.eye(1), np.array([0.4]), costs, 0.25)
    assert plan[0, 0] == pytest.approx(0.57, abs=1e-8)


def test_without_a_rate_the_plan_is_that_without_tax_to_the_bit() -> None:
    covariance, one = risk(8), limits_of(LONG, risk(8))
    costs = PlanCosts(RATE, np.zeros(5), 1.5, FREE)
    losses = np.full((5, 1), -0.1)
    free = replace(costs, tax=SaleTax(START[:, None], losses, 0.0, losses / 0.25, 0.25).curves(START))
    arguments = (START, np.zeros((2, 5)), 5.0 * covariance, BENCHMARK)
    assert (best_plan((one,) * 2, *arguments, free, YEARS) == best_plan((one,) * 2, *arguments, costs, YEARS)).all()


@settings(max_examples=25)
@given(seed=st.integers(0, 999), rates=st.tuples(st.floats(0.0, 0.03), st.floats(0.0, 0.03)), loss=st.floats(0.0, 0.25))
def test_a_higher_tax_never_sells_more_of_a_lone_gain_and_a_lot_at_a_loss_no_less(
    seed: int, rates: tuple[float, float], loss: float
) -> None:
    covariance, one = risk(seed), limits_of(LONG, risk(seed))
    costs = PlanCosts(RATE, np.zeros(5), 1.5, FREE)

    def held(rate: float, other: float = 0.0) -> float:
        lots = np.zeros((5, 2))
        lots[0] = loss, START[0] - loss
        taxed = np.zeros((5, 2))
        taxed[0] = -other, rate
        curves = SaleTax(lots, taxed, 0.0, taxed / 0.25, 0.25).curves(START)
        arguments = (START, np.zeros((1, 5)), 5.0 * covariance, BENCHMARK, replace(costs, tax=curves), 0.5)
        return float(best_plan((one,), *arguments)[0, 0])

    low, high = sorted(rates)
    assert held(low) <= held(high) + 1e-7
    assert held(high, 0.01) <= held(high) + 1e-7  # the loss makes a part of the gain free
    assert (
        min(held(high), START[0]) <= max(held(0.0), START[0] - loss) + 1e-7
    )  # what has no gain is sold as without tax


@settings(max_examples=60)
@given(seed=st.integers(0, 9999), losses=st.booleans(), carried=st.sampled_from([0.0, 1.5]))
def test_the_tax_of_a_plan_is_that_of_the_accounting(seed: int, losses: bool, carried: float) -> None:
    """Lots of highest cost first, at prices that stay: what trades through the weights of a plan are taxed."""
    rng, nav = np.random.default_rng(seed), 100.0
    n, periods, price = 3, 4, np.array([10.0, 5.0, 2.0])
    charged_at = replace(Costs.bps(n), tax=Tax(0.25, "highest")).cost_parameters()
    lots, start = Lots.empty(n, 3 + periods), np.zeros(n)
    for i in range(n):
        for _ in range(3):
            units = float(rng.uniform(0.5, 2.0))
            paid = price[i] * float(rng.uniform(0.4, 1.3 if losses else 0.99))
            buy_lot(lots, charged_at, i, paid, units, 0)
            start[i] += units * price[i] / nav
    lots.carried[0] = carried
    curves = SaleTax.of_lots(lots, charged_at, price, nav, 0).curves(start)
    plan = rng.uniform(0.0, 1.5 * start, (periods, n))
    planned = float(taxed(curves, start, periods).of(plan.ravel())[-1]) if curves.rates.any() else 0.0
    charged, before = 0.0, start
    for weights in plan:
        gains, charges = np.zeros(n), np.zeros((len(COST_COLUMNS), n))
        for i, units in enumerate((weights - before) * nav / price):
            if units > 0.0:
                buy_lot(lots, charged_at, i, price[i], units, 0)
            else:
                gains[i], _, _, _ = gain(lots, HIGHEST, i, price[i], -units, 0)
                sell_lots(lots, HIGHEST, i, -units)
        charged += capital_gains_tax(lots, charged_at, gains, float(gains.sum()), 0.0, charges)
        before = weights
    assert charged / nav <= planned + 1e-12
    assert losses or charged / nav == pytest.approx(planned, abs=1e-12)
