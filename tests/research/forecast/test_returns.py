"""Assets that enter an estimate: those that move; one that has stopped is left out, and a note says since when."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from foundation.errors import DataError
from research.allocation import HRP, InverseVolatility, MeanVariance
from research.allocation.allocation import answer_of
from research.allocation.input_sensitivity import input_sensitivity
from research.allocation.weight_intervals import weight_intervals
from research.forecast import Estimated
from research.forecast.returns import complete_returns, estimable, left_out
from research.market import Market, market_from_frame

SPACING = {"B": (300, 25), "D": (300, 35), "W-FRI": (120, 5), "ME": (90, 3)}  # rows, and those without a move that stop


def stopped(every: str, rows: int, still: int, missing: bool = False) -> Market:
    """Three assets, of which the second has no move, or no price, on the last rows."""
    drawn = np.random.default_rng(3).normal(0.0, 0.01, (rows, 3))
    prices = pd.DataFrame(
        100.0 * np.cumprod(1.0 + drawn, axis=0), pd.date_range("2016-01-04", periods=rows, freq=every)
    )
    prices.columns = pd.Index(["A", "B", "C"])
    if still:
        prices.iloc[-still:, 1] = np.nan if missing else prices.iloc[-still - 1, 1]
    return market_from_frame(prices, calendar="24/7", missing="halt" if missing else "error")


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("every", SPACING)
def test_an_asset_without_a_move_in_five_weeks_or_three_rows_has_stopped(every: str, missing: bool) -> None:
    rows, still = SPACING[every]
    market, before = stopped(every, rows, still, missing), stopped(every, rows, still - 1, missing)
    last, window = rows - 1, rows // 2
    assert complete_returns(before.past(last), window)[1].tolist() == [0, 1, 2]
    assert left_out(before.past(last), window) == ()
    assert complete_returns(market.past(last), window)[1].tolist() == [0, 2]
    assert estimable(market.past(last), window).tolist() == [True, False, True]
    [note] = left_out(market.past(last), window)
    assert note.startswith(f"B has not moved since {market.days[last - still]}, and is left out: correct its prices")
    assert note.assets == ("B",)
    assert note.warning


def test_a_halted_asset_that_moves_with_its_currency_alone_has_stopped() -> None:
    market = stopped("B", 300, 60, missing=True)
    drawn = np.random.default_rng(4).normal(0.0, 0.005, 300)
    moving = replace(market, returns=market.returns + np.array([0.0, 1.0, 0.0]) * drawn[:, None])
    assert np.abs(moving.returns[-60:, 1]).min() > 0.0
    assert complete_returns(moving.past(299), 252)[1].tolist() == [0, 2]


@pytest.mark.parametrize("allocation", [HRP(window=100), InverseVolatility(window=100), MeanVariance()], ids=repr)
def test_weights_are_those_without_the_asset_that_has_stopped(allocation: HRP) -> None:
    market = stopped("B", 300, 60)
    found = answer_of(allocation, market.past(299))
    without = allocation.target(market.select(["A", "C"]).past(299))
    assert found.weights == pytest.approx([without[0], 0.0, without[1]], abs=1e-12)
    assert found.notes == left_out(market.past(299), allocation.window)


def test_what_happens_later_changes_nothing_of_the_day() -> None:
    moving, halted = stopped("B", 300, 0), stopped("B", 300, 60)
    for t in (239, 263):  # 24 rows without a move at the second
        assert estimable(halted.past(t), 100).all()
        assert estimable(moving.past(t), 100).all()
    assert not estimable(halted.past(264), 100)[1]


def test_intervals_and_sensitivities_leave_it_out_in_every_draw() -> None:
    market, allocation = stopped("B", 300, 60), InverseVolatility(window=100)
    assert not weight_intervals(allocation, market, draws=20).drawn[:, 1].any()
    found = input_sensitivity(allocation, market, draws=20)
    assert {name for lines in found.lines for name in lines} == {"A", "C"}
    assert not found.weights[1]


def test_an_asset_that_never_moved_is_said_as_before() -> None:
    market = stopped("B", 300, 0)
    flat = replace(market, returns=market.returns * np.array([1.0, 0.0, 1.0]))
    assert left_out(flat.past(299), 100) == ("B did not move in 100 sessions, and is left out",)


def test_where_all_have_stopped_the_message_says_what_to_do() -> None:
    market = stopped("B", 300, 60).select(["B"])
    with pytest.raises(DataError, match=r"returns of B do not vary in the 252 sessions, or the 35 days, .*\(delist\)"):
        Estimated().predict(market.past(299))
