"""Seeds in parallel processes: the same results for any number of processes, one progress bar, a clean stop."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import Any, TypeVar

import numpy as np

from foundation.files import work_folder

T = TypeVar("T")
Report = Callable[[int], None]  # told the steps that one job has done
TotalProgress = Callable[[int], None]  # told the steps that all have done together
Job = Callable[[int, Report], T]  # seed -> result
# function, seeds -> each seed with its result, as they finish
Elsewhere = Callable[[Callable[[int], Any], Sequence[int]], Iterable[tuple[int, Any]]]

SHARED_DRAWS = "but random draws of learners are shared between threads"  # in words, for who has several a worker
POLL_SECONDS = 0.2  # seconds between two looks at the progress, or for the parent


class Stopped(RuntimeError):
    """A job was stopped before its end."""


def run_seeds(
    job: Job[T], seeds: Sequence[int], workers: int, progress: TotalProgress, elsewhere: Elsewhere | None = None
) -> list[T]:
    """The results of `job` for every seed, in the order of the seeds.

    Whatever ends this early, an interrupt too, stops all processes first.
    job      : function of a seed and of a report of its steps.
    seeds    : seeds of the jobs.
    workers  : processes of our own; with 1 everything runs in this process.
    progress : receives the number of steps of all jobs together.
    elsewhere : calls the job in other processes instead, such as a cluster's; progress then counts whole seeds. (Not
                in threads: stable-baselines3 draws from generators that all threads of a process share.)
    """
    if elsewhere is not None:
        found, done = dict[int, T](), 0
        for seed, (result, steps) in elsewhere(partial(_silent, job), seeds):
            found[seed], done = result, done + steps
            progress(done)
        return [found[seed] for seed in seeds]
    if workers == 1:
        return _one_after_another(job, seeds, progress)
    return _in_processes(job, seeds, workers, progress)


def _one_after_another(job: Job[T], seeds: Sequence[int], progress: TotalProgress) -> list[T]:
    steps = dict.fromkeys(seeds, 0)

    def report(seed: int, count: int) -> None:
        steps[seed] = count
        progress(sum(steps.values()))

    return [job(seed, partial(report, seed)) for seed in seeds]


def _silent(job: Job[T], seed: int) -> tuple[T, int]:
    steps = [0]
    result = job(seed, steps.append)
    return result, steps[-1]


def _in_processes(job: Job[T], seeds: Sequence[int], workers: int, progress: TotalProgress) -> list[T]:
    from joblib.externals.loky import ProcessPoolExecutor  # type: ignore[import-untyped]

    with _shared_counters(len(seeds)) as path:
        board = np.memmap(path, np.int64, "r+")
        executor = ProcessPoolExecutor(workers, timeout=10, initializer=_begin, initargs=(os.getpid(),))
        try:
            futures: list[Future[T]] = [executor.submit(_watched, job, seed, i, path) for i, seed in enumerate(seeds)]
            pending: set[Future[T]] = set(futures)
            while pending:
                done, pending = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_EXCEPTION)
                progress(int(board[:-1].sum()))
                for future in done:
                    future.result()  # raises what its job raised
            return [future.result() for future in futures]
        finally:
            board[-1] = 1
            executor.shutdown(wait=True, kill_workers=True)


def _watched(job: Job[T], seed: int, i: int, path: str) -> T:
    """Run the job in its own process: it writes its steps to the counters, and ends when told to stop."""
    board = np.memmap(path, np.int64, "r+")

    def report(steps: int) -> None:
        board[i] = steps
        if board[-1]:
            raise Stopped(f"seed {seed} was stopped after {steps} steps")

    return job(seed, report)


def _begin(parent: int) -> None:
    """Begin a worker: it ignores keyboard interrupts, which all processes receive, and ends when its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """Wait until the parent is gone; then end this process, at work or not."""
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os._exit(1)


@contextmanager
def _shared_counters(seeds: int) -> Iterator[str]:
    """A file of counters that processes share: the steps of each seed, and last a flag to stop."""
    with work_folder() as folder:
        path = folder / "steps"
        np.zeros(seeds + 1, np.int64).tofile(path)
        yield str(path)
