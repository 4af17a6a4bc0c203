"""The ticket of a house: every account trades its own list, in all formats, and cash and units are kept."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import simplefix
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from desk.tickets.accounts import Model
from desk.tickets.formats import alpaca, fix, ib_basket, oms, printed, ticket_json, workbook
from desk.tickets.house import HouseAccount, crossed_assets, house_ticket
from desk.tickets.ticket import TICKET_SCHEMA, Order, Ticket
from foundation.errors import ConfigError
from research.portfolio import load_portfolio
from research.portfolio.keys.sending import SendingLimits
from research.rules import Threshold

ROOT = Path(__file__).parents[3]
TERMS = {"account": "F100", "crossing": "close"}
PRICES = {"SPY": 383.440002, "AGG": 97.449997}
Held = Sequence[tuple[str, int, int]]  # model, SPY and AGG of each account
HELD: Held = [
    ("balanced", 500, 500),
    ("balanced", 90, 900),
    ("growth", 700, 2_000),
    ("growth", 300, 10),
    ("kept", 5, 9),
]


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    """Two models whose accounts may cross, and one whose accounts may not."""
    of = load_portfolio(ROOT / "data/portfolios/sixty_forty.yaml", {"ticket": TERMS})
    more = load_portfolio(
        ROOT / "data/portfolios/sixty_forty.yaml",
        {"ticket": TERMS, "lines.SPY.target": 0.8, "lines.SPY.range": [0.7, 0.9],
         "lines.AGG.target": 0.2, "lines.AGG.range": [0.1, 0.3]},
    )  # fmt: skip
    named = {"balanced": of, "growth": more}
    made = {name: Model.of(each, Threshold(each.strategic, 0.0), "threshold") for name, each in named.items()}
    return made | {"kept": with_terms(made["balanced"], crossing=None)}


def with_terms(model: Model, **terms: Any) -> Model:
    return replace(model, portfolio=replace(model.portfolio, ticket=replace(model.portfolio.ticket, **terms)))


def accounts_of(models: Mapping[str, Model], held: Held) -> list[HouseAccount]:
    made = []
    for k, (name, spy, agg) in enumerate(held):
        portfolio = models[name].account([float(spy), float(agg)], 1_000.0)
        made.append(HouseAccount.of(f"A{k}", name, models[name].trades(portfolio)))
    return made


@pytest.fixture(scope="module")
def ticket(models: dict[str, Model]) -> Ticket:
    return house_ticket("house.csv", accounts_of(models, HELD), models)


def own(accounts: Sequence[HouseAccount]) -> dict[tuple[str, str, str, str], float]:
    """Units by account, side, asset and id, as the own lists of the accounts have them."""
    return {(of.name, o.side, o.asset, o.client_order_id): o.quantity or 0.0 for of in accounts for o in of.orders}


def traded(ticket: Ticket) -> dict[tuple[str, str, str, str], float]:
    """The same, from the crosses and the allocations of a ticket."""
    found = defaultdict[tuple[str, str, str, str], float](float)
    for cross in ticket.crosses:
        found[cross["seller"], "sell", cross["asset"], cross["sell_order"]] += cross["quantity"]
        found[cross["buyer"], "buy", cross["asset"], cross["buy_order"]] += cross["quantity"]
    for order in ticket.by_account:
        found[order.account, order.side, order.asset, order.client_order_id] += order.quantity or 0.0
    return dict(found)


@settings(max_examples=15)
@given(
    held=st.lists(
        st.tuples(st.sampled_from(("balanced", "growth", "kept")), st.integers(0, 900), st.integers(1, 3_000)),
        min_size=1,
        max_size=5,
    )
)
def test_accounts_trade_their_own_lists_and_the_house_what_is_left(held: Held, models: dict[str, Model]) -> None:
    accounts = accounts_of(models, held)
    ticket = house_ticket("house.csv", accounts, models)
    assert traded(ticket) == own(accounts)
    for name, parts in ticket.allocations.items():
        order = next(order for order in ticket.orders if order.client_order_id == name)
        assert sum(part["quantity"] for part in parts) == order.quantity
    cash = {of.name: of.cash for of in accounts}
    for cross in ticket.crosses:
        cash[cross["seller"]] += cross["value"]
        cash[cross["buyer"]] -= cross["value"]
    assert min(cash.values()) > -0.001
    crossing = {of.name for of in accounts if of.model != "kept"}
    assert {cross[side] for cross in ticket.crosses for side in ("seller", "buyer")} <= crossing
    assert len({order.client_order_id for order in ticket.orders}) == len(ticket.orders) <= 4
    spared = sum(order.cost for of in accounts for order in of.orders) - ticket.totals["costs_saved"]
    assert sum(order.cost for order in ticket.orders) == pytest.approx(spared, abs=0.02 * len(accounts) + 0.02)
    moved = {order.asset: 0.0 for order in ticket.orders}
    for order in ticket.orders:
        moved[order.asset] += (order.quantity or 0.0) * (1 if order.side == "buy" else -1)
    net = {asset: sum((o.quantity or 0.0) * (1 if o.side == "buy" else -1)
                      for of in accounts for o in of.orders if o.asset == asset) for asset in moved}  # fmt: skip
    assert moved == net


def test_the_ticket_states_what_was_crossed_and_spared(ticket: Ticket, models: dict[str, Model]) -> None:
    value = sum(cross["quantity"] * PRICES[cross["asset"]] for cross in ticket.crosses)
    assert value > 100_000.0
    assert ticket.totals["crossed"] == pytest.approx(value, abs=0.01)
    assert ticket.totals["costs_saved"] == pytest.approx(value * 2 * 2e-4, abs=0.1)  # of both sides, 2 bp each
    for cross in ticket.crosses:
        assert (cross["price"], cross["price_date"]) == (PRICES[cross["asset"]], "2022-12-29")
        assert cross["price_source"].startswith("market close")
    cash = 1_000.0 * len(HELD)
    assert ticket.totals["cash_before"] == cash
    assert ticket.totals["nav_before"] == pytest.approx(
        cash + sum(spy * PRICES["SPY"] + agg * PRICES["AGG"] for _, spy, agg in HELD), abs=0.01
    )
    schema = json.loads((ROOT / f"docs/schemas/ticket-{TICKET_SCHEMA}.json").read_text())
    Draft202012Validator(schema).validate(
        json.loads(ticket_json.write(replace(ticket, models={"growth.yaml": "a" * 64})))
    )
    assert b"Crossed between accounts" in printed.write(ticket)
    assert workbook.write(ticket)

    off = dict.fromkeys(models, models["kept"]) | {"growth": with_terms(models["growth"], crossing=None)}
    apart = house_ticket("house.csv", accounts_of(off, HELD), off)
    assert apart.crosses == ()
    assert "crosses" not in apart.document
    assert sum(order.notional for order in apart.orders) == pytest.approx(
        sum(order.notional for order in ticket.orders) + 2 * value, abs=0.05
    )


def test_crosses_are_summed_by_asset_without_rounding() -> None:
    cross = {"asset": "BTC", "price": 30_000.0}
    (found,) = crossed_assets(
        [cross | {"quantity": 0.1, "value": 3_000.1}, cross | {"quantity": 0.2, "value": 6_000.2}]
    )
    assert found == cross | {"quantity": 0.3, "value": 9_000.3, "trades": 2}


def test_an_asset_that_is_wholly_crossed_has_its_terms_of_sending(models: dict[str, Model]) -> None:
    limits = SendingLimits(collar=2.0, collar_unit="volatilities")
    collared = {name: with_terms(model, sending=limits) for name, model in models.items()}
    accounts = accounts_of(collared, HELD)[:3]
    sides = {order.side: replace(order, quantity=2.0) for of in accounts for order in of.orders if order.asset == "SPY"}
    two = [of._replace(orders=(sides[side],)) for of, side in zip(accounts, ("sell", "buy"), strict=False)]
    ticket = house_ticket("house.csv", two, collared)
    assert (ticket.orders, [cross["asset"] for cross in ticket.crosses]) == ((), ["SPY"])
    assert ticket.sending.isins == {"SPY": "US78462F1030"}
    assert ticket.sending.decision_prices == {"SPY": PRICES["SPY"]}
    assert ticket.sending.volatilities["SPY"] > 0.0


def test_accounts_cross_what_they_can_pay(models: dict[str, Model]) -> None:
    """B has cash for 2 of the 5 SPY that A would sell to it, and for 4 once it sells AGG to C."""
    of = {each.name: each for each in accounts_of(models, HELD)}
    orders = {(o.side, o.asset): o for each in of.values() for o in each.orders}

    def trading(name: str, cash: float, **units: float) -> HouseAccount:
        own = [replace(orders[("buy" if units[asset] > 0 else "sell"), asset], quantity=abs(units[asset]),
                       client_order_id=f"20221229-{name}-{asset}") for asset in units]  # fmt: skip
        return of[name]._replace(orders=tuple(own), cash=cash)

    def crossed(*accounts: HouseAccount) -> dict[tuple[str, str], float]:
        crosses = house_ticket("house.csv", accounts, models).crosses
        return {(cross["seller"], cross["buyer"]): cross["quantity"] for cross in crosses}

    seller = trading("A0", 0.0, SPY=-5.0)
    assert crossed(seller, trading("A1", 1_000.0, SPY=5.0)) == {("A0", "A1"): 2.0}
    rich = trading("A2", 1e6, AGG=10.0)
    assert crossed(seller, trading("A1", 1_000.0, SPY=5.0, AGG=-6.0), rich) == {("A0", "A1"): 4.0, ("A1", "A2"): 6.0}
    poor = trading("A2", 300.0, AGG=10.0)  # pays 3 AGG, and so B no more than 3 SPY
    assert crossed(seller, trading("A1", 1_000.0, SPY=5.0, AGG=-6.0), poor) == {("A0", "A1"): 3.0, ("A1", "A2"): 3.0}


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_formats_carry_blocks_and_allocations(ticket: Ticket) -> None:
    parts = {(order.client_order_id, order.account, order.quantity) for order in ticket.by_account}
    ids: dict[str, Order] = {order.client_order_id: order for order in ticket.orders}
    for row in rows_of(oms.write(ticket)):
        order = ids[row["OrderID"]]
        assert (float(row["OrderQuantity"]), row["ISIN"], row["CUSIP"]) == (
            order.quantity, ticket.sending.isins[order.asset], ticket.sending.isins[order.asset][2:11],
        )  # fmt: skip
    found = [(row["OrderID"], row["AllocationAccount"], float(row["AllocationQuantity"]))
             for row in rows_of(oms.write(ticket))]  # fmt: skip
    assert found == [(name, part["account"], part["quantity"])
                     for name, own in ticket.allocations.items() for part in own]  # fmt: skip
    assert {(r["BasketTag"], r["Account"], float(r["Quantity"])) for r in rows_of(ib_basket.write(ticket))} == parts

    parser = simplefix.FixParser()
    parser.append_buffer(fix.write(ticket))
    message = parser.get_message()
    assert message is not None
    pairs = [(int(tag), value.decode()) for tag, value in message.pairs]
    of = {tag: [value for known, value in pairs if known == tag] for tag in (11, 38, 78, 79, 467, 80, 591)}
    assert (of[11], of[591]) == (list(ids), ["0"] * len(ids))
    assert [float(units) for units in of[38]] == [order.quantity for order in ticket.orders]
    assert [int(count) for count in of[78]] == [len(own) for own in ticket.allocations.values()]
    assert set(zip(of[467], of[79], map(float, of[80]), strict=True)) == parts

    bodies = json.loads(alpaca.write(ticket))
    assert [(body["client_order_id"], float(body["qty"])) for body in bodies] == [
        (order.client_order_id, order.quantity) for order in ticket.orders
    ]


def test_models_that_one_ticket_cannot_have_are_refused(models: dict[str, Model]) -> None:
    accounts = accounts_of(models, HELD)
    with pytest.raises(ConfigError, match="growth and balanced cannot be in the ticket of one house: `ticket: approv"):
        house_ticket("house.csv", accounts, models | {"growth": with_terms(models["growth"], approvals=2)})
    limits = {"balanced": SendingLimits(order_notional=5e5), "growth": SendingLimits(order_notional=5e5, collar=3.0)}
    limited = {name: with_terms(models[name], sending=of) for name, of in limits.items()}
    with pytest.raises(ConfigError, match=r"`ticket: sending: collar` is 3\.0 and not stated\. Make them alike"):
        house_ticket("house.csv", accounts, limited)
    unnamed = {name: with_terms(model, account="") for name, model in models.items()}
    with pytest.raises(ConfigError, match=r"`ticket: account` of balanced is '', which is empty\. It names a house"):
        house_ticket("house.csv", accounts, unnamed)
    dearer = replace(accounts[2].orders[0], price=1.0)
    with pytest.raises(ConfigError, match=r"growth and balanced cannot be in .*: the price of"):
        house_ticket("house.csv", [*accounts[:2], accounts[2]._replace(orders=(dearer,))], models)
