"""Jobs side by side: their results in order, their progress together, and nothing left behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from faults import alive, children

from foundation.files import work_folder
from research.learning.parallel_seeds import run_seeds


def square(seed, report):
    for step in range(1, 4):
        report(step)
    return seed * seed


def fail(seed, report):
    for step in range(10**9):
        if seed == 2:
            raise ValueError("seed 2 has no luck")
        report(step)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_seeds_and_progress_is_of_all(workers):
    told = []
    assert run_seeds(square, [3, 1, 2], workers, told.append) == [9, 1, 4]
    assert told == sorted(told)
    assert told[-1] == 9


def test_what_runs_elsewhere_tells_a_seed_at_a_time_in_any_order():
    told = []
    backwards = lambda job, seeds: ((seed, job(seed)) for seed in reversed(seeds))  # noqa: E731
    assert run_seeds(square, [3, 1, 2], 1, told.append, backwards) == [9, 1, 4]
    assert told == [3, 6, 9]


def test_one_that_fails_stops_the_others():
    with pytest.raises(ValueError, match="no luck"):
        run_seeds(fail, [1, 2], 2, lambda done: None)


ENDLESS = """
import itertools, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job starts with it ignored
from foundation.files import work_folder
from research.learning.parallel_seeds import run_seeds

def job(seed, report):
    for step in itertools.count(1):
        report(step)
        time.sleep(0.01)

run_seeds(job, [1], 2, lambda done: print(done, flush=True))  # one process is idle
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_whoever_is_stopped_leaves_no_process_and_no_file_behind(how, tmp_path, monkeypatch):
    said = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "env": os.environ | {"TMPDIR": str(tmp_path)},
    }
    with subprocess.Popen([sys.executable, "-c", ENDLESS], **said) as run:
        while int(run.stdout.readline()) < 2:
            pass
        workers = children(run.pid)
        assert sum(map(alive, workers)) >= 2
        os.kill(run.pid, how)
        complaint = run.communicate(timeout=60)[1]
    patience = time.monotonic() + 20
    while any(map(alive, workers)) and time.monotonic() < patience:
        time.sleep(0.1)
    assert not any(map(alive, workers))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with work_folder():  # the next one deletes what a killed one left
        pass
    assert list(tmp_path.glob("rebalance-work-*")) == []
    assert how == signal.SIGKILL or "KeyboardInterrupt" in complaint.splitlines()  # loky's tracker may warn after it
