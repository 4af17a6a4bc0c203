"""Trust in a forecast: by hand, near one where it is right, none where it knows nothing."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from scipy.stats import t as student

from research.forecast.boosted.calibration import folds, less_day_means, measured_skill


def test_two_lines_on_four_days_by_hand() -> None:
    rows, forecast = np.repeat(np.arange(0, 12, 3), 2), np.tile([0.5, -0.5], 4)
    found = measured_skill(rows, forecast, np.array([1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 2.0, -2.0]), 1)
    sums = np.array([1.0, 2.0, 3.0, 2.0])
    t = sums.mean() / (np.sqrt(2.0) * sums.std(ddof=1) / 2.0)
    assert found.blocks == 4
    assert found.slope == pytest.approx(8.0 / 2.0)
    assert found.t == pytest.approx(t)
    assert found.trust == pytest.approx(1.0 - (student.ppf(0.95, 3) / t) ** 2)


def days_of(seed: int, skill: float, horizon: int = 5, days: int = 200, lines: int = 6) -> tuple[np.ndarray, ...]:
    """Outcomes over a horizon that overlap from day to day, and forecasts that persist and know a part of them."""
    rng = np.random.default_rng(seed)
    signal = np.repeat(rng.normal(size=(days // 20 + 2, lines)), 20, axis=0)[: days + horizon]
    total = np.vstack([np.zeros(lines), np.cumsum(rng.normal(size=(days + horizon, lines)) + skill * signal, axis=0)])
    outcome = total[horizon : days + horizon] - total[:days]
    excess = outcome - outcome.mean(axis=1, keepdims=True)
    tilt = horizon * skill * (signal[:days] - signal[:days].mean(axis=1, keepdims=True))
    return np.repeat(np.arange(days), lines), tilt.ravel(), excess.ravel()


def test_a_good_forecast_is_trusted() -> None:
    found = measured_skill(*days_of(0, 1.0), 5)
    assert 0.8 < found.trust <= 1.0
    assert found.rank_ic > 0.5


def test_folds_of_noise_are_trusted_in_one_of_twenty() -> None:
    """Regressions of each fold on the others, of outcomes without skill; 400 draws at 5 % are 33 at most, with 99 %
    confidence. As if their blocks were independent, t would be √2 times that, and 400 draws would be trusted 60 times.
    """
    rows, found, rng = np.repeat(np.arange(0, 500, 5), 6), [], np.random.default_rng(0)
    parts = folds(rows, 5, 0)
    for _ in range(400):
        x, y = rng.normal(size=(600, 12)), rng.normal(size=600)
        excess, forecast = y - np.repeat(y.reshape(-1, 6).mean(axis=1), 6), np.empty(600)
        for train, out in parts:
            forecast[out] = x[out] @ np.linalg.solve(
                x[train].T @ x[train] + 1e3 * np.eye(12), x[train].T @ excess[train]
            )
        found.append(measured_skill(rows, less_day_means(rows, forecast), excess, 5))
    assert 8 <= sum(skill.trust > 0.0 for skill in found) <= 33
    assert 0.9 < np.std([skill.t for skill in found]) < 1.1


def test_a_forecast_against_the_outcomes_and_one_that_says_nothing_are_not_trusted() -> None:
    rows, forecast, excess = days_of(3, 1.0)
    against = measured_skill(rows, -forecast, excess, 5)
    assert against.slope < 0.0
    assert against.trust == 0.0
    silent = measured_skill(rows, np.zeros(len(rows)), excess, 5)
    assert (silent.slope, silent.t, silent.trust, silent.rank_ic) == (0.0, 0.0, 0.0, 0.0)


def test_what_the_forecast_says_of_all_lines_of_a_day_does_not_count() -> None:
    rows, tilt, _ = days_of(3, 1.0)
    np.testing.assert_allclose(less_day_means(rows, tilt + np.sin(rows)), tilt, atol=1e-12)


def test_of_one_sample_a_day_the_rank_correlation_is_over_days() -> None:
    rng = np.random.default_rng(5)
    rows, tilt, outcome = np.arange(0, 900, 3), *rng.normal(size=(2, 300))
    outcome += tilt
    assert less_day_means(rows, tilt) is tilt
    assert measured_skill(rows, tilt, outcome, 3).rank_ic == pytest.approx(spearmanr(tilt, outcome).statistic)
