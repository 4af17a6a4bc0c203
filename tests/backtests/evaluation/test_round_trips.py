"""Round trips: a few orders by hand; vectorbt's own are compared in `tests/backtests/engine/test_vectorbt.py`."""

from dataclasses import replace

import numpy as np
import pytest
from simulated import world

from backtests.engine import backtest
from backtests.evaluation.round_trips import FIGURES, _Position, round_trips
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import Market
from research.rules import Never, Threshold


def test_sales_take_the_average_cost_the_average_age_and_their_part_of_the_fees() -> None:
    held = _Position()
    assert held.book(10.0, 100.0, 1.0, day=0.0) is None
    assert held.book(30.0, 600.0, 3.0, day=8.0) is None
    assert (held.units, held.price, held.fees, held.day) == (40.0, 17.5, 4.0, 6.0)
    units, invested, pnl, ratio, days = held.book(-10.0, -200.0, 0.5, day=16.0)
    assert units == 10.0
    assert invested == 175.0
    assert days == 10.0
    assert pnl == pytest.approx(200.0 - 175.0 - 1.0 - 0.5)
    assert ratio == pytest.approx(pnl / 175.0)
    assert held.units == 30.0
    assert held.price == 17.5
    assert held.fees == 3.0


def test_an_order_past_zero_closes_one_side_and_opens_the_other() -> None:
    held = _Position()
    held.book(10.0, 100.0, 0.0, day=0.0)
    assert held.book(-15.0, -180.0, 3.0, day=5.0) == pytest.approx((10.0, 100.0, 20.0 - 2.0, 0.18, 5.0))
    assert (held.units, held.price, held.fees, held.day) == (-5.0, 12.0, 1.0, 5.0)
    assert held.book(5.0, 50.0, 0.0, day=7.0) == pytest.approx((5.0, 60.0, 10.0 - 1.0, 9.0 / 60.0, 2.0))
    assert held.units == 0.0


def test_what_rounding_left_of_a_position_is_not_closed_by_the_next_one() -> None:
    held = _Position(units=1e-14, price=10.0)
    assert held.book(-5.0, -50.0, 0.0, day=1.0) is None
    assert held.units == pytest.approx(-5.0)


def test_a_line_that_was_lost_is_a_round_trip_of_minus_one() -> None:
    held = _Position()
    held.book(10.0, 100.0, 0.0, day=0.0)
    assert held.book(-10.0, 0.0, 0.0, day=3.0) == (10.0, 100.0, -100.0, -1.0, 3.0)


def test_who_never_sells_has_none() -> None:
    found = round_trips(backtest(world(60), Never(FixedWeights((0.5, 0.3, 0.2))), Costs.bps(3)))
    assert found.trips.empty
    assert found.figures == {"number": 0} | dict.fromkeys(FIGURES[1:])


@pytest.fixture(scope="module")
def market() -> Market:
    return world(500, 3, seed=8)


def test_each_sale_is_one_and_what_is_won_and_still_held_is_all_that_was_won(market: Market) -> None:
    """Gains of closed units, and of those still held at their average cost, add up to the change in wealth."""
    still = replace(market, cash=np.zeros(len(market.dates)))
    played = backtest(still, Threshold(FixedWeights((0.5, 0.3, 0.2)), 0.01), Costs.bps(3, commission=20), nav=1e6)
    found, log = round_trips(played), played.trades()
    assert len(found.trips) == (log["side"] == "sell").sum() > 20
    assert found.trips["closed"].tolist() == log.loc[log["side"] == "sell", "booked"].tolist()
    held, prices = 0.0, played.index[-1]
    for i in range(3):
        position = _Position()
        for k in range(-1, len(played.booked)):
            row = 0 if k < 0 else played.booked[k] + 1
            before = 0.0 if k < 0 else played.ledger.units[row - 1, i]
            value, fee = (
                (played.ledger.opening_trades[i], played.ledger.opening_charges[:, i].sum())
                if k < 0
                else (played.ledger.trades[row - 1, i], played.ledger.charges[row - 1, :, i].sum())
            )
            if played.ledger.units[row, i] != before:
                position.book(played.ledger.units[row, i] - before, value, fee, day=0.0)
        held += position.units * (prices[i] - position.price) - position.fees
    assert found.trips["pnl"].sum() + held == pytest.approx(played.ledger.nav[-1] - played.wealth, rel=1e-9)


def test_figures_are_those_of_the_trips(market: Market) -> None:
    found = round_trips(backtest(market, Threshold(FixedWeights((0.5, 0.3, 0.2)), 0.01), Costs.bps(3, commission=20)))
    trips, figures = found.trips, found.figures
    assert (list(figures), figures["number"]) == (list(FIGURES), len(trips))
    assert figures["won"] == (trips["pnl"] > 0).mean()
    assert figures["mean_return"] == pytest.approx(trips["pnl"].sum() / trips["invested"].sum())
    assert figures["days"] == pytest.approx((trips["days"] * trips["invested"]).sum() / trips["invested"].sum())
    assert (found.extreme("best")["return"], found.extreme("worst")["return"]) == (figures["best"], figures["worst"])
    assert (trips["days"] >= 0.0).all()
