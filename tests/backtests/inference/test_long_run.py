"""The loss J in the long run: the closed form where J is a power of the variance, and the error of that power."""

import math

import numpy as np
import pytest
from scipy.stats import t

from backtests.inference.long_run import Elasticity, LongRun, long_run
from backtests.inference.slow_waves import WAVES, SlowMeans

DAYS, HALF = 500, 2_000


@pytest.fixture(scope="module")
def found() -> dict[float, LongRun]:
    """By error of the elasticities, of policies with the powers 0, 1/2 and 1, after days four times as volatile."""
    losses = SlowMeans.of(1.0 + 0.1 * np.random.default_rng(0).standard_normal((DAYS, 3)), [True, True, False])
    history = np.repeat([0.16, 0.04], HALF)  # the test is of the calmer half
    power = np.array([0.0, 0.5, 1.0])
    return {
        error: long_run(("none", "half", "one"), losses, Elasticity(power, np.full(3, error)), history, DAYS, 0.95)
        for error in (0.0, 0.3)
    }


def test_the_mean_power_of_the_windows_takes_the_place_of_that_of_the_test(found: dict[float, LongRun]) -> None:
    calm, wild = HALF - DAYS + 1, HALF - DAYS + 1
    mixed = np.arange(1, DAYS) / DAYS  # part of a window that is calm
    ratios = np.concatenate([np.ones(calm), np.full(wild, 4.0), mixed + 4.0 * (1.0 - mixed)])
    late = found[0.0]
    assert late.tested == pytest.approx(0.2)
    assert late.volatility == pytest.approx(math.sqrt(0.04 * ratios.mean()))
    assert late.figures["none"].value == pytest.approx(1.0, abs=0.02)
    for name, power in (("half", 0.5), ("one", 1.0)):
        assert late.figures[name].value == pytest.approx((ratios**power).mean(), rel=0.02), name
    assert (late.at_test, late.at_history) == ("at 20.0 % volatility", "at 31.6 % volatility")


def test_what_the_power_errs_widens_the_interval_with_the_distance(found: dict[float, LongRun]) -> None:
    sure, unsure = found[0.0].figures, found[0.3].figures
    assert unsure["none"] == sure["none"]
    for name in ("half", "one"):
        assert unsure[name].value == sure[name].value
        assert unsure[name].lower < sure[name].lower
    assert sure["none"].upper / sure["none"].value < sure["half"].upper / sure["half"].value
    for one in (sure["half"], unsure["half"]):  # log J errs by the error over J, as Student's t says
        assert one.upper == pytest.approx(one.value * math.exp(t(WAVES).ppf(0.975) * one.error / one.value))
    assert sure["one"].upper == math.inf  # a policy that has not shown its limit
    # the move of log J is power × that of the log of the variance, so a power that errs by 0.3 moves it by this
    daily = 1.0 + 0.1 * np.random.default_rng(0).standard_normal((DAYS, 3))
    moved = math.log(sure["half"].value / daily[:, 1].mean()) / 0.5
    wide, narrow = (math.log(each["half"].upper / each["half"].value) for each in (unsure, sure))
    assert wide**2 - narrow**2 == pytest.approx((t.ppf(0.975, 3) * 0.3 * moved) ** 2, rel=1e-3)


def test_a_policy_that_does_not_follow_the_market_has_the_interval_of_its_test() -> None:
    losses = SlowMeans.of(1.0 + 0.1 * np.random.default_rng(0).standard_normal((DAYS, 1)), [True])
    history, none = np.repeat([0.16, 0.04], HALF), Elasticity(np.zeros(1), np.full(1, 0.3))
    late, own = long_run(("none",), losses, none, history, DAYS, 0.95).figures["none"], losses.figure(0, 0.95)
    assert (late.lower, late.value, late.upper) == pytest.approx((own.lower, own.value, own.upper), rel=1e-12)


def test_what_the_mean_variance_errs_grows_with_the_power() -> None:
    """Three assets of one loss: beyond its own error, log J errs by the power times one error of the variance."""
    daily = np.repeat(1.0 + 0.1 * np.random.default_rng(0).standard_normal((DAYS, 1)), 3, axis=1)
    losses, history = SlowMeans.of(daily, [True] * 3), np.repeat([0.16, 0.04], HALF)
    sure = Elasticity(np.array([0.0, 0.5, 2.0]), np.zeros(3))
    late = long_run(("none", "half", "two"), losses, sure, history, DAYS, 0.95).figures
    none, half, two = (math.log(one.upper / one.value) ** 2 for one in late.values())
    assert (two - none) / (half - none) == pytest.approx(16.0, rel=1e-6)


def test_a_market_that_stood_still_is_moved_nowhere() -> None:
    losses = SlowMeans.of(1.0 + 0.1 * np.random.default_rng(0).standard_normal((DAYS, 1)), [True])
    still = long_run(("one",), losses, Elasticity(np.ones(1), np.zeros(1)), np.zeros(HALF), DAYS, 0.95)
    assert still.tested == 0.0
    assert still.volatility == 0.0
    assert still.figures["one"].value == pytest.approx(1.0, abs=0.02)
