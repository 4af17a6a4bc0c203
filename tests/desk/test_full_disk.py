"""Where nothing can be written, each command ends in a sentence that names the path, and what stood there stays."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from commanded import FILE, ROOT, TRADES, rebalance
from faults import as_any_user, full_at
from learned import carded, two_lines

ROOM = 200  # bytes that a file may have: a quota, or what is left of a disk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of a desk with two quick policies, and of its sweep; a learned policy; what each command has written."""
    folder = tmp_path_factory.mktemp("desk")
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    content["policies"] = {name: content["policies"][name] for name in ("quarterly", "threshold")}
    content["test_start"] = "2021-01-04"
    (folder / "desk.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    (folder / "bands.yaml").write_text("portfolio: desk.yaml\nrules: {threshold: {band: [0.02, 0.03]}}\n")
    carded(two_lines(500, seed=1)).save(folder / "policy")
    (folder / "lists").mkdir()
    for words in COMMANDS.values():
        done = rebalance(*(str(word).format(folder=folder) for word in words))
        assert done.status == 0, done.err
    return folder


COMMANDS = {
    "trades": [*TRADES, "{folder}/desk.yaml", "--out", "{folder}/lists/trades.csv"],
    "backtest": ["research", "backtest", "{folder}/desk.yaml", "--policy", "threshold", "--home", "{folder}/backtests"],
    "sweep": ["research", "sweep", "{folder}/bands.yaml", "--home", "{folder}/sweeps"],
    "policies": ["research", "policies", "{folder}/policy"],
    "report": ["report", "{folder}/desk.yaml", "-p", "draws=100", "--retrain", "--home", "{folder}"],
}
WRITTEN = {
    "trades": "lists",
    "backtest": "backtests/reports",
    "sweep": "sweeps/reports",
    "policies": "policy",
    "report": "reports",
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


Ended = dict[str, tuple[int, str]]  # of each command, its exit status and what it said on stderr
PROGRAM = """
import json, sys
sys.path.append(sys.argv[1])
from commanded import rebalance
done = {name: rebalance(*words) for name, words in json.loads(sys.argv[2]).items()}
print(json.dumps({name: (one.status, one.err) for name, one in done.items()}))
"""


def asked(folder: Path) -> dict[str, list[str]]:
    """The words of every command."""
    return {name: [word.format(folder=folder) for word in words] for name, words in COMMANDS.items()}


def under_a_quota(folder: Path) -> Ended:
    """Every command, where no process writes a file of more than `ROOM` bytes."""
    with full_at(ROOM):
        done = {name: rebalance(*words) for name, words in asked(folder).items()}
    return {name: (one.status, one.err) for name, one in done.items()}


def under_permissions(folder: Path) -> Ended:
    """Every command, one after the other in a process of their own that may write only where permissions say so."""
    program = [sys.executable, "-c", PROGRAM, str(ROOT / "tests"), json.dumps(asked(folder))]
    done = subprocess.run(program, cwd=ROOT, preexec_fn=as_any_user, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: Ended = json.loads(done.stdout.splitlines()[-1])
    return found


def check_refused(ended: tuple[int, str], place: Path, said: str) -> None:
    status, err = ended
    assert "Traceback" not in err, err
    assert status == 2, err
    last = err.splitlines()[-1]
    assert said in last
    assert str(place) in last
    assert last.endswith(".")
    print(last)


@pytest.fixture(scope="module")
def full(desk: Path) -> Ended:
    """How each command ends where its files are there already."""
    before = contents(desk)
    ended = under_a_quota(desk)
    assert contents(desk) == before
    return ended


@pytest.fixture(scope="module")
def full_and_new(desk: Path, full: Ended) -> Ended:
    """How each command ends where there are no files of its own."""
    aside = desk.with_name("aside")
    moved = [desk / "policy" / "card.html"]
    for name in COMMANDS:
        if name != "policies":
            moved += [path for path in (desk / WRITTEN[name]).iterdir() if path.name[0] != "."]
    for path in moved:
        (aside / path.relative_to(desk)).parent.mkdir(parents=True, exist_ok=True)
        path.rename(aside / path.relative_to(desk))
    left = contents(desk)
    ended = under_a_quota(desk)
    assert contents(desk) == left
    for path in moved:
        (aside / path.relative_to(desk)).rename(path)
    return ended


@pytest.fixture(scope="module")
def read_only(desk: Path, full_and_new: Ended) -> Ended:
    """How each command ends where it may not write into its folder and those below it."""
    before = contents(desk)
    tops = [desk / name for name in WRITTEN.values()]
    folders = [folder for top in tops for folder in (top, *(p for p in top.rglob("*") if p.is_dir()))]
    for folder in folders:
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    ended = under_permissions(desk)
    assert contents(desk) == before
    for folder in folders:
        folder.chmod(stat.S_IRWXU)
    return ended


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_loses_nothing(name: str, desk: Path, full: Ended) -> None:
    check_refused(full[name], desk / WRITTEN[name], "File too large")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_leaves_no_half_file_where_there_was_none(name: str, desk: Path, full_and_new: Ended) -> None:
    check_refused(full_and_new[name], desk / WRITTEN[name], "File too large")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_that_may_not_be_written_stays_as_it_is(name: str, desk: Path, read_only: Ended) -> None:
    check_refused(read_only[name], desk / WRITTEN[name], "Permission denied")
