"""`rebalance trades accounts.csv`: all accounts of a file, the same bytes from any number of processes, or no file."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commanded import ROOT, TRADES, rebalance
from faults import contents

from desk.commands.orders.accounts import list_accounts
from desk.tickets.account_rows import ACCOUNT_COLUMNS, ORDER_COLUMNS
from research.orders import trade_list
from research.portfolio import load_portfolio

MODELS = ("sixty_forty.yaml", "global_multi_asset.yaml")
COUNT = 50


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty accounts on two models, one that fails in the middle and one at the end."""
    folder = tmp_path_factory.mktemp("accounts")
    for name in MODELS:
        text = (ROOT / "data" / "portfolios" / name).read_text(encoding="utf-8")
        policies = "  yearly: {rule: calendar, schedule: year}\n  band: {rule: threshold, band: 0.02}\npolicy: band\n"
        (folder / name).write_text(f"{text.split('policies:')[0]}\npolicies:\n{policies}", encoding="utf-8")
    assets = {name: load_portfolio(folder / name).market.assets for name in MODELS}
    columns = list(dict.fromkeys(asset for names in assets.values() for asset in names))
    rng, rows = np.random.default_rng(7), []
    for k in range(COUNT):
        model = MODELS[k % 2]
        units = {asset: int(units) for asset, units in zip(assets[model], rng.integers(0, 400, 20), strict=False)}
        cash = "much" if k in (20, COUNT - 1) else round(rng.uniform(0.0, 20_000.0), 2)
        rows.append([f"A-{k:03d}", model, cash, *(units.get(column, "") for column in columns)])
    with open(folder / "accounts.csv", "w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([["account", "model", "cash", *columns], *rows])
    return folder / "accounts.csv"


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def test_any_number_of_processes_writes_the_same_bytes(file: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        (tmp_path / str(workers)).mkdir()
        done = rebalance(*TRADES, file, "--out", tmp_path / str(workers) / "o.csv", "--workers", workers)
        assert done.status == 1
        assert done.out.startswith(f"{COUNT} accounts: ")
        assert "2 failed.\naccounts.csv, row 22, column 'cash': not a number: found 'much'. Write a plain" in done.out
    one, two = (contents(tmp_path / name) for name in "12")
    assert one == two
    assert sorted(one) == ["o.accounts.csv", "o.csv"]

    accounts, orders = table(tmp_path / "1" / "o.accounts.csv"), table(tmp_path / "1" / "o.csv")
    assert tuple(accounts[0]) == ACCOUNT_COLUMNS
    assert tuple(orders[0]) == ORDER_COLUMNS
    assert [row["account"] for row in accounts] == [f"A-{k:03d}" for k in range(COUNT)]
    assert [row["account"] for row in orders] == sorted(row["account"] for row in orders)
    for row in accounts:
        assert (row["status"] == "failed") == bool(row["error"]) == (row["nav"] == "")
        assert int(row["orders"] or 0) == sum(order["account"] == row["account"] for order in orders)


def test_a_list_is_that_of_the_policy_in_force_of_its_model(file: Path, tmp_path: Path) -> None:
    """The holdings of the portfolio file itself, as an account of it."""
    model = load_portfolio(file.parent / MODELS[0])
    cells = [*map(str, model.shares), str(model.cash)]
    (file.parent / "one.csv").write_text(f"account,model,SPY,AGG,cash\none,{MODELS[0]},{','.join(cells)}\n")
    done = rebalance(*TRADES, file.parent / "one.csv", "--out", tmp_path / "o.csv", "--exact")
    assert (done.status, done.said) == (0, "")
    wanted = trade_list(model, model.policies["band"])
    found = [[order["side"], order["asset"], float(order["units"])] for order in table(tmp_path / "o.csv")]
    assert found == wanted.orders[["side", "asset", "units"]].to_numpy().tolist()
    assert table(tmp_path / "o.accounts.csv")[0]["solved"] == "exact"


def test_a_model_that_cannot_be_read_fails_its_accounts_alone(file: Path, tmp_path: Path) -> None:
    (file.parent / "broken.yaml").write_text("name: Broken\n")
    (file.parent / "some.csv").write_text(
        f"account,model,cash,SPY,AGG\na,broken.yaml,5,1,1\nb,{MODELS[0]},5000,1,\nc,gone.yaml,5,1,1\nd,,5,1,1\n"
        "e,/etc/passwd,5,1,1\nf,../../../x.yaml,5,1,1\n"
    )
    done = rebalance(*TRADES, file.parent / "some.csv", "--out", tmp_path / "o.csv")
    assert done.status == 1
    told = [(row["status"], row["error"]) for row in table(tmp_path / "o.accounts.csv")]
    assert [status for status, _ in told] == ["failed", "trade", *["failed"] * 4]
    assert "broken.yaml" in told[0][1]
    assert f"there is no file {file.parent / 'gone.yaml'}" in told[2][1]
    assert all("a model is a portfolio file, .yaml, below " in error for _, error in told[3:])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "out is '': give the path of a CSV file"),
        (("--out", "o.json"), "out is 'o.json': give the path of a CSV file"),
        (("--out", "nowhere/o.csv"), "in a folder that does not exist"),
        (("--out", "o.csv", "--workers", "0"), "workers is 0: give a whole number"),
        (("--out", "o.csv", "--accept", "stale,SPY", "--only", "buys"), "excludes --accept ASSETS, --only: a row"),
    ],
)
def test_what_the_command_cannot_do_is_refused(words: tuple[object, ...], said: str, file: Path, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    done = rebalance(*TRADES, file, *words)
    assert done.status == 2
    assert said in done.err
    assert list(tmp_path.iterdir()) == []


def test_options_of_accounts_need_accounts() -> None:
    done = rebalance("trades", ROOT / "data/portfolios/sixty_forty.yaml", "--workers", 2)
    assert (done.status, done.err.startswith("--lots, --exact and --workers need a file of accounts")) == (2, True)
    assert "Missing argument" in rebalance("trades").err


def test_nothing_but_earlier_lists_of_accounts_is_replaced(file: Path, tmp_path: Path) -> None:
    for name in ("o.csv", "o.accounts.csv"):
        (tmp_path / name).write_text("side,asset,units,price\nbuy,SPY,1,2\n")
        done = rebalance(*TRADES, file, "--out", tmp_path / "o.csv")
        assert done.status == 2
        assert f"out is '{tmp_path / name}', which holds something else than a trade list" in done.err
        (tmp_path / name).unlink()


def test_rates_of_the_command_line_are_those_of_all_models(tmp_path: Path) -> None:
    """Euros of an account on a model in dollars, which has no rate of its own."""
    text = (ROOT / "data/portfolios" / MODELS[0]).read_text(encoding="utf-8").split("policies:")[0]
    (tmp_path / "m.yaml").write_text(f"{text}policies:\n  never: {{rule: never}}\npolicy: never\n", encoding="utf-8")
    (tmp_path / "a.csv").write_text("account,model,cash,cash_EUR,SPY,AGG\na,m.yaml,100,200,1,1\nb,m.yaml,5,,1,1\n")
    out = tmp_path / "o.csv"
    done = rebalance(*TRADES, tmp_path / "a.csv", "--out", out)
    assert done.status == 1
    assert "column 'cash_EUR': model m.yaml has no rate EURUSD (or USDEUR)" in done.out
    assert [row["status"] for row in table(tmp_path / "o.accounts.csv")] == ["failed", "hold"]
    done = rebalance(*TRADES, tmp_path / "a.csv", "--out", out, "--fx", "EURUSD=1.0664")
    assert done.status == 0, done.err
    first, second = table(tmp_path / "o.accounts.csv")
    assert [first["cash_after"], first["cash_after_basis"], first["cash_after_EUR"]] == ["313.28", "100", "200"]
    assert (second["cash_after"], second["cash_after_EUR"]) == ("5", "0")


def test_what_is_known_of_the_prices_of_a_model_stands_beside_its_lists(file: Path, tmp_path: Path) -> None:
    """The last close of SPY times ten: refused until it is said to be right, and then told."""
    market = load_portfolio(file.parent / MODELS[0]).market
    table = pd.DataFrame(market.prices[-300:], market.dates[-300:], list(market.assets))
    table.iloc[-1, table.columns.get_loc("SPY")] *= 10.0
    table.rename_axis("date").to_csv(tmp_path / "prices.csv")
    text = (file.parent / MODELS[0]).read_text(encoding="utf-8")
    own = text.replace("market: multi_asset_daily", "market: {file: prices.csv, quotes: prices.csv}")
    own = own.replace("test_start: 2012-01-03", "test_start: 2022-09-01")
    assert own.count("2022-09-01") == own.count("prices.csv}") == 1
    model = tmp_path / "desk.yaml"
    model.write_text(own, encoding="utf-8")
    asked = tmp_path / "accounts.csv"
    asked.write_text("account,model,cash,SPY,AGG\nA,desk.yaml,0,100,100\n", encoding="utf-8")
    said = list_accounts(asked, tmp_path / "o.csv")
    assert said.failed == 1
    assert "the last close of SPY, of 2022-12-29, 3,834.4, is +893 % from that of 2022-12-21. Look for a" in said.text
    with model.open("a", encoding="utf-8") as opened:
        opened.write("\nprices_ok: [SPY]\n")
    said = list_accounts(asked, tmp_path / "o.csv")
    assert said.failed == 0
    assert "\ndesk.yaml: SPY on 2022-12-29 is worth" in said.text
    assert "\ndesk.yaml: The last close of SPY, of 2022-12-29, 3,834.4, is +893 % from" in said.text
    assert said.text.index("The last close of SPY") < said.text.index("SPY on 2022-12-29 is")


def test_tax_lots_and_money_of_accounts_come_with_any_number_of_processes(tmp_path: Path) -> None:
    """The tax of every second account, by hand: its lot was bought at half the close."""
    text = (ROOT / "data/portfolios" / MODELS[0]).read_text(encoding="utf-8").split("policies:")[0]
    policies = "policies:\n  band: {rule: threshold, band: 0.02}\npolicy: band\n"
    (tmp_path / "m.yaml").write_text(f"{text}tax: {{rate: 0.25}}\n{policies}", encoding="utf-8")
    rows = [f"A{k:02d},m.yaml,{1_000 * k},{500 if k % 3 == 0 else ''},100,10" for k in range(COUNT)]
    (tmp_path / "a.csv").write_text("\n".join(["account,model,cash,deposit,SPY,AGG", *rows, ""]))
    lots = [f"A{k:02d},SPY,2015-01-02,100,191.72" for k in range(0, COUNT, 2)]
    (tmp_path / "lots.csv").write_text("\n".join(["account,asset,date,units,price", *lots[::-1], ""]))
    for workers in (1, 2):
        (tmp_path / str(workers)).mkdir()
        done = rebalance(*TRADES, tmp_path / "a.csv", "--lots", tmp_path / "lots.csv", "--out",
                         tmp_path / str(workers) / "o.csv", "--workers", workers)  # fmt: skip
        assert (done.status, done.said) == (0, "")
    one, two = (contents(tmp_path / name) for name in "12")
    assert one == two
    sold = {row["account"]: row for row in table(tmp_path / "1" / "o.csv") if row["side"] == "sell"}
    assert len(sold) > 10
    for k, row in enumerate(table(tmp_path / "1" / "o.accounts.csv")):
        order = sold.get(row["account"], {"units": "0", "price": "0"})
        gain = float(order["units"]) * (float(order["price"]) - 191.72)
        known = [row["gain_long"], row["tax"]]
        assert (
            known == ["", ""]
            if k % 2
            else [float(each) for each in known] == pytest.approx([gain, 0.25 * gain], abs=0.006)
        )
    house = rebalance(*TRADES, tmp_path / "a.csv", "--out", tmp_path / "o.csv", "--out",
                      tmp_path / "house.json")  # fmt: skip
    assert (house.status, "has the column deposit, and the ticket of a house books no money" in house.err) == (2, True)
