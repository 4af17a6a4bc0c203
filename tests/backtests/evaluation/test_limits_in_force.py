"""The limits of the target in force are those of the day of its refit, with the target before."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backtests.evaluation.limits_in_force import at_row, limited_part, limits_in_force
from foundation.errors import ConfigError
from research.allocation import ConstantExposure, EqualWeights, MeanVariance, target_path
from research.allocation.constraints import Constraints, Most
from research.market import delist
from research.portfolio import Portfolio, load_portfolio

FILE = Path(__file__).parents[3] / "data" / "portfolios" / "under_limits.yaml"


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio(FILE, {"test_start": "2021-01-04"})


def test_the_programme_is_that_of_the_refit_with_the_target_before(portfolio: Portfolio) -> None:
    day = limits_in_force(portfolio, "limited", "2022-12-29")
    path = target_path(day.allocation, portfolio.market, portfolio.market.row("2021-01-04"))
    k = int(path.row[portfolio.market.row("2022-12-29")])
    assert f"{day.past.date:%Y-%m-%d}" == f"{day.answer.seen:%Y-%m-%d}" == "2022-09-30"
    assert day.previous.tolist() == path.rows[k - 1].tolist()
    found = day.programme.best(day.programme.limits)
    assert found.weights == pytest.approx(day.of_lines(day.answer.weights), abs=1e-6)
    assert np.maximum(day.answer.weights - day.previous, 0.0).sum() <= 0.04 + 1e-8


def test_the_first_target_has_none_before(portfolio: Portfolio) -> None:
    day = limits_in_force(portfolio, "limited", "2021-01-05")
    assert day.previous is None
    assert any("there is no previous target" in note for note in day.programme.limits.notes)
    assert limits_in_force(portfolio, "limited", "2022-12-29").without_previous().previous is None


def test_what_has_left_is_spread_in_the_target_before_as_when_it_was_solved(portfolio: Portfolio) -> None:
    allocation, market = limits_in_force(portfolio, "limited", "2022-12-29").allocation, portfolio.market
    t, line = (
        market.row("2022-11-15"),
        int(np.argmax(limits_in_force(portfolio, "limited", "2022-11-14").answer.weights)),
    )
    silent = (np.arange(len(market.dates))[:, None] >= t) & (np.arange(len(market.assets)) == line)
    halted = replace(market, tradable=market.tradable & ~silent, returns=np.where(silent, 0.0, market.returns))
    left = delist(halted, market.assets[line], market.dates[t], 0.0)
    free = replace(allocation, constraints=Constraints(turnover=Most(most=0.04)), lower=0.0, upper=1.0)
    day = at_row(free, target_path(free, left, market.row("2022-06-01")), left, t)
    assert (day.previous[line], day.previous.sum()) == (0.0, pytest.approx(1.0))
    assert day.programme.best(day.programme.limits).weights == pytest.approx(day.of_lines(day.answer.weights), abs=1e-6)


def test_a_policy_without_such_limits_is_refused(portfolio: Portfolio) -> None:
    with pytest.raises(ConfigError, match="policy quarterly holds FixedWeights, whose limits are not known"):
        limits_in_force(portfolio, "quarterly", "2022-12-29")
    with pytest.raises(ConfigError, match="nothing"):
        limits_in_force(portfolio, "nothing", "2022-12-29")


def test_limits_are_found_below_what_scales_them() -> None:
    limited = MeanVariance(upper=0.4)
    assert limited_part(ConstantExposure(limited, 0.5)) is limited
    assert limited_part(limited) is limited
    assert limited_part(ConstantExposure(MeanVariance(), 0.5)) is None
    assert limited_part(EqualWeights()) is None
