"""A thousand kills of what writes: `kill_points.py`, in a process of its own, since forks of a large one are slow."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

KILLS = Path(__file__).with_name("kill_points.py")
MEMORY = Path("/dev/shm")  # files in memory, where there are some: a kill is no power cut, and leaves the same there
ROOM = 2**30  # bytes that must be free in it


def test_a_thousand_kills_lose_nothing() -> None:
    within = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM else None
    with tempfile.TemporaryDirectory(dir=within) as folder:
        words = [sys.executable, "-m", "pytest", "-p", "no:nbval", "-q", "-s", "--no-header", str(KILLS)]
        words += ["--basetemp", str(Path(folder) / "kills")]
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=KILLS.parents[2])
    assert done.returncode == 0, done.stdout[-4_000:]
    assert sum(map(int, re.findall(r"(\d+) points", done.stdout))) >= 1_000
