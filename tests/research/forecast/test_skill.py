"""Losses and ranks of forecasts against scipy, scikit-learn and closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, spearmanr

from foundation.errors import DataError
from research.forecast.skill import covered, hits_beyond_chance, negative_log_density, qlike, rank_correlations


def drawn(seed: int, shape: tuple[int, int] = (40, 12)) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    forecast, outcome = random.normal(size=shape).round(1), random.normal(size=shape).round(1)
    for values in (forecast, outcome):
        values[random.random(shape) < 0.1] = np.nan
    return forecast, outcome


@pytest.mark.parametrize("seed", range(5))
def test_rank_correlations_are_those_of_scipy_with_ties_and_gaps(seed: int) -> None:
    forecast, outcome = drawn(seed)
    found = rank_correlations(forecast, outcome)
    for row in range(len(found)):
        theirs = spearmanr(forecast[row], outcome[row], nan_policy="omit").statistic
        assert found[row] == pytest.approx(float(theirs), abs=1e-14)


def test_a_date_without_an_order_has_no_rank_correlation() -> None:
    rows = np.array([[1.0, 2.0, np.nan], [1.0, 1.0, 1.0], [np.nan] * 3])
    assert np.isnan(rank_correlations(rows, np.array([[1.0, 2.0, 3.0]] * 3))).all()


def test_log_density_is_that_of_scipy() -> None:
    mean, outcome = np.random.default_rng(1).normal(size=(2, 50))
    theirs = -norm.logpdf(outcome, mean, 0.3)
    assert negative_log_density(mean, np.full(50, 0.3), outcome) == pytest.approx(theirs, rel=1e-12)


@given(st.floats(1e-8, 1.0), st.floats(1e-8, 1.0))
def test_qlike_is_least_for_the_outcome_itself_whatever_the_unit(variance: float, outcome: float) -> None:
    h, s = np.array([variance]), np.array([outcome])
    assert qlike(h, s)[0] >= 0.0
    assert qlike(s, s)[0] == 0.0
    assert qlike(1e4 * h, 1e4 * s)[0] == pytest.approx(qlike(h, s)[0], rel=1e-9, abs=1e-12)


def test_qlike_ranks_forecasts_by_a_noisy_measure_as_by_the_true_variance() -> None:
    """Patton (2011): the expected loss of h is that of the true variance plus what does not depend on h."""
    random = np.random.default_rng(3)
    variance = np.exp(random.normal(-9.0, 0.8, 200_000))
    squared = variance * random.normal(size=len(variance)) ** 2
    loss = {factor: qlike(factor * variance, squared).mean() for factor in (0.8, 1.0, 1.25)}
    for factor in (0.8, 1.25):
        assert loss[factor] - loss[1.0] == pytest.approx(1.0 / factor - 1.0 + np.log(factor), abs=0.006)


def test_qlike_takes_a_return_of_zero_for_the_smallest_above_it_and_refuses_what_is_no_variance() -> None:
    assert qlike(np.ones(3), np.array([0.0, 0.5, 1.0]))[0] == qlike(np.ones(1), np.array([0.5]))[0]
    with pytest.raises(DataError, match=r"a forecast of variance is 0 and an outcome 0\.1"):
        qlike(np.array([0.0, 1.0]), np.array([0.1, 0.1]))
    with pytest.raises(DataError, match="Give variances, not returns"):
        qlike(np.array([1.0]), np.array([-0.1]))


def test_hits_beyond_chance_and_covered_by_hand() -> None:
    """Of 4 dates 3 hit; forecasts rise on 2, outcomes on 3: chance alone hits 2/4 × 3/4 + 2/4 × 1/4 = 1/2."""
    forecast = np.array([[1.0], [1.0], [-1.0], [-1.0], [0.0], [2.0], [np.nan]])
    terms = hits_beyond_chance(forecast, np.array([[0.5], [0.5], [-0.5], [0.1], [1.0], [0.0], [1.0]]))
    assert terms[:4].mean() == pytest.approx(3 / 4 - 1 / 2, abs=1e-15)
    assert np.isnan(terms[4:]).all()
    lower, upper = np.array([0.0, 0.0, np.nan]), np.array([1.0, 1.0, 1.0])
    assert covered(lower, upper, np.array([1.0, 1.5, 0.5])).tolist()[:2] == [1.0, 0.0]
    assert np.isnan(covered(lower, upper, np.array([1.0, 1.5, 0.5]))[2])
