"""Many reports at once: portfolio files times parameters, each a run of its own, and one page over all of them.

Each worker is a process that stays, and starts a fresh kernel for each run. A completed run is not made again, so
that an interrupted batch resumes. A run that fails is reported on a page of its own, and never stops the others. The
page names the differences from the previous batch of the name.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.evaluation.backtest_figures import HEADLINE_FIGURES
from backtests.runs.batch_changes import Changes, called, changes_between
from backtests.runs.folder import MANIFEST, clear_killed, reports_folder, staged
from backtests.sheets.pages.batch import STATUSES, batch_html, changes_lines
from desk.commands.batch.file import Plan
from desk.commands.batch.plan import Job
from desk.commands.batch.run import FAILURES, Outcome, failed, found_run, name_of, outcome, row_of, table_of
from desk.commands.batch.workers import on_cluster, run_all
from desk.commands.made import Made
from foundation.errors import ConfigError
from foundation.files import write_whole, writing
from foundation.paper.wording import counted
from foundation.printable import printable
from foundation.progress import bar
from research.portfolio.file.document import trusts_code

TABLE, INDEX = "batch.parquet", "index.html"
LINES_SHOWN = 20  # failures, and changes of each kind, in the terminal


def make_batch(
    plan: Plan,
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
    names, done = named_runs(plan)
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
        done |= dict(_told(_outcomes(plan, todo, home, retrain), len(plan.jobs), done))
    finally:
        clear_killed(home)  # where workers were interrupted, or died
    rows = sorted((done[job] for job in plan.jobs), key=lambda row: row.portfolio)  # stable: parameters as asked for
    with writing(final), staged(final) as folder:
        changes = write_batch(folder, plan.name, plan.notebook.stem, rows, before)
    return Made(final, _text(rows, changes, final), sum(row.status == "failed" for row in rows))


def named_runs(plan: Plan) -> tuple[dict[Job, str], dict[Job, Outcome]]:
    """The name of the run of each job; and the failures of those that have none, or the name of an earlier job's."""
    names, failures, taken = dict[Job, str](), dict[Job, Outcome](), dict[str, Job]()
    with bar(len(plan.jobs), "reading portfolios", "runs") as progress:
        for job in plan.jobs:
            began = time.monotonic()
            try:
                name = name_of(job, plan.notebook)
                if name in taken:
                    raise ConfigError(
                        f"{_called(taken[name])} and {_called(job)} are both the run {name}, which is made once. Leave "
                        "one of the two out."
                    )
            except Exception as error:  # whatever it is, it must not cost the other runs
                failures[job] = failed(job, job.name, error, began)
            else:
                names[job] = name
                taken[name] = job
            progress.update()
    return names, failures


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
    return table if set(table_of([Outcome("", (), "", "")]).columns) <= set(table.columns) else None


def _unchanged(names: Mapping[Job, str], before: pd.DataFrame, home: Path) -> dict[Job, Outcome]:
    """Rows of the previous batch for jobs whose runs have the same name, and so the same data, settings and code."""
    old: dict[Any, dict[Any, Any]] = {
        (row["run"], row["portfolio"], tuple(row["parameters"])): row for row in before.to_dict("records")
    }
    found = {}
    for job, name in names.items():
        row = old.get((name, job.portfolio, job.given))
        if row is not None and row["status"] != "failed" and (home / name / MANIFEST).exists():
            found[job] = row_of(row, "unchanged")
    return found


def _outcomes(plan: Plan, names: Mapping[Job, str], home: Path, retrain: bool) -> Iterator[tuple[Job, Outcome]]:
    """Jobs with their outcomes: first those whose run is there, which need no worker, then others as they finish."""
    left = dict(names)
    for job, name in names.items() if not retrain else ():
        found = found_run(job, home / name, plan.notebook)
        if found is not None:
            del left[job]
            yield job, found
    if plan.cluster:
        yield from on_cluster(left, plan.notebook, home, retrain, plan.cluster)
    else:
        work = partial(outcome, notebook=plan.notebook, reports=home, retrain=retrain)
        yield from run_all(work, list(left), plan.workers)


def _told(
    became: Iterator[tuple[Job, Outcome]], total: int, done: Mapping[Job, Outcome]
) -> Iterator[tuple[Job, Outcome]]:
    """The same outcomes, while a line shows their number and about how much time is left."""
    began, made, ended = time.monotonic(), 0, len(done)
    with bar(total, "batch", "runs", done=ended) as progress:
        for job, row in became:
            ended += 1
            made += row.status != "found"
            left = time_left(time.monotonic() - began, made, total - ended)
            progress.update()
            progress.stage(f"batch, about {left} left" if left else "batch")
            yield job, row


def time_left(seconds: float, made: int, left: int) -> str:
    """About how long the rest of a batch takes, in words; "" where nothing was made yet or nothing is left.

    seconds : since its beginning.
    made    : number of runs since then that were not found, which takes no time.
    left    : number of runs that are not finished.

    >>> time_left(30.0, 2, 4), time_left(60.0, 1, 100), time_left(1.0, 0, 5)
    ('60 s', '100 min', '')
    """
    rest = seconds / made * left if made else 0.0
    return "" if not rest else f"{rest:.0f} s" if rest < 90 else f"{rest / 60:.0f} min"


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
    table = table_of(list(rows))
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
    lines += [f"  {called((row.portfolio, row.parameters))}: {row.verdict}" for row in wrong[:LINES_SHOWN]]
    lines += [f"  … and {counted(len(wrong) - LINES_SHOWN, 'more failure')}"] if len(wrong) > LINES_SHOWN else []
    lines += [] if changes is None else changes_lines(changes, LINES_SHOWN)
    return "\n".join([*lines, "", str(final / INDEX)])
