"""The queue of jobs: each is claimed by one worker at a time, is tried at most three times, and has one result.

A claim is a worker and an attempt. What a worker writes of a job names its claim in the same statement, so that a
worker that was believed dead writes nothing. The clocks of the machines of workers agree within seconds.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, case, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from backtests.runs.folder import code_version
from desk.service.store.engine import Sessions
from desk.service.store.tables import QueuedJob, Worker, now

LOST = timedelta(seconds=20)  # since the last heartbeat of a worker that is believed dead
UNHEARD = timedelta(seconds=5)  # since the last sign of life of a worker that users are no longer told to wait for
MOST_ATTEMPTS = 3
ATTEMPTED = f"ended {MOST_ATTEMPTS} times without a result"
OPEN_STATES, ENDED_STATES = ("queued", "running"), ("done", "failed", "cancelled")


def claim(sessions: Sessions, worker: str) -> QueuedJob | None:
    """The oldest job that waits for this code, claimed; None where there is none.

    worker : name of the worker, which no other has.
    """
    waiting, running = aliased(QueuedJob), aliased(QueuedJob)
    of_one = case(  # jobs that write the same: runs of a portfolio, or stores of a tenant
        (waiting.kind == "prices", running.tenant == waiting.tenant), else_=running.portfolio == waiting.portfolio
    )
    busy = select(running.id).where(running.state == "running", running.kind == waiting.kind, of_one).exists()
    oldest = (
        select(waiting.id)
        .where(waiting.state == "queued", waiting.code == code_version())
        .where(~busy)
        .order_by(waiting.created, waiting.id)
        .limit(1)
        .with_for_update(skip_locked=True)  # in PostgreSQL; SQLite has one writer
        .scalar_subquery()
    )
    moment = now()
    try:
        return _changed(
            sessions,
            update(QueuedJob).where(QueuedJob.id == oldest),
            state="running", worker=worker, attempts=QueuedJob.attempts + 1, progress="", started=moment,
            heartbeat=moment,
        )  # fmt: skip
    except IntegrityError:  # another worker has just claimed a job of the same kind and portfolio
        return None


def beat(sessions: Sessions, job: QueuedJob, progress: str) -> QueuedJob | None:
    """The job as it is now, after a heartbeat; None where the claim is lost."""
    return _changed(sessions, _held(job), heartbeat=now(), progress=progress[:255])


def finish_job(
    sessions: Sessions, job: QueuedJob, state: str, result: dict[str, Any] | None = None, run: str | None = None
) -> bool:
    """End a job with its result; false where the claim is lost, and nothing is written.

    state  : one of `ENDED_STATES`.
    run    : name of the run that it made.
    """
    return _changed(sessions, _held(job), state=state, result=result, run=run, progress="", ended=now()) is not None


def put_back(sessions: Sessions, job: QueuedJob) -> bool:
    """Let another worker take a job whose process was stopped: the attempt does not count."""
    return _changed(sessions, _held(job), **_free(), attempts=QueuedJob.attempts - 1) is not None


def fail(sessions: Sessions, job: QueuedJob) -> bool:
    """Let a worker try a job again whose process was killed, unless it was the last attempt."""
    return _changed(sessions, _held(job), **_tried()) is not None


def take_back_lost(sessions: Sessions) -> None:
    """Let workers try the jobs again whose worker has given no sign of life for `LOST`."""
    lost = and_(QueuedJob.state == "running", QueuedJob.heartbeat < now() - LOST)
    _changed(sessions, update(QueuedJob).where(lost), **_tried())


def adopt(sessions: Sessions) -> None:
    """Have open jobs of earlier code tried by workers of this code from now on: what a server does as it starts."""
    other = and_(QueuedJob.state.in_(OPEN_STATES), QueuedJob.code != code_version())
    _changed(sessions, update(QueuedJob).where(other), code=code_version())


def cancel_job(sessions: Sessions, job: str) -> bool:
    """Cancel an open job: one that runs is killed by its worker; false where it has ended."""
    waits = QueuedJob.state == "queued"
    return _changed(
        sessions,
        update(QueuedJob).where(QueuedJob.id == job, QueuedJob.state.in_(OPEN_STATES)),
        is_cancelled=True,
        state=case((waits, "cancelled"), else_=QueuedJob.state),
        ended=case((waits, now()), else_=None),
    ) is not None  # fmt: skip


def retry_job(sessions: Sessions, job: str) -> bool:
    """Queue a job again that failed or was cancelled; false for another."""
    again = update(QueuedJob).where(QueuedJob.id == job, QueuedJob.state.in_(("failed", "cancelled")))
    fresh: dict[str, Any] = {"attempts": 0, "code": code_version(), "is_cancelled": False, "result": None}
    return _changed(sessions, again, **_free(), **fresh, ended=None) is not None


def say_alive(sessions: Sessions, worker: str) -> None:
    """Write that a worker of this code lives, and forget those that have given no sign of life for `LOST`."""
    with sessions.begin() as session:
        seen = update(Worker).where(Worker.name == worker).values(heartbeat=now()).returning(Worker.name)
        if session.scalar(seen) is None:
            session.add(Worker(name=worker, code=code_version()))
        session.execute(delete(Worker).where(Worker.heartbeat < now() - LOST))


def sign_off(sessions: Sessions, worker: str) -> None:
    """Forget a worker that ends."""
    with sessions.begin() as session:
        session.execute(delete(Worker).where(Worker.name == worker))


def live_codes(session: Session) -> frozenset[str]:
    """The versions of the code of the workers that live."""
    return frozenset(session.scalars(select(Worker.code).where(Worker.heartbeat > now() - UNHEARD)))


def reason_to_wait(job: QueuedJob, codes: frozenset[str]) -> str:
    """A sentence on why no worker can take a job that waits, with whom to tell; "" for another.

    codes : those of the workers that live, as `live_codes` gives them.
    """
    if job.state != "queued" or job.code in codes:
        return ""
    if codes:
        return (
            "It waits: the workers that run are of another version of the program than the service. Tell its "
            "administrator to restart them."
        )
    return "It waits: no worker is running, which would do it. Tell the administrator of the service to start one."


def _held(job: QueuedJob) -> Update:
    """A change of a job that this claim still holds."""
    held = (QueuedJob.id == job.id, QueuedJob.worker == job.worker, QueuedJob.attempts == job.attempts)
    return update(QueuedJob).where(QueuedJob.state == "running", *held)


def _free() -> dict[str, Any]:
    return {"state": "queued", "worker": "", "progress": "", "started": None, "heartbeat": None}


def _tried() -> dict[str, Any]:
    """The values of a job after an attempt without a result."""
    cancelled, last = QueuedJob.is_cancelled, QueuedJob.attempts >= MOST_ATTEMPTS

    def by_state(cancelled_as: Any, failed_as: Any, else_as: Any) -> ColumnElement[Any]:
        return case((cancelled, cancelled_as), (last, failed_as), else_=else_as)

    values = {"state": by_state("cancelled", "failed", "queued"), "progress": by_state("", ATTEMPTED, "")}
    return {**_free(), **values, "ended": by_state(now(), now(), None)}


def _changed(sessions: Sessions, change: Update, **values: Any) -> QueuedJob | None:
    """The first job that a change found, as it is then."""
    with sessions.begin() as session:
        changed = change.values(**values).returning(QueuedJob).execution_options(synchronize_session=False)
        return session.scalars(changed).first()
