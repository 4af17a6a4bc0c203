"""The decision by itself, in rows: controls at their limits, who decides, what goes first, and what is never sent.

Of 100,000, A at 100 is 60 % and B at 50 is 35 %, each wanted at 50 %: 14,950 of B are bought and 10,000 of A sold.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from by_hand import Desk

from backtests.today.from_today import Simulated
from desk.cycle.alternatives import CYCLE_LIST, Listed
from desk.cycle.analysis import Analysed, Analysis
from desk.cycle.decision import JOURNAL_CONTROL, OPEN_ORDERS, Control, CycleDecision, control, decided
from desk.cycle.monitor import monitored
from desk.cycle.reality import REALITY
from desk.cycle.timing import WITHOUT_IMPACT
from foundation.dataclasses import dataclass, replace
from research.allocation import FixedWeights
from research.orders import TradeList, trade_list
from research.portfolio.holdings.blotter import Blotter, SentOrder
from research.portfolio.keys.cycle import ActsKeys, DriftLevels, LossLevels
from research.portfolio.keys.sending import SlicingTerms
from research.rules import Never, Threshold
from research.rules.protocol import FittedRule

TRADES, HOLDS = 0.05, 0.20  # bands of a policy that trades and of one that holds
KEYS = ("cycle", "ticket", "limits")  # of which a part is changed
ALONE = "that go without a person"
WAITED = "the policy's trade is expected to lose"
A_YEAR, EXACT = "bp a year", "error 0.00 bp"
LOSES, WORTH = "(as by hand) is expected to lose", "the 0.5 bp that are worth a change."
ACTS = ActsKeys(venue="paper", notional=24_950.0, turnover=0.1495, orders=2)
KEYLESS = control("second key", fails=True, fault="", passed="")
SLICES = SlicingTerms(kind="twap", minutes=90.0, slices=3)
NONE_OPEN = Blotter()
OPEN = Blotter(orders=(SentOrder("one", "", "A", "buy", Decimal(5)), SentOrder("two", "", "B", "sell", Decimal(5))))


@dataclass(frozen=True)
class Fitted(Threshold, FittedRule):
    """A rule that was tuned on days up to one."""

    fitted_until: pd.Timestamp = pd.Timestamp.max


def listed(desk: Desk, band: float = TRADES, **changes: Any) -> TradeList:
    """The list of a portfolio, some of whose fields, or of the fields of its keys, are others."""
    made = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], last_trade=changes.pop("last_trade", "2022-12-01"))
    policy, portfolio = changes.pop("policy", Threshold(made.strategic, band)), made
    trades = trade_list(portfolio, policy, "band")
    for name, values in changes.items():
        portfolio = replace(
            portfolio, **{name: replace(getattr(portfolio, name), **values) if name in KEYS else values}
        )
    return replace(trades, portfolio=portfolio)


def analysis(trades: TradeList, waiting: Mapping[int, Simulated] | None = None, **losses: float) -> Analysis:
    """The policy's list beside others with its orders, each with one loss in all worlds, bp of NAV."""
    found = [
        Analysed(Listed(name, "as by hand", trades), np.array([[loss] * 3, [0.0] * 3, [0.0] * 3]), {})
        for name, loss in losses.items()
    ]
    return Analysis(tuple(found), waiting or {}, 10.0, trades.portfolio.materiality)


def decision(
    trades: TradeList, weighed: Analysis | None = None, *given: Control, ended: tuple[str, ...] = ()
) -> CycleDecision:
    return decided(trades, monitored(trades), weighed, given, ended)


def effect(made: CycleDecision, name: str) -> str | None:
    return next((each.effect for each in made.controls if each.name == name), None)


# -- controls ----------------------------------------------------------------------------------------------------------


def acts(blotter: Blotter | None = NONE_OPEN, band: float = TRADES, **terms: Any) -> dict[str, Any]:
    return {"cycle": {"acts": replace(ACTS, **terms)}, "blotter": blotter, "band": band}


def waits(blotter: Blotter, band: float = TRADES) -> dict[str, Any]:
    return {"cycle": {"open_orders": "wait"}, "blotter": blotter, "band": band}


def within(upper: float, band: float = TRADES) -> dict[str, Any]:
    return {"upper": np.array([upper, 1.0]), "band": band}


@pytest.mark.parametrize(
    ("at_limit", "beyond", "name", "words"),
    [
        pytest.param(*({"cycle": {"turnover": x}} for x in (0.1495, 0.1494)), "turnover",
                     "escalates: turnover is 14.95 % of NAV, above the 15 % of a cycle", id="turnover"),
        pytest.param(within(0.5002), within(0.5), "ranges",
                     "escalates: A is at 50.01 %, outside its range of 0.00 % to 50.00 %", id="range after orders"),
        pytest.param(within(0.6, HOLDS), within(0.59, HOLDS), "ranges",
                     "escalates: A is at 60.00 %, outside its range of 0.00 % to 59.00 %", id="range of no order"),
        pytest.param(acts(), acts(notional=24_949.0), "acts",
                     f"escalates: they are worth 24,950.00, above the 24,949.00 USD {ALONE}", id="notional"),
        pytest.param(acts(), acts(turnover=0.1494), "acts",
                     f"escalates: turnover is 14.95 % of NAV, above the 14.94 % {ALONE}", id="turnover of acts"),
        pytest.param(acts(), acts(orders=1), "acts",
                     f"escalates: there are 2 orders, above the 1 {ALONE}", id="number of orders"),
        pytest.param(acts(None, HOLDS), acts(None), "acts",
                     "escalates: the file names no book that keeps what was sent", id="no book"),
        pytest.param(waits(NONE_OPEN), waits(OPEN), OPEN_ORDERS,
                     "vetoes: 2 orders of the last list are open, and the file waits for them; ", id="open orders"),
        pytest.param(waits(OPEN, HOLDS), waits(OPEN), OPEN_ORDERS,
                     "vetoes: 2 orders of the last list are open", id="open orders and nothing to send"),
    ],
)  # fmt: skip
def test_a_control_passes_at_its_limit_and_fails_beyond_it(
    desk: Desk, at_limit: dict[str, Any], beyond: dict[str, Any], name: str, words: str
) -> None:
    assert effect(decision(listed(desk, **at_limit)), name) == "passes"
    (found,) = (each for each in decision(listed(desk, **beyond)).controls if each.name == name)
    assert f"{found.effect}: {found.sentence}".startswith(words)


@pytest.mark.parametrize(
    ("last_trade", "cooldown", "by", "band", "fails"),
    [
        pytest.param("2022-12-28", 2, "scenarios", TRADES, "vetoes", id="one session ago"),
        pytest.param("2022-12-28", 1, "scenarios", TRADES, "passes", id="long enough ago"),
        pytest.param("2022-12-28", 2, "policy", TRADES, "passes", id="of the policy"),
        pytest.param("2022-12-28", 2, "scenarios", HOLDS, "passes", id="nothing to send"),
    ],
)
def test_scenarios_rest_some_sessions(
    desk: Desk, last_trade: str, cooldown: int, by: str, band: float, fails: str
) -> None:
    trades = listed(desk, band, last_trade=last_trade, cycle={"cooldown": cooldown, "decides": by})
    assert effect(decision(trades, analysis(trades, policy=1.0)), "cooldown") == fails
    assert effect(decision(trades), "cooldown") == "passes"  # where nothing was weighed, the policy decides


@pytest.mark.parametrize(("day", "fails"), [("2021-12-29", "passes"), ("2021-12-28", "escalates")])
def test_a_policy_that_was_fitted_more_than_a_year_ago_is_looked_at(desk: Desk, day: str, fails: str) -> None:
    trades = listed(desk)
    fitted = Fitted(trades.portfolio.strategic, TRADES, fitted_until=pd.Timestamp(day))
    assert effect(decision(replace(trades, decides=fitted)), "model") == fails
    assert effect(decision(trades), "model") == "passes"


@pytest.mark.parametrize("band", [TRADES, HOLDS])
def test_a_loss_escalates_from_its_critical_level_on_after_orders_or_without(desk: Desk, band: float) -> None:
    trades = listed(desk, band)
    days, market = pd.bdate_range(end="2022-12-29", periods=300), trades.portfolio.market
    returns = np.stack([np.where(np.arange(300) % 2, 0.02, -0.02), np.zeros(300)], axis=1)
    long = replace(market, dates=days, returns=returns, tradable=np.full((300, 2), True), cash=np.zeros(300),
                   prices=np.tile(market.prices[-1], (300, 1)))  # fmt: skip
    long_term = replace(trades.portfolio, market=long)
    trades = replace(trades, portfolio=long_term)
    held = {TRADES: trades.sized.after.weights[0], HOLDS: 0.6}[band]
    loss = trades.before_after.figures["after" if band == TRADES else "before"].var["one day"]
    assert loss is not None
    assert loss == pytest.approx(0.02 * held)  # each second day
    for level, found in ((loss, "escalates"), (np.nextafter(loss, 1.0), "passes")):
        terms = replace(long_term.cycle, var=LossLevels(warning=0.001, critical=level))
        made = decision(replace(trades, portfolio=replace(long_term, cycle=terms)))
        assert effect(made, "VaR") == found
    said = [
        each.sentence for one in (made, decision(listed(desk, band))) for each in one.controls if each.name == "VaR"
    ]
    assert said == ["VaR 95 is below its limit", "VaR 95 is not known, and not controlled"]  # of three days


@pytest.mark.parametrize(("day", "age", "fails"), [("2022-12-30", 0, "vetoes"), ("2022-12-30", 1, "passes")])
def test_prices_that_are_too_old_veto_orders(desk: Desk, day: str, age: int, fails: str) -> None:
    made = listed(desk).portfolio
    old = replace(made, orders=replace(made.orders, max_age=age))
    for band, found in ((TRADES, fails), (HOLDS, "passes")):
        trades = trade_list(old, Threshold(made.strategic, band), "band", as_of=day, stale_ok=True)
        assert effect(decision(trades), "prices") == found


def test_an_order_that_ended_is_waited_for_no_more_and_without_the_word_none_is(desk: Desk) -> None:
    trades = listed(desk, **waits(OPEN))
    (found,) = (each for each in decision(trades, ended=("two",)).controls if each.name == OPEN_ORDERS)
    assert found.effect == "vetoes"
    assert found.sentence.startswith("1 order of the last list is open, and the file waits for it;")
    assert found.sentence.endswith("of one")
    assert effect(decision(trades, ended=("two", "one")), OPEN_ORDERS) == "passes"
    assert effect(decision(listed(desk, blotter=OPEN)), OPEN_ORDERS) is None


@pytest.mark.parametrize(
    ("name", "band", "found"),
    [
        pytest.param("second key", TRADES, "escalates", id="escalates where orders go"),
        pytest.param("second key", HOLDS, None, id="and where none goes nobody is asked"),
        pytest.param(JOURNAL_CONTROL, HOLDS, "vetoes", id="a veto is told in any case"),
    ],
)
def test_a_control_that_is_given_stands_with_the_others(desk: Desk, name: str, band: float, found: str | None) -> None:
    assert effect(decision(listed(desk, band), None, control(name, fails=True, fault="", passed="")), name) == found


# -- the status --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failed", "approvals", "band", "status", "asked"),
    [
        pytest.param([], 0, TRADES, "finalised", 0, id="all pass"),
        pytest.param([], 2, TRADES, "awaiting approval", 2, id="the file asks for approvals"),
        pytest.param([], 2, HOLDS, "finalised", 2, id="of nothing to send none is asked"),
        pytest.param(["acts"], 0, TRADES, "awaiting approval", 1, id="a control escalates"),
        pytest.param(["acts"], 2, TRADES, "awaiting approval", 2, id="and the file asks for more"),
        pytest.param(["acts", "prices"], 0, TRADES, "vetoed", 1, id="a veto is stronger"),
        pytest.param(["prices", REALITY], 0, TRADES, "unreconciled", 0, id="book and venue come first"),
        pytest.param([JOURNAL_CONTROL], 0, HOLDS, "vetoed", 0, id="a veto without orders"),
    ],
)
def test_the_strongest_effect_is_the_status_and_what_is_stopped_has_no_ticket(
    desk: Desk, failed: list[str], approvals: int, band: float, status: str, asked: int
) -> None:
    made = decision(listed(desk, band, ticket={"approvals": approvals}))
    passed = tuple(control(name, fails=False, fault="", passed="") for name in (REALITY, "acts", "prices"))
    made = replace(made, controls=(*passed, *(control(name, fails=True, fault="", passed="") for name in failed)))
    stopped = status in ("vetoed", "unreconciled")
    assert made.status == status
    assert made.is_stopped == stopped
    assert made.to_send.portfolio.ticket.approvals == asked
    assert bool(made.ticket) == (band == TRADES and not stopped)


@pytest.mark.parametrize(
    ("given", "band", "slicing", "words"),
    [
        pytest.param([REALITY, "prices"], TRADES, None, "once book and venue agree", id="unreconciled"),
        pytest.param(["prices"], TRADES, None, "once the controls pass", id="vetoed"),
        pytest.param([], TRADES, None, "at the session of 2022-12-30", id="next session"),
        pytest.param([], TRADES, SLICES, "2022-12-30, in slices (twap over 90 minutes)", id="in slices"),
        pytest.param([], HOLDS, None, "; B is the nearest to a trade, at 35.00 %: it trades below 30.00 %", id="under"),
        pytest.param([], 0.11, None, "at the session of 2022-12-30", id="one of two is past its band"),
    ],
)  # fmt: skip
def test_when_orders_go(desk: Desk, given: list[str], band: float, slicing: SlicingTerms | None, words: str) -> None:
    failed = (control(name, fails=True, fault="", passed="") for name in given)
    assert decision(listed(desk, band, ticket={"slicing": slicing}), None, *failed).timing.endswith(words)


def test_the_asset_that_is_nearest_to_a_trade_is_over_its_target(desk: Desk) -> None:
    made = desk([100.0, 50.0], [600, 700], 5_000.0, [0.55, 0.33])
    rests = decision(trade_list(made, Threshold(made.strategic, HOLDS), "band"))
    nearest = "A is the nearest to a trade, at 60.00 %: it trades above 75.00 %"
    assert rests.timing.startswith("deferred: ")
    assert rests.timing.endswith(f"; {nearest}")
    assert rests.changes == (f"{nearest}.",)
    never = decision(trade_list(made, Never(made.strategic), "never"))
    assert ("nearest" in never.timing, never.changes) == (False, ())


def test_one_order_is_enough_to_send(desk: Desk) -> None:
    """B alone is bought, with cash."""
    alone = Threshold(FixedWeights((0.5, 0.5)), 0.12, "edge", lines="breaching", payer="cash")
    trades = listed(desk, policy=alone, cycle={"acts": ACTS})
    made = decision(trades, analysis(trades, policy=1.0), KEYLESS)
    assert [each.asset for each in made.actions] == ["B"]
    assert made.timing == "at the session of 2022-12-30"
    assert made.changes == ()
    assert (effect(made, "acts"), effect(made, KEYLESS.name)) == ("escalates", "escalates")
    assert made.timed.sentence == made.reasons[-1] == WITHOUT_IMPACT
    assert any(each.startswith("Its orders cost") for each in made.reasons)


# -- the orders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("levels", "upper", "found"),
    [
        pytest.param((0.01, 0.02, 0.10), 1.0, ["CRITICAL B", "CRITICAL A"], id="both critical, the larger first"),
        pytest.param((0.01, 0.10, 0.11), 1.0, ["CRITICAL B", "HIGH A"], id="high at its level"),
        pytest.param((0.01, 0.11, 0.15), 1.0, ["CRITICAL B", "MEDIUM A"], id="below high"),
        pytest.param((0.01, 0.15, 0.16), 1.0, ["HIGH B", "MEDIUM A"], id="below critical"),
        pytest.param((0.01, 0.20, 0.30), 0.59, ["CRITICAL A", "MEDIUM B"], id="outside its range goes first"),
    ],
)  # fmt: skip
def test_the_most_pressing_order_goes_first(
    desk: Desk, levels: tuple[float, float, float], upper: float, found: list[str]
) -> None:
    drift = DriftLevels(**dict(zip(("medium", "high", "critical"), levels, strict=True)))
    trades = listed(desk, cycle={"drift": drift}, upper=np.array([upper, 1.0]))
    assert [f"{each.priority} {each.asset}" for each in decision(trades).actions] == found


def test_an_order_states_its_units_or_its_amount_alone_and_the_band_of_its_list(desk: Desk) -> None:
    made = desk([np.nan, 50.0], [60_000, 700], 5_000.0, [0.5, 0.5])
    sold, bought = sorted(
        decision(trade_list(made, Threshold(made.strategic, TRADES))).actions, key=lambda each: each.asset
    )
    assert sold.action == "sell"
    assert sold.units is None
    assert bought.action == "buy"
    assert bought.units == 300.0
    assert bought.value == 15_000.0
    to_edge = trade_list(made, Threshold(made.strategic, TRADES, "edge"), f"{CYCLE_LIST}edge")
    assert "outside the 1.5-point band of edge" in decision(to_edge).actions[0].rationale
    assert "outside its band" in decision(replace(to_edge, policy="band")).actions[0].rationale


# -- who decides, and why ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "losses", "chosen", "sure", "words"),
    [
        pytest.param("policy", {"policy": 3.0, "defer": 2.0}, "policy", False,
                     f"defer {LOSES} 1.00 {A_YEAR} (10 USD, {EXACT}) less than policy: at least {WORTH}", id="policy"),
        pytest.param("scenarios", {"policy": 3.0, "defer": 2.0}, "defer", True,
                     f"policy {LOSES} 1.00 {A_YEAR} (10 USD, {EXACT}) more than defer.", id="scenarios"),
        pytest.param("scenarios", {"policy": 3.0, "defer": 2.5}, "defer", True,
                     f"policy {LOSES} 0.50 {A_YEAR} (5 USD, {EXACT}) more than defer.", id="worth a change"),
        pytest.param("scenarios", {"policy": 3.0, "defer": 2.75}, "policy", False,
                     f"defer {LOSES} 0.25 {A_YEAR} (2 USD, {EXACT}) less than policy: less than {WORTH}", id="less"),
        pytest.param("policy", {"policy": 2.0, "defer": 3.0, "full": 2.25}, "policy", True,
                     f"full {LOSES} 0.25 {A_YEAR} (2 USD, {EXACT}) more than policy: less than {WORTH}", id="next"),
        pytest.param("policy", {"policy": 2.0, "defer": 3.0}, "policy", True,
                     f"defer {LOSES} 1.00 {A_YEAR} (10 USD, {EXACT}) more than policy.", id="the policy is best"),
        pytest.param("policy", {"policy": 2.0}, "policy", True, "policy is all that could be sent.", id="alone"),
    ],
)  # fmt: skip
def test_the_choice_is_told_beside_the_least_loss_or_the_next(
    desk: Desk, by: str, losses: dict[str, float], chosen: str, sure: bool, words: str
) -> None:
    trades = listed(desk, cycle={"decides": by}, materiality=0.5)
    made = decision(trades, analysis(trades, None, **losses))
    assert (made.by, made.chosen, made.confidence is not None) == (by, chosen, sure)
    assert made.reasons[0].startswith("Trigger: the policy trades: B is 15.00 points under target")
    assert words in made.reasons
    assert "Its orders cost 24.95 USD and bring drift from 15.00 % to 0.04 % of NAV." in made.reasons


def test_without_an_analysis_the_policy_decides_and_nothing_is_weighed(desk: Desk) -> None:
    made = decision(
        listed(desk, HOLDS, cycle={"decides": "scenarios", "drift": DriftLevels(medium=0.2, high=0.3, critical=0.4)})
    )
    assert (made.by, made.chosen, made.confidence) == ("policy", "policy", None)
    assert decision(listed(desk)).timed.sentence == ""
    assert made.reasons == (f"Nothing triggers: {made.listed.reason}.",)
    assert made.watched.startswith("a trade of the policy, a drift of 40 points, ")
    limited = listed(desk, limits={"max_drawdown": 0.1})
    assert [", a drawdown of 10.00 % or " in each for each in (decision(limited).watched, made.watched)] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("apart", "error", "materiality", "told"),
    [
        pytest.param(-3.0, 1.0, 3.0, True, id="worth a change"),
        pytest.param(-3.0, 1.0, 3.1, False, id="worth less"),
        pytest.param(-1.96, 1.0, 0.5, False, id="as large as its error"),
        pytest.param(3.0, 0.0, 0.5, False, id="waiting loses more"),
    ],
)
def test_a_longer_wait_is_told_as_a_change_where_it_pays(
    desk: Desk, apart: float, error: float, materiality: float, told: bool
) -> None:
    trades = listed(desk, materiality=materiality)
    made = decision(trades, analysis(trades, {1: Simulated(0.0, 0.0), 5: Simulated(apart, error)}, policy=1.0))
    loss = f"{abs(apart):.2f} bp a year ({10 * abs(apart):,.0f} USD, error {error:.2f} bp)"
    assert made.changes == ((f"Booked 5 sessions later, {WAITED} {loss} less.",) if told else ())
    (found,) = (each for each in made.reasons if each.startswith("Booked "))
    assert found == (
        f"Booked 1 session later, {WAITED} 0.00 bp a year (0 USD, error 0.00 bp) more; 5 sessions later, {loss} "
        f"{'more' if apart > 0.0 else 'less'}."
    )
