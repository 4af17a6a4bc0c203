"""The best of many: the papers' examples, plain loops, arch, noise and planted edges."""

import math
from dataclasses import replace
from itertools import combinations
from statistics import NormalDist

import numpy as np
import pytest

from backtests.inference.block_draws import Resampling
from backtests.inference.selection import (
    Moments,
    expected_maximum,
    minimum_track_record,
    overfitting,
    probabilistic_sharpe,
    superior_ability,
    trial_clusters,
)
from foundation.errors import ConfigError, DataError


def noise(days: int, trials: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((days, trials))


# Sharpe ratios after a search


def test_the_example_of_the_deflated_sharpe_ratio() -> None:
    """Bailey and López de Prado (2014): SR 2.5 a year of 250 days, T 1,250, 100 trials of variance 1/2 a year."""
    best = Moments(2.5 / math.sqrt(250), 1_250, skewness=-3.0, kurtosis=10.0)
    threshold = math.sqrt(0.5 / 250) * expected_maximum(100)
    assert threshold == pytest.approx(0.1132, abs=5e-5)
    assert probabilistic_sharpe(best, threshold) == pytest.approx(0.9004, abs=5e-5)


def test_expected_maxima_are_those_of_the_approximation() -> None:
    assert [round(expected_maximum(n), 4) for n in (10, 100, 1_000)] == [1.5746, 2.5306, 3.2551]


@pytest.mark.parametrize(("trials", "expected"), [(10, 1.53875), (50, 2.24907), (100, 2.50759), (1000, 3.24144)])
def test_expected_maxima_are_near_those_of_as_many_normals(trials: int, expected: float) -> None:
    # expected: Harter (1961), Expected values of normal order statistics, Biometrika 48, table 1
    assert expected_maximum(trials) == pytest.approx(expected, rel=0.025)


def test_expected_maxima_are_near_those_of_drawn_numbers() -> None:
    """The approximation is for many trials; the mean maximum of 10,000 draws of 100 is 2.508, its error 0.004."""
    drawn = noise(10_000, 100).max(axis=1)
    assert expected_maximum(100) == pytest.approx(drawn.mean(), rel=0.02)


def test_track_records_of_the_paper() -> None:
    """Bailey and López de Prado (2012), section 5: SR 2 above 1 a year, 95 %.

    Normal days 2.73 years, weeks 2.83, months 3.24; months of hedge funds' skewness −0.72 and kurtosis 5.78: 4.99.
    """

    def years(q: int, skewness: float, kurtosis: float) -> float:
        ratio, over = 2.0 / math.sqrt(q), 1.0 / math.sqrt(q)
        return minimum_track_record(Moments(ratio, 2, skewness, kurtosis), over) / q

    assert years(250, 0.0, 3.0) == pytest.approx(2.73, abs=0.01)
    assert years(52, 0.0, 3.0) == pytest.approx(2.83, abs=0.005)
    assert years(12, 0.0, 3.0) == pytest.approx(3.24, abs=0.005)
    assert years(12, -0.72, 5.78) == pytest.approx(4.99, abs=0.005)


def test_a_track_record_of_minimum_length_is_just_significant() -> None:
    periods = minimum_track_record(Moments(0.08, 100, -0.5, 6.0), 0.02)
    longer, shorter = (Moments(0.08, n, -0.5, 6.0) for n in (math.ceil(periods), math.floor(periods)))
    assert probabilistic_sharpe(longer, 0.02) >= 0.95 > probabilistic_sharpe(shorter, 0.02)


def test_moments_are_those_of_scipy() -> None:
    from scipy.stats import kurtosis, skew

    x = np.random.default_rng(1).gamma(2.0, size=500) - 1.8
    found = Moments.of(x)
    assert found.skewness == pytest.approx(skew(x), rel=1e-12)
    assert found.kurtosis == pytest.approx(kurtosis(x, fisher=False), rel=1e-12)
    assert (found.sharpe, found.periods) == (pytest.approx(x.mean() / x.std(ddof=1)), 500)


def autoregressive(rho: float, days: int, trials: int, seed: int = 0) -> np.ndarray:
    """(trials, days) AR(1) series of mean zero."""
    x = noise(days + 50, trials, seed)
    for t in range(1, days + 50):
        x[t] += rho * x[t - 1]
    return np.ascontiguousarray(x[50:].T)


@pytest.mark.parametrize("rho", [-0.15, 0.15, 0.3])
def test_the_dependence_of_an_ar1_without_a_mean_is_that_of_its_mean(rho: float) -> None:
    """Of a ratio of zero only the mean is uncertain: Σ (1 − |k| / 22) ρ^|k|, near (1 + ρ) / (1 − ρ), of 21 lags."""
    (x,) = autoregressive(rho, 200_000, 1)
    closed = 1.0 + 2.0 * sum((1.0 - k / 22) * rho**k for k in range(1, 22))
    assert closed == pytest.approx((1.0 + rho) / (1.0 - rho), rel=0.04)
    assert Moments.of(x - x.mean()).dependence == pytest.approx(closed, rel=0.02)


def test_worthless_series_with_autocorrelation_look_good_as_often_as_the_level_says() -> None:
    """2,000 AR(1) series of five years, ρ 0.15, two-sided 5 %: 5.3 %, within four errors of 0.5; published, 8.9 %."""
    found = [Moments.of(x) for x in autoregressive(0.15, 1_250, 2_000)]
    rates = [
        np.mean([abs(probabilistic_sharpe(each) - 0.5) > 0.475 for each in moments])
        for moments in (found, [replace(one, dependence=1.0) for one in found])
    ]
    assert 0.038 <= rates[0] <= 0.078
    assert rates[1] >= 0.08


def test_independent_returns_have_the_published_probability() -> None:
    """500 series of twenty years: errors differ by 4 % at most in nine of ten, the probability by 0.003 on average."""
    found = [Moments.of(0.02 + x) for x in noise(5_000, 500).T]
    published = [
        NormalDist().cdf(
            one.sharpe
            * math.sqrt(one.periods - 1)
            / math.sqrt(1.0 - one.skewness * one.sharpe + 0.25 * (one.kurtosis - 1.0) * one.sharpe**2)
        )
        for one in found
    ]
    apart = np.abs(np.array([probabilistic_sharpe(one) for one in found]) - published)
    assert np.mean([one.dependence for one in found]) == pytest.approx(1.0, abs=0.01)
    assert np.mean([abs(math.sqrt(one.dependence) - 1.0) <= 0.045 for one in found]) >= 0.9
    assert apart.mean() <= 0.005
    assert apart.max() <= 0.03


def test_a_longer_track_record_is_needed_of_periods_that_follow_one_another() -> None:
    independent = Moments(0.08, 100, -0.5, 6.0)
    periods = minimum_track_record(replace(independent, dependence=2.0))
    assert periods - 1.0 == pytest.approx(2.0 * (minimum_track_record(independent) - 1.0))


def test_the_best_of_worthless_trials_is_deflated() -> None:
    """200 searches of 50 worthless trials: the best looks significant in most, deflated in some 5 % at most."""
    plain = deflated = 0
    for seed in range(200):
        x = noise(500, 50, seed)
        ratios = x.mean(axis=0) / x.std(axis=0, ddof=1)
        best = Moments.of(x[:, np.argmax(ratios)])
        plain += probabilistic_sharpe(best) > 0.95
        deflated += probabilistic_sharpe(best, ratios.std(ddof=1) * expected_maximum(50)) > 0.95
    assert plain > 150
    assert deflated <= 20


# overfitting by a search


def plain_overfitting(returns: np.ndarray, blocks: int) -> list[float]:
    """Section 2.2 of the paper, a half at a time on the returns themselves."""
    parts = np.split(returns, np.linspace(0, len(returns), blocks + 1).astype(int)[1:-1])
    logits = []

    def ratio(x):
        return x.mean(axis=0) / x.std(axis=0, ddof=1)

    for chosen in combinations(range(blocks), blocks // 2):
        inside = ratio(np.concatenate([parts[k] for k in chosen]))
        outside = ratio(np.concatenate([parts[k] for k in range(blocks) if k not in chosen]))
        omega = (1 + np.sum(outside < outside[int(np.argmax(inside))])) / (returns.shape[1] + 1)
        logits.append(math.log(omega / (1 - omega)))
    return logits


@pytest.mark.parametrize(("days", "trials", "blocks"), [(61, 7, 6), (160, 20, 8), (40, 2, 2)])
def test_overfitting_is_that_of_a_plain_loop(days: int, trials: int, blocks: int) -> None:
    x = noise(days, trials, seed=days) * 0.01 + 0.003
    logits, found = plain_overfitting(x, blocks), overfitting(x, blocks)
    assert found.logits == pytest.approx(logits, abs=1e-12)
    assert found.probability == np.mean(np.array(logits) <= 0.0)
    assert len(found.logits) == math.comb(blocks, blocks // 2)


def test_noise_is_overfitted_half_of_the_time() -> None:
    """Mean of 100 seeds: 0.5 ± 0.04, two of its standard errors (a single search varies by 0.17)."""
    found = [overfitting(noise(500, 50, seed), blocks=10).probability for seed in range(100)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.04)


def test_a_planted_edge_is_not_overfitted() -> None:
    x = noise(2_500, 100) * 0.01
    x[:, 42] += 0.0015
    assert overfitting(x).probability < 0.02


def test_neither_scale_nor_order_of_trials_changes_overfitting() -> None:
    x = noise(200, 9) * 0.01
    assert overfitting(x[:, ::-1] * 3.0, 8).probability == overfitting(x, 8).probability


def test_equal_trials_share_their_rank() -> None:
    """All the same: the best is in the middle everywhere, no better than the median."""
    found = overfitting(np.repeat(noise(100, 1), 5, axis=1), 4)
    assert not found.logits.any()
    assert found.probability == 1.0


# how many trials there were


def test_planted_clusters_are_counted() -> None:
    ideas = noise(1_000, 5)
    variants = np.repeat(ideas, 20, axis=1) + 0.5 * noise(1_000, 100, seed=1)
    assert trial_clusters(variants).max() + 1 == 5
    assert trial_clusters(variants).tolist() == np.repeat(np.arange(5), 20).tolist()
    assert trial_clusters(ideas[:, :1] + 0.3 * noise(1_000, 40, seed=2)).max() + 1 == 1
    assert trial_clusters(noise(1_000, 30, seed=3)).max() + 1 == 30
    assert trial_clusters(np.column_stack([ideas[:, 0], -ideas[:, 0]])).max() + 1 == 2


def test_identical_trials_are_one() -> None:
    assert trial_clusters(np.repeat(noise(50, 1), 4, axis=1)).max() + 1 == 1


def test_clusters_do_not_depend_on_the_order_of_trials() -> None:
    x = np.repeat(noise(300, 4), 3, axis=1) + 0.4 * noise(300, 12, seed=1)
    order = np.random.default_rng(0).permutation(12)
    plain, turned = trial_clusters(x), trial_clusters(x[:, order])
    assert ((turned[:, None] == turned[None, :]) == (plain[:, None] == plain[None, :])[np.ix_(order, order)]).all()


# is any better than the reference?


def test_superior_ability_is_that_of_arch_where_all_vary_alike() -> None:
    """arch does not studentise: its test is Hansen's where all differences have one variance, as turned ones have."""
    from arch.bootstrap import SPA

    x, better = noise(400, 1, seed=5)[:, 0], np.array([0.12, 0.05, 0.0, -0.05, -0.4])
    losses = -np.column_stack([np.roll(x - x.mean(), 80 * k) for k in range(5)]) - better
    for base in (np.zeros(400), np.full(400, -0.06)):
        test = SPA(base, losses, block_size=10, reps=10_000, bootstrap="stationary", seed=3)
        test.compute()
        found = superior_ability(base, losses, Resampling(block=10))
        for ours, theirs in zip((found.lower, found.p, found.upper), test.pvalues, strict=True):
            assert ours == pytest.approx(theirs, abs=4 * math.sqrt(2 * 0.25 / 10_000))
        assert found.best == 0


def test_superior_ability_errs_no_oftener_than_it_says_and_finds_an_edge() -> None:
    """200 worlds of ten equals: 5 % wrong, at most 10 % within three deviations."""
    settings = Resampling(block=5, reps=300)
    wrong = right = 0
    for seed in range(200):
        x = noise(250, 11, seed)
        wrong += superior_ability(x[:, 0], x[:, 1:], settings).p <= 0.05
        right += superior_ability(x[:, 0], x[:, 1:] - 0.4 * (np.arange(10) == 3), settings).p <= 0.05
    assert wrong <= 20
    assert right >= 190


def test_where_all_are_worse_nothing_is_superior() -> None:
    x = noise(200, 4)
    assert superior_ability(x[:, 0] - 5.0, x[:, 1:], Resampling(reps=200)).p == 1.0


# the door


@pytest.mark.parametrize(("call", "says"), [
    (lambda: Moments.of(np.arange(10.0)), "10 observations are too few, 24 are needed"),
    (lambda: Moments.of(np.ones(50)), "all 50 returns are 1"),
    (lambda: minimum_track_record(Moments(0.01, 100), 0.02), "no track record, however long"),
    (lambda: overfitting(noise(31, 3)), "31 periods are too few for 16 blocks: 32"),
    (lambda: overfitting(np.where(np.arange(40) < 20, noise(40, 3).T, 0.0).T, 4), "does not vary in some half"),
    (lambda: superior_ability(noise(30, 1)[:, 0], noise(30, 2)), "30 days are too few to be drawn in blocks"),
    (lambda: superior_ability(noise(100, 1)[:, 0], noise(100, 1) + 1.0), "differs from the reference by a const"),
])  # fmt: skip
def test_data_that_cannot_be_judged_are_refused(call, says: str) -> None:
    with pytest.raises(DataError, match=says):
        call()


@pytest.mark.parametrize(("call", "says"), [
    (lambda: expected_maximum(1), "One trial was not selected"),
    (lambda: Moments(0.1, 100, -3.0, 7.0), "raw kurtosis"),
    (lambda: Moments(math.nan, 100), "sharpe is nan"),
    (lambda: Moments(0.1, 1), "periods is 1"),
    (lambda: Moments(0.1, 100, dependence=0.0), "dependence is 0"),
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(call, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        call()


def test_no_probability_comes_from_what_is_no_panel_of_trials() -> None:
    drawn = np.random.default_rng(3).normal(size=(400, 3))
    broken = drawn.copy()
    broken[7, 1] = np.nan
    for wrong in (broken, drawn[:, :1], drawn[:, 0]):
        for asked in (overfitting, trial_clusters):
            with pytest.raises(DataError, match=r"trials: (found an array|row 7)"):
                asked(wrong)
    with pytest.raises(DataError, match="in row 7 are not finite"):
        superior_ability(drawn[:, 0], broken[:, 1:])
    for blocks in (3, 2.5, 22):
        with pytest.raises(ConfigError, match="blocks is"):
            overfitting(drawn, blocks)  # type: ignore[arg-type]
