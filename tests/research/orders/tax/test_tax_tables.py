"""The tax on a trade list: its rows, its totals, its files and pages, and what it says that it does not know."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest

from desk.tickets.formats import ticket_json
from desk.tickets.ticket import make_ticket
from research.accounting import Flows
from research.orders import TradeList, trade_list
from research.orders.request import Request
from research.portfolio import Portfolio, TaxLot, TaxLots, TaxRules, load_portfolio
from research.rules import Calendar, Never, Threshold

SCHEMA = Path(__file__).parents[4] / "docs" / "schemas" / "ticket-2.json"
RULES = TaxRules(rate=0.2, short_rate=0.35, lots="highest")


def lot(date: str, units: float, price: float) -> TaxLot:
    return TaxLot(pd.Timestamp(date), float(units), float(price))


@pytest.fixture
def taxed(two: Portfolio) -> Portfolio:
    """600 of A at 100 in three lots, of which the list sells 100; 700 of B at 50 in one."""
    lots = (
        (lot("2020-03-02", 400, 60), lot("2022-06-01", 130, 95.5), lot("2021-05-03", 70, 110)),
        (lot("2021-05-03", 700, 58),),
    )
    return replace(two, tax_lots=TaxLots(RULES, lots))


def changed(portfolio: Portfolio, **rules: Any) -> Portfolio:
    assert portfolio.tax_lots is not None
    return replace(portfolio, tax_lots=replace(portfolio.tax_lots, rules=replace(RULES, **rules)))


def listed(portfolio: Portfolio) -> TradeList:
    return trade_list(portfolio, Threshold(portfolio.strategic, 0.02))


# -- rows and totals -------------------------------------------------------------------------------------------------


def test_each_lot_that_is_sold_has_a_row(taxed: Portfolio) -> None:
    got = listed(taxed)
    assert got.sized.units[0] == -100.0
    assert got.tax.to_dict("records") == [
        {"asset": "A", "bought": "2021-05-03", "units": 70.0, "cost_price": 110.0, "price": 100.0, "proceeds": 7_000.0,
         "gain": -700.0, "term": "long", "disallowed": 0.0, "tax": -140.0},
        {"asset": "A", "bought": "2022-06-01", "units": 30.0, "cost_price": 95.5, "price": 100.0, "proceeds": 3_000.0,
         "gain": 135.0, "term": "short", "disallowed": 0.0, "tax": 47.25},
    ]  # fmt: skip
    facts = {name: got.facts[name] for name in ("gain_short", "gain_long", "loss_disallowed", "tax")}
    assert facts == {"gain_short": 135.0, "gain_long": -700.0, "loss_disallowed": 0.0, "tax": -92.75}
    assert "gain_budget_left" not in got.facts


def test_lots_after_the_list_are_what_remains_and_what_was_bought(taxed: Portfolio) -> None:
    got = listed(taxed)
    after = got.after()
    bought = got.sized.units[1]
    assert after.tax_lots.lots == (
        (lot("2020-03-02", 400, 60), lot("2022-06-01", 100, 95.5)),
        (lot("2021-05-03", 700, 58), lot("2022-12-30", bought, 50)),
    )
    assert after.tax_lots.rules.realised == -565.0


def test_losses_that_could_be_realised_are_listed_and_not_traded(taxed: Portfolio) -> None:
    harvest = changed(taxed, harvest=1_000.0, wash_sale_days=30, substitutes={"B": "BND"})
    got, bought = listed(harvest), listed(taxed).sized.units[1]
    assert got.sized.units.tolist() == listed(taxed).sized.units.tolist()
    (row,) = got.harvest.to_dict("records")
    # The list buys B today: the loss on as many units would be disallowed.
    assert (row["asset"], row["units"], row["gain"], row["disallowed"]) == ("B", 700.0, -5_600.0, 8.0 * bought)
    assert (row["substitute"], row["tax"]) == ("BND", pytest.approx(0.2 * (8.0 * bought - 5_600.0)))
    assert not len(listed(changed(taxed, harvest=6_000.0)).harvest)
    locked = replace(harvest.market, instruments=harvest.market.instruments.assign(trading=["", "buy_only"]))
    assert not len(trade_list(replace(harvest, market=locked), Never(harvest.strategic)).harvest)


def test_amounts_of_an_asset_sum_to_its_order_to_the_cent(desk: Any) -> None:
    made = desk([33.333, 50.0], [900, 0], 0.0, [0.5, 0.5], lots=0.001)
    thirds = tuple(lot("2020-03-02", 300, price) for price in (10.111, 20.222, 29.999))
    got = listed(replace(made, tax_lots=TaxLots(RULES, (thirds, ()))))
    assert got.tax["proceeds"].sum() == pytest.approx(got.orders["notional"][0], abs=1e-9)


# -- wash sales ------------------------------------------------------------------------------------------------------


def sold_at_loss(portfolio: Portfolio, day: str) -> Portfolio:
    lots = TaxLots(replace(RULES, wash_sale_days=30), ((), ()), {"B": pd.Timestamp(day)})
    return replace(portfolio, tax_lots=lots)


def test_line_sold_at_a_loss_is_not_bought_within_the_window(two: Portfolio) -> None:
    policy = Calendar(two.strategic, "day")
    got = trade_list(sold_at_loss(two, "2022-11-30"), policy)
    # A goes to its target, and what B lacks stays in cash: no other asset is bought in its place.
    assert got.sized.units.tolist() == [-100.0, 0.0]
    assert "tax" not in got.facts
    reason = got.held.set_index("asset")["reason"]["B"]
    assert reason.startswith("15.00 points under target: not bought before 2022-12-31: it was sold at a loss")
    still = trade_list(sold_at_loss(two, "2022-11-30"), Never(two.strategic))
    assert still.held.set_index("asset")["reason"]["B"] == reason
    assert "not bought before" in repr(still)
    free = trade_list(sold_at_loss(two, "2022-11-29"), policy)  # trades on 2022-12-30
    assert free.sized.units.tolist() == trade_list(two, policy).sized.units.tolist()
    assert trade_list(got.after(), policy).empty
    assert got.provenance["data"] == two.market.fingerprint


@pytest.mark.parametrize(("substitute", "named"), [("BND", "; BND may be bought in its place"), ("A", ""), ("", "")])
def test_a_locked_line_names_its_substitute_unless_the_list_sells_that(
    two: Portfolio, substitute: str, named: str
) -> None:
    locked = sold_at_loss(two, "2022-11-30")
    assert locked.tax_lots is not None
    rules = replace(locked.tax_lots.rules, substitutes={"B": substitute} if substitute else {})
    got = trade_list(replace(locked, tax_lots=replace(locked.tax_lots, rules=rules)), Calendar(two.strategic, "day"))
    reason = got.held.set_index("asset")["reason"]["B"]
    assert reason == (
        "15.00 points under target: not bought before 2022-12-31: it was sold at a loss, and this would be a wash sale"
        + named
    )


def test_line_sold_at_a_loss_can_be_sold(two: Portfolio) -> None:
    made = replace(two, tax_lots=TaxLots(replace(RULES, wash_sale_days=30), ((), ()), {"A": two.date}))
    assert listed(made).orders["asset"].tolist() == ["A", "B"]


def test_loss_that_a_wash_sale_disallows_is_named(taxed: Portfolio) -> None:
    lots = ((lot("2020-03-02", 570, 110), lot("2022-12-01", 30, 99)), taxed.tax_lots.lots[1])
    got = listed(replace(taxed, tax_lots=TaxLots(replace(RULES, wash_sale_days=30), lots)))
    assert got.tax["disallowed"].tolist() == [300.0]
    assert (got.facts["gain_long"], got.facts["tax"]) == (-700.0, -140.0)
    assert "losses of 300.00 are disallowed" in repr(got)
    after = got.after()
    assert after.tax_lots.sold_at_loss == {"A": after.trade_day}
    assert (
        replace(lot("2022-12-01", 30, 109), tacked=1_033, borne=10.0) in after.tax_lots.lots[0]
    )  # days since 2020-03-02


# -- the day of the sale --------------------------------------------------------------------------------------------


def test_terms_and_locks_are_those_of_the_session_on_which_orders_trade(desk: Any) -> None:
    """From the close of Friday 2022-12-30, a list trades on Tuesday 2023-01-03."""
    two = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], last="2022-12-30")
    lots = ((lot("2022-01-01", 600, 120),), (lot("2022-01-03", 700, 58),))
    rules = replace(RULES, wash_sale_days=30, harvest=1.0)
    made = replace(two, tax_lots=TaxLots(rules, lots))
    got = listed(made)
    assert {order.settlement_date for order in make_ticket(got).orders} == {"2023-01-04"}
    assert got.tax["term"].tolist() == ["long"]
    assert got.harvest.set_index("asset")["term"].to_dict() == {"A": "long", "B": "short"}
    after = got.after().tax_lots
    assert after.sold_at_loss == {"A": pd.Timestamp("2023-01-03")}
    assert after.lots[1][-1].date == pd.Timestamp("2023-01-03")
    assert "Tax is reckoned for 2023-01-03, the day on which orders are expected to trade." in got.notes
    late = trade_list(made, Threshold(made.strategic, 0.02), as_of="2023-01-05", stale_ok=True)
    assert late.harvest["term"].tolist() == ["long", "long"]
    for sold, bought in (("2022-12-04", False), ("2022-12-03", True)):
        locked = replace(made, tax_lots=TaxLots(rules, ((), ()), {"B": pd.Timestamp(sold)}))
        assert ("B" in listed(locked).orders["asset"].tolist()) is bought


def test_gains_are_of_the_year_in_which_orders_trade(desk: Any) -> None:
    two = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], last="2022-12-30")
    rules = replace(RULES, gain_budget=1e6)
    got = listed(replace(two, tax_lots=TaxLots(rules, ((lot("2022-01-01", 600, 60),), ()))))
    assert any(note.endswith("expected to trade, and its gains are of 2023.") for note in got.notes)


def test_substitute_that_is_locked_is_not_named(taxed: Portfolio) -> None:
    assert taxed.tax_lots is not None
    rules = replace(RULES, harvest=1_000.0, wash_sale_days=30, substitutes={"B": "A"})
    got = listed(replace(taxed, tax_lots=replace(taxed.tax_lots, rules=rules)))  # sells A at a loss on 2022-12-30
    assert got.harvest["substitute"].tolist() == [""]
    assert "No substitute is named for B: A is not bought before 2023-01-30, since it was sold at a loss." in got.notes
    free = replace(rules, lots="first")
    assert listed(replace(taxed, tax_lots=replace(taxed.tax_lots, rules=free))).harvest["substitute"].tolist() == ["A"]


def test_two_assets_in_the_table_are_not_the_substitutes_of_each_other(desk: Any) -> None:
    """Each is bought in place of the other: with both sold at a loss, each purchase would disallow one of the losses.

    Of C the substitute is A, which is sold at a loss too.
    """
    three = desk([100.0, 50.0, 20.0], [500, 700, 500], 5_000.0, [0.5, 0.35, 0.1])
    lots = ((lot("2020-03-02", 500, 120),), (lot("2021-05-03", 700, 60),), (lot("2021-05-03", 500, 30),))
    rules = replace(RULES, harvest=1_000.0, wash_sale_days=30, substitutes={"A": "B", "B": "A", "C": "A"})
    got = trade_list(replace(three, tax_lots=TaxLots(rules, lots)), Never(three.strategic))
    assert got.harvest[["asset", "substitute"]].to_numpy().tolist() == [["A", "B"], ["B", ""], ["C", ""]]
    assert [note for note in got.notes if note.startswith("No substitute")] == [
        "No substitute is named for B: B is itself the substitute of A, and buying it would disallow its own loss.",
        "No substitute is named for C: A could be sold at a loss as well, which buying it would disallow.",
    ]
    free = replace(rules, wash_sale_days=0)
    assert trade_list(replace(three, tax_lots=TaxLots(free, lots)), Never(three.strategic)).harvest[
        "substitute"
    ].tolist() == ["B", "A", "A"]


# -- accounts ----------------------------------------------------------------------------------------------------------

ACCOUNTS = {
    "t1": {"kind": "taxable", "cash": 0, "shares": {"SPY": 2_500}},
    "t2": {"kind": "taxable", "cash": 0, "shares": {"SPY": 760}},
    "ira": {"kind": "sheltered", "cash": 1_000, "shares": {"AGG": 7_000}},
}
LOTS = [
    {"account": "t1", "date": "2019-03-01", "units": 2_500, "price": 280.0},
    {"account": "t2", "date": "2022-06-15", "units": 760, "price": 400.0},
]


def household(accounts: Any = ACCOUNTS, lots: Any = LOTS, **rules: Any) -> Portfolio:
    beside = {key: None for key in ("cash", "lines.SPY.shares", "lines.AGG.shares")}
    tax = {"rate": 0.2, "short_rate": 0.37, "lots": "highest", "wash_sale_days": 30} | rules
    return load_portfolio(
        "data/portfolios/sixty_forty.yaml", beside | {"accounts": accounts, "lines.SPY.tax_lots": lots, "tax": tax}
    )


def to_target(portfolio: Portfolio) -> TradeList:
    return trade_list(portfolio, portfolio.policies["threshold"], request=Request(to_target=True))


def test_lots_are_sold_by_the_account_that_holds_them() -> None:
    for cash in ({"t1": 0}, {"t1": 50_000}):
        accounts = {name: row | {"cash": cash.get(name, row["cash"])} for name, row in ACCOUNTS.items()}
        got = to_target(household(accounts))
        sold = got.orders[got.orders["side"] == "sell"].set_index("account")[["units", "notional"]]
        of_lots = got.tax.groupby("account")[["units", "proceeds"]].sum()
        assert of_lots["units"].to_dict() == sold["units"].to_dict()
        assert of_lots["proceeds"].to_dict() == pytest.approx(sold["notional"].to_dict(), abs=1e-9)
        bought = {"t1": "2019-03-01", "t2": "2022-06-15"}
        assert [bought[account] for account in got.tax["account"]] == got.tax["bought"].tolist()
        after = got.after()
        assert after.tax_lots is not None
        jsonschema.validate(json.loads(ticket_json.write(make_ticket(got))), json.loads(SCHEMA.read_text()))
        for account in after.accounts[:2]:
            lots = [one.units for one in after.tax_lots.lots[0] if one.account == account.name]
            assert sum(lots) == account.units[0]


def test_purchase_of_a_sheltered_account_disallows_a_loss() -> None:
    accounts = ACCOUNTS | {"ira": {"kind": "sheltered", "cash": 1_000, "shares": {"AGG": 7_000, "SPY": 50}}}
    lots = [LOTS[0] | {"price": 500.0}, LOTS[1], {"account": "ira", "date": "2022-12-19", "units": 20, "price": 381.0}]
    got = to_target(household(accounts, lots))
    kept = 20.0 - max(-float(got.sized.by_account[2].units[0]) - 30.0, 0.0)
    assert got.left_out == ("wash sales in other accounts and of substantially identical assets",)
    worst = got.tax.iloc[0]
    assert got.facts["loss_disallowed"] == pytest.approx(kept * (worst["cost_price"] - worst["price"]), abs=0.011)
    without = to_target(household(accounts, lots[:2]))
    assert without.facts["loss_disallowed"] == 0.0
    assert without.left_out[-1] == "wash sales by purchases of SPY in ira (no tax_lots)"


# -- what is not known -----------------------------------------------------------------------------------------------


def test_what_was_not_known_is_said_exactly(two: Portfolio, taxed: Portfolio) -> None:
    unknown = replace(taxed, tax_lots=replace(taxed.tax_lots, lots=((), taxed.tax_lots.lots[1])))
    assert listed(taxed).left_out == ()
    assert listed(unknown).left_out == ("tax on gains of A (no tax_lots)",)
    assert listed(changed(unknown, gain_budget=5.0, wash_sale_days=30)).left_out == (
        "tax on gains of A (no tax_lots)",
        "gains of A in the gain budget (no tax_lots)",
        "wash sales in other accounts and of substantially identical assets",
    )
    assert listed(replace(two, flows=Flows({}, "cash"))).left_out == ("cash flows",)


# -- files and pages -------------------------------------------------------------------------------------------------


def test_text_and_page_show_the_lots(taxed: Portfolio) -> None:
    got = listed(changed(taxed, harvest=1_000.0, gain_budget=2_000.0, realised=100.0))
    text, page = repr(got), got.html()
    for shown in (text, page):
        assert "Tax lots that are sold, at the closes of 2022-12-29" in shown
        assert "Losses that could be realised after these orders, at the closes of 2022-12-29" in shown
        assert "Realised gains: short-term 135.00, long-term −700.00. Tax on them −92.75 USD" in shown
        assert "The gain budget leaves 2,465.00." in shown
    assert '<table class="tax-lots">' in page


def test_files_have_the_lots_and_a_list_without_lots_has_none(taxed: Portfolio, two: Portfolio) -> None:
    content = listed(taxed).content
    assert content.tables["tax_lots"]["gain"].tolist() == [-700.0, 135.0]
    assert content.facts["tax"] == -92.75
    assert len(content.tables["harvest"]) == 0
    without = listed(two).content
    assert not {"tax_lots", "harvest"} & set(without.tables)
    assert not {"tax", "gain_short"} & set(without.facts)
    assert not len(listed(two).tax)
    assert not len(listed(two).harvest)
