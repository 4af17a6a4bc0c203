"""What a trade list says: its tables, its reasons, what it traces back to, and the portfolio that it leaves."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foundation.errors import ConfigError, PolicyError
from research.accounting import Impact
from research.allocation import target_path
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.rules import Calendar, Never, Threshold, TunedThreshold


def test_order_shows_price_date_weights_gap_and_reason(two: Portfolio) -> None:
    sell, buy = trade_list(two, Threshold(two.strategic, 0.02)).orders.to_dict("records")
    assert (sell["side"], sell["asset"], buy["side"], buy["asset"]) == ("sell", "A", "buy", "B")
    assert (sell["price"], sell["price_date"]) == (100.0, "2022-12-29")
    assert sell["weight_before"] == pytest.approx(0.6)
    assert sell["weight_after"] == pytest.approx(50_000.0 / 99_975.05)
    assert (sell["target"], sell["gap"]) == (0.5, pytest.approx(0.1))
    assert buy["gap"] == pytest.approx(-0.15)
    assert sell["reason"] == "10.00 points over target: to its target"
    assert buy["reason"] == "15.00 points under target: to its target"


def test_a_rule_that_holds_need_not_be_able_to_pay_for_the_trade_that_it_does_not_make(two: Portfolio) -> None:
    dear = replace(two, costs=replace(two.costs, ticket=np.full(2, 1e6)))
    got = trade_list(dear, Never(dear.strategic))
    assert got.orders.empty
    assert got.would_trade.empty
    with pytest.raises(PolicyError, match="cannot be paid for"):
        trade_list(dear, Threshold(dear.strategic, 0.02))


def test_the_first_purchase_says_so_in_place_of_the_gaps_of_cash(desk: Any) -> None:
    cash = desk([100.0, 50.0], [0, 0], 100_000.0, [0.6, 0.4])
    got = trade_list(cash, Threshold(cash.strategic, 0.02))
    assert got.reason == "first purchase from cash"
    assert [reason.partition(":")[0] for reason in got.orders["reason"]] == ["first purchase"] * 2


def test_box_trade_says_which_lines_pay_and_which_enter(desk: Any) -> None:
    three = desk([10.0, 10.0, 10.0], [6_000, 2_000, 2_000], 0.0, [0.4, 0.2, 0.4], commission=[0, 1, 2], half_spread=0.0)
    got = trade_list(three, Threshold(three.strategic, 0.05, to="edge"))
    assert dict(zip(got.orders["asset"], got.orders["reason"], strict=True)) == {
        "A": "20.00 points over target, 15.00 outside its band: back to its edge",
        "C": "20.00 points under target, 15.00 outside its band: back to its edge",
    }
    assert got.held[["asset", "reason"]].to_numpy().tolist() == [["B", "at target: within its band"]]
    paid = desk([10.0, 10.0, 10.0], [4_000, 4_000, 2_000], 0.0, [0.37, 0.37, 0.26], half_spread=0.0)
    got = trade_list(paid, Threshold(paid.strategic, 0.04, to="edge"))
    pays = "3.00 points over target: to pay for C (furthest over target for its cost)"
    expected = {"A": pays, "B": pays, "C": "6.00 points under target, 2.00 outside its band: back to its edge"}
    assert dict(zip(got.orders["asset"], got.orders["reason"], strict=True)) == expected


def test_what_cash_takes_is_named_beside_the_orders(desk: Any) -> None:
    """A is six points over and sold to its edge and on, most of it into cash, which is seven points under its own."""
    held = desk([10.0] * 4, [3_600, 1_500, 2_300, 2_300], 3_000.0, [0.3, 0.2, 0.2, 0.2], half_spread=0.0)
    got = said(held, Threshold(held.strategic, 0.04, to="edge"))
    assert got["A"].startswith("back to its edge and on, to raise cash and pay for B (furthest over")
    assert got["C"] == "to raise cash and pay for B (furthest over target for its cost)"
    assert got["B"] == "back to its edge"


# Four assets at 40, 30, 20 and 10 % of NAV, each to be 25 %.
FOUR = ([10.0] * 4, [4_000, 3_000, 2_000, 1_000], 0.0, [0.25] * 4)


def said(portfolio: Portfolio, policy: Any) -> dict[str, str]:
    """What becomes of each asset, in words: the reason without the drift before it and a cut for cash after it."""
    got = trade_list(portfolio, policy)
    assert not got.holds
    reasons = pd.concat([got.orders, got.held]).set_index("asset")["reason"]
    return dict(sorted(reasons.str.partition(";")[0].str.split(": ").str[-1].items()))


def restricted(portfolio: Portfolio, *trading: str) -> Portfolio:
    market = portfolio.market
    return replace(portfolio, market=replace(market, instruments=market.instruments.assign(trading=list(trading))))


def test_lines_that_a_turnover_cap_cuts_short_or_leaves_say_so(desk: Any) -> None:
    four, cut, left = desk(*FOUR), "up to the turnover cap", "the turnover cap is reached"
    five = said(four, Threshold(four.strategic, 0.02, turnover_cap=0.05))
    assert five == {"A": cut, "B": left, "C": left, "D": cut}
    # 17 % of NAV sells the 15 of A whole, and 2 of the 5 of B.
    most = said(four, Calendar(four.strategic, "week", turnover_cap=0.17))
    assert most == {"A": "to its target", "B": cut, "C": cut, "D": "to its target"}
    loose = said(four, Calendar(four.strategic, "week", turnover_cap=0.21))
    assert set(loose.values()) == {"to its target"}
    edge = said(four, Threshold(four.strategic, 0.06, to="edge", turnover_cap=0.01))
    assert edge == {"A": cut, "B": "within its band", "C": "within its band", "D": cut}


def test_tranches_are_not_called_the_target(desk: Any) -> None:
    """In 21 tranches a month each day is the phase of one: since that of the 27th A earned 10 %, 5 % of the whole."""
    mean = (20.0 * np.array([0.5, 0.3, 0.2]) + np.array([0.55, 0.3, 0.2]) / 1.05) / 21.0
    held = 1e5 * (mean + np.array([0.1, -0.1, 0.0]))
    free = {"commission": 0.0, "half_spread": 0.0, "last_trade": "2022-12-28"}
    three = desk([np.nan] * 3, held, 0.0, [0.5, 0.3, 0.2], **free)
    returns = np.array([[0.0] * 3, [0.1, 0.0, 0.0], [0.0] * 3])
    three = replace(three, market=replace(three.market, returns=returns))
    to = "to the mean of its tranches"
    tranches = Calendar(three.strategic, "month", tranches=21)
    assert said(three, tranches) == {"A": to, "B": to, "C": "at the mean of its tranches"}
    assert trade_list(three, tranches).sized.goal == pytest.approx(mean, abs=1e-9)
    missed = replace(three, last_trade=pd.Timestamp("2022-12-21"))  # what fell due since then is done today
    assert trade_list(missed, tranches).sized.goal == pytest.approx([0.5, 0.3, 0.2], abs=1e-9)


def test_restricted_lines_say_why_they_stay_and_others_how_far_they_get(desk: Any) -> None:
    four = restricted(desk(*FOUR), "", "sell_only", "", "locked")
    # B's sale of 5 points and, as D may not be bought, all of the 12.5 that it leaves go to C, level with A.
    assert said(four, Threshold(four.strategic, 0.02)) == {
        "A": "as far as the other trades allow",
        "B": "to its target",
        "C": "to its target and on, funded by A and B (no asset under target can take more)",
        "D": "may not be traded",
    }
    assert said(restricted(four, "buy_only", "sell_only", "", ""), Threshold(four.strategic, 0.02)) == {
        "A": "may only be bought",
        "B": "to its target",
        "C": "to its target and on, to pay for D (no asset over target can take more)",
        "D": "as far as the other trades allow",
    }
    assert said(restricted(four, "", "", "sell_only", ""), Threshold(four.strategic, 0.02))["C"] == "may only be sold"


def test_gap_that_no_trade_would_mend_says_so(desk: Any) -> None:
    three = desk([10.0] * 3, [5_500, 2_500, 2_000], 0.0, [0.5, 0.25, 0.25])
    got = trade_list(restricted(three, "", "locked", "locked"), Threshold(three.strategic, 0.02))
    assert got.headline == (
        "No trade: A is 5.00 points over target, past the 2.00 allowed, and no trade reduces all breaches together "
        "enough."
    )


def test_a_gap_that_a_list_would_correct_at_the_cost_of_others_is_not_called_beyond_correction(desk: Any) -> None:
    """B is sold to target in the list of a trade to target, where A and C take what D, locked, may not."""
    four = desk([10.0] * 4, [3_000, 5_000, 2_000, 0], 0.0, [0.25, 0.25, 0.2, 0.3])
    got = trade_list(restricted(four, "", "sell_only", "", "locked"), Threshold(four.strategic, 0.03, "edge"))
    assert got.holds
    assert got.would.after.weights[1] == pytest.approx(0.25, abs=1e-3)
    assert got.reason.endswith("past the 3.00 allowed, and no trade reduces all breaches together enough")


def test_trade_to_a_point_says_which(desk: Any) -> None:
    four = desk(*FOUR)
    assert said(four, Threshold(four.strategic, 0.1, to="edge", lines="breaching")) == {
        "A": "to 35.00 %", "B": "not traded by this rule", "C": "not traded by this rule", "D": "to 15.00 %",
    }  # fmt: skip
    assert set(said(four, Threshold(four.strategic, 0.02, fraction=0.5)).values()) == {"part of the way"}


def test_the_first_line_says_what_its_file_assumes(two: Portfolio) -> None:
    marked = replace(two, assumed=("costs", "half_spread", "cash"), day_cost=20.0, day_cost_assumed=True)
    said = " Assumed: costs, half-spreads, a trading day at 20 USD and interest on cash."
    for policy in (Threshold(two.strategic, 0.2), Calendar(two.strategic, 1)):
        assert trade_list(marked, policy).headline == trade_list(two, policy).headline + said


def test_hold_lists_every_line_with_the_reason_and_what_trading_would_be(two: Portfolio) -> None:
    got = trade_list(two, Threshold(two.strategic, 0.2))
    assert got.holds
    assert got.headline == "No trade: B is 15.00 points under target, within the 20.00 allowed."
    assert got.held["asset"].tolist() == ["A", "B"]
    expected = ["10.00 points over target: the policy holds", "15.00 points under target: the policy holds"]
    assert got.held["reason"].tolist() == expected
    assert got.held["value"].tolist() == [60_000.0, 35_000.0]
    assert got.would_trade[["side", "asset", "units"]].to_numpy().tolist() == [
        ["sell", "A", 100.0],
        ["buy", "B", 299.0],
    ]
    assert got.facts["cash_after"] == got.facts["cash_before"] == 5_000.0
    assert got.facts["turnover"] == 0.0


def test_list_that_trades_shows_no_second_table(two: Portfolio) -> None:
    got = trade_list(two, Threshold(two.strategic, 0.02))
    assert list(got.would_trade.columns) == list(got.orders.columns)
    assert len(got.would_trade) == 0


def test_facts_lead_from_cash_before_to_cash_after(two: Portfolio) -> None:
    facts = trade_list(two, Threshold(two.strategic, 0.02)).facts
    assert facts == {
        "holds": False,
        "reason": "B is 15.00 points under target, past the 2.00 allowed",
        "basis": "USD",
        "today": "",
        "stale": False,
        "nav_before": 100_000.0,
        "nav_after": 99_975.05,
        "cash_before": 5_000.0,
        "flow": 0.0,
        "sells": 10_000.0,
        "buys": 14_950.0,
        "commission": 9.98,
        "half_spread": 14.97,
        "ticket": 0.0,
        "impact": 0.0,
        "cash_after": 25.05,
        "turnover": 0.1495,
        "left_out": "",
    }


def test_after_is_the_portfolio_with_the_orders_filled(two: Portfolio) -> None:
    after = trade_list(two, Threshold(two.strategic, 0.02)).after()
    assert after.shares.tolist() == [500.0, 999.0]
    assert after.holdings.tolist() == [50_000.0, 49_950.0]
    assert after.cash == 25.05
    assert after.last_trade == two.date
    assert two.shares.tolist() == [600.0, 700.0]


def test_after_keeps_a_line_in_currency_in_currency(desk: Any) -> None:
    stated = desk([np.nan, 50.0], [60_000.0, 700], 5_000.0, [0.5, 0.5])
    after = trade_list(stated, Threshold(stated.strategic, 0.02)).after()
    assert np.isnan(after.shares).tolist() == [True, False]
    assert after.holdings.tolist() == [49_974.97, 50_000.0]


def test_list_traces_back_to_portfolio_policy_run_and_data(two: Portfolio) -> None:
    got = trade_list(two, Never(two.strategic), "nothing", run="by-hand-2022-12-29-0123abcd")
    assert got.provenance == {
        "portfolio": "By hand",
        "file": "by_hand.yaml",
        "policy": "nothing",
        "run": "by-hand-2022-12-29-0123abcd",
        "data": two.market.fingerprint,
        "as_of": "2022-12-29",
        "last_close": "2022-12-29",
    }


def test_policy_is_called_as_the_portfolio_calls_it() -> None:
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml")
    assert trade_list(portfolio, portfolio.policies["threshold_within"]).policy == "threshold_within"
    assert trade_list(portfolio, Never(portfolio.strategic)).policy == "Never"


def test_target_path_at_hand_is_used(two: Portfolio) -> None:
    other = target_path(Threshold(two.strategic).allocation, two.market)
    given = type(other)(other.assets, np.tile([0.2, 0.8], (len(other.rows), 1)), other.row, other.seen)
    assert trade_list(two, Threshold(two.strategic), targets=given).target.tolist() == [0.2, 0.8]


def test_specification_is_refused_with_its_name(two: Portfolio) -> None:
    said = r"policy 'tuned' cannot decide: a TunedThreshold must be tuned or trained first"
    with pytest.raises(ConfigError, match=said):
        trade_list(two, TunedThreshold(two.strategic), "tuned")  # type: ignore[arg-type]


# -- the three portfolios that come with the workbench ---------------------------------------------------------------


@pytest.mark.parametrize("file", ["global_multi_asset", "sixty_forty", "stocks_20"])
def test_real_list_executed_and_asked_again_is_empty(file: str) -> None:
    portfolio = load_portfolio(f"data/portfolios/{file}.yaml")
    for name, policy in portfolio.policies.items():
        if not hasattr(policy, "decide"):
            continue
        first = trade_list(portfolio, policy)
        assert first.sized.cash >= 0.0
        assert trade_list(first.after(), policy).empty, name


def test_real_list_to_target_brings_every_line_within_one_unit() -> None:
    whole = {"orders": {"reserve_bps": 0.0, "adverse_move": 0.0}}
    portfolio = load_portfolio("data/portfolios/global_multi_asset.yaml", whole)
    got = trade_list(portfolio, portfolio.policies["threshold"])
    assert got.reason == "SPY is 2.68 points over target, past the 2.00 allowed"
    assert got.orders["side"].tolist() == ["sell"] * 3 + ["buy"] * 5
    assert (np.abs(got.sized.after.weights - got.target) < 2e-5).all()
    whole = got.orders.loc[got.orders["asset"] != "BTC", "units"]
    assert (whole == whole.round()).all()
    assert got.orders["price_date"].unique().tolist() == ["2022-12-29"]
    quotes = pd.Series(portfolio.market.prices[-1], index=portfolio.market.assets)
    assert got.orders["price"].tolist() == quotes[got.orders["asset"]].tolist()


def test_real_list_to_the_edge_trades_less_and_ends_inside() -> None:
    portfolio = load_portfolio("data/portfolios/global_multi_asset.yaml")
    edge = trade_list(portfolio, portfolio.policies["threshold_edge"])
    assert edge.sized.turnover < trade_list(portfolio, portfolio.policies["threshold"]).sized.turnover / 3.0
    assert (np.abs(edge.sized.after.weights - edge.target) <= 0.02).all()


def test_market_without_quotes_gives_notionals() -> None:
    portfolio = load_portfolio("data/portfolios/stocks_20.yaml")
    got = trade_list(portfolio, Calendar(portfolio.strategic, "day"))
    assert len(got.orders) == 20
    assert got.orders["units"].isna().all()
    assert (got.orders["notional"] > 1_000.0).all()


def test_orders_that_are_large_for_their_market_are_said_to_leave_out_its_impact(desk: Any) -> None:
    def said(portfolio: Portfolio) -> str:
        notes = trade_list(portfolio, Threshold(portfolio.strategic, 0.02)).notes
        return "".join(note for note in notes if note.startswith("Costs leave out market impact"))

    rich = desk([100.0, 50.0], [58_000, 72_000], 500_000.0, [0.5, 0.5])  # A is sold for 0.85 million, B bought for 1.35
    assert re.search(r": B \(1,3\d\d,\d{3} USD, its volume is not known\)\. With volumes, `impact`", said(rich))
    assert said(desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5])) == ""
    file = load_portfolio("data/portfolios/sixty_forty.yaml")
    assert said(file) == ""
    large = replace(file, holdings=400 * file.holdings, shares=400 * file.shares, cash=400 * file.cash)
    day = float((file.market.volumes * file.market.prices)[-21:, 1].mean())
    (buy,) = trade_list(large, Threshold(large.strategic, 0.02)).orders.query("asset == 'AGG'")["notional"]
    assert said(large).partition(": ")[2].startswith(f"AGG ({buy:,.0f} USD, {100 * buy / day:.1f} % of the mean volume")
    assert said(replace(large, costs=replace(large.costs, impact=Impact(1.0)))) == ""
