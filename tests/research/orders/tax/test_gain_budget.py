"""The gain budget: by hand, against a linear programme, and on any desk."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from research.orders import trade_list
from research.orders.tax.gain_budget import gain_steps, gained, sell_caps
from research.portfolio import Portfolio, TaxLot, TaxLots, TaxRules
from research.portfolio.holdings.household import Account
from research.rules import Calendar, Threshold

RULES = TaxRules(rate=0.2, short_rate=0.4, lots="highest")


def taxed(portfolio: Portfolio, of_lines: list[list[tuple[str, float, float]]], **rules: Any) -> Portfolio:
    """The portfolio with lots of (date, units, price) an asset."""
    lots = tuple(tuple(TaxLot(pd.Timestamp(d), u, p) for d, u, p in line) for line in of_lines)
    return replace(portfolio, tax_lots=TaxLots(replace(RULES, **rules), lots))


# -- by hand ---------------------------------------------------------------------------------------------------------


def test_line_with_the_highest_gain_per_currency_is_reduced_first() -> None:
    steps = [gain_steps([(100.0, 10.0)]), gain_steps([(50.0, 2.0), (50.0, 40.0)])]
    caps = sell_caps(np.array([100.0, 80.0]), steps, np.array([50.0, 100.0]), 1_500.0)
    # All gain 1,000 + 100 + 1,200: the last 30 of B gain 0.40 a currency unit, A 0.20; 20 of these remain.
    assert caps.tolist() == [100.0, 60.0]


def test_lots_at_a_loss_are_not_limited() -> None:
    steps = [gain_steps([(40.0, -3.0), (60.0, 5.0)])]
    assert sell_caps(np.array([90.0]), steps, np.array([10.0]), 0.0).tolist() == [40.0]
    assert sell_caps(np.array([10.0]), steps, np.array([10.0]), 0.0).tolist() == [40.0]


def test_first_in_first_out_gives_up_the_gain_behind_a_loss() -> None:
    steps = [gain_steps([(10.0, 5.0), (10.0, -1.0)]), gain_steps([(20.0, 1.0)])]
    caps = sell_caps(np.array([15.0, 20.0]), steps, np.array([10.0, 10.0]), 30.0)
    # 10 of the gain of 70 come from the second line, which gains 0.10 a unit of currency; the first 50 / 150.
    assert caps[1] == 20.0
    assert gained(steps[0], caps[0]) == pytest.approx(10.0)


def test_list_sells_as_much_as_the_budget_leaves(desk: Any) -> None:
    made = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], commission=0.0, half_spread=0.0)
    got = trade_list(
        taxed(made, [[("2020-01-02", 600, 60.0)], [("2020-01-02", 700, 50.0)]], gain_budget=3_000.0, realised=1_000.0),
        Threshold(made.strategic, 0.02),
    )
    assert trade_list(made, Threshold(made.strategic, 0.02)).sized.units[0] == -100.0
    assert got.sized.units[0] == -49.0  # each gains 40; a cent an asset is kept for rounding
    assert got.facts["gain_budget_left"] == 40.0
    assert got.orders["reason"][0] == "10.00 points over target: to its target; cut by 51 units (gain budget)"


def test_list_says_why_a_line_is_not_sold(desk: Any) -> None:
    made = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5])
    lots = [[("2020-01-02", 600.0, 60.0)], [("2020-01-02", 700.0, 50.0)]]
    got = trade_list(taxed(made, lots, gain_budget=500.0, realised=800.0), Calendar(made.strategic, "day"))
    assert got.orders["asset"].tolist() == ["B"]
    assert got.held["reason"][0] == "10.00 points over target: a sell of 10,000.00 USD was left out (gain budget)"


def test_losses_of_the_list_are_set_against_its_gains(desk: Any) -> None:
    made = desk([100.0, 100.0, 100.0], [400, 400, 200], 0.0, [0.25, 0.25, 0.5])
    lots = [[("2020-01-02", 400.0, 90.0)], [("2020-01-02", 400.0, 109.0)], [("2020-01-02", 200.0, 100.0)]]
    got = trade_list(taxed(made, lots, gain_budget=150.0), Calendar(made.strategic, "day"))
    free = trade_list(made, Calendar(made.strategic, "day"))
    assert got.sized.units.tolist() == free.sized.units.tolist()
    assert got.facts["gain_long"] == 150.0


# -- against a linear programme --------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(data=st.data())
def test_no_other_choice_sells_more_where_gains_rise(data: st.DataObject) -> None:
    lines = data.draw(
        st.lists(st.lists(st.tuples(st.integers(1, 50), st.integers(-20, 40)), min_size=1, max_size=4), min_size=1,
                 max_size=4), label="lots of each asset")  # fmt: skip
    lines = [sorted(((float(u), float(g)) for u, g in line), key=lambda one: one[1]) for line in lines]
    prices = np.array([data.draw(st.integers(50, 99)) for _ in lines], dtype=float)
    held = np.array([sum(u for u, _ in line) for line in lines])
    sells = held * np.array([data.draw(st.floats(0.0, 1.0)) for _ in lines])
    room = data.draw(st.floats(0.0, 2_000.0))
    steps = [gain_steps(line) for line in lines]
    caps = np.minimum(sell_caps(sells, steps, prices, room), sells)
    assert sum(gained(one, cap) for one, cap in zip(steps, caps, strict=True)) <= room + 1e-9

    of_line = [i for i, line in enumerate(lines) for _ in line]
    tops = [u for line in lines for u, _ in line]
    gains = [max(g, 0.0) for line in lines for _, g in line]
    solved = linprog(
        -prices[of_line],
        A_ub=np.vstack([gains, np.equal.outer(np.arange(len(lines)), of_line).astype(float)]),
        b_ub=np.append(room, sells),
        bounds=[(0.0, top) for top in tops],
    )
    assert float(prices @ caps) == pytest.approx(-solved.fun, rel=1e-7, abs=1e-6)


# -- any desk --------------------------------------------------------------------------------------------------------


@st.composite
def desks(draw: Any, desk: Any) -> Portfolio:
    n = draw(st.integers(2, 4))
    lots = [
        [
            (
                str((pd.Timestamp("2022-12-29") - pd.Timedelta(days=draw(st.integers(0, 700)))).date()),
                float(draw(st.integers(1, 400))),
                float(draw(st.integers(20, 120))),
            )
            for _ in range(draw(st.integers(1, 3)))
        ]
        for _ in range(n)
    ]
    prices = [float(draw(st.integers(30, 100))) for _ in range(n)]
    parts = np.array([draw(st.integers(1, 5)) for _ in range(n)], dtype=float)
    made = desk(prices, [sum(u for _, u, _ in line) for line in lots], float(draw(st.integers(0, 5_000))),
                parts / parts.sum())  # fmt: skip
    rules = {
        "lots": draw(st.sampled_from(["average", "highest", "first", "tax_minimal"])),
        "wash_sale_days": draw(st.sampled_from([0, 30])),
        "realised": float(draw(st.integers(-1_000, 1_000))),
    }
    return taxed(made, lots, **rules)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), budget=st.integers(0, 4_000))
def test_budget_is_never_exceeded_and_an_infinite_one_changes_nothing(
    desk: Any, data: st.DataObject, budget: int
) -> None:
    portfolio = data.draw(desks(desk))
    tax, policy = portfolio.tax_lots, Calendar(portfolio.strategic, "day")

    def budgeted(most: float | None) -> Portfolio:
        return replace(portfolio, tax_lots=replace(tax, rules=replace(tax.rules, gain_budget=most)))

    got = trade_list(budgeted(float(budget)), policy)
    realised = float((got.tax["gain"] + got.tax["disallowed"]).sum())
    assert realised <= max(budget - tax.rules.realised, 0.0) + 1e-9
    free, infinite, without = (
        trade_list(one, policy) for one in (budgeted(None), budgeted(1e9), replace(portfolio, tax_lots=None))
    )
    assert free.sized.units.tolist() == infinite.sized.units.tolist() == without.sized.units.tolist()
    assert trade_list(got.after(), policy).empty


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), budget=st.integers(0, 4_000))
def test_budget_is_that_of_the_taxable_accounts_however_the_list_is_divided(
    desk: Any, data: st.DataObject, budget: int
) -> None:
    """A gain sold in one taxable account is not made up for by a loss in a sheltered one."""
    portfolio = data.draw(desks(desk))
    tax, n = portfolio.tax_lots, len(portfolio.shares)
    holders = data.draw(st.sampled_from([("t1",), ("t1", "t2")]))
    lots = tuple(tuple(replace(one, account=data.draw(st.sampled_from(holders))) for one in line) for line in tax.lots)
    held = {a: np.array([sum(one.units for one in line if one.account == a) for line in lots]) for a in holders}
    held["ira"] = np.array([float(data.draw(st.integers(0, 300))) for _ in range(n)])
    cash = [portfolio.cash, *(float(data.draw(st.integers(0, 20_000))) for _ in holders)]
    accounts = tuple(
        Account(name, name, name != "ira", of, money, np.zeros(n, dtype=bool))
        for (name, of), money in zip(held.items(), cash, strict=True)
    )
    units, rules = sum(held.values()), replace(tax.rules, gain_budget=float(budget))
    both = replace(
        portfolio,
        shares=units,
        holdings=units * portfolio.market.prices[-1],
        cash=sum(cash),
        accounts=accounts,
        tax_lots=replace(tax, rules=rules, lots=lots),
    )
    got = trade_list(both, Calendar(both.strategic, "day"))
    assert float((got.tax["gain"] + got.tax["disallowed"]).sum()) <= max(budget - tax.rules.realised, 0.0) + 1e-9
    after = got.after()
    assert after.tax_lots is not None
    for account in after.accounts[:-1]:
        left = [sum(one.units for one in line if one.account == account.name) for line in after.tax_lots.lots]
        assert left == pytest.approx(account.units.tolist(), abs=1e-6)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_lots_of_a_list_make_up_its_orders_and_what_is_held_after(desk: Any, data: st.DataObject) -> None:
    portfolio = data.draw(desks(desk))
    got = trade_list(portfolio, Calendar(portfolio.strategic, "day"))
    sells = got.orders[got.orders["side"] == "sell"].set_index("asset")
    by_asset = got.tax.groupby("asset")[["units", "proceeds"]].sum()
    assert by_asset["units"].to_dict() == pytest.approx(sells["units"].to_dict(), abs=1e-9)
    assert by_asset["proceeds"].to_dict() == pytest.approx(sells["notional"].to_dict(), abs=1e-9)
    after = got.after()
    assert after.tax_lots is not None
    held = [sum(lot.units for lot in lots) for lots in after.tax_lots.lots]
    assert held == pytest.approx(after.shares.tolist(), abs=1e-6)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_line_that_was_sold_at_a_loss_is_bought_and_what_is_executed_is_not_asked_again(
    desk: Any, data: st.DataObject
) -> None:
    portfolio = data.draw(desks(desk))
    tax, policy = portfolio.tax_lots, Threshold(portfolio.strategic, 0.02)
    locked = data.draw(st.sets(st.sampled_from(portfolio.market.assets), max_size=len(portfolio.shares) - 1))
    rules = replace(tax.rules, wash_sale_days=30)
    made = replace(portfolio, tax_lots=replace(tax, rules=rules, sold_at_loss=dict.fromkeys(locked, portfolio.date)))
    got = trade_list(made, policy)
    assert not set(got.orders.loc[got.orders["side"] == "buy", "asset"]) & locked
    assert trade_list(got.after(), policy).empty
