"""Many reports at once: portfolio files times parameters, each a run of its own, and one page over all of them.

Portfolios that share a comparison (`comparison_key`), and accounts on one model, have one report; each has a run of his
own, made from it (`desk.commands.batch.clients`).

Each worker is a process that stays, and starts a fresh kernel for each report. A completed run is not made again, so
that an interrupted batch resumes. A run that fails is told at once and on a page of its own, and never stops the
others. The page names the differences from the previous batch of the name.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from statistics import mean
from typing import Any

import pandas as pd

from backtests.evaluation.backtest_figures import HEADLINE_FIGURES
from backtests.runs.batch_changes import Changes, changes_between, run_title
from backtests.runs.folder import MANIFEST, clear_killed, reports_folder, staged
from backtests.runs.notebook import COMPARING
from backtests.sheets.pages.batch import STATUSES, batch_html, changes_lines
from desk.commands.batch.clients import client_run
from desk.commands.batch.file import BatchPlan
from desk.commands.batch.plan import Job
from desk.commands.batch.run import (
    FAILURES,
    Outcome,
    failed,
    found_run,
    is_told,
    name_of_run,
    outcome,
    report_of,
    row_of,
    table_of_outcomes,
)
from desk.commands.batch.workers import on_cluster, run_jobs
from desk.commands.made import Made
from desk.commands.report import AskedReport
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError, DataError
from foundation.files import write_whole, writing
from foundation.paper.wording import counted, grouped
from foundation.printable import printable
from foundation.progress import bar, say
from research.portfolio.file.document import trusts_code

TABLE, INDEX = "batch.parquet", "index.html"
CLIENT_SECONDS = 0.5  # of a client's run, before the first one is made
LINES_SHOWN = 20  # failures, and changes of each kind, in the terminal


def make_batch(
    plan: BatchPlan,
    reports: Path | None = None,
    *,
    retrain: bool = False,
    if_changed: bool = False,
    trust_code: bool | None = None,
) -> Made:
    """Make the runs of a plan, and a page and a table over them, which replace an earlier batch of the name.

    plan       : the runs, and the machines that make them.
    reports    : folder of the runs, or None for the `reports_folder` of `plan.file`.
    retrain    : true to train learned policies anew, and to make existing runs again.
    if_changed : true to leave alone, unread, the runs with the data, settings and code of the previous batch; if
                 all runs have them, nothing is written.
    trust_code : true if the files may name rules by import path, as for `load_portfolio`.
    Raises     : ConfigError, before any run, where no run can start; and as `on_cluster` does.
    """
    if retrain and if_changed:
        raise ConfigError("--retrain and --if-changed exclude each other: give one of them.")
    trusted = trusts_code(trust_code)  # by whoever asks, and not by the environment of a worker
    plan = replace(plan, jobs=[replace(job, trust_code=trusted) for job in plan.jobs])
    reports = reports or reports_folder(plan.file or plan.jobs[0].file)
    home, final = reports.resolve(), reports / plan.name
    if final.exists() and not (final / TABLE).exists():
        raise ConfigError(f"{final} is there, and is no batch: give another --name.")
    before = _previous(final)
    names, done = named_runs(plan, home)
    if not names:
        reasons = "\n".join(dict.fromkeys(row.verdict for row in done.values()))
        raise ConfigError(f"no run of the batch can start, so nothing was written:\n{reasons}")
    if if_changed and before is not None:
        done |= _unchanged(names, before, home)
        if len(done) == len(before) == len(plan.jobs) and all(row.status == "unchanged" for row in done.values()):
            text = f"Nothing has changed since the previous batch: {counted(len(done), 'run')}, none of them made."
            return Made(final, f"{text}\n\n{final / INDEX}")
    todo = {job: name for job, name in names.items() if job not in done}
    try:
        pace = RunPace.of(before, plan.workers)
        done |= dict(_told(_outcomes(plan, todo, home, retrain, pace), todo, done, pace))
    finally:
        clear_killed(home)  # where workers were interrupted, or died
    first = {job.report for job in names if job.report and job.account is None}  # reports of clients, and of no model
    rows = [replace(row, report=row.run) if row.run in first else row for row in map(done.__getitem__, plan.jobs)]
    rows.sort(key=lambda row: row.portfolio)  # stable: parameters as asked for
    with writing(final), staged(final) as folder:
        changes = write_batch(folder, plan.name, plan.notebook.stem, rows, before)
    return Made(final, _text(rows, changes, final), sum(row.status == "failed" for row in rows))


def named_runs(plan: BatchPlan, home: Path) -> tuple[dict[Job, str], dict[Job, Outcome]]:
    """The name of the run of each job; and the failures of those that have none, or the name of an earlier job's.

    A job that shares the comparison of another has its `report` filled in.
    home : folder of the runs: of the jobs that share a comparison, one whose report is there makes it, else the first.
    """
    names, failures, taken = dict[Job, str](), dict[Job, Outcome](), dict[str, Job]()
    asked = dict[Job, AskedReport]()
    with bar(len(plan.jobs), "reading portfolios", "runs") as progress:
        if plan.notebook == COMPARING:
            for job in (job for job in plan.jobs if job.account is None):
                with _failing(job, failures):
                    asked[job] = report_of(job)
                progress.update()
        shared = _shared(asked, home)
        for job in (job for job in plan.jobs if job not in failures):
            with _failing(job, failures):
                if plan.notebook != COMPARING:
                    name = name_of_run(job, plan.notebook)
                elif job.account is None and job not in shared:
                    name = asked[job].run.name
                else:
                    job, name = _client(job, asked, shared, failures)
                if name in taken:
                    raise ConfigError(
                        f"{_called(taken[name])} and {_called(job)} are both the run {name}, which is made once. Leave "
                        "one of the two out."
                    )
                names[job], taken[name] = name, job
            progress.update(job not in asked)
    return names, failures


@contextmanager
def _failing(job: Job, failures: dict[Job, Outcome]) -> Iterator[None]:
    """A block whose error, whatever it is, is told and kept as the outcome of a job, and costs no other run."""
    try:
        yield
    except Exception as error:
        failures[job] = failed(job, job.name, error, time.monotonic())
        _say_failed(failures[job])


def _shared(asked: Mapping[Job, AskedReport], home: Path) -> dict[Job, str]:
    """The name of the report that a job shares, for each job of which another makes it."""
    shared = dict[Job, str]()
    for jobs in grouped((report.comparison, job) for job, report in asked.items()).values():
        names = [asked[job].run.name for job in jobs]
        made = next((name for name in names if (home / name).exists()), names[0])
        shared |= {job: made for job, name in zip(jobs, names, strict=True) if name != made}
    return shared


def _client(
    job: Job, asked: Mapping[Job, AskedReport], shared: Mapping[Job, str], failures: Mapping[Job, Outcome]
) -> tuple[Job, str]:
    """The job of a client with the report that he shares, and the name of his run.

    Raises : ConfigError for an account whose model cannot be read.
    """
    model = Job(job.file, job.given)
    if job.missing or model in failures:
        raise ConfigError(job.missing or failures[model].verdict)
    job = replace(job, report=shared.get(model, asked[model].run.name))
    return job, client_run(asked[model].run, job).name


def _called(job: Job) -> str:
    return f"{job.file} with {job.parameters}" if job.given else str(job.file)


def _previous(final: Path) -> pd.DataFrame | None:
    """The table of the batch that has the name now; None where there is none, or one of an earlier version."""
    if not final.exists():
        return None
    try:
        table = pd.read_parquet(final / TABLE)
    except (OSError, ValueError):
        return None
    return table if set(table_of_outcomes([Outcome("", (), "", "")]).columns) <= set(table.columns) else None


def _unchanged(names: Mapping[Job, str], before: pd.DataFrame, home: Path) -> dict[Job, Outcome]:
    """Rows of the previous batch for jobs whose runs have the same name, which tells their data, settings and code."""
    told = cache(is_told)
    old: dict[Any, dict[Any, Any]] = {
        (row["run"], row["portfolio"], tuple(row["parameters"])): row for row in before.to_dict("records")
    }
    found = {}
    for job, name in names.items():
        row = old.get((name, job.portfolio, job.given))
        there = row is not None and row["status"] != "failed" and (home / name / MANIFEST).exists()
        if row is not None and there and told(replace(job, account=None)):
            found[job] = row_of(row, "unchanged")
    return found


def _outcomes(
    plan: BatchPlan, names: Mapping[Job, str], home: Path, retrain: bool, pace: "RunPace"
) -> Iterator[tuple[Job, Outcome]]:
    """Jobs with their outcomes: first those whose run is there, which need no worker, then others as they finish.

    Clients follow the reports whose comparison they share; this machine makes their runs, which takes no time.
    """
    left = dict(names)
    for job, name in names.items() if not retrain else ():
        found = found_run(job, home / name, plan.notebook)
        if found is not None:
            del left[job]
            yield job, found
    work = partial(outcome, notebook=plan.notebook, reports=home, retrain=retrain)
    reports, failures = {job: name for job, name in left.items() if not job.report}, dict[str, str]()
    if left:
        say(_plan_words(len(reports), len(left) - len(reports), plan, pace))
    for job, row in (
        on_cluster(reports, plan.notebook, home, retrain, plan.cluster)
        if plan.cluster
        else run_jobs(work, list(reports), plan.workers)
    ):
        if row.status == "failed":
            failures[reports[job]] = row.verdict
        yield job, row
    clients = [job for job in left if job.report]
    for job in clients:
        if job.report in failures:
            error = DataError(f"its comparison, {job.report}, failed: {failures[job.report]}")
            yield job, failed(job, left[job], error, time.monotonic())
    yield from run_jobs(work, [job for job in clients if job.report not in failures], plan.workers)


@dataclass
class RunPace:
    """The time that the runs of a batch take: of the previous batch, and then of this one.

    workers  : number of runs that are made at once, or of seconds of work done in one.
    reports  : seconds of each report that was made.
    clients  : seconds of each run of a client.
    """

    workers: float
    reports: list[float] = field(default_factory=list)
    clients: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, before: pd.DataFrame | None, workers: int) -> "RunPace":
        """The pace of the previous batch of the name, if there is one."""
        pace = cls(workers)
        if before is not None:
            made = before[before["status"].isin(["made", "unchanged"])]
            for run, report, seconds in zip(made["run"], made["report"], made["seconds"], strict=True):
                pace.add(report not in ("", run), float(seconds))
        return pace

    def add(self, client: bool, seconds: float) -> None:
        """Add the duration of a run."""
        (self.clients if client else self.reports).append(seconds)

    def left(self, reports: int, clients: int) -> str:
        """About how long so many runs take, in words; "" where nothing is left, or no report was made yet.

        >>> RunPace(2, [60.0, 20.0], [0.5]).left(10, 200), RunPace(1, [30.0]).left(2, 0), RunPace(1).left(1, 0)
        ('4 min', '60 s', '')
        """
        if reports and not self.reports:
            return ""
        rest = reports * mean(self.reports or [0.0]) + clients * mean(self.clients or [CLIENT_SECONDS])
        rest /= self.workers
        return "" if not rest else f"{rest:.0f} s" if rest < 90 else f"{rest / 60:.0f} min"


def _told(
    became: Iterator[tuple[Job, Outcome]], todo: Mapping[Job, str], done: Mapping[Job, Outcome], pace: RunPace
) -> Iterator[tuple[Job, Outcome]]:
    """The same outcomes, while a line shows their number and about how much time is left; failures are told at once."""
    left, broken = Counter(bool(job.report) for job in todo), set[str]()
    began, busy = time.monotonic(), 0.0
    with bar(len(todo) + len(done), "batch", "runs", done=len(done)) as progress:
        for job, row in became:
            left[bool(job.report)] -= 1
            if row.status == "failed" and job.report not in broken:  # else its report has been told
                broken.add(todo[job])
                _say_failed(row)
            if row.status == "made":
                busy += row.seconds
                pace.add(bool(job.report), row.seconds)
                pace.workers = max(pace.workers, busy / (time.monotonic() - began))  # those of a cluster are not known
            time_left = pace.left(left[False], left[True])
            progress.update()
            progress.stage(f"batch, about {time_left} left" if time_left else "batch")
            yield job, row


def _plan_words(reports: int, clients: int, plan: BatchPlan, pace: RunPace) -> str:
    """The runs that are to be made, and about how long they take, before the first one begins."""
    of_clients = (
        f": {counted(reports, 'comparison')}, and {counted(clients, 'client')} that share one" if clients else ""
    )
    by = "on a cluster" if plan.cluster else f"with {counted(plan.workers, 'worker')}"
    time_left = pace.left(reports, clients)
    about = f"about {time_left} {by}" if time_left else f"{by}; the first one will tell about how long"
    return f"{counted(reports + clients, 'run')} to make{of_clients}, {about}."


def _say_failed(row: Outcome) -> None:
    say(f"failed: {run_title((row.portfolio, row.parameters))}: {row.verdict}")


def write_batch(
    folder: Path, name: str, notebook: str, rows: Sequence[Outcome], before: pd.DataFrame | None = None
) -> Changes | None:
    """Write the table, the page and the failures of a batch into a folder; gives the changes since the previous one.

    folder   : empty folder of the batch.
    name     : name of the batch.
    notebook : name of the executed notebook.
    rows     : rows of the table.
    before   : table of the previous batch, or None.
    """
    table = table_of_outcomes(list(rows))
    changes = None if before is None else changes_between(before, table, HEADLINE_FIGURES)
    write_whole(folder / TABLE, table.to_parquet(index=False))
    write_whole(folder / INDEX, batch_html(name, notebook, table, changes))
    pages = {row.page: row.failure for row in rows if row.status == "failed"}
    if pages:
        (folder / FAILURES).mkdir()
    for page, text in pages.items():
        write_whole(folder / page, "".join(c if c in "\n\t" else printable(c) for c in text))
    return changes


def _text(rows: Sequence[Outcome], changes: Changes | None, final: Path) -> str:
    """The text for the terminal: numbers of runs made, found and failed, reasons of failures, and changes."""
    count: Mapping[str, int] = Counter(row.status for row in rows)
    shown = [status for status in STATUSES if status != "unchanged" or count[status]]
    lines = [f"{counted(len(rows), 'run')}: {', '.join(f'{count[status]} {status}' for status in shown)}."]
    wrong = [row for row in rows if row.status == "failed"]
    lines += [f"  {run_title((row.portfolio, row.parameters))}: {row.verdict}" for row in wrong[:LINES_SHOWN]]
    lines += [f"  … and {counted(len(wrong) - LINES_SHOWN, 'more failure')}"] if len(wrong) > LINES_SHOWN else []
    lines += [] if changes is None else changes_lines(changes, LINES_SHOWN)
    return "\n".join([*lines, "", str(final / INDEX)])
