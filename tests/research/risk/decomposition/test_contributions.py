"""Contributions to risk: they sum to the whole, are the derivatives that they say, and closed forms in simple cases."""

import numpy as np
import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import DataError
from research.risk.decomposition.contributions import (
    effective_bets,
    risk_contributions,
    summed_by,
    variance_contributions,
)


def random_case(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n + 2)) * rng.uniform(0.01, 0.5, size=(n, 1))
    return rng.normal(size=n), root @ root.T


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_contributions_sum_to_the_volatility(seed, n) -> None:
    weights, covariance = random_case(seed, n)
    volatility = float(np.sqrt(weights @ covariance @ weights))
    assert risk_contributions(weights, covariance).sum() == pytest.approx(volatility, rel=1e-12)


def test_each_is_its_weight_times_the_derivative() -> None:
    weights, covariance = random_case(3, 5)
    for i, step in enumerate(1e-6 * np.eye(5)):
        up, down = (float(np.sqrt((weights + s) @ covariance @ (weights + s))) for s in (step, -step))
        derivative = (up - down) / 2e-6
        assert risk_contributions(weights, covariance)[i] == pytest.approx(weights[i] * derivative, rel=1e-7)


def test_two_lines_are_the_closed_form() -> None:
    (a, b), (va, vb), rho = (0.6, 0.4), (0.15, 0.05), 0.2
    covariance = np.array([[va * va, rho * va * vb], [rho * va * vb, vb * vb]])
    sigma = np.sqrt((a * va) ** 2 + (b * vb) ** 2 + 2 * rho * a * b * va * vb)
    expected = [((a * va) ** 2 + rho * a * b * va * vb) / sigma, ((b * vb) ** 2 + rho * a * b * va * vb) / sigma]
    assert risk_contributions([a, b], covariance) == pytest.approx(expected, rel=1e-14)


def test_inverse_volatility_of_equal_correlations_has_equal_contributions() -> None:
    volatility = np.array([0.05, 0.1, 0.2, 0.4])
    covariance = np.outer(volatility, volatility) * (0.3 + 0.7 * np.eye(4))
    assert np.ptp(risk_contributions(1.0 / volatility, covariance)) < 1e-14


def test_a_hedge_adds_less_than_nothing() -> None:
    assert risk_contributions([1.0, -0.2], 0.04 * np.array([[1.0, 0.9], [0.9, 1.0]]))[1] < 0.0


@given(st.integers(0, 10_000))
def test_realised_contributions_sum_to_the_variance(seed) -> None:
    parts = np.random.default_rng(seed).normal(0.0, 0.01, size=(50, 6))
    found = variance_contributions(parts)
    assert found.sum() == pytest.approx(float(np.var(parts.sum(axis=1), ddof=1)), rel=1e-12)
    for i in range(6):
        assert found[i] == pytest.approx(float(np.cov(parts[:, i], parts.sum(axis=1))[0, 1]), rel=1e-9, abs=1e-16)


def test_of_constant_weights_realised_and_ex_ante_agree() -> None:
    returns, weights = np.random.default_rng(1).normal(0.0, 0.01, size=(300, 4)), np.array([0.4, 0.3, 0.2, 0.1])
    realised = variance_contributions(weights * returns)
    ex_ante = risk_contributions(weights, np.cov(returns, rowvar=False))
    assert realised / np.sqrt(realised.sum()) == pytest.approx(ex_ante, rel=1e-12)


def test_bets_of_one_line_of_copies_and_of_uncorrelated_lines() -> None:
    assert effective_bets([1.0], np.array([[0.04]])) == pytest.approx(1.0, rel=1e-14)
    assert effective_bets([0.5, 0.5], np.full((2, 2), 0.04)) == pytest.approx(1.0, rel=1e-14)
    risk_parity = 1.0 / np.array([0.1, 0.2, 0.5])
    assert effective_bets(risk_parity, np.diag([0.01, 0.04, 0.25])) == pytest.approx(3.0, rel=1e-14)


def test_groups_keep_their_order_and_their_sum() -> None:
    assert list(summed_by(np.array([1.0, 2.0, 3.0]), ["b", "a", "b"]).items()) == [("b", 4.0), ("a", 2.0)]


@cases(
    "weights, covariance, words",
    ([0.0, 0.0], np.eye(2), "no risk"),
    ([1.0, -1.0], np.ones((2, 2)), "no risk"),
    ([0.5, np.nan], np.eye(2), "weights in row 1"),
    ([0.5, 0.5], np.eye(3), r"2 by 2: found shape \(3, 3\)"),
)
def test_what_has_no_contributions_is_refused(weights, covariance, words) -> None:
    with pytest.raises(DataError, match=words):
        risk_contributions(weights, covariance)


def test_parts_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(DataError, match="two periods"):
        variance_contributions(np.ones((1, 3)))
    with pytest.raises(DataError, match="part 1 of the return in row 2 is nan"):
        variance_contributions(np.array([[0.0, 0.0], [0.0, 0.0], [0.0, np.nan]]))
    with pytest.raises(DataError, match="2 values have 1 groups"):
        summed_by(np.ones(2), ["a"])
