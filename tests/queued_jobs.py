"""Jobs in a queue, whose process is a short program in place of a command, and workers that are killed.

`benchmarks/service_jobs.py` does with many what the tests of the queue do with a few.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path
from threading import Event

from sqlalchemy import text

from desk.service.caller import Service, opened_service
from desk.service.jobs import worker
from desk.service.settings import ServiceSettings
from desk.service.store.engine import Sessions
from desk.service.store.tables import QueuedJob, StoredPortfolio, Tenant, User

TENANT = "house"


def add_portfolios(sessions: Sessions, count: int, owner: str = "") -> list[str]:
    """Ids of new portfolios without text.  owner : id of their user; a new one by default."""
    with sessions.begin() as session:
        session.merge(Tenant(name=TENANT))
        session.flush()
        if not owner:
            user = User(tenant=TENANT, email=f"{os.urandom(8).hex()}@desk.example", name="a manager", role="manager")
            session.add(user)
            session.flush()
            owner = user.id
        portfolios = [StoredPortfolio(tenant=TENANT, owner=owner, name=f"desk{k}") for k in range(count)]
        session.add_all(portfolios)
        session.flush()
        return [each.id for each in portfolios]


def add_jobs(service: Service, portfolios: list[str], count: int, *options: str) -> list[str]:
    """Ids of new jobs of these portfolios in turn. options : words of their command."""
    from backtests.runs.folder import code_version

    with service.sessions.begin() as session:
        owners = {each.id: each.owner for each in session.query(StoredPortfolio)}
        jobs = [
            QueuedJob(
                tenant=TENANT, user=owners[portfolio], portfolio=portfolio, version=1, kind="backtest",
                arguments={"file": "portfolio.yaml", "options": list(options)}, code=code_version(),
            )
            for portfolio in (portfolios[k % len(portfolios)] for k in range(count))
        ]  # fmt: skip
        session.add_all(jobs)
        session.flush()
        return [each.id for each in jobs]


def job_of(service: Service, job: str) -> QueuedJob:
    """A job as it is now."""
    with service.sessions() as session:
        found = session.get(QueuedJob, job)
    assert found is not None
    return found


def wait_for(service: Service, job: str, *states: str) -> QueuedJob:
    """A job once it is in one of these states."""
    while (found := job_of(service, job)).state not in states:
        time.sleep(0.02)
    return found


def start_worker(settings: ServiceSettings, module: str, *, once: bool = False) -> int:
    """The id of a process that works on jobs, until it is killed."""
    if process := os.fork():
        return process
    status = 1
    try:
        stop = Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        os.environ["PYTHONPATH"] = os.pathsep.join([*sys.path, str(Path(__file__).parent)])
        worker.work(opened_service(settings), stop, once=once, module=module)
        status = 0
    finally:
        os._exit(status)


def note_ends(sessions: Sessions) -> None:
    """Have the database itself note each time that a job is done, in a table `ends`."""
    noted = "INSERT INTO ends VALUES (NEW.id);"
    when = "AFTER UPDATE OF state ON jobs FOR EACH ROW WHEN (NEW.state = 'done')"
    with sessions.begin() as session:
        session.execute(text("CREATE TABLE ends (job VARCHAR(32))"))
        if session.get_bind().dialect.name == "sqlite":
            session.execute(text(f"CREATE TRIGGER ended {when} BEGIN {noted} END"))
            return
        body = f"BEGIN {noted} RETURN NEW; END"
        session.execute(text(f"CREATE FUNCTION note_end() RETURNS trigger AS '{body}' LANGUAGE plpgsql"))
        session.execute(text(f"CREATE TRIGGER ended {when} EXECUTE FUNCTION note_end()"))


def killed(service: Service, *, jobs: int, kills: int, workers: int = 2, seconds: float = 0.2) -> dict[str, object]:
    """Do jobs by workers one of which is killed again and again, each at a moment that is drawn, until all are done.

    seconds : that a job sleeps, and longest time from a start to a kill.
    Gives the number of jobs that are done, of times that one became so, and whether two processes of one ran at a time.
    """
    rng, reports = random.Random(1), service.root(TENANT) / "reports"
    note_ends(service.sessions)
    portfolios = add_portfolios(service.sessions, jobs)
    for k, portfolio in enumerate(portfolios):
        add_jobs(service, [portfolio], 1, f"name=job{k}", f"seconds={seconds}")
    running = [start_worker(service.settings, "quick_job") for _ in range(workers)]

    def states(*wanted: str) -> int:
        with service.sessions() as session:
            return session.query(QueuedJob).where(QueuedJob.state.in_(wanted)).count()

    def kill(which: int) -> None:
        os.kill(running[which], signal.SIGKILL)
        os.waitpid(running[which], 0)

    for _ in range(kills):
        time.sleep(rng.uniform(0.0, seconds))
        kill(which := rng.randrange(workers))
        running[which] = start_worker(service.settings, "quick_job")
    while states("queued", "running"):
        time.sleep(0.05)
    for which in range(workers):
        kill(which)
    with service.sessions() as session:
        ends = session.execute(text("SELECT count(*) FROM ends")).scalar()
    return {"done": states("done"), "ends": ends, "twice": (reports / "twice").exists()}
