"""Health and the payload endpoint while kernels are compiled."""

import threading

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from desk.service.payload.readiness import READINESS, Readiness
from desk.service.problems import Problem


def test_who_waits_longer_than_the_patience_is_told_when_to_ask_again() -> None:
    compiled = threading.Event()
    readiness = Readiness(compiled.wait, patience=0.0)
    with pytest.raises(Problem) as refused:
        readiness.wait()
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})
    assert not readiness.ready
    compiled.set()
    Readiness(compiled.wait).wait()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_work_that_failed_is_begun_again() -> None:
    tries = list[int]()

    def work() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no cache")

    readiness = Readiness(work)
    readiness.start()
    for thread in threading.enumerate():
        if thread.name == "warm up":
            thread.join()
    assert not readiness.ready
    readiness.wait()
    assert (readiness.ready, len(tries)) == (True, 2)


def test_a_server_compiles_when_it_starts_and_health_says_when_it_is_ready(app: FastAPI) -> None:
    with TestClient(app, base_url="http://127.0.0.1:5000") as client:
        READINESS.wait()
        assert client.get("/api/health").json()["ready"]
