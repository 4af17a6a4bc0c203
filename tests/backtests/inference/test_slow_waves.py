"""Means that move slowly: scipy's transform, Student's law by hand, simulated truth, and what has no upper end."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft, signal, stats

from backtests.inference import slow_waves


def slow(days: int, count: int, seed: int, memory: float = 0.97) -> np.ndarray:
    """(days, count) losses with a mean of 1 that share half of their variance: exponentials of slow processes."""
    shocks = np.random.default_rng(seed).standard_normal((days, count + 1)) * math.sqrt(1.0 - memory**2)
    shocks[0] /= math.sqrt(1.0 - memory**2)
    level = signal.lfilter([1.0], [1.0, -memory], shocks, axis=0)
    return np.exp((0.5 * (level[:, :1] + level[:, 1:])) - 0.25)


def of(losses: np.ndarray, known: object = True) -> slow_waves.SlowMeans:
    return slow_waves.SlowMeans.of(losses, np.broadcast_to(known, losses.shape[1]), rounding=1e-8)


# errors


def test_transforms_are_the_slowest_terms_of_scipys_cosine_transform() -> None:
    x = np.random.default_rng(0).standard_normal((400, 3))
    theirs = fft.dct(x, type=2, axis=0, norm="ortho")[1 : slow_waves.WAVES + 1] / math.sqrt(400)
    assert slow_waves.wave_transforms(x) == pytest.approx(theirs, abs=1e-13)
    assert slow_waves.wave_error(x[:, 0], 6) == pytest.approx(
        math.sqrt(np.mean(fft.dct(x[:, 0], type=2, norm="ortho")[1:7] ** 2) / 400), rel=1e-12
    )


def test_the_error_of_a_mean_does_not_depend_on_it() -> None:
    x = np.random.default_rng(1).standard_normal(500)
    assert slow_waves.wave_error(x + 1e3) == pytest.approx(slow_waves.wave_error(x), rel=1e-9)


@pytest.mark.parametrize("level", [0.90, 0.95, 0.99])
def test_intervals_are_students_on_logarithms(level: float) -> None:
    losses = slow(1_000, 1, 2)
    found, mean = of(losses).figure(0, level), losses.mean()
    reach = stats.t(slow_waves.WAVES).ppf(0.5 + level / 2.0) * slow_waves.wave_error(losses[:, 0]) / mean
    assert (found.value, found.error) == pytest.approx((mean, slow_waves.wave_error(losses[:, 0])), rel=1e-12)
    assert (found.lower, found.upper) == pytest.approx((mean * math.exp(-reach), mean * math.exp(reach)), rel=1e-9)


# differences


def test_p_is_students_test_of_the_logarithm_of_the_ratio() -> None:
    losses = slow(1_000, 2, 4)
    mean = losses.mean(axis=0)
    error = slow_waves.wave_error(losses[:, 0] / mean[0] - losses[:, 1] / mean[1])
    expected = 2.0 * stats.t(slow_waves.WAVES).sf(abs(math.log(mean[0] / mean[1])) / error)
    assert of(losses).difference(0, 1, 0.95).p == pytest.approx(expected, rel=1e-9)


def test_the_interval_has_the_quantiles_of_simulated_errors() -> None:
    """Two million draws of the bivariate t: a quantile at 2.5 % is known to half a per cent of the reach."""
    rng, found = np.random.default_rng(3), of(slow(1_000, 2, 3) * [2.0, 1.0])
    normal = rng.standard_normal((2_000_000, slow_waves.WAVES)) / math.sqrt(slow_waves.WAVES)
    errors = normal / np.sqrt(rng.chisquare(slow_waves.WAVES, 2_000_000) / slow_waves.WAVES)[:, None] @ found.relative
    simulated = found.means[0] * np.exp(errors[:, 0]) - found.means[1] * np.exp(errors[:, 1])
    pair, ends = found.difference(0, 1, 0.95), np.quantile(simulated, [0.025, 0.975])
    assert [pair.lower, pair.upper] == pytest.approx(ends, abs=0.01 * (ends[1] - ends[0]))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.3, 3.0))
def test_the_interval_leaves_zero_out_where_the_test_does(seed: int, factor: float) -> None:
    found = of(slow(300, 2, seed) * [1.0, factor]).difference(0, 1, 0.95)
    if abs(found.p - 0.05) > 1e-4:
        assert (found.lower > 0.0 or found.upper < 0.0) == (found.p < 0.05)
    assert found.lower <= found.value <= found.upper


def test_a_small_difference_has_a_small_error_however_much_both_move_together() -> None:
    one = slow(2_000, 1, 5)[:, 0]
    other = one + 0.01 + 0.001 * np.random.default_rng(6).standard_normal(2_000)
    found, alone = of(np.column_stack([other, one])).difference(0, 1, 0.95), of(one[:, None]).figure(0, 0.95)
    assert found.upper - found.lower < 0.05 * (alone.upper - alone.lower)
    assert found.p < 0.05


def test_the_other_way_round_is_the_mirror_image() -> None:
    found = of(slow(500, 2, 7))
    there, back = found.difference(0, 1, 0.95), found.difference(1, 0, 0.95)
    assert (back.value, back.lower, back.upper) == pytest.approx((-there.value, -there.upper, -there.lower), rel=1e-5)
    assert back.p == pytest.approx(there.p, rel=1e-12)


def test_one_series_and_its_rounding_do_not_differ() -> None:
    one = slow(300, 1, 8)
    found = of(np.hstack([one, one, np.nextafter(one, np.inf)]))
    for other in (1, 2):
        assert found.difference(other, 0, 0.95).p == 1.0
        assert found.difference(other, 0, 0.95).upper == 0.0


def test_no_loss_at_all_is_less_than_any() -> None:
    found = of(np.hstack([slow(300, 1, 9), np.zeros((300, 1))]))
    assert found.difference(0, 1, 0.95).p == 0.0
    assert found.difference(0, 1, 0.95).lower > 0.0
    assert found.figure(1, 0.95).value == found.figure(1, 0.95).upper == 0.0


def test_a_mean_that_refunds_make_negative_has_the_interval_of_student() -> None:
    """It has no logarithm: the mean and its difference to another are Student's, with the waves' own error."""
    paid, refunded = slow(300, 1, 10), slow(300, 1, 11) - 1e3
    found = of(np.hstack([paid, refunded]))
    own, both = (
        slow_waves.wave_error(column) * stats.t.ppf(0.975, slow_waves.WAVES)
        for column in (refunded[:, 0], (paid - refunded)[:, 0])
    )
    mean, gap = refunded.mean(), (paid - refunded).mean()
    figure, difference = found.figure(1, 0.95), found.difference(0, 1, 0.95)
    assert (figure.lower, figure.value, figure.upper) == pytest.approx((mean - own, mean, mean + own))
    assert (difference.lower, difference.value, difference.upper) == pytest.approx((gap - both, gap, gap + both))
    assert found.ratio(0, 1) == pytest.approx(gap / both * stats.t.ppf(0.975, slow_waves.WAVES))
    assert found.figure(0, 0.95) == of(paid).figure(0, 0.95)


# what is known from below only


def test_what_has_not_shown_its_limit_is_known_from_below_only() -> None:
    losses = slow(1_000, 2, 10)
    free, limited = of(losses, [False, True]), of(losses)
    one, both = free.figure(0, 0.95), limited.figure(0, 0.90)
    assert (one.lower, one.upper) == (pytest.approx(both.lower, rel=1e-9), math.inf)  # one side at 95 % is two at 90 %
    assert one.interval() == f"at least {one.lower:.2f}"


def test_differences_are_known_from_the_side_from_which_their_parts_are() -> None:
    losses = slow(1_000, 2, 11) * [3.0, 1.0]
    found, both = of(losses, [False, True]), of(losses)
    there, back, two = found.difference(0, 1, 0.95), found.difference(1, 0, 0.95), both.difference(0, 1, 0.90)
    assert (there.lower, there.upper) == (pytest.approx(two.lower, rel=1e-9), math.inf)
    assert (back.lower, back.upper) == (-math.inf, pytest.approx(-two.lower, rel=1e-5))
    assert (there.p, back.p) == pytest.approx((two.p / 2.0, two.p / 2.0), rel=1e-9)


def test_a_loss_that_may_be_larger_proves_nothing_in_its_favour() -> None:
    losses = slow(1_000, 2, 12) * [0.1, 1.0]
    assert of(losses).difference(0, 1, 0.95).p < 0.01
    assert of(losses, [False, True]).difference(0, 1, 0.95).p > 0.99


def test_of_two_that_are_known_from_below_nothing_is_said() -> None:
    found = of(slow(500, 2, 13) * [9.0, 1.0], False).difference(0, 1, 0.95)
    assert found.lower == -math.inf
    assert found.upper == math.inf
    assert found.p == 1.0
    assert found.interval() == "not known"


# how often they hold


def test_intervals_hold_the_truth_of_series_with_a_memory_of_months() -> None:
    """400 series of eight years whose memory halves in 23 days: 95 % within three standard errors and 2 % of bias."""
    found = [of(slow(2_000, 2, seed)) for seed in range(400)]
    single = np.mean([f.figure(0, 0.95).lower <= 1.0 <= f.figure(0, 0.95).upper for f in found])
    apart = np.mean([f.difference(0, 1, 0.95).p > 0.05 for f in found])
    assert 0.90 <= single <= 0.985
    assert 0.92 <= apart <= 0.985


def test_the_confidence_set_keeps_all_of_five_equals() -> None:
    """In 90 % of 300 worlds; three standard errors are 5 %, and skewness costs 3 % more."""
    kept = np.mean([slow_waves.confidence_set(of(slow(2_000, 5, 1_000 + seed))).included.all() for seed in range(300)])
    assert 0.82 <= kept <= 0.96


def test_the_confidence_set_holds_the_best_and_drops_the_worst() -> None:
    losses = slow(3_000, 4, 14, memory=0.5)
    losses *= [1.0, 1.0, 2.0, 3.0] / losses.mean(axis=0) * [1.0, 1.001, 1.0, 1.0]
    found = slow_waves.confidence_set(of(losses))
    assert (found.included.tolist(), found.p[0]) == ([True, True, False, False], 1.0)
    assert found.p[3] <= found.p[2] <= 0.10


def test_a_policy_that_is_known_from_below_rules_out_no_other() -> None:
    losses = slow(3_000, 2, 15, memory=0.5) * [0.2, 2.0]
    assert slow_waves.confidence_set(of(losses)).included.tolist() == [True, False]
    assert slow_waves.confidence_set(of(losses, [False, True])).included.tolist() == [True, True]
    assert slow_waves.confidence_set(of(losses, [True, False])).included.tolist() == [True, False]


def test_policies_that_are_alike_share_the_answer() -> None:
    losses = slow(1_000, 3, 16) * [1.0, 1.5, 2.5]
    plain, twins = slow_waves.confidence_set(of(losses)), slow_waves.confidence_set(of(losses[:, [0, 1, 2, 0]]))
    assert twins.p[0] == twins.p[3] == 1.0
    assert twins.included[:3].tolist() == plain.included.tolist()


def test_one_that_is_worse_by_the_same_every_day_is_out_and_one_alone_is_in() -> None:
    one = slow(500, 1, 17)
    assert slow_waves.confidence_set(of(np.hstack([one, 2.0 * one]))).included.tolist() == [True, False]
    assert slow_waves.confidence_set(of(one)).p.tolist() == [1.0]


def test_student_quantiles_are_those_of_the_tables() -> None:
    """t with 3 degrees of freedom: 3.182 two-sided at 95 %, 2.353 one-sided (any printed table)."""
    assert round(slow_waves.quantile(0.95), 3) == 3.182
    assert round(slow_waves.quantile(0.95, both=False), 3) == 2.353


@pytest.mark.parametrize("days", [42, 126])
def test_the_confidence_set_keeps_equals_in_short_tests_too(days: int) -> None:
    """200 worlds of five equal policies without memory: 90 % within three standard errors and 3 % of bias."""
    worlds = np.random.default_rng(days).exponential(size=(200, days, 5))
    assert np.mean([slow_waves.confidence_set(of(losses)).included.all() for losses in worlds]) >= 0.80


def test_a_true_difference_as_large_as_the_detectable_one_is_found_four_times_of_five() -> None:
    errors = np.random.default_rng(5).standard_normal((100_000, 1 + slow_waves.WAVES))
    t = (errors[:, 0] + slow_waves.detectable(1.0)) / np.sqrt(np.mean(errors[:, 1:] ** 2, axis=1))
    assert np.mean(np.abs(t) > slow_waves.quantile(0.95)) == pytest.approx(0.80, abs=0.01)
