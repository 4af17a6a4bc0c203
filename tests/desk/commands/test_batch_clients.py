"""Books of clients: sixteen are run, by one comparison a model; each gets what a report of his own would give him."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from commanded import FILE, Done, rebalance

from backtests.comparison import compare
from backtests.runs.manifest import read_manifest
from backtests.runs.verify import verify
from desk.commands.batch.clients import _model
from desk.commands.batch.file import plan_of
from desk.commands.batch.make import named_runs
from desk.commands.orders.trades import trades_now
from desk.commands.report import trades_of
from research.portfolio import load_portfolio

HEADER = "account,model,cash,last_trade,SPY,AGG"
CLIENTS, ACCOUNTS = 8, 8  # those with a portfolio file, and those of a file of accounts
ALL = CLIENTS + ACCOUNTS


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of clients, whose files differ in what they hold, and of accounts on the first of them."""
    folder = tmp_path_factory.mktemp("book")
    content = yaml.safe_load(FILE.read_text()) | {
        "day_cost": 0
    }  # a price in currency makes each NAV a report of its own
    content |= {"policies": {name: content["policies"][name] for name in ("never", "tuned")}, "policy": "never"}
    for k in range(CLIENTS):
        content |= {"name": f"Client {k}", "cash": 1_000.0 * (k + 1)}
        content["lines"]["SPY"]["shares"], content["lines"]["AGG"]["shares"] = 100 + 3 * k, 300 + 5 * k
        (folder / f"client{k:02}.yaml").write_text(yaml.safe_dump(content))
    rows = [f"A-{k},client00.yaml,{500 + k},2022-09-30,{10 + k},{40 - k}" for k in range(ACCOUNTS)]
    wrong = ["X,client00.yaml,-5,,1,1", "Y,nowhere.yaml,5,,1,1"]
    (folder / "accounts.csv").write_text("\n".join([HEADER, *rows, *wrong]))
    return folder


@pytest.fixture(scope="module")
def files(book: Path) -> list[Path]:
    """The files of the batch."""
    return [*sorted(book.glob("client*.yaml")), book / "accounts.csv"]


@pytest.fixture(scope="module")
def made(book: Path, files: list[Path]) -> Done:
    return rebalance("batch", *files, "--home", book)


@pytest.fixture(scope="module")
def table(book: Path, made: Done) -> pd.DataFrame:
    """The rows of the batch, by client."""
    return pd.read_parquet(book / "reports" / "batch" / "batch.parquet").set_index("portfolio")


def test_the_model_of_accounts_has_the_penalty_that_the_report_was_given(book: Path, table: pd.DataFrame) -> None:
    report = book / "reports" / table.loc["A-0", "report"]
    for given, penalty in (((), 5.0), (("tracking_penalty=9",), 9.0)):
        assert _model(book / "client00.yaml", given, report, None).portfolio.tracking_penalty == penalty


def test_clients_have_a_run_each_and_one_report(book: Path, made: Done, table: pd.DataFrame) -> None:
    assert f"{ALL + 2} runs: {ALL} made, 0 found, 2 failed." in made.out
    assert f"{ALL + 1} runs to make: 1 comparison, and {ALL} clients that share one, with 1 worker;" in made.err
    runs = table[table["status"] == "made"]
    assert set(runs["report"]) == {table.loc["client00", "run"]}
    kinds = [read_manifest(book / "reports" / run)["kind"] for run in runs["run"]]
    assert (kinds.count("report"), kinds.count("client")) == (1, ALL - 1)
    assert all(verify(book / "reports" / run).changed == () for run in runs["run"])
    assert runs["policy"].nunique() == runs["growth"].nunique() == 1
    assert runs["nav"].is_unique


def test_a_failure_is_told_when_it_happens_with_its_reason(made: Done) -> None:
    assert made.status == 1
    told = made.err.splitlines()
    assert next(line for line in told if "failed: Y:" in line).endswith(
        "as seen from the file of the accounts. Correct it."
    )
    assert any("failed: X: accounts.csv, row 10, column 'cash': negative cash: found '-5'." in s for s in told)


def test_the_orders_are_those_of_a_comparison_of_his_own(book: Path, table: pd.DataFrame) -> None:
    own = trades_of(compare(load_portfolio(book / "client07.yaml")))
    ticket = json.loads((book / "reports" / table.loc["client07", "run"] / "trades.json").read_text())
    assert ticket["policy"] == own.policy == table.loc["client07", "policy"]
    assert ticket["headline"] == own.headline == table.loc["client07", "trades"]
    orders = [(order["asset"], order["side"], order["quantity"]) for order in ticket["orders"]]
    assert orders == list(own.orders[["asset", "side", "units"]].itertuples(index=False, name=None)) != []


def test_a_client_trades_by_the_shared_report_as_it_fitted_the_policy(book: Path, table: pd.DataFrame) -> None:
    listed = trades_now(load_portfolio(book / "client07.yaml"), "tuned", book / "reports")
    assert listed.run == table.loc["client07", "run"]
    new = book / "other.yaml"
    new.write_text((book / "client07.yaml").read_text().replace("Client 7", "Client other"))
    assert re.fullmatch("comparison-[0-9a-f]{8}", trades_now(load_portfolio(new), "tuned", book / "reports").run)


def test_nothing_that_a_client_gets_names_the_client_whose_report_he_shares(book: Path, table: pd.DataFrame) -> None:
    shared = table.loc["client00", "run"]
    runs = table.loc[[f"client{k:02}" for k in range(1, CLIENTS)], "run"]
    texts = [file.read_text() for run in runs for file in (book / "reports" / run).iterdir()]
    assert len(texts) >= 4 * len(runs)
    assert not [text for text in texts if re.search(rf"client00|Client 0\b|{shared}", text)]


def test_an_account_trades_by_the_policy_of_its_models_file_as_in_trades_of_accounts(
    book: Path, table: pd.DataFrame, tmp_path: Path
) -> None:
    done = rebalance("trades", book / "accounts.csv", "--out", tmp_path / "orders.csv")
    assert done.status == 1, done.err
    listed = pd.read_csv(tmp_path / "orders.csv").query("account == 'A-7'")
    ticket = json.loads((book / "reports" / table.loc["A-7", "run"] / "trades.json").read_text())
    assert ticket["policy"] == load_portfolio(book / "client00.yaml").policy != table.loc["A-7", "policy"]
    assert [order["asset"] for order in ticket["orders"]] == listed["asset"].tolist()


def test_the_page_states_the_verdict_once_with_the_clients_beneath(book: Path, table: pd.DataFrame) -> None:
    page = (book / "reports" / "batch" / "index.html").read_text()
    clients = page.partition('<section id="clients">')[2].partition("</section>")[0]
    assert clients.count("<h3>") == 1
    assert clients.count("<tr><th scope=row>") == ALL
    assert clients.count(table.loc["client00", "verdict"]) == 1
    assert f"<td>{table.loc['client07', 'nav']:,.0f} USD<td>" in clients
    assert f"<td>{table.loc['client07', 'charges']:,.2f} USD" in clients
    own = (book / "reports" / table.loc["client07", "run"] / "client.html").read_text()
    assert "client07" in own
    assert table.loc["client07", "verdict"] in own
    assert f"{table.loc['client07', 'nav']:,.0f} USD" in own


def test_the_same_command_finds_what_is_there_and_makes_what_is_not(
    book: Path, files: list[Path], table: pd.DataFrame
) -> None:
    """As after an interruption: one client, and a client who is new and comes first."""
    lost = book / "reports" / table.loc["A-3", "run"]
    before = (lost / "trades.csv").read_bytes()
    lost.rename(book / "lost")
    again = rebalance("batch", *files, "--home", book)
    assert f"{ALL + 2} runs: 1 made, {ALL - 1} found, 2 failed." in again.out
    assert (lost / "trades.csv").read_bytes() == before
    night = rebalance("batch", *files, "--home", book, "--if-changed")
    assert f"{ALL + 2} runs: 0 made, 0 found, {ALL} unchanged, 2 failed." in night.out


def test_a_new_client_shares_the_report_that_is_there(book: Path, files: list[Path], table: pd.DataFrame) -> None:
    new = book / "new.yaml"
    new.write_text(files[3].read_text().replace("Client 3", "Client new"))
    names, _ = named_runs(plan_of([new, *files[:2]]), book / "reports")
    assert [job.report for job in sorted(names, key=lambda job: job.portfolio)] == [
        "", table.loc["client00", "run"], table.loc["client00", "run"],
    ]  # fmt: skip


def test_a_file_with_other_costs_has_a_report_of_its_own(book: Path, files: list[Path], tmp_path: Path) -> None:
    dearer = tmp_path / "dearer.yaml"
    dearer.write_text(files[1].read_text().replace("half_spread_bps: 1", "half_spread_bps: 2"))
    names, failures = named_runs(plan_of([*files[:2], dearer]), tmp_path)
    assert not failures
    assert [job.portfolio for job in names if not job.report] == ["client00", "dearer"]
