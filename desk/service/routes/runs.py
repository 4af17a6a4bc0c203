"""Runs: what jobs made in the folder of a tenant, whether it is unchanged, and its figures.

The jobs in the database are the index of the runs: a request reads the manifests of those that it answers with alone.
"""

from pathlib import Path as Folder
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel
from sqlalchemy import Select, func, select

from backtests.runs.folder import SUMMARY_FILE, found_at
from backtests.runs.manifest import read_manifest
from backtests.runs.verify import verify
from desk.commands.past_runs import METRICS_SHOWN, run_row
from desk.service.bodies import PRINTED, Id
from desk.service.caller import Caller, InService, Service
from desk.service.folders import RUNS, from_root
from desk.service.problems import Problem
from desk.service.routes.jobs import Answers, Limit, Offset, Reader, of_seen
from desk.service.store.tables import QueuedJob
from foundation.errors import DataError

router = APIRouter(prefix="/api/runs", tags=["runs"])
Name = Annotated[str, Path(max_length=255, pattern=PRINTED)]
OfPortfolio = Annotated[Id | None, Query(description="Id of a portfolio.")]
RUN_GONE: Answers = {410: {}}


class RunRecord(BaseModel):
    """A run. figures : of the policy that was backtested or recommended, as records have them. job : that made it.

    made  : UTC.
    fault : reason why its manifest or its figures cannot be read, "" where they can.
    text, manifest : what its command printed, and what it was made from, once it is asked for alone.
    """

    run: str
    job: str
    kind: str = ""
    portfolio: str = ""
    made: str = ""
    seconds: float = 0.0
    policy: str = ""
    figures: dict[str, float | None] = {}
    fault: str = ""
    text: str = ""
    manifest: dict[str, Any] = {}


class RunList(BaseModel):
    """Runs, the newest first; `total` counts those that were left out too."""

    total: int
    runs: list[RunRecord]


class RunVerified(BaseModel):
    """The result of verifying a run. since : differences of today's code and libraries from those that made it."""

    run: str
    is_unchanged: bool
    changed: list[str]
    since: list[str]


@router.get("")
def runs(
    caller: Reader, service: InService, portfolio: OfPortfolio = None, limit: Limit = 20, offset: Offset = 0
) -> RunList:
    """List the runs of the portfolios that you see, the newest first."""
    wanted = _runs(caller)
    if portfolio is not None:
        wanted = wanted.where(QueuedJob.portfolio == portfolio)
    with service.sessions() as session:
        total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
        newest = wanted.order_by(func.max(QueuedJob.ended).desc(), QueuedJob.run)
        found = session.execute(newest.limit(limit).offset(offset)).all()
    return RunList(total=total, runs=[_record(service, caller, str(name), job) for name, job in found])


@router.get("/{name}", responses=RUN_GONE)
def run(name: Name, caller: Reader, service: InService) -> RunRecord:
    """Give a run: its figures, and what its command printed."""
    folder, job = _found(service, caller, name)
    manifest = {key: value for key, value in read_manifest(folder).items() if key != "file"}
    text = (folder / SUMMARY_FILE).read_text(encoding="utf-8") if (folder / SUMMARY_FILE).exists() else ""
    return _record(service, caller, name, job).model_copy(update={"text": text, "manifest": manifest})


@router.post("/{name}/verify", responses=RUN_GONE)
def verified(name: Name, caller: Reader, service: InService) -> RunVerified:
    """Say whether a run is what it was when it was made: its files and its manifest."""
    folder, _ = _found(service, caller, name)
    try:
        found = verify(folder)
        changed, since = list(found.changed), list(found.since)
    except DataError as error:  # of its manifest
        changed, since = [from_root(service.root(caller.tenant), str(error))], list[str]()
    return RunVerified(run=name, is_unchanged=not changed, changed=changed, since=since)


def _runs(caller: Caller) -> Select[str | None, str]:
    """The names of the runs that a caller sees, each with the id of a job that made it."""
    made = select(QueuedJob.run, func.max(QueuedJob.id)).where(QueuedJob.run.is_not(None), of_seen(caller))
    return made.group_by(QueuedJob.run)


def _found(service: Service, caller: Caller, name: str) -> tuple[Folder, str]:
    """The folder of a run, and a job that made it. Raises Problem 404 where the caller sees none of this name."""
    with service.sessions() as session:
        found = session.execute(_runs(caller).where(QueuedJob.run == name)).one_or_none()
    if found is None:
        raise Problem(404, "There is no run of this name. List yours: GET /api/runs")
    try:
        return found_at(service.root(caller.tenant) / RUNS / name), found[1]
    except DataError:
        raise Problem(410, "The run was deleted.") from None


def _record(service: Service, caller: Caller, name: str, job: str) -> RunRecord:
    try:
        folder = found_at(service.root(caller.tenant) / RUNS / name)
        row, fault = run_row(folder, read_manifest(folder))
    except DataError as error:
        return RunRecord(run=name, job=job, fault=from_root(service.root(caller.tenant), str(error)))
    about = {key: row[key] for key in ("kind", "portfolio", "made", "seconds", "policy")}
    return RunRecord(run=name, job=job, figures={key: row[key] for key in METRICS_SHOWN}, fault=fault, **about)
