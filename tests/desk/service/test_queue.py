"""The queue of jobs and its workers, with a short program in place of a command."""

import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from queued_jobs import TENANT, add_jobs, add_portfolios, job_of, killed, start_worker, wait_for
from sqlalchemy import select, update

from desk.journal.journal import QUEUED_BY
from desk.service.caller import Service, opened_service
from desk.service.jobs import queue, worker
from desk.service.settings import ServiceSettings
from desk.service.store.tables import QueuedJob, Worker, now
from research.market.store import stores_folder

PROGRAM = "quick_job"
Worked = Callable[[], None]
in_sqlite = pytest.mark.parametrize("tables_url", ["sqlite"], indirect=True)  # what the database does not decide


@pytest.fixture
def service(tables_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service in SQLite and in PostgreSQL, whose jobs run a short program."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setattr(worker, "BEAT", 0.1)
    return opened_service(ServiceSettings(folder=tmp_path / "service", database=tables_url))


@pytest.fixture
def worked(service: Service) -> Worked:
    """Does the jobs that wait."""
    return lambda: worker.work(service, Event(), once=True, module=PROGRAM)


def reports(service: Service) -> Path:
    return service.root(TENANT) / "reports"


def later(service: Service, job: str, **values: object) -> None:
    """Put values into a job."""
    with service.sessions.begin() as session:
        session.query(QueuedJob).where(QueuedJob.id == job).update(values)  # type: ignore[arg-type]


def test_a_job_is_done_and_its_paths_begin_at_the_tenants_folder(service: Service, worked: Worked) -> None:
    (job,) = add_jobs(service, add_portfolios(service.sessions, 1), 1, "name=desk-2022-12-30-00000000")
    worked()
    done = job_of(service, job)
    assert (done.state, done.run, done.attempts) == ("done", "desk-2022-12-30-00000000", 1)
    assert done.result == {
        "status": 0,
        "text": f"{service.root(TENANT)}\nreports/desk-2022-12-30-00000000",
        "messages": "",
        "asks": False,
    }
    assert (reports(service) / done.run).read_text() == f"made of {done.run}"


@in_sqlite
def test_a_command_that_refuses_fails_once_and_says_why(service: Service, worked: Worked) -> None:
    (job,) = add_jobs(service, add_portfolios(service.sessions, 1), 1, "status=2")
    worked()
    failed = job_of(service, job)
    assert (failed.state, failed.attempts, failed.run) == ("failed", 1, None)
    assert failed.result is not None
    assert (failed.result["status"], failed.result["messages"]) == (2, "it failed")


def test_each_job_is_claimed_once_by_eight_workers_at_a_time(service: Service) -> None:
    jobs = add_jobs(service, add_portfolios(service.sessions, 40), 40)
    claimed: list[str] = []

    def claim_all(name: str) -> None:
        while len(claimed) < len(jobs):
            if job := queue.claim(service.sessions, name):
                claimed.append(job.id)

    threads = [threading.Thread(target=claim_all, args=(f"worker{k}",)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(jobs)


def test_two_jobs_of_a_kind_and_a_portfolio_do_not_run_at_a_time(service: Service) -> None:
    first, second = add_jobs(service, add_portfolios(service.sessions, 1), 2)
    one = queue.claim(service.sessions, "one")
    assert one is not None
    assert (one.id, queue.claim(service.sessions, "two")) == (first, None)
    queue.finish_job(service.sessions, one, "done")
    two = queue.claim(service.sessions, "two")
    assert two is not None
    assert two.id == second


def test_of_workers_that_claim_at_once_one_fetches_prices_of_a_tenant(service: Service) -> None:
    jobs = add_jobs(service, add_portfolios(service.sessions, 4), 12)
    with service.sessions.begin() as session:
        session.execute(update(QueuedJob).values(kind="prices"))
    start, claimed = threading.Barrier(4), list[QueuedJob | None]()

    def claim_one(name: str) -> None:
        start.wait()
        claimed.append(queue.claim(service.sessions, name))

    for _ in jobs:
        threads = [threading.Thread(target=claim_one, args=(f"worker{k}",)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (one,) = filter(None, claimed)
        queue.finish_job(service.sessions, one, "done")
        claimed.clear()


def test_a_worker_that_lost_its_claim_writes_nothing(service: Service) -> None:
    (job,) = add_jobs(service, add_portfolios(service.sessions, 1), 1)
    old = queue.claim(service.sessions, "old")
    assert old is not None
    later(service, job, heartbeat=now() - 2 * queue.LOST)
    queue.take_back_lost(service.sessions)
    new = queue.claim(service.sessions, "new")
    assert new is not None
    assert new.attempts == 2
    assert queue.beat(service.sessions, old, "") is None
    assert not queue.finish_job(service.sessions, old, "done", {"text": "old"})
    assert queue.finish_job(service.sessions, new, "done", {"text": "new"})
    assert not queue.finish_job(service.sessions, new, "done", {"text": "again"})
    assert job_of(service, job).result == {"text": "new"}


def test_a_job_whose_worker_dies_three_times_fails(service: Service) -> None:
    (job,) = add_jobs(service, add_portfolios(service.sessions, 1), 1)
    for _ in range(queue.MOST_ATTEMPTS):
        assert queue.claim(service.sessions, "a worker")
        later(service, job, heartbeat=now() - 2 * queue.LOST)
        queue.take_back_lost(service.sessions)
    assert (job_of(service, job).state, job_of(service, job).progress) == ("failed", queue.ATTEMPTED)
    assert queue.retry_job(service.sessions, job)
    assert (job_of(service, job).state, job_of(service, job).attempts) == ("queued", 0)
    assert not queue.retry_job(service.sessions, job)


def test_a_heartbeat_keeps_a_job(service: Service) -> None:
    (job,) = add_jobs(service, add_portfolios(service.sessions, 1), 1)
    claimed = queue.claim(service.sessions, "a worker")
    assert claimed is not None
    later(service, job, heartbeat=now() - 2 * queue.LOST)
    assert queue.beat(service.sessions, claimed, "sleeping")
    queue.take_back_lost(service.sessions)
    assert (job_of(service, job).state, job_of(service, job).progress) == ("running", "sleeping")


def test_workers_leave_jobs_of_other_code_until_a_server_adopts_them(service: Service, worked: Worked) -> None:
    (job,) = add_jobs(service, add_portfolios(service.sessions, 1), 1)
    later(service, job, code="an earlier one")
    worked()
    assert job_of(service, job).state == "queued"
    queue.adopt(service.sessions)
    worked()
    assert job_of(service, job).state == "done"


def test_a_job_that_no_live_worker_can_take_says_why(service: Service) -> None:
    (job,) = add_jobs(service, add_portfolios(service.sessions, 1), 1)

    def reason() -> str:
        with service.sessions() as session:
            return queue.reason_to_wait(job_of(service, job), queue.live_codes(session))

    def workers(**values: object) -> int:
        with service.sessions.begin() as session:
            rows = session.query(Worker)
            return rows.update(values) if values else rows.count()  # type: ignore[arg-type]

    assert "no worker is running" in reason()
    queue.say_alive(service.sessions, "one")
    queue.say_alive(service.sessions, "one")
    assert reason() == ""
    assert workers(code="an earlier one") == 1
    assert "another version" in reason()
    workers(heartbeat=now() - queue.UNHEARD)
    assert "no worker is running" in reason()
    workers(heartbeat=now() - queue.LOST)
    queue.say_alive(service.sessions, "two")
    assert (workers(), reason()) == (1, "")
    assert queue.claim(service.sessions, "two") is not None
    queue.sign_off(service.sessions, "two")
    assert (workers(), reason()) == (0, "")


@in_sqlite
def test_a_worker_gives_signs_of_life_while_it_does_a_job_and_signs_off(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "SIGN", 0.1)
    (job,) = add_jobs(service, add_portfolios(service.sessions, 1), 1, "seconds=60")
    process = start_worker(service.settings, PROGRAM, once=True)
    wait_for(service, job, "running")

    def signs() -> list[datetime]:
        with service.sessions() as session:
            return list(session.scalars(select(Worker.heartbeat)))

    seen = set(signs())
    while len(seen) < 3:
        seen.update(signs())
        time.sleep(0.02)
    assert queue.cancel_job(service.sessions, job)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert signs() == []


@in_sqlite
def test_the_process_of_a_cycle_is_told_who_queued_it(service: Service, worked: Worked) -> None:
    (job,) = add_jobs(service, add_portfolios(service.sessions, 1), 1, "name=environment")
    later(service, job, kind="cycle")
    worked()
    user = job_of(service, job).user
    assert f"{QUEUED_BY}=a manager ({user})\n" in (reports(service) / "environment").read_text()


def test_a_job_that_waits_is_cancelled_at_once_and_one_that_ended_is_not(service: Service, worked: Worked) -> None:
    (job,) = add_jobs(service, add_portfolios(service.sessions, 1), 1)
    assert queue.cancel_job(service.sessions, job)
    worked()
    assert (job_of(service, job).state, job_of(service, job).attempts) == ("cancelled", 0)
    assert not queue.cancel_job(service.sessions, job)


@in_sqlite
def test_no_job_is_begun_on_a_full_disk(
    service: Service, worked: Worked, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (job,) = add_jobs(service, add_portfolios(service.sessions, 1), 1)
    monkeypatch.setattr(worker, "LEAST_SPACE", 2**62)
    worked()
    assert job_of(service, job).state == "queued"
    assert "free some" in capsys.readouterr().err


@in_sqlite
def test_a_job_that_takes_too_long_is_ended(service: Service, worked: Worked, monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = add_jobs(service, add_portfolios(service.sessions, 1), 1, "seconds=60")
    monkeypatch.setitem(worker.JOB_SECONDS, "backtest", 0.0)
    worked()
    assert job_of(service, job).state == "failed"
    assert not (reports(service) / "made").exists()


@in_sqlite
def test_a_process_gets_no_secret_of_the_worker_and_the_home_of_its_tenant(
    service: Service, worked: Worked, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "APCA_API_SECRET_KEY", "REBALANCE_ACTS", "REBALANCE_TRUST_CODE"):
        monkeypatch.setenv(name, "a secret")
    (job,) = add_jobs(service, add_portfolios(service.sessions, 1), 1, "name=environment")
    worked()
    assert job_of(service, job).state == "done"
    made = (reports(service) / "environment").read_text()
    assert "a secret" not in made
    assert f"REBALANCE_HOME={service.root(TENANT)}\n" in made
    assert f"REBALANCE_DATA={stores_folder()}\n" in made  # all tenants read the stores of the service


@in_sqlite
def test_progress_is_that_of_the_command_and_a_job_that_runs_is_killed_where_it_is_cancelled(service: Service) -> None:
    (job,) = add_jobs(service, add_portfolios(service.sessions, 1), 1, "seconds=60")
    process = start_worker(service.settings, PROGRAM, once=True)
    while job_of(service, job).progress != "sleeping (25 %)":
        time.sleep(0.02)
    assert queue.cancel_job(service.sessions, job)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert job_of(service, job).state == "cancelled"
    assert not (reports(service) / "made").exists()


@in_sqlite
@pytest.mark.parametrize(("grace", "state", "attempts"), [(60.0, "done", 1), (0.0, "queued", 0)])
def test_a_worker_that_is_terminated_gives_its_job_time_or_puts_it_back(
    service: Service, monkeypatch: pytest.MonkeyPatch, grace: float, state: str, attempts: int
) -> None:
    monkeypatch.setattr(worker, "GRACE", grace)
    first, second = add_jobs(service, add_portfolios(service.sessions, 2), 2, "seconds=0.5")
    process = start_worker(service.settings, PROGRAM)
    wait_for(service, first, "running")
    os.kill(process, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert (job_of(service, first).state, job_of(service, first).attempts) == (state, attempts)
    assert job_of(service, second).state == "queued"


def test_no_job_is_lost_or_done_twice_where_workers_are_killed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "LOST", timedelta(seconds=1))
    monkeypatch.setattr(queue, "MOST_ATTEMPTS", 100)
    done = killed(service, jobs=4, kills=4)
    assert done == {"done": 4, "ends": 4, "twice": False}
    assert sorted(path.read_text() for path in reports(service).glob("job*")) == [f"made of job{k}" for k in range(4)]
