"""The probability that a portfolio is spent before its owner dies: plans played for a century, and closed forms.

A plan pays at the beginning of each period of h years. With the trapezoid rule, what its payments are worth today
exceeds what continuous ones are by h / 2 years of spending, so that it is ruined as often as with wealth less by that.
"""

import numpy as np
import pytest
from scipy import special, stats

from research.accounting.spending import Spending
from research.allocation import FixedWeights
from research.portfolio.plan import Plan
from research.rules import Never
from tests.planned import holding, played

YEARS, PATHS = 100, 1_200
MEAN, VOLATILITY, WEALTH = 0.05, 0.12, 25.0  # a year; in years of spending
PERIODS = {"month": 1.0 / 12.0, "year": 1.0}  # years


def ruined(wealth: float, mean: float, volatility: float, rate: float = 0.0) -> float:
    """The formula of Milevsky and Robinson (2005), FAJ 61(6), exact for a plan for ever.  rate : of death, a year."""
    variance = volatility**2
    shape = (2.0 * mean + 4.0 * rate) / (variance + rate) - 1.0
    return float(stats.gamma.cdf(1.0 / wealth, shape, scale=(variance + rate) / 2.0))


def ruined_exactly(wealth: float, mean: float, volatility: float, rate: float) -> float:
    """E[exp(-rate x time of ruin)]: the solution of ½σ²w²u'' + (μw - 1)u' = rate u with u(0) = 1 and u(∞) = 0."""
    m, y = 2.0 * mean / volatility**2, 2.0 / (volatility**2 * wealth)
    p = 0.5 * (m - 1.0 + np.sqrt((m - 1.0) ** 2 + 8.0 * rate / volatility**2))
    b = 2.0 * p + 2.0 - m
    return float(special.gamma(b - p) / special.gamma(b) * y**p * special.hyp1f1(p, b, -y))


@pytest.fixture(scope="module")
def growths() -> np.ndarray:
    """(P, D, 2) lognormal months of the first fund; half of the futures are those of the others turned round."""
    normal = np.random.default_rng(5).standard_normal((PATHS // 2, 12 * YEARS))
    found = np.ones((PATHS, 12 * YEARS, 2))
    found[:, :, 0] = np.exp(
        (MEAN - VOLATILITY**2 / 2) / 12 + VOLATILITY / np.sqrt(12) * np.concatenate([normal, -normal])
    )
    return found


@pytest.fixture(scope="module")
def ended(growths: np.ndarray) -> dict[str, np.ndarray]:
    """(P,) the month of ruin by the period of payments, -1 without ruin."""
    return {
        every: played(
            holding((1.0, 0.0), WEALTH),
            Plan(years=YEARS, spending=Spending("indexed", 1.0), every=every, inflation=0.0),
            Never(FixedWeights((1.0, 0.0))),
            growths,
        ).ended
        for every in PERIODS
    }


@pytest.mark.parametrize(
    ("mean", "volatility", "median", "wealth", "published"),
    [
        (0.07, 0.20, 28.1, 20.0, 0.267855),
        (0.07, 0.20, 18.9, 25.0, 0.1227),
        (0.07, 0.20, np.inf, 25.0, 0.4506),
        (0.07, 0.20, np.inf, 20.0, 0.5841),
        (0.07, 0.20, np.inf, 100.0 / 6.0, 0.6938),
        (0.05, 0.12, np.inf, 25.0, 0.4900),
        (0.05, 0.12, np.inf, 20.0, 0.7001),
    ],
)
def test_the_formula_gives_the_published_probabilities(mean, volatility, median, wealth, published):
    rate = np.log(2.0) / median
    assert ruined(wealth, mean, volatility, rate) == pytest.approx(published, abs=5e-5)
    if rate == 0.0:
        assert ruined_exactly(wealth, mean, volatility, rate) == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize("every", PERIODS)
def test_a_plan_is_ruined_in_the_future_whose_payments_are_worth_more_than_it(growths, ended, every):
    step, worth = round(12 * PERIODS[every]), 1.0 / np.cumprod(growths[:, :, 0], axis=1)
    payments = np.concatenate([np.ones((PATHS, 1)), worth[:, step - 1 : -1 : step]], axis=1).cumsum(axis=1) / 12 * step
    last = payments >= WEALTH
    np.testing.assert_array_equal(ended[every], np.where(last[:, -1], step * last.argmax(axis=1), -1))


@pytest.mark.parametrize("every", PERIODS)
def test_plans_for_ever_are_ruined_as_often_as_the_closed_form_says(ended, every):
    expected = ruined(WEALTH - PERIODS[every] / 2.0, MEAN, VOLATILITY)
    error = np.sqrt(expected * (1.0 - expected) / PATHS)
    assert (ended[every] >= 0).mean() == pytest.approx(expected, abs=2.5 * error)
    assert error < 0.015


def test_paying_by_the_month_is_nearer_to_paying_all_the_time(ended):
    apart = (ended["year"] >= 0).astype(float) - (ended["month"] >= 0)
    expected = ruined(WEALTH - 1 / 2, MEAN, VOLATILITY) - ruined(WEALTH - 1 / 24, MEAN, VOLATILITY)
    assert apart.mean() == pytest.approx(expected, abs=3.0 * apart.std() / np.sqrt(PATHS))
    assert apart.mean() > 3.0 * apart.std() / np.sqrt(PATHS)
    by_month, by_year = (
        ruined(WEALTH - period / 2.0, MEAN, VOLATILITY) - ruined(WEALTH, MEAN, VOLATILITY)
        for period in PERIODS.values()
    )
    assert 0.0 < by_month < 0.002 < 0.015 < by_year


@pytest.mark.parametrize(("median", "too_low"), [(28.1, 0.0400), (18.9, 0.0287)])
def test_the_formula_is_too_low_for_a_life_that_ends(ended, median, too_low):
    rate = np.log(2.0) / median
    before_death = np.where(ended["month"] >= 0, np.exp(-rate * ended["month"] / 12.0), 0.0)
    expected = ruined_exactly(WEALTH - 1 / 24, MEAN, VOLATILITY, rate)
    assert before_death.mean() == pytest.approx(expected, abs=2.5 * before_death.std() / np.sqrt(PATHS))
    exact = ruined_exactly(WEALTH, MEAN, VOLATILITY, rate)
    assert exact - ruined(WEALTH, MEAN, VOLATILITY, rate) == pytest.approx(too_low, abs=5e-5)


def test_the_published_example_is_two_points_and_a_half_too_low():
    rate = np.log(2.0) / 28.1
    assert ruined_exactly(20.0, 0.07, 0.20, rate) == pytest.approx(0.2933, abs=5e-5)
