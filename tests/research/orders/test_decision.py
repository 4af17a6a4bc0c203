"""The question that is put to a policy at the last close: what it sees, and when a calendar is due."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import PolicyError
from research.accounting import Hold, Trade, View, Why
from research.allocation import FixedWeights
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.rules import Calendar, RuleTraits, Threshold
from research.rules.protocol import Schedule


@dataclass
class Spy:
    """Holds, and keeps what it was shown."""

    allocation: FixedWeights
    seen: list[View] = field(default_factory=list)

    def decide(self, view: View) -> Hold:
        self.seen.append(view)
        return Hold(Why("never"))


def traded_on(portfolio: Portfolio, day: str) -> Portfolio:
    return replace(portfolio, last_trade=pd.Timestamp(day))


@cases(
    "every, last_trade, due",
    # D is Thursday 2022-12-29; the exchange is open on Friday the 30th, the last session of week, month and year
    ("month", "2022-12-01", False),
    ("month", "2022-11-29", True),
    ("month", "2022-11-30", False),  # traded on the scheduled session itself
    ("quarter", "2022-09-30", False),
    ("quarter", "2022-09-29", True),
    ("year", "2022-01-03", False),
    ("year", "2021-12-30", True),
    ("week", "2022-12-23", False),
    ("week", "2022-12-22", True),
    ("day", "2022-12-28", True),
    ("day", "2022-12-29", False),
)
def test_calendar_is_due_when_a_session_lies_after_the_last_trade(
    two: Portfolio, every: Any, last_trade: str, due: bool
) -> None:
    got = trade_list(traded_on(two, last_trade), Calendar(two.strategic, every))
    assert got.empty == got.holds == (not due)
    assert got.reason == (
        "review due; B is 15.00 points under target" if due else "no review is due today; the next is on 2022-12-30"
    )


@pytest.mark.parametrize(("last_trade", "due"), [("2022-11-29", True), ("2022-11-30", False)])
def test_a_calendar_in_tranches_is_due_at_the_phase_of_each(two: Portfolio, last_trade: str, due: bool) -> None:
    """Thirds of a quarter: 21 and 42 sessions after 30 September are 31 October and 30 November."""
    got = trade_list(traded_on(two, last_trade), Calendar(two.strategic, "quarter", tranches=3))
    assert got.holds == (not due)


@pytest.mark.parametrize(("last_trade", "due"), [("2022-09-29", True), ("2022-09-30", False)])
def test_a_review_that_was_missed_is_caught_up(two: Portfolio, last_trade: str, due: bool) -> None:
    """The band of 20 points holds by itself; the quarter ended on 30 September."""
    got = trade_list(traded_on(two, last_trade), Threshold(two.strategic, 0.2, review_schedule="quarter"))
    assert got.holds == (not due)
    assert got.reason.startswith("review due") == due


def test_the_next_review_is_after_the_day_of_the_list(two: Portfolio) -> None:
    late = trade_list(traded_on(two, "2022-12-28"), Calendar(two.strategic, "month"), as_of="2023-04-20", stale_ok=True)
    assert late.reason == "no review is due today; the next is on 2023-04-28"


def test_calendar_is_due_on_the_scheduled_session_itself(desk: Any) -> None:
    year_end = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], last="2022-12-30")
    assert not trade_list(year_end, Calendar(year_end.strategic, "year")).empty
    assert trade_list(traded_on(year_end, "2022-12-30"), Calendar(year_end.strategic, "year")).empty


def test_rule_with_a_schedule_of_its_own_is_due_like_a_calendar(two: Portfolio) -> None:
    @dataclass
    class Weekly(Spy, RuleTraits):
        desk_schedule: Schedule | None = "week"

    policy = Weekly(two.strategic)
    expected = "no review is due today; the next is on 2022-12-30"
    assert trade_list(traded_on(two, "2022-12-23"), policy).reason == expected
    assert policy.seen == []
    trade_list(traded_on(two, "2022-12-22"), policy)
    assert [view.unfinished for view in policy.seen] == [True]


@dataclass
class Trader(Spy):
    """Trades to target whenever it is asked."""

    def decide(self, view: View) -> Trade:  # type: ignore[override]
        self.seen.append(view)
        return Trade.to(view.target, Why("band"))


def test_rule_is_asked_again_of_what_its_orders_leave(two: Portfolio) -> None:
    policy = Trader(two.strategic)
    trade_list(traded_on(two, "2022-12-27"), policy)
    assert [view.nav for view in policy.seen] == [100_000.0, 99_975.05]
    assert [view.days_since_trade for view in policy.seen] == [2, 0]


def test_scheduled_rule_is_asked_once(two: Portfolio) -> None:
    @dataclass
    class Weekly(Trader, RuleTraits):
        desk_schedule: Schedule | None = "week"

    policy = Weekly(two.strategic)
    trade_list(two, policy)
    assert len(policy.seen) == 1


def test_view_shows_the_desk_as_it_stands(two: Portfolio) -> None:
    policy = Spy(FixedWeights((0.6, 0.3)))
    trade_list(traded_on(two, "2022-12-27"), policy)
    (view,) = policy.seen
    assert view.nav == 100_000.0
    assert view.nav_history.tolist() == [100_000.0]
    assert view.weights.tolist() == pytest.approx([0.6, 0.35])
    assert view.cash_weight == pytest.approx(0.05)
    assert view.target.tolist() == [0.6, 0.3]
    assert view.past.date == two.date
    assert view.days_since_trade == 2  # the 28th and the 29th
    assert view.costs is two.costs
    assert not view.unfinished


def test_target_is_the_one_in_force_and_not_one_of_today() -> None:
    portfolio = load_portfolio("data/portfolios/global_multi_asset.yaml")
    policy, market = portfolio.policies["hrp_monthly"], portfolio.market
    at_november_end = policy.allocation.target(market.past(market.row("2022-11-30")))
    assert trade_list(portfolio, policy).target.tolist() == at_november_end.tolist()
    assert at_november_end.tolist() != policy.allocation.target(market.past(len(market.dates) - 1)).tolist()


def test_part_of_the_way_is_asked_once_a_close(two: Portfolio) -> None:
    half = Threshold(two.strategic, 0.02, fraction=0.5)
    first = trade_list(two, half)
    assert first.sized.after.weights[0] == pytest.approx(0.55, abs=0.002)
    again = trade_list(first.after(), half)
    assert again.empty
    assert again.reason == "it traded at this close already, and is asked again at the next"
    tomorrow = trade_list(traded_on(first.after(), "2022-12-28"), half)
    assert tomorrow.sized.after.weights[0] == pytest.approx(0.525, abs=0.002)


def test_turnover_cap_is_of_one_close(two: Portfolio) -> None:
    capped = Threshold(two.strategic, 0.02, turnover_cap=0.05)
    first = trade_list(two, capped)
    assert first.orders[["side", "asset", "units"]].to_numpy().tolist() == [["sell", "A", 50.0], ["buy", "B", 100.0]]
    again = trade_list(first.after(), capped)
    assert again.empty
    assert again.reason == "it traded at this close already, and is asked again at the next"


def test_box_that_cannot_be_booked_is_refused_by_name_and_date(two: Portfolio) -> None:
    @dataclass(frozen=True)
    class Leveraged:
        allocation: FixedWeights

        def decide(self, view: View) -> Trade:
            return Trade.to(np.array([0.9, 0.9]), Why("band"))

    with pytest.raises(PolicyError, match=r"'eager' on 2022-12-29 .*1\.8"):
        trade_list(two, Leveraged(two.strategic), "eager")
