"""One run of a batch: made, found, or failed, and its row of the table."""

import json
import math
import time
import traceback
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from backtests.evaluation.backtest_figures import HEADLINE_FIGURES
from backtests.runs.folder import NUMBERS_FILE, RESULTS_FILE, SUMMARY_FILE
from backtests.runs.manifest import read_manifest
from backtests.runs.notebook import COMPARING, DeadKernel, FailedCell, environment
from backtests.runs.report_settings import is_told_by_settings
from backtests.runs.verify import kept_run
from backtests.sheets.pages.batch import PICTURE_POINTS
from backtests.sheets.pages.client import CLIENT_PAGE
from desk.commands.batch.clients import client_run, make_client
from desk.commands.batch.plan import Job, parameters
from desk.commands.notebook_run import ask_notebook, made_notebook
from desk.commands.report import AskedReport, ask_report, made_report
from desk.commands.terminal import of_files
from foundation.arrays import Array
from foundation.dataclasses import asdict, dataclass, field, replace
from foundation.errors import ConfigError, DataError, PolicyError
from research.portfolio import load_portfolio
from research.risk.measures import BPS

FAILURES = "failures"
TRIES = 2  # of a run whose kernel or worker died
SHEET = "tearsheet.html"
BOUNDS = ("lower", "upper")  # of an interval
FILES = ("positions", "prices", "journal")  # parameters of notebooks that name files, whose content may change
LISTS = ("parameters", "drawdowns")  # columns with several values a row


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job: a row of the batch's table.

    portfolio : name of the portfolio on the page.
    parameters : parameters given, as name=value.
    run       : name of its folder beside the batch's, or of the page of its failure.
    status    : "made", "found" where a whole run was there before, "unchanged" where the previous batch had the same
                run, or "failed".
    policy    : name of the recommended policy, or "".
    verdict   : verdict in a sentence; for a notebook other than the comparing one, its answer; for a failure, its
                reason.
    growth, sharpe, max_drawdown, tracking_error, cost : figures of the recommended policy, or of the reference if there
                is none, in the units of tearsheet.json; NaN where there is none.
    intervals : bounds of these figures that the sheet has, by "growth_lower", "growth_upper" and so on.
    warnings  : warnings of the sheet, one a line.
    trades    : trades of the last day, in one line.
    orders    : number of orders; −1 where it is not known.
    turnover  : one-way turnover of these orders, fraction of NAV; NaN where it is not known.
    drawdowns : (PICTURE_POINTS,) deepest drawdown within each part of the test, for a small picture; or ().
    now       : policy that the desk follows now, or the candidate of least work; "" where there is none.
    gain      : the expected gain of the recommended policy on that, bp of NAV a year; NaN where there is none.
    page      : path of the page to open, from the batch's folder.
    seconds   : duration of the job, seconds.
    report    : name of the run whose comparison it shares with others, its own if that is the report of a client; "".
    nav       : NAV at the last close, currency; NaN where it is not known.
    drift     : the largest distance of a weight from its target, fraction of NAV.
    charges   : costs of the orders, currency.
    basis     : the currency of these amounts; "" where it is not known.
    failure   : content of the page of a failure.
    """

    portfolio: str
    parameters: tuple[str, ...]
    run: str
    status: str
    policy: str = ""
    verdict: str = ""
    growth: float = math.nan
    sharpe: float = math.nan
    max_drawdown: float = math.nan
    tracking_error: float = math.nan
    cost: float = math.nan
    intervals: Mapping[str, float] = field(default_factory=dict)
    warnings: str = ""
    trades: str = ""
    orders: int = -1
    turnover: float = math.nan
    drawdowns: tuple[float, ...] = ()
    now: str = ""
    gain: float = math.nan
    page: str = ""
    seconds: float = 0.0
    report: str = ""
    nav: float = math.nan
    drift: float = math.nan
    charges: float = math.nan
    basis: str = ""
    failure: str = ""


def table_of_outcomes(rows: list[Outcome]) -> pd.DataFrame:
    """A row a run, with the columns of `Outcome`, intervals flat, and without the pages of failures."""
    bounds = {f"{figure}_{bound}": math.nan for figure in HEADLINE_FIGURES for bound in BOUNDS}
    flat = [asdict(row) for row in rows]
    for row in flat:
        row |= {name: list(row[name]) for name in LISTS}
        del row["failure"]
        row |= bounds | row.pop("intervals")
    return pd.DataFrame(flat)


def row_of(row: Mapping[str, Any], status: str) -> Outcome:
    """A row of an earlier table, under another status."""
    bounds = {f"{figure}_{bound}": float(row[f"{figure}_{bound}"]) for figure in HEADLINE_FIGURES for bound in BOUNDS}
    own = {name: row[name] for name in Outcome.__dataclass_fields__ if name not in ("failure", "intervals")}
    return Outcome(**{**own, **{name: tuple(row[name]) for name in LISTS}, "status": status, "intervals": bounds})


def name_of_run(job: Job, notebook: Path) -> str:
    """The name of the run that a job will be. Raises ConfigError and DataError as `ask_report` does."""
    return _ask(job, notebook, Path())[0]


def report_of(job: Job) -> AskedReport:
    """The report that a job will be, or would be if it shared no comparison. Raises as `ask_report` does."""
    if job.missing:
        raise ConfigError(job.missing)
    return ask_report(job.file, job.given, Path(), job.trust_code)


def _ask(job: Job, notebook: Path, reports: Path, retrain: bool = False) -> tuple[str, Any]:
    """The name of the run that a job will be, and the input that makes it."""
    if job.missing:
        raise ConfigError(job.missing)
    if notebook == COMPARING:
        report = ask_report(job.file, job.given, reports, job.trust_code)
        if job.report:
            run = client_run(report.run, job)
            return run.name, partial(make_client, job, run, reports)
        return report.final.name, partial(made_report, report, retrain)
    given = parameters(notebook, job.given)
    asked = ask_notebook(notebook, job.file, given, job.trust_code)
    return asked[1].name, partial(made_notebook, notebook, asked, given, reports)


def outcome(job: Job, *, notebook: Path, reports: Path, retrain: bool) -> Outcome:
    """Make the run of a job, or find it, in a worker; a failure is an outcome too.

    job      : file and parameters.
    notebook : notebook to execute.
    reports  : folder of the runs.
    retrain  : true to train learned policies anew.
    """
    began, name = time.monotonic(), job.name
    with environment({"TQDM_DISABLE": "1"}):  # the batch tells how far it is
        for left in reversed(range(TRIES)):
            try:
                name, make = _ask(job, notebook, reports, retrain)
                found = None if retrain else found_run(job, reports / name, notebook)
                if found is not None:
                    return found
                make()
                return _whole(job, reports / name, notebook, "made", began)
            except DeadKernel as error:
                if not left:
                    return failed(job, name, error, began)
            except Exception as error:  # whatever it is, it must not cost the other runs
                return failed(job, name, error, began)
    raise AssertionError("a run is made, found or failed")


def is_told(job: Job) -> bool:
    """True if the name of a job's run tells all that it is made from. Raises as `ask_report` does."""
    files = any(name in FILES and value for name, _, value in (text.partition("=") for text in job.given))
    return not files and is_told_by_settings(load_portfolio(job.file, trust_code=job.trust_code))


def found_run(job: Job, final: Path, notebook: Path) -> Outcome | None:
    """The row of a run that is there, with every file as it was made; None where it is not, or is told by more."""
    began = time.monotonic()
    try:
        if kept_run(final) is None or not is_told(job):
            return None
        return _whole(job, final, notebook, "found", began)
    except DataError:  # of the report that it shares
        return None


def _whole(job: Job, final: Path, notebook: Path, status: str, began: float) -> Outcome:
    facts = _facts(final, notebook) if not job.report else dict(_shared_facts(final.with_name(job.report), notebook))
    if job.report:
        facts |= {"page": f"../{final.name}/{CLIENT_PAGE}", "report": job.report, "drawdowns": ()}
        facts |= read_manifest(final)["holder"]
    seconds = time.monotonic() - began
    return Outcome(job.portfolio, job.given, final.name, status, seconds=seconds, **facts)


@lru_cache(maxsize=16)
def _shared_facts(report: Path, notebook: Path) -> dict[str, Any]:
    """The fields of a row that clients share, read once: they are asked for when the report is made."""
    return _facts(report, notebook)


def _facts(final: Path, notebook: Path) -> dict[str, Any]:
    """The fields of a row for a whole run, from its files."""
    manifest = read_manifest(final)
    if notebook != COMPARING:
        text = (final / SUMMARY_FILE).read_text(encoding="utf-8").strip()
        return {"verdict": text, "page": f"../{final.name}/{notebook.name}"}
    sheet = json.loads((final / NUMBERS_FILE).read_text(encoding="utf-8"))
    made = sheet["recommendation"]
    policy = made["policy"]
    shown = policy or sheet["reference"]
    figures = sheet["figures"][shown]
    nav = pq.read_table(final / RESULTS_FILE, columns=["nav"], filters=[("policy", "==", shown)])
    return {
        "policy": policy or "",
        "now": made["now"] or "",
        "gain": made["candidates"][policy]["gain"]["value"] / made["nav"] * BPS if policy and made["now"] else math.nan,
        "verdict": made["verdict"]["do"],
        **{name: _number(figures[name]) for name in HEADLINE_FIGURES},
        "intervals": {
            f"{name}_{bound}": _number(sheet["intervals"][name].get("policies", {}).get(shown, {}).get(bound))
            for name in HEADLINE_FIGURES
            for bound in BOUNDS
        },
        "warnings": "\n".join(sheet["warnings"]),
        "trades": sheet["trades"]["headline"],
        "orders": len(sheet["trades"]["orders"]),
        "turnover": _number(sheet["trades"]["facts"]["turnover"]),
        "drawdowns": drawdowns(np.asarray(nav["nav"])),
        "page": f"../{final.name}/{SHEET}",
        **manifest.get("holder", {}),
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def drawdowns(nav: Array) -> tuple[float, ...]:
    """The deepest drawdown within each of `PICTURE_POINTS` equal parts of a test, to a tenth of a per cent.

    nav : (T,) at each close.

    >>> drawdowns(np.array([1.0, 2.0, 1.0, 3.0]))
    (0.0, 0.0, -0.5, 0.0)
    """
    fall = nav / np.maximum.accumulate(nav) - 1.0
    parts = np.array_split(fall, min(PICTURE_POINTS, len(fall)))
    return tuple(round(float(part.min()), 3) + 0.0 for part in parts)


def failed(job: Job, run: str, error: Exception, began: float) -> Outcome:
    """A failure as an outcome: the last cell with its traceback, or a sentence, or for our own mistake its place.

    job   : job that failed.
    run   : name of its run if it is known, else of the job.
    error : error that ended it.
    began : start of the job on the monotonic clock, seconds.
    """
    said = of_files(error) if isinstance(error, OSError) else str(error) or type(error).__name__
    parts = [f"{job.portfolio}  {job.parameters}".strip(), said]
    if isinstance(error, FailedCell):
        parts += [f"The cell:\n\n{error.source}", error.traceback]
    elif not isinstance(error, ConfigError | DataError | PolicyError | OSError):
        said = f"{type(error).__name__}: {said}"
        parts.append("".join(traceback.format_exception(error)))
    plain = Outcome(job.portfolio, job.given, run, "failed", verdict=said, page=f"{FAILURES}/{run}.txt")
    return replace(plain, failure="\n\n".join(parts) + "\n", seconds=time.monotonic() - began)
