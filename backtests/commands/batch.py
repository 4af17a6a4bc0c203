"""Many reports at once: portfolio files times parameters, each a run of its own, and one page over all of them.

Each worker is a process that stays, and starts a fresh kernel for each run. A run that is there, whole, is not made
again, so that a batch that was interrupted goes on where it was. What fails is told on a page of its own, and never
stops the rest.
"""

import hashlib
import json
import math
import os
import re
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.commands.notebook_run import PORTFOLIO, ask_notebook, check_reads_portfolio, made_notebook
from backtests.commands.report import ask_report, asked_parameters, made_report
from backtests.pages.batch import FIGURES, batch_html
from backtests.runs.folder import NUMBERS, REPORTS, SUMMARY, clear_killed, staged
from backtests.runs.manifest import read_manifest
from backtests.runs.notebook import COMPARING, SET_BY_REPORT, DeadKernel, FailedCell
from backtests.runs.parameters import Plain
from backtests.runs.tasks import check_workers, in_processes
from backtests.runs.verify import verify
from backtests.wording import counted
from research.errors import ConfigError, DataError, PolicyError
from research.files import write_whole, writing
from research.names import check_name
from research.printable import printable
from research.progress import bar

TABLE, INDEX, FAILURES = "batch.parquet", "index.html", "failures"
MOST = 10_000  # runs of a batch
SHOWN = 20  # failures in the terminal
TRIES = 2  # of a run whose kernel or worker died
SHEET = "tearsheet.html"


@dataclass(frozen=True)
class Job:
    """One run of a batch: a portfolio file, and parameters of the notebook as name=value."""

    file: Path
    given: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of its failure's page, where the run has no name since its portfolio cannot be read."""
        made_from = json.dumps([str(self.file), self.given])
        return f"{self.file.stem}-{hashlib.sha256(made_from.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Outcome:
    """What became of a job: a row of the batch's table.

    portfolio, parameters : what was asked for.
    run       : name of its folder beside the batch's, or of the page of its failure.
    status    : "made", "found" where a whole run was there before, or "failed".
    policy    : that is recommended, or "".
    verdict   : in a sentence; of another notebook than the comparing one, its answer; of a failure, its reason.
    growth, sharpe, max_drawdown, cost, loss : of the recommended policy, or of the reference where there is none, in
                the units of tearsheet.json; NaN where there is none.
    warnings  : of the sheet, one a line.
    trades    : of the last day, in one line.
    page      : path from the batch's folder, to be opened.
    seconds   : that it took.
    failure   : content of the page of a failure.
    """

    portfolio: str
    parameters: str
    run: str
    status: str
    policy: str = ""
    verdict: str = ""
    growth: float = math.nan
    sharpe: float = math.nan
    max_drawdown: float = math.nan
    cost: float = math.nan
    loss: float = math.nan
    warnings: str = ""
    trades: str = ""
    page: str = ""
    seconds: float = 0.0
    failure: str = ""


@dataclass(frozen=True)
class MadeBatch:
    """A batch that was made: where, how many runs failed, and what the terminal shows of it."""

    folder: Path
    failed: int
    text: str


# -- what is asked for -----------------------------------------------------------------------------------------------


def jobs(files: Sequence[Path], given: Sequence[str], grid: Sequence[str], notebook: Path) -> list[Job]:
    """Every file with every combination of the grid, each once, in the order of the files.

    files    : of portfolios.
    given    : parameters of all runs, as name=value.
    grid     : parameters that vary, as name=v1,v2.
    notebook : whose parameters they are.
    Raises   : ConfigError for parameters that the notebook does not take, one that is given twice, and too many runs.
    """
    check_reads_portfolio(notebook)
    axes = [_axis(text) for text in grid]
    names = [text.partition("=")[0] for text in [*given, *(values[0] for values in axes)]]
    for name, times in Counter(names).items():
        if times > 1:
            raise ConfigError(f"parameter {name} is given {times} times: give it once, by -p or by --grid.")
    count = len(files) * math.prod(map(len, axes))
    if count > MOST:
        raise ConfigError(f"the batch has {count:,} runs, and may have at most {MOST:,}. Give fewer files or values.")
    chosen = [(*given, *point) for point in product(*axes)]
    for each in chosen:
        _asked(notebook, each)
    return list(dict.fromkeys(Job(file, each) for file in files for each in chosen))


def _axis(text: str) -> list[str]:
    """name=v1,v2 as name=v1 and name=v2; commas within brackets belong to a value."""
    name, _, values = text.partition("=")
    return list(dict.fromkeys(f"{name}={value}" for value in re.split(r",(?![^\[]*\])", values)))


def _asked(notebook: Path, given: Sequence[str]) -> dict[str, Plain]:
    return asked_parameters(notebook, given, SET_BY_REPORT if notebook == COMPARING else (PORTFOLIO,))


def notebook_named(name: str) -> Path:
    """The notebook of the workbench with this name. Raises ConfigError where there is none."""
    known = {path.stem: path for path in sorted(COMPARING.parent.glob("*.ipynb"))}
    if name not in known:
        raise ConfigError(f"--notebook is {name!r}: give one of {', '.join(known)}.")
    return known[name]


# -- one run ---------------------------------------------------------------------------------------------------------


def outcome(job: Job, *, notebook: Path, reports: Path, retrain: bool) -> Outcome:
    """Make the run of a job, or find it, in a worker; a failure is an outcome too.

    job      : file and parameters.
    notebook : to execute.
    reports  : folder of the runs.
    retrain  : train learned policies anew.
    """
    os.environ["TQDM_DISABLE"] = "1"  # the batch tells how far it is
    began, name = time.monotonic(), job.name
    plain = Outcome(job.file.stem, ", ".join(job.given), name, "failed")
    for left in reversed(range(TRIES)):
        try:
            if notebook == COMPARING:
                report = ask_report(job.file, job.given, reports)
                final, make = report.final, partial(made_report, report, retrain)
            else:
                given = _asked(notebook, job.given)
                asked = ask_notebook(notebook, job.file, given)
                final, make = reports / asked[1].name, partial(made_notebook, notebook, asked, given, reports)
            name, found = final.name, not retrain and _is_whole(final)
            if not found:
                make()
            facts = _facts(final, notebook)
            seconds = time.monotonic() - began
            return replace(plain, run=name, status="found" if found else "made", seconds=seconds, **facts)
        except DeadKernel as error:
            if not left:
                return _failed(replace(plain, run=name), error, began)
        except Exception as error:  # whatever it is, it must not cost the other runs
            return _failed(replace(plain, run=name), error, began)
    raise AssertionError("a run is made, found or failed")


def _is_whole(final: Path) -> bool:
    """Is the run there, with every file as it was made?"""
    if not final.exists():
        return False
    try:
        return not verify(final).changed
    except DataError:
        return False


def _facts(final: Path, notebook: Path) -> dict[str, Any]:
    """What a row says of a whole run, from its files."""
    read_manifest(final)
    if notebook != COMPARING:
        text = (final / SUMMARY).read_text(encoding="utf-8").strip()
        return {"verdict": text, "page": f"../{final.name}/{notebook.name}"}
    sheet = json.loads((final / NUMBERS).read_text(encoding="utf-8"))
    policy = sheet["recommendation"]["policy"]
    figures = sheet["figures"][policy or sheet["reference"]]
    return {
        "policy": policy or "",
        "verdict": sheet["recommendation"]["verdict"]["do"],
        **{name: math.nan if figures[name] is None else float(figures[name]) for name in FIGURES},
        "warnings": "\n".join(sheet["warnings"]),
        "trades": sheet["trades"]["headline"],
        "page": f"../{final.name}/{SHEET}",
    }


def _failed(plain: Outcome, error: Exception, began: float) -> Outcome:
    """A failure as an outcome: the last cell with its traceback, or a sentence, or for our own mistake where it was."""
    said = str(error) or type(error).__name__
    parts = [f"{plain.portfolio}  {plain.parameters}".strip(), said]
    if isinstance(error, FailedCell):
        parts += [f"The cell:\n\n{error.source}", error.traceback]
    elif not isinstance(error, ConfigError | DataError | PolicyError | OSError):
        said = f"{type(error).__name__}: {said}"
        parts.append("".join(traceback.format_exception(error)))
    page = f"{FAILURES}/{plain.run}.txt"
    text = "\n\n".join(parts) + "\n"
    return replace(plain, verdict=said, page=page, failure=text, seconds=time.monotonic() - began)


# -- the batch -------------------------------------------------------------------------------------------------------


def make_batch(
    files: Sequence[Path],
    given: Sequence[str] = (),
    grid: Sequence[str] = (),
    *,
    notebook: str = COMPARING.stem,
    name: str = "batch",
    workers: int = 1,
    reports: Path | None = None,
    retrain: bool = False,
) -> MadeBatch:
    """Make a run of each portfolio file with each combination of parameters, and a page and a table over them.

    files    : of portfolios.
    given    : parameters of all runs, as name=value.
    grid     : parameters that vary, as name=v1,v2.
    notebook : name of the one that is executed.
    name     : of the batch's folder beside its runs; an earlier batch of the name is replaced.
    workers  : processes, each of which executes one notebook at a time.
    reports  : folder of the runs, or None for the usual one.
    retrain  : train learned policies anew, and make again what is there.
    Raises   : ConfigError, before any run, for what is wrong with the parameters, the name or the number of workers.
    """
    check_workers(workers)
    check_name("--name is", name)
    home, path = reports or REPORTS, notebook_named(notebook)
    final = home / name
    if final.exists() and not (final / TABLE).exists():
        raise ConfigError(f"{final} is there, and is no batch: give another --name.")
    asked = jobs(files, given, grid, path)
    work = partial(outcome, notebook=path, reports=home.resolve(), retrain=retrain)
    done: dict[Job, Outcome] = {}
    began = time.monotonic()
    with bar(len(asked), "batch", "runs") as progress:
        try:
            for job, became in run_all(work, asked, workers):
                done[job] = became
                left = (len(asked) - len(done)) * (time.monotonic() - began) / len(done)
                progress.update()
                progress.stage(f"batch, about {_time(left)} left" if left else "batch")
        finally:
            clear_killed(home)  # where workers were interrupted, or died
    rows = sorted((done[job] for job in asked), key=lambda row: row.portfolio)  # stable: parameters as asked for
    with writing(final), staged(final) as folder:
        write_batch(folder, name, notebook, rows)
    failed = [row for row in rows if row.status == "failed"]
    return MadeBatch(final, len(failed), _text(rows, final))


def run_all(work: Callable[[Job], Outcome], asked: Sequence[Job], workers: int) -> Iterator[tuple[Job, Outcome]]:
    """Jobs with their outcomes as they finish, in processes.

    work    : gives the outcome of a job, and raises nothing.
    asked   : the jobs.
    workers : processes. Where one dies, what it may have been running is begun again once, and then has failed.
    """
    left, deaths = list(asked), Counter[Job]()
    while left:
        try:
            for job, became in in_processes(work, left, workers):
                left = [each for each in left if each != job]
                yield job, became
        except ConfigError:  # a worker died; the jobs themselves raise nothing
            running = left[:workers]  # they are begun in this order
            deaths.update(running)
            for job in running:
                if deaths[job] == TRIES:
                    left.remove(job)
                    plain = Outcome(job.file.stem, ", ".join(job.given), job.name, "failed")
                    died = DataError("the process that ran it died (was it killed, or out of memory?). Run it again.")
                    yield job, _failed(plain, died, time.monotonic())


def write_batch(folder: Path, name: str, notebook: str, rows: Sequence[Outcome]) -> None:
    """Write the table, the page and the failures of a batch into a folder."""
    table = pd.DataFrame([asdict(row) for row in rows]).drop(columns="failure")
    write_whole(folder / TABLE, table.to_parquet(index=False))
    write_whole(folder / INDEX, batch_html(name, notebook, table))
    failed = {row.page: row.failure for row in rows if row.status == "failed"}
    if failed:
        (folder / FAILURES).mkdir()
    for page, text in failed.items():
        write_whole(folder / page, "".join(c if c in "\n\t" else printable(c) for c in text))


def _text(rows: Sequence[Outcome], final: Path) -> str:
    """What the terminal shows: how many runs were made, found and failed, and why."""
    count: Mapping[str, int] = Counter(row.status for row in rows)
    lines = [f"{counted(len(rows), 'run')}: {count['made']} made, {count['found']} found, {count['failed']} failed."]
    failed = [row for row in rows if row.status == "failed"]
    lines += [f"  {row.portfolio} {row.parameters}: {row.verdict}" for row in failed[:SHOWN]]
    lines += [f"  … and {counted(len(failed) - SHOWN, 'more failure')}"] if len(failed) > SHOWN else []
    return "\n".join([*lines, "", str(final / INDEX)])


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
