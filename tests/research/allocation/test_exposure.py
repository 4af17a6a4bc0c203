"""Part of a portfolio: always the same, or as its volatility allows."""

from collections.abc import Callable

import numpy as np
import pytest

from foundation.errors import ConfigError, DataError
from research.allocation import (
    ConstantExposure,
    EqualWeights,
    FixedWeights,
    InverseVolatility,
    VolatilityTarget,
    target_path,
)
from research.allocation.answer import NotSolvedError
from research.forecast import EWMAVolatility
from research.market import Market

HALF = FixedWeights((0.5, 0.5))


def swinging(make_market: Callable[..., Market], sizes: list[float]) -> Market:
    """Two assets that move alike, up and down by each of these sizes in turn, twenty sessions each."""
    signs = np.tile([1.0, -1.0], 10)
    moves = np.concatenate([[0.0], *[size * signs for size in sizes]])
    return make_market(np.column_stack([moves, moves]))


def test_a_constant_exposure_holds_its_share_of_every_line(make_market: Callable[..., Market]) -> None:
    past = swinging(make_market, [0.01]).past(20)
    assert ConstantExposure(FixedWeights((0.6, 0.3)), 0.5).target(past).tolist() == [0.3, 0.15]
    other = InverseVolatility(window=10, schedule="week")
    assert (ConstantExposure(other, 0.5).schedule, ConstantExposure(other, 0.5).window) == ("week", 10)


def test_a_volatility_target_holds_what_has_that_volatility(make_market: Callable[..., Market]) -> None:
    """Twenty moves of ±1 % have the deviation sqrt(20/19) %; a target of half of that holds half."""
    market = swinging(make_market, [0.01, 0.04])
    year = 252.0
    aim = VolatilityTarget(HALF, 0.5 * 0.01 * np.sqrt(20 / 19 * year), lookback=20, periods_per_year=year)
    assert aim.target(market.past(20)) == pytest.approx([0.25, 0.25], rel=1e-12)
    assert aim.target(market.past(40)) == pytest.approx([0.0625, 0.0625], rel=1e-12)


def test_a_volatility_target_borrows_only_as_far_as_it_may(make_market: Callable[..., Market]) -> None:
    past = swinging(make_market, [0.01]).past(20)
    assert VolatilityTarget(HALF, 2.0, lookback=20).target(past).tolist() == [0.5, 0.5]
    assert VolatilityTarget(HALF, 2.0, lookback=20, most=1.5).target(past).tolist() == [0.75, 0.75]


def test_a_line_without_its_window_counts_as_if_it_moved_with_the_others(make_market: Callable[..., Market]) -> None:
    moves = np.concatenate([[0.0], 0.01 * np.tile([1.0, -1.0], 20)])
    late = make_market(np.column_stack([moves, moves]), first=[0, 30])
    level = 0.5 * 0.01 * np.sqrt(20 / 19 * 252.0)
    assert VolatilityTarget(EqualWeights(), level, lookback=20).target(late.past(40)) == pytest.approx([0.25, 0.25])


def test_a_forecast_gives_the_volatility_of_what_it_knows(noisy: Market) -> None:
    past = noisy.past(300)
    forecast = EWMAVolatility(horizon=5, estimate=60)
    moments = forecast.predict(past)
    held = VolatilityTarget(EqualWeights(), 0.01, forecast=forecast).target(past)
    known = held[[past.assets.index(asset) for asset in moments.assets]]
    deviation = np.sqrt(known @ moments.covariance @ known / 5.0 * 252.0)
    assert deviation * held.sum() / known.sum() == pytest.approx(0.01, rel=1e-9)
    assert VolatilityTarget(EqualWeights(), 0.01, forecast=forecast).window == 60


def test_a_line_that_the_forecast_does_not_know_counts_as_the_others(make_market: Callable[..., Market]) -> None:
    moves = np.concatenate([[0.0], 0.01 * np.tile([1.0, -1.0], 20)])
    late = make_market(np.column_stack([moves, moves]), first=[0, 30])
    level = 0.5 * 0.01 * np.sqrt(252.0)
    aim = VolatilityTarget(EqualWeights(), level, forecast=EWMAVolatility(horizon=1, estimate=20))
    assert aim.target(late.past(40)) == pytest.approx([0.25, 0.25])


@pytest.mark.parametrize("net", [0.0, 1.0, -1.0])
def test_a_volatility_target_is_met_whatever_the_net_of_a_portfolio(net: float, noisy: Market) -> None:
    past = noisy.past(300)
    held = VolatilityTarget(FixedWeights({"A02": 5.0, "A00": net - 5.0}), 0.01, lookback=60).target(past)
    assert (past.returns[-60:] @ held).std(ddof=1) * 252.0**0.5 == pytest.approx(0.01, rel=1e-9)


def test_among_long_and_short_a_line_without_its_window_counts_by_its_absolute_weight(
    make_market: Callable[..., Market],
) -> None:
    """Known is +1 of an asset that moves 1 % a session; half of the gross weight has no window."""
    moves = np.concatenate([[0.0], 0.01 * np.tile([1.0, -1.0], 20)])
    past = make_market(np.column_stack([moves, moves]), first=[0, 30]).past(40)
    level = 0.5 * 0.01 * np.sqrt(20 / 19 * 252.0)
    held = VolatilityTarget(FixedWeights((1.0, -1.0)), level, lookback=20).target(past)
    assert held == pytest.approx([0.25, -0.25], rel=1e-12)


def test_what_is_scaled_is_asked_on_the_schedule_of_what_scales_it(noisy: Market) -> None:
    yearly, monthly = (
        target_path(VolatilityTarget(InverseVolatility(60, schedule), 2.0), noisy, start=70)
        for schedule in ("year", "month")
    )
    assert np.array_equal(yearly.rows, monthly.rows)
    assert len(np.unique(yearly.rows, axis=0)) == len(yearly.rows)


@pytest.mark.parametrize("exposure", [-0.1, 1.2, True, float("nan"), "0.6", None])
def test_an_exposure_that_is_no_share_is_refused(exposure: object) -> None:
    with pytest.raises(ConfigError, match="exposure of ConstantExposure is"):
        ConstantExposure(HALF, exposure)  # type: ignore[arg-type]


def test_what_does_not_move_has_no_volatility(make_market: Callable[..., Market]) -> None:
    with pytest.raises(NotSolvedError, match="did not move in the 20 sessions"):
        VolatilityTarget(HALF, 0.1, lookback=20).target(swinging(make_market, [0.0]).past(20))
    with pytest.raises(DataError, match=r"no asset of the target .* has 20 returns"):
        VolatilityTarget(HALF, 0.1, lookback=20).target(swinging(make_market, [0.01]).past(19))
