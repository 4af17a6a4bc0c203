"""A cluster of 64 workers simulated on this machine: equality, bytes, memory and the driver's time, not speed.

The workers are processes of one thread, started by `rebalance research cluster` as on any machine, far more of them
than there are cores. They play small parts of a sweep, and one of them is killed. Every result has to equal, to the
bit, that of one worker. Then they do next to nothing very often: the memory of the driver and of the scheduler must
not grow.

A cluster of two workers also sweeps beside one process, by turns: `python -m benchmarks.cluster ratio` does that alone.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from backtests.runs import tasks
from backtests.runs.chunks import WorkPart, write_chunk
from backtests.runs.sent_markets import packed
from backtests.sweeps import Plan, Strategic, sweep
from backtests.sweeps.plan import MOST_CONFIGURATIONS
from backtests.sweeps.run import run_all
from backtests.sweeps.run_part import run_part
from backtests.sweeps.setup import PreparedSweep, prepare_sweep
from benchmarks.timing import Ratio, keep, machine, show, show_ratios, versions
from research.portfolio import load_portfolio
from research.rules import Threshold

ROOT = Path(__file__).parents[1]
FILE = ROOT / "data" / "portfolios" / "global_multi_asset.yaml"
WORKERS, SMALL, PARTS = 64, 64, 2_000  # processes, configurations of a part, parts
FEW, MANY = 1_000, 100_000  # tasks that do nothing
CARRIERS = 4  # workers that send chunks: more of them would keep one another waiting for the few cores
CARRIED = {1_024: 400, MOST_CONFIGURATIONS: 100}  # chunks, by their configurations, of ROW bytes each
CONFIGURATIONS, ROUNDS = 64_000, 3  # of the sweep that is also played in one process
ROW = 100  # bytes of a configuration on disk
START = 240.0  # seconds until all workers are there: they share few cores
SETTINGS = {  # workers may take more than their share of this machine's memory, and seldom look after themselves
    **{f"DASK_DISTRIBUTED__WORKER__MEMORY__{when}": "False" for when in ("TARGET", "SPILL", "PAUSE", "TERMINATE")},
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
}


@dataclass(frozen=True)
class Measured:
    """What a number of tasks took.

    tasks     : how many.
    equal     : is every result that of one worker, to the bit?
    ahead     : most tasks that were drawn and not finished.
    driver    : processor µs a task of this process.
    scheduler : the same of the scheduler's, which also starts and watches the workers.
    wire      : bytes a task over the loopback device, all processes together, with their heartbeats.
    memory    : MB by which this process grew in the first and in the second half of the tasks.
    held      : the same of the scheduler's.
    """

    tasks: int
    equal: bool
    ahead: int
    driver: float
    scheduler: float
    wire: float
    memory: tuple[float, float]
    held: tuple[float, float]


@contextmanager
def started(workers: int) -> Iterator[tuple[str, psutil.Process]]:
    """A cluster of this machine, by the documented command: its address and the scheduler's process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-c", "from desk.cli import main; main()", "research", "cluster"]
    command = subprocess.Popen(
        [*words, "--workers", str(workers), "--port", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env=os.environ | SETTINGS,
    )  # fmt: skip
    try:
        assert command.stdout is not None
        command.stdout.readline()
        yield f"tls://127.0.0.1:{port}", psutil.Process(command.pid)
    finally:
        command.send_signal(signal.SIGTERM)
        command.wait()


def small_sweep(parts: int, size: int = SMALL) -> tuple[PreparedSweep, list[WorkPart]]:
    """Thresholds on the shipped portfolio at many costs and four lags, in parts of `size` configurations."""
    bands = [Threshold(Strategic(), k / 100_000) for k in range(1, 1 - (-parts * size // 64))]
    prepared = prepare_sweep(load_portfolio(FILE), Plan(bands, [k / 4 for k in range(16)], [0, 1, 2, 5]))
    return prepared, [WorkPart(k * size, (k + 1) * size) for k in range(parts)]


def nothing(prepared: PreparedSweep, part: WorkPart) -> bytes:
    """A task of no work."""
    return b""


def measure(
    prepared: PreparedSweep,
    parts: list[WorkPart],
    job: Callable[[PreparedSweep, WorkPart], Any],
    expected: Callable[[WorkPart, Any], bool],
    address: str,
    scheduler: psutil.Process,
    kill: int = 0,
) -> Measured:
    """Do a job for parts on a cluster; the process `kill`, a worker's, is killed after a quarter of them."""
    drawn = done = ahead = 0
    equal, own = True, psutil.Process()

    def lazily() -> Iterator[WorkPart]:
        nonlocal drawn
        for part in parts:
            drawn += 1
            yield part

    before = half = _facts(own, scheduler)
    for part, result in run_all(prepared, lazily(), job, cluster=address):
        ahead, done = max(ahead, drawn - done), done + 1
        equal = equal and expected(part, result)
        if done == len(parts) // 2:
            half = _facts(own, scheduler)
        if kill and done == len(parts) // 4:
            os.kill(kill, signal.SIGKILL)
    after = _facts(own, scheduler)
    print(f"{len(parts):,} tasks: equal" if equal else f"{len(parts):,} tasks: NOT EQUAL", flush=True)
    driver, on_scheduler, wire = ((after[name] - before[name]) / len(parts) for name in ("driver", "scheduler", "wire"))
    memory, held = ((half[name] - before[name], after[name] - half[name]) for name in ("memory", "held"))
    return Measured(len(parts), equal and done == len(parts), ahead, driver, on_scheduler, wire, memory, held)


def _facts(own: psutil.Process, scheduler: psutil.Process) -> dict[str, float]:
    used = scheduler.cpu_times()
    return {
        "driver": 1e6 * time.process_time(),
        "scheduler": 1e6 * (used.user + used.system),
        "wire": float(psutil.net_io_counters(pernic=True)["lo"].bytes_sent),
        "memory": own.memory_info().rss / 1e6,
        "held": scheduler.memory_info().rss / 1e6,
    }


def played_alone(parts: int) -> dict[WorkPart, bytes]:
    """The figures of small parts of a sweep, as one worker plays them."""
    return {part: figures.tobytes() for part, figures in run_all(*small_sweep(parts), run_part)}


def against(alone: dict[WorkPart, bytes], workers: int, address: str, scheduler: psutil.Process) -> Measured:
    """The same parts on a cluster, one of whose workers is killed."""
    prepared, small = small_sweep(len(alone))
    with tasks.cluster_client(address, workers) as client:
        pids = sorted(client.run(os.getpid).values())
    assert len(pids) == workers
    return measure(prepared, small, run_part, lambda p, f: f.tobytes() == alone[p], address, scheduler, pids[0])


def content(size: int, prepared: PreparedSweep, part: WorkPart) -> bytes:
    """A task that gives as many bytes as a chunk has, and plays nothing."""
    return bytes(size)


def carried(count: int, size: int, address: str, scheduler: psutil.Process) -> Measured:
    """Chunks of a size in bytes, brought to the driver and written."""
    prepared, _ = small_sweep(1)
    parts = [WorkPart(k, k + 1) for k in range(count)]
    with tempfile.TemporaryDirectory() as folder:

        def written(part: WorkPart, found: bytes) -> bool:
            write_chunk(Path(folder), WorkPart(0, 1), found)
            return len(found) == size

        return measure(prepared, parts, partial(content, size), written, address, scheduler)


def memory_of_workers(address: str) -> tuple[float, float]:
    """MB of a worker, pages that it shares counted whole, and shared out: medians over the workers."""
    with tasks.cluster_client(address) as client:
        found = sorted(client.run(_own_memory).values())
    return found[len(found) // 2]


def _own_memory() -> tuple[float, float]:
    own = psutil.Process().memory_full_info()
    return own.rss / 1e6, own.pss / 1e6


def over_one_process() -> Ratio:
    """Processor seconds of a sweep by two workers, scheduler and driver counted, over those of one process.

    Both have swept as much before.
    """
    portfolio, (prepared, _) = load_portfolio(FILE), small_sweep(CONFIGURATIONS // SMALL)
    with started(2) as (address, scheduler):
        processes = [psutil.Process(), scheduler, *scheduler.children(recursive=True)]

        def seconds(cluster: str) -> float:
            before = sum(_seconds(process) for process in processes)
            sweep(portfolio, prepared.plan, cluster=cluster, progress=False)
            return sum(_seconds(process) for process in processes) - before

        rounds = np.array([[seconds(""), seconds(address)] for _ in range(ROUNDS + 1)])[1:]
    one, many = np.median(rounds, axis=0)
    words = f"{CONFIGURATIONS:,} configurations on a cluster of two workers, {many:.1f} s, over one process"
    return Ratio(words, float(np.median(rounds[:, 1] / rounds[:, 0])), 1.3, f"one process, {one:.1f} s")


def _seconds(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def main(what: str = "") -> None:
    """Simulate, check, print, and keep; of `ratio` alone, the last table."""
    used = versions("distributed", "numba")
    print(f"{machine()}; {used}")
    facts = {} if what == "ratio" else simulated()
    ratio = over_one_process()
    show_ratios([ratio])
    keep("cluster", {"versions": used, **facts, "over one process": ratio.value})


def simulated() -> dict[str, object]:
    """Many workers, checked and shown."""
    tasks.PATIENCE = START
    rows, alone = {}, played_alone(PARTS)
    with started(WORKERS) as (address, scheduler):
        rows[f"{PARTS:,} parts of {SMALL}, a worker killed"] = against(alone, WORKERS, address, scheduler)
        prepared, _ = small_sweep(1)
        for count in (FEW, MANY):
            idle = [WorkPart(k, k + 1) for k in range(count)]
            done = measure(prepared, idle, nothing, lambda _, found: found == b"", address, scheduler)
            rows[f"{count:,} tasks of no work"] = done
        whole, shared = memory_of_workers(address)
    with started(CARRIERS) as (address, scheduler):
        for size, count in CARRIED.items():
            name = f"{count} chunks of {size:,}, written, {CARRIERS} workers"
            rows[name] = carried(count, ROW * size, address, scheduler)
    sent, markets = packed((prepared, run_part))
    show(
        f"{WORKERS} workers of one thread on {os.cpu_count()} cores",
        ("", "equal", "most ahead", "driver µs", "scheduler µs", "bytes a task", "driver grew", "scheduler grew, MB"),
        [
            (name, "yes" if m.equal else "NO", str(m.ahead), f"{m.driver:.0f}", f"{m.scheduler:.0f}", f"{m.wire:,.0f}",
             "{:.0f} + {:.0f}".format(*m.memory), "{:.0f} + {:.0f}".format(*m.held))
            for name, m in rows.items()
        ],
        [
            f"a worker takes {whole:.0f} MB, {shared:.0f} with shared pages counted once",
            f"sent once to a worker: {len(sent):,} bytes; to a machine: {sum(map(len, markets.values())):,}",
        ],
    )  # fmt: skip
    assert all(m.equal for m in rows.values())
    found = {name: asdict(m) for name, m in rows.items()}
    return {"worker_mb": [whole, shared], **found}


if __name__ == "__main__":
    main(*sys.argv[1:])
