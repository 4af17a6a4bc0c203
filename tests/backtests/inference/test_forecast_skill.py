"""Skill with its intervals: published forms written out, and the share of simulated truths that intervals hold."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import binom

from backtests.inference import forecast_skill
from backtests.inference.estimates import EstimateWithTest
from foundation.errors import DataError
from research.forecast.skill import qlike, rank_correlations

WORLDS = 400
LIKELY = tuple(binom.ppf((0.0005, 0.9995), WORLDS, 0.05) / WORLDS)  # rejections of a test of size 5 %, 99.9 % of times


def share_rejected(estimate: Callable[[np.random.Generator], EstimateWithTest]) -> float:
    return float(np.mean([estimate(np.random.default_rng(seed)).p <= 0.05 for seed in range(WORLDS)]))


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_outcomes_that_overlap_do_not_make_skill(horizon: int) -> None:
    """Sums of `horizon` days, forecast each day by nothing: a naive test rejects in most worlds."""

    def of(random: np.random.Generator) -> EstimateWithTest:
        return forecast_skill.mean_over_dates(lfilter(np.ones(horizon), 1.0, random.normal(size=1_000)), horizon)

    assert LIKELY[0] <= share_rejected(of) <= LIKELY[1]


def test_the_size_of_diebold_and_mariano_on_equal_forecasts_of_variance() -> None:
    """Two forecasts that err by the same law, five days ahead, of a variance with a long memory."""

    def of(random: np.random.Generator) -> EstimateWithTest:
        variance = np.exp(lfilter([0.1], [1.0, -0.98], random.normal(size=600)))
        outcome = variance * lfilter(np.ones(5) / 5, 1.0, random.normal(size=600) ** 2 + 0.01)
        one, two = variance * np.exp(0.3 * random.normal(size=(2, 600)))
        return forecast_skill.diebold_mariano(qlike(one, outcome), qlike(two, outcome), 5)

    assert LIKELY[0] <= share_rejected(of) <= LIKELY[1]


def test_the_size_of_clark_and_west_where_the_model_only_adds_noise() -> None:
    """A regression on a predictor without power, refitted each date: its R² is below zero, and p is not small."""

    def of(random: np.random.Generator) -> EstimateWithTest:
        x, r = random.normal(size=(2, 420))
        slope = np.cumsum(x * r)[119:-1] / np.cumsum(x * x)[119:-1]
        return forecast_skill.out_of_sample_r2(slope * x[120:], r[120:], np.zeros(300))

    found = [of(np.random.default_rng(seed)) for seed in range(WORLDS)]
    assert np.mean([r2.value for r2 in found]) < 0.0
    assert np.mean([r2.p <= 0.05 for r2 in found]) <= LIKELY[1]


def test_r2_and_its_ratio_of_errors_by_hand() -> None:
    forecast, outcome = np.random.default_rng(0).normal(size=(2, 200, 3))
    forecast += 0.5 * outcome
    outcome[5, 1] = forecast[7, 0] = np.nan
    outcome[9] = np.nan
    benchmark = np.full_like(outcome, 0.1)
    r2, ratio = (
        forecast_skill.out_of_sample_r2(forecast, outcome, benchmark),
        forecast_skill.rmse_ratio(forecast, outcome, benchmark),
    )
    known = np.isfinite(forecast) & np.isfinite(outcome)
    mine = np.where(known, (outcome - forecast) ** 2, np.nan)
    theirs, rows = np.where(known, (outcome - 0.1) ** 2, np.nan), known.any(axis=1)
    mean_mine, mean_theirs = (np.nanmean(losses[rows], axis=1).mean() for losses in (mine, theirs))
    assert r2.value == pytest.approx(1 - mean_mine / mean_theirs)
    assert ratio.value == pytest.approx((1 - r2.value) ** 0.5)
    assert ratio.lower < ratio.value < ratio.upper


def test_forecasts_that_are_the_benchmark_but_for_rounding_have_no_skill() -> None:
    benchmark, outcome = np.random.default_rng(0).normal(size=(2, 200, 3))
    benchmark[3, 1] = np.nan
    r2 = forecast_skill.out_of_sample_r2(benchmark * (1.0 + 1e-13), outcome, benchmark)
    assert (r2.value, r2.lower, r2.upper, r2.p) == (0.0, 0.0, 0.0, 1.0)
    ratio = forecast_skill.rmse_ratio(benchmark, outcome, benchmark)
    assert (ratio.value, ratio.lower, ratio.upper, ratio.p) == (1.0, 1.0, 1.0, 1.0)


def test_the_interval_of_r2_holds_the_true_one() -> None:
    """r = f + noise of half its variance: the population's R² against zero is 2/3."""
    held = []
    for seed in range(WORLDS):
        random = np.random.default_rng(seed)
        forecast = random.normal(size=500)
        r2 = forecast_skill.out_of_sample_r2(forecast, forecast + random.normal(size=500) * 0.5**0.5, np.zeros(500))
        held.append(r2.lower <= 2.0 / 3.0 <= r2.upper)
    assert 1.0 - LIKELY[1] <= np.mean(held) <= 1.0 - LIKELY[0]


def test_a_planted_signal_is_found_and_shuffled_outcomes_show_none() -> None:
    random = np.random.default_rng(4)
    forecast = random.normal(size=(300, 20))
    outcome = 0.1 * forecast + random.normal(size=(300, 20))
    found = forecast_skill.rank_ic(forecast, outcome)
    assert found.p < 0.001
    assert found.value == pytest.approx(np.mean(rank_correlations(forecast, outcome)))
    assert forecast_skill.direction(forecast, outcome).lower > 0.0
    shuffled = [forecast_skill.rank_ic(forecast, random.permutation(outcome)).p <= 0.05 for _ in range(200)]
    assert np.mean(shuffled) <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_a_date_counts_once_whatever_its_lines() -> None:
    assert forecast_skill.by_date(np.array([[1.0, 3.0], [np.nan, 4.0], [np.nan, np.nan]])).tolist() == [2.0, 4.0]


def test_too_few_dates_are_refused_in_words() -> None:
    with pytest.raises(DataError, match="100 dates with a forecast and its outcome are too few: 126 are needed"):
        forecast_skill.mean_over_dates(np.ones(100), 21)
    with pytest.raises(DataError, match="the benchmark's forecasts are equal to all outcomes"):
        forecast_skill.out_of_sample_r2(np.ones(50), np.zeros(50), np.zeros(50))
    assert forecast_skill.waves_of(126, 21) == 3


def test_direction_is_the_test_of_pesaran_and_timmermann() -> None:
    """Pesaran and Timmermann (1992), equations 4 to 6, of one long series of independent dates."""
    random = np.random.default_rng(7)
    forecast = random.normal(0.3, 1.0, 20_000)
    outcome = 0.03 * forecast + random.normal(0.5, 1.0, 20_000)
    x, y = forecast > 0.0, outcome > 0.0
    px, py, n = x.mean(), y.mean(), len(x)
    hit, chance = (x == y).mean(), px * py + (1.0 - px) * (1.0 - py)
    of_hit = chance * (1.0 - chance) / n
    of_chance = (
        (2.0 * py - 1.0) ** 2 * px * (1.0 - px) + (2.0 * px - 1.0) ** 2 * py * (1.0 - py)
    ) / n + 4.0 * px * py * (1.0 - px) * (1.0 - py) / n**2
    found = forecast_skill.direction(forecast[:, None], outcome[:, None])
    assert found.value == pytest.approx(hit - chance, abs=1e-12)
    assert found.value / found.error == pytest.approx((hit - chance) / (of_hit - of_chance) ** 0.5, rel=0.1)


def test_who_always_expects_a_rise_has_no_skill_of_direction() -> None:
    outcome = np.random.default_rng(1).normal(1.0, 1.0, (200, 3))
    found = forecast_skill.direction(np.full((200, 3), 0.01), outcome)
    assert (outcome > 0.0).mean() > 0.8
    assert (found.value, found.lower, found.upper, found.p) == (0.0, 0.0, 0.0, 1.0)
