"""The costs of a file against what its orders cost: expected costs, the change, and its effect."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from order_events import executed, listed, made, quote

from desk.exchange.paper.fill_model import PAPER_MODEL
from desk.journal.journal import Journal
from desk.tca.end_prices import end_prices
from desk.tca.orders import read_orders
from desk.tca.suggestion import CREDIBLE_DAYS, changed_costs, cost_changes, policy_costs
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio

ROOT = Path(__file__).parents[3]
DAYS = [f"2022-12-{k:02d}" for k in (12, 13, 14, 15, 16)]


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio(ROOT / "data/portfolios/sixty_forty.yaml")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Orders of five days: SPY pays 3 bp off the middle, AGG 1 bp, both 1 bp in fees; one order is of another file."""
    with Journal(tmp_path, user="anna") as found:
        for k, day in enumerate(DAYS):
            ticket = f"{k:064d}"
            orders = [listed(f"spy{k}", "buy", "SPY", 100.0, 400.0), listed(f"agg{k}", "sell", "AGG", 400.0, 100.0)]
            found.append([made(ticket, *orders)])
            for order, off, sign in zip(orders, (3e-4, 1e-4), (1, -1), strict=True):
                price = order.price * (1.0 + sign * off)  # type: ignore[operator]
                fill = (order.quantity, price, quote(order.price - 0.02, order.price + 0.02))  # type: ignore[operator]
                found.append(executed(order, ticket, None, [fill], day=day, fee=4.0))  # type: ignore[list-item]
        other = listed("x", "buy", "QQQ", 10.0, 10.0)
        found.append([made("ef" * 32, other), *executed(other, "ef" * 32, None, [(10.0, 10.0, None)])])
        yield found


def test_a_change_is_the_difference_times_its_credibility(journal: Journal, portfolio: Portfolio) -> None:
    found = {(each.asset_class, each.key): each for each in cost_changes(read_orders(journal).table, portfolio)}
    assert set(found) == {(c, k) for c in ("us_equity", "bonds") for k in ("commission_bps", "half_spread_bps")}
    spy = found["us_equity", "half_spread_bps"]
    value = 1e4 * 3e-4 / (1.0 + 3e-4)  # of the value traded
    assert (spy.stated, spy.expected) == (pytest.approx(1.0), pytest.approx(1.0))
    assert spy.realised.value == pytest.approx(value)
    assert spy.change.value == pytest.approx((value - 1.0) * 5 / (5 + CREDIBLE_DAYS))
    assert spy.suggested == pytest.approx(1.0 + (value - 1.0) / 5)
    assert spy.orders == 5
    assert spy.days == 5
    assert found["bonds", "half_spread_bps"].change.value == pytest.approx(0.0, abs=1e-3)


def test_orders_on_paper_without_a_spread_suggest_nothing(journal: Journal, portfolio: Portfolio) -> None:
    """The venue charges the expected spread as a fee there."""
    table = read_orders(journal).table
    on_paper = table.assign(quotes=f"{PAPER_MODEL}: bars of market 'by hand'")
    assert len(cost_changes(on_paper, portfolio)) == len(cost_changes(table.assign(spread=0.0), portfolio)) == 4
    assert cost_changes(on_paper.assign(spread=0.0), portfolio) == []


def test_a_list_that_costs_what_it_expects_suggests_no_change(tmp_path: Path, portfolio: Portfolio) -> None:
    """Fills at the list's own prices and costs: of the trade list that ships, through the journal."""
    listing = trade_list(portfolio, portfolio.policies["threshold"])
    table = listing.content.tables["orders"]
    with Journal(tmp_path, user="anna") as journal:
        for k, row in table.iterrows():
            order = listed(f"o{k}", row["side"], row["asset"], row["units"], row["price"])
            off = row["half_spread"] / row["units"] * (1 if row["side"] == "buy" else -1)
            at = quote(row["price"] - abs(off), row["price"] + abs(off))
            fill = (row["units"], row["price"] + off, at)
            for day in DAYS[:2]:
                order, ticket = replace(order, order=f"{day}-{k}"), f"{day} {k}"
                events = executed(order, ticket, at, [fill], day=day, fee=row["commission"])
                journal.append([made(ticket, order), *events])
        found = cost_changes(read_orders(journal).table, portfolio)
    assert len(found) == 4
    for each in found:
        assert each.change.value == pytest.approx(0.0, abs=1e-3)  # the list charges whole cents, of its own price


def test_a_policy_with_twice_the_costs_pays_twice(journal: Journal, portfolio: Portfolio) -> None:
    changes = cost_changes(read_orders(journal).table, portfolio)
    doubled = [replace(each, change=replace(each.change, value=1.0)) for each in changes]
    costs = changed_costs(portfolio, doubled)
    assert np.allclose(costs.total, 2.0 * portfolio.costs.total)
    before, after = policy_costs(portfolio, portfolio.policies["yearly"], "yearly", costs)
    assert after == pytest.approx(2.0 * before, rel=1e-3)
    assert before > 0.0


def test_no_cost_falls_below_zero(journal: Journal, portfolio: Portfolio) -> None:
    changes = cost_changes(read_orders(journal).table, portfolio)
    lower = [replace(each, change=replace(each.change, value=-5.0)) for each in changes]
    assert not changed_costs(portfolio, lower).total.any()
    assert {each.suggested for each in lower} == {0.0}


def test_the_rest_of_an_order_is_valued_at_the_close_of_its_day(tmp_path: Path, portfolio: Portfolio) -> None:
    order, price = listed("a", "buy", "SPY", 100.0, 380.0), end_prices([portfolio])
    fill = (50.0, 381.0, None)
    with Journal(tmp_path, user="anna") as journal:
        events = executed(order, "ab" * 32, None, [fill], day="2022-12-28", ended=True)
        journal.append([made("ab" * 32, order), *events])
        table = read_orders(journal, end_price=price).table
    market = portfolio.market
    close = market.prices[market.row("2022-12-28"), market.assets.index("SPY")]
    assert table["end"].tolist() == [close]
    assert table["total"].tolist() == [pytest.approx(50.0 * 1.0 + 50.0 * (close - 380.0))]
    assert price("SPY", "EUR", np.datetime64("2022-12-28")) is None
    assert price("QQQ", "USD", np.datetime64("2022-12-28")) is None
    assert price("SPY", "USD", np.datetime64("2022-12-31")) is None  # a Saturday


def test_orders_without_quotes_and_orders_of_one_day_suggest_nothing(journal: Journal, portfolio: Portfolio) -> None:
    table = read_orders(journal).table
    assert cost_changes(table.assign(spread=np.nan), portfolio) == []
    assert cost_changes(table[table["day"] == DAYS[0]], portfolio) == []


def test_no_order_suggests_nothing(tmp_path: Path, portfolio: Portfolio) -> None:
    with Journal(tmp_path) as journal:
        table = read_orders(journal).table
    assert isinstance(table, pd.DataFrame)
    assert cost_changes(table, portfolio) == []
