"""Which workers run the parts of a sweep: this thread, threads, processes, or a Dask cluster."""

from collections.abc import Iterable, Iterator
from functools import partial

from backtests.runs import tasks
from backtests.runs.folder import code_version
from backtests.sweeps.plan import Part
from backtests.sweeps.run_part import is_plain, run_part
from backtests.sweeps.setup import PreparedSweep
from research.arrays import Array

Figures = Iterator[tuple[Part, Array]]


def run_all(prepared: PreparedSweep, parts: Iterable[Part], *, workers: int = 1, cluster: str = "") -> Figures:
    """Run parts of a plan; gives each with its figures as it finishes, in any order.

    prepared : the sweep.
    parts    : of its plan.
    workers  : of this machine: threads where all is compiled, else processes.
    cluster  : address of a Dask scheduler instead, such as "tcp://127.0.0.1:8786".
    Raises   : ConfigError for fewer than one worker, a cluster that does not answer or goes away, a worker that died.
    """
    tasks.check_workers(workers)
    if cluster:
        return _on_cluster(prepared, parts, cluster)
    if workers == 1:
        return ((part, run_part(prepared, part)) for part in parts)
    pool = tasks.in_threads if compiled(prepared) else tasks.in_processes
    return pool(partial(run_part, prepared), parts, workers)


def compiled(prepared: PreparedSweep) -> bool:
    """Is all of a plan run by the batch engine, which does without Python's lock?"""
    setups, policies = prepared.setups.values(), prepared.plan.policies
    return all(setup.scales for setup in setups) and all(map(is_plain, policies))


def _on_cluster(prepared: PreparedSweep, parts: Iterable[Part], address: str) -> Figures:
    """The prepared sweep is sent to each worker of a Dask cluster once."""
    with tasks.cluster(address) as (client, pool):
        sent = client.scatter(prepared, broadcast=True, hash=False)
        workers, code = sum(client.nthreads().values()), code_version()
        yield from tasks.as_they_finish(
            lambda part: pool.submit(_run_there, sent, code, part), parts, workers, lambda: tasks.is_gone(client)
        )


def _run_there(prepared: PreparedSweep, code: str, part: Part) -> Array:
    """Run a part on a worker, whose code is that with which the sweep was begun."""
    tasks.check_code(code)
    return run_part(prepared, part)
