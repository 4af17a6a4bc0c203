"""How far each input moves the weights: against the closed form of unconstrained mean-variance weights."""

import numpy as np
import pandas as pd
import pytest
from cases import cases
from simulated import world

from foundation.arrays import Array
from foundation.errors import ConfigError
from research.allocation import HRP, EqualWeights, InverseVolatility, MeanVariance
from research.allocation.constraints import Bounds, Constraints, Most
from research.allocation.input_sensitivity import (
    InputErrors,
    InputSensitivity,
    changed_sample,
    input_errors,
    input_sensitivity,
    sensitivity,
)
from research.forecast import Estimated

AVERSION = 3.0
NAMES = ("A", "B", "C", "D")
MARKET = world(300, 3)


def drawn(count: int = 400, seed: int = 2) -> Array:
    rng = np.random.default_rng(seed)
    return 0.0005 + 0.01 * rng.standard_normal((count, 4)) @ (np.eye(4) + 0.5 * rng.random((4, 4)))


def best(returns: Array) -> Array:
    """(1/γ) Σ⁻¹ μ: the largest mean less γ/2 times the variance where nothing limits it."""
    return np.linalg.solve(np.cov(returns, rowvar=False), returns.mean(axis=0)) / AVERSION


def derivatives(returns: Array) -> dict[str, Array]:
    """By input, the derivative of Σ⁻¹ μ / γ: Σ⁻¹ e / γ by a mean, -Σ⁻¹ (dΣ) w by what Σ depends on."""
    mean, cov, weights = returns.mean(axis=0), np.cov(returns, rowvar=False), best(returns)
    deviation, inverse, found = np.sqrt(np.diag(cov)), np.linalg.inv(cov), {}
    for i, name in enumerate(NAMES):
        found[f"mean of {name}"] = inverse[:, i] / AVERSION
        change = np.zeros((4, 4))
        change[i, :] = cov[i, :] / deviation[i]
        found[f"volatility of {name}"] = -inverse @ (change + change.T) @ weights
        for j in range(i + 1, 4):
            change = np.zeros((4, 4))
            change[i, j] = change[j, i] = deviation[i] * deviation[j]
            found[f"correlation of {name} and {NAMES[j]}"] = -inverse @ change @ weights
    assert mean @ weights > 0.0
    return found


def test_small_errors_give_the_derivative_of_the_closed_form():
    returns, small = drawn(), 1e-5
    errors = InputErrors(np.full(4, 1e-8), np.full(4, 1e-7), np.full((4, 4), small))
    found = sensitivity(best, returns, errors, NAMES)
    wanted = derivatives(returns)
    assert found.inputs == (*(f"{kind} of {name}" for kind in ("mean", "volatility") for name in NAMES),
                            *(name for name in wanted if name.startswith("correlation")))  # fmt: skip
    for name, error, moved in zip(found.inputs, found.errors, found.moved, strict=True):
        assert moved / error == pytest.approx(wanted[name], rel=1e-5, abs=1e-6 * np.abs(wanted[name]).max()), name


def test_a_mean_moves_the_weights_linearly_by_any_error():
    returns = drawn()
    errors = InputErrors(np.full(4, 3e-4), np.full(4, 1e-4), np.full((4, 4), 0.05))
    found = sensitivity(best, returns, errors, NAMES)
    for i, name in enumerate(NAMES):
        assert found.moved[i] == pytest.approx(3e-4 * derivatives(returns)[f"mean of {name}"], rel=1e-9)


def test_an_allocation_without_limits_that_bind_moves_by_the_closed_form():
    free = Constraints(net=Bounds(least=-100.0, most=100.0), gross=Most(most=100.0))
    model = MeanVariance(
        "utility", forecast=Estimated("historical", "sample", 250), constraints=free, risk_aversion=AVERSION
    )  # fmt: skip
    found = input_sensitivity(model, MARKET, 20)
    window = MARKET.returns[-250:]
    errors = input_errors(window, 20, 21.0, 1)
    inverse = np.linalg.inv(np.cov(window, rowvar=False))
    for i in range(window.shape[1]):
        assert found.moved[i] == pytest.approx(errors.mean[i] * inverse[:, i] / AVERSION, rel=1e-4, abs=1e-5)
    assert found.weights == pytest.approx(inverse @ window.mean(axis=0) / AVERSION, rel=1e-4)


@cases("kind, of, by", ("mean", (1,), 2e-4), ("volatility", (2,), -1e-3), ("correlation", (0, 3), 0.07))
def test_one_sample_moment_is_another_and_the_others_are_as_they_were(kind, of, by):
    returns = drawn()
    new = changed_sample(returns, kind, of, by)
    before, after = (
        {"mean": one.mean(axis=0), "volatility": one.std(axis=0, ddof=1), "correlation": np.corrcoef(one, rowvar=False)}
        for one in (returns, new)
    )
    before[kind][of if len(of) > 1 else of[0]] += by
    if kind == "correlation":
        before[kind][of[::-1]] += by
    for name, moment in before.items():
        assert after[name] == pytest.approx(moment, abs=1e-12)


def test_bootstrapped_errors_are_those_of_normal_returns():
    """σ/√T, σ/√(2T) and (1 - ρ²)/√T (Anderson 2003, An Introduction to Multivariate Statistical Analysis, 4.2)."""
    returns = drawn(2_000)
    errors = input_errors(returns, 800, 1.0, 3)
    deviation, correlation = returns.std(axis=0, ddof=1), np.corrcoef(returns, rowvar=False)
    above = np.triu_indices(4, 1)
    assert errors.mean == pytest.approx(deviation / 2_000**0.5, rel=0.12)
    assert errors.volatility == pytest.approx(deviation / 4_000**0.5, rel=0.12)
    assert errors.correlation[above] == pytest.approx((1.0 - correlation[above] ** 2) / 2_000**0.5, rel=0.12)


def test_weights_do_not_depend_on_the_order_of_the_lines_where_a_correlation_moves():
    returns, order = drawn(), np.array([2, 0, 3, 1])
    new = changed_sample(returns, "correlation", (0, 2), 0.05)
    turned = changed_sample(returns[:, order], "correlation", (1, 0), 0.05)
    assert turned == pytest.approx(new[:, order], abs=1e-12)


def test_inverse_volatility_moves_by_volatilities_alone():
    found = input_sensitivity(InverseVolatility(window=100), MARKET, 20)
    moves = pd.Series(found.turnover, index=found.inputs)
    still = moves[[name for name in moves.index if not name.startswith("volatility")]]
    assert still.max() < 1e-12
    assert moves.drop(still.index).min() > 1e-3
    assert found.moved.sum(axis=1) == pytest.approx(0.0, abs=1e-12)
    own = found.moved[[found.inputs.index(f"volatility of {name}") for name in found.assets]]
    assert (np.diag(own) < 0.0).all()


def test_the_table_has_the_inputs_of_each_kind_that_move_most():
    found = input_sensitivity(HRP(window=100), MARKET, 20)
    table = found.table(2)
    assert [name.split()[0] for name in table.index] == ["mean"] * 2 + ["volatility"] * 2 + ["correlation"] * 2
    assert table["turnover"].iloc[2] == pytest.approx(max(found.turnover[3:6]))
    assert len(found.table()) == len(found.inputs) == 9


def test_a_correlation_that_others_determine_does_not_move_alone():
    returns = drawn()
    returns[:, 3] = 0.5 * returns[:, 0] + 0.5 * returns[:, 1]
    errors = InputErrors(np.full(4, 1e-5), np.full(4, 1e-5), np.full((4, 4), 0.02))
    found = sensitivity(lambda window: 1.0 / window.std(axis=0), returns, errors, NAMES)
    rows = pd.Series(np.isnan(found.moved).any(axis=1), index=found.inputs)
    assert rows.filter(like="correlation").all()
    assert not rows.filter(regex="mean|volatility").any()


def test_an_allocation_without_a_window_is_refused():
    with pytest.raises(ConfigError, match="estimates nothing from a window"):
        input_sensitivity(EqualWeights(), MARKET)
    with pytest.raises(ConfigError, match="draws is 3"):
        input_sensitivity(HRP(window=100), MARKET, 3)


def test_the_strongest_inputs_name_the_two_lines_that_they_move_most():
    moved = np.array([[0.0, 0.0, 0.0], [0.01, -0.03, 0.02], [0.05, -0.01, -0.04], [np.nan] * 3])
    lines = (("A",), ("B",), ("A", "B"), ("B", "C"))
    kinds = ("mean", "volatility", "correlation", "correlation")
    found = InputSensitivity(("A", "B", "C"), np.full(3, 1 / 3), kinds, lines, np.ones(4), moved).strongest(most=3)
    assert list(found.index) == ["correlation of A and B", "volatility of B"]
    assert found.loc["correlation of A and B"].tolist() == ["A", 0.05, "C", -0.04, 0.05]
    assert found.loc["volatility of B"].tolist() == ["B", -0.03, "C", 0.02, 0.03]
