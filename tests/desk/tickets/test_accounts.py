"""Accounts of a file: each has the list of a portfolio file with its holdings, and its own sentence if it fails."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
import yaml

from desk.tickets.account_rows import ACCOUNT_COLUMNS, ORDER_COLUMNS, account_row, cell, order_rows
from desk.tickets.accounts import Model, account_of
from desk.tickets.accounts_file import AccountsFile
from desk.tickets.ticket import make_ticket
from foundation.errors import ConfigError, DataError
from research.orders import trade_list
from research.orders.order_tables import ORDERS
from research.portfolio import load_portfolio
from research.portfolio.holdings.blotter import Blotter, SentOrder
from research.portfolio.holdings.cash_entries import CashEntry
from research.rules import Threshold

ROOT = Path(__file__).parents[3]
MODELS = {
    "balanced": ROOT / "data/portfolios/sixty_forty.yaml",
    "global": ROOT / "data/portfolios/global_multi_asset.yaml",
}
HEADER = "account,model,cash,last_trade,SPY,AGG,QQQ,VEA,VWO,VNQ,GLD,BTC,Turnover"
ACCOUNTS = {
    "=first": ("balanced", 21_350.40, "2022-09-30", {"SPY": 3_260.0, "AGG": 7_460.0}),
    "second": (
        "global",
        90_000.25,
        "2022-06-30",
        {"SPY": 900.0, "AGG": 4_000.0, "QQQ": 31.0, "GLD": 250.0, "BTC": 1.5},
    ),
    "third": ("balanced", 0.07, "", {"SPY": 12.5}),
}


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    made = {}
    for name, path in MODELS.items():
        portfolio = load_portfolio(path)
        made[name] = Model.of(portfolio, Threshold(portfolio.strategic, 0.02), "threshold")
    return made


def file_of(folder: Path, *rows: str, header: str = HEADER) -> AccountsFile:
    path = folder / "accounts.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return AccountsFile.read(path)


def row_of(name: str) -> str:
    model, cash, day, units = ACCOUNTS[name]
    return ",".join([name, model, str(cash), day, *(str(units.get(a, "")) for a in HEADER.split(",")[4:])])


@pytest.mark.parametrize("greedy", [False, True])
def test_an_account_has_the_list_of_a_portfolio_file_with_its_holdings(
    greedy: bool, models: dict[str, Model], tmp_path: Path
) -> None:
    file = file_of(tmp_path, *map(row_of, ACCOUNTS))
    for row, (name, (kind, cash, day, units)) in zip(file.rows(), ACCOUNTS.items(), strict=True):
        content = yaml.safe_load(MODELS[kind].read_text(encoding="utf-8"))
        content |= {"cash": cash} | ({"last_trade": day} if day else {})
        for asset, line in content["lines"].items():
            line.pop("holdings", None)
            line["shares"] = units.get(asset, 0.0)
        (tmp_path / "one.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        alone = load_portfolio(tmp_path / "one.yaml")
        wanted = trade_list(alone, Threshold(alone.strategic, 0.02), "threshold", greedy=greedy)

        model, portfolio = account_of(file, row, models.__getitem__)
        found = model.trades(portfolio, greedy)
        assert len(wanted.orders) > 0
        pd.testing.assert_frame_equal(found.orders, wanted.orders, check_exact=True)
        pd.testing.assert_frame_equal(found.held, wanted.held, check_exact=True)
        assert found.facts == wanted.facts
        named = replace(wanted, portfolio=replace(alone, ticket=replace(alone.ticket, account=name)))
        ids = [order.client_order_id for order in make_ticket(named).orders]
        cells = [
            [name, *map(cell, order), sent]
            for order, sent in zip(wanted.orders.itertuples(index=False, name=None), ids, strict=True)
        ]
        assert order_rows(file, row, found) == cells
        told = dict(zip(ACCOUNT_COLUMNS, account_row(file, row, found), strict=True))
        assert (told["account"], told["model"], told["status"], told["error"]) == (name, kind, "trade", None)
        assert (told["nav"], told["cash_after"]) == (round(alone.nav, 2), wanted.facts["cash_after"])
        assert told["cost"] == pytest.approx(wanted.orders["cost"].sum(), abs=0.005)
        assert told["turnover"] == pytest.approx(wanted.sized.turnover, abs=1e-10)
        assert wanted.sized.solved is not None
        assert told["solved"] == wanted.sized.solved.how
    assert ("account", *ORDERS, "client_order_id") == ORDER_COLUMNS


WRONG = {
    "cash is text": (",balanced,abc,,1,1", ["column 'account': no name", "column 'cash': not a number", "found 'abc'"]),
    "no finite number": (
        "a,balanced,nan,,inf,1e999",
        ["column 'cash': not a number", "column 'SPY': not a", "column 'AGG': out of bounds"],
    ),
    "a separator": ("a,balanced,1_000,,1,1", ["column 'cash': not a number", "found '1_000'. Write a plain number"]),
    "a thousand": ("a,balanced,1.000,,1,1", ["column 'cash': a thousand with a point, or", "Write 1000 or 1.0000."]),
    "a thousand units": (
        "a,balanced,5,,1.000,1",
        ["column 'SPY': a thousand with a point, or a number with three decimals", "Write 1000 or 1.0000."],
    ),
    "short": ("a,balanced,5,,-1,1", ["column 'SPY': negative units: accounts hold nothing short", "found '-1'"]),
    "overdrawn": ("a,balanced,-5,,1,1", ["column 'cash': negative cash", "Give a number that is at least 0."]),
    "another model's asset": (
        "a,balanced,5,,1,1,3",
        ["column 'QQQ': an asset that model balanced does not have", "SPY, AGG."],
    ),
    "a limit in capitals": (
        "a,balanced,5,,1,1,,,,,,,0.05",
        ["column 'Turnover': an asset that", "Did you mean 'turnover'?"],
    ),
    "a day of words": ("a,balanced,5,friday,1,1", ["column 'last_trade': not a date", "Write it as YYYY-MM-DD."]),
    "a later day": ("a,balanced,5,2030-01-01,1,1", ["column 'last_trade': lies after the last close", "2022-12-29."]),
    "nothing": (
        "a,balanced,0,,,0",
        ["column 'cash': neither units nor cash are held", "found '0'. State what the account holds."],
    ),
    "too much": ("a,balanced,0,,1e14,0", ["column 'SPY': worth 3.8344e+16", "at most 1e+15"]),
    "no model": (
        "a,growth,5,,1,1",
        ["column 'model': no model to follow, there is none", "found 'growth'. Correct the path"],
    ),
    "both": (
        "a,growth,x,,-1,1",
        ["column 'cash': not a number", "column 'SPY': negative units", "column 'model': no model"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_mistake_of_a_row_is_told_with_file_row_column_value_and_mend(
    case: str, models: dict[str, Model], tmp_path: Path
) -> None:
    cells, sentences = WRONG[case]
    file = file_of(tmp_path, cells + "," * (HEADER.count(",") - cells.count(",")))

    def model_of(cell: str) -> Model:
        if cell not in models:
            raise ConfigError("there is none")
        return models[cell]

    with pytest.raises(ConfigError) as raised:
        account_of(file, next(file.rows()), model_of)
    for sentence in sentences:
        assert sentence in str(raised.value)
    assert str(raised.value).startswith("accounts.csv, row 2, column '")
    told = dict(zip(ACCOUNT_COLUMNS, account_row(file, next(file.rows()), str(raised.value)), strict=True))
    assert (told["row"], told["status"], told["orders"], told["error"]) == (2, "failed", None, str(raised.value))


def test_tax_lots_debt_and_gain_budget_of_a_model_are_not_those_of_its_accounts(tmp_path: Path) -> None:
    tax = {"rate": 0.25, "gain_budget": 0.0}
    lots = {"lines.SPY.tax_lots": [{"date": "2015-01-02", "units": 3_260, "price": 100.0}]}
    taxed = load_portfolio(MODELS["balanced"], {"tax": tax, **lots})
    assert taxed.tax_lots is not None
    rule = Threshold(taxed.strategic, 0.02)
    file = file_of(tmp_path, "a,balanced,0,,300,10", header="account,model,cash,last_trade,SPY,AGG")
    model, portfolio = account_of(file, next(file.rows()), lambda _: Model.of(taxed, rule, "band"))
    made = model.trades(portfolio)
    assert made.orders["side"].tolist() == ["sell", "buy"]
    assert made.portfolio.tax_lots is None
    assert "tax" in " ".join(made.left_out)


def test_three_decimals_are_decimals_where_another_number_shows_it(models: dict[str, Model], tmp_path: Path) -> None:
    header = "account,model,cash,last_trade,SPY,AGG"
    file = file_of(tmp_path, "a,balanced,5,,1.000,1", "b,balanced,5.25,,2,1", header=header)
    _, portfolio = account_of(file, next(file.rows()), models.__getitem__)
    assert portfolio.shares.tolist() == [1.0, 1.0]


def test_both_rows_of_one_account_fail(models: dict[str, Model], tmp_path: Path) -> None:
    file = file_of(tmp_path, row_of("=first"), row_of("second"), row_of("=first"))
    first, second, third = file.rows()
    for row in (first, third):
        with pytest.raises(ConfigError, match=r"column 'account': an account with more than one row \(2, 4\)"):
            account_of(file, row, models.__getitem__)
    account_of(file, second, models.__getitem__)


def test_a_model_needs_a_column_for_each_of_its_assets(models: dict[str, Model], tmp_path: Path) -> None:
    file = file_of(tmp_path, "a,balanced,100,5", header="account,model,cash,SPY")
    with pytest.raises(ConfigError, match=r"column 'AGG': no column for an asset of model balanced: .* Add the column"):
        account_of(file, next(file.rows()), models.__getitem__)


def test_a_row_of_another_length_is_refused(models: dict[str, Model], tmp_path: Path) -> None:
    file = file_of(tmp_path, "a,balanced,100,5,6", header="account,model,cash,SPY")
    with pytest.raises(ConfigError, match=r"row 2: another number of cells .* found 5. Give 4"):
        account_of(file, next(file.rows()), models.__getitem__)


def test_blank_rows_spaces_and_a_byte_order_mark_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    path.write_bytes(b"\xef\xbb\xbfaccount , model,cash,SPY\r\n\r\n a ,m, 5,\r\n,,,\r\n")
    file = AccountsFile.read(path)
    assert (file.columns, file.count) == (("account", "model", "cash", "SPY"), 1)
    assert list(file.rows()) == [(3, ("a", "m", "5", ""))]


def test_semicolons_and_decimal_commas_read_as_commas_and_points_do(tmp_path: Path) -> None:
    plain = file_of(tmp_path, '"1,5",m.yaml,1250.40,,1000,-3.5', header="account,model,cash,last_trade,SPY,AGG")
    found = plain.columns, list(plain.rows())
    german = file_of(tmp_path, "1,5;m.yaml;1.250,40;;1.000;-3,5", header="account;model;cash;last_trade;SPY;AGG")
    assert (german.columns, list(german.rows())) == found
    mixed = file_of(tmp_path, "1,5;m.yaml;1,250;;1,000;3.5", header="account;model;cash;last_trade;SPY;AGG")
    assert next(iter(mixed.rows()))[1] == ("1,5", "m.yaml", "1,250", "", "1,000", "3.5")  # a point: each is refused


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", r"accounts\.csv is empty"),
        ("name,model,cash\na,b,1\n", r"column 'account': missing column: found 'name, model, cash'. Begin the header"),
        ("account,model,cash,SPY,SPY\na,b,1,1,1\n", "column 'SPY': two columns of one name"),
        (
            "account,model,cash,,\na,b,1,1,1\n",
            r"has 2 mistakes:\n- .*row 1: column 4 has no name: .*\n- .*row 1: column 5 has no name",
        ),
        ("account,model,cash\n", "a header and no accounts. Add one row an account"),
        (
            "account,model,cash\nA-\x01100,b,1\n",
            r"line 2: a control character or another one that is not printed: found '\\x01'",
        ),
        ("account,model,cash\nA-\u202e001,b,1\n", "line 2: a control character or another one that is not printed"),
        ('account,model,cash\n"a,b,1\n', "is no CSV file with ',' between its cells: unexpected end of data"),
        (b"account,model,cash\n\xff,b,1\n", "is no text in UTF-8"),
    ],
)
def test_a_file_that_is_no_table_of_accounts_is_refused(content: str | bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((ConfigError, DataError), match=said):
        AccountsFile.read(path)


def test_account_has_no_tax_lots_of_its_model() -> None:
    lots = [{"date": "2020-03-02", "units": 3_260, "price": 300.0}]
    taxed = load_portfolio(MODELS["balanced"], {"lines.SPY.tax_lots": lots, "tax": {"rate": 0.2, "gain_budget": 0}})
    model = Model.of(taxed, Threshold(taxed.strategic, 0.02), "threshold")
    account = model.account([400.0, 100.0], 0.0)
    assert model.trades(account).left_out == ("tax on gains",)
    assert not model.trades(account).empty


def test_money_on_its_way_to_a_model_and_its_open_orders_are_not_those_of_its_accounts() -> None:
    own = load_portfolio(MODELS["balanced"])
    deposit = CashEntry("d", "deposit", date(2022, 12, 29), "", "USD", Decimal(50_000))
    blotter = Blotter(own.date.date(), orders=(SentOrder("1", "", "SPY", "buy", Decimal(500)),))
    lists = []
    for portfolio in (own, replace(own, pending=(deposit,), blotter=blotter)):
        model = Model.of(portfolio, Threshold(own.strategic, 0.02), "band")
        lists.append(model.trades(model.account([400.0, 100.0], 900.0)))
    pd.testing.assert_frame_equal(lists[0].orders, lists[1].orders, check_exact=True)
