"""Every model by risk under random constraints: all are kept, and the order of the assets does not matter."""

import numpy as np
import pytest

from research.allocation.constraints.builder import build
from research.allocation.constraints.limits import WEIGHTS
from research.allocation.constraints.optimum import Aim, optimum
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.roots import root_of
from research.allocation.risk_based.parity import parity
from research.allocation.risk_based.risk_parity import shares
from research.allocation.risk_based.risks import MINIMISED_RISKS, risk_of, volatility_risk

MODELS = ("risk_parity", "tail_parity", "maximum_diversification", "benchmark_tracking", *MINIMISED_RISKS)
WITHIN = {"semi_deviation": 1e-7, "evar": 1e-7}  # of NAV: their solutions are as accurate


def limits_of(asked, known, mean):
    return shares({known.assets[i]: 0.2 for i in np.argsort(mean)[:2]}, build(asked, known), ())


def best(model, asked, known, mean):
    root = root_of(known.covariance, known.assets)
    budgets, limits = limits_of(asked, known, mean)
    if model == "risk_parity":
        return limits, parity(limits, budgets, volatility_risk(root), "weight to volatility ratio")
    if model == "maximum_diversification":
        volatilities = np.sqrt(np.diag(known.covariance))
        aim = Aim(Objective(norm={WEIGHTS: root}), "diversification ratio", numerator={WEIGHTS: volatilities})
        return limits, optimum(limits, aim)
    if model == "benchmark_tracking":
        centre = root @ np.full(len(mean), 1.0 / len(mean))
        return limits, optimum(limits, Aim(Objective(norm={WEIGHTS: root}, centre=centre), "tracking error a year"))
    risk = risk_of("cvar" if model == "tail_parity" else model, known.returns, 0.9, 252.0)
    if model == "tail_parity":
        return limits, parity(limits, budgets, risk, "weight to CVaR ratio")
    return limits, optimum(limits, risk.aim)


@pytest.mark.parametrize("model", MODELS)
def test_weights_of_random_feasible_sets_keep_every_limit_in_any_order_of_lines(model, drawn, turned):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        asked, known, mean = drawn(rng, int(rng.integers(3, 9)))
        limits, found = best(model, asked, known, mean)
        assert abs(found.weights.sum() - 1.0) <= 1e-9
        assert limits.outside(found.weights).max() <= 1e-8
        if seed % 5:
            continue
        order = rng.permutation(len(known.assets))
        _, other = best(model, asked, turned(known, order), mean[order])
        assert other.value == pytest.approx(found.value, rel=1e-7, abs=1e-8)
        assert other.weights == pytest.approx(found.weights[order], abs=WITHIN.get(model, 1e-9))
