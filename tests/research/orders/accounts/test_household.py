"""A portfolio with several accounts: one list over all, each order in its account, cash of each to the cent."""

import csv
import io
import json
from dataclasses import replace
from math import fsum
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from cases import cases
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from desk.tickets.formats import alpaca, oms, order_csv, printed, ticket_json, workbook
from desk.tickets.ticket import make_ticket
from foundation.errors import ConfigError, PolicyError
from research.orders import TradeList, trade_list
from research.orders.accounts.household import SWAP, Divided, to_divide
from research.orders.lots.position import Position
from research.orders.request import Request
from research.portfolio import OrderLimits, Portfolio, load_portfolio
from research.portfolio.holdings.household import Account
from research.rules import Calendar, Never

FILE = "data/portfolios/sixty_forty.yaml"
ACCOUNTS = {
    "taxable": {"kind": "taxable", "cash": 5_000, "shares": {"SPY": 700, "AGG": 200}},
    "ira": {"kind": "sheltered", "cash": 3_000, "shares": {"SPY": 300, "AGG": 400}, "prefers": ["AGG"], "number": "U2"},
}
BESIDE = {"cash": None, "lines.SPY.shares": None, "lines.SPY.holdings": None,
          "lines.AGG.shares": None, "lines.AGG.holdings": None}  # fmt: skip
TO_TARGET = Request(to_target=True)


def household(accounts: Any = ACCOUNTS, **more: Any) -> Portfolio:
    return load_portfolio(FILE, BESIDE | {"accounts": accounts} | more)


def listed(portfolio: Portfolio, request: Request = TO_TARGET) -> TradeList:
    return trade_list(portfolio, portfolio.policies["threshold"], request=request)


def split(portfolio: Portfolio, shares: Any, cash: Any, **more: Any) -> Portfolio:
    """A desk by hand in accounts. shares : (A, n) fractions of each asset's lots.  cash : (A,) fractions of cash."""
    lots = portfolio.limits.lots
    units = np.floor(np.nan_to_num(portfolio.shares) * np.asarray(shares) / lots) * lots
    units[0] += np.nan_to_num(portfolio.shares) - units.sum(axis=0)
    money = np.floor(portfolio.cash * np.asarray(cash))
    money[0] = round(portfolio.cash - fsum(money[1:]), 2)
    none = np.zeros(units.shape[1], dtype=bool)
    accounts = tuple(
        Account(f"a{k}", f"U{k}", k % 2 == 0, of, float(c), more.get("prefers", {}).get(k, none))
        for k, (of, c) in enumerate(zip(units, money, strict=True))
    )
    return replace(portfolio, accounts=accounts)


def undivided(portfolio: Portfolio) -> Portfolio:
    """The portfolio without its accounts, and without the cash that their list leaves for its division."""
    spare = to_divide(Position.of(portfolio), len(portfolio.accounts))
    return replace(portfolio, accounts=(), cash=portfolio.cash - spare)


def divided(trades: TradeList) -> Divided:
    assert isinstance(trades.sized, Divided)
    return trades.sized


# -- the file ----------------------------------------------------------------------------------------------------------


def test_holdings_and_cash_are_the_sums_of_the_accounts() -> None:
    portfolio = household(ACCOUNTS | {"empty": {"kind": "taxable", "cash": 0}})
    assert portfolio.shares.tolist() == [1_000.0, 600.0]
    assert portfolio.cash == 8_000.0
    assert [account.number for account in portfolio.accounts] == ["taxable", "U2", "empty"]
    again = load_portfolio(FILE, BESIDE | {"accounts": None} | {"accounts": portfolio.settings["accounts"]})
    assert again.settings == portfolio.settings
    assert "cash" not in portfolio.settings


@cases(
    "change, said",
    ({"accounts.ira.kind": "roth"}, r"accounts\.ira\.kind: not one of its words .*'roth'\. .*taxable, sheltered"),
    ({"accounts.ira.cash": -1.0}, r"accounts\.ira\.cash: out of bounds"),
    ({"accounts.ira.shares.SPX": 3}, r"accounts\.ira\.shares\.SPX: no asset .*Did you mean 'SPY'"),
    ({"accounts.ira.shares.SPY": -3}, r"accounts\.ira\.shares\.SPY: out of bounds"),
    ({"accounts.ira.prefers": ["TLT"]}, r"accounts\.ira\.prefers: no asset of the portfolio .*found 'TLT'"),
    ({"accounts.ira.prefers": "AGG"}, r"accounts\.ira\.prefers: not a list"),
    ({"accounts.ira.number": "taxable"}, r"accounts\.ira\.number: taxable has the same"),
    ({"accounts.ira.owner": "me"}, r"accounts\.ira\.owner: unknown key"),
    ({"cash": 5}, r"cash: stands beside `accounts` .*found 5\. .* leave it out"),
    ({"ticket.account": "U1"}, r"ticket\.account: stands beside `accounts`"),
    ({"lines.SPY.shares": 5, "lines.AGG.holdings": 7}, r"(?s)SPY\.shares: .*\n.*lines\.AGG\.holdings: stands"),
)
def test_a_mistake_in_the_accounts_is_a_sentence(change: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_portfolio(FILE, BESIDE | {"accounts": ACCOUNTS} | change)


def test_several_mistakes_are_told_at_once() -> None:
    form = {"ira": {"kind": "roth", "cash": 1}, "other": {"kind": "taxable", "cash": -1, "shares": {"SPY": -1}}}
    meaning = {
        "ira": {"kind": "sheltered", "cash": 1, "shares": {"X": 1, "Y": 1}},
        "other": {"kind": "taxable", "cash": 1, "shares": {"Z": 1}},
    }
    for wrong in (form, meaning):
        with pytest.raises(ConfigError) as error:
            household(wrong)
        assert len(str(error.value).splitlines()) == 3


def test_a_file_of_positions_fills_the_accounts_by_name_or_number(tmp_path: Path) -> None:
    rows = "Symbol,Quantity,Account\nSPY,700,taxable\nSPY,300,U2\nAGG,600,U2\nCash,5000,taxable\n"
    (tmp_path / "positions.csv").write_text(rows)
    accounts = {"taxable": {"kind": "taxable"}, "ira": {"kind": "sheltered", "number": "U2"}}
    positions = {"positions": {"file": str(tmp_path / "positions.csv")}}
    portfolio = household(accounts, **positions)
    assert [account.units.tolist() for account in portfolio.accounts] == [[700.0, 0.0], [300.0, 600.0]]
    assert [account.cash for account in portfolio.accounts] == [5_000.0, 0.0]
    with pytest.raises(ConfigError, match=r"positions\.csv, row 3, is of an account that .*found 'U2'.*'U3'|U3"):
        household(accounts | {"ira": {"kind": "sheltered", "number": "U3"}}, **positions)
    with pytest.raises(ConfigError, match=r"accounts\.ira\.shares: stands beside `positions`"):
        household(accounts | {"ira": {"kind": "sheltered", "number": "U2", "shares": {"SPY": 1}}}, **positions)


# -- the list ----------------------------------------------------------------------------------------------------------


def test_the_orders_of_the_accounts_sum_to_the_list_of_the_whole() -> None:
    portfolio = household()
    trades, whole = listed(portfolio), listed(undivided(portfolio))
    np.testing.assert_array_equal(divided(trades).parts.sum(axis=0), whole.sized.units)
    assert set(trades.orders["account"]) <= {"taxable", "ira"}
    table = trades.accounts.set_index("account")
    assert (table["cash_after"] >= 0.0).all()
    assert table["cash_after"].sum() == pytest.approx(trades.sized.cash, abs=0.005)
    moved = table["cash_before"] + table["sells"] - table["buys"] - table["cost"]
    np.testing.assert_allclose(moved, table["cash_after"], atol=0.005)
    assert trades.orders.query("asset == 'AGG'").set_index("account")["units"]["ira"] > 0.0


@pytest.mark.parametrize("seed", [0, 2, 9])
def test_four_accounts_on_eight_lines_send_the_whole_list(seed: int) -> None:
    """Bitcoin, in hundred-millionths, would use all cash: each account would have to use its own to the last cent."""
    rng, file = np.random.default_rng(seed), "data/portfolios/global_multi_asset.yaml"
    one = load_portfolio(file)
    names, units = one.market.assets, one.shares * np.exp(rng.normal(0.0, 0.25, len(one.shares)))
    parts, cash = rng.dirichlet(np.ones(4), len(names)).T, np.round(one.cash * rng.dirichlet(np.ones(4)), 2)
    accounts = {
        f"a{a}": {
            "kind": "taxable" if a % 2 else "sheltered",
            "cash": float(cash[a]),
            "shares": {name: int(of) for name, of in zip(names, np.floor(units * parts[a]), strict=True)},
            "prefers": [str(name) for name in rng.choice(names, 2, replace=False)],
        }
        for a in range(4)
    }
    beside = {"cash": None} | {f"lines.{name}.{key}": None for name in names for key in ("shares", "holdings")}
    portfolio = load_portfolio(file, beside | {"accounts": accounts})
    made = divided(trade_list(portfolio, portfolio.policies["threshold"], request=TO_TARGET))
    assert (made.division.why, made.left.any(), made.swapped.any()) == ("", False, False)
    np.testing.assert_array_equal(made.parts.sum(axis=0), listed(undivided(portfolio)).sized.units)


def test_what_a_list_leaves_for_its_division_is_a_lot_an_account_and_little_of_wealth(desk: Any) -> None:
    """Two accounts, lots of 400 and 20: twice 20, or 1 bp of NAV, or what there is."""
    small = desk([400.0, 20.0], [500, 1_000], 5_000.0, [0.5, 0.5])
    large = desk([400.0, 20.0], [50_000, 100_000], 5_000.0, [0.5, 0.5])
    none = desk([400.0, 20.0], [50_000, 100_000], 0.0, [0.5, 0.5])
    assert [to_divide(Position.of(each), 2) for each in (small, large, none)] == [22.5, 40.0, 0.0]


def test_sells_come_before_buys_and_tell_the_shares_of_their_account() -> None:
    orders = make_ticket(listed(household())).orders
    sides = [order.side for order in orders]
    assert sides == sorted(sides, reverse=True)
    held = {"taxable": ACCOUNTS["taxable"]["shares"], "U2": ACCOUNTS["ira"]["shares"]}
    for order in orders:
        way = 1.0 if order.side == "buy" else -1.0
        assert order.shares_before == held[order.account][order.asset]
        assert order.quantity is not None
        assert order.shares_after == order.shares_before + way * order.quantity
    assert len({order.client_order_id for order in orders}) == len(orders)


def test_after_the_orders_the_accounts_are_booked_and_the_list_is_empty() -> None:
    after = listed(household()).after()
    assert after.cash == pytest.approx(sum(account.cash for account in after.accounts), abs=0.005)
    np.testing.assert_array_equal(after.shares, sum(account.units for account in after.accounts))
    assert listed(after).empty


def test_money_comes_to_and_leaves_the_account_that_is_named() -> None:
    portfolio = household()
    deposit = listed(portfolio, Request(flow=20_000.0, account="ira", side="buy"))
    assert deposit.headline.startswith("Deposit of 20,000.00 USD to ira. ")
    assert deposit.accounts.set_index("account").loc["ira", "cash_before"] == 23_000.0
    withdrawal = listed(portfolio, Request(flow=-50_000.0, account="ira"))
    assert withdrawal.accounts.set_index("account").loc["ira", "cash_after"] >= 0.0
    with pytest.raises(ConfigError, match=r"has 2 accounts: name the one, as account .*: taxable or ira"):
        listed(portfolio, Request(flow=10.0))
    with pytest.raises(ConfigError, match="account of the money is 'roth': the portfolio has taxable, ira"):
        listed(portfolio, Request(flow=10.0, account="roth"))
    empty = {"kind": "sheltered", "cash": 1}
    with pytest.raises(PolicyError, match=r"withdrawal of 500\.00 USD leaves empty \(-499\.00\) below zero"):
        listed(household(ACCOUNTS | {"empty": empty}), Request(flow=-500.0, account="empty", side="sell"))


def test_the_only_account_pays_a_withdrawal_with_its_own_cash(desk: Any) -> None:
    made = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5])
    request = Request(flow=-8_000.0)
    alone, one = (
        trade_list(each, Never(made.strategic), request=request) for each in (made, split(made, [[1.0]], [1.0]))
    )
    assert one.sized.units.tolist() == alone.sized.units.tolist()
    assert one.sized.cash == alone.sized.cash


def test_a_withdrawal_is_raised_in_its_account_where_only_another_has_the_cash(desk: Any) -> None:
    """All accounts together need no order; the one that pays sells ten units and a lot for its costs to the other."""
    made = desk([100.0, 50.0], [100, 200], 6_000.0, [0.5, 0.5], commission=0.0, half_spread=0.0)
    both = split(made, [[0.6, 0.5], [0.4, 0.5]], [0.0, 1.0])
    got = trade_list(both, Never(both.strategic), request=Request(flow=-1_000.0, account="a0"))
    cash = [account.cash for account in got.after().accounts]
    assert min(cash) >= 0.0
    assert sum(cash) == 5_000.0
    assert not got.sized.units.any()
    assert set(got.orders["reason"]) == {SWAP}
    assert set(got.orders["account"][got.orders["side"] == "sell"]) == {"a0"}
    assert got.headline.startswith("Withdrawal of 1,000.00 USD from a0. Sell ")
    assert got.reason == "cash pays the withdrawal, and the policy holds"


def test_a_line_that_is_not_sent_whole_says_by_how_much_and_why(desk: Any) -> None:
    portfolio = desk([400.0, 30.0], [0, 14], 420.0, [1.0, 0.0], assets=["A", "B"], commission=0.0, half_spread=0.0)
    policy = Calendar(portfolio.strategic, "day")
    locked = replace(portfolio.market, instruments=portfolio.market.instruments.assign(trading=["", "locked"]))
    trades = trade_list(split(replace(portfolio, market=locked), [[0.5, 0.5]] * 2, [0.5, 0.5]), policy)
    assert trades.empty
    assert "1 units of the list are not sent (cash of the accounts)" in trades.held.set_index("asset")["reason"]["A"]


def test_a_swap_is_declared_on_both_of_its_orders(desk: Any) -> None:
    portfolio = desk([400.0, 20.0, 20.0], [0, 50, 50], 420.0, [0.175, 0.4125, 0.4125], commission=0.0, half_spread=0.0)
    trades = trade_list(split(portfolio, [[0.5] * 3] * 2, [0.5, 0.5]), Calendar(portfolio.strategic, "day"))
    swaps = trades.orders[trades.orders["reason"] == SWAP]
    assert sorted(swaps["side"]) == ["buy", "sell"]
    assert trades.sized.units.tolist() == [1.0, 0.0, 0.0]
    assert not set(swaps["asset"]) & set(trades.held["asset"])
    assert trades.sized.cash == 420.0 - 400.0


# -- laws --------------------------------------------------------------------------------------------------------------


def quoted(drawn: Any) -> bool:
    return not np.isnan(drawn[0].shares).any()


@settings(max_examples=12)
@given(data=st.data())
def test_any_list_is_divided_within_the_limits_of_its_accounts(desks: Any, data: Any) -> None:
    portfolio, policy = data.draw(desks.filter(quoted))
    count = data.draw(st.integers(2, 3))
    parts = st.lists(st.sampled_from([0.0, 0.2, 0.3]), min_size=len(portfolio.market.assets),
                     max_size=len(portfolio.market.assets))  # fmt: skip
    shares = [data.draw(parts) for _ in range(count)]
    cash = data.draw(st.lists(st.sampled_from([0.0, 0.1, 0.3]), min_size=count, max_size=count))
    accounts = split(portfolio, shares, cash, prefers={1: np.arange(len(portfolio.market.assets)) == 0})
    try:
        whole = trade_list(undivided(accounts), policy, greedy=True)
    except PolicyError:
        assume(False)
    trades = trade_list(accounts, policy, greedy=True)
    found = divided(trades)
    assert found.division is not None
    assert not found.problem.broken(found.parts)
    assert (found.each_cash >= 0.0).all()
    worse = np.abs(found.each_notional).sum(axis=1) + found.each_charges.sum(axis=(1, 2))
    assert (found.each_cash - portfolio.orders.adverse_move * worse >= -1e-9).all()
    assert (found.left * whole.sized.units >= 0.0).all()
    if not found.division.why:
        np.testing.assert_array_equal(trades.sized.units, found.problem.orders)
        position = trades.sized.position  # the policy decides before the cash for the division is set aside
        apart = to_divide(position, count) + (position.lots * position.prices).max()
        assert (np.abs(trades.sized.units - whole.sized.units) * position.prices <= apart).all()
    assert len(trades.orders) == int((found.parts != 0.0).sum())
    assert float(trades.facts["cash_after"]) == pytest.approx(float(found.each_cash.sum()), abs=0.01)


def test_half_a_cent_that_rounding_takes_of_a_fine_lot_is_kept_after_the_adverse_move(desk: Any) -> None:
    """An example of the law above: lots of a millionth of a cent, which sum to broken cents all the same.

    The account with 5,000.00 pays 4,950.50 at most, of which 1 % is 49.505; 49.50 would be left.
    """
    made = desk([1.0, 1.0], [0, 50_000], 50_000.0, [1.0, 0.0], lots=np.array([1e-8, 1.0]), commission=0.0,
                half_spread=0.0, tradable=[True, False], orders=OrderLimits(adverse_move=0.01))  # fmt: skip
    found = divided(trade_list(split(made, [[0.0, 0.0]] * 2, [0.0, 0.1]), Calendar(made.strategic, "day"), greedy=True))
    assert not found.division.why
    assert (found.problem.short(found.parts) <= 0.0).all()
    np.testing.assert_array_equal(found.parts.sum(axis=0), found.problem.orders)


@settings(max_examples=20)
@given(data=st.data())
def test_no_account_is_left_below_zero_whatever_comes_to_it_or_leaves(desks: Any, data: Any) -> None:
    portfolio, policy = data.draw(desks.filter(quoted))
    parts = [data.draw(st.sampled_from([0.0, 0.2, 0.6])) for _ in portfolio.market.assets]
    both = split(portfolio, [[1.0 - part for part in parts], parts], [0.0, data.draw(st.sampled_from([0.0, 0.5, 1.0]))])
    flow = round(data.draw(st.floats(-0.3, 0.3)) * both.nav, 2)
    try:
        got = trade_list(both, policy, request=Request(flow=flow, account=data.draw(st.sampled_from(["a0", "a1"]))))
    except (ConfigError, PolicyError) as error:
        assert "withdrawal" in str(error) or "cannot be made" in str(error)  # noqa: PT017
        return
    after = got.after()
    assert min(account.cash for account in after.accounts) >= 0.0
    assert fsum(account.cash for account in after.accounts) == pytest.approx(after.cash, abs=0.005)
    assert all((account.units >= -1e-9).all() for account in after.accounts)


@settings(max_examples=12)
@given(data=st.data())
def test_with_one_account_the_list_is_the_same_to_the_bit(desks: Any, data: Any) -> None:
    portfolio, policy = data.draw(desks.filter(quoted))
    try:
        whole = trade_list(portfolio, policy, greedy=True)
    except PolicyError:
        assume(False)
    one = trade_list(split(portfolio, [[1.0]], [1.0]), policy, greedy=True)
    for name in ("units", "notional", "charges"):
        np.testing.assert_array_equal(getattr(one.sized, name), getattr(whole.sized, name))
    assert one.sized.after.weights.tobytes() == whole.sized.after.weights.tobytes()
    assert one.sized.cash == whole.sized.cash
    assert one.facts == whole.facts
    assert one.orders.drop(columns="account").to_csv() == whole.orders.to_csv()


# -- formats -----------------------------------------------------------------------------------------------------------


def test_every_format_names_the_account_of_each_order() -> None:
    ticket = make_ticket(listed(household()))
    schema = json.loads(Path("docs/schemas/ticket-2.json").read_text())
    document = json.loads(ticket_json.write(ticket))
    jsonschema.Draft202012Validator(schema).validate(document)
    assert [row["account"] for row in document["accounts"]] == ["taxable", "ira"]
    rows = list(csv.DictReader(io.StringIO(oms.write(ticket).decode(), newline="")))
    expected = [(order.account, order.symbol, order.side.upper()) for order in ticket.orders]
    assert [(row["AllocationAccount"], row["Symbol"], row["Side"]) for row in rows] == expected
    blocks: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        blocks.setdefault(row["OrderID"], []).append(row)
    for block in blocks.values():
        assert len({(row["Symbol"], row["Side"], row["OrderQuantity"], row["Sequence"]) for row in block}) == 1
        assert fsum(float(row["AllocationQuantity"]) for row in block) == float(block[0]["OrderQuantity"])
    assert len(blocks) == len({(order.symbol, order.side) for order in ticket.orders})
    assert {row["account"] for row in csv.DictReader(io.StringIO(order_csv.write(ticket).decode()))} == {
        "taxable",
        "U2",
    }
    page = printed.write(ticket).decode()
    assert "taxable (taxable)" in page
    assert "ira (U2, sheltered)" in page
    assert "U2</small>" in page
    assert b"Accounts" in workbook_sheets(workbook.write(ticket))
    with pytest.raises(ConfigError, match="Alpaca cannot carry orders of 2 accounts, U2, taxable"):
        alpaca.write(ticket)


def workbook_sheets(content: bytes) -> bytes:
    import zipfile

    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        return parts.read("xl/workbook.xml")


def test_reserve_and_adverse_move_hold_in_each_account() -> None:
    portfolio = household(orders={"reserve_bps": 50, "adverse_move": 0.02})
    found = divided(listed(portfolio))
    wealth = found.problem.held @ found.position.prices + found.problem.cash
    assert (found.each_cash >= np.minimum(0.005 * wealth, found.problem.cash) - 1e-9).all()
    assert (found.each_cash >= 0.02 * np.abs(found.each_notional).sum(axis=1) - 1e-9).all()
    assert isinstance(portfolio.orders, OrderLimits)
