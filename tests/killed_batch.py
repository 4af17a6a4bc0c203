"""A batch whose processes are killed again and again ends with the runs of one that nobody disturbed.

`python tests/killed_batch.py [RUNS] [KILLS] [SEED]` kills the batch itself, a worker or a kernel, whichever is drawn,
at a random moment; one that was killed is started again. `desk/commands/test_batch_runs.py` does a few of these.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import yaml

ROOT = Path(__file__).parents[1]
FILE = ROOT / "data" / "portfolios" / "sixty_forty.yaml"
COMMAND = [sys.executable, "-c", "from desk.cli import main; main()", "batch"]
KINDS = ("batch", "worker", "kernel")
SETTINGS = ["--notebook", "rebalance_now", "--grid", "policy=never,quarterly"]  # of a batch of two runs a file
LONGEST = 12.0  # seconds from a start, or from a kill, to a kill of a batch; a quarter of them to another kill


def desks(folder: Path, count: int) -> list[Path]:
    """Portfolio files of two policies, which differ in their cash."""
    content = yaml.safe_load(FILE.read_text())
    content["policies"] = {policy: content["policies"][policy] for policy in ("never", "quarterly")}
    content["policy"] = "quarterly"
    files = [folder / f"desk{k}.yaml" for k in range(count)]
    for k, file in enumerate(files):
        file.write_text(yaml.safe_dump(content | {"cash": 1_000.0 + k}), encoding="utf-8")
    return files


def start(files: list[Path], reports: Path, workers: int = 2) -> subprocess.Popen[bytes]:
    """The batch of two runs a file."""
    words = [*map(str, files), *SETTINGS, "--workers", str(workers), "--home", str(reports.parent)]
    return subprocess.Popen([*COMMAND, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def finished(files: list[Path], reports: Path) -> str:
    """What the batch prints when nobody kills it. Raises AssertionError where a run failed."""
    with start(files, reports) as process:
        printed = process.communicate()[0].decode()
    assert process.returncode == 0, printed
    return printed


def victims(batch: subprocess.Popen[Any]) -> dict[str, list[psutil.Process]]:
    """Processes by kind. Workers are Python without a kernel's module; loky's tracker is none of them."""
    found: dict[str, list[psutil.Process]] = {"batch": [psutil.Process(batch.pid)], "worker": [], "kernel": []}
    for child in psutil.Process(batch.pid).children(recursive=True):
        try:
            words = " ".join(child.cmdline())
        except psutil.Error:  # it has just ended
            continue
        if "ipykernel_launcher" in words:
            found["kernel"].append(child)
        elif "popen_loky_posix" in words:
            found["worker"].append(child)
    return found


def timeless(reports: Path) -> dict[str, bytes]:
    """Files of all runs, but for when they were made; of the batch's own folder only what its runs are."""
    found = {}
    for path in sorted(path for path in reports.rglob("*") if path.is_file()):
        name = path.relative_to(reports).as_posix()
        if path.name == "manifest.json":
            manifest = json.loads(path.read_bytes())
            found[name] = json.dumps({k: v for k, v in manifest.items() if k not in ("times", "sha256")}).encode()
        elif not name.startswith("batch/"):
            found[name] = path.read_bytes()
    return found


def check_whole(reports: Path) -> None:
    """Every run that has its name is whole."""
    from backtests.runs.manifest import past_runs
    from backtests.runs.verify import verify

    found = past_runs(reports, None)
    assert found.broken == []
    for folder, _ in found.whole:
        assert verify(folder).changed == ()


def killed(
    folder: Path,
    files: list[Path],
    wanted: dict[str, bytes],
    kills: int,
    seed: int = 1,
    longest: float = LONGEST,
    workers: int = 2,
) -> Counter[str]:
    """Kill so often, then let the batch end, and compare; gives the number of kills of each kind, and of starts.

    folder : empty. A batch that ended is put aside there and begun again, for as long as kills are left.
    files  : of the batch, which has two runs a file.
    wanted : what a batch of them leaves that nobody disturbed, as `timeless` gives it.
    longest: seconds, as `LONGEST`; a small batch ends before most kills that come so late.
    workers: number of workers of the batch.
    """
    rng, count, reports = random.Random(seed), Counter[str](), folder / "reports"
    assert sum(name.endswith("manifest.json") for name in wanted) == 2 * len(files)
    batch = start(files, reports, workers)
    count["started"] += 1
    while sum(count[kind] for kind in KINDS) < kills:
        kind, pause = rng.choice(KINDS), rng.uniform(0.0, longest)
        while batch.poll() is None and not victims(batch)[kind]:
            time.sleep(0.05)
        with suppress(subprocess.TimeoutExpired):
            batch.wait(timeout=pause if kind == "batch" else pause / 4)
        if batch.poll() is not None:
            if batch.returncode == 0:
                assert timeless(reports) == wanted
                count["whole batches"] += 1
                reports.rename(folder / f"whole{count['whole batches']}")
        else:
            try:
                rng.choice(victims(batch)[kind]).kill()
            except (IndexError, psutil.NoSuchProcess):  # it has ended by itself
                continue
            count[kind] += 1
            if kind != "batch":
                continue
        batch.communicate()
        check_whole(reports)
        batch = start(files, reports, workers)
        count["started"] += 1
    batch.communicate()
    if batch.returncode:
        finished(files, reports)  # what failed, since its kernel or worker was killed twice, is made now
    assert timeless(reports) == wanted
    assert not [path.name for path in reports.iterdir() if path.name.startswith(".")]
    return count


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    sys.path.insert(0, str(ROOT))
    given = [int(word) for word in sys.argv[1:]]
    runs, kills, seed = (*given, *(20, 100, 1)[len(given) :])
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        files, undisturbed = desks(Path(place), runs // 2), Path(place) / "undisturbed"
        finished(files, undisturbed)
        found = killed(Path(place), files, timeless(undisturbed), kills, seed)
    print(
        f"{kills} kills in batches of {runs}: {dict(found)}; every run whole and equal; "
        f"{time.monotonic() - began:.0f} s"
    )
