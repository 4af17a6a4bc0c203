"""Files are where the user is: nothing of a portfolio file outside the workbench is written into the workbench."""

from pathlib import Path

import pytest
from commanded import ROOT, Done, rebalance

from desk.commands.report import ask_report
from foundation.home import HOME, STORES, TRIAL_BOOK
from research.market.store import FORMER_STORES, stores_folder

CACHES = ("data/cache", ".cache", ".git", ".venv", ".ruff_cache", ".mypy_cache", ".pytest_cache", ".hypothesis")
SWEEP = "portfolio: mine.yaml\nrules:\n  threshold: {band: [0.02, 0.05]}\n"
NAME = "mine-2022-12-29-"  # begins the names of runs


def tree() -> set[tuple[str, int]]:
    """Names and times of the files of the workbench, but for what it caches."""
    left_out = tuple(str(ROOT / name) for name in CACHES)
    paths = (path for path in ROOT.rglob("*") if not str(path).startswith(left_out) and "__pycache__" not in path.parts)
    return {(str(path), path.stat().st_mtime_ns) for path in paths if path.is_file()}


def done(*words: object) -> Done:
    found = rebalance(*words)
    assert found.status == 0, found.err
    return found


@pytest.fixture
def money(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user, who is in it, and has stated no folder."""
    for name in (HOME, STORES, TRIAL_BOOK):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    (tmp_path / "money").mkdir()
    monkeypatch.chdir(tmp_path / "money")
    shipped = (ROOT / "data" / "portfolios" / "sixty_forty.yaml").read_text()
    (tmp_path / "money" / "mine.yaml").write_text(shipped + "forecasts: {models: {plain: {kind: estimated}}}\n")
    (tmp_path / "money" / "bands.yaml").write_text(SWEEP)
    return tmp_path / "money"


def test_nothing_of_a_user_is_written_into_the_workbench(money: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree()
    (money / "prices.csv").write_text((ROOT / "data" / "examples" / "monthly_prices.csv").read_text())
    done("data", "import", "prices.csv", "--as", "mine")
    assert f"They are in {money.parent / 'share' / 'rebalance' / 'prices'}." in done("data", "list").out
    done("research", "backtest", "mine.yaml", "--policy", "yearly")
    done("risk", "mine.yaml", "--paths", 200)
    done("research", "sweep", "bands.yaml")
    done("forecast", "mine.yaml", "--as-of", "2016-03-31")
    done("allocate", "mine.yaml")
    done("trades", "mine.yaml", "--as-of", "2022-12-29", "--out", "orders.csv")
    assert tree() == before
    assert ask_report(Path("mine.yaml")).final.parent == money / "reports"
    runs = [path.name for path in sorted((money / "reports").glob("[!.]*"))]
    own = ["mine-2016-03-31", *["mine-2022-12-29"] * 3]  # of the day asked
    assert [name.rsplit("-", 1)[0] for name in runs] == ["bands-2022-12-29", *own]
    assert len([*(money / "forecasts").glob("*/card.json")]) == 1
    listed = done("runs").out
    assert all(name in listed for name in runs)
    assert str(money / "reports" / runs[0]) in done("runs", "show", runs[0]).out
    monkeypatch.chdir(money.parent)
    gone = rebalance("runs", "show", runs[0])
    assert f"in {money.parent / 'reports'} or {ROOT / 'reports'}. `rebalance runs` lists those" in gone.err
    sheet = f"Sheet: {money}/reports/{runs[0]}/sweep.html\n"
    assert done("runs", "show", f"{money}/reports/{runs[0]}").out.endswith(sheet)
    assert done("--home", "money", "runs", "show", runs[0]).out.endswith(sheet)


def test_a_workbench_that_has_stores_goes_on_with_them(money: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = money.parent / "share" / "rebalance" / "prices"
    assert stores_folder() == (own if not FORMER_STORES.exists() else FORMER_STORES)
    (money / "former" / "mine").mkdir(parents=True)
    monkeypatch.setattr("research.market.store.FORMER_STORES", money / "former")
    monkeypatch.setattr("desk.feeds.tables.FORMER_STORES", money / "former")
    (money / "former" / "mine" / "store.json").write_text("{}")
    assert stores_folder() == money / "former"
    said = "".join(done("data", "list").out.split())  # a long path is broken where it has a hyphen
    assert f"Theyarein{money}/former,ofthisworkbench.Movethatfolderto{own},andevery" in said
    monkeypatch.setenv(STORES, "stated")
    assert stores_folder() == money / "stated"
