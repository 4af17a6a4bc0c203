"""Where nothing can be written, each command ends in a sentence that names the path, and what stood there stays."""

import ctypes
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from commanded import FILE, ROOT, rebalance
from learned import carded, two_lines

ROOM = 200  # bytes that a file may have: a quota, or what is left of a disk
CAPABILITY_OF_ROOT, PR_CAPBSET_DROP = 1, 24  # CAP_DAC_OVERRIDE: to write whatever the permissions say


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of a desk with two quick policies, and of its sweep; a learned policy; what each command has written."""
    folder = tmp_path_factory.mktemp("desk")
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    content["policies"] = {name: content["policies"][name] for name in ("quarterly", "threshold")}
    (folder / "desk.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    (folder / "bands.yaml").write_text("portfolio: desk.yaml\nrules: {threshold: {band: [0.02, 0.03]}}\n")
    carded(two_lines(500, seed=1)).save(folder / "policy")
    (folder / "lists").mkdir()
    for words in COMMANDS.values():
        done = rebalance(*(str(word).format(folder=folder) for word in words))
        assert done.status == 0, done.err
    return folder


COMMANDS = {
    "trades": ["trades", "{folder}/desk.yaml", "--csv", "{folder}/lists/trades.csv"],
    "backtest": ["backtest", "{folder}/desk.yaml", "--policy", "threshold", "--reports", "{folder}/backtests"],
    "sweep": ["sweep", "{folder}/bands.yaml", "--reports", "{folder}/sweeps"],
    "policies": ["policies", "{folder}/policy"],
    "report": ["report", "{folder}/desk.yaml", "-p", "draws=100", "--reports", "{folder}/reports"],
}
WRITTEN = {"trades": "lists", "backtest": "backtests", "sweep": "sweeps", "policies": "policy", "report": "reports"}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def run_under(before: Callable[[], object], name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, for which `before` is called first."""
    words = [word.format(folder=folder) for word in COMMANDS[name]]
    program = [sys.executable, "-c", "from backtests.cli import main; main()", *words]
    return subprocess.run(program, cwd=ROOT, preexec_fn=before, capture_output=True, text=True, check=False)


def quota() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


def as_any_user() -> None:
    """Root, too, may then write only where the permissions say so."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAPABILITY_OF_ROOT, 0, 0, 0)


@pytest.fixture
def read_only(desk: Path) -> Iterator[Callable[[str], Path]]:
    """Take the permission to write into a folder and those below it; it is given back after the test."""
    changed: list[Path] = []

    def take(name: str) -> Path:
        top = desk / WRITTEN[name]
        for folder in (top, *(p for p in top.rglob("*") if p.is_dir())):
            folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
            changed.append(folder)
        return top

    yield take
    for folder in changed:
        folder.chmod(stat.S_IRWXU)


def check_refused(done: subprocess.CompletedProcess[str], place: Path, said: str) -> None:
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert said in last
    assert str(place) in last
    assert last.endswith(".")
    print(last)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_loses_nothing(name: str, desk: Path) -> None:
    before = contents(desk)
    done = run_under(quota, name, desk)
    check_refused(done, desk / WRITTEN[name], "File too large")
    assert contents(desk) == before


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_leaves_no_half_file_where_there_was_none(name: str, desk: Path) -> None:
    place, aside = desk / WRITTEN[name], desk / "aside"
    written = ["card.html"] if name == "policies" else [path.name for path in place.iterdir() if path.name[0] != "."]
    aside.mkdir()
    for one in written:
        (place / one).rename(aside / one)
    try:
        left = contents(place)
        check_refused(run_under(quota, name, desk), place, "File too large")
        assert contents(place) == left
    finally:
        for one in written:
            (aside / one).rename(place / one)
        aside.rmdir()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_that_may_not_be_written_stays_as_it_is(
    name: str, desk: Path, read_only: Callable[[str], Path]
) -> None:
    before = contents(desk)
    place = read_only(name)
    check_refused(run_under(as_any_user, name, desk), place, "Permission denied")
    assert contents(desk) == before
