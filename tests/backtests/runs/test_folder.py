"""A run is made whole or not at all, and is called what it is made from."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backtests.runs.folder import Run, check_whole, code_version, partial_of, past_runs, staged, write_json
from research.errors import ConfigError, DataError


def a_run(**changes: object) -> Run:
    given = {
        "kind": "report",
        "portfolio": "desk",
        "last_day": "2022-12-29",
        "settings": {"tracking_penalty": 5},
        "fingerprint": "f",
        "code": "c",
    }
    return Run(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [{"settings": {"tracking_penalty": 6}}, {"fingerprint": "e"}, {"code": "d"}, {"kind": "backtest"}],
    ids=lambda c: next(iter(c)),
)
def test_a_runs_name_changes_with_whatever_it_is_made_from(change: dict[str, object]) -> None:
    assert a_run(**change).name != a_run().name
    assert a_run().name == a_run().name
    assert a_run().name.startswith("desk-2022-12-29-")
    assert len(a_run().name.rpartition("-")[2]) == 8


def test_the_code_version_is_the_commit_until_a_source_changes(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(
            ["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    source = tmp_path / "research" / "a.py"
    for folder in ("research", "backtests", "notebooks"):
        (tmp_path / folder).mkdir()
    source.write_text("x = 1\n")
    without_git = code_version(tmp_path)
    assert without_git.startswith("sources-")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    commit = code_version(tmp_path)
    assert commit == git("rev-parse", "--short=12", "HEAD")
    source.write_text("x = 2\n")
    changed = code_version(tmp_path)
    assert changed.startswith(f"{commit}+")
    source.write_text("x = 3\n")
    assert code_version(tmp_path) != changed
    git("checkout", "-q", ".")
    new = tmp_path / "research" / "new.py"
    new.write_text("y = 1\n")
    one = code_version(tmp_path)
    new.write_text("y = 2\n")
    assert commit != one != code_version(tmp_path)


def test_a_run_that_ends_well_takes_its_name_and_replaces_the_one_before(tmp_path: Path) -> None:
    final = tmp_path / "run"
    for text in ("first", "second"):
        with staged(final) as folder:
            (folder / "file").write_text(text)
            assert folder == partial_of(final)
        assert (final / "file").read_text() == text
        assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_a_run_that_fails_leaves_nothing_and_the_one_before_stays(tmp_path: Path) -> None:
    final = tmp_path / "run"
    with staged(final) as folder:
        (folder / "file").write_text("whole")
    with pytest.raises(ZeroDivisionError), staged(final) as folder:
        (folder / "file").write_text(str(1 / 0))
    assert (final / "file").read_text() == "whole"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def _write_and_wait(final: Path) -> None:
    with staged(final) as folder:
        (folder / "file").write_text("half")
        time.sleep(60)


def test_a_killed_run_is_never_seen_and_the_next_one_clears_it_away(tmp_path: Path) -> None:
    final = tmp_path / "run"
    process = multiprocessing.get_context("spawn").Process(target=_write_and_wait, args=(final,))
    process.start()
    while not (partial_of(final) / "file").exists():
        time.sleep(0.05)
    with pytest.raises(ConfigError, match="being made by another process"), staged(final):
        pass
    os.kill(process.pid, signal.SIGKILL)  # type: ignore[arg-type]
    process.join()
    assert not final.exists()
    with staged(final) as folder:
        assert list(folder.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_a_run_killed_between_its_two_renames_is_restored(tmp_path: Path) -> None:
    final, old = tmp_path / "run", tmp_path / ".run.old"
    old.mkdir()
    (old / "file").write_text("the one before")
    with pytest.raises(ZeroDivisionError), staged(final):
        raise ZeroDivisionError
    assert (final / "file").read_text() == "the one before"


def test_past_runs_are_whole_runs_of_one_kind_the_newest_first(tmp_path: Path) -> None:
    for name, kind, ended in (
        ("a", "report", "1"),
        ("b", "report", "3"),
        ("c", "backtest", "2"),
        (".d.partial", "report", "4"),
    ):
        (tmp_path / name).mkdir()
        write_json(tmp_path / name / "manifest.json", {"kind": kind, "times": {"ended": ended}})
    (tmp_path / "unsigned").mkdir()
    write_json(tmp_path / "unsigned" / "manifest.json", {"kind": "report"})
    assert [folder.name for folder, _ in past_runs(tmp_path)] == ["b", "a"]


def test_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": [1.5]})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": [1.5], "b": 1}


def test_a_run_without_one_of_its_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DataError, match=r"empty\.csv \(the trade list\)"):
        check_whole(tmp_path, {"empty.csv": "the trade list"})


def test_the_manifest_of_a_run_carries_versions_and_no_times() -> None:
    manifest = a_run().manifest(trials=3)
    assert manifest["trials"] == 3
    assert manifest["versions"]["numpy"] == sys.modules["numpy"].__version__
    assert "times" not in manifest


def test_an_interrupt_between_the_two_renames_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    final = tmp_path / "run"
    with staged(final) as folder:
        (folder / "file").write_text("the one before")
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if self == partial_of(final):
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), staged(final):
        pass
    assert (final / "file").read_text() == "the one before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_what_a_killed_run_left_is_swept_away_by_the_next_run_of_any_name(tmp_path: Path) -> None:
    (tmp_path / ".other.lock").touch()
    (tmp_path / ".other.partial").mkdir()
    (tmp_path / ".other.old").mkdir()
    with staged(tmp_path / "run"):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other", "run"]
