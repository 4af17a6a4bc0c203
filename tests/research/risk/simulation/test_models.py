"""Laws of returns: their moments as closed forms give them, and what they refuse."""

import re

import numpy as np
import pytest
from arch.univariate import GARCH
from cases import cases
from laws import (
    BULL_BEAR,
    COVARIANCE,
    JUMP_COVARIANCE,
    JUMP_MEAN,
    LAWS,
    MEAN,
    D,
    agrees,
    garch,
    gbm,
    merton,
    regimes,
)  # fmt: skip

from foundation.errors import ConfigError
from research.risk import GBM, Garch, MertonJumps, RegimeSwitching


def logs(model, paths=400, days=500, seed=1):
    """(paths, days, n) log returns."""
    return np.log1p(model.returns(paths, days, seed))


def outer(x):
    """(paths, days, n, n) products of all pairs of assets."""
    return x[..., :, None] * x[..., None, :]


# -- what all laws share ---------------------------------------------------------------------------------------------


@pytest.fixture(params=LAWS)
def model(request):
    return LAWS[request.param]()


def test_the_same_seed_gives_the_same_bits_and_another_gives_others(model):
    first, again, other = (model.returns(3, 40, seed) for seed in (7, 7, 8))
    assert first.shape == (3, 40, 2)
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.9


def test_growths_are_one_and_returns_to_the_last_bit(model):
    growths = model.growths(3, 40, 7, first=2)
    np.testing.assert_array_equal(growths, 1.0 + model.returns(3, 40, 7, first=2))
    assert growths.shape == (3, 40, 2)


@pytest.mark.parametrize("days", [1, 2, 7, 250])
def test_a_path_is_the_same_in_every_batch(model, days):
    whole = model.returns(9, days, seed=3)
    for first, paths in ((0, 1), (8, 1), (2, 5), (0, 3)):
        np.testing.assert_array_equal(model.returns(paths, days, 3, first), whole[first : first + paths])


def test_a_longer_path_begins_as_the_shorter_one_does(model):
    longer = model.returns(4, 90, seed=3)
    for days in (1, 2, 50):
        np.testing.assert_allclose(model.returns(4, days, seed=3), longer[:, :days], rtol=1e-10, atol=1e-14)


def test_paths_are_independent_and_so_are_equal_paths_of_different_seeds(model):
    x = model.returns(60, 400, seed=5)[..., 0]
    off = np.corrcoef(x)[np.triu_indices(60, k=1)]
    assert np.abs(off).max() < 5.5 / np.sqrt(400)
    assert abs(off.mean()) < 4 / np.sqrt(400 * len(off))
    assert abs(np.corrcoef(x[0], model.returns(1, 400, seed=6)[0, :, 0])[0, 1]) < 4 / np.sqrt(400)


@pytest.mark.parametrize("law", [gbm, merton, garch])
def test_every_day_grows_by_the_mean_whatever_else_happens(law):
    agrees(law().returns(2_000, 200, seed=2).mean(axis=1), np.expm1(MEAN * D))


@cases("name, value", ("paths", 0), ("days", 0), ("days", 2.0), ("seed", -1), ("seed", None), ("first", -1))
def test_a_simulation_refuses_numbers_out_of_range(model, name, value):
    arguments = {"paths": 2, "days": 3, "seed": 1, "first": 0} | {name: value}
    with pytest.raises(ConfigError, match=f"{name} of a simulation is {value}: give a whole number of . or more"):
        model.returns(**arguments)


# -- geometric Brownian motion ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("periods_per_year", [252, 12, 1])
def test_simple_returns_of_gbm_have_the_moments_of_the_lognormal_law(periods_per_year):
    d = 1 / periods_per_year
    returns = gbm(periods_per_year=periods_per_year).returns(2_000, 200, seed=1)
    agrees(returns.mean(axis=1), np.expm1(MEAN * d))
    covariance = np.exp(np.add.outer(MEAN, MEAN) * d) * np.expm1(COVARIANCE * d)
    agrees(outer(returns - np.expm1(MEAN * d)).mean(axis=1), covariance, sharp=0.006)


def test_a_year_of_daily_steps_has_the_law_of_one_step_of_a_year():
    year = np.prod(1.0 + gbm().returns(20_000, 252, seed=4), axis=1)
    np.testing.assert_allclose(year.mean(axis=0), np.exp(MEAN), rtol=4 * 0.2 / np.sqrt(20_000))
    agrees(outer(np.log(year) - MEAN + np.diag(COVARIANCE) / 2), COVARIANCE, sharp=0.025)


def test_log_returns_of_gbm_are_normal_and_independent_from_day_to_day():
    z = (logs(gbm()) - (MEAN - np.diag(COVARIANCE) / 2) * D) / np.sqrt(np.diag(COVARIANCE) * D)
    for power, moment in ((1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0), (6, 15.0)):
        agrees((z**power).mean(axis=1), moment)
    agrees((z[:, 1:] * z[:, :-1]).mean(axis=1), 0.0)
    agrees((z[:, 1:] ** 2 * z[:, :-1] ** 2).mean(axis=1), 1.0)


def test_perfectly_correlated_lines_move_together_and_a_line_without_variance_only_grows():
    singular = np.array([[0.04, 0.02, 0.0], [0.02, 0.01, 0.0], [0.0, 0.0, 0.0]])
    log = logs(GBM([0.0, 0.0, 0.03], singular, 52), paths=5) - [-0.02 / 52, -0.005 / 52, 0.0]
    np.testing.assert_allclose(log[..., 0], 2.0 * log[..., 1], atol=1e-9)  # the root of a zero eigenvalue's rounding
    assert log[..., 1].std() == pytest.approx(0.1 / np.sqrt(52), rel=0.05)
    np.testing.assert_allclose(log[..., 2], 0.03 / 52, rtol=1e-12)


def test_many_lines_have_the_correlations_that_were_asked():
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(12, 3))
    covariance = (loadings @ loadings.T + np.diag(rng.uniform(0.5, 2.0, 12))) / 50
    z = logs(GBM(np.zeros(12), covariance, 252), paths=200) + np.diag(covariance) / 2 * D
    agrees(outer(z).mean(axis=1) * 252, covariance, times=4.5)


# -- jumps -----------------------------------------------------------------------------------------------------------


def cumulants(intensity, i):
    """Second to fourth cumulant of a day's log return of asset i: Merton's diffusion, and moments of a normal jump."""
    m, v = JUMP_MEAN[i], JUMP_COVARIANCE[i, i]
    jump = (m**2 + v, m**3 + 3 * m * v, m**4 + 6 * m**2 * v + 3 * v**2)
    return np.array([COVARIANCE[i, i], 0.0, 0.0]) * D + intensity * D * np.array(jump)


@pytest.mark.parametrize("intensity", [5.0, 40.0])
def test_jumps_give_the_skewness_and_kurtosis_of_the_closed_form(intensity):
    log = logs(merton(intensity), paths=4_000, days=250)
    jump = np.expm1(JUMP_MEAN + np.diag(JUMP_COVARIANCE) / 2)
    mean = (MEAN - np.diag(COVARIANCE) / 2 + intensity * (JUMP_MEAN - jump)) * D
    agrees(log.mean(axis=1), mean)
    for i in range(2):
        second, third, fourth = cumulants(intensity, i)
        x = (log[..., i] - mean[i]) / np.sqrt(second)
        agrees((x**2).mean(axis=1), 1.0, sharp=0.003)
        agrees((x**3).mean(axis=1), third / second**1.5)
        agrees((x**4).mean(axis=1), 3.0 + fourth / second**2, sharp=0.02)
    assert fourth / second**2 > 0.05  # fat tails, and not by rounding


def test_all_lines_jump_at_the_same_time():
    log = logs(merton(), paths=2_000, days=250)
    both = COVARIANCE + 40.0 * (JUMP_COVARIANCE + np.outer(JUMP_MEAN, JUMP_MEAN))
    agrees(outer(log - log.mean(axis=(0, 1))).mean(axis=1) * 252, both, sharp=0.02)
    x = np.abs(log - log.mean(axis=(0, 1)))
    calm = np.quantile(x[..., 0], 0.9)
    assert x[..., 1][x[..., 0] > 2.0 * calm].mean() > 1.3 * x[..., 1][x[..., 0] < calm].mean()


def test_jumps_of_one_size_come_as_often_as_poisson_says():
    model = MertonJumps([0.0], [[0.0]], 126.0, [0.1], [[0.0]], 252)
    count = (logs(model, paths=1_000)[..., 0] - (-126.0 * np.expm1(0.1) / 252)) / 0.1
    np.testing.assert_allclose(count, count.round(), atol=1e-9)
    for k, share in enumerate(np.exp(-0.5) * np.array([1.0, 0.5, 0.125, 0.125 / 6])):
        agrees((count.round() == k).mean(axis=1), share, sharp=0.05)


def test_the_spread_of_jumps_is_taken_out_of_the_drift():
    model = MertonJumps([0.05], [[0.0]], 25.0, [-0.02], [[0.09]], 252)  # E exp(jump) is exp(0.025)
    agrees(model.returns(4_000, 250, seed=1).mean(axis=1), np.expm1(0.05 * D))
    assert np.expm1(0.045) * 25.0 * D > 20 * model.returns(4_000, 250, seed=1).mean(axis=1).std() / np.sqrt(4_000)


def test_without_jumps_the_law_is_gbm():
    np.testing.assert_array_equal(merton(intensity=0.0).returns(3, 100, 5), gbm().returns(3, 100, 5))


# -- regimes ---------------------------------------------------------------------------------------------------------


def test_shares_are_the_stationary_distribution():
    np.testing.assert_allclose(regimes().shares, [0.75, 0.25], rtol=1e-12)
    three = np.array([[0.9, 0.1, 0.0], [0.0, 0.8, 0.2], [0.5, 0.0, 0.5]])
    model = RegimeSwitching(np.zeros((3, 1)), np.ones((3, 1, 1)), three, 252)
    np.testing.assert_allclose(model.shares, np.linalg.matrix_power(three, 4_000)[0], rtol=1e-10)


def test_the_first_day_and_every_other_have_the_stationary_shares():
    bear = regimes().regimes(8_000, 100, seed=1)
    for day in (0, 1, 10, 99):
        agrees(bear[:, day], 0.25, sharp=0.02)


def test_regimes_follow_their_transition_and_last_as_long_as_it_says():
    bear = regimes().regimes(400, 2_000, seed=2)
    before, after = bear[:, :-1], bear[:, 1:]
    for k, m in ((0, 1), (1, 0)):
        moved = ((before == k) & (after == m)).sum(axis=1) - BULL_BEAR[k, m] * (before == k).sum(axis=1)
        agrees(moved, 0.0)
    for lag in (1, 5, 20):  # the second eigenvalue of the transition, to the power of the lag
        agrees(((bear[:, lag:] - 0.25) * (bear[:, :-lag] - 0.25)).mean(axis=1), 0.1875 * 0.92**lag, sharp=0.06)


def test_returns_have_the_law_of_the_regime_of_their_day():
    model = regimes()
    log, bear = logs(model), model.regimes(400, 500, seed=1)
    for k, scale in enumerate((1.0, 4.0)):
        z = log - (model.means[k] - scale * np.diag(COVARIANCE) / 2) * D
        agrees(((bear == k)[..., None, None] * (outer(z) - scale * COVARIANCE * D)).mean(axis=1), 0.0)
    np.testing.assert_allclose(outer(log).mean(axis=(0, 1)) * 252, 1.75 * COVARIANCE, rtol=0.03)


def test_one_regime_is_gbm():
    alone = RegimeSwitching([MEAN], [COVARIANCE], [[1.0]], 252)
    np.testing.assert_allclose(alone.returns(3, 100, 5), gbm().returns(3, 100, 5), rtol=1e-12, atol=1e-16)


def test_a_regime_that_is_left_for_good_has_no_share():
    passing = regimes([[0.9, 0.1], [0.0, 1.0]])
    np.testing.assert_allclose(passing.shares, [0.0, 1.0], atol=1e-12)
    assert (passing.regimes(50, 50, seed=0) == 1).all()


# -- GARCH -----------------------------------------------------------------------------------------------------------


def shocks(model, paths, days, seed=1):
    """(paths, days, n) shocks and their variances, by a loop that anyone can check."""
    log = logs(model, paths, days, seed)
    h = np.diag(model.covariance) * D
    found, variances = [], []
    for t in range(days):
        e = log[:, t] - model.mean * D + h / 2
        found.append(e)
        variances.append(np.broadcast_to(h, e.shape))
        h = (1 - model.alpha - model.beta) * np.diag(model.covariance) * D + model.alpha * e**2 + model.beta * h
    return np.stack(found, axis=1), np.stack(variances, axis=1)


def test_shocks_are_normal_given_the_days_before_with_constant_correlations():
    e, h = shocks(garch(), 400, 500)
    z = e / np.sqrt(h)
    agrees(outer(z).mean(axis=1), [[1.0, -0.4], [-0.4, 1.0]])
    agrees((z**4).mean(axis=1), 3.0, sharp=0.01)
    agrees((z[:, 1:] ** 2 * z[:, :-1] ** 2).mean(axis=1), 1.0)


def test_shocks_are_those_of_arch_from_the_same_normals():
    model = garch([0.05, 0.1], [0.9, 0.8])
    e, h = shocks(model, 1, 300)
    for i in range(2):
        z, start = (e / np.sqrt(h))[0, :, i], COVARIANCE[i, i] * D
        parameters = np.array([(1 - model.alpha[i] - model.beta[i]) * start, model.alpha[i], model.beta[i]])
        theirs, variance = GARCH().simulate(parameters, 300, lambda size, z=z: z[:size], burn=0, initial_value=start)
        np.testing.assert_allclose(theirs, e[0, :, i], rtol=1e-9)
        np.testing.assert_allclose(variance, h[0, :, i], rtol=1e-9)


def test_the_variance_of_every_day_is_the_unconditional_one():
    e, _ = shocks(garch(), 20_000, 61)
    for day in (0, 1, 5, 60):
        agrees(e[:, day] ** 2, np.diag(COVARIANCE) * D, sharp=0.02)


def test_squares_have_the_kurtosis_and_autocorrelation_of_the_closed_form():
    # Bollerslev (1986), after theorem 2, and (1988), On the correlation structure for the GARCH process: rho_1 =
    # alpha(1 - alpha·beta - beta²) / (1 - 2·alpha·beta - beta²), then falling by alpha + beta a day
    alpha, beta = 0.1, 0.8
    kurtosis = 3 + 6 * alpha**2 / (1 - 2 * alpha**2 - (alpha + beta) ** 2)
    rho = alpha * (1 - alpha * beta - beta**2) / (1 - 2 * alpha * beta - beta**2)
    e, _ = shocks(garch(alpha, beta), 1_000, 1_200)
    square = (e**2 / (np.diag(COVARIANCE) * D))[:, 200:]  # 0.83^200: fourth moments are stationary by then
    agrees((square**2).mean(axis=1), kurtosis, sharp=0.01)
    for lag in (1, 2, 10):
        product = (square[:, lag:] - 1.0) * (square[:, :-lag] - 1.0)
        agrees(product.mean(axis=1), (kurtosis - 1) * rho * (alpha + beta) ** (lag - 1), sharp=0.06)


def test_without_alpha_and_beta_the_law_is_gbm():
    calm = garch(alpha=0.0, beta=0.0).returns(3, 100, 5)
    np.testing.assert_allclose(calm, gbm().returns(3, 100, 5), rtol=1e-11, atol=1e-16)


# -- what they refuse ------------------------------------------------------------------------------------------------


@cases(
    "make, message",
    (lambda: gbm(covariance=[[0.04, 0.07], [0.07, 0.09]]), "covariance of GBM is not positive semi-definite: "
     "assets 0 and 1, of variances 0.04 and 0.09, have the covariances 0.07 and 0.07. Two assets covary by"),
    (lambda: gbm(covariance=[[0.04, 0.01], [0.02, 0.09]]), "covariance of GBM is not symmetric: assets 0 and 1, of "
     "variances 0.04 and 0.09, have the covariances 0.01 and 0.02. Give both"),
    (lambda: gbm(covariance=[[0.04, 0.0], [0.0, -0.01]]), "covariance of GBM gives asset 1 the variance -0.01"),
    (lambda: GBM(np.zeros(3), [[1.0, 0.9, 0.1], [0.9, 1.0, 0.9], [0.1, 0.9, 1.0]], 252), "covariance of GBM is not "
     "positive semi-definite: the smallest eigenvalue of its correlations is -0.223774, and the correlation 0.9 "
     "of assets "),
    (lambda: gbm(covariance=[[0.04]]), "covariance of GBM has shape (1, 1): give (2, 2)."),
    (lambda: gbm(mean=[[0.1]]), "mean of GBM has shape (1, 1): give (any length,)."),
    (lambda: gbm(mean=[0.1, np.nan]), "mean of GBM has no finite number in place (1): found [0.1, nan]. Correct"),
    (lambda: gbm(mean=["a", 1.0]), "mean of GBM is ['a', 1.0]: give finite numbers."),
    (lambda: gbm(periods_per_year=0), "periods_per_year of GBM is 0: give a number above zero: 252 for daily"),
    (lambda: merton(intensity=-1.0), "intensity of MertonJumps is -1.0: give the expected number of jumps a year"),
    (lambda: MertonJumps(MEAN, COVARIANCE, 1.0, MEAN, -COVARIANCE, 252), "jump_covariance of MertonJumps gives "
     "asset 0 the variance -0.04"),
    (lambda: regimes([[0.9, 0.2], [0.1, 0.9]]), "transition of RegimeSwitching from regime 0 has probabilities "
     "that sum to 1.1: they sum to one"),
    (lambda: regimes([[1.1, -0.1], [0.1, 0.9]]), "transition of RegimeSwitching from regime 0 to 1 is -0.1: a "),
    (lambda: regimes(np.eye(2)), "transition of RegimeSwitching never leads from regime 0 to regime 1 or back: "),
    (lambda: regimes(np.eye(3)), "transition of RegimeSwitching has shape (3, 3): give (2, 2)."),
    (lambda: RegimeSwitching([MEAN, MEAN], [COVARIANCE, -COVARIANCE], BULL_BEAR, 252), "covariance 1 of "
     "RegimeSwitching gives asset 0 the variance -0.04"),
    (lambda: garch(0.2, 0.8), "alpha + beta of Garch is 1 for asset 0 (alpha 0.2, beta 0.8): only below one does"),
    (lambda: garch([0.1, 0.3], [0.8, 0.75]), "alpha + beta of Garch is 1.05 for asset 1 (alpha 0.3, beta 0.75)"),
    (lambda: garch(alpha=[0.1, -0.2]), "alpha of Garch is -0.2 for asset 1: it is zero or more."),
    (lambda: garch(beta=[0.1]), "beta of Garch has shape (1,): give (2,)."),
)  # fmt: skip
def test_parameters_that_cannot_be_are_refused_in_a_sentence(make, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        make()


def test_parameters_are_copied_and_cannot_be_written_to():
    mean = MEAN.copy()
    model = gbm(mean=mean)
    before = model.returns(1, 5, 0)
    mean[:] = 9.0
    np.testing.assert_array_equal(model.returns(1, 5, 0), before)
    with pytest.raises(ValueError, match="read-only"):
        model.covariance[0, 0] = 1.0


def test_numbers_near_singular_by_rounding_are_taken():
    x = np.random.default_rng(0).normal(size=(5, 20))
    GBM(np.zeros(20), np.cov(x, rowvar=False), 252)  # rank 4 of 20
    Garch(np.zeros(20), np.cov(x, rowvar=False), 0.1, 0.8, 252)
