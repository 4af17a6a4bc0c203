"""The ticket of a list: its orders are those of the list; ids and hash follow the content and nothing else."""

import re
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_lists import drawn_lists, drawn_tickets
from line_groups import members

from desk.tickets.sending import SendingTerms
from desk.tickets.ticket import HeldLine, Order, Ticket, _weight, make_ticket
from foundation.errors import ConfigError
from research.accounting.costs import CHARGED
from research.orders import TradeList, trade_list
from research.orders.content import DISCLAIMER
from research.portfolio import OrderLimits, Portfolio, TicketTerms
from research.portfolio.keys.sending import SendingLimits
from research.portfolio.keys.ticket import ORDER_ID
from research.portfolio.keys.weight_limits import WeightLimit
from research.rules import Never, Threshold

LIMIT = TicketTerms("limit", collar_bps=50.0, account="DU12", symbols={"A": "AAA"})


def listed(portfolio: Portfolio, terms: TicketTerms = LIMIT, band: float = 0.02, **others: Any) -> TradeList:
    return trade_list(replace(portfolio, ticket=terms), Threshold(portfolio.strategic, band), **others)


def test_orders_are_those_of_the_list_with_their_terms(two: Portfolio) -> None:
    """100 of A at 100 are sold, and about 200 of B at 50 are bought."""
    got = listed(two)
    sell, buy = make_ticket(got).orders
    assert (sell.priority, sell.side, sell.asset, sell.symbol, buy.priority, buy.side, buy.symbol) == (
        1, "sell", "A", "AAA", 2, "buy", "B",
    )  # fmt: skip
    assert (sell.limit_price, buy.limit_price, sell.price, buy.price) == (99.5, 50.25, 100.0, 50.0)
    assert (sell.order_type, sell.time_in_force, sell.account, sell.currency) == ("limit", "DAY", "DU12", "USD")
    assert [sell.quantity, buy.quantity] == got.orders["units"].tolist()
    assert (sell.shares_before, sell.shares_after) == (600.0, 600.0 - got.orders["units"][0])
    assert sell.notional == 100.0 * got.orders["units"][0]
    assert sell.cost == pytest.approx(sum(getattr(sell, name) for name in CHARGED), abs=0.005)
    assert sell.weight_target == 0.5
    assert sell.weight_before == pytest.approx(60_000 / 100_000, abs=1e-10)


def test_figures_of_any_ticket_agree_with_each_other(desk: Any) -> None:
    for got, ticket in zip(drawn_lists(desk), drawn_tickets(desk), strict=True):
        check_figures(ticket, set(got.portfolio.market.assets))


def check_figures(ticket: Ticket, assets: set[str]) -> None:
    for side, name in (("sell", "sells"), ("buy", "buys")):
        assert sum(o.notional for o in ticket.orders if o.side == side) == pytest.approx(ticket.totals[name], abs=0.005)
    assert [order.priority for order in ticket.orders] == list(range(1, len(ticket.orders) + 1))
    assert [order.side for order in ticket.orders] == sorted((o.side for o in ticket.orders), reverse=True)
    for order in ticket.orders:
        if order.quantity is not None and order.lot is not None:
            way = 1.0 if order.side == "buy" else -1.0
            assert order.shares_after == pytest.approx(order.shares_before + way * order.quantity, rel=1e-12, abs=1e-6)
            assert order.quantity / order.lot == pytest.approx(round(order.quantity / order.lot), rel=1e-9)
            assert abs(order.notional - order.quantity * order.price) <= 0.005 + 1e-9 * order.notional
    assert {line.asset for line in ticket.held} | {o.asset for o in ticket.orders} == assets


@pytest.mark.parametrize(
    ("close", "today", "days", "settled"),
    [
        ("2022-12-29", None, 1, "2023-01-03"),  # traded on Friday; Monday is a holiday
        ("2022-12-29", None, 0, "2022-12-30"),
        ("2022-12-29", None, 2, "2023-01-04"),
        ("2022-12-29", "2022-12-30", 1, "2023-01-03"),
        ("2022-12-30", "2022-12-31", 1, "2023-01-04"),  # a list of Saturday trades on Tuesday
        ("2022-12-29", "2023-01-03", 1, "2023-01-04"),
    ],
)
def test_orders_settle_so_many_sessions_after_the_next(
    desk: Any, close: str, today: str | None, days: int, settled: str
) -> None:
    """By the calendar of the New York Stock Exchange, which was closed on 2 January 2023."""
    held = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], last=close)
    ticket = make_ticket(listed(held, replace(LIMIT, settlement_days=days), as_of=today))
    assert [order.settlement_date for order in ticket.orders] == [settled, settled]
    assert [order.side for order in ticket.orders] == ["sell", "buy"]


def test_a_line_settles_on_its_own_day(two: Portfolio) -> None:
    ticket = make_ticket(listed(two, replace(LIMIT, settlement_days_by_line={"A": 2})))
    assert {order.asset: order.settlement_date for order in ticket.orders} == {"A": "2023-01-04", "B": "2023-01-03"}


def test_the_day_of_settlement_changes_no_id(two: Portfolio) -> None:
    one, other = (make_ticket(listed(two, replace(LIMIT, settlement_days=days))) for days in (1, 2))
    assert [o.client_order_id for o in one.orders] == [o.client_order_id for o in other.orders]
    assert one.hash != other.hash


def test_limits_that_bind_are_named_with_their_lines(desk: Any) -> None:
    """Half of NAV is to move from A to B: a tenth of NAV may, or B may have 30 %."""
    moved = desk([100.0, 50.0], [1_000, 0], 0.0, [0.5, 0.5], orders=OrderLimits(0.0, 0.0, turnover=0.1))
    assert make_ticket(listed(moved)).binding == ("turnover limit of 10.00 % of NAV (A, B)",)
    assert "Limits that bind: turnover limit of 10.00 % of NAV (A, B)." in repr(listed(moved))
    assert all(order.reason.endswith("units (turnover limit)") for order in make_ticket(listed(moved)).orders)
    capped = OrderLimits(0.0, 0.0, weights=(WeightLimit("group", members(2, 1), 0.0, 0.3),))
    got = make_ticket(listed(desk([100.0, 50.0], [1_000, 0], 0.0, [0.5, 0.5], orders=capped))).binding
    assert got[0].startswith("group (0.00 % to 30.00 %) (")
    assert "B" in got[0]
    free = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], commission=0.0, half_spread=0.0)
    assert make_ticket(listed(free)).binding == ()


def test_a_line_without_a_quote_is_an_amount(desk: Any) -> None:
    mixed = desk([float("nan"), 50.0], [60_000.0, 700], 5_000.0, [0.5, 0.5])
    sell, buy = make_ticket(listed(mixed)).orders
    assert (sell.quantity, sell.lot, sell.price, sell.limit_price, sell.shares_before) == (None,) * 5
    assert (sell.order_type, buy.order_type) == ("market", "limit")
    assert sell.notional > 10_000.0
    assert buy.limit_price == 50.25


def test_ids_are_equal_for_equal_orders_whatever_list_they_are_of(two: Portfolio) -> None:
    one = [order.client_order_id for order in make_ticket(listed(two)).orders]
    other = make_ticket(listed(two, run="r-2", name="another policy"))
    assert [order.client_order_id for order in other.orders] == one
    assert all(re.fullmatch(ORDER_ID, found) for found in one)
    assert all(len(found) <= 32 for found in one)
    assert len(set(one)) == 2


CHANGES: dict[str, Callable[[Portfolio], TradeList]] = {
    "quantity": lambda two: listed(replace(two, cash=25_000.0)),
    "portfolio": lambda two: listed(replace(two, name="Another")),
    "holding, with the same orders": lambda two: listed(
        replace(two, shares=two.shares + np.array([100.0, 200.0]), holdings=two.holdings + 10_000.0)
    ),
    "account": lambda two: listed(two, replace(LIMIT, account="DU13")),
    "symbol": lambda two: listed(two, replace(LIMIT, symbols={"A": "AA", "B": "BB"})),
    "limit price": lambda two: listed(two, replace(LIMIT, collar_bps=60.0)),
    "order type": lambda two: listed(two, TicketTerms(account="DU12", symbols={"A": "AAA"})),
    "exchange": lambda two: listed(two, replace(LIMIT, exchange="NYSE")),
    "security": lambda two: listed(two, replace(LIMIT, sec_type="FUND")),
    "currency": lambda two: listed(replace(two, basis="EUR")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_order_with_another_content_has_another_id_and_its_list_another_hash(two: Portfolio, change: str) -> None:
    first, other = make_ticket(listed(two)), make_ticket(CHANGES[change](two))
    ids = {order.client_order_id for ticket in (first, other) for order in ticket.orders}
    assert len(ids) == len(first.orders) + len(other.orders)
    assert first.hash != other.hash


def test_another_date_gives_other_ids(desk: Any) -> None:
    one, other = (
        desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], last=day) for day in ("2022-12-29", "2022-12-30")
    )
    assert make_ticket(listed(one)).orders[0].client_order_id != make_ticket(listed(other)).orders[0].client_order_id


def changed(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, dict):
        return {key: changed(part) for key, part in value.items()} or {"A": "x"}
    if isinstance(value, list):
        return [*value, 1.0]
    return f"{value}x" if isinstance(value, str) else 1.0 if value is None else value + 1


@pytest.mark.parametrize("name", [f.name for f in fields(Ticket) if f.name not in ("beside", "sending")])
def test_a_change_of_anything_that_a_ticket_says_changes_its_hash(two: Portfolio, name: str) -> None:
    ticket = make_ticket(listed(two))
    value = getattr(ticket, name)
    if name == "details":
        others = [{"tax": ({"asset": "A", "units": 1.0},)}]
    elif name == "totals":
        others = [dict(value) | {key: number + 0.01} for key, number in value.items()]
    elif name == "before_after":
        others = [dict(value) | {key: changed(part)} for key, part in value.items()]
    elif isinstance(value, tuple):
        others = [value[:-1] if value else (ticket.orders[0],), (*value, *value, ticket.orders[0])]
    else:
        others = [changed(value)]
    assert all(replace(ticket, **{name: other}).hash != ticket.hash for other in others)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (part, f.name)
        for part, of in (("sending", SendingTerms), ("orders", Order), ("held", HeldLine))
        for f in fields(of)
    ],
)
def test_a_change_of_a_part_changes_the_hash(two: Portfolio, part: str, name: str) -> None:
    """Of the terms of sending, and of the first order or held line."""
    ticket = make_ticket(trade_list(two, Never(two.strategic)) if part == "held" else listed(two))
    first, *rest = (ticket.sending,) if part == "sending" else getattr(ticket, part)
    value = SendingLimits(collar=50.0) if name == "limits" else changed(getattr(first, name))
    other = replace(first, **{name: value})
    assert replace(ticket, **{part: other if part == "sending" else (other, *rest)}).hash != ticket.hash


def test_the_path_and_the_head_of_the_journal_leave_the_hash_alone(two: Portfolio) -> None:
    ticket = make_ticket(listed(two))
    assert replace(ticket, beside={"path": "/elsewhere/desk.yaml"}).hash == ticket.hash


def test_the_same_list_gives_the_same_ticket(two: Portfolio) -> None:
    assert make_ticket(listed(two)) == make_ticket(listed(two))
    assert make_ticket(listed(two)).hash == make_ticket(listed(two)).hash


def test_orders_change_places_only_with_the_hash(two: Portfolio) -> None:
    ticket = make_ticket(listed(two))
    assert replace(ticket, orders=ticket.orders[::-1]).hash != ticket.hash


@pytest.mark.parametrize(("units", "said"), [(1_000.0, r"A at 4e-05, buy at 0"), (4e9, r"A at 4e-05, sell at 0\.0001")])
def test_an_order_below_one_tick_cannot_be_limited(desk: Any, units: float, said: str) -> None:
    penny = desk([0.00004, 50.0], [units, 700], 50_000.0, [0.5, 0.5])
    with pytest.raises(ConfigError, match=rf"to a whole tick, .* found {said}\. Use `order_type: market`"):
        _ = make_ticket(listed(penny))
    assert make_ticket(listed(penny, TicketTerms())).orders[0].limit_price is None


def test_an_order_states_each_cost_that_a_list_charges() -> None:
    assert set(CHARGED) <= {f.name for f in fields(Order)}


def test_numbers_have_at_most_fifteen_digits(desk: Any) -> None:
    held = desk([1 / 3, 50.0], [600_000, 700], 5_000.0, [0.5, 0.5], lots=[1e-6, 1.0])
    for order in make_ticket(listed(held, TicketTerms())).orders:
        for name, value in asdict(order).items():
            if isinstance(value, float):
                assert value == float(f"{value:.15g}"), name
                assert not isinstance(value, np.generic), name


def test_the_sentence_stands_in_the_notice_and_on_every_list(two: Portfolio) -> None:
    notice = (Path(__file__).parents[3] / "NOTICE").read_text(encoding="utf-8")
    assert DISCLAIMER in " ".join(notice.split())
    for got in (listed(two), trade_list(two, Never(two.strategic))):
        assert DISCLAIMER in repr(got)
        assert DISCLAIMER in got.html()


def test_no_weight_is_zero_with_a_minus() -> None:
    assert str(_weight(-1e-12)) == "0.0"
