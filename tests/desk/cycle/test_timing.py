"""The pace of a list: closed forms of impact and gap, what is taken of them, and what becomes of it on paper."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from watched import DAYS, ON_PAPER, SETTINGS, holding, steady, with_book

from backtests.today.from_today import mean
from desk.commands.cycle.cycle import make_cycle
from desk.cycle.alternatives import Listed
from desk.cycle.analysis import Start
from desk.cycle.cycle import Cycle, run_cycle
from desk.cycle.page import cycle_html
from desk.cycle.timing import WITHOUT_IMPACT, Timing, pace, timing
from desk.journal import Journal
from desk.tickets import make_ticket
from research.orders import TradeList, trade_list
from research.orders.linear_impact import LinearImpact
from research.portfolio import load_portfolio
from research.portfolio.keys.sending import SlicingTerms
from research.risk.simulation.future_laws import BootstrappedFuture, mean_block, sample
from research.risk.simulation.resampling import StationaryBootstrap

SCHEMA = Path(__file__).parents[3] / "docs" / "schemas" / "decision-1.json"
VOLATILITY, BP = 0.01, 1e4
EDGE = {"rule": "threshold", "band": 0.02, "to": "edge"}
pytestmark = pytest.mark.usefixtures("home")


def desk(folder: Path, volatility: float = VOLATILITY, volume: float = 1e6, **changes: Any) -> Path:
    """A file that sells A, of which 60 % of NAV are held and 50 % wanted, for B, whose price stands still."""
    costs = SETTINGS["costs"] | {"shares": {"commission_bps": 10, "half_spread_bps": 0, "impact": 1.0}}
    market = SETTINGS["market"] | {"volumes": "volumes.csv"}
    given = {"market": market, **holding(6_000, 8_000), "costs": costs, "policies": {"band": EDGE}, "policy": "band"}
    file = steady(folder, given | {"cycle": {"worlds": 100}, "materiality_bps": 0} | changes)
    dates = pd.read_csv(folder / "prices.csv")["date"]
    moves = np.random.default_rng(3).normal(0.0, volatility, DAYS)
    moves -= moves.mean()
    prices = pd.DataFrame({"A": 100.0 * np.exp(np.cumsum(moves)), "B": 50.0}, index=dates)
    prices.round(2).to_csv(folder / "prices.csv")
    pd.DataFrame({"A": volume, "B": 1e6}, index=dates).to_csv(folder / "volumes.csv")
    return file


def list_of(file: Path) -> TradeList:
    portfolio = load_portfolio(file)
    return trade_list(portfolio, portfolio.policies[portfolio.policy or ""])


def timed(file: Path) -> Timing:
    return timing(list_of(file), goes_on=True)


def run(file: Path) -> Cycle:
    portfolio = load_portfolio(file)
    return run_cycle(portfolio, portfolio.policies["band"], "band")


# -- closed forms ------------------------------------------------------------------------------------------------------


def test_two_slices_cost_what_they_cost_by_hand(tmp_path: Path) -> None:
    trades = list_of(desk(tmp_path, tracking_penalty=5, order_cost=3, day_cost=7))
    found, sized, g = pace(trades, 2.0, 2), trades.sized, 5.0
    halves = 2.0 * sized.position.exact_charges(np.abs(sized.notional) / 2.0).sum(axis=1)
    assert found.impact == pytest.approx(sized.charges[3].sum() * np.sqrt(3.0), rel=1e-2)  # in a third of a session
    over_two = pace(trades, 2.0, 12)  # each half has a session's volume of its own
    assert over_two.impact == pytest.approx(halves[3], rel=1e-12)
    assert found.charges == pytest.approx(halves[:3].sum(), rel=1e-12)
    assert found.work == 2 * (2 * 3.0 + 7.0)
    after, moved = sized.after.weights - trades.target, sized.notional / sized.position.nav
    lost = [
        g / 2.0 * (((after - moved / 2.0) @ day) ** 2 - (after @ day) ** 2)  # half is left for one of two sessions
        for day in sample(trades.portfolio.market, 252.0)[1]
    ]
    assert found.gap == pytest.approx(trades.portfolio.nav * np.mean(lost), rel=1e-9)
    assert pace(trades, 1.0 / 6.0, 1).gap == 0.0


def test_linear_impact_is_that_of_almgren_and_chriss(tmp_path: Path) -> None:
    trades = list_of(desk(tmp_path, impact={"exponent": 2.0}, policies={"band": {"rule": "threshold", "band": 0.02}}))
    (units, _), price = np.abs(trades.sized.units), trades.sized.position.prices[0]
    deviation = price * np.sqrt((sample(trades.portfolio.market, 252.0)[1][:, 0] ** 2).mean())
    of_session = trades.sized.position.exact_charges(np.abs(trades.sized.notional))[3].sum()
    linear = LinearImpact.from_costs(units, 0.0, of_session, deviation)
    for sessions, slices in ((1.0, 6), (2.0, 12), (5.0, 30)):
        found, even = pace(trades, sessions, slices), np.full(slices, units / slices)
        assert found.impact == pytest.approx(linear.cost(even, sessions / slices), rel=1e-9)
        risk = linear.risk(even, sessions / slices)
        price_of_variance = trades.portfolio.tracking_penalty / 2.0 / trades.portfolio.nav
        assert found.gap == pytest.approx(price_of_variance * risk**2, rel=1e-2)  # lots and costs keep it off target
    lengths = np.arange(3, 121) / 6.0
    totals = [pace(trades, each, round(6.0 * each)).total for each in lengths]
    whole = trades.portfolio.tracking_penalty / 2.0 / trades.portfolio.nav * (units * deviation) ** 2
    best = np.sqrt(3.0 * of_session / whole)  # least impact / T + price of variance · T / 3
    assert lengths[int(np.argmin(totals))] == pytest.approx(best, abs=0.2)


def test_the_gap_in_closed_form_is_that_of_the_worlds(tmp_path: Path) -> None:
    trades = list_of(desk(tmp_path))
    portfolio, sized = trades.portfolio, trades.sized
    half = replace(trades, sized=replace(sized, units=sized.units / 2.0, solved=None))
    starts = [Start.of(Listed(name, "", each), trades.decides) for name, each in (("half", half), ("all", trades))]
    law = BootstrappedFuture(StationaryBootstrap(portfolio.market, mean_block(252.0)))
    growths = np.concatenate([law.growths(block, starts[0].opening.days, 7) for block in range(4)])
    first = [start.losses(growths, trades.target, [1])[0, 2] for start in starts]  # tracking of the first session
    value, error = mean(first[0] - first[1])
    assert abs(pace(trades, 2.0, 2).gap / portfolio.nav * BP - value) < 3.0 * error


# -- what is taken -----------------------------------------------------------------------------------------------------


def test_without_impact_all_goes_at_once(tmp_path: Path) -> None:
    trades = list_of(desk(tmp_path, costs=SETTINGS["costs"]))
    found = timing(trades, goes_on=True)
    assert (found.listed, found.paces, found.taken, found.sentence) == (trades, (), "", WITHOUT_IMPACT)


@pytest.mark.parametrize(("volatility", "taken"), [(0.0003, "over the session"), (0.05, "now")])
def test_a_volatile_list_goes_now_and_a_calm_one_in_slices(tmp_path: Path, volatility: float, taken: str) -> None:
    """Impact is in proportion to volatility, and the price of the gap to its square."""
    found = timed(desk(tmp_path, volatility, volume=1e10, order_cost=1.0))
    assert found.taken == taken
    slicing = found.listed.portfolio.ticket.slicing
    assert slicing == (None if taken == "now" else SlicingTerms("twap", 390.0, 6))


def test_a_large_impact_takes_days_and_today_its_first_part(tmp_path: Path) -> None:
    file = desk(tmp_path, volume=1e3)
    whole, found = list_of(file), timed(file)
    assert [each.name for each in found.paces][:2] == ["now", "over the session"]
    assert found.taken == "over 10 sessions" == found.paces[-1].name
    (sold, bought), (all_sold, all_bought) = found.listed.sized.units, whole.sized.units
    assert sold == pytest.approx(all_sold / 10.0, abs=1.0)
    assert 0.8 * all_bought / 10.0 < bought < all_bought / 10.0  # the file has no cash, and a part of its reserve comes
    assert "today's orders are the first part" in found.sentence
    assert set(found.listed.orders["reason"].str.contains("part of the way")) == {True}
    assert timing(whole, goes_on=False).taken == "over the session"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"materiality_bps": 1000}, "now, 1,940 USD, since slower saves less than the 1000 bp"),
        ({"policies": {"band": {"rule": "calendar", "schedule": "month"}}}, "over the session, "),
        ({"policies": {"band": {"rule": "threshold", "band": 0.09}}}, "over the session, "),  # and holds with a part
        ({"ticket": {"slicing": {"kind": "twap", "minutes": 30}}}, "the file states its slices (twap over 30 minutes)"),
    ],
)
def test_days_need_a_policy_that_goes_on_and_the_file_comes_first(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    file = desk(tmp_path, volume=1e3, **changes)
    found, whole = timed(file), list_of(file)
    assert said in found.sentence
    assert np.array_equal(found.listed.sized.units, whole.sized.units)
    if not found.taken:
        assert found.listed.portfolio.ticket.slicing == whole.portfolio.ticket.slicing


# -- the record, the page and paper ------------------------------------------------------------------------------------


def test_the_record_has_the_figures_of_each_pace_and_those_of_before_still_read(tmp_path: Path) -> None:
    made = run(desk(tmp_path, volume=1e4))
    document, schema = json.loads(json.dumps(made.document)), json.loads(SCHEMA.read_text())
    jsonschema.validate(document, schema)
    decision = document["steps"][5]["output"]
    assert sum(each["taken"] for each in decision["paces"]) == 1
    for each in decision["paces"]:
        total = sum(each[name] for name in ("charges", "impact", "gap", "work"))
        assert each["bps"] == pytest.approx(total / made.portfolio.nav * BP)
    least = min(decision["paces"], key=lambda each: each["bps"])
    assert least["taken"]
    assert f"{least['bps']:.2f} bp {least['name']}" in decision["reasons"][-1]
    assert f"{least['bps']:.2f} bp {least['name']}" in cycle_html(document)
    assert "in slices (twap over 390 minutes)" in decision["timing"]
    ticket = make_ticket(made.decision.to_send)
    for order in ticket.orders:
        minutes, units = zip(*ticket.slices[order.client_order_id].slices, strict=True)
        assert minutes == (0.0, 65.0, 130.0, 195.0, 260.0, 325.0)
        assert sum(units) == order.quantity
    del decision["paces"]
    jsonschema.validate(document, schema)
    assert "Decision" in cycle_html(document)


@pytest.mark.parametrize(
    "changes",
    [{"ticket": {"order_type": "market_on_close"}}, {"cycle": {"acts": {"venue": "alpaca", "notional": 1e6}}}],
)
def test_orders_for_the_close_and_cycles_that_act_have_no_slices_within_a_session(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    found = timed(desk(tmp_path, volume=1e3, **changes))
    assert [(each.name, each.slices) for each in found.paces] == [
        ("now", 1), ("over 2 sessions", 2), ("over 5 sessions", 5), ("over 10 sessions", 10)
    ]  # fmt: skip
    assert (found.taken, found.listed.portfolio.ticket.slicing) == ("over 10 sessions", None)


def test_a_part_is_sent_on_paper_and_the_next_cycle_goes_on(tmp_path: Path) -> None:
    first, after = "2022-07-28", "2022-07-29"
    file = with_book(desk(tmp_path, volume=1e3, cycle=ON_PAPER), first)
    ran = [make_cycle(file, day) for day in (first, after)]
    assert [each.status for each in ran] == ["executed", "executed"]
    assert all("the next cycles weigh the rest" in " ".join(each.text.split()) for each in ran)
    with Journal() as journal:
        sold = [entry.record.quantity for entry in journal.entries(kind="order") if entry.record.side == "sell"]
    assert len(sold) == 2
    assert sold == [pytest.approx(80.0, abs=4.0), pytest.approx(72.0, abs=4.0)]  # a tenth of 800, and of what is left
