"""Which workers run the parts of a sweep: this thread, threads, processes, or a Dask cluster."""

import pickle
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache, partial
from pathlib import Path

from backtests.runs import tasks
from backtests.runs.folder import code_version
from backtests.sweeps.plan import Part
from backtests.sweeps.run_part import is_plain, play
from backtests.sweeps.setup import Stage
from research.arrays import Array

Figures = Iterator[tuple[Part, Array]]


def play_all(stage: Stage, parts: Iterable[Part], *, workers: int = 1, cluster: str = "") -> Figures:
    """Run parts of a plan; gives each with its figures as it finishes, in any order.

    workers : of this machine: threads where all is compiled, else processes.
    cluster : address of a Dask scheduler instead, such as "tcp://10.0.0.1:8786".
    Raises  : ConfigError for fewer than one worker, a cluster that does not answer or goes away, a worker that died.
    """
    tasks.check_workers(workers)
    if cluster:
        return _on_cluster(stage, parts, cluster)
    if workers == 1:
        return ((part, play(stage, part)) for part in parts)
    return (
        tasks.in_threads(partial(play, stage), parts, workers)
        if compiled(stage)
        else _in_processes(stage, parts, workers)
    )


def compiled(stage: Stage) -> bool:
    """Is all of a plan run by the batch engine, which does without Python's lock?"""
    arenas, policies = stage.arenas.values(), stage.plan.policies
    return all(arena.scales for arena in arenas) and all(map(is_plain, policies))


def _in_processes(stage: Stage, parts: Iterable[Part], workers: int) -> Figures:
    """Each process reads the stage once, from a file."""
    from cloudpickle import dumps

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stage"
        file.write_bytes(dumps(stage))
        yield from tasks.in_processes(partial(_play_from, file), parts, workers)


def _play_from(file: Path, part: Part) -> Array:
    return play(_read(file), part)


@cache
def _read(file: Path) -> Stage:
    stage: Stage = pickle.loads(file.read_bytes())
    return stage


def _on_cluster(stage: Stage, parts: Iterable[Part], address: str) -> Figures:
    """The stage is sent to each worker of a Dask cluster once."""
    with tasks.cluster(address) as (client, pool):
        sent = client.scatter(stage, broadcast=True, hash=False)
        workers, code = sum(client.nthreads().values()), code_version()
        yield from tasks.as_they_finish(
            lambda part: pool.submit(_play_there, sent, code, part), parts, workers, lambda: tasks.is_gone(client)
        )


def _play_there(stage: Stage, code: str, part: Part) -> Array:
    """Run a part on a worker, whose code is that with which the sweep was begun."""
    tasks.check_code(code)
    return play(stage, part)
