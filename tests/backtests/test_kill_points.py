"""A thousand kills of what writes: `kill_points.py`, in a process of its own, since forks of a large one are slow."""

import re
import subprocess
import sys
from pathlib import Path

KILLS = Path(__file__).with_name("kill_points.py")


def test_a_thousand_kills_lose_nothing() -> None:
    words = [sys.executable, "-m", "pytest", "-p", "no:nbval", "-q", "-s", "--no-header", str(KILLS)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=KILLS.parents[2])
    assert done.returncode == 0, done.stdout[-4_000:]
    assert sum(map(int, re.findall(r"(\d+) points", done.stdout))) >= 1_000
