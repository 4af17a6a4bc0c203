"""The main job from its command to the finished report: seconds and memory, with caches and without.

Without caches means empty folders for compiled code, fonts and Jupyter; the operating system's own stay warm. Memory is
that of all processes of the job together: what several of them share is counted once (Linux's proportional set size).
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.timing import keep, machine, processor_seconds, show, versions

PORTFOLIO = Path("data/portfolios/global_multi_asset.yaml")
ROOT = Path(__file__).parent.parent
AIMS = {"warm": 90.0, "cold": 120.0}  # seconds
MEMORY_AIM = 3.0  # GB
CACHES = ("NUMBA_CACHE_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR")
BEAT = 0.25  # seconds between two looks at the memory


def memory(process: psutil.Process) -> int:
    """Bytes held by a process and all that descend from it."""
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    for member in family:
        try:
            held = member.memory_full_info()
            total += getattr(held, "pss", held.rss)
        except psutil.Error:  # it ended in between
            continue
    return total


class Took(NamedTuple):
    """Seconds on the wall's clock, seconds of all processors together, and the most memory held, GB."""

    seconds: float
    processor_seconds: float
    peak_gb: float


def run(environment: Mapping[str, str]) -> Took:
    """What one report takes, made into a folder that is thrown away. Raises when the command fails."""
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile("w+") as told:
        command = [str(Path(sys.executable).parent / "rebalance"), "report", str(PORTFOLIO), "--home", home]
        before, used, peak, done = time.perf_counter(), processor_seconds(), 0, threading.Event()
        job = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=told, stderr=subprocess.STDOUT
        )
        waiter = threading.Thread(target=lambda: (job.wait(), done.set()))
        waiter.start()
        process = psutil.Process(job.pid)
        while not done.wait(BEAT):
            peak = max(peak, memory(process))
        seconds = time.perf_counter() - before
        waiter.join()
        if job.returncode:
            told.seek(0)
            raise RuntimeError(f"{' '.join(command[1:3])} ended with {job.returncode}:\n{told.read()[-2000:]}")
        return Took(seconds, processor_seconds() - used, peak / 1e9)


def without_caches() -> Took:
    """The same, with empty folders for whatever is kept between runs."""
    with tempfile.TemporaryDirectory() as empty:
        folders = {name: str(Path(empty) / name.lower()) for name in CACHES}
        for folder in folders.values():
            Path(folder).mkdir()
        return run(folders)


def main() -> None:
    """One run to fill the caches, then one with and one without them."""
    print(f"{machine()}; {versions('numba', 'torch', 'papermill')}")
    try:
        run({})
        found = {"warm": run({}), "cold": without_caches()}
    except RuntimeError as error:
        print(f"\nThe main job could not be measured: {error}")
        return
    show(
        f"rebalance report {PORTFOLIO}",
        ("caches", "seconds", "aim", "", "processor seconds", "peak GB", "aim", ""),
        [
            (
                name,
                f"{took.seconds:.1f}",
                f"{AIMS[name]:.0f}",
                "" if took.seconds < AIMS[name] else "short",
                f"{took.processor_seconds:.1f}",
                f"{took.peak_gb:.2f}",
                f"{MEMORY_AIM:.0f}",
                "" if took.peak_gb < MEMORY_AIM else "short",
            )
            for name, took in found.items()
        ],
        ["one run each; on a machine with other work, processor seconds over cores are the least that it can take"],
    )
    keep(
        "main_job",
        {
            "versions": versions("numba", "torch", "papermill"),
            "runs": {name: took._asdict() for name, took in found.items()},
            "aims": {"seconds": AIMS, "peak_gb": MEMORY_AIM},
        },
    )


if __name__ == "__main__":
    main()
