"""Runs: what jobs made in the folder of a tenant, whether it is unchanged, and its figures.

The jobs in the database are the index of the runs: a request reads the manifests of those that it answers with alone.
"""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi import Path as InPath
from pydantic import BaseModel
from sqlalchemy import Select, func, select

from backtests.runs.folder import SUMMARY_FILE, found_at
from backtests.runs.manifest import read_manifest
from backtests.runs.verify import verify
from desk.commands.past_runs import METRICS_SHOWN, run_row
from desk.service.caller import Caller, InService, Service, needs
from desk.service.jobs.worker import REPORTS
from desk.service.portfolios.stored import seen_by
from desk.service.problems import Problem
from desk.service.store.tables import QueuedJob, StoredPortfolio
from foundation.errors import DataError

router = APIRouter(prefix="/api/runs", tags=["runs"])
Reader = Annotated[Caller, Depends(needs("viewer", "jobs"))]
Name = Annotated[str, InPath(max_length=255)]
Limit = Annotated[int, Query(ge=1, le=100)]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1)]
GONE: dict[int | str, dict[str, Any]] = {410: {"description": "The run was deleted."}}


class RunHead(BaseModel):
    """A run. job : one that made it. figures : of the policy that was backtested or recommended, as records have them.

    made : UTC. fault : why its manifest or its figures cannot be read, "" where they can.
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


class RunList(BaseModel):
    """Runs, the newest first; `total` counts those that were left out too."""

    total: int
    runs: list[RunHead]


class RunRecord(RunHead):
    """A run with what its command printed, its last day, and what it was made with."""

    text: str
    last_day: str
    code: str
    fingerprint: str
    settings: dict[str, Any]
    recommendation: dict[str, Any] | None


class RunVerified(BaseModel):
    """Whether a run is what it was. since : differences of today's code and libraries from those that made it."""

    run: str
    is_unchanged: bool
    changed: list[str]
    since: list[str]


@router.get("")
def runs(
    caller: Reader,
    service: InService,
    portfolio: Annotated[str | None, Query(max_length=32, description="Id of a portfolio.")] = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> RunList:
    """List the runs of the portfolios that you see, the newest first."""
    wanted = _runs(caller)
    if portfolio is not None:
        wanted = wanted.where(QueuedJob.portfolio == portfolio)
    with service.sessions() as session:
        total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
        found = session.execute(wanted.order_by(func.max(QueuedJob.ended).desc()).limit(limit).offset(offset)).all()
    return RunList(total=total, runs=[_head(service, caller, str(name), job) for name, job in found])


@router.get("/{name}", responses=GONE)
def run(name: Name, caller: Reader, service: InService) -> RunRecord:
    """Give a run: its figures, and what its command printed."""
    folder, job = _found(service, caller, name)
    manifest, text = read_manifest(folder), folder / SUMMARY_FILE
    return RunRecord(
        **_head(service, caller, name, job).model_dump(),
        text=text.read_text(encoding="utf-8") if text.exists() else "",
        recommendation=manifest.get("recommendation"),
        **{key: manifest[key] for key in ("last_day", "code", "fingerprint", "settings")},
    )


@router.post("/{name}/verify", responses=GONE)
def verified(name: Name, caller: Reader, service: InService) -> RunVerified:
    """Say whether a run is what it was when it was made: its files and its manifest."""
    found = verify(_found(service, caller, name)[0])
    return RunVerified(run=name, is_unchanged=not found.changed, changed=list(found.changed), since=list(found.since))


def _runs(caller: Caller) -> Select[str | None, str]:
    """The names of the runs that a caller sees, each with the id of a job that made it."""
    visible = QueuedJob.portfolio.in_(select(StoredPortfolio.id).where(seen_by(caller)))
    made = select(QueuedJob.run, func.max(QueuedJob.id)).where(QueuedJob.run.is_not(None), visible)
    return made.group_by(QueuedJob.run)


def _found(service: Service, caller: Caller, name: str) -> tuple[Path, str]:
    """The folder of a run, and a job that made it. Raises Problem 404 where the caller sees none of this name."""
    with service.sessions() as session:
        found = session.execute(_runs(caller).where(QueuedJob.run == name)).one_or_none()
    if found is None:
        raise Problem(404, "There is no run of this name. List yours: GET /api/runs")
    try:
        return found_at(service.root(caller.tenant) / REPORTS / name), found[1]
    except DataError:
        raise Problem(410, "The run was deleted.") from None


def _head(service: Service, caller: Caller, name: str, job: str) -> RunHead:
    try:
        folder = found_at(service.root(caller.tenant) / REPORTS / name)
        row, fault = run_row(folder, read_manifest(folder))
    except DataError as error:
        return RunHead(run=name, job=job, fault=str(error).replace(f"{service.root(caller.tenant)}/", ""))
    about = {key: row[key] for key in ("kind", "portfolio", "made", "seconds", "policy")}
    return RunHead(run=name, job=job, figures={key: row[key] for key in METRICS_SHOWN}, fault=fault, **about)
