"""Depth and length of drawdowns against vectorbt, skfolio and Riskfolio-Lib, and by a loop that anyone can check."""

import numpy as np
import pytest
import riskfolio.src.RiskFunctions as riskfolio
import skfolio.measures as skfolio
from hypothesis import given
from hypothesis import strategies as st
from recorded_returns import BACON, fat_tailed
from uncompiled import vectorbt
from vectorbt.generic import nb as records

from foundation.errors import DataError
from research import risk

RETURNS = np.concatenate([[0.001], fat_tailed()[0]])  # vectorbt counts no loss of the first day
NAV = risk.nav_path(RETURNS)


def test_calmar_of_bacon_is_that_of_r_and_ours_of_vectorbt() -> None:
    """R: CalmarRatio(portfolio_bacon[, 1], scale = 12). A year of vectorbt has 252 rows."""
    assert risk.calmar(risk.nav_path(BACON), 2 * 365.25) == pytest.approx(0.7166390511623746, rel=1e-12)
    days = 365.25 * len(RETURNS) / 252
    assert risk.calmar(NAV, days) == pytest.approx(vectorbt.calmar_ratio_1d_nb(RETURNS, 252.0), rel=1e-10)


def test_ulcer_index_is_that_of_vectorbt_skfolio_and_riskfolio() -> None:
    assert risk.ulcer_index(NAV) == pytest.approx(vectorbt.ulcer_index_1d_nb(RETURNS), rel=1e-10)
    under = skfolio.get_drawdowns(RETURNS, compounded=True)
    assert risk.ulcer_index(NAV) == pytest.approx(skfolio.ulcer_index(under), rel=1e-10)
    assert risk.ulcer_index(NAV) == pytest.approx(riskfolio.UCI_Rel(RETURNS), rel=1e-10)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_cdar_is_that_of_skfolio_and_riskfolio(level: float) -> None:
    under = skfolio.get_drawdowns(RETURNS, compounded=True)
    assert risk.cdar(NAV, level) == pytest.approx(skfolio.cdar(under, beta=level), rel=1e-10)
    assert risk.cdar(NAV, level) == pytest.approx(riskfolio.CDaR_Rel(RETURNS, alpha=1.0 - level), rel=1e-9)


def test_longest_drawdown_is_the_longest_record_of_vectorbt() -> None:
    found = risk.longest_drawdown(NAV)
    last = len(NAV) - 1
    each = records.get_drawdowns_nb(NAV[:, None])
    ends = np.where(each["status"] == 1, each["end_idx"], last)
    longest = int(np.argmax(ends - each["peak_idx"]))
    end = last if found.recovery is None else found.recovery
    assert (found.peak, end) == (each["peak_idx"][longest], ends[longest])
    assert found.trough == each["valley_idx"][longest]


def test_recovery_is_that_of_the_deepest_record_of_vectorbt() -> None:
    each = records.get_drawdowns_nb(NAV[:, None])
    deepest = each[int(np.argmin(each["valley_val"] / each["peak_val"]))]
    assert deepest["status"] == 1  # it has recovered
    days = np.arange(len(NAV)) * 1.5
    assert risk.recovery_days(NAV, days) == 1.5 * (deepest["end_idx"] - deepest["valley_idx"])


def test_deepest_drawdowns_are_the_records_of_vectorbt_by_depth() -> None:
    each = records.get_drawdowns_nb(NAV[:, None])
    depths = each["valley_val"] / each["peak_val"] - 1.0
    order = np.argsort(depths, kind="stable")
    found = risk.deepest_drawdowns(NAV, most=len(NAV))
    assert len(found) == len(each) > 20
    for one, k in zip(found, order, strict=True):
        assert one.depth == pytest.approx(depths[k], rel=1e-12)
        assert (one.peak, one.trough) == (each["peak_idx"][k], each["valley_idx"][k])
        assert one.recovery == (each["end_idx"][k] if each["status"][k] == 1 else None)
    assert risk.deepest_drawdowns(NAV) == found[:5]


def falls_by_loop(nav: np.ndarray) -> list[tuple[float, int, int, int | None]]:
    """Depth, peak, trough and recovery of every fall, in order."""
    found, peak, trough = [], 0, 0
    for row, value in enumerate(nav):
        if value >= nav[peak]:
            if trough > peak:
                found.append((nav[trough] / nav[peak] - 1.0, peak, trough, row))
            peak = trough = row
        elif value < nav[trough]:
            trough = row
    return [*found, (nav[trough] / nav[peak] - 1.0, peak, trough, None)] if trough > peak else found


@given(st.lists(st.sampled_from([0.25, -0.2, 0.0, 0.5, -0.5, 1.0]), min_size=1, max_size=40))
def test_deepest_drawdowns_are_those_of_a_loop(returns: list[float]) -> None:
    nav = risk.nav_path(returns)
    found = risk.deepest_drawdowns(nav, most=100)
    expected = sorted((fall for fall in falls_by_loop(nav) if fall[0] < -1e-14), key=lambda fall: fall[0])
    assert [(d.depth, d.peak, d.trough, d.recovery) for d in found] == expected
    assert [risk.max_drawdown(nav)] == found[:1] or risk.max_drawdown(nav).depth > -1e-14


def by_loop(nav: np.ndarray, days: np.ndarray) -> float:
    """The longest time from a row at a peak to the next one, or to the last row, with a lower row between."""
    longest, since, peak, lower = 0.0, days[0], nav[0], False
    for value, day in zip(nav, days, strict=True):
        if value >= peak:
            longest = max(longest, day - since) if lower else longest
            peak, since, lower = value, day, False
        else:
            lower, longest = True, max(longest, day - since)
    return longest


@given(st.lists(st.floats(-0.2, 0.25), min_size=1, max_size=40), st.integers(0, 1_000))
def test_longest_drawdown_is_that_of_a_loop_in_any_calendar(returns: list[float], seed: int) -> None:
    nav = risk.nav_path(np.round(returns, 2))
    days = np.cumsum(np.random.default_rng(seed).integers(1, 5, len(nav))).astype(float)
    found = risk.longest_drawdown(nav, days)
    end = len(nav) - 1 if found.recovery is None else found.recovery
    assert days[end] - days[found.peak] == by_loop(nav, days)
    assert found.depth >= risk.max_drawdown(nav).depth
    assert risk.ulcer_index(nav) <= -risk.max_drawdown(nav).depth + 1e-15


def test_a_drawdown_that_goes_on_lasts_to_the_last_row() -> None:
    found = risk.longest_drawdown([1.0, 0.9, 1.0, 1.2, 1.1, 1.1, 1.1])
    assert (found.peak, found.trough, found.recovery) == (3, 4, None)


def test_a_path_that_never_falls_has_no_drawdown() -> None:
    nav, days = [1.0, 1.0, 1.1], [0.0, 1.0, 2.0]
    assert risk.longest_drawdown(nav).depth == risk.ulcer_index(nav) == 0.0
    assert risk.deepest_drawdowns(nav) == []
    with pytest.raises(DataError, match="the path has no drawdown"):
        risk.calmar(nav, 2.0)
    with pytest.raises(DataError, match="no recovery: the path has no drawdown"):
        risk.recovery_days(nav, days)


def test_a_maximum_drawdown_that_has_not_recovered_says_so() -> None:
    with pytest.raises(DataError, match="has not recovered by the last day"):
        risk.recovery_days([1.0, 0.5, 0.6], [0.0, 1.0, 2.0])


def test_a_wiped_out_path_is_refused() -> None:
    for measure in (risk.ulcer_index, risk.cdar, risk.longest_drawdown, lambda nav: risk.calmar(nav, 3.0)):
        with pytest.raises(DataError, match="row 2 of 3 is not positive"):
            measure([1.0, 0.5, 0.0])
