"""Lists of accounts in parts: whatever ends a run, the next one has the bytes of an uninterrupted run."""

import csv
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from commanded import ROOT
from distributed import LocalCluster
from faults import contents, full_at, workers_forked_after

from backtests.runs.chunks import WorkPart, write_chunk
from desk.commands.orders import account_parts
from desk.commands.orders.account_parts import AccountLists, AccountSolver
from desk.commands.orders.accounts import list_accounts
from desk.tickets.accounts_file import AccountsFile, Row
from foundation.errors import ConfigError, DataError

COUNT, TODAY = 60, "2022-12-29"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Sixty accounts of a model, one of which fails."""
    folder = tmp_path / "given"
    folder.mkdir()
    text = (ROOT / "data/portfolios/sixty_forty.yaml").read_text(encoding="utf-8").split("policies:")[0]
    (folder / "m.yaml").write_text(f"{text}policies:\n  band: {{rule: threshold, band: 0.02}}\npolicy: band\n")
    rows = [[f"A{k:03d}", "m.yaml", "much" if k == 20 else 100 * k, k, 200 - k] for k in range(COUNT)]
    with open(folder / "a.csv", "w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([["account", "model", "cash", "SPY", "AGG"], *rows])
    return folder / "a.csv"


@pytest.fixture
def whole(file: Path, tmp_path: Path) -> dict[str, bytes | None]:
    """The files of an uninterrupted run."""
    (tmp_path / "whole").mkdir()
    list_accounts(file, tmp_path / "whole" / "o.csv", as_of=TODAY)
    return contents(tmp_path / "whole")


def stopped(file: Path, folder: Path, after: int = 2, error: type[BaseException] = KeyboardInterrupt) -> set[str]:
    """End a run after some parts; gives the names of their files."""
    left = iter(range(after))

    def interrupted(where: Path, part: WorkPart, content: bytes) -> None:
        if next(left, None) is None:
            raise error
        write_chunk(where, part, content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(account_parts, "write_chunk", interrupted)
        with pytest.raises(error):
            list_accounts(file, folder / "o.csv", as_of=TODAY)
    return {path.name for path in (folder / ".o.csv.unfinished").glob("*.parquet")}


def solved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that grows by the account of each row that is solved from now on."""
    found, call = list[str](), AccountSolver.__call__

    def counted(self: AccountSolver, rows: tuple[Row, ...], lots: Mapping[str, str]) -> AccountLists:
        found.extend(cells[0] for _, cells in rows)
        return call(self, rows, lots)

    monkeypatch.setattr(AccountSolver, "__call__", counted)
    return found


def test_a_stopped_run_resumes_and_solves_no_finished_account_again(
    file: Path, whole: dict[str, bytes | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "o").mkdir()
    parts = stopped(file, tmp_path / "o")
    assert len(parts) == 2
    before = sum(int(name[10:19]) - int(name[:9]) for name in parts)
    done = solved(monkeypatch)
    text = list_accounts(file, tmp_path / "o" / "o.csv", as_of=TODAY).text
    assert text.endswith(f"\n{before} accounts had been finished by an interrupted run.")
    assert len(done) == len(set(done)) == COUNT - before
    assert contents(tmp_path / "o") == whole


@pytest.mark.parametrize("lost", range(3))
def test_parts_may_be_missing_anywhere(
    lost: int, file: Path, whole: dict[str, bytes | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As other workers leave them, which finish in any order; and processes finish the rest."""
    monkeypatch.setattr(account_parts, "LARGEST_TASK", 10)
    (tmp_path / "o").mkdir()
    parts = sorted(stopped(file, tmp_path / "o", after=4))
    (tmp_path / "o" / ".o.csv.unfinished" / parts[lost]).unlink()
    list_accounts(file, tmp_path / "o" / "o.csv", as_of=TODAY, workers=2)
    assert contents(tmp_path / "o") == whole


def test_an_earlier_list_stands_until_the_next_one_is_whole(
    file: Path, whole: dict[str, bytes | None], tmp_path: Path
) -> None:
    (tmp_path / "o").mkdir()
    list_accounts(file, tmp_path / "o" / "o.csv", as_of=TODAY)
    stopped(file, tmp_path / "o")
    assert {name: content for name, content in contents(tmp_path / "o").items() if name in whole} == whole


def test_a_run_that_ends_before_its_first_part_leaves_nothing(file: Path, tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    stopped(file, tmp_path / "o", after=0)
    assert contents(tmp_path / "o") == {}


def other_accounts(file: Path) -> dict[str, str]:
    file.write_text(file.read_text().replace("A007", "B007"))
    return {"as_of": TODAY}


def other_model(file: Path) -> dict[str, str]:
    model = file.with_name("m.yaml")
    model.write_text(model.read_text().replace("band: 0.02", "band: 0.04"))
    return {"as_of": TODAY}


def other_day(_: Path) -> dict[str, str]:
    return {"as_of": "2022-12-30"}


@pytest.mark.parametrize(
    ("change", "told"), [(other_accounts, "accounts"), (other_model, "settings"), (other_day, "today")]
)
def test_parts_of_other_inputs_are_never_used_and_told(
    change: Callable[[Path], dict[str, str]], told: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "o").mkdir()
    (tmp_path / "new").mkdir()
    assert stopped(file, tmp_path / "o")
    how = change(file)
    done = solved(monkeypatch)
    text = list_accounts(file, tmp_path / "o" / "o.csv", **how).text
    assert len(done) == COUNT
    line = next(line for line in text.splitlines() if line.startswith("Parts of an interrupted run with other inputs"))
    assert told in line
    list_accounts(file, tmp_path / "new" / "o.csv", **how)
    assert contents(tmp_path / "o") == contents(tmp_path / "new")


def test_a_full_disk_keeps_the_parts(
    file: Path, whole: dict[str, bytes | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part fits, and the file of all orders does not."""
    (tmp_path / "o").mkdir()
    with full_at(len(whole["o.csv"] or b"") - 1), pytest.raises(OSError, match=r"o\.csv"):
        list_accounts(file, tmp_path / "o" / "o.csv", as_of=TODAY)
    done = solved(monkeypatch)
    list_accounts(file, tmp_path / "o" / "o.csv", as_of=TODAY)
    assert (done, contents(tmp_path / "o")) == ([], whole)


def test_a_model_that_changes_meanwhile_ends_the_run(file: Path, tmp_path: Path) -> None:
    """Two processes may read it at different times; no list says which of the two it was made from."""
    solve = AccountSolver(AccountsFile.read(file), False, None, TODAY, None, False, {}, None)  # type: ignore[arg-type]
    solve.model("m.yaml")
    other_model(file)
    solve.models.clear()
    with pytest.raises(DataError, match=r"m.yaml has changed since the lists were begun: found another file, setting"):
        solve(next(iter(account_parts.AccountTasks(solve.file, set()).drawn())).rows)


def test_a_file_of_accounts_that_changes_before_it_is_read_ends_the_run(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is edited while the models are read."""
    read = AccountSolver._read
    monkeypatch.setattr(AccountSolver, "_read", lambda self, cell: (other_accounts(file), read(self, cell))[1])
    with pytest.raises(DataError, match=r"a\.csv has changed since the lists were begun"):
        list_accounts(file, tmp_path / "o.csv", as_of=TODAY)
    assert not list(tmp_path.glob(".o*"))


def test_tasks_are_sized_by_measured_work(file: Path) -> None:
    """A second of work each, at most twice as many accounts as the task before."""
    tasks = account_parts.AccountTasks(AccountsFile.read(file), set())
    for accounts, seconds, size in [(16, 4.0, 4), (4, 8.0, 1), (1, 0.1, 2), (16, 0.1, 32), (900, 0.5, 1024)]:
        tasks.measure(accounts, seconds)
        assert tasks.size == size


def test_two_runs_do_not_write_into_one_folder(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def again(where: Path, part: WorkPart, content: bytes) -> None:
        list_accounts(file, tmp_path / "o.csv", as_of=TODAY)

    monkeypatch.setattr(account_parts, "write_chunk", again)
    with pytest.raises(ConfigError, match="another process is writing into"):
        list_accounts(file, tmp_path / "o.csv", as_of=TODAY)


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with (
        workers_forked_after("desk.commands.orders.account_parts"),
        LocalCluster(n_workers=2, threads_per_worker=2, protocol="tcp", dashboard_address="127.0.0.1:0") as started,
    ):
        yield started


def test_a_cluster_writes_the_same_bytes_without_the_files_of_the_models(
    file: Path, whole: dict[str, bytes | None], tmp_path: Path, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The models are sent: their files are gone before the first account is solved."""
    (tmp_path / "o").mkdir()
    packed = account_parts.run_on_cluster

    def moved(*given: object) -> object:
        shutil.move(file.with_name("m.yaml"), tmp_path / "m.yaml")
        return packed(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(account_parts, "run_on_cluster", moved)
    list_accounts(file, tmp_path / "o" / "o.csv", as_of=TODAY, cluster=cluster.scheduler_address)
    assert contents(tmp_path / "o") == whole
