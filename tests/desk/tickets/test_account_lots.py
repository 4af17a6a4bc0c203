"""Accounts with their own tax lots, money and sides: each has the list of a portfolio file that says the same."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from drawn_lists import outcome
from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from desk.tickets.account_lots import read_account_lots, rows_of
from desk.tickets.account_rows import TAXES, account_columns, account_row
from desk.tickets.accounts import Model, account_of, request_in
from desk.tickets.accounts_file import AccountsFile
from desk.tickets.request import request_of
from foundation.errors import ConfigError
from research.orders import TradeList, trade_list
from research.portfolio import load_portfolio
from research.rules import Threshold

ROOT = Path(__file__).parents[3]
BALANCED = ROOT / "data/portfolios/sixty_forty.yaml"
ASSETS = ("SPY", "AGG")
HEADER = "account,model,cash,deposit,withdraw,side,realised,SPY,AGG"
TAXED = {
    "plain": {"rate": 0.2},
    "by term": {"rate": 0.2, "short_rate": 0.37, "lots": "tax_minimal"},
    "budget": {"rate": 0.25, "lots": "first", "gain_budget": 2_000.0, "realised": 999.0},
    "wash": {"rate": 0.25, "short_rate": 0.4, "lots": "highest", "wash_sale_days": 30, "harvest": 10.0},
}
LOTS = some.lists(
    some.tuples(some.dates(date(2012, 1, 3), date(2022, 12, 28)), some.integers(1, 900), some.integers(5_000, 45_000)),
    max_size=4,
)


def with_lots(folder: Path, row: str, lots: list[str]) -> tuple[AccountsFile, dict[str, str]]:
    """A file with one account, and its lots."""
    (folder / "a.csv").write_text(f"{HEADER}\n{row}\n")
    (folder / "lots.csv").write_text("\n".join(["account,asset,date,units,price", *lots, ""]))
    file = AccountsFile.read(folder / "a.csv")
    found, by_account = read_account_lots(folder / "lots.csv", {"a": None})
    return replace(file, lots=found), by_account


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lots")


@settings(max_examples=40, phases=[Phase.generate])
@given(
    rules=some.sampled_from(sorted(TAXED)),
    lots=some.tuples(LOTS, LOTS),
    besides=some.tuples(some.integers(0, 300), some.integers(0, 300)),
    cash=some.integers(0, 20_000),
    flow=some.sampled_from([0, 0, 7_000, -3_000]),
    side=some.sampled_from(["", "", "buy", "sell"]),
    realised=some.integers(-3_000, 3_000),
    band=some.sampled_from([0.0, 0.02, 0.1]),
)
def test_an_account_has_the_list_of_a_portfolio_file_with_its_lots_and_flows(
    folder: Path, rules: str, lots: Any, besides: Any, cash: int, flow: int, side: str, realised: int, band: float
) -> None:
    """An asset without lots is held besides; the gains of this year of the model's file are not the account's."""
    units = [sum(lot[1] for lot in own) or more for own, more in zip(lots, besides, strict=True)]
    if not sum(units) or (flow < 0 and side == "buy") or (flow > 0 and side == "sell"):
        return
    budget = {"realised": realised} if rules == "budget" else {}
    lines = {f"lines.{asset}.shares": held for asset, held in zip(ASSETS, units, strict=True)}
    stated = [[{"date": f"{day}", "units": n, "price": p / 100} for day, n, p in own] for own in lots]
    of_lots = {f"lines.{asset}.tax_lots": own for asset, own in zip(ASSETS, stated, strict=True) if own}
    alone = load_portfolio(BALANCED, {"cash": cash, **lines, **of_lots, "tax": {**TAXED[rules], **budget}})
    model_file = load_portfolio(BALANCED, {"tax": TAXED[rules]})
    model = Model.of(model_file, Threshold(model_file.strategic, band), "band")
    row = f"a,m,{cash},{max(flow, 0) or ''},{max(-flow, 0) or ''},{side},{realised},{','.join(map(str, units))}"
    rows = [
        f"a,{asset},{lot['date']},{lot['units']},{lot['price']:.2f}"
        for asset, own in zip(ASSETS, stated, strict=True) for lot in own
    ]  # fmt: skip
    file, by_account = with_lots(folder, row, sorted(rows, key=lambda each: each.split(",")[1]))  # AGG first
    first = next(file.rows())

    def of_account() -> TradeList:
        _, account = account_of(file, first, lambda _: model, rows_of(by_account.get("a", "")))
        return model.trades(account, request=request_in(file, first))

    request, rule = request_of(max(flow, 0), max(-flow, 0), side), Threshold(alone.strategic, band)
    wanted = outcome(lambda: trade_list(alone, rule, "band", request=request, greedy=True))
    found = outcome(of_account)
    if isinstance(wanted, str) or isinstance(found, str):
        assert found == wanted
        return
    pd.testing.assert_frame_equal(found.orders, wanted.orders, check_exact=True)
    assert found.reason == wanted.reason
    if rows:
        assert (found.facts, found.binding) == (wanted.facts, wanted.binding)
        order = ["asset", "bought", "units", "cost_price"]
        pd.testing.assert_frame_equal(
            found.tax.sort_values(order, ignore_index=True), wanted.tax.sort_values(order, ignore_index=True)
        )
    told = dict(zip(account_columns(file), account_row(file, first, found), strict=True))
    assert [told[name] for name in TAXES] == ([wanted.facts[name] for name in TAXES] if rows else [None] * 4)


@pytest.mark.parametrize(
    ("row", "lots", "said"),
    [
        ("a,m,0,,,,,10,5", ["a,SPY,2020-01-02,9,300"], "lots.csv, row 2, column 'units': the lots of SPY sum to 9 "),
        ("a,m,0,,,,,10,5", ["a,GLD,2020-01-02,9,300"], "column 'asset': no asset of the account's model: found 'GLD'"),
        ("a,m,0,,,,,10,5", ["a,SPY,2023-06-02,10,300"], "column 'date': lies after the session that follows the last"),
        ("a,m,0,,,,,10,5", ["a,SPY,2.1.2020,10,300"], "column 'date': not a date: found '2.1.2020'"),
        ("a,m,0,,,,,10,5", ["a,SPY,2020-01-02,0,300"], "column 'units': a lot without units"),
        ("a,m,0,,,,,10,5", ["a,SPY,2020-01-02,10,x"], "column 'price': not a number: found 'x'"),
        (
            "a,m,0,5,3,,,10,5",
            [],
            "a.csv, row 2, column 'deposit': deposit is 5.00 and withdraw is 3.00: found '5, 3'. Gi",
        ),
        ("a,m,0,-5,,,,10,5", [], "column 'deposit': negative money: found '-5'"),
        ("a,m,0,,,hold,,10,5", [], "column 'side': side of a trade list is 'hold'"),
        ("a,m,0,5,,sell,,10,5", [], "a deposit may need purchases, and only sells are asked for"),
        ("a,m,0,1.000,,,,10,5", [], "column 'deposit': a thousand with a point"),
    ],
)
def test_mistakes_are_told_with_their_row(row: str, lots: list[str], said: str, tmp_path: Path) -> None:
    portfolio = load_portfolio(BALANCED, {"tax": {"rate": 0.2}})
    model = Model.of(portfolio, Threshold(portfolio.strategic, 0.02), "band")
    file, by_account = with_lots(tmp_path, row, lots)
    first = next(file.rows())
    made = outcome(lambda: account_of(file, first, lambda _: model, rows_of(by_account.get("a", "")))[1] and
                   model.trades(model.account([1, 1], 0.0), request=request_in(file, first)))  # fmt: skip
    assert said in str(made)


def test_lots_need_a_tax_and_known_accounts(tmp_path: Path) -> None:
    portfolio = load_portfolio(BALANCED)
    assert portfolio.costs.tax is None
    model = Model.of(portfolio, Threshold(portfolio.strategic, 0.02), "band")
    file, by_account = with_lots(tmp_path, "a,m,0,,,,,10,5", ["a,SPY,2020-01-02,10,300"])
    with pytest.raises(ConfigError, match="column 'model': tax lots of an account whose model states no tax"):
        account_of(file, next(file.rows()), lambda _: model, rows_of(by_account["a"]))
    with pytest.raises(ConfigError, match=r"lots.csv, row 2, column 'account': no account of the file of accounts"):
        with_lots(tmp_path, "a,m,0,,,,,10,5", ["b,SPY,2020-01-02,10,300"])
    (tmp_path / "lots.csv").write_text("account,asset,units,price\na,SPY,1,2\n")
    with pytest.raises(ConfigError, match="column 'date': missing column"):
        read_account_lots(tmp_path / "lots.csv", {"a": None})
