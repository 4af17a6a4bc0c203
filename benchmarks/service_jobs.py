"""Jobs of the service: how soon the first of 10,000 starts, and what becomes of 1,000 while processes are killed.

    python -m benchmarks.service_jobs [JOBS] [KILLS OF WORKERS] [KILLS OF THE SERVER]

A short program stands in place of the command. The jobs are asked for over HTTP, from a server that is killed; whoever
gets no answer asks whether the job is there. Each is a backtest of a policy of a portfolio of its own, and what it made
is named after the policy. The database itself counts how often a job became done. In SQLite and in PostgreSQL.
"""

import hashlib
import os
import random
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import uvicorn
from sqlalchemy import func, select, text

from desk.service.app import create_app
from desk.service.caller import SCOPES, Caller, Service, opened_service
from desk.service.jobs import queue
from desk.service.portfolios.stored import Content, created
from desk.service.routes import jobs as routes
from desk.service.settings import ServiceSettings
from desk.service.store.tables import AccessToken, QueuedJob, Tenant, User, now
from foundation.files import work_folder

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from database_servers import postgresql
from queued_jobs import TENANT, add_jobs, add_portfolios, note_ends, start_worker

WORKERS = 2
FIRST_OF = 10_000


def first_start(settings: ServiceSettings) -> float:
    """Seconds from when 10,000 jobs are queued until an idle worker begins the first: the middle one of five."""
    service, taken = opened_service(settings), []
    portfolios = add_portfolios(service.sessions, 100)
    for _ in range(5):
        worker = Killed([lambda: start_worker(settings, "quick_job")])
        time.sleep(2.0)  # it is idle
        add_jobs(service, portfolios, FIRST_OF, "seconds=60")
        began = time.perf_counter()
        with service.sessions() as session:
            while not session.scalar(select(QueuedJob.id).where(QueuedJob.state == "running")):
                session.rollback()
                time.sleep(0.005)
        taken.append(time.perf_counter() - began)
        worker.kill(0, again=False)
        with service.sessions.begin() as session:
            session.query(QueuedJob).delete()
    return sorted(taken)[2]


def manager(service: Service) -> tuple[Caller, str]:
    """A new user, and his access token."""
    token = secrets.token_urlsafe(32)
    with service.sessions.begin() as session:
        session.merge(Tenant(name=TENANT))
        session.flush()
        user = User(tenant=TENANT, email="manager@desk.example", name="a manager", role="manager")
        session.add(user)
        session.flush()
        hashed = hashlib.sha256(token.encode()).hexdigest()
        expires = now() + timedelta(days=1)
        session.add(AccessToken(user=user.id, name="benchmark", sha256=hashed, scopes=[*SCOPES], expires=expires))
        return Caller(user.id, user.name, TENANT, "manager"), token


class Killed:
    """Processes that are killed and started again."""

    def __init__(self, starts: list[Callable[[], int]]) -> None:
        self.starts = starts
        self.running = [start() for start in starts]

    def kill(self, which: int, *, again: bool = True) -> None:
        """Kill one of them."""
        os.kill(self.running[which], signal.SIGKILL)
        os.waitpid(self.running[which], 0)
        if again:
            self.running[which] = self.starts[which]()


def serve(settings: ServiceSettings) -> int:
    """The id of a process that answers requests."""
    if process := os.fork():
        return process
    try:
        uvicorn.run(create_app(settings), host=settings.host, port=settings.port, log_level="critical")
    finally:
        os._exit(1)


def asked_for(client: httpx.Client, portfolio: str, policy: str) -> None:
    """Ask for a job until it is there."""
    while True:
        with suppress(httpx.TransportError):
            if client.get("/api/jobs", params={"portfolio": portfolio}).raise_for_status().json()["total"]:
                return
            client.post("/api/backtest", json={"portfolio": portfolio, "policy": policy}).raise_for_status()
            return
        time.sleep(0.05)


def killed(settings: ServiceSettings, jobs: int, of_workers: int, of_server: int) -> str:
    """Do jobs while workers and the server are killed, and say what became of them."""
    service, rng = opened_service(settings), random.Random(1)
    caller, token = manager(service)
    note_ends(service.sessions)
    wanted = {f"job{k}" for k in range(jobs)}
    portfolios = {}
    for name in sorted(wanted):
        yaml = f"name: {name}\npolicies:\n  {name}: {{}}\n"
        portfolios[name] = created(service, caller, "", Content(name, yaml, {}, {}))
    workers = Killed([lambda: start_worker(settings, "quick_job")] * WORKERS)
    server = Killed([lambda: serve(settings)])
    while_asking = of_workers // 4
    kills = rng.sample(range(jobs), of_server + while_asking)
    with httpx.Client(base_url=f"http://{settings.host}:{settings.port}", timeout=30.0) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        for k, (name, portfolio) in enumerate(portfolios.items()):
            if k in kills[:of_server]:
                server.kill(0)
            elif k in kills:
                workers.kill(rng.randrange(WORKERS))
            asked_for(client, portfolio, name)

    def count(*where: object) -> int:
        with service.sessions() as session:
            return session.scalar(select(func.count()).select_from(QueuedJob).where(*where)) or 0  # type: ignore[arg-type]

    left = of_workers - while_asking
    while open_jobs := count(QueuedJob.state.in_(queue.OPEN_STATES)):
        time.sleep(rng.uniform(0.0, 0.5))
        if left and open_jobs > WORKERS:
            workers.kill(rng.randrange(WORKERS))
            left -= 1
    for which in range(WORKERS):
        workers.kill(which, again=False)
    server.kill(0, again=False)
    with service.sessions() as session:
        ends, once = session.execute(text("SELECT count(*), count(DISTINCT job) FROM ends")).one()
        again = session.scalar(select(func.sum(QueuedJob.attempts))) or 0
    reports = service.root(TENANT) / "reports"
    same = sum((reports / name).read_text() == f"made of {name}" for name in wanted)
    done = count(QueuedJob.state == "done")
    return (
        f"{count()} jobs, {of_workers - left} kills of workers, {of_server} of the server: {done} done, "
        f"{ends - once} of them twice, {same} files as wanted, {again - count()} attempts that were killed, "
        f"two processes of one at a time: {'yes' if (reports / 'twice').exists() else 'never'}"
    )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def main(jobs: int = 1_000, of_workers: int = 100, of_server: int = 20) -> None:
    """Print both, for both databases."""
    queue.LOST, queue.MOST_ATTEMPTS, routes.MOST_OPEN = timedelta(seconds=3), 100, jobs + 1
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    with postgresql() as server, work_folder() as place:
        for name in ("SQLite", "PostgreSQL"):
            own = ServiceSettings(folder=place / name, port=free_port())
            urls = [server.empty() if name == "PostgreSQL" else f"sqlite:///{place / name}.{k}" for k in range(2)]
            seconds = first_start(replace(own, database=urls[0]))
            print(
                f"{name}: the first of {FIRST_OF:,} jobs is begun {1_000 * seconds:.0f} ms after they are queued",
                flush=True,
            )
            print(f"{name}: {killed(replace(own, database=urls[1]), jobs, of_workers, of_server)}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
