"""Lists of tasks that can be interrupted and resumed: what their results are made from, and which workers run them.

A task is a part of a sweep, or a case of a study. Results on disk say what they were made from: settings, data, code
and the libraries on which their bits depend; results of anything else are refused, and never mixed in. Workers are
threads, processes of this machine, or a Dask cluster; a task gives the same result wherever it runs, so nothing but the
order in which results arrive depends on the workers. Only a few tasks a worker are submitted at a time: memory stays
flat.
"""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from backtests.runs.differences import changes
from backtests.runs.folder import Run, code_version
from research.arguments import is_whole, refuse
from research.errors import ConfigError, DataError, PolicyError

EXACT = ("numpy", "numba", "scipy")  # libraries on whose versions the bits of a result depend
SHOWN = 6  # of the settings that differ
MOST_WORKERS = 1_024  # of one machine
AHEAD = 3  # tasks a worker that are submitted at a time
RETRIES = 3  # of a task whose worker died
PATIENCE = 30.0  # seconds that a cluster may be without workers, or take to answer
WATCH = 1.0  # seconds between two looks at the process that a worker belongs to
START = (
    "Start one on this machine with `dask scheduler --host 127.0.0.1`, and give the address that it prints, such as "
    "tcp://127.0.0.1:8786. Whoever reaches that port can run code here, so keep it on this machine; other machines "
    "connect through an SSH tunnel or TLS (docs/sweeps.md)."
)
RESUME = "Finished work is kept: start the same command again to resume."

Task = TypeVar("Task")
Result = TypeVar("Result")


# -- what results are made from --------------------------------------------------------------------------------------


def identity(run: Run, data: Mapping[str, str]) -> dict[str, Any]:
    """What results are made from, as it reads back from JSON.

    run  : its kind, settings and code.
    data : fingerprint of each market, by name.
    """
    versions = {name: version(name) for name in EXACT}
    facts = {"kind": run.kind, "settings": run.settings, "data": dict(data), "code": run.code, "versions": versions}
    read_back: dict[str, Any] = json.loads(json.dumps(facts))
    return read_back


def refuse_other(place: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise ConfigError, naming what differs, unless the results in `place` were made from what is wanted."""
    differ = list(changes(found, wanted))
    if differ:
        each = differ[:SHOWN]
        more = f", and {len(differ) - SHOWN} more" if len(differ) > SHOWN else ""
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

    pool = ProcessPoolExecutor(max_workers=workers, initializer=_begin_work, initargs=(os.getpid(), function))
    try:
        yield from as_they_finish(lambda task: pool.submit(_work, task), tasks, workers)
    except BrokenProcessPool as error:
        raise ConfigError(f"a worker process died, perhaps for lack of memory. {RESUME}") from error
    except BaseException:
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


def _work(task: Any) -> Any:
    assert _function is not None  # `_begin_work` ran first
    return _function(task)


@contextmanager
def cluster(address: str) -> Iterator[tuple[Any, Executor]]:
    """A client of the Dask cluster at an address, and its executor: a task whose worker dies goes to another one.

    Raises : ConfigError where no cluster answers or it has no workers, and where it goes away within the block; what a
    task raised is left as it is.
    """
    with connected(address) as client, failure_explained(client, address):
        yield client, client.get_executor(retries=RETRIES, pure=False)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of the cluster at an address, with one worker at least. Raises ConfigError when there is none."""
    from distributed import Client, Security

    if address.startswith("tls:") and Security().get_connection_args("client")["ssl_context"] is None:
        raise ConfigError(
            f"the cluster at {address} is to be reached by TLS, and no certificate is given: name `ca-file`, and "
            "`cert` and `key` of the client, in ~/.config/dask/tls.yaml (docs/sweeps.md)."
        )
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError, RuntimeError) as error:
        raise ConfigError(f"there is no cluster at {address!r} ({error}). {START}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            fix = f"Start one: dask worker {address} --host 127.0.0.1 (docs/sweeps.md, also for other machines)."
            raise ConfigError(f"the cluster at {address} has no workers. {fix}") from error
        yield client


def is_gone(client: Any) -> bool:
    """Is the client's cluster away, or without workers?"""
    return client.status != "running" or not client.scheduler_info()["workers"]


@contextmanager
def failure_explained(client: Any, address: str) -> Iterator[None]:
    """Raise ConfigError where the block fails because a cluster went away; what a task raised is left as it is.

    What is raised then is not always a loss by its type: a result that is lost between its arrival and its reading is
    taken by distributed's executor for an error, and unpacked.
    """
    from distributed import KilledWorker

    try:
        yield
    except (ConfigError, DataError, PolicyError):
        raise
    except Exception as error:
        if not isinstance(error, CancelledError | OSError | TimeoutError | KilledWorker) and not is_gone(client):
            raise
        raise ConfigError(f"the cluster at {address} stopped, or lost its workers ({error!r}). {RESUME}") from error


def check_code(code: str) -> None:
    """Raise ConfigError, on a worker, where its code is not that with which the work was begun."""
    if code_here() != code:
        raise ConfigError(
            f"the worker on {socket.gethostname()} runs code {code_here()}, but the work was started with {code}. "
            "Check out the same commit there, and start the worker again."
        )


@cache
def code_here() -> str:
    """The version of the code that this process runs."""
    return code_version()


def as_they_finish(
    submit: Callable[[Task], "Future[Result]"],
    tasks: Iterable[Task],
    workers: int,
    gone: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Task, Result]]:
    """Keep a few tasks a worker submitted; give back each with its result as it finishes.

    submit  : starts a task.
    tasks   : in the order in which they are started.
    workers : number of workers.
    gone    : asked now and then while nothing finishes; true twice in a row, the workers are given up.
    Raises  : TimeoutError where the workers are given up; what a task raises.
    """
    rest, running, away = iter(tasks), dict[Future[Result], Task](), 0
    try:
        while True:
            for task in rest:
                running[submit(task)] = task
                if len(running) >= AHEAD * workers:
                    break
            if not running:
                return
            done, _ = wait(running, timeout=PATIENCE / 2, return_when=FIRST_COMPLETED)
            away = away + 1 if not done and gone() else 0
            if away >= 2:
                raise TimeoutError("no workers are left")
            for future in done:
                task = running.pop(future)
                yield task, future.result()
    finally:
        for future in running:
            future.cancel()
