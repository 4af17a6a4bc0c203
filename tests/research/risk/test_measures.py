"""Measures against hand sums, closed forms and the libraries that have them; what they must never do, by Hypothesis."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foundation.errors import ConfigError, DataError
from research import risk

RETURNS = np.random.default_rng(7).standard_t(4, size=777) * 0.01
CASH = np.full(777, 0.0001)
TINY = 1e-13


def series(least: int = 2, most: int = 60, low: float = -0.5, high: float = 0.5) -> st.SearchStrategy[np.ndarray]:
    """Returns rounded to a basis point, so that ties are common."""
    return arrays(float, st.integers(least, most), elements=st.floats(low, high)).map(lambda a: a.round(4))


# growth


def test_growth_counts_calendar_days_not_rows() -> None:
    daily = risk.nav_path(RETURNS)
    assert risk.growth(daily, span_days=1127) == pytest.approx(risk.growth(daily[::7], span_days=1127), rel=TINY)


def test_doubling_in_four_years_and_a_leap_day_is_the_fourth_root_of_two() -> None:
    assert risk.growth([1.0, 0.5, 2.0], span_days=4 * 365 + 1) == pytest.approx(2**0.25 - 1, rel=TINY)


def test_calendar_months_and_years_are_those_of_pandas() -> None:
    days = pd.bdate_range("2019-11-20", "2022-02-10").delete([5, 6, 7, 300])
    returns = pd.Series(np.random.default_rng(3).normal(0.0, 0.01, len(days)), days)
    for found, rule in ((risk.calendar_months, "M"), (risk.calendar_years, "Y")):
        expected = (1.0 + returns).groupby(days.to_period(rule)).prod() - 1.0
        periods, values = found(days.to_numpy(), returns)
        assert [str(p) for p in periods] == [str(p) for p in expected.index]
        assert values == pytest.approx(expected.to_numpy(), rel=1e-12, abs=1e-15)


def test_calendar_years_compound_to_the_whole() -> None:
    years, values = risk.calendar_years(np.arange("2018-11-05", "2020-12-21", dtype="datetime64[D]"), RETURNS)
    assert years.tolist() == [2018, 2019, 2020]
    assert values[0] == pytest.approx(np.prod(1 + RETURNS[:57]) - 1, rel=TINY)  # 26 days of November, 31 of December
    assert np.prod(1 + values) == pytest.approx(risk.nav_path(RETURNS)[-1], rel=TINY)


# spread, and return for it


def test_volatility_and_tracking_error_divide_by_one_less_than_the_days() -> None:
    assert risk.volatility([0.0, 0.02], 252) == pytest.approx(0.02 / math.sqrt(2) * math.sqrt(252), rel=TINY)
    assert risk.tracking_error([0.0, 0.02], 252) == risk.volatility([0.0, 0.02], 252)


def test_tracking_error_takes_no_notice_of_a_steady_lead_but_the_loss_does() -> None:
    steady = np.full(10, 0.001)
    assert risk.tracking_error(steady, 252) == pytest.approx(0.0, abs=TINY)
    expected = pytest.approx(252e4 * 2.5 * 1e-6, rel=TINY)
    assert risk.loss(np.zeros(10), steady, tracking_penalty=5.0, periods_per_year=252) == expected


def test_spread_agrees_with_skfolio() -> None:
    from skfolio.measures import mean, semi_deviation, standard_deviation

    excess = RETURNS - CASH
    downside = semi_deviation(excess, min_acceptable_return=0.0, biased=True)
    assert risk.volatility(RETURNS, 252) == pytest.approx(standard_deviation(RETURNS) * math.sqrt(252), rel=TINY)
    expected = pytest.approx(mean(excess) / standard_deviation(excess) * math.sqrt(252), rel=1e-11)
    assert risk.sharpe(RETURNS, CASH, 252) == expected
    assert risk.sortino(RETURNS, CASH, 252) == pytest.approx(mean(excess) / downside * math.sqrt(252), rel=1e-11)


def test_sortino_of_normal_returns_has_its_closed_form() -> None:
    """E[min(X, 0)²] of a standard normal is 1/2, so with mean m small against s, Sortino is m / (s·sqrt(1/2))."""
    from scipy.stats import norm

    normal = norm.ppf((np.arange(200_000) + 0.5) / 200_000) * 0.01  # its quantiles: a sample without noise
    assert risk.sortino(normal + 1e-5, np.zeros(200_000), 1) == pytest.approx(1e-5 / (0.01 * math.sqrt(0.5)), rel=2e-3)


@given(series(), st.floats(0.1, 3.0), st.floats(-0.01, 0.01))
def test_sharpe_is_blind_to_leverage_funded_at_cash_and_to_what_cash_pays(
    r: np.ndarray, leverage: float, rate: float
) -> None:
    assume(np.ptp(r) > 0)
    cash = np.zeros(len(r))
    plain = risk.sharpe(r, cash, 252)
    assert risk.sharpe(rate + leverage * r, cash + rate, 252) == pytest.approx(plain, rel=1e-8, abs=1e-8)


# falls


def test_the_deepest_fall_has_its_rows() -> None:
    nav = [1.0, 1.2, 1.1, 1.2, 0.9, 0.6, 0.8, 1.2, 1.5, 1.0]
    assert risk.max_drawdown(nav) == risk.Drawdown(depth=pytest.approx(-0.5), peak=3, trough=5, recovery=7)


def test_a_fall_that_has_not_been_made_good_has_no_recovery() -> None:
    assert risk.max_drawdown([1.0, 2.0, 1.0, 1.9]) == risk.Drawdown(-0.5, 1, 2, None)


def test_a_nav_that_never_falls_has_no_drawdown() -> None:
    assert risk.max_drawdown([1.0, 1.0, 2.0]) == risk.Drawdown(0.0, 0, 0, 0)


def test_a_fall_on_the_first_day_counts() -> None:
    assert risk.max_drawdown(risk.nav_path([-0.25, 0.1])) == risk.Drawdown(-0.25, 0, 1, None)


def test_drawdowns_agree_with_libraries() -> None:
    import riskfolio.src.RiskFunctions as riskfolio
    from skfolio.measures import get_drawdowns

    path = risk.drawdown(risk.nav_path(RETURNS))
    assert path[1:] == pytest.approx(get_drawdowns(np.append(0.0, RETURNS), compounded=True)[1:], abs=TINY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = pytest.approx(float(riskfolio.MDD_Rel(RETURNS)), rel=1e-12)
        assert -risk.max_drawdown(risk.nav_path(RETURNS)).depth == expected


@given(series(least=1, low=-0.9))
def test_the_deepest_fall_is_the_worst_of_all_pairs_of_rows(r: np.ndarray) -> None:
    nav = risk.nav_path(r)
    found = risk.max_drawdown(nav)
    pairs = [nav[j] / nav[i] - 1 for i in range(len(nav)) for j in range(i, len(nav))]
    assert found.depth == pytest.approx(min(pairs), abs=TINY)
    assert found.depth == pytest.approx(nav[found.trough] / nav[found.peak] - 1, abs=TINY)
    assert found.peak <= found.trough
    between = nav[found.peak : len(nav) if found.recovery is None else max(found.recovery, found.peak + 1)]
    assert (between <= nav[found.peak]).all()
    assert found.recovery is None or nav[found.recovery] >= nav[found.peak]


# tails


def test_a_hundred_days_at_95_percent_have_five_in_the_tail() -> None:
    """(1 - 0.95)·100 is 5.000000000000004 in floating point: a sixth day must not slip in."""
    r = -np.arange(100.0) / 1000  # losses 0, 0.001, ..., 0.099
    assert risk.var(r) == 0.094
    assert risk.cvar(r) == pytest.approx(np.mean([0.095, 0.096, 0.097, 0.098, 0.099]), rel=TINY)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.975, 0.99])
@pytest.mark.parametrize("rows", [100, 200, 333, 777])
def test_tails_agree_with_skfolio_and_riskfolio(level: float, rows: int) -> None:
    import riskfolio.src.RiskFunctions as riskfolio
    from skfolio import measures

    r = RETURNS[:rows]
    assert risk.cvar(r, level) == pytest.approx(measures.cvar(r, beta=level), rel=1e-11)
    assert risk.cvar(r, level) == pytest.approx(float(riskfolio.CVaR_Hist(r, alpha=1 - level)), rel=1e-11)
    assert risk.var(r, level) == pytest.approx(measures.value_at_risk(r, beta=level), rel=TINY)


@given(series(least=20), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_cvar_is_the_minimum_of_rockafellar_and_uryasev(r: np.ndarray, level: float) -> None:
    """The minimum over c of c + mean(max(loss - c, 0)) / (1 - level) is at one of the losses; `var` is one such c."""
    objective = {c: c + np.maximum(-r - c, 0).mean() / (1 - level) for c in -r}
    assert risk.cvar(r, level) == pytest.approx(min(objective.values()), abs=1e-12)
    assert objective[risk.var(r, level)] == pytest.approx(risk.cvar(r, level), abs=1e-12)


@given(series(least=20), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_var_is_the_smallest_loss_that_is_rarely_exceeded(r: np.ndarray, level: float) -> None:
    losses = np.sort(-r)
    assert risk.var(r, level) == next(x for x in losses if (losses <= x).mean() >= level - 1e-12)
    assert risk.cvar(r, level) >= risk.var(r, level) - TINY


@given(arrays(float, (2, 30), elements=st.floats(-0.5, 0.5)), st.floats(0.1, 5.0), st.floats(-0.1, 0.1))
def test_cvar_is_coherent(pair: np.ndarray, scale: float, gain: float) -> None:
    one, two = pair
    assert risk.cvar(one + two) <= risk.cvar(one) + risk.cvar(two) + 1e-12
    assert risk.cvar(scale * one) == pytest.approx(scale * risk.cvar(one), abs=1e-12)
    assert risk.cvar(one + gain) == pytest.approx(risk.cvar(one) - gain, abs=1e-12)
    assert risk.cvar(np.maximum(one, two)) <= risk.cvar(one) + 1e-12


# following a target


def test_a_tracking_error_of_one_percent_costs_two_and_a_half_bp_at_g_5() -> None:
    active = np.tile([0.01, -0.01], 126) / math.sqrt(252)
    assert risk.loss(np.zeros(252), active, tracking_penalty=5.0, periods_per_year=252) == pytest.approx(2.5, rel=TINY)


def test_a_cost_of_ten_bp_in_one_of_252_days_is_ten_bp_a_year() -> None:
    cost = np.zeros(252)
    cost[100] = 0.0010
    assert risk.loss(cost, np.zeros(252), tracking_penalty=5.0, periods_per_year=252) == pytest.approx(10.0, rel=TINY)


def test_a_refund_of_tax_lowers_the_loss() -> None:
    found = risk.daily_loss([0.0004, -0.0001], [0.0, 0.01], 5.0, 1.0, refunded=[0.0, 0.0001])
    assert found == pytest.approx([4.0, 1.5], rel=TINY)


@given(arrays(float, (2, 20), elements=st.floats(0.0, 0.1)), st.floats(0.0, 50.0))
def test_the_loss_is_its_cost_plus_its_distance_and_the_mean_of_its_days(
    pair: np.ndarray, tracking_penalty: float
) -> None:
    cost, active = pair
    nothing = np.zeros(20)
    parts = risk.loss(cost, nothing, tracking_penalty, 252) + tracking_penalty * risk.loss(nothing, active, 1.0, 252)
    assert risk.loss(cost, active, tracking_penalty, 252) == pytest.approx(parts, rel=1e-12, abs=1e-12)
    expected = pytest.approx(risk.daily_loss(cost, active, tracking_penalty, 252).mean(), rel=TINY)
    assert risk.loss(cost, active, tracking_penalty, 252) == expected


# the door


@cases(
    "call, says",
    (lambda: risk.volatility([0.01], 252), "1 observations where 2"),
    (lambda: risk.volatility([[0.01, 0.02]], 252), r"shape \(1, 2\)"),
    (lambda: risk.volatility([0.01, math.nan], 252), "row 1 of 2"),
    (lambda: risk.tracking_error([0.01], 252), "where 2 are needed"),
    (lambda: risk.sharpe([0.01, 0.02], [0.0] * 3, 252), "returns has 2 observations and cash 3"),
    (lambda: risk.sharpe([0.1 + 0.2, 0.3], [0.0, 0.0], 252), "not defined"),
    (lambda: risk.sortino([0.01, 0.02], [0.0, 0.0], 252), "not defined"),
    (lambda: risk.nav_path([0.1, -1.0]), "row 1 of 2"),
    (lambda: risk.growth([1.0], 365), "where 2 are needed"),
    (lambda: risk.growth([1.0, 0.0], 365), "not positive"),
    (lambda: risk.max_drawdown([]), "0 observations"),
    (lambda: risk.drawdown([1.0, -1.0]), "not positive"),
    (lambda: risk.var([0.01] * 19), "0.95 observations in the tail"),
    (lambda: risk.cvar([0.01] * 19), "0.95 observations in the tail"),
    (lambda: risk.daily_loss([-0.1], [0.0], 5.0, 252), "negative"),
    (lambda: risk.daily_loss([0.0, -0.1], [0.0, 0.0], 5.0, 252, [0.1, 0.05]), "negative"),
    (lambda: risk.calendar_years(np.array(["2020-01-02"] * 2, dtype="datetime64[D]"), [0.0, 0.0]), "increasing"),
    (lambda: risk.calendar_months(np.array(["2020-01-02"] * 2, dtype="datetime64[D]"), [0.0, 0.0]), "calendar months"),
    (lambda: risk.calendar_years(np.array(["2020-01-02", "NaT"], dtype="datetime64[D]"), [0.0, 0.0]), "increasing"),
)
def test_data_that_cannot_give_the_number_is_refused(call, says: str) -> None:
    with pytest.raises(DataError, match=says):
        call()


@cases(
    "call",
    lambda: risk.volatility([0.01, 0.02], 0),
    lambda: risk.volatility([0.01, 0.02], math.nan),
    lambda: risk.growth([1.0, 2.0], 0),
    lambda: risk.var([0.01] * 20, level=1.0),
    lambda: risk.cvar([0.01] * 20, level=95),
    lambda: risk.loss([0.0], [0.0], -1.0, 252),
)
def test_a_setting_that_makes_no_sense_is_refused(call) -> None:
    with pytest.raises(ConfigError):
        call()
