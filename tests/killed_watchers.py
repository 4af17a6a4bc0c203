"""Two processes that watch one portfolio and catch up its sessions, each of which is killed at drawn moments."""

import os
import random
import signal
import time
from pathlib import Path

from provider_server import Time

from desk.commands.cycle.watch import Watcher, last_cycle
from desk.journal.journal import journal_head

LONGEST = 0.06  # seconds between an entry of the journal and the next kill


def is_done(name: str, last: str) -> bool:
    """True once the cycle of a session has run, and its list is filled."""
    session, is_left = last_cycle(name)
    return session >= last and not is_left


def start(file: Path, name: str, now: str, last: str) -> int:
    """A process that watches a portfolio until the cycle of a session has run, and its list is filled."""
    if process := os.fork():
        return process
    status = 1
    try:
        while not is_done(name, last):
            Watcher([file], Time(now).clock).run(once=True)
            time.sleep(0.05)
        status = 0
    finally:
        os._exit(status)


def killed(file: Path, name: str, now: str, last: str, rng: random.Random) -> int:
    """Watch from two processes, one or the other of which is killed and starts again, until all is done.

    now, last : moment in UTC at which they stand, and the last session that is over then.
    Gives the number of kills.
    """
    running, kills = [start(file, name, now, last) for _ in range(2)], 0
    while not is_done(name, last):
        before = journal_head()
        while journal_head() == before and not is_done(name, last):
            time.sleep(0.02)
        time.sleep(rng.uniform(0.0, LONGEST))
        which = rng.randrange(2)
        os.kill(running[which], signal.SIGKILL)
        os.waitpid(running[which], 0)
        running[which] = start(file, name, now, last)
        kills += 1
    assert [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in running] == [0, 0]
    return kills
