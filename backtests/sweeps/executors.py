"""Which workers run the parts of a sweep: this thread, threads, processes, or a Dask cluster."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, TypeVar

from backtests.runs import tasks
from backtests.runs.sent_markets import offered, packed, unpacked
from backtests.sweeps.plan import Part
from backtests.sweeps.run_part import is_plain
from backtests.sweeps.setup import PreparedSweep

Result = TypeVar("Result")
Job = Callable[[PreparedSweep, Part], Result]


def run_all(
    prepared: PreparedSweep, parts: Iterable[Part], job: Job[Result], *, workers: int = 1, cluster: str = ""
) -> Iterator[tuple[Part, Result]]:
    """Do a job for parts of a plan; gives each with its result as it finishes, in any order.

    prepared : the sweep.
    parts    : of its plan; each is drawn when a worker will soon be free for it.
    job      : such as `run_part`; a function of a module that workers can import.
    workers  : of this machine: threads where all is compiled, else processes.
    cluster  : address of a Dask scheduler instead, such as "tls://127.0.0.1:8786".
    Raises   : ConfigError for fewer than one worker, a cluster that does not answer or goes away, a worker that died.
    """
    tasks.check_workers(workers)
    if cluster:
        return _on_cluster(prepared, parts, job, cluster)
    if workers == 1:
        return ((part, job(prepared, part)) for part in parts)
    pool = tasks.in_threads if compiled(prepared) else tasks.in_processes
    return pool(partial(job, prepared), parts, workers)


def compiled(prepared: PreparedSweep) -> bool:
    """Is all of a plan run by the batch engine, which does without Python's lock?"""
    setups, policies = prepared.setups.values(), prepared.plan.policies
    return all(setup.scales for setup in setups) and all(map(is_plain, policies))


def _on_cluster(
    prepared: PreparedSweep, parts: Iterable[Part], job: Job[Result], address: str
) -> Iterator[tuple[Part, Result]]:
    """The prepared sweep is sent to each worker of a Dask cluster once, and its markets to each machine once."""
    with tasks.cluster(address) as client:
        content, markets = packed((prepared, job))
        with offered(client, markets) as key:
            sent = client.submit(_sent, tasks.code_here(), key, content, pure=False)
            tasks.wait_for(client, sent)
            client.replicate([sent])  # else the worker that has it is given the first parts
            yield from tasks.on_client(client, _run_there, sent, tasks=parts)


def _sent(code: Mapping[str, str], key: str, content: bytes) -> tuple[Mapping[str, str], str, bytes]:
    """What all parts need: a task, which the scheduler repeats when all workers that had its result are gone."""
    return code, key, content


def _run_there(sent: tuple[Mapping[str, str], str, bytes], part: Part) -> Any:
    """Do the job for a part on a worker, whose code must be that with which the sweep was begun."""
    code, key, content = sent
    tasks.check_worker(code)
    prepared, job = _unpacked(content, key)
    return job(prepared, part)


_unpacked = lru_cache(maxsize=1)(unpacked)  # the sweep that this worker last had to do with
