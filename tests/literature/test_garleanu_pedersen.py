"""Returns that are predicted and fade, with quadratic costs: the plan of several periods trades as the closed form.

Source : Garleanu and Pedersen (2013), Dynamic Trading with Predictable Returns and Transaction Costs, Journal of
         Finance 68(6), propositions 1 to 3, with costs in proportion to risk, Lambda = lambda x Sigma. The holdings
         go a fixed part of the way to an aim, x_t = (1 - rate) x_(t-1) + rate x aim_t. In the aim a signal weighs the
         less the faster it fades.
"""

from math import sqrt

import numpy as np
import pytest

from research.accounting.cost_parameters import HoldingCosts
from research.allocation.constraints import Bounds, Constraints
from research.allocation.constraints.builder import build
from research.allocation.constraints.lookup import Known
from research.rules.optimum.periods import PlanCosts, best_plan

FREE = HoldingCosts(np.zeros(2), 0.0, 0.0, 0.0, False)


def rate_and_weight(gamma: float, cost: float, discount: float, fade: float) -> tuple[float, float]:
    """The part of the way that a trade goes, and the weight of a signal that loses `fade` of itself a period.

    gamma : risk aversion.  cost : lambda, cost over risk.  discount : rho, of a period.
    """
    b, kept = gamma * (1.0 - discount) + cost * discount, 1.0 - discount
    a = (-b + sqrt(b * b + 4.0 * gamma * cost * kept * kept)) / (2.0 * kept)
    return a / cost, 1.0 / (1.0 + fade * a / gamma)


@pytest.mark.parametrize("discount", [0.0, 0.02, 0.2])
@pytest.mark.parametrize(("gamma", "cost", "fade"), [(1.0, 5.0, 0.1), (4.0, 1.0, 0.5)])
def test_the_closed_form_is_what_iterating_the_value_function_gives(
    gamma: float, cost: float, fade: float, discount: float
) -> None:
    """V(x, f) = -A x^2 / 2 + B x f + ..., of one asset with a variance of 1: the Bellman equation, iterated."""
    kept, curve, slope = 1.0 - discount, 0.0, 0.0
    for _ in range(3_000):
        bend = kept * (gamma + curve) + cost  # of the objective in the new holdings
        pull = kept * (1.0 + (1.0 - fade) * slope)  # of the signal on them
        curve, slope = cost - cost * cost / bend, cost * pull / bend
    rate, weight = rate_and_weight(gamma, cost, discount, fade)
    assert 1.0 - cost / bend == pytest.approx(rate, abs=1e-12)
    assert pull / bend / rate == pytest.approx(weight / gamma, abs=1e-12)


def test_the_example_has_the_figures_of_its_riccati_equation() -> None:
    assert rate_and_weight(1.0, 5.0, 0.02, 0.1) == pytest.approx((0.3503878632, 0.8509233865), abs=1e-10)


@pytest.mark.parametrize(("gamma", "cost", "fades"), [(1.0, 5.0, (0.1, 0.1)), (4.0, 3.0, (0.05, 0.5))])
def test_the_first_trade_of_a_long_plan_is_that_of_the_closed_form(
    gamma: float, cost: float, fades: tuple[float, float]
) -> None:
    """Two assets without correlation, no discount, 40 periods; what is left of a signal is given by its half-life."""
    variance, start, periods = np.array([0.04, 0.09]), np.array([0.3, 0.05]), 40
    half_lives = np.log(0.5) / np.log1p(-np.array(fades))
    gain = np.array([0.2, 0.3]) * gamma * variance
    faded = gain * 0.5 ** (np.arange(periods)[:, None] / half_lives)
    costs = PlanCosts(np.zeros(2), 0.5 * cost * variance, 2.0, FREE)
    limits = build(Constraints(net=Bounds(least=0.0, most=1.0)), Known(("A", "B"), {}, np.diag(variance)))
    plan = best_plan((limits,) * periods, start, faded, gamma * np.diag(variance), np.zeros(2), costs, 1.0)
    rate, weights = np.array([rate_and_weight(gamma, cost, 0.0, fade) for fade in fades]).T
    aim = weights * gain / (gamma * variance)
    assert plan[0] == pytest.approx((1.0 - rate) * start + rate * aim, abs=2e-5)
