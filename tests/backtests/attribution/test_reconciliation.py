"""Where the money went: by hand, and what a changed figure does to it."""

from dataclasses import replace

import numpy as np
import pytest
from simulated import MakeMarket

from backtests.attribution import reconciliation
from backtests.engine import Backtest, backtest
from research.accounting import Costs, Flows
from research.allocation import FixedWeights
from research.rules import Calendar, Never


@pytest.fixture
def played(make_market: MakeMarket) -> Backtest:
    """Twenty sessions of two assets traded daily at 10 bp, with interest, fees, and 7 that come on the tenth."""
    market = make_market(np.random.default_rng(4).normal(0.0, 0.02, (20, 2)), 1e-4)
    costs = Costs(np.full(2, 1e-3), np.zeros(2), borrow=np.full(2, 0.02), management_fee=0.01)
    flows = Flows({market.dates[10]: 7.0})
    return backtest(market, Calendar(FixedWeights((0.4, 0.4)), "day"), costs, nav=100.0, flows=flows)


def test_the_money_of_each_day_is_explained(played: Backtest) -> None:
    money = played.reconcile()
    assert money.holds
    assert money.daily["residual"].abs().max() <= 1e-12 * 100.0
    day = money.daily.iloc[10]
    assert day["flows"] == 7.0
    paid = day["commission"] + day["management_fee"]
    explained = day["start"] + day["market"] + day["interest"] + day["flows"] - paid
    assert day["end"] == pytest.approx(explained, rel=1e-13)
    assert money.daily["start"].iloc[1:].to_numpy() == pytest.approx(money.daily["end"].iloc[:-1].to_numpy(), rel=1e-14)
    assert money.verdict.startswith("Reconciles on every day and asset: start 100.00")


def test_each_line_ends_where_its_gains_and_trades_lead(played: Backtest) -> None:
    lines = played.reconcile().by_line
    of_lines = lines.loc[["A00", "A01"]]
    np.testing.assert_allclose(of_lines["start"] + of_lines["market"] + of_lines["traded"], of_lines["end"], rtol=1e-12)
    cash = lines.loc["cash"]
    paid = lines[["commission", "half_spread", "ticket", "impact", "tax", "borrow", "management_fee"]].to_numpy().sum()
    expected = cash["start"] + cash["market"] + cash["traded"] + cash["flows"] - paid
    assert cash["end"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("days", [1, 7, 19])
def test_days_followed_some_at_a_time_give_the_same_figures(
    played: Backtest, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = played.reconcile()
    monkeypatch.setattr(reconciliation, "AMOUNTS_AT_ONCE", days * len(played.market.assets))
    parts = played.reconcile()
    assert parts.daily.equals(whole.daily)
    assert parts.by_line.drop(columns="traded").equals(whole.by_line.drop(columns="traded"))
    assert parts.by_line["traded"].to_numpy() == pytest.approx(whole.by_line["traded"].to_numpy(), rel=1e-14)
    assert (parts.largest, parts.worst) == (whole.largest, whole.worst)


@pytest.mark.parametrize("fact", ["nav", "cash", "holding_costs", "units", "trades", "charges", "cash_flow"])
def test_one_changed_figure_is_found_and_its_day_is_named(played: Backtest, fact: str) -> None:
    """One millionth of what was there is added to one figure of the record, about the seventh session."""
    ledger, flows, row = played.ledger, np.array(played.flows), 6
    j = int(np.flatnonzero(ledger.booked - played.first == row)[0])
    if fact == "cash_flow":
        flows[row] += 1e-4
        changed = replace(played, flows=flows)
    else:
        values = np.array(getattr(ledger, fact))
        at = {"nav": (row,), "cash": (row,), "holding_costs": (row, 3), "units": (j + 1, 0), "trades": (j, 0),
              "charges": (j, 0, 1)}[fact]  # fmt: skip
        values[at] += 1e-4
        changed = replace(played, ledger=ledger._replace(**{fact: values}))
    money = changed.reconcile()
    assert not money.holds
    assert money.worst in (played.dates[row], played.dates[row + 1])
    assert money.verdict.startswith("DOES NOT RECONCILE")
    assert f"{money.worst:%Y-%m-%d}" in money.verdict


def test_a_figure_that_is_missing_is_no_rounding(played: Backtest) -> None:
    nav = np.array(played.ledger.nav)
    nav[6] = np.nan
    money = replace(played, ledger=played.ledger._replace(nav=nav)).reconcile()
    assert not money.holds
    assert money.worst == played.dates[6]


def test_nothing_is_no_negative_number(make_market: MakeMarket) -> None:
    market = make_market(np.zeros((4, 2)))
    money = backtest(market, Never(FixedWeights((0.5, 0.5))), Costs.bps(2), nav=100.0).reconcile()
    assert "-0.00" not in repr(money)
    assert "costs +0.00" in money.verdict
