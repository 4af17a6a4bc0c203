"""Events for journals of tests, and processes that append and are killed."""

import os
import random
import select
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from desk.journal.chain import Event
from desk.journal.journal import Journal
from desk.journal.records import Approved, Filled, OrderSent
from desk.journal.verify import VerifiedChain, verify

Work = Callable[[Path, int, int], None]  # of a folder, from a number on, to a pipe
# Where no power can fail, a test need not wait for a disk that others use.
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal in the folder of the test."""
    with Journal(tmp_path, user="anna") as opened:
        yield opened


def order(k: int, symbol: str = "SPY", **about: Any) -> Event:
    """The order o<k>."""
    return Event(OrderSent("paper", f"p{k}", "buy", symbol, k + 1.0, "USD", "market"), order=f"o{k}", **about)


def fill(k: int, quantity: float, **about: Any) -> Event:
    """The fill f<k> of the order o<k>."""
    record = Filled("paper", f"f{k}", "buy", "SPY", quantity, 381.5, "USD", 0.05, "USD", "2026-11-25T16:03:12Z")
    return Event(record, order=f"o{k}", **about)


def approval(ticket: str) -> Event:
    """The approval of a ticket."""
    return Event(Approved(), ticket=ticket)


def appending(folder: Path, first: int, told: int) -> None:
    """Append every second order from the first, with its fill, and write each number to a pipe once both are kept."""
    with Journal(folder, user="anna") as journal:
        for k in count(first, 2):
            journal.append([order(k), fill(k, 10.0)])
            os.write(told, b"%d\n" % k)


def start(folder: Path, first: int, work: Work) -> tuple[int, int]:
    """A process that works, and the end of its pipe."""
    told, writes = os.pipe()
    if process := os.fork():
        os.close(writes)
        return process, told
    try:
        work(folder, first, writes)
    finally:
        os._exit(1)


def stopped(process: int, told: int) -> list[int]:
    """Kill a process; gives the numbers that it wrote."""
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    with os.fdopen(told, "rb") as pipe:
        return [int(line) for line in pipe.read().split()]


def killed(folder: Path, kills: int, seed: int = 1, longest: float = 0.05, work: Work = appending) -> set[int]:
    """Kill two processes that work, one or the other, each of which goes on; gives the numbers that were kept.

    longest : seconds from the start of a process, or from the last kill, to a kill.
    work    : called with the folder, the first of every second number, and the pipe to which it writes what it kept.
    """
    rng, kept = random.Random(seed), [[0], [1]]
    running = [start(folder, 0, work), start(folder, 1, work)]
    for _ in range(kills):
        select.select([told for _, told in running], [], [])
        time.sleep(rng.uniform(0.0, longest))
        which = rng.randrange(2)
        kept[which] += stopped(*running[which])
        running[which] = start(folder, kept[which][-1], work)  # its last one, again
    for which in range(2):
        select.select([running[which][1]], [], [])
        kept[which] += stopped(*running[which])
    return {*kept[0], *kept[1]}


def check_nothing_lost_or_doubled(folder: Path, kept: set[int]) -> int:
    """What was kept is there, each append whole and once, and the chain holds; gives the number of entries."""
    with Journal(folder) as journal:
        entries = list(journal.entries())
        assert verify(journal) == VerifiedChain(journal.head, 0, ())
    found = Counter((entry.kind, entry.order) for entry in entries)
    orders = {name for kind, name in found if kind == "order"}
    assert set(found.values()) == {1}
    assert orders == {name for kind, name in found if kind == "fill"}
    assert orders >= {f"o{k}" for k in kept}
    return len(entries)
