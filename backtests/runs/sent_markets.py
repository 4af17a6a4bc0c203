"""Work for workers on other machines, and the markets that it needs: known by fingerprints, sent to a machine once.

A record is sent with the fingerprint in place of each market. A machine keeps the markets that it has had in
`data/cache/markets`, by fingerprint, for all its workers and all later work. One that it does not have it gets from the
scheduler of the cluster, where whoever sent the record offers it for as long as they are connected. Whatever the way, a
market is used only if its values have the fingerprint that was asked for. The cache is read by pickle, as code is: a
folder in which anybody else may write is refused.
"""

import io
import pickle
import socket
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import cloudpickle

from backtests.runs import tasks
from foundation.errors import DataError
from foundation.files import CACHE, locked, write_whole, written_alone
from research.market import Market

MARKETS_FOLDER = CACHE / "markets"
WORK_AT_ONCE, MOST_TOGETHER = 0.5, 64  # seconds of work that a worker is given at a time; tasks at most
OFFER_NAME = "markets of "  # before the id of the client that offers them
Record = TypeVar("Record")
Task = TypeVar("Task")
Result = TypeVar("Result")
Sent = tuple[Mapping[str, str], str, bytes, str]  # code, key of the markets, content, and what threads would disturb


class _Packer(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles all but markets, which it puts aside."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.markets: dict[str, Market] = {}

    def persistent_id(self, found: Any) -> tuple[Any, ...] | None:
        """The substitute for a market: its fingerprint, and the facts not in that; None for anything else."""
        if type(found) is not Market:
            return None
        self.markets[found.fingerprint] = found
        return found.fingerprint, found.name, found.notes


class _Unpacker(pickle.Unpickler):
    """Puts the markets back."""

    def __init__(self, content: bytes, key: str) -> None:
        super().__init__(io.BytesIO(content))
        self.key = key

    def persistent_load(self, pid: tuple[Any, ...]) -> Market:
        """The market that was put aside."""
        fingerprint, name, notes = pid
        market = market_of(fingerprint, self.key)
        return market if (market.name, market.notes) == (name, notes) else replace(market, name=name, notes=notes)


def packed(record: Any) -> tuple[bytes, dict[str, bytes]]:
    """A record with fingerprints in place of its markets, and those markets by fingerprint; all pickled."""
    file = io.BytesIO()
    packer = _Packer(file)
    packer.dump(record)
    return file.getvalue(), {fingerprint: pickle.dumps(market) for fingerprint, market in packer.markets.items()}


def unpacked(content: bytes, key: str) -> Any:
    """The record, on a worker. key : under which its markets are offered. Raises : DataError as `market_of` does."""
    return _Unpacker(content, key).load()


_unpacked = lru_cache(maxsize=1)(unpacked)  # the work that this worker last had to do with


def run_on_cluster(
    record: Record, job: Callable[[Record, Task], Result], each: Iterable[Task], address: str, alone: str = ""
) -> Iterator[tuple[Task, Result]]:
    """Tasks with the results of a job for each as they finish, from the workers of a Dask cluster.

    record  : what all tasks need, sent to each worker once, and its markets to each machine once.
    job     : function of the record and a task, of a module that workers can import.
    each    : tasks; each is drawn when a worker will soon be free for it.
    address : address of the scheduler.
    alone   : what several threads of a worker would disturb, in words; "" where they may be several. A worker that
              joins later is asked, too.
    Raises  : ConfigError for a cluster that does not answer or goes away, and for workers with other code, or with
              threads that they may not have.
    """
    with tasks.cluster_at(address) as client:
        if alone:
            tasks.refuse_threads(client, address, alone)
        content, markets = packed((record, job))
        with offered(client, markets) as key:
            sent = client.submit(_sent, tasks.code_here(), key, content, alone, pure=False)
            tasks.wait_for(client, sent)
            client.replicate([sent])  # else the worker that has it is given the first tasks
            waiting = _Waiting(each)
            for some, answered in tasks.on_client(client, _run_there, sent, tasks=waiting):
                results, seconds = pickle.loads(answered)
                waiting.learn(some[len(results) :], seconds / len(results))
                yield from zip(some, results, strict=False)


def _sent(code: Mapping[str, str], key: str, content: bytes, alone: str) -> Sent:
    """The inputs of all tasks, as a task that the scheduler repeats when all workers with its result are gone."""
    return code, key, content, alone


def _run_there(sent: Sent, some: tuple[Any, ...]) -> bytes:
    """The results of a job for the first tasks, on a worker, until it took `WORK_AT_ONCE`; and the seconds of all.

    They are pickled together: Dask would describe each array by itself, here, in the scheduler and where they arrive.
    Raises : ConfigError where the worker's code is not that with which the work was begun, or for threads that it may
             not have; what a task raises.
    """
    code, key, content, alone = sent
    tasks.check_worker(code)
    if alone:
        tasks.refuse_own_threads(alone)
    record, job = _unpacked(content, key)
    begun, results = time.monotonic(), []
    for task in some:
        results.append(job(record, task))
        if (taken := time.monotonic() - begun) >= WORK_AT_ONCE:
            break
    return pickle.dumps((results, taken), pickle.HIGHEST_PROTOCOL)


class _Waiting(Iterator[tuple[Any, ...]]):
    """Tasks that wait for a worker, as many at a time as those before them say that it does in `WORK_AT_ONCE`.

    A message costs a scheduler as much as a small task costs a worker. It ends, and goes on once more is waiting.
    """

    def __init__(self, each: Iterable[Any]) -> None:
        self._each, self._back, self._size = iter(each), deque[Any](), 1

    def learn(self, left: Iterable[Any], seconds: float) -> None:
        """Take back what a worker left of its tasks.  seconds : that it took for each of the others."""
        self._back.extend(left)
        self._size = min(int(WORK_AT_ONCE / max(seconds, WORK_AT_ONCE / MOST_TOGETHER)), 2 * self._size) or 1

    def __next__(self) -> tuple[Any, ...]:
        back = [self._back.popleft() for _ in range(min(self._size, len(self._back)))]
        if some := (*back, *islice(self._each, self._size - len(back))):
            return some
        raise StopIteration


@contextmanager
def offered(client: Any, markets: Mapping[str, bytes]) -> Iterator[str]:
    """Offer markets to all workers of a cluster, also to those that come later; gives the key under which they are.

    client  : client of the cluster.
    markets : pickled, by fingerprint. The scheduler holds one copy of them within the block.
    """
    key = OFFER_NAME + client.id
    client.register_plugin(_letting_go(OFFER_NAME))
    client.set_metadata(key, dict(markets))
    try:
        yield key
    finally:
        with suppress(Exception):  # the cluster is away, and they with it
            client.set_metadata(key, {})


def _letting_go(offer: str) -> Any:
    """A plugin of a scheduler: it forgets what a client offered when the client leaves, or is killed.

    Its class is made here, so that it is sent whole: the scheduler imports nothing of ours.
    """
    from distributed import SchedulerPlugin

    class LettingGo(SchedulerPlugin):
        name, idempotent = "letting go of markets", True

        def remove_client(self, scheduler: Any, client: str) -> None:
            scheduler.task_metadata.pop(offer + client, None)

    return LettingGo()


def market_of(fingerprint: str, key: str) -> Market:
    """A market by its fingerprint: from this machine's cache, or else, once, from the scheduler.

    fingerprint : sha256, hex.
    key         : under which it is offered.
    Raises      : DataError where nobody offers it, and where others may write in the cache.
    """
    place = MARKETS_FOLDER / fingerprint
    try:
        MARKETS_FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_shared(MARKETS_FOLDER)
        found = _read(place, fingerprint)
        if found is not None:
            return found
        # One worker asks, the others of this machine wait.
        with locked(MARKETS_FOLDER / f".{fingerprint}.lock", wait=True):
            found = _read(place, fingerprint)
            if found is None:
                content, found = _asked(fingerprint, key)
                write_whole(place, content)
    except OSError:  # nothing can be kept here
        _, found = _asked(fingerprint, key)
    return found


def _refuse_shared(folder: Path) -> None:
    """Raise DataError for a folder in which anybody but this user may write."""
    if not written_alone(folder):
        about = folder.stat()
        raise DataError(
            f"{folder} on {socket.gethostname()} has owner {about.st_uid} and mode {stat.filemode(about.st_mode)}: "
            "others could put code there, which would be run. Delete it; it is made again, for this user alone."
        )


def _read(place: Path, fingerprint: str) -> Market | None:
    """The market of a file; None where there is none, or it is damaged."""
    try:
        found = pickle.loads(place.read_bytes())
    except Exception:  # a damaged pickle raises anything
        return None
    return found if isinstance(found, Market) and found.fingerprint == fingerprint else None


def _asked(fingerprint: str, key: str) -> tuple[bytes, Market]:
    """A market that the scheduler offers, pickled and as it is. Raises DataError where it offers none, or another."""
    from distributed import get_worker
    from distributed.utils import sync

    worker = get_worker()
    content = sync(worker.loop, worker.scheduler.get_metadata, keys=[key, fingerprint], default=None)
    found = None if content is None else pickle.loads(content)
    if not isinstance(found, Market) or found.fingerprint != fingerprint:
        raise DataError(
            f"no market with fingerprint {fingerprint[:8]} is in {MARKETS_FOLDER} of {socket.gethostname()}, and the "
            f"scheduler offers {'none' if found is None else repr(found)}. Start the sweep again; it resumes."
        )
    return content, found
