"""Jobs: reports, backtests, sweeps and cycles that workers make; how far they are, what they gave, and their files."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import date
from mimetypes import guess_type
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from backtests.runs.folder import MANIFEST, code_version, found_at
from backtests.runs.manifest import read_manifest
from backtests.runs.notebook import COMPARING, SET_BY_REPORT, SWEEPING
from backtests.runs.parameters import Plain, check_parameters
from desk.commands.report import asked_parameters
from desk.service.bodies import Body, Id, JsonRoute, Moment
from desk.service.caller import APPROVALS, Caller, InService, Service, needs
from desk.service.folders import JOBS, PORTFOLIOS, RUNS
from desk.service.jobs import queue
from desk.service.jobs.worker import PAGE, PRICES_JOB, RECORD, space_wanted
from desk.service.portfolios.stored import check_version, found_portfolio, seen_by, written_out
from desk.service.portfolios.validation import yaml_of
from desk.service.prices import book_requests
from desk.service.problems import FieldMistake, Problem
from desk.service.store.tables import QueuedJob, StoredPortfolio
from foundation.arguments import did_you_mean
from foundation.canonical import content_hash
from foundation.errors import DataError
from foundation.files import write_whole
from foundation.names import NAME_FIX, name_fault
from research.portfolio.file.document import read_document

router = APIRouter(prefix="/api", tags=["jobs"], route_class=JsonRoute)
Reader = Annotated[Caller, Depends(needs("viewer", "jobs"))]
Writer = Annotated[Caller, Depends(needs("manager", "jobs"))]
Limit = Annotated[int, Query(ge=1, le=100)]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Kind = Literal["report", "backtest", "cycle", "sweep", "prices"]
State = Literal["queued", "running", "done", "failed", "cancelled"]
MOST_OPEN = 100  # jobs of a user that wait or run
SWEPT = ("bands", "costs", "lags")  # parameters of the notebook of sweeps that a sweep takes
DESTINATIONS, SCHEDULES = [0.0, 0.5, 1.0], ["week", "month", "quarter", "year"]  # of a sweep, as in its notebook
AXIS_VALUES = 50  # of an axis of a sweep
MOST_STREAMS, LONGEST_STREAM, LOOK = 4, 600.0, 0.5  # of a user, on a server; seconds of one; seconds between looks
OTHER_TYPE = "application/octet-stream"
Answers = dict[int | str, dict[str, Any]]
ASKED_ANSWERS: Answers = {status: {} for status in (404, 410, 429, 503)}
CHANGED_ANSWERS: Answers = {status: {} for status in (409, 429)}
OF_FILES: Answers = {200: {"content": {"*/*": {}}}}
_streams = Counter[str]()  # of this process, by user


class Work(Body):
    """A portfolio to work on. version : its number, null for the newest."""

    portfolio: Id
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class BacktestBody(Work):
    """A backtest of one policy. sheet : true for its own tearsheet. retrain : true to train a learned one anew."""

    policy: Name
    sheet: bool = False
    retrain: bool = False


class ReportBody(Work):
    """A comparison of all policies. parameters : of its notebook, such as `draws` or `reference`."""

    parameters: Annotated[dict[Name, Plain], Field(default_factory=dict, max_length=10)]
    retrain: bool = False


class BatchBody(Body):
    """A report on each of several portfolios, all with the same parameters."""

    portfolios: Annotated[list[Id], Field(min_length=1, max_length=20)]
    parameters: Annotated[dict[Name, Plain], Field(default_factory=dict, max_length=10)]
    retrain: bool = False


class SweepBody(Work):
    """A sweep. parameters : `bands`, `costs` and `lags` of its notebook, which each have a list."""

    parameters: Annotated[dict[Name, Plain], Field(default_factory=dict, max_length=10)]


class CycleBody(Work):
    """A decision cycle. as_of : its day; later closes are left out; null for that of the exchange."""

    as_of: date | None = None


class JobResult(BaseModel):
    """The words of a command. status : its exit status. messages : to stderr. asks : true if a person is asked."""

    status: int | None = None
    text: str = ""
    messages: str = ""
    asks: bool = False


class JobRecord(BaseModel, from_attributes=True):
    """A job.

    portfolio, version : those that it works on; null of a job that fetches prices before there is a portfolio.
    user     : id of who asked for it.
    attempts : times that a worker began it.
    progress : how far it is, in words.
    waits_for : of one that waits, why no worker can take it and whom to tell; "" where one can.
    code     : version of the code that may do it.
    run      : name of the run that it made, null before and of a cycle.
    files    : names of its files, once it is asked for alone.
    """

    id: str
    kind: Kind
    portfolio: str | None
    version: int | None
    user: str
    state: State
    attempts: int
    progress: str
    waits_for: str = ""
    is_cancelled: bool
    code: str
    run: str | None
    result: JobResult | None
    created: Moment
    started: Moment | None
    ended: Moment | None
    files: list[str] = []


class JobList(BaseModel):
    """Jobs, the newest first; `total` counts those that were left out too."""

    total: int
    jobs: list[JobRecord]


# -- what is asked for -------------------------------------------------------------------------------------------------


@router.post("/backtest", status_code=202, responses=ASKED_ANSWERS)
def backtest(body: BacktestBody, caller: Writer, service: InService, response: Response) -> JobRecord:
    """Queue a backtest of one policy of a portfolio."""
    file = _file_of(service, caller, body)
    policies = read_document(file, trust_code=False).mapping("policies")
    if body.policy not in policies:
        mistake = FieldMistake("/policy", "no policy of it", body.policy, did_you_mean(body.policy, policies))
        raise Problem(400, "The portfolio has no such policy.", [mistake])
    switches = ["--sheet"] * body.sheet + ["--retrain"] * body.retrain
    return _queued(service, caller, body, file, "backtest", [f"--policy={body.policy}", *switches], response)


@router.post("/report", status_code=202, responses=ASKED_ANSWERS)
def report(body: ReportBody, caller: Writer, service: InService, response: Response) -> JobRecord:
    """Queue a report on a portfolio: its policies compared, with tearsheet, trade list and results."""
    options = _report_options(body)
    return _queued(service, caller, body, _file_of(service, caller, body), "report", options, response)


@router.post("/batch", status_code=202, responses=ASKED_ANSWERS)
def batch(body: BatchBody, caller: Writer, service: InService, response: Response) -> JobList:
    """Queue a report on each of several portfolios. None is queued where one of them cannot be."""
    options, each = _report_options(body), [Work(portfolio=portfolio) for portfolio in dict.fromkeys(body.portfolios)]
    files = [_file_of(service, caller, one, len(each)) for one in each]
    made = [
        _queued(service, caller, one, file, "report", options, response) for one, file in zip(each, files, strict=True)
    ]
    response.headers["Location"] = f"{router.prefix}/jobs"
    return JobList(total=len(made), jobs=made)


def _report_options(body: ReportBody | BatchBody) -> list[str]:
    """The options of the command that makes a report. Raises ConfigError and Problem 400 for a wrong parameter."""
    given = [f"{name}={value}" for name, value in body.parameters.items()]
    asked = asked_parameters(COMPARING, given, SET_BY_REPORT)
    for name in ("reference", "benchmark"):  # a file beside the portfolio, at most
        if (word := asked.get(name)) and (fault := name_fault(word)):
            raise Problem(400, f"It {fault}.", [FieldMistake(f"/parameters/{name}", "no name", word, NAME_FIX)])
    return [f"--parameter={word}" for word in given] + ["--retrain"] * body.retrain


@router.post("/sweep", status_code=202, responses=ASKED_ANSWERS)
def sweep(body: SweepBody, caller: Writer, service: InService, response: Response) -> JobRecord:
    """Queue a sweep of a portfolio: thresholds of several bands and calendars, at several costs and lags."""
    if mistakes := [
        FieldMistake(f"/parameters/{name}", "no parameter of a sweep", value, did_you_mean(name, SWEPT))
        for name, value in body.parameters.items()
        if name not in SWEPT
    ]:
        raise Problem(400, "A sweep has no such parameter.", mistakes)
    asked: Any = check_parameters(SWEEPING, body.parameters)
    if mistakes := [
        FieldMistake(f"/parameters/{name}", "too long", len(asked[name]), f"Give {AXIS_VALUES} values at most.")
        for name in SWEPT
        if len(asked[name]) > AXIS_VALUES
    ]:
        raise Problem(400, "The sweep is too large.", mistakes)
    file, (bands, costs, lags) = _file_of(service, caller, body), (asked[name] for name in SWEPT)
    rules = {"never": None, "calendar": {"schedule": SCHEDULES}, "threshold": {"band": bands, "to": DESTINATIONS}}
    tree = {"portfolio": f"../{file.name}", "rules": rules, "cost_multiples": costs, "lags": lags}
    folder = file.parent / f"sweep-{content_hash(tree)}"
    folder.mkdir(exist_ok=True, mode=0o700)
    described = write_whole(folder / file.name, yaml_of(tree))
    return _queued(service, caller, body, described, "sweep", ["--fresh"], response)


@router.post("/cycle", status_code=202, responses=ASKED_ANSWERS)
def cycle(body: CycleBody, caller: Writer, service: InService, response: Response) -> JobRecord:
    """Queue a decision cycle of a portfolio, which is journalled; exit status 3 of its result asks for a person."""
    found_portfolio(service, caller, body.portfolio, for_change=True)
    options, file = [f"--as-of={body.as_of}"] if body.as_of else [], _file_of(service, caller, body)
    _check_acts(caller, file)
    check_version(service, caller, body.portfolio, body.version)
    return _queued(service, caller, body, file, "cycle", options, response)


def _check_acts(caller: Caller, file: Path) -> None:
    """Raise Problem 403 for a cycle that may send orders, of a caller who may not."""
    if (read_document(file, trust_code=False).value("cycle", default={}) or {}).get("acts"):
        caller.check("manager", APPROVALS)


def _file_of(service: Service, caller: Caller, body: Work, count: int = 1) -> Path:
    """The file of the portfolio to work on. Raises Problem as `check_open` and `written_out`, and for a full disk."""
    check_open(service, caller, count)
    check_space(service)
    return written_out(service, caller, body.portfolio, body.version)


def check_space(service: Service) -> None:
    """Raise Problem 503 where the disk is nearly full."""
    if wanted := space_wanted(service.settings.folder):
        raise Problem(503, wanted, retry_after=600)


def check_open(service: Service, caller: Caller, more: int = 1) -> None:
    """Raise Problem 429 where a caller has too many jobs that wait or run.  more : number that he asks for."""
    with service.sessions() as session:
        own = QueuedJob.user == caller.user, QueuedJob.state.in_(queue.OPEN_STATES)
        count = session.scalar(select(func.count()).select_from(QueuedJob).where(*own)) or 0
    if count + more > MOST_OPEN:
        told = f"You have {count:,} jobs that wait or run: wait for one, or cancel one."
        raise Problem(429, told, retry_after=60)


def _queued(
    service: Service, caller: Caller, body: Work, file: Path, kind: Kind, options: list[str], response: Response
) -> JobRecord:
    """A new job in the queue.  file : what its command reads, in the folder of a version of the portfolio."""
    root = service.root(caller.tenant)
    version = int(file.relative_to(root / PORTFOLIOS / body.portfolio).parts[0])
    job = QueuedJob(
        tenant=caller.tenant, user=caller.user, portfolio=body.portfolio, version=version, kind=kind,
        arguments={"file": file.relative_to(root).as_posix(), "options": options},
        code=code_version(),
    )  # fmt: skip
    with service.sessions.begin() as session:
        session.add(job)
        session.flush()
        response.headers["Location"] = f"{router.prefix}/jobs/{job.id}"
        return job_records(session, [job])[0]


def job_records(session: Session, found: Iterable[QueuedJob]) -> list[JobRecord]:
    """The records of jobs, with why no worker can take those that wait; without their files."""
    codes = queue.live_codes(session)
    return [
        JobRecord.model_validate(each).model_copy(update={"waits_for": queue.reason_to_wait(each, codes)})
        for each in found
    ]


# -- what became of it -------------------------------------------------------------------------------------------------


def of_seen(caller: Caller) -> ColumnElement[bool]:
    """The condition on jobs that a caller sees: those of portfolios that he sees, and his own of no portfolio."""
    is_own = QueuedJob.portfolio.is_(None) & (QueuedJob.user == caller.user)
    return is_own | QueuedJob.portfolio.in_(select(StoredPortfolio.id).where(seen_by(caller)))


def _seen(service: Service, caller: Caller, job: str) -> QueuedJob:
    """A job that a caller sees. Raises Problem 404 for another one."""
    with service.sessions() as session:
        found = session.scalar(select(QueuedJob).where(QueuedJob.id == job, of_seen(caller)))
    if found is None:
        raise Problem(404, "There is no job of this id. List yours: GET /api/jobs")
    return found


@router.get("/jobs")
def jobs(
    caller: Reader,
    service: InService,
    state: State | None = None,
    kind: Kind | None = None,
    portfolio: Id | None = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> JobList:
    """List the jobs of the portfolios that you see, the newest first."""
    asked = {QueuedJob.state: state, QueuedJob.kind: kind, QueuedJob.portfolio: portfolio}
    wanted = [of_seen(caller), *(column == value for column, value in asked.items() if value is not None)]
    newest = select(QueuedJob).where(*wanted).order_by(QueuedJob.created.desc(), QueuedJob.id)
    with service.sessions() as session:
        total = session.scalar(select(func.count()).select_from(QueuedJob).where(*wanted)) or 0
        found = session.scalars(newest.limit(limit).offset(offset))
        return JobList(total=total, jobs=job_records(session, found))


@router.get("/jobs/{id}")
def job(id: Id, caller: Reader, service: InService) -> JobRecord:
    """Say how far a job is, or what it gave."""
    found = _seen(service, caller, id)
    with service.sessions() as session:
        (record,) = job_records(session, [found])
    return record.model_copy(update={"files": _files(service, found)[1]})


@router.get("/backtest/{id}/status")
def backtest_status(id: Id, caller: Reader, service: InService) -> JobRecord:
    """Say how far a backtest is, or what it gave."""
    found = job(id, caller, service)
    if found.kind != "backtest":
        raise Problem(404, f"The job is a {found.kind}: GET {router.prefix}/jobs/{id}")
    return found


@router.get("/jobs/{id}/files/{name:path}", response_class=FileResponse, responses=OF_FILES)
def file(id: Id, name: Annotated[str, InPath(max_length=400)], caller: Reader, service: InService) -> FileResponse:
    """Give a file of a job: of the run that it made, or the record and the page of a cycle."""
    folder, names = _files(service, _seen(service, caller, id))
    if name not in names:
        raise Problem(404, f"The job has no such file. It has {len(names)}: GET {router.prefix}/jobs/{id}")
    kind = guess_type(name)[0] or OTHER_TYPE
    where = "inline" if kind in ("text/html", "text/plain", "application/json") else "attachment"
    return FileResponse(folder / name, media_type=kind, filename=Path(name).name, content_disposition_type=where)


def _files(service: Service, job: QueuedJob) -> tuple[Path, list[str]]:
    """The folder of the files of a job, and their names from there: those that its manifest has."""
    root = service.root(job.tenant)
    if job.kind == "cycle":
        folder = root / JOBS / job.id
        return folder, [name for name in (PAGE, RECORD) if (folder / name).is_file()]
    if job.run is None:
        return root, []
    try:
        folder = found_at(root / RUNS / job.run)
        return folder, [*read_manifest(folder)["files"], MANIFEST]
    except DataError:  # it was deleted, or damaged
        return root, []


@router.post("/jobs/{id}/cancel", responses=CHANGED_ANSWERS)
def cancel(id: Id, caller: Writer, service: InService) -> JobRecord:
    """Cancel a job that waits or runs."""
    return _changed(service, caller, id, queue.cancel_job, "It has ended: there is nothing to cancel.")


@router.post("/jobs/{id}/retry", responses=CHANGED_ANSWERS)
def retry(id: Id, caller: Writer, service: InService) -> JobRecord:
    """Queue a job again that failed or was cancelled."""
    check_open(service, caller)
    found = _changeable(service, caller, id)
    if found.kind == "cycle":
        _check_acts(caller, service.root(found.tenant) / found.arguments["file"])
    if found.kind == PRICES_JOB and found.state in ("failed", "cancelled"):
        book_requests(service, found.tenant, found.arguments["requests"])
    return _changed(service, caller, id, queue.retry_job, "It neither failed nor was cancelled: queue a new one.")


def _changeable(service: Service, caller: Caller, id: str) -> QueuedJob:
    """A job that a caller may change. Raises Problem 404 as `_seen`, and 403 for one of another user."""
    found = _seen(service, caller, id)
    if found.user != caller.user:
        found_portfolio(service, caller, found.portfolio or "", for_change=True)
    return found


def _changed(service: Service, caller: Caller, id: str, change: Any, refusal: str) -> JobRecord:
    """A job after a change. Raises Problem as `_changeable`, and 409 with a refusal."""
    _changeable(service, caller, id)
    if not change(service.sessions, id):
        raise Problem(409, refusal)
    changed = _seen(service, caller, id)
    with service.sessions() as session:
        return job_records(session, [changed])[0]


# -- how far it is -----------------------------------------------------------------------------------------------------


def _followed(id: Id, caller: Reader, service: InService) -> Iterator[str]:
    """The id of a job that a caller may follow now. Raises Problem 404, and 429 for too many streams of one user."""
    _seen(service, caller, id)
    if _streams[caller.user] >= MOST_STREAMS:
        told = f"You follow {MOST_STREAMS} jobs already: close one."
        raise Problem(429, told, retry_after=10)
    _streams[caller.user] += 1
    try:
        yield id
    finally:
        _streams[caller.user] -= 1


@router.get("/jobs/{id}/events", response_class=EventSourceResponse, responses={429: {}})
async def events(
    id: Annotated[str, Depends(_followed)], caller: Reader, service: InService
) -> AsyncIterator[JobRecord]:
    """Follow a job: an event each time that it changes, the last when it has ended. After ten minutes, follow again."""

    def now() -> JobRecord:
        return job(id, caller, service)

    before, end = None, time.monotonic() + LONGEST_STREAM
    while True:
        if (record := await run_in_threadpool(now)) != before:
            yield record
        if record.state in queue.ENDED_STATES or service.stopping.is_set() or time.monotonic() > end:
            return
        before = record
        await asyncio.sleep(LOOK)
