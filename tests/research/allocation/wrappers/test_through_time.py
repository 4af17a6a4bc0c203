"""Targets that follow their own: by hand, their laws, and what happens where the portfolio has no solution."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from research.allocation import (
    Answer,
    CappedTurnover,
    ConstantExposure,
    Explained,
    InverseVolatility,
    MeanVariance,
    MinimumVariance,
    NotSolvedError,
    Smoothed,
    target_path,
)
from research.forecast import Estimated
from research.market import SHUMWAY, Market, delist


@dataclass(frozen=True)
class Switches(Explained):
    """All in the first asset, from the third month on all in the second; without a solution in the months named."""

    unsolved: tuple[int, ...] = ()
    schedule: str = "month"
    window: int = 0

    def answer(self, past) -> Answer:
        if past.date.month in self.unsolved:
            raise NotSolvedError("nothing")
        return Answer(np.array([1.0, 0.0] if past.date.month < 3 else [0.0, 1.0]), past.date, status="optimal")


@pytest.fixture(scope="module")
def quiet(make_market: Callable[..., Market]) -> Market:
    """January to June 2018, two assets that do not move."""
    return make_market(np.zeros((125, 2)))


def first_line(held: object, market: Market) -> list[float]:
    return target_path(held, market, start=20).rows[:, 0].tolist()


def test_smoothing_goes_part_of_the_way_at_each_refit(quiet: Market) -> None:
    assert first_line(Smoothed(Switches(), half_life=1.0), quiet) == [1.0, 1.0, 0.5, 0.25, 0.125, 0.0625]
    assert first_line(Smoothed(Switches(), half_life=2.0), quiet)[-1] == pytest.approx(0.25, abs=1e-15)


def test_a_capped_target_goes_no_further_than_its_cap(quiet: Market) -> None:
    assert first_line(CappedTurnover(Switches(), 0.4), quiet) == pytest.approx([1.0, 1.0, 0.6, 0.2, 0.0, 0.0])
    assert first_line(CappedTurnover(Switches(), 1.0), quiet) == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]


def test_without_a_solution_the_target_before_stays_and_is_gone_on_from(quiet: Market) -> None:
    path = target_path(Smoothed(Switches(unsolved=(4,)), half_life=1.0), quiet, start=20)
    assert path.rows[:, 0].tolist() == [1.0, 1.0, 0.5, 0.5, 0.25, 0.125]
    assert [answer.fallback for answer in path.answers] == ["", "", "", "previous weights", "", ""]


@pytest.mark.parametrize("held", [Smoothed(InverseVolatility(60)), CappedTurnover(InverseVolatility(60), 0.01)])
def test_a_path_does_not_depend_on_where_it_starts_or_on_what_was_asked_before(held, noisy: Market) -> None:
    early, late = (target_path(held, noisy, start=start) for start in (90, 230))
    assert np.array_equal(early.rows[-len(late.rows) :], late.rows)
    cold = noisy.select(list(noisy.assets))  # another market of the same days, on which nothing was asked
    assert np.array_equal(held.target(cold.past(300)), held.target(noisy.past(300)))


def test_the_turnover_between_refits_keeps_its_cap_at_any_depth(noisy: Market) -> None:
    held = ConstantExposure(CappedTurnover(MinimumVariance(30), 0.03), 0.5)
    free = target_path(MinimumVariance(30), noisy, start=70).rows
    rows = target_path(held, noisy, start=70).rows
    one_way = [max(np.maximum(move, 0.0).sum(), np.maximum(-move, 0.0).sum()) for move in np.diff(rows, axis=0)]
    assert max(one_way) == pytest.approx(0.015, abs=1e-12)
    assert np.abs(np.diff(free, axis=0)).max() > 0.06
    assert np.abs(rows.sum(axis=1) - 0.5).max() < 1e-12


def test_a_wide_cap_and_a_short_half_life_are_the_portfolio(noisy: Market) -> None:
    free = target_path(MinimumVariance(60), noisy, start=70).rows
    assert np.array_equal(target_path(CappedTurnover(MinimumVariance(60), 1.0), noisy, start=70).rows, free)
    assert target_path(Smoothed(MinimumVariance(60), 0.01), noisy, start=70).rows == pytest.approx(free, abs=1e-12)


def test_what_leaves_is_spread_over_its_class_before_the_target_moves(noisy: Market) -> None:
    silent = (np.arange(380)[:, None] >= 240) & (np.arange(6) == 2)
    halted = replace(noisy, tradable=noisy.tradable & ~silent, returns=np.where(silent, 0.0, noisy.returns))
    market = delist(halted, "A02", noisy.dates[250], SHUMWAY)
    path = target_path(CappedTurnover(InverseVolatility(60), 0.001), market, start=70)
    before, after = path.at(249), path.at(250)
    assert after[2] == 0.0
    assert after[3] == pytest.approx(before[2] + before[3], abs=0.001 + 1e-12)  # the other bond


def test_reasons_are_those_of_the_portfolio_today(noisy: Market) -> None:
    inner = MeanVariance(forecast=Estimated(window=60), upper={"A00": 0.3})
    for held in (Smoothed(inner), CappedTurnover(inner, 0.01)):
        answer, solved = held.answer(noisy.past(300)), inner.answer(noisy.past(300))
        assert (answer.solver, answer.binding, answer.seen) == (solved.solver, solved.binding, solved.seen)
        assert not np.allclose(answer.weights, solved.weights)
