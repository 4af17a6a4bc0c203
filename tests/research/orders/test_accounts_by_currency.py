"""Accounts of a file with cash by currency: the list of a portfolio file with that cash, to the cent of each."""

import csv
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from desk.commands.orders.accounts import list_accounts
from desk.tickets.account_rows import account_columns, account_row, cell, order_columns, order_rows
from desk.tickets.accounts import Model, account_of
from desk.tickets.accounts_file import AccountsFile
from desk.tickets.ticket import make_ticket
from foundation.errors import ConfigError
from research.accounting.costs import CHARGED
from research.orders import trade_list
from research.portfolio import load_portfolio
from research.rules import Threshold

D = Decimal
ROOT = Path(__file__).parents[3]
SIXTY_FORTY = ROOT / "data/portfolios/sixty_forty.yaml"
IN_EUROS = {"basis": "EUR", "cash": 0, "fx": {"EURUSD": 1.0664, "EURJPY": 141.2}}
HEADER = "account,model,cash_EUR,cash_USD,cash_JPY,SPY,AGG"
BASIS_POINT = D("1e-4")  # of notional: the commission of both assets, and their half-spread
SMALLEST = {"EUR": D("0.01"), "USD": D("0.01"), "JPY": D("1")}
IN_EUR = {"EUR": D(1), "USD": D(repr(1.0 / 1.0664)), "JPY": D(repr(1.0 / 141.2))}


def file_of(folder: Path, *rows: str, header: str = HEADER) -> AccountsFile:
    path = folder / "accounts.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return AccountsFile.read(path)


def model(**overrides: Any) -> Model:
    portfolio = load_portfolio(SIXTY_FORTY, IN_EUROS | overrides)
    return Model.of(portfolio, Threshold(portfolio.strategic, 0.02), "band")


@pytest.fixture(scope="module")
def abroad() -> Model:
    return model()


def rounded(currency: str, amount: Decimal) -> Decimal:
    return amount.quantize(SMALLEST[currency], ROUND_HALF_EVEN)


def test_an_account_has_the_list_of_a_portfolio_file_with_its_cash_in_each_currency(
    abroad: Model, tmp_path: Path
) -> None:
    held = {"a": (90_000.5, -60_000.25, 0.0, 3_000, 7_000), "b": (-500.0, 25_000.0, 90_000.0, 10, 700)}
    file = file_of(tmp_path, *(f"{name},m,{','.join(map(str, cells))}" for name, cells in held.items()))
    for row, (name, (eur, usd, jpy, spy, agg)) in zip(file.rows(), held.items(), strict=True):
        cash = {"cash": None, "cash.EUR": eur, "cash.USD": usd} | ({"cash.JPY": jpy} if jpy else {})
        own = IN_EUROS | cash | {"lines.SPY.shares": spy, "lines.AGG.shares": agg}
        alone = load_portfolio(SIXTY_FORTY, own | {"ticket.account": name})
        wanted = trade_list(alone, Threshold(alone.strategic, 0.02), "band")
        found = abroad.trades(account_of(file, row, lambda _: abroad)[1], 5.0)
        assert len(wanted.orders)
        assert len(wanted.fx)
        for table in ("orders", "held", "fx", "cash"):
            pd.testing.assert_frame_equal(getattr(found, table), getattr(wanted, table), check_exact=True)
        assert found.facts == wanted.facts
        rows = [dict(zip(order_columns(file), cells, strict=True)) for cells in order_rows(file, row, found)]
        ticket = make_ticket(wanted)
        sent = [each.client_order_id for each in (*ticket.orders, *ticket.fx)]
        assert [each["client_order_id"] for each in rows] == sent
        expected = [cell(x.notional) for x in ticket.orders] + [cell(x.amount) for x in ticket.fx]
        assert [each["amount"] for each in rows] == expected
        told = dict(zip(account_columns(file), account_row(file, row, found), strict=True))
        after = wanted.cash.set_index("currency")["after"]
        assert [told[f"cash_after_{c}"] for c in ("basis", "EUR", "USD")] == [
            cell(after[c]) for c in ("EUR", "EUR", "USD")
        ]


def test_cash_of_each_currency_follows_from_the_written_rows_by_decimals(tmp_path: Path) -> None:
    """before − buys + sells − costs + exchanges = after, and never below zero, with nothing but what the files say.

    The costs are those of the model, a basis point each, of the amounts that are written.
    """
    content = yaml.safe_load(SIXTY_FORTY.read_text(encoding="utf-8")) | IN_EUROS
    content["policies"], content["policy"] = {"band": {"rule": "threshold", "band": 0.02}}, "band"
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    rng, rows, count = np.random.default_rng(11), [], 40
    for k in range(count):
        cash = [round(rng.uniform(0.0, 5e4), 2), round(rng.uniform(-2e4, 5e4), 2), int(rng.integers(0, 3_000_000))]
        rows.append(f"A{k},m.yaml,{','.join(map(str, cash))},{rng.integers(50, 400)},{rng.integers(50, 900)}")
    assert list_accounts(file_of(tmp_path, *rows).path, tmp_path / "o.csv").failed == 0
    with open(tmp_path / "o.csv", newline="") as opened:
        sent = list(csv.DictReader(opened))
    with open(tmp_path / "o.accounts.csv", newline="") as opened:
        accounts = list(csv.DictReader(opened))
    exchanged = 0
    for line, account in zip(rows, accounts, strict=True):
        name, _, *cash = line.split(",")[:5]
        left = dict(zip(("EUR", "USD", "JPY"), map(D, cash), strict=True))
        nav = sum(rounded("EUR", amount * IN_EUR[c]) for c, amount in left.items())
        for order in (each for each in sent if each["account"] == name):
            currency, amount = order["currency"], D(order["amount"])
            way = 1 if order["side"] == "buy" else -1
            if order["asset"] == f"{currency}EUR" or order["asset"] == f"EUR{currency}":
                left[currency] += way * amount
                left["EUR"] -= way * D(order["notional"])
                assert rounded("EUR", amount * IN_EUR[currency]) == D(order["notional"])
                exchanged += 1
                continue
            assert amount == rounded(currency, D(order["units"]) * D(order["price"]))
            assert rounded("EUR", D(order["notional"]) / IN_EUR[currency] * IN_EUR[currency]) == D(order["notional"])
            costs = {column: rounded(currency, BASIS_POINT * amount) for column in ("commission", "half_spread")}
            left[currency] -= way * amount + sum(costs.values())
            for column in CHARGED:  # both are the exact cost, rounded once: to the cents of the asset, and of the basis
                there = costs.get(column, D(0)) * IN_EUR[currency]
                assert abs(D(order[column] or "0") - there) <= D("0.0051") * (1 + IN_EUR[currency])
        assert {c: D(account[f"cash_after_{c}"]) for c in left} == left, name
        assert min(left.values()) >= 0, name
        assert D(account["cash_after"]) == sum(rounded("EUR", amount * IN_EUR[c]) for c, amount in left.items())
        assert D(account["cash_after_basis"]) == left["EUR"]
        assert D(account["nav"]) > nav
    assert exchanged > count // 4


def test_a_file_with_cash_in_the_basis_alone_is_written_as_ever(tmp_path: Path) -> None:
    """And with `cash_USD` in place of `cash` its orders are the same, with what is said of currencies besides."""
    content = yaml.safe_load(SIXTY_FORTY.read_text(encoding="utf-8"))
    content["policies"], content["policy"] = {"band": {"rule": "threshold", "band": 0.02}}, "band"
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    rows = [f"A{k},m.yaml,{1_000.25 * k},{300 - 20 * k},{100 * k}" for k in range(12)]
    tables = []
    for name in ("cash", "cash_USD"):
        file = file_of(tmp_path, *rows, header=f"account,model,{name},SPY,AGG")
        assert list_accounts(file.path, tmp_path / "o.csv").failed == 0
        tables.append([pd.read_csv(tmp_path / each, dtype=str) for each in ("o.csv", "o.accounts.csv")])
    (orders, accounts), (rated, by_currency) = tables
    assert {"currency", "rate", "amount"} == {*rated.columns} - {*orders.columns}
    assert {"cash_after_basis", "cash_after_USD"} == {*by_currency.columns} - {*accounts.columns}
    pd.testing.assert_frame_equal(rated[orders.columns], orders)
    pd.testing.assert_frame_equal(by_currency[accounts.columns], accounts)
    assert (by_currency["cash_after_USD"] == accounts["cash_after"]).all()
    assert (rated["amount"] == orders["notional"]).all()
    assert {*rated["currency"], *rated["rate"]} == {"USD", "1"}


def test_the_rate_of_cash_that_the_model_itself_does_not_hold_is_that_of_its_file(tmp_path: Path) -> None:
    """The model is in dollars, and has a rate of euros for its accounts."""
    made = model(basis="USD", cash=5, fx={"EURUSD": 1.0664})
    assert made.portfolio.currencies is None
    file = file_of(tmp_path, "a,m,1000,200,10,20", header="account,model,cash,cash_EUR,SPY,AGG")
    _, portfolio = account_of(file, next(file.rows()), lambda _: made)
    assert portfolio.cash == 1_213.28
    assert dict(portfolio.currencies.cash) == {"USD": 1_000.0, "EUR": 200.0}


WRONG = {
    "a second basis": (
        "a,m,5,7,,1,1",
        "column 'cash_EUR': cash in EUR, the basis of model m, beside that of the column cash",
    ),
    "no rate": ("a,m,,,7,1,1", "column 'cash_CHF': model m has no rate CHFEUR (or EURCHF)"),
    "no number": ("a,m,x,,y,1,1", "column 'cash_CHF': not a number"),
    "a debt": ("a,m,,-7.25,,1,1", "column 'cash': negative cash of all currencies"),
}


@pytest.mark.parametrize("case", WRONG)
def test_cash_that_is_none_is_refused_with_its_column(case: str, abroad: Model, tmp_path: Path) -> None:
    cells, said = WRONG[case]
    file = file_of(tmp_path, cells, header="account,model,cash,cash_EUR,cash_CHF,SPY,AGG,cash_USD")
    row = (2, (*next(file.rows())[1], ""))
    with pytest.raises(ConfigError) as raised:
        account_of(file, row, lambda _: abroad)
    assert said in str(raised.value)
    assert str(raised.value).startswith("accounts.csv, row 2, column '")


def test_cash_in_the_basis_may_be_below_zero_where_other_currencies_cover_it(abroad: Model, tmp_path: Path) -> None:
    header = "account,model,cash,cash_USD,SPY,AGG"
    file = file_of(tmp_path, "a,m,-350.50,2000,10,20", "b,m,-350.50,300,10,20", header=header)
    covered, owing = file.rows()
    found, portfolio = account_of(file, covered, lambda _: abroad)
    beside = {"cash": None, "cash.EUR": -350.5, "cash.USD": 2_000, "lines.SPY.shares": 10, "lines.AGG.shares": 20}
    listed = trade_list(load_portfolio(SIXTY_FORTY, IN_EUROS | beside), found.policy, "band", greedy=True)
    pd.testing.assert_frame_equal(found.trades(portfolio).fx, listed.fx)
    assert dict(portfolio.currencies.cash) == {"EUR": -350.5, "USD": 2_000.0}
    with pytest.raises(ConfigError, match=r"column 'cash': negative cash of all currencies: found -69"):
        account_of(file, owing, lambda _: abroad)


def test_a_model_needs_a_column_of_cash_for_each_currency_of_its_lines(abroad: Model, tmp_path: Path) -> None:
    file = file_of(tmp_path, "a,m,5,1,1", header="account,model,cash,SPY,AGG")
    said = r"column 'cash_USD': no column for cash in USD, in which assets of model m are quoted"
    with pytest.raises(ConfigError, match=said):
        account_of(file, next(file.rows()), lambda _: abroad)


def test_a_column_of_cash_is_named_by_a_currency(tmp_path: Path) -> None:
    said = r"column 'cash_eur': no currency: .* three capital letters, such as cash_EUR"
    with pytest.raises(ConfigError, match=said):
        file_of(tmp_path, "a,m,5,1,1", header="account,model,cash_eur,SPY,AGG")
