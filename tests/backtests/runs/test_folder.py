"""A run is made whole or not at all, and is called what it is made from."""

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backtests.runs.folder import (
    MANIFEST,
    Run,
    check_whole,
    code_on_disk,
    code_version,
    former_of,
    partial_of,
    staged,
    write_json,
)
from backtests.runs.manifest import checksum, past_runs, read_manifest, sign
from foundation.errors import ConfigError, DataError
from foundation.files import ROOT

STARTS, WORKERS = 2_000, 8  # without the lock of the folder one start in 200 is refused


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
    assert code_on_disk(tmp_path).startswith("sources-")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    commit = code_on_disk(tmp_path)
    assert commit == git("rev-parse", "--short=12", "HEAD")
    source.write_text("x = 2\n")
    changed = code_on_disk(tmp_path)
    assert changed.startswith(f"{commit}+")
    source.write_text("x = 3\n")
    assert code_on_disk(tmp_path) != changed
    git("checkout", "-q", ".")
    new = tmp_path / "research" / "new.py"
    new.write_text("y = 1\n")
    one = code_on_disk(tmp_path)
    new.write_text("y = 2\n")
    assert commit != one != code_on_disk(tmp_path)


@pytest.mark.parametrize("beside", ["data/stress.yaml", "data/policies/universal/card.json"])
def test_stress_tests_and_policies_that_come_with_the_workbench_are_code(tmp_path: Path, beside: str) -> None:
    (tmp_path / "research").mkdir()
    source, data = tmp_path / beside, tmp_path / "data" / "market.csv"
    source.parent.mkdir(parents=True)
    source.write_text("1")
    data.write_text("1")
    found = [code_on_disk(tmp_path)]
    data.write_text("2")
    assert code_on_disk(tmp_path) == found[0]
    source.write_text("2")
    found.append(code_on_disk(tmp_path))
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    found.append(code_on_disk(tmp_path))
    source.write_text("3")
    found.append(code_on_disk(tmp_path))
    assert len(set(found)) == 4


def test_the_code_version_is_the_same_for_every_user_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git calls it another user's; and that user has settings of its own, and a hook that is at another index."""
    checkout, home = tmp_path / "checkout", tmp_path / "home"
    for folder in ("research", "backtests", "notebooks"):
        (checkout / folder).mkdir(parents=True)
    (checkout / "research" / "a.py").write_text("x = 1\n" * 30)
    git = ["git", "-C", str(checkout), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    (checkout / "research" / "a.py").write_text("x = 1\n" * 29 + "x = 2\n")
    (checkout / "research" / "new.py").write_text("y = 1\n")
    own = code_on_disk(checkout)
    home.mkdir()
    (home / "ignored").write_text("new.py\n")
    (home / ".gitconfig").write_text(
        f"[core]\nexcludesFile = {home / 'ignored'}\n[diff]\nnoprefix = true\ncontext = 9\n"
    )
    for name, value in {"HOME": home, "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", "GIT_INDEX_FILE": tmp_path / "x"}.items():
        monkeypatch.setenv(name, str(value))
    refused = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    assert "dubious ownership" in refused.stderr
    assert code_on_disk(checkout) == own
    assert "+" in own


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


def signed(reports: Path, name: str, kind: str = "report", day: int = 1) -> Path:
    """A finished run in a folder of runs, of one file, made on a day of January."""
    (reports / name).mkdir(parents=True)
    (reports / name / "file").write_text(name)
    write_json(reports / name / MANIFEST, a_run(kind=kind).manifest())
    sign(reports / name, datetime.now(UTC))
    manifest = json.loads((reports / name / MANIFEST).read_text())
    manifest["times"]["ended"] = f"2022-01-{day:02}"
    write_json(reports / name / MANIFEST, manifest | {"sha256": checksum(manifest)})
    return reports / name


def test_past_runs_are_whole_runs_of_one_kind_the_newest_first(tmp_path: Path) -> None:
    signed(tmp_path, "a", day=1)
    signed(tmp_path, "b", day=3)
    signed(tmp_path, "c", kind="backtest", day=2)
    signed(tmp_path, ".d.partial", day=4)
    (tmp_path / "study").mkdir()
    assert [folder.name for folder, _ in past_runs(tmp_path).whole] == ["b", "a"]
    assert past_runs(tmp_path).broken == []


@pytest.mark.parametrize(("text", "said"), [
    ("", "EOF while parsing"),
    ('{"kind": "report", "ti', "EOF while parsing"),
    ("[1, 2]", "should be an object"),
    ('"report"', "should be an object"),
    ('{"kind": "report"}', "run: Field required"),
    ("{}" * 9, "trailing characters"),
    ("[" * 100_000, "recursion limit"),
    (None, "changed after its run was made"),
])  # fmt: skip
def test_a_broken_manifest_is_named_and_hides_no_other_run(tmp_path: Path, text: str | None, said: str) -> None:
    """Empty, cut, foreign, without an end; None: signed, and changed after that."""
    signed(tmp_path, "good")
    bad = signed(tmp_path, "bad") / MANIFEST
    if text is None:
        text = bad.read_text().replace("2022-12-29", "2023-12-29")
    bad.write_text(text)
    found = past_runs(tmp_path)
    assert [folder.name for folder, _ in found.whole] == ["good"]
    (why,) = found.broken
    assert said in why
    assert str(bad) in why
    assert "\n" not in why


def test_readers_find_a_run_that_was_killed_between_its_two_renames(tmp_path: Path) -> None:
    """It is where the kill left it, until somebody makes a run."""
    signed(tmp_path, "run").rename(former_of(tmp_path / "run"))
    assert [folder for folder, _ in past_runs(tmp_path).whole] == [former_of(tmp_path / "run")]
    signed(tmp_path, "run", day=2)
    assert [folder for folder, _ in past_runs(tmp_path).whole] == [tmp_path / "run"]


def test_what_is_left_of_a_deleted_run_is_never_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it deletes the run that stood there before: the remains do not get its name, whatever is done."""
    final = signed(tmp_path, "run")

    def killed(folder: Path, **_: object) -> None:
        if (folder / "file").exists():
            (folder / "file").unlink()
            raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt), staged(final) as folder:
        (folder / "new").touch()
    monkeypatch.undo()
    (final / "new").unlink()
    final.rmdir()
    assert past_runs(tmp_path).whole == []
    with staged(tmp_path / "other"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other"]


def test_runs_of_other_users_are_passed_over(tmp_path: Path) -> None:
    """A manifest that may not be read is named; a lock that may not be taken is somebody's."""
    signed(tmp_path, "mine")
    (signed(tmp_path, "theirs") / MANIFEST).chmod(0)
    (tmp_path / ".being-made.lock").touch(mode=0o600)
    (tmp_path / ".being-made.partial").mkdir()
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == tmp_path.owner() and folder != folder.parent:
            folder.chmod(folder.stat().st_mode | 0o055)
    tmp_path.chmod(0o777)
    process = os.fork()
    if process == 0:  # as somebody else, where this is root; else as oneself, who may not read the manifest either
        with contextlib.suppress(PermissionError):
            os.setgid(65534)
            os.setuid(65534)
        try:
            found = past_runs(tmp_path)
            assert [folder.name for folder, _ in found.whole] == ["mine"]
            assert len(found.broken) == 1
            assert "theirs/manifest.json cannot be read: Permission denied" in found.broken[0]
            with staged(tmp_path / "new"):
                pass
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert (tmp_path / "new").exists()


def test_a_run_folder_that_is_a_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    elsewhere = signed(tmp_path / "disk", "run")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "run").symlink_to(elsewhere)
    for _ in range(2):
        with staged(tmp_path / "reports" / "run") as folder:
            (folder / "file").write_text("new")
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["run"]
    assert (elsewhere / "file").read_text() == "run"


def _remake(final: Path) -> None:
    for _ in range(50):
        with staged(final) as folder:
            write_json(folder / MANIFEST, a_run().manifest())
            sign(folder, datetime.now(UTC))


def test_a_reader_sees_a_whole_run_while_it_is_made_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "backtests.runs.manifest.code_on_disk", code_version
    )  # to ask git takes longer than all the rest
    signed(tmp_path, "run")
    process = multiprocessing.get_context("fork").Process(target=_remake, args=(tmp_path / "run",))
    process.start()
    reads = 0
    while process.is_alive():
        found = past_runs(tmp_path)
        assert (len(found.whole), found.broken) == (1, [])
        reads += 1
    assert process.exitcode == 0
    assert reads > 50


def test_a_signed_run_has_the_hash_of_each_file_and_of_its_manifest(tmp_path: Path) -> None:
    run = signed(tmp_path, "run")
    (run / "policies").mkdir()
    (run / "policies" / "card.json").write_text("{}")
    sign(run, datetime.now(UTC))
    manifest = read_manifest(run)
    alone = {name: subprocess.run(["sha256sum", run / name], capture_output=True, text=True, check=True).stdout[:64]
             for name in ("file", "policies/card.json")}  # fmt: skip
    assert manifest["files"] == alone
    assert manifest["lock"] == subprocess.run(
        ["sha256sum", ROOT / "requirements.lock"], capture_output=True, text=True, check=True
    ).stdout[:64]  # fmt: skip
    assert manifest["python"] == sys.version.split()[0]


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


def _start_many(reports: Path, worker: int) -> int:
    """Make runs of different names, one after the other; gives how many were refused."""
    os.fsync = lambda _: None  # type: ignore[assignment]  # in a process of its own, which nobody unplugs
    refused = 0
    for k in range(STARTS // WORKERS):
        try:
            with staged(reports / f"run-{worker}-{k}") as folder:
                (folder / "file").touch()
            shutil.rmtree(reports / f"run-{worker}-{k}")  # which must be there; a small folder is listed sooner
        except ConfigError:
            refused += 1
    return refused


def test_runs_that_start_at_one_moment_never_refuse_each_other(tmp_path: Path) -> None:
    """2,000 starts of different runs by eight processes, beside which killed runs are cleared away."""
    for k in range(20):
        (tmp_path / f".killed-{k}.lock").touch()
        (tmp_path / f".killed-{k}.partial").mkdir()
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        assert pool.starmap(_start_many, [(tmp_path, worker) for worker in range(WORKERS)]) == [0] * WORKERS
    assert list(tmp_path.iterdir()) == []
