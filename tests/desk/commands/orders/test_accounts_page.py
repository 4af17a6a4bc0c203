"""The page of the accounts that need a person: its numbers are those of the CSVs, whatever the parts."""

import csv
import html
import re
from pathlib import Path

import numpy as np
import pytest
from commanded import ROOT, TRADES, rebalance

from desk.commands.orders import account_parts
from desk.tickets.accounts import Model
from desk.tickets.attention import BREACH, DRIFT, SHOWN_ACCOUNTS, Attention
from research.portfolio import load_portfolio
from research.rules import Threshold

MODELS = {"plain": "", "strict": "orders: {turnover: 0.001, ranges: bind}\n", "slow": "orders: {turnover: 0.02}\n"}
COUNT = 120


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Accounts of which some fail, have limits that conflict, or end outside a range."""
    folder = tmp_path_factory.mktemp("page")
    text = (ROOT / "data/portfolios/sixty_forty.yaml").read_text(encoding="utf-8").split("policies:")[0]
    for name, limits in MODELS.items():
        policies = "policies:\n  band: {rule: threshold, band: 0.02}\npolicy: band\n"
        (folder / f"{name}.yaml").write_text(f"{text}{limits}{policies}", encoding="utf-8")
    rng, rows = np.random.default_rng(3), []
    for k in range(COUNT):
        model = [*MODELS][min(k % 5, 2)] if k % 40 else "<gone>"
        cash = "much" if k % 17 == 4 else round(rng.uniform(0.0, 20_000.0), 2)
        rows.append([f"A-{k:03d}", f"{model}.yaml", cash, *rng.integers(10, 400, 2)])
    with open(folder / "accounts.csv", "w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([["account", "model", "cash", "SPY", "AGG"], *rows])
    return folder / "accounts.csv"


def tables(page: str) -> dict[str, list[list[str]]]:
    """The rows of the table of each section, as text."""
    found = {}
    for key, section in re.findall(r'<section id="(\w+)".*?>(.*?)</section>', page, re.DOTALL):
        rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr.*?</tr>", section)]
        found[key] = [[html.unescape(re.sub(r"<[^>]*>", "", cell)) for cell in row] for row in rows[1:]]
    return found


def test_the_page_has_what_the_rows_of_the_accounts_say(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = []
    for largest in (7, 1_024):  # accounts of a part: the page does not depend on it
        monkeypatch.setattr(account_parts, "LARGEST_TASK", largest)
        done = rebalance(*TRADES, file, "--out", tmp_path / "o.csv", "--out", tmp_path / "o.html")
        assert (done.status, done.said) == (1, "")
        pages.append((tmp_path / "o.html").read_text(encoding="utf-8"))
    assert pages[0] == pages[1]
    assert "http" not in pages[0]
    with open(tmp_path / "o.accounts.csv", newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    found = tables(pages[0])
    counts = {row[0]: int(row[1]) for row in found["status"]}
    assert counts["failed"] == sum(row["status"] == "failed" for row in rows)
    assert sum(counts.values()) == COUNT
    assert sum(int(row[0]) for row in found["reasons"]) == counts["failed"]
    assert "accounts.csv, row #, column 'cash': not a number" in [row[1] for row in found["reasons"]]
    conflicts = [row["account"] for row in rows if "these limits together" in row["error"]]
    assert [row[0] for row in found["conflicts"]] == conflicts
    assert len(conflicts) > 5
    assert {row[1] for row in found[BREACH]} == {"slow.yaml"}
    for rows_shown in (found[BREACH], found[DRIFT]):
        sizes = [float(row[2]) for row in rows_shown]
        assert sizes == sorted(sizes, reverse=True)
    assert len(found[DRIFT]) == SHOWN_ACCOUNTS < counts["trade"] + counts["hold"]


def test_drift_and_breach_are_those_of_the_list_by_hand() -> None:
    """60/40 with SPY at 15 % that may trade 2 % of NAV: from 17 % to its range of 55 to 65 % are 38 points."""
    portfolio = load_portfolio(ROOT / "data/portfolios/sixty_forty.yaml", {"orders": {"turnover": 0.02}})
    model = Model.of(portfolio, Threshold(portfolio.strategic, 0.02), "band")
    spy, agg = model.position.prices
    nav = 10e6
    account = model.account([0.15 * nav // spy, 0.85 * nav // agg], 0.0)
    found = Attention.of_list("a", "m", model.trades(account)).largest
    assert found[DRIFT][0].size == pytest.approx(0.45, abs=0.03)
    assert found[BREACH][0].size == pytest.approx(0.38, abs=2e-3)
    assert found[BREACH][0].words.startswith("SPY is at ")


def test_a_page_replaces_only_such_a_page(file: Path, tmp_path: Path) -> None:
    (tmp_path / "o.html").write_text("<html>mine</html>")
    done = rebalance(*TRADES, file, "--out", tmp_path / "o.csv", "--out", tmp_path / "o.html")
    assert (done.status, "which holds something else than a trade list" in done.err) == (2, True)
