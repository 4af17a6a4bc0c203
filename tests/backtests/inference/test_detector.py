"""E-detectors: recursions against sums over starts, e-values under the null, mean runs and delays, starts and sizes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.inference import detector
from foundation.arrays import Array

YEAR, WEEK, TRACKING = 252, 5, 0.01
TEN_YEARS, RUN = 10 * YEAR, 100 * YEAR


def first_alarms(daily: Array) -> Array:
    """(paths,) days until the first alarm; inf where there is none."""
    days, ratios = detector.e_detector(daily, YEAR)
    reached = ratios >= 0.0
    alarmed: Array = np.where(reached.any(axis=1), days[reached.argmax(axis=1)], np.inf)
    return alarmed


@given(st.integers(0, 50))
def test_both_recursions_are_the_sum_and_the_maximum_over_all_starts(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values, begins = generator.uniform(0.05, 2.0, (2, 40)), generator.random((2, 40)) < 0.8
    summed, by_recursion = np.exp(detector.shiryaev_roberts(np.log(values), begins)), np.zeros(2)
    for t in range(40):
        since = np.array([[row[j : t + 1].prod() for j in range(t + 1)] for row in values])
        assert summed[:, t] == pytest.approx((since * begins[:, : t + 1]).sum(axis=1), rel=1e-9)
        by_recursion = values[:, t] * (by_recursion + begins[:, t])
        assert summed[:, t] == pytest.approx(by_recursion, rel=1e-9)
        largest, starts = detector.cusum(np.log(values[0, : t + 1]))
        assert math.exp(largest[-1]) == pytest.approx(since[0].max(), rel=1e-9)
        assert starts[-1] == since[0].argmax()


def test_the_detector_is_the_mean_over_both_signs_by_a_loop_anyone_can_check() -> None:
    daily = np.random.default_rng(0).standard_t(3, 400)
    weeks, sums, scale = daily.reshape(-1, WEEK).sum(axis=1), [0.0, 0.0], 0.0
    days, ratios = detector.e_detector(daily, YEAR)
    assert days.tolist() == list(range(5, 401, 5))
    for t, week in enumerate(weeks):
        if t >= detector.SCALE_WEEKS:
            scale = detector.NORMAL_RATIO * np.average(np.abs(weeks[:t]), weights=(12.0 / 13.0) ** np.arange(t)[::-1])
            y = min(max(week / scale, -detector.CUT), detector.CUT)
            sums = [(1.0 + sign * detector.STAKE * y) * (each + 1.0) for sign, each in zip((1, -1), sums, strict=True)]
            assert ratios[t] == pytest.approx(math.log(sum(sums) / 2.0 / (12.5 * 252 / 5)), abs=1e-9)
    assert detector.STAKE * detector.CUT < 1.0  # so that each e-value is above 0


@given(st.integers(0, 50), st.integers(detector.SCALE_WEEKS, 60), st.floats(-1e3, 1e3))
def test_whatever_came_before_an_e_value_has_the_mean_one_over_both_signs_of_a_week(
    seed: int, at: int, size: float
) -> None:
    """The guarantee: of a week that is symmetric round 0, given those before it, nothing else is assumed."""
    before = np.random.default_rng(seed).standard_cauchy(at)
    up, down = (float(detector.weekly_scores(np.append(before, each))[-1]) for each in (size, -size))
    assert ((1.0 + detector.STAKE * up) + (1.0 + detector.STAKE * down)) / 2.0 == pytest.approx(1.0, abs=1e-12)


def symmetric(generator: np.random.Generator, paths: int, days: int) -> dict[str, Array]:
    normal = generator.standard_normal((paths, days))
    return {
        "normal": normal,
        "heavy": generator.standard_t(3, (paths, days)),
        "wild": normal * np.repeat(np.exp(generator.standard_normal((paths, days // 63 + 1))), 63, axis=1)[:, :days],
    }


def test_the_mean_evidence_without_a_break_is_the_number_of_starts() -> None:
    """E M_t = t for symmetric weeks, within four standard errors."""
    weeks = 8
    for daily in symmetric(np.random.default_rng(1), 40_000, (detector.SCALE_WEEKS + weeks) * WEEK).values():
        evidence = np.exp(detector.e_detector(daily, YEAR)[1][:, -1]) * detector.RUN_YEARS * YEAR / WEEK
        assert abs(evidence.mean() - weeks) < 4.0 * evidence.std() / 200.0


def test_the_mean_run_of_the_classical_procedure_is_the_published_one() -> None:
    """Normal likelihood ratios of a shift θ: about A exp(0.5826 θ).

    Source : Pollak (1987), Average Run Lengths of an Optimal Method of Detecting a Change in Distribution, Annals of
             Statistics 15(2), for the form; Siegmund (1985), Sequential Analysis, for the constant.
    """
    theta, level = 0.5, 100.0
    logs = theta * np.random.default_rng(2).standard_normal((2_000, 2_000)) - 0.5 * theta**2
    reached = detector.shiryaev_roberts(logs, np.ones(logs.shape, bool)) >= math.log(level)
    runs = reached.argmax(axis=1) + 1.0
    assert reached.any(axis=1).all()
    assert runs.mean() == pytest.approx(level * math.exp(0.5826 * theta), rel=4.0 / math.sqrt(2_000))


def test_without_a_break_ten_years_pass_on_average_until_an_alarm() -> None:
    """Mean runs beyond 2,520 sessions, by two standard errors: exact where weeks are symmetric, else as measured."""
    generator, paths = np.random.default_rng(3), 300
    laws = symmetric(generator, paths, RUN)
    persistent = laws["normal"].copy()
    for t in range(1, RUN):
        persistent[:, t] += 0.1 * persistent[:, t - 1]
    for daily in (*laws.values(), persistent, generator.exponential(1.0, (paths, RUN)) - 1.0):
        runs = np.minimum(first_alarms(daily), RUN)
        assert runs.mean() - 2.0 * runs.std() / math.sqrt(paths) > TEN_YEARS


@pytest.mark.parametrize("years", [0, 1, 3])
def test_a_loss_of_five_percent_a_year_is_found_within_151_sessions_in_the_median(years: int) -> None:
    before, paths = years * YEAR, 1_000
    daily = TRACKING / math.sqrt(YEAR) * np.random.default_rng(4).standard_normal((paths, before + 4 * YEAR))
    daily[:, before:] -= 0.05 / YEAR
    alarmed = first_alarms(daily)
    assert np.median(alarmed[alarmed > before] - before) <= 151
    stated = [detector.break_now(daily[i, : int(alarmed[i])], YEAR) for i in np.flatnonzero(alarmed > before)[:200]]
    starts, means = zip(*((each.since - before, each.mean) for each in stated if each), strict=True)
    assert abs(np.median(starts)) <= 4 * WEEK
    assert -0.07 < np.median(means) < -0.045


def test_the_break_is_stated_with_its_start_and_the_mean_since() -> None:
    daily = 1e-4 * np.random.default_rng(5).standard_normal(2 * YEAR)
    daily[300:] += 3e-4
    found = detector.break_now(daily, YEAR)
    assert abs(found.since - 300) <= 2 * WEEK
    assert found.mean == pytest.approx(YEAR * daily[found.since : 500].mean())  # the last two days are no week
    assert found.mean == pytest.approx(YEAR * 3e-4, rel=0.1)
    assert detector.break_now(daily[:300], YEAR) is None
    opposite = detector.break_now(-daily, YEAR)
    assert (opposite.since, opposite.mean) == (found.since, -found.mean)


def test_later_days_change_no_earlier_evidence_and_the_unit_changes_none() -> None:
    daily = np.random.default_rng(6).standard_t(3, TEN_YEARS)
    ratios, other = detector.e_detector(daily, YEAR)[1], daily.copy()
    other[1_000:] = 77.0
    assert detector.e_detector(other, YEAR)[1][:200].tolist() == ratios[:200].tolist()
    assert detector.e_detector(1e-6 * daily, YEAR)[1] == pytest.approx(ratios, rel=1e-9)


def test_one_wild_week_neither_alarms_nor_hides_a_break() -> None:
    daily = 1e-4 * np.random.default_rng(7).standard_normal(2 * YEAR)
    daily[150] = -1.0
    assert not (detector.e_detector(daily[:250], YEAR)[1] >= 0.0).any()
    daily[YEAR:] -= 1e-4
    assert detector.break_now(daily, YEAR) is not None


@pytest.mark.parametrize("daily", [np.zeros(RUN), np.ones(detector.SCALE_WEEKS * WEEK), np.ones(WEEK - 1), np.empty(0)])
def test_what_is_too_short_or_never_differs_has_no_break(daily: Array) -> None:
    assert not (detector.e_detector(daily, YEAR)[1] >= 0.0).any()
    assert detector.break_now(daily, YEAR) is None
