"""Confidence sequences: the boundary by its integral, intervals by their equation, false alarms and delays."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from backtests.inference.confidence_sequence import (
    BATCHES_A_YEAR,
    LEARNED,
    TUNED,
    ConfidenceSequence,
    boundary,
    confidence_sequence,
    mixing,
)
from foundation.arrays import Array

YEAR, BATCH = 252, 21
TEN_YEARS = 10 * YEAR


def mixture(total: float, squares: float, rho: float) -> float:
    """The mean of exp(λ S - λ² V / 2) over normal λ with the variance 1 / ρ, by numerical integration."""

    def weighted(x: float) -> float:
        return math.exp(x * total - 0.5 * x**2 * (squares + rho)) * math.sqrt(rho / (2.0 * math.pi))

    peak = total / (squares + rho)
    return float(quad(weighted, peak - 12.0 / math.sqrt(squares + rho), peak + 12.0 / math.sqrt(squares + rho))[0])


@pytest.mark.parametrize("squares", [0.5, 10.0, 60.0, 2_000.0])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.975])
def test_the_mixture_is_one_over_alpha_at_the_boundary(squares: float, level: float) -> None:
    rho = mixing(1.0, level)
    (at,) = boundary(np.array([squares]), rho, level)
    assert mixture(at, squares, rho) == pytest.approx(1.0 / (1.0 - level), rel=1e-8)


def test_boundary_and_mixture_are_those_of_the_authors_software() -> None:
    """ConfSeq, its test of uniform boundaries: two-sided normal mixture, V 100, α 0.05, and ρ by its approximation."""
    rho = 100.0 / (2.0 * math.log(20.0) + math.log(1.0 + 2.0 * math.log(20.0)))
    assert rho == pytest.approx(12.60056, abs=1e-5)
    assert boundary(np.array([100.0]), rho, 0.95)[0] == pytest.approx(30.35209, abs=1e-5)
    assert math.log(mixture(10.0, 100.0, rho)) == pytest.approx(-0.6510052, abs=1e-6)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.975])
def test_the_constant_makes_the_boundary_the_lowest_where_it_is_tuned(level: float) -> None:
    def height(rho: float) -> float:
        return float(boundary(np.array([7.0 * TUNED]), rho, level)[0])

    lowest = minimize_scalar(height, bounds=(1.0, 500.0), method="bounded", options={"xatol": 1e-6})
    assert mixing(7.0, level) == pytest.approx(lowest.x, rel=1e-4)


def test_at_the_ends_of_an_interval_the_mixture_is_one_over_alpha() -> None:
    daily = 1e-4 * np.random.default_rng(0).standard_t(3, TEN_YEARS)
    found, months = confidence_sequence(daily, YEAR), YEAR * daily.reshape(-1, BATCH).mean(axis=1)
    rho = mixing(float((months[:LEARNED] ** 2).mean()), 0.95)
    known = np.flatnonzero(np.isfinite(found.width))
    assert found.days[known[0]] < 1.5 * YEAR
    for k in (known[0], known[-1]):
        own = months[LEARNED : k + 1]
        assert found.value[k] == pytest.approx(own.mean())
        for end in (found.value[k] - found.width[k], found.value[k] + found.width[k]):
            scaled = (own - end) / math.sqrt(rho)
            assert mixture(scaled.sum(), (scaled**2).sum(), 1.0) == pytest.approx(20.0, rel=1e-5)


def kinds(generator: np.random.Generator) -> dict[str, Array]:
    shocks = generator.standard_normal(TEN_YEARS)
    persistent = shocks.copy()
    for t in range(1, TEN_YEARS):
        persistent[t] += 0.3 * persistent[t - 1]
    heavy = generator.standard_t(3, TEN_YEARS)
    wild = shocks * np.repeat(np.exp(generator.standard_normal(TEN_YEARS // 63)), 63)
    return {
        "persistent": persistent,
        "heavy": heavy,
        "wild": wild,
        "rare": heavy * (generator.random(TEN_YEARS) < 0.05),
    }


def test_false_alarms_are_rare_in_ten_years_of_looks() -> None:
    """At most one record in twenty of each kind; about one in a hundred is what larger simulations find."""
    generator, alarms = np.random.default_rng(1), dict[str, int]()
    for _ in range(200):
        for name, daily in kinds(generator).items():
            alarms[name] = alarms.get(name, 0) + (confidence_sequence(daily, YEAR).first_apart() is not None)
    assert max(alarms.values()) <= 10
    assert sum(alarms.values()) > 0  # it can fail


def test_a_true_difference_is_found_about_when_the_formula_says() -> None:
    generator, tracking, mean = np.random.default_rng(2), 0.01, 0.02
    days, said = [], []
    for _ in range(60):
        daily = mean / YEAR + tracking / math.sqrt(YEAR) * generator.standard_normal(TEN_YEARS)
        found = confidence_sequence(daily, YEAR)
        days.append(found.first_apart() or math.inf)
        said.append(found.years_until_known(mean))
    assert np.median(days) / YEAR == pytest.approx(np.median(said), rel=0.15)


def test_smaller_differences_take_longer_and_none_is_never_known() -> None:
    found = confidence_sequence(1e-4 * np.random.default_rng(0).standard_normal(TEN_YEARS), YEAR)
    years = [found.years_until_known(mean) for mean in (0.05, 0.02, 0.005, 0.001, 0.0)]
    assert (years, years[-1]) == (sorted(years), math.inf)


@given(st.floats(1e-6, 1e6), st.integers(0, 10))
def test_in_another_unit_it_is_the_same_sequence(unit: float, seed: int) -> None:
    daily = np.random.default_rng(seed).standard_normal(30 * BATCH)
    one, other = confidence_sequence(daily, YEAR), confidence_sequence(unit * daily, YEAR)
    assert other.width == pytest.approx(unit * one.width, rel=1e-6)


@pytest.mark.parametrize("daily", [np.zeros(TEN_YEARS), np.ones(BATCH), np.empty(0)])
def test_what_is_too_short_or_never_differs_has_no_interval(daily: Array) -> None:
    found = confidence_sequence(daily, YEAR)
    assert not np.isfinite(found.width).any()
    assert found.first_apart() is None
    assert math.isnan(found.last.value)
    assert math.isnan(found.years_until_known(0.01))


def test_a_first_look_apart_is_a_day_on_which_a_batch_ended() -> None:
    found = ConfidenceSequence(
        np.array([21, 42, 63]), np.array([0.1, 0.3, 0.3]), np.array([np.inf, 0.2, 0.1]), 0.95, 1.0
    )
    assert (found.first_apart(), found.first_apart(-0.15, 0.15)) == (42, 63)
    assert found.first_apart(-0.5, 0.5) is None
    assert BATCHES_A_YEAR * BATCH == YEAR
