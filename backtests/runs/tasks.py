"""Lists of tasks that can be interrupted and resumed: the inputs of their results, and the workers that run them.

A task is a part of a sweep, or a case of a study. Results on disk say what they were made from: settings, data, code
and the libraries on which their bits depend; results of anything else are refused, and never mixed in. Workers are
threads, processes of this machine, or a Dask cluster; a task gives the same result wherever it runs, so nothing but the
order in which results arrive depends on the workers. Tasks are drawn a few a worker at a time, and a result that was
handed on is not kept: the memory of the driver does not grow with the number of tasks.
"""

import asyncio
import gc
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import active_children
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from backtests.runs.cluster_access import access
from backtests.runs.differences import changes
from backtests.runs.folder import Run, code_version
from foundation.arguments import is_whole, refuse
from foundation.errors import ConfigError, InputError
from foundation.files import ROOT
from foundation.sets import installed_versions, version_of

EXACT_LIBRARIES = ("numpy", "numba", "scipy")  # libraries on whose versions the bits of a result depend
SETTINGS_SHOWN = 6  # of the settings that differ
MOST_WORKERS = 1_024  # of one machine
AHEAD = 3  # tasks a worker that are submitted at a time
DEATHS = 3  # of workers that a task may have been running on, for each of which it is begun again
PATIENCE = 30.0  # seconds that a cluster may be without workers, or take to answer
LONGEST_ATTEMPT = 600.0  # seconds that are spent on one attempt to bring a result
WATCH = 1.0  # seconds between two looks at the process that a worker belongs to
START_CODE = (
    "Start one with `rebalance research cluster`, and give the address that it prints, such as tls://127.0.0.1:8786. "
    "Without options it is open to you on this machine only; other machines connect through an SSH tunnel or TLS "
    "(docs/sweeps.md)."
)
MAKE_ALIKE = "Check out the same commit there, run `make setup`, and start the worker again."
RESUME_NOTE = "Finished work is kept: start the same command again to resume."

if TYPE_CHECKING:
    from distributed import Security

Task = TypeVar("Task")
Result = TypeVar("Result")


# -- what results are made from --------------------------------------------------------------------------------------


def identity_of_inputs(run: Run, data: Mapping[str, str]) -> dict[str, Any]:
    """The inputs of results, as they read back from JSON.

    run  : its kind, settings and code.
    data : fingerprint of each market, by name.
    """
    facts = {"kind": run.kind, "settings": run.settings, "data": dict(data), "code": run.code, "versions": _versions()}
    read_back: dict[str, Any] = json.loads(json.dumps(facts))
    return read_back


def refuse_other(place: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise ConfigError, naming what differs, unless the results in `place` were made from what is wanted."""
    differ = list(changes(found, wanted))
    if differ:
        each = differ[:SETTINGS_SHOWN]
        more = f", and {len(differ) - SETTINGS_SHOWN} more" if len(differ) > SETTINGS_SHOWN else ""
        raise ConfigError(
            f"{place} holds results with another origin: {'; '.join(each)}{more}. Restore that state to finish "
            "them, or delete the folder (`--fresh` does) to start over."
        )


# -- workers ---------------------------------------------------------------------------------------------------------


def check_workers(workers: int) -> None:
    """Raise ConfigError for what is no number of workers, or more than any machine can start."""
    if not (is_whole(workers) and 1 <= workers <= MOST_WORKERS):
        refuse("workers is", workers, f"give a whole number, at least 1 and at most {MOST_WORKERS:,}.")


def in_threads(
    function: Callable[[Task], Result], tasks: Iterable[Task], workers: int
) -> Iterator[tuple[Task, Result]]:
    """Tasks with their results as they finish, from threads of this process."""
    with ThreadPoolExecutor(workers) as pool:
        yield from as_they_finish(lambda task: pool.submit(function, task), tasks, workers)


def in_processes(
    function: Callable[[Task], Result], tasks: Iterable[Task], workers: int
) -> Iterator[tuple[Task, Result]]:
    """Tasks with their results as they finish, from processes that end with this one, even where it is killed.

    Each process receives the function, with all that it holds, once.
    Raises : ConfigError where a process dies.
    """
    from joblib.externals.loky import ProcessPoolExecutor  # type: ignore[import-untyped]

    before = set(active_children())
    pool = ProcessPoolExecutor(max_workers=workers, initializer=_begin_work, initargs=(os.getpid(), function))
    try:
        yield from as_they_finish(lambda task: pool.submit(_work, task), tasks, workers)
    except BrokenProcessPool as error:
        raise ConfigError(f"a worker process died, perhaps for lack of memory. {RESUME_NOTE}") from error
    except BaseException:
        # the pool does not know of one that was just being started
        for pid in (child.pid for child in set(active_children()) - before):
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        pool.shutdown(wait=True, kill_workers=True)
        raise
    pool.shutdown(wait=True)


_function: Callable[[Any], Any] | None = None  # of a worker process


def _begin_work(parent: int, function: Callable[[Any], Any]) -> None:
    """Keep the function for all tasks, leave interrupts to the process `parent`, and end when it is gone."""
    global _function

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH)
        os._exit(1)

    _function = function
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, daemon=True).start()
    gc.freeze()  # what was imported stays: neither searches for garbage nor the end of the process go through it


def _work(task: Any) -> Any:
    assert _function is not None  # `_begin_work` ran first
    return _function(task)


@contextmanager
def cluster_at(address: str) -> Iterator[Any]:
    """A client of the Dask cluster at an address.

    Raises : ConfigError where no cluster answers or it has no workers, and where it goes away within the block; what a
    task raised is left as it is.
    """
    with cluster_client(address) as client, failure_explained(client, address):
        yield client


def on_client(
    client: Any, function: Callable[..., Result], *common: Any, tasks: Iterable[Task]
) -> Iterator[tuple[Task, Result]]:
    """Tasks with their results as they finish, from the workers of a Dask cluster, as many as there are at the time.

    client   : client of the cluster. Its scheduler gives a task whose worker dies to another one; an error in a task
               ends all.
    function : called with the common arguments, then a task.
    common   : the first arguments; a future among them becomes its result, on each worker once.
    tasks    : tasks in the order in which they are started.
    Raises   : TimeoutError where no workers are left; the errors of tasks.
    """

    def submit(task: Task) -> "Future[Result]":
        submitted: Future[Result] = client.submit(function, *common, task, pure=False)
        return submitted

    yield from as_they_finish(submit, tasks, threads_of(client), lambda: is_gone(client))


@contextmanager
def cluster_client(address: str, workers: int = 1) -> Iterator[Any]:
    """A client of the cluster at an address, with one worker at least, or more, or none.

    Raises : ConfigError for an address that is none or not safe, and where no cluster answers, or it has fewer workers.
    """
    from distributed import Client

    security = access(address, "client")
    try:
        _greet(address, security)
        client = Client(address, timeout=PATIENCE, set_as_default=False, security=security)
    except (OSError, TimeoutError, ValueError, RuntimeError, MemoryError) as error:  # the last: what answers is no Dask
        why = str(error) or f"no answer within {PATIENCE:g} s"
        raise ConfigError(f"there is no cluster at {address!r} ({why}). {START_CODE}") from error
    with client:
        try:
            if workers:
                client.wait_for_workers(workers, timeout=PATIENCE)
        except TimeoutError as error:
            fix = f"Start some: rebalance research cluster {address} (docs/sweeps.md)."
            raise ConfigError(f"the cluster at {address} has no workers. {fix}") from error
        yield client


def _greet(address: str, security: "Security") -> None:
    """Greet the scheduler at an address within `PATIENCE` seconds: a client would wait for a stranger for ever.

    Raises : OSError, TimeoutError, ValueError or MemoryError where what answers is no scheduler.
    """
    from distributed.comm import connect

    async def greet() -> None:
        arguments = security.get_connection_args("client")
        comm = await asyncio.wait_for(connect(address, timeout=PATIENCE, **arguments), PATIENCE)
        await comm.close()

    with ThreadPoolExecutor(1) as pool:  # a notebook's own thread has a loop that runs
        pool.submit(asyncio.run, greet()).result()


def threads_of(client: Any) -> Callable[[], int]:
    """The number of threads of a cluster's workers, asked at most once in `WATCH` seconds: they come and go."""
    known, asked = 0, float("-inf")

    def threads() -> int:
        nonlocal known, asked
        if time.monotonic() > asked + WATCH:
            known, asked = sum(client.nthreads().values()), time.monotonic()
        return known

    return threads


def wait_for(client: Any, future: Any) -> None:
    """Wait until a task of a cluster is finished. Raises TimeoutError where no workers are left; what it raises."""
    for _ in as_they_finish(lambda _: future, [None], 1, lambda: is_gone(client)):
        pass


def is_gone(client: Any) -> bool:
    """True if the client's cluster is gone, or without workers."""
    return client.status != "running" or not client.scheduler_info()["workers"]


@contextmanager
def failure_explained(client: Any, address: str) -> Iterator[None]:
    """Raise ConfigError where the block fails because a cluster went away; what a task raised is left as it is.

    What is raised then is not always a loss by its type.
    """
    from distributed import KilledWorker

    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if not isinstance(error, CancelledError | OSError | TimeoutError | KilledWorker) and not is_gone(client):
            raise
        raise ConfigError(
            f"the cluster at {address} stopped, or lost its workers ({error!r}). {RESUME_NOTE}"
        ) from error


def check_worker(wanted: Mapping[str, str]) -> None:
    """Raise ConfigError, on a worker, where its code or libraries are not those with which the work was begun.

    wanted : inputs that `code_here` gave to the process that began it, and versions of further libraries.
    """
    here = {**installed_versions(wanted), **code_here()}
    for name, there in wanted.items():
        if here.get(name) != there:
            raise ConfigError(
                f"the worker on {socket.gethostname()} ({ROOT}) runs {name} {here.get(name)}, but the work was started "
                f"with {there}. {MAKE_ALIKE}"
            )


def code_here() -> dict[str, str]:
    """The versions of the code that this process runs, and of the libraries on which the bits of results depend."""
    return {"code": code_version(), **_versions()}


def refuse_threads(client: Any, address: str, why: str) -> None:
    """Raise ConfigError where workers of a cluster have several threads. why : what they would disturb, in words."""
    _refuse_threads(client.nthreads().values(), address, why)


def refuse_own_threads(why: str) -> None:
    """Raise ConfigError where this worker has several threads, as one that joined after `refuse_threads` may."""
    from distributed import get_worker

    worker = get_worker()
    _refuse_threads([worker.state.nthreads], worker.scheduler.address, why)


def _refuse_threads(threads: Iterable[int], address: str, why: str) -> None:
    if any(count != 1 for count in threads):
        raise ConfigError(
            f"the workers at {address} have several threads, {why}. Start workers of one thread each: rebalance "
            f"research cluster {address}"
        )


def path_here(file: Path) -> Path:
    """The file at a path that was sent, on a worker. Raises ConfigError where there is none."""
    if not (ROOT / file).is_file():
        raise ConfigError(
            f"no file {ROOT / file} on {socket.gethostname()}, where a worker was to read it. Put it there, or into a "
            "folder that all machines share."
        )
    return ROOT / file


def _versions() -> dict[str, str]:
    return {name: version_of(name) for name in EXACT_LIBRARIES}


def as_they_finish(
    submit: Callable[[Task], "Future[Result]"],
    tasks: Iterable[Task],
    workers: int | Callable[[], int],
    gone: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Task, Result]]:
    """Keep a few tasks a worker submitted; give back each with its result as it finishes.

    submit  : starts a task; gives its future, or Dask's, which gets a result again that was lost with its worker.
    tasks   : tasks in the order in which they are started; no more are drawn than are submitted.
    workers : number of workers, or a function that says how many there are now.
    gone    : asked now and then while no result arrives; true twice in a row, the workers are given up.
    Raises  : TimeoutError where the workers are given up; what a task raises.
    """
    rest, running, away, wait = iter(tasks), dict[Future[Result], Task](), 0, PATIENCE / 2
    done: SimpleQueue[Future[Result]] = SimpleQueue()
    try:
        while True:
            ahead = AHEAD * max(1, workers if isinstance(workers, int) else workers())
            for task in islice(rest, max(0, ahead - len(running))):
                future = submit(task)
                running[future] = task
                future.add_done_callback(done.put)
            if not running:
                return
            finished = None
            try:
                finished = done.get(timeout=PATIENCE / 2)
                result = finished.result(timeout=wait)
            except (Empty, TimeoutError):
                if finished is not None:
                    if getattr(finished, "status", "error") == "error":  # what the task raised
                        raise
                    done.put(finished)  # its result was lost with its worker, or is long on its way
                    wait = min(2 * wait, LONGEST_ATTEMPT)
                away = away + 1 if gone() else 0
                if away >= 2:
                    raise TimeoutError("no workers are left") from None
                continue
            away, wait = 0, PATIENCE / 2
            yield running.pop(finished), result
    finally:
        for future in running:
            future.cancel()
