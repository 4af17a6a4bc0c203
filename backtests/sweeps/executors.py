"""Who plays a sweep: this thread, threads, processes, or a Dask cluster. Parts go out, and come back as they finish.

Each is a `concurrent.futures.Executor`, and a part gives the same bits wherever it is played; so nothing but the order
in which they finish depends on the crew. Only a few parts a worker are on their way at a time: memory stays flat.
"""

import pickle
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from backtests.runs.folder import code_version
from backtests.sweeps.plan import Part
from backtests.sweeps.run_part import CORRIDORS, play
from backtests.sweeps.setup import Stage
from research.arrays import Array
from research.errors import ConfigError, DataError, PolicyError

AHEAD = 3  # parts a worker that are on their way
RETRIES = 3  # of a part whose worker died
PATIENCE = 30.0  # seconds that a cluster may be without workers, or take to answer
RESUME = "What is finished is kept: start the same again, and it goes on from there."

Submit = Callable[[Part], "Future[Array]"]
Played = Iterator[tuple[Part, Array]]


def play_all(stage: Stage, parts: Iterable[Part], *, workers: int = 1, cluster: str = "") -> Played:
    """Play parts of a plan; gives each with its figures as it finishes, in any order.

    workers : of this machine: threads where all is compiled, else processes.  cluster : address of a Dask scheduler
    instead, such as "tcp://10.0.0.1:8786".
    Raises : ConfigError for fewer than one worker, a cluster that does not answer or goes away, a worker that died.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ConfigError(f"workers is {workers!r}: give a whole number, at least 1.")
    if cluster:
        return _on_cluster(stage, parts, cluster)
    if workers == 1:
        return ((part, play(stage, part)) for part in parts)
    return _in_threads(stage, parts, workers) if compiled(stage) else _in_processes(stage, parts, workers)


def compiled(stage: Stage) -> bool:
    """Is all of a plan played in lanes, which do without Python's lock?"""
    arenas, policies = stage.arenas.values(), stage.plan.policies
    return all(arena.scales for arena in arenas) and all(type(p) in CORRIDORS for p in policies)


def _in_threads(stage: Stage, parts: Iterable[Part], workers: int) -> Played:
    with ThreadPoolExecutor(workers) as pool:
        yield from _as_they_finish(lambda part: pool.submit(play, stage, part), parts, workers)


def _in_processes(stage: Stage, parts: Iterable[Part], workers: int) -> Played:
    """Processes of loky; each reads the stage once, from a file."""
    from cloudpickle import dumps
    from joblib.externals.loky import ProcessPoolExecutor  # type: ignore[import-untyped]

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stage"
        file.write_bytes(dumps(stage))
        with ProcessPoolExecutor(workers) as pool:
            try:
                yield from _as_they_finish(partial(pool.submit, _play_from, file), parts, workers)
            except BrokenProcessPool as error:
                raise ConfigError(f"a worker process died, for want of memory perhaps. {RESUME}") from error


def _play_from(file: Path, part: Part) -> Array:
    return play(_read(file), part)


@cache
def _read(file: Path) -> Stage:
    stage: Stage = pickle.loads(file.read_bytes())
    return stage


def _on_cluster(stage: Stage, parts: Iterable[Part], address: str) -> Played:
    """A Dask cluster: the stage is sent to each worker once, and a part whose worker dies goes to another."""
    with connected(address) as client:
        held = client.scatter(stage, broadcast=True, hash=False)
        pool = client.get_executor(retries=RETRIES, pure=False)
        width = sum(client.nthreads().values())

        with failure_explained(client, address):
            submit = partial(pool.submit, _play_there, held, code_version())
            yield from _as_they_finish(submit, parts, width, lambda: is_gone(client))


def _play_there(stage: Stage, code: str, part: Part) -> Array:
    """Play a part on a worker, whose code is that with which the sweep was begun."""
    check_code(code)
    return play(stage, part)


def check_code(code: str) -> None:
    """Raise ConfigError, on a worker, where its code is not that with which the work was begun."""
    if _code_here() != code:
        raise ConfigError(
            f"the worker on {socket.gethostname()} runs code {_code_here()}, and the work was begun with {code}. "
            "Check out the same commit there, and start the worker again."
        )


@cache
def _code_here() -> str:
    return code_version()


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of the cluster at an address, with one worker at least. Raises ConfigError when there is none."""
    from distributed import Client

    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ConfigError(
            f"no cluster answers at {address!r} ({error}). Start one with `dask scheduler`, and give the address that "
            "it prints, such as tcp://10.0.0.1:8786."
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise ConfigError(f"the cluster at {address} has no workers. Start one: dask worker {address}") from error
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
        raise ConfigError(f"the cluster at {address} went away, or lost its workers ({error!r}). {RESUME}") from error


def _as_they_finish(
    submit: Submit, parts: Iterable[Part], workers: int, gone: Callable[[], bool] = lambda: False
) -> Played:
    """Keep a few parts a worker on their way; give back each as it finishes.

    gone : asked now and then while nothing finishes; true twice in a row, the workers are given up.
    """
    rest, running, away = iter(parts), dict[Future[Array], Part](), 0
    try:
        while True:
            for part in rest:
                running[submit(part)] = part
                if len(running) >= AHEAD * workers:
                    break
            if not running:
                return
            done, _ = wait(running, timeout=PATIENCE / 2, return_when=FIRST_COMPLETED)
            away = away + 1 if not done and gone() else 0
            if away >= 2:
                raise TimeoutError("no workers are left")
            for future in done:
                part = running.pop(future)
                yield part, future.result()
    finally:
        for future in running:
            future.cancel()
