"""Workers that a server runs beside itself: processes that end with it, however it ends, and start again if they die.

    python -m desk.service.jobs.beside

As of a job's process, the server says through stdin that it is there. Once it has gone the worker gives the job under
way a minute, puts it back, and ends.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from threading import Event, Thread

from desk.service.caller import opened_service
from desk.service.jobs.lease import wait_while_held
from desk.service.jobs.worker import BEAT, GRACE, work
from desk.service.settings import ServiceSettings, settings_of_service
from foundation.errors import ConfigError
from foundation.files import ROOT
from foundation.home import HOME

LOG = logging.getLogger("rebalance.service")
PAUSE = 5.0  # seconds between the end of a worker and the start of the next: what kills one may kill that too


def start_beside(settings: ServiceSettings, count: int) -> None:
    """Run so many workers of a server with these settings until this process ends."""
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    stated = {
        HOME: str(settings.folder.absolute().parent),
        "DATABASE_URL": settings.database,
        "PUBLIC_URL": settings.address,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
    }
    for _ in range(count):
        Thread(target=_keep, args=(os.environ | stated,), daemon=True).start()


def _keep(environment: dict[str, str]) -> None:
    """Run a worker again and again."""
    command = [sys.executable, "-P", "-m", "desk.service.jobs.beside"]
    while True:
        try:
            worker = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, bufsize=0, start_new_session=True
            )  # apart from a terminal, whose Ctrl-C it would get
        except OSError as error:  # no memory or no process is left for it now
            LOG.warning("failed", extra={"fields": {"why": f"no worker could begin: {error}"}})
            time.sleep(PAUSE)
            continue
        assert worker.stdin is not None
        while worker.poll() is None:
            with suppress(BrokenPipeError):  # it has just ended
                worker.stdin.write(b".")
            with suppress(subprocess.TimeoutExpired):
                worker.wait(BEAT)
        worker.stdin.close()
        time.sleep(PAUSE)


def _work_while_held() -> None:
    """Do jobs until the server has gone, or SIGTERM."""
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def end() -> None:
        wait_while_held()
        stop.set()
        time.sleep(2 * GRACE)
        os.killpg(0, signal.SIGKILL)  # it hangs

    Thread(target=end, daemon=True).start()
    work(opened_service(settings_of_service()), stop)


if __name__ == "__main__":
    try:
        _work_while_held()
    except ConfigError as error:
        sys.exit(f"The worker beside the server ended, and begins again: {error}")
