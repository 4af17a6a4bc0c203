"""The process of a job: a module that runs for as long as the worker says through stdin that it holds the job.

    python -m desk.service.jobs.lease desk.cli report FILE

So no process works on a job that another worker may have by now: where its worker is killed, stopped or cut off, the
process ends with all that it started.
"""

import os
import runpy
import select
import signal
import sys
from threading import Thread

SILENCE = 10.0  # seconds without a word of the worker


def wait_while_held() -> None:
    """Wait until the holder of this process has gone, or is silent."""
    while select.select([0], [], [], SILENCE)[0] and os.read(0, 64):
        pass


def _end_with_worker() -> None:
    """Kill this process and its group once the worker has gone, or is silent."""
    wait_while_held()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    Thread(target=_end_with_worker, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
