"""The workers that make the runs of a batch: processes of this machine or a Dask cluster, with the same bytes."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path

from backtests.runs import tasks
from backtests.runs.folder import path_sent, staged
from backtests.runs.notebook import environment
from backtests.runs.verify import verify
from desk.commands.batch.plan import Job, notebook_named
from desk.commands.batch.run import TRIES, Outcome, failed, outcome
from foundation.errors import ConfigError, DataError
from foundation.files import work_folder, write_whole, writing
from foundation.home import HOME
from research.portfolio.file.known_on import KNOWN_ON

ONE_NOTEBOOK = "and each can execute one notebook"  # which several threads of a worker do not allow
DIED = "the process that ran it died (was it killed, or out of memory?). Run it again."
Files = Mapping[str, bytes]  # of a run, by the path from its folder


def run_jobs(work: Callable[[Job], Outcome], asked: Sequence[Job], workers: int) -> Iterator[tuple[Job, Outcome]]:
    """Jobs with their outcomes as they finish, in processes.

    work    : function that gives the outcome of a job, and raises nothing.
    asked   : the jobs.
    workers : number of processes. If one dies, the jobs that it may have been running start once more, then fail.
    """
    left, deaths = list(asked), Counter[Job]()
    while left:
        try:
            for job, became in tasks.in_processes(work, left, workers):
                left = [each for each in left if each != job]
                yield job, became
        except ConfigError:  # a worker died; the jobs themselves raise nothing
            running = left[:workers]  # they are begun in this order
            deaths.update(running)
            for job in running:
                if deaths[job] == TRIES:
                    left.remove(job)
                    yield job, failed(job, job.name, DataError(DIED), time.monotonic())


# -- a cluster -------------------------------------------------------------------------------------------------------


def on_cluster(
    names: Mapping[Job, str], notebook: Path, reports: Path, retrain: bool, address: str
) -> Iterator[tuple[Job, Outcome]]:
    """Jobs with their outcomes as they finish, by the workers of a Dask cluster, which send back whole runs.

    names    : name of each run, by job.
    notebook : notebook to execute; workers execute their own copy of it, of the same code.
    reports  : folder of the runs.
    retrain  : true to train learned policies anew.
    address  : address of the scheduler.
    Raises   : ConfigError where no cluster answers, its workers have several threads, or it goes away; and for a moment
               of the environment, of which the workers know nothing.
    """
    if os.environ.get(KNOWN_ON):
        fix = "Write it as `known_on` of `market` into the files, or take workers of this machine."
        raise ConfigError(f"--as-known-on, or {KNOWN_ON}, is not sent to the workers of a cluster. {fix}")
    if names:
        make = partial(make_there, tasks.code_here(), notebook.stem, retrain, os.environ.get(HOME))
        for job, (became, files) in _answers(make, list(names), address):
            yield job, _received(job, reports / names[job], became, files)


def _answers(
    make: Callable[[Job], tuple[Outcome, Files]], asked: Sequence[Job], address: str
) -> Iterator[tuple[Job, tuple[Outcome, Files]]]:
    """Jobs with their results from workers; only a job that kills each worker which begins it has failed."""
    from distributed import KilledWorker

    left = list(asked)
    with tasks.cluster_at(address) as client:
        tasks.refuse_threads(client, address, ONE_NOTEBOOK)
        while left:
            keys = dict[str, Job]()

            def submit(job: Job, keys: dict[str, Job] = keys) -> Future[tuple[Outcome, Files]]:
                future: Future[tuple[Outcome, Files]] = client.submit(
                    make, replace(job, file=path_sent(job.file)), pure=False
                )
                keys[future.key] = job  # type: ignore[attr-defined]
                return future

            try:
                for job, answer in tasks.as_they_finish(
                    submit, list(left), tasks.threads_of(client), lambda: tasks.is_gone(client)
                ):
                    left.remove(job)
                    yield job, answer
            except KilledWorker as error:
                job = keys[str(error.task)]
                left.remove(job)
                yield job, (failed(job, job.name, DataError(DIED), time.monotonic()), {})


def make_there(
    wanted: Mapping[str, str], notebook: str, retrain: bool, home: str | None, job: Job
) -> tuple[Outcome, Files]:
    """Make a run on a worker of a cluster, in a folder that is deleted afterwards: its outcome and all its files.

    wanted   : code and libraries of whoever asked; others are refused.
    notebook : name of the one that is executed.
    retrain  : train learned policies anew.
    home     : folder of journal, books and prices that whoever asked has stated; None keeps the worker's own.
    job      : file, from the workbench's folder where it is in there, and parameters.
    """
    began = time.monotonic()
    try:
        tasks.check_worker(wanted)
        here = replace(job, file=tasks.path_here(job.file))
        tasks.refuse_own_threads(ONE_NOTEBOOK)
        with work_folder() as folder, environment({} if home is None else {HOME: home}):
            became = outcome(here, notebook=notebook_named(notebook), reports=folder, retrain=retrain)
            made = folder / became.run
            paths = [path for path in sorted(made.rglob("*")) if path.is_file()] if became.status == "made" else []
            return became, {path.relative_to(made).as_posix(): path.read_bytes() for path in paths}
    except Exception as error:  # whatever it is, it must not cost the other runs
        return failed(job, job.name, error, began), {}


def _received(job: Job, final: Path, became: Outcome, files: Files) -> Outcome:
    """Put a run that a worker sent into its place, whole or not at all, and give its row."""
    began = time.monotonic() - became.seconds
    if became.status == "failed":
        page = str(Path(became.page).with_stem(final.name))
        return replace(became, portfolio=job.portfolio, parameters=job.given, run=final.name, page=page)
    try:
        if became.run != final.name:
            raise DataError(
                f"a worker made {became.run}, and {final.name} was asked for: {job.file} or its data are not the same "
                "there. Give all machines the same files."
            )
        with writing(final), staged(final) as folder:
            for name, content in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                write_whole(folder / name, content)
            if changed := verify(folder).changed:
                raise DataError(f"{final.name} did not arrive as it was made: {changed[0]} Run it again.")
    except Exception as error:  # a full disk, say
        return failed(job, final.name, error, began)
    return replace(became, portfolio=job.portfolio)
