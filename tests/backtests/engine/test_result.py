"""The record of a backtest: what is derived from the facts that were booked, its tables and its reasons."""

import pickle
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from simulated import MakeMarket

from backtests.engine import Backtest, backtest
from research.accounting import CASH_LINE, Costs, Hold, Trade, View, Why
from research.allocation import FixedWeights
from research.market import Market
from research.rules import Calendar, Never, Threshold

TARGET = FixedWeights((0.35, 0.30, 0.25))


@pytest.fixture(scope="module")
def banded(halting: Market) -> Backtest:
    return backtest(
        halting, Threshold(TARGET, 0.02, "edge"), Costs.bps(3, commission=[2, 3, 5], half_spread=1),
        start="2018-01-20", nav=1e6,
    )  # fmt: skip


# -- by hand ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def by_hand(make_market: MakeMarket) -> Backtest:
    """The first case of the engine's tests: 66 and 40 before the trade, 52.87 each after it, and a cost of 0.26."""
    market = make_market(np.array([[0.0, 0.0], [0.2, -0.2], [0.1, 0.0], [0.0, -0.5]]))
    return backtest(
        market, Threshold(FixedWeights((0.5, 0.5)), 0.05), Costs.bps(2, commission=40, half_spread=60), nav=101.0
    )


def test_the_figures_of_each_day(by_hand: Backtest) -> None:
    assert by_hand.nav.tolist() == pytest.approx([100.0, 100.0, 105.74, 79.305])
    assert by_hand.nav_before == pytest.approx([100.0, 106.0, 79.305])
    assert by_hand.gross_returns == pytest.approx([0.0, 0.06, -0.25])
    assert by_hand.net_returns == pytest.approx([0.0, 0.0574, -0.25])
    assert by_hand.cost_rate == pytest.approx([0.0, 0.26 / 106.0, 0.0])
    assert by_hand.turnover == pytest.approx([0.0, 13.13 / 106.0, 0.0])
    assert by_hand.opening_cost == pytest.approx(1.0 / 101.0)
    assert by_hand.weights["A00"].tolist() == pytest.approx([0.5, 0.6, 0.5, 2.0 / 3.0])
    assert by_hand.cash_weight.tolist() == pytest.approx([0.0] * 4, abs=1e-14)


def test_the_table_of_trades_has_a_row_for_each_line(by_hand: Backtest) -> None:
    table = by_hand.trades()
    assert table["asset"].tolist() == ["A00", "A01"]
    assert table["asked"].dt.strftime("%m-%d").tolist() == ["01-03"] * 2
    assert table["booked"].dt.strftime("%m-%d").tolist() == ["01-04"] * 2
    assert table["side"].tolist() == ["sell", "buy"]
    assert table["notional"].tolist() == pytest.approx([13.13, 12.87])
    assert table["commission"].tolist() == pytest.approx([0.05252, 0.05148])
    assert table["half_spread"].tolist() == pytest.approx([0.07878, 0.07722])
    assert table["weight_before"].tolist() == pytest.approx([66.0 / 106.0, 40.0 / 106.0])
    assert table["weight_after"].tolist() == pytest.approx([0.5, 0.5])
    assert table["reason"].tolist() == ["A00 is 10.00 points over target, past the 5.00 allowed"] * 2


def test_every_day_asked_has_its_answer_and_its_reason(by_hand: Backtest) -> None:
    """Asked on day 1, booked and asked again on day 2, and on day 3, whose trade the data ends before."""
    table = by_hand.decisions()
    assert table["asked"].dt.strftime("%m-%d").tolist() == ["01-03", "01-04", "01-05"]
    assert table["traded"].tolist() == [True, False, True]
    assert table["booked"].dt.strftime("%m-%d").tolist()[:1] == ["01-04"]
    assert table["booked"].isna().tolist() == [False, True, True]
    assert table["line"].tolist() == ["A00", "A00", "A00"]
    assert table["gap"].tolist() == pytest.approx([0.1, 0.0, 1.0 / 6.0], abs=1e-14)
    assert table["allowed"].abs().tolist() == pytest.approx([0.05] * 3)
    assert table["reason"].tolist()[2] == "A00 is 16.67 points over target, past the 5.00 allowed"


# -- what a rule says when it holds ----------------------------------------------------------------------------------


def test_between_reviews_a_calendar_says_so(halting: Market) -> None:
    table = backtest(halting, Calendar(TARGET, "month"), Costs.bps(3)).decisions()
    between = table[~table["traded"]]
    assert (set(between["reason"]), set(between["line"])) == ({"no review is due today"}, {""})
    assert table["traded"].sum() == 11
    assert table.loc[table["traded"], "reason"].str.startswith("review due; ").all()


def test_a_rule_that_never_trades_says_so(halting: Market) -> None:
    table = backtest(halting, Never(TARGET), Costs.bps(3)).decisions()
    assert (len(table), set(table["reason"])) == (249, {"this rule never trades"})


def test_a_band_that_holds_names_the_line_that_is_closest_to_leaving(banded: Backtest) -> None:
    table = banded.decisions()
    held = table[~table["traded"]].iloc[-1]
    row = banded.market.row(held["asked"])
    weights = [*banded.weights.loc[held["asked"]], banded.cash_weight[held["asked"]]]
    gaps = np.abs(np.array(weights) - [0.35, 0.30, 0.25, 0.10])
    gaps[:3][~banded.market.tradable[row]] = 0.0
    assert held["line"] == [*banded.market.assets, "cash"][int(np.argmax(gaps))]
    assert abs(held["gap"]) == pytest.approx(gaps.max(), abs=1e-12)
    assert abs(held["allowed"]) == pytest.approx(0.02)


def test_a_line_past_its_band_that_no_trade_can_mend_says_why_it_stays(make_market: MakeMarket) -> None:
    market = make_market(np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    locked = replace(market, instruments=market.instruments.assign(trading=["", "locked", "locked"]))
    table = backtest(locked, Threshold(FixedWeights((0.4, 0.3, 0.3)), 0.02), Costs.bps(3)).decisions()
    assert not table["traded"].any()
    assert (
        table["reason"].iloc[0]
        == "A00 is 10.00 points over target, past the 2.00 allowed, and no trade reduces all breaches together enough"
    )


def test_a_line_without_target_is_not_the_one_that_is_closest(make_market: MakeMarket) -> None:
    """B has no target and no weight: it lies on its lower bound, and is not what the reader should look at."""
    market = make_market(np.array([[0.0, 0.0, 0.0], [0.04, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    table = backtest(market, Threshold(FixedWeights((0.5, 0.0, 0.5)), 0.02), Costs.bps(3)).decisions()
    assert table["reason"].iloc[0] == "A00 is 0.98 points over target, within the 2.00 allowed"


def test_a_policy_of_ones_own_keeps_its_reasons(halting: Market) -> None:
    @dataclass(frozen=True)
    class Waits:
        allocation: FixedWeights = TARGET

        def decide(self, view: View) -> Hold | Trade:
            if view.past.t == 7:
                return Trade.to(view.target, Why("mood", CASH_LINE, 0.25, 0.2))
            return Hold(Why("waits", 1, -0.125, 0.5))

    table = backtest(halting, Waits(), Costs.bps(3)).decisions()
    assert table["traded"].to_numpy().nonzero()[0].tolist() == [6]
    assert table["reason"].iloc[6] == "cash is 25.00 points over target, past the 20.00 allowed"
    assert set(table["reason"].drop(6)) == {"A01 is 12.50 points under target, within the 50.00 allowed"}


# -- derived paths ---------------------------------------------------------------------------------------------------


def test_weights_and_cash_are_the_units_held_at_their_prices(banded: Backtest) -> None:
    book, market = banded.ledger, banded.market
    weights, cash = banded.weights.to_numpy(), banded.cash_weight.to_numpy()
    held = 0
    for d in range(len(book.nav)):
        t = banded.first + d
        held += int(held < len(book.booked) and book.booked[held] == t)
        assert weights[d] == pytest.approx(book.units[held] * market.index[t] / book.nav[d], rel=1e-13)
        assert cash[d] == pytest.approx(book.cash_units[held] * market.cash_index[t] / book.nav[d], abs=1e-13)


def test_gross_returns_less_costs_are_net_returns(banded: Backtest) -> None:
    net = (1.0 + banded.gross_returns) * (1.0 - banded.cost_rate) - 1.0
    assert (banded.cost_rate > 0.0).sum() > 20
    np.testing.assert_allclose(net, banded.net_returns, atol=1e-14)


def test_gross_returns_are_those_of_yesterdays_weights(banded: Backtest) -> None:
    market, first = banded.market, banded.first
    earned = (banded.weights.to_numpy()[:-1] * market.returns[first + 1 :]).sum(axis=1)
    earned += banded.cash_weight.to_numpy()[:-1] * market.cash[first + 1 :]
    np.testing.assert_allclose(banded.gross_returns, earned, atol=1e-14)


def test_trades_of_less_than_a_millionth_do_not_count(banded: Backtest) -> None:
    notional = np.abs(banded.ledger.trades) / banded.ledger.nav_before[:, None]
    np.testing.assert_array_equal(banded.counted, notional > 1e-6)
    assert len(banded.trades()) == banded.counted.sum()


def test_a_record_cannot_be_written_to(banded: Backtest) -> None:
    for values in banded.ledger:
        with pytest.raises(ValueError, match="read-only"):
            values[..., 0] = 1


def test_a_record_survives_being_sent_to_another_process(banded: Backtest) -> None:
    other = pickle.loads(pickle.dumps(banded))
    np.testing.assert_array_equal(other.ledger.nav, banded.ledger.nav)
    pd.testing.assert_frame_equal(other.trades(), banded.trades())
